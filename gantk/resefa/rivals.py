"""What ReSeFa's directions are compared with, all as steps in the coordinates of one Jacobian.

    resefa                  the regularised generalised eigenproblem
    lowrankgan              robust PCA and projection, from the same Gram matrices
    sefa, ganspace          the first directions of each, which are not given the region
    sefa chosen, ganspace chosen   those of all their directions with the best quotient for the region
    random                  normal steps

SeFa and GANSpace act on the same rows of wp.

Shape legend: d coordinates, D width of a code, K directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gantk.comparators.components import components
from gantk.comparators.factorisation import factorise
from gantk.comparators.lowrank import low_rank_directions
from gantk.errors import UsageError, suggestion
from gantk.generators.base import Generator
from gantk.resefa.solve import rates
from gantk.resefa.variables import Variable
from gantk.store.seeding import random_normal

METHODS = ("resefa", "lowrankgan", "sefa", "ganspace", "sefa chosen", "ganspace chosen", "random")

Array = npt.NDArray[Any]


class Rivals:
    """Directions of the other methods for one generator and variable; those without a region are found once.

    Args:
        samples: codes that GANSpace's components are of.
        seed: of those and of random steps.
    """

    def __init__(self, generator: Generator, variable: Variable, samples: int = 4000, seed: int = 0) -> None:
        self.generator, self.variable, self.samples, self.seed = generator, variable, samples, seed
        self._known: dict[str, Array | None] = {}

    def directions(self, method: str, inside: Array, outside: Array, count: int, tau: float) -> Array | None:
        """At most `count` unit steps [K, d] of a method for a region; None where it has none for such a network."""
        if method == "random":
            rows = random_normal(count, self.variable.dim, seed=self.seed, stream="resefa-random").astype(np.float64)
            return rows / np.linalg.norm(rows, axis=1, keepdims=True)
        if method == "lowrankgan":
            try:
                return low_rank_directions(inside, outside, count=count).vectors
            except UsageError:
                return None
        name, _, chosen = method.partition(" ")
        known = self._global(name)
        if known is None or not chosen:
            return None if known is None else known[:count]
        ridge = outside + tau * np.trace(outside) * np.eye(len(outside))
        best = np.argsort(-rates(known, inside) / rates(known, ridge))
        return known[best[:count]]

    def _global(self, name: str) -> Array | None:
        if name not in self._known:
            self._known[name] = self._find(name)
        return self._known[name]

    def _find(self, name: str) -> Array | None:
        try:
            if name == "sefa":
                factors = factorise(self.generator, self.variable.layers)
                return self._steps(factors.vectors, factors.space)
            found = components(self.generator, self.samples, seed=self.seed)
            return self._steps(found.vectors, found.space)
        except UsageError:
            return None

    def _steps(self, vectors_KD: Array, space: str) -> Array | None:
        """Directions of z or w as unit steps of the variable; None where they do not fit it."""
        variable = self.variable
        if variable.space == space:
            full = torch.from_numpy(np.ascontiguousarray(vectors_KD))
        elif variable.space == "wp" and space == "w" and vectors_KD.shape[1] == variable.shape[1]:
            full = torch.zeros(len(vectors_KD), *variable.shape, dtype=torch.float64)
            full[:, list(variable.layers)] = torch.from_numpy(np.ascontiguousarray(vectors_KD))[:, None]
        else:
            return None
        steps: Array = variable.restrict(full).numpy()
        length = np.linalg.norm(steps, axis=1)
        kept = length > 1e-9
        found: Array = steps[kept] / length[kept, None]
        return found


def available(methods: Sequence[str]) -> tuple[str, ...]:
    """The methods that a list names, all for ("all",).

    Raises:
        UsageError: one is unknown.
    """
    if tuple(methods) == ("all",):
        return METHODS
    for method in methods:
        if method not in METHODS:
            raise UsageError(f"There is no method {method!r} to compare with.{suggestion(method, METHODS)}")
    return tuple(dict.fromkeys(("resefa", *methods)))
