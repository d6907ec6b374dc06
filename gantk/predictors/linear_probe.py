"""A linear probe for few labels and many features: ridge regression that looks where the labels are told.

Shape legend: N images, n labelled ones, D features, C channels at P places of a block, G groups, A attributes.

Every feature is standardised over all images, labelled or not, and every block of features has the same variance. An
attribute mostly sits somewhere, as a smile does at the mouth, and few labels cannot find that out feature by feature.
So the features of one place of one block are a group, and a group's variance is multiplied by the square of how well
its images agree with the labels (`_worth`): a kernel alignment (Cristianini et al. 2001) of each group.

Solved in the space of images, so that D may be any size, and every shrinkage's leave-one-out scores come in closed
form. What is wanted of them is that they go with the labels, not that they are near -1 and 1: the shrinkage with the
highest correlation is far smaller than that of the least squares, and the direction it gives is better (docs/truth.md).
The worth of groups has seen those labels, so that what is told of the probe, and what calibrates it, are scores of
tenths of the labels by probes that were made without them from the start.

Where features of the mirror images are given too, half the sum and half the difference of both are separate blocks.
What is the same in a mirror, as a smile is, agrees with the sums; what is not, such as where a house stands, agrees
with the differences; and the worth of groups tells.

The score of a class is a probability, calibrated on the scores of images left out (Platt 1999). A rare attribute's
scores then differ where it may be there, and not among the many images that surely lack it: a boundary trained from
them is nearer to that of true labels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError
from gantk.store.json_values import JsonTable, number, text, whole

Array = npt.NDArray[np.float64]

SHRINKAGES = 10.0 ** np.arange(-5, 1.1, 0.25)  # candidates, as shares of the labelled images' total variance
LEAST_LABELS, LEAST_OF_A_CLASS = 4, 2
SLOPE, SLOPE_DEVIATION = 2.0, 0.5  # prior of the calibration, per standard deviation of scores: few labels cannot tell
FOLDS = 10  # parts of the labels that are left out in turn; each label by itself where there are fewer
CONFIDENT = 1.959964  # standard deviations of a 95 % interval


@dataclass(frozen=True)
class AttributeCard:
    """How good the probe of one attribute is, on labels that it was not trained on (ten-fold cross-validation).

    Attributes:
        name: of the attribute.
        labels, positives: how many; `positives` is -1 for an attribute of numbers.
        accuracy, low, high: share of labels told right, and its 95 % interval (Wilson). For numbers: R2, whose
            interval is that of 2000 draws of the labelled images with replacement.
        balanced: mean of the shares of both classes told right, divided at the labels' share of positives and not at
            1/2; for numbers the correlation.
        auc: area under the ROC curve; None for numbers.
        shrinkage: chosen, as a share of the labelled images' total variance.
        mirrored: whether it is read from images and their mirror images.
    """

    name: str
    labels: int
    positives: int
    accuracy: float
    low: float
    high: float
    balanced: float
    auc: float | None
    shrinkage: float
    mirrored: bool = False

    @property
    def is_class(self) -> bool:
        return self.positives >= 0

    def sentence(self) -> str:
        """The card in words."""
        if not self.is_class or self.auc is None:
            return (
                f"The R2 of {self.name} is {self.accuracy:.2f} (95 % interval {self.low:.2f} to {self.high:.2f}), by "
                f"cross-validation of {self.labels} labels."
            )
        return (
            f"{self.name} is told right in {100 * self.accuracy:.0f} % of {self.labels} labels, {self.positives} of "
            f"them positive (95 % interval {100 * self.low:.0f} to {100 * self.high:.0f} %); by cross-validation the "
            f"balanced accuracy is {100 * self.balanced:.0f} % and the AUC {self.auc:.2f}."
        )


def read_card(told: JsonTable) -> AttributeCard:
    """A card from a file's header.

    Raises:
        KeyError, GantkError: a part is missing, or of another type.
    """
    auc = told["auc"]
    return AttributeCard(
        text(told["name"], "name"),
        whole(told["labels"], "labels"),
        whole(told["positives"], "positives"),
        number(told["accuracy"], "accuracy"),
        number(told["low"], "low"),
        number(told["high"], "high"),
        number(told["balanced"], "balanced"),
        None if auc is None else number(auc, "auc"),
        number(told["shrinkage"], "shrinkage"),
        told.get("mirrored") is True,  # files of before know nothing of it
    )


@dataclass(frozen=True, eq=False)
class Probe:
    """features @ weight + bias are logits of classes, and numbers in their own units.

    Attributes:
        weight_AD, bias_A: for the features as they were given, all blocks side by side, then those of the mirror images
            where they were given.
        left_out_NA: the same of labelled images, each by a probe that did not have it; NaN elsewhere.
        cards: one per attribute.
    """

    weight_AD: Array
    bias_A: Array
    left_out_NA: Array
    cards: tuple[AttributeCard, ...]


def fit_probe(
    blocks: Sequence[npt.NDArray[np.floating]],
    label_NA: Array,
    names: Sequence[str],
    mirror: Sequence[npt.NDArray[np.floating]] = (),
) -> Probe:
    """Fit every attribute.

    Args:
        blocks: features [N, C, P] of all images, labelled or not, one array per stage; [N, D] is one place.
        label_NA: NaN where there is no label; columns of 0 and 1 are classes, others are numbers to predict.
        names: of the attributes.
        mirror: the same features of the mirror images, where they are read too.

    Raises:
        GantkError: too few labels, one class only, labels that never vary, or features that are not finite.
    """
    if mirror:
        pairs = list(zip(blocks, mirror, strict=True))
        blocks = [*((block + other) / 2 for block, other in pairs), *((block - other) / 2 for block, other in pairs)]
    seen = _standardised(blocks)
    weights, biases = [], []
    left_out_NA = np.full(label_NA.shape, np.nan)
    cards = []
    for column, name in enumerate(names):
        label_N = label_NA[:, column]
        rows = np.flatnonzero(~np.isnan(label_N))
        label_n = label_N[rows]
        y_n, weight_n, is_class = _target(label_n, name)
        x_nD = seen.x_ND[rows]
        left_out_n = _left_out(x_nD, seen.group_D, y_n, weight_n)
        ridge = _ridge(x_nD, seen.group_D, y_n, weight_n)
        slope, offset = _calibration(left_out_n, label_n) if is_class else (label_n.std(), label_n.mean())
        weight_D = slope * ridge.weight_D / seen.scale_D
        biases.append(slope * ridge.bias + offset - float(weight_D @ seen.mean_D))
        if mirror:  # weights of sums and differences are those of images and mirror images
            both_D, apart_D = np.split(weight_D / 2, 2)
            weight_D = np.concatenate([both_D + apart_D, both_D - apart_D])
        weights.append(weight_D)
        left_out_NA[rows, column] = slope * left_out_n + offset
        card = _card(name, label_n, left_out_NA[rows, column], is_class, ridge.shrinkage)
        cards.append(replace(card, mirrored=bool(mirror)))
    return Probe(np.stack(weights), np.array(biases), left_out_NA, tuple(cards))


class _Features(NamedTuple):
    """Features [N, D] of mean 0, each block of total variance 1 / B, what undoes it, and the group of each feature."""

    x_ND: Array
    mean_D: Array
    scale_D: Array
    group_D: npt.NDArray[np.int64]


def _standardised(blocks: Sequence[npt.NDArray[np.floating]]) -> _Features:
    if not all(np.isfinite(block).all() for block in blocks):
        raise GantkError("Some features of the images are not finite numbers: check the images.")
    parts, means, scales, groups = [], [], [], []
    count = 0
    for block in blocks:
        x = np.asarray(block, np.float64).reshape(len(block), -1)
        places = block.shape[2] if block.ndim == 3 else 1
        mean, deviation = x.mean(0), x.std(0)
        # a feature that hardly varies is noise of rounding
        deviation = np.where(deviation > 1e-3 * max(float(deviation.max()), 1e-30), deviation, np.inf)
        scale = deviation * math.sqrt(x.shape[1] * len(blocks))
        parts.append((x - mean) / scale)
        means.append(mean)
        scales.append(scale)
        groups.append(count + np.arange(x.shape[1]) % places)
        count += places
    return _Features(np.concatenate(parts, 1), *(np.concatenate(each) for each in (means, scales, groups)))


def check_labels(label_NA: Array, names: Sequence[str]) -> None:
    """Refuse labels that `fit_probe` would, before any feature is read."""
    for label_N, name in zip(label_NA.T, names, strict=True):
        _target(label_N[~np.isnan(label_N)], name)


def _target(label_n: Array, name: str) -> tuple[Array, Array, bool]:
    """What is regressed on, the weight of each image (classes weigh the same), and whether it is a class."""
    n = len(label_n)
    if n < LEAST_LABELS:
        raise GantkError(f"The attribute {name!r} has {n} labels: at least {LEAST_LABELS} are needed, better 50.")
    values = np.unique(label_n)
    if len(values) == 1:
        raise GantkError(f"All {n} labels of {name!r} are {values[0]:g}: both classes are needed.")
    if not np.isin(values, (0, 1)).all():
        return (label_n - label_n.mean()) / label_n.std(), np.ones(n), False
    positive = label_n == 1
    few = min(int(positive.sum()), int((~positive).sum()))
    if few < LEAST_OF_A_CLASS:
        raise GantkError(
            f"The attribute {name!r} has {few} label of one class: at least {LEAST_OF_A_CLASS} are needed."
        )
    weight_n = np.where(positive, n / (2 * positive.sum()), n / (2 * (~positive).sum()))
    return np.where(positive, 1.0, -1.0), weight_n, True


def _calibration(left_out_n: Array, label_n: Array) -> tuple[float, float]:
    """Slope and offset that turn scores into logits: Platt's, with a prior on the slope.

    Minimises the cross-entropy to (P + 1) / (P + 2) for the P positives and 1 / (Q + 2) for the Q others, plus
    (slope - 2)^2 / (2 0.5^2) for scores of deviation 1.
    """
    from scipy.optimize import minimize

    positive = label_n == 1
    target_n = np.where(positive, (positive.sum() + 1) / (positive.sum() + 2), 1 / ((~positive).sum() + 2))
    mean, deviation = float(left_out_n.mean()), max(float(left_out_n.std()), 1e-12)
    unit_n = (left_out_n - mean) / deviation

    def loss(parameters: Array) -> tuple[float, Array]:
        logit_n = parameters[0] * unit_n + parameters[1]
        error_n = 1 / (1 + np.exp(-logit_n)) - target_n
        away = (parameters[0] - SLOPE) / SLOPE_DEVIATION
        value = float((np.logaddexp(0, logit_n) - target_n * logit_n).sum() + away**2 / 2)
        return value, np.array([error_n @ unit_n + away / SLOPE_DEVIATION, error_n.sum()])

    slope, offset = minimize(loss, np.array([SLOPE, 0.0]), jac=True).x
    return float(slope / deviation), float(offset - slope * mean / deviation)


def _left_out(x_nD: Array, group_D: npt.NDArray[np.int64], y_n: Array, weight_n: Array) -> Array:
    """Scores of the labelled images, a tenth of each class at a time, by probes that did not have them."""
    fold_n = np.empty(len(y_n), np.int64)
    fold_n[np.argsort(y_n, kind="stable")] = np.arange(len(y_n)) % min(FOLDS, len(y_n))
    score_n = np.empty(len(y_n))
    for fold in range(fold_n.max() + 1):
        out_n = fold_n == fold
        ridge = _ridge(x_nD[~out_n], group_D, y_n[~out_n], weight_n[~out_n])
        score_n[out_n] = x_nD[out_n] @ ridge.weight_D + ridge.bias
    return score_n


def _worth(x_nD: Array, group_D: npt.NDArray[np.int64], y_n: Array, weight_n: Array) -> Array:
    """What the variance of each feature is multiplied by: its group's agreement with the labels, squared; 1 at most.

    With t the centred targets and K the inner products of a group, agreement is sum_{i != j} t_i t_j K_ij / tr K, and
    none where that is negative. Pairs of different images only, so that a group that knows nothing has 0 on average.
    """
    t_n = weight_n * (y_n - np.average(y_n, weights=weight_n))
    centred_nD = x_nD - np.average(x_nD, axis=0, weights=weight_n)
    square_nD = centred_nD**2
    pairs_G = np.bincount(group_D, (t_n @ centred_nD) ** 2 - t_n**2 @ square_nD)
    trace_G = np.bincount(group_D, weight_n @ square_nD)
    agreement_G = np.divide(pairs_G, trace_G, out=np.zeros_like(pairs_G), where=trace_G > 0).clip(0)
    most = float(agreement_G.max())
    worth: Array = (agreement_G[group_D] / most) ** 2 if most > 0 else np.ones(len(group_D))
    return worth


class _Ridge(NamedTuple):
    """Weights and intercept for standardised features, and the shrinkage as a share of the trace."""

    weight_D: Array
    bias: float
    shrinkage: float


def _ridge(x_nD: Array, group_D: npt.NDArray[np.int64], y_n: Array, weight_n: Array) -> _Ridge:
    """Weighted ridge with a free intercept; the shrinkage gives leave-one-out scores that go best with y."""
    worth_D = _worth(x_nD, group_D, y_n, weight_n)
    root_n = np.sqrt(weight_n)
    unit_n = root_n / np.linalg.norm(root_n)

    def away(part: Array) -> Array:
        """Without the part along the intercept."""
        without: Array = part - np.multiply.outer(unit_n, unit_n @ part)
        return without

    seen_nD = x_nD * np.sqrt(worth_D)
    values, vectors = _spectrum(away(root_n[:, None] * seen_nD))
    target_n = away(root_n * y_n)
    coordinates = vectors.T @ target_n
    trace = float(np.square(seen_nD).sum())
    best: tuple[float, Array, float] | None = None
    for share in SHRINKAGES:
        damping = values + share * trace
        residual_n = target_n - vectors @ (values / damping * coordinates)
        leverage_n = (vectors**2) @ (values / damping) + unit_n**2
        error_n = residual_n / (1 - leverage_n).clip(1e-9)
        left_out_n = y_n - error_n / root_n
        fit = _correlation(left_out_n, y_n, weight_n)
        if best is None or fit > best[0]:
            best = (fit, root_n * away(vectors @ (coordinates / damping)), float(share))
    assert best is not None
    _, dual_n, share = best
    weight_D = worth_D * (dual_n @ x_nD)
    return _Ridge(weight_D, float(np.average(y_n - x_nD @ weight_D, weights=weight_n)), share)


def _spectrum(x_nD: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors [n, m] of x x^T, at least those that are not 0; by its smaller side."""
    if x_nD.shape[0] > x_nD.shape[1]:
        vectors, singular, _ = np.linalg.svd(x_nD, full_matrices=False)
        return singular**2, vectors
    values, vectors = np.linalg.eigh(x_nD @ x_nD.T)
    return values.clip(0), vectors


def _correlation(a_n: Array, b_n: Array, weight_n: Array) -> float:
    a_n, b_n = (x - np.average(x, weights=weight_n) for x in (a_n, b_n))
    size = math.sqrt(float((weight_n * a_n**2).sum() * (weight_n * b_n**2).sum()))
    return float((weight_n * a_n * b_n).sum()) / size if size > 0 else 0.0


def _card(name: str, label_n: Array, score_n: Array, is_class: bool, shrinkage: float) -> AttributeCard:
    n = len(label_n)
    if not is_class:
        r = float(np.corrcoef(score_n, label_n)[0, 1])
        r2 = 1 - float(np.square(score_n - label_n).sum() / np.square(label_n - label_n.mean()).sum())
        low, high = _ends_of_r2(score_n, label_n)
        return AttributeCard(name, n, -1, r2, min(low, r2), max(high, r2), r, None, shrinkage)
    positive = label_n == 1
    right = (score_n > 0) == positive
    low, high = wilson(int(right.sum()), n)
    share = math.log(positive.sum() / (~positive).sum())
    balanced = float((score_n > share)[positive].mean() + (score_n <= share)[~positive].mean()) / 2
    return AttributeCard(
        name, n, int(positive.sum()), float(right.mean()), low, high, balanced, area(score_n, positive), shrinkage
    )


def _ends_of_r2(score_n: Array, label_n: Array) -> tuple[float, float]:
    """A 95 % interval by 2000 draws of the images with replacement; draws of one and the same label are left out."""
    drawn_bn = np.random.default_rng(0).integers(0, len(label_n), (2000, len(label_n)))
    label_bn = label_n[drawn_bn]
    spread_b = np.square(label_bn - label_bn.mean(1, keepdims=True)).sum(1)
    error_b = np.square(score_n[drawn_bn] - label_bn).sum(1)
    r2_b = 1 - error_b[spread_b > 0] / spread_b[spread_b > 0]
    low, high = np.percentile(r2_b, [2.5, 97.5]) if len(r2_b) else (-math.inf, 1.0)
    return float(low), float(high)


def wilson(right: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    share, z2 = right / n, CONFIDENT**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = CONFIDENT / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(centre - half, 0.0), min(centre + half, 1.0)


def area(score_n: npt.NDArray[np.floating], positive_n: npt.NDArray[np.bool_]) -> float:
    """Area under the ROC curve: how often a positive scores above a negative, ties counting half; nan without one."""
    from scipy.stats import rankdata

    ranks, count = rankdata(score_n), int(positive_n.sum())
    others = len(score_n) - count
    if not count or not others:
        return math.nan
    return float((ranks[positive_n].sum() - count * (count + 1) / 2) / (count * others))


def suggest(logit_N: npt.NDArray[np.floating], count: int, known: npt.NDArray[np.bool_] | None = None) -> list[int]:
    """The images to label next: the `count` whose logit is nearest to zero, nearest first.

    Args:
        known: images that have their label already.
    """
    away_N = np.abs(np.asarray(logit_N, np.float64))
    if known is not None:
        away_N = np.where(known, np.inf, away_N)
    order = np.argsort(away_N, kind="stable")
    return [int(i) for i in order[:count] if np.isfinite(away_N[i])]
