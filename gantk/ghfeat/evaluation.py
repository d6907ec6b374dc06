"""`gantk ghfeat evaluate`: what each level of the codes knows, and how well the generator makes images again.

Shape legend: N images, S summed width of all styles, A attributes, P pixels of a small picture, B width of a backbone.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import GantkError, UsageError
from gantk.generators.base import Generator
from gantk.ghfeat.defaults import encoder_for, perception_for, predictor_for
from gantk.ghfeat.encoder import EncoderConfig
from gantk.ghfeat.features import PIXELS, Backbone, FeatureSet, level_features, small_pixels
from gantk.ghfeat.features import probe_all as probe
from gantk.ghfeat.figures import Figures, psnr
from gantk.ghfeat.labels import Labels, LabelTable, PairList, World, label_table, pair_list, world
from gantk.ghfeat.losses import structural_similarity
from gantk.ghfeat.metrics import at_size, decode, encode, r2
from gantk.ghfeat.options import BATCH, EvaluateOptions
from gantk.ghfeat.photos import Images, photos_of
from gantk.ghfeat.probe_results import EvaluateResult
from gantk.ghfeat.probes import neighbours
from gantk.ghfeat.subject import keep_images
from gantk.ghfeat.train_run import mean_code_image
from gantk.pictures.images import as_saved
from gantk.runs.results import record
from gantk.runs.stores import Store
from gantk.runs.structure import Image
from gantk.runs.task import verb
from gantk.store.channels import in_channels
from gantk.store.progress import progress

STYLES, FIGURES, READ, REREAD, PIXEL, BACKBONE = "styles", "figures", "read", "reread", "pixels", "backbone"
WORLD_SEED = 1 << 33  # added to the seed of the scenes: no training has seen them
SHOWN = 6  # images on the page with their neighbours
Array = npt.NDArray[Any]


@record
class EvaluateFacts:
    """What `conclude` needs beside the arrays.

    Attributes:
        names: of the images. size, channels: as the encoder reads them. rows: of wp, of each styled layer.
        attributes: that a predictor reads. perceptual: whether there is a feature distance.
        backbone: what its features are called; empty without baselines.
    """

    names: tuple[str, ...]
    size: int
    channels: int
    widths: tuple[int, ...]
    rows: tuple[int, ...]
    attributes: tuple[str, ...]
    perceptual: bool
    backbone: str


@verb(EvaluateOptions)
def evaluate(
    generator: Generator,
    images: object = None,
    labels: object = None,
    pairs: object = None,
    encoder: object = None,
    predictor: object = None,
    *,
    options: EvaluateOptions,
    store: Store,
) -> EvaluateResult:
    """Probe frozen features by cross-validation, level by level, and measure reconstruction (Xu et al. 2021, 4.4).

    Without images scenes of the bundled world are drawn, whose factors are known exactly.

    Args:
        generator: any family with styles.
        images: paths, folders, archives or arrays, see `gantk.ghfeat.photos_of`.
        labels: what is known of the images: a CSV file, or columns by name; see `gantk.ghfeat.labels`.
        pairs: which of them show the same thing: a file, or tuples (image, image, same).
        encoder: `gantk.load_encoder`; default: the bundled one of a bundled generator.
        predictor: for factor recovery; default: the bundled one for a bundled generator.
        options: `EvaluateOptions`, or its fields as keywords.

    Raises:
        UsageError: images of which nothing is known, too few for the folds, or no encoder.
        GantkError: an image cannot be read or has no label, or the encoder is another generator's.
    """
    loaded = encoder_for(generator, encoder)
    config = loaded.encoder.config
    known = checked_labels(images, labels, pairs, config, options)
    judge, distance = predictor_for(generator, predictor), perception_for(generator)
    given = None if images is None else photos_of(images)
    total = options.num - options.num % 2 if given is None else len(given)
    reader = _Reader(given, config, options)
    backbone = Backbone.of(options.backbone) if options.baselines else None
    attributes = tuple(judge.attribute_names) if judge is not None else ()
    names = [STYLES, FIGURES, *([READ, REREAD] if attributes else []), *([PIXEL, BACKBONE] if backbone else [])]
    chunks = store.chunks(names, total, options.chunk)
    missing = chunks.missing()
    batches = [
        (index, start, min(start + BATCH, stop))
        for index in missing
        for begin, stop in [chunks.grid.bounds(index)]
        for start in range(begin, stop, BATCH)
    ]
    network = loaded.encoder.folded()
    mean = mean_code_image(generator, config.resolution)
    parts: dict[str, list[Array]] = {name: [] for name in names}
    with store.timed("features"), progress(sum(b - a for _, a, b in batches), "evaluate", unit="img") as bar:
        for (index, start, stop), (image, good) in zip(batches, reader.batches(batches), strict=True):
            image = image.to(generator.device)
            styles = encode(network, image)
            with torch.inference_mode():
                made = at_size(decode(generator, styles), config.resolution)
                columns = [(image - made).square().mean((1, 2, 3)), structural_similarity(image, made),
                           (image - mean).square().mean((1, 2, 3))]  # fmt: skip
                columns.append(torch.full_like(columns[0], torch.nan) if distance is None else distance(image, made))
                now = {STYLES: torch.cat(list(styles), 1), FIGURES: torch.stack(columns, 1)}
                if judge is not None and attributes:
                    now |= {READ: judge.attributes(image), REREAD: judge.attributes(made)}
                if backbone is not None:
                    now |= {PIXEL: small_pixels(image), BACKBONE: backbone(image)}
            for name, tensor in now.items():
                array = tensor.float().cpu().numpy()
                array[~good] = np.nan
                parts[name].append(array)
            bar.update(stop - start)
            if stop == chunks.grid.bounds(index)[1]:
                chunks.write(index, {name: np.concatenate(part) for name, part in parts.items()})
                parts = {name: [] for name in names}
    facts = EvaluateFacts(
        names=() if given is None else given.names,
        size=config.resolution,
        channels=config.image_channels,
        widths=config.widths,
        rows=config.rows,
        attributes=attributes,
        perceptual=distance is not None,
        backbone="" if backbone is None else backbone.name,
    )
    arrays = store.assemble(chunks, facts)
    return conclude(arrays, facts, options, store, images=given, labels=known.table, pairs=known.pairs)


@dataclasses.dataclass(frozen=True)
class Known:
    """What is known of images, before the names of the readable ones are."""

    table: LabelTable | None
    pairs: PairList | None


def checked_labels(
    images: object, labels: object, pairs: object, config: EncoderConfig, options: EvaluateOptions
) -> Known:
    """Labels and pairs, found to fit the images before anything is computed.

    Raises:
        UsageError: images of which nothing is known, or labels without images. GantkError: see `Images.check`.
    """
    known = Known(None if labels is None else label_table(labels), None if pairs is None else pair_list(pairs))
    if images is None:
        if known.table is not None or known.pairs is not None:
            raise UsageError("Labels and pairs are of images: name the images too.")
        return known
    if known.table is None and known.pairs is None:
        raise UsageError("Images alone say nothing to probe for: give --labels, --pairs, or both.")
    given = Images(images, config.resolution, options.fit, options.skip_unreadable, config.image_channels).check()
    if not options.skip_unreadable:
        _labels(known.table, known.pairs, given.names)
    return known


def _labels(table: LabelTable | None, pairs: PairList | None, names: tuple[str, ...]) -> Labels:
    known = table.of(names) if table is not None else Labels()
    return dataclasses.replace(known, pairs=pairs.of(names)) if pairs is not None else known


class _Reader:
    """Batches of images: those given, or scenes of the bundled world."""

    def __init__(self, images: object, config: EncoderConfig, options: EvaluateOptions) -> None:
        self.size, self.channels = config.resolution, config.image_channels
        self.scenes = drawn_scenes(options) if images is None else None
        self.images = None if images is None else Images(
            images, config.resolution, options.fit, options.skip_unreadable, config.image_channels
        )  # fmt: skip

    def batches(self, batches: list[tuple[int, int, int]]) -> Iterator[tuple[Tensor, npt.NDArray[np.bool_]]]:
        """Images [n, C, H, W] and whether each could be read."""
        if self.scenes is not None:
            for _, start, stop in batches:
                numbers = list(range(start, stop))
                yield scene_images(self.scenes, self.size, self.channels, numbers), np.ones(stop - start, bool)
            return
        assert self.images is not None
        for read in self.images.batches([(a, b) for _, a, b in batches]):
            for error in read.errors:
                warnings.warn(f"Skipped: {error}", stacklevel=2)
            yield read.floats(), np.asarray(read.good)


def drawn_scenes(options: EvaluateOptions) -> World:
    """The scenes of the bundled world that are probed, an even number."""
    return world(options.num - options.num % 2, options.seed + WORLD_SEED)


def scene_images(scenes: World, size: int, channels: int, numbers: list[int]) -> Tensor:
    """Scenes by number, as files hold them, [n, C, size, size]."""
    from gantk.world.renderer import render

    factors, nuisance = torch.from_numpy(scenes.factors_NF[numbers]), torch.from_numpy(scenes.nuisance_NM[numbers])
    image: Tensor = in_channels(as_saved(render(factors, nuisance, size).image_NCHW), channels)
    return image


def conclude(
    arrays: Mapping[str, Array],
    facts: EvaluateFacts,
    options: EvaluateOptions,
    store: Store,
    images: object = None,
    labels: LabelTable | None = None,
    pairs: PairList | None = None,
) -> EvaluateResult:
    """The result of whole arrays.

    Args:
        images: that were given, for the pictures of neighbours. labels, pairs: what is known of them.

    Raises:
        GantkError: none of the images could be read.
    """
    kept = np.flatnonzero(np.isfinite(arrays[STYLES]).all(1))
    if not len(kept):
        raise GantkError("none of the images can be read")
    if images is None:
        known = drawn_scenes(options).labels
    else:
        known = _labels(labels, pairs, tuple(facts.names[i] for i in kept))
    found = {name: np.asarray(array)[kept] for name, array in arrays.items()}
    sets = level_features(np.split(found[STYLES], np.cumsum(facts.widths)[:-1], 1), facts.rows)
    if facts.backbone:
        sets.append(FeatureSet(f"pixels {PIXELS} x {PIXELS}", "baseline", found[PIXEL].astype(np.float64)))
        sets.append(FeatureSet(facts.backbone, "baseline", found[BACKBONE].astype(np.float64)))
    probes = probe(sets, known, options.folds, options.seed, options.level_classes)
    reconstruction, mean_mse = _reconstruction(found, facts)
    everything = next(each for each in sets if each.kind == "all")
    return EvaluateResult(
        count=len(kept),
        exact=images is None,
        reconstruction=reconstruction,
        mean_code_mse=mean_mse,
        probes=probes,
        neighbours=_neighbours(everything, facts, options, store, images, kept),
    )


def _reconstruction(found: Mapping[str, Array], facts: EvaluateFacts) -> tuple[Figures, float]:
    mse, ssim, mean_mse, distance = (float(value) for value in found[FIGURES].astype(np.float64).mean(0))
    recovery = {
        name: r2(torch.from_numpy(found[READ][:, i].copy()), torch.from_numpy(found[REREAD][:, i].copy()))
        for i, name in enumerate(facts.attributes)
    }
    perceptual = distance if facts.perceptual else None
    return Figures(mse=mse, psnr=psnr(mse), ssim=ssim, perceptual=perceptual, recovery=recovery), mean_mse


def _neighbours(
    everything: FeatureSet,
    facts: EvaluateFacts,
    options: EvaluateOptions,
    store: Store,
    images: object,
    kept: npt.NDArray[np.int64],
) -> tuple[tuple[Image, ...], ...]:
    """A few images with their nearest neighbours by all levels, for the page."""
    rows = []
    for number, near in enumerate(neighbours(everything.values)[:SHOWN]):
        which = kept[[number, *near.tolist()]].tolist()
        if images is None:
            shown = scene_images(drawn_scenes(options), facts.size, facts.channels, which)
        else:
            given = Images(images, facts.size, options.fit, options.skip_unreadable, facts.channels)
            shown = given.picked(which)
        rows.append(keep_images(store, shown, f"neighbours_{number}"))
    return tuple(rows)
