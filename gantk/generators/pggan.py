"""PGGAN, the progressively grown GAN (Karras et al. 2018), without separate w: its one code row is z and label.

Shape legend: N samples, Z latent width, I/O/C channels, H x W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantk.errors import GantkError
from gantk.generators.base import Generator, GeneratorSpec, Layer, Options, State, Styles
from gantk.generators.labels import label_matrix
from gantk.generators.ops import SQRT2, leaky, pixel_norm
from gantk.generators.pggan_tangents import tangent_map
from gantk.generators.progressive import check_growth, conv, growth
from gantk.generators.spec import Config


@dataclass(frozen=True)
class PGGANConfig(Config):
    """Everything the tensors cannot say by themselves.

    Attributes:
        channels: feature maps at 4, 8, ..., resolution.
        label_rule: `joint`: one pixel norm over z and label (TensorFlow); `separate`: z is normalised, the raw label
            appended, and the whole normalised again (GenForce).
        normalize_z: whether the code is pixel-normalised before the first layer.
        pixel_norm: whether feature maps are.
        epsilon: of the pixel norm.
        rgb: `all` resolutions have a ToRGB, or only the `last`; without all of them there is no level of detail.
        lod: level of detail stored in the file.
        blends: whether a fractional level of detail blends two resolutions; else only whole ones are shown.
        layer_scales: run-time factor of each layer's weight where the file stores it; default: equalised learning
            rate, sqrt(2 / fan_in), and 1 / sqrt(fan_in) for ToRGB.
    """

    resolution: int
    channels: tuple[int, ...]
    image_channels: int = 3
    z_dim: int = 512
    label_dim: int = 0
    label_rule: str = "joint"
    normalize_z: bool = True
    pixel_norm: bool = True
    epsilon: float = 1e-8
    rgb: str = "all"
    lod: float = 0.0
    blends: bool = True
    layer_scales: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        check_growth(self)
        if self.label_rule not in ("joint", "separate"):
            raise GantkError(f"label rule {self.label_rule!r} is neither joint nor separate")


class ScaledConv(nn.Module):
    """Weight and bias of one layer; the weight is multiplied by `scale` when it is used."""

    def __init__(self, inputs: int, outputs: int, kernel: int, gain: float):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = gain / math.sqrt(inputs * kernel * kernel)


class PGGAN(Generator):
    """The generator. A map is taken after the leaky ReLU and before the pixel norm that opens the next layer."""

    config: PGGANConfig
    config_class = PGGANConfig
    channels_last = True
    w_avg = None

    def __init__(self, config: PGGANConfig):
        super().__init__()
        self.config = config
        inputs = config.z_dim + config.label_dim
        self.layers = tuple(_layers(config))
        self.synthesis = nn.Module()
        for level, channels in enumerate(config.channels):
            block = nn.Module()
            before = config.channels[level - 1] if level else inputs
            # the first layer is a dense one seen as 4x4 kernels; its gain is sqrt(2)/4 over sqrt(inputs)
            block.conv0 = ScaledConv(before, channels, 3 if level else 4, SQRT2)
            block.conv1 = ScaledConv(channels, channels, 3, SQRT2)
            if config.rgb == "all" or level == len(config.channels) - 1:
                block.torgb = ScaledConv(channels, config.image_channels, 1, 1.0)
            self.synthesis.add_module(f"b{4 << level}", block)
        if config.layer_scales is not None:
            if len(config.layer_scales) != len(self.layers):
                raise GantkError(f"{len(config.layer_scales)} layer scales were given for {len(self.layers)} layers")
            for layer, scale in zip(self.layers, config.layer_scales, strict=True):
                self._part(layer).scale = scale
        self.spec = GeneratorSpec(
            family="pggan",
            resolution=config.resolution,
            image_channels=config.image_channels,
            z_dim=config.z_dim,
            w_dim=inputs,
            wp_dim=inputs,
            label_dim=config.label_dim,
            num_layers=1,
            spaces=("z", "w", "wp"),
            normalizes_z=config.normalize_z,
            can_truncate=False,
            has_lod=config.rgb == "all",
        )

    def map(self, z_ND: Tensor, label: Tensor | None = None) -> Tensor:
        """w is z joined with its label; the network normalises it at its entrance."""
        self._check_width("z", z_ND, self.spec.z_dim)
        label_NC = label_matrix(self.spec, label, z_ND.shape[0], z_ND)
        if self.config.label_rule == "separate":
            z_ND = pixel_norm(z_ND, eps=self.config.epsilon)
        return z_ND if label_NC is None else torch.cat([z_ND, label_NC], 1)

    def _run(
        self, codes: Styles, options: Options, taps: frozenset[str], start: State | None, stop: int | None
    ) -> tuple[Tensor | None, dict[str, Tensor], State]:
        config = self.config
        maps: dict[str, Tensor] = {}
        start = start or State(0, codes[0][:, 0])
        x, image = start.x, start.image
        blending = growth(config, options.lod)
        end = len(self.layers) if stop is None else stop
        for layer in self.layers[start.index : end]:
            part, delta = self._part(layer), options.deltas.get(layer.index)
            assert x is not None
            if layer.is_rgb:
                rgb = None
                if blending.wants_rgb(layer) or layer.name in taps:
                    rgb = conv(self._normalize(x), part.weight, part.scale, part.bias, delta=delta)
                image = blending.blend(layer, rgb, image)
            elif layer.index == 0:
                code_NZ = pixel_norm(x, eps=config.epsilon) if config.normalize_z else x
                y = _dense(code_NZ, part.weight * part.scale)
                if delta is not None:
                    y = y + delta[1][:, None, None, None] * _dense(code_NZ, delta[0] * part.scale)
                x = leaky(y + part.bias[:, None, None], inplace=True)
            else:
                up = layer.name.endswith("conv0")
                x = conv(self._normalize(x), part.weight, part.scale, part.bias, up=up, delta=delta)
                x = leaky(x, inplace=True)
            if layer.name in taps:
                maps[layer.name] = cast(Tensor, image) if layer.is_rgb else x
        return (image if stop is None else None), maps, State(end, x, image)

    def _tangent_map(
        self, codes: Styles, moving: Sequence[int], options: Options, start: State | None
    ) -> Callable[[Sequence[Tensor]], Tensor] | None:
        return tangent_map(self, codes, options, start)

    def _part(self, layer: Layer) -> ScaledConv:
        return cast(ScaledConv, self.get_submodule((layer.weight or "").removesuffix(".weight")))

    def _normalize(self, x: Tensor) -> Tensor:
        return pixel_norm(x, eps=self.config.epsilon) if self.config.pixel_norm else x


def _dense(code_NZ: Tensor, weight_CZ44: Tensor) -> Tensor:
    """out[n, c, i, j] = sum_z code[n, z] weight[c, z, i, j]."""
    outputs = weight_CZ44.shape[0]
    return F.linear(code_NZ, weight_CZ44.permute(0, 2, 3, 1).flatten(0, 2)).unflatten(1, (outputs, 4, 4))


def _layers(config: PGGANConfig) -> list[Layer]:
    layers: list[Layer] = []
    for level, channels in enumerate(config.channels):
        resolution = 4 << level
        last = level == len(config.channels) - 1
        for part in ("conv0", "conv1", *(["torgb"] if config.rgb == "all" or last else [])):
            is_rgb = part == "torgb"
            layers.append(
                Layer(
                    len(layers), f"{resolution}x{resolution}/{part}", resolution,
                    config.image_channels if is_rgb else channels, None if layers else 0,
                    f"synthesis.b{resolution}.{part}.weight", is_rgb=is_rgb,
                )
            )  # fmt: skip
    return layers
