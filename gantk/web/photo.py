"""Photo: an uploaded picture becomes a code, with its distance from the generator's world said honestly.

Shape legend: N = 1 image, L rows of wp, D width, K seeded codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gantk.errors import GantkError
from gantk.pictures.images import encode, to_uint8
from gantk.pictures.opening import open_picture
from gantk.store.json_values import JsonView
from gantk.web.jobs import Desk, Run, code_bytes
from gantk.web.projects import Project
from gantk.web.queue import Ticket
from gantk.web.terms import Applied, Base, check_sha
from gantk.web.wire import ApiError
from gantk.web.workshop import Model

if TYPE_CHECKING:
    from torch import Tensor

WAYS = ("encoder", "optimise", "both")
MOST_STEPS, SAMPLES = 2000, 256
STARTS = 16  # codes of which a search at a large size begins with the nearest


@dataclass(frozen=True)
class InvertArgs:
    """`photo` is the blob of an upload, cut square in the middle where it is none; `way` one of WAYS."""

    photo: str
    way: str = "both"
    space: str = "wp"
    steps: int = 120

    def __post_init__(self) -> None:
        check_sha(self.photo)
        if self.way not in WAYS:
            raise ApiError(400, f"A photo is inverted by {', '.join(WAYS)}, not by {self.way!r}.")
        if self.space not in ("w", "wp"):
            raise ApiError(400, f"A photo's code is of w or wp, not of {self.space!r}.")
        if not 1 <= self.steps <= MOST_STEPS:
            raise ApiError(400, f"{self.steps} steps are not between 1 and {MOST_STEPS}.")


def prepare_invert(desk: Desk, project: Project, model: Model, args: InvertArgs) -> Run:
    spec = model.easel.generator.spec
    if "w" not in spec.spaces:
        raise ApiError(400, f"A {spec.family} has no w to find a photo's code in.")
    encoder = None if args.way == "optimise" else model.encoder
    if encoder is None and args.way != "optimise":
        raise ApiError(400, "There is no encoder for this model: start the server with --encoder, or optimise alone.")
    target = square_photo(project.blobs.get(args.photo), spec.image_channels)

    def run(ticket: Ticket) -> dict[str, JsonView]:
        from gantk.ghfeat.projection import ProjectionPlan
        from gantk.ghfeat.projection import project as search
        from gantk.ghfeat.starts import encoded

        easel = model.easel
        start = (
            _sketched(model, target, args.space, ticket)
            if encoder is None
            else encoded(easel.generator, encoder, target.to(easel.generator.device), args.space)
        )
        steps = 0 if args.way == "encoder" else args.steps
        rate = 0.1 if args.way == "optimise" else 0.02
        plan = ProjectionPlan(args.space, steps, rate, prior=0.02, frames=0)
        show = desk.previews(ticket)

        def watch(number: int, image: Tensor) -> bool:
            show(lambda: image)
            return ticket.breathe(number, steps, "searching")

        def trying(number: int, count: int) -> None:
            ticket.check(number, count, "looking for a start")

        found = search(easel.generator, target, plan, model.perception, start, watch=watch, trying=trying)
        ticket.conclude()
        assert not isinstance(found.codes, tuple)
        wp = found.codes if args.space == "wp" else easel.generator.expand(found.codes)
        blobs = project.blobs
        picture = encode(to_uint8(easel.draw(wp))[0])
        base = Base(project.state.at.base.seed, project.state.at.base.index, code=blobs.put(code_bytes(wp)))
        project.record(Applied("applied", "photo", base, blobs.put(picture), photo=args.photo))
        return {
            "rev": project.rev, "node": project.state.cursor, "picture": blobs.put(picture),
            "losses": [float(value) for value in found.losses[:, 0]], **_distances(model, target, found.image_NCHW, wp),
        }  # fmt: skip

    return run


def square_photo(data: bytes, channels: int) -> Tensor:
    """The photo [1, C, H, H] in [-1, 1], cut square."""

    try:
        picture = open_picture(data, name="the blob", formats=("PNG",)).convert("L" if channels == 1 else "RGB")
    except GantkError as error:
        raise ApiError(400, "The blob is no picture: upload a photo first.") from error
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    array = np.array(picture.crop((left, top, left + side, top + side)))
    return torch.from_numpy(array.reshape(side, side, -1)).permute(2, 0, 1)[None].float() / 127.5 - 1


def _sketched(model: Model, target: Tensor, space: str, ticket: Ticket) -> Tensor | None:
    """Of the mean code and a few samples the one whose sketch is nearest; None where the search itself is quick at it.

    The search draws 64 samples whole, which takes minutes at 1024 pixels.
    """
    from gantk.ghfeat.metrics import at_size

    easel = model.easel
    if not easel.sketches:
        return None
    generator, few = easel.generator, []
    with torch.no_grad():
        w_KD = generator.map(generator.sample_z(SAMPLES, seed=0), generator.sample_label(SAMPLES, seed=0))
        w_KD = torch.cat([w_KD.mean(0, keepdim=True), w_KD[: STARTS - 1]])
        for number, w_D in enumerate(w_KD):
            ticket.check(number, STARTS, "looking for a start")
            image = easel.sketch(generator.expand(w_D[None]))
            few.append(float((image.clamp(-1, 1) - at_size(target.to(image), image.shape[-1])).square().mean()))
        best = w_KD[min(range(STARTS), key=lambda place: few[place])][None]
        return best if space == "w" else generator.expand(best).clone()


def _distances(model: Model, target: Tensor, image: Tensor, wp_1LD: Tensor) -> dict[str, float | None]:
    """How near the picture is, and how far the code from those the generator was trained on.

    `away` is the root mean square of the code's deviation per number, in units of the samples' own, so that a sample
    has about 1; `beyond` the share of 256 samples that are nearer to the mean.
    """

    from gantk.ghfeat.losses import structural_similarity
    from gantk.ghfeat.metrics import at_size

    generator = model.easel.generator
    with torch.no_grad():
        wanted = at_size(target.to(image), image.shape[-1])
        w_KD = generator.map(generator.sample_z(SAMPLES, seed=0), generator.sample_label(SAMPLES, seed=0))
        mean, spread = w_KD.mean(0), w_KD.std(0).clamp_min(1e-6)
        away_K = ((w_KD - mean) / spread).square().mean(1).sqrt()
        away = float(((wp_1LD - mean) / spread).square().mean().sqrt())
        perceptual = None if model.perception is None else float(model.perception(image, wanted)[0])
        return {
            "mse": float((image - wanted).square().mean()),
            "similarity": float(structural_similarity(image, wanted)[0]),
            "perceptual": perceptual,
            "away": away,
            "beyond": float((away_K < away).float().mean()),
        }
