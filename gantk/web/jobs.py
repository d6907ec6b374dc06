"""The kinds of jobs: what each takes, what it does with the model, what the page gets.

A job is checked where it is asked for (`prepare`) and run in the compute thread; it breathes after every evaluation.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from gantk.codes.kept_directions import save_direction
from gantk.lse.editing import EditSettings, Stroke, edit
from gantk.pictures.images import encode, to_uint8
from gantk.predictors.heads import class_map
from gantk.store.files import npy_bytes
from gantk.web.blobs import as_bytes
from gantk.web.projects import Project
from gantk.web.queue import Result, Ticket
from gantk.web.terms import Applied, Base, Draft, Saved, check_sha
from gantk.web.wire import ApiError, structure
from gantk.web.workshop import Model, Workshop

if TYPE_CHECKING:
    from torch import Tensor

    from gantk.codes.directions import Direction
    from gantk.predictors.heads import Head
    from gantk.web.catalogue import Entry

Labels = npt.NDArray[np.uint8]
Preview = Callable[[str, "Tensor"], None]  # job's id and an image [1, C, H, W]
PREVIEW_SECONDS = 0.15
Run = Callable[[Ticket], Result]


@dataclass(frozen=True)
class EditArgs:
    head: str
    draft: Draft
    settings: EditSettings = field(default_factory=EditSettings)


@dataclass(frozen=True)
class PredictArgs:
    """Which class each pixel has: by a head, or by the server's segmenter (`head` None)."""

    base: Base
    head: str | None = None
    moved: bool = False  # with the moves of the picture at hand


@dataclass(frozen=True)
class SuperpixelArgs:
    """Pieces of a picture, on label maps of `side` pixels a side; `size` is small, medium or large."""

    base: Base
    side: int
    size: str = "medium"
    moved: bool = False


class Desk:
    """Prepares jobs of projects. `preview` shows a picture of a running job."""

    def __init__(self, workshop: Workshop, preview: Preview) -> None:
        from gantk.web.compare import CardArgs, prepare_card
        from gantk.web.exporting import AnimateArgs, ExportArgs, prepare_animation, prepare_export
        from gantk.web.photo import InvertArgs, prepare_invert
        from gantk.web.regions import RegionArgs, prepare_region
        from gantk.web.sorting import SortArgs, prepare_sort
        from gantk.web.training import FitArgs, UncertainArgs, prepare_fit, prepare_uncertain

        self.workshop, self.preview = workshop, preview
        self._kinds: dict[str, tuple[type, Callable[..., Run]]] = {
            "edit": (EditArgs, prepare_edit),
            "predict": (PredictArgs, prepare_predict),
            "superpixels": (SuperpixelArgs, prepare_superpixels),
            "sort": (SortArgs, prepare_sort),
            "fit": (FitArgs, prepare_fit),
            "uncertain": (UncertainArgs, prepare_uncertain),
            "invert": (InvertArgs, prepare_invert),
            "region": (RegionArgs, prepare_region),
            "card": (CardArgs, prepare_card),
            "animate": (AnimateArgs, prepare_animation),
            "export": (ExportArgs, prepare_export),
        }

    def previews(self, ticket: Ticket) -> Callable[[Callable[[], Tensor]], None]:
        """What shows pictures [1, C, H, W] of a job: each is made only where the last was there long enough."""
        last = 0.0

        def show(make: Callable[[], Tensor]) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last > PREVIEW_SECONDS:
                self.preview(ticket.job.id, make())
                last = now

        return show

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(self._kinds)

    def prepare(self, project: Project, kind: str, args: object) -> Run:
        """The job's function, its arguments checked.

        Raises:
            ApiError: an unknown kind, or arguments that make no sense.
        """
        if kind not in self._kinds:
            raise ApiError(400, f"There is no job {kind[:40]!r}: there are {', '.join(self._kinds)}.")
        form, make = self._kinds[kind]
        return make(self, project, self.workshop.of(project), structure(form, args, "args"))


# --- edit ------------------------------------------------------------------------------------------------------------


def check_settings(settings: EditSettings) -> None:
    """Bounds that keep an edit to minutes and to a picture's memory; what is None follows from the head's map."""
    bounds = {
        "steps": (1, 1000), "rate": (1e-5, 10), "margin": (0, 64), "inside": (0, 1e4), "outside": (0, 1e4),
        "preserve": (0, 1e6), "colour": (0, 1e4), "keep": (0, 1e4),
    }  # fmt: skip
    for name, (low, high) in bounds.items():
        value = getattr(settings, name)
        if value is not None and not low <= value <= high:
            raise ApiError(400, f"{name} is {value:g}, and it goes from {low:g} to {high:g}.")
    if settings.procedure != "gantk":
        raise ApiError(400, "The paper's procedure moves z, which a kept code has not: use the command line for it.")


def stroke_of(project: Project, draft: Draft, size: int, classes: int) -> Stroke:
    """The strokes in a draft's blobs.

    Raises:
        GantkError: of another size, of an unknown class, or of nothing.
    """
    label = None if draft.label is None else label_of(project, draft.label, size)
    colour = painted = None
    if draft.colour is not None:
        data = project.blobs.get(draft.colour)
        if len(data) != size * size * 4:
            raise ApiError(400, f"The colour layer has {len(data)} bytes where {size} x {size} x 4 are expected.")
        rgba = np.frombuffer(data, np.uint8).reshape(size, size, 4)
        colour, painted = np.ascontiguousarray(rgba[..., :3]), rgba[..., 3] == 255
        if not painted.any():
            colour = painted = None
    stroke = Stroke(label, colour, painted)
    stroke.check(classes, size)
    return stroke


def label_of(project: Project, sha: str, size: int | None = None) -> Labels:
    """A label map [S, S] of a blob."""
    data = project.blobs.get(sha)
    side = round(len(data) ** 0.5)
    if side * side != len(data) or (size is not None and side != size):
        wanted = "a square" if size is None else f"{size} x {size}"
        raise ApiError(400, f"The label map has {len(data)} bytes, where {wanted} is expected.")
    return np.frombuffer(data, np.uint8).reshape(side, side).copy()


def no_blob(_sha: str) -> bytes:
    """What samples of a seed fetch: they have no kept code."""
    raise ApiError(404, "There is no such blob.")


def code_bytes(wp_1LD: Tensor) -> bytes:
    """A code as the bytes of an .npy file."""
    return npy_bytes(wp_1LD.detach().float().cpu().numpy())


def keep_direction(desk: Desk, project: Project, model: Model, direction: Direction) -> tuple[str, list[Entry]]:
    """Save a direction in its project, once: the file's blob, and its rows among the model's directions."""
    sha = project.blobs.put(as_bytes(save_direction, direction))
    if all(saved.sha != sha for saved in project.state.saved):
        project.record(Saved("saved", "direction", direction.name, sha))
    entries = model.easel.catalogue.made_here(direction)
    desk.workshop.changed(model.name)
    return sha, entries


def prepare_edit(desk: Desk, project: Project, model: Model, args: EditArgs) -> Run:
    check_settings(args.settings)
    head = desk.workshop.head(project, args.head)
    stroke = stroke_of(project, args.draft, head.info.size, len(head.class_names))
    node = project.state.at
    easel = model.easel

    def run(ticket: Ticket) -> Result:
        wp = easel.latent(node.base, node.moves, project.blobs.get)
        show = desk.previews(ticket)

        def watch(number: int, code: Tensor) -> bool:
            show(lambda: easel.sketch(code))
            return ticket.breathe(number, args.settings.steps)

        found = edit(easel.generator, head, wp, stroke, args.settings, watch=watch)
        ticket.conclude()
        blobs = project.blobs
        base = Base(
            node.base.seed, node.base.index, node.base.label, noise="const", code=blobs.put(code_bytes(found.after))
        )
        picture = blobs.put(encode(to_uint8(easel.draw(found.after))[0]))
        event = Applied(
            "applied", "edit", base, picture, args.draft, args.head, json.dumps(asdict(args.settings)),
            found.followed, found.changed, evaluations=len(found.losses),
        )  # fmt: skip
        rev = project.record(event, node=node.id)
        label = blobs.put(found.label_after.tobytes())
        return {
            "rev": rev, "node": project.state.cursor, "followed": list(found.followed), "changed": found.changed,
            "losses": list(found.losses), "label": label, "evaluations": len(found.losses), "head": args.head,
            "picture": picture,
        }  # fmt: skip

    return run


# --- predict ---------------------------------------------------------------------------------------------------------


def prepare_predict(desk: Desk, project: Project, model: Model, args: PredictArgs) -> Run:
    workshop = desk.workshop
    workshop.check_base(model, args.base)
    check_sha(args.base.code)
    head = None if args.head is None else workshop.head(project, args.head)
    if head is None and model.teacher is None:
        raise ApiError(400, "This server has no segmenter for the model: start it with --segmenter, or fit a head.")
    moves = project.state.at.moves if args.moved else ()

    def run(ticket: Ticket) -> Result:
        wp = model.easel.latent(args.base, moves, project.blobs.get)
        label = labels(model, wp, head)
        return {"label": project.blobs.put(label.tobytes()), "size": int(label.shape[0])}

    return run


def prepare_superpixels(desk: Desk, project: Project, model: Model, args: SuperpixelArgs) -> Run:
    from gantk.lse.superpixels import SIZES, superpixels

    desk.workshop.check_base(model, args.base)
    if args.size not in SIZES:
        raise ApiError(400, f"Pieces are {', '.join(SIZES)}, not {args.size[:40]!r}.")
    if not 16 <= args.side <= 512:
        raise ApiError(400, f"Label maps have 16 to 512 pixels a side, not {args.side}.")
    moves = project.state.at.moves if args.moved else ()

    def run(ticket: Ticket) -> Result:
        wp = model.easel.latent(args.base, moves, project.blobs.get)
        pieces = superpixels(model.easel.generator, wp, args.side, args.size)
        sha = project.blobs.put(pieces.astype("<u2").tobytes())
        return {"pieces": sha, "count": int(pieces.max()) + 1, "side": args.side}

    return run


def labels(model: Model, wp: Tensor, head: Head | None) -> Labels:
    """Classes [S, S] of one code, by a head or by the server's segmenter."""
    generator = model.easel.generator
    with torch.no_grad():
        if head is not None:
            found: Labels = class_map(head.segment_codes(generator, wp))[0].cpu().numpy()
            return found
        assert model.teacher is not None
        image = generator.synthesize(wp)
        named: Labels = model.teacher.label(generator, wp, image, label_size(model))[0].cpu().numpy()
        return named


def label_size(model: Model) -> int:
    """Side of label maps that are drawn for a model: its picture's, at most 256 pixels."""
    return min(model.easel.generator.spec.resolution, 256)
