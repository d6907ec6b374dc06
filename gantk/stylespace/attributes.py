"""Channels by attribute (StyleSpace, section 5): where the styles of the highest scored samples stand apart.

With mu and sigma of all samples and exemplars e, delta_e = (s_e - mu) / sigma; the distance of a channel is the mean
of delta over exemplars, its relevance |mean| / deviation.

Legend: N samples, E exemplars, S channels, A attributes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.stylespace.results import AttributeChannels
from gantk.stylespace.styles import BATCH, channels, flat_styles, style_statistics

CHOSEN = 0.05  # of the samples


def attribute_channels(
    generator: Generator,
    wp_NLD: Tensor,
    scores_NA: npt.ArrayLike,
    attributes: Sequence[str],
    chosen: float = CHOSEN,
) -> AttributeChannels:
    """Compare the highest scored samples of every attribute with all.

    Args:
        wp_NLD: codes after truncation.
        scores_NA: of the same samples.
        attributes: names of the columns.
        chosen: share of the samples that are exemplars, up to 1, or a count above it.

    Raises:
        UsageError: there is no space s, lengths differ, or less than two exemplars or no other sample.
    """
    every = channels(generator)
    scores = np.asarray(scores_NA, np.float64)
    if scores.shape != (len(wp_NLD), len(attributes)):
        raise UsageError(
            f"Scores of shape {scores.shape} do not fit {len(wp_NLD)} samples and {len(attributes)} attributes."
        )
    count = round(chosen * len(wp_NLD)) if chosen <= 1 else int(chosen)
    if not 2 <= count < len(wp_NLD):
        raise UsageError(
            f"{count} of {len(wp_NLD)} samples as the highest scored tell nothing: choose 2 to {len(wp_NLD) - 1}."
        )
    statistics = style_statistics(generator, wp_NLD)
    scale = np.where(statistics.deviation_S > 0, statistics.deviation_S, np.inf)
    distance = np.zeros((len(attributes), len(every)))
    relevance = np.zeros_like(distance)
    for row, score_N in enumerate(scores.T):
        top = torch.from_numpy(np.argsort(-score_N, kind="stable")[:count].copy()).to(wp_NLD.device)
        with torch.no_grad():
            parts = [flat_styles(generator, wp_NLD[part]).double().cpu() for part in top.split(BATCH)]
        delta_ES = (torch.cat(parts).numpy() - statistics.mean_S) / scale
        distance[row] = delta_ES.mean(0)
        relevance[row] = np.abs(distance[row]) / np.maximum(delta_ES.std(0), 1e-9)
    relevance[:, statistics.deviation_S <= 0] = 0
    return AttributeChannels(every, tuple(attributes), distance, relevance, statistics, len(wp_NLD), count)
