"""What tuning a generator's weights to photos changes, on held-out renders whose factors are known.

Renders are inverted (in w by optimisation, in styles by the encoder and optimisation) and the weights then tuned to
them by the paper's settings, all of them together. Some of the renders wear a mark that the generator has never seen.
Before and after: the distances; what an edit along `season` moves, and how far the other factors are from the truth at
its two ends, read by the predictor (in deviations of each factor over scenes; its own error on the originals is the
floor); and how much the pictures of other codes change.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch
from torch import Tensor
from truths._tables import table
from truths.ghfeat import renders

from gantk.codes.directions import Direction
from gantk.generators.base import Generator
from gantk.ghfeat.codes import Codes
from gantk.ghfeat.results import InvertResult
from gantk.predictors.base import Predictor
from gantk.world.renderer import FACTOR_NAMES, FACTORS

SEED, OTHERS_SEED = 37_000, 38_000  # no training has seen these
FACTOR, DISTANCE = "season", 2.0
WAYS = (("w", "none"), ("s", None))


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--num", type=int, default=4, help="renders")
    parser.add_argument("--marked", type=int, default=2, help="of them with a mark")
    parser.add_argument("--steps", type=int, default=200, help="of the optimisation of codes")
    parser.add_argument("--tune-steps", type=int, default=350)
    parser.add_argument("--others", type=int, default=64, help="samples whose change is measured")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    import gantk

    generator, predictor = gantk.load_generator("demo"), gantk.load_predictor("demo")
    season = gantk.load_direction(FACTOR, generator)
    truth, image = renders(arguments.num, SEED)
    image = image.clone()
    marked(image[: arguments.marked])
    floor = errors(predictor, image, truth)
    result: dict[str, Any] = {
        "num": arguments.num, "marked": arguments.marked, "steps": arguments.steps, "tune_steps": arguments.tune_steps,
        "predictor": float(np.mean([floor[name] for name in FACTOR_NAMES if name != FACTOR])), "ways": [],
    }  # fmt: skip
    for space, encoder in WAYS:
        found = gantk.invert(
            generator, image, encoder, space=space, steps=arguments.steps, tune=True, tune_steps=arguments.tune_steps
        )
        told = found.tuning
        assert told is not None and found.tuned_weights is not None
        after = found.tuned_weights.apply(generator)
        way: dict[str, Any] = {"space": space, "encoder": found.encoder, "file_mb": told.size_mb}
        for name, network, figures in (("before", generator, told.before), ("after", after, told.after)):
            mean = np.asarray(figures).mean(0)
            way[name] = {
                "mse": float(mean[0]),
                "mse_marked": float(np.asarray(figures)[: arguments.marked, 0].mean()) if arguments.marked else None,
                "ssim": float(mean[1]),
                "distance": float(mean[2]),
                **edited(network, found, season, predictor, truth),
            }
        way["others"] = others(generator, after, arguments.others)
        result["ways"].append(way)
    return result


def marked(image_NCHW: Tensor) -> None:
    """Paint a striped flag into images [N, 3, 64, 64], in place: nothing the generator has ever drawn."""
    for k in range(4):
        image_NCHW[:, :, 6 + 3 * k : 9 + 3 * k, 44:58] = torch.tensor([1.0, -1.0, 0.9 - k])[:, None, None]


@torch.inference_mode()
def errors(predictor: Predictor, image: Tensor, truth: Tensor) -> dict[str, float]:
    """How far the factors that are read are from the true ones, in deviations of each over scenes."""
    read = predictor.attributes(image)
    spread = [(factor.high - factor.low) / 12**0.5 for factor in FACTORS]  # of a uniform one
    places = [list(predictor.attribute_names).index(name) for name in FACTOR_NAMES]
    return {
        name: float((read[:, places[i]] - truth[:, i]).abs().mean() / spread[i]) for i, name in enumerate(FACTOR_NAMES)
    }


@torch.inference_mode()
def edited(
    network: Generator, found: InvertResult, season: Direction, predictor: Predictor, truth: Tensor
) -> dict[str, float]:
    """How far the edit moves its factor (in deviations), and the mean error of all others at both ends."""
    from gantk.ghfeat.bridge import move, push_forward
    from gantk.ghfeat.tuning import fixed_codes

    carried = found.codes
    codes = carried.tensors() if isinstance(carried, Codes) else [torch.from_numpy(np.array(carried))]
    fixed, _ = fixed_codes(network, found.space, codes)
    step = push_forward(network, season)
    ends = [network.synthesize(move(fixed, step, far)) for far in (-DISTANCE, DISTANCE)]
    place = list(predictor.attribute_names).index(FACTOR)
    index = FACTOR_NAMES.index(FACTOR)
    spread = (FACTORS[index].high - FACTORS[index].low) / 12**0.5
    low, high = (predictor.attributes(end)[:, place] for end in ends)
    wrong = [errors(predictor, end, truth) for end in ends]
    rest = [part[name] for part in wrong for name in FACTOR_NAMES if name != FACTOR]
    return {"moved": float((high - low).mean() / spread), "identity_error": float(np.mean(rest))}


@torch.inference_mode()
def others(before: Generator, after: Generator, count: int) -> float:
    """Mean squared change of the pictures of seeded samples."""
    wp = before.expand(before.map(before.sample_z(count, OTHERS_SEED)))
    return float((before.synthesize(wp) - after.synthesize(wp)).square().mean())


def show(result: dict[str, Any]) -> str:
    r = result
    head = ("codes", "weights", "squared error", "of marked ones", "SSIM", "feature distance", "`season` moves by",
            "error of other factors", "change of other codes")  # fmt: skip
    rows = []
    for way in r["ways"]:
        title = f"`{way['space']}`, " + ("optimisation" if way["encoder"] == "none" else "encoder and optimisation")
        for name, said in (("before", "as they were"), ("after", "tuned")):
            p = way[name]
            moved = f"{way['others']:.5f}" if name == "after" else ""
            mark = "" if p["mse_marked"] is None else f"{p['mse_marked']:.5f}"
            rows.append((title if name == "before" else "", said, f"{p['mse']:.5f}", mark, f"{p['ssim']:.3f}",
                         f"{p['distance']:.4f}", f"{p['moved']:.2f}", f"{p['identity_error']:.3f}", moved))  # fmt: skip
    return (
        f"{r['num']} renders, {r['marked']} of them with a mark; {r['steps']} steps on the codes, {r['tune_steps']} on "
        f"the weights, all renders together. The edit goes from -{DISTANCE:g} to {DISTANCE:g} deviations; errors of "
        f"factors are in standard deviations, and on the originals the predictor's is {r['predictor']:.3f}. The file "
        f"of weights has {r['ways'][0]['file_mb']:.1f} MB.\n\n{table(head, rows)}"
    )
