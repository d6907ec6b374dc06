"""Whether an atlas can tell a trained generator from one of random weights, where nothing names attributes.

An atlas says that nothing is steady, and names nothing, where directions of codes do the same in different samples no
more than random directions do. Here it is asked of random networks of every family and several seeds, of which none is
to be called steady, and of the bundled ones without their predictor, of which all are.

Only the systems that find directions of codes are asked, as the others' directions do not count. The random networks,
and the samples of the bundled ones, are others than those that the rule was chosen on.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from full_sizes.networks import network
from truths._tables import table

import gantk
from gantk.generators.base import Generator
from gantk.predictors.load import load_predictor

DOCUMENT = "atlas.md"
FAMILIES = ("stylegan2", "stylegan3-t", "biggan-deep", "pggan")
TRAINED = ("demo", "demo-stylegan3", "demo-biggan", "demo-pggan", "demo-oracle")


def one(name: str, generator: Generator) -> dict[str, Any]:
    """What a quick atlas says of a generator through features of ImageNet."""
    metric = load_predictor("imagenet", generator.device, generator).eval()
    words = {"quick": True, "num": 200, "shown": 0, "seed": 1}
    found = gantk.atlas.chart(generator, None, metric=metric, systems="sefa,ganspace,resefa", **words)
    return {
        "name": name,
        "steady": found.is_steady,
        "cosine": float(np.median([part.across for part in found.charted])),
        "random": float(np.median(found.random_steady)),
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, nargs="+", default=[31, 32, 33], help="of the random networks' weights")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    trained = {name: gantk.load_generator(name) for name in TRAINED}
    for generator in trained.values():
        generator.bundled = None  # or it would get the bundled predictor
    untrained = [one(f"{name}, seed {s}", network(name, True, s)) for name in FAMILIES for s in arguments.seeds]
    return {"random": untrained, "trained": [one(*each) for each in trained.items()]}


def show(result: dict[str, Any]) -> str:
    """A line for each generator."""
    lines = [
        [part["name"], kind, "yes" if part["steady"] else "no", f"{part['cosine']:.2f}", f"{part['random']:.2f}"]
        for kind in ("random", "trained")
        for part in result[kind]
    ]
    return table(["generator", "weights", "steady", "directions that were found", "random directions"], lines)
