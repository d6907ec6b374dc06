"""The released ReSeFa scripts (zhujiapeng/resefa, 2022), step for step, so that their numbers can be matched.

Their Jacobian is taken at z of numpy's global generator, without truncation, of every row at once; images above 256
pixels are decimated to 256 and their channels added up. Their directions are those of each sample by itself: a float32
inverse and a non-symmetric eigenproblem, or with `--full_rank` a ridge and float64.

Shape legend: N samples, d coordinates.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.errors import UsageError
from gantk.resefa.accumulate import samples_of
from gantk.resefa.derivative import Output
from gantk.resefa.options import DirectionsOptions
from gantk.resefa.results import CompatDirections, Grams, JacobianFacts

LARGEST = 256

Array = npt.NDArray[Any]


def compat_codes(num: int, dim: int, seed: int) -> npt.NDArray[np.float32]:
    """z as `np.random.seed(seed); np.random.randn(num, dim)` draws it, [N, D]."""
    return np.random.RandomState(seed).randn(num, dim).astype(np.float32)


def compat_output(resolution: int) -> Output:
    """All colours up to 256 pixels; above, every k-th pixel and the sum of its colours."""
    if resolution <= LARGEST:
        return Output(resolution)
    return Output(LARGEST, "sum", decimate=True)


def compat_directions(inside: Array, outside: Array, full_rank: bool = False, tau: float = 1e-3) -> tuple[Array, Array]:
    """Directions [d, d] and eigenvalues [d] as `compute_direction.py` finds them.

    Args:
        inside, outside: mean Gram matrices, A and B.
        full_rank: B + tau tr(B) I, in float64 from there on.

    Returns:
        Real parts, by descending eigenvalue; rows of complex pairs are shorter than one, as theirs are.
    """
    a, b = inside.astype(np.float32), outside.astype(np.float32)
    if full_rank:
        b = b + tau * np.trace(b) * np.identity(len(b))
    values, vectors = np.linalg.eig(np.linalg.inv(b) @ a)
    order = np.argsort(-values.real)
    return vectors.real.T[order], values.real[order]


def compat_of(grams: Grams, facts: JacobianFacts, options: DirectionsOptions) -> tuple[CompatDirections, ...]:
    """Each sample's directions as the released script finds them, under its file names."""
    found = []
    for region in options.region or facts.names:
        place = facts.names.index(region)
        for sample, each in enumerate(samples_of(grams)):
            try:
                pair = each.pair(place)
            except UsageError as error:
                raise UsageError(f"Region {region!r} of sample {sample}: {error}") from None
            try:
                vectors, values = compat_directions(*pair, options.full_rank, options.tau)
            except np.linalg.LinAlgError:
                raise UsageError(
                    f"The background's Gram matrix of sample {sample} is singular, and the released script inverts it: "
                    "give --full-rank."
                ) from None
            name = f"image_{sample:02d}_region_{region}_name_{options.name}.npy"
            found.append(
                CompatDirections(
                    name=region, sample=sample, file=name, vectors=vectors[: options.components],
                    eigenvalues=values[:32],
                )
            )  # fmt: skip
    return tuple(found)
