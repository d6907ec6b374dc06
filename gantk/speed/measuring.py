"""Rates of a generator: forward passes, traces of all maps, tangents; beside what a matrix product and a copy reach.

The limits are measured on the same device at the same time: floating-point operations per second of a product of two
square matrices, and bytes per second of a copy. A forward pass that does nothing but its convolutions would reach the
first; one that only read and wrote each map once would reach the second. Which of the two shares is larger says what
bounds the pass.

Legend: N samples, L rows of wp, D width of a code.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from gantk.errors import UsageError
from gantk.generators.arguments import checked, whole
from gantk.generators.base import PRECISIONS, Generator
from gantk.runs.batches import free_memory
from gantk.runs.claims import counted
from gantk.store.brief import brief
from gantk.store.memory import is_out_of_memory, resident_peak
from gantk.store.progress import progress, shown

SIDE = {"cpu": 1024, "cuda": 8192}  # of the matrices
COPIED = {"cpu": 1 << 26, "cuda": 1 << 30}  # bytes
TANGENTS = 4  # at once
WORKS = ("forward", "trace", "tangent")


@dataclass(frozen=True)
class Limits:
    """What the device reaches at one precision: floating-point operations and copied bytes per second."""

    precision: str
    flops: float
    bytes: float


@dataclass(frozen=True)
class Rate:
    """One measurement.

    Attributes:
        work: forward, trace or tangent (columns of the Jacobian, at one code).
        batch: samples (or columns) at once. precision: of the layers that may run in it.
        per_second: images, or columns. memory: bytes on top of what was there before; None where it is not known.
        of_matmul, of_copy: shares of the limits, of a forward pass.
        failed: why there is no figure; empty where there is.
    """

    work: str
    batch: int
    precision: str
    per_second: float | None
    memory: int | None
    of_matmul: float | None = None
    of_copy: float | None = None
    failed: str = ""


@dataclass(frozen=True, repr=False)
class Speed:
    """All measurements of a generator on a device."""

    model: str
    family: str
    resolution: int
    device: str
    flop: int
    limits: tuple[Limits, ...]
    rates: tuple[Rate, ...]

    __repr__ = brief

    def plain(self) -> dict[str, object]:
        """For one line of JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """For people."""
        said = [f"{self.model}: {self.family} of {self.resolution} pixels on {self.device}, "
                f"{self.flop / 1e9:.3g} GFLOP an image"]  # fmt: skip
        said += [
            f"limits, {each.precision}: {each.flops / 1e12:.3g} TFLOP/s (product), {each.bytes / 1e9:.3g} GB/s (copy)"
            for each in self.limits
        ]
        return said + [_said(rate) for rate in self.rates]


def _said(rate: Rate) -> str:
    unit = "columns/s" if rate.work == "tangent" else "images/s"
    head = f"{rate.work}, batch {rate.batch}, {rate.precision}: "
    if rate.per_second is None:
        return head + rate.failed
    memory = "" if rate.memory is None else f", {rate.memory / 1e6:.0f} MB"
    shares = ""
    if rate.of_matmul is not None and rate.of_copy is not None:
        shares = f", {100 * rate.of_matmul:.0f} % of the product, {100 * rate.of_copy:.0f} % of the copy"
    return f"{head}{rate.per_second:.3g} {unit}{memory}{shares}"


@checked
def measure(
    generator: Generator,
    name: str = "",
    batches: Sequence[int] | int = (1, 4),
    precisions: Sequence[str] | None = None,
    seconds: float = 1.0,
    works: Sequence[str] | str = WORKS,
    show: bool = False,
) -> Speed:
    """Measure a generator where it is.

    Args:
        name: of the model, for the result.
        batches: samples at once.
        precisions: default: float32, and on a GPU float16 where the original allowed it.
        seconds: of every measurement, at least one pass.
        works: of forward, trace, tangent.
        show: a bar on stderr.

    Raises:
        UsageError: a precision that the network does not have, or another work.
    """
    works, batches = (works,) if isinstance(works, str) else works, (batches,) if isinstance(batches, int) else batches
    if not seconds >= 0 or math.isinf(seconds):
        raise UsageError(f"seconds is {seconds}: give a number of at least 0.")
    for batch in batches:
        whole("batches", batch, least=1)
    for work in works:
        if work not in WORKS:
            raise UsageError(f"The work {work!r} is none of {', '.join(WORKS)}.")
    for precision in precisions or ():
        if precision not in PRECISIONS:
            raise UsageError(f"The precision {precision!r} is none of {', '.join(PRECISIONS)}.")
    on_gpu = generator.device.type == "cuda"
    if precisions is None:
        precisions = ("float32", "float16") if on_gpu and generator.spec.half_precision else ("float32",)
    before = generator.half_dtype
    limits, rates = [], []
    wanted = [(work, batch) for work in works for batch in (batches if work != "tangent" else (TANGENTS,))]
    try:
        with shown(show), progress(len(precisions) * (1 + len(wanted)), "measure", unit="figure") as bar:
            flop = operations(generator)
            for precision in precisions:
                generator.set_precision(precision)
                limits.append(limits_of(generator.device, precision, seconds))
                bar.update(1)
                for work, batch in wanted:
                    rates.append(_rate(generator, work, batch, precision, seconds, flop, limits[-1]))
                    bar.update(1)
    finally:
        generator.half_dtype = before
    said = (
        torch.cuda.get_device_name(generator.device) if on_gpu else f"cpu, {counted(torch.get_num_threads(), 'thread')}"
    )
    return Speed(
        name or generator.source, generator.spec.family, generator.spec.resolution, said, flop, tuple(limits),
        tuple(rates),
    )  # fmt: skip


def codes(generator: Generator, count: int) -> Tensor:
    """wp of the first samples."""
    with torch.no_grad():
        w_ND = generator.map(generator.sample_z(count), generator.sample_label(count))
        return generator.expand(w_ND).contiguous()


def operations(generator: Generator) -> int:
    """Floating-point operations of one image, synthesis alone, by torch's counter."""
    wp_1LD = codes(generator, 1)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        generator.synthesize(wp_1LD)
    return int(counter.get_total_flops())


def map_bytes(generator: Generator) -> int:
    """Bytes that a pass of one image moves where it writes and reads every map once."""
    return 2 * 4 * sum(layer.height * layer.width * layer.channels for layer in generator.layers if layer.has_map)


def limits_of(device: torch.device, precision: str, seconds: float) -> Limits:
    """What a matrix product and a copy reach."""
    dtype = PRECISIONS[precision] or torch.float32
    side, count = SIDE[device.type], COPIED[device.type] // 4
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    from_, to = (torch.zeros(count, device=device) for _ in range(2))
    flops = 2 * side**3 / timed(lambda: a @ b, device, seconds / 4)
    return Limits(precision, flops, 2 * 4 * count / timed(lambda: to.copy_(from_), device, seconds / 4))


def _rate(
    generator: Generator, work: str, batch: int, precision: str, seconds: float, flop: int, limits: Limits
) -> Rate:
    try:
        call = _work(generator, work, batch)
        with torch.no_grad(), memory_of(generator.device) as memory:
            each = timed(call, generator.device, seconds) / batch
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        free_memory()
        return Rate(work, batch, precision, None, None, failed="not enough memory")
    if work != "forward":
        return Rate(work, batch, precision, 1 / each, memory[0])
    moved = map_bytes(generator)
    return Rate(work, batch, precision, 1 / each, memory[0], flop / each / limits.flops, moved / each / limits.bytes)


def _work(generator: Generator, work: str, batch: int) -> Callable[[], Any]:
    if work == "forward":
        wp_NLD = codes(generator, batch)
        return lambda: generator.synthesize(wp_NLD)
    if work == "trace":
        wp_NLD, taps = codes(generator, batch), [layer.name for layer in generator.layers if layer.has_map]
        return lambda: generator.trace(wp_NLD, taps)
    wp_1LD = codes(generator, 1)
    with torch.no_grad():
        styles = generator.styles(wp_1LD) if "s" in generator.spec.spaces else (wp_1LD,)
    push = generator.tangent_map(styles, range(len(styles)))
    steps = tuple(torch.randn(batch, *style.shape[1:], device=style.device, dtype=style.dtype) for style in styles)
    return lambda: push(steps)


def timed(call: Callable[[], Any], device: torch.device, seconds: float) -> float:
    """Seconds of a call: the least of those within a time, after one that warms up; on a GPU the mean of many."""
    call()
    if device.type == "cuda":
        return _by_events(call, seconds)
    least, until = math.inf, time.perf_counter() + seconds
    while least == math.inf or time.perf_counter() < until:
        began = time.perf_counter()
        call()
        least = min(least, time.perf_counter() - began)
    return least


def _by_events(call: Callable[[], Any], seconds: float) -> float:
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    done, spent = 0, 0.0
    while spent < seconds:
        count = max(1, min(50, done))
        begin.record()
        for _ in range(count):
            call()
        end.record()
        torch.cuda.synchronize()
        spent, done = spent + begin.elapsed_time(end) / 1000, done + count
    return spent / done


@contextlib.contextmanager
def memory_of(device: torch.device) -> Iterator[list[int | None]]:
    """Bytes at most within the block on top of what was there before it."""
    found: list[int | None] = [None]
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        yield found
        found[0] = torch.cuda.max_memory_allocated(device) - before
        return
    with resident_peak(Path("/proc/self")) as peak:
        yield found
    found[0] = peak[0]
