"""Layer lists, truncation as text, and the sphere."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gantk.codes.latents import normalize_sphere, parse_truncation
from gantk.errors import UsageError
from gantk.generators.base import Truncation
from gantk.generators.rows import parse_layers

NAMES = {"4x4/conv1": 0, "8x8/conv0": 1, "8x8/torgb": None}


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        (None, tuple(range(14))),
        ("0", (0,)),
        ("6-11", (6, 7, 8, 9, 10, 11)),
        ("0-3,7", (0, 1, 2, 3, 7)),
        (" 3 - 5 , 1 ", (1, 3, 4, 5)),
        ("2,2,1-2", (1, 2)),
        ("13", (13,)),
        (5, (5,)),
        ([3, "1-2"], (1, 2, 3)),
        (range(2), (0, 1)),
        (np.array([4, 2]), (2, 4)),
        (np.int64(4), (4,)),
        ("8x8/conv0, 5", (1, 5)),
    ],
)
def test_layer_lists(text: Any, layers: tuple[int, ...]) -> None:
    assert parse_layers(text, 14, NAMES) == layers


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        (" ", "empty"),
        ((), "empty"),
        ("1,", "empty item"),
        (",", "empty item"),
        ("3-1", "reversed: write 1-3"),
        ("1-2-3", "'1-2-3'"),
        ("-1", "'-1'"),
        (-1, "Layer -1 .* 0 to 13"),
        ("a", "'a'"),
        ("1.0", "'1.0'"),
        ("14", "Layer 14 .* 0 to 13"),
        ("0-20", "Layer 20"),
        (True, "True"),
        ([1.5], "1.5"),
        ("8x8/conv1", "Did you mean '8x8/conv0'"),
        ("8x8/torgb", "no row of its own"),
    ],
)
def test_wrong_layer_lists_are_refused(text: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_layers(text, 14, NAMES)


@given(layers=st.sets(st.integers(0, 17), min_size=1))
def test_every_set_of_layers_can_be_written(layers: set[int]) -> None:
    ordered = sorted(layers)
    assert parse_layers(",".join(map(str, ordered)), 18) == tuple(ordered)
    runs: list[list[int]] = []
    for layer in ordered:
        if runs and layer == runs[-1][1] + 1:
            runs[-1][1] = layer
        else:
            runs.append([layer, layer])
    assert parse_layers(",".join(f"{first}-{last}" for first, last in reversed(runs)), 18) == tuple(ordered)


@given(text=st.text(alphabet="0123456789-, x", max_size=8))
def test_a_list_is_never_silently_everything(text: str) -> None:
    try:
        layers = parse_layers(text, 10)
    except UsageError:
        return
    assert layers and set(layers) <= set(range(10)) and list(layers) == sorted(set(layers))
    assert any(character.isdigit() for character in text)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_codes_on_the_sphere(kind: str) -> None:
    codes: Any = np.random.default_rng(0).normal(size=(5, 16)).astype(np.float32)
    codes[2] = 0
    scaled: Any = normalize_sphere(codes if kind == "numpy" else torch.from_numpy(codes))
    assert str(scaled.dtype).endswith("float32")
    norms = np.linalg.norm(np.asarray(scaled), axis=1)
    np.testing.assert_allclose(norms[[0, 1, 3, 4]], 4.0, rtol=1e-6)
    assert norms[2] == 0


def test_truncation_as_text() -> None:
    spec: Any = SimpleNamespace(truncation=Truncation(0.5, 18), num_layers=18)
    assert parse_truncation(None, spec) == Truncation(0.5, 18)
    assert parse_truncation("none", spec) is None
    assert parse_truncation("0.7", spec) == Truncation(0.7, None)
    assert parse_truncation("0.7:8", spec) == Truncation(0.7, 8)
    for text in ("", "a", "0.7:x", "nan", "inf", "1e21", "0.7:-1", "0.7,8"):
        with pytest.raises(UsageError, match="truncation"):
            parse_truncation(text, spec)
    with pytest.raises(UsageError, match="names 99 rows, and this generator has 18: give fewer, or 0.7 for all"):
        parse_truncation("0.7:99", spec)
