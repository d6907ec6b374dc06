"""gantk: what a trained GAN knows, where it is stored, and how to move it.

Public names are loaded on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantk.store.lazy import lazily

if TYPE_CHECKING:
    from gantk import atlas as atlas
    from gantk import comparators as comparators
    from gantk import disentanglement as disentanglement
    from gantk import ghfeat as ghfeat
    from gantk import higan as higan
    from gantk import lse as lse
    from gantk import navigan as navigan
    from gantk import quality as quality
    from gantk import resefa as resefa
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
    from gantk.runs.results import load_result as load_result
    from gantk.web.notebook import explore as explore

__version__ = "0.1.0"

_PUBLIC = {
    "Direction": "codes.directions",
    "GantkError": "errors",
    "GivenCodes": "codes.given",
    "Generator": "generators.base",
    "Truncation": "generators.base",
    "UsageError": "errors",
    "atlas": "",
    "comparators": "",
    "compare": "comparing.verbs",
    "disentanglement": "",
    "explore": "web.notebook",
    "ganspace": "comparators.verbs",
    "ghfeat": "",
    "higan": "",
    "invert": "ghfeat.inversion",
    "load_direction": "codes.kept_directions",
    "load_encoder": "ghfeat.files",
    "load_generator": "checkpoints.load",
    "load_head": "predictors.head_files",
    "load_predictor": "predictors.load",
    "load_result": "runs.results",
    "load_weights": "navigan.files",
    "lse": "",
    "navigan": "",
    "quality": "",
    "resefa": "",
    "sample": "higan.synthesis",
    "sefa": "comparators.verbs",
    "stylespace": "",
    "train_predictor": "fewlabels.verbs",
    "wrap": "generators.wrapped",
}

__all__ = ["__version__", *_PUBLIC]

__getattr__, __dir__ = lazily(__name__, {name: module and f"gantk.{module}" for name, module in _PUBLIC.items()})
