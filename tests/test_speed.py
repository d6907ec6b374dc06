"""`gantk models bench`: what is measured, and what is said of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from generator_cases import tiny

from gantk import speed
from gantk.errors import UsageError
from gantk.speed import measuring
from gantk.speed.page import page

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine reaches is measured on small matrices: a product of large ones in bfloat16 takes seconds."""
    monkeypatch.setitem(measuring.SIDE, "cpu", 256)
    monkeypatch.setitem(measuring.COPIED, "cpu", 1 << 22)


@pytest.mark.parametrize("name", ["stylegan2-skip", "stylegan3-t", "biggan-deep", "pggan", "stylegan"])
def test_every_family_is_measured(name: str) -> None:
    found = speed.measure(tiny(name), name, batches=(2,), seconds=0.001)
    assert [(rate.work, rate.batch) for rate in found.rates] == [("forward", 2), ("trace", 2), ("tangent", 4)]
    for rate in found.rates:
        assert rate.per_second is not None and rate.per_second > 0 and not rate.failed
    forward = found.rates[0]
    assert forward.of_matmul is not None and 0 < forward.of_matmul < 1.5
    assert forward.of_copy is not None and 0 < forward.of_copy < 1.5
    assert found.flop > 0 and found.limits[0].flops > 1e6 and found.limits[0].bytes > 1e6
    assert len(found.lines()) == 1 + 1 + 3
    assert name in page(found).title


def test_operations_are_those_of_the_convolutions() -> None:
    generator = tiny("pggan")
    wp_1LD = measuring.codes(generator, 1)
    products: list[int] = []
    convolve = torch.nn.functional.conv2d

    def counted(x: torch.Tensor, weight: torch.Tensor, *more: Any, **named: Any) -> torch.Tensor:
        found = convolve(x, weight, *more, **named)
        products.append(2 * found[0].numel() * weight[0].numel())
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.functional, "conv2d", counted)
        generator.synthesize(wp_1LD)
    assert sum(products) <= measuring.operations(generator)
    assert measuring.map_bytes(generator) == 8 * sum(
        layer.height * layer.width * layer.channels for layer in generator.layers if layer.has_map
    )


def test_what_does_not_fit_is_a_line_and_the_precision_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = tiny("stylegan2-skip")

    def fails(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(type(generator), "trace", fails)
    found = speed.measure(generator, batches=(1,), precisions=("float32", "bfloat16"), seconds=0.001)
    failed = [rate for rate in found.rates if rate.failed]
    assert [rate.work for rate in failed] == ["trace", "trace"] and generator.half_dtype is None
    assert any("trace, batch 1, bfloat16: not enough memory" in line for line in found.lines())
    with pytest.raises(UsageError, match="float32 only"):
        speed.measure(tiny("pggan"), precisions=("float16",), seconds=0.001)
    with pytest.raises(UsageError, match="'dance' is none of forward"):
        speed.measure(generator, works=("dance",))


def test_the_command_says_soon_what_it_does(gantk_command: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gantk.store.progress.FIRST_SIGN", 0.001)
    code, _, error = gantk_command("models", "bench", "demo", "--batches", "1", "--seconds", "0.01")
    assert code == 0 and "measure: 100 % (4/4 figure)" in error


@pytest.mark.parametrize(
    ("name", "reader"), [("info", "find_model"), ("verify", "find_model"), ("bench", "load_generator")]
)
def test_a_command_that_is_no_task_says_soon_that_it_reads(
    name: str, reader: str, gantk_command: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: Any, **__: Any) -> None:
        time.sleep(0.3)
        raise UsageError("It took long.")

    monkeypatch.setattr("gantk.store.progress.FIRST_SIGN", 0.001)
    monkeypatch.setattr(f"gantk.checkpoints.load.{reader}", slow)
    assert gantk_command("models", name, "demo") == (2, "", f"models {name}: reading\nError: It took long.\n")


def test_the_command_prints_lines_or_json_and_writes_a_page(gantk_command: Call, tmp_path: Path) -> None:
    words = ("models", "bench", "demo-oracle", "--batches", "1", "--seconds", "0.01")
    code, said, _ = gantk_command(*words, "-o", tmp_path)
    assert code == 0 and "forward, batch 1, float32: " in said and "limits, float32: " in said
    assert "What the device reaches" in (tmp_path / "bench.html").read_text()
    code, said, _ = gantk_command(*words, "--json")
    found = json.loads(said)
    assert code == 0 and said.count("\n") == 1 and found["rates"][0]["work"] == "forward"
    code, _, error = gantk_command("models", "bench", "demo", "--batches", "0")
    assert code == 2 and "--batches" in error
