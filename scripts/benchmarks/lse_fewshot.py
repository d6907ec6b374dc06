"""A head from 8 labelled images of the bundled generator, shrinkage chosen, against the paper's 6400 Adam passes.

Both are scored on the same fresh images. `baseline` is LinearGAN's few-shot training: Adam on single images in turn,
8 gradients per step, 800 steps; --passes shortens it. Its images are drawn once; ours are too, and drawing is counted.

Legend: N images, S side of the labels.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from benchmarks._turns import figures, take_turns
from torch import Tensor

if TYPE_CHECKING:
    from gantk.lse.images import Images
    from gantk.lse.teachers import Teacher
    from gantk.predictors.head_networks import LinearNetwork

SHOTS, CLASSES = 8, 10


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="demo")
    parser.add_argument("--passes", type=int, default=6400, help="of the baseline")
    parser.add_argument("--eval", type=int, default=64, help="images to score on")
    parser.add_argument("--turns", type=int, default=1, help="of each, by turns")
    parser.add_argument("--seed", type=int, default=0)


def problem(model: str, seed: int) -> tuple[Images, Teacher, Tensor, np.ndarray]:
    """The images, 8 codes and their labels, as a user would have them."""
    from gantk import load_generator
    from gantk.lse.codes import CodeStream
    from gantk.lse.images import Images
    from gantk.lse.teachers import load_teacher
    from gantk.predictors.heads import default_taps

    generator = load_generator(model)
    teacher = load_teacher(None, generator)
    images = Images(CodeStream(generator, seed), default_taps(generator), generator.spec.resolution)
    with torch.inference_mode():
        wp = images.stream.wp(0, SHOTS)
        label = teacher.label(generator, wp, generator.synthesize(wp), images.size).numpy()
    return images, teacher, wp, label


def score(network: LinearNetwork, images: Images, teacher: Teacher, num: int) -> float:
    from gantk.lse.metrics import confusion, scores
    from gantk.predictors.heads import class_map

    counts = []
    for first in range(5_000, 5_000 + num, 8):
        maps, target = images.draw(teacher, first, min(first + 8, 5_000 + num))
        with torch.inference_mode():
            counts.append(confusion(class_map(network(maps, images.size)).numpy(), target.numpy(), CLASSES))
    return scores(np.concatenate(counts)).paper_miou


def ours(model: str, seed: int) -> Callable[[], dict[str, Any]]:
    from gantk.lse.shots import fit, shots_of

    images, _, wp, label = problem(model, seed)

    def measured() -> dict[str, Any]:
        found = fit(shots_of(images, wp, label), CLASSES)
        weight, bias = found.network.weight_KD.numpy(), found.network.bias_K.numpy()
        return {"weight": weight, "bias": bias, "eps": found.eps, "steps": found.steps}

    return measured


def baseline(model: str, seed: int, passes: int) -> Callable[[], dict[str, Any]]:
    """Written out: per-layer convolutions, a resize each, the sum, cross entropy, Adam."""
    images, _, _, label = problem(model, seed)

    def measured() -> dict[str, Any]:
        with torch.inference_mode():
            drawn = [[x.clone() for x in images.maps(n, n + 1)] for n in range(SHOTS)]
        drawn = [[x.clone() for x in maps] for maps in drawn]
        torch.manual_seed(seed)
        convs = [torch.nn.Conv2d(c, CLASSES, 1, bias=False) for c in images.channels]
        adam = torch.optim.Adam([conv.weight for conv in convs], lr=1e-3)
        target = torch.from_numpy(label).long()
        for number in range(passes):
            if number == passes * 20 // 50:
                adam.param_groups[0]["lr"] = 1e-4
            n = number % SHOTS
            parts = [
                torch.nn.functional.interpolate(conv(x), (images.size,) * 2, mode="bilinear", align_corners=True)
                for conv, x in zip(convs, drawn[n], strict=True)
            ]
            logits = torch.stack(parts).sum(0)
            (torch.nn.functional.cross_entropy(logits, target[n : n + 1]) / SHOTS).backward()
            if n == SHOTS - 1:
                adam.step()
                adam.zero_grad()
        weight = torch.cat([conv.weight.detach().flatten(1) for conv in convs], 1).numpy()
        return {"weight": weight, "bias": np.zeros(CLASSES, np.float32)}

    return measured


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    from gantk.predictors.head_networks import LinearNetwork

    fixed = (arguments.model, arguments.seed)
    works = {"baseline": partial(baseline, *fixed, arguments.passes), "ours": partial(ours, *fixed)}
    measured = take_turns(works, arguments.turns, arguments.threads)
    images, teacher, _, _ = problem(*fixed)
    found = {}
    for name in works:
        network = LinearNetwork(images.channels, CLASSES).requires_grad_(False)
        result = measured[name][0]["result"]
        network.weight_KD.copy_(torch.from_numpy(result["weight"]))
        network.bias_K.copy_(torch.from_numpy(result["bias"]))
        found[name] = score(network, images, teacher, arguments.eval)
    told = figures(measured)
    return {
        "device": "cpu",
        **told,
        "error": max(0.0, found["baseline"] - found["ours"]),
        "ours_miou": found["ours"],
        "baseline_miou": found["baseline"],
        "ours_wall_s": round(measured["ours"][0]["wall_s"], 2),
        "passes": arguments.passes,
        "shrinkage": measured["ours"][0]["result"]["eps"],
        "bars": {"5 s of CPU": told["ours_cpu_s"] < 5, "as good": found["ours"] >= found["baseline"]},
    }


def show(result: dict[str, Any]) -> str:
    r = result
    return (
        f"lse-fewshot, 8 images: {r['ours_cpu_s']:.2f} s of CPU, mIoU {r['ours_miou']:.3f}; {r['passes']} Adam passes "
        f"{r['baseline_cpu_s']:.2f} s, mIoU {r['baseline_miou']:.3f} ({r['speedup']:.1f} times)"
    )
