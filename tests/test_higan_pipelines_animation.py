"""Grids and animations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantk.cli.main import run as run_command
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


def test_mp4_needs_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)  # as if it were not installed
    with pytest.raises(UsageError, match=r"gantk\[video\]"):
        write_animation(tmp_path / "viz.mp4", [np.zeros((4, 4, 3), np.uint8)])


def decoded(path: Path, height: int, width: int) -> np.ndarray:
    """The frames of an mp4 [T, H, W, 3], as ffmpeg decodes them."""
    ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="mp4 needs the extra video").get_ffmpeg_exe()
    words = [ffmpeg, "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    data = subprocess.run(words, check=True, capture_output=True).stdout
    return np.frombuffer(data, np.uint8).reshape(-1, height, width, 3)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_an_mp4_has_every_frame_in_order(tmp_path: Path, channels: int) -> None:
    pytest.importorskip("imageio_ffmpeg", reason="mp4 needs the extra video")
    frames = [np.full((33, 47, channels), 20 + 40 * i, np.uint8) for i in range(6)]
    path = write_animation(tmp_path / "a.mp4", frames, fps=10)
    shown = decoded(path, 32, 46)  # odd sides lose a pixel
    assert len(shown) == 6
    for index, frame in enumerate(shown):
        value = 20 + 40 * index
        wanted = 255 - (255 - value) * value / 255 if channels == 4 else value  # alpha lies on white
        assert abs(frame[8:-8, 8:-8].astype(float) - wanted).max() <= 4
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]


def test_everything_that_moves_is_exported_under_names_that_sort(tmp_path: Path) -> None:
    pytest.importorskip("imageio_ffmpeg", reason="mp4 needs the extra video")
    words = [
        "manipulate",
        "demo",
        "season",
        "time_of_day",
        "-N",
        "2",
        "--step",
        "3",
        "--animation",
        "mp4",
        "--animation",
        "gif",
        "--fps",
        "8",
        "-o",
        "out",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        assert run_command(words) == 0
    out = tmp_path / "out"
    for prefix in ("season_w", "time_of_day_w"):
        images = sorted((out / "images").glob(f"{prefix}_*.png"))
        assert [path.stem for path in images] == [
            f"{prefix}_{sample:05d}_{step:03d}" for sample in range(2) for step in range(3)
        ]
        pictures = np.stack([np.asarray(Image.open(path)) for path in images])
        with Image.open(out / f"{prefix}_strip.png") as strip:
            assert np.array_equal(np.asarray(strip), fuse(pictures, GridStyle(rows=2, columns=3)))
        shown = decoded(out / f"{prefix}.mp4", 64, 128)
        assert len(shown) == 4  # there and back
        for index, step in enumerate((0, 1, 2, 1)):
            frame = fuse(pictures[[step, 3 + step]], GridStyle(rows=1, columns=2))
            assert np.abs(shown[index].astype(float) - frame).mean() < 8
        with Image.open(out / f"{prefix}.gif") as gif:
            assert gif.n_frames == 4  # type: ignore[attr-defined]
        assert len(list(out.glob(f"{prefix}_manipulated_*.npy"))) == 1
    assert (out / "manipulate_z.npy").is_file() and (out / "manipulate_w.npy").is_file()
