"""Options of the toy analysis."""

from __future__ import annotations

from dataclasses import dataclass

from gantk.runs.inputs import ModelInputs
from gantk.runs.options import option
from gantk.runs.shared_options import SeedOptions


@dataclass(frozen=True, kw_only=True)
class BrightnessInputs(ModelInputs):
    def load(self, options: object) -> dict[str, object]:
        return {"generator": self.generator()}


@dataclass(frozen=True, kw_only=True)
class BrightnessOptions(SeedOptions):
    num: int = option(8, "Number of samples.", "-N", originals=("--nums",), least=1)
    gain: float = option(1.0, "Factor of the brightness.", above=0.0)
    bins: int = option(4, "Number of bins of the histogram.", least=1, most=100)
