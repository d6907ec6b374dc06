"""Result of `gantk synthesize`.

Shape legend: N samples, D the width of a code, L rows of wp, A attributes, G categories, H x W pixels.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from gantk.codes.given import GivenCodes
from gantk.errors import UsageError
from gantk.generators.probed import Probe
from gantk.higan.claims import SYNTHESIZE
from gantk.runs.claims import Claims
from gantk.runs.results import Result, record
from gantk.runs.structure import Image

Array = npt.NDArray[Any]


@record
class ScoreSummary:
    """How one attribute is distributed over the samples that have a score of it, in the attribute's own unit.

    Attributes:
        missing: samples for which the predictor gave no number.
    """

    missing: int
    mean: float
    std: float
    min: float
    max: float
    counts: npt.NDArray[np.int64]
    edges: npt.NDArray[np.float64]


@record
class SynthesizeResult(Result):
    """Samples of a generator.

    Attributes:
        num: N.
        seed: that the codes were drawn with; None where they were given or have a seed each.
        seeds: of each sample in NVIDIA's numbering, such as "0-31,85"; None where they were drawn otherwise.
        truncation: as it was applied, such as "0.7:8" or "none".
        predictor: what scored the images; None where nothing did.
        z: as the network takes it [N, D]; w: before truncation [N, D]; wp: after it [N, L, D]. None: not kept.
        styles: array name -> the style vectors of one layer as they are multiplied [N, C].
        image: uint8 [N, H, W, C], where images were asked for as one array.
        attribute: scores [N], a structured array with a field per attribute; `category` the probabilities of classes.
        summaries: attribute -> how it is distributed.
        classes: category -> how often it was the likeliest.
        images: the first pictures, in the order of the samples.
        probe: of the generator, which boundaries found in these samples keep; None where shards were joined.
    """

    TASK: ClassVar[str] = "synthesize"
    CLAIMS: ClassVar[Claims[SynthesizeResult]] = SYNTHESIZE
    KEPT: ClassVar[tuple[str, ...]] = ("probe",)
    num: int
    seed: int | None
    seeds: str | None
    truncation: str
    predictor: str | None
    z: Array | None
    w: Array | None
    wp: Array | None
    styles: dict[str, Array]
    image: Array | None
    attribute: Array | None
    category: Array | None
    summaries: dict[str, ScoreSummary]
    classes: dict[str, int]
    images: tuple[Image, ...]
    probe: Probe | None  # the generator's own description of itself, compared as a whole

    @property
    def spaces(self) -> tuple[str, ...]:
        """The spaces whose codes were kept."""
        return tuple(name for name in ("z", "w", "wp") if getattr(self, name) is not None)

    @property
    def codes(self) -> GivenCodes:
        """The codes as other verbs take them: of w where it was kept, else of wp, else of z."""
        space = next(name for name in ("w", "wp", "z") if getattr(self, name) is not None)
        return GivenCodes(getattr(self, space), space, f"the {space} of these samples", probe=self.probe)

    @property
    def scores(self) -> dict[str, Array]:
        """Attribute -> its scores [N].

        Raises:
            UsageError: nothing scored the samples.
        """
        if self.attribute is None:
            raise UsageError("Nothing scored these samples: sample again with a predictor.")
        return {name: self.attribute[name] for name in self.attribute.dtype.names or ()}

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the arrays that a run of the command leaves."""
        names = [*self.spaces, *self.styles]
        names += [name for name in ("image", "attribute", "category") if getattr(self, name) is not None]
        return tuple(f"{name}.npy" for name in names)

    def table(self) -> list[dict[str, object]]:
        return [
            {"attribute": name, "mean": found.mean, "std": found.std, "min": found.min, "max": found.max}
            for name, found in self.summaries.items()
        ]
