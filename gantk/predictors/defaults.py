"""What judges the images of a generator where the user names nothing: one place for all tasks.

A bundled generator draws the bundled world, whose predictor comes with gantk; demo-oracle knows its factors exactly.
For any other network there is no default that is right, so that the sentence says what can be given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantk.errors import GantkError, UsageError

if TYPE_CHECKING:
    from gantk.generators.base import Generator
    from gantk.predictors.base import Predictor

ORACLE = "demo-oracle"


def predictor_name(generator: Generator) -> str:
    """The name of what scores attributes by default: the truth of demo-oracle, the bundled one, else Places365."""
    if generator.bundled == ORACLE:
        return "truth"
    return "demo" if generator.bundled else "places365"


def predictor_for(generator: Generator, name: str | None = None) -> Predictor:
    """The predictor of a name, or the default of a generator, on the generator's device.

    "scene" is HiGAN's name for Places365, "truth" the exact factors of demo-oracle; a name such as
    ``file.py:function`` runs that file where it was typed on this command line (`gantk.store.own_code`).
    """
    from gantk.predictors.load import load_predictor

    name = predictor_name(generator) if name is None else name
    if name == "truth":
        from gantk.predictors.truth import ExactFactors

        return ExactFactors(generator)
    return load_predictor("places365" if name == "scene" else name, generator.device, generator).eval()


def metric_name(generator: object) -> str:
    """The name of the perceptual distance by default: `demo` for a bundled generator, else `imagenet` where it is
    installed, else LPIPS where its files are.

    Raises:
        GantkError: none of them is there.
    """
    from gantk.predictors.efficientnet_lite import INSTALL, located
    from gantk.predictors.lpips import has_files

    if getattr(generator, "bundled", None):
        return "demo"
    if located() is not None:
        return "imagenet"
    if has_files():
        return "lpips-vgg"
    raise GantkError(
        f"There is no perceptual distance for a network outside the bundled world here: {INSTALL}, or give "
        "--metric pixels."
    )


def features_for(generator: Generator) -> Predictor:
    """Whose features sets of samples are compared by: `demo` for a bundled generator, else `imagenet`.

    Raises:
        GantkError: it is not installed.
    """
    from gantk.predictors.load import load_predictor

    return load_predictor("demo" if generator.bundled else "imagenet", generator.device).eval()


def segmenter_for(generator: Generator, name: str | None = None, option: str = "--segmenter") -> Predictor | None:
    """What sees classes: a predictor by name, by default the bundled one for bundled generators, else None.

    Raises:
        UsageError: the predictor sees no classes.
    """
    if name is None and not generator.bundled:
        return None
    seer = predictor_for(generator, name)
    if not seer.class_names:
        raise UsageError(f"The predictor {seer.name} sees no classes: choose another {option}.")
    return seer
