"""What docs/choosing.md says about samples, solvers, stability, rows and distance, measured on the bundled world.

*Boundaries*: HiGAN's of demo-oracle from 50 to 4000 of its codes, scored by the factors themselves plus noise as large
as the factor varies, as a poor predictor would score them; the cosine with the true direction beside the stability that
a user sees. *Rows*: what a boundary of demo moves, on all rows and on those that hold nine tenths of its effect.
*Distance*: what each step does to its own factor and to the others, and how far edited samples are from unedited ones.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch
from truths._tables import table

from gantk.checkpoints.load import load_generator
from gantk.generators.base import Generator
from gantk.higan.boundary import Settings, train_boundaries
from gantk.predictors.base import Predictor
from gantk.predictors.departure import departures
from gantk.predictors.load import load_predictor
from gantk.world.oracle import oracle_generator
from gantk.world.renderer import FACTOR_NAMES

DOCUMENT = "choosing.md"
SEED, BATCH, SCORED = 71_000, 50, 1000
COUNTS = (50, 200, 1000, 4000)
SOLVERS = ("ridge", "newton")
DISTANCES = (1.0, 2.0, 4.0, 8.0)
MOVED = ("house_size", "trees", "clouds", "season", "window_light")  # one or two of layout, objects and attributes


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--num", type=int, default=COUNTS[-1], help="samples that boundaries are found from, at most")
    parser.add_argument("--moved", type=int, default=100, help="samples that are moved")


def searches(num: int) -> list[dict[str, Any]]:
    """Means over factors of cosine and stability, for every number of samples and solver."""
    oracle = oracle_generator()
    with torch.inference_mode():
        w_ND = oracle.map(oracle.sample_z(num, seed=SEED))
        factor_NF = oracle.factors(oracle.expand(w_ND)).double().numpy()
    w = w_ND.double().numpy()
    noise_NF = np.random.default_rng(SEED).standard_normal(factor_NF.shape) * factor_NF.std(0)
    true = {name: oracle.factor_direction_w(name).double().numpy() for name in FACTOR_NAMES}
    rows = []
    for count in (count for count in COUNTS if count <= num):
        for solver in SOLVERS:
            scores = {name: (factor_NF + noise_NF)[:count, i] for i, name in enumerate(FACTOR_NAMES)}
            found = train_boundaries(w[:count], scores, Settings(solver=solver, middle=False))
            cosines = [float(part.vectors[0] @ true[part.name]) for part in found]
            stable = [part.rows[0].stability or 0.0 for part in found]
            rows.append({"samples": count, "solver": solver, "cosine": float(np.mean(cosines)),
                         "worst": min(cosines), "stability": float(np.mean(stable))})  # fmt: skip
    return rows


def moved(num: int) -> dict[str, Any]:
    """What boundaries of demo do step by step, and on which rows, as the predictor sees it."""
    generator, predictor = load_generator("demo"), load_predictor("demo")
    with torch.inference_mode():
        w_ND = torch.cat(
            [generator.map(generator.sample_z(BATCH, seed=SEED, start=i * BATCH)) for i in range(SCORED // BATCH)]
        )
        seen = [read(generator, predictor, generator.expand(part))[0] for part in w_ND.split(BATCH)]
        score_NF = np.concatenate(seen)
        spread_F = score_NF.std(0)
        found = train_boundaries(
            w_ND.double().numpy(), {name: score_NF[:, FACTOR_NAMES.index(name)] for name in MOVED},
            Settings(resamples=0, middle=False),
        )  # fmt: skip
        first, other = (generator.map(generator.sample_z(num, seed=SEED + extra)) for extra in (1, 2))
        before, feature_NF = readings(generator, predictor, generator.expand(first))
        other_NF = readings(generator, predictor, generator.expand(other))[1]
        steps: dict[float, list[dict[str, float]]] = {distance: [] for distance in DISTANCES}
        rows: list[dict[str, Any]] = []
        every = tuple(range(generator.spec.num_layers))
        for part in (part for part in found if part.name in MOVED):
            i = FACTOR_NAMES.index(part.name)
            normal_D = torch.from_numpy(part.vectors[0]).float()
            walk = []
            for distance in DISTANCES:
                after, features = readings(generator, predictor, generator.expand(first + distance * normal_D))
                walk.append((distance, features))
                own, others = effect(after - before, spread_F, i)
                steps[distance].append({"own": own, "others": others})
            for step in departures(feature_NF, other_NF, walk):
                steps[step.distance][-1] |= {"apart": step.apart, "near": step.near}
            rows.append(on_rows(generator, predictor, first[:BATCH], normal_D, before[:BATCH], spread_F, i, every))
    means = [
        {"distance": distance, **{key: float(np.mean([each[key] for each in all_])) for key in all_[0]}}
        for distance, all_ in steps.items()
    ]
    return {"steps": means, "rows": rows}


def read(generator: Generator, predictor: Predictor, wp_NLD: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    image_NCHW = generator.synthesize(wp_NLD)
    return predictor.attributes(image_NCHW).double().numpy(), predictor.features(image_NCHW).double().numpy()


def readings(generator: Generator, predictor: Predictor, wp_NLD: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Scores [N, A] and features [N, F]."""
    parts = [read(generator, predictor, part) for part in wp_NLD.split(BATCH)]
    return np.concatenate([scores for scores, _ in parts]), np.concatenate([features for _, features in parts])


def effect(change_NF: np.ndarray, spread_F: np.ndarray, own: int) -> tuple[float, float]:
    """Mean change of a boundary's own factor, and the largest of any other, in standard deviations."""
    mean_F = change_NF.mean(0) / spread_F
    return float(mean_F[own]), float(np.abs(np.delete(mean_F, own)).max())


def on_rows(
    generator: Generator, predictor: Predictor, w_ND: torch.Tensor, normal_D: torch.Tensor, before: np.ndarray,
    spread_F: np.ndarray, own: int, every: tuple[int, ...], distance: float = 2.0,
) -> dict[str, Any]:  # fmt: skip
    """A step on all rows, and on the strongest single rows that hold nine tenths of what single rows add up to."""

    def after(rows: tuple[int, ...]) -> tuple[float, float]:
        wp_NLD = generator.expand(w_ND).clone()
        wp_NLD[:, list(rows)] += distance * normal_D
        return effect(readings(generator, predictor, wp_NLD)[0] - before, spread_F, own)

    alone = np.array([after((row,))[0] for row in every]).clip(min=0)
    order = np.argsort(-alone)
    count = int(np.searchsorted(np.cumsum(alone[order]), 0.9 * alone.sum())) + 1
    kept = tuple(sorted(int(row) for row in order[:count]))
    return {"factor": FACTOR_NAMES[own], "rows": kept, "all": after(every), "kept": after(kept)}


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    return {**moved(arguments.moved), "searches": searches(arguments.num)}


def show(result: dict[str, Any]) -> str:
    searched = table(
        ("samples", "solver", "cosine with the truth", "worst factor", "stability"),
        [(row["samples"], row["solver"], *(f"{row[key]:.3f}" for key in ("cosine", "worst", "stability")))
         for row in result["searches"]],
    )  # fmt: skip
    steps = table(
        ("distance", "own factor", "largest other", "apart", "share near"),
        [(f"{row['distance']:g}", *(f"{row[key]:.2f}" for key in ("own", "others", "apart", "near")))
         for row in result["steps"]],
    )  # fmt: skip
    rows = table(
        ("factor", "rows kept", "all rows: own", "largest other", "kept rows: own", "largest other"),
        [(row["factor"], ", ".join(map(str, row["rows"])), *(f"{value:.2f}" for value in (*row["all"], *row["kept"])))
         for row in result["rows"]],
    )  # fmt: skip
    return (
        f"*Boundaries of demo-oracle from noisy scores*, means over {len(FACTOR_NAMES)} factors.\n\n{searched}\n\n"
        f"*Steps along boundaries of demo*, means over {len(MOVED)} factors; changes in standard deviations.\n\n"
        f"{steps}\n\n"
        f"*Rows of demo*, a step of 2.\n\n{rows}"
    )
