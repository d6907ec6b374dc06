"""Counter-based random numbers: sample i of a seed is bit-equal whatever the batch, shard or device count.

Philox 4x64 is keyed by (seed, stream) and its counter is set from the sample's index, so that any range of samples can
be drawn without drawing the ones before it. The numbers come from the CPU and are float64 until the last step.

Legend: N samples, D values per sample.
"""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from gantk.errors import UsageError

WORDS_PER_BLOCK = 4  # one Philox counter value yields four 64-bit words


def random_bits(n: int, words: int, seed: int = 0, start: int = 0, stream: str = "z") -> npt.NDArray[np.uint64]:
    """Return uint64 ``[n, words]``: the raw words of samples ``start .. start + n - 1``.

    `stream` names what the numbers are for ("z", "label", "noise", ...): streams of one seed are independent.

    Raises:
        UsageError: when a count or an index is negative, or the seed does not fit 64 bits.
    """
    _check(n, words, seed, start)
    blocks = -(-words // WORDS_PER_BLOCK)
    key = np.array([seed, zlib.crc32(stream.encode())], dtype=np.uint64)
    generator = np.random.Philox(key=key)
    generator.advance(start * blocks)
    bits = generator.random_raw(n * blocks * WORDS_PER_BLOCK)
    return np.asarray(bits, dtype=np.uint64).reshape(n, blocks * WORDS_PER_BLOCK)[:, :words]


def _check(n: int, words: int, seed: int, start: int) -> None:
    if n < 0 or words < 1 or start < 0:
        raise UsageError(f"Cannot draw {n} samples of {words} values from index {start}: none may be negative.")
    if not 0 <= seed < 2**64:
        raise UsageError(f"The seed {seed} is out of range: give an integer from 0 to 2**64 - 1.")


def random_uniform(n: int, dim: int, seed: int = 0, start: int = 0, stream: str = "z") -> npt.NDArray[np.float64]:
    """Return float64 ``[n, dim]`` uniform in the open interval (0, 1).

    52 bits and a half step: both ends are excluded exactly, so that an inverse distribution function stays finite.
    """
    bits = random_bits(n, dim, seed, start, stream)
    return ((bits >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def random_normal(
    n: int, dim: int, seed: int = 0, start: int = 0, stream: str = "z", bound: float | None = None
) -> npt.NDArray[np.float32]:
    """Return float32 ``[n, dim]`` standard normal, or normal truncated to [-bound, bound] (by inverse distribution).

    Drawn in slices, so that the float64 intermediates stay small beside the result.
    """
    # A ufunc with a scalar loop: no vector tail is computed differently, hence bit-equal in any slice.
    from scipy.special import ndtr, ndtri

    _check(n, dim, seed, start)
    low = 0.0 if bound is None else float(ndtr(-bound))
    result = np.empty((n, dim), dtype=np.float32)
    rows = max(1, (1 << 20) // max(dim, 1))
    for first in range(0, n, rows):
        last = min(first + rows, n)
        uniform = random_uniform(last - first, dim, seed, start + first, stream)
        if bound is not None:
            uniform = low + uniform * (1.0 - 2.0 * low)
        result[first:last] = ndtri(uniform)
    return result


def random_integers(n: int, high: int, seed: int = 0, start: int = 0) -> npt.NDArray[np.int64]:
    """Return int64 ``[n]`` uniform in ``0 .. high - 1``, such as classes."""
    if high < 1:
        raise UsageError(f"Cannot draw integers below {high}: the bound must be at least 1.")
    return np.floor(random_uniform(n, 1, seed, start, "label")[:, 0] * high).astype(np.int64)


def sample_z(n: int, dim: int, seed: int = 0, start: int = 0, distribution: str = "normal") -> npt.NDArray[np.float32]:
    """Return float32 ``[n, dim]``: codes ``start .. start + n - 1`` of `seed`.

    `distribution` is ``normal``, or ``truncated_normal`` for normal truncated to [-2, 2] (Hugging Face's BigGAN).
    """
    bounds = {"normal": None, "truncated_normal": 2.0}
    if distribution not in bounds:
        raise UsageError(f"Unknown distribution of z {distribution!r}: it is {' or '.join(bounds)}.")
    return random_normal(n, dim, seed, start, "z", bounds[distribution])
