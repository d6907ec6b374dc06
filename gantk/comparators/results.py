"""Results of `gantk sefa` and `gantk ganspace`.

Shape legend: K directions, D width of a code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from gantk.codes.directions import Direction
from gantk.codes.kept_directions import save_direction
from gantk.comparators.claims import GANSPACE, SEFA
from gantk.runs.claims import Claims, counted
from gantk.runs.results import Export, Result, record
from gantk.runs.walk import Walk


@record
class ClosedForm(Result):
    """Directions by decreasing strength.

    Attributes:
        direction: all of them, [K, D], unit length.
        walks: the first ones on some samples.
    """

    direction: Direction
    walks: tuple[Walk, ...]

    def exports(self) -> Iterator[Export]:
        name = f"{self.TASK}.safetensors"
        yield Export(name, lambda path: save_direction(path, self.direction), "directions, strongest first")

    def lines(self) -> tuple[str, ...]:
        verb = "was" if len(self.direction) == 1 else "were"
        return (f"{counted(len(self.direction), 'direction')} of {self.direction.space} {verb} found.",)


@record
class SefaResult(ClosedForm):
    """Directions of SeFa.

    Attributes:
        eigenvalues: squared change of the styles of a unit step along each, [K], decreasing.
    """

    TASK: ClassVar[str] = "sefa"
    CLAIMS: ClassVar[Claims[SefaResult]] = SEFA
    eigenvalues: npt.NDArray[np.float64]

    def table(self) -> list[dict[str, object]]:
        return [{"direction": k, "eigenvalue": float(value)} for k, value in enumerate(self.eigenvalues)]


@record
class GanspaceResult(ClosedForm):
    """Directions of GANSpace.

    Attributes:
        deviations: standard deviation of the samples along each component, [K].
        explained: each one's share of the variance, [K].
        layer: whose features they are of, or "w".
    """

    TASK: ClassVar[str] = "ganspace"
    CLAIMS: ClassVar[Claims[GanspaceResult]] = GANSPACE
    deviations: npt.NDArray[np.float64]
    explained: npt.NDArray[np.float64]
    layer: str

    def table(self) -> list[dict[str, object]]:
        rows = enumerate(zip(self.deviations, self.explained, strict=True))
        return [{"direction": k, "deviation": float(d), "explained": float(e)} for k, (d, e) in rows]
