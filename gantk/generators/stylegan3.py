"""StyleGAN3 (Karras et al. 2021), configurations T and R: the whole signal chain is band-limited, so that details move
with the objects they belong to.

Shape legend: N samples, Z latent, D width of w, L rows of wp, I/O/C channels, H x W pixels, F Fourier features.
"""

from __future__ import annotations

import dataclasses
import math
from collections import abc
from dataclasses import dataclass, field
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantk.errors import GantkError, UsageError
from gantk.generators.base import Layer, Options, State, Styles
from gantk.generators.filters import filtered_leaky, lowpass, resampling
from gantk.generators.ops import EPSILON, SMALLEST, SQRT2, Dense
from gantk.generators.styled import Mapping, MappingConfig, StyledGenerator
from gantk.generators.stylegan3_plan import Step, plan
from gantk.generators.stylegan3_tangents import tangent_map

CANCELLATION = 1e-7  # float32 cannot tell an edited weight's norm from zero below this share of its terms


@dataclass(frozen=True)
class StyleGAN3Config(MappingConfig):
    """Everything but the weights. `designed` makes one from the published recipe; readers fill `steps` from the file.

    Attributes:
        steps: the synthesis layers after the Fourier features; the last is ToRGB.
        bandwidth: |frequency| up to which the Fourier features pass undamped.
    """

    resolution: int
    steps: tuple[Step, ...]
    bandwidth: float
    output_scale: float = 0.25
    mapping_layers: int = field(default=2, kw_only=True)

    def __post_init__(self) -> None:
        if len(self.steps) < 2:
            raise GantkError(f"a StyleGAN3 has at least one layer and a ToRGB, not {len(self.steps)} layers")
        for i, (before, after) in enumerate(zip(self.steps, self.steps[1:], strict=False)):
            if (before.out_channels, before.out_size) != (after.in_channels, after.in_size):
                raise GantkError(
                    f"StyleGAN3 layer {i} gives {before.out_channels} channels of {before.out_size} pixels, but the "
                    f"next takes {after.in_channels} of {after.in_size}"
                )
        last = self.steps[-1]
        if (last.out_size, last.up, last.down, last.kernel) != (self.resolution, 1, 1, 1):
            raise GantkError(
                f"the last layer of a StyleGAN3 is a 1x1 ToRGB of {self.resolution} pixels without resampling, not "
                f"{last.kernel}x{last.kernel} of {last.out_size}, up {last.up}, down {last.down}"
            )
        if last.out_channels != self.image_channels:
            raise GantkError(f"ToRGB gives {last.out_channels} channels, the image has {self.image_channels}")
        super().__post_init__()

    # Any: keywords of this class and of `plan`, which both name their types and refuse what they do not know
    @classmethod
    def designed(cls, resolution: int, variant: str = "t", **settings: Any) -> StyleGAN3Config:
        """The published recipe: variant `t` (3x3 convolutions) or `r` (1x1, radial filters, twice the channels).

        Args:
            settings: of `stylegan3_plan.plan` (channel_base, channel_max, ...) and of this class.
        """
        if variant not in ("t", "r"):
            raise UsageError(f"StyleGAN3 variant {variant!r} is neither t nor r")
        own = {field.name for field in dataclasses.fields(cls)}
        of_plan = {key: settings.pop(key) for key in list(settings) if key not in own}
        of_plan.setdefault("image_channels", settings.get("image_channels", 3))
        if variant == "r":
            of_plan = {"kernel": 1, "radial": True, **of_plan}
            of_plan["channel_base"] = 2 * of_plan.get("channel_base", 32768)
            of_plan["channel_max"] = 2 * of_plan.get("channel_max", 512)
        steps = plan(resolution, **of_plan)
        settings.setdefault("mapping_width", settings.get("w_dim", 512))
        return cls(resolution=resolution, steps=steps, bandwidth=steps[0].in_cutoff, **settings)

    @classmethod
    def from_dict(cls, values: abc.Mapping[str, Any]) -> StyleGAN3Config:
        """From `to_dict`, or from the arguments of `designed`."""
        if "steps" not in values:
            return cls.designed(**values)
        steps = tuple(step if isinstance(step, Step) else Step.from_dict(step) for step in values["steps"])
        return super().from_dict({**values, "steps": steps})


class FourierInput(nn.Module):
    """Fourier features on a grid that w moves: the only place where positions enter the network (section 3.2)."""

    def __init__(self, config: StyleGAN3Config):
        super().__init__()
        step = config.steps[0]
        channels = step.in_channels
        self.size, self.rate, self.bandwidth = step.in_size, float(step.in_rate), config.bandwidth
        self.weight = nn.Parameter(torch.randn(channels, channels))
        self.affine = Dense(config.w_dim, 4)
        with torch.no_grad():  # starts as no motion, whatever w
            self.affine.weight.zero_()
            assert self.affine.bias is not None
            self.affine.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))
        radius_F, angle_F = torch.rand(channels).sqrt(), torch.rand(channels) * (2 * math.pi)
        disc_F2 = torch.stack([angle_F.cos(), angle_F.sin()], 1) * radius_F[:, None] * self.bandwidth
        self.register_buffer("transform", torch.eye(3))
        self.register_buffer("freqs", disc_F2)
        self.register_buffer("phases", torch.rand(channels) - 0.5)
        self.transform: Tensor
        self.freqs: Tensor
        self.phases: Tensor

    def forward(self, motion_N4: Tensor, transform: Tensor | None) -> Tensor:
        """The affine's output (cosine, sine, x, y) and the forward motion of the image to features [N, C, H, W]."""
        inverse = self.transform if transform is None else torch.linalg.inv(transform.to(self.transform))
        motion_N4 = motion_N4 * torch.rsqrt(motion_N4[:, :2].square().sum(1, keepdim=True))
        cos_N, sin_N = motion_N4[:, 0], motion_N4[:, 1]
        turn_N22 = torch.stack([torch.stack([cos_N, -sin_N], 1), torch.stack([sin_N, cos_N], 1)], 1)
        moved_N23 = inverse[..., :2, :] - motion_N4[:, 2:, None] * inverse[..., 2:, :]
        matrix_N23 = turn_N22 @ moved_N23
        phases_NF = self.phases + (self.freqs @ matrix_N23[:, :, 2:]).squeeze(2)
        freqs_NF2 = self.freqs @ matrix_N23[:, :, :2]
        damping_NF = (1 - (freqs_NF2.norm(dim=2) - self.bandwidth) / (self.rate / 2 - self.bandwidth)).clamp(0, 1)
        line = (torch.arange(self.size, device=motion_N4.device, dtype=motion_N4.dtype) + 0.5) - self.size / 2
        line = line / self.rate
        turns_NHWF = (
            (line[:, None, None] * freqs_NF2[:, None, None, :, 1] + phases_NF[:, None, None, :])
            + line[:, None] * freqs_NF2[:, None, None, :, 0]
        )  # fmt: skip
        weight_FC = self.weight.t() / math.sqrt(self.weight.shape[1])
        features_NHWF = torch.sin(turns_NHWF * (2 * math.pi)) * damping_NF[:, None, None]
        return (features_NHWF @ weight_FC).permute(0, 3, 1, 2)  # channels last in memory, as the layers like it


class SynthesisLayer(nn.Module):
    """Modulated convolution and filtered leaky ReLU; ToRGB when `rgb`."""

    def __init__(self, step: Step, w_dim: int, rgb: bool):
        super().__init__()
        self.step, self.rgb = step, rgb
        self.weight = nn.Parameter(torch.randn(step.out_channels, step.in_channels, step.kernel, step.kernel))
        self.bias = nn.Parameter(torch.zeros(step.out_channels))
        self.affine = Dense(w_dim, step.in_channels, bias_init=1.0)
        self.register_buffer("magnitude_ema", torch.ones([]))
        rate = step.in_rate * step.up
        up = down = None
        if step.up_taps > 1:
            up = lowpass(step.up_taps, step.in_cutoff, step.in_half_width, rate)
        if step.down_taps > 1:
            down = lowpass(step.down_taps, step.out_cutoff, step.out_half_width, rate, step.radial)
        self.register_buffer("up_filter", up)
        self.register_buffer("down_filter", down)
        self.magnitude_ema: Tensor
        self.up_filter: Tensor | None
        self.down_filter: Tensor | None
        self.plan = resampling(
            step.in_size + step.kernel - 1, step.out_size, step.up, step.down, step.up_taps, step.down_taps,
            step.padding[0],
        )  # fmt: skip

    def forward(self, x_NIHW: Tensor, style_NI: Tensor, delta: tuple[Tensor, Tensor] | None) -> Tensor:
        y, factor_NO = self._convolve(x_NIHW, style_NI, delta)
        gain, clamp = 1.0 if self.rgb else SQRT2, self.step.conv_clamp
        if self.rgb:
            y = torch.addcmul(self.bias[:, None, None], y.to(style_NI.dtype), factor_NO[:, :, None, None])
            return y if clamp is None else y.clamp(-clamp, clamp)
        # the leaky ReLU is homogeneous: its gain goes to its operands
        up, down = self._filters()
        factor, bias = (factor_NO * gain).to(y.dtype), (self.bias * gain).to(y.dtype)
        return filtered_leaky(y, factor, bias, up.to(y.dtype), down.to(y.dtype), self.plan, clamp)

    def _filters(self) -> tuple[Tensor, Tensor]:
        """As `filtered_leaky` takes them."""
        one = self.bias.new_ones(1)
        up = (one if self.up_filter is None else self.up_filter) * self.step.up
        return up, one if self.down_filter is None else self.down_filter

    def _convolve(self, x_NIHW: Tensor, style_NI: Tensor, delta: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
        """The convolution with the style on its input, and the factor [N, O] its output still needs.

        The published form divides each row of W by its root mean square, the style by its own, and demodulates with
        rsqrt(sum (w s)^2 + eps). Both divisions cancel but for eps, so factor = rsqrt(E + eps mean(W^2) mean(s^2))
        with E = sum W^2 s^2 is all that is left of them; with W + t delta in place of W, E and mean(W^2) are quadratic
        in t and every sample's are three small matrix products away.
        """
        weight, dtype = self.weight, x_NIHW.dtype
        scale: Tensor | float = 1.0
        back_N1: Tensor | float = 1.0
        fan_in = weight[0].numel()
        if self.rgb:
            scale = 1 / math.sqrt(fan_in)
        elif dtype != weight.dtype:
            scale = torch.rsqrt(weight.square().sum((1, 2, 3), keepdim=True) + SMALLEST)
        if dtype != weight.dtype:
            # half precision: both operands at most 1, so that no sum can overflow; multiplied back in full precision
            back_N1 = style_NI.abs().amax(1, keepdim=True).clamp_min(1e-12)
        x = x_NIHW * (style_NI / back_N1).to(dtype)[:, :, None, None]
        y = self._shared(x, (weight * scale).to(dtype))
        if delta is not None:
            strength = delta[1].to(style_NI.dtype)
            y = y + strength.to(dtype)[:, None, None, None] * self._shared(x, (delta[0] * scale).to(dtype))
        gain = torch.rsqrt(self.magnitude_ema)
        if self.rgb:
            return y, (gain * back_N1).expand(y.shape[0], y.shape[1])
        square_NI = style_NI.square()
        energy_OI = weight.square().sum((2, 3))
        energy_NO, mean_NO = square_NI @ energy_OI.t(), energy_OI.sum(1) / fan_in
        if delta is not None:
            t = strength[:, None]
            cross_OI, delta_OI = 2 * (weight * delta[0]).sum((2, 3)), delta[0].square().sum((2, 3))
            second_NO = t.square() * (square_NI @ delta_OI.t())
            floor_NO = CANCELLATION * (energy_NO + second_NO)
            energy_NO = torch.maximum(energy_NO + t * (square_NI @ cross_OI.t()) + second_NO, floor_NO)
            mean_NO = mean_NO + (t * cross_OI.sum(1) + t.square() * delta_OI.sum(1)) / fan_in
        epsilon_NO = EPSILON * mean_NO * square_NI.mean(1, keepdim=True)
        factor_NO = torch.rsqrt((energy_NO + epsilon_NO).clamp_min(SMALLEST)) * gain
        if dtype != weight.dtype:
            factor_NO = factor_NO * back_N1 / cast(Tensor, scale).flatten()
        return y, factor_NO

    def _shared(self, x: Tensor, weight: Tensor) -> Tensor:
        """A "full" convolution, without the border that the filtered leaky ReLU does not look at."""
        border = self.step.kernel - 1 - self.plan.crop
        if border < 0:
            return F.conv2d(x[:, :, -border:border, -border:border], weight)
        return F.conv2d(x, weight, padding=border)


class Synthesis(nn.Module):
    def __init__(self, config: StyleGAN3Config):
        super().__init__()
        self.input = FourierInput(config)
        for i, step in enumerate(config.steps):
            rgb = i == len(config.steps) - 1
            self.add_module("torgb" if rgb else f"L{i}", SynthesisLayer(step, config.w_dim, rgb))


class StyleGAN3(StyledGenerator):
    """The generator; weights start random, as for training from scratch."""

    config: StyleGAN3Config
    config_class = StyleGAN3Config

    def __init__(self, config: StyleGAN3Config):
        super().__init__()
        self.config: StyleGAN3Config = config
        self.mapping = Mapping(config)
        self.synthesis = Synthesis(config)
        self._describe(
            "stylegan3",
            config.resolution,
            _layers(config),
            len(config.steps) + 1,
            has_transform=True,
            half_precision=True,
        )

    @torch.no_grad()
    def update_magnitudes(self, wp_NLD: Tensor, beta: float = 0.999) -> None:
        """One step of training's running mean square of each layer's input: ema = beta ema + (1 - beta) mean(x^2)."""
        _, maps = self.trace(wp_NLD, range(len(self.layers) - 1), image=False, crop=False)
        for layer, after in zip(self.layers, self.layers[1:], strict=False):
            ema = self.get_buffer(f"synthesis.{after.name}.magnitude_ema")
            ema.copy_(maps[layer.name].float().square().mean().lerp(ema, beta))

    def _run(
        self, codes: Styles, options: Options, taps: frozenset[str], start: State | None, stop: int | None,
        crop: bool = True,
    ) -> tuple[Tensor | None, dict[str, Tensor], State]:  # fmt: skip
        maps: dict[str, Tensor] = {}
        start = State(0, None) if start is None else start
        x, image = start.x, start.image
        end = len(self.layers) if stop is None else stop
        for layer in self.layers[start.index : end]:
            style, delta = codes[layer.index], options.deltas.get(layer.index)
            if layer.index == 0:
                x = self.synthesis.input(style, options.transform)
                rate, full = self.config.steps[0].in_rate, x
            else:
                step = self.config.steps[layer.index - 1]
                assert x is not None
                dtype = self.half_dtype if self.half_dtype is not None and step.half else self.dtype
                y = self.synthesis.get_submodule(layer.name)(x.to(dtype), style, delta)
                if layer.is_rgb:
                    image = full = y * self.config.output_scale
                else:
                    x = full = y
                rate = step.out_rate
            if layer.name in taps:
                maps[layer.name] = _canvas(full, rate) if crop else full
        return (image if stop is None else None), maps, State(end, x, image)

    _tangent_map = tangent_map


def _canvas(x: Tensor, rate: int) -> Tensor:
    """A map without the margin beyond the image's border."""
    margin = max(0, x.shape[-1] - rate) // 2
    return x[:, :, margin : margin + rate, margin : margin + rate]


def _layers(config: StyleGAN3Config) -> list[Layer]:
    """The Fourier features on row 0, layer i on row i + 1; a layer's resolution is its map's on the canvas."""
    first = config.steps[0]
    layers = [
        Layer(0, "input", first.in_rate, first.in_channels, 0, None, "synthesis.input.affine", 4),
    ]
    for i, step in enumerate(config.steps):
        rgb = i == len(config.steps) - 1
        name = "torgb" if rgb else f"L{i}"
        prefix = f"synthesis.{name}"
        layers.append(
            Layer(
                i + 1, name, min(step.out_rate, step.out_size), step.out_channels, i + 1, f"{prefix}.weight",
                f"{prefix}.affine", step.in_channels, is_rgb=rgb,
            )
        )  # fmt: skip
    return layers
