"""Seeded samples, of which the nearest to an image is where its optimisation starts.

They are the same for every image of a run, so they are drawn once and kept small.

Shape legend: N images, K candidates, C_l width of a style.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gantk.generators.base import Generator
from gantk.generators.frugal_steps import synthesize_frugally
from gantk.ghfeat.starts import brought
from gantk.predictors.resampling import resize

COUNT = 64  # seeded samples; with their mean code K = 65
SIDE = 256  # pixels at which images are compared, at most: 65 of them are 51 MB


class Candidates:
    """The samples of one seed and, in a conditional network, of one row of labels.

    Attributes:
        units: mean and spread of each code of the space over the samples.
    """

    def __init__(self, generator: Generator, space: str, seed: int, label_K: Tensor | None) -> None:
        self.generator, self.space, self.label_K = generator, space, label_K
        with torch.no_grad():
            self._samples = brought(generator, generator.sample_z(COUNT, seed), "z", space, label_K)
            self.units = [_unit(code) for code in self._samples]
        self._drawn: Tensor | None = None

    @property
    def shapes(self) -> list[torch.Size]:
        """Of the codes of one image."""
        return [code.shape[1:] for code in self._samples]

    def image(self, codes: list[Tensor], label: Tensor | None) -> Tensor:
        """Images of codes of the space, differentiable with little memory."""
        if self.space == "s":
            return synthesize_frugally(self.generator, codes)
        [wp_NLD] = brought(self.generator, codes[0], self.space, "wp", label)
        return synthesize_frugally(self.generator, wp_NLD)

    @torch.no_grad()
    def nearest(self, target_NCHW: Tensor, trying: Callable[[int, int], None] | None = None) -> list[Tensor]:
        """For each image the candidate with the smallest squared error, in units of the spread, [N, ...] each.

        Args:
            trying: called before each candidate that is drawn, with its number and how many there are.
        """
        codes = [torch.cat([code, code.mean(0, keepdim=True)]) for code in self._samples]
        if self._drawn is None:
            self._drawn = torch.cat([self._draw(codes, k, trying) for k in range(COUNT + 1)])
        small = _small(target_NCHW)
        error_KN = torch.stack([(drawn - small).square().mean((1, 2, 3)) for drawn in self._drawn])
        best_N = error_KN.nan_to_num(torch.inf).argmin(0)
        return [(code[best_N] - mean) / spread for code, (mean, spread) in zip(codes, self.units, strict=True)]

    @torch.inference_mode()
    def _draw(self, codes: list[Tensor], k: int, trying: Callable[[int, int], None] | None) -> Tensor:
        if trying is not None:
            trying(k, COUNT + 1)
        label = None if self.label_K is None else self.label_K[:1]
        return _small(self.image([code[k : k + 1] for code in codes], label).clamp(-1, 1))


class CandidatePool:
    """The candidates of a run: made once for as long as the labels of its images stay the same."""

    def __init__(self, generator: Generator, space: str, seed: int) -> None:
        self._generator, self._space, self._seed = generator, space, seed
        self._last: Candidates | None = None

    def of(self, label: Tensor | None) -> Candidates:
        """Candidates with the labels [N] or [N, C] of the images in turn."""
        if label is not None:
            label = torch.cat([label] * -(-COUNT // len(label)))[:COUNT]
        if self._last is None or not _same(self._last.label_K, label):
            self._last = Candidates(self._generator, self._space, self._seed, label)
        return self._last


def _small(image_NCHW: Tensor) -> Tensor:
    height, width = image_NCHW.shape[-2:]
    share = min(1.0, SIDE / max(height, width))
    return resize(image_NCHW, max(1, round(height * share)), max(1, round(width * share)))


def _unit(code: Tensor) -> tuple[Tensor, Tensor]:
    """Mean, and the spread of all numbers of a code together (a number that never varies must be able to move)."""
    mean = code.mean(0, keepdim=True)
    return mean, (code - mean).square().mean().sqrt().clamp(min=1e-6)


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    return one is other or (one is not None and other is not None and torch.equal(one, other))
