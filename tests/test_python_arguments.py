"""What a call from Python may give, and what is said of the rest: one sentence with argument and value."""

from __future__ import annotations

import contextlib
import copy
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

import gantk
from gantk.generators.arguments import check_arguments, described
from gantk.lse.options import FewshotOptions
from gantk.quality.sources import images_of
from gantk.runs.options import changed, fields_of
from gantk.runs.table import TASKS, find_task
from gantk.store.hints import type_hints
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
            with pytest.raises(gantk.UsageError, match=rf"{field.name} is \{{'a': 1\}}: give a text"):
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
    hints = type_hints(kind)
    if "truncation" in hints:
        for given, text in (
            (0.7, "0.7"),
            (np.float64(0.5), "0.5"),
            (1, "1"),
            (gantk.Truncation(0.7), "0.7"),
            (gantk.Truncation(0.7, 8), "0.7:8"),
        ):
            assert kind(truncation=given).truncation == text
    if "label" in hints:
        assert kind(label=np.int64(2)).label == "2"


WILD: list[Any] = [
    np.arange(3.0), np.zeros((2, 2)), np.zeros(0), torch.zeros(3), np.array("a"), {"a": 1}, object(), 1j, 10**400, b"x",
    int, len, [1, [2]],
]  # fmt: skip


@pytest.mark.parametrize("name", TASKS)
def test_no_option_lets_pythons_own_errors_through(name: str) -> None:
    kind = find_task(name).options
    needed = {field.name: "x" for field in fields_of(kind) if field.required}
    for field in fields_of(kind):
        for given in WILD:
            with contextlib.suppress(gantk.UsageError):
                kind(**(needed | {field.name: given}))


def test_no_argument_lets_pythons_own_errors_through(generator: gantk.Generator) -> None:
    calls: list[tuple[str, Callable[[Any], Any]]] = [
        ("psi", gantk.Truncation),
        ("layers", lambda given: gantk.Truncation(0.5, given)),
        ("psi", lambda given: generator.sample_z(1, truncation=given)),
        ("n", generator.sample_z),
        ("seed", lambda given: generator.sample_z(1, seed=given)),
        ("precision", lambda given: gantk.load_generator("demo", precision=given)),
        ("space", lambda given: gantk.GivenCodes(np.zeros((1, 64)), given)),
        ("num", lambda given: gantk.sample(generator, given)),
    ]
    for name, call in calls:
        for given in WILD:
            with pytest.raises(gantk.UsageError, match=f"^{name} is {re.escape(described(given))}: give "):
                call(given)


@pytest.mark.parametrize(
    "function",
    [gantk.sample, gantk.wrap, gantk.load_generator, gantk.load_encoder, gantk.load_predictor, gantk.load_head,
     gantk.load_weights, gantk.load_result, gantk.load_direction, gantk.navigan.export, gantk.explore],
)  # fmt: skip
def test_arguments_that_are_too_many_or_missing(function: Callable[..., Any]) -> None:
    for given, said in ((["a"] * 20, r"too many positional arguments \(the last is 'a'\)"), ([], "missing")):
        with pytest.raises(gantk.UsageError, match=rf"^{function.__name__}\(\): .*{said}.*; its arguments are "):
            function(*given)


def test_a_list_in_place_of_words_between_commas(generator: gantk.Generator) -> None:
    assert gantk.sample(generator, 2, latents=["w", "wp"]).spaces == ("w", "wp")
    assert gantk.sample(generator, np.int64(2)).sentence() == gantk.sample(generator, 2).sentence()


def test_a_truncation_that_is_none() -> None:
    for given in ("x", float("nan"), None, True):
        with pytest.raises(gantk.UsageError, match="^psi is .*: give a finite number"):
            gantk.Truncation(given)  # type: ignore[arg-type]
    for layers in (-1, 2.5, "8"):
        with pytest.raises(gantk.UsageError, match=f"^layers is {layers!r}: give a whole number"):
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


def test_options_are_called_as_the_caller_writes_them(
    generator: gantk.Generator, gantk_command: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    """Keywords in Python, also after a command ran in the same process; what is in backticks is a command line."""
    code, _, err = gantk_command("sefa", "demo", "--samples", 4, "--seeds", "0,85", "-o", tmp_path / "x")
    assert code == 2 and "--seeds 0,85 are 2 samples, and --samples is 4" in err
    with pytest.raises(gantk.UsageError, match="^seeds 0,85 are 2 samples, and samples is 4: leave"):
        gantk.sefa(generator, samples=4, seeds="0,85")
    with pytest.raises(gantk.UsageError, match="^batch_size is -1: give a whole number"):
        gantk.sefa(generator, batch_size=-1)
    said = "give --held-out 3, or `gantk x --held-out 3`; './--a' stays"
    assert str(gantk.UsageError(said)) == "give held_out 3, or `gantk x --held-out 3`; './--a' stays"


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
    for given in ("c", np.zeros(3), ["a"]):
        with pytest.raises(gantk.UsageError, match=f"^kind is {re.escape(described(given))}: give one of a, b"):
            check_arguments(signature, {"kind": given})


def test_directions_and_codes_of_another_generator_are_refused(generator: gantk.Generator, samples: Any) -> None:
    """Another network of the same sizes, which no width tells apart."""
    other = copy.deepcopy(generator)
    with torch.no_grad():
        for weight in other.parameters():
            weight.mul_(1.5)
    season = gantk.higan.train_boundary(samples, "season")
    photo = samples.codes[:1]
    said = "The w-boundary 'season' was made for another generator .* direction.replace.probe=None. to try"
    with pytest.raises(gantk.GantkError, match=said):
        gantk.higan.manipulate(other, season, num=1, step=2)
    with pytest.raises(gantk.GantkError, match=said):
        gantk.higan.manipulate(other, gantk.sefa(other, components=1, samples=1), conditions=season, num=1, step=2)
    with pytest.raises(gantk.GantkError, match=said):
        gantk.higan.rescore(other, [season], gantk.load_predictor("demo"), num=2, random=0)
    with pytest.raises(gantk.GantkError, match=said):
        gantk.ghfeat.edit(other, gantk.GivenCodes(photo.array, "w"), season, distance=1)
    with pytest.raises(gantk.GantkError, match=said):
        gantk.invert(other, np.zeros((1, 64, 64, 3), np.uint8), encoder="none", steps=1, direction=season)
    said = "The codes .* are another generator's .* give gantk.GivenCodes.array, 'w'. to try"
    for codes in (samples, photo):
        with pytest.raises(gantk.GantkError, match=said):
            gantk.sample(other, codes=codes, num=1)
    with pytest.raises(gantk.GantkError, match=said):
        gantk.higan.train_boundary(samples, "season", generator=other)
    freed = season.direction.replace(probe=None)
    assert gantk.higan.manipulate(other, freed, gantk.GivenCodes(photo.array, "w"), step=2).walks
    assert gantk.higan.train_boundary(samples, "season", generator=generator).direction.probe == samples.probe


def test_a_direction_that_was_forced_is_not_refused_again(
    generator: gantk.Generator, samples: Any, tmp_path: Path
) -> None:
    other = copy.deepcopy(generator)
    with torch.no_grad():
        for weight in other.parameters():
            weight.mul_(1.5)
    folder = gantk.higan.train_boundary(samples, "season").save(tmp_path / "season")
    file = folder / "season_boundary.safetensors"
    with pytest.raises(gantk.GantkError, match="was made for another generator"):
        gantk.load_direction(file, other)
    assert gantk.higan.manipulate(other, gantk.load_direction(file, other, force=True), num=1, step=2).walks
    assert gantk.load_direction(file, generator, force=True).probe is not None


def test_what_is_no_direction(generator: gantk.Generator) -> None:
    for given, said in (
        ("season", "'season'"),
        (3, "3"),
        (np.ones((1, 64)), "an array of shape (1, 64)"),
        (torch.ones(64), "an array of shape (64,)"),
        ([generator], "a StyleGAN2"),
    ):
        with pytest.raises(gantk.UsageError, match=re.escape(f"{said} is no direction: give a Direction")):
            gantk.higan.manipulate(generator, given, num=1)


def test_what_is_no_codes(generator: gantk.Generator, samples: Any) -> None:
    season = gantk.higan.train_boundary(samples, "season")
    for given, said in (
        ("w.npy", "'w.npy'"),
        (Path("w.npy"), "'w.npy'"),
        (season, "a TrainBoundaryResult"),
        (generator, "a StyleGAN2"),
        ([[1.0], [1.0, 2.0]], "[[1.0], [1.0, 2.0]]"),
        ({"a": 1}, "{'a': 1}"),
    ):
        with pytest.raises(gantk.UsageError, match=re.escape(f"The codes are {said}: give an array")):
            gantk.sample(generator, codes=given)
    with pytest.raises(gantk.UsageError, match="'q'"):
        gantk.GivenCodes(np.zeros((2, 64)), "q")
    with pytest.raises(gantk.UsageError, match="The codes are 'abc': give an array of numbers"):
        gantk.GivenCodes("abc", "w")  # type: ignore[arg-type]
    with pytest.raises(gantk.GantkError, match=r"Codes of float64 \(3, 10, 63\) do not fit: wp .* \[N, 10, 64\]"):
        gantk.sample(generator, codes=np.zeros((3, 10, 63)))


def test_no_part_of_a_result_fills_a_notebook(generator: gantk.Generator, samples: Any) -> None:
    """Arrays and probes are thousands of letters long."""
    season = gantk.higan.train_boundary(samples, "season")
    assert repr(season.direction) == "Direction: w-boundary 'season', 1 vector of 64, range " + format(
        season.direction.scale, ".3g"
    )
    head = gantk.lse.fewshot(generator, shots=1, num_eval=0)
    weights = gantk.navigan.svd(generator, "4x4/conv1", "none", num=1, show=0)
    house = gantk.resefa.directions(
        generator, regions={"house": (0.2, 0.2, 0.6, 0.6)}, rows="5", held_out=0, num_directions=1
    )[0]
    parts = (season.boundaries[0], season.direction, samples.codes, head.heads[0], weights.weights, house)
    for part in (*parts, gantk.load_encoder("demo", generator)):
        assert len(repr(part)) < 1500 and "\n" not in repr(part), type(part)
    assert "vectors=" not in repr(house) and "eigenvalues=float64 [1]" in repr(house)


NAMED: list[tuple[Callable[..., Any], str]] = [
    (gantk.load_generator, "name_or_path"),
    (gantk.load_head, "path"),
    (gantk.load_weights, "name"),
    (gantk.load_encoder, "name"),
    (gantk.load_result, "path"),
    (gantk.load_direction, "name_or_path"),
]


@pytest.mark.parametrize(("load", "name"), NAMED, ids=[load.__name__ for load, _ in NAMED])
def test_what_is_no_name(load: Callable[..., Any], name: str) -> None:
    for given, said in ((3, "3"), (None, "None"), (np.zeros(3), "an array of shape (3,)")):
        with pytest.raises(gantk.UsageError, match=re.escape(f"{name} is {said}: give ")):
            load(given)


def test_functions_beside_the_verbs(generator: gantk.Generator, samples: Any) -> None:
    season = gantk.higan.train_boundary(samples, "season")
    trees = gantk.higan.train_boundary(samples, "trees")
    assert gantk.compare([season, trees]).table() == gantk.compare(season, trees).table()
    with pytest.raises(gantk.UsageError, match="^A run is 3: give results"):
        gantk.compare(3, 4)  # type: ignore[arg-type]
    with pytest.raises(gantk.UsageError, match="^generator is 'demo'"):
        gantk.speed.measure("demo")  # type: ignore[arg-type]
    with pytest.raises(gantk.UsageError, match="^batches is 0: give a whole number of at least 1"):
        gantk.speed.measure(generator, batches=0)
    with pytest.raises(gantk.UsageError, match="^seconds is -1: give a number"):
        gantk.speed.measure(generator, seconds=-1)
    with pytest.raises(gantk.UsageError, match="^generator is 3: give a generator"):
        gantk.explore(3)  # type: ignore[arg-type]
    with pytest.raises(gantk.UsageError, match="^generator is 'demo': give a generator"):
        gantk.load_direction("season", "demo")  # type: ignore[arg-type]
    with pytest.raises(gantk.UsageError, match="^images is a StyleGAN2: give the path"):
        gantk.train_predictor(generator)
    factors = np.stack(list(samples.scores.values())[:2], 1)
    scored = gantk.disentanglement.measure(samples, factors)
    assert repr(scored) == repr(gantk.disentanglement.measure(samples.codes, torch.from_numpy(factors)))
    with pytest.raises(gantk.UsageError, match="^factors is 'y': give an array"):
        gantk.disentanglement.measure(samples, "y")  # type: ignore[arg-type]
    for given, said in ((3, "3"), ((1, "x"), r"\(1, 'x'\)")):
        with pytest.raises(gantk.UsageError, match=f"output_range {said} is no range"):
            gantk.wrap(Drawing(), 8, output_range=given)  # type: ignore[arg-type]
    with pytest.raises(gantk.UsageError, match="rows is 0: give a whole number of at least 1"):
        gantk.wrap(Drawing(), 8, rows=0)


class Drawing(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(8, 3 * 8 * 8)

    def forward(self, z_NZ: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.linear(z_NZ)).view(-1, 3, 8, 8)


@pytest.mark.parametrize("name", ["demo", "demo-biggan", "demo-stylegan3", "demo-pggan", "demo-oracle"])
def test_calls_of_a_generator_that_make_no_sense(name: str) -> None:
    generator = gantk.load_generator(name)
    spec = generator.spec
    for given, said in (
        (np.zeros((2, spec.z_dim), np.float32), f"z is an array of shape (2, {spec.z_dim}): give a torch tensor"),
        ("x", "z is 'x': give a torch tensor"),
        (torch.zeros(2, spec.z_dim).double(), "z is of torch.float64 and this network of torch.float32"),
    ):
        with pytest.raises(gantk.UsageError, match=re.escape(said)):
            generator.map(given)  # type: ignore[arg-type]
    with pytest.raises(gantk.UsageError, match="^n is 2.5: give a whole number"):
        generator.sample_z(2.5)  # type: ignore[arg-type]
    with pytest.raises(gantk.UsageError, match="^psi is 'x'"):
        generator.sample_z(2, truncation="x")  # type: ignore[arg-type]
    with pytest.raises(gantk.UsageError, match="^w is an array"):
        generator.expand(np.zeros((2, spec.w_dim)))  # type: ignore[arg-type]
    wp = np.zeros((2, spec.num_layers, spec.wp_dim), np.float32)
    with pytest.raises(gantk.UsageError, match="^wp is an array of shape .* torch.from_numpy"):
        generator.synthesize(wp)  # type: ignore[arg-type]
    if "s" in spec.spaces:
        with pytest.raises(gantk.UsageError, match="^wp is an array of shape .* torch.from_numpy"):
            generator.styles(wp)  # type: ignore[arg-type]
    with pytest.raises(gantk.UsageError, match=r"^No layer is named 'nope'\. Known: "):
        generator.trace(torch.from_numpy(wp), "nope")
    with pytest.raises(gantk.UsageError, match=f"^Layer 99 does not exist: .* 0 to {len(generator.layers) - 1}"):
        generator.layer(99)


def test_a_number_is_a_truncation_and_a_name_is_a_tap(generator: gantk.Generator) -> None:
    w_ND = generator.map(generator.sample_z(2))
    wp_NLD = generator.expand(w_ND, 0.7)
    torch.testing.assert_close(wp_NLD, generator.expand(w_ND, gantk.Truncation(0.7)), rtol=0, atol=0)
    assert list(generator.trace(wp_NLD, "8x8/conv1", image=False)[1]) == ["8x8/conv1"]
    direction = gantk.load_direction("season", generator)
    moved = direction.apply(wp_NLD, 2.0, truncation=0.7)
    torch.testing.assert_close(moved, direction.apply(wp_NLD, 2.0, truncation=gantk.Truncation(0.7)), rtol=0, atol=0)
    for given, said in (("x", "'x'"), (float("nan"), "nan"), ([[1.0], [2.0, 3.0]], r"\[\[1.0\], \[2.0, 3.0\]\]")):
        with pytest.raises(gantk.UsageError, match=f"^distance is {said}: give "):
            direction.apply(wp_NLD, given)  # type: ignore[arg-type]
    with pytest.raises(gantk.UsageError, match="^codes is an array of shape"):
        direction.apply(wp_NLD.numpy(), 1.0)  # type: ignore[call-overload]
    with pytest.raises(gantk.UsageError, match="pick 'a' does not exist"):
        direction.apply(wp_NLD, 1.0, pick="a")  # type: ignore[call-overload]


def test_a_result_with_a_head_labels_and_sees_regions(generator: gantk.Generator) -> None:
    head = gantk.lse.fewshot(generator, shots=1, num_eval=0)
    assert "labelled by n1-r0" in gantk.lse.fewshot(generator, teacher=head, shots=1, num_eval=0).sentence()
    found = gantk.resefa.jacobian(generator, {"sky": head}, num=1, rows="5")
    assert found.facts.segmenter == "n1-r0"
    with pytest.raises(gantk.UsageError, match=r"'skies' is no class that 'n1-r0' sees\. Known: cloud, door, "):
        gantk.resefa.jacobian(generator, {"skies": head}, num=1)
    boxes = ("0.2,0.2,0.6,0.6", (0.2, 0.2, 0.6, 0.6))
    (one,), (other,) = (gantk.resefa.jacobian(generator, {"box": box}, num=1, rows="5").facts.places for box in boxes)
    assert one.text == other.text and one.mask is not None and np.array_equal(one.mask, np.asarray(other.mask))
    for where, said in (
        ((0.2, 0.2, 0.6), "0.2,0.2,0.6' is not understood"),
        (object(), "The region 'box' is an object"),
    ):
        with pytest.raises(gantk.UsageError, match=re.escape(said)):
            gantk.resefa.jacobian(generator, {"box": where}, num=1)
    with pytest.raises(gantk.UsageError, match="^also is 3: give a list of gantk.lse.Rival"):
        gantk.lse.evaluate(generator, head, also=3, num=1)  # type: ignore[arg-type]
    with pytest.raises(gantk.UsageError, match="^stroke is 'x': give an array of numbers"):
        gantk.lse.edit(generator, head, stroke="x")
    with pytest.raises(gantk.GantkError, match="The stroke has class 77"):
        gantk.lse.edit(generator, head, stroke=np.full((64, 64), 77))
    for target, said in (
        ("x.png", "The target 0 is 'x.png': give an array"),
        (np.full((64, 64), 1.5), "The target 0 has numbers that are not whole"),
    ):
        with pytest.raises(gantk.GantkError, match=re.escape(said)):
            gantk.lse.sample(generator, head, target)


def test_weight_directions(generator: gantk.Generator, samples: Any, tmp_path: Path) -> None:
    found = gantk.navigan.svd(generator, "4x4/conv1", "none", num=1, show=0)
    for form in ("nope", np.zeros(3)):
        with pytest.raises(gantk.UsageError, match=f"^form is {re.escape(described(form))}: give one of gantk, "):
            gantk.navigan.export(found, tmp_path / "x.safetensors", form)  # type: ignore[arg-type]
    with pytest.raises(gantk.UsageError, match="^path is 3: give "):
        gantk.navigan.export(found, 3)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
    with pytest.raises(gantk.UsageError, match=r"^pick 9999 does not fit: directions are 0 to"):
        gantk.navigan.apply(generator, found, num=1, pick=9999)
    with pytest.raises(gantk.UsageError, match="strength is nan: give a finite number"):
        found.render(generator, samples.codes[:1], strength=float("nan"))
    with pytest.raises(gantk.UsageError, match="Direction a does not exist"):
        found.render(generator, samples.codes[:1], row="a")
    half = found.render(generator, samples.codes[:1], strength=0.0, truncation=0.5)
    torch.testing.assert_close(half, found.render(generator, samples.codes[:1], strength=0.0, truncation="0.5"))
    with pytest.raises(gantk.GantkError, match="compares different samples, and there is one: give more"):
        gantk.navigan.hessian(generator, "4x4/conv1", "pixels", samples.codes[:1], k=1, num=1)


def test_images_of_numpy_and_torch(generator: gantk.Generator) -> None:
    image_NCHW = generator.synthesize(generator.expand(generator.map(generator.sample_z(12))))
    pixels_NHWC = ((image_NCHW.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    small: dict[str, Any] = {"num": 12, "neighbours": 2, "subsets": 2, "reader": gantk.load_predictor("demo")}
    found = [
        gantk.quality.measure(generator, given, **small) for given in (image_NCHW, image_NCHW.numpy(), pixels_NHWC)
    ]
    assert found[0].sentence() == found[1].sentence() and found[2].samples == found[0].samples
    for wrong in (image_NCHW * 255, np.zeros((3, 4)), np.full((4, 3, 8, 8), np.nan)):
        with pytest.raises(gantk.UsageError, match="is no set of images: give uint8"):
            gantk.quality.measure(generator, wrong, **small)
        with pytest.raises(gantk.UsageError, match="is no image: give uint8"):
            gantk.ghfeat.extract(generator, wrong)


def test_directions_of_regions_stand_where_directions_are_wanted(generator: gantk.Generator) -> None:
    boxes = {"left": (0.2, 0.1, 0.6, 0.4), "right": (0.2, 0.6, 0.6, 0.9)}
    found = gantk.resefa.directions(generator, regions=boxes, rows="5", held_out=0, num_directions=2)
    moved = gantk.higan.manipulate(generator, found, num=1, step=2)
    assert [walk.name for walk in moved.walks] == ["left_00", "left_01", "right_00", "right_01"]
    rows = found.table()
    assert [(row["region"], row["direction"]) for row in rows] == [("left", 0), ("left", 1), ("right", 0), ("right", 1)]
    assert rows[2]["quotient"] == found["right"].quotients[0]
    with pytest.raises(gantk.UsageError, match=r"no directions of a region 'rigth'\. Did you mean 'right'"):
        found["rigth"]


def test_every_command_has_its_function_in_the_table() -> None:
    page = (Path(__file__).parent.parent / "docs" / "api" / "index.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `gantk ([a-z -]+)` \| .*`gantk\.([a-z_.]+)` \|$", page, re.MULTILINE))
    for name, verb in VERBS.items():
        found: Any = gantk
        for part in rows[name].split("."):
            found = getattr(found, part)
        assert found is (gantk.compare if name == "compare" else verb), name


def test_a_number_of_numpy_picks_a_direction_and_an_earlier_name_stands_alone(generator: gantk.Generator) -> None:
    direction = gantk.Direction("two", "direction", "w", np.eye(generator.spec.w_dim, dtype=np.float32)[:2])
    w_ND = torch.zeros(1, generator.spec.w_dim)
    assert torch.equal(direction.apply(w_ND, 1.0, pick=np.int64(1)), direction.apply(w_ND, 1.0, pick=1))
    with pytest.raises(gantk.UsageError, match="pick True does not exist"):
        direction.apply(w_ND, 1.0, pick=True)
    with pytest.raises(gantk.UsageError, match="'num_eval' is an earlier name of 'held_out': give one"):
        changed(FewshotOptions, None, {"num_eval": 2, "held_out": 3})


def test_a_module_with_a_part_called_predictor_is_a_module(generator: gantk.Generator) -> None:
    class Scores(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.predictor = torch.nn.Linear(3, 2)

        def forward(self, image_NCHW: torch.Tensor) -> torch.Tensor:
            scores: torch.Tensor = self.predictor(image_NCHW.mean((2, 3)))
            return scores

    predictor = gantk.load_predictor(Scores())
    assert predictor.attributes(torch.zeros(4, 3, 8, 8)).shape == (4, 2)


@pytest.mark.parametrize("dtype", [np.bool_, np.uint16, np.str_, np.longdouble])
def test_arrays_of_other_kinds_are_no_images(dtype: type, generator: gantk.Generator) -> None:
    with pytest.raises(gantk.UsageError, match="is no set of images"):
        images_of(np.zeros((4, 3, 8, 8), dtype))
