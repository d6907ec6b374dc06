"""Sampling rates, cutoffs, sizes and channels of StyleGAN3's layers (Karras et al. 2021, section 3.2 and C)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, TypedDict

from gantk.errors import GantkError
from gantk.generators.spec import Config

LARGEST = 1 << 16


@dataclass(frozen=True)
class Step(Config):
    """One layer after the Fourier features.

    Attributes:
        in_size, out_size: pixels of its maps, margin included; in_rate, out_rate: of those, the canvas.
        up, down: factors of the filtered leaky ReLU; up_taps, down_taps: of its filters, 1 for none.
        radial: whether the down filter is radially symmetric [K, K] instead of separable [K].
        in_cutoff, out_cutoff, in_half_width, out_half_width: what the filters were designed with (the up filter
            belongs to the input's side, the down filter to the output's).
        half: whether the original runs it in half precision.
    """

    in_channels: int
    out_channels: int
    in_size: int
    out_size: int
    in_rate: int
    out_rate: int
    up: int
    down: int
    up_taps: int
    down_taps: int
    kernel: int
    radial: bool
    in_cutoff: float
    out_cutoff: float
    in_half_width: float
    out_half_width: float
    conv_clamp: float | None = 256.0
    half: bool = False

    def __post_init__(self) -> None:
        sizes = (self.in_channels, self.out_channels, self.in_size, self.out_size, self.in_rate, self.out_rate)
        factors = (self.up, self.down, self.kernel)
        taps = (self.up_taps, self.down_taps)
        if min(sizes + factors + taps) < 1 or max(sizes) > LARGEST or max(factors) > 64 or max(taps) > 4096:
            raise GantkError(f"a StyleGAN3 layer has a size that cannot be: {self}")
        if self.in_rate * self.up != self.out_rate * self.down:
            raise GantkError(
                f"a StyleGAN3 layer at rate {self.in_rate}, up {self.up}, down {self.down} misses rate {self.out_rate}"
            )

    @property
    def padding(self) -> tuple[int, int]:
        """Zeros before and after the zero-inserted signal; negative drops samples."""
        wide = (self.in_size + self.kernel - 1) * self.up
        total = (self.out_size - 1) * self.down + 1 - wide + self.up_taps + self.down_taps - 2
        before = (total + self.up) // 2
        return before, total - before


class _Side(NamedTuple):
    """What lies between two layers: frequencies in cycles per image, sizes in pixels."""

    cutoff: float
    rate: int
    half_width: float
    size: int
    channels: int


class PlanArguments(TypedDict, total=False):
    """The keywords of `plan`."""

    num_layers: int
    num_critical: int
    first_cutoff: float
    first_stopband: float
    last_stopband_rel: float
    margin: int
    filter_size: int
    lrelu_upsampling: int
    channel_base: int
    channel_max: int
    kernel: int
    radial: bool
    image_channels: int
    conv_clamp: float | None
    num_fp16_res: int


def plan(
    resolution: int,
    *,
    num_layers: int = 14,
    num_critical: int = 2,
    first_cutoff: float = 2.0,
    first_stopband: float = 2**2.1,
    last_stopband_rel: float = 2**0.3,
    margin: int = 10,
    filter_size: int = 6,
    lrelu_upsampling: int = 2,
    channel_base: int = 32768,
    channel_max: int = 512,
    kernel: int = 3,
    radial: bool = False,
    image_channels: int = 3,
    conv_clamp: float | None = 256.0,
    num_fp16_res: int = 4,
) -> tuple[Step, ...]:
    """The layers of a StyleGAN3 of a given resolution; cutoffs and stop bands grow geometrically to the image's.

    Layer i = 0 .. num_layers, the last being ToRGB; the last num_critical + 1 are critically sampled (cutoff at half
    the sampling rate) and filter separably.
    """
    sides = []
    for i in range(num_layers + 1):
        exponent = min(i / (num_layers - num_critical), 1.0)
        cutoff = first_cutoff * (resolution / 2 / first_cutoff) ** exponent
        stopband = first_stopband * (resolution / 2 * last_stopband_rel / first_stopband) ** exponent
        rate = 2 ** math.ceil(math.log2(min(2 * stopband, resolution)))
        sides.append(
            _Side(
                cutoff=cutoff,
                rate=rate,
                half_width=max(stopband, rate / 2) - cutoff,
                size=resolution if i >= num_layers - 1 else rate + 2 * margin,
                channels=image_channels if i == num_layers else round(min(channel_base / 2 / cutoff, channel_max)),
            )
        )
    steps = []
    for i, out in enumerate(sides):
        before = sides[max(i - 1, 0)]
        rgb = i == num_layers
        fine = max(before.rate, out.rate) * (1 if rgb else lrelu_upsampling)
        up, down = fine // before.rate, fine // out.rate
        steps.append(
            Step(
                in_channels=before.channels,
                out_channels=out.channels,
                in_size=before.size,
                out_size=out.size,
                in_rate=before.rate,
                out_rate=out.rate,
                up=up,
                down=down,
                up_taps=filter_size * up if up > 1 and not rgb else 1,
                down_taps=filter_size * down if down > 1 and not rgb else 1,
                kernel=1 if rgb else kernel,
                radial=radial and i < num_layers - num_critical and down > 1,
                in_cutoff=before.cutoff,
                out_cutoff=out.cutoff,
                in_half_width=before.half_width,
                out_half_width=out.half_width,
                conv_clamp=conv_clamp,
                half=out.rate * 2**num_fp16_res > resolution,
            )
        )
    return tuple(steps)
