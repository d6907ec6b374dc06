"""One yardstick for every move: where, what, rows, how far, how steady, at a strength matched by effect.

Everything is measured on the same samples. The strength t of a move is where their median perceptual change
is `level` times the median distance between two of them; looks are taken at t, -t, 2 t and -2 t.

Effect vectors. Feature maps are unit vectors at each place; averaged to a few places and divided by the root of their
number, squared differences are a perceptual distance of a coarse look. In units of the median distance between two
samples, the changes of all maps stand side by side, then those of the attributes in standard deviations over sqrt(2 A),
so that two samples are one apart in either part. Memory does not grow with the number of moves, but for these vectors.

Legend: N samples, A attributes, R regions, L rows of wp, P numbers of an effect vector, F features, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from gantk.atlas.figures import far_of, floor_of, mean_cosine, steadiness_of, what_of, where_of
from gantk.atlas.judges import Judge
from gantk.atlas.matching import Match, match_strength
from gantk.atlas.moves import Move, Samples
from gantk.atlas.results import Effect, HowFar, Measured, Rows, Where
from gantk.errors import GantkError
from gantk.generators.base import Generator, WpOrStyles
from gantk.predictors.departure import KEPT as STILL_NEAR
from gantk.predictors.departure import Neighbourhood
from gantk.predictors.distance import distance_of_maps
from gantk.predictors.reading import coloured
from gantk.predictors.resampling import resize

KEPT = 0.9  # of the main effect: what the least set of rows must keep
FACTORS = (1.0, -1.0, 2.0, -2.0)  # of the strength

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Settings:
    """How much is measured.

    Attributes:
        level: of the perceptual change, over the distance between two samples.
        search: samples in the search for the strength.
        rows: samples that single rows are tried on; 0 leaves rows out.
        others: samples that moved ones are near to or not; 0 leaves the range out.
        farther: further multiples of t that are tried while moved samples are near.
        heat: largest side of a heat map.
        pool: side of the pooled feature maps.
    """

    level: float = 0.1
    search: int = 16
    rows: int = 8
    others: int = 256
    farther: tuple[float, ...] = (4.0, 8.0)
    heat: int = 64
    pool: int = 8


@dataclass(eq=False)
class _Look:
    """All samples at one strength."""

    pooled_NP: Array
    score_NA: Array
    feature_NF: Array | None


class Yardstick:
    """Samples and who looks at them, ready to measure any number of moves.

    Args:
        samples: that nothing was found on; two or more.
        judge: see there.
        settings: see there.
        others: further samples that moved ones are near to or not; None draws none and measures no range.

    Raises:
        GantkError: the judge sees no difference between the samples.
    """

    def __init__(
        self, samples: Samples, judge: Judge, settings: Settings | None = None, others: Samples | None = None
    ) -> None:
        if len(samples) < 2:
            raise GantkError(f"{len(samples)} sample shows no difference between samples: give at least 2.")
        self.samples, self.judge, self.settings = samples, judge, settings or Settings()
        self.passes = 0
        self.floor_A = np.full(len(judge.attribute_names), np.nan)
        self._search = samples.part(0, min(len(samples), self.settings.search))
        with torch.inference_mode():
            self._base = self._look_at_base()
            self._level, self.between = self._distance_between()
        score_NA = self._base.score_NA
        self.deviation_A = np.maximum(score_NA.std(0), 1e-9)
        pooled = self._base.pooled_NP
        shifts = range(1, min(len(pooled), 9))
        apart = np.median([np.square(pooled - np.roll(pooled, shift, 0)).sum(1) for shift in shifts])
        self._feature_scale = 1 / max(float(np.sqrt(apart)), 1e-12)
        self._around = self._neighbourhood(others)

    # --- one move ------------------------------------------------------------------------------------------------

    def measure(self, move: Move) -> Measured:
        """Measure a move."""
        before = self.passes
        with torch.inference_mode():
            match = self._match(move)
            where, looks = self._looks(move, match.strength)
            what = what_of([looks[1.0].score_NA, looks[-1.0].score_NA], self.deviation_A, self.floor_A)
            twice = (looks[2.0].score_NA - looks[-2.0].score_NA).mean(0) / 2 / self.deviation_A
            delta = {factor: look.pooled_NP - self._base.pooled_NP for factor, look in looks.items()}
            steadiness = steadiness_of(delta[1.0], delta[-1.0], delta[2.0], delta[-2.0])
            effect = Effect(*(self._effect(delta[sign], looks[sign].score_NA) for sign in (1.0, -1.0)))
            rows = self._rows(move, match.strength, what.attribute) if self.settings.rows and move.rows else None
            far = self._far(move, match.strength, looks) if self._around is not None else None
        return Measured(
            move.name, move.system, match.strength, match.change / self.between, match.matched, where, what, twice,
            steadiness, effect, rows, far, self.passes - before,
        )  # fmt: skip

    def calibrate(self, moves: Iterable[Move]) -> list[Measured]:
        """Measure random moves, and let what they change be the floor under which changes are grey from now on."""
        measured = [self.measure(move) for move in moves]
        self.floor_A = floor_of([part.what.change_A for part in measured])
        return measured

    def change(self, move: Move) -> tuple[Array, float]:
        """Change of every attribute [A], in deviations, and the `across` of its steadiness, as `measure` finds them."""
        with torch.inference_mode():
            strength = self._match(move).strength
            both, looks = [], []
            for sign in (1, -1):
                parts, pooled = [], []
                for _, part in _parts(self.samples):
                    strength_N = torch.full((len(part),), sign * strength).to(part.wp_NLD)
                    codes = move.codes(part, strength_N) if self._needs_codes else None
                    maps, score = self.judge.look(move.images(part, strength_N), codes)
                    parts.append(_numpy(score))
                    pooled.append(self._pooled(maps))
                both.append(np.concatenate(parts))
                looks.append(np.concatenate(pooled))
            self.passes += 2 * len(self.samples)
        return what_of(both, self.deviation_A, self.floor_A).change_A, mean_cosine(looks[0] - looks[1])

    def _match(self, move: Move) -> Match:
        samples = self._search
        sign_N = _alternating(len(samples), samples.wp_NLD)

        def change(strength: float) -> float:
            found = []
            for start, part in _parts(samples):
                image = move.images(part, strength * sign_N[start : start + len(part)])
                maps = self.judge.look(image)[0]
                found.append(distance_of_maps(maps, self._maps_of(start, len(part))))
            self.passes += len(samples)
            return float(torch.cat(found).median())

        return match_strength(change, self._level, move.unit, move.reach)

    def _looks(self, move: Move, strength: float) -> tuple[Where, dict[float, _Look]]:
        kept: dict[float, list[tuple[Array, Array, Array | None]]] = {factor: [] for factor in FACTORS}
        places = _Places(self)
        for _, part in _parts(self.samples):
            base = part.images()
            places.before(base, part)
            for factor in FACTORS:
                strength_N = torch.full((len(part),), factor * strength).to(part.wp_NLD)
                image = move.images(part, strength_N)
                codes = move.codes(part, strength_N) if self._needs_codes else None
                maps, score = self.judge.look(image, codes)
                kept[factor].append((self._pooled(maps), _numpy(score), self._features(image)))
                if abs(factor) == 1:
                    places.after(image, base, move, part, strength_N)
            self.passes += len(part) * (1 + len(FACTORS))
        looks = {}
        for factor, parts in kept.items():
            pooled, score_NA, feature = zip(*parts, strict=True)
            looks[factor] = _Look(
                np.concatenate(pooled),
                np.concatenate(score_NA),
                None if feature[0] is None else np.concatenate(feature),
            )
        return places.result(), looks

    def _rows(self, move: Move, strength: float, attribute: int) -> Rows:
        effect_L = np.full(self.samples.generator.spec.num_layers, np.nan)
        if not move.splits:
            effect_L[list(move.rows)] = 1.0
            return Rows(effect_L, move.rows, 1.0)
        samples = self.samples.part(0, min(len(self.samples), self.settings.rows))
        sign_N = _alternating(len(samples), samples.wp_NLD)

        def moved(rows: Sequence[int] | None) -> Array:
            """The mean signed change: of the attribute, or of pooled features."""
            total: Array | float = 0.0
            for start, part in _parts(samples):
                strength_N = strength * sign_N[start : start + len(part)]
                image = move.images(part, strength_N, rows)
                codes = move.codes(part, strength_N, rows) if self._needs_codes else None
                maps, score = self.judge.look(image, codes)
                here = slice(start, start + len(part))
                if attribute >= 0:
                    change = _numpy(score)[:, attribute] - self._base.score_NA[here, attribute]
                else:
                    change = self._pooled(maps) - self._base.pooled_NP[here]
                total = total + _numpy(sign_N[here]) @ change
            self.passes += len(samples)
            return np.atleast_1d(total / len(samples))

        whole = moved(None)
        norm = max(float(whole @ whole), 1e-30)
        for row in move.rows:
            effect_L[row] = float(moved((row,)) @ whole) / norm
        order = [int(row) for row in np.argsort(-np.nan_to_num(effect_L, nan=-np.inf)) if row in move.rows]
        kept, count = effect_L[order[0]], 1
        while kept < KEPT and count < len(order):
            count += 1
            kept = float(moved(order[:count]) @ whole) / norm
        return Rows(effect_L, tuple(sorted(order[:count])), float(kept))

    def _far(self, move: Move, strength: float, looks: dict[float, _Look]) -> HowFar:
        assert self._around is not None
        strengths, near = [0.0], [1.0]
        for factor in (1.0, 2.0, *self.settings.farther):
            if near[-1] < STILL_NEAR or (factor not in looks and factor * strength > move.reach):
                break
            sides = []
            for side in (factor, -factor):
                seen = looks[side].feature_NF if side in looks else self._moved_features(move, side * strength)
                assert seen is not None
                sides.append(seen)
            strengths.append(factor * strength)
            near.append(self._around.near(np.concatenate(sides)))
        return far_of(np.array(strengths), np.array(near))

    # --- what looks are made of ------------------------------------------------------------------------------------

    @property
    def _needs_codes(self) -> bool:
        return self.judge.exact is not None

    def _look_at_base(self) -> _Look:
        pooled, scores, features, self._maps = [], [], [], []
        for start, part in _parts(self.samples):
            image = part.images()
            maps, score = self.judge.look(image, part.wp_NLD if self._needs_codes else None)
            pooled.append(self._pooled(maps))
            scores.append(_numpy(score))
            seen = self._features(image)
            if seen is not None:
                features.append(seen)
            if start < len(self._search):
                self._maps.append(maps)
            self.passes += len(part)
        feature_NF = np.concatenate(features) if features else None
        return _Look(np.concatenate(pooled), np.concatenate(scores), feature_NF)

    def _maps_of(self, start: int, count: int) -> list[Tensor]:
        return [part[:count] for part in self._maps[start // self.samples.batch_size]]

    def _distance_between(self) -> tuple[float, float]:
        """The level of the perceptual change, and the median distance between two samples."""
        whole = [torch.cat(parts)[: len(self._search)] for parts in zip(*self._maps, strict=True)]
        shifts = range(1, len(self._search))
        pairs = [distance_of_maps([part.roll(shift, 0) for part in whole], whole) for shift in shifts]
        between = float(torch.cat(pairs).median())
        if not np.isfinite(between) or between <= 0:
            raise GantkError(f"The metric sees a distance of {between} between samples: choose another predictor.")
        return self.settings.level * between, between

    def _pooled(self, maps: Sequence[Tensor]) -> Array:
        parts = []
        for x in maps:
            side = min(self.settings.pool, x.shape[-1], x.shape[-2])
            parts.append(F.adaptive_avg_pool2d(x.float(), side).flatten(1) / side)
        return _numpy(torch.cat(parts, 1))

    def _effect(self, delta_NP: Array, score_NA: Array) -> npt.NDArray[np.float32]:
        features = delta_NP.mean(0) * self._feature_scale
        names = max(score_NA.shape[1], 1)
        attributes = (score_NA - self._base.score_NA).mean(0) / (self.deviation_A * np.sqrt(2 * names))
        return np.concatenate([features, attributes]).astype(np.float32)

    def _features(self, image: Tensor) -> Array | None:
        if self.judge.features is None or not self.settings.others:
            return None
        return _numpy(self.judge.features.features(coloured(image)))

    def _moved_features(self, move: Move, strength: float) -> Array:
        parts = []
        for _, part in _parts(self.samples):
            seen = self._features(move.images(part, torch.full((len(part),), strength).to(part.wp_NLD)))
            assert seen is not None
            parts.append(seen)
        self.passes += len(self.samples)
        return np.concatenate(parts)

    def _neighbourhood(self, others: Samples | None) -> Neighbourhood | None:
        if others is None or self._base.feature_NF is None:
            return None
        with torch.inference_mode():
            found = [self._features(part.images()) for _, part in _parts(others)]
        self.passes += len(others)
        return Neighbourhood(self._base.feature_NF, np.concatenate([part for part in found if part is not None]))


class _Places:
    """Sums of squared change by pixel and by region."""

    def __init__(self, yardstick: Yardstick) -> None:
        self.judge = yardstick.judge
        self.size = min(yardstick.settings.heat, yardstick.samples.generator.spec.resolution)
        self.heat: Array = np.zeros((self.size, self.size))
        self.count = 0
        regions = len(self.judge.region_names)
        self.inside_R, self.area_R, self.pixels = np.zeros(regions), np.zeros(regions), 0
        self._before: Tensor | None = None

    def before(self, image: Tensor, part: Samples) -> None:
        if self.judge.segmenter is not None:
            self._before = self._classes(image, part.generator, part.wp_NLD)

    def after(self, image: Tensor, base: Tensor, move: Move, part: Samples, strength_N: Tensor) -> None:
        square_NHW = (image - base).float().square().mean(1) / 4
        self.heat = self.heat + resize(square_NHW[:, None], self.size, self.size).double().sum((0, 1)).cpu().numpy()
        self.count += len(image)
        if self._before is None:
            return
        after = self._before
        if self.judge.sees_images:
            after = self.judge.classes(image)
        elif (codes := move.codes(part, strength_N)) is not None:
            after = self._classes(image, part.generator, codes)
        for seen in (self._before, after):
            flat = seen.flatten().cpu()
            sums = torch.bincount(flat, square_NHW.flatten().cpu().double(), minlength=len(self.inside_R))
            self.inside_R += sums.numpy() / 2
            self.area_R += torch.bincount(flat, minlength=len(self.area_R)).double().numpy() / 2
        self.pixels += self._before.numel()

    def _classes(self, image: Tensor, generator: Generator, codes: WpOrStyles) -> Tensor:
        assert self.judge.segmenter is not None
        if self.judge.sees_images:
            return self.judge.classes(image)
        logit = self.judge.segmenter.segment_codes(generator, codes)
        return resize(logit, *image.shape[-2:]).argmax(1)

    def result(self) -> Where:
        share_R = self.inside_R / max(float(self.inside_R.sum()), 1e-300)
        return where_of(self.heat / self.count, share_R, self.area_R / max(self.pixels, 1))


def _parts(samples: Samples) -> Iterable[tuple[int, Samples]]:
    for start in range(0, len(samples), samples.batch_size):
        yield start, samples.part(start, min(start + samples.batch_size, len(samples)))


def _alternating(count: int, like: Tensor) -> Tensor:
    """+1, -1, +1, ...: a strength to both sides on half of the samples each."""
    sign_N = torch.ones(count).to(like)
    sign_N[1::2] = -1
    return sign_N


def _numpy(value: Tensor) -> npt.NDArray[np.float32]:
    found: npt.NDArray[np.float32] = value.float().cpu().numpy()
    return found
