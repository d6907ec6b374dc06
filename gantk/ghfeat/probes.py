"""What frozen features know: linear probes with cross-validation, verification, retrieval.

Every probe standardises features by statistics of its training folds and chooses its penalty inside them, so that no
fold ever judges what it taught.

Legend: N samples, F features, T targets, K classes, P pairs.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gantk.errors import UsageError
from gantk.predictors.linear_probe import area

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.signedinteger[Any]]
FOLDS = 5
PENALTIES = 10.0 ** np.arange(-3, 6)  # of the ridge, times the mean squared length of a sample over N
STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # inverse penalties of the softmax
TOP = 5  # neighbours counted by `retrieve`


class Score(NamedTuple):
    """Mean and standard deviation over folds."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, values: list[float]) -> Score:
        return cls(float(np.mean(values)), float(np.std(values)))


def folds_of(n: int, folds: int = FOLDS, seed: int = 0) -> list[tuple[Indices, Indices]]:
    """Training and test indices of each fold, from one seeded permutation.

    Raises:
        UsageError: fewer than two samples per fold.
    """
    if folds < 2 or n < 2 * folds:
        raise UsageError(
            f"{n} samples are too few for {folds} folds: give at least {2 * max(folds, 2)}, or fewer folds."
        )
    order = np.random.Generator(np.random.Philox(key=[seed, 0])).permutation(n)
    parts = np.array_split(order, folds)
    return [(np.concatenate([p for j, p in enumerate(parts) if j != i]), parts[i]) for i in range(folds)]


def standardized(train_NF: Array, test_MF: Array) -> tuple[Array, Array]:
    """Both by the mean and deviation of the training samples; a feature that never varies becomes 0."""
    mean, deviation = train_NF.mean(0), train_NF.std(0)
    scale = np.where(
        deviation > 1e-8 * max(float(deviation.max(initial=0.0)), 1e-30), 1 / np.maximum(deviation, 1e-30), 0
    )
    return (train_NF - mean) * scale, (test_MF - mean) * scale


def ridge(train_NF: Array, train_NT: Array, test_MF: Array) -> Array:
    """Predictions [M, T] of a linear model; the penalty of each target by leave-one-out errors on the training samples.

    In dual form (the matrix is N x N, however many features there are): with K = X X^T = U S U^T the fit for penalty a
    is U S / (S + a) U^T y and its leave-one-out residual that over 1 - h_ii (Allen's PRESS).
    """
    x, test = standardized(train_NF, test_MF)
    mean_T = train_NT.mean(0)
    y = train_NT - mean_T
    values, vectors = np.linalg.eigh(x @ x.T)
    values = np.maximum(values, 0)
    rotated = vectors.T @ y
    best = np.full(y.shape[1], np.inf)
    dual = np.zeros_like(y)
    for penalty in PENALTIES * max(float(values.mean()), 1e-12):
        shrink = values / (values + penalty)
        hat = (vectors**2) @ shrink
        fitted = vectors @ (shrink[:, None] * rotated)
        press = np.square((y - fitted) / np.maximum(1 - hat, 1e-9)[:, None]).mean(0)
        weights = vectors @ (rotated / (values + penalty)[:, None])
        better = press < best
        best, dual[:, better] = np.where(better, press, best), weights[:, better]
    return np.asarray(test @ (x.T @ dual) + mean_T)


def regress(features_NF: Array, targets_NT: Array, folds: int = FOLDS, seed: int = 0) -> list[Score]:
    """R2 of each target by cross-validated ridge regression."""
    scores = []
    for train, test in folds_of(len(features_NF), folds, seed):
        predicted = ridge(features_NF[train], targets_NT[train], features_NF[test])
        total = np.square(targets_NT[test] - targets_NT[test].mean(0)).sum(0)
        wrong = np.square(targets_NT[test] - predicted).sum(0)
        scores.append(np.where(total > 0, 1 - wrong / np.where(total > 0, total, 1), 0))
    return [Score.of(values) for values in np.stack(scores, 1).tolist()]


def landmark_error(features_NF: Array, points_NP2: Array, folds: int = FOLDS, seed: int = 0) -> Score:
    """Mean distance of predicted points, in their own unit."""
    flat = points_NP2.reshape(len(points_NP2), -1)
    errors = []
    for train, test in folds_of(len(features_NF), folds, seed):
        predicted = ridge(features_NF[train], flat[train], features_NF[test]).reshape(-1, *points_NP2.shape[1:])
        errors.append(float(np.linalg.norm(predicted - points_NP2[test], axis=-1).mean(1).mean()))
    return Score.of(errors)


def classify(features_NF: Array, labels_N: npt.NDArray[np.int64], folds: int = FOLDS, seed: int = 0) -> Score:
    """Accuracy of a linear softmax classifier; its penalty is chosen on a quarter of the training samples.

    Raises:
        UsageError: fewer than two classes.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(labels_N)) < 2:
        raise UsageError("There is only one class, so there is nothing to classify: give labels of at least two.")
    accuracies = []
    for train, test in folds_of(len(features_NF), folds, seed):
        x, y = standardized(features_NF[train], features_NF[test])
        reduced, other = _rotated(x, y)
        target = labels_N[train]
        cut = len(train) * 3 // 4
        best, strength = -1.0, 1.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a weak penalty may not pay for its iterations
            for c in STRENGTHS if len(np.unique(target[:cut])) > 1 else ():
                model = LogisticRegression(C=c, max_iter=200, tol=1e-3).fit(reduced[:cut], target[:cut])
                accuracy = float(np.mean(model.predict(reduced[cut:]) == target[cut:]))
                if accuracy > best:
                    best, strength = accuracy, c
            model = LogisticRegression(C=strength, max_iter=200, tol=1e-3).fit(reduced, target)
        accuracies.append(float(np.mean(model.predict(other) == labels_N[test])))
    return Score.of(accuracies)


def _rotated(train_NF: Array, test_MF: Array) -> tuple[Array, Array]:
    """The same samples in at most N coordinates: a linear model with a ridge penalty cannot tell the difference."""
    if train_NF.shape[1] <= len(train_NF):
        return train_NF, test_MF
    values, vectors = np.linalg.eigh(train_NF @ train_NF.T)
    kept = values > 1e-10 * values[-1]
    axes = train_NF.T @ (vectors[:, kept] / np.sqrt(values[kept]))
    return train_NF @ axes, test_MF @ axes


def cosine(a_PF: Array, b_PF: Array) -> Array:
    """Cosine of each pair."""
    lengths = np.linalg.norm(a_PF, axis=1) * np.linalg.norm(b_PF, axis=1)
    return np.asarray((a_PF * b_PF).sum(1) / np.maximum(lengths, 1e-12))


class Verification(NamedTuple):
    """Whether two images are of the same thing: accuracy over folds, and the area under the ROC curve."""

    accuracy: Score
    area: float


def verify(similarity_P: Array, same_P: npt.NDArray[np.bool_], folds: int = 10, seed: int = 0) -> Verification:
    """The protocol of LFW: the threshold is chosen on nine tenths of the pairs and judged on the other."""
    accuracies = []
    for train, test in folds_of(len(similarity_P), folds, seed):
        threshold = _threshold(similarity_P[train], same_P[train])
        accuracies.append(float(np.mean((similarity_P[test] > threshold) == same_P[test])))
    return Verification(Score.of(accuracies), area(similarity_P, same_P))


def vote(
    similarities: Mapping[str, Array], same_P: npt.NDArray[np.bool_], folds: int = 10, seed: int = 0
) -> Verification:
    """The majority of the levels' decisions; ties by the mean similarity. The area is that of the share of votes."""
    stacked = np.stack([np.asarray(s) for s in similarities.values()])  # [levels, P]
    accuracies = []
    for train, test in folds_of(len(same_P), folds, seed):
        thresholds = np.array([_threshold(row[train], same_P[train]) for row in stacked])
        share = (stacked[:, test] > thresholds[:, None]).mean(0)
        mean, middle = stacked[:, test].mean(0), _threshold(stacked[:, train].mean(0), same_P[train])
        decided = np.where(share == 0.5, mean > middle, share > 0.5)
        accuracies.append(float(np.mean(decided == same_P[test])))
    thresholds = np.array([_threshold(row, same_P) for row in stacked])
    share = (stacked > thresholds[:, None]).mean(0) + 1e-6 * stacked.mean(0)
    return Verification(Score.of(accuracies), area(share, same_P))


def _threshold(similarity_P: Array, same_P: npt.NDArray[np.bool_]) -> float:
    """The cut with the highest accuracy, half way between neighbours."""
    order = np.argsort(similarity_P)
    values, same = similarity_P[order], same_P[order]
    right = np.concatenate([[same.sum()], same.sum() - np.cumsum(same) + np.cumsum(~same)])
    best = int(np.argmax(right))
    edges = np.concatenate([[values[0] - 1], (values[1:] + values[:-1]) / 2, [values[-1] + 1]])
    return float(edges[best])


def neighbours(features_NF: Array, count: int = TOP) -> npt.NDArray[np.int64]:
    """The nearest other samples of each by the cosine of standardised features, [N, count], nearest first."""
    x, _ = standardized(features_NF, features_NF)
    x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    similar = x @ x.T
    np.fill_diagonal(similar, -np.inf)
    return np.argsort(-similar, axis=1, kind="stable")[:, :count]


def retrieve(features_NF: Array, labels_N: npt.NDArray[np.int64], count: int = TOP) -> float:
    """Precision at `count`: the share of the nearest neighbours that have the sample's own label."""
    found = neighbours(features_NF, count)
    return float((labels_N[found] == labels_N[:, None]).mean())
