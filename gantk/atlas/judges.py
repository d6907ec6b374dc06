"""Who looks at moved samples: attributes, regions, features and a perceptual distance, each from what is there.

Legend: N samples, A attributes, R regions, F features, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from gantk.errors import UsageError
from gantk.generators.base import Generator, WpOrStyles
from gantk.predictors.base import Predictor
from gantk.predictors.reading import coloured

ReadCodes = Callable[[WpOrStyles], Tensor]


@dataclass(frozen=True, eq=False)
class Judge:
    """What the yardstick looks with.

    Attributes:
        metric: a predictor with feature maps, for the perceptual distance, the effect vectors and the steadiness.
        attributes: a predictor with attributes; None without names.
        exact: attributes [N, A] of codes (wp or styles), where a generator knows them; it comes before `attributes`.
        attribute_names: [A].
        segmenter: whose classes are the regions; None has none.
        features: a predictor by whose features samples are near what the generator draws; None measures no range.
    """

    metric: Predictor
    attributes: Predictor | None = None
    exact: ReadCodes | None = None
    attribute_names: tuple[str, ...] = ()
    segmenter: Predictor | None = None
    features: Predictor | None = None

    @property
    def region_names(self) -> tuple[str, ...]:
        return () if self.segmenter is None else self.segmenter.class_names

    @property
    def sees_images(self) -> bool:
        """Whether the segmenter looks at images, so that it can look at any moved sample."""
        return self.segmenter is not None and has(self.segmenter, "segment")

    def look(self, image_NCHW: Tensor, codes: WpOrStyles | None = None) -> tuple[list[Tensor], Tensor]:
        """Feature maps, and attributes [N, A] (none: [N, 0])."""
        image = coloured(image_NCHW)
        if self.exact is not None and codes is not None:
            return self.metric.feature_maps(image), self.exact(codes)
        if self.attributes is None:
            return self.metric.feature_maps(image), image.new_zeros(len(image), 0)
        if self.attributes is self.metric:
            return self.metric.maps_and_attributes(image)
        return self.metric.feature_maps(image), self.attributes.attributes(image)

    def classes(self, image_NCHW: Tensor) -> Tensor:
        """The region of every pixel of images, [N, H, W]."""
        assert self.segmenter is not None
        return self.segmenter.segment(coloured(image_NCHW)).argmax(1)


def judge_of(
    generator: Generator,
    predictor: Predictor | None,
    segmenter: Predictor | None = None,
    exact: ReadCodes | None = None,
    metric: Predictor | None = None,
    features: Predictor | None = None,
) -> Judge:
    """A judge made of one predictor, as far as it goes, and others where it does not.

    Args:
        predictor: attributes, features, classes and feature maps, whichever it has.
        segmenter: in place of the predictor's classes: a head, say.
        exact: see `Judge`; the names are then the predictor's.
        metric: in place of the predictor's feature maps; needed where it has none.
        features: in place of the predictor's and the metric's.

    Raises:
        UsageError: nothing has feature maps.
    """
    maps = metric or predictor
    if maps is None or not has(maps, "feature_maps"):
        raise UsageError(
            f"{'No predictor' if maps is None else f'The predictor {maps.name!r}'} has feature maps to measure changes "
            "in: give a metric that has (demo, lpips-alex, lpips-vgg)."
        )
    names = () if predictor is None else predictor.attribute_names
    reader = predictor if predictor is not None and names and has(predictor, "attributes") else None
    sees = segmenter or (predictor if predictor is not None and predictor.class_names else None)
    features = next((p for p in (features, predictor, maps) if p is not None and has(p, "features")), None)
    return Judge(maps, reader, exact, tuple(names) if reader is not None or exact is not None else (), sees, features)


def has(predictor: Predictor, method: str) -> bool:
    """Whether a predictor can do what a method of the contract asks."""
    if getattr(type(predictor), method) is getattr(Predictor, method):
        return False
    return method != "segment" or not hasattr(predictor, "info")  # a head has the method only to refuse it
