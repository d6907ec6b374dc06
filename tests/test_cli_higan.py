"""synthesize, rescore and manipulate as commands: what they leave, what they refuse, and what a kill cannot break."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forked import Forked
from higan_cases import LAYERS, contents, direction, save_tiny, tiny, write_world

from gantk.codes.kept_directions import save_direction
from gantk.errors import GantkError
from gantk.generators.probe import probe
from gantk.higan.boundaries import TrainBoundaryResult
from gantk.higan.manipulated import ManipulateResult, Moved
from gantk.higan.rescored import RescoreResult
from gantk.higan.samples import SynthesizeResult
from gantk.pictures import images
from gantk.runs.reporting import load_result
from gantk.store.files import load_json, load_npy

Gantk = Callable[..., tuple[int, str, str]]

MODEL = "tiny.safetensors"
CHUNKED = ["synthesize", MODEL, "--images", "--batch-size", "4", "--chunk", "4"]
CHUNKED += ["--predict", "--predictor", "pred.py:score"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def gantk(gantk_command: Gantk, world: Path, monkeypatch: pytest.MonkeyPatch) -> Gantk:
    monkeypatch.chdir(world)
    return gantk_command


def ok(result: tuple[int, str, str]) -> str:
    code, out, err = result
    assert code == 0, err
    return out


# --- synthesize ------------------------------------------------------------------------------------------------------


def test_synthesize_leaves_arrays_images_and_a_page(gantk: Gantk, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = "synthesize tiny.safetensors -N 20 --latents z,w,wp --predict --predictor pred.py:score --preview 5"
    ok(gantk(*words.split(), "-o", run))
    assert load_npy(run / "wp.npy").shape == (20, LAYERS, 8)
    assert len(list((run / "images").iterdir())) == 5
    manifest = load_json(run / "synthesize.run.json")
    assert manifest["state"] == "complete" and manifest["arguments"]["model"] == "tiny.safetensors"
    result = load_result(run)
    assert isinstance(result, SynthesizeResult) and result.truncation == "0.7:4" and result.seed == 0
    assert set(result.scores) == set(result.summaries) == {"red", "green", "blue", "contrast"}
    page = (run / "synthesize.html").read_text()
    assert "5 of 20 samples" in page and "tiny.safetensors" in page
    before = contents(run)
    ok(gantk(*words.split(), "-o", run))  # the same again is done already
    assert contents(run) == before


def test_higan_spellings_are_taken(gantk: Gantk, tmp_path: Path) -> None:
    ok(gantk("synthesize", "tiny.safetensors", f"--output_dir={tmp_path / 'a'}", "--num=3", "--generate_html",
             "--save_raw_synthesis", "--html_name=viz.html", "--logfile_name=log.txt", "--generate_prediction",
             "--predictor_name=pred.py:score", "--latent_space_type=z"))  # fmt: skip
    ok(gantk("synthesize", "tiny.safetensors", "-o", tmp_path / "b", "--latent_codes_path", tmp_path / "a" / "w.npy",
             "--latent_space_type=w", "--generate_style", "--skip_image"))  # fmt: skip
    assert len(load_npy(tmp_path / "b" / "style05.npy")) == 3
    assert not (tmp_path / "b" / "images").exists()
    ok(gantk("rescore", "tiny.safetensors", "list.txt", "--num=4", "--layerwise_rescoring", "-o", tmp_path / "c",
             "--predictor_name=pred.py:score"))  # fmt: skip
    ok(gantk("manipulate", "tiny.safetensors", "list.txt", "--num=1", "--step=3", "--start_distance=-1",
             "--end_distance=1", "--layerwise_manipulation", "--manipulate_layers=1-2", "--generate_html",
             "--disable_manipulation_truncation", "-o", tmp_path / "d"))  # fmt: skip


def test_shards_merge_to_the_same_bytes(gantk: Gantk, tmp_path: Path) -> None:
    words = [*CHUNKED, "-N", 20]
    ok(gantk(*words, "-o", tmp_path / "whole"))
    for index in range(2):
        ok(gantk(*words, "-o", tmp_path / "parts", "--shard", f"{index}/2"))
    ok(gantk("merge", tmp_path / "parts"))
    assert contents(tmp_path / "whole") == contents(tmp_path / "parts")
    assert (tmp_path / "parts" / "synthesize.html").exists()


@pytest.mark.parametrize(
    "words",
    [
        f"rescore {MODEL} list.txt -N 10 --batch-size 2 --layerwise --random 1 --predictor pred.py:score",
        f"manipulate {MODEL} list.txt -N 5 -S 3 --batch-size 3 --animation gif",
    ],
)
def test_other_shards_merge_too(words: str, gantk: Gantk, tmp_path: Path) -> None:
    ok(gantk(*words.split(), "-o", tmp_path / "whole"))
    for index in range(2):
        ok(gantk(*words.split(), "-o", tmp_path / f"part{index}", "--shard", f"{index}/2"))
    ok(gantk("merge", tmp_path / "part0", tmp_path / "part1", "-o", tmp_path / "joined"))
    assert contents(tmp_path / "whole") == contents(tmp_path / "joined")
    command = words.split()[0]
    assert (tmp_path / "joined" / f"{command}.html").exists()
    whole, joined = (load_json(tmp_path / name / f"{command}.result.json") for name in ("whole", "joined"))
    assert whole == joined


def test_kill_nine_then_the_same_command_gives_the_same_bytes(gantk: Gantk, world: Path, tmp_path: Path) -> None:
    words = [*CHUNKED, "-N", "48"]
    ok(gantk(*words, "-o", tmp_path / "whole"))
    broken = tmp_path / "broken"
    with Forked(["-m", "gantk", *words, "-o", broken], world, {**os.environ, "TEST_HOLD": "8"}) as process:
        deadline = time.monotonic() + 120
        while len(list(broken.glob("chunks/synthesize/attribute.*.npy"))) < 3:
            assert process.returncode is None and time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert not (broken / "z.npy").exists()
    code, _, err = gantk(*words, "-o", broken)
    assert code == 0, err
    assert "48/48" not in err  # it continued
    assert contents(broken) == contents(tmp_path / "whole")
    assert not list(broken.rglob("*.gantk-tmp"))


def test_another_network_does_not_continue_a_run(gantk: Gantk, tmp_path: Path) -> None:
    save_tiny(tmp_path / "a.safetensors", 0)
    ok(gantk("synthesize", tmp_path / "a.safetensors", "-N", 4, "-o", tmp_path / "run"))
    save_tiny(tmp_path / "a.safetensors", 1)
    code, _, err = gantk("synthesize", tmp_path / "a.safetensors", "-N", 4, "-o", tmp_path / "run")
    assert code == 2 and "the generator had other contents" in err and "--overwrite" in err
    ok(gantk("synthesize", tmp_path / "a.safetensors", "-N", 4, "-o", tmp_path / "run", "--overwrite"))


# --- rescore and manipulate ------------------------------------------------------------------------------------------


def test_rescore_leaves_scores_tables_and_a_page(gantk: Gantk, tmp_path: Path) -> None:
    words = (
        "rescore tiny.safetensors red.safetensors green.safetensors blue.safetensors -N 12 --batch-size 4 --layerwise"
    )
    out = ok(gantk(*words.split(), "--predictor", "pred.py:score", "--random", "2", "-o", tmp_path))
    assert "Most relevant semantics" in out
    assert load_npy(tmp_path / "red_w_scores.npy").shape == (12, 2 + LAYERS)
    assert load_npy(tmp_path / "blue_z_scores.npy").shape == (12, 2)
    assert load_npy(tmp_path / "red_w_boundary.npy").shape == (1, 8)
    lines = (tmp_path / "rescore.csv").read_text().splitlines()
    assert len(lines) == 4 and lines[0].startswith("rank,boundary,space,attribute,gain,")
    result = load_result(tmp_path)
    assert isinstance(result, RescoreResult) and result.change.shape == (3, 1 + LAYERS, 4)
    scores = load_npy(tmp_path / "red_w_scores.npy")
    gain = np.maximum(scores[:, 1] - scores[:, 0], 0).mean()
    assert result.boundaries[0].name == "red" and result.boundaries[0].whole.gain == pytest.approx(gain, rel=1e-5)
    page = (tmp_path / "rescore.html").read_text()
    assert "Gain of each row of wp alone" in page and "Change of every attribute" in page
    best = result.ranked()[0]
    assert best.walk is not None and [strip.values for strip in best.walk.strips] == [(0.0, 1.0, 2.0)] * 2
    drawn, moved = (best.walk.strips[0].images[step].array() for step in (0, 2))
    assert drawn.shape == (16, 16, 3) and (drawn != moved).any()
    again = result.boundaries[0].walk
    assert again is not None and (again.strips[0].images[0].array() == drawn).all()
    assert page.index(f"moved along {best.name}") < page.index("Mean rise of each boundary")


def test_a_boundary_shows_the_samples_that_it_tells_apart(gantk: Gantk, tmp_path: Path) -> None:
    samples, alone = tmp_path / "samples", tmp_path / "alone"
    ok(
        gantk(
            "synthesize", MODEL, "-N", 30, "--preview", 12, "--predict", "--predictor", "pred.py:score", "-o", samples
        )
    )
    words = ("--score-name", "red", "-N", "0.5", "--resamples", 2)
    ok(gantk("train-boundary", samples / "w.npy", samples / "attribute.npy", *words, "-o", tmp_path / "found"))
    result = load_result(tmp_path / "found")
    assert isinstance(result, TrainBoundaryResult) and result.ends is not None and result.ends.pictured == 12
    along = load_npy(samples / "w.npy")[:12] @ result["red"].direction.vectors[0]
    order = np.argsort(along, kind="stable")
    assert [each.sample for each in result.ends.low] == list(order[:3])
    assert [each.sample for each in result.ends.high] == list(order[-3:])
    score_N = load_npy(samples / "attribute.npy")["red"]
    assert [each.score for each in result.ends.high] == [float(score_N[sample]) for sample in order[-3:]]
    kept = load_result(samples)
    assert isinstance(kept, SynthesizeResult)
    assert (result.ends.low[0].image.array() == kept.images[order[0]].array()).all()
    assert "Of the 12 samples that have a picture" in (tmp_path / "found" / "train-boundary.html").read_text()
    alone.mkdir()
    shutil.copy(samples / "w.npy", alone)
    ok(gantk("train-boundary", alone / "w.npy", samples / "attribute.npy", *words, "-o", alone))
    found = load_result(alone)
    assert isinstance(found, TrainBoundaryResult) and found.ends is None


def described(folder: Path) -> Moved:
    result = load_result(folder)
    assert isinstance(result, ManipulateResult)
    return result.moved[0]


def page_of(folder: Path) -> str:
    return (folder / "manipulate.html").read_text()


def test_manipulate_leaves_codes_images_animation_and_a_page(gantk: Gantk, tmp_path: Path) -> None:
    words = "manipulate tiny.safetensors red.safetensors -N 2 -S 4 --layers 1-2 --animation gif --animation webp"
    ok(gantk(*words.split(), "--start-distance", -2, "--end-distance", 2, "-o", tmp_path))
    assert load_npy(tmp_path / "red_w_manipulated_wp.npy").shape == (2, 4, LAYERS, 8)
    assert len(list((tmp_path / "images").glob("red_w_0000[01]_00[0-3].png"))) == 8
    moved = described(tmp_path)
    assert moved.walk.rows == (1, 2) and moved.distances == pytest.approx((-2, -2 / 3, 2 / 3, 2))
    assert moved.walk.animations == {"gif": "red_w.gif", "webp": "red_w.webp"}
    assert moved.walk.strips[0].origin is None and "the sample as it was drawn, which is at 0" not in page_of(tmp_path)
    page = (tmp_path / "manipulate.html").read_text()
    assert "red_w.gif" in page and "viz size" not in page and "border left" not in page  # HiGAN's, which nobody gave
    ok(gantk(*words.split(), "--viz-size", 20, "-o", tmp_path / "given"))
    assert "viz size" in (tmp_path / "given" / "manipulate.html").read_text()


def test_a_direction_brings_its_layers_and_range(gantk: Gantk, world: Path, tmp_path: Path) -> None:
    save_direction(tmp_path / "glow.safetensors", direction("glow", layers=(2, 3), scale=1.5))
    ok(gantk("manipulate", "tiny.safetensors", tmp_path / "glow.safetensors", "-N", 1, "-S", 3, "-o", tmp_path / "own"))
    moved = described(tmp_path / "own")
    assert moved.walk.rows == (2, 3) and moved.distances == (-1.5, 0.0, 1.5) and moved.walk.strips[0].origin == 1
    assert "the sample as it was drawn, which is at 0" in page_of(tmp_path / "own")
    ok(gantk("manipulate", "tiny.safetensors", tmp_path / "glow.safetensors", "-N", 1, "-S", 3, "--layers", "0",
             "-o", tmp_path / "told"))  # fmt: skip
    assert described(tmp_path / "told").walk.rows == (0,)


def test_a_name_finds_a_shipped_direction(gantk: Gantk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANTK_HOME", str(tmp_path / "home"))
    save_direction(tmp_path / "home" / "boundaries" / "tiny" / "glow.safetensors", direction("glow"))
    ok(gantk("manipulate", "tiny.safetensors", "glow", "-N", 1, "-S", 2, "-o", tmp_path / "run"))
    ok(gantk("simple_manipulate", "tiny.safetensors", "glow", "-N", 1, "-S", 2, "-o", tmp_path / "simple"))
    code, _, err = gantk("manipulate", "tiny.safetensors", "glov", "-N", 1, "-o", tmp_path / "none")
    assert code == 2 and "'glow'" in err and not (tmp_path / "none").exists()


def test_directions_of_a_file_with_several(gantk: Gantk, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).standard_normal((5, 8)).astype(np.float32)
    np.save(tmp_path / "many.npy", rows)
    words = ["manipulate", "tiny.safetensors", tmp_path / "many.npy", "-N", 1, "-S", 2]
    code, _, err = gantk(*words, "-o", tmp_path / "none")  # they may be codes
    assert code == 2 and "give codes with -i, or say --space w" in err and not (tmp_path / "none").exists()
    np.save(tmp_path / "many.npy", rows / np.linalg.norm(rows, axis=1, keepdims=True))
    ok(gantk(*words, "--pick", "1,3-4", "-o", tmp_path / "run"))
    assert sorted(path.name for path in (tmp_path / "run").glob("*_boundary.npy")) == [
        f"many_0{row}_w_boundary.npy" for row in (1, 3, 4)
    ]
    code, _, err = gantk(*words, "--pick", "7", "-o", tmp_path / "none")
    assert code == 2 and "directions are 0 to 4" in err and not (tmp_path / "none").exists()


def test_a_direction_of_another_network_is_refused_unless_forced(gantk: Gantk, tmp_path: Path) -> None:
    save_tiny(tmp_path / "other.safetensors", 1)
    save_direction(tmp_path / "glow.safetensors", direction("glow", probe=probe(tiny(1))))
    words = ["tiny.safetensors", tmp_path / "glow.safetensors", "-N", 1, "-S", 2]
    code, _, err = gantk("manipulate", *words, "-o", tmp_path / "none")
    assert code == 1 and "another generator" in err and not (tmp_path / "none").exists()
    ok(gantk("manipulate", *words, "--force", "-o", tmp_path / "forced"))
    ok(gantk("manipulate", tmp_path / "other.safetensors", *words[1:], "-o", tmp_path / "own"))


# --- default directories and identity --------------------------------------------------------------------------------


def test_another_run_takes_a_directory_of_its_own(
    gantk: Gantk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HiGAN's README: manipulate, then simple_manipulate, both without a directory."""
    write_world(tmp_path)
    monkeypatch.chdir(tmp_path)
    ok(gantk("manipulate", MODEL, "list.txt", "-N", 1, "-S", 2))
    code, out, err = gantk("simple_manipulate", MODEL, "red.safetensors", "-N", 1, "-S", 2)
    assert code == 0 and "tiny_manipulation_2" in out
    assert "tiny_manipulation holds another run of `gantk manipulate`: this one goes to tiny_manipulation_2." in err
    code, out, err = gantk("manipulate", MODEL, "list.txt", "-N", 1, "-S", 2)  # the first one is found again
    assert code == 0 and out.strip().endswith("tiny_manipulation") and "another run" not in err
    code, out, _ = gantk("manipulate", MODEL, "list.txt", "-N", 1, "-S", 3)
    assert code == 0 and out.strip().endswith("tiny_manipulation_3")
    code, _, err = gantk("manipulate", MODEL, "list.txt", "-N", 1, "-S", 3, "-o", "tiny_manipulation")
    assert code == 2 and "--step" in err  # a directory that was chosen is refused


@pytest.mark.parametrize(
    ("words", "file", "what"),
    [
        ("rescore tiny.safetensors red.safetensors -N 2 --random 0 --predictor pred.py:score", "pred.py", "predictor"),
        ("rescore tiny.safetensors red.safetensors -N 2 --random 0 --predictor pred.py:score", "red.safetensors",
         "directions"),
        ("manipulate tiny.safetensors red.safetensors -S 2 -i w.npy --latent-space-type w", "w.npy", "codes"),
        ("manipulate tiny.safetensors red.safetensors -N 1 -S 2 --condition other.safetensors", "other.safetensors",
         "conditions"),
        ("synthesize tiny.safetensors -i w.npy --latent-space-type w", "w.npy", "codes"),
    ],
)  # fmt: skip
def test_other_contents_under_the_same_name_are_noticed(
    words: str, file: str, what: str, gantk: Gantk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_world(tmp_path)
    save_direction(tmp_path / "other.safetensors", direction("other", seed=9))
    np.save(tmp_path / "w.npy", np.random.default_rng(0).standard_normal((3, 8)).astype(np.float32))
    monkeypatch.chdir(tmp_path)
    ok(gantk(*words.split(), "-o", "run"))
    ok(gantk(*words.split(), "-o", "run"))
    if file == "pred.py":
        Path(file).write_text(Path(file).read_text().replace("image.mean", "1 - image.mean"))
    elif file == "w.npy":
        changed = np.load(file)
        changed[1, 1] += 1  # neither the first nor the last
        np.save(file, changed)
    else:
        save_direction(Path(file), direction(Path(file).stem, seed=11))
    code, _, err = gantk(*words.split(), "-o", "run")
    assert code == 2 and f"the {what} had other contents" in err


# --- what is refused -------------------------------------------------------------------------------------------------

RESCORE = f"rescore {MODEL} --predictor pred.py:score"
MANIPULATE = f"manipulate {MODEL}"
SYNTHESIZE = f"synthesize {MODEL}"
REFUSED = {
    "nothing to draw": (2, "--num", SYNTHESIZE),
    "missing codes": (1, "absent.npy does not exist", f"{SYNTHESIZE} -N 5 -i absent.npy"),
    "codes of another width": (1, r"\(3, 11\).*\[N, 6\]", f"{SYNTHESIZE} -i wide.npy"),
    "a missing model": (2, "absent.pkl", "synthesize absent.pkl -N 5"),
    "a truncated model": (1, "half.safetensors", "synthesize half.safetensors -N 5"),
    "latents that are none": (2, "'q'", f"{SYNTHESIZE} -N 5 --latents z,q"),
    "latents before the codes": (2, "'z'", f"{SYNTHESIZE} -i w.npy --latent-space-type w --latents z"),
    "a shard that is none": (2, "3/2", f"{SYNTHESIZE} -N 5 --shard 3/2"),
    "a truncation that is none": (2, "'much'", f"{SYNTHESIZE} -N 5 --truncation much"),
    "a label for no classes": (2, "not conditional", f"{SYNTHESIZE} -N 5 --label 3"),
    "an unknown predictor": (2, "'nobody'", f"{SYNTHESIZE} -N 5 --predict --predictor nobody"),
    "a missing list": (2, "absent.txt", f"{RESCORE} absent.txt"),
    "an empty list": (2, "empty.txt", f"{RESCORE} empty.txt"),
    "a malformed list": (2, "bad.txt.*2", f"{RESCORE} bad.txt"),
    "an attribute nobody knows": (2, "--score glow=ATTRIBUTE", f"{RESCORE} glow.npy"),
    "a score for nobody": (2, "names no boundary", f"{RESCORE} red.safetensors --score x=red"),
    "a score without a name": (2, "NAME=ATTRIBUTE", f"{RESCORE} red.safetensors --score red"),
    "a distance that moves nothing": (2, "--distance 0 changes nothing", f"{RESCORE} red.safetensors --distance 0"),
    "a boundary of another width": (1, "another network", f"{MANIPULATE} wide_boundary.npy"),
    "a forbidden global": (1, "os|posix|system", f"{MANIPULATE} evil.npy"),
    "layers out of range": (2, "out of range", f"{MANIPULATE} red.safetensors --layers 3-9"),
    "reversed layers": (2, "reversed", f"{MANIPULATE} red.safetensors --layers 3-1"),
    "layers of z": (2, "feeds every layer", f"{MANIPULATE} blue.safetensors --layers 1"),
    "a motion of StyleGAN2": (2, "StyleGAN3", f"{MANIPULATE} red.safetensors --rotate 10"),
    "a condition that is all": (2, "Nothing", f"{MANIPULATE} red.safetensors --condition red.safetensors"),
    "the same twice": (2, "leave one", f"{MANIPULATE} red.safetensors red.safetensors"),
    "absolute inside wp": (2, "absolute", f"{MANIPULATE} red.safetensors --absolute --layers 1"),
    "images and none": (2, "--images and --skip-image", "synthesize tiny.safetensors -N 2 --images --skip-image"),
    "an animation without images": (2, "images", f"{MANIPULATE} red.safetensors --skip-image --animation gif"),
}


@pytest.fixture(scope="module")
def bad(world: Path) -> Path:
    np.save(world / "wide.npy", np.zeros((3, 11), np.float32))
    np.save(world / "w.npy", np.zeros((3, 8), np.float32))
    np.save(world / "wide_boundary.npy", np.ones((1, 11), np.float32))
    np.save(world / "glow.npy", np.ones((1, 8), np.float32))
    (world / "half.safetensors").write_bytes((world / "tiny.safetensors").read_bytes()[:-100])
    (world / "empty.txt").write_text("")
    (world / "bad.txt").write_text("(red, w): red.safetensors\nnonsense\n")
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }"
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    evil = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + pickle.dumps(_Evil(), protocol=3)
    (world / "evil.npy").write_bytes(evil)
    return world


class _Evil:
    def __reduce__(self) -> Any:
        return os.system, ("touch pwned",)


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_one_sentence(case: str, gantk: Gantk, bad: Path, tmp_path: Path) -> None:
    code, message, words = REFUSED[case]
    found, _, err = gantk(*words.split(), "-o", tmp_path / "run")
    lines = [line for line in err.splitlines() if line.startswith("Error: ")]
    assert found == code, err
    assert len(lines) == 1 and "Traceback" not in err
    assert re.search(message, lines[0]), lines[0]
    assert not (tmp_path / "run").exists(), "nothing half-written"
    assert not (bad / "pwned").exists()


@pytest.mark.parametrize(
    ("error", "code", "state", "sentence"),
    [
        (GantkError("The disk is full."), 1, "failed", "The disk is full."),
        (KeyboardInterrupt(), 130, "interrupted", "The same command continues in"),
    ],
)
def test_what_stops_midway_is_said_and_continued(
    error: BaseException,
    code: int,
    state: str,
    sentence: str,
    gantk: Gantk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = [*CHUNKED, "-N", 12, "--workers", 1]
    ok(gantk(*words, "-o", tmp_path / "whole"))
    encode, calls = images.encode, []

    def failing(*arguments: Any) -> bytes:
        calls.append(0)
        if len(calls) == 7:
            raise error
        return encode(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(images, "encode", failing)
        found, _, err = gantk(*words, "-o", tmp_path / "run")
    assert found == code and sentence in err and "Traceback" not in err
    assert load_json(tmp_path / "run" / "synthesize.run.json")["state"] == state
    assert not (tmp_path / "run" / "z.npy").exists() and not list(tmp_path.rglob("*.gantk-tmp"))
    ok(gantk(*words, "-o", tmp_path / "run"))
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")


def documented() -> list[str]:
    text = (Path(__file__).parent.parent / "docs" / "from-the-originals.md").read_text()
    return re.findall(r"`gantk ((?:synthesize|rescore|manipulate|train[-_]boundary|simple_manipulate) [^`]+)`", text)


@pytest.mark.parametrize("line", documented())
def test_documented_lines_are_understood(line: str) -> None:
    from gantk.cli.main import cli

    name, command, arguments = cli.resolve_command(cli.make_context("gantk", [], resilient_parsing=True), line.split())
    assert name is not None and command is not None
    parent = cli.make_context("gantk", line.split(), resilient_parsing=False)
    command.make_context(name, list(arguments), parent=parent)
