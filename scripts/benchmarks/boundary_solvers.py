"""Which boundary solver finds the true direction: all of them on synthetic codes whose scores have a known one.

Codes are z on the sphere of radius sqrt(512), or w, an anisotropic two-layer map of it with standard deviation 0.35.
Scores are a linear functional of unit variance plus noise, or the same bent: squashed like a probability, or rare (zero
for most samples). Each solver gets 2000 samples of either end of the pool, ridge the whole pool. What is compared is
the cosine with the true direction (`truth`), the accuracy on held-out samples of the ends, the correlation of distance
and score on held-out samples of the whole pool, the mean cosine between boundaries of resampled splits (`stability`),
and CPU time. Baseline is the original's SVC, ours the default solver.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

CASES = {
    "z, noise 0.5": ("z", 0.5, "linear"),
    "z, noise 1.5": ("z", 1.5, "linear"),
    "w, noise 0.5": ("w", 0.5, "linear"),
    "w, noise 1.5": ("w", 1.5, "linear"),
    "w, squashed, noise 0.5": ("w", 0.5, "squashed"),
    "w, rare, noise 0.5": ("w", 0.5, "rare"),
}
WIDTH = 512


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--full", action="store_true", help="a pool of 250 000 instead of 50 000")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resamples", type=int, default=2)


def make_codes(space: str, count: int, seed: int) -> np.ndarray:
    """Return codes [N, D]."""
    random = np.random.default_rng(seed)
    z_ND = random.standard_normal((count, WIDTH), dtype=np.float32)
    z_ND *= np.sqrt(WIDTH) / np.linalg.norm(z_ND, axis=1, keepdims=True)
    if space == "z":
        return z_ND
    decay = (np.arange(1, WIDTH + 1) ** -0.4).astype(np.float32)
    x_ND = z_ND
    for _ in range(2):
        basis_DD = np.linalg.qr(random.standard_normal((WIDTH, WIDTH)))[0].astype(np.float32)
        x_ND = x_ND @ (basis_DD * decay)
        x_ND = np.maximum(x_ND, 0.2 * x_ND)
        x_ND /= x_ND.std()
    return x_ND * np.float32(0.35)


def make_scores(codes_ND: np.ndarray, noise: float, shape: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scores [N] and the unit direction they depend on."""
    random = np.random.default_rng([seed, 1])
    truth_D = random.standard_normal(WIDTH)
    truth_D /= np.linalg.norm(truth_D)
    value_N = codes_ND @ truth_D
    value_N = (value_N - value_N.mean()) / value_N.std() + noise * random.standard_normal(len(codes_ND))
    if shape == "squashed":
        value_N = 1 / (1 + np.exp(-3 * value_N))
    elif shape == "rare":
        value_N = np.maximum(value_N - 1.5, 0) + 1e-6 * random.random(len(codes_ND))
    return value_N, truth_D


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    from gantk.higan.boundary import Settings, train_boundaries
    from gantk.higan.solvers import DEFAULT_SOLVER, SOLVERS

    count = 250_000 if arguments.full else 50_000
    table: list[dict[str, Any]] = []
    for space in ("z", "w"):
        codes_ND = make_codes(space, count, arguments.seed)
        for case, (of_space, noise, shape) in CASES.items():
            if of_space != space:
                continue
            score_N, truth_D = make_scores(codes_ND, noise, shape, arguments.seed)
            for solver in SOLVERS:
                settings = Settings(solver=solver, seed=arguments.seed, resamples=arguments.resamples)
                began = time.process_time()
                (result,) = train_boundaries(codes_ND, {case: score_N}, settings)
                seconds = time.process_time() - began
                part = result.rows[0]
                table.append(
                    {
                        "case": case,
                        "solver": solver,
                        "truth": round(float(result.vectors[0] @ truth_D), 4),
                        "accuracy_val": round(part.val.overall, 4),
                        "correlation": round(part.correlation, 4),
                        "stability": round(part.stability or float("nan"), 4),
                        "cpu_s": round(seconds, 2),
                    }
                )
    mean = {s: float(np.mean([row["truth"] for row in table if row["solver"] == s])) for s in SOLVERS}
    spent = {s: sum(row["cpu_s"] for row in table if row["solver"] == s) for s in SOLVERS}
    return {
        "device": "cpu",
        "pool": count,
        "baseline_cpu_s": round(spent["svc"], 2),
        "ours_cpu_s": round(spent[DEFAULT_SOLVER], 2),
        "speedup": round(spent["svc"] / spent[DEFAULT_SOLVER], 2),
        "default": DEFAULT_SOLVER,
        "error": round(1 - mean[DEFAULT_SOLVER], 4),
        "baseline_error": round(1 - mean["svc"], 4),
        "table": table,
    }


def show(result: dict[str, Any]) -> str:
    columns = list(result["table"][0])
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    lines += ["| " + " | ".join(str(row[column]) for column in columns) + " |" for row in result["table"]]
    return "\n".join(lines)
