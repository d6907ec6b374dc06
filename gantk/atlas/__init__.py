"""The atlas: every direction that any system finds, measured with one yardstick, and those that do the same joined.

atlas = gantk.atlas.chart(generator, predictor)

samples = draw_samples(generator, 32, seed=9)
yardstick = Yardstick(samples, judge_of(generator, predictor))
measured = [yardstick.measure(move) for move in moves_of(generator, direction, "higan")]
groups = find_groups(measured, ...)
"""

from __future__ import annotations

from gantk.store.lazy import lazily

_PUBLIC = {
    "AtlasResult": "found",
    "DirectionMove": "moves",
    "Judge": "judges",
    "Measured": "results",
    "Move": "moves",
    "Samples": "moves",
    "Settings": "yardstick",
    "WeightMove": "moves",
    "Yardstick": "yardstick",
    "chart": "verbs",
    "draw_samples": "moves",
    "find_groups": "groups",
    "judge_of": "judges",
    "moves_of": "moves",
}

__all__ = sorted(_PUBLIC)

__getattr__, __dir__ = lazily(__name__, _PUBLIC)
