"""Less memory where an image is differentiated: few images at once, and no more than one resolution's maps kept.

Legend: N samples, C channels, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from gantk.generators.base import Generator, Noise, State

AT_ONCE = 8 * 256 * 256  # pixels of the images that are differentiated together
LARGE = 512  # pixels of a side from which on maps are made again in the backward pass


def images_at_once(generator: Generator, most: int) -> int:
    """How many images fit: 8 up to 256 x 256, 2 at 512, 1 at 1024, and at most `most`."""
    return max(1, min(most, AT_ONCE // (generator.spec.height * generator.spec.width)))


def synthesize_frugally(generator: Generator, codes: Tensor | Sequence[Tensor], noise: Noise = "const") -> Tensor:
    """`Generator.synthesize`, [N, C, H, W]: the same image and the same derivatives.

    From 512 pixels on the layers run resolution by resolution, and the backward pass makes the maps of each again, so
    that those of one are held at a time: a third more arithmetic (Chen et al. 2016). Without gradients, and for
    families without styles, nothing is different.
    """
    spec = generator.spec
    if spec.resolution < LARGE or "s" not in spec.spaces or not torch.is_grad_enabled():
        return generator.synthesize(codes, noise=noise)
    styles = generator.styles(codes) if isinstance(codes, Tensor) else tuple(codes)
    starts = [0]
    for before, layer in pairwise(generator.layers):
        if layer.resolution != before.resolution and layer.resolution >= LARGE // 4:
            starts.append(layer.index)
    state: State | None = None
    for stop in starts[1:]:
        state = checkpoint(_to, generator, styles, stop, state, noise, use_reentrant=False, preserve_rng_state=False)
    image: Tensor = checkpoint(
        generator.synthesize, styles, start=state, noise=noise, use_reentrant=False, preserve_rng_state=False
    )
    return image


def _to(generator: Generator, styles: Sequence[Tensor], stop: int, state: State | None, noise: Noise) -> State:
    return generator.cache(styles, stop, start=state, noise=noise)
