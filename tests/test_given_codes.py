"""Codes that are given: arrays, tensors, results, files, and what cannot be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from higan_cases import tiny

import gantk
from gantk.codes.entries import Entry, entries_of
from gantk.codes.given import GivenCodes, given_codes
from gantk.errors import GantkError, UsageError
from gantk.runs.inputs import CodesInputs, SampleOptions
from gantk.store.fingerprint import fingerprint


def test_codes_of_every_kind() -> None:
    generator = tiny()
    spec = generator.spec
    w = GivenCodes(np.ones((5, spec.w_dim), np.float32), "w")
    assert given_codes(generator, None) is None and given_codes(generator, w) is w
    assert w[:2].space == "w" and len(w[:2]) == 2 and np.asarray(w[:2]).shape == (2, spec.w_dim)
    assert w[1].shape == (1, spec.w_dim)
    wp = given_codes(generator, torch.zeros(3, spec.num_layers, spec.wp_dim))
    assert wp is not None and wp.space == "wp" and len(wp) == 3
    alone = given_codes(generator, GivenCodes(np.zeros((spec.num_layers, spec.wp_dim)), "wp"))
    assert alone is not None and alone.shape == (1, spec.num_layers, spec.wp_dim)


def test_a_result_that_carries_codes() -> None:
    @dataclass
    class Carrier:
        codes: GivenCodes

    generator = tiny()
    codes = GivenCodes(np.ones((5, generator.spec.w_dim), np.float32), "w")
    source = SampleOptions(num=3).source(generator, Carrier(codes))
    assert source.total == 3 and source.spaces == ("w", "wp")
    assert SampleOptions().source(generator, drawn=7).total == 7
    assert SampleOptions().source(generator, codes, drawn=7).total == 5


def test_what_cannot_be_told_is_asked() -> None:
    generator = tiny()
    spec = generator.spec
    if spec.z_dim == spec.w_dim:
        with pytest.raises(UsageError, match="GivenCodes"):
            given_codes(generator, np.ones((5, spec.w_dim), np.float32))
    with pytest.raises(GantkError, match=r"\[N, "):
        given_codes(generator, GivenCodes(np.ones((5, spec.w_dim + 1), np.float32), "w"))
    with pytest.raises(UsageError, match="give one of z, w, wp"):
        GivenCodes(np.ones((5, 4), np.float32), "q")
    with pytest.raises(UsageError, match="give an array"):
        given_codes(generator, "w.npy")


class OnlyCodes(CodesInputs):
    def load(self, options: object) -> dict[str, object]:
        return {}


def test_the_fingerprint_is_of_the_contents(tmp_path: Path) -> None:
    path = tmp_path / "w.npy"
    generator = tiny()
    width = generator.spec.w_dim
    np.save(path, np.ones((5, width), np.float32))
    inputs = OnlyCodes(model="x", latent_codes_path=str(path))
    first = fingerprint(inputs.codes(generator))  # w by the file's name
    assert first == fingerprint(GivenCodes(np.ones((5, width), np.float32), "w", "elsewhere"))
    assert first != fingerprint(GivenCodes(np.ones((5, width), np.float32), "z"))
    changed = np.ones((5, width), np.float32)
    changed[2, 2] = 2
    np.save(path, changed)
    assert first != fingerprint(inputs.codes(generator))
    assert OnlyCodes(model="x").codes(generator) is None
    with pytest.raises(GantkError, match="does not exist"):
        OnlyCodes(model="x", latent_codes_path=str(tmp_path / "no.npy")).codes(generator)


def test_directions_of_every_kind() -> None:
    @dataclass
    class Carrier:
        direction: gantk.Direction

    several = gantk.Direction("pose", "direction", "w", np.eye(3, 4, dtype=np.float32))
    assert [entry.title for entry in entries_of(several)] == ["pose_00", "pose_01", "pose_02"]
    assert [entry.number for entry in entries_of([Carrier(several)])] == [0, 1, 2]
    single = several.replace(name="age", vectors=several.vectors[:1])
    assert [entry.title for entry in entries_of([Entry("x", single), single])] == ["x", "age"]
    with pytest.raises(UsageError, match="both name"):
        entries_of([single, single])
    with pytest.raises(UsageError, match="no direction"):
        entries_of(["age"])
    with pytest.raises(UsageError, match="No direction"):
        entries_of([])
