"""Networks of 1, 2, 3, 4 and 6 channels and canvases that are not square: looked at, judged, aimed at."""

import shutil

import foreign_files as foreign
import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from gantk.checkpoints.load import build_generator, load_generator
from gantk.checkpoints.native import write_checkpoint
from gantk.cli.main import cli
from gantk.errors import GantkError
from gantk.pictures import opening
from gantk.pictures.images import encode, to_rgb8
from gantk.pictures.opening import open_picture
from gantk.store.channels import colours, in_channels, viewable
from gantk.store.files import load_json

CHANNELS = (1, 2, 3, 4, 6)


def picture(channels):
    return np.random.default_rng(channels).integers(0, 256, (5, 7, channels)).astype(np.uint8)


@pytest.mark.parametrize("channels", CHANNELS)
def test_what_is_looked_at(channels):
    image = picture(channels)
    shown = viewable(image)
    if channels == 1:
        assert np.array_equal(shown, image[..., 0])
    elif channels == 2:
        assert np.array_equal(shown[:, :7], image[..., 0]) and np.array_equal(shown[:, 7:], image[..., 1])
    elif channels == 4:
        assert np.array_equal(shown, image)
    else:
        assert np.array_equal(shown, image[..., :3])
    flat = viewable(image, alpha=False)
    assert flat.shape[-1] in (3, 7, 14) and (flat.ndim == 2 or flat.shape[-1] == 3)
    for form in ("png", "jpg", "webp"):
        assert encode(image, form)


def test_alpha_is_composed_on_white():
    image = np.zeros((1, 3, 4), np.uint8)
    image[0, :, 3] = (0, 255, 51)
    assert viewable(image, alpha=False)[0, :, 0].tolist() == [255, 0, 204]


@pytest.mark.parametrize("channels", CHANNELS)
def test_colours_and_targets(channels):
    x = torch.rand(2, channels, 4, 6) * 2 - 1
    seen = colours(x)
    assert seen.shape == (2, 3, 4, 6)
    if channels >= 3:
        assert torch.equal(seen, x[:, :3])
    else:
        assert torch.allclose(seen, x.mean(1, keepdim=True).expand_as(seen))
    target = in_channels(torch.rand(2, 3, 4, 6) * 2 - 1, channels)
    assert target.shape == (2, channels, 4, 6)
    if channels == 4:
        assert bool((target[:, 3] == 1).all())
    assert to_rgb8(x).shape == (2, 4, 6, 3)


def test_grey_keeps_grey_and_what_is_no_image_is_said():
    grey = (torch.rand(1, 1, 3, 3) * 2 - 1).expand(1, 3, 3, 3)
    assert torch.allclose(in_channels(grey, 1), grey[:, :1], atol=1e-6)
    assert torch.allclose(colours(in_channels(grey, 2)), grey, atol=1e-6)
    for wrong in (torch.zeros(3, 4, 4), torch.zeros(1, 32, 32, 3), torch.zeros(1, 3, 4, 4, dtype=torch.uint8)):
        with pytest.raises(GantkError, match="cannot be judged"):
            colours(wrong)


def network(tmp_path, **changes):
    checkpoint = foreign.small_checkpoint(**changes)
    state = {name: tensor * (0.1 if name.endswith("torgb.weight") else 1) for name, tensor in checkpoint.state.items()}
    path = tmp_path / "network.safetensors"
    write_checkpoint(path, foreign.Checkpoint("stylegan2", checkpoint.config, state, "test"))
    return path


KINDS = [{"image_channels": count} for count in CHANNELS if count != 3]
KINDS += [{"base": (4, 8), "resolution": 32}, {"base": (4, 2), "resolution": 16, "image_channels": 4}]


@pytest.mark.parametrize("changes", KINDS, ids=lambda changes: "-".join(map(str, changes.values())))
def test_commands_on_them(changes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = network(tmp_path, **changes)
    spec = load_generator(path).spec
    Image.fromarray(np.full((40, 24, 3), 90, np.uint8)).save(tmp_path / "photo.png")

    def run(*words):
        cli.main(args=list(map(str, words)), standalone_mode=False)

    run(
        "synthesize",
        path,
        "-N",
        "2",
        "--images",
        "--image-format",
        "jpg",
        "--predict",
        "--predictor",
        "demo",
        "-o",
        "s",
    )
    with Image.open(next(tmp_path.glob("s/**/*.jpg"))) as made:
        wide = spec.width * (2 if spec.image_channels == 2 else 1)
        assert made.size == (wide, spec.height)
    run("invert", path, "photo.png", "--fit", "crop", "--steps", "1", "--metric", "demo", "-o", "i")
    assert list(tmp_path.glob("i/*.npy"))
    run("resefa", "jacobian", path, "--box", "a=0,0,0.5,0.5", "-N", "1", "--layers", "0-1", "--size", "8", "-o", "j")
    run("models", "convert", path, "own.safetensors")
    run("models", "verify", "own.safetensors")


def test_targets_fill_the_canvas():
    from gantk.ghfeat.projection import ProjectionPlan, project

    generator = build_generator(foreign.small_checkpoint(base=(4, 8), resolution=32, image_channels=1))
    target = torch.zeros(1, 1, 16, 32)
    found = project(generator, target, ProjectionPlan("w", 2, 0.1, 0.0, 0.0))
    assert found.image_NCHW.shape == (1, 1, 16, 32)


def test_a_path_that_is_no_utf8(tmp_path, monkeypatch):
    import os

    monkeypatch.chdir(tmp_path)
    network(tmp_path)
    name = os.fsdecode(b"r\xe9seau.safetensors")
    os.rename("network.safetensors", name)
    cli.main(args=["synthesize", name, "-N", "1", "--images", "-o", "run"], standalone_mode=False)
    assert load_json(tmp_path / "run" / "synthesize.run.json")["arguments"]["model"] == name


def test_what_was_done_with_a_picture_is_said(tmp_path, capsys):
    """Transparency lies on white, and of several pictures the first is taken: once for each of the first few files."""
    opening._told.cache_clear()
    clear, many, whole = tmp_path / "clear.png", tmp_path / "many.webp", tmp_path / "whole.png"
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(clear)
    Image.new("RGB", (4, 4)).save(many, save_all=True, append_images=[Image.new("RGB", (4, 4), (9, 9, 9))])
    Image.new("RGBA", (4, 4), (255, 0, 0, 255)).save(whole)
    camera = tmp_path / "camera.jpg"  # a preview behind the photo
    Image.new("RGB", (4, 4)).save(camera, "MPO", save_all=True, append_images=[Image.new("RGB", (2, 2))])
    for path in (clear, many, whole, clear, camera):
        open_picture(path)
    for number in range(5):
        open_picture(shutil.copy(clear, tmp_path / f"{number}.png"))
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"{clear}: what is transparent shows white.",
        f"{many}: of several pictures the first is taken.",
        *(f"{tmp_path / name}: what is transparent shows white." for name in ("0.png", "1.png")),
        "Further pictures: what is transparent shows white.",
    ]


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_every_orientation_in_every_format(suffix, orientation, tmp_path):
    exif = Image.Exif()
    exif[274] = orientation
    picture = Image.fromarray(np.arange(6 * 4 * 3, dtype=np.uint8).reshape(4, 6, 3))
    picture.save(tmp_path / f"a.{suffix}", exif=exif, quality=100)
    plain = open_picture(tmp_path / f"a.{suffix}")
    with Image.open(tmp_path / f"a.{suffix}") as file:
        expected = ImageOps.exif_transpose(file).convert("RGB")
    assert plain.size == expected.size and np.array_equal(plain, expected)


@pytest.mark.parametrize(
    "data, said",
    [
        (b"", "cannot be read: it is empty"),
        (b"%!PS-Adobe", "it is PostScript: save it as one of PNG"),
        (b"\0\0\0\x1cftypavif", "is none of PNG, JPEG, WEBP, BMP, TIFF, PPM, GIF: save it as one of them"),
    ],
)
def test_other_files_are_not_called_images(data, said, tmp_path):
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(GantkError, match=said):
        open_picture(tmp_path / "a.png")
