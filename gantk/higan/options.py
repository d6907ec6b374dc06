"""Options of HiGAN's tasks: `gantk synthesize`, `train-boundary`, `rescore` and `manipulate`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gantk.runs.inputs import SampleOptions
from gantk.runs.options import option
from gantk.runs.shared_options import BatchOptions, PictureOptions, QualityOptions, SeedOptions


@dataclass(frozen=True, kw_only=True)
class SynthesizeOptions(SampleOptions, BatchOptions, QualityOptions):
    num: int | None = option(
        None,
        "Number of samples to draw; with a file of codes at most how many of them.",
        "-N",
        least=1,
        default_text="all of the file",
    )
    latents: str | None = option(
        None, "Latents to write, of z,w,wp.", metavar="LIST", default_text="z,w as far as they are known"
    )
    images: bool = option(False, "Write the image of every sample.", originals=("--save-raw-synthesis",))
    preview: int = option(24, "Number of images for the page without --images.", least=0)
    skip_image: bool = option(False, "Do not render, except for predictions.")
    image_format: Literal["png", "jpg", "webp", "npy"] = option(
        "png", "Format of the images on disk; npy: all images as one raw uint8 array, image.npy."
    )
    generate_style: bool = option(False, "Write the style vectors of every layer.", "--styles")
    chunk: int | None = option(
        None, "Number of samples per chunk of the ledger.", least=1, default_text="256, or 1024 without images"
    )


@dataclass(frozen=True, kw_only=True)
class TrainBoundaryOptions(SeedOptions):
    score_name: tuple[str, ...] = option(
        (), "Score to use; may be repeated.", metavar="NAME", default_text="all of the file"
    )
    boundary_type: Literal["linear"] = option("linear", "Kind of boundary.", "-T")
    chosen: float = option(
        2000.0,
        "Samples from each end of the scores: above 1 a count, up to 1 a share.",
        "-N",
        originals=("--chosen-num-or-ratio",),
    )
    split_ratio: float = option(0.7, "Share of the chosen samples that is for training.", "-r")
    invalid_value: float | None = option(None, "Leave out samples with this score.", "-v")
    verbose_test: bool = option(
        True,
        "Test on the samples between the ends too (one more pass over the latents).",
        "-V/-q",
        off="--quick-test",
    )
    save_name: str = option("boundary.npy", "End of the files' names: each boundary is written as NAME_SAVE-NAME.")
    logfile_name: str | None = option(None, "Name of the log.", default_text="the save name with .log")
    solver: Literal["ridge", "newton", "svc", "logistic"] = option(
        "ridge", "How the boundary is found; svc is the original's."
    )
    regularization: float | None = option(
        None,
        "Inverse strength of the regularisation.",
        "-C",
        above=0,
        default_text="1 for svc and newton, chosen by validation for the others",
    )
    rows: str | tuple[int, ...] | None = option(
        None, "Rows of wp to train, such as 0-3,7.", "--layers", metavar="LIST", default_text="all"
    )
    per_layer: bool = option(True, "For wp: a boundary for each row, or one for all rows.", off="--shared")
    labels: bool = option(False, "The scores are 0 and 1; all samples are used.")
    resamples: int = option(5, "Number of further splits to measure stability on.", least=0, most=10_000)
    refit: bool | None = option(
        None, "End with a fit on training and validation samples together.", default_text="refit; no-refit with svc"
    )
    compat: bool = option(False, "Draw the split as the original does after numpy.random.seed(SEED).")
    device: str = option("auto", "Device of newton and ridge: cpu, cuda, cuda:N or auto.", identity=False)


@dataclass(frozen=True, kw_only=True)
class RescoreOptions(SampleOptions, BatchOptions):
    num: int | None = option(2000, "Number of samples.", "-N", least=1)
    layerwise: bool = option(False, "Also move each row of wp alone.", "--layerwise-rescoring")
    distance: tuple[float, ...] = option(
        (2.0,),
        "Distance that codes are moved by, in units of the boundary's space; may be repeated, and the scores are "
        "those of the first.",
    )
    score: tuple[str, ...] = option(
        (), "Attribute that a boundary is about, where their names differ; may be repeated.", metavar="NAME=ATTRIBUTE"
    )
    random: int = option(8, "Number of random directions to compare with.", least=0, most=10_000)
    chunk: int | None = option(
        None, "Number of samples per chunk of the ledger.", least=1, default_text="about 2048 images"
    )


def _hidden(help: str) -> int:
    """One of HiGAN's lengths for the picture that an animation's frames are made of."""
    found: int = option(0, help, least=0, hidden=True)
    return found


@dataclass(frozen=True, kw_only=True)
class ManipulateOptions(SampleOptions, BatchOptions, PictureOptions):
    num: int | None = option(None, "Number of samples.", "-N", least=1, default_text="4, or all of FILE.npy")
    step: int = option(7, "Number of pictures along a direction.", "--steps", "-S", least=1, most=10_000)
    start_distance: float | None = option(
        None, "First distance, in units of the direction's space.", default_text="minus the direction's scale"
    )
    end_distance: float | None = option(
        None, "Last distance, in units of the direction's space.", default_text="the direction's scale"
    )
    absolute: bool = option(False, "Distances are measured from the boundary, or from the code.", off="--relative")
    rows: str | tuple[int, ...] | None = option(
        None,
        "Rows of wp to move: 6-9, layer names or all.",
        "--layers",
        originals=("--manipulate-layers", "--mani-layers"),
        metavar="LIST",
        default_text="the direction's own",
    )
    layerwise_manipulation: bool = option(False, "Move wp instead of w even where all rows move.")
    disable_manipulation_truncation: bool = option(False, "Do not scale a w-direction by psi on truncated rows.")
    rotate: float = option(0.0, "Turn the picture by this many degrees; StyleGAN3 only.")
    translate: tuple[float, float] = option(
        (0.0, 0.0), "Shift the picture by these fractions of the canvas, right and down; StyleGAN3 only."
    )
    tx: float = option(0.0, "Shift to the right.", hidden=True)
    ty: float = option(0.0, "Shift down.", hidden=True)
    skip_image: bool = option(False, "Write the moved codes only.")
    realism: int = option(
        0,
        "Number of further samples that are moved to measure how far the edit may go; 0 measures nothing, else 20 or "
        "more.",
        least=0,
    )
    animation: tuple[Literal["gif", "webp", "mp4"], ...] = option(
        (), "Also write an animation in this format; may be repeated."
    )
    generate_video: bool = option(False, "Write a video: an mp4 where ffmpeg is installed, else a gif.")
    fps: float = option(10.0, "Steps per second of an animation.", above=0, most=240)
    once: bool = option(False, "Run animations one way instead of there and back.")
    row: int = option(0, "Number of pictures in a column of an animation.", least=0, default_text="by their number")
    col: int = option(0, "Number of pictures in a row of an animation.", least=0, default_text="by their number")
    row_spacing: int = _hidden("Pixels between rows of an animation's picture.")
    col_spacing: int = _hidden("Pixels between columns of an animation's picture.")
    border_left: int = _hidden("Pixels at the left of an animation's picture.")
    border_right: int = _hidden("Pixels at the right of an animation's picture.")
    border_top: int = _hidden("Pixels at the top of an animation's picture.")
    border_bottom: int = _hidden("Pixels at the bottom of an animation's picture.")
    viz_size: int = _hidden("Side of every image of an animation in pixels; 0 is as drawn.")
    white_background: bool = option(False, "Fill the gaps of an animation's picture with white.", hidden=True)
