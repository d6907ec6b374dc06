"""The result of `gantk ghfeat evaluate`.

Shape legend: F sets of features, T targets (or classes, or the points), N images.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from gantk.ghfeat.claims import EVALUATE
from gantk.ghfeat.figures import Figures
from gantk.runs.claims import Claims
from gantk.runs.results import Result, record
from gantk.runs.structure import Image

Array = npt.NDArray[np.float64]


@record
class FeatureInfo:
    """A set of features; `kind` is level, all or baseline, `width` how many numbers an image has."""

    name: str
    kind: str
    width: int


@record
class Table:
    """Scores of every set of features.

    Attributes:
        columns: what is read, T.
        values: [F, T]; not a number where it was left out. deviations: over folds; None where there are no folds.
        chance: what guessing gives, T; None where that has no meaning.
    """

    columns: tuple[str, ...]
    values: Array
    deviations: Array | None
    chance: tuple[float, ...] | None


@record
class Verified:
    """Whether two images show the same thing, by one set of features.

    Attributes:
        accuracy, deviation: over folds. area: under the ROC curve; None where all pairs are alike.
    """

    name: str
    accuracy: float
    deviation: float
    area: float | None


@record
class Probes:
    """Everything that was read from frozen features.

    Attributes:
        features: the sets.
        regression: R2. classification: accuracy. retrieval: precision among the five nearest. landmarks: mean distance
            of points, in shares of the image; each None where nothing is known to read.
        verification: by every set, and by the vote of the levels; empty without pairs.
    """

    features: tuple[FeatureInfo, ...]
    regression: Table | None
    classification: Table | None
    retrieval: Table | None
    landmarks: Table | None
    verification: tuple[Verified, ...]


@record
class EvaluateResult(Result):
    """What the codes know, and how well images are made again.

    Attributes:
        count: of images. exact: whether they are scenes whose factors are known exactly, and not labelled images.
        reconstruction: figures of all images. mean_code_mse: of the mean code's picture on them.
        neighbours: some images, each followed by its nearest neighbours by all levels.
    """

    TASK: ClassVar[str] = "ghfeat evaluate"
    CLAIMS: ClassVar[Claims[Any]] = EVALUATE
    count: int
    exact: bool
    reconstruction: Figures
    mean_code_mse: float
    probes: Probes
    neighbours: tuple[tuple[Image, ...], ...]

    def table(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = []
        probes = self.probes
        for number, features in enumerate(probes.features):
            row: dict[str, object] = {"features": features.name, "kind": features.kind, "width": features.width}
            for what, table in (("R2", probes.regression), ("accuracy", probes.classification),
                                ("precision", probes.retrieval), ("distance", probes.landmarks)):  # fmt: skip
                for name, value in zip(table.columns, table.values[number], strict=True) if table is not None else ():
                    row[f"{what} of {name}"] = float(value) if np.isfinite(value) else None
            found.append(row)
        return found
