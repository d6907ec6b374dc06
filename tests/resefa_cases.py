"""A tiny StyleGAN2, its plain Jacobian, and what the tests of ReSeFa compare with."""

from __future__ import annotations

import numpy as np
import torch
from generator_cases import tiny
from torch import Tensor

from gantk.generators.base import Generator, Truncation
from gantk.resefa.derivative import LocalJacobian, Output
from gantk.resefa.variables import CodeMap, Variable, choose

SIZE = 16


def local(
    generator: Generator,
    variable: Variable,
    output: Output | None = None,
    truncation: Truncation | None = None,
    seed: int = 0,
) -> LocalJacobian:
    """The Jacobian at the first code of a seed."""
    label = torch.tensor([1]) if generator.spec.label_dim else None
    z_1Z = generator.sample_z(1, seed=seed)
    wp_1LD = generator.expand(generator.map(z_1Z, label), truncation).contiguous()
    code_map = CodeMap(generator, variable, truncation, z_1Z, label)
    return LocalJacobian(generator, wp_1LD, code_map, output or Output(SIZE))


def plain(generator: Generator, variable: Variable, truncation: Truncation | None = None, seed: int = 0) -> Tensor:
    """The same Jacobian [d, O, S, S] by central differences of the whole way from the code to the image."""
    label = torch.tensor([1]) if generator.spec.label_dim else None
    z_1Z = generator.sample_z(1, seed=seed)
    w_1D = generator.map(z_1Z, label)
    wp_1LD = generator.expand(w_1D, truncation)

    def image(step: Tensor) -> Tensor:
        if variable.space == "z":
            return generator.synthesize(generator.expand(generator.map(z_1Z + step, label), truncation))
        if variable.space == "wp":
            return generator.synthesize(wp_1LD + step)
        moved = generator.expand(w_1D + step, truncation)
        rows = torch.zeros(generator.spec.num_layers, 1, dtype=torch.bool)
        rows[list(variable.layers)] = True
        return generator.synthesize(torch.where(rows, moved, wp_1LD))

    small, columns = 1e-6, []
    for index in range(variable.dim):
        step = variable.embed(variable.basis(index, index + 1, wp_1LD)) * small
        columns.append((image(step) - image(-step))[0] / (2 * small))
    return torch.stack(columns)


def boxes(*edges: tuple[int, int, int, int]) -> np.ndarray:
    """Masks [R, S * S] of boxes (top, bottom, left, right) in pixels."""
    found = np.zeros((len(edges), SIZE, SIZE), dtype=np.bool_)
    for mask, (top, bottom, left, right) in zip(found, edges, strict=True):
        mask[top:bottom, left:right] = True
    return found.reshape(len(edges), -1)


def double(name: str) -> Generator:
    return tiny(name).double()


__all__ = ["SIZE", "boxes", "choose", "double", "local", "plain"]
