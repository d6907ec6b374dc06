"""Disentanglement, completeness and informativeness (Eastwood and Williams, ICLR 2018, section 2).

A regressor of every factor on the coordinates gives R_ij, how much coordinate i matters to factor j. With its rows and
columns as distributions,

    D_i = 1 - H_F(R_i. / sum)      C_j = 1 - H_D(R_.j / sum)

where H_K is the entropy to base K. Disentanglement is the mean of D_i weighted by what the coordinate matters in all,
completeness the mean of C_j, informativeness how well the regressor predicts (here R2 on samples it never saw).

Legend: N samples, D coordinates, F factors.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.disentanglement.results import Dci
from gantk.errors import UsageError

REGRESSORS = ("lasso", "elastic", "trees")
HELD_OUT = 0.25  # of the samples, for informativeness
TREES, LEAF = 50, 5

Array = npt.NDArray[Any]


def dci(codes_ND: Array, factors_NF: Array, regressor: str = "lasso", seed: int = 0) -> Dci:
    """Measure with one of three regressors.

    Args:
        regressor: `lasso`, the paper's linear one (importance: |coefficient| of standardised coordinates, the penalty
            chosen by cross-validation); `elastic`, the same with half of its penalty quadratic, which shares importance
            between coordinates that say the same; `trees`, a forest, for codes that say factors in a nonlinear way
            (importance: the share of the variance that splits on the coordinate explain).
    """
    if regressor not in REGRESSORS:
        raise UsageError(f"The regressor {regressor!r} is none of {', '.join(REGRESSORS)}.")
    order = np.random.Generator(np.random.Philox(key=[seed, 1])).permutation(len(codes_ND))
    held = max(1, round(HELD_OUT * len(order)))
    test, train = order[:held], order[held:]
    x, y = standardized(codes_ND), standardized(factors_NF)
    importance_DF = np.zeros((x.shape[1], y.shape[1]))
    r2_F = np.zeros(y.shape[1])
    for factor in range(y.shape[1]):
        model = _fitted(regressor, x[train], y[train, factor], seed)
        found = model.feature_importances_ if regressor == "trees" else np.abs(model.coef_)
        importance_DF[:, factor] = found
        target = y[test, factor]
        total = float(np.square(target - y[train, factor].mean()).sum())
        wrong = float(np.square(target - model.predict(x[test])).sum())
        r2_F[factor] = 1 - wrong / total if total > 0 else 0.0
    return of_importance(importance_DF, r2_F)


def of_importance(importance_DF: Array, informativeness_F: Array) -> Dci:
    """The three scores of a matrix of importance and the regressors' R2."""
    d_D, c_F = _purity(importance_DF), _purity(importance_DF.T)
    weight_D = importance_DF.sum(1)
    some = weight_D > 0
    disentanglement = float((weight_D[some] * d_D[some]).sum() / weight_D[some].sum()) if some.any() else 0.0
    completeness = float(np.nanmean(c_F)) if np.isfinite(c_F).any() else 0.0
    return Dci(
        disentanglement, completeness, float(informativeness_F.mean()), importance_DF, d_D, c_F, informativeness_F
    )


def _purity(weights_RC: Array) -> Array:
    """One minus the entropy of every row to base C; nan for rows of zeros, 1 where there is one column."""
    total_R = weights_RC.sum(1)
    found = np.full(len(weights_RC), np.nan)
    some = total_R > 0
    if weights_RC.shape[1] == 1:
        found[some] = 1.0
        return found
    share = weights_RC[some] / total_R[some, None]
    entropy = -np.where(share > 0, share * np.log(np.where(share > 0, share, 1)), 0).sum(1)
    found[some] = 1 - entropy / np.log(weights_RC.shape[1])
    return found


def standardized(values_NC: Array) -> Array:
    """Columns with mean 0 and deviation 1; a column that never varies becomes 0."""
    centred = values_NC - values_NC.mean(0)
    deviation = centred.std(0)
    steady = deviation <= 1e-12 * np.maximum(np.abs(values_NC).max(0), 1e-300)
    found: Array = np.where(steady, 0, centred / np.where(steady, 1, deviation))
    return found


def _fitted(regressor: str, x: Array, y: Array, seed: int) -> Any:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import ElasticNetCV, LassoCV

    if regressor == "trees":
        forest = RandomForestRegressor(TREES, min_samples_leaf=LEAF, random_state=seed, n_jobs=1)
        return forest.fit(x, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the least penalties, which are seldom chosen
        if regressor == "lasso":
            return LassoCV(alphas=50, cv=5).fit(x, y)
        return ElasticNetCV(l1_ratio=0.5, alphas=50, cv=5).fit(x, y)
