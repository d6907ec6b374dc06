"""Files to take away: strips, animations, directions, sessions, annotations; and what repeats a picture elsewhere."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gantk.codes.directions import Direction
from gantk.errors import GantkError
from gantk.generators.rows import parse_layers
from gantk.lse.archive import zipped
from gantk.lse.editing import EditSettings
from gantk.lse.replay import Session, Step, session_zip
from gantk.pictures.animation import require_mp4
from gantk.pictures.label_maps import label_png
from gantk.store.files import npy_bytes
from gantk.store.json_values import JsonTable
from gantk.web.again import vouching
from gantk.web.jobs import Desk, Run, keep_direction, label_of, stroke_of
from gantk.web.pasting import pasted
from gantk.web.pictures import Image, animation, shown, strip
from gantk.web.projects import Project
from gantk.web.queue import Result, Ticket
from gantk.web.scene import Scene, direction_of
from gantk.web.state import Node
from gantk.web.terms import MOST_NAME, Move
from gantk.web.wire import ApiError
from gantk.web.workshop import Model

if TYPE_CHECKING:
    from gantk.predictors.heads import Head

MOST_FRAMES, SIDE = 61, 512
MIME = {
    "png": "image/png", "gif": "image/gif", "webp": "image/webp", "mp4": "video/mp4", "zip": "application/zip",
    "npy": "application/octet-stream", "safetensors": "application/octet-stream",
}  # fmt: skip


@dataclass(frozen=True)
class AnimateArgs:
    """Frames along one slider, from minus its range to its range, the other moves as they are."""

    direction: str
    form: str = "gif"
    frames: int = 15


@dataclass(frozen=True)
class ExportArgs:
    """`direction`: the latent moves at hand as an artifact; `strip`, `session`, `annotations`, `labels`."""

    what: str
    name: str = ""
    direction: str | None = None
    frames: int = 7


def file_result(project: Project, data: bytes, name: str) -> Result:
    """What a page needs to fetch a file: its blob, its kind, and a name that the server chose."""
    return _file_at(project.blobs.put(data), name)


def _file_at(sha: str, name: str) -> Result:
    return {"blob": sha, "type": MIME[name.rpartition(".")[2]], "name": name}


def prepare_animation(desk: Desk, project: Project, model: Model, args: AnimateArgs) -> Run:
    if args.form not in ("gif", "webp", "mp4"):
        raise ApiError(400, f"An animation is gif, webp or mp4, not {args.form!r}.")
    if args.form == "mp4":
        require_mp4()
    frames = _prepare_frames(desk, project, model, args.direction, args.frames)

    def run(ticket: Ticket) -> Result:
        return file_result(project, animation(frames(ticket), args.form), f"{model.name}-animation.{args.form}")

    return run


def _prepare_frames(
    desk: Desk, project: Project, model: Model, direction: str, count: int
) -> Callable[[Ticket], list[Image]]:
    """Frames [H, W, C] along one slider, drawn by a ticket."""
    if not 2 <= count <= MOST_FRAMES:
        raise ApiError(400, f"{count} frames are not between 2 and {MOST_FRAMES}.")
    entry = model.easel.catalogue.get(direction)
    node, paste = project.state.at, project.state.paste

    def draw(scene: Scene) -> Image:
        return shown(model.easel.render(scene).image, SIDE)

    def frames(ticket: Ticket) -> list[Image]:
        now = next((move for move in node.moves if move.direction == direction), Move(direction, 0.0))
        others = [move for move in node.moves if move.direction != direction]
        found: list[Image] = []
        before = None
        for place in range(count):
            amount = entry.scale * (2 * place / (count - 1) - 1)
            moves = [*others, replace(now, amount=amount, mute=False)]
            scene = model.easel.scene(node.base, moves, project.blobs.get)
            picture = shown(model.easel.render(scene, before).image, SIDE)
            found.append(pasted(picture, model, project, node.id, moves, draw) if paste else picture)
            before = scene
            ticket.check(place + 1, count, "rendering")
        return found

    return frames


def prepare_export(desk: Desk, project: Project, model: Model, args: ExportArgs) -> Run:
    if len(args.name) > MOST_NAME:
        raise ApiError(400, f"A name has at most {MOST_NAME} letters.")
    if args.what == "direction":
        return lambda ticket: _direction(desk, project, model, args.name or "moves")
    if args.what == "strip":
        if args.direction is None:
            raise ApiError(422, "args lacks the field 'direction': a strip shows one slider.")
        frames = _prepare_frames(desk, project, model, args.direction, args.frames)
        return lambda ticket: file_result(project, strip(frames(ticket)), f"{model.name}-strip.png")
    if args.what == "session":
        return lambda ticket: file_result(project, export_session(desk, project, model), f"{model.name}-session.zip")
    if args.what == "annotations":
        if not project.state.annotations:
            raise ApiError(400, "Nothing is labelled yet, so there are no annotations to export.")
        return lambda ticket: file_result(project, annotations_zip(project, model), f"{model.name}-annotations.zip")
    if args.what == "labels":
        from gantk.web.sorting import labels_zip

        return lambda ticket: file_result(project, labels_zip(project, model, ticket), f"{model.name}-labels.zip")
    raise ApiError(400, f"{args.what[:40]!r} cannot be exported: direction, strip, session, annotations, labels can.")


# --- directions ------------------------------------------------------------------------------------------------------


def sum_of_moves(model: Model, node: Node) -> Direction:
    """The latent moves of one space as one direction, whose distance 1 is what the sliders show.

    Raises:
        GantkError: there are none, or they are of several spaces.
    """
    catalogue = model.easel.catalogue
    active = [(move, catalogue.get(move.direction)) for move in node.moves if not move.mute]
    held = [(move, entry) for move, entry in active if move.hold]
    moving = [(move, entry) for move, entry in active if move.amount and entry.direction is not None]
    spaces = {entry.space for _, entry in moving}
    if len(spaces) != 1:
        kinds = "none" if not spaces else f"moves of {', '.join(sorted(spaces))}"
        raise GantkError(f"A direction is the sum of latent moves of one space, and there are {kinds}.")
    space = spaces.pop()
    parts = [(move, direction_of(move, entry, held)) for move, entry in moving]
    rows = {tuple(_rows(model, move, part)) for move, part in parts}
    from gantk.generators.probe import probe_of

    def summed(space: str, vector: npt.NDArray[np.float64], layers: tuple[int, ...] | None) -> Direction:
        return Direction(
            "moves", "direction", space, vector[None].astype(np.float32), layers=layers, scale=2.0,
            probe=probe_of(model.easel.generator),
            meta={"command": f"gantk web {model.name}", "sum_of": [part.name for _, part in parts]},
        )  # fmt: skip

    if space in ("z", "s") or (space == "w" and len(rows) == 1):
        vector = np.sum([move.amount * part.vectors[0].astype(np.float64) for move, part in parts], 0)
        return summed(space, vector, None if space in ("z", "s") else rows.pop())
    spec = model.easel.generator.spec
    truncation = model.easel.truncation(node.base)
    total = np.zeros((spec.num_layers, spec.wp_dim))
    for move, part in parts:
        psi = truncation.strengths(spec.num_layers) if part.space == "w" and truncation else [1.0] * spec.num_layers
        vector = np.broadcast_to(part.vectors[0], total.shape)
        for row in _rows(model, move, part):
            total[row] += move.amount * psi[row] * vector[row]
    return summed("wp", total, None)


def _rows(model: Model, move: Move, direction: Direction) -> tuple[int, ...]:
    chosen = direction.layers if move.rows is None else move.rows
    return parse_layers(chosen, model.easel.generator.spec.num_layers, noun="row")


def _direction(desk: Desk, project: Project, model: Model, name: str) -> Result:
    sha, (entry,) = keep_direction(desk, project, model, sum_of_moves(model, project.state.at).replace(name=name))
    return {**_file_at(sha, "direction.safetensors"), "direction": entry.id, "rev": project.rev}


# --- archives --------------------------------------------------------------------------------------------------------


def session_of(desk: Desk, project: Project, model: Model) -> tuple[Session, Head | None]:
    """The edits that led to the picture at hand, and the head of the last of them."""
    easel, nodes = model.easel, project.state.trail(project.state.cursor)
    fetch = project.blobs.get
    head = None
    steps = []
    for before, node in itertools.pairwise(nodes):
        code = easel.latent(before.base, before.moves, fetch).float().cpu().numpy()
        moves = _named(model, before)
        if node.made != "edit" or node.strokes is None or node.head is None:
            steps.append(Step(node.made, code, node.name, moves))
            continue
        head = desk.workshop.head(project, node.head)
        settings = EditSettings(**json.loads(node.settings or "{}"))
        stroke = stroke_of(project, node.strokes, head.info.size, len(head.class_names))
        steps.append(Step("edit", code, node.name, moves, settings, node.evaluations, head.info.name, stroke))
    first, at = nodes[0].base, project.state.at
    base = {key: value for key, value in asdict(first).items() if key != "code"}
    wp = easel.latent(at.base, at.moves, fetch).float().cpu().numpy()
    given = None if first.code is None else easel.read_code(fetch(first.code)).cpu().numpy()
    return Session(model.name, base, tuple(steps), wp, at.base.noise, given, _named(model, at)), head


def export_session(desk: Desk, project: Project, model: Model) -> bytes:
    """The session of the picture at hand as a zip."""
    session, head = session_of(desk, project, model)
    return session_zip(model.easel.generator, head, session)


def _named(model: Model, node: Node) -> tuple[JsonTable, ...]:
    """The moves that lie on a picture, by the names of their directions."""
    moves = (move for move in node.moves if not move.mute and move.amount)
    return tuple({**asdict(move), "direction": model.easel.catalogue.get(move.direction).name} for move in moves)


def annotations_zip(project: Project, model: Model) -> bytes:
    """What `gantk lse fewshot --teacher FOLDER` reads: index PNGs, class names, and the codes."""
    state = project.state
    colours = [item.colour for item in state.classes]
    files = {"classes.txt": "".join(f"{item.name}\n" for item in state.classes).encode()}
    codes = []
    for number, item in enumerate(state.annotations):
        files[f"{number:06d}.png"] = label_png(label_of(project, item.label), colours)
        codes.append(model.easel.latent(item.base, (), project.blobs.get).cpu().numpy())
    return zipped({**files, "wp.npy": npy_bytes(np.concatenate(codes).astype(np.float32))})


# --- what repeats a picture ------------------------------------------------------------------------------------------


def command(project: Project, model: Model) -> str:
    """Python that draws the picture at hand."""
    at = project.state.at
    base, catalogue = at.base, model.easel.catalogue
    active = sorted((m for m in at.moves if not m.mute), key=lambda move: move.direction)
    typed = "".join(f", {name}=True" for name in vouching([model.source]))
    lines = ["import gantk", f"generator = gantk.load_generator({model.source!r}{typed})"]
    truncation = "None"
    if base.psi is not None:
        truncation = f"gantk.Truncation({base.psi!r}, {base.rows!r})"
    lines.append(f"truncation = {truncation}")
    if project.state.paste and project.state.trail(project.state.cursor)[0].photo is not None:
        lines.insert(0, "# the generator's own picture: Export, PNG has the photo's pixels around the edit")
    moving = [(move, catalogue.get(move.direction)) for move in active if move.amount and base.code is None]
    named = all(entry.direction is not None and entry.source and entry.space in ("w", "wp") for _, entry in moving)
    if base.code is not None or not named or any(move.hold for move in active):
        # a kept code, or sliders that have no name elsewhere: the moved code is exported
        lines += ["import numpy, torch", "wp = torch.from_numpy(numpy.load('wp.npy'))  # Export, codes"]
    else:
        label = "None"
        if model.easel.generator.spec.label_dim:
            drawn = f"generator.sample_label(1, seed={base.seed}, start={base.index})"
            label = drawn if base.label is None else f"torch.tensor([{base.label}])"
            lines.append("import torch")
        lines += [
            f"z = generator.sample_z(1, seed={base.seed}, start={base.index})",
            f"wp = generator.expand(generator.map(z, {label}), truncation)",
        ]
        for move, entry in moving:
            lines += [
                f"direction = gantk.load_direction({entry.source!r}, generator)",
                f"wp = direction.apply(wp, {move.amount!r}, {move.rows!r}, truncation, pick={entry.row})",
            ]
    return "\n".join([*lines, f"image = generator.synthesize(wp, noise={base.noise!r})"])
