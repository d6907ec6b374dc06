"""How much memory one sample needs in a generator: a closed form of the maps that its layers say they have.

A pass without gradients has the widest map a few times at once (its input, its output, and what the step between them
makes); with gradients all maps stay, each with what its step keeps. Measured on random StyleGAN2 and StyleGAN3 networks
of 1024 pixels (docs/full-size.md): a pass of one sample takes 448 MB and 1.4 GB, the form says 537 MB and 1.4 GB.
"""

from __future__ import annotations

from gantk.generators.base import Generator

AT_ONCE = 4  # of the widest map, in a pass without gradients
KEPT = 5  # of every map, for a pass back
NUMBER = 4  # bytes of a float32; half precision is not counted on, because few layers have it


def sample_bytes(generator: Generator, gradients: bool = False, until: int | None = None) -> int:
    """Bytes that a sample adds to a pass.

    Args:
        gradients: whether a pass back follows.
        until: index of the layer that the pass ends with; None is the image.
    """
    spec = generator.spec
    layers = [layer for layer in generator.layers if layer.has_map and (until is None or layer.index <= until)]
    maps = [layer.height * layer.width * layer.channels for layer in layers]
    if until is None or not maps:
        maps.append(spec.height * spec.width * spec.image_channels)
    return NUMBER * (KEPT * sum(maps) if gradients else AT_ONCE * max(maps))
