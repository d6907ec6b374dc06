"""Solving heads: from the labels and moments that were gathered, and from images that are drawn again for every step.

Features are never kept, so that memory holds those of one batch and the Gram matrix. A solution that was killed goes on
where it was and ends with the same bytes.

Shape legend: N images, B heads, K classes, S side of the labels, D width of a pixel's features, L maps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import UsageError
from gantk.lse import adam
from gantk.lse.convex import Descent, Whitening, fill, ridge, softmax_objective, step
from gantk.lse.gram import Moments
from gantk.lse.images import Images
from gantk.lse.metrics import Scores, confusion, scores
from gantk.lse.teachers import Teacher
from gantk.predictors.head_networks import HeadNetwork, LinearNetwork
from gantk.predictors.heads import class_map
from gantk.runs.stores import Store
from gantk.store.progress import progress

Array = npt.NDArray[Any]
STATE = "lse-train.state.pt"


@dataclass(frozen=True)
class Plan:
    """What to learn from and how.

    Attributes:
        heads: of LSE, NSE-1, NSE-2.
        num, held_out: images to learn from, and the ones after them to look at while learning.
        chunk: images whose labels are kept together.
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


Look = Callable[[Sequence[HeadNetwork]], list[Scores]]


def solve(
    store: Store, images: Images, teacher: Teacher, plan: Plan, label_NSS: Array, total: Moments | None
) -> list[Trained]:
    """All heads of the plan.

    Args:
        teacher: its names; with the solver adam it labels fresh images.
        label_NSS: of the images to learn from and the held-out ones. total: moments of the former; None for adam.
    """
    look = looker(images, label_NSS, plan.num, plan.total, len(teacher.class_names))
    found = []
    curved = [kind for kind in plan.heads if kind != "LSE" or plan.solver == "adam"]
    if "LSE" in plan.heads and plan.solver != "adam":
        assert total is not None
        with store.timed("LSE"):
            found.append(_convex(store, images, label_NSS, plan, look, total))
    if curved:
        with store.timed(" ".join(curved)):
            found += _by_adam(store, images, label_NSS, teacher, plan, curved, look)
    return sorted(found, key=lambda head: plan.heads.index(head.kind))


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


def _convex(store: Store, images: Images, label: Array, plan: Plan, look: Look, total: Moments) -> Trained:
    classes = len(total.count_K)
    network = LinearNetwork(images.channels, classes, images.align_corners).requires_grad_(False)
    network.to(images.generator.device)
    if plan.solver == "ridge":
        w_KD, b_K = ridge(total, plan.eps)
        network.weight_KD.copy_(torch.from_numpy(w_KD))
        network.bias_K.copy_(torch.from_numpy(b_K))
        return Trained("LSE", network, (plan.num,), tuple(look([network])), (), plan.num)
    whitening = Whitening.of(total, plan.eps)

    def batches() -> Iterable[Any]:
        return images.labelled(label, 0, plan.num)

    objective = softmax_objective(network, batches, whitening, plan.penalty)
    state = store.load_state(STATE) or {}
    at = _descent(state["lbfgs"]) if "lbfgs" in state else None
    looked: dict[int, Scores] = {int(key): _seen(told) for key, told in state.get("looked", {}).items()}
    if at is None:
        at = Descent.begin(objective, np.zeros((classes, sum(images.channels) + 1)))
    with progress(plan.steps, "solve", unit="step") as bar:
        bar.update(at.steps)
        while not at.converged and at.steps < plan.steps:
            at = step(objective, at, plan.tolerance)
            bar.update(1)
            if plan.held_out and at.steps % plan.every == 0:
                fill(network, whitening, at.x)
                looked[at.steps] = look([network])[0]
            told = {key: _telling(seen) for key, seen in looked.items()}
            store.save_state(STATE, {"lbfgs": _state(at), "looked": told})
    fill(network, whitening, at.x)
    if plan.held_out and at.steps not in looked:
        looked[at.steps] = look([network])[0]
    passes = tuple(plan.num * (1 + at.evaluations[steps]) for steps in sorted(looked))
    looks = tuple(looked[steps] for steps in sorted(looked))
    losses = tuple((plan.num * (1 + n), v) for n, v in zip(at.evaluations, at.values, strict=True))
    return Trained("LSE", network, passes, looks, losses, plan.num * (1 + at.evaluations[-1]))


class _DescentState(TypedDict):
    """A minimisation as tensors and plain values."""

    x: Tensor
    value: float
    gradient: Tensor
    changes: list[Tensor]
    turns: list[Tensor]
    values: tuple[float, ...]
    evaluations: tuple[int, ...]
    converged: bool


def _state(at: Descent) -> _DescentState:
    return {
        "x": torch.from_numpy(np.array(at.x)),
        "value": at.value,
        "gradient": torch.from_numpy(np.array(at.gradient)),
        "changes": [torch.from_numpy(np.array(part)) for part in at.changes],
        "turns": [torch.from_numpy(np.array(part)) for part in at.turns],
        "values": at.values,
        "evaluations": at.evaluations,
        "converged": at.converged,
    }


def _descent(kept: _DescentState) -> Descent:
    return Descent(
        kept["x"].numpy(), float(kept["value"]), kept["gradient"].numpy(), tuple(x.numpy() for x in kept["changes"]),
        tuple(x.numpy() for x in kept["turns"]), tuple(kept["values"]), tuple(kept["evaluations"]), kept["converged"],
    )  # fmt: skip


class _ScoresState(TypedDict):
    """Scores as tensors and plain values."""

    paper_K: Tensor
    dataset_K: Tensor
    paper_miou: float
    dataset_miou: float
    accuracy: float
    confusion_KK: Tensor


def _telling(seen: Scores) -> _ScoresState:
    return {
        "paper_K": torch.from_numpy(np.array(seen.paper_K)),
        "dataset_K": torch.from_numpy(np.array(seen.dataset_K)),
        "paper_miou": seen.paper_miou,
        "dataset_miou": seen.dataset_miou,
        "accuracy": seen.accuracy,
        "confusion_KK": torch.from_numpy(np.array(seen.confusion_KK)),
    }


def _seen(told: _ScoresState) -> Scores:
    return Scores(
        told["paper_K"].numpy(), told["dataset_K"].numpy(), told["paper_miou"], told["dataset_miou"],
        told["accuracy"], told["confusion_KK"].numpy(),
    )  # fmt: skip


def _by_adam(
    store: Store, images: Images, label: Array, teacher: Teacher, plan: Plan, kinds: Sequence[str], look: Look
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
    state = store.load_state(f"adam.{STATE}") or {}
    begun = int(state.get("epoch", 0))
    if begun:
        adam.restore(learners, state["learners"])
    passes: list[int] = list(state.get("passes", ()))
    looks: list[list[Scores]] = [[_seen(one) for one in told] for told in state.get("looks", ())]

    def draw(start: int, stop: int) -> Any:
        if fresh:  # after the images that were gathered, which are looked at
            return images.draw(teacher, plan.total + start, plan.total + stop)
        order = np.arange(start, stop) % plan.num
        with torch.no_grad():
            maps = images.maps(int(order[0]), int(order[-1]) + 1)
        return maps, torch.from_numpy(np.array(label[order])).to(images.generator.device)

    with progress(schedule.epochs, "train", unit="epoch") as bar:
        bar.update(begun)

        def after(epoch: int) -> None:
            bar.update(1)
            if plan.held_out and (epoch % plan.every == 0 or epoch == schedule.epochs):
                passes.append(epoch * schedule.images)
                looks.append(look([one.folded() for one in learners]))
            told = [[_telling(one) for one in seen] for seen in looks]
            kept = {"epoch": epoch, "learners": adam.state_of(learners), "passes": passes, "looks": told}
            store.save_state(f"adam.{STATE}", kept)

        adam.train(learners, draw, schedule, begun, after)
    found = []
    for place, one in enumerate(learners):
        losses = tuple(((epoch + 1) * schedule.images, loss) for epoch, loss in enumerate(one.losses))
        seen = tuple(look_at[place] for look_at in looks)
        network = one.folded().requires_grad_(False)
        found.append(Trained(one.kind, network, tuple(passes), seen, losses, schedule.passes))
    return found


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
