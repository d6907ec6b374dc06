"""A linear head from a handful of labelled images, in seconds: the convex problem with shrinkage chosen on itself.

With so few images the whitening must be shrunk or the head overfits. How much, and how many steps,
is what predicts a left-out image best (cross entropy, leave-one-image-out). Each image is drawn under several noise
inputs, the labels staying: noise moves texture and not classes, which is augmentation for nothing.

Shape legend: N labelled images, R noise draws of each, C_i channels and r_i side of map i, K classes, S side.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import GantkError
from gantk.lse.convex import Batch, Descent, Whitening, fill, loss_and_gradient, minimize, softmax_objective, step
from gantk.lse.gram import IGNORE, Moments, moments
from gantk.lse.images import Images
from gantk.pictures.label_maps import check_ids
from gantk.predictors.grids import resize_grid
from gantk.predictors.head_networks import LinearNetwork

Labels = npt.NDArray[np.uint8]
EPS = (0.5, 3.0)
DEFAULT_EPS, DEFAULT_STEPS = 1.0, 14  # where one image leaves nothing to leave out
IN_MEMORY = 512 << 20  # bytes of maps; more are kept in a file
MOST_FOLDS = 3  # images left out, one at a time; more cost time and hardly change the choice


@dataclass(frozen=True, eq=False)
class Shots:
    """Labelled images: maps [R, C_i, r_i, r_i] of each of N images, in memory or `Spilled`, and labels [N, S, S]."""

    maps: Sequence[tuple[Tensor, ...]]
    label: Labels
    align_corners: bool

    @property
    def channels(self) -> tuple[int, ...]:
        return tuple(x.shape[1] for x in self.maps[0])

    def batches(self, chosen: Sequence[int]) -> Iterable[Batch]:
        """Some of the images, every noise draw with its image's labels: as one batch where all are in memory, else one
        by one, of which one is in memory at a time. Can be gone through again and again."""
        if isinstance(self.maps, Spilled):
            return _OneByOne(self, tuple(chosen))
        return [self.batch(chosen)]

    def batch(self, chosen: Sequence[int]) -> Batch:
        """Some of the images together."""
        parts = [self.maps[n] for n in chosen]
        joined = [parts[0][i] if len(parts) == 1 else torch.cat([x[i] for x in parts]) for i in range(len(parts[0]))]
        label = np.repeat(self.label[list(chosen)], len(joined[0]) // len(parts), 0)
        return joined, torch.from_numpy(label).to(joined[0].device)

    def moments(self, classes: int) -> Moments:
        batches = self.batches(range(len(self.maps)))
        return reduce(add, (moments(maps, label, classes, self.align_corners) for maps, label in batches))


@dataclass(frozen=True, eq=False)
class _OneByOne:
    shots: Shots
    chosen: tuple[int, ...]

    def __iter__(self) -> Iterator[Batch]:
        for n in self.chosen:
            yield self.shots.batch([n])


class Spilled(Sequence["tuple[Tensor, ...]"]):
    """Maps of several images in a file without a name, which is gone with the object; read one image at a time."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="gantk-")  # noqa: SIM115 - it lives as long as the object
        weakref.finalize(self, self._file.close)
        self._places: list[tuple[int, tuple[tuple[int, ...], ...], torch.device]] = []

    def append(self, maps: Sequence[Tensor]) -> None:
        """Keep the maps of the next image, float32."""
        start = self._file.seek(0, os.SEEK_END)
        self._places.append((start, tuple(tuple(x.shape) for x in maps), maps[0].device))
        for x in maps:
            self._file.write(x.contiguous().cpu().numpy().data.cast("B"))

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, n: Any) -> Any:
        start, shapes, device = self._places[n]
        self._file.seek(start)
        found = []
        for shape in shapes:
            array = np.empty(shape, np.float32)
            self._file.readinto(array.data.cast("B"))
            found.append(torch.from_numpy(array).to(device))
        return tuple(found)


@dataclass(frozen=True, eq=False)
class Fit:
    """A head's network, the shrinkage and steps chosen, and the left-out cross entropies [E, T] they were chosen by."""

    network: LinearNetwork
    eps: float
    steps: int
    left_out: npt.NDArray[np.float64] | None


@torch.inference_mode()
def shots_of(images: Images, wp_NLD: Tensor, label: Labels, draws: int = 2, seed: int = 0) -> Shots:
    """Draw the maps of labelled codes: the first draw has the network's own noise, the others seeded ones, unless
    noise hardly changes the maps."""
    if label.shape != (len(wp_NLD), images.size, images.size):
        raise GantkError(
            f"Labels of shape {label.shape} do not fit {len(wp_NLD)} codes with labels of {images.size} pixels."
        )
    kinds: list[Any] = ["const"]
    if images.generator.spec.has_noise:
        kinds += [seed + 1 + draw for draw in range(draws - 1)]
    found: list[tuple[Tensor, ...]] | Spilled = []
    for n in range(len(wp_NLD)):
        if n == 1 and len(kinds) > 1 and _same(found[0]):
            kinds, first = kinds[:1], tuple(x[:1] for x in found[0])
            found = _begun(len(wp_NLD), first)
            found.append(first)
        drawn = tuple(torch.cat(parts) for parts in zip(*_drawn(images, wp_NLD[n : n + 1], kinds), strict=True))
        if n == 0:
            found = _begun(len(wp_NLD), drawn)
        found.append(drawn)
    return Shots(found, label, images.align_corners)


def _begun(count: int, maps: Sequence[Tensor]) -> list[tuple[Tensor, ...]] | Spilled:
    """What keeps so many images of these maps: a list, or a file where memory would not hold them."""
    return [] if count * sum(x.numel() * 4 for x in maps) <= IN_MEMORY else Spilled()


def _drawn(images: Images, wp_1LD: Tensor, kinds: Sequence[Any]) -> Iterator[list[Tensor]]:
    """The maps under each noise; one finer than the labels is only ever read on their grid, and is brought to it."""
    size = images.size
    for kind in kinds:
        maps = images.trace(wp_1LD, image=False, noise=kind)[1]
        yield [resize_grid(x, size, images.align_corners) if x.shape[-1] > size else x for x in maps]


def _same(maps: Sequence[Tensor]) -> bool:
    """Whether noise changes nothing that matters: a network may have learned to do without."""
    return all(float((x - x[:1]).abs().max()) <= 1e-3 * float(x.std()) for x in maps)


def check_labels(label: Labels, names: Sequence[str], what: str, allow_empty: bool = False) -> list[str]:
    """The classes that no pixel has.

    Raises:
        GantkError: nothing is labelled, a number is no class, or (unless allowed) a class has no pixel.
    """
    check_ids(label, len(names), what)
    counts = np.bincount(label.ravel(), minlength=256)
    if counts[: len(names)].sum() == 0:
        raise GantkError(f"{what}: no pixel is labelled, so there is nothing to learn from.")
    empty = [name for place, name in enumerate(names) if counts[place] == 0]
    if empty and not allow_empty:
        raise GantkError(
            f"{what}: no pixel is labelled {' or '.join(map(repr, empty))}, so the class cannot be learned: label "
            "some, leave the class out of --classes, or give --allow-empty."
        )
    return empty


@torch.no_grad()
def fit(
    shots: Shots,
    classes: int,
    eps: Sequence[float] = EPS,
    penalty: float = 1e-4,
    most_steps: int = 18,
    watch: Callable[[], None] | None = None,
) -> Fit:
    """Choose shrinkage and steps by leaving images out, then fit all of them. Deterministic.

    `watch` is that of `gantk.lse.convex.softmax_objective`.
    """
    count = len(shots.maps)
    total = shots.moments(classes)
    network = LinearNetwork(shots.channels, classes, shots.align_corners).requires_grad_(False)
    network.to(shots.maps[0][0].device)
    chosen, steps, table = DEFAULT_EPS, DEFAULT_STEPS, None
    whitenings = {value: Whitening.of(total, value) for value in eps}
    if count > 1:
        table = np.stack([_left_out(network, shots, whitenings[value], penalty, most_steps, watch) for value in eps])
        row, column = np.unravel_index(int(table.argmin()), table.shape)
        chosen, steps = eps[int(row)], int(column) + 1
    whitening = whitenings.get(chosen) or Whitening.of(total, chosen)
    whole = shots.batches(range(count))
    objective = softmax_objective(network, lambda: whole, whitening, penalty, watch)
    at = minimize(objective, _start(network), steps, tolerance=0.0)
    fill(network, whitening, at.x)
    return Fit(network, chosen, steps, table)


def _start(network: LinearNetwork) -> npt.NDArray[np.float64]:
    return np.zeros((network.classes, sum(network.channels) + 1))


def _left_out(
    network: LinearNetwork,
    shots: Shots,
    whitening: Whitening,
    penalty: float,
    most_steps: int,
    watch: Callable[[], None] | None,
) -> npt.NDArray[np.float64]:
    """Cross entropy [T] of left-out images after each step, averaged over images; at most MOST_FOLDS are left out."""
    count = len(shots.maps)
    folds = np.linspace(0, count - 1, min(count, MOST_FOLDS)).round().astype(int)
    curves = []
    for out in folds:
        kept = shots.batches([n for n in range(count) if n != out])
        judged = shots.batches([int(out)])
        pixels = max(1, int((shots.label[out] != IGNORE).sum()) * len(shots.maps[0][0]))
        objective = softmax_objective(network, lambda kept=kept: kept, whitening, penalty, watch)  # type: ignore[misc]
        at = Descent.begin(objective, _start(network))
        curve: list[float] = []
        while at.steps < most_steps and not at.converged:
            at = step(objective, at, tolerance=0.0)
            fill(network, whitening, at.x)
            curve.append(sum(loss_and_gradient(network, maps, target)[0] for maps, target in judged) / pixels)
            if len(curve) > 4 and min(curve[-4:]) > min(curve):  # it has only grown for a while
                break
        last = curve[-1] if curve else float("inf")
        curves.append(curve + [last] * (most_steps - len(curve)))
    return np.asarray(np.mean(curves, 0))
