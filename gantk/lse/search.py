"""Semantic-conditional sampling: codes whose images have a wanted label map (Xu and Zheng 2021, section 3.4).

A bank of codes with their label maps is drawn once; the best start for any target is one matrix product away. All
samples of all targets are then optimised together, each keeping its best place. `paper=True` follows the released
program instead: fresh starts for every sample, 50 steps at rate 0.01 in untruncated z, the last place kept.

Shape legend: T targets, n samples of each, B codes of the bank, K classes, S side of the labels, P pixels of the bank.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from gantk.generators.base import Generator, Truncation
from gantk.lse.codes import CodeStream, wp_of
from gantk.lse.descent import Descended, descend, row_rates
from gantk.lse.gram import IGNORE, one_hot
from gantk.predictors.heads import Head, class_map
from gantk.store.chunks import parts

Labels = npt.NDArray[np.uint8]
Logits = Callable[[Tensor], Tensor]  # wp [N, L, D] to logits [N, K, S, S], differentiable


@dataclass(frozen=True)
class Search:
    """How samples are sought.

    Attributes:
        samples: of each target.
        space: z (one code), mixed (a z per row of wp) or w.
        steps, rate: of Adam; in w the rate is in units of w's deviation.
        keep: weight of the squared distance to the start; prior: of the squared norm of z over rows.
        schedule: how fast rows move, of `row_rates`, for mixed codes.
        paper: the released program's procedure; `starts` fresh codes for every sample then.
    """

    samples: int = 4
    space: str = "z"
    steps: int = 50
    rate: float = 0.02
    keep: float = 1e-3
    prior: float = 0.0
    schedule: str = "even"
    paper: bool = False
    starts: int = 100

    @classmethod
    def paper_exact(cls, samples: int = 10, space: str = "z", starts: int = 100) -> Search:
        return cls(samples, space, 50, 0.01, 1e-3, 1e-3, "even", True, starts)


@torch.inference_mode()
def label_codes(head: Head, wp: Tensor, side: int, generator: Generator) -> Labels:
    """Label maps uint8 [N, side, side] of codes, as the head sees them."""
    found: Labels = class_map(head.segment_codes(generator, wp, size=side)).cpu().numpy()
    return found


def shrink(label: Labels, side: int) -> Labels:
    """Label maps [..., S, S] at another size by the nearest pixel: numbers are never mixed."""
    place = ((np.arange(side) + 0.5) * (label.shape[-1] / side)).astype(int)
    return np.ascontiguousarray(label[..., place[:, None], place[None, :]])


def matches(bank_BPP: Labels, target_TPP: Labels, classes: int, rows: int = 512) -> npt.NDArray[np.float32]:
    """How many labelled pixels of each target each map of the bank agrees with, [B, T]: one product of one-hots."""
    wanted = one_hot(torch.from_numpy(target_TPP), classes, torch.float32).flatten(1)
    found = []
    for start, stop in parts(0, len(bank_BPP), rows):
        part = torch.from_numpy(np.array(bank_BPP[start:stop]))
        found.append(one_hot(part, classes, torch.float32).flatten(1) @ wanted.T)
    return torch.cat(found).numpy()


def best_starts(match_BT: npt.NDArray[np.float32], samples: int) -> npt.NDArray[np.int64]:
    """Indices [T, n]: sample j starts from the best of the codes j, j + n, j + 2 n, ..., so that samples differ."""
    return np.stack([j + samples * match_BT[j::samples].argmax(0) for j in range(samples)], 1)


def stroke_loss(logit_NKSS: Tensor, label_NSS: Tensor) -> Tensor:
    """Cross entropy [N], averaged over each sample's labelled pixels."""
    known = label_NSS != IGNORE
    target = torch.where(known, label_NSS.long(), 0)
    each = F.cross_entropy(logit_NKSS, target, reduction="none") * known
    return each.sum((1, 2)) / known.sum((1, 2)).clamp_min(1)


@dataclass(frozen=True, eq=False)
class Samples:
    """Codes of the space [N, ...], wp [N, L, D], and the cross entropy along the way [T, N]."""

    codes: Tensor
    wp: Tensor
    curve_TN: Tensor


def search_codes(
    generator: Generator,
    logits: Logits,
    start: Tensor,
    label_NSS: Tensor,
    search: Search,
    truncation: Truncation | None = None,
    class_N: Tensor | None = None,
    at_once: int | None = None,
) -> Samples:
    """Move codes until their images have the wanted labels.

    Args:
        start: z [N, Z] or [N, L, Z] (mixed), or w [N, D].
        label_NSS: uint8, 255 where anything goes.
        at_once: samples whose maps are in memory at once, made again in the backward pass; None is all of them.
    """
    few = at_once or len(start)

    def wp_from(x: Tensor, some: slice = slice(None)) -> Tensor:
        if search.space == "w":
            return generator.expand(x, truncation)
        return wp_of(generator, x, truncation, None if class_N is None else class_N[some])

    def said_of(x: Tensor, some: slice) -> Tensor:
        return stroke_loss(logits(wp_from(x, some)), label_NSS[some])

    def said(x: Tensor) -> Tensor:
        groups = [slice(first, last) for first, last in parts(0, len(x), few)]
        if len(groups) == 1:
            return said_of(x, groups[0])
        return torch.cat([checkpoint(said_of, x[some], some, use_reentrant=False) for some in groups])

    # in z the paper's rate; in w one that does not depend on how widely the network spreads its codes
    unit = float(start.std()) if search.space == "w" and len(start) > 1 else 1.0
    rate: float | Tensor = search.rate * unit
    if search.space == "mixed":
        rate = search.rate * unit * start.new_tensor(row_rates(search.schedule, start.shape[1]))[:, None]
    rows = start.shape[1] if search.space == "mixed" else 1

    def objective(x: Tensor) -> tuple[Tensor, Tensor]:
        said_N = said(x)
        held_N = (x - start).square().flatten(1).sum(1) / unit**2
        norm_N = x.square().flatten(1).sum(1) / rows
        return said_N + search.keep * held_N + search.prior * norm_N, said_N

    found: Descended = descend(start, objective, search.steps, rate, None if search.paper else 12)
    with torch.no_grad():
        if search.paper:  # as released: z after the last step, wp before it
            return Samples(found.last, wp_from(found.seen), found.curve_TN)
        return Samples(found.best, wp_from(found.best), found.curve_TN)


def start_codes(stream: CodeStream, indices: npt.NDArray[np.int64], space: str) -> tuple[Tensor, Tensor | None]:
    """Codes of the samples of a stream in the space that is searched, and their classes."""
    z = torch.cat([stream.z(int(i), int(i) + 1) for i in indices])
    classes = [stream.labels(int(i), int(i) + 1) for i in indices]
    class_N = None if classes[0] is None else torch.cat([c for c in classes if c is not None])
    if space == "mixed" and z.ndim == 2:
        return z.unsqueeze(1).repeat(1, stream.generator.spec.num_layers, 1), class_N
    if space == "w":
        with torch.no_grad():
            return stream.generator.map(z, class_N), class_N
    return z, class_N


def diversity(wp_NLD: Tensor, label_NSS: Labels, image_NCHW: Tensor) -> tuple[float, float, float]:
    """Mean over pairs of one target's samples: distance of codes, share of pixels labelled otherwise, RMS of pixels."""
    pairs = [(i, j) for i in range(len(wp_NLD)) for j in range(i)]
    if not pairs:
        return 0.0, 0.0, 0.0
    flat = wp_NLD.flatten(1)
    return (
        float(np.mean([float((flat[i] - flat[j]).norm()) for i, j in pairs])),
        float(np.mean([(label_NSS[i] != label_NSS[j]).mean() for i, j in pairs])),
        float(np.mean([float((image_NCHW[i] - image_NCHW[j]).square().mean().sqrt()) for i, j in pairs])),
    )
