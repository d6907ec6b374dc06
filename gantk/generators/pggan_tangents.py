"""The derivative of a PGGAN's image in its code, forward and by hand: many steps at one code.

At one code everything but the tangents is fixed. With n = r x the pixel norm of a map x, r = (mean x^2 + eps)^-1/2,
and m the slopes of the leaky ReLU, a layer is

    dy = W * dn                       one shared convolution for all steps
    dn' = m r' dy - n' mean(n' m r' dy)    in place, over channels at every pixel

since both readers of a map, the next convolution and ToRGB, see it normalised. m r' is one map of the code.

Shape legend: c steps, Z width of the code, C channels, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from gantk.generators.ops import LEAK, arranged
from gantk.generators.progressive import growth, same_conv, up_kernel
from gantk.generators.spec import Layer, Options, State

if TYPE_CHECKING:
    from gantk.generators.pggan import PGGAN


@dataclass(frozen=True, eq=False)
class _Rule:
    """What a layer's rule needs of the code."""

    layer: Layer
    weight: Tensor  # scaled; of the first layer [16 C, Z], of one that doubles the map its 4x4 kernel
    up: bool = False
    gain: Tensor | None = None  # m r', or m without pixel norm
    norm: Tensor | None = None  # n'


def tangent_map(
    generator: PGGAN, codes: Sequence[Tensor], options: Options, start: State | None
) -> Callable[[Sequence[Tensor]], Tensor] | None:
    """Steps `([c, 1, Z],)` of the code [1, 1, Z] to steps of the image [c, C, H, W]; None where there is no rule.

    There is none for edited weights, and from a cached state, which a step of the code does not reach.
    """
    if options.deltas or start is not None:
        return None
    return _Tangents(generator, codes, options)


class _Tangents:
    def __init__(self, generator: PGGAN, codes: Sequence[Tensor], options: Options) -> None:
        config = generator.config
        self.blending = growth(config, options.lod)
        self.rules: list[_Rule] = []
        self.gain: Tensor | None = None
        self.norm: Tensor | None = None
        state = State(0, codes[0][:, 0])
        with torch.no_grad():
            if config.normalize_z:
                self.gain, self.norm = _norm(codes[0][:, 0], config.epsilon)
            for layer in generator.layers:
                part = generator._part(layer)
                weight = part.weight * part.scale
                if layer.is_rgb:
                    self.rules.append(_Rule(layer, arranged(weight)))
                    state = State(layer.index + 1, state.x)
                    continue
                _, _, state = generator._run(tuple(codes), options, frozenset(), state, layer.index + 1)
                up = layer.index > 0 and layer.name.endswith("conv0")
                if layer.index == 0:
                    weight = weight.permute(0, 2, 3, 1).flatten(0, 2)
                else:
                    weight = arranged(up_kernel(weight) if up else weight)
                x = state.x
                assert x is not None
                gain, norm = torch.where(x > 0, x.new_tensor(1.0), x.new_tensor(LEAK)), None
                if config.pixel_norm:
                    scale, norm = _norm(x, config.epsilon)
                    gain = gain * scale
                self.rules.append(_Rule(layer, weight, up, gain, norm))

    @torch.no_grad()
    def __call__(self, steps: Sequence[Tensor]) -> Tensor:
        step_cZ = steps[0][:, 0]
        dn = step_cZ if self.gain is None else _push_norm(step_cZ * self.gain, self.norm)
        image: Tensor | None = None
        for rule in self.rules:
            if rule.layer.is_rgb:
                rgb = F.conv2d(dn, rule.weight) if self.blending.wants_rgb(rule.layer) else None
                image = self.blending.blend(rule.layer, rgb, image)
                continue
            if rule.layer.index == 0:
                dy = F.linear(dn, rule.weight).unflatten(1, (-1, 4, 4))
            elif rule.up:
                dy = F.conv_transpose2d(dn, rule.weight.transpose(0, 1), stride=2, padding=1)
            else:
                dy = same_conv(dn, rule.weight)
            assert rule.gain is not None
            dn = _push_norm(dy.mul_(rule.gain), rule.norm)
        assert image is not None  # the last ToRGB makes one
        return image


def _norm(x: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """r and r x."""
    scale = torch.rsqrt(x.square().mean(1, keepdim=True) + epsilon)
    return scale, x * scale


def _push_norm(scaled: Tensor, norm: Tensor | None) -> Tensor:
    """The tangent after the norm of r dx, which is overwritten."""
    return scaled if norm is None else scaled.addcmul_(norm, (scaled * norm).mean(1, keepdim=True), value=-1)
