"""What the benchmarks of forward passes share: passes timed on a CPU or by a GPU's events, and the lines of a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def timed(forward: Callable[[], Any], passes: int, device: str) -> Callable[[], dict[str, float]]:
    """What a turn measures: `passes` forward passes in inference mode; on a GPU they time themselves."""

    def measured() -> dict[str, float]:
        with torch.inference_mode():
            if device != "cpu":
                return {"event_s": events(forward, passes)}
            for _ in range(passes):
                forward()
            return {}

    if passes > 1:  # a single long pass needs no warming up
        with torch.inference_mode():
            forward()
    return measured


def events(forward: Callable[[], Any], passes: int) -> float:
    """Seconds on the GPU per forward pass, by its events."""
    for _ in range(3):
        forward()
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    for _ in range(passes):
        forward()
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) / 1000 / passes


def largest_error(ours: Tensor, exact: Tensor) -> float:
    """The largest difference, relative to the largest pixel."""
    return ((ours.double() - exact).abs().max() / exact.abs().max()).item()


def table(title: str, result: dict[str, Any], cases: dict[str, dict[str, Any]]) -> str:
    """For people: a line for each case, and below it its rates on a GPU."""
    lines = [f"{title} on {result['device']}; relative error against float64 {result['error']:.1e}"]
    width = max(map(len, cases)) + 2
    for name, case in cases.items():
        lines.append(
            f"{name:>{width}}: {case['speedup']:.2f}x the plain formulation (elapsed {case['wall_speedup']:.2f}x), "
            f"peak {case['ours_peak_mb']:.0f} MB for {case['baseline_peak_mb']:.0f} MB"
        )
        lines += [f"{way:>40}: {rate} images/s" for way, rate in case.get("images_per_s", {}).items()]
    return "\n".join(lines)
