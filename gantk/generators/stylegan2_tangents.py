"""The derivative of a StyleGAN2's image in its styles, forward and by hand: many steps at one code.

`torch.func.jvp` under `vmap` gives the same numbers, but every rule of it writes new maps, and maps are what it costs:
on a CPU two thirds of its time. At one code everything but the tangents is fixed, so a layer is here

    u  = s dx + x ds            in place; s folded into the weights where no style moves
    dy = W * u                  one shared convolution for all steps, and the FIR where it upsamples
    dx = m (f dy + y df)        in place; m the slopes of the leaky ReLU, df = -f / E  sum_i s_i ds_i |W_oi|^2

and its transpose, with gradients g of what these are steps of,

    g_u = W^T (m f g_dx)        the convolution's transpose
    g_x = s g_u
    g_s = sum_p x g_u - s sum_o f / E |W_oi|^2 sum_p m y g_dx

with x, y, the demodulation f = g (E + eps)^-1/2 and m of the code. Where the next layer alone reads dx, its s is
folded into m f and m y. A ToRGB's x ds is a product of small matrices.

Shape legend: c steps, I/O channels, H x W pixels, P = H W.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from gantk.generators.ops import (
    EPSILON,
    LEAK,
    SQRT2,
    arranged,
    resampled,
    resampled_transpose,
    upsample2d,
    upsample2d_transpose,
)
from gantk.generators.spec import Layer, Linear, Options, State

if TYPE_CHECKING:
    from gantk.generators.stylegan2 import StyledConv, StyleGAN2, ToRGB

ROWS = 1 << 18  # numbers of a map in one product with another: both stay in the cache


@dataclass(frozen=True, eq=False)
class _Conv:
    """What a styled convolution's rule needs of the code; what belongs to a moving style is None where none moves."""

    layer: Layer
    part: StyledConv
    x_1IHW: Tensor | None  # None, like the others that may be, where the style does not move
    style_1I: Tensor
    weight: Tensor  # with the style folded in where it does not move
    energy_OI: Tensor | None
    shrink_1O: Tensor | None  # -f / (E + eps)
    dy_gain: Tensor  # m f, times the next style
    df_gain: Tensor | None  # m y, times the next style
    prescaled: bool  # the layer before has folded this one's style in


@dataclass(frozen=True, eq=False)
class _RGB:
    """What a ToRGB's rule needs of the code."""

    layer: Layer
    weight_style: Tensor  # W s, [3, I, 1, 1]
    weight_OI: Tensor | None
    x_IP: Tensor | None
    slope: Tensor | None


def tangent_map(
    generator: StyleGAN2, codes: Sequence[Tensor], moving: Sequence[int], options: Options, start: State | None
) -> Callable[[Sequence[Tensor]], Tensor] | None:
    """`Generator._tangent_map`; none for edited weights, in half precision, and where levels of detail are blended."""
    if generator.half_dtype is not None or options.deltas or generator.config.architecture == "revised":
        return None
    if generator.dtype not in (torch.float32, torch.float64):
        return None
    return _Tangents(generator, codes, moving, options, start)


class _Tangents(Linear):
    @torch.no_grad()
    def __init__(
        self, generator: StyleGAN2, styles: Sequence[Tensor], moving: Sequence[int], options: Options,
        start: State | None,
    ) -> None:  # fmt: skip
        """One pass over the layers at the code, which keeps what the rules need."""
        self.generator, self.moving = generator, tuple(moving)
        self.resnet = generator.config.architecture == "resnet"
        self.rules: list[_Conv | _RGB] = []
        x = generator.synthesis.const.unsqueeze(0) if start is None else start.x
        shortcut = None if start is None else start.shortcut
        layers = generator.layers[0 if start is None else start.index :]
        assert x is not None
        for place, layer in enumerate(layers):
            block = generator.block(layer)
            style, moves = styles[layer.index], layer.index in moving
            if layer.is_rgb:
                self.rules.append(_rgb_rule(layer, block.torgb, x, style, moves))
                continue
            first = layer.name.endswith("conv0")
            part = block.conv0 if first else block.conv1
            if first and self.resnet:
                shortcut = block.skip(x, gain=math.sqrt(0.5))
            gain = math.sqrt(0.5) if shortcut is not None and not first else 1.0
            noise = generator._noise(part, layer, options, 1)
            following = layers[place + 1] if place + 1 < len(layers) else None
            # conv1 is the only reader of conv0's map
            next_style = (
                styles[following.index] if first and following is not None and following.index in moving else None
            )
            rule, x_next = _conv_rule(layer, part, x, style, moves, noise, gain, next_style, self._folded())
            self.rules.append(rule)
            x = x_next
            if not first and shortcut is not None:
                x, shortcut = x + shortcut, None

    def _folded(self) -> bool:
        """Whether the rule before has scaled its tangent by this layer's style."""
        before = self.rules[-1] if self.rules else None
        return isinstance(before, _Conv) and before.layer.name.endswith("conv0")

    @torch.no_grad()
    def __call__(self, given: Sequence[Tensor]) -> Tensor:
        steps, count = dict(zip(self.moving, given, strict=True)), len(given[0])
        generator = self.generator
        taps = generator.config.resample_filter
        dx: Tensor | None = None
        image: Tensor | None = None
        shortcut: Tensor | None = None
        for rule in self.rules:
            ds = steps.get(rule.layer.index)
            if isinstance(rule, _RGB):
                if image is not None:
                    image = upsample2d(image, taps)
                image = _push_rgb(rule, dx, ds, image)
                continue
            first = rule.layer.name.endswith("conv0")
            if first and self.resnet and dx is not None:
                block = generator.block(rule.layer)
                shortcut = block.skip(dx, gain=math.sqrt(0.5))
            dx = _push_conv(rule, dx, ds)
            if not first and shortcut is not None:
                dx, shortcut = shortcut if dx is None else dx.add_(shortcut), None
        if image is None:
            spec = generator.spec
            return generator.synthesis.const.new_zeros(count, spec.image_channels, spec.height, spec.width)
        return image

    @torch.no_grad()
    def transpose(self, gradient_cCHW: Tensor) -> tuple[Tensor, ...]:
        found: dict[int, Tensor] = {}
        taps = self.generator.config.resample_filter
        g_image, g_x, g_shortcut = gradient_cCHW, None, None
        first = min(self.moving)
        rules = [rule for rule in self.rules if rule.layer.index >= first]  # nothing moves before
        for rule in reversed(rules):
            index, moves = rule.layer.index, rule.layer.index in self.moving
            if isinstance(rule, _RGB):
                g_rgb = g_image if rule.slope is None else g_image * rule.slope
                if moves:
                    found[index] = _pull_style_of_rgb(rule, g_rgb)
                if index > first:
                    back = F.conv_transpose2d(g_rgb, rule.weight_style)
                    g_x = back if g_x is None else g_x.add_(back)
                    if not self.resnet and rule.layer.resolution > max(self.generator.config.base):
                        g_image = upsample2d_transpose(g_image, taps)
                continue
            assert g_x is not None
            before = rule.layer.name.endswith("conv0")
            if not before and self.resnet:
                g_shortcut = g_x.clone()
            g_x, g_style = _pull_conv(rule, g_x)
            if g_style is not None:
                found[index] = g_style
            if before and self.resnet and g_shortcut is not None:
                skip = self.generator.block(rule.layer).skip
                weight = skip.weight * (skip.scale * math.sqrt(0.5))
                g_x = g_x.add_(F.conv_transpose2d(upsample2d_transpose(g_shortcut, taps), weight))
        return tuple(found[index] for index in self.moving)


# --- rules at the code ------------------------------------------------------------------------------------------------


def _conv_rule(
    layer: Layer, part: StyledConv, x: Tensor, style: Tensor, moves: bool, noise: Tensor | None, gain: float,
    next_style: Tensor | None, prescaled: bool,
) -> tuple[_Conv, Tensor]:  # fmt: skip
    weight = part.weight
    scale = 1 / math.sqrt(weight[0].numel())
    square_OI = weight.square().sum((2, 3)) * scale**2
    energy_1O = style.square() @ square_OI.t() + EPSILON
    factor_1O = gain * SQRT2 * torch.rsqrt(energy_1O)
    modulated = arranged(weight * (style[:, :, None, None] * scale))
    y = resampled(x, modulated, part.up, part.taps)
    total = y * factor_1O[:, :, None, None] + (part.bias * (gain * SQRT2))[:, None, None]
    if noise is not None:
        total = total + noise * (part.noise_strength * (gain * SQRT2))
    slope = torch.where(total > 0, total.new_tensor(1.0), total.new_tensor(LEAK))
    out = total * slope
    if part.clamp is not None:
        bound = part.clamp * gain
        slope = slope * (out.abs() < bound)
        out = out.clamp(-bound, bound)
    after = 1.0 if next_style is None else next_style[:, :, None, None]
    rule = _Conv(
        layer,
        part,
        x if moves else None,
        style,
        arranged(weight * scale) if moves else modulated,
        square_OI if moves else None,
        -factor_1O / energy_1O if moves else None,
        slope * (factor_1O[:, :, None, None] * after),
        y.mul_(slope).mul_(after) if moves else None,
        prescaled and moves,
    )
    return rule, out


def _rgb_rule(layer: Layer, part: ToRGB, x: Tensor, style: Tensor, moves: bool) -> _RGB:
    scale = 1 / math.sqrt(part.weight[0].numel())
    weight_style = part.weight * (style[:, :, None, None] * scale)
    slope = None
    if part.clamp is not None:
        rgb = F.conv2d(x, weight_style, part.bias)
        slope = (rgb.abs() < part.clamp).to(rgb.dtype)
    weight_OI = part.weight[:, :, 0, 0] * scale if moves else None
    return _RGB(layer, weight_style, weight_OI, x[0].flatten(1) if moves else None, slope)


# --- steps ------------------------------------------------------------------------------------------------------------


def _push_conv(rule: _Conv, dx: Tensor | None, ds: Tensor | None) -> Tensor | None:
    """The tangent after a convolution; `dx` is overwritten."""
    if ds is not None:
        assert rule.x_1IHW is not None
        if dx is None:
            dx = rule.x_1IHW * ds[:, :, None, None]
        else:
            if not rule.prescaled:
                dx.mul_(rule.style_1I[:, :, None, None])
            dx.addcmul_(rule.x_1IHW, ds[:, :, None, None])
    elif dx is None:
        return None
    dy = resampled(dx, rule.weight, rule.part.up, rule.part.taps)
    dy.mul_(rule.dy_gain)
    if ds is not None:
        assert rule.shrink_1O is not None and rule.energy_OI is not None and rule.df_gain is not None
        df_cO = rule.shrink_1O * ((ds * rule.style_1I) @ rule.energy_OI.t())
        dy.addcmul_(rule.df_gain, df_cO[:, :, None, None])
    return dy


def _push_rgb(rule: _RGB, dx: Tensor | None, ds: Tensor | None, image: Tensor | None) -> Tensor | None:
    """The image's tangent with this layer's added; `image` is overwritten."""
    rgb = None if dx is None else F.conv2d(dx, rule.weight_style)
    if ds is not None and rule.weight_OI is not None and rule.x_IP is not None:
        rows = (rule.weight_OI * ds[:, None, :]).flatten(0, 1)
        moved = (rows @ rule.x_IP).reshape(len(ds), -1, rule.layer.height, rule.layer.width)
        rgb = moved if rgb is None else rgb.add_(moved)
    if rgb is None:
        return image
    if rule.slope is not None:
        rgb = rgb.mul_(rule.slope)
    return rgb if image is None else image.add_(rgb)


# --- transposes of the steps ------------------------------------------------------------------------------------------


def _pull_conv(rule: _Conv, g_x: Tensor) -> tuple[Tensor, Tensor | None]:
    """Gradients before a convolution, and [c, I] of its style; `g_x` is overwritten."""
    g_factor_cO = None if rule.df_gain is None else _products(g_x, rule.df_gain)
    g_u = resampled_transpose(g_x.mul_(rule.dy_gain), rule.weight, rule.part.up, rule.part.taps)
    if g_factor_cO is None:
        return g_u, None
    assert rule.x_1IHW is not None and rule.shrink_1O is not None and rule.energy_OI is not None
    g_style = _products(g_u, rule.x_1IHW) + rule.style_1I * ((rule.shrink_1O * g_factor_cO) @ rule.energy_OI)
    return g_u if rule.prescaled else g_u.mul_(rule.style_1I[:, :, None, None]), g_style


def _pull_style_of_rgb(rule: _RGB, g_rgb: Tensor) -> Tensor:
    assert rule.weight_OI is not None and rule.x_IP is not None
    g_cOI = g_rgb.flatten(2) @ rule.x_IP.T
    return (g_cOI * rule.weight_OI).sum(1)


def _products(map_cCHW: Tensor, other_1CHW: Tensor) -> Tensor:
    """Sums of products over the pixels, [c, C], some rows at a time."""
    rows = max(1, ROWS // (map_cCHW.shape[1] * map_cCHW.shape[3]))
    total = map_cCHW.new_zeros(map_cCHW.shape[:2])
    for one, other in zip(map_cCHW.split(rows, 2), other_1CHW.split(rows, 2), strict=True):
        for place, image in enumerate(one.split(1)):
            total[place] += (image * other).sum((2, 3))[0]
    return total
