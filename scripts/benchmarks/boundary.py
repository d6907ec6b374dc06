"""Boundary search: the newton solver against scikit-learn's SVC(kernel="linear"), which HiGAN runs.

z is uniform on the sphere of radius sqrt(512), the score linear with noise of 1.5 standard deviations, the classes its
top and bottom 10 000 of 250 000, of which 70 % are trained on: 14 000 x 512, and the classes overlap. SVC needs some
minutes for it. --case separable has noise of 0.5 standard deviations instead, --case exact none, both of which SVC does
in seconds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from benchmarks._turns import figures, take_turns

NOISE = {"overlap": 1.5, "separable": 0.5, "exact": 0.0}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--case", choices=sorted(NOISE), default="overlap")
    parser.add_argument("--device", default="cpu", help="of the newton solver")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--turns", type=int, default=1, help="of each, by turns")


def problem(
    noise: float, seed: int, pool: int = 250_000, tail: int = 10_000, width: int = 512
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return training codes, their classes and the true direction."""
    random = np.random.default_rng(seed)
    z_ND = random.standard_normal((pool, width), dtype=np.float32)
    z_ND *= np.sqrt(width) / np.linalg.norm(z_ND, axis=1, keepdims=True)
    truth_D = random.standard_normal(width)
    truth_D /= np.linalg.norm(truth_D)
    score_N = z_ND @ truth_D
    score_N = score_N / score_N.std() + noise * random.standard_normal(pool)
    order = np.argsort(-score_N, kind="stable")
    count = int(tail * 0.7)
    chosen = np.concatenate([random.permutation(order[:tail])[:count], random.permutation(order[-tail:])[:count]])
    return z_ND[chosen], np.arange(2 * count) < count, truth_D


def baseline(noise: float, seed: int) -> Callable[[], dict[str, Any]]:
    from sklearn.svm import SVC

    x_ND, positive_N, truth_D = problem(noise, seed)

    def measured() -> dict[str, Any]:
        classifier = SVC(kernel="linear").fit(x_ND, positive_N)
        normal_D = classifier.coef_[0].astype(np.float64)
        return answer(normal_D, truth_D, int(classifier.n_iter_.max()))

    return measured


def ours(noise: float, seed: int, device: str) -> Callable[[], dict[str, Any]]:
    from gantk.higan.solvers import fit_newton

    x_ND, positive_N, truth_D = problem(noise, seed)
    fit_newton(x_ND[:200], np.arange(200) < 100, device=device)  # loads what is loaded once

    def measured() -> dict[str, Any]:
        fit = fit_newton(x_ND, positive_N, device=device)
        return {**answer(fit.normal_D.astype(np.float64), truth_D, fit.iterations), "certainty": fit.certainty}

    return measured


def answer(normal_D: np.ndarray, truth_D: np.ndarray, steps: int) -> dict[str, Any]:
    unit_D = normal_D / np.linalg.norm(normal_D)
    return {"normal": unit_D, "truth": float(unit_D @ truth_D), "steps": steps}


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    noise, seed = NOISE[arguments.case], arguments.seed
    works = {"baseline": partial(baseline, noise, seed), "ours": partial(ours, noise, seed, arguments.device)}
    measured = take_turns(works, arguments.turns, arguments.threads)
    svc, newton = (measured[name][0]["result"] for name in ("baseline", "ours"))
    cosine = float(svc["normal"] @ newton["normal"])
    return {
        "device": arguments.device,
        **figures(measured),
        "error": 1 - cosine,
        "cosine": cosine,
        "case": arguments.case,
        "rows": 14_000,
        "width": 512,
        "certified_cosine": newton["certainty"],
        "baseline_truth": round(svc["truth"], 4),
        "ours_truth": round(newton["truth"], 4),
        "baseline_steps": svc["steps"],
        "ours_steps": newton["steps"],
    }


def show(result: dict[str, Any]) -> str:
    r = result
    return (
        f"boundary, {r['case']}, {r['rows']} x {r['width']}: SVC {r['baseline_cpu_s']:.2f} s, newton "
        f"{r['ours_cpu_s']:.2f} s, {r['speedup']:.1f} times; cosine {r['cosine']:.7f}, certain to "
        f"{r['certified_cosine']:.6f}; peak {r['baseline_peak_mb']} -> {r['ours_peak_mb']} MB"
    )
