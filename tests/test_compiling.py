"""`--compile` and `--deterministic`: what they change, what they cost, and what they leave alone."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_cuda import fake_cuda, moved
from higan_cases import contents, tiny, write_world

import gantk
from gantk.errors import GantkError
from gantk.generators import compiling
from gantk.generators.compiling import CompileWarning, compile_synthesis, mode_for
from gantk.generators.devices import reproducible
from gantk.runs import identity
from gantk.runs.manifest import read_manifest

Call = Callable[..., tuple[int, str, str]]
CHEAP = "aot_eager"  # all of torch.compile but the compiler


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"))


def codes(generator: gantk.Generator, n: int) -> torch.Tensor:
    return generator.expand(generator.map(generator.sample_z(n)))


def test_compiled_pictures_of_demo_are_the_same() -> None:
    generator = gantk.load_generator("demo")
    wp = codes(generator, 2)
    with torch.inference_mode():
        plain = generator.synthesize(wp)
        compile_synthesis(generator, CHEAP)
        with pytest.warns(CompileWarning, match=r"Compiled for 2 samples at once: the first pass took \d+ s\."):
            drawn = generator.synthesize(wp)
    assert (drawn - plain).abs().max() <= 1e-4


def test_weights_lie_as_convolutions_take_them_quickest() -> None:
    for name, wanted in (("demo", True), ("demo-pggan", True), ("demo-biggan", True), ("demo-stylegan3", False)):
        generator = gantk.load_generator(name)
        kernels = [each for each in generator.parameters() if each.ndim == 4 and min(each.shape) > 1]
        assert kernels and all(each.is_contiguous(memory_format=torch.channels_last) is wanted for each in kernels), (
            name
        )
    generator = gantk.load_generator("demo")
    plain = copy.deepcopy(generator).to(memory_format=torch.contiguous_format)
    wp = codes(generator, 2)
    with torch.inference_mode():
        torch.testing.assert_close(generator.synthesize(wp), plain.synthesize(wp), rtol=0, atol=3e-5)


class Counted:
    """Counts the passes through the graphs, and makes none: what is drawn is what the family draws."""

    def __init__(self, generator: gantk.Generator) -> None:
        self.sizes: list[int] = []
        generator.compiled = compiling.Compiled(self._call)

    def _call(self, generator: gantk.Generator, styles: Any, options: Any) -> torch.Tensor:
        self.sizes.append(len(styles[0]))
        return compiling._drawn(generator, styles, options)


@pytest.mark.filterwarnings("ignore::gantk.generators.compiling.CompileWarning")
def test_only_whole_passes_without_gradients_are_compiled() -> None:
    generator = tiny()
    counted = Counted(generator)
    wp = codes(generator, 3)
    with torch.no_grad():
        generator.synthesize(wp)
        generator.synthesize(wp[:2], noise="none")
        assert counted.sizes == [3, 2]
        generator.synthesize(wp, noise=7)
        generator.synthesize(wp, start=generator.cache(wp, before=2))
        layer = next(layer for layer in generator.layers if layer.weight)
        assert layer.weight is not None
        delta = torch.zeros_like(generator.get_parameter(layer.weight))
        generator.synthesize(wp, weight_deltas={layer.index: (delta, 1.0)})
        torch.func.jvp(generator.synthesize, (wp,), (wp,))
        generator.trace(wp, [0])
    generator.synthesize(wp)
    assert counted.sizes == [3, 2]


def test_every_graph_is_announced_once() -> None:
    generator = tiny()
    Counted(generator)
    wp = codes(generator, 2)
    with torch.no_grad():
        for noise in ("const", "none"):
            with pytest.warns(CompileWarning, match="Compiled for 2 samples at once"):
                generator.synthesize(wp, noise=noise)
            generator.synthesize(wp, noise=noise)  # a warning would be an error


@pytest.mark.filterwarnings("ignore::gantk.generators.compiling.CompileWarning")
def test_a_copy_draws_its_own_weights_and_an_edit_shows() -> None:
    generator = compile_synthesis(tiny(), CHEAP)
    wp = codes(generator, 2)
    with torch.inference_mode():
        before = generator.synthesize(wp)
    other = copy.deepcopy(generator)
    with torch.no_grad():
        other.get_parameter("synthesis.b16.torgb.bias").add_(1.0)
    with torch.inference_mode():
        torch.testing.assert_close(other.synthesize(wp), before + 1.0)
        torch.testing.assert_close(generator.synthesize(wp), before)


def test_without_a_compiler_it_is_one_sentence_and_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> Callable[..., Any]:
        def call(*_: object) -> Any:
            raise RuntimeError("\nNo working C++ compiler found in g++.\nand more")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    wanted = r"Nothing can be compiled here \(No working C\+\+ compiler found in g\+\+\): --compile does nothing"
    with pytest.warns(CompileWarning, match=wanted):
        generator = gantk.load_generator("demo", compile=True)
    assert generator.compiled is None
    assert "--compile" not in identity.of_arguments({"generator": generator})
    with pytest.raises(GantkError, match=r"This network cannot be compiled .*: leave compile out\."), torch.no_grad():
        made = compile_synthesis(generator, CHEAP)
        made.synthesize(codes(generator, 1))


@pytest.mark.filterwarnings("ignore::gantk.generators.compiling.CompileWarning")
def test_memory_that_runs_out_is_no_fault_of_the_compiler() -> None:
    generator = tiny()

    def call(*_: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    generator.compiled = compiling.Compiled(call)
    with torch.no_grad(), pytest.raises(torch.OutOfMemoryError):
        generator.synthesize(codes(generator, 1))


def test_a_gpu_draws_by_cuda_graphs() -> None:
    """As far as it goes without one: the mode, and a pass whose tensors are all on the device."""
    assert mode_for(torch.device("cuda")) == "reduce-overhead"
    assert mode_for(torch.device("cpu")) is None
    generator = tiny()
    counted = Counted(generator)
    generator.compiled.seen.add((2, "cuda:0", "None", "const"))  # type: ignore[union-attr]
    with fake_cuda() as device, torch.no_grad():
        there = moved(generator, device)
        wp = torch.zeros(2, there.spec.num_layers, there.spec.wp_dim, device=device)
        assert there.synthesize(wp).device.type == "cuda"
    assert counted.sizes == [2]


@pytest.mark.filterwarnings("always::gantk.generators.compiling.CompileWarning")
def test_a_run_says_whether_it_was_compiled(
    gantk_command: Call, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("synthesize", world / "tiny.safetensors", "-N", 3, "--images", "--batch-size", 2)
    monkeypatch.setattr(compiling, "compile_synthesis", lambda generator: Counted(generator).sizes)
    code, _, error = gantk_command(*words, "--compile", "-o", tmp_path / "a")
    assert code == 0 and error.count("Compiled for 2 samples at once") == 1 and "Compiled for 1 sample at once" in error
    assert read_manifest(tmp_path / "a" / "synthesize.run.json")["identity"]["--compile"] is True
    code, _, error = gantk_command(*words, "-o", tmp_path / "a")
    assert code == 2 and "with --compile, and this one is without --compile" in error


def test_deterministic_changes_nothing_on_a_cpu_and_ends_with_the_command(
    gantk_command: Call, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")  # what the user set stays
    seen: list[bool] = []
    synthesize = type(tiny()).synthesize

    def watched(*arguments: Any, **options: Any) -> torch.Tensor:
        seen.append(torch.are_deterministic_algorithms_enabled())
        return synthesize(*arguments, **options)

    monkeypatch.setattr(type(tiny()), "synthesize", watched)
    words = ("synthesize", world / "tiny.safetensors", "-N", 3, "--images")
    assert gantk_command(*words, "-o", tmp_path / "a")[0] == 0
    assert not any(seen)
    seen.clear()
    assert gantk_command(*words, "--deterministic", "-o", tmp_path / "b")[0] == 0
    assert seen and all(seen) and not torch.are_deterministic_algorithms_enabled()
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert gantk_command(*words, "--deterministic", "-o", tmp_path / "a")[0] == 0  # the same run
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


def test_deterministic_is_part_of_what_a_gpu_makes() -> None:
    from gantk.higan.inputs import SynthesizeInputs
    from gantk.higan.options import SynthesizeOptions
    from gantk.runs.table import find_task

    class Device:
        type = "cuda"

    class There:
        device = Device()

        def fingerprint(self) -> str:
            return "there"

    task = find_task("synthesize")
    for wanted in (False, True):
        inputs = SynthesizeInputs(model="demo", deterministic=wanted)
        found = identity.identity_of(task, inputs, SynthesizeOptions(), {"generator": There()})
        assert ("--deterministic" in found) is wanted
        assert "--deterministic" not in identity.identity_of(task, inputs, SynthesizeOptions(), {"codes": None})


def test_what_has_no_deterministic_algorithm_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    said = "^grid_sampler_2d_backward_cuda has no deterministic algorithm here"
    with pytest.raises(GantkError, match=said), reproducible():
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
        raise RuntimeError("grid_sampler_2d_backward_cuda does not have a deterministic implementation, but ...")
    with pytest.raises(RuntimeError, match="other"), reproducible():
        raise RuntimeError("other")
    assert not torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with reproducible():
            assert not torch.is_deterministic_algorithms_warn_only_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
