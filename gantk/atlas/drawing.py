"""Pictures of an atlas: where a direction changes the image, what it does to samples, members beside each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.atlas.found import FACTORS
from gantk.atlas.moves import DirectionMove, Move, Samples
from gantk.codes.spread import spread_of, unit_of
from gantk.pictures.images import to_uint8
from gantk.runs.stores import Store
from gantk.runs.structure import Image
from gantk.runs.walk import Walk
from gantk.runs.walks import symmetric_steps

STEPS = 5
BESIDE = 6  # members that are drawn beside the representative


class Drawer:
    """Draws moves on a few samples into a store."""

    def __init__(self, store: Store, samples: Samples, titles: Sequence[str] | None = None) -> None:
        self.store, self.samples = store, samples
        self.titles = titles or [f"sample {sample}" for sample in range(len(samples))]

    def heat(self, file: str, heat_HW: npt.NDArray[np.float64]) -> tuple[Image, float]:
        """The root of the mean squared change, the largest white, and how large that is, on [0, 1]."""
        root_HW = np.sqrt(np.maximum(heat_HW, 0))
        most = float(root_HW.max())
        level = np.round(255 * root_HW / max(most, 1e-30)).astype(np.uint8)
        return self.store.keep_pictures({f"heat/{file}.png": np.repeat(level[..., None], 3, 2)})[0], most

    def walk(self, name: str, file: str, move: Move, strength: float) -> Walk:
        """Samples from -2 to 2 strengths; a negative strength turns the move round."""
        distances = symmetric_steps(abs(strength) * FACTORS, STEPS)
        stems = [f"steps/{file}_{sample}" for sample in range(len(self.samples))]
        names = [[f"{stem}_{step}.png" for step in range(len(distances))] for stem in stems]
        for step, distance in enumerate(distances):
            moved = self._moved(move, self.samples, distance if strength >= 0 else -distance)
            self.store.write_pictures(dict(zip((line[step] for line in names), moved, strict=True)))
        strips = tuple(self.store.strip(title, distances, line) for title, line in zip(self.titles, names, strict=True))
        unit, spread = self._measure(move)
        return Walk(name=name, space=move.space, rows=move.rows or None, strips=strips, unit=unit, spread=spread)

    def _measure(self, move: Move) -> tuple[str, float | None]:
        """What a distance counts in, and how far samples lie apart in it; nothing for directions of weights."""
        if not isinstance(move, DirectionMove):
            return "", None
        generator, rows = self.samples.generator, move.rows or None
        compensated = generator.spec.wp_dim == generator.spec.w_dim
        spread = spread_of(generator, move.direction, move.pick, self.samples.truncation, rows, compensated)
        return unit_of(move.direction, compensated), spread

    def beside(self, file: str, members: Sequence[tuple[Move, float]]) -> tuple[Image, ...]:
        """The first sample moved by other members, as far as changes it as much."""
        first = self.samples.part(0, 1)
        found: list[Image] = []
        for number, (move, strength) in enumerate(members[:BESIDE]):
            (moved,) = self._moved(move, first, FACTORS * strength)
            found += self.store.keep_pictures({f"members/{file}_{number}.png": moved})
        return tuple(found)

    def _moved(self, move: Move, samples: Samples, strength: float) -> npt.NDArray[np.uint8]:
        with torch.inference_mode():
            strength_N = torch.full((len(samples),), float(strength)).to(samples.wp_NLD)
            image_NCHW: Tensor = move.images(samples, strength_N)
        return to_uint8(image_NCHW)
