"""Compare: a direction's card. What it looks like, what a predictor says it moves, and which directions are like it.

The attributes are measured as `gantk rescore` measures them: codes of the base's seed on the sphere, images as saved,
mean change with a bootstrap interval over the samples.

Shape legend: N samples, A attributes, T frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from gantk.errors import GantkError
from gantk.generators.footprint import sample_bytes
from gantk.generators.rows import parse_layers
from gantk.pictures.animation import GridStyle, fuse, resize
from gantk.pictures.images import as_saved, encode, to_uint8
from gantk.runs.walks import moved_codes
from gantk.store.chunks import parts
from gantk.store.json_values import JsonView
from gantk.web.catalogue import Entry
from gantk.web.jobs import Desk, Run
from gantk.web.projects import Project
from gantk.web.queue import Ticket
from gantk.web.regions import SIZE, Region, region_of
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
        parse_layers(args.rows, generator.spec.num_layers, noun="row")
    base = project.state.at.base
    label = "random" if generator.spec.label_dim and base.label is None else None
    label = str(base.label) if base.label is not None else label
    source = CodeSource(generator, args.samples, base.seed, model.easel.truncation(base), label=label)
    region = region_of(desk, project, model, args)
    alone = args.each_row and entry.space in ("w", "wp")

    def run(ticket: Ticket) -> dict[str, JsonView]:
        trial = _Trial(model, entry, source, base, args.rows, ticket)
        amount = entry.scale / 2 if args.amount is None else args.amount
        with torch.inference_mode():
            if region is not None and args.inside is not None:
                amount = trial.amount_for(args.inside, region)
            inside, outside = (None, None) if region is None else trial.changes(amount, region)
            attributes = trial.attributes(amount)
            pictures = trial.pictures(amount)
            rows: list[dict[str, JsonView]] = []
            for row in range(generator.spec.num_layers) if alone and attributes else ():
                moved = replace(trial, rows=str(row)).attributes(amount) or []
                rows += [{"row": row, **each._asdict()} for each in moved if each.name == (attributes or moved)[0].name]
        if attributes:
            model.easel.catalogue.rate(entry.id, abs(attributes[0].change))
            desk.workshop.changed(model.name)
        return {
            "direction": entry.id, "name": entry.name, "system": entry.system, "amount": amount,
            "attributes": None if attributes is None else [each._asdict() for each in attributes],
            "strip": project.blobs.put(pictures), "frames": FRAMES, "shown": SHOWN,
            "nearest": [each._asdict() for each in nearest(model, entry)], "origin": _origin(entry), "by_row": rows,
            "inside": inside, "outside": outside,
        }  # fmt: skip

    return run


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


@dataclass(frozen=True)
class _Trial:
    """A direction, the rows that it moves, and the samples that it is tried on."""

    model: Model
    entry: Entry
    source: CodeSource
    base: Base
    rows: str | None
    ticket: Ticket

    def drawn(self, codes: WpOrStyles) -> Tensor:
        """Images [N, C, H, W]."""
        return self.model.easel.generator.synthesize(codes, noise=self.base.noise)

    def moved(self, codes: Codes, first: int, amount: float) -> Tensor:
        """Images [N, C, H, W] of the samples from `first` on, after a move."""
        entry, generator = self.entry, self.model.easel.generator
        if entry.weights is not None and entry.layer is not None:
            delta = entry.weights.delta(entry.row).to(generator.device, generator.dtype)
            return generator.synthesize(codes.wp, noise=self.base.noise, weight_deltas={entry.layer: (delta, amount)})
        assert entry.direction is not None
        label, truncation = self.source.labels(first, first + len(codes.wp)), self.source.truncation
        return self.drawn(
            moved_codes(generator, entry.direction, entry.row, amount, codes.z, codes.wp, truncation, label, self.rows)
        )

    def batches(self, total: int) -> Iterator[tuple[int, Codes]]:
        """The first `total` samples, BATCH at a time, and fewer of large pictures: each batch behind its first."""
        few = max(1, min(BATCH, MEMORY // sample_bytes(self.model.easel.generator)))
        for first, last in parts(0, total, few):
            yield first, self.source.batch(first, last)

    def attributes(self, amount: float) -> list[Change] | None:
        """Mean change of every attribute over the samples; strongest first."""
        from gantk.higan.gains import gains

        predictor = self.model.predictor
        if predictor is None or not predictor.attribute_names:
            return None
        before, after = [], []
        for first, codes in self.batches(self.source.total):
            before.append(predictor.attributes(as_saved(self.drawn(codes.wp))))
            after.append(predictor.attributes(as_saved(self.moved(codes, first, amount))))
            self.ticket.check(first + len(codes.wp), self.source.total, "measuring")
        was, now = (torch.cat(each).float().cpu().numpy() for each in (before, after))
        spread = was.astype(np.float64).std(0)
        found: list[Change] = []
        for place, name in enumerate(predictor.attribute_names):
            (gain,) = gains(np.stack([was[:, place], now[:, place]], 1))
            unit = spread[place] or 1.0
            found.append(
                Change(name, gain.gain, *(part / unit for part in (gain.signed, gain.signed_low, gain.signed_high)))
            )
        return sorted(found, key=lambda item: -abs(item.change))

    def changes(self, amount: float, region: Region) -> tuple[float, float]:
        """Root mean square change of pixels inside and outside a region, of a range of 1, over the first samples.

        Raises:
            GantkError: the region is empty, or all there is.
        """
        from gantk.resefa.derivative import Output

        output = Output(min(SIZE, self.model.easel.generator.spec.resolution))
        squares, masks = [], []
        for first, codes in self.batches(min(BATCH, self.source.total)):
            change = output(self.moved(codes, first, amount)) - output(self.drawn(codes.wp))
            squares.append((change.double().square().mean(1) / 4).cpu().numpy())
            masks += [region(wp[None].clone()) for wp in codes.wp]
            self.ticket.check(note="measuring")
        square_NSS, mask_NSS = np.concatenate(squares), np.stack(masks)
        if not mask_NSS.any() or mask_NSS.all():
            raise GantkError("The region is empty in these samples, or all there is: choose another one.")
        return float(np.sqrt(square_NSS[mask_NSS].mean())), float(np.sqrt(square_NSS[~mask_NSS].mean()))

    def amount_for(self, inside: float, region: Region) -> float:
        """The amount at which the direction changes the region by `inside`, by bisection up to twice its range.

        Raises:
            GantkError: it does not reach it.
        """
        low, high = 0.0, 2 * self.entry.scale
        most, _ = self.changes(high, region)
        if most < inside:
            raise GantkError(
                f"{self.entry.name!r} changes the region by {most:.3f} at twice its range, where {inside:g} is wanted: "
                "ask for less, or leave it out."
            )
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            below = self.changes(middle, region)[0] < inside
            low, high = (middle, high) if below else (low, middle)
        return (low + high) / 2

    def pictures(self, amount: float) -> bytes:
        """Samples below one another, frames from minus to plus the amount side by side: one PNG."""
        codes = self.source.batch(0, min(SHOWN, self.source.total))
        frames = []
        for place in range(FRAMES):
            frames.append(to_uint8(self.moved(codes, 0, amount * (2 * place / (FRAMES - 1) - 1))))
            self.ticket.check(note="rendering")
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
