"""Channels by region: where the image changes when one channel of space s does (StyleSpace, section 4).

The squared change of the pixels of a region by a channel, sum over p of (d x_p / d s)^2, is had in two ways:

    tangents    d x / d s itself, forward, some channels at a time; exact; one pass per channel, the layers before the
                channel's left out
    probes      for signs e_p drawn at random, the expectation of (sum over p of e_p d x_p / d s)^2 is just that sum;
                one transposed product gives it for all channels of space s at once, however many there are

Which of the two is cheaper depends on the channels (a thousand in a small network, ten thousand in a large one).
A channel belongs to a region where, in at least half of the samples that have the region, it changes that region most
of all, per pixel, so that large regions have no advantage.

Legend: N samples, L rows of wp, S channels, R regions, K labels, P probes, H x W pixels, c channels at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import UsageError
from gantk.generators.base import Generator, Layer
from gantk.generators.frugal_steps import Pullback, images_at_once
from gantk.predictors.base import Predictor
from gantk.store.chunks import parts
from gantk.stylespace.results import RegionChannels
from gantk.stylespace.styles import channels, style_statistics

LEAST = 0.5  # of the samples that have a region
SMALLEST = 0.002  # of the pixels: less of a region in a sample, and the sample does not have it
PROBES = 16
TANGENT_BYTES, MOST_TANGENTS = 8 << 20, 64  # of the largest map at once, as many as stay in a processor's cache

Array = npt.NDArray[Any]


def region_channels(
    generator: Generator,
    segmenter: Predictor,
    wp_NLD: Tensor,
    *,
    classes: Sequence[int] | None = None,
    least: float = LEAST,
    probes: int | None = None,
    noise: str = "const",
    seed: int = 0,
) -> RegionChannels:
    """Find the region of every channel.

    Args:
        segmenter: a network or a head; its classes are the regions.
        wp_NLD: codes after truncation.
        classes: only these; None is all.
        least: share of the samples with a region in which a channel must change it most.
        probes: random signs per region and sample; 0 takes tangents; None takes what is cheaper.

    Raises:
        UsageError: there is no space s, or none of the samples has two regions.
    """
    every = channels(generator)
    styled = generator.styled_layers
    chosen = list(classes or range(len(segmenter.class_names)))
    names = tuple(segmenter.class_names[k] for k in chosen)
    if probes is None:
        probes = 0 if len(every) <= 2 * PROBES * len(chosen) else PROBES
    deviation_S = style_statistics(generator, wp_NLD).deviation_S if len(wp_NLD) > 1 else np.ones(len(every))
    total_SR = np.zeros((len(every), len(chosen)))
    wins_SR = np.zeros_like(total_SR)
    area_R, present_R = np.zeros(len(chosen)), np.zeros(len(chosen), dtype=np.int64)
    change_S, passes = np.zeros(len(every)), 0
    random = torch.Generator().manual_seed(seed)
    for sample in range(len(wp_NLD)):
        wp_1LD = wp_NLD[sample : sample + 1]
        with torch.no_grad():
            label_HW = segmenter.segment_codes(generator, wp_1LD, noise=noise).argmax(1)[0]
            codes = tuple(style.detach() for style in generator.styles(wp_1LD))
        label_HW = _at_image(label_HW, generator.spec.size)
        mask_RHW = torch.stack([label_HW == k for k in chosen])
        if probes:
            change_SR, rest_S = _by_probes(generator, codes, mask_RHW, probes, noise, random)
            passes += 2 * probes * (len(chosen) + 1) + 1
        else:
            change_SR, rest_S = _by_tangents(generator, wp_1LD, codes, styled, mask_RHW, noise)
            passes += len(every)
        pixels_R = mask_RHW.flatten(1).sum(1).double().cpu().numpy()
        size = mask_RHW[0].numel()
        here_R = pixels_R >= max(1.0, SMALLEST * size)
        present_R += here_R
        sum_S = change_SR.sum(1) + rest_S
        total_SR += np.where(here_R, change_SR / np.maximum(sum_S, 1e-300)[:, None], 0)
        area_R += np.where(here_R, pixels_R / size, 0)
        change_S += sum_S * deviation_S**2 / (size * generator.spec.image_channels)
        density_SR = np.where(here_R, change_SR / np.maximum(pixels_R, 1), -1)
        moved = density_SR.max(1) > 0
        wins_SR[np.flatnonzero(moved), density_SR.argmax(1)[moved]] += 1
    if (present_R > 0).sum() < 2:
        raise UsageError(
            f"The segmenter {segmenter.name!r} sees {(present_R > 0).sum()} of its classes in {len(wp_NLD)} samples: "
            "regions are told apart only where there are two."
        )
    seen_R = np.maximum(present_R, 1)
    share_SR, area_R, wins_SR = total_SR / seen_R, area_R / seen_R, wins_SR / seen_R
    best_S = wins_SR.argmax(1)
    belongs = wins_SR[np.arange(len(every)), best_S] >= least
    often = present_R >= max(1, len(wp_NLD) // 4)  # a region of a few samples proves nothing
    region_S = np.where(belongs & often[best_S], best_S, -1).astype(np.int64)
    return RegionChannels(
        every, names, share_SR, area_R, locality(share_SR, area_R), wins_SR, np.sqrt(change_S / len(wp_NLD)), region_S,
        least, len(wp_NLD), present_R, passes,
    )  # fmt: skip


def locality(share: Array, area: Array) -> Array:
    """Change per pixel inside over that outside, from the shares of the change and of the pixels inside."""
    inside = share / np.maximum(area, 1e-12)
    outside = (1 - share) / np.maximum(1 - area, 1e-12)
    found: Array = inside / np.maximum(outside, 1e-12)
    return found


def _at_image(label_HW: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(label_HW.shape) == size:
        return label_HW
    down, right = (
        torch.arange(side, device=label_HW.device) * there // side
        for side, there in zip(size, label_HW.shape, strict=True)
    )
    return label_HW[down][:, right]


def _by_tangents(
    generator: Generator,
    wp_1LD: Tensor,
    codes: tuple[Tensor, ...],
    styled: Sequence[Layer],
    mask_RHW: Tensor,
    noise: str,
) -> tuple[Array, Array]:
    """Squared change [S, R] of every region, and [S] of the pixels of none."""
    masks_PR = torch.cat([mask_RHW, ~mask_RHW.any(0, keepdim=True)]).flatten(1).T.double()
    parts = []
    for style, layer in enumerate(styled):
        with torch.no_grad():
            state = generator.cache(codes, layer.index, noise=noise) if layer.index else None
        push = generator.tangent_map(codes, [style], noise=noise, start=state)
        left = generator.layers[layer.index :]
        largest = max(max(part.channels, 3) * part.resolution**2 for part in left) * 4
        chunk = int(max(4, min(MOST_TANGENTS, TANGENT_BYTES // largest)))
        unit = torch.eye(layer.style_dim, dtype=codes[style].dtype, device=codes[style].device)
        for step_cS in unit.split(chunk):
            with torch.no_grad():
                moved_cCHW = push([step_cS])
            parts.append(moved_cCHW.double().square().sum(1).flatten(1) @ masks_PR)
    found: Array = torch.cat(parts).cpu().numpy()
    return found[:, :-1], found[:, -1]


def _by_probes(
    generator: Generator, codes: tuple[Tensor, ...], mask_RHW: Tensor, probes: int, noise: str, random: torch.Generator
) -> tuple[Array, Array]:
    pullback = Pullback(generator, codes, range(len(codes)), noise)
    masks = torch.cat([mask_RHW, ~mask_RHW.any(0, keepdim=True)])
    at_once = images_at_once(generator, probes)
    sums = []
    for mask_HW in masks:
        total_S = torch.zeros(sum(code.numel() for code in codes), dtype=torch.float64, device=codes[0].device)
        if bool(mask_HW.any()):
            for first, last in parts(0, probes, at_once):
                shape = (last - first, *pullback.shape[1:])
                sign = torch.randint(0, 2, shape, generator=random).to(codes[0]) * 2 - 1
                back_NS = torch.cat(pullback(sign * mask_HW), 1)
                total_S += back_NS.double().square().sum(0)
        sums.append(total_S / probes)
    found: Array = torch.stack(sums, 1).cpu().numpy()
    return found[:, :-1], found[:, -1]
