"""gantk: what a trained GAN knows, where it is stored, and how to move it.

Public names are loaded on first use, so that importing the package costs nothing.
"""

from typing import TYPE_CHECKING

from gantk.store.lazy import lazily

if TYPE_CHECKING:
    from gantk import atlas as atlas
    from gantk import between as between
    from gantk import comparators as comparators
    from gantk import disentanglement as disentanglement
    from gantk import ghfeat as ghfeat
    from gantk import higan as higan
    from gantk import lse as lse
    from gantk import navigan as navigan
    from gantk import quality as quality
    from gantk import resefa as resefa
    from gantk import speed as speed
    from gantk import stylespace as stylespace
    from gantk.checkpoints.load import load_generator as load_generator
    from gantk.codes.directions import Direction as Direction
    from gantk.codes.given import GivenCodes as GivenCodes
    from gantk.codes.kept_directions import load_direction as load_direction
    from gantk.comparators.verbs import ganspace as ganspace
    from gantk.comparators.verbs import sefa as sefa
    from gantk.comparing.verbs import compare as compare
    from gantk.errors import GantkError as GantkError
    from gantk.errors import UsageError as UsageError
    from gantk.fewlabels.verbs import train_predictor as train_predictor
    from gantk.generators.base import Generator as Generator
    from gantk.generators.base import Truncation as Truncation
    from gantk.generators.wrapped import wrap as wrap
    from gantk.ghfeat.files import load_encoder as load_encoder
    from gantk.ghfeat.inversion import invert as invert
    from gantk.higan.synthesis import sample as sample
    from gantk.navigan.files import load_weights as load_weights
    from gantk.predictors.head_files import load_head as load_head
    from gantk.predictors.load import load_predictor as load_predictor
    from gantk.runs.reporting import load_result as load_result
    from gantk.web.notebook import explore as explore

__version__ = "0.1.0"

__getattr__, __dir__, _names = lazily(
    __name__,
    "codes.directions.Direction errors.GantkError codes.given.GivenCodes generators.base.Generator "
    "generators.base.Truncation errors.UsageError atlas between comparators comparing.verbs.compare disentanglement "
    "web.notebook.explore comparators.verbs.ganspace ghfeat higan ghfeat.inversion.invert "
    "codes.kept_directions.load_direction ghfeat.files.load_encoder checkpoints.load.load_generator "
    "predictors.head_files.load_head predictors.load.load_predictor runs.reporting.load_result "
    "navigan.files.load_weights lse navigan quality resefa higan.synthesis.sample comparators.verbs.sefa speed "
    "stylespace fewlabels.verbs.train_predictor generators.wrapped.wrap",
)

__all__ = ["__version__", *_names]
