"""`gantk ghfeat evaluate`: what each level of the codes knows, and how well the generator makes images again.

Shape legend: N images, S summed width of all styles, A attributes, P pixels of a small picture, B width of a backbone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import GantkError, UsageError
from gantk.generators.base import Generator
from gantk.ghfeat.defaults import encoder_for, perception_for, predictor_for
from gantk.ghfeat.encoder import EncoderConfig
from gantk.ghfeat.features import Backbone, baselines, level_features, probe_all, small_pixels
from gantk.ghfeat.figures import Figures
from gantk.ghfeat.labels import Labels, LabelTable, PairList, label_table, pair_list, world
from gantk.ghfeat.metrics import at_size, closeness, decode, encode, recovery_of
from gantk.ghfeat.options import BATCH, EvaluateOptions
from gantk.ghfeat.photos import Batch, Images, marked, photos_of
from gantk.ghfeat.probe_results import EvaluateResult
from gantk.ghfeat.probes import folds_of, neighbours
from gantk.ghfeat.subject import keep_images
from gantk.ghfeat.train_run import mean_code_image
from gantk.pictures.images import as_saved
from gantk.runs.results import record
from gantk.runs.stores import Store, remaining
from gantk.runs.task import verb
from gantk.store.channels import in_channels
from gantk.store.progress import progress
from gantk.world.renderer import render

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
    reader = _reader(given, config.resolution, config.image_channels, options)
    folds_of(len(reader), options.folds)  # refused before anything is computed
    backbone = Backbone.of(options.backbone) if options.baselines else None
    attributes = tuple(judge.attribute_names) if judge is not None else ()
    names = [STYLES, FIGURES, *([READ, REREAD] if attributes else []), *([PIXEL, BACKBONE] if backbone else [])]
    chunks = store.chunks(names, len(reader), options.chunk)
    batches, count = remaining(chunks, BATCH)
    network = loaded.encoder.folded()
    mean = mean_code_image(generator, config.resolution)
    columns: dict[str, list[Array]] = {name: [] for name in names}
    with store.timed("features"), progress(count, "evaluate", unit="img") as bar:
        reads = reader.batches([(a, b) for _, a, b in batches])
        for (index, start, stop), (image, good_N) in zip(batches, reads, strict=True):
            image = image.to(generator.device)
            styles = encode(network, image)
            with torch.inference_mode():
                made = at_size(decode(generator, styles), config.resolution)
                close_N3 = closeness(image, made, distance)
                mean_N1 = (image - mean).square().mean((1, 2, 3))[:, None]
                now = {STYLES: torch.cat(list(styles), 1),
                       FIGURES: torch.cat([close_N3[:, :2], mean_N1, close_N3[:, 2:]], 1)}  # fmt: skip
                if judge is not None and attributes:
                    now |= {READ: judge.attributes(image), REREAD: judge.attributes(made)}
                if backbone is not None:
                    now |= {PIXEL: small_pixels(image), BACKBONE: backbone(image)}
            for name, values in now.items():
                columns[name].append(marked(values, good_N))
            bar.update(stop - start)
            if stop == chunks.grid.bounds(index)[1]:
                chunks.write(index, {name: np.concatenate(column) for name, column in columns.items()})
                columns = {name: [] for name in names}
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
    return conclude(arrays, facts, options, store, given, *known)


def checked_labels(
    images: object, labels: object, pairs: object, config: EncoderConfig, options: EvaluateOptions
) -> tuple[LabelTable | None, PairList | None]:
    """Labels and pairs, found to fit the images before anything is computed.

    Raises:
        UsageError: images of which nothing is known, or labels without images. GantkError: see `Images.check`.
    """
    table = None if labels is None else label_table(labels)
    couples = None if pairs is None else pair_list(pairs)
    if images is None:
        if table is not None or couples is not None:
            raise UsageError("Labels and pairs are of images: name the images too.")
        return None, None
    if table is None and couples is None:
        raise UsageError("Images alone say nothing to probe for: give --labels, --pairs, or both.")
    given = Images(images, config.resolution, options.fit, options.skip_unreadable, config.image_channels).check()
    if not options.skip_unreadable:
        _labels(table, couples, given.names)
    return table, couples


def _labels(table: LabelTable | None, pairs: PairList | None, names: tuple[str, ...]) -> Labels:
    known = table.of(names) if table is not None else Labels()
    return dataclasses.replace(known, pairs=pairs.of(names)) if pairs is not None else known


class Scenes:
    """Scenes of the bundled world, read as `Images` are: an even number, which no training has seen."""

    def __init__(self, size: int, channels: int, options: EvaluateOptions) -> None:
        self.size, self.channels = size, channels
        self.world = world(options.num - options.num % 2, options.seed + WORLD_SEED)

    def __len__(self) -> int:
        return len(self.world.factors_NF)

    def picked(self, indices: Sequence[int]) -> Tensor:
        """Some scenes as files hold them, [N, C, size, size]."""
        factors, nuisance = (torch.from_numpy(x[indices]) for x in (self.world.factors_NF, self.world.nuisance_NM))
        return in_channels(as_saved(render(factors, nuisance, self.size).image_NCHW), self.channels)

    def batches(self, ranges: Sequence[tuple[int, int]]) -> Iterator[Batch]:
        for start, stop in ranges:
            yield self.picked(range(start, stop)), np.ones(stop - start, bool)


def _reader(images: object, size: int, channels: int, options: EvaluateOptions) -> Images | Scenes:
    if images is None:
        return Scenes(size, channels, options)
    return Images(images, size, options.fit, options.skip_unreadable, channels)


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
    reader = _reader(images, facts.size, facts.channels, options)
    if isinstance(reader, Scenes):
        known = reader.world.labels
    else:
        known = _labels(labels, pairs, tuple(facts.names[i] for i in kept))
    found = {name: np.asarray(array)[kept] for name, array in arrays.items()}
    sets = level_features(np.split(found[STYLES], np.cumsum(facts.widths)[:-1], 1), facts.rows)
    if facts.backbone:
        sets += baselines(found[PIXEL], found[BACKBONE], facts.backbone)
    probes = probe_all(sets, known, options.folds, options.seed, options.level_classes)
    reconstruction, mean_mse = _reconstruction(found, facts)
    everything = next(each for each in sets if each.kind == "all")
    near = [
        keep_images(store, reader.picked(kept[[number, *row]].tolist()), f"neighbours_{number}")
        for number, row in enumerate(neighbours(everything.values)[:SHOWN].tolist())
    ]
    return EvaluateResult(
        count=len(kept),
        exact=images is None,
        reconstruction=reconstruction,
        mean_code_mse=mean_mse,
        probes=probes,
        neighbours=tuple(near),
    )


def _reconstruction(found: Mapping[str, Array], facts: EvaluateFacts) -> tuple[Figures, float]:
    mse, ssim, mean_mse, distance = (float(value) for value in found[FIGURES].astype(np.float64).mean(0))
    recovery = {}
    if facts.attributes:
        recovery = recovery_of(facts.attributes, *(torch.from_numpy(found[name]) for name in (READ, REREAD)))
    return Figures.of(mse, ssim, distance if facts.perceptual else None, recovery), mean_mse
