"""Options of `gantk stylespace`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gantk.runs.inputs import ModelInputs, PredictorInputs, SeedsShownOptions
from gantk.runs.options import named, option
from gantk.runs.shared_options import BatchOptions, SeedOptions, TruncationOptions

if TYPE_CHECKING:
    from gantk.generators.base import Generator
    from gantk.predictors.base import Predictor


@dataclass(frozen=True, kw_only=True)
class JudgedInputs(ModelInputs, PredictorInputs):
    """A generator, and what names attributes and regions where there is something."""

    head: str | None = named(
        None,
        "Segmentation head whose classes are the regions.",
        metavar="FILE",
        default_text="the predictor's classes, else segments without labels",
    )

    def load(self, options: object) -> dict[str, object]:
        generator = self.generator()
        return {
            "generator": generator, "predictor": self.named(generator), "segmenter": self.segmenter(generator),
        }  # fmt: skip

    def named(self, generator: Generator) -> Predictor | None:
        """The predictor that was named, or that of the bundled world; other networks have none by default."""
        return self.scorer(generator) if self.predictor is not None or generator.bundled else None

    def segmenter(self, generator: Generator) -> Predictor | None:
        """The head that was named."""
        from gantk.predictors.head_files import load_head

        return None if self.head is None else load_head(self.head, generator).to(generator.device)


@dataclass(frozen=True, kw_only=True)
class StylespaceOptions(SeedOptions, BatchOptions, TruncationOptions, SeedsShownOptions):
    num: int = option(1000, "Number of samples that are scored.", "-N", least=8)
    chosen: float = option(0.05, "Highest scored samples: above 1 a count, up to 1 a share.", above=0)
    looked: int = option(8, "Number of samples whose regions are segmented.", least=1)
    components: int = option(3, "Number of channels for each attribute and each region.", "-K", least=1)
    colours: bool = option(False, "Take channels of layers that only write colours too.")
    samples: int = option(2, "Number of samples drawn with sliders.", least=1, most=1000)
    step: int = option(5, "Number of pictures along a direction.", least=3, most=1000)
    distance: float = option(6.0, "Distance at the sliders' ends, in standard deviations of the channel.", above=0)
