"""The derivative of a StyleGAN3's image in its styles, forward and by hand: many steps at one code.

At one code everything but the tangents is fixed, so a layer is here

    u  = s dx + x ds                in place
    dz = (f W) * u + y df           one shared convolution for all steps; df = -f / E  sum_i s_i ds_i |W_oi|^2
    s' dx' = down(m s' up(dz))      m the slopes of the leaky ReLU at the raised rate, s' the next layer's style

with x, y = W * (s x), the demodulation f = g E^-1/2 and m of the code. The Fourier features' motion has four numbers,
so that their derivative is four maps, of which every step takes a sum.

Shape legend: c steps, I/O channels, H x W pixels, F x F samples at the raised rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor
from torch.func import jvp

from gantk.generators.filters import filtered_tangent, leaky_slope
from gantk.generators.forward_mode import load_decompositions
from gantk.generators.ops import EPSILON, SMALLEST, SQRT2, arranged
from gantk.generators.spec import Options, State

if TYPE_CHECKING:
    from gantk.generators.stylegan3 import StyleGAN3, SynthesisLayer

KEPT_VALUES = 16_000_000  # of a layer's slopes, 64 MB; larger ones are computed again, block by block

Push = Callable[[Tensor | None, Tensor | None], Tensor | None]  # steps of the map and of the style to steps of the map


def tangent_map(
    generator: StyleGAN3, codes: Sequence[Tensor], moving: Sequence[int], options: Options, start: State | None
) -> Callable[[Sequence[Tensor]], Tensor] | None:
    """`Generator._tangent_map`; none for edited weights and in half precision."""
    if generator.half_dtype is not None or options.deltas:
        return None
    return _Tangents(generator, codes, moving, options, start)


class _Tangents:
    def __init__(
        self, generator: StyleGAN3, styles: Sequence[Tensor], moving: Sequence[int], options: Options,
        start: State | None,
    ) -> None:  # fmt: skip
        self.generator, self.moving = generator, tuple(moving)
        self.rules: dict[int, Push] = {}
        self.features_4CHW: Tensor | None = None  # the derivative of the Fourier features, times the next style
        state = State(0, None) if start is None else start
        with torch.no_grad():
            for layer in generator.layers[state.index :]:
                x = state.x
                _, _, state = generator._run(tuple(styles), options, frozenset(), state, layer.index + 1)
                if layer.index:
                    assert x is not None  # the layer before made it
                    after = None if layer.is_rgb else styles[layer.index + 1]
                    part = cast("SynthesisLayer", generator.synthesis.get_submodule(layer.name))
                    scale = generator.config.output_scale if layer.is_rgb else SQRT2
                    self.rules[layer.index] = _rule(part, x, styles[layer.index], after, scale)
                elif 0 in self.moving:
                    self.features_4CHW = _features(generator, styles[0], options) * styles[1][:, :, None, None]

    @torch.no_grad()
    def __call__(self, given: Sequence[Tensor]) -> Tensor:
        steps, count = dict(zip(self.moving, given, strict=True)), len(given[0])
        dx: Tensor | None = None  # times the style of the layer that reads it
        if self.features_4CHW is not None:
            dx = torch.einsum("ck,kihw->cihw", steps[0], self.features_4CHW)
        for index, rule in self.rules.items():
            dx = rule(dx, steps.get(index))
        if dx is None:
            spec = self.generator.spec
            return self.generator.synthesis.input.weight.new_zeros(count, spec.image_channels, spec.height, spec.width)
        return dx


def _features(generator: StyleGAN3, motion_14: Tensor, options: Options) -> Tensor:
    """The derivative of the Fourier features in each number of the motion, [4, C, H, W]."""
    load_decompositions()

    def features(motion: Tensor) -> Tensor:
        return cast(Tensor, generator.synthesis.input(motion, options.transform))

    units = torch.eye(4, dtype=motion_14.dtype, device=motion_14.device).split(1)
    return torch.cat([jvp(features, (motion_14,), (unit,))[1] for unit in units])


def _rule(part: SynthesisLayer, x_1IHW: Tensor, style_1I: Tensor, after: Tensor | None, scale: float) -> Push:
    """The rule of a layer; its input's steps come times `style_1I`, its output's leave times the style `after` it."""
    y_1OHW, factor_1O = part._convolve(x_1IHW, style_1I, None)
    of_weight = scale / math.sqrt(part.weight[0].numel()) if part.rgb else scale
    weight_f = arranged(part.weight * (factor_1O[0] * of_weight)[:, None, None, None])
    energy_OI, shrink_1O = _demodulation(part, style_1I, factor_1O * scale)
    finish = _clamped(part, y_1OHW, factor_1O, scale) if after is None else _filtered(part, y_1OHW, factor_1O, after)

    def rule(dx: Tensor | None, ds: Tensor | None) -> Tensor | None:
        if ds is not None:
            moved = ds[:, :, None, None]
            dx = x_1IHW * moved if dx is None else dx.addcmul_(x_1IHW, moved)
        elif dx is None:
            return None
        dz = part._shared(dx, weight_f)
        if ds is not None and not part.rgb:
            df_cO = shrink_1O * ((ds * style_1I) @ energy_OI.t())
            dz = dz.addcmul_(y_1OHW, df_cO[:, :, None, None])
        return finish(dz)

    return rule


def _demodulation(part: SynthesisLayer, style_1I: Tensor, factor_1O: Tensor) -> tuple[Tensor, Tensor]:
    """The energies [O, I] that E is a sum of, each times a squared style, and -f / E."""
    energy_OI = part.weight.square().sum((2, 3))
    mean_O = energy_OI.sum(1) / part.weight[0].numel()
    energy_OI = energy_OI + EPSILON * mean_O[:, None] / style_1I.shape[1]
    energy_1O = style_1I.square() @ energy_OI.t()
    return energy_OI, torch.where(energy_1O > SMALLEST, -factor_1O / energy_1O, 0.0)


def _clamped(part: SynthesisLayer, y_1OHW: Tensor, factor_1O: Tensor, scale: float) -> Callable[[Tensor], Tensor]:
    """What ToRGB does after its convolution."""
    clamp = part.step.conv_clamp
    if clamp is None:
        return lambda dz: dz
    rgb = torch.addcmul(part.bias[:, None, None], y_1OHW, factor_1O[:, :, None, None])
    within = (rgb.abs() <= clamp).to(rgb.dtype)
    return lambda dz: dz.mul_(within)


def _filtered(part: SynthesisLayer, y_1OHW: Tensor, factor_1O: Tensor, after: Tensor) -> Callable[[Tensor], Tensor]:
    """What the other layers do, times the next style."""
    plan, clamp = part.plan, part.step.conv_clamp
    up, down = part._filters()
    z_1OHW = torch.addcmul(part.bias[:, None, None] * SQRT2, y_1OHW, factor_1O[:, :, None, None] * SQRT2)
    next_1O11 = after[:, :, None, None]

    def slope(channels: slice, row: int, rows: int) -> Tensor:
        return leaky_slope(z_1OHW[:, channels], up, plan, clamp, row, rows).mul_(next_1O11[:, channels])

    if z_1OHW.shape[1] * plan.fine(plan.out_size) ** 2 > KEPT_VALUES:
        return lambda dz: filtered_tangent(dz, up, down, plan, slope)
    kept = slope(slice(None), 0, plan.out_size)

    def slice_of(channels: slice, row: int, rows: int) -> Tensor:
        return kept[:, channels, row * plan.down : row * plan.down + plan.fine(rows)]

    return lambda dz: filtered_tangent(dz, up, down, plan, slice_of)
