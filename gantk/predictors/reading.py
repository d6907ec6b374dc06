"""Attributes of samples, whether a predictor reads them from images or a generator knows them of its codes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.generators.base import Generator
from gantk.predictors.base import Predictor

BATCH = 16


def attributes_at(
    generator: Generator, predictor: Predictor, wp_NLD: Tensor, batch_size: int = BATCH
) -> npt.NDArray[np.float32]:
    """Attributes [N, A] of codes wp [N, L, D] after truncation."""
    parts = []
    with torch.inference_mode():
        for part_NLD in wp_NLD.split(batch_size):
            parts.append(_read(generator, predictor, part_NLD).float().cpu().numpy())
    return np.concatenate(parts)


def _read(generator: Generator, predictor: Predictor, wp_NLD: Tensor) -> Tensor:
    exact = getattr(predictor, "attributes_of_codes", None)
    if callable(exact):
        found: Tensor = exact(wp_NLD)
        return found
    return predictor.attributes(coloured(generator.synthesize(wp_NLD)))


def coloured(image_NCHW: Tensor) -> Tensor:
    """Grey images with three equal channels; others as they are."""
    return image_NCHW.expand(-1, 3, -1, -1) if image_NCHW.shape[1] == 1 else image_NCHW
