"""Which metric knows best which of two edits changed the factors of a scene more.

A scene of the bundled world is rendered, and so are two edits of it: each moves a few random factors, the nuisance
stays. The length of the move in units of the factors' ranges is the truth; a metric agrees when it ranks the two edits
alike. Chance agrees half the time. Metrics are pixels (root mean square), the bundled predictor's maps and, where it is
installed, `imagenet`, at several sizes of edit.
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from truths._tables import table

from gantk.predictors.base import Predictor
from gantk.predictors.demo import DemoPredictor
from gantk.predictors.distance import perceptual_distance
from gantk.predictors.efficientnet_lite import ImageNet, located
from gantk.world.renderer import FACTOR_NAMES, FACTORS, render, sample_scene

SEED, BATCH, MOVED = 51_000, 50, 3
SIZES = (0.05, 0.1, 0.2, 0.4, 0.8)
LOW = torch.tensor([factor.low for factor in FACTORS])
SPAN = torch.tensor([factor.high - factor.low for factor in FACTORS])


def edits(factors_NF: Tensor, size: float, seed: int) -> tuple[Tensor, Tensor]:
    """Edited factors and the length of each move [N] in units of the ranges, once it is cut to them.

    Three random factors move by a random direction of length `size`, times 1/2 to 3/2. The size of trees is left alone:
    it cannot be seen in a scene without any.
    """
    random = np.random.default_rng(seed)
    n = len(factors_NF)
    move_NF = np.zeros((n, len(FACTORS)), np.float32)
    movable = [i for i, name in enumerate(FACTOR_NAMES) if name != "tree_size"]
    for row in move_NF:
        direction = random.standard_normal(MOVED)
        row[random.choice(movable, MOVED, replace=False)] = direction / np.linalg.norm(direction)
    move_NF *= size * random.uniform(0.5, 1.5, (n, 1)).astype(np.float32)
    share_NF = (factors_NF - LOW) / SPAN
    edited_NF = (share_NF + torch.from_numpy(move_NF)).clamp(0, 1)
    return LOW + SPAN * edited_NF, (edited_NF - share_NF).square().sum(1).sqrt()


def distances(a_NCHW: Tensor, b_NCHW: Tensor, predictors: dict[str, Predictor]) -> dict[str, Tensor]:
    """Every metric's distance [N]."""
    found = {"pixels": (a_NCHW - b_NCHW).square().mean((1, 2, 3)).sqrt()}
    for name, predictor in predictors.items():
        found[name] = perceptual_distance(a_NCHW, b_NCHW, predictor)
    return found


def agreement(num: int, size: float, seed: int, predictors: dict[str, Predictor]) -> dict[str, float]:
    """The share of pairs of edits that each metric ranks as their lengths."""
    right: dict[str, list[Tensor]] = {}
    with torch.inference_mode():
        for start in range(0, num, BATCH):
            n = min(BATCH, num - start)
            factors, nuisance = sample_scene(n, SEED, start)
            base = render(factors, nuisance).image_NCHW
            length, distance = [], []
            for which in (0, 1):
                edited, moved = edits(factors, size, seed + 2 * start + which)
                length.append(moved)
                distance.append(distances(base, render(edited, nuisance).image_NCHW, predictors))
            more = length[0] > length[1]
            for name in distance[0]:
                right.setdefault(name, []).append((distance[0][name] > distance[1][name]) == more)
    return {name: round(float(torch.cat(parts).double().mean()), 4) for name, parts in right.items()}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--num", type=int, default=400, help="pairs of edits of each size")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    predictors: dict[str, Predictor] = {"demo": DemoPredictor.bundled()}
    if located() is not None:
        predictors["imagenet"] = ImageNet.from_file()
    by_size = {size: agreement(arguments.num, size, 100_000 * i, predictors) for i, size in enumerate(SIZES)}
    names = list(by_size[SIZES[0]])
    mean = {name: round(float(np.mean([by_size[size][name] for size in SIZES])), 4) for name in names}
    return {"num": arguments.num, "agreement": {str(k): v for k, v in by_size.items()}, "mean": mean,
            "error": round(math.sqrt(0.25 / arguments.num), 4)}  # fmt: skip


def show(result: dict[str, Any]) -> str:
    names = list(result["mean"])
    rows = [[name, *(f"{part[name]:.3f}" for part in result["agreement"].values()), f"{result['mean'][name]:.3f}"]
            for name in names]  # fmt: skip
    head = ["metric", *(f"size {size}" for size in result["agreement"]), "mean"]
    return (
        f"Agreement over {result['num']} pairs of edits of each size (standard error at most {result['error']}):\n\n"
        + table(head, rows)
    )
