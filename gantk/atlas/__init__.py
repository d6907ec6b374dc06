"""The atlas: every direction that any system finds, measured with one yardstick, and those that do the same joined.

samples = draw_samples(generator, 32, seed=9)
yardstick = Yardstick(samples, judge_of(generator, predictor))
measured = [yardstick.measure(move) for move in moves_of(generator, direction, "higan")]
groups = find_groups([m.effect for m in measured], ...)
"""

from __future__ import annotations

from gantk.atlas.groups import find_groups as find_groups
from gantk.atlas.judges import Judge as Judge
from gantk.atlas.judges import judge_of as judge_of
from gantk.atlas.moves import DirectionMove as DirectionMove
from gantk.atlas.moves import Move as Move
from gantk.atlas.moves import Samples as Samples
from gantk.atlas.moves import WeightMove as WeightMove
from gantk.atlas.moves import draw_samples as draw_samples
from gantk.atlas.moves import moves_of as moves_of
from gantk.atlas.results import Measured as Measured
from gantk.atlas.yardstick import Settings as Settings
from gantk.atlas.yardstick import Yardstick as Yardstick

__all__ = [
    "DirectionMove",
    "Judge",
    "Measured",
    "Move",
    "Samples",
    "Settings",
    "WeightMove",
    "Yardstick",
    "draw_samples",
    "find_groups",
    "judge_of",
    "moves_of",
]
