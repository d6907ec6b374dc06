"""Options of `gantk atlas`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gantk.runs.inputs import seeds_option
from gantk.runs.options import named, option
from gantk.runs.shared_options import BatchOptions, SeedOptions, TruncationOptions
from gantk.stylespace.options import JudgedInputs

if TYPE_CHECKING:
    from gantk.generators.base import Generator
    from gantk.ghfeat.files import EncoderFile


@dataclass(frozen=True, kw_only=True)
class AtlasInputs(JudgedInputs):
    """A generator, what looks at its images, and directions that are known already."""

    directions: tuple[str, ...] = named(
        (),
        "Further direction, file or folder of directions; may be repeated.",
        metavar="PATH",
        address=True,
    )
    metric: str | None = named(
        None, "Perceptual distance: demo, imagenet, lpips-vgg or lpips-alex.", metavar="NAME",
        default_text="demo for bundled models, else what is installed",
    )  # fmt: skip
    encoder: str | None = named(
        None, "Encoder of images into the generator's styles, in which boundaries are found too.", metavar="FILE",
        default_text="the one that ships with the generator, if any",
    )  # fmt: skip
    force: bool = named(False, "Take directions that were found with another generator of the same widths.")

    def load(self, options: object) -> dict[str, object]:
        from gantk.codes.entries import gather
        from gantk.predictors.defaults import metric_name
        from gantk.predictors.load import load_predictor

        generator = self.generator()
        metric = load_predictor(
            self.metric or metric_name(generator), generator.device, generator, option="--metric"
        ).eval()
        given = gather(self.directions, generator, self.force, None, "all") if self.directions else []
        return {
            "generator": generator, "predictor": self.named(generator), "segmenter": self.segmenter(generator),
            "metric": metric, "directions": given, "encoder": self._encoder(generator),
        }  # fmt: skip

    def load_again(self, options: object) -> dict[str, object]:
        return {"generator": self.generator()}

    def _encoder(self, generator: Generator) -> EncoderFile | None:
        from gantk.ghfeat.files import load_encoder

        return None if self.encoder is None else load_encoder(self.encoder, generator, self.force)


@dataclass(frozen=True, kw_only=True)
class AtlasOptions(SeedOptions, BatchOptions, TruncationOptions):
    quick: bool = option(False, "Take fewer samples and fewer directions of each source, for a first look.")
    systems: str | None = option(
        None, "Sources to take, such as higan,sefa,resefa; the others are left out.", metavar="LIST",
        default_text="higan,sefa,ganspace,resefa,stylespace,navigan,encoder",
    )  # fmt: skip
    prepare: bool = option(
        False, "Find the directions of every source and stop: what is left can be divided by --shard.", identity=False
    )
    num: int | None = option(
        None, "Number of scored samples that directions are found on.", "-N", least=40, default_text="2000, quick: 300"
    )
    components: int | None = option(
        None, "Number of directions of a source for each third of the rows, region or attribute.", "-K", least=1,
        default_text="2, quick: 1",
    )  # fmt: skip
    held_out: int | None = option(
        None,
        "Number of held-out samples that directions are measured on.",
        originals=("--measured",),
        least=2,
        default_text="24, quick: 8",
    )
    random: int | None = option(
        None,
        "Number of random directions, whose changes count as chance.",
        least=1,
        most=10_000,
        default_text="24, quick: 6, or 12 without attributes",
    )
    shown: int | None = option(
        None, "Number of groups that are drawn with sliders.", least=0, default_text="24, quick: 12"
    )
    seeds: str | tuple[int, ...] | None = seeds_option("Samples drawn with sliders,")
    cut: float | None = option(
        None, "Similarity from which directions are joined, in (0, 1).", above=0, below=1,
        default_text="what the nearest of unrelated directions reach in one of 20 cases, by permutation",
    )  # fmt: skip
