"""The linear support vector machine to its optimum, by a semi-smooth Newton method that knows when it is done.

    minimise over w, b:   P(w, b) = |w|^2 / 2 + C sum_i max(0, 1 - y_i (w . x_i + b))

is what `SVC(kernel="linear")` solves by coordinate pairs, which takes tens of millions of steps where the classes
overlap. Here the hinge is replaced by its Moreau envelope around multipliers a (the proximal method of multipliers):
with margins u_i = 1 - y_i (w . x_i + b),

    a_i(w, b) = clip(a_i + u_i / delta, 0, C)      gradient: w - sum_i a_i(w, b) y_i x_i,  -sum_i a_i(w, b) y_i

is piecewise linear, only the rows with 0 < a_i(w, b) < C (the zone) bend it, and Newton's step solves a system in those
rows. After each inner minimisation the multipliers take the new values and delta is halved. The multipliers are
feasible for the dual problem, so that the duality gap bounds the error of w: |w - w*|^2 <= 2 gap, since P is 1-strongly
convex in w; the iteration stops on that bound, and the result says what is certain.

Legend: N rows, M rows in the zone, D the width of a row. Everything is float64, on any device that has it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

SHRINK = 0.5  # of delta from stage to stage: smaller loses more inner steps than it saves stages
MAX_INNER = 80
MAX_STAGES = 60
FORCING, FORCING_DECAY, FORCING_FLOOR = 0.3, 0.3, 1e-4  # relative gradient at which an inner minimisation is left
GRAM_LIMIT = 6144  # rows whose inner products are kept; beyond, only those of the present zone


@dataclass(frozen=True)
class HingeSolution:
    """The optimum of P.

    Attributes:
        weight_D: w, float64 on the CPU.
        bias: b.
        objective: P(w, b).
        gap: P(w, b) minus the dual value: P is at most this far above its minimum.
        steps: Newton steps.
        support: rows with a positive multiplier.
        converged: whether 2 gap <= 2 tolerance |w|^2, so that cos(w, w*) >= sqrt(1 - 2 tolerance).
    """

    weight_D: Tensor
    bias: float
    objective: float
    gap: float
    steps: int
    support: int
    converged: bool


def solve_hinge(x_ND: Tensor, positive_N: Tensor, C: float = 1.0, tolerance: float = 1e-5) -> HingeSolution:
    """Minimise P.

    Args:
        x_ND: rows, any float type; a float64 copy is made.
        positive_N: bool, the class of each row; both occur.
        C: weight of the hinge.
        tolerance: the gap, relative to |w|^2, to reach.
    """
    x_ND = x_ND.to(torch.float64, copy=True)
    mean_D = x_ND.mean(dim=0)
    x_ND -= mean_D  # b absorbs it; the systems are better conditioned
    y_N = torch.where(positive_N, 1.0, -1.0).to(x_ND)
    state = _State(x_ND, y_N, C)
    part = _sample(positive_N, x_ND.shape[1])
    if part is not None:
        # A few thousand rows tell roughly where the boundary is, so that few of all the rows are in the first zone.
        small = _State(x_ND[part], y_N[part], C * len(y_N) / len(part))
        small.run(tolerance=1e-2, stages=3)
        state.start_from(small)
    converged = state.run(tolerance, MAX_STAGES)
    return HingeSolution(
        state.w_D.cpu(),
        float(state.b - state.w_D @ mean_D),
        state.primal,
        state.gap,
        state.steps,
        int((state.multiplier_N > 0).sum()),
        converged,
    )


def _sample(positive_N: Tensor, width: int) -> Tensor | None:
    """Return every k-th row of each class, about twice as many as there are unknowns; None where all are needed."""
    wanted = 2 * min(max(width, 64), 1024)
    if len(positive_N) < 2 * wanted:
        return None
    parts = []
    for rows in (positive_N.nonzero()[:, 0], (~positive_N).nonzero()[:, 0]):
        share = max(1, round(wanted * len(rows) / len(positive_N)))
        parts.append(rows[torch.linspace(0, len(rows) - 1, share, device=rows.device).long()])
    return torch.cat(parts)


class _State:
    """The iterate, its multipliers, and what is kept between steps."""

    def __init__(self, x_ND: Tensor, y_N: Tensor, C: float) -> None:
        self.x_ND, self.y_N, self.C = x_ND, y_N, C
        self.w_D = x_ND.new_zeros(x_ND.shape[1])
        self.b = x_ND.new_zeros(())
        self.output_N = x_ND.new_zeros(len(x_ND))  # X w + b, kept up to date
        self.multiplier_N = x_ND.new_zeros(len(x_ND))
        # Wide enough for the first zone to hold whoever matters: in margins (delta C) as well as in the units of X^T X.
        self.delta = max(8.0 / C, float(torch.linalg.vector_norm(x_ND)) ** 2 / (64 * len(x_ND)))
        self.primal = self.gap = math.inf
        self.steps = 0
        self.gram = _Gram(x_ND)
        self.hessian = _Hessian(x_ND)

    def start_from(self, other: _State) -> None:
        self.w_D, self.b, self.steps = other.w_D, other.b, other.steps
        self.output_N = self.x_ND @ self.w_D + self.b

    def run(self, tolerance: float, stages: int) -> bool:
        best = (math.inf, self.w_D, self.b, self.multiplier_N, math.inf)
        for stage in range(stages):
            multiplier_N, settled = self._minimise(max(FORCING * FORCING_DECAY**stage, FORCING_FLOOR))
            self._measure(multiplier_N)
            if self.gap < best[0]:
                best = (self.gap, self.w_D, self.b, multiplier_N, self.primal)
            if self.gap <= tolerance * float(self.w_D @ self.w_D):
                self.multiplier_N = multiplier_N
                return True
            if settled:
                self.multiplier_N = multiplier_N
                self.delta *= SHRINK
            else:  # the zone is too narrow for so many changes of side
                self.delta *= 2.0
        self.gap, self.w_D, self.b, self.multiplier_N, self.primal = best
        return False

    def _combine(self, factor_N: Tensor) -> Tensor:
        """Return factor @ X; most factors are zero."""
        rows = factor_N.nonzero()[:, 0]
        if len(rows) > len(factor_N) // 3:
            return factor_N @ self.x_ND
        return factor_N[rows] @ self.x_ND[rows]

    def _gradient(self) -> tuple[Tensor, Tensor, Tensor, Tensor, float]:
        """Return t = a + u / delta, the multipliers it gives, the gradient in w and b, and its relative size."""
        t_N = self.multiplier_N + (1 - self.y_N * self.output_N) / self.delta
        a_N = t_N.clamp(0, self.C)
        signed_N = a_N * self.y_N
        pull_D = self._combine(signed_N)
        grad_w_D, grad_b = self.w_D - pull_D, -signed_N.sum()
        size = max(
            float(grad_w_D.norm() / pull_D.norm().clamp_min(1e-300)), float(grad_b.abs() / a_N.sum().clamp_min(1e-300))
        )
        return t_N, a_N, grad_w_D, grad_b, size

    def _minimise(self, forcing: float) -> tuple[Tensor, bool]:
        """Newton steps at fixed multipliers and delta; return the new multipliers, and whether it got there."""
        self.hessian.forget()
        for step in range(MAX_INNER + 1):
            t_N, a_N, grad_w_D, grad_b, size = self._gradient()
            if size < forcing:
                return a_N, True
            if step == MAX_INNER:
                break
            rows_M = ((t_N > 0) & (t_N < self.C)).nonzero()[:, 0]
            if len(rows_M) == 0:  # everything is flat or straight here: take those nearest to a bend
                near_N = t_N.abs().minimum((t_N - self.C).abs())
                rows_M = near_N.topk(min(len(near_N), 50), largest=False).indices.sort().values
            narrow = len(rows_M) < self.x_ND.shape[1]
            solve = self.gram.direction if narrow else self.hessian.direction
            dw_D, db = solve(rows_M, grad_w_D, grad_b, self.delta)
            change_N = self.x_ND @ dw_D + db
            length = self._line_search(dw_D, change_N)
            self.w_D = self.w_D + length * dw_D
            self.b = self.b + length * db
            self.output_N = self.output_N + length * change_N
            self.steps += 1
        return a_N, False

    def _line_search(self, dw_D: Tensor, change_N: Tensor) -> float:
        """Return about where the derivative along the step, which never falls, crosses zero."""
        base = self.multiplier_N + (1 - self.y_N * self.output_N) / self.delta
        bend_N = self.y_N * change_N
        linear, square = float(self.w_D @ dw_D), float(dw_D @ dw_D)

        def slope(s: float) -> float:
            return linear + s * square - float((base - (s / self.delta) * bend_N).clamp(0, self.C) @ bend_N)

        start, end = slope(0.0), slope(1.0)
        if abs(end) <= 0.1 * abs(start):
            return 1.0
        low, high = 0.0, 1.0
        while end < 0 and high < 64:
            low, high = high, 2 * high
            end = slope(high)
        for _ in range(40):
            middle = (low + high) / 2
            value = slope(middle)
            if abs(value) <= 0.05 * abs(start):
                break
            low, high = (low, middle) if value > 0 else (middle, high)
        return middle

    def _measure(self, a_N: Tensor) -> None:
        """Compute P and the dual value of the multipliers, scaled down in one class so that sum a y = 0 exactly."""
        square = float(self.w_D @ self.w_D)
        self.primal = square / 2 + self.C * float((1 - self.y_N * self.output_N).clamp_min(0).sum())
        above_N, below_N = a_N * (self.y_N > 0), a_N * (self.y_N < 0)
        up, down = float(above_N.sum()), float(below_N.sum())
        if min(up, down) <= 0:
            self.gap = self.primal
            return
        feasible_N = above_N * min(1.0, down / up) - below_N * min(1.0, up / down)
        pull_D = self._combine(feasible_N)
        self.gap = max(0.0, self.primal - (2 * min(up, down) - float(pull_D @ pull_D) / 2))


class _Gram:
    """Newton's system where the zone has fewer rows than columns: in the M rows, by Woodbury's identity."""

    def __init__(self, x_ND: Tensor) -> None:
        self.x_ND = x_ND
        self.place_N = torch.full((len(x_ND),), -1, dtype=torch.long, device=x_ND.device)
        self.rows = self.place_N[:0]
        self.products = x_ND.new_zeros(0, 0)

    def direction(self, rows_M: Tensor, grad_w_D: Tensor, grad_b: Tensor, delta: float) -> tuple[Tensor, Tensor]:
        """Solve with r = (Z dw + db) / delta:  dw = -g_w - Z^T r,  sum r = -g_b."""
        z_MD = self.x_ND[rows_M]
        system_MM = self._products(rows_M, z_MD)
        system_MM.diagonal().add_(delta)
        right_M2 = torch.stack([z_MD @ grad_w_D, grad_w_D.new_ones(len(rows_M))], dim=1)
        p_M, q_M = torch.cholesky_solve(right_M2, torch.linalg.cholesky(system_MM)).unbind(dim=1)
        db = (p_M.sum() - grad_b) / q_M.sum()
        return -grad_w_D - (db * q_M - p_M) @ z_MD, db

    def _products(self, rows_M: Tensor, z_MD: Tensor) -> Tensor:
        """Return Z Z^T, computing only the products of rows that were not in a zone before."""
        new = rows_M[self.place_N[rows_M] < 0]
        if len(self.rows) + len(new) > GRAM_LIMIT or 2 * len(new) > len(rows_M):
            self.place_N[self.rows] = -1
            self.rows, self.products = rows_M, z_MD @ z_MD.T
            self.place_N[rows_M] = torch.arange(len(rows_M), device=rows_M.device)
            return self.products.clone()
        if len(new):
            new_MD = self.x_ND[new]
            cross = new_MD @ self.x_ND[self.rows].T
            below = torch.cat([cross, new_MD @ new_MD.T], dim=1)
            self.products = torch.cat([torch.cat([self.products, cross.T], dim=1), below])
            self.place_N[new] = torch.arange(len(self.rows), len(self.rows) + len(new), device=new.device)
            self.rows = torch.cat([self.rows, new])
        place_M = self.place_N[rows_M]
        return self.products[place_M][:, place_M]


class _Hessian:
    """Newton's system where the zone has at least as many rows as columns: in the D columns and the bias."""

    def __init__(self, x_ND: Tensor) -> None:
        self.x_ND = x_ND
        self.forget()

    def forget(self) -> None:
        """Start afresh, so that rounding does not pile up."""
        self.inside_N: Tensor | None = None
        self.square_DD = self.sum_D = self.x_ND[:0, :0]

    def direction(self, rows_M: Tensor, grad_w_D: Tensor, grad_b: Tensor, delta: float) -> tuple[Tensor, Tensor]:
        """Solve (I + Z^T Z / delta) dw + Z^T 1 db / delta = -g_w and its row for the bias."""
        self._follow(rows_M)
        system_DD = self.square_DD / delta
        system_DD.diagonal().add_(1.0)
        sum_D = self.sum_D / delta
        right_D2 = torch.stack([grad_w_D, sum_D], dim=1)
        u_D, v_D = torch.cholesky_solve(right_D2, torch.linalg.cholesky(system_DD)).unbind(dim=1)
        db = (sum_D @ u_D - grad_b) / (len(rows_M) / delta - sum_D @ v_D).clamp_min(1e-12 * len(rows_M) / delta)
        return -u_D - db * v_D, db

    def _follow(self, rows_M: Tensor) -> None:
        """Bring Z^T Z to these rows: by the difference to the last ones where that is less work."""
        inside_N = torch.zeros(len(self.x_ND), dtype=torch.bool, device=rows_M.device)
        inside_N[rows_M] = True
        if self.inside_N is not None:
            came = self.x_ND[inside_N & ~self.inside_N]
            went = self.x_ND[self.inside_N & ~inside_N]
            if len(came) + len(went) < len(rows_M):
                self.square_DD += came.T @ came - went.T @ went
                self.sum_D += came.sum(dim=0) - went.sum(dim=0)
                self.inside_N = inside_N
                return
        z_MD = self.x_ND[rows_M]
        self.square_DD, self.sum_D, self.inside_N = z_MD.T @ z_MD, z_MD.sum(dim=0), inside_N
