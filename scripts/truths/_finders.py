"""How each method of the table of methods finds its directions: equal numbers of them, from the same scored samples.

Legend: N samples, K directions, D width of w, F factors.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from gantk import stylespace
from gantk.atlas.moves import Move, Samples, random_moves, weight_moves
from gantk.atlas.rows import middle_convolutions, rows_by_rescoring
from gantk.codes.directions import Direction
from gantk.codes.source import CodeSource
from gantk.comparators.components import components
from gantk.comparators.factorisation import factorise
from gantk.generators.base import Generator
from gantk.higan.boundary import Settings as BoundarySettings
from gantk.higan.boundary import train_boundaries
from gantk.navigan.curvature import Curvature
from gantk.navigan.lanczos import block_lanczos
from gantk.navigan.metrics import load_metric
from gantk.navigan.target import GeneratorTarget
from gantk.predictors.base import Predictor
from gantk.resefa.accumulate import JacobianPlan, sample_grams
from gantk.resefa.derivative import Output
from gantk.resefa.given_regions import build_regions
from gantk.resefa.regions import DEFAULT_MARGIN, Labels
from gantk.resefa.solve import TAU, solve
from gantk.resefa.tables import WORLD
from gantk.resefa.variables import choose
from gantk.world.oracle import DemoOracle
from gantk.world.renderer import FACTOR_NAMES

COUNT = len(FACTOR_NAMES)
TAILS = 0.25  # of the samples, at each end, that a boundary divides
COMPONENTS_OF = 10_000  # codes, for principal components; they pass the mapping network only
HESSIAN_SAMPLES = 4
PRODUCT = 4  # passes that a product with the Hessian of one sample is counted as: forward, and three derivatives


@dataclass(frozen=True)
class Cost:
    """What finding a direction took."""

    passes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Found:
    """Directions of one method and what they took; a direction of weights is no `Direction`, but a move."""

    directions: tuple[Direction, ...]
    cost: Cost
    moves: tuple[Move, ...] = ()


@dataclass(frozen=True, eq=False)
class Scored:
    """Samples that directions are found on, and what the predictor reads from their pictures."""

    generator: Generator
    predictor: Predictor
    samples: Samples
    w_ND: np.ndarray
    score_NF: np.ndarray
    seconds: float
    seed: int


def scored(generator: Generator, predictor: Predictor, samples: Samples, seed: int) -> Scored:
    began, parts = time.process_time(), []
    with torch.inference_mode():
        assert samples.z_ND is not None
        w_ND: Tensor = generator.map(samples.z_ND, samples.label)
        for start in range(0, len(samples), 50):
            parts.append(predictor.attributes(samples.part(start, start + 50).images()).numpy())
    seconds = time.process_time() - began
    return Scored(generator, predictor, samples, w_ND.numpy(), np.concatenate(parts), seconds, seed)


def random(data: Scored) -> tuple[Direction, ...]:
    return tuple(
        Direction(f"random:{i}", "direction", "w", move.direction.vectors[i : i + 1])
        for i, move in enumerate(random_moves(data.generator, COUNT, seed=data.seed))
    )


def true(data: Scored) -> tuple[Direction, ...]:
    oracle = data.generator
    assert isinstance(oracle, DemoOracle)
    return tuple(
        Direction(name, "direction", "w", oracle.factor_direction_w(name)[None].numpy()) for name in FACTOR_NAMES
    )


def boundaries(data: Scored) -> tuple[Direction, ...]:
    settings = BoundarySettings(chosen=TAILS, resamples=0, seed=data.seed)
    columns = {name: data.score_NF[:, i] for i, name in enumerate(FACTOR_NAMES)}
    results = train_boundaries(data.w_ND, columns, settings)
    return tuple(Direction(part.name, "boundary", "w", part.vectors, part.intercept) for part in results)


def half_of(data: Scored) -> Scored:
    """The first half of the samples, at half the cost."""
    half = len(data.samples) // 2
    return replace(
        data, samples=data.samples.part(0, half), w_ND=data.w_ND[:half], score_NF=data.score_NF[:half],
        seconds=data.seconds / 2,
    )  # fmt: skip


def on_rows(data: Scored) -> tuple[tuple[Direction, ...], int]:
    """Boundaries of half of the samples on the rows of wp that rescoring says carry them, and the passes."""
    half = half_of(data)
    found = boundaries(half)
    budget = len(data.samples) - len(half.samples)
    count = max(2, budget // (1 + len(found) * (1 + data.generator.spec.num_layers)))
    few = data.samples.part(len(half.samples), len(half.samples) + count)
    chosen, passes = rows_by_rescoring(data.generator, found, data.predictor, few)
    return tuple(d.replace(layers=rows) for d, rows in zip(found, chosen, strict=True)), len(half.samples) + passes


def principal(data: Scored) -> tuple[Direction, ...]:
    found = components(data.generator, COMPONENTS_OF, COUNT, data.seed)
    return _each(found.vectors, found.space, "ganspace")


def factorised(data: Scored) -> tuple[Direction, ...]:
    found = factorise(data.generator, count=COUNT)
    return _each(found.vectors, found.space, "sefa")


def regional(data: Scored, segmenter: Predictor) -> tuple[tuple[Direction, ...], int]:
    """The leading directions of every region of the bundled world in turn, and the passes."""
    generator = data.generator
    size = generator.spec.resolution
    regions = build_regions(WORLD, [], [], Labels(tuple(segmenter.class_names), segmenter), size, size, DEFAULT_MARGIN)
    plan = JacobianPlan(choose(generator, "w"), Output(size))
    grams, each = None, int(1.5 * plan.variable.dim)  # two blocks of columns are held in turn
    jacobians = max(1, len(data.samples) // each)
    source = CodeSource(generator, jacobians, data.seed, data.samples.truncation)
    for sample in range(jacobians):
        part = sample_grams(source, sample, regions, plan)[0]
        grams = part if grams is None else grams + part
    assert grams is not None
    solutions = [solve(*grams.pair(place), TAU, COUNT).vectors for place in range(len(WORLD))]
    vectors = [solutions[i % len(WORLD)][i // len(WORLD)] for i in range(COUNT)]
    return _each(np.stack(vectors), "w", "resefa"), jacobians * each


def channels(data: Scored) -> tuple[Direction, ...]:
    """Of every attribute the channel of space s whose mean stands farthest apart in the highest scored samples."""
    found = stylespace.attribute_channels(data.generator, data.samples.wp_NLD, data.score_NF, FACTOR_NAMES)
    rgb = isinstance(data.generator, DemoOracle)  # whose last row only writes colours, and carries two factors
    directions = []
    for name in FACTOR_NAMES:
        channel, distance = found.of(name, 1, rgb)[0]
        directions.append(stylespace.channel_direction(channel, found.statistics, name, distance))
    return tuple(directions)


def weights(data: Scored) -> tuple[tuple[Move, ...], int]:
    """Leading eigenvectors of the Hessian of a convolution in each third of the layers, and the passes."""
    generator, metric = data.generator, load_metric("demo")
    wp_NLD = data.samples.wp_NLD[:HESSIAN_SAMPLES]
    layers = middle_convolutions(generator)
    counts = [COUNT // len(layers) + (place < COUNT % len(layers)) for place in range(len(layers))]
    most = len(data.samples) // (len(layers) * HESSIAN_SAMPLES * PRODUCT)
    moves: list[Move] = []
    products = 0
    for layer, count in zip(layers, counts, strict=True):
        target = GeneratorTarget(generator, layer)
        curvature = Curvature(target, metric, lambda start, stop: wp_NLD[start:stop], len(wp_NLD), len(wp_NLD))
        found = block_lanczos(
            partial(_product, curvature),
            target.size, count, block=2, tolerance=0.02, max_products=most,
        )  # fmt: skip
        products += found.products
        moves += weight_moves(generator, layer, list(found.vectors.view(-1, *target.shape)), "navigan", layer)
    return tuple(moves), products * HESSIAN_SAMPLES * PRODUCT


def _product(of: Curvature, chunk: int, vector_BP: Tensor) -> Tensor:
    """As `block_lanczos` takes it."""
    return of.product(chunk, vector_BP)[None]


def lacking(method: str, generator: Generator) -> bool:
    """Whether a method has nothing to work on: only the oracle knows true directions, and a renderer has no weights."""
    oracle = isinstance(generator, DemoOracle)
    return (method == "true" and not oracle) or (method == "navigan" and oracle)


def _each(vectors_KD: np.ndarray, space: str, name: str) -> tuple[Direction, ...]:
    return tuple(
        Direction(f"{name}:{i}", "direction", space, vector[None].astype(np.float32))
        for i, vector in enumerate(vectors_KD)
    )


def find(method: str, data: Scored, segmenter: Predictor) -> Found:
    """The directions of a method; readings of the samples count for the methods that need them."""
    began = time.process_time()
    simple: dict[str, Callable[[Scored], tuple[Direction, ...]]] = {
        "random": random, "true": true, "sefa": factorised, "ganspace": principal,
    }  # fmt: skip
    if method in simple:
        return Found(simple[method](data), Cost(0, time.process_time() - began))
    if method == "navigan":
        moves, passes = weights(data)
        return Found((), Cost(passes, time.process_time() - began), moves)
    if method == "resefa":
        directions, passes = regional(data, segmenter)
        return Found(directions, Cost(passes, time.process_time() - began))
    read = Cost(len(data.samples), data.seconds)
    if method == "stylespace":
        directions = channels(data)
    elif method == "higan":
        directions = boundaries(data)
    else:
        directions, passes = on_rows(data)
        read = Cost(passes, data.seconds / 2)
    return Found(directions, replace(read, seconds=read.seconds + time.process_time() - began))


def coordinates(generator: Generator, directions: tuple[Direction, ...], samples: Samples) -> np.ndarray:
    """Codes of samples along directions, [N, K]: what DCI scores."""
    with torch.inference_mode():
        assert samples.z_ND is not None
        flat = {"z": samples.z_ND, "w": generator.map(samples.z_ND, samples.label), "wp": samples.wp_NLD.flatten(1)}
        if any(direction.space == "s" for direction in directions):
            flat["s"] = torch.cat([style.flatten(1) for style in generator.styles(samples.wp_NLD)], 1)
    columns = []
    for direction in directions:
        vector = direction.vectors[0].ravel().astype(np.float64)
        columns.append(flat[direction.space].double().numpy() @ (vector / np.linalg.norm(vector)))
    return np.stack(columns, 1)
