"""A small fingerprint of a network: statistics of w and thumbnails of a few seeded samples, compared with a tolerance.

An artifact keeps the probe of the generator it belongs to. The same network read from another format, in another
precision or on another device passes; another network, or the same one trained further, does not.

Shape legend: N samples, D width of w, H x W pixels.
"""

from __future__ import annotations

import base64
import weakref
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch

from gantk.errors import GantkError
from gantk.generators.base import Generator
from gantk.generators.probed import Probe as Probe

SAMPLES = 4
THUMBNAIL = 8
PLAIN = ("family", "resolution", "z_dim", "w_dim", "num_layers")
RUNS = 8  # w is summarised over this many runs of neighbouring dimensions
TOLERANCE = 0.02  # of the range of pixels, and of the spread of w; half precision stays well below it


def probe(generator: Generator) -> Probe:
    """The probe of a network, a JSON-able dictionary of about a kilobyte.

    `w_mean`, `w_std`: of w of the first 4 codes of seed 0, over 8 runs of neighbouring dimensions. `thumbnails`: their
    images without noise, averaged to at most 8 x 8, uint8 of `thumbnail_shape` [4, H, W, C] in base64. Labels are the
    seeded ones. There is no truncation, so that what a file recommends does not matter.
    """
    spec = generator.spec
    with torch.inference_mode():
        w_ND = generator.map(generator.sample_z(SAMPLES), generator.sample_label(SAMPLES))
        images = [generator.synthesize(generator.expand(w_ND[i : i + 1]), noise="none") for i in range(SAMPLES)]
    image_NCHW = torch.cat(images).float().cpu()
    small = torch.nn.functional.adaptive_avg_pool2d(image_NCHW, min(THUMBNAIL, spec.resolution))
    pixels = small.clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    runs = [part for part in np.array_split(w_ND.double().cpu().numpy(), RUNS, axis=1) if part.size]
    return {
        "family": spec.family,
        "resolution": spec.resolution,
        "z_dim": spec.z_dim,
        "w_dim": spec.w_dim,
        "num_layers": spec.num_layers,
        "w_mean": [_rounded(part.mean()) for part in runs],
        "w_std": [_rounded(part.std()) for part in runs],
        "thumbnails": base64.b64encode(pixels.tobytes()).decode("ascii"),
        "thumbnail_shape": list(pixels.shape),
    }


_known: weakref.WeakKeyDictionary[Generator, tuple[tuple[tuple[int, int], ...], Probe]] = weakref.WeakKeyDictionary()


def probe_of(generator: Generator) -> Probe:
    """`probe`, remembered until one of the network's weights is written to: it costs a few renders.

    A network that was tuned to photos has the probe of the one it was tuned from, whose directions it follows.
    """
    if generator.tuned_from is not None:
        return generator.tuned_from
    weights = generator.state_dict(keep_vars=True).values()
    state = tuple((tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version) for tensor in weights)
    known = _known.get(generator)
    if known is None or known[0] != state:
        known = _known[generator] = (state, probe(generator))
    return known[1]


def matches(mine: Mapping[str, object], other: Mapping[str, object], tolerance: float = TOLERANCE) -> bool:
    """Whether two probes are of the same network."""
    return mismatch(mine, other, tolerance) is None


def mismatch(mine: Mapping[str, object], other: Mapping[str, object], tolerance: float = TOLERANCE) -> str | None:
    """Why two probes are not of the same network, as half a sentence about `other`; None when they are.

    Raises:
        GantkError: when one of them is no probe: a key is missing or malformed.
    """
    try:
        return _mismatch(mine, other, tolerance)
    except (KeyError, TypeError, ValueError) as error:
        raise GantkError(f"the probe of a generator is damaged ({error!r}); make the artifact again") from error


def refuse_another(
    probe: Mapping[str, object] | None, generator: Generator, what: str, force: bool = False, way: str = "force it"
) -> None:
    """Refuse what belongs to another network; nothing is compared where there is no probe, or it is forced.

    Args:
        what: the sentence's beginning, such as "The head 'sky' was trained on another generator".
        way: how it is tried all the same.

    Raises:
        GantkError: the probes differ, or one is damaged.
    """
    difference = None if probe is None or force else mismatch(probe, probe_of(generator))
    if difference is not None:
        raise GantkError(f"{what} ({difference}): use that one, or {way} to try.")


def _mismatch(mine: Mapping[str, object], other: Mapping[str, object], tolerance: float) -> str | None:
    numbers, others = _numbers(mine), _numbers(other)
    pixels, other_pixels = _pixels(mine), _pixels(other)
    for key in PLAIN:
        if mine[key] != other[key]:
            return f"its {key} is {other[key]} and not {mine[key]}"
    if numbers.shape != others.shape or pixels.shape != other_pixels.shape:
        return "its probe was made in another way"
    spread = max(np.abs(numbers).max(), np.abs(others).max(), 1e-6)
    difference = float(np.abs(numbers - others).max() / spread)
    if not difference <= tolerance:
        return f"its codes w differ by {difference:.3g} of their spread, more than {tolerance:g}"
    difference = float(np.abs(pixels - other_pixels).mean()) / 255
    if not difference <= tolerance:
        return f"its samples differ by {difference:.3g} of the range of a pixel, more than {tolerance:g}"
    return None


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _numbers(of: Mapping[str, object]) -> npt.NDArray[np.float64]:
    """Means, then standard deviations, [2, runs]."""
    numbers = np.asarray([of["w_mean"], of["w_std"]], dtype=np.float64)
    if numbers.ndim != 2 or not numbers.size or not np.isfinite(numbers).all():
        raise ValueError("statistics of w that are no numbers")
    return numbers


def _pixels(of: Mapping[str, object]) -> npt.NDArray[np.float64]:
    thumbnails, shape = of["thumbnails"], of["thumbnail_shape"]
    if not isinstance(thumbnails, str) or not isinstance(shape, list):
        raise TypeError("thumbnails that are no pixels")
    raw = base64.b64decode(thumbnails, validate=True)
    return np.frombuffer(raw, np.uint8).reshape(shape).astype(np.float64)
