"""The search for eigenvectors: in a run every block is on the disk before the next begins, and shards share samples.

A block's products are kept in the run's exchange, so that the same command again replays the search up to where
it was and goes on. With shards (one process each, one output directory) the first leads: it writes a block's vectors,
every shard its sum over its own samples, and the leader adds them up. The bytes do not depend on when a process was
killed; sums over another division of the samples differ by rounding.

Shape legend: N samples, P numbers of the weight, B vectors of a block, H two halves of the samples (even, odd chunks).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gantk.errors import GantkError
from gantk.navigan.curvature import Curvature
from gantk.navigan.lanczos import Eigenpairs, Progress, block_lanczos, overlap
from gantk.runs.exchange import Exchange
from gantk.store.chunks import Shard, shard_range
from gantk.store.progress import Bar, progress

PROBES = 2
MOST_PRODUCTS = 20  # times the number of eigenvectors
FINISHED = "finished"


@dataclass(frozen=True)
class SearchPlan:
    """What to look for.

    Attributes:
        k: eigenvectors.
        block: vectors per block.
        tolerance: of the residuals, relative to the k-th eigenvalue.
        max_products: stop there anyway.
        seed: of the first block.
        patience: seconds a shard waits for another.
    """

    k: int
    block: int = 2
    tolerance: float = 0.003
    max_products: int | None = None
    seed: int = 0
    patience: float = 3600.0


@dataclass(frozen=True, eq=False)
class Found:
    """Eigenpairs, and how much of the Hessian they are.

    Attributes:
        trace: of the Hessian, and `trace_error`, how far two estimates of it are apart.
        agreement: share of the leading directions of one half of the samples in those of the other; nan with one chunk.
    """

    pairs: Eigenpairs
    trace: float
    trace_error: float
    agreement: float


def share(curvature: Curvature, vector_BP: Tensor, shard: Shard, bar: Bar | None = None) -> Tensor:
    """A shard's sums [H, B, P] over its chunks, even and odd ones apart."""
    halves = vector_BP.new_zeros(2, *vector_BP.shape)
    for chunk in shard_range(curvature.chunks, shard):
        halves[chunk % 2] += curvature.product(chunk, vector_BP)
        if bar is not None:
            bar.update(1)
    return halves


def search(exchange: Exchange, curvature: Curvature, plan: SearchPlan) -> Found:
    """Look for the leading eigenvectors, continuing what an earlier, killed run had."""
    exchange.remove(FINISHED)
    device = curvature.target.weight.device

    def operator(block: int, vector_BP: Tensor) -> Tensor:
        product = f"product.{block:04d}"
        if not exchange.has(product):
            _write(exchange, product, _lead(exchange, curvature, block, vector_BP, plan.patience, bar))
            _tidy(exchange, block)
        else:
            bar.update(own)
        return _read(exchange, product).to(device)

    most = min(curvature.dimension, plan.max_products or MOST_PRODUCTS * plan.k)
    own = len(shard_range(curvature.chunks, exchange.shard))
    with progress(-(-most // plan.block) * own, "search, at most", unit="batch") as bar:

        def watch(step: Progress) -> None:
            bar.set_postfix_str(_said(step, plan))

        pairs = block_lanczos(
            operator,
            curvature.dimension,
            plan.k,
            block=plan.block,
            tolerance=plan.tolerance,
            max_products=plan.max_products,
            seed=plan.seed,
            device=device,
            dtype=curvature.target.weight.dtype,
            watch=watch,
        )
    traces = [pairs.captured + rest_of_trace(curvature, pairs.basis, seed) for seed in range(PROBES)]
    trace = sum(traces) / len(traces)
    agreement = overlap(pairs.parts, plan.k) if curvature.chunks > 1 else float("nan")
    return Found(pairs, trace, max(traces) - min(traces), agreement)


def end(exchange: Exchange) -> None:
    """Tell the other shards that the search is over, and forget what it needed; once what it found is on the disk."""
    exchange.write(FINISHED, np.ones(1))
    exchange.clear(() if exchange.shard.is_whole else (FINISHED,))


def follow(exchange: Exchange, curvature: Curvature, patience: float) -> None:
    """A shard's own sums of every block that the first asks for, until it is done."""
    shard, block = exchange.shard, 0
    device = curvature.target.weight.device
    while True:
        request, product = f"request.{block:04d}", f"product.{block:04d}"
        part = _part(block, shard.index)
        exchange.wait(
            lambda r=request, p=product: exchange.has(r) or exchange.has(p) or exchange.has(FINISHED),  # type: ignore[misc]
            f"block {block} of shard 0/{shard.count}",
            patience,
        )
        if exchange.has(FINISHED):
            return
        if not exchange.has(product) and not exchange.has(part):
            try:
                vector_BP = _read(exchange, request).to(device)
            except GantkError:
                continue  # the first finished this block meanwhile
            _write(exchange, part, share(curvature, vector_BP, shard))
            continue
        if exchange.has(product):
            block += 1
        else:
            exchange.wait(
                lambda p=product: exchange.has(p) or exchange.has(FINISHED),  # type: ignore[misc]
                f"the sum of block {block}",
                patience,
            )


def _lead(exchange: Exchange, curvature: Curvature, block: int, vector_BP: Tensor, patience: float, bar: Bar) -> Tensor:
    shard = exchange.shard
    if shard.is_whole:
        return share(curvature, vector_BP, shard, bar)
    _write(exchange, f"request.{block:04d}", vector_BP)
    total = share(curvature, vector_BP, shard, bar).cpu()
    for index in range(1, shard.count):
        part = _part(block, index)
        what = f"block {block} of shard {index}/{shard.count}"
        exchange.wait(lambda part=part: exchange.has(part), what, patience)  # type: ignore[misc]
        total = total + _read(exchange, part)
    return total


def _tidy(exchange: Exchange, block: int) -> None:
    """The first has the sum: the parts are no longer needed."""
    exchange.remove(f"request.{block:04d}")
    for index in range(1, exchange.shard.count):
        exchange.remove(_part(block, index))


def _part(block: int, shard: int) -> str:
    return f"part.{block:04d}.{shard:04d}"


def _write(exchange: Exchange, name: str, value: Tensor) -> None:
    exchange.write(name, value.detach().cpu().numpy())


def _read(exchange: Exchange, name: str) -> Tensor:
    return torch.from_numpy(exchange.read(name))


def _said(step: Progress, plan: SearchPlan) -> str:
    text = f"{len(step.eigenvalues)} of {plan.k} values"
    if step.residual < float("inf"):
        text += f", residual {step.residual:.2g} of the last (to {plan.tolerance:g}), angle below {step.angle:.2g} deg"
    return text


def rest_of_trace(curvature: Curvature, basis_MP: Tensor, seed: int) -> float:
    """The trace of the Hessian outside the basis, from one random pullback for each chunk (Hutchinson, deflated)."""
    total = 0.0
    for chunk in range(curvature.chunks):
        pulled_P = curvature.probes(chunk, seed)
        for _ in range(2):
            pulled_P = pulled_P - basis_MP.T @ (basis_MP @ pulled_P)
        total += float(pulled_P.square().sum())
    return total
