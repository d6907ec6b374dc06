"""Options of `gantk resefa jacobian` and `gantk resefa directions`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gantk.runs.inputs import SampleOptions, SeedsShownOptions
from gantk.runs.options import option
from gantk.runs.shared_options import BatchOptions

DEFAULT_NUM, LARGEST = 8, 256


@dataclass(frozen=True, kw_only=True)
class JacobianOptions(SampleOptions):
    num: int | None = option(
        None, "Number of samples that are pooled.", "-N", originals=("--nums",), least=1,
        default_text=f"{DEFAULT_NUM}, or all of the codes given",
    )  # fmt: skip
    space: Literal["z", "w", "wp", "class"] | None = option(
        None, "Space that is differentiated.", default_text="w, or z where no mapping network makes it"
    )
    part: Literal["all", "z", "class"] = option(
        "all", "Part of w or wp that is differentiated where z and the class are joined in it (BigGAN)."
    )
    rows: str | tuple[int, ...] | None = option(
        None, "Rows of wp to differentiate and later to edit: 4-7, layer names.", "--layers", metavar="LIST",
        default_text="all",
    )  # fmt: skip
    margin: float | None = option(
        None, "Width of the border of a region that counts neither as inside nor as outside, as a fraction of the "
        "image's side.", least=0.0,
        below=0.5, default_text="1/64",
    )  # fmt: skip
    size: int | None = option(
        None, "Working size in pixels.", least=1, most=16_384, default_text=f"the image's, at most {LARGEST}"
    )
    channels: Literal["rgb", "sum"] = option("rgb", "Colours of the image, or their sum (blind to hue).")
    noise: Literal["const", "none"] = option("const", "Noise inputs of the network.")
    tangents: int | None = option(
        None, "Columns of the Jacobian computed at once.", least=1, default_text="by size and memory"
    )
    per_sample: bool = option(False, "Keep every sample's Gram matrices, not only their sum.")
    leading: int | None = option(
        None, "Write each region's K leading directions at once, without Gram matrices: for thousands of coordinates.",
        least=1, metavar="K",
    )  # fmt: skip
    preview: int = option(4, "Number of samples drawn on the page.", least=0)
    chunk: int | None = option(None, "Number of samples per chunk of the ledger.", least=1, default_text="by number")
    compat: bool = option(
        False,
        "Do as the released script: its z, no truncation, every row, decimation and channel sum above 256 pixels, no "
        "margin, each sample by itself.",
    )


@dataclass(frozen=True, kw_only=True)
class DirectionsOptions(BatchOptions, SeedsShownOptions):
    region: tuple[str, ...] = option((), "Region of the run; may be repeated.", metavar="NAME", default_text="all")
    components: int | None = option(
        None,
        "Number of directions per region.",
        "-K",
        originals=("--num-directions",),
        least=1,
        default_text="32 (all with --compat)",
    )
    tau: float = option(
        1e-3, "Ridge that is added to the background's Gram matrix, as a share of its trace.", least=0.0
    )
    rows: str | tuple[int, ...] | None = option(
        None, "Rows of wp that these directions move, out of a run with --space wp.", "--layers", metavar="LIST",
        default_text="the run's",
    )  # fmt: skip
    space: Literal["w", "wp"] | None = option(
        None, "Out of a run with --space wp: wp, or one w for the rows.", default_text="wp"
    )
    low_rank: bool = option(
        False, "Find directions by LowRankGAN's robust PCA and projection, not by the quotient.", "--project"
    )
    held_out: int = option(16, "Number of fresh codes to measure on; 0: no measures and no pictures.", least=0)
    shown: int | None = option(None, "Number of directions that are measured and drawn.", least=1, default_text="5")
    samples: int = option(3, "Number of samples drawn with sliders.", least=1, most=1000)
    step: int = option(9, "Number of pictures along a direction.", least=3, most=1000)
    against: str = option(
        "all", "Methods to compare with: lowrankgan, sefa, ganspace, 'sefa chosen', 'ganspace chosen', random; "
        "comma-separated, all or none.", metavar="LIST",
    )  # fmt: skip
    compat: bool = option(False, "Write each sample's directions as the released script finds them, as .npy files.")
    full_rank: bool = option(False, "With --compat: add the ridge --tau, and compute in float64.")
    name: str = option("resefa", "With --compat: part of the file names.")
    seed: int | None = option(
        None, "Seed of the held-out codes.", least=0, most=2**63 - 1, default_text="the run's plus 1"
    )
