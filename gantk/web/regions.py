"""Regions: directions that change one part of the picture, from the Jacobian at the code at hand or at several.

The Jacobian of the picture at a working size is kept, so that another region of the same codes and rows costs products
only.

Shape legend: d free numbers of a code, P pixels of the working size (O colours each), K directions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from gantk.codes.directions import Direction
from gantk.errors import GantkError
from gantk.generators.footprint import sample_bytes
from gantk.generators.rows import parse_layers
from gantk.runs.walks import moved_codes
from gantk.store.json_values import JsonView
from gantk.web.interrupting import LARGE
from gantk.web.jobs import Desk, Run, keep_direction, label_of, labels, no_blob
from gantk.web.projects import Project
from gantk.web.queue import Ticket
from gantk.web.terms import Base, check_sha
from gantk.web.wire import ApiError
from gantk.web.workshop import Model

if TYPE_CHECKING:
    from torch import Tensor

    from gantk.generators.base import Generator
    from gantk.resefa.variables import Variable
    from gantk.web.compare import CardArgs

SIZE = 128  # of the picture that is differentiated
MARGIN = 1 / 32  # of its side: pixels around the region that count on neither side
FRESH = 4  # codes that the result is measured on
MOST_SAMPLES, MOST_DIRECTIONS = 16, 32
MEMORY = 2 << 30  # bytes that the tangents at once may add
LEVEL = 0.15  # change inside (root mean square, of a range of 1) that the end of a slider aims at, to first order
REACH = 2.0  # of the codes' spread: further out no code is met

Mask = npt.NDArray[np.bool_]
Array = npt.NDArray[np.float64]
Region = Callable[["Tensor"], Mask]  # of a code [1, L, D]


@dataclass(frozen=True)
class RegionArgs:
    """A painted mask (a label map where 255 is outside), or a class of a head.

    `samples` 1 is the picture at hand, more are its neighbours too; `rows` None are all rows.
    """

    mask: str | None = None
    head: str | None = None
    klass: int = 0
    rows: str | None = None
    count: int = 6
    samples: int = 1
    name: str = "region"

    def __post_init__(self) -> None:
        check_sha(self.mask)
        if (self.mask is None) == (self.head is None):
            raise ApiError(400, "A region is painted, or a class of a head: give one of the two.")
        if not 1 <= self.count <= MOST_DIRECTIONS or not 1 <= self.samples <= MOST_SAMPLES:
            raise ApiError(400, f"There are 1 to {MOST_DIRECTIONS} directions, from 1 to {MOST_SAMPLES} samples.")
        if not 1 <= len(self.name) <= 40:
            raise ApiError(400, "A region's name has 1 to 40 letters.")


def prepare_region(desk: Desk, project: Project, model: Model, args: RegionArgs) -> Run:
    from gantk.resefa.variables import choose

    easel, spec = model.easel, model.easel.generator.spec
    node = project.state.at
    layers = None if args.rows is None else parse_layers(args.rows, spec.num_layers, noun="row")
    variable = choose(easel.generator, None, layers)
    if variable.space == "z" and node.base.code is not None:
        raise ApiError(400, f"A {spec.family} is moved in z, which is not known of a kept code: go back to a sample.")
    size = min(SIZE, spec.resolution)
    region = region_of(desk, project, model, args)
    assert region is not None

    def run(ticket: Ticket) -> dict[str, JsonView]:
        from gantk.resefa.solve import solve

        inside = np.zeros((variable.dim, variable.dim))
        outside, bright, counts = np.zeros_like(inside), np.zeros(variable.dim), np.zeros(2)
        kept = 0
        for offset in range(args.samples):
            base = easel.neighbour(node.base, offset)
            wp = easel.latent(base, node.moves, project.blobs.get)
            mask = region(wp)
            if not mask.any():
                continue
            jacobian, was_kept = _jacobian(project, model, variable, base, wp, size, ticket, offset, args.samples)
            kept += was_kept
            a, b, rise, numbers = grams(jacobian, mask)
            inside, outside, bright, counts = inside + a, outside + b, bright + rise, counts + numbers
        if not counts.all():
            raise GantkError("The region is empty, or all there is: paint a part of the picture.")
        found = solve(inside / counts[0], outside / counts[1], count=args.count, bright=bright)
        direction = _direction(model, variable, found.vectors, found.change, args)
        rows = [_measured(model, direction, row, node.base, region, size, ticket) for row in range(len(direction))]
        sha, entries = keep_direction(desk, project, model, direction)
        return {
            "rev": project.rev, "blob": sha, "kept": kept, "name": direction.name,
            "directions": [
                {"id": entry.id, "eigenvalue": float(value), "inside": row[0], "outside": row[1]}
                for entry, value, row in zip(entries, found.eigenvalues, rows, strict=True)
            ],
        }  # fmt: skip

    return run


def region_of(desk: Desk, project: Project, model: Model, args: RegionArgs | CardArgs) -> Region | None:
    """Which pixels [S, S] of a code's picture at the working size are the region; None where none is asked for."""
    size = min(SIZE, model.easel.generator.spec.resolution)
    if args.mask is not None:
        painted = resized(label_of(project, args.mask) != 255, size)
        return lambda wp_1LD: painted
    if args.head is None:
        return None
    head = desk.workshop.head(project, args.head)
    if not 0 <= args.klass < len(head.class_names):
        raise ApiError(400, f"The head has classes 0 to {len(head.class_names) - 1}, not {args.klass}.")
    return lambda wp_1LD: resized(labels(model, wp_1LD, head) == args.klass, size)


def resized(mask_SS: Mask, size: int) -> Mask:
    """A mask at another size, by its nearest pixels."""
    place = (np.arange(size) * mask_SS.shape[0] // size).astype(int)
    return mask_SS[place][:, place]


def _jacobian(
    project: Project, model: Model, variable: Variable, base: Base, wp: Tensor, size: int, ticket: Ticket, number: int,
    total: int,
) -> tuple[Tensor, int]:  # fmt: skip
    """J transposed, [d, O, S, S], and whether it was there already."""

    from gantk.resefa.derivative import LocalJacobian, Output
    from gantk.resefa.variables import CodeMap

    easel = model.easel
    point = hashlib.sha256(wp.cpu().numpy().tobytes()).digest()
    key = ("jacobian", point, variable.space, variable.layers, base.psi, base.rows, base.noise, size)
    found = model.jacobians.get(key)
    if found is not None:
        return found, 1
    z = easel.start(base, project.blobs.get)[0]
    z = None if z is None else z.clone()
    code_map = CodeMap(easel.generator, variable, easel.truncation(base), z, easel.label(base))
    noise = base.noise
    local = LocalJacobian(easel.generator, wp, code_map, Output(size), noise, _chunk(easel.generator))
    parts = []
    for start, columns in local.columns():
        parts.append(columns.detach().clone())
        ticket.check(number * variable.dim + start + len(columns), total * variable.dim, "differentiating")
    found = torch.cat(parts)
    model.jacobians.put(key, found, found.numel() * found.element_size())
    return found, 0


def _chunk(generator: Generator) -> int | None:
    """Tangents at once: few of large pictures, so that memory holds them and sliders wait for few."""
    return None if generator.spec.resolution <= LARGE else max(1, MEMORY // sample_bytes(generator))


def grams(jacobian: Tensor, mask: Mask) -> tuple[Array, Array, Array, Array]:
    """Sums over one sample's pixels: inside and outside [d, d], the rise of the brightness [d], counts of both."""

    inside = torch.from_numpy(np.ascontiguousarray(mask)).to(jacobian.device)
    width = max(1, round(MARGIN * mask.shape[-1]))
    grown = F.max_pool2d(inside[None, None].float(), 2 * width + 1, 1, width)[0, 0] > 0
    outside = ~grown
    parts = [jacobian[:, :, side].flatten(1).double() for side in (inside, outside)]
    products = [(part @ part.T).cpu().numpy() for part in parts]
    numbers = np.array([part.shape[1] for part in parts], dtype=np.float64)
    return products[0], products[1], parts[0].sum(1).cpu().numpy(), numbers


def _direction(model: Model, variable: Variable, vectors: Array, change: Array, args: RegionArgs) -> Direction:
    from gantk.generators.probe import probe_of
    from gantk.resefa.find import spread

    full = variable.embed(torch.from_numpy(np.ascontiguousarray(vectors))).numpy().astype(np.float32)
    every = variable.layers == tuple(range(model.easel.generator.spec.num_layers))
    layers = None if every or variable.space == "z" else variable.layers
    # images are in [-1, 1]: a change of one level there is two here
    first = 2 * LEVEL / max(float(np.median(change)), 1e-9)
    scale = min(first, REACH * spread(model.easel.generator, variable, 1))
    meta = {"command": f"gantk web {model.name}", "region": args.name, "method": "resefa", "samples": args.samples}
    probe = probe_of(model.easel.generator)
    return Direction(f"{args.name}", "direction", variable.space, full, None, layers, scale, probe, meta)


def _measured(
    model: Model, direction: Direction, row: int, base: Base, region: Region, size: int, ticket: Ticket
) -> tuple[float, float]:
    """Root mean square change inside and outside (of a range of 1) at half the slider, over fresh codes."""
    from gantk.resefa.derivative import Output

    easel, output = model.easel, Output(size)
    generator, truncation = easel.generator, easel.truncation(base)
    sums, counts = np.zeros(2), np.zeros(2)
    for number in range(FRESH):
        fresh = Base(base.seed + 1, number, base.label, base.psi, base.rows, base.noise)
        with torch.no_grad():
            z, _, wp = easel.start(fresh, no_blob)
            moved = moved_codes(generator, direction, row, direction.scale / 2, z, wp, truncation, easel.label(fresh))
            both = output(generator.synthesize(torch.cat([wp, moved]), noise=base.noise))
        mask = region(wp.clone())
        square = (both[1] - both[0]).double().square().sum(0).cpu().numpy() / 4
        colours = both.shape[1]
        sums += (square[mask].sum(), square[~mask].sum())
        counts += (colours * mask.sum(), colours * (~mask).sum())
        ticket.check(note="measuring")
    inside, outside = np.sqrt(sums / np.maximum(counts, 1))
    return float(inside), float(outside)
