"""Which scored samples a boundary is trained and tested on: HiGAN's selection of the two tails, and its split.

Legend: N samples, K chosen from each tail.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError, UsageError

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Selection:
    """The samples with the highest and the lowest scores, and those between.

    Attributes:
        positive, negative: indices of the chosen samples; the positives from the highest score down, the negatives
            from the least low to the lowest.
        remaining: indices between the tails, by falling score; none where scores are labels.
        threshold: what divides the remaining samples: the middle of their highest and lowest score.
        tied: whether the lowest positive has the same score as the highest negative, so that chance put them apart.
    """

    positive: Indices
    negative: Indices
    remaining: Indices
    threshold: float
    tied: bool

    def tails(self) -> tuple[Indices, npt.NDArray[np.bool_]]:
        """The chosen samples, positives first, and which of them are positive."""
        chosen = np.concatenate([self.positive, self.negative])
        return chosen, np.arange(len(chosen)) < len(self.positive)


@dataclass(frozen=True, eq=False)
class Split:
    """Indices of training and validation samples of each class."""

    train_positive: Indices
    train_negative: Indices
    val_positive: Indices
    val_negative: Indices

    @property
    def train(self) -> Indices:
        """Positives, then negatives."""
        return np.concatenate([self.train_positive, self.train_negative])

    @property
    def val(self) -> Indices:
        """Positives, then negatives."""
        return np.concatenate([self.val_positive, self.val_negative])


def select(
    scores: npt.ArrayLike,
    chosen: float = 2000,
    invalid_value: float | None = None,
    labels: bool = False,
    compat: bool = False,
    name: str = "",
) -> Selection:
    """Choose positives and negatives by score, as HiGAN does.

    Args:
        scores: [N] or [N, 1].
        chosen: up to 1 a share of the valid samples for each tail, so that 1 means as many as there can be and not
            one; above 1 a count. At most half of the samples go to each tail.
        invalid_value: samples with this score are left out.
        labels: the scores are 0 and 1, and all samples are used whatever the sizes of the classes.
        compat: order ties as numpy's default sort does, and NaN above everything, like the original; otherwise the
            sort is stable and NaN is refused.
        name: of the score, for messages.

    Raises:
        UsageError: `chosen` is not positive, or `labels` where there are other values than 0 and 1.
        GantkError: NaN among the scores, or only one class.
    """
    what = f"The score {name!r}" if name else "The score"
    score_N = np.asarray(scores)
    if score_N.ndim == 2 and score_N.shape[1] == 1:
        score_N = score_N[:, 0]
    if score_N.ndim != 1:
        raise UsageError(f"{what} has the shape {score_N.shape}: one number per sample is expected.")
    if not chosen > 0:
        raise UsageError(
            f"The number of chosen samples is {chosen:g}: give a share in (0, 1] or a count above 1 (-N 2000)."
        )
    valid = np.arange(len(score_N)) if invalid_value is None else np.flatnonzero(_differs(score_N, invalid_value))
    value = score_N[valid]
    if not len(value):
        raise GantkError(f"{what} leaves no samples: all {len(score_N)} are --invalid-value {invalid_value:g}.")
    if not compat and not np.isfinite(value).all():
        first = int(valid[np.flatnonzero(~np.isfinite(value))[0]])
        count = int((~np.isfinite(value)).sum())
        raise GantkError(
            f"{what} is not finite for {count} of {len(value)} samples (the first is sample {first}): "
            "score them again, or mark them with a number and give it as --invalid-value."
        )
    if labels:
        return _by_label(value, valid, what)
    falling = -value.astype(np.float64)
    order = np.argsort(value)[::-1] if compat else np.argsort(falling, kind="stable")
    count = int(len(value) * chosen) if chosen <= 1 else int(chosen)
    count = min(count, len(value) // 2)
    if count == 0 or value[order[0]] == value[order[-1]]:
        what_is = f"all {len(value)} samples score {value[0]:g}" if len(value) > 1 else "there is one sample"
        if count == 0 and len(value) > 1:
            what_is = f"{chosen:g} of {len(value)} samples is none"
        raise GantkError(f"{what} only contains one class: {what_is}, so there is nothing to divide.")
    ordered = valid[order].astype(np.int64)
    remaining = ordered[count : len(ordered) - count]
    threshold = float(score_N[remaining[0]] + score_N[remaining[-1]]) / 2 if len(remaining) else float("nan")
    tied = bool(value[order[count - 1]] == value[order[len(order) - count]])
    return Selection(ordered[:count], ordered[len(ordered) - count :], remaining, threshold, tied)


def _differs(score_N: npt.NDArray[np.generic], value: float) -> npt.NDArray[np.bool_]:
    # Like the original's comparison of the array with the number: float32 scores meet it in float32.
    return np.asarray(score_N != score_N.dtype.type(value) if score_N.dtype.kind == "f" else score_N != value)


def _by_label(value: npt.NDArray[np.generic], valid: Indices, what: str) -> Selection:
    wrong = np.flatnonzero((value != 0) & (value != 1))
    if len(wrong):
        raise UsageError(
            f"{what} is {value[wrong[0]]:g} for sample {valid[wrong[0]]}, and labels are 0 or 1: "
            "leave out --labels, or mark unlabelled samples with --invalid-value."
        )
    positive, negative = valid[value == 1].astype(np.int64), valid[value == 0].astype(np.int64)
    if not len(positive) or not len(negative):
        raise GantkError(f"{what} only contains one class: all {len(value)} labels are {value[0]:g}.")
    return Selection(positive, negative, valid[:0].astype(np.int64), float("nan"), False)


def split(
    selection: Selection, ratio: float, random: np.random.RandomState | np.random.Generator, name: str = ""
) -> Split:
    """Divide each class at random, the first `int(K * ratio)` of the shuffled for training.

    A `RandomState` draws what the original draws with the global numpy generator in the same state.

    Raises:
        UsageError: the ratio is outside (0, 1].
        GantkError: no training samples are left in a class.
    """
    check_ratio(ratio)
    parts: list[Indices] = []
    for indices, kind in ((selection.positive, "positive"), (selection.negative, "negative")):
        shuffled = indices.copy()
        random.shuffle(shuffled)
        count = int(len(shuffled) * ratio)
        if count == 0:
            what = f" of {name!r}" if name else ""
            raise GantkError(
                f"{ratio:g} of {len(shuffled)} {kind} samples{what} leaves none to train on: "
                "choose more samples or a larger --split-ratio."
            )
        parts += [shuffled[:count], shuffled[count:]]
    return Split(parts[0], parts[2], parts[1], parts[3])


def check_ratio(ratio: float) -> None:
    """Raise UsageError for a share for training outside (0, 1]."""
    if not 0 < ratio <= 1:
        raise UsageError(f"The split ratio is {ratio:g}: give the share for training, in (0, 1].")


def generator_for(seed: int, name: str, resample: int = 0) -> np.random.Generator:
    """Return the generator of a score's split: it does not depend on which other scores are in the run."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), resample])
