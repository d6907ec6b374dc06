"""Where the codes of a run come from: drawn from a seed, or given in a file; any range of them, in every space below.

Legend: N samples, D the width of a code, L rows of wp, C classes.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.codes.code_files import read_codes
from gantk.codes.latents import normalize_sphere
from gantk.errors import GantkError, UsageError
from gantk.generators.base import Generator, Truncation
from gantk.store.files import load_npy

SPACES = ("z", "w", "wp")


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
        num: how many to draw; with a file at most how many of its codes to take (None: all of them).
        path: a file of codes [N, D] (z, w) or [N, L, D] (wp), of any kind that `read_codes` reads; None draws z from
            `seed`.
        space: the space of the file's codes; None concludes it, see `read_codes`.
        label: None, a class for all samples, "random" for a seeded class each, or a .npy of ids [N] or rows [N, C].
        given: the codes of a file that is yet to be written.

    Raises:
        UsageError: nothing to draw, a label for a network that takes none, or one out of range.
        GantkError: the file is missing, holds something else, or codes that are not finite.
    """

    def __init__(
        self,
        generator: Generator,
        num: int | None = None,
        seed: int = 0,
        truncation: Truncation | None = None,
        path: str | os.PathLike[str] | None = None,
        space: str | None = None,
        label: str | None = None,
        given: npt.NDArray[np.float32] | None = None,
    ) -> None:
        self.generator, self.seed, self.truncation = generator, seed, truncation
        self.path = None if path is None else Path(path)
        self.names: tuple[str, ...] | None = None
        self.first_space = (space or "z") if self.path is not None else "z"
        if self.first_space not in generator.spec.spaces or self.first_space not in SPACES:
            known = ", ".join(name for name in generator.spec.spaces if name in SPACES)
            raise UsageError(
                f"A {generator.spec.family} takes no codes of {self.first_space!r}: give codes of {known}."
            )
        if truncation is not None and not generator.spec.can_truncate:
            raise UsageError(
                f"A {generator.spec.family} has no mean code to pull to, so --truncation cannot apply: leave it out."
            )
        self._given = given if given is not None or self.path is None else self._open(self.path, space)
        if self._given is not None:
            num = len(self._given) if not num else min(num, len(self._given))
        if not num or num < 1:
            raise UsageError("There is nothing to draw: give --num with the number of samples, or codes in a file.")
        self.total = num
        if label is None and generator.spec.label_required and self.first_space == "z":
            raise UsageError(
                f"A {generator.spec.family} draws a class: give --label with one of 0 to "
                f"{generator.spec.label_dim - 1}, random, or an .npy of one for each sample."
            )
        self._label_text, self._labels = label, self._read_labels(label)

    @property
    def spaces(self) -> tuple[str, ...]:
        """The spaces whose codes are known: from a file of w, w and wp."""
        return tuple(name for name in SPACES[SPACES.index(self.first_space) :] if name in self.generator.spec.spaces)

    def arguments(self) -> dict[str, Any]:
        """What identifies the codes, for the arguments of a run: another file under the same name is noticed."""
        identity: dict[str, Any] = {"num": self.total, "label": self._label_text}
        if self._given is not None:
            ends = np.ascontiguousarray(self._given[[0, -1]]).tobytes()
            identity["codes"] = f"{self.path} {self._given.shape} {zlib.crc32(ends):08x}"
            identity["latent_space_type"] = self.first_space
        return identity

    def batch(self, start: int, stop: int) -> Codes:
        """Codes of samples start .. stop - 1 on the generator's device."""
        generator = self.generator
        label = self.labels(start, stop)
        if self._given is None:
            z = generator.sample_z(stop - start, seed=self.seed, start=start)
        else:
            rows = np.array(self._given[start:stop], dtype=np.float32)
            if not np.isfinite(rows).all():
                raise GantkError(f"{self.path} holds codes that are not finite between rows {start} and {stop - 1}.")
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
        if self._label_text is None:
            return None
        if self._label_text == "random":
            return self.generator.sample_label(stop - start, seed=self.seed, start=start)
        assert self._labels is not None
        ids = np.full(stop - start, self._labels) if self._labels.ndim == 0 else np.array(self._labels[start:stop])
        return torch.from_numpy(ids).to(self.generator.device)

    def _open(self, path: Path, space: str | None) -> npt.NDArray[Any]:
        if not path.exists():
            raise GantkError(
                f"The codes file {path} does not exist: give a file of codes, or leave it out to draw some."
            )
        found = read_codes(path, self.generator.spec, space)
        self.first_space, self.names = found.space, found.names
        return found.codes

    def _read_labels(self, label: str | None) -> npt.NDArray[Any] | None:
        from gantk.generators.imagenet import parse_label

        classes = self.generator.spec.label_dim
        if label is None:
            return None
        if classes == 0:
            raise UsageError(f"--label {label} was given, and this {self.generator.spec.family} is not conditional.")
        if label == "random":
            return None
        if not label.endswith(".npy"):
            return np.array(parse_label(label, self.generator.spec), dtype=np.int64)
        labels: npt.NDArray[Any] = load_npy(label)
        if len(labels) != self.total:
            raise UsageError(f"{label} holds {len(labels)} labels for {self.total} samples: they must be as many.")
        if labels.dtype.kind in "iu" and labels.size and (labels.min() < 0 or labels.max() >= classes):
            bad = labels.min() if labels.min() < 0 else labels.max()
            raise UsageError(f"The class {bad} does not exist: this network has classes 0 to {classes - 1}.")
        return labels.astype(np.float32 if labels.dtype.kind == "f" else np.int64)


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
