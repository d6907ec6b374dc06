"""Every method with one yardstick, where the factors are known: what the papers could not compare.

Each method gives eleven directions, as many as there are factors. Those that can choose how much they look at get the
same number of generator passes (`--passes`): scored samples for boundaries and style channels, half of them scored
and half for rescoring where boundaries choose their rows, Jacobians for ReSeFa, Hessian products for NaviGAN. All are
measured by `gantk.atlas.yardstick` on codes that none has seen, at a strength matched by effect. On demo-oracle the
factors are exact, on demo the predictor's readings. Random directions and, on the oracle, the true ones are the two
ends of the scale.

A factor counts as found at selectivity s where some direction changes it most of all factors, in standard deviations of
the samples, more than s times as much as any other, and more than 95 % of random directions do.

The cut of groups is where permutations say that unrelated directions end. Which percentile of them was chosen on the
oracle, from the true directions and noisy versions of them among random ones; on demo, boundaries and noisy versions of
them are grouped by that rule.

With --kept FILE every finished row is kept there, and the same command goes on behind the last one.

Legend: M moves, F factors, K directions of a method.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from truths._finders import COUNT, Scored, boundaries, coordinates, find, lacking, scored
from truths._tables import table

from gantk import disentanglement
from gantk.atlas.groups import cluster, find_groups, grams, similarity
from gantk.atlas.judges import judge_of
from gantk.atlas.moves import draw_samples, moves_of, random_moves
from gantk.atlas.results import Measured
from gantk.atlas.yardstick import Settings, Yardstick
from gantk.checkpoints.load import load_generator
from gantk.codes.directions import Direction
from gantk.generators.base import Generator, WpOrStyles
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
METHODS = ("random", "true", "higan", "higan rows", "sefa", "ganspace", "resefa", "stylespace", "navigan")
NOISY = (1.0, 0.98, 0.95, 0.9, -0.9)  # cosines of versions of a direction with it
CUTS = tuple(np.round(np.arange(0.4, 0.951, 0.05), 2).tolist())
LEVELS = (2.0, 4.0)
CUT = 0.8  # what the rule gives on the oracle: from here on two directions of a method are duplicates


def exact_of(oracle: DemoOracle) -> Callable[[WpOrStyles], torch.Tensor]:
    """The factors of codes of the oracle, wp or styles: its styles determine what it draws."""

    def read(codes: WpOrStyles) -> torch.Tensor:
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
    found = Yardstick(samples, judge, Settings(search=min(8, sizes.fresh), rows=0, others=0))
    found.calibrate(random_moves(generator, sizes.floor, FLOOR_SEED + seed))
    return found


def of_method(method: str, data: Scored, yardstick: Yardstick, segmenter: Predictor, unseen: Scored) -> dict[str, Any]:
    """One row of the table, for one seed."""
    generator = data.generator
    found = find(method, data, segmenter)
    moves = found.moves or [next(moves_of(generator, direction, method)) for direction in found.directions]
    measured = [yardstick.measure(move) for move in moves]
    named = [part.what.attribute for part in measured]
    best = {
        name: max((m.what.selectivity for m, a in zip(measured, named, strict=True) if a == i), default=0.0)
        for i, name in enumerate(FACTOR_NAMES)
    }
    local = [float(m.where.locality_R[m.where.region]) if m.where.region >= 0 else 1.0 for m in measured]
    label_M = cluster(similarity(grams([part.effect for part in measured])), CUT)
    scores = None  # a weight has no coordinate that differs between samples
    if found.directions:
        codes_NK = coordinates(generator, found.directions, unseen.samples)
        scores = disentanglement.measure(codes_NK, unseen.score_NF, FACTOR_NAMES).dci
    return {
        "found": {str(level): sum(value > level for value in best.values()) for level in LEVELS},
        "best": {name: round(value, 2) for name, value in best.items()},
        "selectivity": float(np.exp(np.mean([np.log(max(m.what.selectivity, 0.1)) for m in measured]))),
        "locality": float(np.exp(np.mean(np.log(np.maximum(local, 1e-3))))),
        "duplicates": len(measured) - len(set(label_M.tolist())),
        "steadiness": float(np.mean([m.steadiness.cosine for m in measured])),
        "matched": sum(m.matched for m in measured),
        "disentanglement": None if scores is None else scores.disentanglement,
        "completeness": None if scores is None else scores.completeness,
        "informativeness": None if scores is None else scores.informativeness,
        "passes": found.cost.passes,
        "seconds": round(found.cost.seconds, 2),
    }


class Kept:
    """Finished parts in a file, so that a run that was killed loses the one it was at."""

    def __init__(self, path: str | None, sizes: argparse.Namespace) -> None:
        self.path = None if path is None else Path(path)
        self.sizes = {name: getattr(sizes, name) for name in ("passes", "fresh", "floor", "unseen", "segments")}
        self.parts: dict[str, Any] = {}
        self.seconds = 0.0
        self._began = time.process_time()
        if self.path is not None and self.path.is_file():
            found = json.loads(self.path.read_text())
            if found["sizes"] != self.sizes:
                raise SystemExit(f"{self.path} holds rows of other sizes, {found['sizes']}: name another file.")
            self.parts, self.seconds = found["parts"], found["seconds"]
        self.before = self.seconds

    def part(self, name: str, make: Callable[[], Any]) -> Any:
        """What is kept under a name, or is made and kept."""
        if name not in self.parts:
            self.parts[name] = make()
            self.seconds, self._began = self.seconds + time.process_time() - self._began, time.process_time()
            print(f"{name}, {self.seconds:.0f} s of CPU time so far", file=sys.stderr)
            if self.path is not None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                text = json.dumps({"sizes": self.sizes, "seconds": self.seconds, "parts": self.parts})
                temporary = self.path.with_suffix(".tmp")
                temporary.write_text(text)
                temporary.replace(self.path)
        return self.parts[name]


class OfSeed:
    """One seed of one generator: what directions are found on and measured with, made when first asked for."""

    def __init__(self, name: str, generator: Generator, predictor: Predictor, sizes: argparse.Namespace, seed: int):
        self.name, self.generator, self.predictor, self.sizes, self.seed = name, generator, predictor, sizes, seed
        self._made: tuple[Scored, Scored, Yardstick] | None = None

    def made(self) -> tuple[Scored, Scored, Yardstick]:
        """Samples to find on, samples to score coordinates on, and the yardstick."""
        if self._made is None:
            generator, seed, truncation = self.generator, self.seed, self.generator.spec.truncation
            samples = draw_samples(generator, self.sizes.passes, SEED + seed, truncation)
            unseen = draw_samples(generator, self.sizes.unseen, FRESH_SEED + seed, truncation, start=1000)
            self._made = (
                scored(generator, self.predictor, samples, SEED + seed),
                scored(generator, self.predictor, unseen, SEED),
                yardstick_of(generator, self.predictor, self.sizes, seed),
            )
        return self._made

    def row(self, method: str) -> dict[str, Any]:
        """One row of the table."""
        data, unseen, yardstick = self.made()
        segmenter = ExactFactors(self.generator) if isinstance(self.generator, DemoOracle) else self.predictor
        return of_method(method, data, yardstick, segmenter, unseen)


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

    similar = np.abs(similarity(grams([part.effect for part in measured])))
    true = np.array(label)
    versions = np.flatnonzero(true < COUNT)
    inner = np.ix_(versions, versions)
    scan = {str(cut): round(float(adjusted_rand_score(true, cluster(similar, cut))), 3) for cut in CUTS}
    null = find_groups(measured, FACTOR_NAMES, CLASSES).unrelated
    rules = {"95 % of pairs": null.line95, "99 % of pairs": null.line99, "95 % of nearest others": null.nearest}
    same = true[versions][:, None] == true[versions][None]
    upper = np.triu(np.ones_like(same), 1)
    return {
        "scan": scan,
        "rules": {
            name: [round(cut, 3), round(float(adjusted_rand_score(true, cluster(similar, cut))), 3)]
            for name, cut in rules.items()
        },
        "versions_alone": round(float(adjusted_rand_score(true[versions], cluster(similar[inner], null.nearest))), 3),
        "same_least": round(float(similar[inner][same & upper].min()), 3),
        "different_most": round(float(similar[inner][~same & upper].max()), 3),
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
            learnt = (sum_resized(list(logits.values()), generator.spec.resolution, True) + bias).argmax(1)
        result[title] = round(float(adjusted_rand_score(true, learnt.flatten().numpy())), 3)
    return result


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--passes", type=int, default=1200, help="of the generator, that every method may use to find")
    parser.add_argument("--unseen", type=int, default=1000, help="scored codes that DCI is taken on")
    parser.add_argument("--fresh", type=int, default=16, help="codes that directions are measured on")
    parser.add_argument("--floor", type=int, default=22, help="random directions that set the floor")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--segments", type=int, default=96, help="samples that segments are found in")
    parser.add_argument("--generator", default="demo", help="a name or a checkpoint file of the bundled world")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--table-only", action="store_true", help="leave groups and segments out")
    parser.add_argument("--only", choices=("oracle", "demo"), help="one of the two generators")
    parser.add_argument("--kept", metavar="FILE", help="where finished rows are kept, to go on behind them")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    predictor = load_predictor("demo")
    result: dict[str, Any] = {name: getattr(arguments, name) for name in ("passes", "fresh", "seeds")}
    kept = Kept(arguments.kept, arguments)
    for part, name in (("oracle", "demo-oracle"), ("demo", arguments.generator)):
        if arguments.only not in (None, part):
            continue
        generator = load_generator(name)
        methods = [method for method in arguments.methods if not lacking(method, generator)]
        rows: dict[str, list[Any]] = {method: [] for method in methods}
        groups = segments = None
        for seed in range(arguments.seeds):
            of_seed = OfSeed(name, generator, predictor, arguments, seed * SPACING)
            for method in methods:
                found = kept.part(f"{name}, seed {seed}, {method}", partial(of_seed.row, method))
                rows[method].append(found)
            if seed == 0 and not arguments.table_only:

                def grouping(of_seed: OfSeed = of_seed) -> dict[str, Any]:
                    data, _, yardstick = of_seed.made()
                    return grouped(of_seed.generator, data, yardstick, 0)

                groups = kept.part(f"{name}, groups", grouping)
                segments = kept.part(
                    f"{name}, segments", partial(segmented, generator, predictor, arguments.segments, 0)
                )
        result[part] = {"methods": rows}
        if groups is not None:
            result[part] |= {"groups": groups, "segments": segments}
    result["earlier_cpu_seconds"] = kept.before
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
            texts.append(_grouped(found["groups"], part))
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
            values = [row[key] for row in seeds]
            cells.append("–" if None in values else _interval(values, 2))
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


def _grouped(found: dict[str, Any], part: str) -> str:
    what = "true direction" if part == "oracle" else "boundary"
    rules = "; ".join(f"{name}, {cut:.2f}: {value:.3f}" for name, (cut, value) in found["rules"].items())
    scan = ", ".join(f"{key}: {value:.2f}" for key, value in found["scan"].items())
    return (
        f"*Groups.* {len(NOISY)} noisy versions of each {what} among {2 * COUNT} random directions. Adjusted Rand "
        f"index by the percentile of permutations that makes the cut: {rules}. The last one is the rule; without the "
        f"random directions it gives {found['versions_alone']:.3f}. At fixed cuts, for comparison: {scan}. Least "
        f"similarity of two versions {found['same_least']:.2f}, largest of two factors {found['different_most']:.2f}."
    )


def _segmented(found: dict[str, Any]) -> str:
    return (
        f"*Segments without labels.* {found['k']} segments of {found['layer']}: the adjusted Rand index against the "
        f"class maps is {found['unlabelled']:.3f}; that of a linear head with labels is "
        f"{found['labelled, same map']:.3f} on the same map and {found['labelled, all maps']:.3f} on all maps."
    )
