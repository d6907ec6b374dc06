"""Latent codes: the sphere and truncation settings as text.

Legend: N samples, L rows of wp, D the width of a code.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from gantk.errors import UsageError
from gantk.store.numerals import read_float, read_int

if TYPE_CHECKING:
    from torch import Tensor

    from gantk.generators.spec import GeneratorSpec, Truncation

LARGEST_PSI = 1000  # nothing is seen at far less, and networks overflow at far more
ArrayOrTensor = TypeVar("ArrayOrTensor", "npt.NDArray[np.floating]", "Tensor")


def normalize_sphere(z_ND: ArrayOrTensor) -> ArrayOrTensor:
    """Scale each code to the norm sqrt(D), as HiGAN does before mapping (specs: codes live on that sphere).

    Takes a numpy array or a torch tensor ``[..., D]`` and returns the same kind; a zero code stays zero.
    """
    dim = z_ND.shape[-1]
    if isinstance(z_ND, np.ndarray):
        norm = np.sqrt(np.sum(z_ND.astype(np.float64) ** 2, axis=-1, keepdims=True))
        return (z_ND * (math.sqrt(dim) / np.maximum(norm, 1e-30))).astype(z_ND.dtype)
    norm = z_ND.double().square().sum(dim=-1, keepdim=True).sqrt().clamp_min(1e-30)
    return (z_ND * (math.sqrt(dim) / norm)).to(z_ND.dtype)


def parse_truncation(text: str | float | Truncation | None, spec: GeneratorSpec) -> Truncation | None:
    """Return the truncation that ``--truncation`` asks for.

    ``None`` is what the generator's file recommends, ``"none"`` no truncation, ``"0.7"`` psi on every row, ``"0.7:8"``
    psi on the first eight rows. Python may give a number or a `Truncation` in place of such a text.
    """
    from gantk.generators.spec import Truncation

    if text is None:
        return spec.truncation
    text = str(text)
    if text.strip().lower() == "none":
        return None
    psi_text, _, layers_text = text.partition(":")
    try:
        psi = read_float(psi_text)
        layers = read_int(layers_text) if layers_text else None
    except ValueError:
        raise UsageError(f"The truncation {text!r} is not understood: write 0.7, 0.7:8 (psi:rows) or none.") from None
    if not abs(psi) <= LARGEST_PSI or (layers is not None and layers < 0):
        wanted = f"a psi from -{LARGEST_PSI} to {LARGEST_PSI} and a number of rows of at least 0"
        raise UsageError(f"The truncation {text!r} needs {wanted}.")
    if layers is not None and layers > spec.num_layers:
        raise UsageError(
            f"The truncation {text!r} names {layers} rows, and this generator has {spec.num_layers}: give fewer, or "
            f"{psi_text} for all of them."
        )
    return Truncation(psi=psi, layers=layers)
