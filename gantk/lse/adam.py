"""The paper's training: Adam on the softmax loss over fresh images, gradients of several images added up per step.

Also what trains the heads that are not convex (NSE-1, NSE-2) by default, with a shorter schedule over the same images.
All heads learn from one stream: an image is drawn and labelled once, whatever the number of heads.

Shape legend: N images, C_i channels and r_i side of map i, L maps, K classes, S side of the labels.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gantk.errors import GantkError
from gantk.generators.uncompiled import Adam
from gantk.lse.gram import IGNORE
from gantk.predictors.head_files import layer_weights
from gantk.predictors.head_networks import NETWORKS, HeadNetwork, LinearNetwork, PointwiseNetwork

Draw = Callable[[int, int], tuple[Sequence[Tensor], Tensor]]  # samples start .. stop - 1: maps and labels


@dataclass(frozen=True)
class Schedule:
    """How many images, and how they are grouped into steps.

    Attributes:
        epochs, images: epochs of so many images.
        batch: images computed at once.
        accumulate: (first epoch, images per step); the last entry that has begun counts.
        lr, drop: learning rate, multiplied by a tenth from epoch `drop` on.
        layer_weights: softplus, sigmoid or none; learned with ten times the learning rate.
        ladder_lr: learning rate of NSE-2, whose deep stack bears less; None: `lr`.
    """

    epochs: int
    images: int
    batch: int = 1
    accumulate: tuple[tuple[int, int], ...] = ((0, 1),)
    lr: float = 1e-3
    drop: int = 20
    layer_weights: str = "softplus"
    ladder_lr: float | None = None

    def rate(self, kind: str, epoch: int) -> float:
        """The learning rate of a head in an epoch."""
        lr = self.ladder_lr if kind == "NSE-2" and self.ladder_lr is not None else self.lr
        return lr * (0.1 if epoch >= self.drop else 1.0)

    def per_step(self, epoch: int) -> int:
        return [count for first, count in self.accumulate if first <= epoch][-1]

    def scaled(self, epochs: int, images: int) -> Schedule:
        """The same shape in other numbers of epochs and images: every epoch number moves in proportion."""
        ratio = epochs / self.epochs
        moved = tuple((round(first * ratio), count) for first, count in self.accumulate)
        return replace(self, epochs=epochs, images=images, accumulate=moved, drop=max(1, round(self.drop * ratio)))

    @property
    def passes(self) -> int:
        return self.epochs * self.images

    @property
    def steps(self) -> int:
        return sum(math.ceil(self.images / self.per_step(epoch)) for epoch in range(self.epochs))


# Section 4.1 of the paper and its released settings: 51 200 images, 6656 steps.
PAPER = Schedule(50, 1024, accumulate=((0, 1), (2, 4), (18, 64)))


def paper_fewshot(shots: int) -> Schedule:
    """Of the few-shot experiments: 6400 single-image passes, N images per step, plain sum of layers."""
    return Schedule(50, 128, accumulate=((0, shots),), layer_weights="none")


def short(images: int, epochs: int = 16) -> Schedule:
    """For heads that are not convex: several passes over the images that the linear head was solved on, two a step."""
    return Schedule(epochs, images, 2, ((0, 2),), 5e-3, max(1, (epochs * 2) // 3), ladder_lr=1e-3)


@dataclass
class Learner:
    """One head in training: its network, the weights of its layers, its optimiser, and how it went."""

    kind: str
    network: HeadNetwork
    layer_weight_L: Tensor | None
    rule: str
    optimizer: Adam
    losses: list[float] = field(default_factory=list)

    def logits(self, maps: Sequence[Tensor], size: int) -> Tensor:
        if self.layer_weight_L is None:
            found: Tensor = self.network(maps, size)
            return found
        scale_L = layer_weights(self.layer_weight_L, self.rule)
        if isinstance(self.network, PointwiseNetwork):
            return self.network.weighted(maps, size, scale_L)
        assert isinstance(self.network, LinearNetwork)
        weight_KD = self.network.weight_KD * _each_channel(scale_L, self.network)
        weights: dict[str, Tensor] = {"weight_KD": weight_KD, "bias_K": self.network.bias_K}
        found = torch.func.functional_call(self.network, weights, (maps, size))
        return found

    @torch.no_grad()
    def folded(self) -> HeadNetwork:
        """The network for inference, the weights of layers multiplied in."""
        network = copy.deepcopy(self.network)
        if self.layer_weight_L is not None:
            scale_L = layer_weights(self.layer_weight_L, self.rule)
            if isinstance(network, PointwiseNetwork):
                network.fold(scale_L)
            elif isinstance(network, LinearNetwork):
                network.weight_KD.mul_(_each_channel(scale_L, network))
        return network


def _each_channel(scale_L: Tensor, network: LinearNetwork) -> Tensor:
    """The weight of its map for every channel, [D]."""
    counts = torch.tensor(network.channels, device=scale_L.device)
    width = sum(network.channels)  # said, so that a GPU need not be waited for
    return scale_L.repeat_interleave(counts, output_size=width)


def learner(
    kind: str,
    channels: Sequence[int],
    classes: int,
    schedule: Schedule,
    seed: int,
    align_corners: bool,
    device: torch.device | str,
) -> Learner:
    """A fresh head, initialised as torch initialises convolutions; LSE has no bias, as in the paper."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = NETWORKS[kind](channels, classes, align_corners)
        if isinstance(network, LinearNetwork):
            with torch.no_grad():
                for part, width in zip(network.weight_KD.split(tuple(channels), 1), channels, strict=True):
                    part.uniform_(-1 / math.sqrt(width), 1 / math.sqrt(width))
            network.bias_K.requires_grad_(False)
    network = network.to(device)
    optimizer = Adam([p for p in network.parameters() if p.requires_grad], lr=schedule.lr)
    weight_L = None
    if schedule.layer_weights != "none" and kind != "NSE-2":
        weight_L = torch.ones(len(channels), device=device, requires_grad=True)
        optimizer.add_param_group({"params": [weight_L], "lr": 10 * schedule.lr})
    return Learner(kind, network, weight_L, schedule.layer_weights, optimizer)


def train(
    learners: Sequence[Learner],
    draw: Draw,
    schedule: Schedule,
    begun: int = 0,
    after: Callable[[int], None] | None = None,
) -> None:
    """Train all learners on one stream; `draw(start, stop)` gives the samples of an epoch's stretch of it.

    Args:
        begun: epochs that are done already; see `state_of` and `restore`.
        after: called after each epoch with the number of epochs done.
    """
    for epoch in range(begun, schedule.epochs):
        for one in learners:
            rate = schedule.rate(one.kind, epoch)
            one.optimizer.param_groups[0]["lr"] = rate
            for group in one.optimizer.param_groups[1:]:
                group["lr"] = 10 * rate
        _epoch(learners, draw, schedule, epoch)
        if after is not None:
            after(epoch + 1)


def _epoch(learners: Sequence[Learner], draw: Draw, schedule: Schedule, epoch: int) -> None:
    per_step, begun, losses = schedule.per_step(epoch), epoch * schedule.images, [0.0] * len(learners)
    pending = 0
    for start in range(0, schedule.images, schedule.batch):
        stop = min(start + schedule.batch, schedule.images)
        maps, label_NSS = draw(begun + start, begun + stop)
        target = torch.where(label_NSS == IGNORE, -100, label_NSS.long())
        for place, one in enumerate(learners):
            loss = F.cross_entropy(one.logits(maps, label_NSS.shape[-1]), target)
            (loss * ((stop - start) / per_step)).backward()
            losses[place] += float(loss.detach()) * (stop - start) / schedule.images
        pending += stop - start
        if pending >= per_step or stop == schedule.images:
            pending = 0
            for one in learners:
                one.optimizer.step()
                one.optimizer.zero_grad()
    for one, loss_of in zip(learners, losses, strict=True):
        if not math.isfinite(loss_of):
            raise GantkError(
                f"The loss of {one.kind} is not finite in epoch {epoch}: is the generator's output finite?"
            )
        one.losses.append(loss_of)


def state_of(learners: Sequence[Learner]) -> list[dict[str, object]]:
    return [
        {"network": one.network.state_dict(), "layers": one.layer_weight_L, "optimizer": one.optimizer.state_dict(),
         "losses": one.losses}
        for one in learners
    ]  # fmt: skip


def restore(learners: Sequence[Learner], state: Sequence[Mapping[str, Any]]) -> None:
    """Put learners where `state_of` found them."""
    for one, part in zip(learners, state, strict=True):
        one.network.load_state_dict(part["network"])
        one.optimizer.load_state_dict(part["optimizer"])
        one.losses = list(part["losses"])
        if one.layer_weight_L is not None:
            with torch.no_grad():
                one.layer_weight_L.copy_(part["layers"])
