"""HiGAN: which direction of the latent codes carries an attribute, and in which layers."""

from typing import TYPE_CHECKING

from gantk.store.lazy import lazily

if TYPE_CHECKING:
    from gantk.higan.manipulation import manipulate as manipulate
    from gantk.higan.rescoring import rescore as rescore
    from gantk.higan.synthesis import sample as sample
    from gantk.higan.synthesis import synthesize as synthesize
    from gantk.higan.training import train_boundary as train_boundary

__getattr__, __dir__, __all__ = lazily(
    __name__,
    "manipulation.manipulate rescoring.rescore synthesis.sample synthesis.synthesize training.train_boundary",
)
