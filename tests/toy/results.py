"""The result of the toy analysis."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from gantk.runs.results import Result, record


@record
class Facts:
    resolution: int


@record
class BrightnessResult(Result):
    TASK: ClassVar[str] = "brightness"
    brightness: npt.NDArray[np.float64]
    counts: tuple[int, ...]
    resolution: int

    def sentence(self) -> str:
        return f"The mean brightness of {len(self.brightness)} samples is {float(self.brightness.mean()):.3f}."

    def table(self) -> list[dict[str, object]]:
        return [{"sample": i, "brightness": float(value)} for i, value in enumerate(self.brightness)]
