"""Images that a command edits: encoded, or given as codes, with what the generator makes of them.

Shape legend: N images, C channels, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.ghfeat.codes import codes_of
from gantk.ghfeat.defaults import encoder_for
from gantk.ghfeat.figures import Pair
from gantk.ghfeat.files import EncoderFile
from gantk.ghfeat.metrics import at_size, decode, encode
from gantk.ghfeat.mixing import box_mask
from gantk.ghfeat.options import PhotoOptions
from gantk.ghfeat.photos import Images
from gantk.ghfeat.pictures import Size
from gantk.pictures.images import to_uint8
from gantk.runs.stores import Store
from gantk.runs.structure import Image

MOST = 64  # images of one command; these commands make pictures to look at, not data sets


@dataclass(frozen=True)
class Subject:
    """Images with their styles and reconstructions.

    Attributes:
        image_NCHW: as the encoder sees them; None where the codes were given.
        made_NCHW: what the generator makes of the styles.
    """

    names: tuple[str, ...]
    image_NCHW: Tensor | None
    styles: tuple[Tensor, ...]
    made_NCHW: Tensor

    def __len__(self) -> int:
        return len(self.names)

    def mse(self) -> float | None:
        """Mean squared error of the reconstructions, at the size of the images; None without images."""
        if self.image_NCHW is None:
            return None
        return (at_size(self.made_NCHW, self.image_NCHW.shape[-1]) - self.image_NCHW).square().mean().item()


def subject_of(generator: Generator, given: object, encoder: object, options: PhotoOptions) -> Subject:
    """Images or codes as a subject.

    Args:
        given: what `codes_of` or `photos_of` takes.
        encoder: as `encoder_for` takes it; asked for only where there are images to encode.

    Raises:
        UsageError: nothing was given, more than 64 images, or no encoder. GantkError: an image cannot be read.
    """
    codes = codes_of(generator, given)
    if codes is not None:
        _few(len(codes))
        styles = codes.tensors(generator.device)
        names = codes.names or tuple(f"code {index}" for index in range(len(codes)))
        return Subject(names, None, styles, decode(generator, styles))
    loaded = encoder_for(generator, encoder)
    images, image_NCHW = images_for(loaded, given, options)
    image_NCHW = image_NCHW.to(generator.device)
    styles = encode(loaded.encoder, image_NCHW)
    return Subject(images, image_NCHW, styles, decode(generator, styles))


def images_for(loaded: EncoderFile, given: object, options: PhotoOptions) -> tuple[tuple[str, ...], Tensor]:
    """Names and pixels [N, C, H, W] of images as an encoder reads them.

    Raises:
        UsageError: more than 64. GantkError: one cannot be read.
    """
    config = loaded.encoder.config
    images = Images(given, config.resolution, options.fit, options.skip_unreadable, config.image_channels)
    _few(len(images))
    return images.readable()


def _few(count: int) -> None:
    if count > MOST:
        raise UsageError(
            f"{count} images are more than this command shows: give at most {MOST}, or use `gantk ghfeat extract`, "
            "which takes any number."
        )


def keep_images(store: Store, images_NCHW: Tensor, stem: str) -> tuple[Image, ...]:
    """Keep images as `images/STEM_000.png`, ..."""
    images = enumerate(to_uint8(images_NCHW))
    return store.keep_pictures({f"images/{stem}_{index:03d}.png": image for index, image in images})


def pairs_of(
    names: Sequence[str], originals: Sequence[Image] | None, reconstructions: Sequence[Image]
) -> tuple[Pair, ...]:
    """Each image with its reconstruction."""
    before = originals if originals is not None else [None] * len(reconstructions)
    return tuple(
        Pair(name=name, original=a, reconstruction=b) for name, a, b in zip(names, before, reconstructions, strict=True)
    )


def keep_subject(store: Store, subject: Subject, stem: str = "") -> tuple[Pair, ...]:
    """Keep originals and reconstructions as pictures.

    Args:
        stem: before the names of their files.
    """
    originals = None
    if subject.image_NCHW is not None:
        originals = keep_images(store, subject.image_NCHW, f"{stem}original")
    return pairs_of(subject.names, originals, keep_images(store, subject.made_NCHW, f"{stem}reconstruction"))


@torch.no_grad()
def region_of(box: str | Sequence[float] | None, mask: object, size: Size) -> Tensor:
    """A region [H, W] in [0, 1] of an image.

    Args:
        box: TOP,LEFT,BOTTOM,RIGHT, in pixels, or in shares of the image where all are at most 1.
        mask: an image, of which white is the region, or an array [H, W] of truths or of floats from 0 to 1.
        size: of a square, or (height, width).

    Raises:
        UsageError: neither or both are given, or a box is empty or beyond the image.
        GantkError: a mask is not of the image's shape.
    """
    if (box is None) == (mask is None):
        raise UsageError("Say where: give --box or --mask, and only one of them.")
    if box is not None:
        return box_mask(box if isinstance(box, str) else ",".join(f"{value:g}" for value in box), size)
    return _masked(mask, size)


def _masked(mask: object, size: Size) -> Tensor:
    array = np.asarray(mask.detach().cpu()) if hasattr(mask, "detach") else mask
    if isinstance(array, np.ndarray) and array.ndim == 2 and array.dtype.kind in "bf":
        if not (np.isfinite(array).all() and array.min(initial=0) >= 0 and array.max(initial=0) <= 1):
            raise UsageError("A mask of floats is from 0 to 1: 1 is the region.")
        mask = np.floor(array.astype(np.float64) * 255 + 0.5).astype(np.uint8)
    images = Images(mask, size)
    if len(images) != 1:
        raise UsageError(f"{len(images)} masks were given: give one.")
    return torch.from_numpy(images.one(0).astype(np.float32)).mean(2) / 255
