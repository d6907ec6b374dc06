"""Results of `gantk ghfeat train`, `gantk ghfeat extract` and `gantk invert`.

Shape legend: N images, K of them that could be read, S summed width of all styles, L rows of wp, D width of a row,
T steps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from gantk.codes.given import GivenCodes
from gantk.generators.probed import Probe
from gantk.ghfeat.claims import EXTRACT, INVERT, TRAIN
from gantk.ghfeat.codes import Codes, save_codes, tile
from gantk.ghfeat.figures import Figures, Pair
from gantk.runs.claims import Claims
from gantk.runs.results import Export, Result, record
from gantk.runs.structure import Image
from gantk.runs.walk import Walk
from gantk.store.files import save_npy, write_atomic

if TYPE_CHECKING:
    from gantk.checkpoints.tuned import TunedWeights
    from gantk.ghfeat.options import TrainOptions
    from gantk.store.json_values import Json

Array = npt.NDArray[Any]

CODES = "codes.safetensors"
ENCODER = "encoder.safetensors"
TUNED = "tuned.safetensors"
GIVEN = "codes that were given"  # in the place of an encoder


def mean_of(values_K: Array) -> float | None:
    """The mean of the numbers that are finite; None where none is."""
    good = values_K[np.isfinite(values_K)]
    return float(good.mean()) if len(good) else None


# --- train -----------------------------------------------------------------------------------------------------------


@record
class Point:
    """Means of neighbouring steps of a training; None where a loss was not counted.

    Attributes:
        images: seen so far. rate: of Adam.
        style: error of known codes, in units of a style's variance.
        pixel: squared error of pixels. perceptual: feature distance. adversarial: softplus(-D(reconstruction)).
        judge_real, judge_fake: of the discriminator. r1: its gradient penalty.
    """

    images: int
    rate: float
    style: float | None
    pixel: float | None
    perceptual: float | None
    adversarial: float | None
    judge_real: float | None
    judge_fake: float | None
    r1: float | None


@record
class Validation:
    """Figures on held-out images after so many images of training."""

    images: int
    figures: Figures


@record
class TrainResult(Result):
    """An encoder, with the average of its weights.

    Attributes:
        file: bytes of its file, for `gantk.load_encoder` and ``--encoder``. parameters: how many numbers it has.
        images: that the training sees until its end. reached: seen so far; fewer where it was stopped.
        skipped: updates left out because a gradient was not finite.
        curve, validations: along the way.
        final: on the held-out images, of which there are `held_out`. mean_code_mse: of the mean code's picture on them.
        pairs: some of them with their reconstructions.
    """

    TASK: ClassVar[str] = "ghfeat train"
    CLAIMS: ClassVar[Claims[TrainResult]] = TRAIN
    file: npt.NDArray[np.uint8]
    parameters: int
    images: int
    reached: int
    skipped: int
    curve: tuple[Point, ...]
    validations: tuple[Validation, ...]
    final: Figures
    mean_code_mse: float
    held_out: int
    pairs: tuple[Pair, ...]

    @property
    def done(self) -> bool:
        """Whether the training came to its end."""
        return self.reached >= self.images

    @property
    def sha256(self) -> str:
        """Of the encoder's file."""
        return hashlib.sha256(self.file.tobytes()).hexdigest()

    def answers(self, options: TrainOptions) -> bool:  # type: ignore[override]
        """Where --minutes stopped it, the same command goes on."""
        return self.done

    def table(self) -> list[dict[str, object]]:
        return [
            {"images": at.images, "mse": at.figures.mse, "ssim": at.figures.ssim, "perceptual": at.figures.perceptual}
            for at in self.validations
        ]

    def exports(self) -> Iterator[Export]:
        data = self.file.tobytes()
        yield Export(ENCODER, partial(write_atomic, data=data), "the encoder, with the average of its weights")


# --- extract ---------------------------------------------------------------------------------------------------------


@record
class OfPhotos(Result):
    """What was found for each image that could be read.

    Attributes:
        names: of all images that were given, N. kept: numbers of those that could be read, K.
    """

    names: tuple[str, ...]
    kept: npt.NDArray[np.int64]

    @property
    def kept_names(self) -> tuple[str, ...]:
        """Of the images that could be read."""
        return tuple(self.names[i] for i in self.kept)

    @property
    def skipped(self) -> tuple[str, ...]:
        """Names of the images that could not be read."""
        kept = set(self.kept.tolist())
        return tuple(name for i, name in enumerate(self.names) if i not in kept)


@record
class ExtractResult(OfPhotos):
    """Codes of images: styles of a generator.

    Attributes:
        styles: [N, S], side by side; not a number in the rows of images that could not be read.
        widths, rows: of each styled layer its width and its row of wp. probe: of the generator.
        encoder, encoder_sha256: what encoded them. refine: steps of optimisation after it.
        figures: MSE, SSIM and feature distance, [N, 3], not a number where there is none; None without reconstructions.
        pairs: images with their reconstructions, as far as they were kept.
        tiled: whether ghfeat.npy is written.
        wp: the nearest codes of the generator's own mapping, [K, L, D]; None unless asked for.
        off_manifold: how far the styles of each row are from any code's, [L], 0 to 1; None without `wp`.
    """

    TASK: ClassVar[str] = "ghfeat extract"
    CLAIMS: ClassVar[Claims[ExtractResult]] = EXTRACT
    styles: npt.NDArray[np.float32]
    widths: tuple[int, ...]
    rows: tuple[int, ...]
    probe: Probe
    encoder: str
    encoder_sha256: str
    refine: int
    figures: npt.NDArray[np.float32] | None
    pairs: tuple[Pair, ...]
    tiled: bool
    wp: npt.NDArray[np.float32] | None
    off_manifold: npt.NDArray[np.float32] | None

    @property
    def codes(self) -> Codes:
        """The codes of the images that could be read."""
        meta = {"command": "ghfeat extract", "encoder": self.encoder, "encoder_sha256": self.encoder_sha256,
                "refine": self.refine}  # fmt: skip
        styles = tuple(np.split(self.styles[self.kept], np.cumsum(self.widths)[:-1], 1))
        return Codes(styles, self.rows, self.kept_names, self.probe, meta)

    @property
    def kept_figures(self) -> Array | None:
        """MSE, SSIM and feature distance of the images that could be read, [K, 3]."""
        return None if self.figures is None else np.asarray(self.figures)[self.kept]

    def table(self) -> list[dict[str, object]]:
        figures = self.kept_figures
        if figures is None:
            return [{"name": name} for name in self.kept_names]
        return [
            {"name": name, "mse": float(row[0]), "ssim": float(row[1]), "perceptual": mean_of(row[2:])}
            for name, row in zip(self.kept_names, figures, strict=True)
        ]

    def exports(self) -> Iterator[Export]:
        yield Export(CODES, lambda path: save_codes(path, self.codes), "styles of every image, one array per layer")
        if self.tiled:
            yield Export(
                "ghfeat.npy", lambda path: save_npy(path, tile(self.codes.styles)),
                "the original's array [N, layers, width]",
            )  # fmt: skip
        if self.wp is not None:
            yield Export("wp.npy", lambda path: save_npy(path, np.asarray(self.wp)), "the nearest codes wp [N, L, D]")
        listed = "".join(f"{name}\n" for name in self.kept_names).encode()
        yield Export("image_list.txt", partial(write_atomic, data=listed), "the images, in the order of the codes")


# --- invert ----------------------------------------------------------------------------------------------------------


@record
class Course:
    """One image, and what the generator made of its code on the way.

    Attributes:
        original: what the code should make.
        frames: one for each kept step.
    """

    name: str
    original: Image
    frames: tuple[Image, ...]


@record
class TunedCourse:
    """One image, what its code makes, and what it makes with tuned weights."""

    name: str
    original: Image
    inversion: Image
    tuned: Image


@record
class Tuning:
    """Weights that were tuned to the images around their codes.

    Attributes:
        weights: names of the changed ones. shapes: of each. scales: the largest change of each.
        values: the changes in units of the scales, one weight after the other, float16 [P].
        facts: how they were tuned.
        curve: the loss of the images and of other codes' pictures at every step, [T, 2].
        before, after: MSE, SSIM and feature distance (-1: none was given) of each image by its code, [K, 3].
        images: of the first.
        direction: along which `plain` (before) and `tuned` (after) move the images; None where none was given.
    """

    weights: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    scales: tuple[float, ...]
    values: npt.NDArray[np.float16]
    facts: dict[str, str | float]
    curve: npt.NDArray[np.float64]
    before: npt.NDArray[np.float64]
    after: npt.NDArray[np.float64]
    images: tuple[TunedCourse, ...]
    direction: str | None
    plain: Walk | None
    tuned: Walk | None

    @property
    def size_mb(self) -> float:
        """Of the file, in megabytes."""
        return float(np.asarray(self.values).nbytes / 1e6)


@record
class InvertResult(OfPhotos):
    """Codes of images, found by an encoder, by optimisation, or by both.

    Attributes:
        space: the codes are of. packed: the codes, flat, [N, ...]. shape: of one code; (S,) in the space s.
        widths, rows: of each styled layer, in the space s. probe: of the generator.
        encoder: that gave the start; none. steps: of Adam.
        losses: [N, 2 + T + 1]: MSE, SSIM, then the loss of the start and after every step.
        kept_steps: whose pictures are in `sequences`.
        sequences: of the first images.
        tuning: of the weights, where it was asked for.
    """

    TASK: ClassVar[str] = "invert"
    CLAIMS: ClassVar[Claims[InvertResult]] = INVERT
    space: str
    packed: npt.NDArray[np.float32]
    shape: tuple[int, ...]
    widths: tuple[int, ...]
    rows: tuple[int, ...]
    probe: Probe | None
    encoder: str
    steps: int
    losses: npt.NDArray[np.float32]
    kept_steps: tuple[int, ...]
    sequences: tuple[Course, ...]
    tuning: Tuning | None = None

    @property
    def tuned_weights(self) -> TunedWeights | None:
        """What `gantk.load_generator(MODEL, tuned=...)` adds to the weights; None without a tuning."""
        from gantk.checkpoints.tuned import TunedWeights

        of = self.tuning
        if of is None or self.probe is None:
            return None
        meta: dict[str, Json] = {**of.facts, "photos": list(self.kept_names)}
        return TunedWeights(of.weights, of.shapes, of.scales, np.asarray(of.values), self.probe, meta)

    @property
    def codes(self) -> Codes | GivenCodes:
        """The codes of the images that could be read: styles, or an array of z, w or wp."""
        chosen = np.asarray(self.packed)[self.kept].reshape(len(self.kept), *self.shape)
        if self.space != "s":
            return GivenCodes(chosen, self.space, "the codes of `gantk invert`", probe=self.probe)
        meta = {"command": "invert", "encoder": self.encoder, "steps": self.steps, "space": self.space}
        styles = tuple(np.split(chosen, np.cumsum(self.widths)[:-1], 1))
        return Codes(styles, self.rows, self.kept_names, self.probe, meta)

    @property
    def loss(self) -> npt.NDArray[np.float64]:
        """Squared error, feature distance and prior together at every step, the mean over the images, [T + 1]."""
        return np.asarray(np.asarray(self.losses)[self.kept, 2:].mean(0), np.float64)

    @property
    def means(self) -> Figures:
        """MSE, PSNR and SSIM over the images."""
        table = np.asarray(self.losses)[self.kept]
        return Figures.of(float(table[:, 0].mean()), float(table[:, 1].mean()))

    def table(self) -> list[dict[str, object]]:
        table = np.asarray(self.losses)
        return [{"name": self.names[i], "mse": float(table[i, 0]), "ssim": float(table[i, 1])} for i in self.kept]

    def exports(self) -> Iterator[Export]:
        codes = self.codes
        if isinstance(codes, Codes):
            yield Export(CODES, partial(save_codes, codes=codes), "styles of every image, one array per layer")
        else:
            about = f"codes {self.space}, for `gantk manipulate -i` and the like"
            yield Export(f"{self.space}.npy", partial(save_npy, array=codes.array), about)
        if self.tuned_weights is not None:
            from gantk.checkpoints.tuned import save_tuned

            about = "changes of the generator's weights, for --tuned of every command"
            yield Export(TUNED, partial(save_tuned, tuned=self.tuned_weights), about)
