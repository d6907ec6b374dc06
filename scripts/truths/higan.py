"""How well boundaries, rescoring and layers come out where the answer is known.

Three sets of scored codes, each divided by every solver: `exact`, codes of demo-oracle with their true factors; `read`,
the same codes with what the predictor reads from their pictures, which is noise as a user has it; `demo`, codes of the
trained generator with the predictor's readings. On the oracle the true direction and the true row of wp of every factor
are known; on demo the predictor's readings of fresh and of moved samples judge.

Legend: N samples, D width of a code, B boundaries, F factors, L rows of wp.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from truths._tables import table

from gantk.checkpoints.load import load_generator
from gantk.codes.directions import Direction
from gantk.codes.given import GivenCodes
from gantk.generators.base import Generator
from gantk.higan import rescore, sample, train_boundary
from gantk.higan.gains import deviations
from gantk.higan.solvers import DEFAULT_SOLVER, SOLVERS
from gantk.predictors.base import Predictor
from gantk.predictors.linear_probe import area
from gantk.predictors.load import load_predictor
from gantk.predictors.truth import ExactFactors
from gantk.runs.claims import listed
from gantk.tour.figures import GROUPS, centre, group_of
from gantk.tour.figures import test as judge
from gantk.world.oracle import oracle_generator, row_of_factor
from gantk.world.renderer import FACTOR_NAMES

SEED, FRESH_SEED, EDIT_SEED = 41_000, 42_000, 43_000
CHOSEN, RESAMPLES, DEVIATIONS = 0.25, 3, 2.0
Codes = tuple[np.ndarray, np.ndarray]  # w_ND, structured scores [N]


class Moved(NamedTuple):
    """Changes [B, P, F] of every factor along every boundary, gains [B], and the layers that rows feed."""

    change_BPF: np.ndarray
    gain_B: np.ndarray
    layer_names: tuple[str, ...]


def classes(generator: Generator) -> str | None:
    """A conditional generator draws every class."""
    return "random" if generator.spec.label_required else None


def scored(generator: Generator, predictor: Predictor, num: int, seed: int) -> Codes:
    """Codes and their scores."""
    options = {"latents": "w", "preview": 0, "batch_size": 32, "label": classes(generator)}
    found = sample(generator, num, predictor, seed=seed, **options)
    assert found.w is not None and found.attribute is not None
    return found.w, found.attribute


def boundaries(codes: Codes, solver: str) -> tuple[dict[str, Direction], dict[str, float | None], float]:
    """The boundary of every factor, the score that divides each, and the CPU seconds all took."""
    w_ND, table = codes
    scores = {name: table[name] for name in FACTOR_NAMES}
    began = time.process_time()
    options = {"solver": solver, "chosen": CHOSEN, "resamples": RESAMPLES, "refit": True}
    results = train_boundary(GivenCodes(w_ND, "w"), scores, **options)
    seconds = time.process_time() - began
    return {each.name: each.direction for each in results}, {each.name: each.threshold for each in results}, seconds


def decoys(codes: Codes, solver: str) -> dict[str, Direction]:
    """Boundaries of shuffled scores: what a search returns for an attribute that the codes do not carry."""
    w_ND, table = codes
    mixed = table[np.random.default_rng(SEED).permutation(len(table))]
    return boundaries((w_ND, mixed), solver)[0]


def solver_figures(codes: Codes, fresh: Codes, exact: Mapping[str, np.ndarray] | None) -> dict[str, Any]:
    """Every solver on one set of codes, judged on fresh codes and, where it is known, by the true direction."""
    figures = {}
    for solver in SOLVERS:
        found, threshold, seconds = boundaries(codes, solver)
        tests = {name: judge(found[name], fresh[0], fresh[1][name], threshold[name]) for name in FACTOR_NAMES}
        entry: dict[str, Any] = {
            "accuracy": {name: round(test.accuracy, 4) for name, test in tests.items()},
            "auc": {name: round(test.auc, 4) for name, test in tests.items()},
            "stability": {name: round(float(found[name].meta["stability"]), 4) for name in FACTOR_NAMES},
            "cpu_seconds": round(seconds, 2),
        }
        if exact is not None:
            cosines = {name: float(found[name].vectors[0] @ exact[name]) for name in FACTOR_NAMES}
            entry["cosine"] = {name: round(value, 4) for name, value in cosines.items()}
        figures[solver] = entry
    return figures


def effect(
    generator: Generator,
    predictor: Predictor,
    found: Mapping[str, Direction],
    codes: Codes,
    distance: float,
    num: int,
    layers: bool,
) -> Moved:
    """Mean change of every factor along every boundary in standard deviations of the scored codes, on all rows of wp
    and on each alone, and HiGAN's gains.

    Boundaries named `other:factor` are scored by that factor.
    """
    about = [f"{name}={name.partition(':')[2]}" for name in found if ":" in name]
    directions = [direction.replace(name=name) for name, direction in found.items()]
    options = {"random": 0, "batch_size": 16, "label": classes(generator), "layerwise": layers, "score": about}
    moved = rescore(
        generator, directions, predictor, num=num, seed=EDIT_SEED, distance=float(f"{distance:.4g}"), **options
    )
    scale_F = moved.deviations / deviations(codes[1])  # of the moved samples, and of all that were scored
    gain_B = np.array([each.whole.gain for each in moved.boundaries])
    return Moved(moved.change * scale_F, gain_B, moved.layer_names)


def spread(found: Mapping[str, Direction], w_ND: np.ndarray) -> float:
    """DEVIATIONS standard deviations of the samples along a boundary, the median over boundaries."""
    return DEVIATIONS * float(np.median([(w_ND @ direction.vectors[0]).std() for direction in found.values()]))


def selectivity(change_BF: np.ndarray) -> dict[str, float]:
    """A boundary's own change over the largest other change along it, both in standard deviations."""
    size = np.abs(change_BF)
    others = size - np.diag(np.diag(size))
    return {name: round(float(change_BF[i, i] / others[i].max()), 2) for i, name in enumerate(FACTOR_NAMES)}


def entangled(change_BF: np.ndarray) -> dict[str, str]:
    """The factor that moves most beside a boundary's own."""
    size = np.abs(change_BF) - np.diag(np.diag(np.abs(change_BF)))
    return {name: FACTOR_NAMES[int(size[i].argmax())] for i, name in enumerate(FACTOR_NAMES)}


def of_model(
    generator: Generator, predictor: Predictor, codes: Codes, sizes: argparse.Namespace, solvers: Sequence[str]
) -> dict[str, Any]:
    """Selectivity by solver; for the default one the entanglement, the rows, and how real boundaries rank above
    decoys."""
    result: dict[str, Any] = {"selectivity_by_solver": {}}
    for solver in solvers:
        found = boundaries(codes, solver)[0]
        distance = spread(found, codes[0])
        default = solver == DEFAULT_SOLVER
        moved = effect(generator, predictor, found, codes, distance, sizes.edits, layers=default)
        change_BPF = moved.change_BPF
        result["selectivity_by_solver"][solver] = selectivity(change_BPF[:, 0])
        if not default:
            continue
        row_BL = np.stack([np.maximum(change_BPF[i, 1:, i], 0) for i in range(len(FACTOR_NAMES))])
        result |= {
            "distance": round(distance, 3),
            "entanglement": np.round(change_BPF[:, 0], 3).tolist(),
            "selectivity": selectivity(change_BPF[:, 0]),
            "moves_most_beside": entangled(change_BPF[:, 0]),
            "rows": {name: np.round(row_BL[i], 3).tolist() for i, name in enumerate(FACTOR_NAMES)},
            "strongest_row": {name: int(row_BL[i].argmax()) for i, name in enumerate(FACTOR_NAMES)},
            "centre_row": {name: round(centre(row_BL[i]), 2) for i, name in enumerate(FACTOR_NAMES)},
            "row_names": list(moved.layer_names),
        }
        result["centre_by_group"] = {
            group: round(float(np.mean([result["centre_row"][n] for n in FACTOR_NAMES if group_of(n) == group])), 2)
            for group in GROUPS
        }
        false = {f"decoy:{name}": direction for name, direction in decoys(codes, solver).items()}
        shuffled = effect(generator, predictor, false, codes, distance, sizes.edits, False)
        real = np.arange(2 * len(FACTOR_NAMES)) < len(FACTOR_NAMES)
        own = np.arange(len(FACTOR_NAMES))
        size = np.concatenate([change_BPF[own, 0, own], shuffled.change_BPF[own, 0, own]])
        result["ranking"] = {
            "gain_auc": round(area(np.concatenate([moved.gain_B, shuffled.gain_B]), real), 4),
            "standardized_auc": round(area(size, real), 4),
            "weakest_real": round(float(size[real].min()), 3),
            "strongest_decoy": round(float(size[~real].max()), 3),
        }
    return result


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--num", type=int, default=3000, help="scored codes of each set")
    parser.add_argument("--fresh", type=int, default=1000, help="codes that boundaries are tested on")
    parser.add_argument("--edits", type=int, default=48, help="samples that are moved along every boundary")
    parser.add_argument("--generator", default="demo", help="a name or a checkpoint file of the bundled world")
    parser.add_argument("--oracle-only", action="store_true", help="leave the trained generator out")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    oracle = oracle_generator()
    exact = {name: oracle.factor_direction_w(name).numpy() for name in FACTOR_NAMES}
    result: dict[str, Any] = {
        "num": arguments.num, "fresh": arguments.fresh, "edits": arguments.edits, "default_solver": DEFAULT_SOLVER
    }  # fmt: skip
    truth, demo = ExactFactors(oracle), load_predictor("demo")
    true = scored(oracle, truth, arguments.num, SEED)
    fresh = scored(oracle, truth, 4 * arguments.fresh, FRESH_SEED)
    read = scored(oracle, demo, arguments.num, SEED)
    result["solvers"] = {
        "exact": solver_figures(true, fresh, exact),
        "read": solver_figures(read, fresh, exact),
    }
    result["oracle"] = of_model(oracle, truth, true, arguments, SOLVERS)
    right = {name: row_of_factor(name) for name in FACTOR_NAMES}
    found = result["oracle"]["strongest_row"]
    result["oracle"] |= {"true_row": right, "rows_right": sum(found[name] == right[name] for name in right)}
    if not arguments.oracle_only:
        generator = load_generator(arguments.generator)
        codes = scored(generator, demo, arguments.num, SEED)
        unseen = scored(generator, demo, arguments.fresh, FRESH_SEED)
        result["solvers"]["demo"] = solver_figures(codes, unseen, None)
        result["demo"] = of_model(generator, demo, codes, arguments, SOLVERS)
    return result


# --- as Markdown -----------------------------------------------------------------------------------------------------


def show(result: dict[str, Any]) -> str:
    """The same figures as Markdown."""
    demo = result.get("demo")
    parts = [_solvers(result), _oracle(result)]
    if demo:
        parts.append(_demo(result))
    parts += [f"{title}\n\n{_matrix(part['entanglement'])}" for title, part in _matrices(result)]
    return "\n\n".join(parts)


def _solvers(result: dict[str, Any]) -> str:
    sets, demo = result["solvers"], result.get("demo")
    head = ["solver", "cosine, exact scores", "cosine, read scores", "held out, exact", "held out, read"]
    head += ["stability, read", "CPU s"]
    if demo:
        head += ["held out, demo", "stability, demo", "selectivity, demo"]
    rows = []
    for solver in SOLVERS:
        exact, read = sets["exact"][solver], sets["read"][solver]
        row = [f"**{solver}**" if solver == result["default_solver"] else solver]
        row += [_mean_min(exact["cosine"]), _mean_min(read["cosine"])]
        row += [_mean(exact["accuracy"]), _mean(read["accuracy"]), _mean(read["stability"])]
        row.append(f"{sum(part[solver]['cpu_seconds'] for part in sets.values()):.1f}")
        if demo:
            figures = sets["demo"][solver]
            row += [_mean(figures["accuracy"]), _mean(figures["stability"])]
            row.append(f"{np.median(list(demo['selectivity_by_solver'][solver].values())):.2f}")
        rows.append(row)
    text = (
        "*Solvers.* Cosine with the true direction: mean, and the worst factor in brackets. The default is bold; "
        "selectivity is the median over factors; seconds are of all factors of all sets, resampled splits included."
    )
    return f"{text}\n\n{table(head, rows)}"


def _oracle(result: dict[str, Any]) -> str:
    part, solver = result["oracle"], result["default_solver"]
    ranking = part["ranking"]
    rows = [
        [
            name,
            f"{result['solvers']['exact'][solver]['cosine'][name]:.4f}",
            f"{result['solvers']['read'][solver]['cosine'][name]:.4f}",
            f"{part['selectivity'][name]:.1f}",
            str(part["strongest_row"][name]),
            str(part["true_row"][name]),
        ]
        for name in FACTOR_NAMES
    ]
    head = ["factor", "cosine, exact", "cosine, read", "selectivity", "row found", "true row"]
    text = (
        f"*demo-oracle*, with `{solver}`. Layer-wise rescoring finds the true row of {part['rows_right']} of "
        f"{len(FACTOR_NAMES)} factors. {_ranked(ranking)}"
    )
    return f"{text}\n\n{table(head, rows)}"


def _demo(result: dict[str, Any]) -> str:
    part, solver = result["demo"], result["default_solver"]
    figures = result["solvers"]["demo"][solver]
    rows = [
        [
            name,
            group_of(name),
            f"{figures['accuracy'][name]:.3f}",
            f"{figures['auc'][name]:.3f}",
            f"{part['selectivity'][name]:.2f}",
            part["moves_most_beside"][name],
            f"{part['strongest_row'][name]}: {part['row_names'][part['strongest_row'][name]]}",
            f"{part['centre_row'][name]:.2f}",
        ]
        for name in FACTOR_NAMES
    ]
    head = ["factor", "group", "held out", "AUC", "selectivity", "moves most beside it", "strongest row", "centre"]
    groups = listed([f"{value:.2f} for {group}" for group, value in part["centre_by_group"].items()])
    order = [part["centre_by_group"][group] for group in GROUPS]
    verdict = "in HiGAN's order" if order == sorted(order) else "not in HiGAN's order"
    text = (
        f"*demo*, with `{solver}`, as the predictor sees it. The mean row of wp that carries a group of factors, "
        f"weighted by the change there and counted from the coarsest, 0, is {groups}: {verdict}, which is layout, "
        f"objects, attributes. {_ranked(part['ranking'])}"
    )
    return f"{text}\n\n{table(head, rows)}"


def _ranked(ranking: Mapping[str, float]) -> str:
    return (
        "Rescoring's ranking tells the real boundaries from as many of shuffled scores with an AUC of "
        f"{ranking['gain_auc']:.3f} by HiGAN's gain and {ranking['standardized_auc']:.3f} in standard deviations "
        f"(weakest real {ranking['weakest_real']:+.2f}, strongest shuffled {ranking['strongest_decoy']:+.2f})."
    )


def _matrices(result: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    text = "Change of every factor (columns), in standard deviations, along every boundary (rows), "
    return [
        (f"*Entanglement of {name}.* {text}moved by {result[part]['distance']:.3g}.", result[part])
        for part, name in (("oracle", "demo-oracle"), ("demo", "demo"))
        if part in result
    ]


def _matrix(values: Sequence[Sequence[float]]) -> str:
    rows = []
    for i, name in enumerate(FACTOR_NAMES):
        cells = [f"**{value:.2f}**" if i == j else f"{value:.2f}" for j, value in enumerate(values[i])]
        rows.append([name, *cells])
    return table(["", *FACTOR_NAMES], rows)


def _mean(values: Mapping[str, float]) -> str:
    return f"{np.mean(list(values.values())):.4f}"


def _mean_min(values: Mapping[str, float]) -> str:
    return f"{np.mean(list(values.values())):.4f} ({min(values.values()):.3f})"
