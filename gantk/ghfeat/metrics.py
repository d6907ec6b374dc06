"""How close a reconstruction is: pixels, structure, features, and what a predictor reads from it.

Shape legend: N samples, C channels, H x W pixels, A attributes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gantk.generators.base import Generator
from gantk.ghfeat.encoder import Encoder
from gantk.ghfeat.figures import Figures
from gantk.ghfeat.losses import Perception, structural_similarity
from gantk.ghfeat.options import BATCH
from gantk.predictors.base import Predictor
from gantk.predictors.resampling import resize


@torch.no_grad()
def closeness(original_NCHW: Tensor, made_NCHW: Tensor, perception: Perception | None = None) -> Tensor:
    """Squared error, SSIM and the perception's distance of each reconstruction, [N, 3]; not a number without one."""
    mse_N = (original_NCHW - made_NCHW).square().mean((1, 2, 3))
    far_N = torch.full_like(mse_N, torch.nan) if perception is None else perception(made_NCHW, original_NCHW)
    return torch.stack([mse_N, structural_similarity(original_NCHW, made_NCHW), far_N.to(mse_N)], 1)


@torch.no_grad()
def figures_of(
    original_NCHW: Tensor, made_NCHW: Tensor, perception: Perception | None = None, predictor: Predictor | None = None
) -> Figures:
    """Reconstructions against originals, means over the images, and what a predictor reads from both."""
    pairs = list(zip(original_NCHW.split(BATCH), made_NCHW.split(BATCH), strict=True))
    mse_N, ssim_N, far_N = torch.cat([closeness(a, b, perception) for a, b in pairs]).t().contiguous()
    recovery = {}
    if predictor is not None and predictor.attribute_names:
        read = [torch.cat([predictor.attributes(x) for x in column]) for column in zip(*pairs, strict=True)]
        recovery = recovery_of(predictor.attribute_names, *read)
    perceptual = None if perception is None else far_N.mean().item()
    return Figures.of(mse_N.mean().item(), ssim_N.mean().item(), perceptual, recovery)


def recovery_of(names: Sequence[str], original_NA: Tensor, made_NA: Tensor) -> dict[str, float]:
    """R2 of each attribute, read from reconstructions against originals."""
    return {name: r2(original_NA[:, i], made_NA[:, i]) for i, name in enumerate(names)}


def r2(true_N: Tensor, predicted_N: Tensor) -> float:
    """1 - SSE / SST; where the truth does not vary, 1 for a perfect prediction and else 0."""
    true, predicted = true_N.double(), predicted_N.double()
    total = (true - true.mean()).square().sum().item()
    wrong = (true - predicted).square().sum().item()
    return 1 - wrong / total if total > 0 else float(wrong == 0)


@torch.inference_mode()
def encode(encoder: Encoder, image_NCHW: Tensor) -> tuple[Tensor, ...]:
    """Styles of any number of images, each [N, C_l]."""
    parts = [encoder(x.contiguous(memory_format=torch.channels_last)) for x in image_NCHW.split(BATCH)]
    return tuple(torch.cat(column) for column in zip(*parts, strict=True))


@torch.inference_mode()
def decode(generator: Generator, styles: Sequence[Tensor], batch: int = BATCH) -> Tensor:
    """Images of any number of styles, [N, 3, R, R]."""
    n = len(styles[0])
    images = [generator.synthesize([s[i : i + batch] for s in styles]).float() for i in range(0, n, batch)]
    return torch.cat(images)


def at_size(image_NCHW: Tensor, size: int | tuple[int, int]) -> Tensor:
    """Images resized to a side, or to height and width, where they have another."""
    return resize(image_NCHW, *((size, size) if isinstance(size, int) else size))
