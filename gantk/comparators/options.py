"""Options of `gantk sefa` and `gantk ganspace`."""

from __future__ import annotations

from dataclasses import dataclass

from gantk.runs.inputs import ModelInputs, SeedsShownOptions
from gantk.runs.options import option
from gantk.runs.shared_options import BatchOptions, SeedOptions, TruncationOptions


@dataclass(frozen=True, kw_only=True)
class ModelOnly(ModelInputs):
    """A generator and nothing else."""

    def load(self, options: object) -> dict[str, object]:
        return {"generator": self.generator()}


@dataclass(frozen=True, kw_only=True)
class DrawingOptions(SeedOptions, BatchOptions, TruncationOptions, SeedsShownOptions):
    """How many directions are kept, and which of them are drawn, how."""

    rows: str | tuple[int, ...] | None = option(
        None,
        "Rows of wp to use, such as 0-3,7 or layer names.",
        "--layers",
        originals=("--layer-idx",),
        metavar="LIST",
        default_text="all",
    )
    components: int | None = option(
        None,
        "Number of directions.",
        "-K",
        originals=("--num-directions", "--num-semantics"),
        least=1,
        default_text="all",
    )
    shown: int | None = option(None, "Number of directions that are drawn.", least=0, default_text="5")
    samples: int = option(3, "Number of samples drawn with sliders.", originals=("--num-samples",), least=1, most=1000)
    step: int = option(9, "Number of pictures along a direction.", least=3, most=1000)
    distance: float | None = option(
        None,
        "Distance at the sliders' ends, in units of the direction's space.",
        default_text="two standard deviations, or 3",
    )


@dataclass(frozen=True, kw_only=True)
class SefaOptions(DrawingOptions):
    normalize: bool = option(True, "Scale every row of the weights to length one first, as SeFa does.")


@dataclass(frozen=True, kw_only=True)
class GanspaceOptions(DrawingOptions):
    num: int = option(10_000, "Number of codes to sample.", "-N", least=2)
    layer: str | None = option(
        None,
        "Where components are taken: w, or a layer whose features are decomposed.",
        metavar="NAME",
        default_text="w where a mapping network makes it, else the first layer",
    )
