"""Leading eigenvectors of the perceptual Hessian of one convolution: gantk against the released procedure.

The baseline below is the released procedure, written plainly: for each eigenvector 20 steps of power iteration from a
random start, each step a central difference of gradients at the shifted weights, with the references rendered again for
every gradient and gradients flowing into every weight of the generator, then deflation. ours is `gantk.navigan`: exact
products, block Lanczos, a stop on the residuals. Both use the bundled predictor's feature maps as the metric, the same
samples and gantk's (fast) forward pass; reference eigenpairs are those of our search in float64, converged.

Networks: `tiny`, a StyleGAN2 of 64 pixels and at most 32 channels with random weights, and `demo`, the bundled one. The
baseline on `demo` takes about four minutes of CPU time; by default one of its eigenvectors is measured and the time
multiplied (the number of steps is fixed), with --full all are.

Shape legend: K vectors, P numbers of the weight.
"""

from __future__ import annotations

import argparse
import copy
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from benchmarks._turns import figures, in_child
from scipy.linalg import subspace_angles
from torch import Tensor, nn

from gantk.checkpoints.load import load_generator
from gantk.generators.base import Generator
from gantk.generators.stylegan2 import StyleGAN2, StyleGAN2Config
from gantk.navigan.curvature import Curvature
from gantk.navigan.lanczos import block_lanczos
from gantk.navigan.metrics import load_metric
from gantk.navigan.target import GeneratorTarget
from gantk.predictors.distance import perceptual_distance
from gantk.predictors.load import load_predictor

STEPS, EPSILON = 20, 0.1
NETWORKS = ("tiny", "demo")


def network(name: str) -> Generator:
    if name == "demo":
        return load_generator("demo").requires_grad_(False)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = StyleGAN2Config(64, (32, 32, 32, 32, 16), z_dim=64, w_dim=64, mapping_width=64, mapping_layers=4)
        generator = StyleGAN2(config).eval().requires_grad_(False)
        for key, parameter in generator.named_parameters():
            if key.endswith("noise_strength"):
                parameter.fill_(0.1)
    return generator


# --- the released procedure ------------------------------------------------------------------------------------------


def plain_gradient(
    reference: Generator, shifted: Generator, name: str, weight: Tensor, delta: Tensor, z_ND: Tensor, batch: int
) -> Tensor:
    """Mean gradient of the distance at the shifted weight."""
    predictor = load_predictor("demo")
    total = torch.zeros_like(weight)
    owner, _, part = name.rpartition(".")
    for z in z_ND.split(batch):
        with torch.no_grad():
            before = reference.synthesize(reference.expand(reference.map(z)))
        setattr(shifted.get_submodule(owner), part, nn.Parameter(weight + delta))
        after = shifted.synthesize(shifted.expand(shifted.map(z)))
        shifted.zero_grad()
        perceptual_distance(before, after, predictor).mean().backward()
        gradient = shifted.get_parameter(name).grad
        assert gradient is not None
        total += gradient
    return total / (len(z_ND) / batch)


def baseline(name: str, conv: str, k: int, samples: int, batch: int, seed: int) -> Callable[[], dict[str, Any]]:
    reference = network(name)
    shifted = copy.deepcopy(reference).requires_grad_(True)
    parameter = reference.layer(conv).weight
    assert parameter is not None
    weight = reference.get_parameter(parameter).detach()
    z_ND = reference.sample_z(samples)

    def measured() -> dict[str, Any]:
        found: list[Tensor] = []
        source = torch.Generator().manual_seed(seed)
        for _ in range(k):
            vector = deflated(torch.randn(weight.shape, generator=source), found)
            for _ in range(STEPS):
                ahead, behind = (
                    plain_gradient(reference, shifted, parameter, weight, sign * EPSILON * vector, z_ND, batch)
                    for sign in (1, -1)
                )
                vector = deflated((ahead - behind) / (2 * (EPSILON + 1e-14) * vector.norm()), found)
            found.append(vector)
        values = torch.stack([vector.norm() for vector in found])
        vectors = torch.stack([(vector / vector.norm()).flatten() for vector in found])
        return {"values": values.numpy(), "vectors": vectors.numpy(), "products": k * STEPS}

    return measured


def deflated(vector: Tensor, found: list[Tensor]) -> Tensor:
    for other in found:
        unit = other / other.norm()
        vector = vector - unit * (unit * vector).sum()
    return vector


# --- ours ------------------------------------------------------------------------------------------------------------


def ours(
    name: str, conv: str, k: int, samples: int, batch: int, block: int, tolerance: float, exact: bool, seed: int
) -> Callable[[], dict[str, Any]]:
    generator, metric = network(name), load_metric("demo")
    kind = torch.float64 if exact else torch.float32
    generator.to(kind)
    assert metric.predictor is not None
    metric.predictor.to(kind)
    target = GeneratorTarget(generator, conv)

    def codes(start: int, stop: int) -> Tensor:
        return generator.expand(generator.map(generator.sample_z(stop - start, start=start)))

    def measured() -> dict[str, Any]:
        curvature = Curvature(target, metric, codes, samples, batch)

        def operator(_: int, vector_BP: Tensor) -> Tensor:
            return torch.stack([curvature.product(chunk, vector_BP) for chunk in range(curvature.chunks)])

        found = block_lanczos(operator, target.size, k, block=block, tolerance=tolerance, seed=seed, dtype=kind)
        return {
            "values": found.values.double().numpy(),
            "vectors": found.vectors.numpy(),
            "products": found.products,
            "bound": found.angle,
            "converged": found.converged,
        }

    return measured


# --- the benchmark ---------------------------------------------------------------------------------------------------


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--conv", default="16x16/conv1")
    parser.add_argument("-k", type=int, default=8)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--block", type=int, default=2)
    parser.add_argument("--tolerance", type=float, default=0.003)
    parser.add_argument("--seed", type=int, default=0, help="of the starts")
    parser.add_argument("--full", action="store_true", help="all eigenvectors of the baseline on demo too")


def one(name: str, a: argparse.Namespace) -> dict[str, Any]:
    """Both ways on one network, each in a process of its own, and the reference in a third."""
    count = a.k if name == "tiny" or a.full else 1
    theirs = in_child(partial(baseline, name, a.conv, count, a.samples, a.batch, a.seed), a.threads)
    mine = in_child(
        partial(ours, name, a.conv, a.k, a.samples, a.batch, a.block, a.tolerance, False, a.seed), a.threads
    )
    exact = in_child(partial(ours, name, a.conv, a.k, a.samples, a.batch, 2, 1e-6, True, a.seed + 1), a.threads)
    truth = exact["result"]
    if not truth["converged"]:
        raise SystemExit("the reference did not converge")
    theirs["cpu_s"] *= a.k / count
    theirs["wall_s"] *= a.k / count
    measured = figures({"baseline": [theirs], "ours": [mine]})
    products = {"baseline": a.k * STEPS, "ours": int(mine["result"]["products"])}
    result = {
        **measured,
        "error": errors(mine["result"]["values"], truth["values"]),
        "network": name,
        "weight": int(mine["result"]["vectors"].shape[1]),
        "products": products,
        "product_ratio": round(products["baseline"] / products["ours"], 2),
        "angle_ours_deg": round(angle(mine["result"]["vectors"], truth["vectors"]), 4),
        "bound_ours_deg": round(float(mine["result"]["bound"]), 3),
        "eigenvalues": [round(float(value), 6) for value in truth["values"]],
    }
    if count == a.k:
        result["angle_baseline_deg"] = round(angle(theirs["result"]["vectors"], truth["vectors"]), 3)
        result["error_baseline"] = errors(sorted(theirs["result"]["values"], reverse=True), truth["values"])
    return result


def angle(found: np.ndarray, exact: np.ndarray) -> float:
    """The largest principal angle between two subspaces, degrees."""
    return math.degrees(subspace_angles(found.T, exact.T)[0])


def errors(found: Sequence[float], exact: Sequence[float]) -> float:
    """The largest relative error of an eigenvalue."""
    return float(max(abs(float(a) / float(b) - 1) for a, b in zip(found, exact, strict=True)))


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    results = [one(name, arguments) for name in arguments.networks]
    return {"device": "cpu", **results[-1], "networks": results}


def show(result: dict[str, Any]) -> str:
    lines = [
        "| network | products, released / ours | ratio | CPU s, released / ours | ratio | angle, ours "
        "| eigenvalues, ours | angle, released | eigenvalues, released |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for part in result["networks"]:
        theirs = f"{part['angle_baseline_deg']} deg" if "angle_baseline_deg" in part else "not measured"
        off = f"{100 * part['error_baseline']:.2g} %" if "error_baseline" in part else "not measured"
        lines.append(
            f"| {part['network']}, {part['weight']} weights | {part['products']['baseline']} / "
            f"{part['products']['ours']} | {part['product_ratio']} | {part['baseline_cpu_s']} / {part['ours_cpu_s']} | "
            f"{part['speedup']} | {part['angle_ours_deg']} deg | {100 * part['error']:.2g} % | {theirs} | {off} |"
        )
    return "\n".join(lines)
