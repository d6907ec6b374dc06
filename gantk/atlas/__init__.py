"""The atlas: every direction that any system finds, measured with one yardstick, and those that do the same joined.

atlas = gantk.atlas.chart(generator, predictor)

samples = draw_samples(generator, 32, seed=9)
yardstick = Yardstick(samples, judge_of(generator, predictor))
measured = [yardstick.measure(move) for move in moves_of(generator, direction, "higan")]
groups = find_groups(measured, ...)
"""

from gantk.store.lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    "found.AtlasResult moves.DirectionMove judges.Judge results.Measured moves.Move moves.Samples yardstick.Settings "
    "moves.WeightMove yardstick.Yardstick verbs.chart moves.draw_samples groups.find_groups judges.judge_of "
    "moves.moves_of",
)
