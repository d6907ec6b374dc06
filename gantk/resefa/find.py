"""Directions of regions: solve, measure on held-out codes, draw.

Legend: N samples, K directions, d free coordinates, L rows of wp, D width of a code, S x S pixels of the working size.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gantk.codes.directions import Direction
from gantk.codes.given import GivenCodes
from gantk.codes.latents import parse_truncation
from gantk.codes.source import CodeSource
from gantk.codes.spread import spread_of, unit_of
from gantk.comparators.lowrank import low_rank_directions
from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.generators.labels import class_of_fresh
from gantk.generators.probe import probe
from gantk.generators.probed import Probe
from gantk.generators.rows import LayerList
from gantk.pictures.images import to_uint8
from gantk.resefa.derivative import Output
from gantk.resefa.gram import RegionGrams
from gantk.resefa.measure import LEVELS, HeldOut, Walk, score, step_grid, walk
from gantk.resefa.options import DirectionsOptions
from gantk.resefa.pictures import enlarged, heat, outlined, rms_change
from gantk.resefa.reduce import Reduced, reduce_to
from gantk.resefa.regions import Regions
from gantk.resefa.results import (
    DrawnDirection,
    JacobianFacts,
    Reached,
    RegionDirections,
    ScoreAt,
)
from gantk.resefa.rivals import Rivals
from gantk.resefa.solve import SIGN_RULE, Solution, nearest, oriented, rates, solve
from gantk.resefa.variables import Variable, choose
from gantk.runs.stores import Store
from gantk.runs.structure import Image
from gantk.runs.walks import symmetric_steps
from gantk.store.progress import progress

SHOWN_CHANGE = 0.1  # root mean square change inside at the ends of a slider, to first order
SPREAD_CODES = 512

Array = npt.NDArray[Any]


def reduced_of(facts: JacobianFacts, generator: Generator, rows: LayerList, space: str | None) -> Reduced:
    """The variable that ``--rows`` and ``--space`` choose out of a run's.

    Raises:
        UsageError: the run has no such rows.
    """
    truncation = parse_truncation(facts.truncation, generator.spec)
    chosen = generator.parse_rows(rows)
    own = choose(generator, facts.space, facts.rows, facts.part)
    return reduce_to(generator, own, truncation, space, chosen if rows else None)


@dataclass(frozen=True)
class Finder:
    """Finds, measures and draws the directions of one region after another.

    Attributes:
        grams: summed over samples.
        reduced: the variable, and how it is part of the run's.
        regions: where they are in fresh images; needed to measure.
        seed: of the held-out codes. count, shown, against: resolved options.
        reach: the longest step, see `gantk.resefa.measure`.
    """

    generator: Generator
    facts: JacobianFacts
    grams: RegionGrams
    reduced: Reduced
    regions: Regions | None
    options: DirectionsOptions
    store: Store
    rivals: Rivals
    seed: int
    count: int
    shown: int
    against: tuple[str, ...]
    reach: float

    def region(self, name: str) -> RegionDirections:
        """The directions of a region.

        Raises:
            UsageError: one side of it has no pixels, or does not change.
        """
        options, facts, reduced = self.options, self.facts, self.reduced
        place = facts.names.index(name)
        try:
            inside, outside = (reduced.gram(part) for part in self.grams.pair(place))
            bright = reduced.vector(self.grams.brightness[place])
            solution = _solve(inside, outside, bright, options.tau, self.count, options.low_rank)
        except UsageError as error:
            raise UsageError(f"Region {name!r}: {error}") from None
        scales = scales_of(solution.change, self.reach)
        card, own_probe = self._card(place, solution, scales), probe(self.generator)
        direction = direction_of(name, solution.vectors, reduced.variable, scales, own_probe, card, self.generator)
        share: float | None = None
        scores: tuple[ScoreAt, ...] = ()
        reached: tuple[tuple[Reached, ...], ...] = ()
        overlays: tuple[Image, ...] = ()
        drawn: tuple[DrawnDirection, ...] = ()
        if options.held_out and self.regions is not None:
            held = self.held_out(place)
            methods = {"resefa": solution.vectors[: self.shown]}
            for method in self.against:
                if method != "resefa":
                    steps = self.rivals.directions(method, inside, outside, self.shown, options.tau)
                    if steps is not None:
                        methods[method] = steps
            scores, reached = _measure(held, methods, reduced.variable, inside, self.reach, self.generator)
            overlays, drawn = self._draw(held, direction, name, scales)
            share = float(held.inside_NSS.mean())
        return RegionDirections(
            name=name,
            text=facts.places[place].text,
            direction=direction,
            eigenvalues=solution.eigenvalues,
            quotients=solution.quotients,
            scales=np.array(scales),
            condition=solution.condition if math.isfinite(solution.condition) else None,
            alike=nearest(solution.vectors[: self.shown]),
            share=share,
            scores=scores,
            reached=reached,
            overlays=overlays,
            drawn=drawn,
        )

    def _card(self, place: int, solution: Solution, scales: list[float]) -> dict[str, object]:
        """What belongs on the card of a region's directions: free-form, as every direction's is."""
        facts, options = self.facts, self.options
        return {
            "region": facts.names[place],
            "region_text": facts.places[place].text,
            "tau": options.tau,
            "method": "lowrankgan" if options.low_rank else "resefa",
            "eigenvalues": plain(solution.eigenvalues),
            "quotients": plain(solution.quotients),
            "change": plain(solution.change),
            "scales": scales,
            "condition": solution.condition if math.isfinite(solution.condition) else None,
            "sign": SIGN_RULE,
            "samples": facts.samples,
            "held_out": options.held_out,
            "truncation": facts.truncation,
            "channels": facts.channels,
            "size": facts.size,
            "margin": facts.margin,
            "seed": facts.seed,
        }

    @functools.cached_property
    def listed(self) -> GivenCodes | None:
        """z of the samples that --seeds shows; None where it lists none."""
        return self.options.shown_codes(self.generator)

    def held_out(self, place: int) -> HeldOut:
        """Fresh codes, their images and where one region is in them."""
        assert self.regions is not None
        generator, listed = self.generator, self.listed
        count = max(self.options.held_out, len(listed or ()))
        truncation = parse_truncation(self.facts.truncation, generator.spec)
        with torch.inference_mode(False), torch.no_grad():
            z_ND = generator.sample_z(count, seed=self.seed)
            if listed is not None:
                z_ND[: len(listed)] = torch.from_numpy(np.asarray(listed.array)).to(z_ND)
            same = class_of_fresh(self.facts.label, generator.spec)
            label = CodeSource(generator, count, self.seed, label=same).labels(0, count)
            wp_NLD = generator.expand(generator.map(z_ND, label), truncation).contiguous()
            batches = wp_NLD.split(self.options.batch_size)
            parts = [generator.synthesize(wp, noise=self.facts.noise).cpu() for wp in batches]
        inside, ring = self.regions.sides(self.regions.masks(generator, wp_NLD))
        mask, around = inside[:, place], ring[:, place]
        if not mask.any():
            name = self.regions.names[place]
            raise UsageError(f"Region {name!r} is empty in all held-out samples: give --held-out more.")
        return HeldOut(
            generator, truncation, z_ND, wp_NLD, torch.cat(parts), mask, ~mask & ~around, Output(self.facts.size),
            label, self.facts.noise, self.options.batch_size,
        )  # fmt: skip

    def _draw(
        self, held: HeldOut, direction: Direction, name: str, scales: list[float]
    ) -> tuple[tuple[Image, ...], tuple[DrawnDirection, ...]]:
        """Regions of a few samples, strips along the first directions, and where they change at the ends."""
        store, listed = self.store, self.listed
        samples = min(self.options.samples if listed is None else len(listed), len(held.wp_NLD))
        base = held.image_NCHW[:samples]
        folder = f"{name}_steps"
        samples_seen = enumerate(zip(to_uint8(base), held.inside_NSS[:samples], strict=True))
        overlays = store.keep_pictures(
            {f"{folder}/region_{sample}.png": outlined(picture, mask) for sample, (picture, mask) in samples_seen}
        )
        numbers = range(min(self.shown, len(direction)))
        return overlays, tuple(self._strips(held, direction, n, scales[n], base, folder) for n in numbers)

    def _strips(
        self, held: HeldOut, direction: Direction, number: int, scale: float, base: torch.Tensor, folder: str
    ) -> DrawnDirection:
        distances = symmetric_steps(scale, self.options.step)
        named = None if self.listed is None else self.listed.names
        titles = named or [f"sample {sample}" for sample in range(len(base))]
        stems = [f"{folder}/{number:02d}_{sample}" for sample in range(len(base))]
        names = [[f"{stem}_{step:02d}.png" for step in range(len(distances))] for stem in stems]
        changes = []
        for step, distance in enumerate(distances):
            images = base if distance == 0 else held.edited(direction, number, distance, slice(0, len(base)))
            self.store.write_pictures(dict(zip((line[step] for line in names), to_uint8(images), strict=True)))
            if step in (0, len(distances) - 1):
                changes.append(rms_change(images, base))
        change_NHW = np.maximum(*changes) if len(changes) == 2 else changes[0]
        limit = float(np.quantile(change_NHW, 0.995))
        changed = zip(stems, change_NHW, strict=True)
        heats = self.store.keep_pictures(
            {f"{stem}_heat.png": enlarged(heat(change_HW, limit)) for stem, change_HW in changed}
        )
        strips = tuple(self.store.strip(title, distances, line) for title, line in zip(titles, names, strict=True))
        spec = held.generator.spec
        compensated = spec.wp_dim == spec.w_dim
        spread = spread_of(held.generator, direction, number, held.truncation, direction.layers, compensated)
        unit = unit_of(direction, compensated)
        return DrawnDirection(number=number, strips=strips, heat=heats, limit=limit, unit=unit, spread=spread)


def scales_of(change: Array, reach: float) -> list[float]:
    """Distances at which the inside changes by `SHOWN_CHANGE` to first order, none beyond the codes' reach.

    Args:
        change: root mean square change inside of a step of length one, of each direction.
    """
    return [min(step_grid(rate, reach, (SHOWN_CHANGE,))[3], reach) for rate in change]


def _solve(inside: Array, outside: Array, bright: Array, tau: float, count: int, low_rank: bool) -> Solution:
    solution = solve(inside, outside, tau, count, bright)
    if not low_rank:
        return solution
    found = low_rank_directions(inside, outside, count=count)
    vectors = oriented(found.vectors, bright)
    above, below = rates(vectors, inside), rates(vectors, outside)
    ridge = below + tau * float(np.trace(outside))
    return Solution(vectors, above / ridge, above / np.maximum(below, 1e-300), np.sqrt(above), solution.condition)


def direction_of(
    name: str,
    vectors_Kd: Array,
    variable: Variable,
    scales: list[float],
    own_probe: Probe | None,
    about: Mapping[str, object],
    generator: Generator,
) -> Direction:
    """Steps [K, d] as a direction of the variable's space and rows."""
    full = variable.embed(torch.from_numpy(np.ascontiguousarray(vectors_Kd))).numpy().astype(np.float32)
    every = variable.layers == tuple(range(generator.spec.num_layers))
    layers = None if every or variable.space == "z" else variable.layers
    scale = float(np.median(scales[:8])) if scales else 3.0
    return Direction(name, "direction", variable.space, full, None, layers, scale, own_probe, about)


def spread(generator: Generator, variable: Variable, seed: int) -> float:
    """Root mean square distance of codes from their mean, in the free coordinates of the variable."""
    with torch.no_grad():
        z_ND = generator.sample_z(SPREAD_CODES, seed=seed)
        label = generator.sample_label(SPREAD_CODES, seed=seed)
        if variable.space == "z":
            code = z_ND
        else:
            w_ND = generator.map(z_ND, label)
            code = generator.expand(w_ND) if variable.space == "wp" else w_ND
        free_Nd = variable.restrict(code)
        return float((free_Nd - free_Nd.mean(0)).square().sum(1).mean().sqrt())


def _measure(
    held: HeldOut, methods: dict[str, Array], variable: Variable, inside: Array, reach: float, generator: Generator
) -> tuple[tuple[ScoreAt, ...], tuple[tuple[Reached, ...], ...]]:
    """Walk every method's directions and score them at the same change inside."""
    scores: list[ScoreAt] = []
    own: list[Walk] = []
    total = sum(len(steps) for steps in methods.values())
    with progress(total, "measure", unit="direction") as bar:
        for method, steps_Kd in methods.items():
            walks = []
            direction = direction_of(method, steps_Kd, variable, [], None, {}, generator)
            for number, rate in enumerate(np.sqrt(rates(steps_Kd, inside))):
                walks.append(walk(held, direction, number, step_grid(float(rate), reach)))
                bar.update(1)
            scores += score(method, walks)
            own = walks if method == "resefa" else own
    return tuple(scores), tuple(tuple(walked.at(level) for level in LEVELS) for walked in own)


def plain(values: Array) -> list[float | None]:
    """Numbers for a card; None where there is none."""
    return [float(value) if math.isfinite(value) else None for value in values]
