"""What the command lines of `gantk ghfeat` and `gantk invert` name: images, encoders, directions, codes, data."""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gantk.errors import UsageError
from gantk.ghfeat.options import (
    EditOptions,
    EvaluateOptions,
    ExtractOptions,
    HarmonizeOptions,
    InvertOptions,
    MixOptions,
    TrainOptions,
)
from gantk.ghfeat.shared_inputs import (
    IMAGES,
    NO_ENCODER,
    EncoderInputs,
    MaskInputs,
    MetricInputs,
    ReaderInputs,
    SubjectInputs,
    fitting,
    photos_for,
)
from gantk.runs.inputs import ModelInputs
from gantk.runs.options import argument, named

if TYPE_CHECKING:
    from gantk.codes.directions import Direction
    from gantk.generators.base import Generator
    from gantk.ghfeat.files import EncoderFile


@dataclass(frozen=True, kw_only=True)
class ExtractInputs(MetricInputs, EncoderInputs):
    images: tuple[str, ...] = argument("IMAGE", IMAGES)

    def load(self, options: ExtractOptions) -> dict[str, object]:
        generator = self.generator()
        encoder = self.encoder_of(generator)
        return {
            "generator": generator,
            "images": fitting(self.images, encoder.encoder.config, options),
            "encoder": encoder,
            "metric": self.distance(generator),
        }

    def load_again(self, options: ExtractOptions) -> dict[str, object]:
        """The nearest codes of the generator's own mapping are found on the joined styles."""
        return {"generator": self.generator()} if options.wp else {}


@dataclass(frozen=True, kw_only=True)
class InvertInputs(MetricInputs, EncoderInputs):
    images: tuple[str, ...] = argument("IMAGE", IMAGES)
    encoder: str | None = named(
        None,
        "An encoder's file or GH-Feat pickle that gives the start, or none.",
        metavar="FILE",
        default_text="the one in MODEL's pickle, or the one that ships, where there is one",
    )

    start: str | None = named(
        None,
        "File of codes to start from, one for each image, of z, w, wp or styles.",
        metavar="FILE",
        default_text="the encoder's",
    )
    direction: str | None = named(
        None,
        "A boundary or direction along which the page of --tune moves the images.",
        metavar="NAME",
        default_text="season for demo",
    )

    def load(self, options: InvertOptions) -> dict[str, object]:
        generator = self.generator()
        found: dict[str, object] = {
            "generator": generator,
            "images": photos_for(self.images, generator.spec.size, generator.spec.image_channels, options),
            "encoder": self._encoder(generator, options) or NO_ENCODER,
            "metric": self.distance(generator),
        }
        if self.start is not None:
            found["start"] = self._codes(generator, self.start)
        if options.tune:
            found["direction"] = self._direction(generator)
        elif self.direction is not None:
            raise UsageError(f"--direction {self.direction} is for the page of --tune: give both, or neither.")
        return found

    def load_again(self, options: InvertOptions) -> dict[str, object]:
        """Weights are tuned to all images, on the joined codes."""
        if not options.tune:
            return {}
        from gantk.ghfeat.photos import photos_of

        generator = self.generator()
        return {
            "generator": generator,
            "images": photos_of(self.images),
            "metric": self.distance(generator),
            "direction": self._direction(generator),
        }

    def _codes(self, generator: Generator, path: str) -> object:
        from gantk.codes.given import codes_in
        from gantk.ghfeat.codes import is_codes, load_codes

        if is_codes(Path(path)):
            return load_codes(path, generator, self.force)
        return codes_in(path, generator)

    def _direction(self, generator: Generator) -> Direction | None:
        from gantk.codes.kept_directions import load_direction

        if self.direction is None and generator.bundled != "demo-stylegan2":
            return None
        return load_direction(self.direction or "season", generator, self.force)

    def _encoder(self, generator: Generator, options: InvertOptions) -> EncoderFile | None:
        """The encoder that was named; else the model's own, where there is one and z is not asked for."""
        unasked = self.start is not None or options.space == "z"
        if self.encoder == NO_ENCODER or (self.encoder is None and unasked):
            return None
        try:
            return self.encoder_of(generator)
        except UsageError:
            if self.encoder is not None:
                raise
            return None


@dataclass(frozen=True, kw_only=True)
class MixInputs(SubjectInputs):
    content: tuple[str, ...] = named(MISSING, "Image whose other rows are kept; may be repeated.", metavar="IMAGE")
    style: tuple[str, ...] = named(MISSING, "Image whose rows are taken; may be repeated.", metavar="IMAGE")

    def load(self, options: MixOptions) -> dict[str, object]:
        return self.subjects(options, content=self.content, style=self.style)


@dataclass(frozen=True, kw_only=True)
class EditInputs(ReaderInputs, MaskInputs, SubjectInputs):
    images: tuple[str, ...] = argument("IMAGE", IMAGES.removesuffix(".") + "; or one file of codes.")
    direction: str | None = named(
        None, "A boundary or direction: a shipped name, or a file.", metavar="NAME", address=True
    )
    of: str | None = named(None, "Codes whose principal axes --component numbers.", metavar="CODES")
    reference: tuple[str, ...] = named(
        (), "Edit a region: the image whose region is taken; one, or one for each.", metavar="IMAGE"
    )

    def load(self, options: EditOptions) -> dict[str, object]:
        from gantk.codes.kept_directions import load_direction
        from gantk.generators.base import Generator
        from gantk.ghfeat.codes import load_codes

        if not self.images:
            raise UsageError("No image was named: give files, folders, a list, an archive, or render:I.")
        found = self.subjects(options, images=self.images, reference=self.reference)
        generator = found["generator"]
        assert isinstance(generator, Generator)
        if self.direction is not None:
            found["direction"] = load_direction(self.direction, generator, self.force)
        if self.of is not None:
            found["of"] = load_codes(self.of, generator, self.force)
        return {**found, "mask": self.region(), "predictor": self.reader(generator)}


@dataclass(frozen=True, kw_only=True)
class HarmonizeInputs(MaskInputs, EncoderInputs):
    images: tuple[str, ...] = argument("IMAGE", IMAGES)
    patch: tuple[str, ...] = named(MISSING, "Image that is pasted: one, or one for each IMAGE.", metavar="IMAGE")

    def load(self, options: HarmonizeOptions) -> dict[str, object]:
        generator = self.generator()
        encoder = self.encoder_of(generator)
        config = encoder.encoder.config
        return {
            "generator": generator,
            "images": fitting(self.images, config, options),
            "patch": fitting(self.patch, config, options),
            "mask": self.region(),
            "encoder": encoder,
        }


@dataclass(frozen=True, kw_only=True)
class EvaluateInputs(ReaderInputs, EncoderInputs):
    images: tuple[str, ...] = argument(
        "IMAGE", f"{IMAGES.removesuffix('.')}; default: scenes of the bundled world.", default=()
    )
    labels: str | None = named(
        None,
        "Table of what is known about the images: a row for each image, a column for each fact.",
        metavar="FILE.csv",
    )
    pairs: str | None = named(
        None,
        "Pairs of images, one a line: two names, then 1 where they show the same thing, else 0.",
        metavar="FILE",
    )

    def load(self, options: EvaluateOptions) -> dict[str, object]:
        from gantk.ghfeat.evaluation import checked_labels

        generator = self.generator()
        encoder = self.encoder_of(generator)
        config = encoder.encoder.config
        images = fitting(self.images, config, options) if self.images else None
        labels, pairs = checked_labels(images, self.labels, self.pairs, config, options)
        return {
            "generator": generator,
            "images": images,
            "labels": labels,
            "pairs": pairs,
            "encoder": encoder,
            "predictor": self.reader(generator),
        }

    def load_again(self, options: EvaluateOptions) -> dict[str, object]:
        """Labels are matched with the images that could be read, and some images are drawn, on the joined arrays."""
        from gantk.ghfeat.labels import label_table, pair_list
        from gantk.ghfeat.photos import photos_of

        return {
            "images": photos_of(self.images) if self.images else None,
            "labels": None if self.labels is None else label_table(self.labels),
            "pairs": None if self.pairs is None else pair_list(self.pairs),
        }


@dataclass(frozen=True, kw_only=True)
class TrainInputs(ReaderInputs, ModelInputs):
    data: tuple[str, ...] = named(
        MISSING,
        "A folder, a list of images, a .zip, .tfrecords, renderer, or generator (its samples, of which the codes are "
        "known); several are used in turn.",
        metavar="DATA",
    )
    validation: str | None = named(None, "Held-out images.", metavar="DATA", default_text="part of the first --data")
    metric: str | None = named(
        None,
        "Feature distance: vgg16, a predictor with feature maps (demo), or none.",
        originals=("--perception",),
        metavar="NAME",
        default_text="demo for the bundled models, else vgg16",
        code=True,
    )
    discriminator: str | None = named(
        None,
        "A pickle with a discriminator, a bundled generator's name, or new.",
        metavar="FILE",
        default_text="the model's",
    )

    def load(self, options: TrainOptions) -> dict[str, object]:
        from gantk.ghfeat.data import open_data
        from gantk.ghfeat.defaults import NONE, discriminator_for, perception_for
        from gantk.ghfeat.losses import VGG
        from gantk.ghfeat.train_run import config_of

        if not self.data:
            raise UsageError("No data was named: give a folder, a list, an archive, renderer or generator.")
        # weights stay in float32: half precision is that of the steps
        generator = dataclasses.replace(self, precision="float32").generator()
        config = config_of(generator, options)
        data = tuple(open_data(name) for name in self.data)
        held = None if self.validation is None else open_data(self.validation)
        for each, part in ((data[0], "held-out" if held is None else "all"), (held, "all")):
            if each is not None:  # the first image, so that data that cannot be used end the command here
                each.source(generator, config.resolution, options.seed, options.fit, part).batch([0])
        weighed = options.perceptual is None or options.perceptual > 0
        distance = perception_for(generator, self.metric, otherwise=VGG) if weighed else None
        judge = None
        if options.adversarial:
            judge = discriminator_for(generator, self.discriminator, self.model, options.seed)
        return {
            "generator": generator,
            "data": data,
            "validation": held,
            "discriminator": judge,
            "metric": distance or NONE,
            "predictor": self.reader(generator),
            "precision": self.precision,
        }
