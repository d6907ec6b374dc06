"""The exact factors of a generator that knows them, behind the Predictor contract: scores of codes, not of images.

Legend: N samples, L rows of wp, D the width of a code, F factors.
"""

from __future__ import annotations

from typing import Unpack

from torch import Tensor

from gantk.errors import GantkError, UsageError
from gantk.generators.base import Drawing, Generator, WpOrStyles
from gantk.predictors.base import Predictor
from gantk.world.renderer import CLASSES, FACTOR_NAMES

NAME = "truth"


class ExactFactors(Predictor):
    """`attributes_of_codes` tells the factors exactly; an image has none that could be read without error.

    Raises:
        UsageError: the generator does not know its factors.
    """

    name = NAME
    attribute_names = FACTOR_NAMES
    class_names = CLASSES

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        factors = getattr(generator, "factors", None)
        if not callable(factors):
            raise UsageError(
                f"The predictor {NAME!r} is for demo-oracle, which knows its factors, and a {generator.spec.family} "
                "does not: choose another --predictor."
            )
        self._factors = factors

    def attributes_of_codes(self, wp_NLD: Tensor) -> Tensor:
        """The factors [N, F] of codes wp [N, L, D]."""
        exact: Tensor = self._factors(wp_NLD)
        return exact

    def segment_codes(self, generator: Generator, wp: WpOrStyles, **options: Unpack[Drawing]) -> Tensor:
        """Logarithms [N, K, H, W] of the share of each pixel that each class really covers."""
        masks = getattr(generator, "true_masks")  # noqa: B009  # of demo-oracle alone
        shares: Tensor = masks(wp)
        return shares.clamp_min(1e-6).log()

    def attributes(self, image_NCHW: Tensor) -> Tensor:
        raise GantkError(f"The predictor {NAME!r} knows codes, not images: use the predictor demo for images.")
