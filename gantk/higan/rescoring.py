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
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.codes.directions import Direction
from gantk.codes.entries import Entry
from gantk.codes.latents import random_normal
from gantk.codes.source import Codes, CodeSource
from gantk.errors import UsageError, suggestion
from gantk.generators.base import Generator, State
from gantk.higan.gains import (
    Boundary,
    as_csv,
    boundary_result,
    cross_effect,
    deviations,
    findings,
    for_page,
    standardize,
)
from gantk.higan.restart import first_layer
from gantk.higan.synthesis import array_of, knows_codes, structured
from gantk.pictures.images import as_saved
from gantk.runs.run import SUM, Ledger, Run, progress
from gantk.store.files import load_npy, write_atomic

Array = npt.NDArray[Any]

EFFECT, NULL, BASE = "rescore_effect", "rescore_null", "rescore_attribute"
RENDERS_PER_CHUNK = 2048


@dataclass(frozen=True)
class RescorePlan:
    """How to rescore.

    Attributes:
        distances: to move by; the first (HiGAN: 2) is the one scores and gains are about.
        layerwise: also each row of wp alone.
        random: random unit directions per space, whose gains say what noise gives.
        batch_size: images rendered at once.
        chunk: samples per chunk, a multiple of the batch size.
        seed: of the random directions.
    """

    distances: tuple[float, ...] = (2.0,)
    layerwise: bool = False
    random: int = 8
    batch_size: int = 16
    chunk: int = 16
    seed: int = 0

    def renders(self, entries: Sequence[Entry], num_layers: int) -> int:
        """Images per sample."""
        places = sum(1 + num_layers * self._by_layer(entry) for entry in entries)
        return 1 + len(self.distances) * places + self.random * len({entry.space for entry in entries})

    def _by_layer(self, entry: Entry) -> bool:
        return self.layerwise and entry.space != "z"


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


def rescore(
    run: Run, source: CodeSource, entries: Sequence[Entry], columns: Sequence[int], predictor: Any, plan: RescorePlan
) -> None:
    """Render and score every edit, chunk by chunk; continue where an earlier run stopped.

    Leaves in the run directory, once whole:
    - `<prefix>_scores.npy` [N, 2] or [N, 2 + L] of each boundary's own attribute, as HiGAN writes them: as drawn, all
      rows moved, each row moved;
    - `rescore_attribute.npy`, the scores of the codes as drawn;
    - `rescore_effect.npy` [T, 3, B, P, A], sums over samples of the change, of its square and of its positive part;
    - `rescore_null.npy` [2, S, R, A], sums of the change and of its positive part along random directions.

    Args:
        columns: the predictor's column of each entry's attribute.
    """
    for entry in entries:
        if entry.space == "s":
            raise UsageError(f"{entry.title!r} is a direction of styles: rescoring knows z, w and wp.")
    work = _Rescoring(source, entries, columns, predictor, plan)
    joins = {f"{entry.prefix}_scores": "concatenate" for entry in entries}
    joins |= {BASE: "concatenate", EFFECT: SUM}
    if plan.random:
        joins[NULL] = SUM
    ledger = run.ledger(joins, source.total, plan.chunk)
    missing = ledger.missing()
    samples = sum(stop - start for start, stop in map(ledger.grid.bounds, missing))
    renders = plan.renders(entries, source.generator.spec.num_layers)
    with torch.inference_mode(), run.timed("rescoring"), progress(samples * renders, "rescore", unit="img") as bar:
        for index in missing:
            _chunk(ledger, index, work, bar)
    run.assemble(ledger)


def _chunk(ledger: Ledger, index: int, work: _Rescoring, bar: Any) -> None:
    start, stop = ledger.grid.bounds(index)
    parts: list[dict[str, Array]] = []
    for first in range(start, stop, work.plan.batch_size):
        last = min(first + work.plan.batch_size, stop)
        parts.append(work.batch(first, last, bar))
    arrays = {}
    for name, join in ledger.joins.items():
        found = [part[name] for part in parts]
        arrays[name] = np.sum(found, axis=0) if join == SUM else np.concatenate(found)
    ledger.write(index, arrays)


class _Rescoring:
    """One batch at a time: the images as drawn, every boundary on all rows, then row by row."""

    def __init__(
        self, source: CodeSource, entries: Sequence[Entry], columns: Sequence[int], predictor: Any, plan: RescorePlan
    ) -> None:
        self.source, self.entries, self.columns, self.predictor, self.plan = source, entries, columns, predictor, plan
        self.generator = source.generator
        self.rows = tuple(range(self.generator.spec.num_layers))
        self.spaces = tuple(dict.fromkeys(entry.space for entry in entries))
        self.null = {space: random_directions(source, space, plan.random, plan.seed) for space in self.spaces}

    def batch(self, first: int, last: int, bar: Any) -> dict[str, Array]:
        codes, plan = self.source.batch(first, last), self.plan
        base_NA = self._score(codes.wp, None, bar)
        attributes = len(self.predictor.attribute_names)
        places = 1 + len(self.rows) * plan.layerwise
        effect = np.zeros((len(plan.distances), 3, len(self.entries), places, attributes))
        own = [np.full((last - first, 1 + self._places(entry)), np.nan, np.float32) for entry in self.entries]
        for table, column in zip(own, self.columns, strict=True):
            table[:, 0] = base_NA[:, column]
        for place, start in self._starts(codes.wp):
            for e, entry in enumerate(self.entries):
                if place > 0 and entry.space == "z":
                    continue
                for t, distance in enumerate(plan.distances):
                    wp_NLD = self._edit(codes, first, entry.direction, entry.number, distance, place)
                    score_NA = self._score(wp_NLD, start, bar)
                    effect[t, :, e, place] = moments(score_NA - base_NA)
                    if t == 0:
                        own[e][:, 1 + place] = score_NA[:, self.columns[e]]
        tables = {f"{entry.prefix}_scores": table for entry, table in zip(self.entries, own, strict=True)}
        arrays = {**tables, BASE: structured(base_NA, self.predictor.attribute_names), EFFECT: effect}
        if plan.random:
            arrays[NULL] = self._random(codes, first, base_NA, bar)
        return arrays

    def _places(self, entry: Entry) -> int:
        return 1 + len(self.rows) * (self.plan.layerwise and entry.space != "z")

    def _starts(self, wp_NLD: Tensor) -> Iterator[tuple[int, State | None]]:
        """Each place of an edit with the state to continue from: 0 is all rows, 1 + l is row l."""
        yield 0, None
        if not self.plan.layerwise or all(space == "z" for space in self.spaces):
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

    def _edit(self, codes: Codes, first: int, direction: Direction, row: int, distance: float, place: int) -> Tensor:
        """wp after moving along a direction: z before mapping, w inside truncated wp with compensation, wp as it is."""
        if direction.space == "z":
            return self.source.from_z(direction.apply(codes.space("z"), distance, row=row), first)
        layers = self.rows if place == 0 else (place - 1,)
        truncation = self.source.truncation if direction.space == "w" else None
        moved: Tensor = direction.apply(codes.wp, distance, layers=layers, truncation=truncation, row=row)
        return moved

    def _random(self, codes: Codes, first: int, base_NA: Array, bar: Any) -> Array:
        sums = np.zeros((2, len(self.spaces), self.plan.random, base_NA.shape[1]))
        for s, space in enumerate(self.spaces):
            for r in range(self.plan.random):
                wp_NLD = self._edit(codes, first, self.null[space], r, self.plan.distances[0], 0)
                change, _, rise = moments(self._score(wp_NLD, None, bar) - base_NA)
                sums[:, s, r] = change, rise
        return sums

    def _score(self, wp_NLD: Tensor, start: State | None, bar: Any) -> Array:
        if knows_codes(self.predictor):
            score_NA = array_of(self.predictor.attributes_of_codes(wp_NLD))
        else:
            image_NCHW = self.generator.synthesize(wp_NLD, start=start)
            score_NA = array_of(self.predictor.attributes(as_saved(image_NCHW)))
        bar.update(len(score_NA))
        return score_NA


def moments(change_NA: Array) -> Array:
    """Sums over samples [3, A] in float64: of the change, of its square, of its positive part (HiGAN's score)."""
    change = change_NA.astype(np.float64)
    return np.stack([change.sum(axis=0), (change**2).sum(axis=0), np.maximum(change, 0).sum(axis=0)])


def random_directions(source: CodeSource, space: str, count: int, seed: int) -> Direction:
    """Seeded random unit directions of a space; for wp each row has unit length, as a boundary's has."""
    spec = source.generator.spec
    shape = {"z": (spec.z_dim,), "w": (spec.w_dim,), "wp": (spec.num_layers, spec.wp_dim)}[space]
    drawn = random_normal(max(count, 1), int(np.prod(shape)), seed=seed, stream=f"random directions of {space}")
    vectors = drawn.reshape(-1, *shape)
    return Direction("random", "direction", space, vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


# --- results for the page --------------------------------------------------------------------------------------------


def summarize(run: Run, num_rows: int) -> list[Boundary]:
    """Record what the page shows and write `rescore.csv`, from the arrays of a run that is whole.

    Args:
        num_rows: L.

    Returns:
        One result per boundary, in the order given.
    """
    results = run.results
    attributes, layer_names = results["attributes"], results["layer_names"]
    distances = [float(distance) for distance in run.manifest["arguments"]["distances"]]
    base = load_npy(run.path(f"{BASE}.npy"), mmap=True)
    effect = load_npy(run.path(f"{EFFECT}.npy"))
    null_file = run.path(f"{NULL}.npy")
    null = load_npy(null_file) / len(base) if null_file.exists() else None
    std_A = deviations(base)
    boundaries = []
    for e, entry in enumerate(results["entries"]):
        column = entry["column"]
        null_R = np.empty(0) if null is None else null[1, results["spaces"].index(entry["space"]), :, column]
        responses = {distance: effect[t, 0, e, 0, column] / len(base) for t, distance in enumerate(distances)}
        scores = load_npy(run.path(f"{entry['prefix']}_scores.npy"))
        boundaries.append(
            boundary_result(entry["name"], entry["space"], column, scores, float(std_A[column]), null_R, responses)
        )
    change_BA = standardize(effect[0, 0, :, 0] / len(base), std_A)
    names = [boundary.name for boundary in boundaries]
    run.record("num", len(base))
    run.record("distance", distances[0])
    run.record("boundaries", [for_page(boundary, layer_names[:num_rows]) for boundary in boundaries])
    own = [boundary.attribute for boundary in boundaries]
    run.record("cross_effect", cross_effect(change_BA, names, attributes, own))
    run.record("findings", findings(boundaries, attributes))
    write_atomic(run.path("rescore.csv"), as_csv(boundaries, attributes))
    run.output("rescore.csv", "the ranking as a table")
    return boundaries


def row_names(generator: Generator) -> list[str]:
    """The layer that each row of wp feeds, such as "32x32/conv0": not ToRGB where there is another; else "unused"."""
    names = []
    for row in range(generator.spec.num_layers):
        fed = [layer for layer in generator.layers if layer.row == row]
        fed.sort(key=lambda layer: (layer.is_rgb, layer.index))
        names.append(fed[0].name if fed else "unused")
    return names
