"""Probes: the same network passes, another does not."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import torch
from generator_cases import TINY, tiny

from gantk.errors import GantkError
from gantk.generators.probe import TOLERANCE, matches, mismatch, probe


@pytest.mark.parametrize("name", list(TINY))
def test_a_network_knows_itself(name: str) -> None:
    generator = tiny(name)
    mine = probe(generator)
    text = json.dumps(mine)
    assert len(text) < 3000
    assert json.loads(text) == mine
    assert probe(generator) == mine
    assert mismatch(mine, mine) is None
    rounded = copy.deepcopy(generator)
    for value in (*rounded.parameters(), *rounded.buffers()):
        if value.is_floating_point():
            value.copy_(value.half().float())
    assert matches(mine, probe(rounded)), "a file kept in half precision is the same network"
    if generator.spec.half_precision:
        assert matches(mine, probe(generator.set_precision("bfloat16")))


def test_others_are_told_apart() -> None:
    generator = tiny("stylegan2-skip")
    mine = probe(generator)
    assert "family" in (mismatch(mine, probe(tiny("demo-oracle"))) or "")
    assert "num_layers is 9 and not 6" in (mismatch(mine, {**mine, "num_layers": 9}) or "")
    mapping, picture, other = (copy.deepcopy(generator) for _ in range(3))
    mapping.get_parameter("mapping.dense1.weight").mul_(1.1)
    assert "codes w differ" in (mismatch(mine, probe(mapping)) or "")
    picture.get_parameter("synthesis.b16.torgb.bias").add_(0.2)
    assert "samples differ" in (mismatch(mine, probe(picture)) or "")
    torch.nn.init.normal_(other.get_parameter("mapping.dense0.weight"), std=100.0)
    assert not matches(mine, probe(other))
    assert matches(mine, probe(other), tolerance=10.0)
    assert TOLERANCE < 0.05


def test_order_does_not_matter() -> None:
    generator = tiny("stylegan2-skip")
    mine = probe(generator)
    generator.get_parameter("mapping.dense1.weight").mul_(1.001)
    theirs = probe(generator)
    assert mine != theirs
    assert matches(mine, theirs) and matches(theirs, mine)


@pytest.mark.parametrize(
    "damage",
    [{"w_mean": None}, {"w_std": [1.0, None]}, {"thumbnails": "!"}, {"thumbnail_shape": [1, 2]}, {}],
)
def test_damaged_probes_are_refused(damage: dict[str, Any]) -> None:
    mine = probe(tiny("stylegan2-skip"))
    broken = {**mine, **damage}
    if not damage:
        del broken["w_dim"]
    with pytest.raises(GantkError, match="damaged"):
        mismatch(mine, broken)
