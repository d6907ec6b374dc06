"""How close a reconstruction is: pixels, structure, features, and what a predictor reads from it.

Shape legend: N samples, C channels, H x W pixels, A attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Unpack

import torch
from torch import Tensor

from gantk.generators.base import Drawing, Generator
from gantk.ghfeat.encoder import Encoder
from gantk.ghfeat.figures import Figures, psnr
from gantk.ghfeat.losses import Perception, structural_similarity
from gantk.predictors.base import Predictor


@dataclass(frozen=True)
class Closeness:
    """Reconstructions against originals, one number per image; `recovery` is the R2 of each attribute over all.

    Attributes:
        mse, ssim: [N]; images in [-1, 1].
        perceptual: [N], or None without a perception.
        recovery: predictor on the reconstruction against predictor on the original, 1 - SSE / SST, by attribute.
    """

    mse: Tensor
    ssim: Tensor
    perceptual: Tensor | None = None
    recovery: dict[str, float] = field(default_factory=dict)

    def summary(self) -> Figures:
        """Means over the images."""
        mse = self.mse.mean().item()
        return Figures(
            mse=mse,
            psnr=psnr(mse),
            ssim=self.ssim.mean().item(),
            perceptual=None if self.perceptual is None else self.perceptual.mean().item(),
            recovery=self.recovery,
        )


@torch.no_grad()
def closeness(
    original_NCHW: Tensor,
    made_NCHW: Tensor,
    perception: Perception | None = None,
    predictor: Predictor | None = None,
    batch: int = 32,
) -> Closeness:
    """Compare reconstructions with their originals."""
    parts: list[tuple[Tensor, ...]] = []
    for a, b in zip(original_NCHW.split(batch), made_NCHW.split(batch), strict=True):
        row: tuple[Tensor, ...] = ((a - b).square().mean((1, 2, 3)), structural_similarity(a, b))
        parts.append((*row, perception(a, b)) if perception is not None else row)
    mse, ssim, *rest = (torch.cat(column) for column in zip(*parts, strict=True))
    recovery = {}
    if predictor is not None and predictor.attribute_names:
        read = [torch.cat([predictor.attributes(x) for x in y.split(batch)]) for y in (original_NCHW, made_NCHW)]
        recovery = {name: r2(read[0][:, i], read[1][:, i]) for i, name in enumerate(predictor.attribute_names)}
    return Closeness(mse, ssim, rest[0] if rest else None, recovery)


def r2(true_N: Tensor, predicted_N: Tensor) -> float:
    """1 - SSE / SST; where the truth does not vary, 1 for a perfect prediction and else 0."""
    true, predicted = true_N.double(), predicted_N.double()
    total = (true - true.mean()).square().sum().item()
    wrong = (true - predicted).square().sum().item()
    return 1 - wrong / total if total > 0 else float(wrong == 0)


@torch.inference_mode()
def encode(encoder: Encoder, image_NCHW: Tensor, batch: int = 32) -> tuple[Tensor, ...]:
    """Styles of any number of images, each [N, C_l]."""
    parts = [encoder(x.contiguous(memory_format=torch.channels_last)) for x in image_NCHW.split(batch)]
    return tuple(torch.cat(column) for column in zip(*parts, strict=True))


@torch.inference_mode()
def decode(generator: Generator, styles: Sequence[Tensor], batch: int = 32, **options: Unpack[Drawing]) -> Tensor:
    """Images of any number of styles, [N, 3, R, R]."""
    n = len(styles[0])
    images = [generator.synthesize([s[i : i + batch] for s in styles], **options).float() for i in range(0, n, batch)]
    return torch.cat(images)


def at_size(image_NCHW: Tensor, size: int | tuple[int, int]) -> Tensor:
    """Images resized to a side, or to height and width, where they have another."""
    from gantk.predictors.resampling import resize

    return resize(image_NCHW, *((size, size) if isinstance(size, int) else size))
