"""Classes as they are typed: numbers, names, shares, and what is said where none is given."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import gantk
from gantk.cli.main import run
from gantk.codes.source import CodeSource
from gantk.errors import UsageError
from gantk.generators.labels import class_of_fresh, one_class, parse_label
from gantk.lse.codes import CodeStream
from gantk.runs.identity import of_options
from gantk.runs.inputs import SampleOptions

NAMED = "demo-biggan?class_names=day,blue hour,night"


@pytest.fixture(scope="module")
def generator() -> gantk.Generator:
    return gantk.load_generator(NAMED)


def test_names_numbers_and_shares(generator: gantk.Generator) -> None:
    spec = generator.spec
    assert parse_label("2", spec) == 2 == parse_label(" Night", spec)
    assert one_class(2, spec) == 2 == one_class("2", spec), "in Python a class is a number"
    assert parse_label("blue_hour", spec) == 1 == parse_label("Blue-Hour", spec)
    assert parse_label("day:0.25,blue hour:0.75", spec) == (0.25, 0.75, 0.0)
    assert parse_label("0:1.5,night:-0.5", spec) == (1.5, 0.0, -0.5)
    thousand = dataclasses.replace(spec, label_dim=1000, class_names=())
    assert parse_label("goldfish", thousand) == 1
    assert parse_label("goldfish:1", thousand)[1] == 1.0  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nigth", "no class of this network. Did you mean 'night'"),
        ("hour", "Did you mean 'blue hour'"),
        ("3", "classes 0 to 2"),
        ("day:0.5,nigth:0.5", "Did you mean 'night'"),
        ("day:0.5,night", "write CLASS:SHARE"),
        ("day:nan", "write CLASS:SHARE"),
        ("day:1,night:1", "sum to 2: give shares that sum to 1"),
        (":1", "write CLASS:SHARE"),
    ],
)
def test_a_misspelt_class_is_offered_its_neighbours(text: str, said: str, generator: gantk.Generator) -> None:
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        parse_label(text, generator.spec)


def test_classes_without_names_say_how_to_give_them(generator: gantk.Generator) -> None:
    with pytest.raises(UsageError, match=r"MODEL\?class_names="):
        parse_label("day", dataclasses.replace(generator.spec, class_names=()))


def test_shares_are_soft_rows_of_every_sample(generator: gantk.Generator) -> None:
    with torch.no_grad():
        source = CodeSource(generator, 3, 5, label="day:0.5,night:0.5")
        z = generator.sample_z(3, seed=5)
        right = generator.map(z, torch.tensor([[0.5, 0.0, 0.5]]).expand(3, 3))
        torch.testing.assert_close(source.batch(1, 3).w, right[1:])
        stream = CodeStream(generator, 5, label=(0.5, 0.0, 0.5))
        torch.testing.assert_close(stream.wp(1, 3), generator.expand(right)[1:])
        mixed = CodeStream(generator, 5, mixed=True, label=(0.5, 0.0, 0.5)).wp(0, 2)
    assert mixed.shape == (2, generator.spec.num_layers, generator.spec.wp_dim)


@pytest.mark.parametrize(
    "words",
    [
        ("synthesize", NAMED, "--num", "2"),
        ("manipulate", NAMED, "x.npy", "--space", "z"),
        ("lse", "train", NAMED),
        ("navigan", "svd", NAMED, "--conv", "1"),
        ("invert", NAMED, "render:1/0", "--space", "z"),
    ],
)
def test_no_class_is_one_question_everywhere(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.ones((1, gantk.load_generator("demo-biggan").spec.z_dim), np.float32))
    assert run([*words, "-o", "made"]) == 2
    said = capsys.readouterr().err
    assert "give --label with one of 0 to 2 (day, blue hour, night), random, or an .npy" in said
    assert not (tmp_path / "made").exists() or not list((tmp_path / "made").glob("*.result.json"))


def test_a_conditional_network_that_can_do_without_asks_too(generator: gantk.Generator) -> None:
    relaxed = gantk.load_generator("demo-biggan")
    relaxed.spec = dataclasses.replace(relaxed.spec, label_required=False)
    with pytest.raises(UsageError, match="with 3 classes draws a class"):
        CodeSource(relaxed, 2)


@pytest.mark.parametrize(
    ("labels", "ids"),
    [
        (np.array(1), [1, 1, 1]),
        (np.array([0.0, 1.0, 2.0]), [0, 1, 2]),
        (np.array([[2], [1], [0]]), [2, 1, 0]),
        (np.eye(3, dtype=bool)[[2, 0, 0]], [2, 0, 0]),
        (np.array(["day", "Night", "blue_hour"]), [0, 2, 1]),
        (np.array("night"), [2, 2, 2]),
    ],
)
def test_labels_of_a_file_in_every_form(labels: np.ndarray, ids: list[int], tmp_path: Path) -> None:
    generator = gantk.load_generator(NAMED)
    np.save(tmp_path / "labels.npy", labels)
    source = CodeSource(generator, 3, label=str(tmp_path / "labels.npy"))
    expected = CodeSource(generator, 3, label=np.array(ids))
    assert torch.equal(source.batch(0, 3).wp, expected.batch(0, 3).wp)


@pytest.mark.parametrize(
    ("label", "ids"),
    [
        ([0, 2], [0, 2]),
        (np.array([2, 1]), [2, 1]),
        (torch.tensor([1, 0]), [1, 0]),
        (np.array([1.0, 0.0]), [1, 0]),
        (("night", "day"), [2, 0]),
        (np.eye(3, dtype=np.float32)[[1, 2]], [1, 2]),
    ],
)
def test_a_label_of_each_sample_from_python(label: Any, ids: list[int], generator: gantk.Generator) -> None:
    found = gantk.sample(generator, 2, label=label)
    assert np.array_equal(found.codes.array, CodeSource(generator, 2, label=np.array(ids)).batch(0, 2).w.numpy())


def test_labels_from_python_that_are_none(generator: gantk.Generator) -> None:
    for label, said in (
        ([0, 1, 2], "holds 3 labels for 2 samples"),
        ([0, 7], "The class 7 does not exist"),
        ([0.5, 1], "holds float64"),
        ([[0, 1], [2]], "holds object"),
        (["day", "dust"], "'dust' is no class"),
    ):
        with pytest.raises(UsageError, match=re.escape(said)):
            gantk.sample(generator, 2, label=label)
    with pytest.raises(UsageError, match="not conditional"):
        gantk.sample(gantk.load_generator("demo"), 2, label=[0, 1])


def test_fresh_codes_are_of_the_runs_class(generator: gantk.Generator) -> None:
    spec, plain = generator.spec, dataclasses.replace(generator.spec, label_dim=0)
    assert class_of_fresh("1", spec) == "1" and class_of_fresh("day:0.5,night:0.5", spec) == "day:0.5,night:0.5"
    assert [class_of_fresh(label, spec) for label in ("labels.npy", (0, 1), None)] == ["random"] * 3
    assert class_of_fresh(None, plain) is None
    season = gantk.Direction("season", "direction", "w", np.eye(1, spec.w_dim, dtype=np.float32))
    demo = gantk.load_predictor("demo")
    moved = gantk.higan.manipulate(generator, season, num=2, step=2, label=[0, 2], realism=20, reader=demo)
    assert moved.moved[0].departures


def test_names_and_shares_longer_than_the_name_of_a_file() -> None:
    names = [f"{name} {'x' * 100}" for name in ("day", "dusk", "night")]
    generator = gantk.load_generator(f"demo-biggan?class_names={','.join(names)}")
    assert generator.spec.class_names == tuple(names)
    assert gantk.load_generator("demo-biggan", class_names=names).spec.class_names == tuple(names)
    label = ",".join(f"{name}:{share}" for name, share in zip(names, (0.5, 0.25, 0.25), strict=True))
    assert of_options(SampleOptions(label=label))["--label"] == label
    source = CodeSource(generator, 1, label=label)
    assert torch.equal(source.batch(0, 1).wp, CodeSource(generator, 1, label="0:0.5,1:0.25,2:0.25").batch(0, 1).wp)


NO_LABELS = [
    np.ones((3, 4)), np.array([0.5, 1, 2]), np.ones((3, 1, 3)), np.array([1j, 0, 0]), np.array([np.inf, 1, 2]),
    np.array([1e30, 1, 2]), np.array([["day", "night"]] * 3), np.array([["night", "day", "night"]] * 3),
]  # fmt: skip


@pytest.mark.parametrize("labels", NO_LABELS)
def test_labels_that_are_none(labels: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "labels.npy", labels)
    with pytest.raises(UsageError, match=r"labels.npy holds .*, where classes \[N\] or a row of 3 shares"):
        CodeSource(gantk.load_generator(NAMED), 3, label=str(tmp_path / "labels.npy"))
