"""The derivative of a BigGAN's image in its styles, forward and by hand: many steps at one code.

At one code everything but the tangents is fixed. A batch norm, ReLU and convolution with gain g and bias b are

    dh = (k g / sd) dx + (k (x - mean) / sd) dg + k db       k: where the ReLU passes its input; the maps are the code's
    dy = W * dh                                               one shared convolution for all steps

and self-attention with shares A = softmax(q^T k) of queries q, keys k and values v is

    dS = dq^T k + q^T dk,   dA = A (dS - sum_Q A dS),   d(v A^T) = dv A^T + v dA^T.

Shape legend: c steps, I/C channels, H x W pixels, P = H * W, Q of them after pooling, K width of keys, V of values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantk.generators.biggan_blocks import Attention, NormConv, stored_row
from gantk.generators.ops import arranged
from gantk.generators.progressive import nearest, same_conv, up_kernel
from gantk.generators.spec import Options, State

if TYPE_CHECKING:
    from gantk.generators.biggan import BigGAN, Step

Rule = Callable[[Tensor | None, Tensor | None], Tensor | None]  # steps of the map and of the style to steps of the map


def tangent_map(
    generator: BigGAN, codes: Sequence[Tensor], moving: Sequence[int], options: Options, start: State | None
) -> Callable[[Sequence[Tensor]], Tensor] | None:
    """`Generator._tangent_map`; none for edited weights and in training mode, where a batch's own statistics count."""
    if options.deltas or generator.training:
        return None
    return _Tangents(generator, codes, moving, options, start)


class _Tangents:
    def __init__(
        self, generator: BigGAN, styles: Sequence[Tensor], moving: Sequence[int], options: Options, start: State | None
    ) -> None:
        self.moving, self.deep = tuple(moving), generator.config.deep
        self.rules: list[tuple[Step, int, Rule]] = []
        truncation = generator.config.bn_truncation if options.bn_truncation is None else options.bn_truncation
        stored = stored_row(truncation, generator.config.num_stats)
        state = State(0, None) if start is None else start
        first = state.index
        with torch.no_grad():
            for layer, step in zip(generator.layers[first:], generator._steps[first:], strict=True):
                place = generator._style_index.get(layer.index, -1)
                x, part = state.x, generator.get_submodule(step.path)
                _, _, state = generator._run(tuple(styles), options, frozenset(), state, layer.index + 1)
                rule = _rule(step, part, x, styles[place] if place >= 0 else None, stored)
                self.rules.append((step, place, rule))
            assert state.image is not None  # the last layer makes it
            self.bend = 1 - state.image.square()  # of the hyperbolic tangent

    @torch.no_grad()
    def __call__(self, given: Sequence[Tensor]) -> Tensor:
        steps, count = dict(zip(self.moving, given, strict=True)), len(given[0])
        dx: Tensor | None = None
        shortcut: Tensor | None = None
        for step, place, rule in self.rules:
            if step.kind == "skip":
                shortcut = rule(dx, None)
                continue
            if step.opens and self.deep:
                shortcut = dx
            dx = rule(dx, steps.get(place))
            if step.closes and shortcut is not None and dx is not None:
                shortcut = shortcut[:, : dx.shape[1]]
                dx = dx.add_(nearest(shortcut) if shortcut.shape[2] != dx.shape[2] else shortcut)
        return self.bend.new_zeros(count, *self.bend.shape[1:]) if dx is None else dx.mul_(self.bend)


def _rule(step: Step, part: nn.Module, x: Tensor | None, style: Tensor | None, stored: tuple[int, float]) -> Rule:
    if step.kind == "dense":
        return _dense(part)
    if step.kind == "skip":
        return _skip(part)
    assert x is not None  # all other parts read a map
    if step.kind == "attention":
        return _attention(cast(Attention, part), x)
    return _conv(cast(NormConv, part), x, style, stored, step.up)


def _dense(part: nn.Module) -> Rule:
    weight = cast(Tensor, part.weight)
    return lambda _, ds: None if ds is None else F.linear(ds, weight).unflatten(1, (-1, 4, 4))


def _skip(part: nn.Module) -> Rule:
    weight = arranged(cast(Tensor, part.weight))
    return lambda dx, _: None if dx is None else F.conv2d(dx, weight)


def _conv(part: NormConv, x: Tensor, style: Tensor | None, stored: tuple[int, float], up: bool) -> Rule:
    mean, var = part._statistics(x, stored)
    deviation = torch.rsqrt(var + part.epsilon)
    gain, bias = (part.norm_gain[None], part.norm_bias[None]) if style is None else style.chunk(2, -1)
    whitened = (x - mean[:, None, None]) * deviation[:, None, None]
    passes = (whitened * gain[..., None, None] + bias[..., None, None] > 0).to(x.dtype)
    of_map = passes * (gain * deviation)[..., None, None]
    of_gain = passes * whitened
    weight = arranged(up_kernel(part.weight) if up else part.weight)

    def rule(dx: Tensor | None, ds: Tensor | None) -> Tensor | None:
        if dx is None and ds is None:
            return None
        dh = None if dx is None else dx * of_map
        if ds is not None:
            dg, db = (half[..., None, None] for half in ds.chunk(2, -1))
            dh = of_gain * dg if dh is None else dh.addcmul_(of_gain, dg)
            dh = dh.addcmul_(passes, db)
        assert dh is not None
        return F.conv_transpose2d(dh, weight.transpose(0, 1), stride=2, padding=1) if up else same_conv(dh, weight)

    return rule


def _attention(part: Attention, x: Tensor) -> Rule:
    width = part.theta.shape[0]
    weight, back = arranged(torch.cat([part.theta, part.phi, part.g])), arranged(part.o * part.gamma)
    joint = F.conv2d(x, weight)
    pooled, taken = F.max_pool2d(joint[:, width:], 2, return_indices=True)
    q_1KP, pooled, taken = joint[:, :width].flatten(2), pooled.flatten(2), taken.flatten(2)
    k_1KQ, v_1VQ = pooled[:, :width], pooled[:, width:]
    share_1PQ = torch.softmax(q_1KP.transpose(1, 2) @ k_1KQ, -1)

    def rule(dx: Tensor | None, _: Tensor | None) -> Tensor | None:
        if dx is None:
            return None
        moved = F.conv2d(dx, weight)
        dq_cKP = moved[:, :width].flatten(2)
        picked = moved[:, width:].flatten(2).gather(2, taken.expand(len(dx), -1, -1))
        dk_cKQ, dv_cVQ = picked[:, :width], picked[:, width:]
        score_cPQ = dq_cKP.transpose(1, 2) @ k_1KQ + q_1KP.transpose(1, 2) @ dk_cKQ
        dshare_cPQ = score_cPQ.mul_(share_1PQ)
        dshare_cPQ.addcmul_(share_1PQ, dshare_cPQ.sum(-1, keepdim=True), value=-1)
        mixed_cVP = dv_cVQ @ share_1PQ.transpose(1, 2) + v_1VQ @ dshare_cPQ.transpose(1, 2)
        return dx + F.conv2d(mixed_cVP.unflatten(2, x.shape[2:]), back)

    return rule
