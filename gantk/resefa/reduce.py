"""Gram matrices of wp as those of fewer rows, or of one w for several rows: sums of their blocks, no new Jacobian.

If a step u of a coarser variable is the step S u of the finer one, then G becomes S^T G S. So a run with `--space wp`
serves every subset of its rows.

Shape legend: d coordinates of the run's variable, e those wanted, D width of a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gantk.errors import UsageError
from gantk.generators.base import Generator, Truncation
from gantk.resefa.variables import CodeMap, Variable, choose

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Reduced:
    """A variable, and how its steps are steps of the run's: S [d, e], None where they are the same."""

    variable: Variable
    steps_de: Array | None

    def gram(self, gram_dd: Array) -> Array:
        """S^T G S."""
        found: Array = gram_dd if self.steps_de is None else self.steps_de.T @ gram_dd @ self.steps_de
        return found

    def vector(self, vector_d: Array) -> Array:
        """S^T g."""
        found: Array = vector_d if self.steps_de is None else self.steps_de.T @ vector_d
        return found


def reduce_to(
    generator: Generator,
    variable: Variable,
    truncation: Truncation | None,
    space: str | None = None,
    layers: tuple[int, ...] | None = None,
) -> Reduced:
    """The variable asked for, out of the one that a run has.

    Raises:
        UsageError: the run is not of wp, or lacks a row.
    """
    if space in (None, variable.space) and layers in (None, variable.layers):
        return Reduced(variable, None)
    if variable.space != "wp":
        raise UsageError(
            f"This run's Gram matrices are of {variable.space}, whose rows cannot be told apart any more: make the run "
            "with --space wp to choose --layers or --space later."
        )
    rows = variable.layers if layers is None else layers
    for row in rows:
        if row not in variable.layers:
            raise UsageError(
                f"Row {row} was not differentiated: the run has rows {', '.join(map(str, variable.layers))}."
            )
    if space == "w":
        if not variable.whole:
            raise UsageError(
                "A part of wp was differentiated, so it is not known what one w would do: leave --space out."
            )
        chosen = choose(generator, "w", rows)
        push = CodeMap(generator, chosen, truncation).push(
            torch.eye(chosen.dim, device=generator.device, dtype=generator.dtype)
        )
        return Reduced(chosen, variable.restrict(push).T.double().cpu().numpy())
    width = variable.shape[1]
    kept = torch.tensor([int(index) // width in rows for index in variable.free])
    narrowed = Variable("wp", rows, variable.shape, variable.free[kept], variable.whole)
    return Reduced(narrowed, np.eye(variable.dim)[:, kept.numpy()])
