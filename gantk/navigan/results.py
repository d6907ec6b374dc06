"""Results of `gantk navigan`: numpy, no torch.

Shape legend: K directions, T strengths, N samples, P numbers of the weight, R singular values, M Ritz values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from gantk.navigan.claims import APPLY, HESSIAN, SVD, TRAIN, UNMEASURED
from gantk.navigan.kept import KeptWeights
from gantk.runs.animations import animations
from gantk.runs.claims import Claims, plain
from gantk.runs.results import Export, Result, record
from gantk.runs.structure import Image
from gantk.runs.walk import Walk

if TYPE_CHECKING:
    from torch import Tensor

    from gantk.generators.base import Generator
    from gantk.navigan.directions import WeightDirections
    from gantk.runs.options import Options

Numbers = npt.NDArray[np.float64]


# --- parts -----------------------------------------------------------------------------------------------------------


@record
class Curve:
    """How far pictures move along a direction.

    Attributes:
        number: of the direction.
        scale: the recommended strength.
        strengths, distances: [T], mean distance from the samples as they are.
        reached: False where pictures never moved as far as asked, and the strongest that was tried is recommended.
    """

    number: int
    scale: float
    strengths: Numbers
    distances: Numbers
    reached: bool


@record
class Pair:
    """One sample as it is, edited, and where the two differ."""

    original: Image
    edited: Image
    change: Image


@record
class Shown:
    """A direction with pictures.

    Attributes:
        number: of the direction.
        walk: its strips.
        scale: the strength of the edits in `pairs`.
        value: its eigenvalue or singular value; None where it has none.
        change, change_most: mean and largest absolute difference of pixels in [-1, 1], mean over samples.
        where: map of that difference.
    """

    number: int
    walk: Walk
    scale: float
    value: float | None
    change: float
    change_most: float
    where: Image
    pairs: tuple[Pair, ...]


@record
class SearchStep:
    """Where a search stood after a block.

    Attributes:
        residual: the largest of the wanted directions, over the last eigenvalue; None before there are as many.
        angle: bound on the angle to the true leading subspace, degrees; 90 where there is none.
    """

    products: int
    residual: float | None
    angle: float


@record
class Exactness:
    """How sure eigenvectors from exact products are.

    Attributes:
        residuals: [K], |H v - lambda v|.
        ritz: [M], those beyond K are lower bounds of further eigenvalues.
        trace: of the Hessian, and how far two estimates of it are apart.
        captured: share of the trace in the eigenvectors; None where the trace is zero.
        agreement: share of the leading directions of one half of the samples in those of the other; None with one
            chunk.
        tolerance: of the residuals that was asked for.
    """

    residuals: Numbers
    ritz: Numbers
    history: tuple[SearchStep, ...]
    converged: bool
    angle: float
    trace: float
    trace_error: float
    captured: float | None
    agreement: float | None
    tolerance: float


@record
class Spectrum:
    """What a search found beside the vectors.

    Attributes:
        values: eigenvalues [K], largest first; of the released estimator in the order of discovery.
        products: with the Hessian, each with all samples.
        exact: None for the released estimator, which knows none of it.
    """

    values: Numbers
    products: int
    exact: Exactness | None


@record
class LogLine:
    """Means of a training since the line before; `held_out` is the accuracy on samples that are never trained on."""

    step: int
    cross_entropy: float
    strength_error: float
    accuracy: float
    held_out: float | None


# --- results ---------------------------------------------------------------------------------------------------------


@record
class WeightResult(Result):
    """Weight directions that were found; verbs take it where they take weight directions.

    Attributes:
        directions: all of them.
        weight_length: norm of the weight, which strengths are lengths beside.
        metric: what distances were measured with; None where strengths were not measured.
        share: of the distance between samples that a recommended strength moves pictures by.
        curves: of the directions whose strengths were measured.
        shown: those with pictures.
        fps: of animations.
    """

    FILE: ClassVar[str] = "directions.safetensors"
    directions: KeptWeights
    weight_length: float
    metric: str | None
    share: float
    curves: tuple[Curve, ...]
    shown: tuple[Shown, ...]
    fps: float

    def __len__(self) -> int:
        return len(self.directions)

    @property
    def weights(self) -> WeightDirections:
        """The directions as torch works with them."""
        return self.directions.live()

    def render(
        self, generator: Generator, codes: object, row: int = 0, strength: float | None = None,
        truncation: str | None = None,
    ) -> Tensor:  # fmt: skip
        """Images [N, C, H, W] of codes moved along direction `row`; see `WeightDirections.render`."""
        return self.weights.render(generator, codes, row, strength, truncation)

    @property
    def unmeasured(self) -> str:
        """What to say where no strength was measured."""
        return plain(UNMEASURED.text(self)) if UNMEASURED.holds(self) else ""

    def lines(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.sentence(), self.unmeasured)))

    def table(self) -> list[dict[str, object]]:
        scales = {curve.number: curve.scale for curve in self.curves}
        shown = {each.number: each for each in self.shown}
        rows: list[dict[str, object]] = []
        for number in range(len(self)):
            seen = shown.get(number)
            change = None if seen is None else seen.change
            rows.append({"direction": number, "strength": scales.get(number), "change": change})
        return rows

    def exports(self) -> Iterator[Export]:
        yield Export(self.FILE, self.directions.save, "the directions and their recommended strengths")
        for each in self.shown:
            yield from animations(each.walk, self.fps)


@record
class HessianResult(WeightResult):
    """Leading eigenvectors of the perceptual distance's Hessian, which is the mean over `num` samples."""

    TASK: ClassVar[str] = "navigan hessian"
    VERSION: ClassVar[int] = 2
    CLAIMS: ClassVar[Claims[HessianResult]] = HESSIAN
    FILE: ClassVar[str] = "eigenvectors.safetensors"
    spectrum: Spectrum
    num: int

    @property
    def eigenvalues(self) -> Numbers:
        """[K], largest first."""
        return self.spectrum.values

    def lines(self) -> tuple[str, ...]:
        exact = self.spectrum.exact
        if exact is None or exact.converged:
            return super().lines()
        last = exact.history[-1].residual
        reached = "not known" if last is None else f"{last:.2g} of the last eigenvalue"
        warning = (
            f"The search stopped after {self.spectrum.products} products with a residual that is {reached}, not below "
            f"{exact.tolerance:g}: give more --max-products."
        )
        return (*super().lines(), warning)

    def table(self) -> list[dict[str, object]]:
        return [
            {**row, "eigenvalue": float(value)} for row, value in zip(super().table(), self.eigenvalues, strict=True)
        ]


@record
class SvdResult(WeightResult):
    """Singular vectors of a convolution.

    Attributes:
        singular_values: [R], largest first.
    """

    TASK: ClassVar[str] = "navigan svd"
    CLAIMS: ClassVar[Claims[SvdResult]] = SVD
    singular_values: Numbers

    def table(self) -> list[dict[str, object]]:
        return [
            {**row, "singular value": float(value)}
            for row, value in zip(super().table(), self.singular_values, strict=True)
        ]


@record
class TrainResult(WeightResult):
    """Combinations of a basis that a network can tell apart.

    Attributes:
        basis: what was combined.
        steps: that were taken.
        log: in order of steps.
        held_out_edits: never trained on, of which the log says how many are told.
    """

    TASK: ClassVar[str] = "navigan train"
    VERSION: ClassVar[int] = 2
    CLAIMS: ClassVar[Claims[TrainResult]] = TRAIN
    basis: str
    steps: int
    log: tuple[LogLine, ...]
    held_out_edits: int

    @property
    def held_out(self) -> float:
        """Share of held-out edits whose direction is told, after the last step."""
        return next(line.held_out for line in reversed(self.log) if line.held_out is not None)

    @property
    def interval(self) -> tuple[float, float]:
        """Of that share, 95 % over the edits (Wilson)."""
        from gantk.predictors.linear_probe import wilson

        return wilson(round(self.held_out * self.held_out_edits), self.held_out_edits)

    def answers(self, options: Options) -> bool:
        steps: int = getattr(options, "steps", 0)
        return self.steps >= steps


@record
class Edited:
    """One direction applied to samples.

    Attributes:
        number: of the direction.
        walk: strips of the first samples.
        scale: the largest strength.
        distance: [N, T], how far each picture is from the sample as it was; None without a metric.
    """

    number: int
    walk: Walk
    scale: float
    distance: npt.NDArray[np.float32] | None


@record
class EachEdit:
    """One sample with a direction and a strength of its own."""

    image: Image
    number: int
    strength: float


@record
class ApplyResult(Result):
    """Pictures of samples with their weights moved.

    Attributes:
        name, layer, count: of the directions.
        total: N.
        metric: None where distances were not measured.
        edited: one for each direction.
        each: one for each sample, where each had its own.
        fps: of animations.
    """

    TASK: ClassVar[str] = "navigan apply"
    CLAIMS: ClassVar[Claims[ApplyResult]] = APPLY
    name: str
    layer: str
    count: int
    total: int
    metric: str | None
    edited: tuple[Edited, ...]
    each: tuple[EachEdit, ...]
    fps: float

    def table(self) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for edit in self.edited:
            values = edit.walk.strips[0].values if edit.walk.strips else ()
            for step, strength in enumerate(values):
                far = None if edit.distance is None else float(np.mean(edit.distance[:, step]))
                rows.append({"direction": edit.number, "strength": strength, "distance": far})
        return rows + [{"direction": e.number, "strength": e.strength, "distance": None} for e in self.each]

    def exports(self) -> Iterator[Export]:
        for edit in self.edited:
            yield from animations(edit.walk, self.fps)
