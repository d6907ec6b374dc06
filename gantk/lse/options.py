"""Options of `gantk lse train | fewshot | evaluate | sample | edit`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gantk.runs.inputs import seeds_option
from gantk.runs.options import Options, batch, option
from gantk.runs.shared_options import BatchOptions, SeedOptions, TruncationOptions


@dataclass(frozen=True, kw_only=True)
class ClassOptions(Options):
    """Which classes are told apart."""

    classes: str | None = option(
        None,
        "Classes of the teacher to distinguish: face (face19: a folder of 19), a scene set such as "
        "stylegan2_church, or names, comma-separated.",
        metavar="LIST",
        default_text="all of them",
    )


@dataclass(frozen=True, kw_only=True)
class StreamOptions(SeedOptions, TruncationOptions):
    """How images are drawn; see `gantk.lse.codes.CodeStream`."""

    mixed: bool = option(False, "Draw an independent z for every row of wp (the paper's mixwp).")
    label: str | None = option(
        None,
        "Class of the images of a conditional network: a number, a name, shares (day:0.5,night:0.5) or random.",
        metavar="CLASS",
        number=int,
    )


@dataclass(frozen=True, kw_only=True)
class MapOptions(Options):
    """What a head reads, and how large its labels are."""

    size: int | None = option(
        None, "Side of the labels, in pixels.", least=2, most=16_384, default_text="the images', at most 512"
    )
    taps: str | tuple[str, ...] | None = option(
        None,
        "Maps that a head reads: all, last (one per resolution), or layers such as 8x8/conv1,10-12.",
        metavar="LIST",
        default_text="all",
    )
    pixel_centres: bool = option(False, "Resize by pixel centres, not with aligned corners as the paper does.")


@dataclass(frozen=True, kw_only=True)
class TrainOptions(ClassOptions, MapOptions, StreamOptions, BatchOptions):
    kind: tuple[Literal["LSE", "NSE-1", "NSE-2"], ...] = option(
        ("LSE",), "Kind of head to train; may be repeated.", originals=("--head",)
    )
    num: int = option(256, "Number of images to learn from.", "-N", least=1)
    seeds: str | tuple[int, ...] | None = seeds_option("Images to learn from")
    held_out: int = option(64, "Number of held-out images that are scored during the training.", least=0)
    solver: Literal["lbfgs", "ridge", "adam"] = option(
        "lbfgs",
        "How heads are found: lbfgs is convex and deterministic; ridge is least squares in one pass; adam is the "
        "paper's schedule on fresh images.",
    )
    steps: int = option(24, "Largest number of steps of lbfgs.", least=1)
    shrinkage: float = option(
        0.01, "Shrinkage of the whitening, as a share of the mean variance.", originals=("--eps",), least=0
    )
    penalty: float = option(1e-4, "Penalty on the squared whitened weights.", least=0)
    epochs: int | None = option(
        None, "Number of epochs of Adam.", least=1, default_text="50 with --solver adam, else 16 for NSE heads"
    )
    epoch_images: int = option(1024, "Number of images in an epoch of --solver adam.", least=1)
    batch_size: int = batch(8)
    chunk: int | None = option(
        None, "Number of images whose labels are kept together.", least=1, default_text="32 or more, whole batches"
    )


@dataclass(frozen=True, kw_only=True)
class FewshotOptions(ClassOptions, MapOptions, StreamOptions, BatchOptions):
    shots: str | int | tuple[int, ...] = option("8", "Numbers of labelled images, such as 1,4,8,16.", metavar="LIST")
    repeats: int = option(1, "Number of repeats, each with other images.", least=1)
    seeds: str | tuple[int, ...] | None = seeds_option("The labelled images")
    held_out: int = option(
        256, "Number of held-out images that the heads are scored on.", originals=("--num-eval",), least=0
    )
    noise_draws: int = option(2, "Number of noise inputs that each labelled image is drawn with.", least=1)
    penalty: float = option(1e-4, "Penalty on the squared whitened weights.", least=0)
    solver: Literal["lbfgs", "adam"] = option("lbfgs", "How heads are found: adam is the paper's 6400 passes.")
    allow_empty: bool = option(False, "Take labels of a folder that lack a class.")


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(ClassOptions, StreamOptions, BatchOptions):
    num: int = option(1000, "Number of images.", "-N", least=1)
    seeds: str | tuple[int, ...] | None = seeds_option("Images")
    first: int = option(
        1_000_000, "Number of the first image, far behind those of a training.", originals=("--start",), least=0
    )
    size: int | None = option(
        None, "Side of the labels, in pixels.", least=2, most=16_384, default_text="the first head's"
    )


SHAPE_HELP = "a box TOP,LEFT,BOTTOM,RIGHT or a disc ROW,COLUMN,RADIUS, in pixels of the labels; repeated."


@dataclass(frozen=True, kw_only=True)
class SamplingOptions(ClassOptions, StreamOptions, BatchOptions):
    shape: tuple[str, ...] = option((), f"Part of a drawn target: {SHAPE_HELP}", metavar="CLASS:TOP,LEFT,...")
    num_targets: int | None = option(
        None, "Number of label maps of fresh samples that are targets.", least=1, default_text="4 without other targets"
    )
    seeds: str | tuple[int, ...] | None = seeds_option("Samples whose label maps are targets,")
    per_target: int = option(4, "Number of images for each target.", originals=("--samples",), least=1)
    batch_size: int = batch(16, gradients=True)
    space: Literal["z", "mixed", "w"] = option(
        "w", "Code that is optimised: z, w, or a z of its own for every row of wp (mixed)."
    )
    bank: int = option(512, "Number of codes from which the starts are chosen.", least=1)
    steps: int = option(50, "Largest number of steps of Adam.", least=0)
    rate: float | None = option(
        None, "Rate of Adam; with --space w in standard deviations of w.", above=0, default_text="0.05 in w, else 0.02"
    )
    schedule: Literal["even", "coarse"] = option(
        "even", "How fast the rows of wp move with --space mixed; coarse: later rows move less."
    )
    compat: bool = option(
        False,
        "Do as the released program: fresh starts, 50 steps at a rate of 0.01, the last code kept.",
        originals=("--paper",),
    )
    starts: int = option(100, "Number of fresh codes that --compat looks at for each sample.", least=1)
    through: Literal["head", "teacher"] = option(
        "head", "Network whose label map enters the loss; teacher is the paper's baseline."
    )


@dataclass(frozen=True, kw_only=True)
class EditOptions(SeedOptions, TruncationOptions):
    index: int = option(0, "Which sample of the seed is edited, from 0.", least=0)
    seeds: str | int | None = option(
        None, "Seed of the edited sample in NVIDIA's numbering, such as 85, instead of --index.", metavar="SEED"
    )
    shape: tuple[str, ...] = option((), f"Stroke of a class: {SHAPE_HELP}", metavar="CLASS:TOP,LEFT,...")
    colour: tuple[str, ...] = option((), f"Stroke of a colour: {SHAPE_HELP}", metavar="#RRGGBB:TOP,LEFT,...")
    schedule: Literal["even", "coarse", "shape", "colour"] = option(
        "even", "Which rows of wp move, and how fast: all alike, later ones less, the first two thirds, the last third."
    )
    steps: int = option(60, "Largest number of steps of Adam.", least=1)
    rate: float = option(0.05, "Rate of Adam, in standard deviations of w.", above=0)
    preserve: float = option(20.0, "Weight of the squared change of the image outside the strokes.", least=0)
    compat: bool = option(
        False, "Do as the released program: 50 steps of a z per row, nothing preserved.", originals=("--paper",)
    )
    frames: int = option(9, "Number of images from the original to the edited one.", least=2, most=10_000)
