"""How far samples lie apart along a direction, and what its distances count in."""

from __future__ import annotations

import numpy as np
import pytest
from higan_cases import tiny

from gantk.codes.directions import Direction
from gantk.codes.spread import SAMPLES, spread_of, unit_of
from gantk.generators.base import Truncation


def along(space: str, vector: np.ndarray) -> Direction:
    return Direction("x", "direction", space, vector[None].astype(np.float32))


def test_a_distance_of_one_spread_moves_by_one_deviation_of_the_samples() -> None:
    generator = tiny()
    w_ND = generator.map(generator.sample_z(SAMPLES, seed=0)).detach().double().numpy()
    unit = np.eye(w_ND.shape[1])[2]
    assert spread_of(generator, along("w", unit)) == pytest.approx(w_ND[:, 2].std(), rel=1e-5)
    assert spread_of(generator, along("w", 4 * unit)) == pytest.approx(w_ND[:, 2].std() / 4, rel=1e-5)
    z = spread_of(generator, along("z", np.eye(generator.spec.z_dim)[0]))
    assert z is not None and 0.8 < z < 1.2


def test_rows_of_wp_have_the_deviation_after_truncation() -> None:
    generator, truncation = tiny(), Truncation(psi=0.5, layers=1)
    rows, width = generator.spec.num_layers, generator.spec.wp_dim
    direction = along("wp", np.repeat(np.eye(width)[:1], rows, axis=0))
    first, last = (spread_of(generator, direction, truncation=truncation, rows=[row]) for row in (0, rows - 1))
    assert first is not None and last is not None and first == pytest.approx(last / 2, rel=1e-4)


def test_no_spread_is_better_than_a_wrong_one() -> None:
    generator = tiny()
    direction = along("w", np.eye(generator.spec.w_dim)[0])
    assert spread_of(generator, direction, truncation=Truncation(psi=0.5), compensated=False) is None
    assert spread_of(generator, direction, truncation=Truncation(psi=0.5)) is not None


def test_units() -> None:
    w, wp, z = (along(space, np.ones(2)) for space in ("w", "w", "z"))
    assert unit_of(w) == "w before truncation" and unit_of(wp, compensated=False) == "w after truncation"
    assert unit_of(z) == "z"
