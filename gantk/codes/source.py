"""Where the codes of a run come from: drawn from a seed, or given in a file; any range of them, in every space below.

Legend: N samples, D the width of a code, L rows of wp, C classes.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.codes.given import SPACES, GivenCodes, array_of
from gantk.codes.latents import normalize_sphere
from gantk.errors import GantkError, UsageError
from gantk.generators.base import Generator, GeneratorSpec, Truncation
from gantk.generators.labels import ask_for_label, class_id, parse_label
from gantk.store.files import load_npy
from gantk.store.memory import require

LARGEST_CODE = 1e6  # far beyond what any mapping network gives, and far below where networks overflow

Label = str | int | tuple[object, ...] | npt.NDArray[Any] | None  # of samples: see `CodeSource`


@dataclass(frozen=True)
class Codes:
    """The codes of some samples: z on the sphere, w before truncation, wp after it; None above the space given."""

    z: Tensor | None
    w: Tensor | None
    wp: Tensor

    def space(self, name: str) -> Tensor:
        """The codes of one space.

        Raises:
            UsageError: they are not known, because only codes of a later space were given.
        """
        found: Tensor | None = getattr(self, name)
        if found is None:
            raise UsageError(
                f"The codes were given after {name}, so {name} is not known: give codes of {name} or earlier."
            )
        return found


class CodeSource:
    """Codes 0 .. total - 1 of a run; a range of them costs only itself.

    Args:
        num: how many to draw; of given codes at most how many to take (None: all of them).
        label: None, a class for all samples or shares of some, see `gantk.generators.labels.parse_label`, "random" for
            a seeded class each, or ids or names [N] or rows [N, C] as a tuple, an array or a .npy of one.
        codes: given ones, such as those of a file (`gantk.codes.given.codes_in`); None draws z from `seed`.

    Raises:
        UsageError: nothing to draw, a label for a network that takes none, or one out of range.
        GantkError: the codes are of another generator, or are not finite.
    """

    def __init__(
        self,
        generator: Generator,
        num: int | None = None,
        seed: int = 0,
        truncation: Truncation | None = None,
        label: Label = None,
        codes: GivenCodes | None = None,
    ) -> None:
        self.generator, self.seed, self.truncation = generator, seed, truncation
        codes = None if codes is None else codes.check(generator)
        self.origin = "" if codes is None else codes.source
        self.first_space = "z" if codes is None else codes.space
        self.names = None if codes is None else codes.names
        if truncation is not None and not generator.spec.can_truncate:
            raise UsageError(
                f"A {generator.spec.family} has no mean code to pull to, so --truncation cannot apply: leave it out."
            )
        self._given = None if codes is None else codes.array
        if self._given is not None:
            num = len(self._given) if not num else min(num, len(self._given))
        if not num or num < 1:
            raise UsageError("There is nothing to draw: give --num with the number of samples, or codes in a file.")
        self.total = num
        if label is None and generator.spec.label_dim and self.first_space == "z":
            raise ask_for_label(generator.spec)
        self._shared = False  # whether `_labels` is that of every sample: an id, or a row [C]
        self._label, self._labels = label, self._read_labels(label)

    def bytes_of(self, *spaces: str) -> int:
        """Bytes that a sample's codes of these spaces take."""
        return 4 * sum(math.prod(self.generator.spec.code_shape(space)) for space in spaces)

    @property
    def spaces(self) -> tuple[str, ...]:
        """The spaces whose codes are known: from a file of w, w and wp."""
        return tuple(name for name in SPACES[SPACES.index(self.first_space) :] if name in self.generator.spec.spaces)

    def batch(self, start: int, stop: int) -> Codes:
        """Codes of samples start .. stop - 1 on the generator's device."""
        generator = self.generator
        require((stop - start) * self.bytes_of(*self.spaces), f"The codes of {stop - start} samples", "ask for fewer")
        label = self.labels(start, stop)
        if self._given is None:
            z = generator.sample_z(stop - start, seed=self.seed, start=start)
        else:
            rows = np.array(self._given[start:stop], dtype=np.float32)
            if not np.isfinite(rows).all():
                raise GantkError(
                    f"Codes that are not finite are in {self.origin}, between rows {start} and {stop - 1}."
                )
            if self.first_space != "z" or not generator.spec.normalizes_z:
                largest = float(np.abs(rows).max(initial=0))
                if largest > LARGEST_CODE:
                    raise GantkError(
                        f"{self.origin} holds codes as large as {largest:.3g} between rows {start} and {stop - 1}, and "
                        f"{self.first_space} of a generator is a few units: they are of something else, or damaged."
                    )
            given = torch.from_numpy(rows).to(generator.device, generator.dtype)
            if self.first_space == "wp":
                return Codes(None, None, given)
            if self.first_space == "w":
                return Codes(None, given, self.expand(given))
            z = given
        if generator.spec.normalizes_z:
            z = normalize_sphere(z)
        w = generator.map(z, label)
        return Codes(z, w, self.expand(w))

    def from_z(self, z_ND: Tensor, start: int) -> Tensor:
        """wp of edited z, whose first is sample `start`: mapped with the samples' own labels, then truncated."""
        return self.expand(self.generator.map(z_ND, self.labels(start, start + len(z_ND))))

    def expand(self, w_ND: Tensor) -> Tensor:
        """w to wp with the run's truncation."""
        return self.generator.expand(w_ND, self.truncation)

    def labels(self, start: int, stop: int) -> Tensor | None:
        """The labels of samples start .. stop - 1; None where none are given."""
        if self._label is None:
            return None
        if isinstance(self._label, str) and self._label == "random":
            return self.generator.sample_label(stop - start, seed=self.seed, start=start)
        assert self._labels is not None
        labels = self._labels
        ids = np.repeat(labels[None], stop - start, 0) if self._shared else np.array(labels[start:stop])
        return torch.from_numpy(ids).to(self.generator.device)

    def _read_labels(self, label: Label) -> npt.NDArray[Any] | None:
        classes = self.generator.spec.label_dim
        if label is None:
            return None
        if classes == 0:
            shown = label if isinstance(label, (str, int)) else "of each sample"
            raise UsageError(f"--label {shown} was given, and this {self.generator.spec.family} is not conditional.")
        if isinstance(label, (str, int)):
            text = str(label)
            if text == "random":
                return None
            if not text.endswith(".npy"):
                one = parse_label(text, self.generator.spec)
                self._shared = True
                return np.array(one, dtype=np.int64 if isinstance(one, int) else np.float32)
        name = label if isinstance(label, str) else "--label"
        labels = load_npy(label) if isinstance(label, str) else array_of(label)
        labels = _numbered(labels, name, self.generator.spec)
        if labels.ndim and len(labels) != self.total:
            raise UsageError(f"{name} holds {len(labels)} labels for {self.total} samples: they must be as many.")
        self._shared = not labels.ndim
        if labels.dtype.kind in "iu" and labels.size and (labels.min() < 0 or labels.max() >= classes):
            bad = labels.min() if labels.min() < 0 else labels.max()
            raise UsageError(f"The class {bad} does not exist: this network has classes 0 to {classes - 1}.")
        return labels.astype(np.float32 if labels.dtype.kind == "f" else np.int64)


def _numbered(labels: npt.NDArray[Any], name: str, spec: GeneratorSpec) -> npt.NDArray[Any]:
    """Labels of a file as ids [N] or rows [N, C], or one id; names and whole floats become ids.

    Raises:
        UsageError: they are neither.
    """
    words = labels.dtype.kind in "US"
    if labels.ndim == 2 and labels.shape[1] == 1 and (words or spec.label_dim != 1):
        labels = labels[:, 0]
    if words and labels.ndim < 2:
        return np.array([class_id(str(word), spec) for word in labels.ravel()]).reshape(labels.shape)
    if labels.ndim < 2 and labels.dtype.kind == "f" and bool((np.abs(labels) < 2**53).all()):
        whole = labels.astype(np.int64)
        labels = whole if bool((whole == labels).all()) else labels
    rows = labels.ndim == 2 and labels.shape[1] == spec.label_dim and labels.dtype.kind in "fiub"
    if not rows and (labels.ndim > 1 or labels.dtype.kind not in "iu"):
        raise UsageError(
            f"{name} holds {labels.dtype} {list(labels.shape)}, where classes [N] or a row of {spec.label_dim} shares "
            "for each sample were expected."
        )
    return labels.astype(np.float32) if rows else labels


def weights_checksum(generator: Generator) -> str:
    """CRC-32 over the names and values of all weights: a run is only continued with the network it began with."""
    crc = 0
    for name, tensor in generator.state_dict().items():
        crc = zlib.crc32(name.encode(), crc)
        crc = zlib.crc32(np.ascontiguousarray(tensor.detach().float().cpu().numpy()).tobytes(), crc)
    return f"{crc:08x}"


def show_truncation(truncation: Truncation | None) -> str:
    """A truncation as ``--truncation`` would write it."""
    if truncation is None:
        return "none"
    return f"{truncation.psi:g}" if truncation.layers is None else f"{truncation.psi:g}:{truncation.layers}"
