"""Codes that are given instead of drawn: an array and the space it is of, from a file, a result or plain Python.

Legend: N samples, D the width of a code, L rows of wp.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError, UsageError
from gantk.generators.arguments import described

if TYPE_CHECKING:
    from gantk.generators.base import Generator
    from gantk.runs.structure import Image

SPACES = ("z", "w", "wp")


@dataclass(frozen=True, eq=False)
class GivenCodes:
    """Codes of one space; a slice of them is `GivenCodes` too, and numpy takes them as an array.

    Attributes:
        array: [N, D] of z or of w before truncation, or [N, L, D] of wp after it; may be memory-mapped.
        space: "z", "w" or "wp".
        source: the file or result they come from, for messages.
        names: of the codes, where the file has some.
        images: of the first of them, where there are pictures; no part of what the codes are.
        probe: of the generator that they are codes of, where that is known; another one is refused.
    """

    array: npt.NDArray[Any]
    space: str
    source: str = "the codes"
    names: tuple[str, ...] | None = None
    images: tuple[Image, ...] = ()
    probe: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.space, str) or self.space not in SPACES:
            raise UsageError(f"space is {described(self.space)}: give one of {', '.join(SPACES)}.")
        object.__setattr__(self, "array", numbers_of(self.array))

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, which: slice | list[int] | npt.NDArray[Any] | int) -> GivenCodes:
        part = [which] if isinstance(which, int) else which
        return GivenCodes(self.array[part], self.space, self.source, probe=self.probe)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.array(self.array, dtype) if copy else np.asarray(self.array, dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""
        return self.array.shape

    def __repr__(self) -> str:
        return f"GivenCodes: {len(self)} codes of {self.space}, each {' x '.join(map(str, self.shape[1:]))}"

    @property
    def origin(self) -> str:
        """Where they come from, as a message adds it to "codes"; nothing where nobody said it."""
        return "" if self.source == GivenCodes.source else f" ({self.source})"

    def fingerprint(self) -> object:
        """The space and the numbers, wherever they come from."""
        from gantk.store.fingerprint import fingerprint

        return fingerprint((self.space, self.array))

    def check(self, generator: Generator) -> GivenCodes:
        """These codes in the shape that a generator takes; one code alone counts as [1, ...].

        Raises:
            UsageError: the generator has no such space.
            GantkError: the numbers are no codes of this generator.
        """
        spec = generator.spec
        if self.space not in spec.spaces:
            known = ", ".join(name for name in spec.spaces if name in SPACES)
            raise UsageError(f"A {spec.family} takes no codes of {self.space!r}: give codes of {known}.")
        shape = spec.code_shape(self.space)
        fits = self.array.shape == shape or (self.array.ndim >= 2 and self.array.shape[1:] == shape)
        if self.array.dtype.kind not in "fiu" or not fits or self.array.size == 0:
            form = f"[N, {', '.join(str(size) for size in shape)}]"
            raise GantkError(
                f"Codes of {self.array.dtype} {self.array.shape}{self.origin} do not fit: {self.space} of this "
                f"generator is {form}, so that they are another network's or of another space."
            )
        if self.probe is not None:
            from gantk.generators.probe import refuse_another

            what = f"The codes{self.origin} are another generator's"
            refuse_another(self.probe, generator, what, way=f"give gantk.GivenCodes(array, {self.space!r})")
        return self if self.array.shape != shape else dataclasses.replace(self, array=self.array[None])


def array_of(value: object) -> npt.NDArray[Any]:
    """A numpy array of an array, a torch tensor or lists; one of no numbers where it is none of them."""
    if hasattr(value, "detach"):
        value = value.detach().float().cpu().numpy()
    try:
        return value if isinstance(value, np.ndarray) else np.asarray(value)
    except (TypeError, ValueError):  # rows of different lengths, a class of its own
        return np.asarray(None)


def numbers_of(value: object, name: str | None = None) -> npt.NDArray[Any]:
    """A numpy array of an array or a torch tensor; a memory-mapped one stays so.

    Args:
        name: of the argument, where it is no codes.

    Raises:
        UsageError: it is no array of numbers.
    """
    array = array_of(value)
    if array.dtype.kind not in "biuf" and name is not None:
        raise UsageError(f"{name} is {described(value)}: give an array of numbers.")
    if array.dtype.kind not in "biuf":
        raise UsageError(
            f"The codes are {described(value)}: give an array of numbers, `gantk.GivenCodes`, or a result with codes."
        )
    return array


def codes_in(path: str | os.PathLike[str], generator: Generator, space: str | None = None) -> GivenCodes:
    """The codes in a file of any kind that `gantk.codes.code_files` reads; memory-mapped where it is an .npy.

    Args:
        space: of the codes; None concludes it from the file's content.

    Raises:
        GantkError: the file is missing, or holds no codes of the generator.
    """
    from gantk.codes.code_files import read_codes

    if not Path(path).exists():
        raise GantkError(f"The codes file {path} does not exist: give a file of codes, or leave it out to draw some.")
    found = read_codes(os.fspath(path), generator.spec, space)
    return GivenCodes(found.codes, found.space, str(path), found.names)


def given_codes(generator: Generator, codes: object) -> GivenCodes | None:
    """Codes of whatever Python gives: None, `GivenCodes`, a result that carries codes, or an array or tensor.

    An array [N, L, D] is wp. One of [N, D] must be told apart: where z and w of the generator are equally wide, it is
    to be wrapped, as in ``gantk.GivenCodes(w, "w")``.

    Raises:
        UsageError: it cannot be told of which space an array is.
        GantkError: they are no codes of this generator.
    """
    if codes is None:
        return None
    if not isinstance(codes, GivenCodes) and hasattr(codes, "codes"):
        codes = codes.codes
    if isinstance(codes, (str, os.PathLike)):
        raise UsageError(f"The codes are {described(codes)}: give an array, such as numpy.load of that file.")
    if not isinstance(codes, GivenCodes):
        codes = _untold(generator, numbers_of(codes))
    return codes.check(generator)


def numbered_codes(generator: Generator, seeds: Sequence[int]) -> GivenCodes:
    """z of seeds in NVIDIA's numbering, named after them.

    Raises:
        UsageError: the generator draws z from another distribution.
    """
    from gantk.codes.numbering import numbered_z, show_seeds

    if generator.spec.z_distribution != "normal":
        raise UsageError(
            f"--seeds {show_seeds(seeds)} numbers codes of a normal distribution, and this {generator.spec.family} "
            "draws them from another: leave --seeds out."
        )
    z_ND = numbered_z(seeds, generator.spec.z_dim)
    names = tuple(f"seed {seed}" for seed in seeds)
    return GivenCodes(z_ND, "z", f"seeds {show_seeds(seeds)} in NVIDIA's numbering", names)


def _untold(generator: Generator, array: npt.NDArray[Any]) -> GivenCodes:
    """The codes of a bare array, by its shape alone."""
    spec = generator.spec
    if array.ndim != 2:
        return GivenCodes(array, "wp")
    fitting = [space for space in ("z", "w") if space in spec.spaces and array.shape[1:] == spec.code_shape(space)]
    if len(fitting) == 2:
        raise UsageError(
            f"Codes of the shape {array.shape} may be of z or of w: say which with gantk.GivenCodes(codes, 'w')."
        )
    return GivenCodes(array, fitting[0] if fitting else "w")
