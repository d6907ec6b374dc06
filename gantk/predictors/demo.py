"""The predictor of the bundled world: its eleven factors and ten classes, read from an image by two small networks.

Shapes
  N  images    A  factors    K  classes    F  features    C, H, W  image or map
Images of any size are resized to 64 x 64. Every method can be differentiated any number of times.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from gantk.checkpoints.frugal import frugal
from gantk.errors import GantkError
from gantk.predictors.base import Predictor
from gantk.predictors.distance import unit_vectors
from gantk.predictors.networks import RESOLUTION, AttributeNetwork, Reading, Segmenter
from gantk.predictors.resampling import resize
from gantk.predictors.weights import WeightFile, read_bundled, read_weights
from gantk.store.channels import colours


class DemoPredictor(Predictor):
    """Factors in their own units, classes, features and feature maps of scenes of the bundled world.

    The factors are estimates and are not cut to their ranges: an image can be read as 3.1 trees, and a gradient passes
    everywhere. `tree_size` is about one half where there is no tree.
    """

    low_A: Tensor
    span_A: Tensor

    def __init__(self, attributes: WeightFile | None = None, segmenter: WeightFile | None = None, name: str = "demo"):
        super().__init__()
        self.name = name
        self.attribute_network: AttributeNetwork | None = None
        self.segmenter: Segmenter | None = None
        if attributes is not None:
            self.attribute_names = attributes.names
            low_A = torch.tensor(attributes.header["low"])
            self.register_buffer("low_A", low_A, persistent=False)
            self.register_buffer("span_A", torch.tensor(attributes.header["high"]) - low_A, persistent=False)
            self.attribute_network = AttributeNetwork(attributes.config)
            self.attribute_network.load_state_dict(attributes.state)
        if segmenter is not None:
            self.class_names = segmenter.names
            self.segmenter = Segmenter(segmenter.config)
            self.segmenter.load_state_dict(segmenter.state)
        self.requires_grad_(False).eval().to(memory_format=torch.channels_last)

    @classmethod
    def bundled(cls) -> DemoPredictor:
        """The two networks that come with gantk."""
        return cls(read_bundled("attributes"), read_bundled("segmenter"))

    @classmethod
    def from_path(cls, path: Path) -> DemoPredictor:
        """A weight file of either kind, or a folder with attributes.safetensors, segmenter.safetensors or both."""
        files = [path]
        if path.is_dir():
            files = [file for kind in ("attributes", "segmenter") if (file := path / f"{kind}.safetensors").is_file()]
            if not files:
                raise GantkError(f"{path} has neither attributes.safetensors nor segmenter.safetensors in it.")
        read = {weights.kind: weights for weights in map(read_weights, files)}
        numbers = sum(value.numel() for weights in read.values() for value in weights.state.values())
        try:
            with frugal(numbers):  # whatever sizes a header claims
                return cls(read.get("attributes"), read.get("segmenter"), name=str(path))
        except (LookupError, TypeError, ValueError, RuntimeError, ArithmeticError) as error:
            raise GantkError(f"{path} holds no network of a gantk predictor that can be built ({error}).") from error

    def read(self, image_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Scores [N, A] and features [N, F] in one pass."""
        reading = self._read(image_NCHW, "attributes")
        return self.low_A + self.span_A * reading.output_NA, reading.feature_NF

    def attributes(self, image_NCHW: Tensor) -> Tensor:
        return self.read(image_NCHW)[0]

    def features(self, image_NCHW: Tensor) -> Tensor:
        return self._read(image_NCHW, "features").feature_NF

    def feature_maps(self, image_NCHW: Tensor) -> list[Tensor]:
        return [unit_vectors(x) for x in self._read(image_NCHW, "feature maps").maps]

    def maps_and_attributes(self, image_NCHW: Tensor) -> tuple[list[Tensor], Tensor]:
        reading = self._read(image_NCHW, "feature maps")
        return [unit_vectors(x) for x in reading.maps], self.low_A + self.span_A * reading.output_NA

    def segment(self, image_NCHW: Tensor) -> Tensor:
        image_NCHW = colours(image_NCHW)
        if self.segmenter is None:
            raise self._lacks("a segmentation")
        logit_NKHW = self.segmenter(resize(image_NCHW, RESOLUTION, RESOLUTION))
        return resize(logit_NKHW, *image_NCHW.shape[-2:])

    def _read(self, image_NCHW: Tensor, what: str) -> Reading:
        image_NCHW = colours(image_NCHW)
        if self.attribute_network is None:
            raise self._lacks(what)
        return self.attribute_network(resize(image_NCHW, RESOLUTION, RESOLUTION))
