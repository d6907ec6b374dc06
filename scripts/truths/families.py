"""How good the small generators of the other families are, and what HiGAN finds in each.

Every bundled generator that was trained is compared with the renderer as `world` compares the main one; then one
boundary for each factor is found among its codes by what the predictor reads, and tested on codes that no search saw.
The rows of wp in which a boundary does its work are found by rescoring each row alone.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from truths._tables import table
from truths.higan import FRESH_SEED, SEED, boundaries, effect, scored, selectivity, spread
from truths.world import WASSERSTEIN_BAR, measure

from gantk.checkpoints.load import load_generator
from gantk.checkpoints.names import bundled
from gantk.higan.solvers import DEFAULT_SOLVER
from gantk.predictors.load import load_predictor
from gantk.tour.figures import GROUPS, centre, group_of
from gantk.tour.figures import test as judge
from gantk.world.renderer import FACTOR_NAMES


def one(name: str, sizes: argparse.Namespace) -> dict[str, Any]:
    """The figures of one generator."""
    generator = load_generator(name)
    predictor = load_predictor("demo")
    codes = scored(generator, predictor, sizes.num, SEED)
    fresh = scored(generator, predictor, sizes.fresh, FRESH_SEED)
    found, threshold, _ = boundaries(codes, DEFAULT_SOLVER)
    tests = {factor: judge(found[factor], fresh[0], fresh[1][factor], threshold[factor]) for factor in FACTOR_NAMES}
    distance = spread(found, codes[0])
    change_BPF = effect(generator, predictor, found, codes, distance, sizes.edits, layers=True).change_BPF
    row_BL = [np.maximum(change_BPF[i, 1:, i], 0) for i in range(len(FACTOR_NAMES))]
    centres = {factor: centre(row_L) for factor, row_L in zip(FACTOR_NAMES, row_BL, strict=True)}
    return {
        "name": name,
        "family": generator.spec.family,
        "resolution": generator.spec.resolution,
        "rows": generator.spec.num_layers,
        "parameters": sum(parameter.numel() for parameter in generator.parameters()),
        **measure(generator, n=sizes.samples),
        "accuracy": {factor: round(test.accuracy, 4) for factor, test in tests.items()},
        "selectivity": selectivity(change_BPF[:, 0]),
        "centre_by_group": {
            group: round(float(np.mean([centres[f] for f in FACTOR_NAMES if group_of(f) == group])), 2)
            for group in GROUPS
        },
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--generator", action="append", help="a bundled name; repeatable; default: every trained one")
    parser.add_argument("--samples", type=int, default=4000, help="compared with as many renders")
    parser.add_argument("--num", type=int, default=2000, help="scored codes")
    parser.add_argument("--fresh", type=int, default=1000, help="codes that boundaries are tested on")
    parser.add_argument("--edits", type=int, default=32, help="samples that are moved along every boundary")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    names = arguments.generator or [name for name, path in bundled().items() if path is not None]
    return {"families": [one(name, arguments) for name in names]}


# --- as Markdown -----------------------------------------------------------------------------------------------------


def show(result: dict[str, Any]) -> str:
    """The same figures as Markdown: a line for each generator, and the distances by factor."""
    parts = result["families"]
    head = ["", "family", "pixels", "parameters", "Wasserstein-1, worst", "Frechet: samples", "blurred renders",
            "other renders", "boundaries, held out", "selectivity", "rows", *GROUPS]  # fmt: skip
    lines = []
    for part in parts:
        frechet, worst = part["frechet"], f"{part['worst_wasserstein']:.3f} ({part['worst_factor']})"
        lines.append([
            f"`{part['name']}`", part["family"], part["resolution"], f"{part['parameters']:,}".replace(",", " "),
            worst if part["wasserstein_pass"] else f"**{worst}**", f"{frechet['samples']:.2f}",
            f"{frechet['blurred']:.2f}", f"{frechet['renders']:.2f}",
            f"{np.mean(list(part['accuracy'].values())):.3f}", f"{np.median(list(part['selectivity'].values())):.2f}",
            part["rows"], *(f"{part['centre_by_group'][group]:.1f}" for group in GROUPS),
        ])  # fmt: skip
    by_factor = [
        [f"`{part['name']}`", *(f"{part['wasserstein'][name]:.3f}" for name in FACTOR_NAMES)] for part in parts
    ]
    text = f"Wasserstein-1 distance of each factor (bold above where the worst is over {WASSERSTEIN_BAR}):"
    return f"{table(head, lines)}\n\n{text}\n\n{table(['', *FACTOR_NAMES], by_factor)}"
