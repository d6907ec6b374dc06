"""What the command lines of HiGAN's tasks name, and how it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gantk.runs.inputs import CodesInputs, PredictorInputs
from gantk.runs.options import option

if TYPE_CHECKING:
    from gantk.higan.options import SynthesizeOptions


@dataclass(frozen=True, kw_only=True)
class SynthesizeInputs(CodesInputs, PredictorInputs):
    generate_prediction: bool = option(
        False, "Score the images: attribute.npy, category.npy.", "--predict", identity=False
    )

    def load(self, options: SynthesizeOptions) -> dict[str, object]:
        generator = self.generator()
        scorer = self.scorer(generator) if self.generate_prediction else None
        return {"generator": generator, "codes": self.codes(), "predictor": scorer}
