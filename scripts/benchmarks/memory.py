"""Memory and time of work on a random StyleGAN2 of 1024 x 1024, at the size people have: what a run would meet.

    gram     the moments of an LSE head, in forwards of the network: at most 1
    fewshot  --num labelled images with 2 noise draws: peak memory, at most 4 GB
    invert   --num photos, --steps of optimisation in wp: peak memory, at most 4 GB
    tune     1 photo, --steps of pivotal tuning: peak memory, and seconds of a step

`baseline` is, for the Gram matrix, one forward pass; for the others there is none, and the figures say peak memory
above what the process had before the network was built. One part at a time: each takes from half a minute to some
minutes. Images come after each other, so that two of them meet the memory of eight.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from benchmarks._turns import in_child, take_turns

if TYPE_CHECKING:
    from gantk.generators.stylegan2 import StyleGAN2

CHANNELS = (512, 512, 512, 512, 512, 256, 128, 64, 32)
CLASSES, LIMIT_MB = 10, 4096


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--part", choices=("gram", "fewshot", "invert", "tune"), default="gram")
    parser.add_argument("--turns", type=int, default=3, help="of the Gram matrix and of the forward pass, by turns")
    parser.add_argument("--num", type=int, default=8, help="labelled images, or photos")
    parser.add_argument("--steps", type=int, default=2, help="of an optimisation")
    parser.add_argument("--small", action="store_true", help="64 x 64, to try the benchmark itself")


def network(small: bool) -> StyleGAN2:
    from gantk.generators.stylegan2 import StyleGAN2, StyleGAN2Config

    torch.manual_seed(0)
    channels = (64, 64, 32, 16, 8) if small else CHANNELS
    config = StyleGAN2Config(z_dim=512, w_dim=512, resolution=4 << (len(channels) - 1), channels=channels)
    return StyleGAN2(config).eval().requires_grad_(False)


def forward(small: bool) -> Callable[[], dict[str, Any]]:
    g = network(small)
    wp = g.expand(g.map(g.sample_z(1)))

    def measured() -> dict[str, Any]:
        with torch.inference_mode():
            g.synthesize(wp)
        return {}

    return measured


def gram(small: bool) -> Callable[[], dict[str, Any]]:
    from gantk.lse.gram import moments
    from gantk.predictors.heads import default_taps

    g = network(small)
    taps = default_taps(g)
    with torch.inference_mode():
        _, maps = g.trace(g.expand(g.map(g.sample_z(1))), taps, image=False)
    size = min(512, g.spec.resolution)
    label = torch.randint(0, CLASSES, (1, size, size)).to(torch.uint8)
    moments([maps[tap] for tap in taps], label, CLASSES)  # the matrices of the grids are made once a run

    def measured() -> dict[str, Any]:
        with torch.inference_mode():
            moments([maps[tap] for tap in taps], label, CLASSES)
        return {}

    return measured


def fewshot(small: bool, steps: int, num: int) -> Callable[[], dict[str, Any]]:
    def measured() -> dict[str, Any]:
        from gantk.lse.codes import CodeStream
        from gantk.lse.images import Images
        from gantk.lse.shots import fit, shots_of
        from gantk.predictors.heads import default_taps

        g = network(small)
        size = min(512, g.spec.resolution)
        images = Images(CodeStream(g), default_taps(g), size)
        label = np.random.default_rng(0).integers(0, CLASSES, (num, size, size), dtype=np.uint8)
        with torch.inference_mode():
            for name, parameter in g.named_parameters():  # a random network has no noise, and a trained one has
                if name.endswith("noise_strength"):
                    parameter.fill_(0.1)
            shots = shots_of(images, images.stream.wp(0, num), label)
        fit(shots, CLASSES, most_steps=steps)
        return {"draws": len(shots.maps[0][0])}

    return measured


def invert(small: bool, steps: int, num: int) -> Callable[[], dict[str, Any]]:
    def measured() -> dict[str, Any]:
        from gantk.ghfeat.projection import ProjectionPlan, project_all

        g = network(small)
        target = torch.zeros(num, 3, *g.spec.size)
        start = g.expand(g.map(g.sample_z(num)))
        project_all(g, target, ProjectionPlan("wp", steps, frames=2), None, start)
        return {}

    return measured


def tune(small: bool, steps: int, num: int) -> Callable[[], dict[str, Any]]:
    def measured() -> dict[str, Any]:
        from gantk.ghfeat.tuning import TuningPlan, fixed_codes
        from gantk.ghfeat.tuning import tune as tuned
        from gantk.runs.stores import MemoryStore

        g = network(small)
        fixed, wp = fixed_codes(g, "z", [g.sample_z(1)])
        deltas, _ = tuned(g, torch.zeros(1, 3, *g.spec.size), fixed, wp, TuningPlan(steps=steps), None, MemoryStore())
        return {"file_mb": sum(delta.numel() for delta in deltas.values()) * 2 / 1e6}

    return measured


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    part, small, threads = arguments.part, arguments.small, arguments.threads
    if part == "gram":
        works = {"baseline": partial(forward, small), "ours": partial(gram, small)}
        from benchmarks._turns import figures

        found = figures(take_turns(works, arguments.turns, threads))
        ratio = found["ours_cpu_s"] / max(found["baseline_cpu_s"], 1e-9)
        return {"device": "cpu", "part": part, **found, "error": 0.0, "forwards": round(ratio, 3),
                "bars": {"1 forward": ratio <= 1}}  # fmt: skip
    work = {"fewshot": fewshot, "invert": invert, "tune": tune}[part]
    child = in_child(partial(work, small, arguments.steps, arguments.num), threads)
    peak = round(child["peak_mb"], 1)
    return {
        "device": "cpu", "part": part, "baseline_cpu_s": None, "ours_cpu_s": round(child["cpu_s"], 2), "speedup": None,
        "wall_speedup": None, "baseline_peak_mb": None, "ours_peak_mb": peak, "error": 0.0, **child["result"],
        "steps": arguments.steps, "num": arguments.num, "bars": {"4 GB": peak <= LIMIT_MB},
    }  # fmt: skip


def show(result: dict[str, Any]) -> str:
    r = result
    if r["part"] == "gram":
        return (
            f"memory gram: {r['ours_cpu_s']:.2f} s of CPU, {r['forwards']:.2f} of a forward pass "
            f"({r['baseline_cpu_s']:.2f} s); peak {r['ours_peak_mb']} MB above the maps"
        )
    return f"memory {r['part']}: peak {r['ours_peak_mb']} MB, {r['ours_cpu_s']:.1f} s of CPU for {r['steps']} steps"
