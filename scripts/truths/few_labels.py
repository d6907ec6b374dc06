"""How good predictors and boundaries from few labels are, where every attribute is known.

Each factor of the bundled world becomes an attribute that a share of scenes has: those above its 80th percentile, so
that labels are as unbalanced as those a user meets. The predictor is trained from 10 to 200 labels of demo-oracle's
samples; its scores of fresh samples are compared with the truth (balanced accuracy at its own share, and area under
the ROC curve), and the boundary that HiGAN's default solver finds in w from its scores of 2000 samples with the true
direction (cosine). Beside it stands the boundary of the same solver from the exact factors of the same 2000.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch
from torch import Tensor
from truths._tables import table

from gantk.errors import GantkError
from gantk.fewlabels.options import UNLABELLED
from gantk.higan.boundary import Settings, train_boundaries
from gantk.predictors.efficientnet_lite import ImageNet, located
from gantk.predictors.linear_probe import area, fit_probe
from gantk.predictors.probe_features import all_blocks, default_maps, image_blocks, pooled
from gantk.world.oracle import DemoOracle, oracle_generator
from gantk.world.renderer import FACTOR_NAMES

SEED, FRESH_SEED, BATCH = 61_000, 62_000, 50
COUNTS = (10, 20, 50, 100, 200)
SHARE = 0.2  # of scenes that have the attribute
NAMES = tuple(name for name in FACTOR_NAMES if name != "tree_size")  # which cannot be seen in a scene without trees


def looked_at(generator: DemoOracle, num: int, seed: int, network: ImageNet | None) -> dict[str, Any]:
    """Codes, factors and features of samples: of the generator's maps, and of its images."""
    codes, factors = [], []
    parts: dict[str, list[list[Tensor]]] = {"maps": []}
    taps = default_maps(generator)
    with torch.inference_mode():
        for start in range(0, num, BATCH):
            w_ND = generator.map(generator.sample_z(min(BATCH, num - start), seed=seed, start=start))
            wp_NLD = generator.expand(w_ND)
            image, maps = generator.trace(wp_NLD, taps)
            assert image is not None
            codes.append(w_ND)
            factors.append(generator.factors(wp_NLD))
            parts["maps"].append([pooled(maps[tap]) for tap in taps])
            if network is not None:
                parts.setdefault("imagenet", []).append(image_blocks(network, image))
    return {"w": torch.cat(codes).double().numpy(), "factors": torch.cat(factors).double().numpy(),
            "blocks": {kind: all_blocks(found) for kind, found in parts.items()}}  # fmt: skip


def cosine(w_ND: np.ndarray, score_N: np.ndarray, true_D: np.ndarray) -> float:
    result = train_boundaries(w_ND, {"a": score_N}, Settings(resamples=0, middle=False, refit=False))[0]
    return float(result.vectors[0] @ true_D)


def figures(
    kind: str, count: int, seen: dict[str, Any], fresh: dict[str, Any], true: dict[str, np.ndarray], repeats: int
) -> dict[str, float]:
    """Means over factors and draws of the labelled samples."""
    blocks, others = seen["blocks"][kind], fresh["blocks"][kind]
    once = len(blocks) if kind == "maps" else len(blocks) // 2  # then those of the mirror images
    every, new = (
        np.concatenate([x.reshape(len(x), -1) for x in part], 1).astype(np.float64) for part in (blocks, others)
    )
    rows: list[tuple[float, ...]] = []
    skipped = 0
    for name in NAMES:
        column = FACTOR_NAMES.index(name)
        threshold = np.quantile(seen["factors"][:, column], 1 - SHARE)
        has, new_has = seen["factors"][:, column] > threshold, fresh["factors"][:, column] > threshold
        if not 0.05 < has.mean() < 0.95:  # a count whose top value is common
            has, new_has = (x["factors"][:, column] >= threshold for x in (seen, fresh))
        for repeat in range(repeats):
            chosen = np.random.default_rng([SEED, count, repeat]).permutation(len(has))[:count]
            unlabelled = np.setdiff1d(np.arange(min(len(has), UNLABELLED)), chosen)
            used = np.concatenate([chosen, unlabelled])
            label = np.full((len(used), 1), np.nan)
            label[:count, 0] = has[chosen]
            try:
                plain, mirror = ([block[used] for block in part] for part in (blocks[:once], blocks[once:]))
                probe = fit_probe(plain, label, [name], mirror)
            except GantkError:  # a draw without two of each class
                skipped += 1
                continue
            weight_D = probe.weight_AD[0]  # those of the images alone, where they do
            logit, told = (x[:, : len(weight_D)] @ weight_D + probe.bias_A[0] for x in (every, new))
            divide = np.log(label[:count].mean() / (1 - label[:count].mean()))
            balanced = float(((told > divide)[new_has].mean() + (told <= divide)[~new_has].mean()) / 2)
            probability = 1 / (1 + np.exp(-logit))
            rows.append(
                (balanced, area(told, new_has), *(cosine(seen["w"], x, true[name]) for x in (probability, logit)))
            )
    mean = np.mean(rows, 0)
    keys = ("balanced", "auc", "cosine", "cosine_of_logits")
    return {key: round(float(value), 4) for key, value in zip(keys, mean, strict=True)} | {"skipped": skipped}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--num", type=int, default=2000, help="scored samples behind each boundary")
    parser.add_argument("--fresh", type=int, default=1000, help="samples that predictors are tested on")
    parser.add_argument("--repeats", type=int, default=3, help="draws of the labelled samples")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    oracle = oracle_generator()
    network = ImageNet.from_file() if located() is not None else None
    seen = looked_at(oracle, arguments.num, SEED, network)
    fresh = looked_at(oracle, arguments.fresh, FRESH_SEED, network)
    true = {name: oracle.factor_direction_w(name).double().numpy() for name in FACTOR_NAMES}
    exact = [cosine(seen["w"], seen["factors"][:, FACTOR_NAMES.index(name)], true[name]) for name in NAMES]
    found = {
        kind: {str(count): figures(kind, count, seen, fresh, true, arguments.repeats) for count in COUNTS}
        for kind in seen["blocks"]
    }
    return {"num": arguments.num, "fresh": arguments.fresh, "repeats": arguments.repeats, "share": SHARE,
            "cosine_of_exact_factors": round(float(np.mean(exact)), 4), "kinds": found}  # fmt: skip


def show(result: dict[str, Any]) -> str:
    rows = []
    for kind, by_count in result["kinds"].items():
        for key, title in (
            ("balanced", "balanced accuracy"),
            ("auc", "AUC"),
            ("cosine", "cosine"),
            ("cosine_of_logits", "cosine, from logits"),
        ):
            rows.append([kind, title, *(f"{part[key]:.3f}" for part in by_count.values())])
    counts = next(iter(result["kinds"].values()))
    skipped = sum(part["skipped"] for by_count in result["kinds"].values() for part in by_count.values())
    return (
        f"Means over {len(NAMES)} factors and {result['repeats']} draws of labels, {result['share']:.0%} of them "
        f"positive; {skipped} draws had fewer than two labels of a class and are left out. The boundary from the exact "
        f"factors has a cosine of {result['cosine_of_exact_factors']:.3f}.\n\n"
    ) + table(["features", "", *(f"{count} labels" for count in counts)], rows)
