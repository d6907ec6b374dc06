"""A linear head's forward pass at 256 x 256 StyleGAN2 shapes, against per-layer convolutions and resizes.

13 maps of 512, 256 and 128 channels, 17 classes, batch 1. `baseline`: for every map a 1 x 1 convolution, a bilinear
resize and the map's weight, as LinearGAN does it; `unweighted` is the same without the weights. `plain`: every map is
upsampled first, then convolved, as its paper draws it and DatasetGAN does it. `error` is the largest difference from
float64 over the largest logit.

Shape legend: N images, C channels, r side of a map, K classes, S side of the labels.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from benchmarks._turns import figures, take_turns
from torch import Tensor

CHANNELS = (512,) * 9 + (256, 256, 128, 128)
SIDES = (4, 8, 8, 16, 16, 32, 32, 64, 64, 128, 128, 256, 256)
WIDE = ((*CHANNELS, 64, 64, 32, 32), (*SIDES, 512, 512, 1024, 1024))
CLASSES, SIZE = 17, 256


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--turns", type=int, default=3, help="of each, by turns")
    parser.add_argument("--repeats", type=int, default=5, help="forward passes in each measurement")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--full", action="store_true", help="1024 x 1024, 17 maps, labels of 512")


def problem(full: bool, device: str) -> tuple[list[Tensor], Tensor, int]:
    """Maps, weights [K, D] and the labels' side."""
    channels, sides = WIDE if full else (CHANNELS, SIDES)
    random = torch.Generator().manual_seed(0)
    maps = [torch.randn(1, c, r, r, generator=random).to(device) for c, r in zip(channels, sides, strict=True)]
    weight_KD = torch.randn(CLASSES, sum(channels), generator=random).to(device) / 70
    return maps, weight_KD, 512 if full else SIZE


def weighted(maps: list[Tensor], weight_KD: Tensor, size: int) -> Tensor:
    share_L = F.softplus(torch.ones(len(maps))).to(weight_KD.device)
    share_L = share_L / share_L.sum()
    total = None
    for a, x, w in zip(share_L, maps, weight_KD.split([x.shape[1] for x in maps], 1), strict=True):
        said = F.interpolate(F.conv2d(x, w[:, :, None, None]), (size, size), mode="bilinear", align_corners=True)
        total = a * said if total is None else total + a * said
    assert total is not None
    return total


def per_layer(maps: list[Tensor], weight_KD: Tensor, size: int) -> Tensor:
    total = None
    for x, w in zip(maps, weight_KD.split([x.shape[1] for x in maps], 1), strict=True):
        said = F.interpolate(F.conv2d(x, w[:, :, None, None]), (size, size), mode="bilinear", align_corners=True)
        total = said if total is None else total + said
    assert total is not None
    return total


def upsample_first(maps: list[Tensor], weight_KD: Tensor, size: int) -> Tensor:
    total = None
    for x, w in zip(maps, weight_KD.split([x.shape[1] for x in maps], 1), strict=True):
        large = F.interpolate(x, (size, size), mode="bilinear", align_corners=True)
        said = F.conv2d(large, w[:, :, None, None])
        total = said if total is None else total + said
    assert total is not None
    return total


def folded(maps: list[Tensor], weight_KD: Tensor, size: int) -> Tensor:
    from gantk.predictors.head_networks import LinearNetwork

    network = LinearNetwork([x.shape[1] for x in maps], CLASSES).to(weight_KD.device)
    with torch.no_grad():
        network.weight_KD.copy_(weight_KD)
    return network(maps, size)


WAYS = {"baseline": weighted, "unweighted": per_layer, "plain": upsample_first, "ours": folded}


def work(way: str, full: bool, repeats: int, device: str) -> Callable[[], dict[str, Any]]:
    maps, weight_KD, size = problem(full, device)

    def measured() -> dict[str, Any]:
        with torch.inference_mode():
            for _ in range(repeats):
                found = WAYS[way](maps, weight_KD, size)
            if device != "cpu":
                torch.cuda.synchronize()
        return {"sum": float(found.double().sum())}

    return measured


def error(full: bool) -> float:
    maps, weight_KD, size = problem(full, "cpu")
    exact = per_layer([x.double() for x in maps], weight_KD.double(), size)
    return float((folded(maps, weight_KD, size).double() - exact).abs().max() / exact.abs().max())


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    fixed = (arguments.full, arguments.repeats, arguments.device)
    measured = take_turns({name: partial(work, name, *fixed) for name in WAYS}, arguments.turns, arguments.threads)
    found = figures(measured)
    plain = figures({"baseline": measured["plain"], "ours": measured["ours"]})
    unweighted = figures({"baseline": measured["unweighted"], "ours": measured["ours"]})
    with torch.inference_mode():
        wrong = error(arguments.full)
    return {
        "device": arguments.device,
        **found,
        "error": wrong,
        "unweighted_speedup": unweighted["speedup"],
        "upsample_first_cpu_s": plain["baseline_cpu_s"],
        "upsample_first_speedup": plain["speedup"],
        "upsample_first_peak_mb": plain["baseline_peak_mb"],
        "repeats": arguments.repeats,
        "bars": {"2x": found["speedup"] >= 2, "10x": plain["speedup"] >= 10},
    }


def show(result: dict[str, Any]) -> str:
    r = result
    return (
        f"lse-head: {r['speedup']:.2f} times less CPU than a convolution, a resize and a weight per layer, "
        f"{r['unweighted_speedup']:.2f} without the weights, "
        f"{r['upsample_first_speedup']:.1f} times less than upsampling first; peak {r['ours_peak_mb']} MB against "
        f"{r['baseline_peak_mb']} and {r['upsample_first_peak_mb']}; error {r['error']:.1e}"
    )
