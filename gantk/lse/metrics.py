"""How well label maps agree: the paper's image-averaged IoU to the letter, and the confusion matrix of the data set.

Everything comes from one confusion matrix per image, so that evaluation streams, shards and is resampled for intervals.

Shape legend: N images, K classes, S side of the labels; a confusion matrix is [K, K], rows the target's class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError

Array = npt.NDArray[np.float64]
ABSENT = -1.0  # the paper's score of a class that is in neither map
RESAMPLES = 500  # of the bootstrap


def confusion(prediction: npt.NDArray[np.uint8], target: npt.NDArray[np.uint8], classes: int) -> npt.NDArray[np.uint32]:
    """Pixel counts [K, K] of one image, or [N, K, K] of several; pixels whose target is 255 do not count."""
    if prediction.shape != target.shape:
        raise GantkError(f"Label maps of {prediction.shape} and {target.shape} cannot be compared: one size is needed.")
    if prediction.ndim == 3:
        return np.stack([confusion(p, t, classes) for p, t in zip(prediction, target, strict=True)])
    known = target != 255
    index = target[known].astype(np.int64) * classes + prediction[known]
    return np.bincount(index, minlength=classes * classes).reshape(classes, classes).astype(np.uint32)


def image_iou(confusion_NKK: npt.NDArray[np.uint32]) -> Array:
    """IoU [N, K] of each class in each image; -1 where the class is in neither map.

    A pixel that either map calls class 0 still counts in the union of the other map's class.
    """
    counts = confusion_NKK.astype(np.float64)
    hit = np.diagonal(counts, axis1=1, axis2=2)
    union = counts.sum(1) + counts.sum(2) - hit
    return np.where(union > 0, hit / np.maximum(union, 1), ABSENT)


@dataclass(frozen=True, eq=False)
class Scores:
    """Two metrics of one set of images, over classes [K]; the paper's mean leaves class 0 out.

    Attributes:
        paper_K: mean over the images in which the class is in either map (-1: never).
        dataset_K: IoU of the summed confusion matrix (-1: never).
        paper_miou, dataset_miou: their means over the classes seen; the second has class 0 too where `with_first`.
        accuracy: share of pixels, class 0 included.
        confusion_KK: the sum.
    """

    paper_K: Array
    dataset_K: Array
    paper_miou: float
    dataset_miou: float
    accuracy: float
    confusion_KK: Array


def scores(confusion_NKK: npt.NDArray[np.uint32], with_first: bool = False) -> Scores:
    """Scores of images by their confusion matrices."""
    iou_NK = image_iou(confusion_NKK)
    seen_NK = iou_NK >= 0
    count_K = seen_NK.sum(0)
    paper_K = np.where(count_K > 0, np.where(seen_NK, iou_NK, 0).sum(0) / np.maximum(count_K, 1), ABSENT)
    total = confusion_NKK.sum(0, dtype=np.float64)
    dataset_K = image_iou(total[None])[0]
    first = 0 if with_first else 1
    accuracy = float(np.trace(total) / max(total.sum(), 1))
    return Scores(paper_K, dataset_K, _mean(paper_K[1:]), _mean(dataset_K[first:]), accuracy, total)


def _mean(score_K: Array) -> float:
    seen = score_K[score_K > -0.1]
    return float(seen.mean()) if seen.size else 0.0


@dataclass(frozen=True)
class Intervals:
    """95 % intervals, (low, high) each."""

    paper_miou: tuple[float, float]
    dataset_miou: tuple[float, float]
    accuracy: tuple[float, float]


@dataclass(frozen=True)
class Looked:
    """What a set of images says of a head."""

    scores: Scores
    intervals: Intervals


def bootstrap(confusion_NKK: npt.NDArray[np.uint32], with_first: bool = False, seed: int = 0) -> Intervals:
    """95 % intervals of the scores over resampled images (percentile bootstrap)."""
    n, classes = confusion_NKK.shape[:2]
    first = 0 if with_first else 1
    random = np.random.Generator(np.random.Philox(key=seed))
    weight_RN = random.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(np.float64)
    iou_NK = image_iou(confusion_NKK)
    seen_NK = (iou_NK >= 0).astype(np.float64)
    count_RK = weight_RN @ seen_NK
    paper_RK = np.where(count_RK > 0, (weight_RN @ (iou_NK * seen_NK)) / np.maximum(count_RK, 1), ABSENT)
    total = (weight_RN @ confusion_NKK.reshape(n, -1).astype(np.float64)).reshape(RESAMPLES, classes, classes)
    dataset_RK = image_iou(total)  # type: ignore[arg-type]
    accuracy_R = np.trace(total, axis1=1, axis2=2) / np.maximum(total.sum((1, 2)), 1)
    paper_R = np.array([_mean(row[1:]) for row in paper_RK])
    dataset_R = np.array([_mean(row[first:]) for row in dataset_RK])
    return Intervals(*(_ends(value_R) for value_R in (paper_R, dataset_R, accuracy_R)))


def _ends(value_R: Array) -> tuple[float, float]:
    return float(np.quantile(value_R, 0.025)), float(np.quantile(value_R, 0.975))
