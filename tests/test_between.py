"""What lies between codes: grids that mix rows.

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
from gantk.between import mix
from gantk.between.results import GAP, MixResult
from gantk.cli.main import run
from gantk.codes.given import GivenCodes
from gantk.codes.numbering import numbered_z
from gantk.errors import UsageError
from gantk.pictures.images import to_uint8


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
    with pytest.raises(UsageError, match="--left was given seeds, and codes too"):
        mix(generator, codes, left_seeds="1")


def test_mix_at_a_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    line = ["mix", "demo", "--row-seeds", "85", "--cols", "0,1", "--styles", "0-3", "--trunc", "0.7", "--outdir", "a"]
    assert run(line) == 0
    assert "Rows 0-3 of wp from the 2 codes at the top, the others from the left: 1 by 2" in capsys.readouterr().out
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
