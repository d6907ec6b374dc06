"""Operations several families share: normalisation, FIR resampling, equalised layers, modulated convolution.

Shape legend: N samples, I input channels, O output channels, C channels, H x W pixels, K filter taps.

Filters are 1-D taps (every published filter is separable) applied as true convolutions along both axes, each axis in
its own pass and, where the rate changes, in polyphase form: no zero is ever inserted and multiplied.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantk.errors import GantkError

SQRT2 = math.sqrt(2.0)
LEAK = 0.2
BOX = (0.5, 0.5)
EPSILON = 1e-8  # of the demodulation
SMALLEST = 1e-30  # least energy that StyleGAN3 demodulates by, so that a channel edited to nothing stays at nothing


def inferring() -> bool:
    """Whether plain numbers are all that is wanted: inference mode, and no graph being traced (which knows better)."""
    return not torch.compiler.is_compiling() and torch.is_inference_mode_enabled()


def pixel_norm(x: Tensor, eps: float = 1e-8) -> Tensor:
    """x / sqrt(mean(x^2) + eps) along the channels."""
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + eps)


def leaky(x: Tensor, clamp: float | None = None, inplace: bool = False) -> Tensor:
    """Leaky ReLU 0.2, optionally clamped. Gains are folded into the operands before it (it is homogeneous)."""
    x = F.leaky_relu(x, LEAK, inplace)
    return x if clamp is None else x.clamp(-clamp, clamp)


def minibatch_deviation(x_NCHW: Tensor, group: int) -> Tensor:
    """Karras et al. 2018, section 3: one map [N, 1, H, W], the mean standard deviation within each group of samples."""
    n = x_NCHW.shape[0]
    group = min(group, n)
    if n % group:
        raise GantkError(f"a batch of {n} does not divide into groups of {group} for the minibatch deviation")
    grouped = x_NCHW.unflatten(0, (group, n // group))
    deviation = torch.sqrt((grouped - grouped.mean(0)).square().mean(0) + 1e-8).mean((1, 2, 3))
    return deviation.repeat(group)[:, None, None, None].expand(-1, 1, *x_NCHW.shape[2:])


def fir(x_NCHW: Tensor, taps: tuple[float, ...], pad: tuple[int, int], gain: float = 1.0, stride: int = 1) -> Tensor:
    """Zero-pad both axes by (before, after), convolve both with `taps`, times `gain`, keep every stride-th sample.

    A depthwise convolution with the outer product: for 4 taps faster than two passes or than shifted slices.
    """
    channels = x_NCHW.shape[1]
    line = _line(taps[::-1], x_NCHW)
    kernel = (line[:, None] * line * gain).expand(channels, 1, -1, -1)
    if pad[0] == pad[1] >= 0:
        return F.conv2d(x_NCHW, kernel, stride=stride, padding=pad[0], groups=channels)
    return F.conv2d(F.pad(x_NCHW, (pad[0], pad[1], pad[0], pad[1])), kernel, stride=stride, groups=channels)


def _line(taps: tuple[float, ...], like: Tensor) -> Tensor:
    """Taps where a tensor is; on a GPU without a copy, for which passes would wait and which no CUDA graph takes."""
    if like.device.type == "cpu":
        return like.new_tensor(taps)
    return torch.cat([like.new_full((1,), tap) for tap in taps])


def upsample2d(x_NCHW: Tensor, taps: tuple[float, ...]) -> Tensor:
    """Twice the size: zero-insertion, pad ((K+1)//2, (K-2)//2 + ...) and filter with gain 4, in polyphase form.

    Output sample 2m + r only meets the taps of one phase, so each phase is a short filter on the small image.
    """
    p = len(taps) - 2
    before = (p + 1) // 2 + 1  # of the zero-stuffed signal, as every StyleGAN2 pads
    for dim in (3, 2):
        size = x_NCHW.shape[dim]
        phases = []
        for r in range(2):
            # out[2m + r] = sum_k flipped[k] * stuffed[2m + r + k - before]; stuffed[2j] = x[j], odd entries are zero
            picks = [((r + k - before) // 2, 2 * tap) for k, tap in enumerate(taps[::-1]) if (r + k - before) % 2 == 0]
            picks = picks or [(0, 0.0)]  # a single tap leaves every second sample empty
            low = min(offset for offset, _ in picks)
            high = max(offset for offset, _ in picks)
            spare = [0, 0, 0, 0]
            spare[2 * (3 - dim)], spare[2 * (3 - dim) + 1] = max(0, -low), max(0, high)
            padded = F.pad(x_NCHW, spare)
            base = max(0, -low)
            phase = None
            for offset, weight in picks:
                term = padded.narrow(dim, base + offset, size)
                phase = term * weight if phase is None else torch.add(phase, term, alpha=weight)
            phases.append(phase)
        x_NCHW = torch.stack([p for p in phases if p is not None], dim + 1).flatten(dim, dim + 1)
    return x_NCHW


def upsample2d_transpose(gradient_NCHW: Tensor, taps: tuple[float, ...]) -> Tensor:
    """The transpose of `upsample2d`, [N, C, H/2, W/2]."""
    before = len(taps) - 1 - ((len(taps) - 1) // 2 + 1)
    return fir(gradient_NCHW, taps[::-1], (before, len(taps) - 2 - before), 4.0, stride=2)


def downsample2d(x_NCHW: Tensor, taps: tuple[float, ...]) -> Tensor:
    """Half the size: pad, filter, keep every second sample; only kept samples are computed."""
    p = len(taps) - 2
    return fir(x_NCHW, taps, ((p + 1) // 2, p // 2), stride=2)


def averaging(weight_OI33: Tensor) -> Tensor:
    """The kernel [O, I, 4, 4] of a convolution and the average of 2x2 behind it: no full-size map in between."""
    wide = F.pad(weight_OI33, (1, 1, 1, 1))
    return (wide[..., 1:, 1:] + wide[..., :-1, 1:] + wide[..., 1:, :-1] + wide[..., :-1, :-1]) / 4


class Dense(nn.Module):
    """Equalised dense layer: weight stored at unit scale / lr, multiplied by lr / sqrt(in) (bias by lr) at run time."""

    def __init__(self, inputs: int, outputs: int, *, lr: float = 1.0, bias: bool = True, bias_init: float = 0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr)
        self.bias = nn.Parameter(torch.full((outputs,), float(bias_init))) if bias else None
        self.scale, self.lr = lr / math.sqrt(inputs), lr

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        bias = None if self.bias is None else self.bias * (self.lr * gain)
        return F.linear(x, self.weight * (self.scale * gain), bias)


class Conv(nn.Module):
    """Equalised convolution with optional FIR resampling (discriminators, skip connections)."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, bias: bool = True, up: bool = False, down: bool = False,
        taps: tuple[float, ...] = (0.125, 0.375, 0.375, 0.125),
    ):  # fmt: skip
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.scale = 1 / math.sqrt(inputs * kernel * kernel)
        self.kernel, self.up, self.down, self.taps = kernel, up, down, taps

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        """Linear output times `gain`, bias included."""
        weight = self.weight * (self.scale * gain)
        bias = None if self.bias is None else self.bias * gain
        weight = weight.to(x.dtype)
        bias = None if bias is None else bias.to(x.dtype)
        if self.up:
            # a 1x1 convolution and the upsampling commute, the small one first; a bias would fade at the border
            y = upsample2d(F.conv2d(x, weight, padding=self.kernel // 2), self.taps)
            return y if bias is None else y + bias[:, None, None]
        if self.down and self.kernel == 1:
            return F.conv2d(downsample2d(x, self.taps), weight, bias)
        if self.down:
            p = len(self.taps) - 2 + self.kernel - 1
            if self.taps == BOX:
                return F.conv2d(x, averaging(weight), bias, stride=2, padding=1)
            return F.conv2d(fir(x, self.taps, ((p + 1) // 2, p // 2)), weight, bias, stride=2)
        return F.conv2d(x, weight, bias, padding=self.kernel // 2)


def modulated_conv(
    x_NIHW: Tensor, weight_OIKK: Tensor, style_NI: Tensor, *, demodulate: bool, up: bool,
    taps: tuple[float, ...] = (), gain: float = 1.0, delta: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """StyleGAN2's modulated convolution (Karras et al. 2020, section 2.2) by scaling activations, not weights.

    The style multiplies the input channels and the demodulation the output channels, so one shared convolution
    serves the batch. A weight delta with per-sample strength t adds a second shared convolution, and the norm of
    W + t * delta is quadratic in t: three small matrix products give it for every sample.

    Args:
        delta: (delta_OIKK, strength [N] or [1]).

    Returns:
        The convolution's output [N, O, H', W'] without demodulation, and the factor [N, O] still to multiply
        (`gain` included), left to the caller so that it joins noise and bias. The output is the caller's to overwrite.
    """
    scale = 1 / math.sqrt(weight_OIKK[0].numel())
    dtype = x_NIHW.dtype
    scaled_NI = style_NI * scale
    factor_NO = style_NI.new_full((style_NI.shape[0], weight_OIKK.shape[0]), gain)
    if demodulate:
        square_NI = scaled_NI.square()
        energy_NO = square_NI @ weight_OIKK.square().sum((2, 3)).t()
        if delta is not None:
            t = delta[1].to(style_NI.dtype)[:, None]
            cross_OI, delta_OI = (weight_OIKK * delta[0]).sum((2, 3)), delta[0].square().sum((2, 3))
            energy_NO = energy_NO + 2 * t * (square_NI @ cross_OI.t()) + t.square() * (square_NI @ delta_OI.t())
        factor_NO = factor_NO * torch.rsqrt(energy_NO + EPSILON)
    if dtype != weight_OIKK.dtype:
        # half precision: bring both operands to at most 1; demodulation cancels what it divides by
        peak_N1 = style_NI.abs().amax(1, keepdim=True).clamp_min(1e-12)
        factor_NO = factor_NO * peak_N1
        scaled_NI, weight_OIKK = style_NI / peak_N1, weight_OIKK * scale
        delta = None if delta is None else (delta[0] * scale, delta[1])
    if delta is None and _weights_are_less(x_NIHW, weight_OIKK):
        return resampled(x_NIHW, (weight_OIKK * scaled_NI[:, :, None, None]).to(dtype), up, taps), factor_NO
    x = x_NIHW * scaled_NI.to(dtype)[:, :, None, None]
    if delta is None:
        return resampled(x, weight_OIKK.to(dtype), up, taps), factor_NO
    y = _convolve(x, weight_OIKK.to(dtype), up)
    y = y + delta[1].to(dtype)[:, None, None, None] * _convolve(x, delta[0].to(dtype), up)
    return (fir(y, taps, up_pad(taps), 4.0) if up else y), factor_NO


def _weights_are_less(x_NIHW: Tensor, weight_OIKK: Tensor) -> bool:
    """Whether to scale the weights after all: one plain picture, and a map with more numbers than the weights.

    Only where nothing is differentiated: under `jvp` the tangents would need a second convolution.
    """
    return inferring() and x_NIHW.shape[0] == 1 and weight_OIKK.numel() < x_NIHW.numel()


def resampled(x: Tensor, weight: Tensor, up: bool, taps: tuple[float, ...]) -> Tensor:
    """A convolution, or where it doubles the map a transposed one with the FIR behind it."""
    y = _convolve(x, weight, up)
    return fir(y, taps, up_pad(taps), 4.0) if up else y


def resampled_transpose(gradient: Tensor, weight: Tensor, up: bool, taps: tuple[float, ...]) -> Tensor:
    """The transpose of `resampled` in x."""
    if not up:
        turned = arranged(weight.transpose(0, 1).flip(2, 3))
        return F.conv2d(gradient, turned, padding=weight.shape[-1] // 2)
    before, after = up_pad(taps)
    wide = fir(gradient, taps[::-1], (len(taps) - 1 - before, len(taps) - 1 - after), 4.0)
    return F.conv2d(wide, arranged(weight.transpose(0, 1)), stride=2)


def scale_and_shift(y_NOHW: Tensor, factor_NO: Tensor, bias_O: Tensor, noise: Tensor | None) -> Tensor:
    """y * factor + bias + noise, in place in inference mode: a fresh map costs more than the arithmetic on it."""
    factor, bias = factor_NO[:, :, None, None], bias_O[None, :, None, None]
    if inferring():
        y_NOHW = y_NOHW.mul_(factor).add_(bias)
        return y_NOHW if noise is None else y_NOHW.add_(noise)
    y_NOHW = torch.addcmul(bias, y_NOHW, factor)
    return y_NOHW if noise is None else y_NOHW + noise


def up_pad(taps: tuple[float, ...]) -> tuple[int, int]:
    """Padding of the FIR after a stride-2 transposed 3x3 convolution (output 2H+1) that leaves 2H samples."""
    p = (len(taps) - 2) - 2
    return (p + 1) // 2 + 1, p // 2 + 1


def _convolve(x: Tensor, weight: Tensor, up: bool) -> Tensor:
    if up:
        return F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
    return F.conv2d(x, weight, padding=weight.shape[-1] // 2)


def arranged(weight: Tensor) -> Tensor:
    """Kernels in the order that makes a CPU's convolutions keep channels last, which they are fastest in."""
    return weight.contiguous(memory_format=torch.channels_last) if weight.device.type == "cpu" else weight
