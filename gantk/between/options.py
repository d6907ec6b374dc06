"""Options of `gantk mix` and `gantk walk`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gantk.runs.inputs import CodesInputs, ModelInputs, SampleOptions
from gantk.runs.options import named, option
from gantk.runs.shared_options import BatchOptions, LabelOptions, TruncationOptions


@dataclass(frozen=True, kw_only=True)
class MixInputs(ModelInputs):
    """A generator and, where codes are not drawn, files of them."""

    left_codes: str | None = named(None, "File of codes of the left side, instead of seeds.", metavar="FILE")
    top_codes: str | None = named(None, "File of codes of the top side, instead of seeds.", metavar="FILE")

    def load(self, options: MixOptions) -> dict[str, object]:
        from gantk.codes.given import codes_in

        generator = self.generator()
        files = {"left": self.left_codes, "top": self.top_codes}
        return {
            "generator": generator,
            **{side: None if path is None else codes_in(path, generator) for side, path in files.items()},
        }


@dataclass(frozen=True, kw_only=True)
class MixOptions(TruncationOptions, LabelOptions, BatchOptions):
    left_seeds: str | tuple[int, ...] | None = option(
        None,
        "Seeds of the left side, in NVIDIA's numbering: 85,100 or 0-3.",
        "--left",
        originals=("--row-seeds",),
        metavar="LIST",
        default_text="0-3, where no codes are given",
    )
    top_seeds: str | tuple[int, ...] | None = option(
        None,
        "Seeds of the top side, in NVIDIA's numbering.",
        "--top",
        originals=("--col-seeds", "--cols"),
        metavar="LIST",
        default_text="4-8, where no codes are given",
    )
    rows: tuple[str, ...] = option(
        (),
        "Rows of wp that come from the top, such as 0-3; repeated, a grid for each.",
        "--layers",
        originals=("--styles", "--col-styles"),
        metavar="LIST",
        default_text="the first 7 of 18, or as many in proportion",
    )


@dataclass(frozen=True, kw_only=True)
class WalkInputs(CodesInputs):
    """A generator and, where the keys are not drawn, their codes."""

    def load(self, options: WalkOptions) -> dict[str, object]:
        generator = self.generator()
        return {"generator": generator, "codes": self.codes(generator)}


@dataclass(frozen=True, kw_only=True)
class WalkOptions(SampleOptions, BatchOptions):
    num: int | None = option(
        None, "Number of keys; with a file of codes at most how many of them.", "-N", originals=("--num-keyframes",),
        least=1, default_text="6, or all of the codes given",
    )  # fmt: skip
    space: Literal["z", "w", "wp"] | None = option(
        None, "Space in which keys are joined.", default_text="w, or that of codes given after it"
    )
    path: Literal["linear", "spherical", "spline"] = option(
        "spline", "Path between keys: straight lines, great circles, or a smooth spline.", originals=("--kind",)
    )
    frames: int = option(
        24, "Number of frames from each key to the next.", originals=("--w-frames",), least=1, most=100_000
    )
    loop: bool = option(True, "Return to the first key, so that the animation can repeat.")
    animation: tuple[Literal["gif", "webp", "mp4"], ...] = option(
        (), "Format of the animation; may be repeated.", default_text="gif"
    )
    fps: float = option(24.0, "Frames per second.", above=0, most=240)
    strip: int = option(12, "Number of pictures in the strip.", least=2, most=1000)
