"""Where the directions of an atlas come from: the systems' own tasks, with their own options, each in a run of its own.

A source that a generator cannot have says why in a sentence and gives none.

Legend: N samples, A attributes, D width of a code, L rows of wp.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gantk.atlas.found import SourceFound
from gantk.atlas.judges import Judge
from gantk.atlas.moves import Samples, code_space
from gantk.atlas.rows import middle_convolutions, rows_by_rescoring, thirds
from gantk.codes.directions import Direction
from gantk.codes.given import GivenCodes
from gantk.comparators.options import GanspaceOptions, SefaOptions
from gantk.errors import GantkError, StoreError
from gantk.generators.base import Generator
from gantk.generators.probe import probe_of
from gantk.ghfeat.defaults import encoder_for
from gantk.ghfeat.files import EncoderFile
from gantk.higan.options import TrainBoundaryOptions
from gantk.navigan.kept import KeptWeights
from gantk.navigan.metrics import of_predictor
from gantk.navigan.options import HessianOptions
from gantk.predictors.base import Predictor
from gantk.resefa.options import DirectionsOptions, JacobianOptions
from gantk.runs.batches import within
from gantk.runs.options import Options
from gantk.runs.stores import Store
from gantk.stylespace.options import StylespaceOptions

TAILS = 0.25  # of the samples, at each end, that a boundary divides
COMPONENTS_OF = 10_000  # codes; they pass the mapping network only
LEAST_AREA = 0.01  # of the image: smaller regions are given no directions of their own
FEW = 12  # samples on which the rows of a boundary are chosen
PRODUCT = 4  # passes that a product with the Hessian of one sample is counted as: forward, and three derivatives
ENCODED = 1 << 26  # numbers of the images that an encoder reads, at most


@dataclass(frozen=True, eq=False)
class Ground:
    """What directions are found on.

    Attributes:
        samples: N, none of which measures anything; w_ND or z_ND are their codes in `code_space`.
        judge: whose metric weight directions are found with.
        names: of the attributes.
        reader: that scored them; None without attributes.
        score_NA: of the samples; None without attributes.
        seer: tells regions apart; None does not.
        encoder: of images into styles; None takes the one that ships.
        count: directions for each third of the rows, region or attribute.
        quick: leave out what takes long.
        seed: of all draws.
        truncation: as it was asked for.
        store: where the runs of the sources go.
    """

    samples: Samples
    code_ND: npt.NDArray[np.float32]
    judge: Judge
    names: tuple[str, ...]
    reader: Predictor | None
    score_NA: npt.NDArray[np.float32] | None
    seer: Predictor | None
    encoder: EncoderFile | None
    count: int
    quick: bool
    seed: int
    truncation: str | None
    store: Store

    @property
    def generator(self) -> Generator:
        return self.samples.generator

    def columns(self) -> dict[str, npt.NDArray[np.float32]]:
        """The scores of every attribute that varies."""
        if self.score_NA is None:
            raise GantkError(
                "There is no predictor of attributes, so there are no boundaries and no names: --predictor."
            )
        return {name: self.score_NA[:, i] for i, name in enumerate(self.names) if np.ptp(self.score_NA[:, i]) > 0}

    def task(self, name: str, task: str, arguments: Mapping[str, object], options: Options) -> Any:
        """The result of a system's task, with as many samples at once as here: a run that goes on has the same size.

        Any, as `Store.task` gives it: which result it is, the task's name says.
        """
        return self.store.task(name, task, arguments, within(options, self.samples.batch_size))


def find_source(name: str, ground: Ground) -> SourceFound:
    """The directions of a source, or the sentence that says why it has none.

    Raises:
        StoreError: the source has some, but a disk or memory failed.
    """
    try:
        directions, passes = _SOURCES[name](ground)
    except StoreError:
        raise
    except GantkError as error:
        return SourceFound(system=name, directions=(), weights=(), passes=0, note=str(error))
    return SourceFound(
        system=name,
        directions=tuple(part for part in directions if isinstance(part, Direction)),
        weights=tuple(part for part in directions if isinstance(part, KeptWeights)),
        passes=passes,
        note="",
    )


Found = tuple[Sequence[Direction | KeptWeights], int]


def _boundaries(ground: Ground) -> Found:
    columns, generator = ground.columns(), ground.generator
    space, samples = code_space(generator), ground.samples
    options = TrainBoundaryOptions(chosen=TAILS, resamples=0, verbose_test=False, seed=ground.seed)
    trained = ground.task(
        "boundaries",
        "train-boundary",
        {"samples": GivenCodes(ground.code_ND, space), "scores": columns, "generator": generator},
        options,
    )
    found = [
        _direction(ground, part.name, space, part.direction.vectors, kind="boundary") for part in trained.boundaries
    ]
    if ground.quick or space == "z":
        return found, len(samples)
    assert ground.reader is not None
    few = samples.part(0, min(FEW, len(samples)))
    rows, passes = rows_by_rescoring(generator, found, ground.reader, few)
    return [part.replace(layers=kept) for part, kept in zip(found, rows, strict=True)], len(samples) + passes


def _sefa(ground: Ground) -> Found:
    found: list[Direction] = []
    for third, rows in thirds(ground.generator.spec.num_layers).items():
        options = SefaOptions(rows=rows, components=ground.count, shown=0, seed=ground.seed)
        factors = ground.task(f"sefa-{third}", "sefa", {"generator": ground.generator}, options).direction
        found += _each(ground, f"sefa {third}", factors.space, factors.vectors, rows)
        if factors.space == "z":
            break  # z has no rows
    return found, 0


def _ganspace(ground: Ground) -> Found:
    options = GanspaceOptions(num=COMPONENTS_OF, components=ground.count, shown=0, seed=ground.seed)
    parts = ground.task("ganspace", "ganspace", {"generator": ground.generator}, options).direction
    if parts.space == "z":
        return _each(ground, "ganspace", "z", parts.vectors, None), 0
    found: list[Direction] = []
    for third, rows in thirds(ground.generator.spec.num_layers).items():
        found += _each(ground, f"ganspace {third}", parts.space, parts.vectors, rows)
    return found, 0


def _resefa(ground: Ground) -> Found:
    if ground.seer is None:
        raise GantkError("Nothing tells regions apart, so there are no directions of regions: give --head.")
    num = 3 if ground.quick else 6
    few = ground.samples.part(0, num)  # those that are differentiated at: the first of the seed
    with torch.no_grad():
        label = ground.seer.segment_codes(ground.generator, few.wp_NLD).argmax(1)
    area_R = np.bincount(label.flatten().cpu().numpy(), minlength=len(ground.seer.class_names)) / label.numel()
    regions = {
        name: (ground.seer, index)
        for index, name in enumerate(ground.seer.class_names)
        if LEAST_AREA <= area_R[index] <= 1 - LEAST_AREA
    }
    if not regions:
        raise GantkError("Every image is one region, so there are no directions of regions.")
    space = code_space(ground.generator)
    drawn = "random" if ground.generator.spec.label_required else None
    asked = JacobianOptions(
        num=num, seed=ground.seed, truncation=ground.truncation, label=drawn, preview=0, space=space
    )
    arguments = {"generator": ground.generator, "regions": regions}
    gram = ground.task("jacobian", "resefa jacobian", arguments, asked)
    solved = ground.task(
        "regions", "resefa directions", {"generator": ground.generator, "jacobian": gram, "segmenter": ground.seer},
        DirectionsOptions(held_out=0, components=ground.count, shown=1, against="none"),
    )  # fmt: skip
    found: list[Direction] = []
    for part in solved.regions:
        found += _each(ground, f"resefa {part.name}", part.direction.space, part.direction.vectors, None)
    return found, num * int(1.5 * gram.facts.dim)


def _stylespace(ground: Ground) -> Found:
    if ground.seer is None:
        raise GantkError("Nothing tells regions apart, so no channel belongs to one: give --head.")
    options = StylespaceOptions(
        num=len(ground.samples), looked=2 if ground.quick else 8, components=ground.count, seed=ground.seed,
        truncation=ground.truncation, samples=1, step=3,
        colours=ground.generator.bundled == "demo-oracle",  # whose last row only writes colours
    )  # fmt: skip
    done = ground.task(
        "stylespace",
        "stylespace",
        {
            "generator": ground.generator,
            "predictor": ground.reader,
            "segmenter": ground.seer,
            "scores": ground.score_NA,
        },
        options,
    )
    found = [
        _direction(ground, f"{part.name} {name}", "s", part.vectors[k : k + 1], part.layers)
        for part in done.directions
        for k, name in enumerate(part.meta["channels"])
    ]
    return found, done.passes


def _navigan(ground: Ground) -> Found:
    layers = middle_convolutions(ground.generator)
    if not layers:
        raise GantkError("This family has no convolution whose weight could be moved.")
    num = 2 if ground.quick else 4
    found, passes = [], 0
    for layer in layers:
        options = HessianOptions(
            k=ground.count, num=num, batch_size=num, tolerance=0.05, max_products=8 * ground.count, seed=ground.seed,
            truncation=ground.truncation, shown=0,
            label="random" if ground.generator.spec.label_required else None,
        )  # fmt: skip
        arguments = {"generator": ground.generator, "conv": layer, "metric": of_predictor(ground.judge.metric)}
        done = ground.task(f"weights-{layer.replace('/', '-')}", "navigan hessian", arguments, options)
        found.append(done.directions)
        passes += done.spectrum.products * num * PRODUCT
    return found, passes


def _encoder(ground: Ground) -> Found:
    """Boundaries in the styles that an encoder reads in the samples' images (Xu et al. 2021, section 4)."""
    from gantk.ghfeat.metrics import encode
    from gantk.higan.boundary import Settings, train_boundaries

    columns = ground.columns()
    loaded = encoder_for(ground.generator, ground.encoder)
    size = ground.generator.spec.image_channels * ground.generator.spec.resolution**2
    count = min(len(ground.samples), 200 if ground.quick else 1000, max(100, ENCODED // size))
    parts = []
    with torch.inference_mode():
        for start in range(0, count, ground.samples.batch_size):
            few = ground.samples.part(start, min(start + ground.samples.batch_size, count))
            parts.append(torch.cat(encode(loaded.encoder, few.images()), 1).float().cpu().numpy())
    style_NS = np.concatenate(parts)
    settings = Settings(chosen=TAILS, resamples=0, middle=False, seed=ground.seed)
    kept = {name: values[:count] for name, values in columns.items() if np.ptp(values[:count]) > 0}
    trained = train_boundaries(style_NS, kept, settings)
    return [_direction(ground, f"encoder {part.name}", "s", part.vectors, kind="boundary") for part in trained], count


_SOURCES: dict[str, Callable[[Ground], Found]] = {
    "higan": _boundaries,
    "sefa": _sefa,
    "ganspace": _ganspace,
    "resefa": _resefa,
    "stylespace": _stylespace,
    "navigan": _navigan,
    "encoder": _encoder,
}
SYSTEMS = tuple(_SOURCES)


def _each(
    ground: Ground, name: str, space: str, vectors_KD: npt.NDArray[Any], rows: tuple[int, ...] | None
) -> list[Direction]:
    return [_direction(ground, f"{name} {k}", space, vector[None], rows) for k, vector in enumerate(vectors_KD)]


def _direction(
    ground: Ground,
    name: str,
    space: str,
    vectors: npt.NDArray[Any],
    rows: tuple[int, ...] | None = None,
    kind: str = "direction",
) -> Direction:
    rows = None if space == "z" else rows
    return Direction(name, kind, space, vectors.astype(np.float32), None, rows, 3.0, probe_of(ground.generator))
