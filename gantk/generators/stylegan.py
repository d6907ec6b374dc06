"""StyleGAN (Karras et al. 2019): adaptive instance normalisation after every layer, image path of a grown network.

Shape legend: N samples, Z latent width, D width of w, L rows of wp, I/O/C channels, H x W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantk.generators.base import Layer, Options, State, Styles
from gantk.generators.ops import SQRT2, Dense, fir, leaky, pixel_norm
from gantk.generators.pggan import ScaledConv
from gantk.generators.progressive import check_growth, conv, growth
from gantk.generators.styled import StyledConfig, StyledGenerator

EPSILON = 1e-8


@dataclass(frozen=True)
class StyleGANConfig(StyledConfig):
    """Everything the tensors cannot say by themselves.

    Attributes:
        channels: feature maps at 4, 8, ..., resolution.
        blur_filter: 1-D taps after every up-convolution, sum 1.
        rgb: `all` resolutions have a ToRGB, or only the `last`.
        lod, blends: as in PGGAN.
    """

    resolution: int
    channels: tuple[int, ...]
    blur_filter: tuple[float, ...] = (0.25, 0.5, 0.25)
    use_noise: bool = True
    rgb: str = "all"
    lod: float = 0.0
    blends: bool = True

    def __post_init__(self) -> None:
        check_growth(self)


class Mapping(nn.Module):
    """z and the label's product with a bias-free matrix to w: pixel norm over both, then dense layers.

    Their gain of sqrt 2 is on the weight alone, and each has a leaky ReLU.
    """

    def __init__(self, config: StyleGANConfig):
        super().__init__()
        self.config = config
        if config.label_dim:
            self.embed = Dense(config.label_dim, config.label_width, bias=False)
            self.embed.scale = 1.0  # TensorFlow's label matrix carries no run-time factor
        width = config.z_dim + (config.label_width if config.label_dim else 0)
        for i in range(config.mapping_layers):
            outputs = config.w_dim if i == config.mapping_layers - 1 else config.mapping_width
            self.add_module(f"dense{i}", Dense(width, outputs, lr=config.mapping_lr))
            width = outputs

    def forward(self, z_NZ: Tensor, label_NC: Tensor | None) -> Tensor:
        x = z_NZ if label_NC is None else torch.cat([z_NZ, self.embed(label_NC)], 1)
        x = pixel_norm(x) if self.config.normalize_z else x
        for i in range(self.config.mapping_layers):
            dense = cast(Dense, self.get_submodule(f"dense{i}"))
            assert dense.bias is not None
            x = leaky(F.linear(x, dense.weight * (dense.scale * SQRT2), dense.bias * dense.lr))
        return x


class Epilogue(nn.Module):
    """Noise, bias, leaky ReLU, instance norm and style; with `inputs`, the convolution before them."""

    def __init__(self, inputs: int | None, channels: int, resolution: int, config: StyleGANConfig):
        super().__init__()
        if inputs is not None:
            conv_ = ScaledConv(inputs, channels, 3, SQRT2)
            self.weight, self.scale = conv_.weight, conv_.scale
        self.bias = nn.Parameter(torch.zeros(channels))
        self.affine = Dense(config.w_dim, 2 * channels)
        if config.use_noise:
            self.noise_weight = nn.Parameter(torch.zeros(channels))
            self.register_buffer("noise_const", torch.randn(resolution, resolution))
        self.noise_const: Tensor

    def forward(
        self, x: Tensor, style_NS: Tensor, noise: Tensor | None, statistics: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The map, and the mean and inverse deviation [N, C] it was normalised by: its own, or the given ones."""
        shift = self.bias[:, None, None]
        if noise is not None:
            shift = shift + noise * self.noise_weight[:, None, None]
        x = leaky(x + shift, inplace=True)
        mean_NC = x.mean((2, 3)) if statistics is None else statistics[0]
        x = x - mean_NC[:, :, None, None]
        scale_NC, offset_NC = style_NS.chunk(2, 1)
        deviation_NC = torch.rsqrt(x.square().mean((2, 3)) + EPSILON) if statistics is None else statistics[1]
        factor_NC = deviation_NC * (scale_NC + 1)
        y = torch.addcmul(offset_NC[:, :, None, None], x, factor_NC[:, :, None, None])
        return y, (mean_NC, deviation_NC)


class StyleGAN(StyledGenerator):
    """The generator. Its first layer styles a learned constant; every layer has a row of `wp` of its own.

    A layer's style is y_s and y_b joined, without the +1 that the layer adds to y_s (GH-Feat's codes).
    """

    config: StyleGANConfig
    config_class = StyleGANConfig

    def __init__(self, config: StyleGANConfig):
        super().__init__()
        self.config = config
        self.mapping = Mapping(config)
        self.synthesis = nn.Module()
        self.synthesis.const = nn.Parameter(torch.ones(config.channels[0], 4, 4))
        for level, channels in enumerate(config.channels):
            block = nn.Module()
            if level:
                block.conv0 = Epilogue(config.channels[level - 1], channels, 4 << level, config)
            else:
                block.const = Epilogue(None, channels, 4, config)
            block.conv1 = Epilogue(channels, channels, 4 << level, config)
            if config.rgb == "all" or level == len(config.channels) - 1:
                block.torgb = ScaledConv(channels, config.image_channels, 1, 1.0)
            self.synthesis.add_module(f"b{4 << level}", block)
        self._describe(
            "stylegan",
            config.resolution,
            _layers(config),
            2 * len(config.channels),
            has_noise=config.use_noise,
            has_lod=config.rgb == "all",
        )
        self._style_index = {layer.index: position for position, layer in enumerate(self.styled_layers)}

    def _run(
        self, codes: Styles, options: Options, taps: frozenset[str], start: State | None, stop: int | None
    ) -> tuple[Tensor | None, dict[str, Tensor], State]:
        maps: dict[str, Tensor] = {}
        n = codes[0].shape[0]
        start = start or State(0, cast(Tensor, self.synthesis.const).unsqueeze(0).expand(n, -1, -1, -1))
        x, image, statistics = start.x, start.image, dict(start.statistics)
        blending = growth(self.config, options.lod)
        end = len(self.layers) if stop is None else stop
        for layer in self.layers[start.index : end]:
            part = self.synthesis.get_submodule(f"b{layer.resolution}.{layer.name.partition('/')[2]}")
            delta = options.deltas.get(layer.index)
            assert x is not None
            if isinstance(part, ScaledConv):
                rgb = None
                if blending.wants_rgb(layer) or layer.name in taps:
                    rgb = conv(x, part.weight, part.scale, part.bias, delta=delta)
                image = blending.blend(layer, rgb, image)
            else:
                part = cast(Epilogue, part)
                if layer.weight is not None:
                    up = layer.name.endswith("conv0")
                    x = conv(x, part.weight, part.scale, up=up, delta=delta)
                    if up:
                        x = fir(x, self.config.blur_filter, (len(self.config.blur_filter) // 2,) * 2)
                style_NS, noise = codes[self._style_index[layer.index]], self._noise(part, layer, options, n)
                x, statistics[layer.index] = part(x, style_NS, noise, statistics.get(layer.index))
            if layer.name in taps:
                maps[layer.name] = cast(Tensor, image) if layer.is_rgb else x
        return (image if stop is None else None), maps, State(end, x, image, statistics=statistics)


def _layers(config: StyleGANConfig) -> list[Layer]:
    layers: list[Layer] = []
    row = 0
    for level, channels in enumerate(config.channels):
        resolution = 4 << level
        parts = ["conv0" if level else "const", "conv1"]
        if config.rgb == "all" or level == len(config.channels) - 1:
            parts.append("torgb")
        for part in parts:
            prefix, is_rgb = f"synthesis.b{resolution}.{part}", part == "torgb"
            name = f"{resolution}x{resolution}/{part}"
            if is_rgb:
                layers.append(
                    Layer(len(layers), name, resolution, config.image_channels, None, f"{prefix}.weight", is_rgb=True)
                )
                continue
            weight = None if part == "const" else f"{prefix}.weight"
            layers.append(Layer(len(layers), name, resolution, channels, row, weight, f"{prefix}.affine", 2 * channels))
            row += 1
    return layers
