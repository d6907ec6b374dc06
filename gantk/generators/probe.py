"""A small fingerprint of a network: statistics of w and thumbnails of a few seeded samples, compared with a tolerance.

An artifact keeps the probe of the generator it belongs to. The same network read from another format, in another
precision or on another device passes; another network, or the same one trained further, does not.

Shape legend: N samples, D width of w, H x W pixels.
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gantk.errors import GantkError
from gantk.generators.base import Generator

SAMPLES = 4
THUMBNAIL = 8
RUNS = 8  # w is summarised over this many runs of neighbouring dimensions
TOLERANCE = 0.02  # of the range of pixels, and of the spread of w; half precision stays well below it


@dataclass(frozen=True)
class Probe:
    """What `fingerprint` found; about a kilobyte as JSON.

    Attributes:
        w_mean, w_std: of w of the first 4 codes of seed 0, over 8 runs of neighbouring dimensions.
        thumbnails: their images without noise, averaged to at most 8 x 8: uint8 [4, H, W, C], base64.
        thumbnail_shape: that shape.
    """

    family: str
    resolution: int
    z_dim: int
    w_dim: int
    num_layers: int
    w_mean: tuple[float, ...]
    w_std: tuple[float, ...]
    thumbnails: str
    thumbnail_shape: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Probe:
        """Read what `to_dict` wrote, through JSON or not.

        Raises:
            GantkError: when a field is missing, unknown or malformed.
        """
        try:
            lists = {key: tuple(values[key]) for key in ("w_mean", "w_std", "thumbnail_shape")}
            made = cls(**{**values, **lists})
            made._numbers()
            made._pixels()
        except (KeyError, TypeError, ValueError) as error:
            raise GantkError(f"the probe of a generator is damaged ({error!r}); make the artifact again") from error
        return made

    def difference(self, other: Probe, tolerance: float = TOLERANCE) -> str | None:
        """Why `other` is another network, as half a sentence; None when it is the same."""
        for key in ("family", "resolution", "z_dim", "w_dim", "num_layers"):
            here, there = getattr(self, key), getattr(other, key)
            if here != there:
                return f"its {key} is {there} and not {here}"
        mine, theirs = self._numbers(), other._numbers()
        if mine.shape != theirs.shape:
            return "its probe was made in another way"
        spread = max(np.abs(mine).max(), np.abs(theirs).max(), 1e-6)
        difference = float(np.abs(mine - theirs).max() / spread)
        if not difference <= tolerance:
            return f"its codes w differ by {difference:.3g} of their spread, more than {tolerance:g}"
        pixels, others = self._pixels(), other._pixels()
        if pixels.shape != others.shape:
            return "its thumbnails have another shape"
        difference = float(np.abs(pixels - others).mean()) / 255
        if not difference <= tolerance:
            return f"its samples differ by {difference:.3g} of the range of a pixel, more than {tolerance:g}"
        return None

    def matches(self, other: Probe, tolerance: float = TOLERANCE) -> bool:
        """Whether `other` is of the same network."""
        return self.difference(other, tolerance) is None

    def _numbers(self) -> npt.NDArray[np.float64]:
        """Means, then standard deviations, [2, runs]."""
        numbers = np.asarray([self.w_mean, self.w_std], dtype=np.float64)
        if not numbers.size or not np.isfinite(numbers).all():
            raise ValueError("statistics of w that are no numbers")
        return numbers

    def _pixels(self) -> npt.NDArray[np.float64]:
        raw = base64.b64decode(self.thumbnails, validate=True)
        return np.frombuffer(raw, np.uint8).reshape(self.thumbnail_shape).astype(np.float64)


def fingerprint(generator: Generator) -> Probe:
    """The probe of a network. Labels are the seeded ones; no truncation, so that a file's default does not matter."""
    spec = generator.spec
    with torch.inference_mode():
        w_ND = generator.map(generator.sample_z(SAMPLES), generator.sample_label(SAMPLES))
        images = [generator.synthesize(generator.expand(w_ND[i : i + 1]), noise="none") for i in range(SAMPLES)]
    image_NCHW = torch.cat(images).float().cpu()
    small = torch.nn.functional.adaptive_avg_pool2d(image_NCHW, min(THUMBNAIL, spec.resolution))
    pixels = small.clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    runs = [part for part in np.array_split(w_ND.double().cpu().numpy(), RUNS, axis=1) if part.size]
    return Probe(
        family=spec.family,
        resolution=spec.resolution,
        z_dim=spec.z_dim,
        w_dim=spec.w_dim,
        num_layers=spec.num_layers,
        w_mean=tuple(_rounded(part.mean()) for part in runs),
        w_std=tuple(_rounded(part.std()) for part in runs),
        thumbnails=base64.b64encode(pixels.tobytes()).decode("ascii"),
        thumbnail_shape=tuple(pixels.shape),
    )


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
