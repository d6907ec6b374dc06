"""Probes: the same network passes, another does not."""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import Any

import pytest
import torch
from generator_cases import TINY, tiny

from gantk.errors import GantkError
from gantk.generators.probe import TOLERANCE, Probe


@pytest.mark.parametrize("name", list(TINY))
def test_a_network_knows_itself(name: str) -> None:
    generator = tiny(name)
    mine = generator.fingerprint()
    text = json.dumps(mine.to_dict())
    assert len(text) < 3000
    assert Probe.from_dict(json.loads(text)) == mine
    assert generator.fingerprint() == mine
    assert mine.difference(mine) is None
    rounded = copy.deepcopy(generator)
    for value in (*rounded.parameters(), *rounded.buffers()):
        if value.is_floating_point():
            value.copy_(value.half().float())
    assert mine.matches(rounded.fingerprint()), "a file kept in half precision is the same network"
    if generator.spec.half_precision:
        assert mine.matches(generator.set_precision("bfloat16").fingerprint())


def test_others_are_told_apart() -> None:
    generator = tiny("stylegan2-skip")
    mine = generator.fingerprint()
    assert "family" in (mine.difference(tiny("demo-oracle").fingerprint()) or "")
    assert "num_layers is 9 and not 6" in (mine.difference(dataclasses.replace(mine, num_layers=9)) or "")
    mapping, picture, other = (copy.deepcopy(generator) for _ in range(3))
    mapping.get_parameter("mapping.dense1.weight").mul_(1.1)
    assert "codes w differ" in (mine.difference(mapping.fingerprint()) or "")
    picture.get_parameter("synthesis.b16.torgb.bias").add_(0.2)
    assert "samples differ" in (mine.difference(picture.fingerprint()) or "")
    torch.nn.init.normal_(other.get_parameter("mapping.dense0.weight"), std=100.0)
    assert not mine.matches(other.fingerprint())
    assert mine.matches(other.fingerprint(), tolerance=10.0)
    assert TOLERANCE < 0.05


def test_order_does_not_matter() -> None:
    generator = tiny("stylegan2-skip")
    mine = generator.fingerprint()
    generator.get_parameter("mapping.dense1.weight").mul_(1.001)
    theirs = generator.fingerprint()
    assert mine != theirs
    assert mine.matches(theirs) and theirs.matches(mine)


@pytest.mark.parametrize(
    "damage",
    [{"w_mean": None}, {"w_std": [1.0, None]}, {"thumbnails": "!"}, {"thumbnail_shape": [1, 2]}, {"colour": 1}, {}],
)
def test_damaged_probes_are_refused(damage: dict[str, Any]) -> None:
    mine = tiny("stylegan2-skip").fingerprint().to_dict()
    broken = {**mine, **damage}
    if not damage:
        del broken["w_dim"]
    with pytest.raises(GantkError, match="damaged"):
        Probe.from_dict(broken)
