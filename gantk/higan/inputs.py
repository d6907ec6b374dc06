"""What the command lines of HiGAN's tasks name, and how it is loaded."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gantk.runs.inputs import CodesInputs, DirectionInputs, PredictorInputs
from gantk.runs.options import argument, named
from gantk.runs.task import Inputs

if TYPE_CHECKING:
    from gantk.generators.base import Generator
    from gantk.higan.options import ManipulateOptions, RescoreOptions, SynthesizeOptions, TrainBoundaryOptions


@dataclass(frozen=True, kw_only=True)
class SynthesizeInputs(CodesInputs, PredictorInputs):
    generate_prediction: bool = named(False, "Score the images: attribute.npy, category.npy.", "--predict")

    def load(self, options: SynthesizeOptions) -> dict[str, object]:
        if self.predictor is not None and not self.generate_prediction:
            warnings.warn(f"--predictor {self.predictor} is not used: only --predict scores images.", stacklevel=2)
        generator = self.generator()
        scorer = self.scorer(generator) if self.generate_prediction else None
        return {"generator": generator, "codes": self.codes(generator), "predictor": scorer}


@dataclass(frozen=True, kw_only=True)
class TrainBoundaryInputs(Inputs):
    latents: str = argument("LATENTS", "An .npy of codes.")
    scores: str = argument("SCORES", "An .npy, .npz, .csv or .tsv with a score of each code.")
    latent_space_type: Literal["z", "w", "wp"] | None = named(
        None, "The space of LATENTS.", default_text="by its name and shape"
    )
    condition: tuple[str, ...] = named(
        (),
        "Score of this run, or direction by file or name, that the boundaries are made orthogonal to; may be repeated.",
        metavar="NAME",
        address=True,
    )
    model: str | None = named(
        None,
        "Generator that the latents come from; it is noted in the boundaries.",
        metavar="MODEL",
        code=True,
    )

    def load(self, options: TrainBoundaryOptions) -> dict[str, object]:
        from gantk.codes.given import GivenCodes
        from gantk.codes.kept_directions import load_direction
        from gantk.higan.boundary_inputs import read_latents, space_of
        from gantk.higan.ends import pictures_beside
        from gantk.higan.scores import read_scores

        codes = read_latents(self.latents)
        space = space_of(codes, self.latents, self.latent_space_type)
        names = [*options.score_name, *self.condition] if options.score_name else []
        scores = read_scores(self.scores, names)
        own = scores.columns
        conditions = [name if name in own else load_direction(name, space=None) for name in self.condition]
        return {
            "samples": GivenCodes(codes, space, self.latents, images=pictures_beside(self.latents)),
            "scores": scores,
            "conditions": conditions,
            "generator": self._generator(options),
        }

    def _generator(self, options: TrainBoundaryOptions) -> Generator | None:
        from gantk.checkpoints.load import load_generator
        from gantk.generators.devices import resolve_device

        return None if self.model is None else load_generator(self.model, device=resolve_device(options.device))

    def stem(self) -> str:
        """Of no model: HiGAN's program writes to `results`."""
        return ""


@dataclass(frozen=True, kw_only=True)
class RescoreInputs(CodesInputs, PredictorInputs, DirectionInputs):
    boundaries: tuple[str, ...] = argument(
        "BOUNDARY",
        "A file, a boundary list, a folder of boundaries, or the name of a shipped one.",
        address=True,
    )

    def load(self, options: RescoreOptions) -> dict[str, object]:
        generator = self.generator()
        directions = self.entries(generator, self.boundaries)
        return {
            "generator": generator,
            "directions": directions,
            "predictor": self.scorer(generator),
            "codes": self.codes(generator),
        }


@dataclass(frozen=True, kw_only=True)
class ManipulateInputs(CodesInputs, DirectionInputs):
    directions: tuple[str, ...] = argument(
        "DIRECTION", "A file, a boundary list, a folder, or the name of a shipped one.", address=True
    )
    condition: tuple[str, ...] = named(
        (),
        "Direction that the edit is made orthogonal to; may be repeated.",
        metavar="DIRECTION",
        address=True,
    )

    def load(self, options: ManipulateOptions) -> dict[str, object]:
        from gantk.codes.entries import gather

        generator = self.generator()
        still = gather(self.condition, generator, self.force, self.space) if self.condition else []
        directions = self.entries(generator, self.directions)
        found = {"generator": generator, "directions": directions, "codes": self.codes(generator), "conditions": still}
        if options.realism:
            from gantk.predictors.defaults import features_for

            found["reader"] = features_for(generator)
        return found
