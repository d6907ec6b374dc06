"""Training the linear head: whitened L-BFGS against the paper's Adam schedule, by image passes to the same mIoU.

An image pass is one drawing of one image. `baseline` is the paper's schedule over fresh images; the whole of it takes
51 200 passes (--full), by default it is shortened to a tenth, all its epochs in proportion. Ours has --num images, of
which each step draws all again; `passes_to_match` is where its held-out mIoU first reaches the end of Adam's, and the
ratio is against the baseline's passes. Memory is measured on maps of 256 x 256 StyleGAN2 shapes, one image at a time:
`ours_peak_mb` against the size of one image's features and the Gram matrix.

Legend: N images, D features of a pixel.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from benchmarks._turns import figures, in_child, take_turns

if TYPE_CHECKING:
    from gantk.lse.images import Images
    from gantk.lse.teachers import Teacher
    from gantk.predictors.head_networks import HeadNetwork

CLASSES = 10


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="demo")
    parser.add_argument("--num", type=int, default=96, help="our images")
    parser.add_argument("--steps", type=int, default=10, help="our steps")
    parser.add_argument("--held-out", type=int, default=48, help="images that judge both")
    parser.add_argument("--scale", type=float, default=0.1, help="of the paper's epochs in images")
    parser.add_argument("--full", action="store_true", help="the whole schedule: 51 200 passes")
    parser.add_argument("--seed", type=int, default=0)


def problem(model: str, seed: int, held_out: int) -> tuple[Images, Teacher, Callable[[HeadNetwork], float]]:
    from gantk import load_generator
    from gantk.lse.codes import CodeStream
    from gantk.lse.images import Images
    from gantk.lse.metrics import confusion, scores
    from gantk.lse.teachers import load_teacher
    from gantk.predictors.heads import class_map, default_taps

    generator = load_generator(model)
    teacher = load_teacher(None, generator)
    stream = CodeStream(generator, seed)
    images = Images(stream, default_taps(generator), generator.spec.resolution)
    held = [images.draw(teacher, first, first + 8) for first in range(900_000, 900_000 + held_out, 8)]

    @torch.inference_mode()
    def score(network: HeadNetwork) -> float:
        said = [(class_map(network(maps, images.size)).numpy(), target.numpy()) for maps, target in held]
        counts = np.concatenate([confusion(p, t, CLASSES) for p, t in said])
        return scores(counts).paper_miou

    return images, teacher, score


def baseline(model: str, seed: int, held_out: int, images_per_epoch: int) -> Callable[[], dict[str, Any]]:
    from gantk.lse import adam

    images, teacher, score = problem(model, seed, held_out)
    schedule = adam.PAPER.scaled(50, images_per_epoch)
    one = adam.learner("LSE", images.channels, CLASSES, schedule, seed, True, "cpu")
    curve: list[float] = []
    ready: dict[int, Any] = {}

    def draw(start: int, stop: int) -> Any:
        if start not in ready:  # drawn eight at a time, which costs less; used one by one
            ready.clear()
            maps, target = images.draw(teacher, start, start + 8)
            for n in range(8):
                ready[start + n] = ([x[n : n + 1] for x in maps], target[n : n + 1])
        return ready[start]

    def after(epoch: int) -> None:
        if epoch % 5 == 0:
            curve.append(score(one.folded()))

    def measured() -> dict[str, Any]:
        adam.train([one], draw, schedule, after=after)
        return {"curve": curve, "passes": schedule.passes, "steps": schedule.steps}

    return measured


def ours(model: str, seed: int, held_out: int, num: int, steps: int) -> Callable[[], dict[str, Any]]:
    from gantk.lse.convex import Descent, Whitening, fill, softmax_objective, step
    from gantk.lse.gram import moments
    from gantk.predictors.head_networks import LinearNetwork
    from gantk.store.chunks import parts

    images, teacher, score = problem(model, seed, held_out)

    def measured() -> dict[str, Any]:
        total, labels = None, []
        for first, last in parts(0, num, images.batch):
            maps, target = images.draw(teacher, first, last)
            part = moments(maps, target, CLASSES)
            total = part if total is None else total + part
            labels.append(target.numpy())
        assert total is not None
        label = np.concatenate(labels)
        network = LinearNetwork(images.channels, CLASSES).requires_grad_(False)
        whitening = Whitening.of(total, 1e-2)
        objective = softmax_objective(network, lambda: images.labelled(label, 0, num), whitening, 1e-4)
        at = Descent.begin(objective, np.zeros((CLASSES, sum(images.channels) + 1)))
        curve = []
        while at.steps < steps and not at.converged:
            at = step(objective, at)
            fill(network, whitening, at.x)
            curve.append((num * (1 + at.evaluations[-1]), score(network)))
        return {"curve": curve}

    return measured


def memory_of_one_image() -> Callable[[], dict[str, Any]]:
    """Moments and a gradient at 256 x 256 StyleGAN2 shapes: the features of one image are there already."""
    from benchmarks.lse_head import CHANNELS, SIDES

    from gantk.lse.convex import loss_and_gradient
    from gantk.lse.gram import moments
    from gantk.predictors.head_networks import LinearNetwork

    random = torch.Generator().manual_seed(0)
    maps = [torch.randn(1, c, r, r, generator=random) for c, r in zip(CHANNELS, SIDES, strict=True)]
    label = torch.randint(0, CLASSES, (1, 256, 256), generator=random).to(torch.uint8)
    network = LinearNetwork(CHANNELS, CLASSES).requires_grad_(False)

    def measured() -> dict[str, Any]:
        found = moments(maps, label, CLASSES)
        loss_and_gradient(network, maps, label)
        width = len(found.sum_D)
        return {"features_mb": sum(x.numel() for x in maps) * 4 / 2**20, "gram_mb": width * width * 8 / 2**20}

    return measured


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    fixed = (arguments.model, arguments.seed, arguments.held_out)
    per_epoch = 1024 if arguments.full else 8 * max(1, round(1024 * arguments.scale / 8))
    works = {
        "baseline": partial(baseline, *fixed, per_epoch),
        "ours": partial(ours, *fixed, arguments.num, arguments.steps),
    }
    measured = take_turns(works, 1, arguments.threads)
    theirs, mine = (measured[name][0]["result"] for name in ("baseline", "ours"))
    goal = theirs["curve"][-1]
    reached = [passes for passes, miou in mine["curve"] if miou >= goal]
    memory = in_child(memory_of_one_image, arguments.threads)
    told = figures(measured)
    sizes = memory["result"]
    ratio = theirs["passes"] / reached[0] if reached else 0.0
    full_ratio = 51_200 / reached[0] if reached else 0.0
    return {
        "device": "cpu",
        **told,
        "error": max(0.0, goal - mine["curve"][-1][1]),
        "baseline_miou": goal,
        "baseline_passes": theirs["passes"],
        "baseline_steps": theirs["steps"],
        "ours_miou": mine["curve"][-1][1],
        "ours_passes": mine["curve"][-1][0],
        "passes_to_match": reached[0] if reached else None,
        "pass_ratio": round(ratio, 2),
        "pass_ratio_to_51200": round(full_ratio, 1),
        "memory_256_mb": round(memory["peak_mb"], 1),
        "one_image_features_mb": round(sizes["features_mb"], 1),
        "gram_mb": round(sizes["gram_mb"], 1),
        "bars": {"5x fewer passes": ratio >= 5},
    }


def show(result: dict[str, Any]) -> str:
    r = result
    reached = r["passes_to_match"] or "more than ours had"
    return (
        f"lse-train: Adam {r['baseline_miou']:.3f} after {r['baseline_passes']} passes; ours reaches that after "
        f"{reached} ({r['pass_ratio']:.1f} times fewer) and ends at {r['ours_miou']:.3f}; one 256 x 256 image adds "
        f"{r['memory_256_mb']} MB to its features ({r['one_image_features_mb']} MB); the Gram matrix has "
        f"{r['gram_mb']} MB"
    )
