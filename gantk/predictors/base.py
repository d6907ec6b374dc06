"""The Predictor contract: everything a system may ask about what an image shows.

Shapes
  N  images    A  attributes    G  categories    K  classes of a segmentation    F  features    C, H, W  image or map
Images are image_NCHW float in [-1, 1], of any size; what a predictor does not have raises GantkError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import torch
from torch import Tensor, nn

from gantk.errors import GantkError

if TYPE_CHECKING:
    from gantk.generators.base import Drawing, Generator, WpOrStyles


class Predictor(nn.Module):
    """Base of every predictor. A predictor fills in what it can do; the rest answers with one sentence.

    `attribute_names`, `category_names` and `class_names` name the columns of `attributes`, `categories` and `segment`,
    and are empty where there is none.
    """

    name: str = "predictor"
    attribute_names: tuple[str, ...] = ()
    category_names: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    code: str | None = None  # checksum of the file that defines it, where a user named code of their own

    def fingerprint(self) -> object:
        """What it is for the identity of a run: its names, its weights, and the code where that is a user's own."""
        from gantk.store.fingerprint import of_module

        names = [self.name, list(self.attribute_names), list(self.category_names), list(self.class_names)]
        return [*names, of_module(self), self.code]

    def attributes(self, image_NCHW: Tensor) -> Tensor:
        """Scores [N, A], in the attributes' own units."""
        raise self._lacks("attributes")

    def categories(self, image_NCHW: Tensor) -> Tensor:
        """Probabilities [N, G] that sum to one."""
        raise self._lacks("categories")

    def segment(self, image_NCHW: Tensor) -> Tensor:
        """Class logits [N, K, H, W], as large as the images."""
        raise self._lacks("a segmentation")

    def segment_codes(self, generator: Generator, wp: WpOrStyles, **options: Unpack[Drawing]) -> Tensor:
        """Class logits [N, K, S, S] of what a generator draws for codes; `options` are those of `synthesize`.

        A network renders and looks. A head reads the generator's maps instead, and the truth of a generator that knows
        its classes is exact: a system that wants masks asks here and need not know which it was given.
        """
        return self.segment(generator.synthesize(wp, **options))

    def features(self, image_NCHW: Tensor) -> Tensor:
        """The features [N, F] in which a Frechet distance is taken."""
        raise self._lacks("features")

    def feature_maps(self, image_NCHW: Tensor) -> list[Tensor]:
        """Maps [N, C, H, W], finest first, whose vectors have length one: a perceptual distance compares them."""
        raise self._lacks("feature maps")

    def maps_and_attributes(self, image_NCHW: Tensor) -> tuple[list[Tensor], Tensor]:
        """`feature_maps` and `attributes`, in one pass where a predictor can."""
        return self.feature_maps(image_NCHW), self.attributes(image_NCHW)

    @property
    def device(self) -> torch.device:
        """Where its weights are; the CPU when it has none."""
        return next((tensor.device for tensor in self.parameters()), torch.device("cpu"))

    def _lacks(self, what: str) -> GantkError:
        return GantkError(f"The predictor {self.name!r} has no {what.removeprefix('a ')}; use one that has.")
