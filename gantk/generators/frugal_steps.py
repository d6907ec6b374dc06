"""Less memory where an image is differentiated: few images at once, and no more than one large layer's maps kept.

Legend: N samples, C channels, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from gantk.generators.base import Generator, Noise, State

AT_ONCE = 8 * 256 * 256  # pixels of the images that are differentiated together
LARGE = 512  # pixels of a side from which on maps are made again in the backward pass


def images_at_once(generator: Generator, most: int) -> int:
    """How many images fit: 8 up to 256 x 256, 2 at 512, 1 at 1024, and at most `most`."""
    return max(1, min(most, AT_ONCE // (generator.spec.height * generator.spec.width)))


def makes_maps_again(generator: Generator) -> bool:
    """Whether the backward pass does, because all of them would be too many."""
    return generator.spec.resolution >= LARGE and "s" in generator.spec.spaces


def synthesize_frugally(
    generator: Generator, codes: Tensor | Sequence[Tensor], noise: Noise = "const", start: State | None = None
) -> Tensor:
    """`Generator.synthesize`, [N, C, H, W]: the same image and the same derivatives.

    From 512 pixels on the large layers run convolution by convolution, and the backward pass makes the maps of each
    again, so that those of one are held at a time: a third more arithmetic (Chen et al. 2016). Without gradients, and
    for families without styles, nothing is different.
    """
    if not makes_maps_again(generator) or not torch.is_grad_enabled():
        return generator.synthesize(codes, start=start, noise=noise)
    styles = generator.styles(codes) if isinstance(codes, Tensor) else tuple(codes)
    state = start
    for layer in generator.layers[1 if start is None else start.index + 1 :]:
        if layer.is_rgb or layer.resolution < LARGE // 4:
            continue
        state = checkpoint(
            _to, generator, styles, layer.index, state, noise, use_reentrant=False, preserve_rng_state=False
        )
    image: Tensor = checkpoint(
        generator.synthesize, styles, start=state, noise=noise, use_reentrant=False, preserve_rng_state=False
    )
    return image


class Pullback:
    """The transpose of the derivative of one image by its codes: one pass forward, then any number of cotangents.

    Args:
        codes: styles, or wp alone in a family without styles; of one image.
        moving: places of the codes by which it is differentiated.
        start: a cached state; every moving style belongs to a layer at or after it.
    """

    def __init__(
        self,
        generator: Generator,
        codes: Sequence[Tensor],
        moving: Sequence[int],
        noise: Noise = "const",
        start: State | None = None,
    ) -> None:
        self._generator = generator
        leaves = [code.detach() for code in codes]
        self._moving = [leaves[place].requires_grad_() for place in moving]
        with torch.enable_grad():
            given = leaves if "s" in generator.spec.spaces else leaves[0]
            self._image_1CHW = synthesize_frugally(generator, given, noise, start)

    @property
    def shape(self) -> torch.Size:
        """Of the image, [1, C, H, W]."""
        return self._image_1CHW.shape

    def __call__(self, cotangent_NCHW: Tensor) -> tuple[Tensor, ...]:
        """Gradients [N, ...] of the moving codes, for each cotangent of the image."""
        few = 1 if makes_maps_again(self._generator) else images_at_once(self._generator, len(cotangent_NCHW))
        found = [self._some(part) for part in cotangent_NCHW.split(few)]
        return tuple(torch.cat(parts) for parts in zip(*found, strict=True))

    def _some(self, part_NCHW: Tensor) -> tuple[Tensor, ...]:
        if len(part_NCHW) == 1:
            return torch.autograd.grad(self._image_1CHW, self._moving, part_NCHW, retain_graph=True)
        batched = torch.autograd.grad(
            self._image_1CHW, self._moving, part_NCHW[:, None], retain_graph=True, is_grads_batched=True
        )
        return tuple(gradient[:, 0] for gradient in batched)


def _to(generator: Generator, styles: Sequence[Tensor], stop: int, state: State | None, noise: Noise) -> State:
    return generator.cache(styles, stop, start=state, noise=noise)
