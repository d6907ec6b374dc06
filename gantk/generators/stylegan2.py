"""StyleGAN2 (Karras et al. 2020), as its authors and every port of it wrote it.

Shape legend: N samples, Z latent, D width of w, L rows of wp, I/O/C channels, H x W pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from gantk.errors import GantkError
from gantk.generators.base import Layer, Options, State, Styles
from gantk.generators.ops import SQRT2, Conv, Dense, leaky, modulated_conv, scale_and_shift, upsample2d
from gantk.generators.progressive import Growth
from gantk.generators.styled import Mapping, MappingConfig, StyledGenerator
from gantk.generators.stylegan2_tangents import tangent_map

PER_RESOLUTION = ("skip", "revised")  # architectures with a ToRGB at every resolution


@dataclass(frozen=True)
class StyleGAN2Config(MappingConfig):
    """Everything the tensors cannot say by themselves; readers infer the rest from shapes.

    Attributes:
        channels: feature maps at 4, 8, ..., resolution.
        base: height and width of the constant input; the canvas is that times a power of two, and `resolution` its
            larger side.
        resample_filter: 1-D taps, sum 1.
        architecture: `skip`, `resnet`, `orig`, or `revised`: a ToRGB per resolution, of which a level of detail shows
            one or blends two (configurations b to d of the paper, grown like StyleGAN).
        lod: level of detail stored in the file, only with `revised`.
        conv_clamp: activations are clamped to +- this; not visible in the weights.
        num_half_resolutions: the highest resolutions that run in half precision when asked to.
    """

    resolution: int
    channels: tuple[int, ...]
    architecture: str = "skip"
    lod: float = 0.0
    resample_filter: tuple[float, ...] = (0.125, 0.375, 0.375, 0.125)
    conv_clamp: float | None = None
    use_noise: bool = True
    num_half_resolutions: int = 4
    base: tuple[int, int] = (4, 4)

    def __post_init__(self) -> None:
        if len(self.base) != 2 or min(self.base) < 1:
            raise GantkError(f"the constant input of a StyleGAN2 has a height and a width, not {self.base}")
        steps = math.log2(self.resolution / max(self.base)) if self.resolution > 0 else -1.0
        if steps < 0 or steps != int(steps):
            raise GantkError(
                f"a StyleGAN2 resolution is {max(self.base)} times a power of two from 1 on, not {self.resolution}"
            )
        if len(self.channels) != int(steps) + 1:
            raise GantkError(
                f"{len(self.channels)} channel counts for resolution {self.resolution}: {int(steps) + 1} needed"
            )
        if self.architecture not in ("skip", "resnet", "orig", "revised"):
            raise GantkError(f"StyleGAN2 architecture {self.architecture!r} is none of skip, resnet, orig, revised")
        if not 0 <= self.lod <= (steps if self.architecture == "revised" else 0):
            raise GantkError(f"lod={self.lod} does not fit a {self.architecture} StyleGAN2 of {self.resolution} pixels")
        super().__post_init__()

    def size(self, level: int) -> tuple[int, int]:
        """Height and width of the maps at a level; 0 is that of the constant input."""
        return self.base[0] << level, self.base[1] << level


class StyledConv(nn.Module):
    """Modulated 3x3 convolution, noise, bias, leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, size: tuple[int, int], config: StyleGAN2Config, up: bool):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.affine = Dense(config.w_dim, inputs, bias_init=1.0)
        self.up, self.taps, self.clamp = up, config.resample_filter, config.conv_clamp
        if config.use_noise:
            self.noise_strength = nn.Parameter(torch.zeros([]))
            self.register_buffer("noise_const", torch.randn(*size))
        self.noise_const: Tensor

    def forward(
        self, x: Tensor, style: Tensor, noise: Tensor | None, gain: float, delta: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        y, factor_NO = modulated_conv(
            x, self.weight, style, demodulate=True, up=self.up, taps=self.taps, gain=gain * SQRT2, delta=delta
        )
        if noise is not None:
            noise = (noise * (self.noise_strength * (gain * SQRT2))).to(y.dtype)
        y = scale_and_shift(y, factor_NO.to(y.dtype), (self.bias * (gain * SQRT2)).to(y.dtype), noise)
        return leaky(y, None if self.clamp is None else self.clamp * gain, inplace=True)


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to the image, without demodulation, noise or activation."""

    def __init__(self, inputs: int, config: StyleGAN2Config):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(config.image_channels, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(config.image_channels))
        self.affine = Dense(config.w_dim, inputs, bias_init=1.0)
        self.clamp = config.conv_clamp

    def forward(self, x: Tensor, style: Tensor, delta: tuple[Tensor, Tensor] | None) -> Tensor:
        y, factor_NO = modulated_conv(x, self.weight, style, demodulate=False, up=False, delta=delta)
        if y.dtype != self.weight.dtype:
            y = y.to(self.weight.dtype)  # the image accumulates in full precision
        y = scale_and_shift(y, factor_NO, self.bias, None)
        return y if self.clamp is None else y.clamp(-self.clamp, self.clamp)


class Block(nn.Module):
    """One resolution: (up-)convolutions, and ToRGB or a shortcut as the architecture has it."""

    def __init__(self, config: StyleGAN2Config, level: int):
        super().__init__()
        size, channels = config.size(level), config.channels[level]
        last = level == len(config.channels) - 1
        if level:
            self.conv0 = StyledConv(config.channels[level - 1], channels, size, config, up=True)
        self.conv1 = StyledConv(channels, channels, size, config, up=False)
        if config.architecture in PER_RESOLUTION or last:
            self.torgb = ToRGB(channels, config)
        if config.architecture == "resnet" and level:
            self.skip = Conv(config.channels[level - 1], channels, 1, bias=False, up=True, taps=config.resample_filter)


class Synthesis(nn.Module):
    def __init__(self, config: StyleGAN2Config):
        super().__init__()
        self.const = nn.Parameter(torch.randn(config.channels[0], *config.base))
        for level in range(len(config.channels)):
            self.add_module(f"b{4 << level}", Block(config, level))


class StyleGAN2(StyledGenerator):
    """The generator. `config` describes it; weights start random, as for training from scratch."""

    config: StyleGAN2Config
    config_class = StyleGAN2Config
    channels_last = True

    def __init__(self, config: StyleGAN2Config):
        super().__init__()
        self.config = config
        self.mapping = Mapping(config)
        self.synthesis = Synthesis(config)
        self._describe(
            "stylegan2",
            config.resolution,
            _layers(config),
            2 * len(config.channels),
            has_noise=config.use_noise,
            has_lod=config.architecture == "revised",
            half_precision=True,
            canvas=config.size(len(config.channels) - 1) if config.base[0] != config.base[1] else None,
        )

    def block(self, layer: Layer) -> Block:
        """The block that a layer is a part of; it is named after the side that its maps have in a square network."""
        assert layer.weight is not None
        return cast(Block, self.get_submodule(layer.weight.rsplit(".", 2)[0]))

    def _run(
        self, codes: Styles, options: Options, taps: frozenset[str], start: State | None, stop: int | None
    ) -> tuple[Tensor | None, dict[str, Tensor], State]:
        maps: dict[str, Tensor] = {}
        n = codes[0].shape[0]
        if start is None:
            start = State(0, self.synthesis.const.unsqueeze(0).expand(n, -1, -1, -1))
        x, image, shortcut = start.x, start.image, start.shortcut
        resnet = self.config.architecture == "resnet"
        blending = self._blending(options.lod)
        half_from = max(8, 2 * self.config.resolution >> self.config.num_half_resolutions)
        end = len(self.layers) if stop is None else stop
        for layer in self.layers[start.index : end]:
            block = self.block(layer)
            style, delta = codes[layer.index], options.deltas.get(layer.index)
            assert x is not None
            dtype = self.half_dtype if self.half_dtype is not None and layer.resolution >= half_from else self.dtype
            if x.dtype != dtype:
                x = x.to(dtype)
            if layer.is_rgb:
                if blending is not None:
                    shows = blending.wants_rgb(layer) or layer.name in taps
                    image = blending.blend(layer, block.torgb(x, style, delta) if shows else None, image)
                else:
                    rgb = block.torgb(x, style, delta)
                    image = rgb if image is None else upsample2d(image, self.config.resample_filter) + rgb
            elif layer.name.endswith("conv0"):
                if resnet:
                    shortcut = block.skip(x, gain=math.sqrt(0.5))
                x = block.conv0(x, style, self._noise(block.conv0, layer, options, n), 1.0, delta)
            else:
                gain = math.sqrt(0.5) if shortcut is not None else 1.0
                x = block.conv1(x, style, self._noise(block.conv1, layer, options, n), gain, delta)
                if shortcut is not None:
                    x, shortcut = x + shortcut, None
            if layer.name in taps:
                maps[layer.name] = cast(Tensor, image) if layer.is_rgb else x
        return (image if stop is None else None), maps, State(end, x, image, shortcut)

    _tangent_map = tangent_map

    def _blending(self, lod: float | None) -> Growth | None:
        if self.config.architecture != "revised":
            return None
        return Growth(self.config.lod if lod is None else float(lod), len(self.config.channels) - 1)


def _layers(config: StyleGAN2Config) -> list[Layer]:
    """4x4: conv1 on row 0, torgb on 1; level k: conv0 2k-1, conv1 2k, torgb 2k+1 (shared with the next conv0)."""
    layers: list[Layer] = []

    def add(level: int, part: str, row: int, inputs: int, channels: int) -> None:
        height, width = config.size(level)
        prefix = f"synthesis.b{4 << level}.{part}"
        layers.append(
            Layer(
                len(layers), f"{height}x{width}/{part}", max(height, width), channels, row, f"{prefix}.weight",
                f"{prefix}.affine", inputs, is_rgb=part == "torgb", size=None if height == width else (height, width),
            )
        )  # fmt: skip

    for level, channels in enumerate(config.channels):
        if level:
            add(level, "conv0", 2 * level - 1, config.channels[level - 1], channels)
        add(level, "conv1", 2 * level, channels, channels)
        if config.architecture in PER_RESOLUTION or level == len(config.channels) - 1:
            add(level, "torgb", 2 * level + 1, channels, config.image_channels)
    return layers
