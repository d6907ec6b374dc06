"""What measuring codes against factors gives.

Legend: N samples, D coordinates of a code, F factors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Dci:
    """Disentanglement, completeness, informativeness (Eastwood and Williams, ICLR 2018).

    Attributes:
        disentanglement: in [0, 1]: 1 where each coordinate matters to one factor only.
        completeness: in [0, 1]: 1 where each factor is told by one coordinate only.
        informativeness: mean R2 of the factors on held-out samples, at most 1.
        importance_DF: how much each coordinate matters to each factor, not negative.
        disentanglement_D, completeness_F, informativeness_F: one by one; nan where nothing matters.
    """

    disentanglement: float
    completeness: float
    informativeness: float
    importance_DF: Array
    disentanglement_D: Array
    completeness_F: Array
    informativeness_F: Array


@dataclass(frozen=True, eq=False)
class DisentanglementResult:
    """All scores of one set of codes.

    Attributes:
        dci: see there.
        mig: mutual information gap, in [0, 1] (Chen et al., NeurIPS 2018), and by factor in `mig_F`.
        factor_vae: accuracy of the majority vote, in (0, 1] (Kim and Mnih, ICML 2018).
        factor_vae_chance: what the vote scores where codes say nothing: the share of the most frequent factor.
        sap: separated attribute predictability, in [0, 1] (Kumar et al., ICLR 2018), and by factor in `sap_F`.
        factor_names: [F].
        samples, dims: N and D.
    """

    dci: Dci
    mig: float
    mig_F: Array
    factor_vae: float
    factor_vae_chance: float
    sap: float
    sap_F: Array
    factor_names: tuple[str, ...]
    samples: int
    dims: int

    def __repr__(self) -> str:
        return (
            f"DisentanglementResult({self.dims} coordinates, {len(self.factor_names)} factors: "
            f"DCI {self.dci.disentanglement:.3f} / {self.dci.completeness:.3f} / {self.dci.informativeness:.3f}, "
            f"MIG {self.mig:.3f}, FactorVAE {self.factor_vae:.3f}, SAP {self.sap:.3f})"
        )


def equal_bins(values_N: Array, bins: int) -> npt.NDArray[np.int64]:
    """Bin of each value, 0 .. bins - 1: the values themselves where there are at most `bins`, else by equal counts.

    Equal values always share a bin.
    """
    distinct, place_N = np.unique(values_N, return_inverse=True)
    if len(distinct) <= bins:
        return place_N.astype(np.int64)
    edges = np.quantile(values_N, np.linspace(0, 1, bins + 1)[1:-1])
    return np.searchsorted(edges, values_N, side="right").astype(np.int64)
