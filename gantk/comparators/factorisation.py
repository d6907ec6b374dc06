"""SeFa: directions from the weights alone (Shen and Zhou, CVPR 2021).

The first thing a code meets is an affine layer y = K x + b, so that a step v changes y by K v, whatever the code: the
steps with the largest change are eigenvectors of K^T K. Over several layers, the K of each stand below one another.
SeFa scales every row of K to length one before that, which this does too unless told otherwise.

K is taken from the generator's own maps to styles (or from the first kernel of a network without styles), so that it
works for any family: the affine layers' run-time gains drop out with the lengths.

Shape legend: D width of a code, M rows of K over the chosen layers, K directions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.func import jvp, vmap

from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.generators.forward_mode import load_decompositions

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Factors:
    """Directions by decreasing eigenvalue.

    Attributes:
        space: "w", or "z" for a network without styles.
        vectors: float64 [K, D], orthonormal; the largest component of each is positive.
        eigenvalues: [K].
    """

    space: str
    vectors: Array
    eigenvalues: Array


def factorise(
    generator: Generator, layers: tuple[int, ...] | None = None, normalize: bool = True, count: int | None = None
) -> Factors:
    """Factorise the weights that meet the code.

    Args:
        layers: rows of wp whose layers count; None is all.
        normalize: scale every row of K to length one, as the authors do; without it large styles count for more.
        count: how many directions; None is all D.

    Raises:
        UsageError: a row whose codes are no w (a chunk of z), or no weights to factorise.
    """
    weight_MD, space = affine_weights(generator, layers)
    if normalize:
        weight_MD = weight_MD / np.maximum(np.linalg.norm(weight_MD, axis=1, keepdims=True), 1e-30)
    values, vectors = np.linalg.eigh(weight_MD.T @ weight_MD)
    order = np.argsort(values)[::-1][:count]
    return Factors(space, fixed_sign(vectors.T[order]), np.maximum(values[order], 0.0))


def affine_weights(generator: Generator, layers: tuple[int, ...] | None = None) -> tuple[Array, str]:
    """K [M, D] of the chosen rows and the space its columns are of."""
    spec = generator.spec
    rows = set(range(spec.num_layers)) if layers is None else set(layers)
    if "s" not in spec.spaces:
        return _first_kernel(generator), "z"
    if spec.wp_dim != spec.w_dim:
        raise UsageError(
            f"Rows of this {spec.family} hold chunks of z, so its layers share no w whose weights SeFa could factorise."
        )
    chosen = [place for place, layer in enumerate(generator.styled_layers) if layer.row in rows]
    point = torch.zeros(1, spec.num_layers, spec.wp_dim, device=generator.device, dtype=generator.dtype)
    if generator.w_avg is not None:
        point += generator.w_avg

    def styles(wp_1LD: torch.Tensor) -> torch.Tensor:
        found = generator.styles(wp_1LD)
        return torch.cat([found[place].flatten(1) for place in chosen], 1)[0]

    load_decompositions()
    with torch.no_grad():
        basis = torch.eye(spec.wp_dim, device=generator.device, dtype=generator.dtype)
        shape = (1, spec.num_layers, spec.wp_dim)
        weight_DM = vmap(lambda v: jvp(styles, (point,), (v.expand(shape),))[1])(basis)
    return weight_DM.T.double().cpu().numpy(), "w"


def _first_kernel(generator: Generator) -> Array:
    """The kernel that meets z: [out * taps, Z]; its taps' order does not matter to K^T K."""
    first = next((layer for layer in generator.layers if layer.weight is not None), None)
    width = generator.spec.z_dim
    if first is not None and first.weight is not None:
        kernel = generator.get_parameter(first.weight).detach().double().cpu().numpy()
        if kernel.ndim >= 2 and kernel.shape[1] >= width:  # what lies behind z is the label's
            return np.moveaxis(kernel[:, :width], 1, -1).reshape(-1, width)
    raise UsageError(f"This {generator.spec.family} has no first layer on z whose weights SeFa could factorise.")


def fixed_sign(vectors_KD: Array) -> Array:
    """Each row with the sign that makes its component of largest magnitude positive."""
    largest = np.abs(vectors_KD).argmax(axis=1)
    sign = np.sign(vectors_KD[np.arange(len(vectors_KD)), largest])
    fixed: Array = vectors_KD * np.where(sign == 0, 1.0, sign)[:, None]
    return fixed
