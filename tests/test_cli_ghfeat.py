"""extract, mix, edit, harmonize, evaluate and invert as commands: what they leave and what they refuse."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ghfeat_cases import write_pictures, write_tfrecord, write_world

from gantk.codes.directions import Direction
from gantk.codes.kept_directions import save_direction
from gantk.generators.base import Generator
from gantk.ghfeat import probes
from gantk.ghfeat.codes import load_codes
from gantk.ghfeat.picture_results import EditResult, MixResult
from gantk.ghfeat.probe_results import EvaluateResult
from gantk.ghfeat.results import ExtractResult, InvertResult
from gantk.runs.results import read_result
from gantk.store.files import load_npy

Gantk = Callable[..., tuple[int, str, str]]
ENCODER = ("--encoder", "E.safetensors")


@pytest.fixture(autouse=True)
def _one_penalty(monkeypatch: pytest.MonkeyPatch) -> None:
    """How a classifier's penalty is chosen is looked at in tests/test_ghfeat_probes.py."""
    monkeypatch.setattr(probes, "STRENGTHS", (0.01,))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Generator]:
    folder = tmp_path_factory.mktemp("ghfeat")
    _, _, generator = write_world(folder)
    write_pictures(folder / "p", 5)
    vector = np.random.default_rng(0).normal(size=(1, generator.spec.w_dim))
    save_direction(folder / "d.safetensors", Direction("tilt", "direction", "w", vector, scale=2.0))
    save_direction(folder / "z.safetensors", Direction("up", "direction", "z", np.ones((1, generator.spec.z_dim))))
    return folder, generator


@pytest.fixture
def gantk(gantk_command: Gantk, world: tuple[Path, Generator], monkeypatch: pytest.MonkeyPatch) -> Gantk:
    monkeypatch.chdir(world[0])
    return gantk_command


def ok(result: tuple[int, str, str]) -> str:
    code, out, err = result
    assert code == 0, err
    return out


def refused(result: tuple[int, str, str], code: int, *words: str) -> None:
    assert result[0] == code, result
    assert result[2].count("Error:") == 1 and result[2].count("\n") <= 2
    for word in words:
        assert word in result[2], result[2]


def test_extract_leaves_codes_in_every_layout(gantk: Gantk, world: tuple[Path, Generator], tmp_path: Path) -> None:
    _, generator = world
    words = ["ghfeat", "extract", "G.safetensors", "p", *ENCODER, "--wp", "--chunk", "2", "--batch-size", "2"]
    ok(gantk(*words, "-o", tmp_path / "a"))
    codes = load_codes(tmp_path / "a" / "codes.safetensors", generator)
    assert len(codes) == 5 and codes.names[0].endswith("000.png")
    assert load_npy(tmp_path / "a" / "wp.npy").shape == (5, 6, 5)
    result = read_result(ExtractResult, tmp_path / "a")
    assert result.figures is not None and result.off_manifold is not None
    assert len(result.figures) == 5 and len(result.pairs) == 5 and len(result.off_manifold) == 6
    page = (tmp_path / "a" / "ghfeat-extract.html").read_text()
    assert "5 encoded images" in page and "Distance of the styles" in page
    before = (tmp_path / "a" / "codes.safetensors").read_bytes()
    ok(gantk(*words, "-o", tmp_path / "a"))  # the same again is done already
    assert (tmp_path / "a" / "codes.safetensors").read_bytes() == before


def test_shards_of_an_extraction_join_to_the_same_codes(gantk: Gantk, tmp_path: Path) -> None:
    words = ["ghfeat", "extract", "G.safetensors", "p", *ENCODER, "--wp", "--chunk", "2", "--batch-size", "2"]
    halves(gantk, words, tmp_path)
    for name in ("codes.safetensors", "wp.npy", "ghfeat-extract.result.json"):
        whole, parts = ((tmp_path / n / name).read_bytes() for n in ("whole", "parts"))
        assert whole == parts


def halves(gantk: Gantk, words: list[Any], folder: Path) -> None:
    """A command at once, and in two shards that are joined."""
    ok(gantk(*words, "-o", folder / "whole"))
    for shard in ("0/2", "1/2"):
        ok(gantk(*words, "--shard", shard, "-o", folder / "parts"))
    ok(gantk("merge", folder / "parts"))


def test_shards_of_an_evaluation_and_an_inversion_join(gantk: Gantk, tmp_path: Path) -> None:
    write_pictures(tmp_path / "p", 24)
    (tmp_path / "l.csv").write_text("red\n" + "".join(f"{i * 0.1}\n" for i in range(24)))
    words = ["ghfeat", "evaluate", "G.safetensors", tmp_path / "p", "--labels", tmp_path / "l.csv", *ENCODER]
    cases = {
        "ghfeat-evaluate": [*words, "--no-baselines", "--chunk", "8"],
        "invert": ["invert", "G.safetensors", "p", "--steps", "2", "--batch-size", "2", *ENCODER],
    }
    for name, case in cases.items():
        halves(gantk, case, tmp_path / name)
        files = [(tmp_path / name / n / f"{name}.result.json").read_bytes() for n in ("whole", "parts")]
        assert files[0] == files[1]


def test_contents_of_photos_and_the_seed_decide(gantk: Gantk, tmp_path: Path) -> None:
    [file] = write_pictures(tmp_path / "q", 1)
    extract = ["ghfeat", "extract", "G.safetensors", file, *ENCODER, "-o", tmp_path / "a"]
    invert = ["invert", "G.safetensors", file, "--steps", "1", "-o", tmp_path / "b"]
    for words in (extract, invert):
        ok(gantk(*words))
        ok(gantk(*words))
    refused(gantk(*invert, "--seed", "1"), 2, "--seed")
    file.write_bytes(write_pictures(tmp_path / "r", 2)[1].read_bytes())
    for words in (extract, invert):
        refused(gantk(*words), 2, "images")


def test_a_refined_code_is_nearer(gantk: Gantk, tmp_path: Path) -> None:
    words = ["ghfeat", "extract", "G.safetensors", "p", *ENCODER]
    ok(gantk(*words, "-o", tmp_path / "a"))
    ok(gantk(*words, "--steps", "15", "-o", tmp_path / "b"))
    mse = [load_npy(tmp_path / n / "figures.npy")[:, 0] for n in "ab"]
    assert (mse[1] < mse[0]).all()


def test_unreadable_images_are_named_and_skipped_only_with_the_flag(gantk: Gantk, tmp_path: Path) -> None:
    files = write_pictures(tmp_path / "q", 4)
    files[2].write_bytes(b"no image")
    listed = tmp_path / "list.txt"
    listed.write_text("".join(f"{file}\n" for file in files) + f"{tmp_path}/q/absent.png\n")
    words = ["ghfeat", "extract", "G.safetensors", listed, *ENCODER]
    for command in (["ghfeat", "extract"], ["invert"]):
        refused(gantk(*command, *words[2:], "-o", tmp_path / "a"), 1, "002.png", "--skip-unreadable")
        skipping = [*command, "G.safetensors", files[2], *ENCODER, "--skip-unreadable"]
        refused(gantk(*skipping, "-o", tmp_path / "a"), 1, "one of the images can be read")
        assert not (tmp_path / "a").exists()  # bad input leaves nothing
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        code, out, err = gantk(*words, "--skip-unreadable", "-o", tmp_path / "b")
    assert code == 0 and "3 images were encoded" in out and "002.png" in err and "absent.png" in err
    result = read_result(ExtractResult, tmp_path / "b")
    assert result.kept.tolist() == [0, 1, 3] and len(result.skipped) == 2
    assert "could not be read" in (tmp_path / "b" / "ghfeat-extract.html").read_text()


def test_mix(gantk: Gantk, tmp_path: Path) -> None:
    words = ["ghfeat", "mix", "G.safetensors", "--content", "p/000.png", "--style", "p/001.png", *ENCODER]
    ok(gantk(*words, "-o", tmp_path / "a"))
    grids = read_result(MixResult, tmp_path / "a").grids
    assert [grid.rows for grid in grids] == [(4, 5), (2, 3), (0, 1)]
    ok(gantk(*words, "--levels", "0-1", "-o", tmp_path / "b"))
    [grid] = read_result(MixResult, tmp_path / "b").grids
    assert grid.rows == (4, 5) and "levels 0-1" in grid.title
    assert "Mixed images" in (tmp_path / "b" / "ghfeat-mix.html").read_text()
    refused(gantk(*words, "--levels", "0", "--layers", "0", "-o", tmp_path / "c"), 2, "--rows", "--levels")
    refused(gantk(*words, "--levels", "9", "-o", tmp_path / "c"), 2, "9")


def test_global_edits(gantk: Gantk, world: tuple[Path, Generator], tmp_path: Path) -> None:
    words = ["ghfeat", "edit", "G.safetensors", "p/000.png", "p/001.png", *ENCODER]
    ok(gantk(*words, "--direction", "d.safetensors", "--step", "5", "-o", tmp_path / "a"))
    result = read_result(EditResult, tmp_path / "a")
    assert result.moved is not None
    assert result.moved.distances == (-2, -1, 0, 1, 2) and len(result.moved.walk.strips) == 2
    assert "Tilt" in (tmp_path / "a" / "ghfeat-edit.html").read_text()
    middle = result.moved.walk.strips[0].images[2]
    assert (middle.array() == result.pairs[0].reconstruction.array()).all()  # nought is the reconstruction
    ok(gantk("ghfeat", "extract", "G.safetensors", "p", *ENCODER, "-o", tmp_path / "codes"))
    of = tmp_path / "codes" / "codes.safetensors"
    ok(gantk(*words, "--component", "1", "--of", of, "--levels", "0-1", "-o", tmp_path / "b"))
    ok(gantk("ghfeat", "edit", "G.safetensors", of, "--direction", "d.safetensors", "-o", tmp_path / "d"))  # codes
    assert read_result(EditResult, tmp_path / "d").pairs[4].original is None
    refused(gantk(*words, "--direction", "d.safetensors", "--pick", "3", "-o", tmp_path / "c"), 2, "--pick 3")
    refused(gantk(*words, "--direction", "d.safetensors", "--box", "0,0,4,4", "-o", tmp_path / "c"), 2, "--box")
    refused(gantk(*words, "--direction", "z.safetensors", "-o", tmp_path / "c"), 2, "z-direction")
    refused(gantk(*words, "-o", tmp_path / "c"), 2, "--direction", "--reference")
    refused(gantk(*words, "--component", "0", "-o", tmp_path / "c"), 2, "--of")
    refused(gantk(*words, "--direction", "no-such", "-o", tmp_path / "c"), 2, "no-such")
    assert not (tmp_path / "c").exists()


def test_local_edits_and_harmony(gantk: Gantk, tmp_path: Path) -> None:
    words = ["ghfeat", "edit", "G.safetensors", "p/000.png", "p/001.png", "--reference", "p/002.png", *ENCODER]
    for way in ("features", "styles"):
        ok(gantk(*words, "--box", "0,0,4,6", "--rows", "4", "--way", way, "-o", tmp_path / way))
        found = read_result(EditResult, tmp_path / way).exchanged
        assert found is not None and found.way == way
        assert found.beyond_reach == 0 and found.inside > 0 and found.share < 1
        assert "changes nothing in the other" in (tmp_path / way / "ghfeat-edit.html").read_text()
    refused(gantk(*words, "-o", tmp_path / "c"), 2, "--box", "--mask")
    refused(gantk(*words, "--box", "4,4,2,2", "-o", tmp_path / "c"), 2, "4,4,2,2")
    words = ["ghfeat", "harmonize", "G.safetensors", "p/000.png", "--patch", "p/002.png", *ENCODER]
    ok(gantk(*words, "--mask", "p/001.png", "--feather", "1", "--keep-fine", "2", "-o", tmp_path / "h"))
    assert "Harmonised pastes" in (tmp_path / "h" / "ghfeat-harmonize.html").read_text()
    refused(gantk(*words, "--box", "0,0,4,4", "--keep-fine", "99", "-o", tmp_path / "c"), 2, "99")


def test_evaluate_the_bundled_world_and_labelled_images(gantk: Gantk, tmp_path: Path) -> None:
    write_pictures(tmp_path / "p", 24)
    (tmp_path / "l.csv").write_text("red,class:odd\n" + "".join(f"{i * 0.1},{i % 2}\n" for i in range(24)))
    words = ["ghfeat", "evaluate", "G.safetensors", *ENCODER, "--no-baselines", "--folds", "3"]
    ok(gantk(*words, "--num", "40", "-o", tmp_path / "a"))
    found = read_result(EvaluateResult, tmp_path / "a").probes
    assert found.regression is not None and len(found.features) == 7 and len(found.regression.columns) == 11
    assert "Factors read from each level" in (tmp_path / "a" / "ghfeat-evaluate.html").read_text()
    ok(gantk(*words, tmp_path / "p", "--labels", tmp_path / "l.csv", "-o", tmp_path / "b"))
    found = read_result(EvaluateResult, tmp_path / "b").probes
    assert found.regression is not None and found.regression.columns == ("red",)
    assert found.classification is not None and found.classification.columns == ("odd",)
    refused(gantk(*words, tmp_path / "p", "-o", tmp_path / "c"), 2, "--labels")
    refused(gantk(*words, "--num", "24", "--folds", "13", "-o", tmp_path / "c"), 2, "give at least 26, or fewer folds")
    assert not (tmp_path / "c").exists()


def test_invert_with_and_without_an_encoder(gantk: Gantk, world: tuple[Path, Generator], tmp_path: Path) -> None:
    words = ["invert", "G.safetensors", "p/000.png", "p/001.png", "--steps", "8"]
    ok(gantk(*words, *ENCODER, "-o", tmp_path / "a"))
    assert len(load_codes(tmp_path / "a" / "codes.safetensors", world[1])) == 2
    page = (tmp_path / "a" / "invert.html").read_text()
    assert "Reconstructions" in page and "Loss" in page
    ok(gantk(*words, "--encoder", "none", "-o", tmp_path / "b"))
    assert load_npy(tmp_path / "b" / "wp.npy").shape == (2, 6, 5)
    ok(gantk(*words, "--space", "z", "-o", tmp_path / "c"))
    assert load_npy(tmp_path / "c" / "z.npy").shape == (2, 6)
    loss = read_result(InvertResult, tmp_path / "b").loss
    assert loss[-1] < loss[0]
    refused(gantk(*words, "--space", "z", *ENCODER, "-o", tmp_path / "d"), 2, "z")
    refused(gantk(*words[:-1], "0", "--encoder", "none", "-o", tmp_path / "d"), 2, "--steps")
    refused(gantk(*words, "--label", "3", "-o", tmp_path / "d"), 2, "is not conditional")
    refused(gantk(*words, "--rate", "0", "-o", tmp_path / "d"), 2, "--rate")
    assert not (tmp_path / "d").exists()


def test_sizes_and_encoders_that_do_not_fit(gantk: Gantk, world: tuple[Path, Generator], tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(np.zeros((16, 24, 3), np.uint8)).save(tmp_path / "wide.png")
    words = ["ghfeat", "extract", "G.safetensors", tmp_path / "wide.png"]
    refused(gantk(*words, *ENCODER, "-o", tmp_path / "a"), 1, "24 x 16", "--fit")
    ok(gantk(*words, *ENCODER, "--fit", "crop", "-o", tmp_path / "b"))
    refused(gantk(*words, "-o", tmp_path / "c"), 2, "G.safetensors", "--encoder")
    refused(gantk(*words, "--encoder", "G.safetensors", "-o", tmp_path / "c"), 1, "an encoder")
    refused(gantk("ghfeat", "extract", "demo", *words[3:], *ENCODER, "-o", tmp_path / "c"), 1, "another generator")
    write_tfrecord(tmp_path / "x.tfrecords", np.zeros((3, 16, 16, 3), np.uint8))
    data = (tmp_path / "x.tfrecords").read_bytes()
    (tmp_path / "x.tfrecords").write_bytes(data[:-20])
    train = ["ghfeat", "train", "G.safetensors", "--data", tmp_path / "x.tfrecords", "--adversarial", "0"]
    refused(gantk(*train, "--metric", "none", "-o", tmp_path / "c"), 1, "ecord 2")
    assert not (tmp_path / "c").exists()


def test_the_shipped_encoder_belongs_to_the_bundled_generator() -> None:
    from gantk import load_generator
    from gantk.ghfeat.files import load_encoder, shipped_encoders
    from gantk.ghfeat.metrics import decode, encode
    from gantk.ghfeat.train_run import mean_code_mse
    from gantk.world.renderer import render, sample_scene

    path = shipped_encoders()["demo-stylegan2"]
    assert path.stat().st_size < 8 << 20
    generator = load_generator("demo")
    encoder = load_encoder("demo", generator).encoder
    with torch.inference_mode():
        image = render(*sample_scene(16, 4321)).image_NCHW
        made = decode(generator, encode(encoder, image))
    assert mean_code_mse(generator, image) > 8 * (made - image).square().mean().item()
