"""Sampling a generator: latents, styles, images and predictions, chunk by chunk.

In a run, memory does not grow with the number of samples; a chunk counts as done when its arrays are on the disk, which
happens after its images are. Images are encoded by threads while the next chunk is computed.

Legend: N samples, D the width of a code, L rows of wp, A attributes, H x W pixels.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Protocol, TypeGuard

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.codes.numbering import parse_seeds, show_seeds
from gantk.codes.source import Codes, CodeSource, show_truncation
from gantk.errors import UsageError
from gantk.generators.arguments import checked
from gantk.generators.base import Generator, Layer
from gantk.higan.histograms import histogram
from gantk.higan.options import SynthesizeOptions
from gantk.higan.samples import ScoreSummary, SynthesizeResult
from gantk.pictures.images import as_saved, to_uint8
from gantk.predictors.base import Predictor
from gantk.runs.commits import CommitsBehind
from gantk.runs.results import record
from gantk.runs.stores import Pictures, Store, remaining
from gantk.runs.task import verb, with_options
from gantk.store.chunks import parts
from gantk.store.progress import progress

IMAGES = "images"
MOST_LISTED = 200  # images that the manifest names for the page
BINS = 30

Array = npt.NDArray[Any]


@record
class SynthesisFacts:
    """What the result of joined parts has to know beside the arrays.

    Attributes:
        num: N. seed: None where codes were given.
        truncation: as applied.
        predictor: None where nothing scores.
        styles: names of the arrays of styles.
        form: suffix of the image files; empty where there are none.
        imaged: how many of the first samples have one.
    """

    num: int
    seed: int | None
    truncation: str
    predictor: str | None
    styles: tuple[str, ...]
    form: str
    imaged: int


def chunk_size(batch_size: int, target: int) -> int:
    """The multiple of the batch size nearest to `target` from above: batches never straddle chunks."""
    return batch_size * -(-target // batch_size)


@verb(SynthesizeOptions)
def synthesize(
    generator: Generator,
    codes: object = None,
    predictor: Predictor | None = None,
    *,
    options: SynthesizeOptions,
    store: Store,
) -> SynthesizeResult:
    """Sample a generator: latents and, where asked for, images, styles and the scores of a predictor.

    Args:
        generator: any family.
        codes: to render instead of drawn ones; see `gantk.codes.given.given_codes`.
        predictor: scores the images as they are saved, in uint8; None scores nothing.
        options: `SynthesizeOptions`, or its fields as keywords.

    Returns:
        w before truncation, wp after it, z as the network takes it.

    Raises:
        UsageError: nothing to draw, or latents that are not known of the codes given.
        GantkError: the codes are another generator's.
    """
    from gantk.generators.probe import probe_of

    source = options.source(generator, codes)
    work = _Work(source, predictor, options, store)
    target = 256 if predictor is not None or work.imaged == source.total else 1024
    size = chunk_size(options.batch_size, options.chunk or target)
    chunks = store.chunks(work.arrays(), source.total, size, work.bytes_each())
    todo, samples = remaining(chunks)
    with (
        torch.inference_mode(),
        store.timed("synthesis"),
        store.pictures(options.quality, options.workers) as pictures,
        progress(samples, "synthesize", unit="img" if work.renders else "code") as bar,
    ):
        commits = CommitsBehind(chunks, every=work.imaged == source.total)
        for index, start, stop in todo:
            commits.add(index, *work.chunk(start, stop, pictures))
            bar.update(stop - start)
        commits.flush()
    facts = work.facts()
    result = conclude(store.assemble(chunks, facts), facts, options, store)
    return dataclasses.replace(result, probe=probe_of(generator))


@checked
def sample(
    generator: Generator,
    num: int | None = None,
    predictor: object = None,
    codes: object = None,
    **options: object,
) -> SynthesizeResult:
    """Sample a generator: codes and, with a predictor, what it sees in their images.

    It is `gantk.higan.synthesize` with the number of samples in its place.

    Args:
        generator: any family.
        num: how many samples are drawn; None where codes or seeds say it.
        predictor: scores the images; None scores nothing.
        codes: to render instead of drawn ones; see `gantk.codes.given.given_codes`.

    Returns:
        The samples: `codes` for other verbs, `scores` by attribute, `table()` their statistics.

    Raises:
        UsageError, GantkError: as of `gantk.higan.synthesize`.
    """
    if num is not None:
        options["num"] = num
    result: SynthesizeResult = synthesize(generator, codes, predictor, **options)
    return result


with_options(sample, SynthesizeOptions, list(inspect.signature(sample).parameters.values())[:4])


def chosen_latents(text: str | None, known: tuple[str, ...]) -> tuple[str, ...]:
    """The spaces whose codes are written, of those that are known; wp only where it is asked for or nothing else is.

    Raises:
        UsageError: another word, or a space that is not known of the codes given.
    """
    if text is None:
        return tuple(name for name in known if name != "wp") or known
    chosen = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    for name in chosen:
        if name not in ("z", "w", "wp"):
            raise UsageError(f"--latents {text} names {name!r}, which is none of z, w, wp.")
        if name not in known:
            raise UsageError(f"Latents {name!r} cannot be written: of these codes there are {', '.join(known)}.")
    return chosen


class _Work:
    """One chunk at a time: codes, then styles, images and scores batch by batch."""

    def __init__(
        self, source: CodeSource, predictor: Predictor | None, options: SynthesizeOptions, store: Store
    ) -> None:
        self.source, self.predictor, self.options, self.store = source, predictor, options, store
        self.generator = source.generator
        self.latents = chosen_latents(options.latents, source.spaces)
        self.style_names = style_names(self.generator) if options.generate_style else ()
        if options.images and options.skip_image:
            raise UsageError("--images and --skip-image contradict each other: leave one out.")
        every = options.images or options.image_format == "npy"
        self.imaged = 0 if options.skip_image else source.total if every else min(options.preview, source.total)
        self.as_array = options.image_format == "npy" and self.imaged > 0
        if predictor is not None and not any(score_tables(predictor).values()):
            raise UsageError(
                f"The predictor {predictor.name} scores neither attributes nor categories: choose another."
            )

    @property
    def renders(self) -> bool:
        return self.predictor is not None or self.imaged > 0

    def arrays(self) -> list[str]:
        """Names of the arrays, in the order in which they are written."""
        names = [*self.latents, *self.style_names]
        if self.as_array:
            names.append("image")
        if self.predictor is not None:
            names += [name for name, labels in score_tables(self.predictor).items() if labels]
        return names

    def bytes_each(self) -> int:
        """Bytes of a sample in the arrays; scores are few beside the rest."""
        spec = self.generator.spec
        styles = sum(layer.style_dim for layer in self.generator.layers if layer.row is not None)
        image = spec.image_channels * spec.height * spec.width if self.as_array else 0
        return self.source.bytes_of(*self.latents) + (4 * styles if self.style_names else 0) + image

    def facts(self) -> SynthesisFacts:
        given = self.source.first_space != "z" or bool(self.source.origin)
        return SynthesisFacts(
            num=self.source.total,
            seed=None if given else self.options.seed,
            truncation=show_truncation(self.source.truncation),
            predictor=None if self.predictor is None else self.predictor.name,
            styles=self.style_names,
            form="" if self.as_array else self.options.image_format,
            imaged=self.imaged,
        )

    def chunk(self, start: int, stop: int, pictures: Pictures) -> tuple[dict[str, Array], list[Future[Any]]]:
        arrays: dict[str, list[Array]] = {name: [] for name in self.arrays()}
        futures: list[Future[Any]] = []
        for first, last in parts(start, stop, self.options.batch_size):
            codes = self.source.batch(first, last)
            for name in self.latents:
                arrays[name].append(array_of(codes.space(name)))
            if self.style_names:
                styles = self.generator.styles(codes.wp)
                for name, style in zip(self.style_names, styles, strict=True):
                    arrays[name].append(array_of(style))
            shown = min(last, self.imaged) - first if not self.as_array else 0  # how many become files
            image_NCHW = None
            if self.as_array or shown > 0 or (self.predictor is not None and not knows_codes(self.predictor)):
                image_NCHW = self.generator.synthesize(codes.wp)
            for name, score in self._scored(codes, image_NCHW).items():
                arrays[name].append(score)
            if image_NCHW is not None and (self.as_array or shown > 0):
                images = to_uint8(image_NCHW)
                if self.as_array:
                    arrays["image"].append(images)
                else:
                    names = [image_name(first + i, self.options.image_format) for i in range(shown)]
                    futures += pictures.write(names, images[:shown])
        return {name: np.concatenate(found) for name, found in arrays.items()}, futures

    def _scored(self, codes: Codes, image_NCHW: Tensor | None) -> dict[str, Array]:
        """Score tables of a batch, which has images unless the predictor knows codes."""
        if self.predictor is None:
            return {}
        if knows_codes(self.predictor):
            score_NA = array_of(self.predictor.attributes_of_codes(codes.wp))
            return {"attribute": structured(score_NA, self.predictor.attribute_names)}
        assert image_NCHW is not None
        return predict(self.predictor, image_NCHW)


def image_name(index: int, form: str) -> str:
    """The file of sample `index` in the run directory."""
    return f"{IMAGES}/{index:06d}.{form}"


def array_of(tensor: Tensor) -> Array:
    """A tensor as a float32 numpy array of its own memory."""
    return np.array(tensor.detach().float().cpu().numpy())


def style_names(generator: Generator) -> tuple[str, ...]:
    """One array name per style, in the order of `generator.styles`: HiGAN's ``styleII`` for row II of wp.

    HiGAN exports one style per row. Where several layers share a row, the convolution (or the only one there) bears its
    name and the others add the layer's part, such as ``style03_torgb``.
    """
    styled = [layer for layer in generator.layers if layer.style_dim and layer.row is not None]
    owner: dict[int, Layer] = {}
    for layer in sorted(styled, key=lambda layer: (layer.is_rgb, layer.index)):
        assert layer.row is not None
        owner.setdefault(layer.row, layer)
    names = []
    for layer in styled:
        assert layer.row is not None
        name = f"style{layer.row:02d}"
        if owner[layer.row] is not layer:
            name += "_" + layer.name.rpartition("/")[2]
        names.append(name if name not in names else f"{name}_{layer.index:02d}")
    return tuple(names)


# --- predictions -----------------------------------------------------------------------------------------------------


def score_tables(predictor: Predictor) -> dict[str, tuple[str, ...]]:
    """The columns of each score table that a predictor gives: attributes, and categories where it has them."""
    return {
        "attribute": tuple(predictor.attribute_names),
        "category": tuple(getattr(predictor, "category_names", ())),
    }


def predict(predictor: Predictor, image_NCHW: Tensor) -> dict[str, Array]:
    """Score images as a predictor sees their files, in uint8: structured arrays [N] with a field per name."""
    seen = as_saved(image_NCHW)
    tables = {}
    for name, columns in score_tables(predictor).items():
        if columns:
            score = predictor.attributes(seen) if name == "attribute" else predictor.categories(seen)
            tables[name] = structured(array_of(score), columns)
    return tables


class KnowsCodes(Protocol):
    """A predictor that scores codes."""

    attribute_names: tuple[str, ...]

    def attributes_of_codes(self, wp_NLD: Tensor, /) -> Tensor: ...


def knows_codes(predictor: object) -> TypeGuard[KnowsCodes]:
    """Whether a predictor scores codes instead of images: the exact factors of a generator that knows them."""
    return hasattr(predictor, "attributes_of_codes")


def structured(score_NA: Array, names: tuple[str, ...]) -> Array:
    """Scores [N, A] as a structured array [N] with one float32 field per name."""
    table = np.empty(len(score_NA), dtype=[(name, np.float32) for name in names])
    for column, name in enumerate(names):
        table[name] = score_NA[:, column]
    return table


# --- the result ------------------------------------------------------------------------------------------------------


def conclude(
    arrays: Mapping[str, Array], facts: SynthesisFacts, options: SynthesizeOptions, store: Store
) -> SynthesizeResult:
    """The result of samples whose arrays are whole; without the generator's probe."""
    names = (image_name(index, facts.form) for index in range(min(facts.imaged, MOST_LISTED) if facts.form else 0))
    attribute, category = arrays.get("attribute"), arrays.get("category")
    return SynthesizeResult(
        num=facts.num,
        seed=facts.seed,
        seeds=None if options.seeds is None else show_seeds(parse_seeds(options.seeds)),
        truncation=facts.truncation,
        predictor=facts.predictor,
        z=arrays.get("z"),
        w=arrays.get("w"),
        wp=arrays.get("wp"),
        styles={name: arrays[name] for name in facts.styles},
        image=arrays.get("image"),
        attribute=attribute,
        category=category,
        summaries={} if attribute is None else score_summaries(attribute),
        classes={} if category is None else most_frequent(category),
        images=tuple(store.picture(name) for name in names),
        probe=None,
    )


def score_summaries(table: Array) -> dict[str, ScoreSummary]:
    """Mean, deviation, range and histogram of every field of a structured array; one without any number is left out."""
    summaries = {}
    for name in table.dtype.names or ():
        every = np.asarray(table[name], dtype=np.float64)
        score_N = every[np.isfinite(every)]
        if not len(score_N):
            continue
        low, high = float(score_N.min()), float(score_N.max())
        counts, edges = histogram(score_N, BINS)
        summaries[name] = ScoreSummary(
            missing=len(every) - len(score_N),
            mean=float(score_N.mean()),
            std=float(score_N.std()),
            min=low,
            max=high,
            counts=counts,
            edges=edges,
        )
    return summaries


def most_frequent(table: Array) -> dict[str, int]:
    """How often each field of a structured array is the largest of its sample."""
    names = table.dtype.names or ()
    counts = np.zeros(len(names), dtype=np.int64)
    for start, stop in parts(0, len(table), 4096):  # a large table is read in pieces
        part = np.stack([table[name][start:stop] for name in names], axis=1)
        counts += np.bincount(part.argmax(axis=1), minlength=len(names))
    return {name: int(count) for name, count in zip(names, counts, strict=True) if count}
