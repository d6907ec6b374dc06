"""Options of `gantk ghfeat train | extract | mix | edit | harmonize | evaluate` and `gantk invert`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gantk.pictures.forms import BOX
from gantk.runs.options import Options, option
from gantk.runs.shared_options import BatchOptions, SeedOptions

BATCH = 32  # images that the commands on a few images, and the evaluation, encode and decode at once


@dataclass(frozen=True, kw_only=True)
class PhotoOptions(Options):
    """How images are fitted to what the network reads."""

    fit: Literal["exact", "crop", "squash"] = option(
        "exact", "Images of another shape: refuse them, crop them to the middle, or squash them."
    )
    skip_unreadable: bool = option(False, "Leave out images that cannot be read, and say so.", identity=False)


@dataclass(frozen=True, kw_only=True)
class RowOptions(Options):
    """Rows of wp, in either order of counting."""

    rows: str | tuple[int, ...] | None = option(
        None,
        "Rows of wp, from the coarsest: 0-3 are coarse.",
        "--layers",
        metavar="LIST",
        default_text="all, or what the command says",
    )
    levels: str | tuple[int, ...] | None = option(
        None, "The same by GH-Feat's levels, from the finest: 0-3 are fine.", metavar="LIST"
    )


@dataclass(frozen=True, kw_only=True)
class BoxOptions(Options):
    """A region."""

    box: str | tuple[float, ...] | None = option(
        None,
        "The region: its top, left, bottom and right, in pixels or shares of the image.",
        metavar=BOX,
    )


# --- train -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class EncoderOptions(Options):
    """The network that is trained."""

    depth: Literal["18", "34", "50", "101"] = option("50", "Depth of the residual trunk.")
    width: int = option(64, "Channels of the stem; all other widths are in proportion.", least=1)
    pyramid: int | None = option(None, "Channels of the pyramid.", least=1, default_text="8 times the width")
    rank: int = option(0, "Inner width of factorised heads; 0: dense.", least=0)
    head_norm: Literal["batch", "none"] = option("batch", "Normalisation after the heads; none suits small batches.")
    size: int | None = option(
        None,
        "Side of the images that the encoder reads, in pixels.",
        least=16,
        most=16_384,
        default_text="the generator's",
    )
    stem: Literal["1", "2", "4"] | None = option(
        None, "Factor by which the stem reduces the resolution.", default_text="4, less for small images"
    )


@dataclass(frozen=True, kw_only=True)
class LossOptions(Options):
    """What is made small."""

    pixel: float = option(1.0, "Weight of the squared error.", least=0)
    perceptual: float | None = option(
        None, "Weight of the feature distance.", least=0, default_text="5e-5 with vgg16, else 0.1"
    )
    recognition: float = option(
        0.0, "Weight, within the feature distance, of the attributes that the predictor reads.", least=0
    )
    adversarial: float = option(0.08, "Weight of the adversarial loss; 0: none.", least=0)
    style: float = option(0.0, "Weight of the codes' error, for images whose codes are known.", least=0)
    r1_gamma: float = option(10.0, "Weight of the adversary's gradient penalty.", least=0)


@dataclass(frozen=True, kw_only=True)
class TrainOptions(EncoderOptions, LossOptions, PhotoOptions, SeedOptions):
    held_out: int = option(200, "Number of held-out images, at most.", originals=("--validation-images",), least=2)
    images: int = option(14_000_000, "Number of images seen until the end.", least=1)
    batch_size: int = option(12, "Images of a step, of all processes together.", least=1)
    rate: float = option(1e-4, "Rate of Adam at the beginning.", originals=("--learning-rate",), above=0)
    decay: float = option(0.8, "Factor of the learning rate, applied 8 times over the training.", above=0)
    warm_up: int = option(0, "Number of images at the beginning whose loss is that of their codes alone.", least=0)
    mirror: float = option(0.0, "Probability that an image is mirrored.", least=0, most=1)
    fix_norms: float = option(
        1.0, "Share of the training after which batch statistics stay as they are.", least=0, most=1
    )
    ema_images: float = option(10_000.0, "Half-life of the average of the weights, in images.", least=0)
    half: bool = option(False, "Store the encoder's matrices in float16.")
    save_seconds: float = option(
        240.0, "Seconds between states on the disk.", originals=("--save-every",), least=0, identity=False
    )
    minutes: float | None = option(
        None, "Stop, with a checkpoint, after so many minutes; the same command goes on.", above=0, identity=False
    )


# --- codes -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ExtractOptions(PhotoOptions, BatchOptions):
    steps: int = option(0, "Number of steps of Adam after the encoder.", originals=("--refine",), least=0)
    reconstruct: bool = option(True, "Render the images of the codes.")
    save_images: bool = option(False, "Write every reconstruction, not only those for the page.")
    tiled: bool = option(False, "Also write ghfeat.npy as the original lays it out.")
    wp: bool = option(False, "Also write wp.npy, the nearest codes of the generator's own mapping.")
    chunk: int = option(256, "Number of images whose codes are kept together.", least=1)


@dataclass(frozen=True, kw_only=True)
class TuneOptions(Options):
    """Of the tuning of weights after the codes are found."""

    tune: bool = option(False, "Then tune the generator's weights to the images, around their codes (PTI).")
    tune_steps: int = option(350, "Number of steps of Adam on the weights.", least=1)
    tune_rate: float = option(3e-4, "Rate of Adam, in standard deviations of a layer's weights.", above=0)
    tune_perceptual: float | None = option(
        None, "Weight of the feature distance to the images.", least=0, default_text="5e-5 with vgg16, else 1"
    )
    tune_pixel: float = option(1.0, "Weight of the squared error.", least=0)
    locality: float = option(
        0.1, "Weight of the loss that keeps the pictures of other codes as they were; 0: none.", least=0
    )
    locality_distance: float = option(
        30.0, "Distance of those other codes from the images' codes, in w over all rows.", above=0
    )


@dataclass(frozen=True, kw_only=True)
class InvertOptions(TuneOptions, PhotoOptions, SeedOptions, BatchOptions):
    space: Literal["z", "w", "wp", "s"] | None = option(
        None,
        "Space of the code that is found: z, w, a code per row (wp), or a style per layer (s).",
        default_text="s with an encoder, else wp or z",
    )
    steps: int = option(200, "Number of steps of Adam; 0: the encoder alone.", least=0)
    rate: float | None = option(
        None,
        "Rate of Adam, in standard deviations of the codes.",
        above=0,
        default_text="0.02 with an encoder, else 0.1",
    )
    perceptual: float | None = option(
        None, "Weight of the feature distance.", least=0, default_text="5e-5 with vgg16, else 0.1"
    )
    prior: float = option(1e-3, "Weight of the penalty on the distance from the mean code.", least=0)
    label: str | None = option(
        None,
        "Class of the images of a conditional network: a number, or a name of ImageNet.",
        metavar="CLASS",
        number=int,
    )
    batch_size: int = option(8, "Images whose codes are kept together.", least=1)
    at_once: int | None = option(
        None, "Images that are optimised at once.", least=1, default_text="8 to 256 pixels, 2 at 512, 1 at 1024"
    )


# --- pictures --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class MixOptions(RowOptions, PhotoOptions):
    """Of `gantk ghfeat mix`."""


@dataclass(frozen=True, kw_only=True)
class EditOptions(RowOptions, BoxOptions, PhotoOptions):
    pick: int = option(0, "Number of the direction to take from a file with several.", least=0)
    component: int | None = option(None, "A principal axis of --of, in place of --direction.", least=0)
    distance: float | None = option(
        None,
        "Distance at the end, in units of the direction's space: the pictures go from the image to there.",
        default_text="--start to --end distance",
    )
    start_distance: float | None = option(
        None, "First distance, in units of the direction's space.", default_text="minus the direction's scale"
    )
    end_distance: float | None = option(
        None, "Last distance, in units of the direction's space.", default_text="the direction's scale"
    )
    step: int = option(7, "Number of pictures along a direction.", least=2, most=10_000)
    way: Literal["features", "styles"] = option(
        "features", "How a region is edited: exchange its feature maps, or give it other styles than the rest."
    )


@dataclass(frozen=True, kw_only=True)
class HarmonizeOptions(BoxOptions, PhotoOptions):
    feather: float = option(0.0, "Soften the edge by so many pixels.", least=0)
    keep_fine: int = option(0, "Number of finest rows that come from the base's own code.", least=0)
    blend_back: bool = option(False, "Show the base itself outside the region.")


# --- evaluate --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(PhotoOptions, SeedOptions):
    num: int = option(400, "Number of scenes that are drawn where no images are given.", "-N", least=20)
    folds: int = option(5, "Number of folds of the cross-validation.", least=2)
    baselines: bool = option(True, "Also probe pixels and a torchvision backbone.")
    level_classes: bool = option(True, "Also learn classes from single levels, which takes most of the time.")
    backbone: Literal["resnet18", "resnet50"] = option(
        "resnet18", "The backbone, with ImageNet's weights if they are in torch's cache, else random ones."
    )
    chunk: int = option(256, "Number of images whose features are kept together.", least=1)
