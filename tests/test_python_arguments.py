"""What a call from Python may give, and what is said of the rest: one sentence that names the argument and its value."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

import gantk
from gantk.generators.arguments import check_arguments, described
from gantk.runs.options import fields_of, options_hints
from gantk.runs.table import TASKS, find_task
from gantk.store.lazy import resolve

VERBS = {name: resolve(find_task(name).verb) for name in TASKS}
TAKING = {name: verb for name, verb in VERBS.items() if "generator" in inspect.signature(verb).parameters}


@pytest.fixture(scope="module")
def generator() -> gantk.Generator:
    return gantk.load_generator("demo")


@pytest.fixture(scope="module")
def samples(generator: gantk.Generator) -> Any:
    return gantk.sample(generator, 40, predictor=gantk.load_predictor("demo"))


def called_with(verb: Callable[..., Any], **given: object) -> None:
    """A call in which everything else that is needed is None."""
    needed = [
        each.name
        for each in inspect.signature(verb).parameters.values()
        if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    verb(**({name: None for name in needed} | given))


@pytest.mark.parametrize("name", TASKS)
def test_help_lists_every_option_with_its_default(name: str) -> None:
    verb, kind = VERBS[name], find_task(name).options
    parameters, text = inspect.signature(verb).parameters, inspect.getdoc(verb) or ""
    for field in fields_of(kind):
        if field.about.hidden:
            continue
        assert field.name in parameters, f"help() of {name} does not show {field.name}"
        if parameters[field.name].kind is inspect.Parameter.KEYWORD_ONLY:
            default = parameters[field.name].default
            shown = "auto" if field.about.auto is not None else field.default
            assert default == shown or (default is inspect.Parameter.empty and field.required)
            assert f"    {field.name}: {field.about.help.rstrip('.')}" in text
    assert parameters["store"].default is None and parameters["options"].default is None


def test_help_of_sample_lists_its_options() -> None:
    assert list(inspect.signature(gantk.sample).parameters)[:4] == ["generator", "num", "predictor", "codes"]
    assert "    truncation: " in (inspect.getdoc(gantk.sample) or "")


@pytest.mark.parametrize("name", TAKING)
def test_a_name_in_place_of_a_generator(name: str) -> None:
    with pytest.raises(gantk.UsageError, match=r"^generator is 'demo': give .*gantk\.load_generator"):
        called_with(TAKING[name], generator="demo")


@pytest.mark.parametrize("name", TASKS)
def test_other_wrong_kinds(name: str, generator: gantk.Generator) -> None:
    parameters = inspect.signature(VERBS[name]).parameters
    known = {"generator": generator} if "generator" in parameters else {}
    for each in parameters.values():
        if each.annotation in ("Predictor | None", "JacobianResult | JacobianOptions | None", "Read | None"):
            with pytest.raises(gantk.UsageError, match=rf"^{each.name} is 'demo': give "):
                called_with(VERBS[name], **(known | {each.name: "demo"}))
    with pytest.raises(gantk.UsageError, match="store is 'runs/x', and a store of a run is expected"):
        called_with(VERBS[name], **(known | {"store": "runs/x"}))
    with pytest.raises(gantk.UsageError, match=r"multiple values|too many positional|unexpected"):
        VERBS[name](*[generator] * 20)
    for word, hint in (("device", "load_generator takes device"), ("output_dir", r"result\.save")):
        if word not in parameters:
            with pytest.raises(gantk.UsageError, match=rf"'{word}' is no option here\. .*{hint}"):
                called_with(VERBS[name], **(known | {word: "cuda"}))


@pytest.mark.parametrize("name", TASKS)
def test_texts_are_texts(name: str) -> None:
    kind = find_task(name).options
    for field in fields_of(kind):
        if field.kind is str and not field.several:
            with pytest.raises(gantk.UsageError, match=rf"{field.dashed} is \{{'a': 1\}}: give a text"):
                kind(**{field.name: {"a": 1}})


@pytest.mark.parametrize("name", TASKS)
def test_numbers_of_numpy_are_numbers(name: str) -> None:
    kind = find_task(name).options
    for field in fields_of(kind):
        given = field.default
        if field.kind is int and isinstance(given, int) and not isinstance(given, bool) and field.about.auto is None:
            found = getattr(kind(**{field.name: np.int64(given)}), field.name)
            assert type(found) is int and found == given
        if field.kind is float and isinstance(given, float):
            found = getattr(kind(**{field.name: torch.tensor(given, dtype=torch.float64)}), field.name)
            assert type(found) is float and found == given
        if field.kind is bool and given is not None:
            assert getattr(kind(**{field.name: np.bool_(given)}), field.name) is given


@pytest.mark.parametrize("name", TASKS)
def test_truncations_and_labels_are_taken_as_they_are(name: str) -> None:
    kind = find_task(name).options
    hints = options_hints(kind)
    if "truncation" in hints:
        for given, text in (
            (0.7, "0.7"),
            (np.float64(0.5), "0.5"),
            (1, "1"),
            (gantk.Truncation(0.7), "0.7"),
            (gantk.Truncation(0.7, 8), "0.7:8"),
        ):
            assert getattr(kind(truncation=given), "truncation") == text
    if "label" in hints:
        assert getattr(kind(label=np.int64(2)), "label") == "2"


def test_a_list_in_place_of_words_between_commas(generator: gantk.Generator) -> None:
    assert gantk.sample(generator, 2, latents=["w", "wp"]).spaces == ("w", "wp")
    assert gantk.sample(generator, np.int64(2)).sentence() == gantk.sample(generator, 2).sentence()


def test_a_truncation_that_is_none() -> None:
    for given in ("x", float("nan"), None, True):
        with pytest.raises(gantk.UsageError, match="^psi is .*: give a finite number"):
            gantk.Truncation(given)  # type: ignore[arg-type]
    for layers in (-1, 2.5, "8"):
        with pytest.raises(gantk.UsageError, match=f"^layers is {layers!r}: give the number"):
            gantk.Truncation(0.7, layers)  # type: ignore[arg-type]
    assert gantk.Truncation(np.float32(0.5), np.int64(3)) == gantk.Truncation(0.5, 3)  # type: ignore[arg-type]


def test_a_function_is_a_predictor(generator: gantk.Generator) -> None:
    def bright(image_NCHW: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"bright": image_NCHW.mean((1, 2, 3))}

    samples = gantk.sample(generator, 40, predictor=bright)
    assert list(samples.scores) == ["bright"]
    found = gantk.higan.rescore(generator, gantk.higan.train_boundary(samples, "bright"), bright, num=4, random=1)
    assert [row["boundary"] for row in found.table()] == ["bright"]
    assert gantk.load_predictor(bright).attribute_names == ("bright",)
    with pytest.raises(gantk.UsageError, match="^name is 3: give a predictor's name"):
        gantk.load_predictor(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("load", ["load_generator", "load_predictor"])
def test_devices(load: str) -> None:
    assert getattr(gantk, load)("demo", device=torch.device("cpu")).device.type == "cpu"
    assert getattr(gantk, load)("demo", device="auto").device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(gantk.UsageError, match="The device 'nope' is not understood"):
        getattr(gantk, load)("demo", device="nope")
    with pytest.raises(gantk.UsageError, match="device is 3: give cpu"):
        getattr(gantk, load)("demo", device=3)


def test_values_in_messages() -> None:
    assert described("demo") == "'demo'" and described(Path("a")) == "'a'" and described(3) == "3"
    assert described(np.zeros((2, 3))) == described(torch.zeros(2, 3)) == "an array of shape (2, 3)"
    assert described([1]) == "[1]" and described(["x" * 90]) == "a list" and described(object()) == "an object"
    assert described(dict) == "the class dict"


def test_literals() -> None:
    def choose(kind: Literal["a", "b"] | None) -> None:
        """Annotations are texts, as everywhere in gantk."""

    signature = inspect.signature(choose)
    check_arguments(signature, {"kind": "a"})
    check_arguments(signature, {"kind": None})
    with pytest.raises(gantk.UsageError, match="^kind is 'c': give one of a, b"):
        check_arguments(signature, {"kind": "c"})
