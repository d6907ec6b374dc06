"""What GH-Feat's commands use where nothing is named: an encoder, a perception, a predictor, a discriminator.

A generator that comes with gantk (`generator.bundled`) has all of them; another has none that would be right.
"""

from __future__ import annotations

from torch import nn

from gantk.checkpoints.reading import open_networks
from gantk.errors import GantkError, UsageError
from gantk.generators.arguments import described
from gantk.generators.base import Generator
from gantk.ghfeat.calibration import style_layout
from gantk.ghfeat.encoder import Encoder
from gantk.ghfeat.files import EncoderFile, check_encoder, load_encoder, shipped_encoders
from gantk.ghfeat.judges import load_discriminator
from gantk.ghfeat.losses import VGG, VGG_WEIGHT, Perception, PredictorDistance, load_perception
from gantk.predictors import defaults
from gantk.predictors.base import Predictor
from gantk.predictors.load import predictor_in

NONE = "none"  # without: an encoder, a perception
DEMO = "demo"
WEIGHT = 0.1  # of a predictor's distance beside the squared error


def encoder_for(generator: Generator, encoder: object = None) -> EncoderFile:
    """The encoder that is given, or the bundled one of a bundled generator.

    Args:
        encoder: None, what `gantk.load_encoder` returns, the result of `gantk.ghfeat.train`, or the module of one.

    Raises:
        UsageError: none was given, and none ships for the generator.
        GantkError: it belongs to another generator.
    """
    if encoder is None:
        if not has_encoder(generator):
            style_layout(generator)  # a generator without styles has no encoder at all, and that is what to say
            raise UsageError(
                "No encoder ships for this generator: give one (--encoder; in Python encoder=gantk.load_encoder(file, "
                "generator)), such as `gantk ghfeat train` makes."
            )
        return load_encoder(str(generator.bundled), generator)
    if isinstance(encoder, Encoder):
        encoder = EncoderFile(encoder.eval().requires_grad_(False), "the encoder", "constructed")
    if hasattr(encoder, "file"):
        return load_encoder(encoder, generator)
    if not isinstance(encoder, EncoderFile):
        raise UsageError(f"The encoder is {described(encoder)}: give what gantk.load_encoder returns.")
    return check_encoder(encoder, generator)


def has_encoder(generator: Generator) -> bool:
    """Whether an encoder ships for the generator."""
    return generator.bundled in shipped_encoders()


def perception_for(generator: Generator, metric: object = None, otherwise: str = NONE) -> Perception | None:
    """The feature distance that is given, or the default, which is `demo` for a bundled generator; None is none.

    Args:
        metric: None, a name (`none`, `vgg16`, a predictor's), a predictor, or a distance.
        otherwise: the default of a generator that does not come with gantk.

    Raises:
        GantkError: the files of VGG16 are not there, or the predictor has no feature maps.
    """
    if metric is None or isinstance(metric, str):
        name = metric or (DEMO if generator.bundled else otherwise)
        return load_perception(name, generator.device)
    if isinstance(metric, Predictor):
        return PredictorDistance(metric)
    if not callable(metric):
        raise UsageError(f"The metric is {described(metric)}: give a predictor, or vgg16 or none.")
    distance: Perception = metric  # type: ignore[assignment]
    return distance


def perceptual_weight(perception: Perception | None, weight: float | None, other: float = WEIGHT) -> float:
    """The weight of a feature distance: the one that was given, else the paper's for VGG16, and `other` for another."""
    if weight is not None:
        return weight
    return VGG_WEIGHT if perception is not None and perception.name == VGG else other


def predictor_for(generator: Generator, predictor: object = None) -> Predictor | None:
    """What reads attributes: the predictor that is given, the bundled one for a bundled generator, else none."""
    predictor = predictor_in(predictor, generator)
    if isinstance(predictor, Predictor):
        return predictor
    if predictor is None and not generator.bundled:
        return None
    if predictor is not None and not isinstance(predictor, str):
        raise UsageError(f"The predictor is {described(predictor)}: give what gantk.load_predictor returns.")
    return defaults.predictor_for(generator, predictor)


def discriminator_for(
    generator: Generator, discriminator: object = None, model: str | None = None, seed: int = 0
) -> nn.Module:
    """The discriminator an encoder is trained against: the one that is given, or the generator's own.

    Args:
        discriminator: None, a name of `load_discriminator`, or a module.
        model: the file the generator was read from, which may hold it.
        seed: of the weights of a `new` one.

    Raises:
        UsageError: there is none. GantkError: it cannot be read, or judges images of another size.
    """
    if isinstance(discriminator, nn.Module):
        return discriminator
    name = discriminator or generator.bundled or model
    if not isinstance(name, str):
        raise UsageError(
            "No discriminator is known for this generator: give one, `new` for random weights, or adversarial=0 to "
            "train without."
        )
    return load_discriminator(name, generator, seed)


def own_encoder(path: str, generator: Generator, force: bool = False) -> EncoderFile:
    """The encoder in a generator's own file, as in GH-Feat's pickles.

    Raises:
        UsageError: there is none in it.
    """
    try:
        inside = "E" in open_networks(path)
    except GantkError:
        inside = False
    if not inside:
        raise UsageError(f"{path} has no encoder in it: give one with --encoder, or train one for it.")
    return load_encoder(path, generator, force, own=True)
