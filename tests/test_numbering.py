"""Samples by the numbers people know them under: NVIDIA's seeds."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from higan_cases import tiny

import gantk
from gantk.cli.main import run
from gantk.codes.numbering import numbered_z, parse_seeds, show_seeds
from gantk.errors import UsageError
from gantk.higan.samples import SynthesizeResult
from gantk.pictures.images import to_uint8
from gantk.runs.inputs import SampleOptions
from gantk.runs.table import TASKS, find_task


def test_lists_of_seeds() -> None:
    assert parse_seeds("0-3,85") == (0, 1, 2, 3, 85) == parse_seeds([0, 1, 2, 3, 85])
    assert parse_seeds(85) == (85,) and parse_seeds("7, 3 - 4,3") == (7, 3, 4, 3)
    assert show_seeds((0, 1, 2, 3, 85)) == "0-3,85" and show_seeds((5, 4)) == "5,4"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "are not understood"),
        ("3-1", "run backwards: write 1-3"),
        ("a", "write 0-31,85"),
        ("-1", "are not understood"),
        ("1,,2", "are not understood"),
        ("4294967296", "at most 4294967295"),
        ("1" + "0" * 21, "is too large for NVIDIA's numbering"),
        ("0-99999999", "are more than 1000000"),
    ],
)
def test_what_is_no_list_of_seeds(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_seeds(text)


def test_a_seed_is_nvidias_picture() -> None:
    """Seed 0 begins with the numbers that everybody's RandomState(0) does, whatever seeds stand before it."""
    z = numbered_z((85, 0), 3)
    np.testing.assert_allclose(z[1], [1.76405235, 0.40015721, 0.97873798], rtol=1e-6)
    generator = tiny()
    dim = generator.spec.z_dim
    given = torch.from_numpy(np.random.RandomState(85).randn(1, dim).astype(np.float32))
    with torch.no_grad():
        right = generator.expand(generator.map(given), generator.spec.truncation)
        wp = SampleOptions(seeds="0-2,85").source(generator).batch(3, 4).wp
    torch.testing.assert_close(wp, right, rtol=1e-5, atol=1e-6)


def test_seeds_and_what_contradicts_them() -> None:
    generator = tiny()
    assert SampleOptions(seeds=(4, 5)).source(generator, drawn=9).total == 2
    assert SampleOptions(seeds="4-5").name_of(1) == "seed 5" and SampleOptions().name_of(1) == "sample 1"
    with pytest.raises(UsageError, match=r"seeds 4-5 are 2 samples, and num is 3"):
        SampleOptions(seeds="4-5", num=3).source(generator)
    with pytest.raises(UsageError, match=r"codes were given: leave one"):
        SampleOptions(seeds="4-5").source(generator, np.zeros((2, generator.spec.num_layers, generator.spec.wp_dim)))


def test_a_run_says_whose_numbering(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["synthesize", "demo", "--seeds", "0-1,85", "-o", "a"]) == 0
    assert "3 samples (seeds 0-1,85 in NVIDIA's numbering)" in capsys.readouterr().out
    result = gantk.load_result("a/synthesize.result.json")
    assert isinstance(result, SynthesizeResult)
    assert result.seeds == "0-1,85" and result.seed is None
    assert "Generated sample 2" in (page := Path("a/synthesize.html").read_text()) and ">85<" in page
    assert run(["synthesize", "demo", "--seeds", "0-1", "--num", "9", "-o", "b"]) == 2
    assert run(["synthesize", "demo", "--seeds", "0-1", "-i", "a/w.npy", "-o", "b"]) == 2
    assert not Path("b").exists()
    assert run(["manipulate", "demo", "season", "--seeds", "85", "--step", "2", "-o", "c"]) == 0
    assert "seed 85" in Path("c/manipulate.html").read_text()


@pytest.mark.parametrize("command", ["sefa", "ganspace"])
def test_sliders_show_the_seeds_that_are_listed(command: str) -> None:
    """What is found is the same; the pictures in the middle are those that people know by their numbers."""
    generator = gantk.load_generator("demo")
    about = {"num": 64} if command != "sefa" else {}
    find = gantk.sefa if command == "sefa" else gantk.ganspace
    few = {"components": 1, "step": 3, "truncation": "none", **about}
    found, other = find(generator, seeds="0,85", **few), find(generator, samples=1, **few)
    strips = found.walks[0].strips
    assert [strip.label for strip in strips] == ["seed 0", "seed 85"]
    assert [strip.label for strip in other.walks[0].strips] == ["sample 0"]
    z_ND = torch.from_numpy(numbered_z((0, 85), generator.spec.z_dim))
    with torch.inference_mode():
        images = to_uint8(generator.synthesize(generator.expand(generator.map(z_ND))))
    for strip, image in zip(strips, images, strict=True):
        assert strip.origin is not None
        assert np.abs(strip.images[strip.origin].array().astype(int) - image).max() <= 1
    assert np.array_equal(found.direction.vectors, other.direction.vectors)
    with pytest.raises(UsageError, match=r"seeds 0,85 are 2 samples, and samples is 5: leave one of the two out"):
        find(generator, seeds="0,85", samples=5, **few)


def test_the_edited_sample_by_its_seed() -> None:
    generator = gantk.load_generator("demo")
    head = gantk.lse.fewshot(generator, teacher=gantk.load_predictor("demo"), shots=2, size=32, held_out=0)
    words = {"shape": ("sun:5,24,2.5",), "steps": 1, "frames": 2, "truncation": "none"}
    edited = gantk.lse.edit(generator, head, seeds="85", **words)
    z_ND = torch.from_numpy(numbered_z((85,), generator.spec.z_dim))
    with torch.inference_mode():
        wp_NLD = generator.expand(generator.map(z_ND))
    np.testing.assert_allclose(edited.wp[:1], wp_NLD, atol=1e-5)
    assert edited.seed is None
    with pytest.raises(UsageError, match="2 codes in .* where one is edited"):
        gantk.lse.edit(generator, head, seeds="85,86", **words)
    with pytest.raises(UsageError, match="seeds 85 draws a code, and the codes was given: leave one out"):
        gantk.lse.edit(generator, head, code=wp_NLD, seeds="85", **words)


def test_every_task_that_draws_samples_takes_seeds() -> None:
    """A truncation, or samples drawn with sliders, is the mark of a task whose samples a person chooses."""
    for name in TASKS:
        fields = {field.name for field in dataclasses.fields(find_task(name).options)}
        if fields & {"truncation", "samples"}:
            assert fields & {"seeds", "left_seeds"}, name


def test_heads_of_the_seeds_that_are_listed() -> None:
    """lse: the images learned from, labelled, scored and wanted are those that people know by their numbers."""
    generator, demo = gantk.load_generator("demo"), gantk.load_predictor("demo")
    z_ND = numbered_z((0, 85, 3, 4), generator.spec.z_dim)
    few = {"size": 32, "truncation": "none"}
    trained = gantk.lse.train(generator, demo, seeds="0,85,3-4", held_out=2, steps=1, **few)
    np.testing.assert_array_equal(trained.z[:4], z_ND)
    np.testing.assert_array_equal(trained.z[4:], generator.sample_z(2, start=4))
    assert trained.heads[0].info.meta["num"] == 4
    fitted = gantk.lse.fewshot(generator, demo, seeds="0,85", shots=2, held_out=0, **few)
    with torch.inference_mode():
        wp_NLD = generator.expand(generator.map(torch.from_numpy(z_ND[:2])))
    given = gantk.lse.fewshot(generator, demo, codes=wp_NLD, shots=2, held_out=0, **few)
    assert [each.array().tobytes() for each in fitted.shot_images] == [x.array().tobytes() for x in given.shot_images]
    scored = gantk.lse.evaluate(generator, fitted, demo, seeds="0,85,7", truncation="none")
    assert scored.num == 3 == len(scored.generators[0].sheet)
    found = gantk.lse.sample(generator, fitted, teacher=demo, seeds="85", samples=1, steps=1, bank=4, truncation="none")
    assert [target.name for target in found.targets] == ["seed 85"]
    for verb, words, said in (
        (gantk.lse.train, {"seeds": "1-2", "num": 3}, "seeds 1-2 are 2 samples, and num is 3"),
        (gantk.lse.train, {"seeds": "1-2", "solver": "adam"}, "solver adam learns from fresh images"),
        (gantk.lse.train, {"seeds": "1-2", "mixed": True}, "mixed draws a z for every row"),
        (gantk.lse.fewshot, {"seeds": "1-3", "shots": 2}, "seeds 1-3 are 3 samples, and 2 are labelled"),
        (
            gantk.lse.fewshot,
            {"seeds": "1-2", "shots": 2, "codes": wp_NLD},
            "seeds 1-2 draws codes, and the",
        ),
    ):
        with pytest.raises(UsageError, match=said):
            verb(generator, demo, **few, **words)


def test_quality_of_the_seeds_that_are_listed() -> None:
    generator, demo = gantk.load_generator("demo"), gantk.load_predictor("demo")
    reals = generator.synthesize(generator.expand(generator.map(generator.sample_z(12, seed=9))))
    listed = gantk.quality.measure(generator, reals, demo, seeds="0-9", neighbours=2, subsets=2, truncation="none")
    z_ND = torch.from_numpy(numbered_z(range(10), generator.spec.z_dim))
    with torch.inference_mode():
        images = generator.synthesize(generator.expand(generator.map(z_ND)))
    same = gantk.quality.measure(images, reals, demo, neighbours=2, subsets=2)
    assert listed.found.frechet.value == pytest.approx(same.found.frechet.value, rel=1e-2)
    assert {each.sample.name for each in listed.closest} <= {f"seed {seed}" for seed in range(10)}
    more = gantk.quality.measure(generator, reals, demo, seeds="0-15", neighbours=2, subsets=2, truncation="none")
    assert (more.found.samples, more.found.reals) == (16, 12), "as many as are listed, however few images there are"
    with pytest.raises(UsageError, match="seeds 1-4 is for a generator, and MODEL is a set of images"):
        gantk.quality.measure(images, reals, demo, seeds="1-4")


@pytest.mark.parametrize("seed", [2**63, 2**64])
def test_a_seed_beyond_all_is_too_large(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    """The largest is no round number, so that no help text has it; the sentence does."""
    assert run(["synthesize", "demo", "-N", "1", "--seed", str(seed)]) == 2
    assert f"--seed is {seed}, which is too large: give at most {2**63 - 1}" in capsys.readouterr().err


def test_truncation_under_the_words_of_the_originals(tmp_path: Path) -> None:
    line = ["synthesize", "demo", "-N", "1", "--latents", "wp", "--skip-image"]
    found = []
    for word in ("--truncation", "--trunc", "--truncation-psi", "--truncation_psi"):
        out = tmp_path / word.strip("-")
        assert run([*line, word, "0.5", "-o", str(out)]) == 0
        found.append(np.load(out / "wp.npy"))
    assert all(np.array_equal(wp, found[0]) for wp in found)
