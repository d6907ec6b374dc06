"""Convolutions whose pullback is cheap to differentiate again.

torch's double backward of a convolution always computes the gradient of its weight, asked for or not: more than half of
the work of transposing a pullback. Here the pullback of a fixed convolution is written as the transposed convolution it
is, an ordinary operation whose own derivative costs one convolution.

Shape legend: N samples, C channels, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_input
from torch.overrides import TorchFunctionMode

Pair = tuple[int, int]


class FixedConvolutions(TorchFunctionMode):
    """While it is entered, convolutions whose weight has no gradient get such a pullback; values do not change."""

    # Any: what torch's functions take and give
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in (torch.conv2d, torch.conv_transpose2d):
            settings = _settings(func is torch.conv_transpose2d, args, kwargs)
            if settings is not None:
                return _Fixed.apply(*settings)
        return func(*args, **kwargs)


def _settings(transposed: bool, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """The arguments of a convolution, or None where its ordinary derivative is as good."""
    names = ["input", "weight", "bias", "stride", "padding", "dilation", "groups"]
    if transposed:
        names[5:] = ["output_padding", "groups", "dilation"]
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    x, weight, bias = given["input"], given["weight"], given.get("bias")
    fixed = not weight.requires_grad and (bias is None or not bias.requires_grad)
    if not fixed or not x.requires_grad or x.ndim != 4 or isinstance(given.get("padding", 0), str):
        return None
    pairs = [_pair(given.get(name, default)) for name, default in (("stride", 1), ("padding", 0), ("dilation", 1))]
    extra = _pair(given.get("output_padding", 0))
    return x, weight, bias, *pairs, int(given.get("groups", 1)), extra, transposed


def _pair(value: int | Sequence[int]) -> Pair:
    if isinstance(value, int):
        return (value, value)
    values = tuple(value)
    return (values[0], values[-1])


class _Fixed(torch.autograd.Function):
    # Any: torch's context, on which a function leaves what it likes
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair, dilation: Pair,
        groups: int, extra: Pair, transposed: bool,
    ) -> Tensor:  # fmt: skip
        ctx.save_for_backward(weight)
        ctx.settings = (stride, padding, dilation, groups, transposed)
        ctx.size = x.shape[-2:]
        if transposed:
            return F.conv_transpose2d(x, weight, bias, stride, padding, extra, groups, dilation)
        return F.conv2d(x, weight, bias, stride, padding, dilation, groups)

    # Any: as above
    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        gradient = gradients[0]
        (weight,) = ctx.saved_tensors
        stride, padding, dilation, groups, transposed = ctx.settings
        if transposed:
            found = F.conv2d(gradient, weight, None, stride, padding, dilation, groups)
        elif not torch.is_grad_enabled():  # nobody differentiates this again: torch's own kernel is faster
            size = (len(gradient), weight.shape[1] * groups, *ctx.size)
            found = conv2d_input(size, weight, gradient, stride, padding, dilation, groups)
        else:
            # what the strides of the forward pass did not reach
            spare = tuple(
                ctx.size[i] - ((gradient.shape[-2 + i] - 1) * stride[i] - 2 * padding[i])
                - (dilation[i] * (weight.shape[-2 + i] - 1) + 1)
                for i in range(2)
            )  # fmt: skip
            found = F.conv_transpose2d(gradient, weight, None, stride, padding, spare, groups, dilation)
        return found, None, None, None, None, None, None, None, None
