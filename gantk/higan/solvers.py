"""Linear classifiers of latent codes: each gives a unit normal, an intercept in units of distance, and how it ended.

`svc` is what HiGAN runs, `newton` reaches the same optimum in a fraction of the time, `logistic` chooses its own
regularisation on held-out samples. `ridge`, which regresses on the scores of all samples, is in `gantk.higan.ridge`.

Legend: N rows, D the width of a code.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError, UsageError, suggestion

SOLVERS = ("ridge", "newton", "svc", "logistic")
DEFAULT_SOLVER = "ridge"
"""Closest to the true direction, and the steadiest, in docs/higan.md's comparison; `svc` is the original's."""

Rows = npt.NDArray[np.floating[Any]]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Fit:
    """A hyperplane.

    Attributes:
        normal_D: float32, of unit length; it points to the positives.
        intercept: x . normal + intercept is the signed distance of a code from the hyperplane.
        C: inverse strength of the regularisation, in the units of the solver; 1 / lambda for ridge.
        iterations: of the solver.
        objective: what was minimised, at the end.
        converged: whether the solver says that it arrived.
        certainty: a lower bound of the cosine with the exact optimum, where the solver knows one.
    """

    normal_D: npt.NDArray[np.float32]
    intercept: float
    C: float
    iterations: int
    objective: float
    converged: bool
    certainty: float | None = None

    def distance(self, x_ND: Rows) -> npt.NDArray[np.float64]:
        """Return the signed distances [N] of codes from the hyperplane."""
        return np.asarray(x_ND, dtype=np.float64) @ self.normal_D.astype(np.float64) + self.intercept

    def halfway(self, x_ND: Rows, positive_N: Flags) -> Fit:
        """The same direction, half way between the means of the classes."""
        bare = replace(self, intercept=0.0)
        distance_N = bare.distance(x_ND)
        return replace(bare, intercept=-float(distance_N[positive_N].mean() + distance_N[~positive_N].mean()) / 2)


def unit_normal(weight_D: Rows) -> tuple[npt.NDArray[np.float32], float]:
    """Return weights as a float32 unit vector, as HiGAN stores them, and their length.

    Raises:
        GantkError: the weights vanish or are not finite: nothing separates the classes.
    """
    weight_32 = np.asarray(weight_D, dtype=np.float32).reshape(-1)
    length = np.linalg.norm(weight_32)
    if not np.isfinite(length) or length == 0:
        raise GantkError("No boundary was found: the codes of both classes are the same, or not finite.")
    return (weight_32 / length).astype(np.float32), float(np.linalg.norm(np.asarray(weight_D, dtype=np.float64)))


def fit_svc(x_ND: Rows, positive_N: Flags, C: float = 1.0) -> Fit:
    """Fit scikit-learn's `SVC(kernel="linear")` with its defaults, to the letter of the original.

    Its time grows steeply where the classes overlap (minutes at 14 000 x 512); the result is `fit_newton`'s.
    """
    from sklearn.svm import SVC

    classifier = SVC(kernel="linear", C=C)
    classifier.fit(x_ND, positive_N)
    weight_D, bias = classifier.coef_.reshape(-1), float(classifier.intercept_[0])
    normal_D, length = unit_normal(weight_D)
    objective = _hinge_objective(x_ND, positive_N, weight_D, bias, C)
    steps = int(np.max(classifier.n_iter_))
    return Fit(normal_D, bias / length, C, steps, objective, classifier.fit_status_ == 0)


def fit_newton(x_ND: Rows, positive_N: Flags, C: float = 1.0, device: str = "cpu", tolerance: float = 1e-5) -> Fit:
    """Find the optimum of `fit_svc` by `gantk.higan.hinge.solve_hinge`, on a GPU if asked for."""
    import torch

    from gantk.higan.hinge import solve_hinge

    rows = torch.as_tensor(np.ascontiguousarray(x_ND), device=device)
    flags = torch.as_tensor(np.ascontiguousarray(positive_N), device=device)
    solution = solve_hinge(rows, flags, C, tolerance)
    weight_D = solution.weight_D.numpy()
    normal_D, length = unit_normal(weight_D)
    certainty = float(np.sqrt(max(0.0, 1 - 2 * solution.gap / length**2)))
    return Fit(normal_D, solution.bias / length, C, solution.steps, solution.objective, solution.converged, certainty)


def fit_logistic(
    x_ND: Rows, positive_N: Flags, C: float | None = None, held_out: tuple[Rows, Flags] | None = None
) -> Fit:
    """Fit logistic regression; C is the one with the smallest loss on held-out samples.

    Args:
        x_ND, positive_N: training samples.
        C: of the loss sum log(1 + exp(-y f)) against |w|^2 / 2; None tries eight decades.
        held_out: samples to choose C by; None sets every fourth training sample aside for that.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    x = np.asarray(x_ND, dtype=np.float64)
    mean_D = x.mean(axis=0)
    scale = float(np.sqrt(np.square(x - mean_D).mean())) or 1.0  # so that the decades mean the same in every space

    def regress(
        rows: Rows, flags: Flags, strength: float, start: LogisticRegression | None = None
    ) -> tuple[LogisticRegression, bool]:
        model = LogisticRegression(C=strength, max_iter=1000, tol=1e-5, warm_start=True)
        if start is not None:
            model.coef_, model.intercept_, model.classes_ = start.coef_, start.intercept_, start.classes_
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit((rows - mean_D) / scale, flags)
        return model, not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)

    if C is None:
        fitted_on = (x, positive_N)
        if held_out is None or not len(held_out[0]):
            aside = np.arange(len(x)) % 4 == 3
            fitted_on, held_out = (x[~aside], positive_N[~aside]), (x[aside], positive_N[aside])
        best, model = (np.inf, 1.0), None
        for exponent in range(-7, 2):
            model, _ = regress(*fitted_on, 10.0**exponent, model)
            loss = _log_loss(model.decision_function((held_out[0] - mean_D) / scale), held_out[1])
            if loss < best[0]:
                best = (loss, 10.0**exponent)
        strength = best[1]
    else:
        strength = C * scale**2
    model, converged = regress(x, positive_N, strength)
    weight_D = model.coef_.reshape(-1) / scale
    bias = float(model.intercept_[0]) - float(weight_D @ mean_D)
    normal_D, length = unit_normal(weight_D)
    C = strength / scale**2
    objective = float(weight_D @ weight_D) / 2 + C * len(x) * _log_loss(x @ weight_D + bias, positive_N)
    return Fit(normal_D, bias / length, C, int(np.max(model.n_iter_)), objective, converged)


def _hinge_objective(x_ND: Rows, positive_N: Flags, weight_D: Rows, bias: float, C: float) -> float:
    output_N = np.asarray(x_ND, dtype=np.float64) @ weight_D + bias
    loss = np.maximum(0, 1 - np.where(positive_N, output_N, -output_N)).sum()
    return float(weight_D @ weight_D / 2 + C * loss)


def _log_loss(output_N: Rows, positive_N: Flags) -> float:
    return float(np.logaddexp(0, np.where(positive_N, -output_N, output_N)).mean())


def check_solver(name: str) -> None:
    """Raise UsageError where there is no solver of that name."""
    if name not in SOLVERS:
        raise UsageError(f"There is no solver {name!r}.{suggestion(name, SOLVERS)}")


def fit_tails(
    solver: str,
    x_ND: Rows,
    positive_N: Flags,
    held_out: tuple[Rows, Flags] | None = None,
    C: float | None = None,
    device: str = "cpu",
) -> Fit:
    """Fit by a solver that is trained on the two tails: any but ridge."""
    if solver == "logistic":
        return fit_logistic(x_ND, positive_N, C, held_out)
    strength = 1.0 if C is None else C
    return fit_svc(x_ND, positive_N, strength) if solver == "svc" else fit_newton(x_ND, positive_N, strength, device)
