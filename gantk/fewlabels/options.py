"""Options and inputs of `gantk train-predictor`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gantk.runs.options import Options, argument, option
from gantk.runs.task import Inputs

SUGGESTED, UNLABELLED = 20, 1000


@dataclass(frozen=True, kw_only=True)
class LabelledImages(Inputs):
    """Images and labels of some of them."""

    images: str = argument("IMAGES", "A folder of images; where LABELS is left out, it has two folders in it.")
    labels: str | None = argument(
        "[LABELS]", "A CSV file (image,ATTRIBUTE,...), or a folder of two such as smile and no_smile.", None,
    )  # fmt: skip
    device: str = option("auto", "Device: cpu, cuda, cuda:N; auto takes a GPU when there is one.", identity=False)

    def load(self, options: TrainPredictorOptions) -> dict[str, object]:
        from gantk.generators.devices import resolve_device
        from gantk.predictors.efficientnet_lite import ImageNet
        from gantk.predictors.label_files import read_labels

        table = read_labels(self.images) if self.labels is None else read_labels(self.labels, self.images)
        network = ImageNet.from_file().to(resolve_device(self.device))
        return {"images": table.first(options.unlabelled), "network": network}

    def stem(self) -> str:
        return Path(self.images).name or "images"


@dataclass(frozen=True, kw_only=True)
class TrainPredictorOptions(Options):
    suggest: int | None = option(
        None, "Number of images to label next, the most uncertain ones.", least=0, default_text=str(SUGGESTED)
    )
    unlabelled: int = option(UNLABELLED, "Number of images without a label that are looked at, at most.", least=0)
    name: str = option("few-labels", "Name of the predictor.")
