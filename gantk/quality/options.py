"""Options and inputs of `gantk quality`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gantk.runs.inputs import DeviceInputs, seeds_option
from gantk.runs.options import argument, named, option
from gantk.runs.shared_options import BatchOptions, LabelOptions, SeedOptions, TruncationOptions

if TYPE_CHECKING:
    from gantk.quality.sources import Pictures, Titled

MOST, DRAWN = 5000, 2000  # images of a folder, and samples where both sides are generators


@dataclass(frozen=True, kw_only=True)
class QualityInputs(DeviceInputs):
    """Two sets of images, and what they are compared by."""

    model: str = argument("MODEL", "A generator, or a folder of images.", code=True)
    images: str = argument("IMAGES", "What it is compared with: a folder of images, or another generator.", code=True)
    features: str | None = named(
        None,
        "Features that images are compared by: imagenet, inception, demo, or a predictor that gives features.",
        metavar="NAME",
        default_text="demo for the bundled models, else imagenet",
        code=True,
    )

    def load(self, options: CompareOptions) -> dict[str, object]:
        from gantk.quality.sources import reader_for

        samples, reals = self._side(self.model), self._side(self.images)
        return {"samples": samples, "reals": reals, "reader": reader_for(samples, reals, self.features, self.device)}

    def _side(self, name: str) -> Titled | Pictures:
        from gantk.quality.sources import Titled, is_folder_of_images, read_folder

        if is_folder_of_images(name):
            return read_folder(name)
        return Titled(self.loaded(name), str(name))


@dataclass(frozen=True, kw_only=True)
class CompareOptions(SeedOptions, TruncationOptions, LabelOptions, BatchOptions):
    num: int | None = option(
        None,
        "Number of images on each side, at most.",
        "-N",
        least=4,
        default_text=f"all of a folder, at most {MOST}, and as many samples; {DRAWN} where both are generators",
    )
    seeds: str | tuple[int, ...] | None = seeds_option("Samples of MODEL")
    neighbours: int = option(
        5,
        "Nearest images that a neighbourhood holds, for precision, recall, density and coverage.",
        "-k",
        least=1,
    )
    subsets: int = option(
        20, "Number of random halves of the images that the intervals are computed from.", least=2, most=10_000
    )
    shown: int = option(
        8,
        "Number of samples shown beside their nearest real images: so many nearest ones and so many furthest ones.",
        least=0,
    )
    nearest: int = option(5, "Number of nearest real images shown for each.", least=1)
    unreached: int = option(24, "Number of real images without a near sample that are shown.", least=0)
