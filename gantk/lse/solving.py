"""Solving heads: from the labels and moments that were gathered, and from images that are drawn again for every step.

Features are never kept, so that memory holds those of one batch and the Gram matrix. A solution that was killed goes on
where it was and ends with the same bytes.

Shape legend: N images, B heads, K classes, S side of the labels, D width of a pixel's features, L maps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.lse import adam
from gantk.lse.convex import Descent, Whitening, fill, ridge, softmax_objective, step
from gantk.lse.gram import Moments
from gantk.lse.images import Images
from gantk.lse.metrics import Intervals, Looked, Scores, bootstrap, confusion, scores
from gantk.lse.options import TrainOptions
from gantk.lse.teachers import Teacher
from gantk.predictors.head_networks import HeadNetwork, LinearNetwork
from gantk.predictors.heads import class_map
from gantk.runs.stores import Store
from gantk.store.progress import progress

Array = npt.NDArray[Any]
STATE = "lse-train.state.pt"
TOLERANCE = 4e-3  # of the convex solution, see `gantk.lse.convex.step`
EVERY = 4  # steps or epochs after which the held-out images are looked at


@dataclass(frozen=True)
class Plan:
    """What the options mean for a generator.

    Attributes:
        num: images to learn from; those held out are the ones after them.
        chunk: images whose labels are kept together.
        schedule: of Adam, for all heads or those that are not convex.
    """

    options: TrainOptions
    num: int
    chunk: int
    schedule: adam.Schedule

    @property
    def heads(self) -> tuple[str, ...]:
        """Each kind once."""
        return tuple(dict.fromkeys(self.options.kind))

    @property
    def total(self) -> int:
        return self.num + self.options.held_out


@dataclass(frozen=True, eq=False)
class Trained:
    """A head with its road: image passes and held-out scores after each look, losses, and passes in all."""

    kind: str
    network: HeadNetwork
    passes: tuple[int, ...]
    looks: tuple[Looked, ...]
    losses: tuple[tuple[int, float], ...]
    total_passes: int


Look = Callable[[Sequence[HeadNetwork]], list[Looked]]


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
    fresh = plan.options.solver == "adam"
    curved = [kind for kind in plan.heads if kind != "LSE" or fresh]
    if "LSE" in plan.heads and not fresh:
        assert total is not None
        with store.timed("LSE"):
            found.append(_convex(store, images, label_NSS, plan, look, total))
    if curved:
        with store.timed(" ".join(curved)):
            found += _by_adam(store, images, label_NSS, teacher, plan, curved, look)
    return sorted(found, key=lambda head: plan.heads.index(head.kind))


def looker(images: Images, label: Array, start: int, stop: int, classes: int) -> Look:
    """A function that scores networks on held-out images, all of them on one drawing of each image."""

    def look(networks: Sequence[HeadNetwork]) -> list[Looked]:
        counts: list[list[Array]] = [[] for _ in networks]
        for maps, target in images.labelled(label, start, stop):
            for place, network in enumerate(networks):
                predicted = class_map(network(maps, images.size)).cpu().numpy()
                counts[place].append(confusion(predicted, target.cpu().numpy(), classes))
        matrices = [np.concatenate(part) for part in counts if part]
        return [Looked(scores(each), bootstrap(each)) for each in matrices]

    return look


def _convex(store: Store, images: Images, label: Array, plan: Plan, look: Look, total: Moments) -> Trained:
    classes, options = len(total.count_K), plan.options
    network = LinearNetwork(images.channels, classes, images.align_corners).requires_grad_(False)
    network.to(images.generator.device)
    if options.solver == "ridge":
        w_KD, b_K = ridge(total, options.shrinkage)
        network.weight_KD.copy_(torch.from_numpy(w_KD))
        network.bias_K.copy_(torch.from_numpy(b_K))
        return Trained("LSE", network, (plan.num,), tuple(look([network])), (), plan.num)
    whitening = Whitening.of(total, options.shrinkage)
    objective = softmax_objective(network, lambda: images.labelled(label, 0, plan.num), whitening, options.penalty)
    state = store.load_state(STATE) or {}
    if "lbfgs" in state:
        at = Descent(**_heard(state["lbfgs"]))
    else:
        at = Descent.begin(objective, np.zeros((classes, sum(images.channels) + 1)))
    looked = {int(key): _looked(told) for key, told in state.get("looked", {}).items()}
    with progress(options.steps, "solve", unit="step") as bar:
        bar.update(at.steps)
        while not at.converged and at.steps < options.steps:
            at = step(objective, at, TOLERANCE)
            bar.update(1)
            if options.held_out and at.steps % EVERY == 0:
                fill(network, whitening, at.x)
                looked[at.steps] = look([network])[0]
            store.save_state(STATE, {"lbfgs": _told(at), "looked": _told(looked)})
    fill(network, whitening, at.x)
    if options.held_out and at.steps not in looked:
        looked[at.steps] = look([network])[0]
    passes = tuple(plan.num * (1 + at.evaluations[steps]) for steps in sorted(looked))
    looks = tuple(looked[steps] for steps in sorted(looked))
    losses = tuple((plan.num * (1 + n), v) for n, v in zip(at.evaluations, at.values, strict=True))
    return Trained("LSE", network, passes, looks, losses, plan.num * (1 + at.evaluations[-1]))


def _told(value: object) -> object:
    """A record as a state holds it: tables of tensors and plain values."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(np.array(value))
    if isinstance(value, (list, tuple)):
        return [_told(part) for part in value]
    if isinstance(value, Mapping):
        return {key: _told(part) for key, part in value.items()}
    return _told(vars(value)) if dataclasses.is_dataclass(value) else value


# Any: what a state nests, and the fields that it becomes; so below
def _heard(told: Any) -> Any:
    """What `_told` made, with arrays and tuples again; a record as the table of its fields."""
    if isinstance(told, Tensor):
        return told.numpy()
    if isinstance(told, (list, tuple)):
        return tuple(map(_heard, told))
    return {name: _heard(part) for name, part in told.items()} if isinstance(told, dict) else told


def _looked(told: Any) -> Looked:
    """What `_told` made of a look."""
    found = _heard(told)
    return Looked(Scores(**found["scores"]), Intervals(**found["intervals"]))


def _by_adam(
    store: Store, images: Images, label: Array, teacher: Teacher, plan: Plan, kinds: Sequence[str], look: Look
) -> list[Trained]:
    fresh, schedule = plan.options.solver == "adam", plan.schedule
    learners = [
        adam.learner(
            kind, images.channels, len(teacher.class_names), schedule, plan.options.seed, images.align_corners,
            images.generator.device,
        )
        for kind in kinds
    ]  # fmt: skip
    state = store.load_state(f"adam.{STATE}") or {}
    begun = int(state.get("epoch", 0))
    if begun:
        adam.restore(learners, state["learners"])
    passes: list[int] = list(state.get("passes", ()))
    looks = [[_looked(one) for one in told] for told in state.get("looks", ())]

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
            if plan.options.held_out and (epoch % EVERY == 0 or epoch == schedule.epochs):
                passes.append(epoch * schedule.images)
                looks.append(look([one.folded() for one in learners]))
            kept = {"epoch": epoch, "learners": adam.state_of(learners), "passes": passes, "looks": _told(looks)}
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
