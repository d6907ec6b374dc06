"""Options of HiGAN's tasks: `gantk synthesize`, `train-boundary`, `rescore` and `manipulate`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gantk.runs.inputs import SampleOptions
from gantk.runs.options import BatchOptions, Options, PictureOptions, SeedOptions, option


@dataclass(frozen=True, kw_only=True)
class SynthesizeOptions(SampleOptions, BatchOptions, PictureOptions):
    num: int | None = option(
        None,
        "Number of samples to draw; with a file of codes at most how many of them.",
        "-N",
        least=0,
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


