"""Rescoring (HiGAN, section 3.2): does a boundary move its attribute, in which layers, and what else does it move?

For a boundary b and its attribute F, codes are moved by a fixed distance and rendered again:

    gain = mean over samples of max(F(G(x + d s b)) - F(G(x)), 0)

on all rows of wp, and for w- and wp-boundaries on each row alone. The images of the codes as drawn are rendered once
for all boundaries, an edit of row l starts from the state before the first layer that row feeds, and every attribute is
read from every image, so that the effect of each boundary on all attributes costs nothing more.

Legend: N samples, B boundaries, T distances, R random directions, S spaces, L rows of wp, A attributes;
P = 1 + L places of an edit: all rows, then each row alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from gantk.codes.directions import Direction
from gantk.codes.entries import Entry, entries_of
from gantk.codes.source import Codes, CodeSource
from gantk.codes.spread import spread_of
from gantk.errors import GantkError, UsageError, suggestion
from gantk.generators.base import Generator, State
from gantk.higan.gains import (
    BASE,
    EFFECT,
    MOST_WALKED,
    NULL,
    SHOWN,
    RescoreFacts,
    Subject,
    conclude,
    shown_name,
    shown_steps,
)
from gantk.higan.options import RescoreOptions
from gantk.higan.rescored import RescoreResult
from gantk.higan.restart import first_layer
from gantk.higan.synthesis import array_of, chunk_size, knows_codes, structured
from gantk.pictures.images import as_saved, to_uint8
from gantk.predictors.base import Predictor
from gantk.predictors.defaults import predictor_for
from gantk.runs.stores import Pictures, Store, remaining
from gantk.runs.task import verb
from gantk.store.chunks import CONCATENATE, SUM, parts
from gantk.store.progress import Bar, progress
from gantk.store.seeding import random_normal

Array = npt.NDArray[Any]

RENDERS_PER_CHUNK = 2048
SIDE = 256  # pixels: of the pictures on the page


def attribute_index(name: str, attributes: Sequence[str], mapping: dict[str, str]) -> int:
    """The predictor's column for a boundary: of its own name, or what `mapping` (``--score NAME=ATTRIBUTE``) says.

    Raises:
        UsageError: the predictor has no such attribute; near matches are offered.
    """
    wanted = mapping.get(name, name)
    if wanted in attributes:
        return list(attributes).index(wanted)
    hint = suggestion(wanted, attributes)
    if name in mapping:
        raise UsageError(f"--score {name}={wanted} names an attribute the predictor does not have.{hint}")
    raise UsageError(
        f"The boundary {name!r} bears no name of an attribute of the predictor: "
        f"say which one it is about with --score {name}=ATTRIBUTE.{hint}"
    )


@verb(RescoreOptions)
def rescore(
    generator: Generator,
    directions: object,
    predictor: Predictor | None = None,
    codes: object = None,
    *,
    options: RescoreOptions,
    store: Store,
) -> RescoreResult:
    """Measure how much each boundary raises its attribute, in which rows, and what else it moves (HiGAN, section 3.2).

    Args:
        generator: any family.
        directions: of z, w or wp: a `Direction`, a result that carries one, or several of these.
        predictor: scores the images; None is the generator's own, where it has one.
        codes: to move instead of drawn ones; see `gantk.codes.given.given_codes`.
        options: `RescoreOptions`, or its fields as keywords.

    Returns:
        The gain of each boundary, HiGAN's mean over samples of the rise of its attribute with falls counted as zero,
        and the mean change of every attribute in standard deviations. The run keeps `<prefix>_scores.npy` [N, 1 + P],
        `rescore_attribute.npy` [N], `rescore_effect.npy` [T, 3, B, P, A] (sums over samples of the change, of its
        square and of its positive part) and `rescore_null.npy` [2, S, R, A] (sums of the change and of its positive
        part along random directions).

    Raises:
        UsageError: the first distance is 0, a boundary bears no attribute's name and `score` does not say which it is
            about, or it is one of styles.
    """
    if options.distance[:1] == (0,):
        raise UsageError("--distance 0 changes nothing that could be scored: give another one first.")
    entries = entries_of(directions, generator)
    predictor = predictor_for(generator) if predictor is None else predictor
    names = tuple(predictor.attribute_names)
    if not names:
        raise UsageError(f"The predictor {predictor.name} has no attributes to rescore: choose another --predictor.")
    mapping = read_mapping(options.score)
    columns = [attribute_index(entry.name, names, mapping) for entry in entries]
    unused = mapping.keys() - {entry.name for entry in entries}
    if unused:
        raise UsageError(
            f"--score {min(unused)}=... names no boundary: there are {', '.join(e.name for e in entries)}."
        )
    for entry in entries:
        if entry.space == "s":
            raise UsageError(f"{entry.title!r} is a direction of styles: rescoring knows z, w and wp.")
    source = options.source(generator, codes)
    work = _Rescoring(source, entries, columns, predictor, options)
    joins = {f"{entry.prefix}_scores": CONCATENATE for entry in entries} | {BASE: CONCATENATE, EFFECT: SUM}
    if options.random:
        joins[NULL] = SUM
    renders = work.renders()
    target = options.chunk or max(1, RENDERS_PER_CHUNK // renders)
    chunks = store.chunks(joins, source.total, chunk_size(options.batch_size, target), each=4 * len(entries))
    todo, samples = remaining(chunks)
    with (
        torch.inference_mode(),
        store.timed("rescoring"),
        store.pictures() as pictures,
        progress(samples * renders, "rescore", unit="img") as bar,
    ):
        for index, start, stop in todo:
            if index == 0:  # by the shard that has the first samples, so that joined shards show what one run does
                work.show(pictures)
            batches = [work.batch(first, last, bar) for first, last in parts(start, stop, options.batch_size)]
            chunks.write(index, {name: _joined([b[name] for b in batches], join) for name, join in joins.items()})
    facts = RescoreFacts(
        predictor=predictor.name,
        layer_names=row_names(generator),
        spaces=work.spaces,
        subjects=tuple(
            Subject(
                name=entry.title,
                direction=entry.alone(),
                attribute=names[column],
                prefix=entry.prefix,
                spread=spread_of(generator, entry.direction, entry.number, source.truncation),
            )
            for entry, column in zip(entries, columns, strict=True)
        ),
    )
    return conclude(store.assemble(chunks, facts), facts, options, store)


def read_mapping(texts: Sequence[str]) -> dict[str, str]:
    """Boundary -> attribute, from texts such as view=mountain.

    Raises:
        UsageError: a text has no two sides.
    """
    pairs = {}
    for text in texts:
        name, equals, attribute = text.partition("=")
        if not equals or not name or not attribute:
            raise UsageError(f"--score {text!r} is not understood: write NAME=ATTRIBUTE, such as view=mountain.")
        pairs[name] = attribute
    return pairs


def _joined(arrays: Sequence[Array], join: str) -> Array:
    return np.asarray(np.sum(arrays, axis=0)) if join == SUM else np.concatenate(arrays)


class _Rescoring:
    """One batch at a time: the images as drawn, every boundary on all rows, then row by row."""

    def __init__(
        self,
        source: CodeSource,
        entries: Sequence[Entry],
        columns: Sequence[int],
        predictor: Predictor,
        options: RescoreOptions,
    ) -> None:
        self.source, self.entries, self.columns, self.options = source, entries, columns, options
        self.predictor = predictor
        self.generator = source.generator
        self.rows = tuple(range(self.generator.spec.num_layers))
        self.spaces = tuple(dict.fromkeys(entry.space for entry in entries))
        self.null = {space: random_directions(source, space, options.random, options.seed) for space in self.spaces}

    def batch(self, first: int, last: int, bar: Bar) -> dict[str, Array]:
        codes, options = self.source.batch(first, last), self.options
        base_NA = self._score(codes.wp, None, bar)
        attributes = len(self.predictor.attribute_names)
        places = 1 + len(self.rows) * options.layerwise
        effect = np.zeros((len(options.distance), 3, len(self.entries), places, attributes))
        own = [np.full((last - first, 1 + self._places(entry)), np.nan, np.float32) for entry in self.entries]
        for table, column in zip(own, self.columns, strict=True):
            table[:, 0] = base_NA[:, column]
        for place, start in self._starts(codes.wp):
            for e, entry in enumerate(self.entries):
                if place > 0 and entry.space == "z":
                    continue
                for t, distance in enumerate(options.distance):
                    wp_NLD = self._edit(codes, first, entry.direction, entry.number, distance, place)
                    score_NA = self._score(wp_NLD, start, bar)
                    effect[t, :, e, place] = moments(score_NA - base_NA)
                    if t == 0:
                        own[e][:, 1 + place] = score_NA[:, self.columns[e]]
        tables = {f"{entry.prefix}_scores": table for entry, table in zip(self.entries, own, strict=True)}
        arrays = {**tables, BASE: structured(base_NA, self.predictor.attribute_names), EFFECT: effect}
        if options.random:
            arrays[NULL] = self._random(codes, first, base_NA, bar)
        return arrays

    def show(self, pictures: Pictures) -> None:
        """Render the first samples as drawn, half way and at the distance of the scores along the first boundaries."""
        written: list[Future[Any]] = []
        for sample in range(min(SHOWN, self.source.total)):
            codes = self.source.batch(sample, sample + 1)
            drawn = self._seen(codes.wp)
            for entry in self.entries[:MOST_WALKED]:
                for step, distance in enumerate(shown_steps(self.options.distance[0])):
                    image_NHWC = drawn
                    if distance:
                        image_NHWC = self._seen(
                            self._edit(codes, sample, entry.direction, entry.number, distance, place=0)
                        )
                    written += pictures.write([shown_name(entry.prefix, sample, step)], image_NHWC)
        for future in written:  # a full disk shows here
            future.result()

    def _seen(self, wp_NLD: Tensor) -> Array:
        """Images [N, H, W, C] as a page shows them: no side longer than `SIDE` pixels."""
        image_NCHW = self.generator.synthesize(wp_NLD)
        factor = -(-max(image_NCHW.shape[2:]) // SIDE)
        return to_uint8(avg_pool2d(image_NCHW, factor) if factor > 1 else image_NCHW)

    def renders(self) -> int:
        """Images per sample."""
        places = sum(self._places(entry) for entry in self.entries)
        return 1 + len(self.options.distance) * places + self.options.random * len(self.spaces)

    def _places(self, entry: Entry) -> int:
        return 1 + len(self.rows) * (self.options.layerwise and entry.space != "z")

    def _starts(self, wp_NLD: Tensor) -> Iterator[tuple[int, State | None]]:
        """Each place of an edit with the state to continue from: 0 is all rows, 1 + l is row l."""
        yield 0, None
        if not self.options.layerwise or all(space == "z" for space in self.spaces):
            return
        if knows_codes(self.predictor):  # nothing is rendered
            yield from ((1 + row, None) for row in self.rows)
            return
        state: State | None = None
        for row in self.rows:
            layer = first_layer(self.generator, [row])
            if not layer:
                yield 1 + row, None
                continue
            if state is not None and state.index > layer:
                state = None
            state = self.generator.cache(wp_NLD, before=layer, start=state)
            yield 1 + row, state

    def _edit(self, codes: Codes, first: int, direction: Direction, pick: int, distance: float, place: int) -> Tensor:
        """wp after moving along a direction: z before mapping, w inside truncated wp with compensation, wp as it is."""
        if direction.space == "z":
            return self.source.from_z(direction.apply(codes.space("z"), distance, pick=pick), first)
        layers = self.rows if place == 0 else (place - 1,)
        truncation = self.source.truncation if direction.space == "w" else None
        moved: Tensor = direction.apply(codes.wp, distance, layers=layers, truncation=truncation, pick=pick)
        return moved

    def _random(self, codes: Codes, first: int, base_NA: Array, bar: Bar) -> Array:
        sums = np.zeros((2, len(self.spaces), self.options.random, base_NA.shape[1]))
        for s, space in enumerate(self.spaces):
            for r in range(self.options.random):
                wp_NLD = self._edit(codes, first, self.null[space], r, self.options.distance[0], 0)
                change, _, rise = moments(self._score(wp_NLD, None, bar) - base_NA)
                sums[:, s, r] = change, rise
        return sums

    def _score(self, wp_NLD: Tensor, start: State | None, bar: Bar) -> Array:
        if knows_codes(self.predictor):
            score_NA = array_of(self.predictor.attributes_of_codes(wp_NLD))
        else:
            image_NCHW = self.generator.synthesize(wp_NLD, start=start)
            score_NA = array_of(self.predictor.attributes(as_saved(image_NCHW)))
        absent = int((~np.isfinite(score_NA)).any(axis=1).sum())
        if absent:
            raise GantkError(
                f"The predictor {self.predictor.name} gave no number for {absent} of {len(score_NA)} images, and a "
                "gain needs one before and after each edit: choose another --predictor, or one that always answers."
            )
        bar.update(len(score_NA))
        return score_NA


def moments(change_NA: Array) -> Array:
    """Sums over samples [3, A] in float64: of the change, of its square, of its positive part (HiGAN's score)."""
    change = change_NA.astype(np.float64)
    return np.stack([change.sum(axis=0), (change**2).sum(axis=0), np.maximum(change, 0).sum(axis=0)])


def random_directions(source: CodeSource, space: str, count: int, seed: int) -> Direction:
    """Seeded random unit directions of a space; for wp each row has unit length, as a boundary's has."""
    shape = source.generator.spec.code_shape(space)
    drawn = random_normal(max(count, 1), int(np.prod(shape)), seed=seed, stream=f"random directions of {space}")
    vectors = drawn.reshape(-1, *shape)
    return Direction("random", "direction", space, vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def row_names(generator: Generator) -> tuple[str, ...]:
    """The layer that each row of wp feeds, such as "32x32/conv0": not ToRGB where there is another; else "unused"."""
    names = []
    for row in range(generator.spec.num_layers):
        fed = [layer for layer in generator.layers if layer.row == row]
        fed.sort(key=lambda layer: (layer.is_rgb, layer.index))
        names.append(fed[0].name if fed else "unused")
    return tuple(names)
