"""The linear solvers: newton against scikit-learn's SVC in every regime, ridge against its closed form."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from gantk.errors import GantkError, UsageError
from gantk.higan import hinge
from gantk.higan.hinge import solve_hinge
from gantk.higan.ridge import GROUPS, accumulate, solve_ridge, total
from gantk.higan.solvers import check_solver, fit_logistic, fit_newton, fit_svc, fit_tails

Problem = tuple[np.ndarray, np.ndarray, float]


def tails(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = random.standard_normal((600, 8))
    score = x[:, 0] - 0.5 * x[:, 3] + 0.3 * random.standard_normal(600)
    order = np.argsort(-score)
    return x[np.concatenate([order[:100], order[-100:]])], np.arange(200) < 100


def overlapping(random: np.random.Generator) -> Problem:
    x = random.standard_normal((500, 12))
    return x, x[:, 0] + random.standard_normal(500) > 0, 1.0


def nothing_to_find(random: np.random.Generator) -> Problem:
    return random.standard_normal((300, 6)), random.random(300) < 0.5, 1.0


def separable(random: np.random.Generator) -> Problem:
    return *tails(random), 1.0


def wide(random: np.random.Generator) -> Problem:
    x = random.standard_normal((120, 700))
    return x, x[:, 0] + random.standard_normal(120) > 0, 1.0


def duplicated(random: np.random.Generator) -> Problem:
    x, y = tails(random)
    return np.repeat(x[::4], 5, axis=0), np.repeat(y[::4], 5), 1.0


def constant_columns(random: np.random.Generator) -> Problem:
    x, y = tails(random)
    x[:, 2], x[:, 5] = 3.0, 0.0
    return x, y, 1.0


def rare_class(random: np.random.Generator) -> Problem:
    x = random.standard_normal((500, 8))
    return x, x[:, 0] > np.sort(x[:, 0])[-4], 1.0


def far_from_the_origin(random: np.random.Generator) -> Problem:
    x, y = tails(random)
    return x + 20, y, 1.0


def large_units(random: np.random.Generator) -> Problem:
    x, y = tails(random)
    return 300 * x, y, 1.0


def small_units(random: np.random.Generator) -> Problem:
    x, y, _ = overlapping(random)
    return 0.01 * x, y, 1.0


def soft(random: np.random.Generator) -> Problem:
    return *overlapping(random)[:2], 1e-3


def hard(random: np.random.Generator) -> Problem:
    return *separable(random)[:2], 1e3


REGIMES = [
    overlapping,
    nothing_to_find,
    separable,
    wide,
    duplicated,
    constant_columns,
    rare_class,
    far_from_the_origin,
    large_units,
    small_units,
    soft,
    hard,
]


@pytest.mark.parametrize("regime", REGIMES)
def test_newton_finds_the_optimum_of_svc(regime: Callable[..., Problem]) -> None:
    from sklearn.svm import SVC

    x, y, C = regime(np.random.default_rng(3))
    ours = solve_hinge(torch.from_numpy(x), torch.from_numpy(y), C)
    theirs = SVC(kernel="linear", C=C, tol=1e-6).fit(x, y)
    weight, reference = ours.weight_D.numpy(), theirs.coef_[0]
    assert weight @ reference / np.linalg.norm(weight) / np.linalg.norm(reference) >= 0.99999
    assert ours.converged

    def objective(w: np.ndarray, b: float) -> float:
        return float(w @ w / 2 + C * np.maximum(0, 1 - np.where(y, 1, -1) * (x @ w + b)).sum())

    assert ours.objective == pytest.approx(objective(weight, ours.bias), rel=1e-9)
    # The gap is a certificate: the optimum cannot be lower than this, and libsvm's is as good as the optimum.
    assert ours.objective - ours.gap <= objective(reference, float(theirs.intercept_[0])) * (1 + 1e-7)
    assert ours.objective <= objective(reference, float(theirs.intercept_[0])) + 2e-5 * float(weight @ weight)


def test_known_optimum() -> None:
    """Two points: the boundary is half way, and the margin is the distance."""
    solution = solve_hinge(torch.tensor([[0.0, 0.0], [3.0, 4.0]]), torch.tensor([False, True]), tolerance=1e-9)
    np.testing.assert_allclose(solution.weight_D.numpy(), np.array([3.0, 4.0]) * 2 / 25, rtol=1e-4)
    assert solution.bias == pytest.approx(-1, abs=1e-3)
    assert solution.support == 2


def test_gap_is_an_upper_bound_of_the_error() -> None:
    x, y, _ = overlapping(np.random.default_rng(0))
    best = solve_hinge(torch.from_numpy(x), torch.from_numpy(y), tolerance=1e-12)
    for tolerance in (1e-1, 1e-2, 1e-4):
        rough = solve_hinge(torch.from_numpy(x), torch.from_numpy(y), tolerance=tolerance)
        assert rough.objective - best.objective <= rough.gap
        assert float((rough.weight_D - best.weight_D).square().sum()) <= 2 * rough.gap


def test_kept_products_and_sums_do_not_change_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The systems are built from differences to earlier ones; from scratch they give the same."""
    random = np.random.default_rng(5)
    for x, y, _ in (overlapping(random), wide(random)):
        rows, flags = torch.from_numpy(x), torch.from_numpy(y)
        kept = solve_hinge(rows, flags)
        with monkeypatch.context() as patch:
            patch.setattr(hinge, "GRAM_LIMIT", 0)
            follow = hinge._Hessian._follow

            def afresh(self: Any, rows_M: torch.Tensor, follow: Any = follow) -> None:
                self.forget()
                follow(self, rows_M)

            patch.setattr(hinge._Hessian, "_follow", afresh)
            scratch = solve_hinge(rows, flags)
        torch.testing.assert_close(kept.weight_D, scratch.weight_D, rtol=1e-6, atol=1e-9)


def test_a_start_from_few_rows_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(7)
    x = random.standard_normal((1500, 6))
    y = x[:, 0] + random.standard_normal(1500) > 0
    started = solve_hinge(torch.from_numpy(x), torch.from_numpy(y), tolerance=1e-8)
    monkeypatch.setattr(hinge, "_sample", lambda flags, width: None)
    cold = solve_hinge(torch.from_numpy(x), torch.from_numpy(y), tolerance=1e-8)
    torch.testing.assert_close(started.weight_D, cold.weight_D, rtol=1e-3, atol=1e-4)


def test_svc_is_to_the_letter() -> None:
    from sklearn.svm import SVC

    x, y = tails(np.random.default_rng(1))
    x = x.astype(np.float32)
    fit, reference = fit_svc(x, y), SVC(kernel="linear").fit(x, y)
    expected = reference.coef_[0].astype(np.float32)
    np.testing.assert_array_equal(fit.normal_D, expected / np.linalg.norm(expected))
    np.testing.assert_array_equal(fit.distance(x) > 0, reference.predict(x))
    assert fit.normal_D.dtype == np.float32 and fit.C == 1.0 and fit.converged


@pytest.mark.parametrize("name", ["svc", "newton", "logistic"])
def test_distance_is_signed_and_in_units_of_the_code(name: str) -> None:
    random = np.random.default_rng(2)
    y = np.arange(400) < 200
    x = random.standard_normal((400, 5)) + np.where(y, 6.0, 2.0)[:, None] * np.eye(5)[0]
    fit = fit_tails(name, x, y)
    assert np.linalg.norm(fit.normal_D) == pytest.approx(1, abs=1e-6)
    assert fit.normal_D[0] > 0.95  # towards the positives
    assert fit.distance(np.eye(5)[:1] * 4)[0] == pytest.approx(0, abs=0.4)  # half way between 2 and 6
    assert (fit.distance(x) > 0)[y].mean() > 0.95
    step = fit.distance(x[:1] + 2.5 * fit.normal_D) - fit.distance(x[:1])
    assert step[0] == pytest.approx(2.5, abs=1e-5)


def test_newton_says_how_certain_it_is() -> None:
    x, y = tails(np.random.default_rng(4))
    fit = fit_newton(x.astype(np.float32), y, tolerance=1e-6)
    assert fit.certainty is not None and 1 - 1e-5 < fit.certainty <= 1
    reference = fit_newton(x, y, tolerance=1e-12)
    assert float(fit.normal_D.astype(float) @ reference.normal_D) >= fit.certainty - 1e-6


def test_logistic_chooses_its_regularisation() -> None:
    """Where most columns are noise, the loss on held-out samples asks for more of it than C = 1."""
    random = np.random.default_rng(6)
    x = random.standard_normal((300, 60))
    y = x[:, 0] + 2 * random.standard_normal(300) > 0
    held = random.standard_normal((300, 60))
    chosen = fit_logistic(x, y, held_out=(held, held[:, 0] + 2 * random.standard_normal(300) > 0))
    fixed = fit_logistic(x, y, C=1.0)
    assert chosen.C < 0.1
    assert chosen.normal_D[0] > fixed.normal_D[0]
    assert chosen.converged and fixed.converged


def test_no_boundary_between_equal_codes() -> None:
    with pytest.raises(GantkError, match="codes of both classes are the same"):
        fit_newton(np.ones((6, 3)), np.arange(6) < 3)


def test_unknown_solver() -> None:
    with pytest.raises(UsageError, match="Did you mean 'newton'"):
        check_solver("newtno")


# --- ridge ---------------------------------------------------------------------------------------------------------


def regression(count: int = 400, width: int = 7) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(8)
    x = random.standard_normal((count, width)) * np.linspace(3, 0.1, width) + 50
    s = x @ random.standard_normal((width, 2)) + random.standard_normal((count, 2)) + 1000
    return x, s


def gathered(x: np.ndarray, s: np.ndarray, step: int = 150) -> list[Any]:
    group = np.arange(len(x)) % GROUPS
    spans = [slice(i, i + step) for i in range(0, len(x), step)]
    return accumulate((x[i], s[i], group[i]) for i in spans)


def test_ridge_is_the_closed_form() -> None:
    x, s = regression()
    solution = solve_ridge(total(gathered(x, s)), strength=5.0)
    xc, sc = x - x.mean(axis=0), s - s.mean(axis=0)
    weight = np.linalg.solve(xc.T @ xc + 5 * np.eye(x.shape[1]), xc.T @ sc)
    np.testing.assert_allclose(solution.weight_DA, weight, rtol=1e-8)
    np.testing.assert_allclose(x.mean(axis=0) @ solution.weight_DA + solution.bias_A, s.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(solution.residual_A, np.square(sc - xc @ weight).sum(axis=0), rtol=1e-6)


def test_any_groups_are_the_regression_on_their_samples() -> None:
    x, s = regression()
    groups = gathered(x, s)
    chosen = [1, 4, 7]
    rows = np.isin(np.arange(len(x)) % GROUPS, chosen)
    some = solve_ridge(total([groups[index] for index in chosen]), strength=2.0)
    alone = solve_ridge(total(gathered(x[rows], s[rows])), strength=2.0)
    np.testing.assert_allclose(some.weight_DA, alone.weight_DA, rtol=1e-8)
    np.testing.assert_allclose(some.bias_A, alone.bias_A, rtol=1e-8)


def test_strength_minimises_generalised_cross_validation() -> None:
    random = np.random.default_rng(9)
    x = random.standard_normal((80, 30))
    s = (x[:, 0] + 2 * random.standard_normal(80))[:, None]
    solution = solve_ridge(total(gathered(x, s)))
    xc, sc = x - x.mean(axis=0), s - s.mean(axis=0)

    def gcv(strength: float) -> float:
        hat = xc @ np.linalg.solve(xc.T @ xc + strength * np.eye(30), xc.T) + 1 / 80
        return float(np.square(sc[:, 0] - (hat @ sc)[:, 0]).sum() / (1 - np.trace(hat) / 80) ** 2)

    best = float(solution.strength_A[0])
    assert all(gcv(best) <= gcv(other) * (1 + 1e-9) for other in best * np.logspace(-3, 3, 25))
    assert best > 1  # noise asks for regularisation


def test_fewer_samples_than_columns() -> None:
    random = np.random.default_rng(10)
    x = random.standard_normal((30, 90))
    solution = solve_ridge(total(gathered(x, x[:, :1])))
    assert np.isfinite(solution.weight_DA).all() and solution.weight_DA[0, 0] > 0


def test_ridge_finds_the_direction_of_a_nonlinear_score() -> None:
    """Stein's lemma: for normal codes the regression of a monotone score points where the score does."""
    random = np.random.default_rng(11)
    truth = random.standard_normal(20)
    truth /= np.linalg.norm(truth)
    x = random.standard_normal((20_000, 20))
    s = 1 / (1 + np.exp(-4 * (x @ truth - 1)))
    solution = solve_ridge(total(gathered(x, s[:, None], step=5000)))
    weight = solution.weight_DA[:, 0]
    assert weight @ truth / np.linalg.norm(weight) > 0.995


def test_nothing_to_regress_on() -> None:
    with pytest.raises(GantkError, match="no samples"):
        accumulate(iter([]))
    with pytest.raises(GantkError, match="all the same"):
        solve_ridge(total(gathered(np.ones((50, 3)), np.arange(50.0)[:, None])))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_newton_on_a_gpu() -> None:
    x, y, _ = overlapping(np.random.default_rng(3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        there, here = fit_newton(x, y, device="cuda"), fit_newton(x, y)
    assert float(there.normal_D.astype(float) @ here.normal_D) > 0.99999
