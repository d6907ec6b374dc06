"""What the pages of LSE's tasks say, each sentence with its condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gantk.reports.numbers import side_digits
from gantk.runs.claims import Claims, advise, counted, decimals, doubt, found, listed, measured, percent, who

if TYPE_CHECKING:
    from gantk.lse.evaluated import EvaluateResult, ScoredHead
    from gantk.lse.image_results import EditResult, SampleResult
    from gantk.lse.metrics import Intervals, Scores
    from gantk.lse.results import FewshotResult, TrainResult

POOR = 0.5
"""IoU below which a class is called poor: less than half of its pixels and the head's overlap."""


def worst_class(scores_K: Sequence[float], names: Sequence[str]) -> tuple[str, float] | None:
    """The class with the lowest IoU of those that were seen; None where none was."""
    seen = [(float(value), name) for value, name in zip(scores_K, names, strict=True) if value >= 0]
    if not seen:
        return None
    value, name = min(seen)
    return name, value


def with_worst(scores: Scores, names: Sequence[str], intervals: Intervals | None = None) -> str:
    """The mIoU with its interval, where one is given, and the class that is lowest.

    Such as: a mIoU of 0.72 (95 % interval 0.69 to 0.75, lowest: sun, 0.27).
    """
    digits, notes = 3, []
    if intervals is not None:
        low, high = intervals.paper_miou
        digits = decimals(low, high)
        notes.append(f"95 % interval {low:.{digits}f} to {high:.{digits}f}")
    if (worst := worst_class(scores.paper_K.tolist(), names)) is not None:
        notes.append(f"lowest: {worst[0]}, {worst[1]:.2f}")
    return f"a mIoU of {scores.paper_miou:.{digits}f}" + (f" ({', '.join(notes)})" if notes else "")


def _paint(head: str) -> str:
    """What edits images with a head."""
    return f"`gantk web MODEL --head {head}` edits images by strokes"


def poor_classes(scores_K: Sequence[float], names: Sequence[str]) -> list[str]:
    """Classes that were seen and have a low IoU, with it."""
    return [
        f"{name} ({value:.{side_digits(value, POOR)}f})"
        for value, name in zip(scores_K, names, strict=True)
        if 0 <= value < POOR
    ]


# --- train -----------------------------------------------------------------------------------------------------------


def _scored(result: TrainResult) -> str:
    parts = [
        f"{each.name} has {with_worst(each.scores, result.class_names, each.intervals)}"
        for each in result.trainings
        if each.scores is not None
    ]
    images = counted(result.held_out, "held-out image")
    return f"On {images}, against the labels of {who(result.teacher)}, {'; '.join(parts)}."


def _best_trained(result: TrainResult) -> tuple[str, Scores]:
    scored = [(each.name, each.scores) for each in result.trainings if each.scores is not None]
    return max(scored, key=lambda pair: pair[1].paper_miou)


def _poorly_trained(result: TrainResult) -> list[str]:
    return poor_classes(_best_trained(result)[1].paper_K.tolist(), result.class_names)


TRAIN: Claims[TrainResult] = (
    found(_scored, lambda r: any(each.scores is not None for each in r.trainings)),
    found(
        lambda r: (
            f"{listed([each.name for each in r.trainings])} {'was' if len(r.trainings) == 1 else 'were'} trained on "
            f"the labels of {who(r.teacher)}."
        ),
        lambda r: all(each.scores is None for each in r.trainings),
    ),
    doubt(
        lambda r: f"No pixel of any image is {listed(r.empty_classes)}, so no head has learned it.",
        lambda r: bool(r.empty_classes),
    ),
    doubt(
        lambda r: (
            f"The IoU of these classes is below {POOR:g} by {_best_trained(r)[0]}: "
            f"{listed(_poorly_trained(r), 8)}. Take more images or steps, or label images that show them."
        ),
        lambda r: any(each.scores is not None for each in r.trainings) and bool(_poorly_trained(r)),
    ),
    advise(
        lambda r: (
            f"`gantk lse evaluate MODEL RUN/heads/{r.trainings[0].name}.safetensors --teacher TEACHER` scores a head "
            f"on fresh images; {_paint(f'RUN/heads/{r.trainings[0].name}.safetensors')}."
        )
    ),
)


# --- few shots -------------------------------------------------------------------------------------------------------


def _last(result: FewshotResult) -> str:
    row = result.shots[-1]
    assert row.scores is not None
    share = (
        f", {percent(row.scores.of_full)} of that of the head of many images" if row.scores.of_full is not None else ""
    )
    low, high = row.scores.intervals[0]
    repeats = len(row.scores.each)
    which = measured(row.scores.each[0], low, high) if repeats == 1 else (
        f"{row.scores.paper_miou:.3f} (mean of {repeats} repeats, none further than {row.scores.deviation:.3f} from it)"
    )  # fmt: skip
    return (
        f"A linear head of {counted(row.shots, 'labelled image')} has a mIoU of {which}{share}, on "
        f"{counted(result.num_eval, 'fresh image')} judged by {who(result.judge)}."
    )


def _poor(result: FewshotResult) -> list[str]:
    scores = result.shots[-1].scores
    return [] if scores is None else poor_classes(scores.classes.tolist(), result.class_names)


FEWSHOT: Claims[FewshotResult] = (
    found(_last, lambda r: r.shots[-1].scores is not None),
    found(
        lambda r: f"A linear head was fitted to {counted(r.shots[-1].shots, 'image')} labelled by {who(r.teacher)}.",
        lambda r: r.shots[-1].scores is None,
    ),
    doubt(
        lambda r: f"The IoU of these classes is below {POOR:g}: {listed(_poor(r), 8)}. Label images that show them.",
        lambda r: bool(_poor(r)),
    ),
    advise(
        lambda r: (
            f"`gantk lse sample MODEL RUN/heads/{r.shots[-1].heads[0]}.safetensors` finds images with a wanted label "
            f"map; {_paint(f'RUN/heads/{r.shots[-1].heads[0]}.safetensors')}."
        )
    ),
)


# --- evaluate --------------------------------------------------------------------------------------------------------


def _best(result: EvaluateResult) -> ScoredHead:
    return max(result.scores, key=lambda each: each.scores.paper_miou)


def _tied(result: EvaluateResult) -> list[str]:
    """Heads of the best one's generator whose intervals overlap its own."""
    best = _best(result)
    return [
        each.head
        for each in result.scores
        if each is not best
        and each.model == best.model
        and each.intervals.paper_miou[1] >= best.intervals.paper_miou[0]
    ]


def _which(result: EvaluateResult) -> str:
    best = f"{_best(result).head} of {_best(result).model}"
    return f"{best} has" if len(result.scores) == 1 else f"The best of {len(result.scores)} heads is {best}, with"


EVALUATE: Claims[EvaluateResult] = (
    found(
        lambda r: (
            f"{_which(r)} a mIoU of "
            f"{measured(_best(r).scores.paper_miou, *_best(r).intervals.paper_miou)} on {counted(r.num, 'image')}."
        )
    ),
    doubt(
        lambda r: (
            f"The 95 % interval of {listed(_tied(r))} overlaps that of {_best(r).head}: more images may change the "
            "order."
        ),
        lambda r: bool(_tied(r)),
    ),
    advise(
        f"`gantk lse sample MODEL HEAD` finds images with a wanted label map; {_paint('HEAD')}; `RUN/scores.tex` is "
        "the table for a paper."
    ),
)


# --- sample ----------------------------------------------------------------------------------------------------------


SAMPLE: Claims[SampleResult] = (
    found(
        lambda r: (
            f"{percent(r.scores.accuracy)} of the wanted pixels of {counted(len(r.targets), 'label map')} are "
            f"as wanted in {counted(r.num, 'sample')}, as {who(r.judge)} labels them; the "
            f"{'sample has' if r.num == 1 else 'samples have'} {with_worst(r.scores, r.class_names)}."
        )
    ),
    doubt(
        lambda r: (
            f"The IoU of these classes is below {POOR:g}: "
            f"{listed(poor_classes(r.scores.paper_K.tolist(), r.class_names), 8)}. Take more `--steps` or a "
            "larger `--bank`."
        ),
        lambda r: bool(poor_classes(r.scores.paper_K.tolist(), r.class_names)),
    ),
    advise(
        f"{_paint('HEAD')}; `RUN/wp.npy` holds the codes, which `gantk manipulate MODEL DIRECTION -i RUN/wp.npy` moves."
    ),
)


# --- edit ------------------------------------------------------------------------------------------------------------


def _outside(result: EditResult) -> str:
    return f"pixels outside the strokes changed by {result.changed:.3f} (RMS, of a range of 2)"


def _followed(result: EditResult) -> str:
    assert result.followed is not None
    before, after = result.followed
    return f"{percent(after)} of the strokes' pixels have their class, {percent(before)} before; {_outside(result)}."


EDIT: Claims[EditResult] = (
    found(_followed, lambda r: r.followed is not None),
    found(lambda r: f"The image was edited; {_outside(r)}.", lambda r: r.followed is None),
    doubt(
        "No more pixels of the strokes have their class than before: take more `--steps`, or paint less.",
        lambda r: r.followed is not None and r.followed[1] <= r.followed[0],
    ),
    advise(
        "`gantk web MODEL --head HEAD` opens `RUN/session.zip` for further strokes; `RUN/wp.npy` holds the code before "
        "and after."
    ),
)
