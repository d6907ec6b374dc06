"""Results of `gantk lse train` and `fewshot`: those that have heads.

Shape legend: K classes, L maps or rows of wp, T steps, S side of the labels, n samples of a target, R repeats.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from gantk.lse.claims import FEWSHOT, TRAIN
from gantk.lse.metrics import ABSENT, Intervals, Scores
from gantk.predictors.head_info import Colour, LearnedHead
from gantk.runs.claims import Claims, counted, measured
from gantk.runs.results import Export, Result, record
from gantk.runs.structure import Image

if TYPE_CHECKING:
    from torch import Tensor

    from gantk.generators.base import Generator
    from gantk.predictors.heads import Head

Array = npt.NDArray[Any]


class HasHead:
    """A result that carries heads: it segments, and stands wherever a head is wanted."""

    heads: tuple[LearnedHead, ...]
    _generator: ClassVar[Any] = None  # no field: a file cannot hold it

    def bound(self, generator: Generator) -> None:
        """Remember the generator that `segment` asks; a result from a file knows none until it is told."""
        object.__setattr__(self, "_generator", generator)

    def best(self) -> LearnedHead:
        """The head that stands for the result."""
        return self.heads[0]

    @property
    def head(self) -> Head:
        """The head that stands for the result, as a predictor."""
        return self.best().head(self._generator)

    def segment(self, seen: object, generator: Generator | None = None) -> Tensor:
        """Class logits [N, K, S, S] of codes wp or of what `Generator.trace` returned; see `Head.segment`.

        Args:
            generator: needed where the result was read from a file.
        """
        head = self.head
        return (head if generator is None else head.bind(generator)).segment(seen)

    def labels_of(self, seen: object, generator: Generator | None = None) -> npt.NDArray[np.uint8]:
        """Class numbers uint8 [N, S, S]; see `segment`."""
        head = self.head
        return (head if generator is None else head.bind(generator)).labels(seen)


def head_exports(heads: tuple[LearnedHead, ...], about: str = "a head") -> Iterator[Export]:
    """The files of heads."""
    for each in heads:
        yield Export(f"heads/{each.info.name}.safetensors", each.save, about)


def by_class(names: tuple[str, ...], scores_K: Array) -> dict[str, object]:
    """IoU by class, None where it was never seen."""
    return {name: None if value <= ABSENT / 10 else float(value) for name, value in zip(names, scores_K, strict=True)}


# --- train -----------------------------------------------------------------------------------------------------------


@record
class Training:
    """How one head came about.

    Attributes:
        name: of the head.
        passes: how many images were drawn to find it.
        scores: on held-out images; None where there are none.
        intervals: of them, over resampled held-out images; None where there are none, or in runs that kept none.
        curve_passes, curve_miou: the paper's mIoU on held-out images after so many image passes.
        losses: image passes and cross entropy, [T, 2].
        contributions: standard deviation of what each map adds to the logits of the linear head, [L].
    """

    name: str
    passes: int
    scores: Scores | None
    intervals: Intervals | None
    curve_passes: tuple[int, ...]
    curve_miou: tuple[float, ...]
    losses: npt.NDArray[np.float64]
    contributions: tuple[float, ...] | None


@record
class TrainResult(HasHead, Result):
    """Heads of a training.

    Attributes:
        heads: in the order asked for. trainings: how each came about.
        taps: names of the maps that they read.
        held_out: number of held-out images. teacher: what labelled the images.
        class_share: of labelled pixels, [K]. empty_classes: those without a pixel.
        sheet: held-out images beside their label maps; sheet_columns: what stands side by side.
        z: codes of the images, [N, Z] (with --mixed [N, L, Z]). labels: uint8 [N, S, S].
    """

    TASK: ClassVar[str] = "lse train"
    VERSION: ClassVar[int] = 2
    CLAIMS: ClassVar[Claims[TrainResult]] = TRAIN
    KEPT: ClassVar[tuple[str, ...]] = ("z", "labels")
    heads: tuple[LearnedHead, ...]
    trainings: tuple[Training, ...]
    taps: tuple[str, ...]
    held_out: int
    teacher: str
    class_names: tuple[str, ...]
    class_colours: tuple[Colour, ...]
    class_share: npt.NDArray[np.float64]
    empty_classes: tuple[str, ...]
    sheet: tuple[Image, ...]
    sheet_columns: tuple[str, ...]
    z: npt.NDArray[Any]
    labels: npt.NDArray[np.uint8]

    def lines(self) -> tuple[str, ...]:
        found = []
        for each in self.trainings:
            score = ""
            if each.scores is not None:
                miou = f"{each.scores.paper_miou:.4f}"
                if each.intervals is not None:
                    miou = measured(each.scores.paper_miou, *each.intervals.paper_miou)
                score = f"  mIoU {miou} on {counted(self.held_out, 'held-out image')}"
            found.append(f"{each.name}: heads/{each.name}.safetensors, {each.passes} image passes{score}")
        return tuple(found)

    def table(self) -> list[dict[str, object]]:
        rows = []
        for each in self.trainings:
            row: dict[str, object] = {"head": each.name, "passes": each.passes}
            if each.scores is not None:
                row |= {"paper_miou": each.scores.paper_miou, "dataset_miou": each.scores.dataset_miou}
                if each.intervals is not None:
                    low, high = each.intervals.paper_miou
                    row |= {"paper_miou_low": low, "paper_miou_high": high}
                row |= {"accuracy": each.scores.accuracy, **by_class(self.class_names, each.scores.paper_K)}
            rows.append(row)
        return rows

    def exports(self) -> Iterator[Export]:
        return head_exports(self.heads)


# --- few shots -------------------------------------------------------------------------------------------------------


@record
class Fit:
    """How one head of few images was found.

    Attributes:
        shots, repeat: which images it is of.
        eps, steps: the shrinkage and number of steps that were chosen; 0 for the paper's procedure.
        left_out: cross entropy of left-out images by shrinkage and step, [E, T]; None where nothing could be left out.
        eps_tried: the shrinkages of its rows.
    """

    name: str
    shots: int
    repeat: int
    eps: float
    steps: int
    left_out: npt.NDArray[np.float64] | None
    eps_tried: tuple[float, ...]


@record
class ShotScores:
    """Scores of the heads of one number of shots.

    Attributes:
        paper_miou: mean over repeats; deviation: the largest deviation of a repeat from it, the paper's "+-".
        each: of every repeat, [R]; intervals: 95 % of each.
        dataset_miou: mean over repeats. classes: the paper's IoU of each class, mean over repeats, [K].
        of_full: share of the mIoU of the head of many images; None without one.
    """

    paper_miou: float
    deviation: float
    each: tuple[float, ...]
    intervals: tuple[tuple[float, float], ...]
    dataset_miou: float
    classes: npt.NDArray[np.float64]
    of_full: float | None


@record
class ShotRow:
    """All heads of one number of shots.

    Attributes:
        heads: their names.
        eps: the shrinkage of each.
        seconds: of fitting one, on average; None where shards were joined.
        scores: None where nothing was scored.
    """

    shots: int
    heads: tuple[str, ...]
    eps: tuple[float, ...]
    seconds: float | None
    scores: ShotScores | None


@record
class FewshotResult(HasHead, Result):
    """Heads of a few labelled images.

    Attributes:
        heads: of every number of shots and repeat, called such as n8-r0. fits: how each was found.
        shots: by number of shots.
        full: scores of the head of many images; None without one.
        num_eval: number of fresh images that heads were scored on; 0 where nothing was scored.
        teacher: what labelled; judge: what scored.
        shot_images: the labelled images of the first repeat. sheet: fresh images beside label maps.
    """

    TASK: ClassVar[str] = "lse fewshot"
    VERSION: ClassVar[int] = 2
    CLAIMS: ClassVar[Claims[FewshotResult]] = FEWSHOT
    heads: tuple[LearnedHead, ...]
    fits: tuple[Fit, ...]
    shots: tuple[ShotRow, ...]
    full: Scores | None
    num_eval: int
    teacher: str
    judge: str
    class_names: tuple[str, ...]
    class_colours: tuple[Colour, ...]
    shot_images: tuple[Image, ...]
    sheet: tuple[Image, ...]
    sheet_columns: tuple[str, ...]

    def best(self) -> LearnedHead:
        """The head of the most shots, first repeat."""
        name = self.shots[-1].heads[0]
        return next(each for each in self.heads if each.info.name == name)

    def lines(self) -> tuple[str, ...]:
        found = []
        for row in self.shots:
            time = "" if row.seconds is None else f"fitted in {row.seconds:.1f} s"
            noun = "shot" if row.shots == 1 else "shots"
            if row.scores is None:
                files = ", ".join(f"heads/{name}.safetensors" for name in row.heads)
                found.append(f"{row.shots} {noun}: {files}{', ' + time if time else ''}")
                continue
            share = row.scores.of_full
            full = "" if share is None else f", {100 * share:.1f} % of the full head"
            spread = f" +- {row.scores.deviation:.4f}" if len(row.heads) > 1 else ""  # of one repeat nobody knows it
            miou = f"{row.scores.paper_miou:.4f}{spread}"
            found.append(f"{row.shots:>3} {noun}: mIoU {miou}{full}{f' ({time})' if time else ''}")
        return tuple(found)

    def table(self) -> list[dict[str, object]]:
        rows = []
        for row in self.shots:
            cells: dict[str, object] = {"shots": row.shots}
            if row.scores is not None:
                cells |= {"paper_miou": row.scores.paper_miou, "deviation": row.scores.deviation}
                cells |= {"dataset_miou": row.scores.dataset_miou, "of_full": row.scores.of_full}
                cells |= by_class(self.class_names, row.scores.classes)
            rows.append(cells)
        return rows

    def exports(self) -> Iterator[Export]:
        return head_exports(self.heads, "a head of a few images")
