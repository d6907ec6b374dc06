"""Grids and animations."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantk.errors import UsageError
from gantk.pictures.animation import GridStyle, fuse, grid_shape, there_and_back, write_animation


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ((10,), (2, 5)),
        ((17,), (1, 17)),
        ((24,), (4, 6)),
        ((50,), (5, 10)),
        ((512,), (16, 32)),
        ((36, 12), (12, 3)),
        ((36, 0, 12), (3, 12)),
        ((36, 12, 12), (6, 6)),
        ((36, 5), (6, 6)),
        ((0,), (0, 0)),
    ],
)
def test_grids_follow_the_rule(asked: tuple[int, ...], expected: tuple[int, int]) -> None:
    assert grid_shape(*asked) == expected


def test_fused_images_lie_row_by_row() -> None:
    images = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 5, 3), np.uint8)
    style = GridStyle(row_spacing=1, column_spacing=2, left=3, right=4, top=5, bottom=6, white=True)
    canvas = fuse(images, style)
    assert canvas.shape == (5 + 2 * 4 + 1 + 6, 3 + 3 * 5 + 2 * 2 + 4, 3)
    assert canvas[5, 3, 0] == 0 and canvas[5, 3 + 7, 0] == 1 and canvas[5 + 5, 3, 0] == 3
    assert canvas[0, 0, 0] == 255 and canvas[5 + 4, 3, 0] == 255
    assert fuse(images, GridStyle(size=8)).shape == (16, 24, 3)


@pytest.mark.parametrize("form", ["gif", "webp"])
def test_animations_have_every_frame(form: str, tmp_path: Path) -> None:
    frames = [np.full((16, 16, 3), 20 + 40 * i, np.uint8) for i in range(5)]
    path = write_animation(tmp_path / f"a.{form}", frames, fps=10)
    with Image.open(path) as opened:
        assert opened.n_frames == 5  # type: ignore[attr-defined]
        assert opened.info["loop"] == 0
        for index in range(5):
            opened.seek(index)
            assert abs(int(np.asarray(opened.convert("RGB"))[8, 8, 0]) - (20 + 40 * index)) <= 3
        assert opened.info["duration"] == 100


def test_loops_go_there_and_back() -> None:
    assert there_and_back(4) == [0, 1, 2, 3, 2, 1]
    assert there_and_back(1) == [0]
    assert there_and_back(2) == [0, 1]


def test_other_formats_are_refused(tmp_path: Path) -> None:
    frame = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(UsageError, match="gif, webp, mp4"):
        write_animation(tmp_path / "viz.avi", [frame])
    with pytest.raises(UsageError, match="no animation"):
        write_animation(tmp_path / "viz.gif", [])
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(importlib.util.find_spec("imageio_ffmpeg") is not None, reason="the extra is installed")
def test_mp4_needs_the_extra(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gantk\[video\]"):
        write_animation(tmp_path / "viz.mp4", [np.zeros((4, 4, 3), np.uint8)])
