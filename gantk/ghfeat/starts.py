"""Codes that an optimisation starts from, brought to the space it works in: z to w to wp to styles, never back.

Legend: N images, L rows of wp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.ghfeat.codes import Codes

ORDER = ("z", "w", "wp", "s")


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
    def of(self, first: int, last: int, label: Tensor | None = None) -> Tensor | Sequence[Tensor]:
        """The codes of some images, in the optimisation's space.

        Args:
            label: [1] or [1, C] of a conditional network; default: seeded ones.
        """
        g = self.generator
        codes = [code[first:last].to(g.device, g.dtype) for code in self.codes]
        if self.given == self.space:
            return codes if self.space == "s" else codes[0]
        code = codes[0]
        if self.given == "z":
            count = len(code)
            named = g.sample_label(count) if label is None else label.expand(count, *label.shape[1:])
            code = g.map(code, named)
        if self.space == "w":
            return code
        wp_NLD = code if self.given == "wp" else g.expand(code)
        return wp_NLD if self.space == "wp" else list(g.styles(wp_NLD))


def start_of(generator: Generator, given: object, space: str | None) -> Start | None:
    """The start that codes give; None for None.

    Args:
        given: codes as `gantk.codes.given.given_codes` takes them, styles, or a result that carries either.
        space: of the optimisation; None is that of the codes.

    Raises:
        UsageError: the space lies before that of the codes. GantkError: they are no codes of this generator.
    """
    from gantk.codes.given import given_codes

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
