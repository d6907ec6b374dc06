"""The discriminator an encoder is trained against: the one that belongs to the generator."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from gantk.checkpoints.frugal import frugal
from gantk.checkpoints.load import fill
from gantk.checkpoints.names import ALIASES, check_sum, weights_folder
from gantk.checkpoints.reading import read_discriminator
from gantk.errors import GantkError, UsageError
from gantk.generators.base import Generator
from gantk.generators.progressive_discriminator import ProgressiveDiscriminator, ProgressiveDiscriminatorConfig
from gantk.generators.stylegan2_discriminator import StyleGAN2Discriminator, StyleGAN2DiscriminatorConfig
from gantk.store.bounded import parse_json
from gantk.store.inside import regular_file

ENDING = "-discriminator.safetensors"

# what a configuration that makes no sense raises
_NOT_BUILT = (LookupError, ValueError, TypeError, AttributeError, RuntimeError, ArithmeticError)


def load_discriminator(name: str, generator: Generator, seed: int = 0) -> nn.Module:
    """A discriminator for fine-tuning, in float32.

    Args:
        name: a TensorFlow pickle (its D is taken), a file of scripts/train_generator.py, the name of a bundled
            generator, or `new`: random weights, for a network whose own was not kept.
        seed: of random weights, so that a training that was stopped goes on against the same network.

    Raises:
        UsageError: there is none of that name. GantkError: it cannot be read, or judges images of another size.
    """
    if name == "new":
        return _new(generator, seed)
    path = Path(name)
    if not path.is_file():
        path = weights_folder() / (ALIASES.get(name, name) + ENDING)
        if not path.is_file():
            raise UsageError(
                f"There is no discriminator {name!r}: give a TensorFlow pickle with one, or `--discriminator new` for "
                "random weights, or `--adversarial 0` to train without."
            )
        check_sum(path)
    return _of_file(path, generator)


def _of_file(path: Path, generator: Generator) -> nn.Module:
    if path.suffix == ".safetensors":
        network = _of_safetensors(path)
    else:
        checkpoint = read_discriminator(path)
        try:
            with frugal(sum(tensor.numel() for tensor in checkpoint.state.values())):
                if checkpoint.family == "stylegan2-discriminator":
                    network = StyleGAN2Discriminator(StyleGAN2DiscriminatorConfig.from_dict(checkpoint.config))
                else:
                    network = ProgressiveDiscriminator(ProgressiveDiscriminatorConfig.from_dict(checkpoint.config))
        except _NOT_BUILT as error:
            raise GantkError(f"the discriminator of {path} cannot be built ({error})") from error
        fill(network, checkpoint)
    size = network.config.resolution  # type: ignore[union-attr]
    if size != generator.spec.resolution:
        raise GantkError(
            f"the discriminator of {path} judges images of {size} pixels, and the generator makes "
            f"{generator.spec.resolution}: it belongs to another network"
        )
    return network


def _of_safetensors(path: Path) -> nn.Module:
    """The half-precision file that the training of the bundled generator leaves."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(regular_file(path), "pt") as file:
            config = parse_json((file.metadata() or {})["config"])
            names = file.keys()
            state = {name: file.get_tensor(name).float() for name in names}
        with frugal(sum(tensor.numel() for tensor in state.values())):
            network = StyleGAN2Discriminator(StyleGAN2DiscriminatorConfig.from_dict(config))
        network.load_state_dict(state)
    except (SafetensorError, OSError, *_NOT_BUILT) as error:
        raise GantkError(f"{path} holds no discriminator that gantk can read ({error})") from error
    return network


def _new(generator: Generator, seed: int) -> nn.Module:
    size = generator.spec.resolution
    channels: list[int] = []
    while len(channels) < size.bit_length() - 2:
        least = min(layer.resolution for layer in generator.layers)
        side = max(4 << len(channels), least)
        channels.append(max(layer.channels for layer in generator.layers if layer.resolution == side))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return StyleGAN2Discriminator(
            StyleGAN2DiscriminatorConfig(size, tuple(channels), generator.spec.image_channels, group=4)
        )
