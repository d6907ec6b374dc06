"""ReSeFa's region Gram of one sample against `torch.autograd.functional.jacobian`, as the released script takes it.

The function is the same: w, shared by all layers, to the 64 x 64 RGB image of a StyleGAN2 with d = 512, so that the
Jacobian has 12 288 rows. The baseline takes one reverse pass per row and keeps the rows; then the Gram matrices of the
regions are products of them. It is timed on its first rows (--rows, 500) and extrapolated to all of them, unless
--rows 0 asks for all. Ours never has the Jacobian: columns by forward mode, half of them held at a time, products in
float64.

Besides the common figures: `forward_passes`, what ours costs in forward passes of batch 1 without gradient, measured in
the same process, of which the bar allows 900; `speedup`, whose bar is 15; `error`, the relative difference (Frobenius)
of the Gram matrices of the image, a region and its background from those in float64, at most 1e-5; `largest_array`, the
most numbers that one array holds, as a share of the Jacobian's.

--full (a GPU): seconds for one sample at 1024 x 1024 with the published widths, Gram at --size.

Shape legend: d coordinates, P numbers of the image.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from benchmarks._turns import figures, in_child
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from gantk.generators.stylegan2 import StyleGAN2, StyleGAN2Config
from gantk.resefa.derivative import LocalJacobian, Output
from gantk.resefa.gram import RegionGrams, region_grams
from gantk.resefa.variables import CodeMap, choose

WIDTHS: dict[str, tuple[int, ...]] = {
    "narrow": (128, 128, 96, 48, 24),  # the bundled generator's
    "wide": (256, 256, 256, 128, 64),
}
PASSES = 20
BOX = (slice(28, 40), slice(16, 48))  # the region


def network(widths: str, size: int = 64) -> StyleGAN2:
    torch.manual_seed(0)
    channels = WIDTHS[widths] if size == 64 else (512,) * 5 + (256, 128, 64, 32)
    config = StyleGAN2Config(resolution=size, channels=channels, z_dim=512, w_dim=512, mapping_layers=2)
    generator = StyleGAN2(config).eval().requires_grad_(False)
    for name, parameter in generator.named_parameters():
        if name.endswith("noise_strength"):
            parameter.fill_(0.1)
    return generator.to(memory_format=torch.channels_last)


def code(generator: StyleGAN2) -> Tensor:
    with torch.no_grad():
        return generator.map(generator.sample_z(1))


def masks(size: int) -> np.ndarray:
    mask = np.zeros((1, size, size), dtype=np.bool_)
    mask[0, BOX[0], BOX[1]] = True
    return mask.reshape(1, -1)


def jacobian_of(generator: StyleGAN2, size: int) -> LocalJacobian:
    with torch.no_grad():
        wp_1LD = generator.expand(code(generator)).contiguous()
    return LocalJacobian(generator, wp_1LD, CodeMap(generator, choose(generator), None), Output(size))


# --- the two ways -----------------------------------------------------------------------------------------------------


def ours(widths: str) -> Callable[[], dict[str, Any]]:
    generator = network(widths)
    inside = masks(64)
    generator.synthesize(generator.expand(code(generator)))  # what torch sets up at the first call

    def measured() -> dict[str, Any]:
        grams = region_grams(jacobian_of(generator, 64), inside, np.zeros_like(inside))
        return {"total": grams.total, "inside": grams.inside[0]}

    return measured


def baseline(widths: str, rows: int) -> Callable[[], dict[str, Any]]:
    generator = network(widths)

    def image(w_1D: Tensor) -> Tensor:
        numbers = generator.synthesize(generator.expand(w_1D)).flatten()
        return numbers[:rows] if rows else numbers

    def measured() -> dict[str, Any]:
        found = torch.autograd.functional.jacobian(image, code(generator))[:, 0]
        return {"total": (found.T @ found).numpy()} if not rows else {}

    return measured


def one_pass(widths: str) -> Callable[[], dict[str, Any]]:
    generator = network(widths)
    wp_1LD = generator.expand(code(generator)).contiguous()

    def measured() -> dict[str, Any]:
        with torch.no_grad():
            for _ in range(PASSES):
                generator.synthesize(wp_1LD)
        return {}

    with torch.no_grad():
        generator.synthesize(wp_1LD)
    return measured


# --- what is right, and how much is held ------------------------------------------------------------------------------


def exact(widths: str) -> RegionGrams:
    """The Gram matrices from the Jacobian in float64, all columns of it."""
    generator = network(widths).double()
    jacobian = jacobian_of(generator, 64)
    columns = torch.cat([part for _, part in jacobian.columns()]).flatten(1)
    inside = torch.from_numpy(np.tile(masks(64)[0], 3))
    gram = (columns @ columns.T).numpy()
    within = (columns[:, inside] @ columns[:, inside].T).numpy()
    return RegionGrams(gram, within[None], None, np.zeros(3), np.zeros((1, 512)))


class Largest(TorchDispatchMode):
    """The most numbers of one new array."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = function(*args, **(kwargs or {}))
        for part in found if isinstance(found, tuple | list) else (found,):
            if isinstance(part, Tensor):
                self.numbers = max(self.numbers, part.untyped_storage().nbytes() // part.element_size())
        return found


def largest(widths: str) -> float:
    """The most numbers that one array has, as a share of the Jacobian's."""
    generator = network(widths)
    jacobian = jacobian_of(generator, 64)
    inside = masks(64)
    with Largest() as seen:
        region_grams(jacobian, inside, np.zeros_like(inside))
    return seen.numbers / (3 * 64 * 64 * 512)


def difference(found: np.ndarray, right: np.ndarray) -> float:
    return float(np.linalg.norm(found - right) / np.linalg.norm(right))


# --- a GPU ------------------------------------------------------------------------------------------------------------


def full(size: int, device: str) -> dict[str, Any]:
    """Seconds for one sample at 1024 x 1024 with published widths, and how near that is to the convolutions alone."""
    generator = network("narrow", 1024).to(device)
    jacobian = jacobian_of(generator, size)
    inside = np.zeros((1, size, size), dtype=np.bool_)
    inside[0, size // 2 : size // 2 + size // 12, size // 4 : 3 * size // 4] = True
    flat = inside.reshape(1, -1)
    for _, part in jacobian.columns(0, jacobian.chunk):
        del part
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    began = time.perf_counter()
    region_grams(jacobian, flat, np.zeros_like(flat))
    seconds = time.perf_counter() - began
    began = time.perf_counter()
    count = 0
    for start, part in jacobian.columns(0, min(512, 4 * jacobian.chunk)):
        count = start + len(part)
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    per_column = (time.perf_counter() - began) / count
    flops = 2 * multiplications(generator)
    return {
        "seconds_per_sample": round(seconds, 3),
        "seconds_per_column": round(per_column, 6),
        "teraflops_of_convolutions": round(flops / per_column / 1e12, 3),
        "working_size": size,
        "chunk": jacobian.chunk,
    }


def multiplications(generator: StyleGAN2) -> float:
    """Of the convolutions of one pass."""
    total = 0.0
    for layer in generator.layers:
        if layer.weight is not None:
            side = layer.resolution // 2 if layer.name.endswith("conv0") else layer.resolution
            total += generator.get_parameter(layer.weight).numel() * side**2
    return total


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--widths", choices=WIDTHS, default="narrow")
    parser.add_argument("--rows", type=int, default=500, help="rows of the baseline; 0: all of them")
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--full", action="store_true", help="1024 x 1024, ours alone, for a GPU")
    parser.add_argument("--size", type=int, default=256, help="with --full: the working size")
    parser.add_argument("--device", default="cuda", help="with --full")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.full:
        return {"device": arguments.device, **full(arguments.size, arguments.device)}
    rows, every = arguments.rows, 3 * 64 * 64
    ways = {
        "baseline": partial(baseline, arguments.widths, rows),
        "ours": partial(ours, arguments.widths),
        "pass": partial(one_pass, arguments.widths),
    }
    measured: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    for _ in range(arguments.turns):
        for name, work in ways.items():
            measured[name].append(in_child(work, arguments.threads))
    scale = every / rows if rows else 1.0
    for turn in measured["baseline"]:
        turn["cpu_s"], turn["wall_s"] = turn["cpu_s"] * scale, turn["wall_s"] * scale
    common = figures(measured)
    right, found = exact(arguments.widths), measured["ours"][0]["result"]
    outside = (found["total"] - found["inside"], right.total - right.inside[0])
    pass_s = float(np.median([turn["cpu_s"] for turn in measured["pass"]])) / PASSES
    return {
        "device": "cpu",
        **common,
        "error": max(
            difference(found["total"], right.total),
            difference(found["inside"], right.inside[0]),
            difference(*outside),
        ),
        "forward_passes": round(common["ours_cpu_s"] / pass_s, 1),
        "forward_pass_cpu_s": round(pass_s, 5),
        "largest_array": round(largest(arguments.widths), 3),
        "baseline_rows": rows or every,
        "extrapolated": bool(rows),
        "widths": arguments.widths,
    }


def show(result: dict[str, Any]) -> str:
    if "seconds_per_sample" in result:
        return (
            f"1024 x 1024, d = 512, Gram at {result['working_size']} on {result['device']}: "
            f"{result['seconds_per_sample']:.2f} s per sample, {1000 * result['seconds_per_column']:.2f} ms per column "
            f"({result['teraflops_of_convolutions']:.1f} TFLOP/s of convolutions, {result['chunk']} columns at once)"
        )
    rows = f", extrapolated from {result['baseline_rows']} rows" if result["extrapolated"] else ""
    return (
        f"Region Gram of one sample, 64 x 64, d = 512, {result['widths']}: {result['ours_cpu_s']:.2f} s of CPU time, "
        f"{result['forward_passes']:.0f} forward passes (bar 900), {result['speedup']:.1f}x less than row by row{rows} "
        f"(bar 15); error {result['error']:.1e} (bar 1e-5); largest array {result['largest_array']:.2f} of the Jacobian"
    )
