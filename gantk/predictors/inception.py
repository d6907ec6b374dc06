"""Inception-v3 as the FID of Heusel et al. (2017) uses it, through torch-fidelity: only its distances are FID and KID.

Shape legend: N images, H x W pixels.
"""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path

import torch
from torch import Tensor

from gantk.errors import GantkError
from gantk.predictors.base import Predictor
from gantk.predictors.public_files import require_file
from gantk.store.channels import colours

NAME = "inception"
FILE = "weights-inception-2015-12-05-6726825d.pth"
INSTALL = "pip install 'gantk[fid]'"


class Inception(Predictor):
    """2048 features of pictures as they are in files: 8 bits, brought to 299 x 299 as TensorFlow does."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.name = NAME
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except ImportError as error:
            raise GantkError(f"The features of Inception are read through torch-fidelity: {INSTALL}.") from error
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            plain = io.BytesIO()  # torch-fidelity would run what is in the file: it gets tensors only
            torch.save(dict(state), plain)
            plain.seek(0)
            self.network = FeatureExtractorInceptionV3(NAME, ["2048"], plain)
        except Exception as error:  # whatever a damaged file or another network raises
            raise GantkError(
                f"{path} does not hold torch-fidelity's weights of Inception: get {FILE} again."
            ) from error
        self.requires_grad_(False).eval()

    @classmethod
    def from_files(cls) -> Inception:
        """The installed package with the weights that lie in a folder of predictors, or that torch.hub has fetched.

        Raises:
            GantkError: the package or the file is absent (it says how to get it), or damaged.
        """
        if importlib.util.find_spec("torch_fidelity") is None:
            raise GantkError(f"The features of Inception are read through torch-fidelity: {INSTALL}.")
        return cls(require_file("Inception", "github.com/toshas/torch-fidelity, release v0.2.0", FILE))

    def features(self, image_NCHW: Tensor) -> Tensor:
        pixels = colours(image_NCHW).float().add(1.0).mul(127.5).add(0.5).clamp(0, 255).to(torch.uint8)
        (feature_NF,) = self.network(pixels)
        result: Tensor = feature_NF
        return result
