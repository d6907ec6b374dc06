"""What a probe looks at: features of several stages, of images (EfficientNet-Lite0) or of a generator's own maps.

Shape legend: N samples, C channels, H x W pixels of a map, P places, L rows of wp.

A map keeps where things are, pooled to 8 x 8 places at most: a smile is a matter of the mouth, and the mean over a
whole picture hardly sees it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

import torch
from torch import Tensor

from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.predictors.resampling import resize

if TYPE_CHECKING:
    from gantk.generators.base import Drawing, WpOrStyles
    from gantk.predictors.efficientnet_lite import ImageNet

PLACES = 8
SIDE = 128  # images are brought to this square
STAGES = (1, 2, 3)  # of EfficientNet-Lite0: maps of 32, 16 and 8 places a side
KINDS = ("imagenet", "maps", "both")
BATCH = 32


def pooled(map_NCHW: Tensor) -> Tensor:
    """Means over at most 8 x 8 places, [N, C, P]."""
    height, width = (min(PLACES, size) for size in map_NCHW.shape[-2:])
    return resize(map_NCHW, height, width).flatten(2)


def image_blocks(network: ImageNet, image_NCHW: Tensor, mirror: bool = True) -> list[Tensor]:
    """Blocks [N, C, P] of images [N, 3, H, W] in [-1, 1]: three stages, and the mean of the last map.

    Args:
        network: an `ImageNet`.
        mirror: whether the same of the mirror images follow.
    """
    found = []
    for image in (image_NCHW, image_NCHW.flip(3))[: 1 + mirror]:
        reading = network.read(image, SIDE)
        found += [*(pooled(reading.maps[stage]) for stage in STAGES), reading.head.mean((2, 3))[:, :, None]]
    return found


def default_maps(generator: Generator) -> tuple[str, ...]:
    """The last map of each resolution up to 64 that is no picture and more than one pixel."""
    mapped = [layer for layer in generator.layers if layer.has_map and not layer.is_rgb and layer.resolution > 1]
    last = {layer.resolution: layer.name for layer in mapped}
    names = tuple(name for resolution, name in last.items() if resolution <= 64)
    if not names:
        raise UsageError(f"This {generator.spec.family} has no maps to learn an attribute from: use images.")
    return names


def code_blocks(
    generator: Generator,
    wp: WpOrStyles,
    taps: Sequence[str],
    network: ImageNet | None = None,
    mirror: bool = True,
    **options: Unpack[Drawing],
) -> list[Tensor]:
    """Blocks [N, C, P] of what a generator makes of codes: its maps and, with a `network`, the image's blocks first.

    Args:
        mirror: whether the same follow with mirrored images; maps are never mirrored, which did not help
            (docs/truth.md), so that without a `network` nothing follows.
    """
    image, maps = generator.trace(wp, taps, image=network is not None, **options)
    read = [pooled(maps[tap]) for tap in taps]
    if network is None or image is None:
        return read
    seen = image_blocks(network, image, mirror)
    size = len(seen) // (1 + mirror)
    return [*seen[:size], *read, *seen[size:], *read] if mirror else [*seen, *read]


@torch.inference_mode()
def all_blocks(parts: Sequence[Sequence[Tensor]]) -> list[Any]:
    """Blocks of batches joined, as numpy arrays."""
    return [torch.cat([part[i] for part in parts]).float().cpu().numpy() for i in range(len(parts[0]))]
