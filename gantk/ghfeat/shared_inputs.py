"""Inputs that several tasks of GH-Feat have: encoders, photos, codes, masks, predictors and distances."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gantk.errors import UsageError
from gantk.ghfeat.options import PhotoOptions
from gantk.runs.inputs import ModelInputs
from gantk.runs.options import named
from gantk.runs.task import Inputs

if TYPE_CHECKING:
    from gantk.generators.base import Generator
    from gantk.ghfeat.encoder import EncoderConfig
    from gantk.ghfeat.files import EncoderFile
    from gantk.ghfeat.photos import Photos

NO_ENCODER = "none"
IMAGES = "Files, folders, text files with one path per line, .zip, .tfrecords, or render:I of the bundled world."


@dataclass(frozen=True, kw_only=True)
class EncoderInputs(ModelInputs):
    """A generator and an encoder of images into its styles."""

    encoder: str | None = named(
        None,
        "An encoder's file or GH-Feat pickle.",
        metavar="FILE",
        default_text="the one in MODEL's pickle, or the one that ships",
    )
    force: bool = named(False, "Take an encoder that was trained for another generator.")

    def encoder_of(self, generator: Generator) -> EncoderFile:
        """Load the encoder that is meant.

        Raises:
            UsageError: none was given and none ships for the generator.
            GantkError: it cannot be read or belongs to another generator.
        """
        from gantk.ghfeat.defaults import encoder_for, own_encoder
        from gantk.ghfeat.files import load_encoder

        if self.encoder is not None:
            return load_encoder(self.encoder, generator, self.force)
        if generator.bundled is None and Path(self.model).is_file():
            return own_encoder(self.model, generator, self.force)
        return encoder_for(generator)


@dataclass(frozen=True, kw_only=True)
class MetricInputs(Inputs):
    """A distance of features beside that of pixels."""

    metric: str | None = named(
        None,
        "Feature distance beside pixels: a predictor (demo), vgg16 or none.",
        originals=("--perception",),
        metavar="NAME",
        default_text="demo for the bundled models",
        code=True,
    )

    def distance(self, generator: Generator) -> object:
        """Load the distance; "none" where there is none."""
        from gantk.ghfeat.defaults import NONE, perception_for

        return perception_for(generator, self.metric) or NONE


@dataclass(frozen=True, kw_only=True)
class ReaderInputs(Inputs):
    """What reads attributes of images."""

    predictor: str | None = named(
        None,
        "Predictor that reads attributes of the images.",
        metavar="NAME",
        default_text="demo for the bundled models",
        code=True,
    )

    def reader(self, generator: Generator) -> object:
        """Load the predictor; None where there is none."""
        from gantk.ghfeat.defaults import predictor_for

        return predictor_for(generator, self.predictor)


def photos_for(words: tuple[str, ...], size: int | tuple[int, int], channels: int, options: PhotoOptions) -> Photos:
    """The photos that words name, found to be images before anything is computed."""
    from gantk.ghfeat.photos import Images

    if not words:
        raise UsageError("No image was named: give files, folders, a list, an archive, or render:I.")
    return Images(list(words), size, options.fit, options.skip_unreadable, channels).check().photos


def fitting(words: tuple[str, ...], config: EncoderConfig, options: PhotoOptions) -> Photos:
    """`photos_for` of an encoder."""
    return photos_for(words, config.resolution, config.image_channels, options)


@dataclass(frozen=True, kw_only=True)
class SubjectInputs(EncoderInputs):
    """Images or codes that are edited."""

    def subjects(self, options: PhotoOptions, **named: tuple[str, ...]) -> dict[str, object]:
        """The generator, images or codes by name, and the encoder where there are images."""
        from gantk.ghfeat.codes import codes_of

        generator = self.generator()
        found: dict[str, object] = {"generator": generator}
        found |= {name: codes_of(generator, list(words)) for name, words in named.items() if words}
        missing = [name for name, codes in found.items() if codes is None]
        if missing:
            encoder = self.encoder_of(generator)
            found |= {name: fitting(named[name], encoder.encoder.config, options) for name in missing}
            found["encoder"] = encoder
        return found


@dataclass(frozen=True, kw_only=True)
class MaskInputs(Inputs):
    mask: str | None = named(None, "The region as an image: white is inside.", metavar="FILE")

    def region(self) -> Photos | None:
        from gantk.ghfeat.photos import Images

        return None if self.mask is None else Images(self.mask, 1, "squash").check().photos
