"""Result of `gantk lse evaluate`.

Shape legend: K classes, L maps.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import ClassVar

from gantk.lse.claims import EVALUATE
from gantk.lse.metrics import Intervals, Scores
from gantk.lse.results import by_class
from gantk.lse.tables import classes_latex, comparison_latex, scores_csv
from gantk.predictors.head_info import Colour
from gantk.runs.claims import Claims
from gantk.runs.results import Export, Result, record
from gantk.runs.structure import Image
from gantk.store.files import write_atomic


@record
class ScoredHead:
    """One head of one generator.

    Attributes:
        relative: (mIoU - best) / best among the heads of the generator, in percent.
        parameters: number of weights.
        contributions: standard deviation of what each map adds to the logits, [L]; None where not known.
    """

    model: str
    head: str
    kind: str
    scores: Scores
    intervals: Intervals
    relative: float
    parameters: int
    taps: tuple[str, ...]
    contributions: tuple[float, ...] | None


@record
class OnRenders:
    """Scores of the bundled segmenter itself, on renders, whose classes are known."""

    teacher: str
    num: int
    paper_miou: float
    dataset_miou: float
    accuracy: float


@record
class Judged:
    """One generator: its classes, what labelled its images, and some of them.

    Attributes:
        columns: what stands side by side in the pictures of `sheet`.
    """

    model: str
    teacher: str
    class_names: tuple[str, ...]
    class_colours: tuple[Colour, ...]
    columns: tuple[str, ...]
    sheet: tuple[Image, ...]


@record
class EvaluateResult(Result):
    """Scores of heads.

    Attributes:
        num: of fresh images.
        scores: of every head of every generator. generators: the latter.
        renders: of the bundled segmenter where it is a teacher.
    """

    TASK: ClassVar[str] = "lse evaluate"
    CLAIMS: ClassVar[Claims[EvaluateResult]] = EVALUATE
    num: int
    scores: tuple[ScoredHead, ...]
    generators: tuple[Judged, ...]
    renders: tuple[OnRenders, ...]

    def of(self, place: int) -> tuple[ScoredHead, ...]:
        """The heads of a generator; those of one generator follow each other, in the order of `generators`."""
        counts = [len(each.columns) - 2 for each in self.generators]
        first = sum(counts[:place])
        return self.scores[first : first + counts[place]]

    def lines(self) -> tuple[str, ...]:
        found = []
        for row in self.scores:
            low, high = row.intervals.paper_miou
            found.append(
                f"{row.model} {row.head}: mIoU {row.scores.paper_miou:.4f} [{low:.4f}, {high:.4f}] "
                f"({row.relative:+.1f} %), all pixels {row.scores.dataset_miou:.4f}, accuracy {row.scores.accuracy:.4f}"
            )
        for one in self.renders:
            found.append(f"{one.teacher} on {one.num} renders, whose classes are known: mIoU {one.paper_miou:.4f}")
        return tuple(found)

    def table(self) -> list[dict[str, object]]:
        rows = []
        for place, generator in enumerate(self.generators):
            for each in self.of(place):
                told, ends = each.scores, each.intervals.paper_miou
                row: dict[str, object] = {"model": each.model, "head": each.head, "paper_miou": told.paper_miou}
                row |= {"dataset_miou": told.dataset_miou, "accuracy": told.accuracy}
                row |= {"paper_miou_low": ends[0], "paper_miou_high": ends[1]}
                rows.append(row | by_class(generator.class_names, told.paper_K))
        return rows

    def exports(self) -> Iterator[Export]:
        every = list(dict.fromkeys(name for each in self.generators for name in each.class_names))
        yield Export("scores.csv", lambda path: write_atomic(path, scores_csv(self.table(), every)), "all scores")
        table: dict[str, dict[str, float]] = {}
        for row in self.scores:
            table.setdefault(row.model, {})[row.head] = row.scores.paper_miou
        heads = list(dict.fromkeys(row.head for row in self.scores))
        about = "mIoU of every generator and head"
        yield Export("scores.tex", lambda path: write_atomic(path, comparison_latex(table, heads)), about)
        for place, each in enumerate(self.generators):
            scores = {row.head: row.scores.paper_K.tolist() for row in self.of(place)}
            write = partial(write_atomic, data=classes_latex(each.class_names, scores))
            yield Export(f"classes-{place}.tex", write, f"IoU by class, {each.model}")
