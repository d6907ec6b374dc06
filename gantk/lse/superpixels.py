"""Superpixels: pieces of a picture that are labelled with one click.

k-means of position, colour and the generator's own maps, begun on a grid and without any randomness, so that the same
picture has the same pieces.

Shape legend: S side of the labels, P = S * S pixels, K pieces, D numbers of a pixel, H x W image.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from gantk.generators.base import Generator

SIZES = {"small": 400, "medium": 150, "large": 60}  # how many pieces a picture has, about
MAPS = 6  # principal components of the maps
STEPS = 10
POSITION, COLOUR, FEATURES = 1.0, 0.6, 0.6  # distance of neighbouring seeds; one deviation of the others
BLOCK = 1 << 22  # distances at once


def superpixels(generator: Generator, wp_1LD: Tensor, side: int, size: str = "medium") -> npt.NDArray[np.uint16]:
    """Number of the piece [S, S] that each pixel of one code's picture belongs to.

    Args:
        side: S, of the label maps.
        size: of the pieces, of SIZES: small, medium or large.
    """
    cells = max(1, round(math.sqrt(SIZES[size])))
    with torch.no_grad():
        x_PD = _numbers(generator, wp_1LD, side, cells)
        return kmeans(x_PD, _grid(side, cells).to(x_PD.device)).reshape(side, side).cpu().numpy().astype(np.uint16)


def _numbers(generator: Generator, wp: Tensor, side: int, cells: int) -> Tensor:
    """What pixels are compared by: place in cells, colour and maps in deviations."""
    names = _maps(generator, side)
    image, maps = generator.trace(wp, names, image=True)
    assert image is not None
    place = torch.stack(torch.meshgrid(*[(torch.arange(side, device=image.device) + 0.5) * cells / side] * 2,
                                       indexing="ij")).flatten(1).T  # fmt: skip
    parts = [POSITION * place, COLOUR * _unit(_at(image, side))]
    if names:
        whole = torch.cat([_unit(_at(maps[name], side)) / math.sqrt(maps[name].shape[1]) for name in names], 1)
        parts.append(FEATURES * _components(whole))
    return torch.cat([part.float() for part in parts], 1)


def _maps(generator: Generator, side: int) -> list[str]:
    """The last map of each of the two largest resolutions that the label maps can show."""
    fitting = [
        layer for layer in generator.layers if layer.has_map and not layer.is_rgb and 4 < layer.resolution <= side
    ]
    last = {layer.resolution: layer.name for layer in fitting}
    return [last[resolution] for resolution in sorted(last)[-2:]]


def _at(x_1CHW: Tensor, side: int) -> Tensor:
    """[P, C] at the labels' size."""
    x = x_1CHW.float()
    smaller = x.shape[-1] > side
    x = F.interpolate(x, (side, side), mode="area") if smaller else F.interpolate(x, (side, side), mode="bilinear")
    return x[0].flatten(1).T


def _unit(x_PC: Tensor) -> Tensor:
    centred = x_PC - x_PC.mean(0)
    return centred / centred.square().mean().sqrt().clamp_min(1e-6)


def _components(x_PC: Tensor) -> Tensor:
    """The leading principal components, together of one deviation."""
    _, vectors = torch.linalg.eigh((x_PC.T @ x_PC).double())
    found = x_PC @ vectors[:, -MAPS:].to(x_PC.dtype)
    return found / found.square().sum(1).mean().sqrt().clamp_min(1e-6)


def _grid(side: int, cells: int) -> Tensor:
    """Pixels [K] in the middle of each cell."""
    middle = ((torch.arange(cells) + 0.5) * side / cells).long().clamp_max(side - 1)
    return (middle[:, None] * side + middle[None]).flatten()


def kmeans(x_PD: Tensor, seeds_K: Tensor) -> Tensor:
    """The nearest centre [P] of each row, after Lloyd's steps from the rows `seeds_K`."""
    centre_KD = x_PD[seeds_K].clone()
    nearest = torch.zeros(len(x_PD), dtype=torch.long, device=x_PD.device)
    for _ in range(STEPS):
        rows = max(1, BLOCK // len(centre_KD))
        found = torch.cat([torch.cdist(part, centre_KD).argmin(1) for part in x_PD.split(rows)])
        if bool((found == nearest).all()):
            break
        nearest = found
        sums = torch.zeros_like(centre_KD).index_add_(0, nearest, x_PD)
        count_K1 = torch.bincount(nearest, minlength=len(centre_KD))[:, None]
        centre_KD = torch.where(count_K1 > 0, sums / count_K1.clamp_min(1), centre_KD)
    return nearest
