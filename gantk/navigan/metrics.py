"""How far two images are apart, as a squared length: what the curvature of a weight is measured with.

A metric embeds an image as a list of tensors so that the distance between two images is the squared Euclidean distance
between their embeddings. Then the Hessian of the mean distance with respect to a weight is exactly a Gauss-Newton
matrix (`gantk.navigan.curvature`).

Shape legend: N images, C channels, H x W pixels or places of a feature map, F features.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantk.errors import GantkError, UsageError
from gantk.predictors.base import Predictor
from gantk.predictors.resampling import resize

if TYPE_CHECKING:
    from gantk.navigan.options import MetricOptions

KINDS = ("maps", "features")
PIXELS, NONE = "pixels", "none"


class Metric:
    """A squared distance between images in [-1, 1] of any size.

    Args:
        predictor: whose feature maps or features are compared; None compares pixels.
        kind: `maps` compares feature maps place by place as LPIPS does, `features` the vector of a Frechet distance.
        size: images are brought to this square first; None leaves them.
        nearest: by picking pixels, as the released program does, and not by averaging areas.
    """

    def __init__(
        self, predictor: Predictor | None, kind: str = "maps", size: int | None = None, nearest: bool = False
    ) -> None:
        if kind not in KINDS:
            raise UsageError(f"A metric compares {' or '.join(KINDS)}, not {kind!r}.")
        self.predictor, self.kind, self.size, self.nearest = predictor, kind, size, nearest

    def fingerprint(self) -> object:
        """What it compares, and how."""
        from gantk.store.fingerprint import fingerprint

        return fingerprint([self.predictor, self.kind, self.size, self.nearest])

    @property
    def name(self) -> str:
        """What it compares, for cards and pages."""
        base = PIXELS if self.predictor is None else self.predictor.name
        suffix = " (features)" if self.predictor is not None and self.kind == "features" else ""
        return base + suffix + (f" at {self.size} pixels" if self.size else "")

    def embed(self, image_NCHW: Tensor) -> list[Tensor]:
        """Tensors [N, ...] whose summed squared differences are the distance."""
        image = self._sized(image_NCHW)
        if self.predictor is None:
            return [image / math.sqrt(image[0].numel())]
        if image.shape[1] == 1:
            image = image.expand(-1, 3, -1, -1)
        if self.kind == "features":
            feature_NF = self.predictor.features(image)
            return [feature_NF / math.sqrt(feature_NF.shape[1])]
        return [x / math.sqrt(x.shape[-2] * x.shape[-1]) for x in self.predictor.feature_maps(image)]

    def distance(self, a_NCHW: Tensor, b_NCHW: Tensor) -> Tensor:
        """The distance [N] of each pair."""
        return squared(self.embed(a_NCHW), self.embed(b_NCHW))

    def _sized(self, image_NCHW: Tensor) -> Tensor:
        if self.size is None:
            return image_NCHW
        if self.nearest:
            return F.interpolate(image_NCHW, size=(self.size, self.size))
        return resize(image_NCHW, self.size, self.size)


def squared(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """The distance [N] between embeddings."""
    return torch.stack([(x - y).square().flatten(1).sum(1) for x, y in zip(a, b, strict=True)]).sum(0)


def of_predictor(predictor: Predictor, kind: str = "maps", size: int | None = None, nearest: bool = False) -> Metric:
    """The distance that a predictor sees.

    Raises:
        GantkError: it has nothing of that kind to compare.
    """
    method = "feature_maps" if kind == "maps" else "features"
    if getattr(type(predictor), method) is getattr(Predictor, method):
        other = next(k for k in KINDS if k != kind)
        raise GantkError(
            f"The predictor {predictor.name!r} has no {'feature maps' if kind == 'maps' else 'features'} to measure a "
            "distance with: choose another --metric (demo, imagenet, lpips-vgg, pixels) or try --metric-kind "
            f"{other}."
        )
    return Metric(predictor, kind, size, nearest)


def load_metric(
    name: str,
    kind: str = "maps",
    size: int | None = None,
    device: str | torch.device = "cpu",
    nearest: bool = False,
) -> Metric:
    """A metric by name: `pixels`, or any predictor (`demo`, `imagenet`, `lpips-vgg`, a file, `module:callable`).

    Raises:
        GantkError: the predictor's files are absent, or it has nothing of that kind to compare.
    """
    if name == PIXELS:
        return Metric(None, "maps", size, nearest)
    from gantk.predictors.load import load_predictor

    return of_predictor(
        load_predictor(name, device, option="--metric").eval().requires_grad_(False), kind, size, nearest
    )


def metric_for(
    network: nn.Module,
    given: Metric | Predictor | str | None,
    options: MetricOptions,
    nearest: bool = False,
    needed: bool = True,
) -> Metric | None:
    """The metric that a command line names or Python gives, or the default one of a network, on the network's device.

    Args:
        given: a metric, a predictor, a name; "none" is no metric; None is `metric_name`'s choice.
        options: kind and size, where `given` is no metric yet.
        needed: whether the work needs one; where it does not and the default's files are not there, there is none.

    Raises:
        GantkError: there is no such metric, or no default; the sentence says what can be given.
    """
    from gantk.predictors.defaults import metric_name

    if isinstance(given, Metric):
        return given
    kind, size = options.metric_kind, options.metric_size or None
    if isinstance(given, Predictor):
        return of_predictor(given, kind, size, nearest)
    if given == NONE:
        if needed:
            raise UsageError("--metric none: this needs a distance between pictures: give pixels, or a predictor.")
        return None
    device = next((tensor.device for tensor in (*network.parameters(), *network.buffers())), torch.device("cpu"))
    if given is not None:
        return load_metric(given, kind, size, device, nearest)
    try:
        return load_metric(metric_name(network), kind, size, device, nearest)
    except GantkError:
        if needed:
            raise
        return None
