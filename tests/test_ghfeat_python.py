"""`gantk.ghfeat` from Python: the example of its documentation, photos, codes and results as arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from foreign_files import small_checkpoint
from generator_cases import tiny
from ghfeat_cases import small_encoder, write_pictures
from PIL import Image

import gantk
from gantk.checkpoints.load import build_generator
from gantk.codes.directions import Direction
from gantk.errors import GantkError, UsageError
from gantk.generators.base import Generator
from gantk.ghfeat import probes
from gantk.ghfeat.files import EncoderFile
from gantk.ghfeat.photos import Images
from gantk.ghfeat.results import TrainResult
from gantk.runs.reporting import read_run, report
from gantk.runs.results import Result
from gantk.runs.table import find_task

RUNS = Path(__file__).with_name("runs_v1")


@pytest.fixture(autouse=True)
def _one_penalty(monkeypatch: pytest.MonkeyPatch) -> None:
    """How a classifier's penalty is chosen is looked at in tests/test_ghfeat_probes.py."""
    monkeypatch.setattr(probes, "STRENGTHS", (0.01,))


@pytest.fixture(scope="module")
def world() -> tuple[Generator, EncoderFile]:
    generator = tiny("stylegan2-skip")
    return generator, EncoderFile(small_encoder(generator), "small", "constructed")


def tilt(generator: Generator) -> Direction:
    vector = np.random.default_rng(0).normal(size=(2, generator.spec.w_dim)).astype(np.float32)
    return Direction("tilt", "direction", "w", vector, scale=2.0)


def round_trip(result: Result, folder: Path) -> None:
    again = gantk.load_result(result.save(folder))
    assert again.sentence() == result.sentence() and again.table() == result.table()
    assert again.page().text() == result.page().text()
    assert result.sentence().endswith(".") and "<iframe" in result._repr_html_()


def test_the_example_of_the_design_on_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(Images("render:7/3", 64).one(0)).save("photo.png")
    g = gantk.load_generator("demo")
    season = gantk.load_direction("season", g)
    result: Any = gantk.ghfeat.edit(g, "photo.png", season, distance=2)
    assert result.moved.distances[0] == 0 and result.moved.distances[-1] == 2
    before, after = result.table()[0], result.table()[-1]
    change = {name: abs(after[name] - before[name]) for name in ("season", "horizon")}
    assert change["season"] > 0.2 and change["season"] > 3 * change["horizon"]
    names, unit = list(result.moved.attributes), np.asarray(result.moved.deviation)
    changes = result.moved.changes()
    assert unit[names.index("trees")] > 2 * unit[names.index("season")]  # a count of 0 to 4 beside 0 to 1
    assert changes[names.index("season"), -1] == pytest.approx(
        (after["season"] - before["season"]) / unit[names.index("season")]
    )
    assert "season" in [names[a] for a in np.argsort(-np.ptp(changes, axis=1))[:2]]
    assert result.mse < 0.02 and result.edited[0].array().shape == (64, 64, 3)
    assert "1 image was moved along season" in repr(result)
    round_trip(result, tmp_path / "saved")

    class Found:  # of any system: what has a direction stands for it
        direction = season

    pixels = np.asarray(Image.open("photo.png"))
    again = gantk.ghfeat.edit(g, pixels, Found(), distance=2)
    assert (again.edited[0].array() == result.edited[0].array()).all()


def test_codes_stand_for_images(world: tuple[Generator, EncoderFile], tmp_path: Path) -> None:
    g, encoder = world
    paths = write_pictures(tmp_path / "p", 3)
    codes = gantk.ghfeat.extract(g, paths, encoder, wp=True)
    by_images = gantk.ghfeat.edit(g, paths, tilt(g), encoder=encoder, distance=1.0, step=2)
    for given in (codes, codes.codes):
        by_codes = gantk.ghfeat.edit(g, given, tilt(g), distance=1.0, step=2)  # no encoder is asked for
        assert by_codes.mse is None and by_codes.pairs[0].original is None
        for a, b in zip(by_codes.edited, by_images.edited, strict=True):
            assert (a.array() == b.array()).all()
    wp = g.expand(g.map(g.sample_z(2)))
    made = gantk.ghfeat.mix(g, wp, gantk.GivenCodes(wp.numpy(), "wp"), rows="0-1")
    assert (made.grids[0].cells[0][0].array() == made.content[0].reconstruction.array()).all()
    found = gantk.invert(g, paths, "none", space="wp", steps=2)
    assert found.codes.space == "wp" and found.codes.shape == (3, 6, 5)  # type: ignore[union-attr]
    assert gantk.ghfeat.edit(g, found, tilt(g), step=3).moved is not None
    of = gantk.ghfeat.edit(g, paths[0], of=codes, component=0, encoder=encoder, levels="0-1")
    assert of.moved is not None and of.moved.walk.rows == (4, 5)
    with pytest.raises(GantkError, match="belong to another"):
        gantk.ghfeat.edit(tiny("stylegan"), codes, tilt(g))


def test_every_result_survives_the_disk(world: tuple[Generator, EncoderFile], tmp_path: Path) -> None:
    g, encoder = world
    a, b = write_pictures(tmp_path / "p", 2)
    box = (2, 3, 9, 12)
    results: dict[str, Any] = {
        "extract": gantk.ghfeat.extract(g, [a, b], encoder, steps=2, wp=True),
        "mix": gantk.ghfeat.mix(g, [a, b], b, encoder),
        "edit": gantk.ghfeat.edit(g, [a, b], tilt(g), encoder=encoder, pick=1),
        "region": gantk.ghfeat.edit(g, a, reference=b, box=box, rows="3-4", encoder=encoder),
        "harmonize": gantk.ghfeat.harmonize(g, a, b, encoder=encoder, box=box, feather=1.0, blend_back=True),
        "evaluate": gantk.ghfeat.evaluate(g, encoder=encoder, num=20, baselines=False, folds=2),
        "z": gantk.ghfeat.invert(g, [a, b], space="z", steps=2),
        "s": gantk.ghfeat.invert(g, [a, b], encoder, steps=1),
    }
    for name, result in results.items():
        round_trip(result, tmp_path / name)
    assert (tmp_path / "z" / "z.npy").is_file() and (tmp_path / "extract" / "wp.npy").is_file()
    mask = np.zeros((16, 16), bool)
    mask[2:9, 3:12] = True
    masked = gantk.ghfeat.edit(g, a, reference=b, mask=mask, rows="3-4", encoder=encoder)
    assert (masked.edited[0].array() == results["region"].edited[0].array()).all()  # a box: top, left, bottom, right


def test_a_training_in_memory_makes_an_encoder(tmp_path: Path) -> None:
    g = tiny("stylegan2-skip")
    options: dict[str, Any] = {
        "depth": "18", "width": 2, "pyramid": 4, "rank": 2, "head_norm": "none", "images": 16, "batch_size": 4,
        "adversarial": 0.0, "warm_up": 8, "held_out": 3, "rate": 1e-3,
    }  # fmt: skip
    found = gantk.ghfeat.train(g, ("generator", "renderer"), metric="none", **options)
    assert found.done and found.held_out == 3 and found.final.perceptual is None
    assert all(p.requires_grad is False for p in g.parameters()) and g.half_dtype is None
    encoder = gantk.load_encoder(found, g)
    image = Images(write_pictures(tmp_path / "p", 2), 16).readable()[1]
    with torch.inference_mode():
        styles = encoder.encoder(image)
    round_trip(found, tmp_path / "a")
    loaded = gantk.load_encoder(tmp_path / "a" / "encoder.safetensors", g)
    with torch.inference_mode():
        assert all(torch.equal(x, y) for x, y in zip(styles, loaded.encoder(image), strict=True))
    again = gantk.load_result(tmp_path / "a")
    assert isinstance(again, TrainResult) and again.sha256 == loaded.sha256
    assert len(gantk.ghfeat.extract(g, image, found).codes) == 2  # the result stands for its encoder


def test_a_training_that_was_stopped_goes_on(gantk_command: Any, tmp_path: Path) -> None:
    words = ["ghfeat", "train", "demo", "--data", "renderer", "--depth", "18", "--width", "2", "--rank", "2"]
    words += ["--images", "8", "--batch-size", "4", "--adversarial", "0", "--metric", "none"]
    words += ["--held-out", "2", "--head-norm", "none", "--pyramid", "4", "-o", str(tmp_path / "run")]
    code, out, err = gantk_command(*words, "--minutes", "0.00001")
    assert code == 0 and "stopped after 4 images" in out, err
    assert "stopped after 4 images of 8" in (tmp_path / "run" / "ghfeat-train.html").read_text()
    code, out, err = gantk_command(*words)
    assert code == 0 and "trained" in out, err
    result = gantk.load_result(tmp_path / "run")
    assert isinstance(result, TrainResult) and result.done and [at.images for at in result.curve] == [4, 8]


def test_what_cannot_be_done_is_said(world: tuple[Generator, EncoderFile], tmp_path: Path) -> None:
    g, encoder = world
    [photo] = write_pictures(tmp_path / "p", 1)

    def edit(direction: Any = None, **more: Any) -> Any:
        return gantk.ghfeat.edit(g, photo, direction, encoder=encoder, **more)

    for call, message in (
        (lambda: edit(), "Say how to edit"),
        (lambda: edit(5), "direction is 5"),
        (lambda: edit(tilt(g), pick=2), "pick 2"),
        (lambda: edit(tilt(g), distance=1.0, end_distance=2.0), "distance"),
        (lambda: edit(tilt(g), distanse=1.0), "did you mean|Did you mean"),
        (lambda: edit(reference=photo), "box or mask"),
        (lambda: edit(reference=photo, box=(0, 0, 1, 1), mask=photo), "only one"),
        (lambda: edit(reference=photo, box="1,2,3"), "1,2,3"),
        (lambda: edit(component=0), "of"),
        (lambda: gantk.ghfeat.edit(g, photo, tilt(g)), "No encoder ships"),
        (lambda: gantk.ghfeat.edit(g, photo, tilt(g), encoder=3), "encoder is 3"),
        (lambda: gantk.ghfeat.edit(g, np.zeros(3), tilt(g), encoder=encoder), "no image"),
        (lambda: gantk.ghfeat.extract(g, photo, encoder, metric=3), "metric is 3"),
        (lambda: gantk.ghfeat.evaluate(g, photo, encoder=encoder), "labels"),
        (lambda: gantk.ghfeat.evaluate(g, labels={"a": [1]}, encoder=encoder), "name the images"),
        (lambda: gantk.ghfeat.invert(g, photo, steps=0), "0 steps"),
        (lambda: gantk.ghfeat.train(g, "renderer", metric="none"), "No discriminator"),
        (lambda: gantk.ghfeat.train(g, "nothing", metric="none"), "nothing"),
        (lambda: gantk.ghfeat.harmonize(g, photo, [photo] * 3, encoder=encoder, box=(0, 0, 4, 4)), "3 patches"),
    ):
        with pytest.raises((UsageError, GantkError), match=message):
            call()


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_networks_of_any_number_of_channels(channels: int, tmp_path: Path) -> None:
    every_verb(build_generator(small_checkpoint(image_channels=channels)), tmp_path)


def test_a_canvas_that_is_not_square(tmp_path: Path) -> None:
    generator = build_generator(small_checkpoint(base=(4, 8), resolution=32))
    assert generator.spec.size == (16, 32)
    edited = every_verb(generator, tmp_path)
    assert edited.edited[0].array().shape == (16, 32, 3)


def every_verb(g: Generator, folder: Path) -> Any:
    """Every verb on a generator; the results, shown, and the images moved along a direction."""
    encoder = EncoderFile(small_encoder(g), "small", "constructed")
    size = encoder.encoder.config.resolution
    a, b = write_pictures(folder / "p", 2, size)
    height, width = g.spec.size
    region: dict[str, Any] = {"reference": b, "rows": "1-2", "encoder": encoder}
    by_box = gantk.ghfeat.edit(g, a, box=(0, 0, height // 2, width // 2), **region)
    mask = np.zeros((height, width), bool)
    mask[: height // 2, : width // 2] = True
    by_mask = gantk.ghfeat.edit(g, a, mask=mask, **region)
    assert by_box.exchanged is not None and by_box.exchanged.beyond_reach == 0
    assert (by_box.edited[0].array() == by_mask.edited[0].array()).all()
    moved = gantk.ghfeat.edit(g, [a, b], tilt(g), encoder=encoder, step=2)
    trained = gantk.ghfeat.train(
        g, ("generator", "renderer"), metric="none", discriminator="new", depth="18", width=2, pyramid=4, rank=2,
        head_norm="none", images=4, batch_size=4, held_out=2,
    )  # fmt: skip
    for number, result in enumerate(
        (
            by_box,
            moved,
            trained,
            gantk.ghfeat.extract(g, [a, b], encoder, steps=1, wp=True),
            gantk.ghfeat.mix(g, a, b, encoder),
            gantk.ghfeat.harmonize(g, a, b, encoder=encoder, box=(0, 0, size // 2, size // 2)),
            gantk.ghfeat.evaluate(g, encoder=encoder, num=20, folds=2),
            gantk.ghfeat.invert(g, [a, b], encoder, steps=1, fit="squash"),
        )
    ):
        round_trip(result, folder / str(number))
    return moved


@pytest.mark.parametrize(("folder", "name"), [("ghfeat-edit-region", "ghfeat edit"), ("invert-w", "invert")])
def test_further_runs_of_the_released_version_open(folder: str, name: str, tmp_path: Path) -> None:
    import shutil

    run = Path(shutil.copytree(RUNS / folder, tmp_path / "run"))
    task = find_task(name)
    if folder == "invert-w":
        with pytest.raises(GantkError):  # its pictures are not there
            report(task, run)
        found = read_run(task, run)
        assert found.codes.space == "w"  # type: ignore[attr-defined]
    else:
        assert report(task, run).stat().st_size > 3000
        round_trip(read_run(task, run), tmp_path / "again")
