"""What lies between codes: grids that mix rows, and walks.

Shape legend: L rows of wp, D the width of a row.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from higan_cases import tiny
from PIL import Image

import gantk
from gantk.between import mix, walk
from gantk.between.paths import along, frame_times
from gantk.between.results import GAP, MixResult
from gantk.cli.main import run
from gantk.codes.given import GivenCodes
from gantk.codes.numbering import numbered_z
from gantk.errors import UsageError
from gantk.pictures.images import to_uint8
from gantk.runs.structure import Image as Picture
from gantk.store.channels import rgb


def wp_of(generator: gantk.Generator, seed: int) -> torch.Tensor:
    z = torch.from_numpy(numbered_z([seed], generator.spec.z_dim))
    return generator.expand(generator.map(z), generator.spec.truncation)


def test_a_mixture_is_the_chosen_rows_of_the_top() -> None:
    generator = tiny()
    result = mix(generator, left_seeds="5,6", top_seeds=(7, 8, 9), rows=("1-2", "0"))
    assert result.left == ("seed 5", "seed 6") and result.top == ("seed 7", "seed 8", "seed 9")
    assert [grid.spelled for grid in result.grids] == ["1-2", "0"]
    with torch.no_grad():
        wp = wp_of(generator, 6).clone()
        wp[:, 1:3] = wp_of(generator, 9)[:, 1:3]
        right = to_uint8(generator.synthesize(wp))[0].astype(int)
    assert np.abs(result.grids[0].images[5].array().astype(int) - right).max() <= 1
    whole = result.picture(result.grids[0])
    side = generator.spec.resolution
    assert whole.shape == (3 * side + 2 * GAP, 4 * side + 3 * GAP, 3) and (whole[:side, :side] == 255).all()
    np.testing.assert_array_equal(
        whole[-side:, -side:], np.broadcast_to(result.grids[0].images[5].array(), (side, side, 3))
    )


def test_sides_may_be_codes() -> None:
    generator = tiny()
    spec = generator.spec
    codes = GivenCodes(np.zeros((2, spec.num_layers, spec.wp_dim), np.float32), "wp")
    result = mix(generator, codes, top_seeds=3)
    assert result.left == ("code 0", "code 1") and result.top == ("seed 3",)
    assert not result.left_wp.any() and result.top_wp.shape == (1, spec.num_layers, spec.wp_dim)
    assert result.grids[0].rows == tuple(range(max(1, round(7 / 18 * spec.num_layers))))
    with pytest.raises(UsageError, match="left was given seeds, and codes too"):
        mix(generator, codes, left_seeds="1")


def test_mix_at_a_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    line = ["mix", "demo", "--row-seeds", "85", "--cols", "0,1", "--styles", "0-3", "--trunc", "0.7", "--outdir", "a"]
    assert run(line) == 0
    assert (
        "Rows 0-3 of wp are from the 2 codes at the top, the others from the left, in a grid of 1 by 2"
        in capsys.readouterr().out
    )
    with Image.open("a/mix_rows_0-3.png") as picture:
        assert picture.size == (3 * 64 + 2 * GAP, 2 * 64 + GAP)
    result = gantk.load_result("a/mix.result.json")
    assert isinstance(result, MixResult) and result.truncation == "0.7"
    np.save("w.npy", np.zeros((2, 10, gantk.load_generator("demo").spec.wp_dim), np.float32))
    for words, said in (
        (["--left", "x"], "write 0-31,85"),
        (["--rows", "12"], "12"),
        (["--left", "1", "--left-codes", "w.npy"], "leave one of the two out"),
        (["--left-codes", "none.npy"], "none.npy does not exist"),
        (["--label", "1"], "not conditional"),
    ):
        assert run(["mix", "demo", *words, "-o", "b"]) in (1, 2)
        assert said in capsys.readouterr().err
    assert run(["mix", "demo-pggan", "-o", "b"]) == 2
    assert "one row of wp" in capsys.readouterr().err


def test_paths_meet_their_keys() -> None:
    random = np.random.default_rng(0)
    keys = random.standard_normal((4, 3, 5))
    for kind in ("linear", "spherical", "spline"):
        for loop in (True, False):
            times = frame_times(4, 8, loop)
            assert len(times) == (32 if loop else 25)
            path = along(keys, times, kind, loop, 0.3)
            np.testing.assert_allclose(path[::8], keys, atol=1e-12)
            steps = np.abs(np.diff(path, axis=0, append=path[:1] if loop else path[-1:])).max((1, 2))
            assert steps.max() < np.abs(keys).max()  # no jump, at a loop's end neither
    middle = along(np.array([[3.0, 0.0], [0.0, 1.0]]), np.array([0.5]), "spherical", False)
    np.testing.assert_allclose(middle, [[2 / np.sqrt(2)] * 2])  # 45 degrees, half way between lengths 3 and 1
    same = along(np.ones((2, 4)), np.array([0.25]), "spherical", False)
    np.testing.assert_allclose(same, np.ones((1, 4)))
    two = along(np.array([[0.0], [1.0]]), np.array([0.25]), "spline", False)
    np.testing.assert_allclose(two, [[0.25]], atol=1e-12)
    with pytest.raises(UsageError, match="two codes at least"):
        frame_times(1, 8, True)


def test_a_walk_is_rendered_at_its_codes() -> None:
    generator = tiny()
    result = walk(generator, seeds="4,6,85", frames=2, path="linear", loop=False, strip=3)
    assert result.keys == ("seed 4", "seed 6", "seed 85") and result.space == "w"
    assert len(result.frames) == 5 and result.shown == (0, 2, 4) and result.times[3] == 1.5
    with torch.no_grad():
        w = [generator.map(torch.from_numpy(numbered_z([seed], generator.spec.z_dim))) for seed in (6, 85)]
        half = generator.expand((w[0] + w[1]) / 2, generator.spec.truncation)
        right = to_uint8(generator.synthesize(half))[0].astype(int)
    assert np.abs(result.frames[3].array().astype(int) - right).max() <= 1
    again = walk(generator, GivenCodes(result.codes, "w"), frames=1, num=2, loop=False)
    np.testing.assert_array_equal(again.frames[1].array(), result.frames[1].array())
    assert again.keys == ("code 0", "code 1")
    wp = GivenCodes(np.zeros((2, generator.spec.num_layers, generator.spec.wp_dim), np.float32), "wp")
    assert walk(generator, wp, frames=1).space == "wp"
    with pytest.raises(UsageError, match="in w is not possible: of these codes there are wp"):
        walk(generator, wp, space="w")
    assert len(walk(generator, frames=1, space="z", path="spherical").frames) == 6
    assert len(walk(generator, frames=1, path="spherical").frames) == 6


def test_classes_change_along_a_walk_in_z() -> None:
    generator = gantk.load_generator("demo-biggan")
    result = walk(generator, seeds="3,3", label="random", seed=3, frames=2, space="z", loop=False)
    labels = generator.sample_label(2, seed=3)
    assert labels is not None and labels[0] != labels[1]
    assert (result.frames[0].array() != result.frames[1].array()).any()  # one z: only the class has moved


def test_walk_at_a_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["walk", "demo", "--seeds", "0,85", "--frames", "3", "--fps", "10", "--strip", "4", "-o", "a"]) == 0
    assert "6 frames (0.6 s) and leads through 2 codes and back, along a smooth spline in w" in capsys.readouterr().out
    assert len(list(Path("a/frames").glob("*.png"))) == 6
    with Image.open("a/walk.gif") as moving:
        assert getattr(moving, "n_frames", 1) == 6 and moving.size == (64, 64)
    with Image.open("a/strip.png") as strip:
        assert strip.size == (4 * 64, 64)
    for words, said in (
        (["--seeds", "3"], "needs two codes at least, and there is 1"),
        (["--seeds", "0-3", "-N", "2"], "leave one of the two out"),
        (["--fps", "0"], "fps"),
        (["--frames", "0"], "frames"),
        (["--path", "circle"], "circle"),
    ):
        assert run(["walk", "demo", *words, "-o", "b"]) == 2
        assert said in capsys.readouterr().err
    assert not Path("b/walk.result.json").exists()


@pytest.mark.parametrize(("channels", "wide"), [(1, 4), (2, 8), (4, 4), (5, 4)])
def test_pictures_of_any_number_of_channels_stand_in_a_grid(channels: int, wide: int) -> None:
    picture = Picture("x.png", np.full((4, 4, channels), 7, np.uint8))
    assert rgb(picture.array()).shape == (4, wide, 3)
