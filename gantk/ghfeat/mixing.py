"""Style mixing and pasting: codes of several images put together, and regions of images.

Shape legend: N images, E styled layers, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from gantk.errors import UsageError
from gantk.ghfeat.codes import entries_of
from gantk.ghfeat.pictures import Size, sides_of
from gantk.pictures.shapes import BOX, parse_box, parse_numbers

Styles = tuple[Tensor, ...]


def mix(content: Sequence[Tensor], style: Sequence[Tensor], rows: Sequence[int], row_of: Sequence[int]) -> Styles:
    """The layers that `rows` feed from `style`, the others from `content`; each [N, C_l].

    All rows give `style`, none gives `content`.
    """
    taken = set(entries_of(rows, row_of))
    return tuple(b if entry in taken else a for entry, (a, b) in enumerate(zip(content, style, strict=True)))


def pairs_of_rows(num_rows: int) -> list[list[int]]:
    """The paper's grid of mixtures: rows two by two, finest first (levels 0-1, 2-3, ...)."""
    return [
        [row for row in (num_rows - 2 - level, num_rows - 1 - level) if row >= 0] for level in range(0, num_rows, 2)
    ]


def box_mask(box: str, size: Size) -> Tensor:
    """[H, W] of ones inside TOP,LEFT,BOTTOM,RIGHT, in pixels, or in shares of the image where all are at most 1.

    Args:
        size: of the image: of a square, or (height, width).

    Raises:
        UsageError: four numbers are expected, in order and inside the image.
    """
    height, width = sides_of(size)
    numbers = parse_numbers(box)
    shares = bool(numbers) and max(numbers) <= 1
    form = f"--box {BOX} such as 16,16,48,48 or 0.25,0.25,0.75,0.75"
    if not shares and any(0 < number < 1 for number in numbers):
        raise UsageError(f"The box {box!r} mixes pixels and shares of the image: write {form}.")
    edges = parse_box(box, f"The box {box!r}", form, 1 if shares else max(height, width))
    down, across = (height, width) if shares else (1, 1)
    top, bottom = round(edges.top * down), round(edges.bottom * down)
    left, right = round(edges.left * across), round(edges.right * across)
    if top == bottom or left == right:
        raise UsageError(f"The box {box!r} covers no pixel of an image of {width} x {height} pixels.")
    if bottom > height or right > width:
        raise UsageError(f"The box {box!r} reaches beyond an image of {width} x {height} pixels.")
    mask = torch.zeros(height, width)
    mask[top:bottom, left:right] = 1
    return mask


def feather(mask_HW: Tensor, pixels: float) -> Tensor:
    """A mask with soft edges: blurred by a Gaussian of this deviation; 0 leaves it as it is."""
    if pixels <= 0:
        return mask_HW
    radius = max(1, round(3 * pixels))
    places = torch.arange(-radius, radius + 1, dtype=mask_HW.dtype)
    line = torch.exp(-places.square() / (2 * pixels**2))
    line = (line / line.sum()).view(1, 1, -1, 1)
    padded = F.pad(mask_HW[None, None], (radius,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, line), line.transpose(2, 3))[0, 0]


def paste(base_NCHW: Tensor, patch_NCHW: Tensor, mask_HW: Tensor) -> Tensor:
    """The patch where the mask is 1, the base where it is 0."""
    return torch.lerp(base_NCHW, patch_NCHW, mask_HW.to(base_NCHW))
