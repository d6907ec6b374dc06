"""Moving codes: in which space, by how much, on which rows; and the images of the moved codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from higan_cases import LAYERS, direction, tiny
from PIL import Image

from gantk.codes.entries import Entry
from gantk.codes.source import CodeSource
from gantk.errors import UsageError
from gantk.generators.base import Generator, Truncation
from gantk.generators.stylegan3 import StyleGAN3, StyleGAN3Config
from gantk.higan.manipulation import manipulate
from gantk.higan.moving import check_edits, choose_rows, condition, motion, move, plan_edit, steps
from gantk.pictures.images import to_uint8
from gantk.runs.run import Run
from gantk.runs.stores import RunStore
from gantk.store.files import load_npy

PSI = Truncation(0.6, 4)


def begin(folder: Path) -> Any:
    return Run.begin(folder, "manipulate", {})


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny()


def moved(generator: Generator, entry: Entry, **settings: Any) -> tuple[Any, torch.Tensor]:
    source = CodeSource(generator, 3, seed=5, truncation=PSI)
    edit = plan_edit(entry, source, steps(-2, 2, 4), **settings)
    return edit, move(source.batch(0, 3), source, edit)


def test_moving_w_is_moving_every_truncated_row_by_psi(generator: Generator) -> None:
    entry = Entry("red", direction("red"))
    plain, w = moved(generator, entry)
    layered, wp = moved(generator, entry, layerwise=True)
    assert plain.space == "w" and layered.space == "wp"
    expanded = generator.expand(w.flatten(0, 1), PSI).reshape(wp.shape)
    assert torch.allclose(expanded, wp, atol=1e-6)
    _, bare = moved(generator, entry, layerwise=True, compensate=False)
    assert (bare - wp).abs()[:, 0, :4].max() > 0.1


def test_only_the_chosen_rows_move(generator: Generator) -> None:
    for space in ("w", "wp"):
        edit, wp = moved(generator, Entry("red", direction("red", space)), rows="1,8x8/conv1")
        base = CodeSource(generator, 3, seed=5, truncation=PSI).batch(0, 3).wp
        change = (wp - base[:, None]).abs().amax(dim=(0, 1, 3))
        assert edit.layers == (1, 2) and [bool(c > 0) for c in change] == [False, True, True, False, False, False]
    assert choose_rows(None, (2, 3), generator) == (2, 3)  # the direction's own
    assert choose_rows("0", (2, 3), generator) == (0,)  # the caller wins
    assert choose_rows("all", (2, 3), generator) == tuple(range(LAYERS))
    with pytest.raises(UsageError, match="out of range"):
        choose_rows("2-9", None, generator)
    with pytest.raises(UsageError, match="feeds every layer"):
        moved(generator, Entry("blue", direction("blue", "z")), rows="1")


def test_steps_are_what_was_asked_for() -> None:
    assert steps(-3, 3, 7) == (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
    assert steps(-1, 1, 4) == pytest.approx((-1, -1 / 3, 1 / 3, 1))  # even counts are kept
    assert steps(-8, 2, 1) == (-8.0,)
    assert 0.0 in steps(-0.3, 0.3, 7)
    with pytest.raises(UsageError, match="finite"):
        steps(-1, float("nan"), 3)


def test_images_are_those_of_the_moved_codes(generator: Generator, tmp_path: Path) -> None:
    chosen = [("red", "w", 0), ("green", "wp", 1), ("blue", "z", 2)]
    rows = {"red": (2, 3), "green": None, "blue": None}
    directions = [direction(name, space, seed, layers=rows[name]) for name, space, seed in chosen]
    with begin(tmp_path) as run:
        result = manipulate(
            generator, directions, num=5, seed=5, truncation="0.6:4", start_distance=-2, end_distance=2, step=3,
            batch_size=4, store=RunStore(run),
        )  # fmt: skip
    assert [(move.walk.space, move.walk.rows) for move in result.moved] == [("wp", (2, 3)), ("wp", None), ("z", None)]
    for edit in result.moved:
        codes = torch.from_numpy(np.array(edit.codes))
        assert codes.shape[:2] == (5, 3)
        for n in range(5):
            wp = codes[n]
            if edit.walk.space == "z":
                wp = generator.expand(generator.map(wp), PSI)
            elif edit.walk.space == "w":
                wp = generator.expand(wp, PSI)
            expected = to_uint8(generator.synthesize(wp))
            for step in range(3):
                with Image.open(tmp_path / "images" / f"{edit.prefix}_{n:05d}_{step:03d}.png") as opened:
                    assert np.abs(np.asarray(opened).astype(int) - expected[step]).max() <= 1
    z = torch.from_numpy(load_npy(tmp_path / "manipulate_z.npy"))
    middle = torch.from_numpy(load_npy(tmp_path / "blue_z_manipulated_z.npy"))[:, 1]
    assert torch.equal(z, middle)  # distance 0 is the sample as drawn, exactly


def test_an_absolute_distance_is_one_from_the_boundary(generator: Generator) -> None:
    entry = Entry("red", direction("red", intercept=0.25))
    _, w = moved(generator, entry, absolute=True)
    signed = w @ torch.from_numpy(entry.direction.vectors[0]) + 0.25
    assert torch.allclose(signed, torch.tensor([-2, -2 / 3, 2 / 3, 2]).expand(3, 4), atol=1e-5)
    source = CodeSource(generator, 1, truncation=PSI)
    with pytest.raises(UsageError, match="absolute"):
        check_edits(source, [plan_edit(entry, source, (1.0,), "0-2", absolute=True)])


def test_conditions_keep_others_still() -> None:
    entry = condition(
        Entry("red", direction("red")), [Entry("a", direction("a", seed=7)), Entry("b", direction("b", seed=8))]
    )
    for seed in (7, 8):
        assert abs(float(entry.direction.vectors[0] @ direction("x", seed=seed).vectors[0])) < 1e-6
    with pytest.raises(UsageError, match="same space"):
        condition(Entry("red", direction("red")), [Entry("blue", direction("blue", "z"))])


def test_styles_can_be_moved(generator: Generator, tmp_path: Path) -> None:
    source = CodeSource(generator, 2, truncation=PSI)
    styles = generator.styles(source.batch(0, 2).wp)
    width = sum(style.shape[1] for style in styles)
    vectors = np.random.default_rng(0).standard_normal((1, width)).astype(np.float32)
    styled = direction("s").replace(space="s", vectors=vectors)
    with begin(tmp_path) as run:
        manipulate(
            generator, styled, num=2, truncation="0.6:4", start_distance=-1, end_distance=1, step=3, batch_size=2,
            store=RunStore(run),
        )  # fmt: skip
    expected = to_uint8(generator.synthesize(styles))
    for n in range(2):
        with Image.open(tmp_path / "images" / f"s_s_{n:05d}_001.png") as opened:
            assert np.abs(np.asarray(opened).astype(int) - expected[n]).max() <= 1


def test_motion_is_for_stylegan3(generator: Generator, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="StyleGAN3"):
        motion(15, (0.0, 0.0), generator)
    assert motion(0, (0.0, 0.0), generator) is None
    config = StyleGAN3Config.designed(
        16, "t", num_layers=4, num_critical=1, channel_base=64, channel_max=4, z_dim=4, w_dim=4
    )
    network = StyleGAN3(config).eval()
    matrix = motion(90, (0.25, -0.5), network)
    assert matrix == pytest.approx(np.array([[0, 1, 0.25], [-1, 0, -0.5], [0, 0, 1]]))
    source = CodeSource(network, 1)
    along = direction("a").replace(vectors=np.eye(4, dtype=np.float32)[:1])
    with begin(tmp_path) as run:
        manipulate(
            network, along, num=1, rotate=90.0, translate=(0.25, -0.5), start_distance=-1, end_distance=0, step=2,
            rows="2-3", store=RunStore(run),
        )  # fmt: skip
    still = to_uint8(network.synthesize(source.batch(0, 1).wp))[0].astype(int)
    turned = to_uint8(network.synthesize(source.batch(0, 1).wp, transform=torch.tensor(matrix, dtype=torch.float32)))[0]
    with Image.open(tmp_path / "images" / "a_w_00000_001.png") as opened:
        assert np.abs(np.asarray(opened).astype(int) - turned).max() <= 1
    assert np.abs(still - turned).max() > 5
