"""Results of `gantk lse sample` and `gantk lse edit`: images that were looked for, or changed by strokes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from gantk.codes.given import GivenCodes
from gantk.lse.archive import write_session
from gantk.lse.claims import EDIT, SAMPLE
from gantk.lse.metrics import Scores
from gantk.pictures.label_maps import write_label_map
from gantk.predictors.head_info import Colour
from gantk.runs.claims import Claims, counted
from gantk.runs.results import Export, Result, record
from gantk.runs.structure import Image, Strip
from gantk.store.files import save_npy, write_atomic

# --- sample ----------------------------------------------------------------------------------------------------------


@record
class Spread:
    """Mean over pairs of one target's samples: distance of codes, share of pixels labelled otherwise, RMS of pixels."""

    codes: float
    labels: float
    pixels: float


@record
class Target:
    """A wanted label map and the samples found for it.

    Attributes:
        wanted: the label map. samples: images beside the labels that they have.
        miou: of each sample, [n]; None where no class but the first was wanted or seen.
        accuracy: share of labelled pixels, [n].
        start: numbers of the codes that the samples started from, [n].
    """

    name: str
    wanted: Image
    samples: tuple[Image, ...]
    miou: tuple[float | None, ...]
    accuracy: tuple[float, ...]
    spread: Spread
    start: tuple[int, ...]


@record
class SampleResult(Result):
    """Images with wanted label maps.

    Attributes:
        targets: with their samples.
        scores: of all samples, as the judge labels them.
        spread: mean over targets.
        curve: cross entropy by step: mean over samples, the lowest and the highest, [3, T].
        wp: codes of the samples, [targets, n, L, D].
    """

    TASK: ClassVar[str] = "lse sample"
    CLAIMS: ClassVar[Claims[SampleResult]] = SAMPLE
    KEPT: ClassVar[tuple[str, ...]] = ("wp",)
    targets: tuple[Target, ...]
    scores: Scores
    spread: Spread
    curve: npt.NDArray[np.float64]
    judge: str
    class_names: tuple[str, ...]
    class_colours: tuple[Colour, ...]
    wp: npt.NDArray[np.float32]

    @property
    def num(self) -> int:
        """Samples of all targets."""
        return sum(len(each.samples) for each in self.targets)

    @property
    def codes(self) -> GivenCodes:
        """Codes of all samples, those of one target after another."""
        return GivenCodes(self.wp.reshape(-1, *self.wp.shape[2:]), "wp", "the samples")

    def lines(self) -> tuple[str, ...]:
        images = counted(self.num, "sample")
        return (f"mIoU {self.scores.paper_miou:.4f}, accuracy {self.scores.accuracy:.4f}, {images}, by {self.judge}",)

    def table(self) -> list[dict[str, object]]:
        return [
            {"target": each.name, "sample": place, "miou": miou, "accuracy": accuracy, "start": start}
            for each in self.targets
            for place, (miou, accuracy, start) in enumerate(zip(each.miou, each.accuracy, each.start, strict=True))
        ]


# --- edit ------------------------------------------------------------------------------------------------------------


@record
class EditResult(Result):
    """An image edited by strokes.

    Attributes:
        before, stroke, after: the image, with the strokes painted on it, and edited.
        labels_before, labels_after: where each class was and is. change: how much each pixel changed.
        change_most: what white is in it: mean over the colours of a pixel, of a range of 2; None in runs that did not
            keep it.
        strip: from the image (0) to the edited one (1), in a straight line between their codes.
        losses: [T].
        followed: share of the strokes' pixels that have the wanted class, before and after; None without such strokes.
        changed: RMS change of the pixels outside the strokes, of a range of 2.
        moved: how far each row of wp moved, [L].
        wp: the code before and after, [2, L, D].
        image: the edited image at its own size. label: its classes, uint8 [S, S].
        seed, index: which sample was edited; None for a code that was given. source: the generator's file.
        session: bytes of the zip of a session that was made again; the other fields are of its last edit.
        replayed: how the session came out, in a sentence; None where there was none.
    """

    TASK: ClassVar[str] = "lse edit"
    VERSION: ClassVar[int] = 2
    CLAIMS: ClassVar[Claims[EditResult]] = EDIT
    before: Image
    stroke: Image
    after: Image
    labels_before: Image
    labels_after: Image
    change: Image
    change_most: float | None
    strip: Strip
    losses: tuple[float, ...]
    followed: tuple[float, float] | None
    changed: float
    moved: npt.NDArray[np.float64]
    class_names: tuple[str, ...]
    class_colours: tuple[Colour, ...]
    wp: npt.NDArray[np.float32]
    image: Image
    label: npt.NDArray[np.uint8]
    seed: int | None
    index: int | None
    source: str
    session: npt.NDArray[np.uint8] | None
    replayed: str | None

    @property
    def codes(self) -> GivenCodes:
        """The code after, [1, L, D]."""
        return GivenCodes(self.wp[1:], "wp", "the edited code")

    def lines(self) -> tuple[str, ...]:
        found = [f"Outside the strokes pixels changed by {self.changed:.3f} (RMS, of a range of 2)."]
        if self.followed is not None:
            before, after = self.followed
            found.insert(0, f"The stroke's classes: {before:.1%} of its pixels before, {after:.1%} after.")
        if self.replayed is not None:
            found.append(self.replayed)
        return tuple(found)

    def table(self) -> list[dict[str, object]]:
        return [{"row": row, "moved": float(value)} for row, value in enumerate(self.moved)]

    def exports(self) -> Iterator[Export]:
        yield Export("wp.npy", lambda path: save_npy(path, self.wp), "the code before and after")
        write = partial(write_label_map, label=self.label, colours=self.class_colours)
        yield Export("label.png", write, "label map after, class numbers")
        yield Export("session.zip", self._write_session, "image, labels and code")

    def _write_session(self, path: Path) -> Path:
        if self.session is not None:
            return write_atomic(path, np.asarray(self.session).tobytes())
        about: dict[str, object] = {} if self.index is None else {"seed": self.seed, "index": self.index}
        about["edits"] = [{"followed": self.followed, "changed": self.changed}]
        return write_session(
            path, self.image.array(), self.label, self.class_names, self.class_colours, self.wp[1:], about, self.source
        )
