"""How local ReSeFa's directions are where every pixel's class and every factor is known.

Regions are the true segments of demo-oracle, and what the segmenter sees in `demo`: house, sky, tree, ground. The
Jacobian is taken once; each way of using it is then measured on codes it never saw:

    resefa              ridge, pooled over samples: gantk's default; on demo of some rows, chosen for the region
    all rows            on demo: every row, ridge, pooled
    its rows            on the oracle: the rows that carry what is in the region
    released            every row, next to no ridge (1e-9): the released script's default, though pooled

against LowRankGAN from the same matrices, SeFa, GANSpace and random steps on the rows of `resefa`. At the same change
inside, ROIR is the norm of the change outside over that inside; the share that stays inside is 1 / (1 + ROIR^2). What a
direction moves is read from the exact factors of the oracle, and by the predictor from demo's images.

Legend: K directions, F factors, L rows of wp.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np
import torch
from truths._tables import table

from gantk.checkpoints.load import load_generator
from gantk.codes.directions import Direction
from gantk.codes.source import CodeSource
from gantk.generators.base import Generator
from gantk.predictors.base import Predictor
from gantk.predictors.load import load_predictor
from gantk.predictors.truth import ExactFactors
from gantk.resefa.accumulate import JacobianPlan, sample_grams
from gantk.resefa.derivative import Output
from gantk.resefa.find import direction_of, spread
from gantk.resefa.given_regions import build_regions
from gantk.resefa.gram import RegionGrams
from gantk.resefa.measure import REACH, HeldOut, score, step_grid, walk
from gantk.resefa.reduce import Reduced, reduce_to
from gantk.resefa.regions import DEFAULT_MARGIN, Labels, Regions
from gantk.resefa.results import ScoreAt
from gantk.resefa.rivals import METHODS, Rivals
from gantk.resefa.solve import TAU, rates, solve
from gantk.resefa.tables import WORLD
from gantk.resefa.variables import choose
from gantk.world.oracle import ROWS as ORACLE_ROWS
from gantk.world.oracle import DemoOracle, oracle_generator
from gantk.world.renderer import FACTOR_NAMES

SEED, FRESH_SEED = 51_000, 52_000
Rows = tuple[int, ...]
ROWS: dict[str, dict[str, Rows]] = {
    "demo-oracle": {"house": (7,), "sky": (0, 4), "tree": (3,), "ground": (6,)},
    "demo": {"house": (5, 6, 7, 8, 9), "sky": (0, 1, 2, 3, 4), "tree": (2, 3, 4, 5, 6), "ground": (3, 4, 5, 6, 7)},
}
LEVEL = 0.05


def grams_of(generator: Generator, regions: Regions, num: int) -> RegionGrams:
    """Grams of every row of wp, summed over samples."""
    source = CodeSource(generator, num, SEED, generator.spec.truncation)
    space = "w" if isinstance(generator, DemoOracle) else "wp"
    plan = JacobianPlan(choose(generator, space), Output(generator.spec.resolution))
    total: RegionGrams | None = None
    for sample in range(num):
        grams = sample_grams(source, sample, regions, plan)[0]
        total = grams if total is None else total + grams
        print(f"jacobian {sample + 1}/{num}", file=sys.stderr)
    assert total is not None
    return total


def ways(generator: Generator, rows: Rows, every: Rows) -> tuple[tuple[str, Rows, float], ...]:
    """How the Jacobian is used: name, rows, ridge. The first is compared with the other methods on its rows.

    On the oracle that is every row, since its rows each carry one thing: on the right rows any step is local.
    """
    if isinstance(generator, DemoOracle):
        return ("resefa", every, TAU), ("its rows", rows, TAU), ("released", every, 1e-9)
    return ("resefa", rows, TAU), ("all rows", every, TAU), ("released", every, 1e-9)


def narrowed(generator: Generator, rows: tuple[int, ...]) -> Reduced:
    """The run's variable on some rows of wp, as one w.

    The oracle's rows each use columns of their own of its rotation, so that keeping the components along those is the
    same as moving those rows alone; its Jacobian is then needed in w only.
    """
    if isinstance(generator, DemoOracle):
        columns = [column for row in rows for column in ORACLE_ROWS[row].columns]
        kept = generator.rotation[:, columns].double().numpy()
        return Reduced(choose(generator, "w", rows), kept @ kept.T)
    return reduce_to(generator, choose(generator, "wp"), generator.spec.truncation, "w", rows)


def fresh(generator: Generator, regions: Regions, num: int, place: int) -> HeldOut:
    """Codes that the Grams have not seen, and one region in them."""
    with torch.no_grad():
        codes = CodeSource(generator, num, FRESH_SEED, generator.spec.truncation).batch(0, num)
        wp_NLD = codes.wp.contiguous()
        image_NCHW = torch.cat([generator.synthesize(part) for part in wp_NLD.split(16)])
    inside, ring = regions.sides(regions.masks(generator, wp_NLD))
    mask, around = inside[:, place], ring[:, place]
    return HeldOut(
        generator, generator.spec.truncation, codes.z, wp_NLD, image_NCHW, mask, ~mask & ~around,
        Output(generator.spec.resolution),
    )  # fmt: skip


def factors_moved(
    held: HeldOut, direction: Direction, row: int, distance: float, judge: Predictor
) -> list[tuple[str, float]]:
    """Change of every factor between the two ends, in standard deviations of the samples, largest first."""
    found = []
    for sign in (1.0, -1.0):
        with torch.no_grad():
            wp_NLD = held.moved(direction, row, sign * distance)
            if isinstance(judge, ExactFactors):
                scores = judge.attributes_of_codes(wp_NLD)
            else:
                scores = judge.attributes(held.generator.synthesize(wp_NLD))
            found.append(scores.double().numpy())
    with torch.no_grad():
        base = (
            judge.attributes_of_codes(held.wp_NLD)
            if isinstance(judge, ExactFactors)
            else judge.attributes(held.image_NCHW)
        )
    change_F = (found[0] - found[1]).mean(0) / np.maximum(base.double().numpy().std(0), 1e-9)
    order = np.argsort(-np.abs(change_F))
    return [(FACTOR_NAMES[index], round(float(change_F[index]), 2)) for index in order[:2]]


def of_model(
    name: str, generator: Generator, seer: Predictor, judge: Predictor, arguments: argparse.Namespace
) -> dict[str, Any]:
    size = generator.spec.resolution
    regions = build_regions(WORLD, [], [], Labels(tuple(seer.class_names), seer), size, size, DEFAULT_MARGIN)
    grams = grams_of(generator, regions, arguments.num)
    every = tuple(range(generator.spec.num_layers))
    result: dict[str, Any] = {}
    for place, region in enumerate(WORLD):
        rows = ROWS[name][region]
        held = fresh(generator, regions, arguments.fresh, place)
        inside, outside = grams.pair(place)
        bright = grams.brightness[place]
        entry: dict[str, Any] = {"rows": list(rows), "share": round(float(held.inside_NSS.mean()), 4), "methods": {}}
        for way, layers, tau in ways(generator, rows, every):
            reduced = narrowed(generator, layers)
            a, b = reduced.gram(inside), reduced.gram(outside)
            found = solve(a, b, tau, arguments.directions, reduced.vector(bright))
            methods = {way: found.vectors}
            if way == "resefa":
                rivals = Rivals(generator, reduced.variable, 2000, SEED)
                for method in METHODS[1:]:
                    steps = rivals.directions(method, a, b, arguments.directions, tau)
                    if steps is not None:
                        methods[method] = steps
            reach = REACH * spread(generator, reduced.variable, FRESH_SEED)
            for method, steps_Kd in methods.items():
                direction = direction_of(method, steps_Kd, reduced.variable, [], None, {}, generator)
                speed = np.sqrt(rates(steps_Kd, a))
                walks = [
                    walk(held, direction, row, step_grid(float(speed[row]), reach)) for row in range(len(steps_Kd))
                ]
                entry["methods"][method] = [plain(part) for part in score(method, walks)]
                if way == "resefa" == method:
                    entry["leading"] = []
                    for row, walked in enumerate(walks[:3]):
                        at = walked.at(LEVEL)
                        if at.distance is not None and at.roir is not None:
                            moved = factors_moved(held, direction, row, at.distance, judge)
                            entry["leading"].append(
                                {"roir": round(at.roir, 3), "distance": round(at.distance, 3), "moves": moved}
                            )
                        else:
                            entry["leading"].append({"roir": None, "distance": None, "moves": []})
        result[region] = entry
        print(f"{name} {region} done", file=sys.stderr)
    return result


def plain(part: ScoreAt) -> dict[str, Any]:
    clean = lambda value: None if value is None else round(value, 4)  # noqa: E731
    return {
        "level": part.level, "roir": clean(part.roir), "best": clean(part.best),
        "outside": None if part.outside is None else float(f"{part.outside:.4g}"),
        "reached": part.reached, "count": part.count,
    }  # fmt: skip


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--num", type=int, default=8, help="samples of the Jacobian")
    parser.add_argument("--fresh", type=int, default=8, help="codes that directions are measured on")
    parser.add_argument("--directions", type=int, default=3, help="of each method")
    parser.add_argument("--generator", default="demo", help="a name or a checkpoint file of the bundled world")
    parser.add_argument("--oracle-only", action="store_true", help="leave the trained generator out")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    oracle = oracle_generator()
    exact = ExactFactors(oracle)
    result: dict[str, Any] = {"num": arguments.num, "fresh": arguments.fresh, "directions": arguments.directions}
    result["oracle"] = of_model("demo-oracle", oracle, exact, exact, arguments)
    if not arguments.oracle_only:
        seer = load_predictor("demo")
        result["demo"] = of_model("demo", load_generator(arguments.generator), seer, seer, arguments)
    for part in ("oracle", "demo"):
        if part in result:
            result[f"{part}_wins"] = wins(result[part])
    return result


def wins(part: dict[str, Any]) -> dict[str, list[str]]:
    """Of each region, the methods that are more local than `resefa` at the middle level, of random, SeFa, GANSpace."""
    found = {}
    for region, entry in part.items():
        own = _roir(entry, "resefa")
        rivals = [m for m in ("random", "sefa", "ganspace", "sefa chosen", "ganspace chosen", "lowrankgan")]
        beaten = [m for m in rivals if own is not None and (value := _roir(entry, m)) is not None and value < own]
        found[region] = beaten
    return found


def _roir(entry: dict[str, Any], method: str, level: float = LEVEL, key: str = "roir") -> float | None:
    for part in entry["methods"].get(method, []):
        if part["level"] == level:
            value: float | None = part[key]
            return value
    return None


def show(result: dict[str, Any]) -> str:
    texts = []
    names = [
        "resefa",
        "all rows",
        "its rows",
        "released",
        "lowrankgan",
        "sefa",
        "sefa chosen",
        "ganspace",
        "ganspace chosen",
        "random",
    ]
    for part, title in (
        ("oracle", "demo-oracle, exact segments and factors"),
        ("demo", "demo, as segmenter and predictor see it"),
    ):
        if part not in result:
            continue
        rows = []
        for region, entry in result[part].items():
            own = _roir(entry, "resefa")
            share = "" if own is None else f"{100 / (1 + own**2):.0f} %"
            cells = [_show(_roir(entry, name)) for name in names]
            rows.append([region, _rows(entry["rows"]), *[f"**{cells[0]}**", *cells[1:]], share])
        used = [name for name in names if any(name in entry["methods"] for entry in result[part].values())]
        kept = [0, 1, *(2 + names.index(name) for name in used), 2 + len(names)]
        rows = [[row[index] for index in kept] for row in rows]
        head = ["region", "rows", *used, "stays inside"]
        better = {region: found for region, found in result[f"{part}_wins"].items() if found}
        verdict = (
            "ReSeFa beats every other method on every region."
            if not better
            else "More local than ReSeFa: "
            + "; ".join(f"{', '.join(found)} on {region}" for region, found in better.items())
            + "."
        )
        texts.append(f"*{title}.* ROIR at a change of {LEVEL} inside. {verdict}\n\n{table(head, rows)}")
        rows = []
        for region, entry in result[part].items():
            for row, lead in enumerate(entry["leading"]):
                moves = ", ".join(f"{name} {value:+.2f}" for name, value in lead["moves"])
                rows.append([region if row == 0 else "", str(row), _show(lead["distance"]), _show(lead["roir"]), moves])
        text = "What the first directions move: the factors that change most between both ends, in standard deviations."
        texts.append(f"{text}\n\n{table(['region', 'direction', 'distance', 'ROIR', 'moves'], rows)}")
    return "\n\n".join(texts)


def _rows(rows: list[int]) -> str:
    if rows == list(range(rows[0], rows[-1] + 1)) and len(rows) > 1:
        return f"{rows[0]}-{rows[-1]}"
    return ", ".join(map(str, rows))


def _show(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
