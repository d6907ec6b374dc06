"""StyleGAN3's filters (Karras et al. 2021, sections 3.2 and C): their design, and the filtered leaky ReLU.

A filtered leaky ReLU raises the sampling rate, bends the signal where it is oversampled, and lowers the rate again.
The definition inserts `up - 1` zeros after each sample, pads, convolves with the up filter, applies the leaky ReLU,
convolves with the down filter and keeps every down-th sample. Here no zero is multiplied and no dropped sample is
computed: a transposed convolution of stride `up` visits only the samples that exist (each phase of the output meets its
own phase of the taps), its padding trims what the definition pads, and a convolution of stride `down` computes only
what is kept. Separable filters run one axis at a time.

Shape legend: N samples, C channels, H x W pixels, K filter taps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gantk.generators.ops import LEAK

# Values of one block's fine signal on a CPU, so that it stays in the cache and malloc reuses its memory.
BLOCK_VALUES = 1_200_000
TANGENT_VALUES = 2_400_000  # the same of steps at one sample, measured: larger blocks repay what a call costs
BLOCK_CHANNELS = 32  # two vector registers of the depthwise convolution; smaller blocks would waste them


# --- design ----------------------------------------------------------------------------------------------------------


def kaiser_window(taps: int, width: float, rate: float) -> Tensor:
    """Kaiser window [taps] (float64) for a transition band of `width` at sampling rate `rate`."""
    attenuation = 2.285 * (taps - 1) * math.pi * width / (rate / 2) + 7.95
    if attenuation > 50:
        beta = 0.1102 * (attenuation - 8.7)
    elif attenuation > 21:
        beta = 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21)
    else:
        beta = 0.0
    return torch.kaiser_window(taps, periodic=False, beta=beta, dtype=torch.float64)


def lowpass(taps: int, cutoff: float, half_width: float, rate: float, radial: bool = False) -> Tensor:
    """Low-pass filter of unit sum: [taps], or [taps, taps] when radially symmetric (equation 5 and appendix C.1).

    Args:
        cutoff, half_width: centre and half the width of the transition band, in the units of `rate`.
        rate: sampling rate of the signal that is filtered.
    """
    window = kaiser_window(taps, 2 * half_width, rate)
    x = (torch.arange(taps, dtype=torch.float64) - (taps - 1) / 2) / rate
    if not radial:
        line = torch.sinc(2 * cutoff * x) * window
        return (line / line.sum()).float()
    r = torch.hypot(x[:, None], x)
    bump = torch.special.bessel_j1(2 * math.pi * cutoff * r) / (math.pi * r)
    disc = torch.where(r == 0, cutoff, bump) * torch.outer(window, window)  # J1(a r) / (pi r) tends to cutoff
    return (disc / disc.sum()).float()


# --- the operation ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Resampling:
    """Where the samples of a filtered leaky ReLU lie; the same on both axes.

    Fine sample t is sample t + start of the transposed convolution's full output.

    Attributes:
        crop: input samples at either end that no output depends on; nobody need compute them.
        pad: (before, after) zeros that the cropped input lacks, where the definition pads more than a filter's reach.
        out_size: samples that come out.
    """

    up: int
    down: int
    up_taps: int
    down_taps: int
    start: int
    crop: int
    pad: tuple[int, int]
    out_size: int

    def fine(self, rows: int) -> int:
        """Fine samples behind `rows` output samples."""
        return (rows - 1) * self.down + self.down_taps


def resampling(in_size: int, out_size: int, up: int, down: int, up_taps: int, down_taps: int, first: int) -> Resampling:
    """The plan from `in_size` to `out_size` samples; `first` zeros go before the stuffed signal (negative: drops)."""
    start = up_taps - 1 - first
    end = (in_size - 1) * up + up_taps - start - ((out_size - 1) * down + down_taps)
    crop = max(0, min((start - up_taps) // up, (end - up_taps) // up) + 1)
    start, end = start - crop * up, end - crop * up
    pad = max(0, -(start // up)), max(0, -(end // up))
    return Resampling(up, down, up_taps, down_taps, start + pad[0] * up, crop, pad, out_size)


def filtered_leaky(
    x_NCHW: Tensor, factor_NC: Tensor, bias_C: Tensor, up_K: Tensor, down: Tensor, plan: Resampling, clamp: float | None
) -> Tensor:
    """down-filter(clamp(leaky(up-filter(x * factor + bias)))), [N, C, out, out]; the leaky ReLU has gain 1.

    On a CPU it runs over blocks of channels (and of rows, where a vector of channels is too large already), so that
    the fine signal never leaves the cache; every sum is the same.

    Args:
        x_NCHW: without the `plan.crop` samples at each border.
        up_K: up filter [K] as published, times `up`.
        down: down filter [K] (separable) or [K, K], as published.
    """
    samples, channels = x_NCHW.shape[:2]
    if torch.compiler.is_exporting():  # a graph for any number of samples has one operation, not blocks
        whole = torch.addcmul(bias_C[:, None, None], x_NCHW, factor_NC[:, :, None, None])
        return _band(_padded(whole, plan), up_K, down, plan, clamp, 0, plan.out_size)
    step_n, step_c, step_rows = _steps(x_NCHW, plan)
    batches = []
    for n in range(0, samples, step_n):
        blocks = []
        for c in _slices(channels, step_c):
            block = x_NCHW[n : n + step_n, c]
            block = torch.addcmul(bias_C[c, None, None], block, factor_NC[n : n + step_n, c, None, None])
            block = _padded(block, plan)
            rows = range(0, plan.out_size, step_rows)
            parts = [_band(block, up_K, down, plan, clamp, r, min(step_rows, plan.out_size - r)) for r in rows]
            blocks.append(_joined(parts, 2))
        batches.append(_joined(blocks, 1))
    return _joined(batches, 0)


def leaky_slope(z_NCHW: Tensor, up_K: Tensor, plan: Resampling, clamp: float | None, row: int, rows: int) -> Tensor:
    """The derivative of the clamped leaky ReLU behind some output rows of `filtered_leaky`, [N, C, F', F].

    Args:
        z_NCHW: x * factor + bias.
    """
    fine = _fine(_padded(z_NCHW, plan), up_K, plan, row, rows)
    slope = torch.where(fine > 0, fine.new_tensor(1.0), fine.new_tensor(LEAK))
    return slope if clamp is None else slope * ((fine > -clamp / LEAK) & (fine < clamp))


def filtered_tangent(
    step_cCHW: Tensor, up_K: Tensor, down: Tensor, plan: Resampling, slope: Callable[[slice, int, int], Tensor]
) -> Tensor:
    """down-filter(slope * up-filter(step)), [c, C, out, out]: the derivative of `filtered_leaky` at one sample.

    Args:
        step_cCHW: of x * factor + bias, many at once.
        slope: of some channels, behind `rows` output rows from `row` on: [1, C', F', F].
    """
    count, channels = step_cCHW.shape[:2]
    _, step_c, step_rows = _steps(step_cCHW[:1], plan)  # channels together, so that blocks lie in one piece
    pixels = plan.fine(step_rows) * plan.fine(plan.out_size)
    step_n = max(1, TANGENT_VALUES // (step_c * pixels)) if step_cCHW.device.type == "cpu" else count
    blocks = []
    for c in _slices(channels, step_c):
        block, bands = _padded(step_cCHW[:, c], plan), []
        for row in range(0, plan.out_size, step_rows):
            rows = min(step_rows, plan.out_size - row)
            factor = slope(c, row, rows)
            parts = (_fine(block[n : n + step_n], up_K, plan, row, rows).mul_(factor) for n in range(0, count, step_n))
            bands.append(_joined([_lowered(part, down, plan) for part in parts], 0))
        blocks.append(_joined(bands, 2))
    return _joined(blocks, 1)


def _steps(x_NCHW: Tensor, plan: Resampling) -> tuple[int, int, int]:
    """Samples, channels and output rows of one block."""
    samples, channels = x_NCHW.shape[:2]
    if x_NCHW.device.type != "cpu":
        return samples, channels, plan.out_size
    pixels = plan.fine(plan.out_size) ** 2
    # channels: a multiple of the vector width
    step_c = min(channels, max(BLOCK_CHANNELS, BLOCK_VALUES // (samples * pixels) // BLOCK_CHANNELS * BLOCK_CHANNELS))
    step_n = max(1, min(samples, BLOCK_VALUES // (step_c * pixels)))
    bands = max(1, round(step_c * step_n * pixels / (4 * BLOCK_VALUES)))
    return step_n, step_c, -(-plan.out_size // bands)


def _slices(channels: int, step: int) -> Iterator[slice]:
    """Blocks of `step` channels; a rest smaller than a vector register joins the last one."""
    first = 0
    while first < channels:
        last = channels if channels - first < step + BLOCK_CHANNELS else first + step
        yield slice(first, last)
        first = last


def _padded(x: Tensor, plan: Resampling) -> Tensor:
    return F.pad(x, plan.pad + plan.pad) if any(plan.pad) else x


def _joined(parts: list[Tensor], dim: int) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim)


def _band(x: Tensor, up_K: Tensor, down: Tensor, plan: Resampling, clamp: float | None, row: int, rows: int) -> Tensor:
    """Output rows `row .. row + rows - 1`: up along both axes, bend, down along both axes."""
    x = _fine(x, up_K, plan, row, rows)
    if clamp is not None:  # first, because autograd keeps the result of the leaky ReLU: so both can work in place
        x = F.hardtanh_(x, -clamp / LEAK, clamp)  # clamp_, which vmap does not know
    return _lowered(F.leaky_relu_(x, LEAK), down, plan)


def _fine(x: Tensor, up_K: Tensor, plan: Resampling, row: int, rows: int) -> Tensor:
    """Up along both axes: the samples behind output rows `row .. row + rows - 1`."""
    start, length = row * plan.down + plan.start, plan.fine(rows)
    first, last = max(0, -((plan.up_taps - 1 - start) // plan.up)), (start + length - 1) // plan.up
    if first > 0 or last + 1 < x.shape[2]:
        x, start = x[:, :, first : last + 1], start - first * plan.up
    x = _raise(x, up_K[:, None], plan.up, 2, start, length)
    return _raise(x, up_K[None], plan.up, 3, plan.start, plan.fine(plan.out_size))


def _lowered(x: Tensor, down: Tensor, plan: Resampling) -> Tensor:
    """Down along both axes."""
    if down.ndim == 2:
        return _depthwise(x, down.flip(0, 1), (plan.down, plan.down))
    taps_K = down.flip(0)
    return _depthwise(_depthwise(x, taps_K[None], (1, plan.down)), taps_K[:, None], (plan.down, 1))


def _raise(x: Tensor, kernel: Tensor, up: int, dim: int, start: int, length: int) -> Tensor:
    """Zero-insertion and filter along one axis: samples `start .. start + length - 1` of the full output."""
    channels, over = x.shape[1], (x.shape[dim] - 1) * up + kernel.numel() - start - length
    trim = min(start, over)  # equal at both ends in every published plan, so that nothing need be copied
    stride, padding = ((up, 1), (trim, 0)) if dim == 2 else ((1, up), (0, trim))
    x = F.conv_transpose2d(x, kernel.expand(channels, 1, -1, -1), stride=stride, padding=padding, groups=channels)
    return x if start == over else x.narrow(dim, start - trim, length)


def _depthwise(x: Tensor, kernel: Tensor, stride: tuple[int, int]) -> Tensor:
    return F.conv2d(x, kernel.expand(x.shape[1], 1, -1, -1), stride=stride, groups=x.shape[1])
