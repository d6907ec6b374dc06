"""Principal components of more numbers than fit into memory: batch by batch (Ross, Lim, Lin, Yang 2008, section 3).

What is known of n samples are their mean m, and K rows S V, their singular values times their right singular vectors.
With b further samples X of mean m_b, the rows

    [ S V ;  X - m_b ;  sqrt(n b / (n + b)) (m - m_b) ]

have the scatter matrix of all n + b. Their own decomposition, cut to K, is what is known next. Exact while there are at
most K samples, or while the samples lie in K dimensions; else what was cut off is lost. A sample's place along the
components is carried along, so that no sample is needed twice.

Shape legend: N samples, b of a batch, F features, K components, R = K + b + 1 rows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.float32]

COLUMNS = 1 << 16  # features at a time


class IncrementalComponents:
    """The leading components of the samples that were added so far.

    Args:
        most: K.

    Attributes:
        seen: N.
        values: singular values of the centred samples, [K], decreasing.
        left: where the samples are along the components, [N, K]; of unit length in each column where nothing was cut.
        scatter: the sum of all squared deviations from the mean.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.seen = 0
        self.values: Array = np.zeros(0)
        self.left: Array = np.zeros((0, 0))
        self.scatter = 0.0
        self._mean: Rows | None = None
        self._vectors: Rows | None = None  # [K, F], of unit length

    def add(self, sample_bF: Rows) -> None:
        """Take a batch of samples."""
        b, n = len(sample_bF), self.seen
        mean_F = sample_bF.mean(0, dtype=np.float64).astype(np.float32)
        rows_RF = self._stacked(sample_bF, mean_F)
        known = len(self.values)
        self.scatter += sum(_length(row_F) for row_F in rows_RF[known:])
        values, turn = _decomposed(rows_RF)
        count = min(self.most, int((values > 1e-7 * max(values.max(initial=0.0), 1e-300)).sum()))
        values, turn = values[:count], turn[:, :count]
        old, new = np.zeros((n, len(rows_RF))), np.zeros((b, len(rows_RF)))
        old[:, :known] = self.left
        new[:, known : known + b] = np.eye(b)
        if n:
            length = (n * b / (n + b)) ** 0.5
            old[:, -1], new[:, -1] = b / (n + b) / length, -n / (n + b) / length
        self.left = np.concatenate([old, new]) @ turn
        for start in range(0, rows_RF.shape[1], COLUMNS):  # in place: the rows become vectors
            cut = slice(start, start + COLUMNS)
            rows_RF[:count, cut] = (turn / values).T @ rows_RF[:, cut]
        self._vectors, self.values, self.seen = rows_RF[:count], values, n + b
        if self._mean is None:
            self._mean = mean_F
        else:
            self._mean += np.float32(b / (n + b)) * (mean_F - self._mean)

    def _stacked(self, sample_bF: Rows, mean_F: Rows) -> Rows:
        """The rows whose scatter matrix is that of all samples."""
        known, b = len(self.values), len(sample_bF)
        rows_RF = np.empty((known + b + (self._mean is not None), sample_bF.shape[1]), np.float32)
        if self._vectors is not None:
            np.multiply(self._vectors, self.values[:, None], out=rows_RF[:known], casting="same_kind")
            self._vectors = None  # they are in the rows
        np.subtract(sample_bF, mean_F, out=rows_RF[known : known + b])
        if self._mean is not None:
            length = np.float32((self.seen * b / (self.seen + b)) ** 0.5)
            np.multiply(self._mean - mean_F, length, out=rows_RF[-1])
        return rows_RF

    @property
    def explained(self) -> Array:
        """Each component's share of the variance, [K]."""
        return self.values**2 / max(self.scatter, 1e-300)


def _decomposed(rows_RF: Rows) -> tuple[Array, Array]:
    """Singular values and left singular vectors of a few long rows, by their Gram matrix in float64."""
    gram = np.zeros((len(rows_RF), len(rows_RF)))
    for start in range(0, rows_RF.shape[1], COLUMNS):
        part = rows_RF[:, start : start + COLUMNS].astype(np.float64)
        gram += part @ part.T
    values, vectors = np.linalg.eigh(gram)
    return np.sqrt(np.maximum(values[::-1], 0.0)), vectors[:, ::-1]


def _length(row_F: Rows) -> float:
    """The squared length of a row, summed in float64."""
    return float(np.square(row_F, dtype=np.float64).sum())
