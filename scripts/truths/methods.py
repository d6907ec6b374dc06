"""Every method with one yardstick, where the factors are known: what the papers could not compare.

Each method gives eleven directions, as many as there are factors, found on the same codes; those that need readings get
them of the same samples. All are measured by `gantk.atlas.yardstick` on codes that none has seen, at a strength matched
by effect. On demo-oracle the factors are exact, on demo the predictor's readings. Random directions and, on the oracle,
the true ones are the two ends of the scale.

A factor counts as found at selectivity s where some direction changes it most of all factors, in standard deviations of
the samples, more than s times as much as any other, and more than 95 % of random directions do.

The cut of groups is chosen on the oracle, from the true directions and noisy versions of them among random ones, as the
largest with the best adjusted Rand index; on demo, boundaries and noisy versions of them are grouped at that cut.

Legend: M moves, F factors, K directions of a method.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from truths._finders import COUNT, Scored, boundaries, coordinates, find, scored
from truths._tables import table

from gantk import disentanglement
from gantk.atlas.groups import CUT, cluster, find_groups, similarity, stack
from gantk.atlas.judges import judge_of
from gantk.atlas.moves import draw_samples, moves_of, random_moves
from gantk.atlas.results import Measured
from gantk.atlas.yardstick import Settings, Yardstick
from gantk.checkpoints.load import load_generator
from gantk.codes.directions import Direction
from gantk.generators.base import Generator
from gantk.lse.convex import ridge
from gantk.lse.gram import Moments, moments
from gantk.predictors.base import Predictor
from gantk.predictors.grids import sum_resized
from gantk.predictors.heads import default_taps
from gantk.predictors.load import load_predictor
from gantk.predictors.segments import find_segments
from gantk.predictors.truth import ExactFactors
from gantk.world.oracle import DemoOracle
from gantk.world.renderer import CLASSES, FACTOR_NAMES

SEED, FRESH_SEED, FLOOR_SEED, SPACING = 61_000, 62_000, 63_000, 100
METHODS = ("random", "true", "higan", "higan rows", "sefa", "ganspace", "resefa", "stylespace")
NOISY = (1.0, 0.98, 0.95, 0.9, -0.9)  # cosines of versions of a direction with it
CUTS = tuple(np.round(np.arange(0.4, 0.951, 0.05), 2).tolist())
LEVELS = (2.0, 4.0)


def exact_of(oracle: DemoOracle) -> Any:
    """The factors of codes of the oracle, wp or styles: its styles determine what it draws."""

    def read(codes: Any) -> torch.Tensor:
        if isinstance(codes, torch.Tensor):
            return oracle.factors(codes)
        rows, start = [], 0
        order = [column for row in _columns() for column in row]
        numbers = torch.cat(list(codes), 1)
        for columns in _columns():
            part = numbers[:, start : start + len(columns)]
            rows.append(part @ oracle.rotation[:, columns].T)
            start += len(columns)
        assert len(order) == numbers.shape[1]
        return oracle.factors(torch.stack(rows, 1))

    return read


def _columns() -> list[list[int]]:
    from gantk.world.oracle import ROWS

    return [row.columns for row in ROWS]


def yardstick_of(generator: Generator, predictor: Predictor, sizes: argparse.Namespace, seed: int) -> Yardstick:
    exact = exact_of(generator) if isinstance(generator, DemoOracle) else None
    judge = judge_of(generator, predictor, exact=exact)
    samples = draw_samples(generator, sizes.fresh, FRESH_SEED + seed, generator.spec.truncation)
    found = Yardstick(samples, judge, Settings(search=min(16, sizes.fresh), rows=0, others=0))
    found.calibrate(random_moves(generator, sizes.floor, FLOOR_SEED + seed))
    return found


def of_method(method: str, data: Scored, yardstick: Yardstick, segmenter: Predictor, unseen: Scored) -> dict[str, Any]:
    """One row of the table, for one seed."""
    generator = data.generator
    found = find(method, data, segmenter)
    moves = [next(moves_of(generator, direction, method)) for direction in found.directions]
    measured = [yardstick.measure(move, found.cost) for move in moves]
    named = [part.what.attribute for part in measured]
    best = {
        name: max((m.what.selectivity for m, a in zip(measured, named, strict=True) if a == i), default=0.0)
        for i, name in enumerate(FACTOR_NAMES)
    }
    local = [float(m.where.locality_R[m.where.region]) if m.where.region >= 0 else 1.0 for m in measured]
    groups = find_groups(measured, FACTOR_NAMES, yardstick.judge.region_names, permutations=1)
    scores = disentanglement.measure(
        coordinates(generator, found.directions, unseen.samples), unseen.score_NF, FACTOR_NAMES
    )
    return {
        "found": {str(level): sum(value > level for value in best.values()) for level in LEVELS},
        "best": {name: round(value, 2) for name, value in best.items()},
        "selectivity": float(np.exp(np.mean([np.log(max(m.what.selectivity, 0.1)) for m in measured]))),
        "locality": float(np.exp(np.mean(np.log(np.maximum(local, 1e-3))))),
        "duplicates": len(measured) - len(groups.groups),
        "steadiness": float(np.mean([m.steadiness.cosine for m in measured])),
        "matched": sum(m.matched for m in measured),
        "disentanglement": scores.dci.disentanglement,
        "completeness": scores.dci.completeness,
        "informativeness": scores.dci.informativeness,
        "passes": found.cost.passes,
        "seconds": round(found.cost.seconds, 2),
    }


def of_seed(name: str, generator: Generator, predictor: Predictor, sizes: argparse.Namespace, seed: int) -> Any:
    data = scored(
        generator, predictor, draw_samples(generator, sizes.num, SEED + seed, generator.spec.truncation), SEED + seed
    )
    unseen_samples = draw_samples(generator, sizes.num, FRESH_SEED + seed, generator.spec.truncation, start=1000)
    unseen = scored(generator, predictor, unseen_samples, SEED)
    segmenter = ExactFactors(generator) if isinstance(generator, DemoOracle) else predictor
    yardstick = yardstick_of(generator, predictor, sizes, seed)
    rows = {}
    for method in sizes.methods:
        if method == "true" and not isinstance(generator, DemoOracle):
            continue
        rows[method] = of_method(method, data, yardstick, segmenter, unseen)
        print(f"{name} seed {seed} {method} done", file=sys.stderr)
    return rows, data, yardstick


def grouped(generator: Generator, data: Scored, yardstick: Yardstick, seed: int) -> dict[str, Any]:
    """Noisy versions of the true directions (on demo: of boundaries) among random ones, grouped at every cut."""
    if isinstance(generator, DemoOracle):
        vectors = [generator.factor_direction_w(name).double().numpy() for name in FACTOR_NAMES]
    else:
        vectors = [direction.vectors[0].astype(np.float64) for direction in boundaries(data)]
    random = np.random.default_rng(seed)
    measured: list[Measured] = []
    label: list[int] = []
    for factor, vector in enumerate(vectors):
        unit = vector / np.linalg.norm(vector)
        for cosine in NOISY:
            aside = random.normal(size=unit.shape)
            aside -= (aside @ unit) * unit
            moved = cosine * unit + np.sqrt(1 - cosine**2) * aside / np.linalg.norm(aside)
            direction = Direction(FACTOR_NAMES[factor], "direction", "w", moved[None].astype(np.float32))
            measured.append(yardstick.measure(next(moves_of(generator, direction, "versions"))))
            label.append(factor)
    for move in random_moves(generator, 2 * COUNT, FLOOR_SEED + 7):
        measured.append(yardstick.measure(move))
        label.append(len(label) + COUNT)
    return at_cuts(measured, label)


def at_cuts(measured: Sequence[Measured], label: Sequence[int]) -> dict[str, Any]:
    from sklearn.metrics import adjusted_rand_score

    similar = np.abs(similarity(stack([part.effect for part in measured])))
    true = np.array(label)
    versions = np.flatnonzero(true < COUNT)
    inner = np.ix_(versions, versions)
    scan = {str(cut): round(float(adjusted_rand_score(true, cluster(similar, cut))), 3) for cut in CUTS}
    top = max(scan.values())
    null = find_groups(measured, FACTOR_NAMES, CLASSES, permutations=50).unrelated
    same = true[versions][:, None] == true[versions][None]
    upper = np.triu(np.ones_like(same), 1)
    return {
        "scan": scan,
        "best_cut": max(float(cut) for cut, value in scan.items() if value == top),
        "at_cut": scan[str(CUT)],
        "versions_alone": round(float(adjusted_rand_score(true[versions], cluster(similar[inner], CUT))), 3),
        "same_least": round(float(similar[inner][same & upper].min()), 3),
        "different_most": round(float(similar[inner][~same & upper].max()), 3),
        "line95": round(null.line95, 3),
        "line99": round(null.line99, 3),
    }


def segmented(generator: Generator, predictor: Predictor, num: int, seed: int) -> dict[str, Any]:
    """Adjusted Rand index of segments without labels against the class maps, beside heads with labels."""
    from sklearn.metrics import adjusted_rand_score

    seer = ExactFactors(generator) if isinstance(generator, DemoOracle) else predictor
    wp_NLD = draw_samples(generator, num, SEED + seed, generator.spec.truncation).wp_NLD
    fresh = draw_samples(generator, 24, FRESH_SEED + seed, generator.spec.truncation).wp_NLD
    with torch.no_grad():
        true = seer.segment_codes(generator, fresh).argmax(1).flatten().numpy()
    found = find_segments(generator, wp_NLD, seed=seed)
    with torch.no_grad():
        label = found.head.segment_codes(generator, fresh).argmax(1).flatten().numpy()
    result: dict[str, Any] = {
        "k": found.k, "layer": found.layer, "classes": len(np.unique(true)),
        "stability": {str(k): round(float(v), 3) for k, v in zip(found.tried, found.stability, strict=True)},
        "unlabelled": round(float(adjusted_rand_score(true, label)), 3),
    }  # fmt: skip
    for title, taps in (("labelled, same map", (found.layer,)), ("labelled, all maps", default_taps(generator))):
        total: Moments | None = None
        classes = len(seer.class_names)
        with torch.no_grad():
            for part in wp_NLD.split(8):
                maps = list(generator.trace(part, taps, image=False)[1].values())
                target = seer.segment_codes(generator, part).argmax(1).to(torch.uint8)
                moment = moments(maps, target, classes)
                total = moment if total is None else total + moment
            assert total is not None
            w_KD, b_K = ridge(total, 1e-4)
            maps = list(generator.trace(fresh, taps, image=False)[1].values())
            widths = [x.shape[1] for x in maps]
            parts = torch.from_numpy(w_KD.astype(np.float32)).split(widths, 1)
            logits: dict[int, Any] = {}
            for weight, x in zip(parts, maps, strict=True):
                logits[x.shape[-1]] = logits.get(x.shape[-1], 0) + torch.einsum("kc,nchw->nkhw", weight, x)
            bias = torch.from_numpy(b_K.astype(np.float32))[:, None, None]
            label = (sum_resized(list(logits.values()), generator.spec.resolution, True) + bias).argmax(1)
        result[title] = round(float(adjusted_rand_score(true, label.flatten().numpy())), 3)
    return result


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--num", type=int, default=1000, help="scored codes that directions are found on")
    parser.add_argument("--fresh", type=int, default=16, help="codes that directions are measured on")
    parser.add_argument("--floor", type=int, default=22, help="random directions that set the floor")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--segments", type=int, default=96, help="samples that segments are found in")
    parser.add_argument("--generator", default="demo", help="a name or a checkpoint file of the bundled world")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--table-only", action="store_true", help="leave groups and segments out")
    parser.add_argument("--only", choices=("oracle", "demo"), help="one of the two generators")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    predictor = load_predictor("demo")
    result: dict[str, Any] = {"num": arguments.num, "fresh": arguments.fresh, "seeds": arguments.seeds, "cut": CUT}
    for part, name in (("oracle", "demo-oracle"), ("demo", arguments.generator)):
        if arguments.only not in (None, part):
            continue
        generator = load_generator(name)
        seeds = []
        for seed in range(arguments.seeds):
            rows, data, yardstick = of_seed(name, generator, predictor, arguments, seed * SPACING)
            seeds.append(rows)
            if seed == 0:
                first = (data, yardstick)
        result[part] = {"methods": {method: [rows[method] for rows in seeds] for method in seeds[0]}}
        if not arguments.table_only:
            result[part] |= {
                "groups": grouped(generator, *first, 0),
                "segments": segmented(generator, predictor, arguments.segments, 0),
            }
    return result


# --- as Markdown -----------------------------------------------------------------------------------------------------


def show(result: dict[str, Any]) -> str:
    texts = []
    for part, title in (("oracle", "demo-oracle, exact factors"), ("demo", "demo, as the predictor reads it")):
        if part not in result:
            continue
        found = result[part]
        texts.append(f"*{title}.* {COUNT} directions of each method, {_over(result['seeds'])}.\n\n{_table(found)}")
        if "groups" in found:
            texts.append(_grouped(found["groups"], part, result["cut"]))
            texts.append(_segmented(found["segments"]))
    return "\n\n".join(texts)


def _over(seeds: int) -> str:
    return "one seed" if seeds == 1 else f"mean over {seeds} seeds ± half the width of its 95 % interval"


def _table(found: dict[str, Any]) -> str:
    head = ["method", "found, > 2", "found, > 4", "selectivity", "locality", "duplicates", "steadiness"]
    head += ["DCI: D", "C", "I", "passes", "CPU s"]
    rows = []
    for method, seeds in found["methods"].items():
        cells = [_interval([row["found"][str(level)] for row in seeds], 1) for level in LEVELS]
        for key, digits in (("selectivity", 2), ("locality", 1), ("duplicates", 1), ("steadiness", 2)):
            cells.append(_interval([row[key] for row in seeds], digits))
        for key in ("disentanglement", "completeness", "informativeness"):
            cells.append(_interval([row[key] for row in seeds], 2))
        cells.append(f"{np.mean([row['passes'] for row in seeds]):.0f}")
        cells.append(f"{np.mean([row['seconds'] for row in seeds]):.1f}")
        rows.append([method, *cells])
    return table(head, rows)


def _interval(values: Sequence[float], digits: int) -> str:
    from scipy.stats import t

    mean = f"{np.mean(values):.{digits}f}"
    if len(values) < 2:
        return mean
    half = t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{mean} ± {half:.{digits}f}"


def _grouped(found: dict[str, Any], part: str, cut: float) -> str:
    what = "the true directions" if part == "oracle" else "boundaries"
    scan = ", ".join(f"{key}: {value:.2f}" for key, value in found["scan"].items())
    chosen = f" The largest of the best cuts is {found['best_cut']}." if part == "oracle" else ""
    return (
        f"*Groups.* {len(NOISY)} versions of each of {what} among {2 * COUNT} random ones: adjusted Rand index "
        f"{found['at_cut']:.3f} at the cut of {cut} ({found['versions_alone']:.3f} without the random ones). By cut: "
        f"{scan}.{chosen} Least similarity of two versions {found['same_least']:.2f}, largest of two factors "
        f"{found['different_most']:.2f}; unrelated moves stay below {found['line95']:.2f} (95 %) and "
        f"{found['line99']:.2f} (99 %) by permutation."
    )


def _segmented(found: dict[str, Any]) -> str:
    return (
        f"*Segments without labels.* {found['k']} segments of {found['layer']}: adjusted Rand index against the class "
        f"maps {found['unlabelled']:.3f}; of a linear head with labels on the same map "
        f"{found['labelled, same map']:.3f}, on all maps {found['labelled, all maps']:.3f}."
    )
