"""The verb that learns attributes from few labels.

Shape legend: N images, A attributes, D features, H x W pixels.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from gantk.errors import UsageError
from gantk.fewlabels.options import SUGGESTED, TrainPredictorOptions
from gantk.fewlabels.results import Learned, Seen, TrainedPredictor
from gantk.generators.arguments import described
from gantk.predictors.efficientnet_lite import ImageNet
from gantk.predictors.label_files import LabelTable, batches, read_labels
from gantk.predictors.linear_probe import AttributeCard, check_labels
from gantk.runs.options import at_most
from gantk.runs.stores import Store
from gantk.runs.task import verb

SHOWN, PIXELS = 8, 112  # images of a row on the page, and their longer side


@verb(TrainPredictorOptions)
def train_predictor(
    images: str | Path | LabelTable,
    labels: str | Path | None = None,
    network: ImageNet | None = None,
    *,
    options: TrainPredictorOptions,
    store: Store,
) -> TrainedPredictor:
    """Learn attributes from labels of 20 to 500 images: a linear probe on features of ImageNet.

    Args:
        images: a folder of images, a folder of two folders (see `read_labels`), or a table that was read.
        labels: a CSV file, or a folder of two folders.
        network: an `ImageNet`; by default the installed one.

    Returns:
        Accuracy of every attribute on labels that were left out, images to label next, and the predictor itself
        (`result.predictor()`, or the file predictor.safetensors of a run).

    Raises:
        GantkError, UsageError: one sentence about the first label or image that is wrong, too few labels, or one class
            only; the features of ImageNet are not installed.
    """
    from gantk.predictors.few_labels import fitted
    from gantk.predictors.probe_features import SIDE, all_blocks, image_blocks

    for name, value in (("images", images), ("labels", labels)):
        if value is not None and not isinstance(value, (str, os.PathLike, LabelTable)):
            raise UsageError(f"{name} is {described(value)}: give the path of a folder or of a CSV file.")
    if isinstance(images, LabelTable):
        table = images.first(options.unlabelled)
    else:
        read = read_labels(images) if labels is None else read_labels(labels, images)
        table = read.first(options.unlabelled)
    check_labels(table.label_NA, table.names)
    labelled = table.labelled
    unlabelled = int(np.isnan(table.label_NA).sum(0).max())
    at_most("--suggest", options.suggest, unlabelled, "images without a label", SUGGESTED)
    network = ImageNet.from_file() if network is None else network
    with torch.inference_mode(), store.timed("features"):
        parts = [image_blocks(network, batch.to(network.device)) for batch in batches(table.files, SIDE)]
    blocks = all_blocks(parts)
    made, probe = fitted(blocks, table.labels, options.name, network=network)
    with torch.inference_mode():
        score_NA = made.scores([torch.from_numpy(block).to(made.device) for block in blocks]).double().cpu().numpy()
    left_out_NA = np.where(
        [card.is_class for card in made.cards], 1 / (1 + np.exp(-probe.left_out_NA)), probe.left_out_NA
    )
    score_NA = np.where(np.isnan(left_out_NA), score_NA, left_out_NA)
    learned = tuple(_learned(column, table, score_NA[:, column], made.cards[column], options, store)
                    for column in range(len(table.names)))  # fmt: skip
    return TrainedPredictor(
        name=options.name,
        attributes=learned,
        labelled=labelled,
        unlabelled=len(table.files) - labelled,
        weight_AD=probe.weight_AD.astype(np.float32),
        bias_A=probe.bias_A.astype(np.float32),
    )


def _learned(
    column: int, table: LabelTable, score_N: npt.NDArray[np.float64], card: AttributeCard,
    options: TrainPredictorOptions, store: Store,
) -> Learned:  # fmt: skip
    """Which images are shown of an attribute, and why; scores of labelled ones are by a probe that lacked them."""
    label_N = table.label_NA[:, column]
    known, open_ = np.flatnonzero(~np.isnan(label_N)), np.flatnonzero(np.isnan(label_N))
    wrong = np.abs(score_N - label_N)[known]
    doubted = known[np.argsort(-wrong, kind="stable")][:SHOWN]
    if card.is_class:
        doubted = doubted[np.abs(score_N - label_N)[doubted] > 0.5]
    unsure = open_[np.argsort(np.abs(score_N[open_] - 0.5), kind="stable")] if card.is_class else open_[:0]
    count = SUGGESTED if options.suggest is None else options.suggest
    rising = open_[np.argsort(score_N[open_], kind="stable")]
    folder = f"images/{column:02d}"

    def seen(what: str, rows: npt.NDArray[np.int64]) -> tuple[Seen, ...]:
        return _seen(store, f"{folder}-{what}", table, rows, score_N, label_N)

    return Learned(
        card=card,
        doubted=seen("doubted", doubted),
        suggested=seen("next", unsure[:count]),
        least=seen("least", rising[:SHOWN]),
        most=seen("most", rising[::-1][:SHOWN]),
    )


def _seen(
    store: Store,
    name: str,
    table: LabelTable,
    rows: Sequence[int] | npt.NDArray[np.int64],
    score_N: npt.NDArray[np.float64],
    label_N: npt.NDArray[np.float64],
) -> tuple[Seen, ...]:
    from gantk.pictures.opening import open_picture

    named = {}
    for place, row in enumerate(rows):
        picture = open_picture(table.files[row])
        picture.thumbnail((PIXELS, PIXELS))
        named[f"{name}-{place:03d}.png"] = np.array(picture.convert("RGB"))
    found = []
    for row, image in zip(rows, store.keep_pictures(named), strict=True):
        label = None if np.isnan(label_N[row]) else float(label_N[row])
        found.append(Seen(file=table.files[row].name, score=float(score_N[row]), label=label, image=image))
    return tuple(found)
