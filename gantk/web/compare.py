"""Compare: a direction's card. What it looks like, what a predictor says it moves, and which directions are like it.

The attributes are measured as `gantk rescore` measures them: codes of the base's seed on the sphere, images as saved,
mean change with a bootstrap interval over the samples.

Shape legend: N samples, A attributes, T frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from gantk.errors import GantkError
from gantk.generators.footprint import sample_bytes
from gantk.generators.rows import parse_layers
from gantk.pictures.animation import GridStyle, fuse, resize
from gantk.pictures.images import as_saved, encode, to_uint8
from gantk.store.json_values import JsonView
from gantk.web.catalogue import Entry
from gantk.web.jobs import Desk, Run, label_of, labels
from gantk.web.projects import Project
from gantk.web.queue import Ticket
from gantk.web.regions import SIZE, Mask, resized
from gantk.web.terms import Base, check_sha
from gantk.web.wire import ApiError
from gantk.web.workshop import Model

if TYPE_CHECKING:
    from torch import Tensor

    from gantk.codes.source import Codes, CodeSource
    from gantk.generators.base import WpOrStyles

BATCH, FRAMES, SHOWN, SIDE = 8, 5, 3, 96
MEMORY = 1 << 30  # bytes that the samples of a batch may add
MOST_SAMPLES, NEAREST = 256, 5
BISECTIONS = 10

Array = npt.NDArray[np.float64]
Region = Callable[["Tensor"], Mask]  # of a code [1, L, D]


@dataclass(frozen=True)
class CardArgs:
    """`amount` None is half the direction's range; `rows` None its own rows; samples are those of the base's seed.

    With a region (a painted `mask`, or class `klass` of a `head`) the change inside and outside is measured, and
    `inside` asks for the amount that changes it by so much (root mean square, of a range of 1) instead. `each_row` also
    moves every row alone.
    """

    direction: str
    amount: float | None = None
    rows: str | None = None
    samples: int = 32
    mask: str | None = None
    head: str | None = None
    klass: int = 0
    inside: float | None = None
    each_row: bool = False

    def __post_init__(self) -> None:
        check_sha(self.mask)
        if self.mask is not None and self.head is not None:
            raise ApiError(400, "A region is painted, or a class of a head: give one of the two.")
        if self.inside is not None and not 0 < self.inside <= 0.5:
            raise ApiError(400, f"A change inside of {self.inside:g} is not between 0 and 0.5, of a range of 1.")
        if self.inside is not None and self.mask is None and self.head is None:
            raise ApiError(400, "Equal change inside a region needs a region: paint one, or choose a class.")


def prepare_card(desk: Desk, project: Project, model: Model, args: CardArgs) -> Run:
    from gantk.codes.source import CodeSource

    entry = model.easel.catalogue.get(args.direction)
    generator = model.easel.generator
    if not 2 <= args.samples <= MOST_SAMPLES:
        raise ApiError(400, f"{args.samples} samples are not between 2 and {MOST_SAMPLES}.")
    if args.rows is not None:
        parse_layers(args.rows, generator.spec.num_layers)
    base = project.state.at.base
    label = "random" if generator.spec.label_dim and base.label is None else None
    label = str(base.label) if base.label is not None else label
    source = CodeSource(generator, args.samples, base.seed, model.easel.truncation(base), label=label)
    first_amount = entry.scale / 2 if args.amount is None else args.amount
    region = _region(desk, project, model, args)
    alone = args.each_row and entry.space in ("w", "wp")

    def run(ticket: Ticket) -> dict[str, JsonView]:
        amount = first_amount
        with torch.inference_mode():
            if region is not None and args.inside is not None:
                amount = _amount_for(model, entry, source, args, base, region, ticket)
            changes = (
                None if region is None else _changes(model, entry, source, amount, args.rows, base, region, ticket)
            )
            attributes = _attributes(model, entry, source, amount, args.rows, base, ticket)
            pictures = _pictures(model, entry, source, amount, args.rows, base, ticket)
            rows: list[dict[str, JsonView]] = []
            for row in range(generator.spec.num_layers) if alone and attributes else ():
                moved = _attributes(model, entry, source, amount, str(row), base, ticket) or []
                rows += [{"row": row, **each._asdict()} for each in moved if each.name == (attributes or moved)[0].name]
        if attributes:
            model.easel.catalogue.rate(entry.id, abs(attributes[0].change))
            desk.workshop.changed(model.name)
        return {
            "direction": entry.id, "name": entry.name, "system": entry.system, "amount": amount,
            "attributes": None if attributes is None else [each._asdict() for each in attributes],
            "strip": project.blobs.put(pictures), "frames": FRAMES, "shown": SHOWN,
            "nearest": [each._asdict() for each in nearest(model, entry)], "origin": _origin(entry), "by_row": rows,
            "inside": None if changes is None else changes[0], "outside": None if changes is None else changes[1],
        }  # fmt: skip

    return run


def _at_once(model: Model) -> int:
    """How many samples are drawn together: BATCH, and fewer of large pictures."""
    return max(1, min(BATCH, MEMORY // sample_bytes(model.easel.generator)))


def _moved(model: Model, entry: Entry, codes: Codes, amount: float, rows: str | None, base: Base, source: CodeSource,
           first: int) -> Tensor:  # fmt: skip
    """Images [N, C, H, W] after a move."""
    generator, easel = model.easel.generator, model.easel
    if entry.weights is not None and entry.layer is not None:
        delta = entry.weights.delta(entry.row).to(generator.device, generator.dtype)
        return generator.synthesize(codes.wp, noise=base.noise, weight_deltas={entry.layer: (delta, amount)})
    assert entry.direction is not None
    direction = entry.direction
    if entry.space == "z":
        moved: WpOrStyles = source.from_z(direction.apply(codes.space("z"), amount, row=entry.row), first)
    elif entry.space == "s":
        moved = direction.apply(generator.styles(codes.wp), amount, row=entry.row)
    else:
        moved = direction.apply(codes.wp, amount, rows, easel.truncation(base), row=entry.row)
    return generator.synthesize(moved, noise=base.noise)


class Change(NamedTuple):
    """Mean change of an attribute, in its own unit (`gain`) and in standard deviations, with an interval."""

    name: str
    gain: float
    change: float
    low: float
    high: float


class Near(NamedTuple):
    """A direction that is like another one."""

    id: str
    name: str
    system: str
    cosine: float


def _attributes(
    model: Model, entry: Entry, source: CodeSource, amount: float, rows: str | None, base: Base, ticket: Ticket
) -> list[Change] | None:
    """Mean change of every attribute in standard deviations over the samples, with an interval; strongest first."""
    from gantk.higan.gains import gains

    predictor = model.predictor
    if predictor is None or not predictor.attribute_names:
        return None
    before, after = [], []
    few = _at_once(model)
    for first in range(0, source.total, few):
        codes = source.batch(first, min(first + few, source.total))
        before.append(predictor.attributes(as_saved(model.easel.generator.synthesize(codes.wp, noise=base.noise))))
        after.append(predictor.attributes(as_saved(_moved(model, entry, codes, amount, rows, base, source, first))))
        ticket.check(first + len(codes.wp), source.total, "measuring")
    was, now = (np.concatenate([part.float().cpu().numpy() for part in parts]) for parts in (before, after))
    spread = was.astype(np.float64).std(0)
    found: list[Change] = []
    for place, name in enumerate(predictor.attribute_names):
        (gain,) = gains(np.stack([was[:, place], now[:, place]], 1))
        unit = spread[place] or 1.0
        found.append(
            Change(name, gain.gain, gain.signed / unit, gain.signed_low / unit, gain.signed_high / unit)
        )  # fmt: skip
    return sorted(found, key=lambda item: -abs(item.change))


def _region(desk: Desk, project: Project, model: Model, args: CardArgs) -> Region | None:
    """Which pixels [S, S] of a code's picture are the region; None where none is asked for."""
    size = min(SIZE, model.easel.generator.spec.resolution)
    if args.mask is not None:
        painted = resized(label_of(project, args.mask) != 255, size)
        return lambda wp: painted
    if args.head is None:
        return None
    head = desk.workshop.head(project, args.head)
    if not 0 <= args.klass < len(head.class_names):
        raise ApiError(400, f"The head has classes 0 to {len(head.class_names) - 1}, not {args.klass}.")
    return lambda wp: resized(labels(model, wp, head) == args.klass, size)


def _changes(
    model: Model, entry: Entry, source: CodeSource, amount: float, rows: str | None, base: Base, region: Region,
    ticket: Ticket,
) -> tuple[float, float]:  # fmt: skip
    """Root mean square change of pixels inside and outside a region, of a range of 1, over the first samples.

    Raises:
        GantkError: the region is empty, or all there is.
    """
    from gantk.resefa.derivative import Output

    output = Output(min(SIZE, model.easel.generator.spec.resolution))
    squares, masks, few, total = [], [], _at_once(model), min(BATCH, source.total)
    for first in range(0, total, few):
        codes = source.batch(first, min(first + few, total))
        was = output(model.easel.generator.synthesize(codes.wp, noise=base.noise))
        now = output(_moved(model, entry, codes, amount, rows, base, source, first))
        squares.append(((now - was).double().square().mean(1) / 4).cpu().numpy())
        masks += [region(wp[None].clone()) for wp in codes.wp]
        ticket.check(note="measuring")
    square_NSS, mask_NSS = np.concatenate(squares), np.stack(masks)
    if not mask_NSS.any() or mask_NSS.all():
        raise GantkError("The region is empty in these samples, or all there is: choose another one.")
    return float(np.sqrt(square_NSS[mask_NSS].mean())), float(np.sqrt(square_NSS[~mask_NSS].mean()))


def _amount_for(
    model: Model, entry: Entry, source: CodeSource, args: CardArgs, base: Base, region: Region, ticket: Ticket
) -> float:
    """The amount at which a direction changes the region by `args.inside`, by bisection up to twice its range.

    Raises:
        GantkError: it does not reach it.
    """
    assert args.inside is not None
    low, high = 0.0, 2 * entry.scale
    most = _changes(model, entry, source, high, args.rows, base, region, ticket)[0]
    if most < args.inside:
        raise GantkError(
            f"{entry.name!r} changes the region by {most:.3f} at twice its range, where {args.inside:g} is wanted: ask "
            "for less, or leave it out."
        )
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        below = _changes(model, entry, source, middle, args.rows, base, region, ticket)[0] < args.inside
        low, high = (middle, high) if below else (low, middle)
    return (low + high) / 2


def _pictures(
    model: Model, entry: Entry, source: CodeSource, amount: float, rows: str | None, base: Base, ticket: Ticket
) -> bytes:
    """Samples below one another, frames from minus to plus the amount side by side: one PNG."""

    codes = source.batch(0, min(SHOWN, source.total))
    frames = []
    for place in range(FRAMES):
        at = amount * (2 * place / (FRAMES - 1) - 1)
        frames.append(to_uint8(_moved(model, entry, codes, at, rows, base, source, 0)))
        ticket.check(note="rendering")
    by_sample = np.stack(frames, 1).reshape(-1, *frames[0].shape[1:])
    if by_sample.shape[1] > SIDE:
        by_sample = np.stack([resize(image, SIDE) for image in by_sample])
    return encode(fuse(by_sample, GridStyle(rows=len(frames[0]), columns=FRAMES)))


def nearest(model: Model, entry: Entry) -> list[Near]:
    """Directions of the same space by cosine, the most alike first; signs do not matter."""
    mine = _vector(entry)
    if mine is None:
        return []
    found: list[Near] = []
    for other in model.easel.catalogue:
        vector = _vector(other)
        if other.id == entry.id or other.space != entry.space or not other.fits or vector is None:
            continue
        if vector.shape == mine.shape:
            found.append(Near(other.id, other.name, other.system, float(vector @ mine)))
    return sorted(found, key=lambda item: -abs(item.cosine))[:NEAREST]


def _vector(entry: Entry) -> Array | None:
    if entry.weights is not None:
        vector = entry.weights.delta(entry.row).double().numpy().ravel()
    elif entry.direction is not None:
        vector = entry.direction.vectors[entry.row].astype(np.float64).ravel()
    else:
        return None
    unit: Array = vector / max(float(np.linalg.norm(vector)), 1e-30)
    return unit


def _origin(entry: Entry) -> str:
    """The command that made a direction, or where it is from."""
    meta = entry.weights.meta if entry.direction is None and entry.weights is not None else {}
    meta = entry.direction.meta if entry.direction is not None else meta
    commands = meta.get("commands")
    last = commands[-1] if isinstance(commands, (list, tuple)) and commands else None
    found = meta.get("command") or last
    if found:
        return str(found)[:300]
    return f"the file {entry.source.rpartition('/')[2]}" if entry.source else "found by this server"
