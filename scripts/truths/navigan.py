"""What weight directions of the bundled generator move, and what no latent direction reaches.

Four sets of directions in one convolution: random ones, singular vectors, Hessian eigenvectors, and combinations of
these optimised until a network can tell them apart. Each direction is taken to the strength at which pictures have
moved by the same share of the perceptual distance between samples, so that sets can be compared:

- change of every factor the predictor reads, in standard deviations of the world, from no edit to that strength;
- variation: the root of the sum of squares of these changes' sizes; the Frechet distance of edited pictures to renders
  over that of unedited ones; score: the first over the second, after the DVN of NaviGAN's predecessor;
- unreachable: the share of the (small-step) change of the picture that no single direction in w explains, and that not
  even a step in w of each sample's own explains.

Legend: N samples, D directions, F factors, W width of w, E numbers of an embedding.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gantk.checkpoints.load import load_generator
from gantk.navigan.bases import VectorBasis, random_basis, svd_basis
from gantk.navigan.curvature import Curvature
from gantk.navigan.directions import WeightDirections
from gantk.navigan.lanczos import block_lanczos
from gantk.navigan.metrics import Metric, load_metric
from gantk.navigan.strength import SHARE, curve_of, first_guess, ruler
from gantk.navigan.target import GeneratorTarget
from gantk.navigan.training import Rectifier, Trainer, TrainingPlan
from gantk.predictors.demo import DemoPredictor
from gantk.predictors.distance import frechet_distance
from gantk.world.renderer import FACTOR_NAMES, render, sample_scene

SEED = 51_000
EPSILON = 0.05  # of a step in w
SMALL = 0.1  # of a recommended strength: near enough to the start for first-order comparisons


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="demo")
    parser.add_argument("--conv", default="16x16/conv1", help="where the four sets are compared")
    parser.add_argument("--layers", nargs="*", default=["8x8/conv1", "64x64/conv1"], help="Hessian only")
    parser.add_argument("--directions", type=int, default=6)
    parser.add_argument("--searched", type=int, default=8, help="samples of the Hessian")
    parser.add_argument("--num", type=int, default=32, help="samples that are edited")
    parser.add_argument("--steps", type=int, default=80, help="of the optimisation")
    parser.add_argument("--renders", type=int, default=1000)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class World:
    """The generator, its judges, and what does not depend on a direction."""

    def __init__(self, a: argparse.Namespace) -> None:
        self.a = a
        self.generator = load_generator(a.model).requires_grad_(False)
        self.metric: Metric = load_metric("demo")
        predictor = self.metric.predictor
        assert isinstance(predictor, DemoPredictor)
        self.predictor = predictor
        self.deviation_F = predictor.span_A.double().numpy() / np.sqrt(12)  # factors of the world are uniform
        with torch.inference_mode():
            parts = [
                predictor.features(render(*sample_scene(min(100, a.renders - start), SEED, start=start)).image_NCHW)
                for start in range(0, a.renders, 100)
            ]
        self.real_NF = torch.cat(parts)

    def codes(self, start: int, stop: int) -> Tensor:
        with torch.no_grad():
            z_ND = self.generator.sample_z(stop - start, seed=SEED, start=start)
            return self.generator.expand(self.generator.map(z_ND)).contiguous()


# --- the four sets ---------------------------------------------------------------------------------------------------


def hessian(world: World, target: GeneratorTarget, count: int) -> tuple[WeightDirections, int]:
    curvature = Curvature(target, world.metric, world.codes, world.a.searched, 8)

    def operator(_: int, vector_BP: Tensor) -> Tensor:
        return torch.stack([curvature.product(chunk, vector_BP) for chunk in range(curvature.chunks)])

    found = block_lanczos(operator, target.size, count, block=2, tolerance=0.02)
    basis = VectorBasis(found.vectors.view(-1, *target.shape))
    meta = {"eigenvalues": found.values.tolist()}
    return WeightDirections("Hessian", "hessian", target.layer, basis, meta=meta), found.products


def optimised(world: World, target: GeneratorTarget, base: WeightDirections, scale: float) -> tuple[Any, float]:
    a = world.a
    plan = TrainingPlan(
        a.directions, scale, scale / 4, a.steps, 12, rate=2e-3, predictor="lenet", identity=True, seed=SEED
    )
    trainer = Trainer(
        Rectifier(target, base.basis, plan), lambda start, stop: world.codes(start % 4096, start % 4096 + stop - start)
    )
    for number in range(a.steps):
        trainer.step(number)
    accuracy = trainer.held_out()
    coefficients = trainer.rectifier.coefficients.detach()
    learned = WeightDirections("optimised", "hessian_rectification", target.layer, base.basis, coefficients)
    return learned, accuracy


# --- what they do ----------------------------------------------------------------------------------------------------


def judged(world: World, target: GeneratorTarget, directions: WeightDirections) -> dict[str, Any]:
    """Scales, changes of factors, Frechet ratios and unreachable shares of a set."""
    a = world.a
    count = min(a.directions, len(directions))
    rule = ruler(target, world.metric, world.codes(0, 6))
    guesses = [first_guess(directions, row, SHARE * rule.between) for row in range(count)]
    curves = [curve_of(target, world.metric, rule, directions.delta(row), guesses[row]) for row in range(count)]
    scales = [curve.scale for curve in curves]
    change_DF, size_DF, frechet = np.zeros((count, len(FACTOR_NAMES))), np.zeros((count, len(FACTOR_NAMES))), []
    features: list[list[Tensor]] = [[] for _ in range(count)]
    plain: list[Tensor] = []
    with torch.inference_mode():
        for start in range(0, a.num, 16):
            prefix = target.prefix(world.codes(start, min(start + 16, a.num)))
            before, feature = world.predictor.read(target.images(prefix))
            plain.append(feature)
            for row in range(count):
                delta = directions.delta(row)
                ends = [world.predictor.read(target.moved(prefix, delta, sign * scales[row])) for sign in (1, -1)]
                features[row] += [ends[0][1][::2], ends[1][1][1::2]]
                half = (ends[0][0] - ends[1][0]).double().numpy() / 2 / world.deviation_F
                change_DF[row] += half.sum(0) / a.num
                size_DF[row] += (ends[0][0] - before).abs().double().numpy().sum(0) / world.deviation_F / a.num
        base = frechet_distance(torch.cat(plain), world.real_NF)
        frechet = [frechet_distance(torch.cat(part), world.real_NF) / base for part in features]
    variation = np.sqrt(np.square(size_DF).sum(1))
    return {
        "scales": scales,
        "change": change_DF.round(3).tolist(),
        "variation": variation.round(3).tolist(),
        "frechet": [round(value, 3) for value in frechet],
        "score": (variation / np.array(frechet)).round(3).tolist(),
    }


class Latent:
    """What steps in w do to the embedded pictures of a few samples, to first order."""

    def __init__(self, world: World, num: int = 6) -> None:
        generator, metric = world.generator, world.metric
        with torch.inference_mode():
            self.w_NW = generator.map(generator.sample_z(num, seed=SEED))
            self.columns: list[Tensor] = []  # [W, E] for each sample
            steps = EPSILON * torch.eye(self.w_NW.shape[1])
            for w in self.w_NW:
                ends = []
                for sign in (1, -1):
                    moved = [generator.synthesize(generator.expand(part)) for part in (w + sign * steps).split(16)]
                    ends.append(torch.cat([flat(metric, image) for image in moved]))
                self.columns.append((ends[0] - ends[1]) / (2 * EPSILON))
            self.grams = [column @ column.T for column in self.columns]

    def unreachable(self, changes: Sequence[Tensor]) -> tuple[float, float]:
        """The share of changes [E] of the samples that no common step explains, and no step of each one's own."""
        sides = [column @ change for column, change in zip(self.columns, changes, strict=True)]
        total = sum(float(change.double().square().sum()) for change in changes)
        common = explained(sum_of(self.grams), sum_of(sides))
        own = sum(explained(gram, side) for gram, side in zip(self.grams, sides, strict=True))
        return 1 - common / total, 1 - own / total


def sum_of(parts: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(parts)).sum(0)


def explained(gram: Tensor, side: Tensor) -> float:
    """The squared length that the best combination of columns reaches."""
    gram, side = gram.double(), side.double()
    ridge = 1e-6 * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    return float(side @ torch.linalg.solve(gram + ridge, side))


def flat(metric: Metric, image_NCHW: Tensor) -> Tensor:
    return torch.cat([part.flatten(1) for part in metric.embed(image_NCHW)], 1)


def reach(
    world: World, latent: Latent, target: GeneratorTarget, directions: WeightDirections, scales: Sequence[float]
) -> list[tuple[float, float]]:
    """The unreachable shares of each direction."""
    with torch.inference_mode():
        prefix = target.prefix(world.generator.expand(latent.w_NW))
        shares = []
        for row, scale in enumerate(scales):
            ends = [
                flat(world.metric, target.moved(prefix, directions.delta(row), sign * SMALL * scale))
                for sign in (1, -1)
            ]
            shares.append(latent.unreachable(list(ends[0] - ends[1])))
    return [(round(common, 3), round(own, 3)) for common, own in shares]


# --- the whole -------------------------------------------------------------------------------------------------------


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    world = World(arguments)
    latent = Latent(world)
    target = GeneratorTarget(world.generator, arguments.conv)
    say("Hessian")
    leading, products = hessian(world, target, 2 * arguments.directions)
    svd, _ = svd_basis(target.weight)
    sets = {
        "random": WeightDirections("random", "hessian", target.layer, random_basis(target.shape, arguments.directions)),
        "SVD": WeightDirections("SVD", "svd", target.layer, svd),
        "Hessian": leading,
    }
    result: dict[str, Any] = {"factors": list(FACTOR_NAMES), "conv": target.layer, "products": products, "sets": {}}
    for name, directions in sets.items():
        say(name)
        result["sets"][name] = judged(world, target, directions)
    say("optimisation")
    middle = float(np.median(result["sets"]["Hessian"]["scales"]))
    learned, accuracy = optimised(world, target, leading, middle)
    sets["optimised"] = learned
    result["accuracy"] = round(accuracy, 3)
    result["sets"]["optimised"] = judged(world, target, learned)
    for name, directions in sets.items():
        part = result["sets"][name]
        part["unreachable"] = reach(world, latent, target, directions, part["scales"])
    result["layers"] = {}
    for layer in arguments.layers:
        say(layer)
        other = GeneratorTarget(world.generator, layer)
        found, _ = hessian(world, other, arguments.directions)
        part = judged(world, other, found)
        part["unreachable"] = reach(world, latent, other, found, part["scales"])
        result["layers"][layer] = part
    return result


def show(result: dict[str, Any]) -> str:
    names, sets = result["factors"], result["sets"]
    lines = [
        f"*Sets of directions in `{result['conv']}`*, means over {len(sets['Hessian']['scales'])} directions each, at "
        "equal perceptual distance. The optimised ones are told apart on held-out samples with an accuracy of "
        f"{result['accuracy']:.2f} (chance {1 / len(sets['optimised']['scales']):.2f}).",
        "",
        "| set | strength | variation | Fréchet | score | unreachable, one direction | unreachable, own step |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, part in sets.items():
        shares = np.array(part["unreachable"])
        lines.append(
            f"| {name} | {np.mean(part['scales']):.1f} | {np.mean(part['variation']):.2f} | "
            f"{np.mean(part['frechet']):.2f} | {np.mean(part['score']):.2f} | {shares[:, 0].mean():.2f} | "
            f"{shares[:, 1].mean():.2f} |"
        )
    lines += ["", "*What each direction moves*: signed change in standard deviations.", ""]
    lines += ["| layer | direction | strongest factors | variation | score | unreachable, one | unreachable, own |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for layer, part in [(result["conv"], sets["Hessian"]), *result["layers"].items()]:
        for row, change in enumerate(part["change"]):
            order = np.argsort(-np.abs(change))[:3]
            told = ", ".join(f"{names[f]} {change[f]:+.2f}" for f in order if abs(change[f]) >= 0.1) or "none by 0.1"
            common, own = part["unreachable"][row]
            lines.append(
                f"| {layer} | Hessian {row} | {told} | {part['variation'][row]:.2f} | {part['score'][row]:.2f} | "
                f"{common:.2f} | {own:.2f} |"
            )
    return "\n".join(lines)
