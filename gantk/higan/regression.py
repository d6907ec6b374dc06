"""The ridge solver as a boundary search uses it: all scores of a run from shared normal equations, split by groups.

Samples belong to ten groups at random; training takes some of them, validation the others, the same for all scores.

Legend: N samples, D the width of a code, A scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError
from gantk.higan.pool import Pool
from gantk.higan.ridge import GROUPS, NormalEquations, RidgeSolution, accumulate, solve_ridge, total
from gantk.higan.selection import Selection, Split, generator_for
from gantk.higan.solvers import Fit, unit_normal

Flags = npt.NDArray[np.bool_]


class Regressions:
    """Regressions of all scores on every row of the codes, for every split; each computed when first asked for.

    Args:
        pool: the codes.
        scores: name -> [N].
        valid: name -> indices of the samples whose score counts. Scores with the same ones share their equations.
        split_ratio: share of the groups for training.
        seed: of the splits.
        C: 1 / lambda; None chooses by generalised cross-validation.
        device: for the sums.
    """

    def __init__(
        self,
        pool: Pool,
        scores: Mapping[str, npt.NDArray[Any]],
        valid: Mapping[str, npt.NDArray[np.int64]],
        split_ratio: float,
        seed: int,
        C: float | None,
        device: str,
    ) -> None:
        self.pool, self.scores, self.C, self.device = pool, scores, C, device
        self.seed = seed
        self.train_groups = GROUPS if split_ratio == 1 else min(max(round(split_ratio * GROUPS), 1), GROUPS - 1)
        self.group_N = generator_for(seed, "groups").permutation(len(pool)) % GROUPS
        self.masks: dict[str, Flags] = {}
        self.families: dict[bytes, list[str]] = {}  # names of scores whose valid samples are the same
        for name, indices in valid.items():
            mask = np.zeros(len(pool), dtype=bool)
            mask[indices] = True
            self.masks[name] = mask
            self.families.setdefault(np.packbits(mask).tobytes(), []).append(name)
        self._equations: dict[tuple[str, int], list[NormalEquations]] = {}
        self._solutions: dict[tuple[str, int, int], RidgeSolution] = {}

    def _groups(self, resample: int) -> npt.NDArray[np.int64]:
        """Return the groups of the training part; all for resample -1."""
        if resample < 0:
            return np.arange(GROUPS)
        order = generator_for(self.seed, "order of groups", resample).permutation(GROUPS)
        return np.asarray(np.sort(order[: self.train_groups]))

    def held_out(self, name: str, resample: int = 0) -> Flags:
        """Return which samples [N] are not in the training part."""
        return ~np.isin(self.group_N, self._groups(resample))

    def split(self, selection: Selection, name: str, resample: int = 0) -> Split:
        """Divide the tails as the groups are divided.

        Raises:
            GantkError: a class has no sample in the training part.
        """
        held = self.held_out(name, resample)
        parts = [
            selection.positive[~held[selection.positive]],
            selection.negative[~held[selection.negative]],
            selection.positive[held[selection.positive]],
            selection.negative[held[selection.negative]],
        ]
        if not len(parts[0]) or not len(parts[1]):
            raise GantkError(f"A class of {name!r} has too few samples to split: choose more, or use --solver newton.")
        return Split(*parts)

    def fit(self, name: str, row: int, resample: int, x_ND: npt.NDArray[Any], positive_N: Flags) -> Fit:
        """Return the boundary of a score: the normal of its regression, half way between the classes of `x_ND`."""
        family = next(names for names in self.families.values() if name in names)
        solution = self._solve(family, row, resample)
        column = family.index(name)
        normal_D, _ = unit_normal(solution.weight_DA[:, column])
        strength = float(solution.strength_A[column])
        fit = Fit(normal_D, 0.0, 1 / strength, 1, float(solution.residual_A[column]), True)
        return fit.halfway(x_ND, positive_N)

    def _solve(self, family: list[str], row: int, resample: int) -> RidgeSolution:
        key = (family[0], row, resample)
        if key not in self._solutions:
            groups = self._gathered(family, row)
            chosen = [groups[index] for index in self._groups(resample)]
            self._solutions[key] = solve_ridge(total(chosen), None if self.C is None else 1 / self.C)
        return self._solutions[key]

    def _gathered(self, family: list[str], row: int) -> list[NormalEquations]:
        key = (family[0], row)
        if key not in self._equations:
            self._equations = {}  # one row's at a time: ten matrices D x D
            mask = self.masks[family[0]]
            columns = [np.asarray(self.scores[name]).reshape(-1) for name in family]
            self._equations[key] = accumulate(self._chunks(row, mask, columns), self.device)
        return self._equations[key]

    def _chunks(self, row: int, mask: Flags, columns: list[npt.NDArray[Any]]) -> Any:
        for span, x_nD in self.pool.chunks(row):
            kept = mask[span]
            if not np.isfinite(x_nD).all():
                first = span.start + int(np.flatnonzero(~np.isfinite(x_nD).all(axis=1))[0])
                raise GantkError(f"The latent code of sample {first} is not finite: synthesize the codes again.")
            if kept.any():
                yield x_nD[kept], np.stack([column[span][kept] for column in columns], axis=1), self.group_N[span][kept]
