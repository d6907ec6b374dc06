"""Codes that an optimisation starts from, brought to the space it works in: z to w to wp to styles, never back.

Legend: N images, L rows of wp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gantk.codes.given import given_codes
from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.generators.labels import one_class
from gantk.ghfeat.bridge import styles_to_wp
from gantk.ghfeat.codes import Codes
from gantk.ghfeat.files import EncoderFile
from gantk.ghfeat.metrics import at_size

ORDER = ("z", "w", "wp", "s")


def brought(
    generator: Generator, code: Tensor, given: str, space: str, label: Tensor | None = None
) -> tuple[Tensor, ...]:
    """Codes [N, ...] of the space `given`, untruncated, in `space`, which is no earlier: one tensor, or the styles.

    Args:
        label: [N] ids or [N, C] rows, of codes z of a conditional network.
    """
    if given == "z" and space != "z":
        code = generator.map(code, label)
    if space in ("z", "w"):
        return (code,)
    wp_NLD = code if given == "wp" else generator.expand(code)
    return tuple(generator.styles(wp_NLD)) if space == "s" else (wp_NLD,)


def label_of(generator: Generator, given: str | int | None) -> Tensor | None:
    """The class that is given, [1] or [1, C]; None for seeded ones.

    Raises:
        UsageError: the network has no such class.
    """
    one = one_class(given, generator.spec)
    return None if one is None else torch.tensor([one], device=generator.device)


def labels_of(generator: Generator, count: int, label: Tensor | None = None, seed: int = 0) -> Tensor | None:
    """A label [1] or [1, C] for all of so many codes, or seeded ones; None where the network takes none."""
    return generator.sample_label(count, seed) if label is None else label.expand(count, *label.shape[1:])


@dataclass(frozen=True, eq=False)
class Start:
    """Given codes of the space `given`, for an optimisation in `space`: [N, ...], or the styles."""

    generator: Generator
    given: str
    space: str
    codes: tuple[Tensor, ...]

    def __len__(self) -> int:
        return len(self.codes[0])

    @torch.no_grad()
    def of(self, first: int, last: int, label: Tensor | None = None) -> Sequence[Tensor]:
        """The codes of some images, in the optimisation's space: one tensor, or the styles.

        Args:
            label: [1] or [1, C] of a conditional network; default: seeded ones.
        """
        g = self.generator
        codes = [code[first:last].to(g.device, g.dtype) for code in self.codes]
        if self.given == "s":
            return codes
        return brought(g, codes[0], self.given, self.space, labels_of(g, len(codes[0]), label))


@torch.no_grad()
def encoded(generator: Generator, encoder: EncoderFile, image_NCHW: Tensor, space: str) -> Sequence[Tensor]:
    """What an encoder says of images on the generator's device: one tensor of w or wp, the nearest codes, or styles."""
    size = encoder.encoder.config.resolution
    styles = encoder.encoder(at_size(image_NCHW, size).contiguous(memory_format=torch.channels_last))
    if space == "s":
        return styles
    wp_NLD, _ = styles_to_wp(generator, styles)
    return [wp_NLD if space == "wp" else wp_NLD.mean(1)]


def start_of(generator: Generator, given: object, space: str | None) -> Start | None:
    """The start that codes give; None for None.

    Args:
        given: codes as `gantk.codes.given.given_codes` takes them, styles, or a result that carries either.
        space: of the optimisation; None is that of the codes.

    Raises:
        UsageError: the space lies before that of the codes. GantkError: they are no codes of this generator.
    """
    if given is None:
        return None
    carried = given if isinstance(given, Codes) else getattr(given, "codes", given)
    if isinstance(carried, Codes):
        known, tensors = "s", carried.tensors()
    else:
        found = given_codes(generator, carried)
        assert found is not None
        known, tensors = found.space, (torch.from_numpy(found.array.copy()).float(),)
    wanted = space or known
    if ORDER.index(wanted) < ORDER.index(known):
        raise UsageError(
            f"Codes of {known} cannot start an optimisation in {wanted}: give --space {known}, or leave it out."
        )
    return Start(generator, known, wanted, tuple(tensors))
