"""The renderer of the bundled world behind the Generator contract: a network whose every factor is known exactly.

How a code becomes a picture:

    w = Q z                               Q a fixed random rotation, so that no single number of z or w means anything
    a = Q^T wp_l                          for row l: the rotation undone; row l then only uses the columns it carries
    u = Phi(a)                            the normal distribution function: normal codes give uniform factors
    factor = low + (high - low) u         and the nuisance is u itself; `render` draws them

So the factor f of a code is a monotone function of one projection, q_f . w with q_f a column of Q. That makes a linear
boundary exactly right: {w : factor f > value} is the half space q_f . w > level(f, value), for every value; and moving
along q_f changes f and nothing else, at every code, because the columns are orthogonal. What is not linear is the size
of the step: d factor / d distance is the normal density at q_f . w, so factors saturate softly at the ends of their
ranges instead of leaving them. In `wp` the same holds for the one row that carries f (ROWS, `row_of_factor`), and no
other row has any influence on it. Space s has the numbers a themselves.

Shape legend: N samples, L rows of wp (8), D width of z and w (31), F factors (11), M nuisance numbers (20),
K classes (10), H x W pixels. Columns 0 .. F-1 of the rotation belong to the factors, F .. D-1 to the nuisance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from gantk.errors import GantkError, UsageError, suggestion
from gantk.generators.base import Generator, GeneratorSpec, Layer, Options, State, Styles
from gantk.generators.labels import label_matrix
from gantk.generators.spec import Config
from gantk.store.seeding import random_normal
from gantk.world.renderer import CLASSES, FACTOR_NAMES, FACTORS, NUISANCE_DIM, Render, render

CODE_DIM = len(FACTORS) + NUISANCE_DIM


@dataclass(frozen=True)
class Row:
    """What one row of `wp` carries: a name, the factors, and the columns of the nuisance."""

    name: str
    factors: tuple[str, ...]
    nuisance: tuple[int, ...] = ()

    @property
    def columns(self) -> list[int]:
        """Columns of the rotation, factors first."""
        return [FACTOR_NAMES.index(name) for name in self.factors] + [len(FACTORS) + i for i in self.nuisance]


# Layout before objects before attributes, as in the generators this stands for. The class masks are complete after
# row 4: what comes later changes colours only.
ROWS = (
    Row("sky", (), (0, 1, 2)),  # places of the sun and the mountains
    Row("land", ("horizon", "mountain")),
    Row("house", ("house_x", "house_size")),
    Row("trees", ("trees", "tree_size"), tuple(range(12, 20))),
    Row("mask", ("clouds",), tuple(range(3, 12))),
    Row("time", ("time_of_day",)),
    Row("season", ("season",)),
    Row("image", ("material", "window_light")),
)
MASK_ROW, IMAGE_ROW = 4, len(ROWS) - 1


def row_of_factor(name: str) -> int:
    """The row of `wp` that alone carries a factor: layout 1 and 2, objects 3 and 4, attributes 5 to 7."""
    for index, row in enumerate(ROWS):
        if name in row.factors:
            return index
    raise UsageError(f"{name!r} is no factor of the bundled world.{suggestion(name, FACTOR_NAMES)}")


@dataclass(frozen=True)
class DemoOracleConfig(Config):
    """`seed` is that of the rotation."""

    resolution: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        if self.resolution < 8:
            raise GantkError(f"the bundled world cannot be drawn at {self.resolution} pixels; 8 is the least")


@lru_cache
def _rotation(seed: int) -> Tensor:
    """An orthogonal matrix [D, D], uniformly drawn (Mezzadri 2007: the signs of R's diagonal moved into Q)."""
    q, r = np.linalg.qr(random_normal(CODE_DIM, CODE_DIM, seed=seed, stream="rotation").astype(np.float64))
    return torch.from_numpy(q * np.sign(np.diag(r)))


class DemoOracle(Generator):
    """The generator. It has no weights, no noise, no labels; it is differentiable in its codes, twice, in any mode."""

    config: DemoOracleConfig
    config_class = DemoOracleConfig

    def __init__(self, config: DemoOracleConfig):
        super().__init__()
        self.config = config
        self.register_buffer("rotation", _rotation(config.seed).float())
        self.register_buffer("w_avg", torch.zeros(CODE_DIM))  # exact: the codes are normal around zero
        self.rotation: Tensor
        size = config.resolution
        self.layers = tuple(
            Layer(
                index,
                f"{size}x{size}/{row.name}",
                size,
                3 if index == IMAGE_ROW else len(CLASSES),
                row=index,
                style_dim=len(row.columns),
                has_map=index in (MASK_ROW, IMAGE_ROW),
                is_rgb=index == IMAGE_ROW,
            )
            for index, row in enumerate(ROWS)
        )
        self.spec = GeneratorSpec(
            family="demo-oracle",
            resolution=size,
            image_channels=3,
            z_dim=CODE_DIM,
            w_dim=CODE_DIM,
            wp_dim=CODE_DIM,
            label_dim=0,
            num_layers=len(ROWS),
            normalizes_z=False,
        )

    def map(self, z_ND: Tensor, label: Tensor | None = None) -> Tensor:
        self._check_width("z", z_ND, CODE_DIM)
        label_matrix(self.spec, label, z_ND.shape[0], z_ND)
        return z_ND @ self.rotation.t()

    def styles(self, wp_NLD: Tensor) -> Styles:
        self._check_wp(wp_NLD)
        return tuple(wp_NLD[:, index] @ self.rotation[:, row.columns] for index, row in enumerate(ROWS))

    def _run(
        self, codes: Styles, options: Options, taps: frozenset[str], start: State | None, stop: int | None
    ) -> tuple[Tensor | None, dict[str, Tensor], State]:
        """The state is the numbers of the rows so far, side by side: drawing waits until something is to be seen."""
        begin = 0 if start is None else start.index
        end = len(ROWS) if stop is None else stop
        parts = list(codes[begin:end]) if start is None or start.x is None else [start.x, *codes[begin:end]]
        numbers = torch.cat(parts, 1) if parts else codes[0][:, :0]
        state = State(end, numbers)
        mask, image = self.layers[MASK_ROW], self.layers[IMAGE_ROW]
        wanted = [layer for layer in (mask, image) if layer.name in taps and begin <= layer.index < end]
        if stop is not None and not wanted:
            return None, {}, state
        drawn = self._draw(numbers)
        maps = {layer.name: drawn.image_NCHW if layer.is_rgb else drawn.mask_NKHW for layer in wanted}
        return (drawn.image_NCHW if stop is None else None), maps, state

    def _draw(self, numbers: Tensor) -> Render:
        """Scenes from the numbers of the first rows; what later rows would say does not reach the masks."""
        factors_NF, nuisance_NM = self._scene(numbers)
        return render(factors_NF, nuisance_NM, self.config.resolution)

    def _scene(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        order = [column for row in ROWS for column in row.columns]
        missing = CODE_DIM - numbers.shape[1]
        padded = torch.cat([numbers, numbers.new_zeros(numbers.shape[0], missing)], 1) if missing else numbers
        uniform = normal_cdf(padded[:, [order.index(column) for column in range(CODE_DIM)]])
        low = uniform.new_tensor([factor.low for factor in FACTORS])
        high = uniform.new_tensor([factor.high for factor in FACTORS])
        return low + (high - low) * uniform[:, : len(FACTORS)], uniform[:, len(FACTORS) :]

    # --- the truth ---------------------------------------------------------------------------------------------

    def factors(self, wp: Tensor | Styles) -> Tensor:
        """The exact factors [N, F] of codes wp [N, L, D] (or w [N, D], or styles), each in its own range; counts are
        continuous.

        The columns are FACTOR_NAMES; differentiable.
        """
        return self.scene(wp)[0]

    def scene(self, wp: Tensor | Styles) -> tuple[Tensor, Tensor]:
        """Factors [N, F] and nuisance [N, M], as `render` takes them."""
        styles = self.styles(self._rows(wp)) if isinstance(wp, Tensor) else wp
        return self._scene(torch.cat(styles, 1))

    def true_masks(self, wp: Tensor) -> Tensor:
        """The share of each pixel that each class covers, [N, K, H, W], sum 1; the columns are CLASSES."""
        return self._draw(torch.cat(self.styles(self._rows(wp)), 1)).mask_NKHW

    def factor_direction_w(self, name: str) -> Tensor:
        """The unit vector [D] in w along which this factor grows and nothing else changes; the same at every code."""
        row_of_factor(name)  # refuses what is no factor
        return self.rotation[:, FACTOR_NAMES.index(name)]

    def factor_level(self, name: str, value: float) -> float:
        """Where along `factor_direction_w(name)` the factor has this value: factor > value just where q . w > level."""
        row_of_factor(name)
        factor = FACTORS[FACTOR_NAMES.index(name)]
        share = (value - factor.low) / (factor.high - factor.low)
        if not 0 < share < 1:
            raise UsageError(f"{name} {value} is not strictly between {factor.low} and {factor.high}")
        return torch.special.ndtri(torch.tensor(share, dtype=torch.float64)).item()

    def codes_of(self, factors_NF: Tensor, nuisance_NM: Tensor) -> Tensor:
        """w [N, D] of given scenes: the exact inversion. Values are kept 1e-6 of their range away from its ends."""
        low = factors_NF.new_tensor([factor.low for factor in FACTORS])
        high = factors_NF.new_tensor([factor.high for factor in FACTORS])
        uniform = torch.cat([(factors_NF - low) / (high - low), nuisance_NM], 1).clamp(1e-6, 1 - 1e-6)
        return torch.special.ndtri(uniform.double()).to(uniform.dtype) @ self.rotation.t()

    def _rows(self, wp: Tensor) -> Tensor:
        if wp.ndim == 2:
            return self.expand(wp)
        if wp.shape[1:] != (len(ROWS), CODE_DIM):
            raise UsageError(f"codes of shape {list(wp.shape)} do not fit: [N, {len(ROWS)}, {CODE_DIM}] is expected")
        return wp


def normal_cdf(x: Tensor) -> Tensor:
    """Phi(x), through erf, which every kind of differentiation knows."""
    return 0.5 * (1 + torch.erf(x * (1 / math.sqrt(2))))


def oracle_generator() -> DemoOracle:
    oracle = DemoOracle(DemoOracleConfig()).eval()
    oracle.source = "bundled"
    return oracle
