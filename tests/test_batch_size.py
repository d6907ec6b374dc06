"""The batch size that is chosen by itself, what happens when memory runs out, and what is said of memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from higan_cases import contents, tiny, write_world
from torch import Tensor

import gantk
from gantk.errors import GantkError, UsageError
from gantk.generators.footprint import sample_bytes
from gantk.higan.options import SynthesizeOptions
from gantk.lse.options import SamplingOptions
from gantk.navigan.options import HessianOptions, TrainOptions
from gantk.runs import batches
from gantk.runs.manifest import read_manifest
from gantk.runs.option_values import AUTOMATIC
from gantk.runs.options import fields_of
from gantk.store import memory
from gantk.store import progress as progressing

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"))


def room_for(monkeypatch: pytest.MonkeyPatch, samples: int, gradients: bool = False) -> None:
    """Let the budget be that of so many samples of the tiny network, and half of one more."""
    each = sample_bytes(tiny(), gradients)
    monkeypatch.setattr(batches, "budget", lambda device: each * samples + each // 2)


# --- the choice ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("room", "size"), [(0, 1), (1, 1), (3, 2), (7, 4), (15, 8), (16, 16), (1000, 16)])
def test_the_size_is_the_power_of_two_that_fits(monkeypatch: pytest.MonkeyPatch, room: int, size: int) -> None:
    room_for(monkeypatch, room)
    assert batches.settled(SynthesizeOptions(), {"generator": tiny()}).batch_size == size


def test_a_size_that_was_given_stays_and_auto_is_a_word_in_python_too() -> None:
    assert batches.settled(SynthesizeOptions(batch_size=13), {"generator": tiny()}).batch_size == 13
    assert SynthesizeOptions(batch_size="auto").batch_size == AUTOMATIC == SynthesizeOptions().batch_size  # type: ignore[arg-type]
    assert batches.settled(SynthesizeOptions(), {}).batch_size == 16
    with pytest.raises(UsageError, match="batch_size is -1"):
        SynthesizeOptions(batch_size=-1)


def test_bundled_networks_have_the_sizes_that_were_theirs() -> None:
    """So that neither their speed nor their bytes depend on the machine."""
    for name in ("demo", "demo-stylegan3", "demo-pggan", "demo-biggan"):
        generator = gantk.load_generator(name)
        for options, size in ((SynthesizeOptions(), 16), (HessianOptions(), 8)):
            assert batches.settled(options, {"generator": generator}).batch_size == size, name


def test_what_is_differentiated_needs_more() -> None:
    generator = gantk.load_generator("demo")
    assert sample_bytes(generator, gradients=True) > 2 * sample_bytes(generator)
    assert sample_bytes(generator, until=0) < sample_bytes(generator)
    auto = {kind: batches.batch_field(kind()) for kind in (SynthesizeOptions, HessianOptions, SamplingOptions)}
    assert [field.about.gradients for field in auto.values() if field] == [False, True, True]
    assert batches.batch_field(TrainOptions()) is None  # the samples of a step decide what is learnt


def test_the_form_is_near_what_a_pass_was_measured_to_need() -> None:
    """At 1024 pixels a pass of one sample takes 448 MB in a StyleGAN2 and 1.4 GB in a StyleGAN3."""
    with torch.device("meta"):
        from gantk.generators.registry import build

        wide = [512, 512, 512, 512, 512, 256, 128, 64, 32]
        generator = build("stylegan2", {"resolution": 1024, "channels": wide})
    assert 448e6 <= sample_bytes(generator) <= 1.3 * 448e6


# --- what there is ---------------------------------------------------------------------------------------------------


def written(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_the_tightest_of_machine_and_control_groups_counts(tmp_path: Path) -> None:
    assert memory.available(tmp_path) is None
    root = written(tmp_path, proc__meminfo="MemTotal: 9000 kB\nMemAvailable:    8000 kB\n")
    assert memory.available(root) == 8000 * 1024
    written(root, proc__self__cgroup="0::/job/step\n")
    group = "sys__fs__cgroup__job"
    written(root, **{f"{group}__memory_dot_max": "5000000\n", f"{group}__memory_dot_current": "3000000\n"})
    written(root, **{f"{group}__step__memory_dot_max": "max\n", f"{group}__step__memory_dot_current": "1\n"})
    assert memory.available(root) == 2_000_000
    written(root, **{f"{group}__memory_dot_stat": "anon 1\ninactive_file 500000\n"})
    assert memory.available(root) == 2_500_000  # what the system would drop is free


def test_control_groups_of_version_1(tmp_path: Path) -> None:
    root = written(tmp_path, proc__self__cgroup="5:cpu,cpuacct:/a\n4:memory:/a\n")
    group = "sys__fs__cgroup__memory__a"
    written(root, **{f"{group}__memory_dot_limit_in_bytes": "700", f"{group}__memory_dot_usage_in_bytes": "300"})
    assert memory.available(root) == 400
    written(root, **{f"{group}__memory_dot_limit_in_bytes": str((1 << 63) - 4096)})
    assert memory.available(root) is None


def test_the_budget_is_half_of_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    for free, budget in ((None, batches.ON_CPU), (10, 5), (1 << 40, batches.ON_CPU)):
        monkeypatch.setattr(batches, "available", lambda free=free: free)
        assert batches.budget(cpu) == budget
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (6 << 30, 80 << 30))
    assert batches.budget(torch.device("cuda")) == 3 << 30


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."), True),
        (RuntimeError("shapes do not fit"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_an_error_of_memory_is_told_from_others(error: Exception, said: bool) -> None:
    assert memory.is_out_of_memory(error) is said


# --- runs ------------------------------------------------------------------------------------------------------------


def identity(run: Path, name: str = "synthesize.run.json") -> Any:
    return read_manifest(run / name)["identity"]["--batch-size"]


def test_the_size_is_part_of_a_run_and_a_run_that_is_continued_keeps_it(
    gantk_command: Call, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("synthesize", world / "tiny.safetensors", "-N", 9, "--images", "-o", tmp_path / "a")
    room_for(monkeypatch, 4)
    assert gantk_command(*words)[0] == 0
    assert identity(tmp_path / "a") == 4
    before = contents(tmp_path / "a")
    (tmp_path / "a" / "synthesize.result.json").unlink()
    (tmp_path / "a" / "w.npy").unlink()
    room_for(monkeypatch, 2)  # memory is scarcer now
    assert gantk_command(*words)[0] == 0
    assert identity(tmp_path / "a") == 4 and contents(tmp_path / "a") == before
    assert gantk_command(*words, "--batch-size", 4)[0] == 0  # the same run
    code, _, error = gantk_command(*words, "--batch-size", 8)
    assert code == 2 and "--batch-size" in error
    assert gantk_command(*words, "--overwrite")[0] == 0
    assert identity(tmp_path / "a") == 2


def test_shards_take_the_size_of_the_first_and_are_joined(
    gantk_command: Call, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("synthesize", world / "tiny.safetensors", "-N", 9, "--chunk", 4, "-o", tmp_path / "a")
    for shard, room in (("0/2", 4), ("1/2", 1)):
        room_for(monkeypatch, room)
        assert gantk_command(*words, "--shard", shard)[0] == 0
        assert identity(tmp_path / "a", f"synthesize.{shard[0]}-of-2.run.json") == 4
    assert gantk_command("merge", tmp_path / "a")[0] == 0
    assert identity(tmp_path / "a") == 4


def test_the_default_directory_is_continued_with_its_size(
    gantk_command: Call, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for room, seed in ((4, 0), (4, 1), (1, 1)):
        room_for(monkeypatch, room)
        assert gantk_command("synthesize", world / "tiny.safetensors", "-N", 2, "--seed", seed)[0] == 0
    assert [identity(path) for path in sorted(tmp_path.iterdir())] == [4, 4]


class Small:
    """Lets a generator fail as torch does where it is given more samples than fit."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
        from gantk.generators.stylegan2 import StyleGAN2

        self.most = most
        self.sizes: list[int] = []
        synthesize = StyleGAN2.synthesize

        def limited(generator: StyleGAN2, wp: Tensor, **options: Any) -> Tensor:
            self.sizes.append(len(wp))
            if len(wp) > self.most:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes.")
            return synthesize(generator, wp, **options)

        monkeypatch.setattr(StyleGAN2, "synthesize", limited)


@pytest.mark.filterwarnings("always::gantk.runs.batches.MemoryWarning")
def test_out_of_memory_halves_the_size_says_so_once_and_a_killed_run_ends_the_same(
    gantk_command: Call, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room_for(monkeypatch, 8)
    words = ("synthesize", world / "tiny.safetensors", "-N", 24, "--images", "--chunk", 8)
    with monkeypatch.context() as patch:
        Small(patch, 2)
        code, _, error = gantk_command(*words, "-o", tmp_path / "a")
        assert code == 0 and error.count("not enough memory") == 1  # though 8 were too many, and then 4
        assert "There was not enough memory for 8 samples at once: the work goes on with as many as fit." in error
    manifest = read_manifest(tmp_path / "a" / "synthesize.run.json")
    assert (manifest["halved"], manifest["identity"]["--batch-size"]) == (2, 8)

    with monkeypatch.context() as patch:
        small = Small(patch, 2)
        _kill_after(patch, small, 7)
        assert gantk_command(*words, "-o", tmp_path / "b")[0] == 130
    assert read_manifest(tmp_path / "b" / "synthesize.run.json")["halved"] == 2
    small = Small(monkeypatch, 8)  # there is memory again, and the run stays as it was begun
    assert gantk_command(*words, "-o", tmp_path / "b")[0] == 0
    assert max(small.sizes) == 2
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def _kill_after(patch: pytest.MonkeyPatch, small: Small, calls: int) -> None:
    from gantk.generators.stylegan2 import StyleGAN2

    limited = StyleGAN2.synthesize

    def stopped(generator: StyleGAN2, wp: Tensor, **options: Any) -> Tensor:
        if len(small.sizes) >= calls:
            raise KeyboardInterrupt
        return limited(generator, wp, **options)

    patch.setattr(StyleGAN2, "synthesize", stopped)


def test_walks_and_weight_edits_halve_within_their_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = tiny()
    from gantk.between import walk

    whole = walk(generator, frames=6)
    Small(monkeypatch, 2)
    with pytest.warns(batches.MemoryWarning):
        parts = walk(generator, frames=6)
    np.testing.assert_array_equal(whole.codes, parts.codes)


@pytest.mark.filterwarnings("always::gantk.runs.batches.MemoryWarning")
def test_one_sample_that_does_not_fit_is_one_sentence(
    gantk_command: Call, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Small(monkeypatch, 0)
    words = ("-N", 2, "--images", "--batch-size", 2, "-o", tmp_path / "a")
    code, _, error = gantk_command("synthesize", world / "tiny.safetensors", *words)
    assert code == 1
    assert error.splitlines()[-1] == (
        "Error: There is not enough memory for one sample at once: use a device with more."
    )


def test_an_own_predictor_that_needs_more_memory_scores_fewer_at_once() -> None:
    sizes = []

    def brightness(image_NCHW: Tensor) -> Tensor:
        sizes.append(len(image_NCHW))
        if len(image_NCHW) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return image_NCHW.mean((1, 2, 3))

    with pytest.warns(batches.MemoryWarning):
        found = gantk.sample(tiny(), 8, gantk.load_predictor(brightness), batch_size=8)
    assert sizes[-4:] == [2, 2, 2, 2]
    assert [len(column) for column in found.scores.values()] == [8]


def test_what_needs_less_is_named() -> None:
    assert "a --batch-size below 8 or" in batches.no_memory(HessianOptions(), 8)
    assert "--metric-size" in batches.no_memory(HessianOptions(), 1)
    assert "a --batch-size below 32" in batches.no_memory(TrainOptions(), 32)


def test_other_errors_are_no_matter_of_memory() -> None:
    from gantk.runs.stores import MemoryStore

    for error in (ValueError("x"), RuntimeError("y")):

        def other(options: HessianOptions, error: Exception = error) -> None:
            raise error

        with pytest.raises(type(error)):
            batches.halving(other, HessianOptions(batch_size=8), MemoryStore())

    def fails(options: TrainOptions) -> None:
        raise MemoryError

    with pytest.raises(GantkError, match="a batch_size below 32"):  # which decides what is learnt
        batches.halving(fails, TrainOptions(batch_size=32), MemoryStore())


# --- verbs whose batch size says what a chunk holds ------------------------------------------------------------------


class Scarce:
    """Lets a tiny network fail as torch does on a GPU where more samples than fit are differentiated at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most: int, error: type[Exception] = MemoryError) -> None:
        from gantk.generators.stylegan2 import StyleGAN2

        self.sizes: list[int] = []
        whole = StyleGAN2._run

        def limited(generator: StyleGAN2, codes: Any, *rest: Any, **family: Any) -> Any:
            if torch.is_grad_enabled() and any(code.requires_grad for code in [*codes, *generator.parameters()]):
                self.sizes.append(len(codes[0]))
                if len(codes[0]) > most:
                    raise error
            return whole(generator, codes, *rest, **family)

        monkeypatch.setattr(StyleGAN2, "_run", limited)


def assert_near(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=0, atol=1e-4)


def test_hessian_computes_a_chunk_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> Any:
        said = {"k": 1, "num": 8, "batch_size": 8, "max_products": 2, "show": 0}
        return gantk.navigan.hessian(tiny(), "16x16/conv1", "pixels", **said)

    whole = found()
    scarce = Scarce(monkeypatch, 2, torch.OutOfMemoryError)
    with pytest.warns(batches.MemoryWarning) as said:
        parts = found()
    assert len(said) == 1 and scarce.sizes[:2] == [8, 4] and set(scarce.sizes[2:]) == {2}
    assert_near(parts.spectrum.values / whole.spectrum.values, [1.0])
    assert parts.spectrum.exact.agreement is None  # still one chunk


def test_invert_optimises_fewer_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    photos = [np.full((16, 16, 3), 40 * n, np.uint8) for n in range(5)]

    def found(store: Any = None) -> Any:
        return gantk.invert(tiny(), photos, "none", "none", space="w", steps=2, store=store)

    whole = found()
    scarce = Scarce(monkeypatch, 2)
    with pytest.warns(batches.MemoryWarning) as said:
        parts = found()
    assert len(said) == 1 and max(scarce.sizes) == 5 and scarce.sizes[-1] == 1 and 2 in scarce.sizes
    assert_near(parts.packed, whole.packed)


def test_lse_sample_searches_fewer_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from gantk.predictors.base import Predictor

    class Halves(Predictor):
        name = "halves"
        class_names = ("dark", "bright")

        def segment(self, image_NCHW: Tensor) -> Tensor:
            light = image_NCHW.mean(1, keepdim=True)
            return torch.cat([-light, light], 1)

    generator, teacher = tiny(), Halves()
    head = gantk.lse.fewshot(generator, teacher, shots=2, size=16, held_out=0)
    target = np.zeros((16, 16), np.uint8)
    target[:, 8:] = 1

    def found() -> Any:
        said = {"samples": 4, "bank": 8, "steps": 3, "batch_size": 4}
        return gantk.lse.sample(generator, head, targets=target, teacher=teacher, **said)

    whole = found()
    scarce = Scarce(monkeypatch, 1, torch.OutOfMemoryError)
    with pytest.warns(batches.MemoryWarning) as said:
        parts = found()
    assert len(said) == 1 and scarce.sizes[:2] == [4, 2] and set(scarce.sizes[2:]) == {1}
    assert_near(parts.wp, whole.wp)
    assert_near(parts.curve, whole.curve)


def test_not_even_one_is_one_sentence_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    Scarce(monkeypatch, 0)
    photo = [np.zeros((16, 16, 3), np.uint8)]
    with pytest.warns(batches.MemoryWarning), pytest.raises(GantkError, match="not enough memory for one sample"):
        gantk.invert(tiny(), photo, "none", "none", space="w", steps=2)


def test_every_command_says_its_peak_memory(gantk_command: Call, world: Path, tmp_path: Path) -> None:
    code, _, error = gantk_command("sefa", world / "tiny.safetensors", "-K", 1, "-o", tmp_path / "a")
    assert code == 0
    last = error.splitlines()[-1]
    assert last.startswith("Peak memory: ") and last.endswith("B.")
    assert 50e6 < memory.peak() < 60e9
    assert (memory.shown(2_540_000_000), memory.shown(81_000_000)) == ("2.5 GB", "81 MB")


def test_help_says_auto(gantk_command: Call) -> None:
    said = " ".join(gantk_command("synthesize", "--help")[1].split())
    assert "Samples computed at once; auto is what memory allows, at most 16; default: auto." in said
    assert [field.name for field in fields_of(SynthesizeOptions) if field.about.auto] == ["batch_size"]


# --- plans -----------------------------------------------------------------------------------------------------------


def test_a_plan_says_how_long_it_takes_and_writes_nothing(
    gantk_command: Call, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gantk.runs.runner.planning", lambda: progressing.planning(0.05))
    code, said, _ = gantk_command("synthesize", world / "tiny.safetensors", "-N", 2_000_000, "--images", "--plan")
    first, second = said.splitlines()
    assert code == 0 and first.startswith("synthesize: 2000000 img, ") and ", ready " in first
    assert second.startswith("Memory until now: ") and second.endswith("--batch-size 16.")
    monkeypatch.setattr("gantk.runs.runner.planning", lambda: progressing.planning(60))
    code, said, _ = gantk_command("sefa", world / "tiny.safetensors", "-K", 1, "--plan")
    assert code == 0 and said.startswith("All of it takes")
    assert not list(tmp_path.iterdir())


def test_what_was_measured_is_multiplied() -> None:
    planned = progressing.Planned("draw", "img", 1000, 10, 5.0)
    assert planned.each == 0.5 and planned.sentence().startswith("draw: 1000 img, 2 img/s here: 8 min, ready ")
    assert progressing.Planned("draw", "img", 10, 1, 5.0).sentence() == "draw: 10 img, 5 s/img here: 50 s."
