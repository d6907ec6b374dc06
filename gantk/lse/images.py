"""Maps of a generator and labels of a teacher, sample by sample, in the order of a code stream; nothing is kept.

Shape legend: N images, C_i channels and r_i side of map i, S side of the labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.generators.noise import Noise
from gantk.lse.codes import CodeStream
from gantk.lse.teachers import Teacher
from gantk.predictors.grids import squared
from gantk.predictors.heads import taps_of
from gantk.store.chunks import parts


@dataclass(frozen=True, eq=False)
class Images:
    """The images of a stream as a head sees them: the maps at `taps`, labels of `size` pixels.

    `align_corners` is the head's; `batch` images are computed at once, which is all that memory holds.
    """

    stream: CodeStream
    taps: tuple[str, ...]
    size: int
    align_corners: bool = True
    batch: int = 8

    def __post_init__(self) -> None:
        sides = [self.generator.layer(tap).resolution for tap in self.taps]
        if sorted(sides) != sides:
            raise UsageError(f"The taps {', '.join(self.taps)} are not in the order of their resolutions.")

    @property
    def generator(self) -> Generator:
        return self.stream.generator

    @property
    def channels(self) -> tuple[int, ...]:
        return taps_of(self.generator, self.taps)

    def maps(self, start: int, stop: int) -> list[Tensor]:
        """Maps [N, C_i, r_i, r_i] of samples start .. stop - 1; what comes after the last map is not computed."""
        return self.trace(self.stream.wp(start, stop), image=False)[1]

    def trace(self, wp_NLD: Tensor, image: bool = True, noise: Noise = "const") -> tuple[Tensor | None, list[Tensor]]:
        picture, found = self.generator.trace(wp_NLD, self.taps, image=image, noise=noise)
        return picture, [squared(found[tap].to(torch.float32)) for tap in self.taps]

    def labelled(self, label: npt.NDArray[np.uint8], start: int, stop: int) -> Iterator[tuple[list[Tensor], Tensor]]:
        """Batches of maps and labels of samples start .. stop - 1, the labels taken from an array [N, S, S]."""
        for first, last in parts(start, stop, self.batch):
            with torch.inference_mode():
                maps = self.maps(first, last)
                yield maps, torch.from_numpy(np.array(label[first:last])).to(self.generator.device)

    def draw(self, teacher: Teacher, start: int, stop: int) -> tuple[list[Tensor], Tensor]:
        """Maps and labels of fresh samples, usable where something is differentiated."""
        with torch.no_grad():
            wp = self.stream.wp(start, stop)
            image, maps = self.trace(wp)
            assert image is not None
            label = teacher.label(self.generator, wp, image, self.size, start)
        return maps, label.clone()  # of inference mode, perhaps
