"""The atlas: every direction that any system finds, measured with one yardstick, and those that do the same joined.

found = gantk.atlas(generator, predictor)  # the package is its verb as well, `gantk.atlas.chart`

samples = draw_samples(generator, 32, seed=9)
yardstick = Yardstick(samples, judge_of(generator, predictor))
measured = [yardstick.measure(move) for move in moves_of(generator, direction, "higan")]
groups = find_groups(measured, ...)
"""

import sys
from types import ModuleType
from typing import Any

from gantk.store.lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    "found.AtlasResult moves.DirectionMove judges.Judge results.Measured moves.Move moves.Samples yardstick.Settings "
    "moves.WeightMove yardstick.Yardstick verbs.chart moves.draw_samples groups.find_groups judges.judge_of "
    "moves.moves_of",
)


class _Callable(ModuleType):
    # Any: whatever `chart` takes, and returns
    def __call__(self, *arguments: Any, **words: Any) -> Any:
        """See `chart`."""
        return self.chart(*arguments, **words)


sys.modules[__name__].__class__ = _Callable
