"""The search for eigenvectors as a run: every block is on the disk before the next begins, and shards share samples.

A block's products are kept in the run's chunk folder, so that the same command again replays the search up to where
it was and goes on. With shards (one process each, one output directory) the first leads: it writes a block's vectors,
every shard its sum over its own samples, and the leader adds them up. The bytes do not depend on when a process was
killed; sums over another division of the samples differ by rounding.

Shape legend: N samples, P numbers of the weight, B vectors of a block, H two halves of the samples (even, odd chunks).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gantk.errors import GantkError
from gantk.navigan.curvature import Curvature
from gantk.navigan.lanczos import Eigenpairs, Progress, block_lanczos, overlap
from gantk.runs.run import Run, Shard, shard_range
from gantk.store.files import load_npy
from gantk.store.seals import is_sound, save_sealed

PROBES = 2


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


class Exchange:
    """The files of a search in the run's chunk folder."""

    def __init__(self, run: Run, patience: float) -> None:
        self.folder, self.mark, self.shard, self.patience = _folder(run), run.mark, run.shard, patience

    def path(self, kind: str, block: int, shard: int | None = None) -> Path:
        return self.folder / (f"{kind}.{block:04d}" + ("" if shard is None else f".{shard:04d}") + ".npy")

    @property
    def finished(self) -> Path:
        return self.folder / "finished.npy"

    def has(self, path: Path) -> bool:
        return path.exists() and is_sound(path, self.mark)

    def write(self, path: Path, value: Tensor) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        save_sealed(path, value.detach().cpu().numpy(), self.mark)

    def read(self, path: Path) -> Tensor:
        return torch.from_numpy(load_npy(path).copy())

    def wait(self, ready: Callable[[], bool], what: str) -> None:
        """Until it is there.

        Raises:
            GantkError: it did not come.
        """
        began, pause = time.monotonic(), 0.05
        while not ready():
            if time.monotonic() - began > self.patience:
                raise GantkError(
                    f"Shard {self.shard} waited {self.patience:g} s for {what}: start all shards of a search together, "
                    "in one --output-dir; the same command continues."
                )
            time.sleep(pause)
            pause = min(2.0, pause * 1.5)

    def clear(self) -> None:
        """Forget everything but the mark that the search is over."""
        for path in self.folder.glob("*.npy"):
            if path != self.finished:
                path.unlink(missing_ok=True)


def _folder(run: Run) -> Path:
    return run.directory / "chunks" / "navigan-hessian"


def share(curvature: Curvature, vector_BP: Tensor, shard: Shard, bar: Any = None) -> Tensor:
    """A shard's sums [H, B, P] over its chunks, even and odd ones apart."""
    halves = vector_BP.new_zeros(2, *vector_BP.shape)
    for chunk in shard_range(curvature.chunks, shard):
        halves[chunk % 2] += curvature.product(chunk, vector_BP)
        if bar is not None:
            bar.update(1)
    return halves


def search(
    run: Run, curvature: Curvature, plan: SearchPlan, watch: Callable[[Progress], None] | None = None
) -> Found | None:
    """Look for the leading eigenvectors, continuing what an earlier, killed run had; None for a shard that followed."""
    exchange = Exchange(run, plan.patience)
    if run.shard.index > 0:
        _follow(exchange, curvature)
        return None
    exchange.finished.unlink(missing_ok=True)
    device = curvature.target.weight.device

    def operator(block: int, vector_BP: Tensor) -> Tensor:
        product = exchange.path("product", block)
        if not exchange.has(product):
            exchange.write(product, _lead(exchange, curvature, block, vector_BP))
            _tidy(exchange, block)
        return exchange.read(product).to(device)

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


def conclude(run: Run, plan: SearchPlan) -> None:
    """Tell the other shards that the search is over, and remove what it needed, once the results are on the disk."""
    exchange = Exchange(run, plan.patience)
    exchange.write(exchange.finished, torch.ones(1))
    exchange.clear()
    if run.shard.is_whole:
        exchange.finished.unlink(missing_ok=True)
        for folder in (exchange.folder, exchange.folder.parent):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def _lead(exchange: Exchange, curvature: Curvature, block: int, vector_BP: Tensor) -> Tensor:
    shard = exchange.shard
    if shard.is_whole:
        return share(curvature, vector_BP, shard)
    exchange.write(exchange.path("request", block), vector_BP)
    total = share(curvature, vector_BP, shard).cpu()
    for index in range(1, shard.count):
        part = exchange.path("part", block, index)
        exchange.wait(lambda part=part: exchange.has(part), f"block {block} of shard {index}/{shard.count}")  # type: ignore[misc]
        total = total + exchange.read(part)
    return total


def _tidy(exchange: Exchange, block: int) -> None:
    """The leader has the sum: the parts are no longer needed."""
    exchange.path("request", block).unlink(missing_ok=True)
    for index in range(1, exchange.shard.count):
        exchange.path("part", block, index).unlink(missing_ok=True)


def _follow(exchange: Exchange, curvature: Curvature) -> None:
    """A shard's own sums of every block that the leader asks for, until it is done."""
    shard, block = exchange.shard, 0
    device = curvature.target.weight.device
    while True:
        request, product = exchange.path("request", block), exchange.path("product", block)
        part = exchange.path("part", block, shard.index)
        exchange.wait(
            lambda r=request, p=product: exchange.has(r) or exchange.has(p) or exchange.has(exchange.finished),  # type: ignore[misc]
            f"block {block} of shard 0/{shard.count}",
        )
        if exchange.has(exchange.finished):
            return
        if not exchange.has(product) and not exchange.has(part):
            try:
                vector_BP = exchange.read(request).to(device)
            except GantkError:
                continue  # the leader finished this block meanwhile
            exchange.write(part, share(curvature, vector_BP, shard))
            continue
        if exchange.has(product):
            block += 1
        else:
            exchange.wait(
                lambda p=product: exchange.has(p) or exchange.has(exchange.finished),  # type: ignore[misc]
                f"the sum of block {block}",
            )


def rest_of_trace(curvature: Curvature, basis_MP: Tensor, seed: int) -> float:
    """The trace of the Hessian outside the basis, from one random pullback for each chunk (Hutchinson, deflated)."""
    total = 0.0
    for chunk in range(curvature.chunks):
        pulled_P = curvature.probes(chunk, seed)
        for _ in range(2):
            pulled_P = pulled_P - basis_MP.T @ (basis_MP @ pulled_P)
        total += float(pulled_P.square().sum())
    return total
