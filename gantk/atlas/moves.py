"""What the yardstick measures: a way to change samples by a strength, whatever it is made of.

A direction of z, w, wp or s changes the codes, a direction of a weight the network; both answer `images`, so that they
are measured alike. `unit` is a strength to begin a search from, `reach` one beyond which nothing is tried.

Legend: N samples, L rows of wp, D width of a code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from gantk.codes.directions import Direction
from gantk.codes.given import GivenCodes
from gantk.errors import UsageError
from gantk.generators.base import Generator, Truncation, WpOrStyles
from gantk.runs.walks import moved_codes

REACH = 4.0  # standard deviations of the codes along a direction: further out no code is met
WEIGHT_UNIT, WEIGHT_REACH = 0.1, 1.0  # of the weight's own length
SPREAD_CODES = 512
WEIGHTS = "weights"  # the space of a direction that moves the network

Rows = Sequence[int] | None
Codes = WpOrStyles


@dataclass(frozen=True, eq=False)
class Samples:
    """Codes to try moves on, truncated as the user will; never those that a direction was found on.

    Attributes:
        z_ND: where it is known; directions of z need it.
        wp_NLD: after truncation.
        label: of a conditional network.
        batch_size: images at a time.
    """

    generator: Generator
    wp_NLD: Tensor
    z_ND: Tensor | None = None
    truncation: Truncation | None = None
    label: Tensor | None = None
    batch_size: int = 16

    def __len__(self) -> int:
        return len(self.wp_NLD)

    def part(self, start: int, stop: int) -> Samples:
        """Samples start .. stop - 1."""
        cut = slice(start, stop)
        z_ND, label = (None if value is None else value[cut] for value in (self.z_ND, self.label))
        return replace(self, wp_NLD=self.wp_NLD[cut], z_ND=z_ND, label=label)

    def images(self) -> Tensor:
        """As they are, [N, C, H, W]."""
        return self.generator.synthesize(self.wp_NLD)


def draw_samples(
    generator: Generator,
    num: int,
    seed: int = 0,
    truncation: Truncation | None = None,
    batch_size: int = 16,
    start: int = 0,
    listed: GivenCodes | None = None,
) -> Samples:
    """Samples start .. start + num - 1 of a seed, or of the z listed; of seeded classes where there are some."""
    with torch.no_grad():
        num = num if listed is None else len(listed)
        z_ND = generator.sample_z(num, seed=seed, start=start)
        if listed is not None:
            z_ND = torch.from_numpy(np.array(listed.array)).to(z_ND)
        label = generator.sample_label(num, seed=seed, start=start)
        wp_NLD = generator.expand(generator.map(z_ND, label), truncation).contiguous()
    return Samples(generator, wp_NLD, z_ND, truncation, label, batch_size)


class Move(Protocol):
    """A way to change samples by a strength.

    Attributes:
        name: unique in an atlas.
        system: that found it.
        space: z, w, wp or s, or `WEIGHTS`.
        unit: a strength worth trying first.
        reach: no strength beyond it is tried.
        rows: of wp that it changes; a move that can be confined to some of them says so by `splits`.
        splits: whether `images` takes `rows`.
    """

    @property
    def name(self) -> str: ...
    @property
    def system(self) -> str: ...
    @property
    def space(self) -> str: ...
    @property
    def unit(self) -> float: ...
    @property
    def reach(self) -> float: ...
    @property
    def rows(self) -> tuple[int, ...]: ...
    @property
    def splits(self) -> bool: ...

    def codes(self, samples: Samples, strength_N: Tensor, rows: Rows = None) -> Codes | None:
        """The codes of the moved samples: wp or styles; None where the network is what moves."""

    def images(self, samples: Samples, strength_N: Tensor, rows: Rows = None) -> Tensor:
        """The images [N, C, H, W] of samples moved by a strength each, on some rows of wp only if so asked."""


@dataclass(frozen=True, eq=False)
class DirectionMove:
    """One vector of a direction of z, w, wp or s."""

    name: str
    system: str
    direction: Direction
    pick: int
    rows: tuple[int, ...]
    unit: float
    reach: float
    splits: bool = True

    @property
    def space(self) -> str:
        return self.direction.space

    def codes(self, samples: Samples, strength_N: Tensor, rows: Rows = None) -> Codes:
        if self.space == "z" and samples.z_ND is None:
            raise UsageError(f"The direction {self.name!r} is one of z, and the samples' z is not known: draw them.")
        generator, wp_NLD = samples.generator, samples.wp_NLD
        moved: Codes = moved_codes(
            generator, self.direction, self.pick, strength_N, samples.z_ND, wp_NLD, samples.truncation, samples.label
        )
        if rows is None:
            return moved
        if isinstance(moved, Tensor):
            kept = torch.zeros(wp_NLD.shape[1], 1, dtype=torch.bool, device=wp_NLD.device)
            kept[list(rows)] = True
            return torch.where(kept, moved, wp_NLD)
        pairs = zip(generator.styled_layers, generator.styles(wp_NLD), moved, strict=True)
        return tuple(new if layer.row in rows else old for layer, old, new in pairs)

    def images(self, samples: Samples, strength_N: Tensor, rows: Rows = None) -> Tensor:
        return samples.generator.synthesize(self.codes(samples, strength_N, rows))


@dataclass(frozen=True, eq=False)
class WeightMove:
    """A direction of one convolution's weight [O, I, K, K]; the strength is the length of the change.

    It changes one layer, so that there are no rows to choose among.
    """

    name: str
    system: str
    generator: Generator
    layer: str
    delta_OIKK: Tensor
    rows: tuple[int, ...]
    unit: float
    reach: float
    splits: bool = False

    @property
    def space(self) -> str:
        return WEIGHTS

    def codes(self, samples: Samples, strength_N: Tensor, rows: Rows = None) -> None:
        return None

    def images(self, samples: Samples, strength_N: Tensor, rows: Rows = None) -> Tensor:
        deltas: dict[str | int, tuple[Tensor, Tensor | float]] = {self.layer: (self.delta_OIKK, strength_N)}
        return samples.generator.synthesize(samples.wp_NLD, weight_deltas=deltas)


def moves_of(generator: Generator, direction: Direction, system: str) -> Iterator[DirectionMove]:
    """Every vector of a direction as a move; its unit is one standard deviation of the codes along it.

    Raises:
        GantkError: it belongs to another network.
    """
    from gantk.codes.kept_directions import check_generator

    check_generator(direction, generator)
    spread_K = _spreads(generator, direction)
    if direction.space == "s":
        styled = generator.styled_layers
        cuts = np.cumsum([layer.style_dim for layer in styled])[:-1]
    for pick, spread in enumerate(spread_K):
        title = direction.name if len(direction) == 1 else f"{direction.name}:{pick}"
        if direction.space == "s":
            touched = [part.any() for part in np.split(direction.vectors[pick], cuts)]
            chosen = range(len(styled)) if direction.layers is None else direction.layers
            places = [place for place in chosen if touched[place]]
            rows = tuple(sorted({number for place in places if (number := styled[place].row) is not None}))
        elif direction.space == "z":
            rows = tuple(range(generator.spec.num_layers))
        else:
            rows = tuple(direction.layers or range(generator.spec.num_layers))
            if direction.space == "wp":
                rows = tuple(part for part in rows if direction.vectors[pick, part].any())
        splits = len(rows) > 1
        yield DirectionMove(title, system, direction, pick, rows, float(spread), float(REACH * spread), splits)


def weight_moves(
    generator: Generator, layer: str, deltas: Sequence[Tensor], system: str, name: str
) -> list[WeightMove]:
    """Directions of a convolution's weight as moves, each brought to length one."""
    part = generator.layer(layer)
    if part.weight is None:
        raise UsageError(f"The layer {part.name} has no convolution weight to move.")
    length = float(generator.get_parameter(part.weight).norm())
    rows = () if part.row is None else (part.row,)
    return [
        WeightMove(
            f"{name}:{index}", system, generator, part.name, delta / delta.norm(), rows, WEIGHT_UNIT * length,
            WEIGHT_REACH * length,
        )
        for index, delta in enumerate(deltas)
    ]  # fmt: skip


def _spreads(generator: Generator, direction: Direction) -> np.ndarray[Any, Any]:
    """Of each vector, the strength that moves codes by one standard deviation of theirs along it, [K].

    Along v, codes x have the coordinate x.v / |v|^2 in units of v; of wp and s only what the direction moves counts.
    """
    vectors = direction.vectors.reshape(len(direction), -1).astype(np.float64)
    with torch.no_grad():
        z_ND = generator.sample_z(SPREAD_CODES, seed=0)
        label = generator.sample_label(SPREAD_CODES, seed=0)
        if direction.space == "z":
            code_ND = z_ND
        else:
            code_ND = generator.map(z_ND, label)
            if direction.space in ("wp", "s"):
                wp_NLD = generator.expand(code_ND)
                code_ND = wp_NLD.flatten(1)
                if direction.space == "s":
                    code_ND = torch.cat([style.flatten(1) for style in generator.styles(wp_NLD)], 1)
    along_NK = code_ND.double().cpu().numpy() @ vectors.T / np.square(vectors).sum(1)
    spread_K = along_NK.std(0)
    whole = float(code_ND.double().std()) / np.maximum(np.linalg.norm(vectors, axis=1), 1e-30)
    return np.where(spread_K > 1e-6 * whole, spread_K, whole)


def code_space(generator: Generator) -> Literal["w", "z"]:
    """w, or z where w is hardly more."""
    return "w" if generator.spec.can_truncate and "w" in generator.spec.spaces else "z"


def random_moves(generator: Generator, count: int, seed: int = 0) -> list[DirectionMove]:
    """Random unit steps of w, or of z where w is hardly more: what found directions are compared with."""
    from gantk.store.seeding import random_normal

    space = code_space(generator)
    (width,) = generator.spec.code_shape(space)
    vectors = random_normal(count, width, seed=seed, stream="atlas-random").astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    direction = Direction("random", "direction", space, vectors.astype(np.float32))
    return list(moves_of(generator, direction, "random"))
