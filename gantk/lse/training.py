"""Training heads: gather labels and the Gram matrix once (in shards, if wanted), then solve, then look at the rest.

Pass one over the images keeps z, the teacher's label maps and the summed moments; chunks of it are computed by anyone
and added up. Solving draws the images again for every step: features are never kept, so that memory holds those of one
batch and the Gram matrix.

Shape legend: N images, Z width of z, K classes, S side of the labels, D width of a pixel's features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import torch

from gantk.errors import GantkError, UsageError
from gantk.lse import adam
from gantk.lse.convex import Descent, Whitening, fill, ridge, softmax_objective, step
from gantk.lse.gram import Moments, moments
from gantk.lse.images import Images
from gantk.lse.metrics import Scores, confusion, scores
from gantk.lse.teachers import Teacher
from gantk.predictors.head_networks import HeadNetwork, LinearNetwork
from gantk.predictors.heads import Head, HeadInfo, class_map
from gantk.runs.run import CONCATENATE, SUM, Run, progress
from gantk.store.files import load_npy, open_atomic

Array = npt.NDArray[Any]
CODES, LABELS, MOMENTS = "z", "labels", "moments"


@dataclass(frozen=True)
class Plan:
    """What to learn from and how.

    Attributes:
        heads: of LSE, NSE-1, NSE-2.
        num, held_out: images to learn from, and the ones after them to look at while learning.
        chunk: images per chunk of the ledger.
        solver: lbfgs, ridge, or adam (the paper's schedule, all heads).
        steps, eps, penalty, tolerance: of the convex solution, see convex.py.
        schedule: of Adam, for all heads or those that are not convex.
        seed: of the heads' first weights.
        every: look at the held-out images after so many steps.
    """

    heads: tuple[str, ...] = ("LSE",)
    num: int = 256
    held_out: int = 64
    chunk: int = 64
    solver: str = "lbfgs"
    steps: int = 24
    eps: float = 1e-2
    penalty: float = 1e-4
    tolerance: float = 4e-3
    schedule: adam.Schedule = adam.PAPER
    seed: int = 0
    every: int = 4

    def __post_init__(self) -> None:
        if self.solver == "ridge" and set(self.heads) != {"LSE"}:
            raise UsageError("--solver ridge is for the linear head: give --head LSE alone.")

    @property
    def total(self) -> int:
        return self.num + self.held_out


@dataclass(frozen=True, eq=False)
class Trained:
    """A head with its road: image passes and held-out scores after each look, losses, and passes in all."""

    kind: str
    network: HeadNetwork
    passes: tuple[int, ...]
    looks: tuple[Scores, ...]
    losses: tuple[tuple[int, float], ...]
    total_passes: int


# --- pass one --------------------------------------------------------------------------------------------------------


def gather(run: Run, images: Images, teacher: Teacher, plan: Plan) -> dict[str, Path]:
    """z, label maps and moments of all images, chunk by chunk; a shard leaves its chunks for ``gantk merge``."""
    joins = {CODES: CONCATENATE, LABELS: CONCATENATE}
    if plan.solver != "adam":
        joins[MOMENTS] = SUM
    ledger = run.ledger(joins, plan.total, plan.chunk)
    missing = ledger.missing()
    bounds = [ledger.grid.bounds(index) for index in missing]
    with run.timed("labels"), progress(sum(b - a for a, b in bounds), "label", unit="img") as bar:
        for index, (start, stop) in zip(missing, bounds, strict=True):
            ledger.write(index, _chunk(images, teacher, plan, start, stop, MOMENTS in joins))
            bar.update(stop - start)
    return run.assemble(ledger, {CODES: "codes as drawn", LABELS: "the teacher's classes", MOMENTS: "sums"})


def _chunk(images: Images, teacher: Teacher, plan: Plan, start: int, stop: int, with_moments: bool) -> dict[str, Array]:
    z, label, total = [], [], None
    classes = len(teacher.class_names)
    for first, last in images.batches(start, stop):
        maps, found = images.draw(teacher, first, last)
        z.append(images.stream.z(first, last).float().cpu().numpy())
        label.append(found.cpu().numpy())
        learned = min(last, plan.num) - first
        if with_moments and learned > 0:
            part = moments([x[:learned] for x in maps], found[:learned], classes, images.align_corners)
            total = part if total is None else total + part
    arrays: dict[str, Array] = {CODES: np.concatenate(z), LABELS: np.concatenate(label)}
    if with_moments:
        width = sum(images.channels)
        arrays[MOMENTS] = np.zeros((width + 1 + classes, width + 1)) if total is None else total.packed()
    return arrays


def read_moments(run: Run) -> Moments:
    return Moments.unpacked(load_npy(run.path(f"{MOMENTS}.npy")))


# --- solving ---------------------------------------------------------------------------------------------------------


def solve(run: Run, images: Images, teacher: Teacher, plan: Plan) -> list[Trained]:
    """All heads of the plan, from what `gather` left."""
    label = load_npy(run.path(f"{LABELS}.npy"), mmap=True)
    look = looker(images, label, plan.num, plan.total, len(teacher.class_names))
    found = []
    curved = [kind for kind in plan.heads if kind != "LSE" or plan.solver == "adam"]
    if "LSE" in plan.heads and plan.solver != "adam":
        with run.timed("LSE"):
            found.append(_convex(run, images, label, plan, look))
    if curved:
        with run.timed(" ".join(curved)):
            found += _by_adam(run, images, label, teacher, plan, curved, look)
    return sorted(found, key=lambda head: plan.heads.index(head.kind))


Look = Callable[[Sequence[HeadNetwork]], list[Scores]]


def looker(images: Images, label: Array, start: int, stop: int, classes: int) -> Look:
    """A function that scores networks on held-out images, all of them on one drawing of each image."""

    def look(networks: Sequence[HeadNetwork]) -> list[Scores]:
        counts: list[list[Array]] = [[] for _ in networks]
        for maps, target in images.labelled(label, start, stop):
            for place, network in enumerate(networks):
                predicted = class_map(network(maps, images.size)).cpu().numpy()
                counts[place].append(confusion(predicted, target.cpu().numpy(), classes))
        return [scores(np.concatenate(part)) for part in counts if part]

    return look


def _convex(run: Run, images: Images, label: Array, plan: Plan, look: Look) -> Trained:
    total = read_moments(run)
    classes = len(total.count_K)
    network = LinearNetwork(images.channels, classes, images.align_corners).requires_grad_(False)
    network.to(images.generator.device)
    if plan.solver == "ridge":
        w_KD, b_K = ridge(total, plan.eps)
        network.weight_KD.copy_(torch.from_numpy(w_KD))
        network.bias_K.copy_(torch.from_numpy(b_K))
        return Trained("LSE", network, (plan.num,), tuple(look([network])), (), plan.num)
    whitening = Whitening.of(total, plan.eps)
    del total

    def batches() -> Iterable[Any]:
        return images.labelled(label, 0, plan.num)

    objective = softmax_objective(network, batches, whitening, plan.penalty)
    state = run.directory / "chunks" / "lse-train" / "lbfgs.npz"
    at = _read_descent(state)
    if at is None:
        at = Descent.begin(objective, np.zeros((classes, sum(images.channels) + 1)))
    passes, looks = [], []
    looked: dict[int, Scores] = {}
    with progress(plan.steps, "solve", unit="step") as bar:
        bar.update(at.steps)
        while not at.converged and at.steps < plan.steps:
            at = step(objective, at, plan.tolerance)
            bar.update(1)
            _write_descent(state, at)
            if plan.held_out and at.steps % plan.every == 0:
                fill(network, whitening, at.x)
                looked[at.steps] = look([network])[0]
    fill(network, whitening, at.x)
    if plan.held_out:
        looked[at.steps] = look([network])[0]
    for steps, seen in sorted(looked.items()):
        passes.append(plan.num * (1 + at.evaluations[steps]))
        looks.append(seen)
    losses = tuple((plan.num * (1 + n), v) for n, v in zip(at.evaluations, at.values, strict=True))
    return Trained("LSE", network, tuple(passes), tuple(looks), losses, plan.num * (1 + at.evaluations[-1]))


def _write_descent(path: Path, at: Descent) -> None:
    with open_atomic(path) as file:
        np.savez(
            file, x=at.x, value=at.value, gradient=at.gradient, changes=np.stack(at.changes or (at.x[:0],)),
            turns=np.stack(at.turns or (at.x[:0],)), values=at.values, evaluations=at.evaluations,
            converged=at.converged,
        )  # fmt: skip


def _read_descent(path: Path) -> Descent | None:
    if not path.is_file():
        return None
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as kept:
            return Descent(
                kept["x"], float(kept["value"]), kept["gradient"], tuple(kept["changes"]), tuple(kept["turns"]),
                tuple(map(float, kept["values"])), tuple(map(int, kept["evaluations"])), bool(kept["converged"]),
            )  # fmt: skip
    except (ValueError, KeyError, OSError, EOFError, BadZipFile) as error:
        raise GantkError(f"The state of the solution in {path} is damaged: run with --overwrite.") from error


def _by_adam(
    run: Run, images: Images, label: Array, teacher: Teacher, plan: Plan, kinds: Sequence[str], look: Look
) -> list[Trained]:
    fresh = plan.solver == "adam"
    schedule = plan.schedule
    learners = [
        adam.learner(
            kind, images.channels, len(teacher.class_names), schedule, plan.seed, images.align_corners,
            images.generator.device,
        )
        for kind in kinds
    ]  # fmt: skip
    passes: list[int] = []
    looks: list[list[Scores]] = []

    def draw(start: int, stop: int) -> Any:
        if fresh:  # after the images that were gathered, which are looked at
            return images.draw(teacher, plan.total + start, plan.total + stop)
        order = np.arange(start, stop) % plan.num
        with torch.inference_mode():
            maps = images.maps(int(order[0]), int(order[-1]) + 1)
        target = torch.from_numpy(np.array(label[order])).to(images.generator.device)
        return [x.clone() for x in maps], target

    with progress(schedule.epochs, "train", unit="epoch") as bar:

        def after(epoch: int) -> None:
            bar.update(1)
            if plan.held_out and (epoch % plan.every == 0 or epoch == schedule.epochs):
                passes.append(epoch * schedule.images)
                looks.append(look([one.folded() for one in learners]))

        state = run.directory / "chunks" / "lse-train" / "adam.pt"
        adam.train(learners, draw, schedule, state, after)
    found = []
    for place, one in enumerate(learners):
        losses = tuple(((epoch + 1) * schedule.images, loss) for epoch, loss in enumerate(one.losses))
        seen = tuple(look_at[place] for look_at in looks)
        network = one.folded().requires_grad_(False)
        found.append(Trained(one.kind, network, tuple(passes), seen, losses, schedule.passes))
    return found


# --- heads -----------------------------------------------------------------------------------------------------------


def as_head(trained: Trained, images: Images, teacher: Teacher, meta: dict[str, Any]) -> Head:
    """A trained network as a head for files and other systems."""
    from gantk.generators.probe import probe_of

    info = HeadInfo(
        trained.kind, tuple(teacher.class_names), tuple(teacher.class_colours), images.taps, images.channels,
        images.size, images.align_corners, trained.kind, probe_of(images.generator), meta,
    )  # fmt: skip
    return Head(info, trained.network)


def contributions(network: LinearNetwork, total: Moments) -> list[float]:
    """How much each map moves the logits: standard deviation over pixels of its part, classes centred, [L]."""
    w_KD = network.weight_KD.detach().double().cpu().numpy()
    w_KD = w_KD - w_KD.mean(0)
    covariance_DD = total.covariance_DD
    shares, first = [], 0
    for width in network.channels:
        part, block = w_KD[:, first : first + width], covariance_DD[first : first + width, first : first + width]
        shares.append(float(np.sqrt(max(np.einsum("kd,de,ke->", part, block, part) / len(part), 0.0))))
        first += width
    return shares
