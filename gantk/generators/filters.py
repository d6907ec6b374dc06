"""StyleGAN3's filters (Karras et al. 2021, sections 3.2 and C): their design, and the filtered leaky ReLU in polyphase form.

A filtered leaky ReLU raises the sampling rate, bends the signal where it is oversampled, and lowers the rate again. The
definition inserts `up - 1` zeros after each sample, pads, convolves with the up filter, applies the leaky ReLU, convolves
with the down filter and keeps every down-th sample. Here no zero is multiplied and no dropped sample is computed: the fine
signal is held as its phases (samples t = d n + p for each p, d = gcd(up, down)), each of which is a short depthwise
convolution of the coarse signal; the output is the sum of one short convolution per phase.

Shape legend: N samples, C channels, H x W pixels, K filter taps, P phases per axis, T taps per phase.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gantk.generators.ops import leaky

# Values per channel block on a CPU: its phases stay in the second-level cache, and malloc reuses their memory.
BLOCK_VALUES = 600_000
BLOCK_CHANNELS = 16  # one vector register of the depthwise convolution; a smaller block would waste it


# --- design ------------------------------------------------------------------------------------------------------------


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


# --- polyphase arithmetic ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Polyphase:
    """The index arithmetic of one filtered leaky ReLU; the same on both axes.

    Attributes:
        out_size: samples it returns.
        phases, repeats, stride: d = gcd(up, down), up / d, down / d.
        crop: (before, after) samples of its input that no output depends on, so that nobody need compute them.
        pad: (before, after) zeros around what is left.
        up_index: [up, T] which tap of the flipped up filter meets which sample, K for none; row p + d s is phase p,
            repeat s.
        shift: [up] first sample each row of `up_index` looks at.
        down_index: [d, T] the same for the flipped down filter.
    """

    out_size: int
    phases: int
    repeats: int
    stride: int
    crop: tuple[int, int]
    pad: tuple[int, int]
    up_index: tuple[tuple[int, ...], ...]
    shift: tuple[int, ...]
    down_index: tuple[tuple[int, ...], ...]


def polyphase(in_size: int, out_size: int, up: int, down: int, up_taps: int, down_taps: int, first: int) -> Polyphase:
    """Plan of a filtered leaky ReLU from `in_size` to `out_size` samples.

    Args:
        first: zeros before the zero-inserted signal (negative: samples to drop there).
    """
    phases = math.gcd(up, down)
    repeats, stride = up // phases, down // phases
    # Fine sample t = up m + q meets tap k of the flipped filter where t + k - first is a multiple of up.
    offsets = [(first - q) % up for q in range(up)]
    bases = [(q + k - first) // up for q, k in enumerate(offsets)]
    width = max(len(range(k, up_taps, up)) for k in offsets)
    up_index = [[*range(k, up_taps, up)] for k in offsets]
    down_index = [[*range(p, down_taps, phases)] for p in range(phases)]
    down_width = max(map(len, down_index))
    origin = min(bases)
    coarse = -(-((out_size - 1) * stride + down_width) // repeats)
    before = -origin
    after = coarse + width - 1 + max(bases) - origin - before - in_size
    return Polyphase(
        out_size=out_size,
        phases=phases,
        repeats=repeats,
        stride=stride,
        crop=(max(0, -before), max(0, -after)),
        pad=(max(0, before), max(0, after)),
        up_index=tuple(tuple(row + [up_taps] * (width - len(row))) for row in up_index),
        shift=tuple(base - origin for base in bases),
        down_index=tuple(tuple(row + [down_taps] * (down_width - len(row))) for row in down_index),
    )


def phase_kernels(taps: Tensor | None, index: Tensor, gain: float = 1.0) -> Tensor:
    """The 2-D kernel of each pair of phases, [P, P, T, T], from filter taps [K] (separable) or [K, K].

    Args:
        taps: as published; a true convolution flips them. None is the single tap 1.
        index: [P, T] from a `Polyphase`.
        gain: per axis.
    """
    if taps is None:
        taps = torch.ones(1, device=index.device)
    if taps.ndim == 1:
        rows_PT = F.pad(taps.flip(0) * gain, (0, 1))[index]
        return rows_PT[:, None, :, None] * rows_PT[None, :, None, :]
    return F.pad(taps.flip(0, 1) * gain**2, (0, 1, 0, 1))[index[:, None, :, None], index[None, :, None, :]]


# --- the operation -----------------------------------------------------------------------------------------------------


def filtered_leaky(
    x_NCHW: Tensor, factor_NC: Tensor, bias_C: Tensor, up_PPTT: Tensor, down_PPTT: Tensor, plan: Polyphase,
    clamp: float | None,
) -> Tensor:  # fmt: skip
    """Down-filter(clamp(leaky(up-filter(x * factor + bias)))), [N, C, out, out].

    `x` comes without the samples in `plan.crop`. On a CPU it runs over blocks of channels (of rows, where one vector
    of channels is too large already), so that the fine signal never leaves the cache; the sums are the same.
    """
    samples, channels, height, width = x_NCHW.shape
    step_n, step_c, step_rows = samples, channels, plan.out_size
    if x_NCHW.device.type == "cpu":
        pixels = height * width * plan.repeats**2
        step_c = max(BLOCK_CHANNELS, BLOCK_VALUES // (samples * pixels) // BLOCK_CHANNELS * BLOCK_CHANNELS)
        step_n = max(1, min(samples, BLOCK_VALUES // (min(step_c, channels) * pixels)))
        bands = max(1, round(min(step_c, channels) * step_n * pixels / (4 * BLOCK_VALUES)))
        step_rows = -(-plan.out_size // bands)
        step_rows += -step_rows % plan.repeats  # a band starts with a whole coarse sample
    rows_of_samples = []
    for n in range(0, samples, step_n):
        blocks = []
        for c in range(0, channels, step_c):
            block = x_NCHW[n : n + step_n, c : c + step_c]
            factor, bias = factor_NC[n : n + step_n, c : c + step_c], bias_C[c : c + step_c]
            block = torch.addcmul(bias[:, None, None], block, factor[:, :, None, None])
            block = F.pad(block, plan.pad + plan.pad)
            blocks.append(_bands(block, up_PPTT, down_PPTT, plan, clamp, step_rows))
        rows_of_samples.append(blocks[0] if len(blocks) == 1 else torch.cat(blocks, 1))
    return rows_of_samples[0] if len(rows_of_samples) == 1 else torch.cat(rows_of_samples, 0)


def _bands(x: Tensor, up: Tensor, down: Tensor, plan: Polyphase, clamp: float | None, step: int) -> Tensor:
    """The operation in bands of `step` output rows."""
    if step >= plan.out_size:
        return _phases(x, up, down, plan, clamp, plan.out_size)
    parts = []
    for row in range(0, plan.out_size, step):
        count = min(step, plan.out_size - row)
        first = row * plan.stride // plan.repeats
        last = first + _coarse(plan, count) + len(plan.up_index[0]) - 1 + max(plan.shift)
        parts.append(_phases(x[:, :, first:last], up, down, plan, clamp, count))
    return torch.cat(parts, 2)


def _coarse(plan: Polyphase, rows: int) -> int:
    """Coarse samples behind `rows` output samples."""
    return -(-((rows - 1) * plan.stride + len(plan.down_index[0])) // plan.repeats)


def _phases(x: Tensor, up: Tensor, down: Tensor, plan: Polyphase, clamp: float | None, rows: int) -> Tensor:
    channels, d = x.shape[1], plan.phases
    high, wide = _coarse(plan, rows), _coarse(plan, plan.out_size)
    total = None
    for p in range(d):
        for q in range(d):
            parts = [
                _depthwise(x, up[i, j], channels)[
                    :, :, plan.shift[i] : plan.shift[i] + high, plan.shift[j] : plan.shift[j] + wide
                ]
                for i in range(p, len(plan.shift), d)
                for j in range(q, len(plan.shift), d)
            ]
            fine = leaky(parts[0] if plan.repeats == 1 else _interleave(parts, plan.repeats), clamp)
            if plan.repeats > 1:
                need = len(plan.down_index[0])
                fine = fine[:, :, : (rows - 1) * plan.stride + need, : (plan.out_size - 1) * plan.stride + need]
            term = _depthwise(fine, down[p, q], channels, plan.stride)
            total = term if total is None else total + term
    assert total is not None
    return total


def _depthwise(x: Tensor, kernel_TT: Tensor, channels: int, stride: int = 1) -> Tensor:
    return F.conv2d(x, kernel_TT.expand(channels, 1, -1, -1), stride=stride, groups=channels)


def _interleave(parts: list[Tensor], repeats: int) -> Tensor:
    """Sub-phases [N, C, H, W] (repeats^2 of them, row by row) woven into one [N, C, H * repeats, W * repeats].

    Woven with the channels last, the order in memory that depthwise convolutions want.
    """
    lines = []
    for row in range(repeats):
        cells = [part.permute(0, 2, 3, 1) for part in parts[row * repeats : (row + 1) * repeats]]
        lines.append(torch.stack(cells, 3).flatten(2, 3))
    return torch.stack(lines, 2).flatten(1, 2).permute(0, 3, 1, 2)
