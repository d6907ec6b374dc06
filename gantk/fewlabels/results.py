"""The result of `gantk train-predictor`.

Shape legend: A attributes, D features.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from gantk.fewlabels.claims import TRAIN_PREDICTOR
from gantk.predictors.linear_probe import AttributeCard
from gantk.runs.claims import Claims
from gantk.runs.results import Export, Result, record
from gantk.runs.structure import Image
from gantk.store.files import write_atomic
from gantk.store.text import csv_bytes

if TYPE_CHECKING:
    from gantk.predictors.efficientnet_lite import ImageNet
    from gantk.predictors.few_labels import FewLabels

FILE, SUGGESTED = "predictor.safetensors", "label-next.csv"


@record
class Seen:
    """One image and what is said of it.

    Attributes:
        file: its name in the folder.
        score: a probability, or a number in the label's unit. Of a labelled image: by a probe that did not have it.
        label: None where there is none.
    """

    file: str
    score: float
    label: float | None
    image: Image


@record
class Learned:
    """An attribute.

    Attributes:
        card: how good its scores are on labels that were left out.
        doubted: labelled images whose score is furthest from their label, the furthest first: typing errors are here.
        suggested: images without a label that the predictor is least sure of, the least sure first.
        least, most: images without a label with the lowest and the highest scores.
    """

    card: AttributeCard
    doubted: tuple[Seen, ...]
    suggested: tuple[Seen, ...]
    least: tuple[Seen, ...]
    most: tuple[Seen, ...]


@record
class TrainedPredictor(Result):
    """A predictor of attributes from few labels.

    Attributes:
        name: what it is called.
        attributes: A of them.
        labelled, unlabelled: numbers of images that were looked at.
        weight_AD, bias_A: of the linear probe.
    """

    TASK: ClassVar[str] = "train-predictor"
    CLAIMS: ClassVar[Claims[TrainedPredictor]] = TRAIN_PREDICTOR
    name: str
    attributes: tuple[Learned, ...]
    labelled: int
    unlabelled: int
    weight_AD: npt.NDArray[np.float32]
    bias_A: npt.NDArray[np.float32]

    def lines(self) -> tuple[str, ...]:
        found = [each.card.sentence() for each in self.attributes]
        for each in self.attributes:
            if each.suggested:
                names = ", ".join(seen.file for seen in each.suggested)
                found.append(f"Label next for {each.card.name}: {names}")
        return tuple(found)

    def table(self) -> list[dict[str, object]]:
        return [
            {
                "attribute": card.name, "labels": card.labels, "positives": card.positives if card.is_class else None,
                "accuracy": card.accuracy, "low": card.low, "high": card.high, "balanced": card.balanced,
                "auc": card.auc,
            }
            for card in (each.card for each in self.attributes)
        ]  # fmt: skip

    def exports(self) -> Iterator[Export]:
        yield Export(FILE, self._save, "the predictor, for --predictor")
        if any(each.suggested for each in self.attributes):
            yield Export(SUGGESTED, self._suggest, "images to label next: fill in, and append to the labels")

    def predictor(self, network: ImageNet | None = None) -> FewLabels:
        """The predictor itself; every verb takes it.

        Args:
            network: an `ImageNet`, by default the installed one.

        Raises:
            GantkError: the features of ImageNet are not installed.
        """
        import torch

        from gantk.predictors.few_labels import FewLabels, FewLabelsInfo

        cards = tuple(each.card for each in self.attributes)
        info = FewLabelsInfo(tuple(card.name for card in cards), "imagenet", (), cards, self.name)
        weight_AD, bias_A = (torch.from_numpy(np.array(part)) for part in (self.weight_AD, self.bias_A))
        return FewLabels(info, weight_AD, bias_A, network)

    def _save(self, path: Path) -> Path:
        from gantk.predictors.few_label_files import write_few_labels
        from gantk.predictors.few_labels import FewLabelsInfo

        cards = tuple(each.card for each in self.attributes)
        info = FewLabelsInfo(tuple(card.name for card in cards), "imagenet", (), cards, self.name)
        return write_few_labels(path, info, self.weight_AD, self.bias_A)

    def _suggest(self, path: Path) -> Path:
        """A table in the form of labels: every suggested image once, with nothing in its columns yet."""
        names = [each.card.name for each in self.attributes]
        files = dict.fromkeys(seen.file for each in self.attributes for seen in each.suggested)
        return write_atomic(path, csv_bytes(["image", *names], ([file, *[None] * len(names)] for file in files)))
