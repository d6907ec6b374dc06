"""The streamed Gram matrix, the convex solution, Adam's schedule, few shots: each against its slow definition."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from generator_cases import tiny as make
from torch import Tensor

from gantk.errors import GantkError
from gantk.lse import adam
from gantk.lse.codes import CodeStream, wp_of
from gantk.lse.convex import (
    Descent,
    Whitening,
    fill,
    loss_and_gradient,
    minimize,
    ridge,
    softmax_objective,
    step,
)
from gantk.lse.descent import descend, row_rates
from gantk.lse.gram import Moments, moments, one_hot
from gantk.lse.metrics import confusion, scores
from gantk.lse.shots import Shots, check_labels, fit
from gantk.predictors.grids import resize_grid
from gantk.predictors.head_networks import LinearNetwork
from gantk.predictors.heads import class_map

CHANNELS, SIDES, K, S = (5, 4, 3, 2, 2), (4, 8, 8, 16, 32), 3, 16


def some_maps(n: int = 2, seed: int = 0) -> list[Tensor]:
    random = torch.Generator().manual_seed(seed)
    return [
        torch.randn(n, c, r, r, generator=random, dtype=torch.float64) for c, r in zip(CHANNELS, SIDES, strict=True)
    ]


def some_labels(n: int = 2, unlabelled: bool = False) -> Tensor:
    label = torch.randint(0, K, (n, S, S), generator=torch.Generator().manual_seed(5)).to(torch.uint8)
    if unlabelled:
        label[:, :5] = 255
    return label


def dense(maps: list[Tensor], align: bool = True) -> Tensor:
    return torch.cat([resize_grid(x, S, align) for x in maps], 1).permute(0, 2, 3, 1).flatten(0, 2)


def planted(n: int, seed: int) -> tuple[list[Tensor], Tensor]:
    """Maps, and labels that are linear in them."""
    maps = some_maps(n, seed)
    weight = torch.randn(K, sum(CHANNELS), generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    logits = (dense(maps) @ weight.T).unflatten(0, (n, S, S))
    return maps, logits.argmax(-1).to(torch.uint8)


# --- Gram ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("align", [True, False])
def test_the_streamed_gram_is_the_dense_one(align: bool) -> None:
    maps, label = some_maps(), some_labels(unlabelled=True)
    found, x = moments(maps, label, K, align), dense(maps, align)
    y = one_hot(label, K, torch.float64).permute(0, 2, 3, 1).flatten(0, 2)
    np.testing.assert_allclose(found.gram_DD, (x.T @ x).numpy(), atol=1e-10)
    np.testing.assert_allclose(found.cross_DK, (x.T @ y).numpy(), atol=1e-10)
    np.testing.assert_allclose(found.sum_D, x.sum(0).numpy(), atol=1e-10)
    np.testing.assert_allclose(found.covariance_DD, np.cov(x.numpy().T, bias=True), atol=1e-10)
    assert found.pixels == len(x) and found.count_K.sum() == (label != 255).sum()


@pytest.mark.parametrize("align", [True, False])
def test_maps_finer_than_the_labels_are_read_on_their_grid(align: bool) -> None:
    """Also where a grid has more rows than are applied at once."""
    random = torch.Generator().manual_seed(3)
    maps = [
        torch.randn(1, c, r, r, generator=random, dtype=torch.float64)
        for c, r in ((3, 5), (4, 20), (2, 37), (2, 50), (3, 80))
    ]
    label = torch.randint(0, K, (1, 40, 40), generator=random).to(torch.uint8)
    found = moments(maps, label, K, align)
    x = torch.cat([resize_grid(one, 40, align) for one in maps], 1).permute(0, 2, 3, 1).flatten(0, 2)
    y = one_hot(label, K, torch.float64).permute(0, 2, 3, 1).flatten(0, 2)
    np.testing.assert_allclose(found.gram_DD, (x.T @ x).numpy(), atol=1e-9)
    np.testing.assert_allclose(found.cross_DK, (x.T @ y).numpy(), atol=1e-9)
    np.testing.assert_allclose(found.sum_D, x.sum(0).numpy(), atol=1e-9)


def test_moments_add_up_and_pack() -> None:
    maps, label = some_maps(3), some_labels(3)
    parts = [moments([x[n : n + 1] for x in maps], label[n : n + 1], K) for n in range(3)]
    whole = moments(maps, label, K)
    packed = Moments.unpacked(parts[0].packed() + parts[1].packed() + parts[2].packed())
    for key in ("gram_DD", "sum_D", "cross_DK", "count_K"):
        np.testing.assert_allclose(getattr(packed, key), getattr(whole, key), rtol=1e-12, atol=1e-12)
    assert packed.pixels == whole.pixels
    with pytest.raises(GantkError, match="cannot be added"):
        whole + moments(maps[:2], label, K)


def test_maps_out_of_order_are_refused() -> None:
    maps = some_maps()
    with pytest.raises(GantkError, match="order of their resolutions"):
        moments([maps[1], maps[0], maps[2]], some_labels(), K)


# --- convex ----------------------------------------------------------------------------------------------------------


def a_network(seed: int = 2) -> LinearNetwork:
    network = LinearNetwork(CHANNELS, K).double()
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        network.weight_KD.copy_(torch.randn(K, sum(CHANNELS), generator=random, dtype=torch.float64))
        network.bias_K.copy_(torch.randn(K, generator=random, dtype=torch.float64))
    return network


@pytest.mark.parametrize("unlabelled", [False, True])
def test_the_gradient_by_hand_is_autograds(unlabelled: bool) -> None:
    maps, label, network = some_maps(), some_labels(unlabelled=unlabelled), a_network()
    loss, weight, bias = loss_and_gradient(network, maps, label)
    target = torch.where(label == 255, -100, label.long())
    wanted = F.cross_entropy(network(maps, S), target, reduction="sum")
    wanted.backward()
    assert loss == pytest.approx(wanted.item(), rel=1e-10)
    np.testing.assert_allclose(weight, network.weight_KD.grad.numpy(), atol=1e-9)
    np.testing.assert_allclose(bias, network.bias_K.grad.numpy(), atol=1e-9)


def test_whitening_whitens() -> None:
    maps = some_maps(4)
    found = moments(maps, some_labels(4), K)
    whitening = Whitening.of(found, 0.0)
    white = np.linalg.solve(whitening.factor_DD, (dense(maps).numpy() - whitening.mean_D).T)
    np.testing.assert_allclose(np.cov(white, bias=True), np.eye(len(white)), atol=1e-6)
    v = np.random.default_rng(0).standard_normal((K, sum(CHANNELS) + 1))
    w, b = whitening.weights(v)
    np.testing.assert_allclose(w @ dense(maps).numpy().T + b[:, None], v[:, :-1] @ white + v[:, -1:], atol=1e-9)


def problem(eps: float = 0.1, penalty: float = 1e-3) -> tuple[LinearNetwork, Any, Whitening]:
    maps, label, network = some_maps(4), some_labels(4), a_network().requires_grad_(False)
    whitening = Whitening.of(moments(maps, label, K), eps)
    return network, softmax_objective(network, lambda: [(maps, label)], whitening, penalty), whitening


def test_the_objectives_gradient() -> None:
    _, objective, _ = problem()
    v = 0.1 * np.random.default_rng(1).standard_normal((K, sum(CHANNELS) + 1))
    direction = np.random.default_rng(2).standard_normal(v.shape)
    rise = (objective(v + 1e-5 * direction)[0] - objective(v - 1e-5 * direction)[0]) / 2e-5
    assert rise == pytest.approx(float((objective(v)[1] * direction).sum()), rel=1e-5)


def test_the_minimum_is_scipys_and_a_continued_descent_the_same() -> None:
    from scipy.optimize import minimize as reference

    _, objective, _ = problem()
    start = np.zeros((K, sum(CHANNELS) + 1))

    def flat(v: Any) -> Any:
        value, gradient = objective(v.reshape(start.shape))
        return value, gradient.ravel()

    wanted = reference(flat, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 500, "ftol": 1e-14})
    found = minimize(objective, start, 100, tolerance=1e-12)
    assert found.value == pytest.approx(wanted.fun, rel=1e-6)
    assert all(b <= a for a, b in zip(found.values, found.values[1:], strict=False))
    again = minimize(objective, start, 3, tolerance=0.0)
    again = step(objective, step(objective, again, 0.0), 0.0)
    assert np.array_equal(again.x, minimize(objective, start, 5, tolerance=0.0).x)
    assert Descent.begin(objective, start).evaluations == (1,)


def test_ridge_is_least_squares() -> None:
    maps, label = some_maps(4), some_labels(4)
    w, b = ridge(moments(maps, label, K), 0.0)
    x = np.concatenate([dense(maps).numpy(), np.ones((4 * S * S, 1))], 1)
    y = one_hot(label, K, torch.float64).permute(0, 2, 3, 1).flatten(0, 2).numpy()
    wanted = np.linalg.lstsq(x, y, rcond=None)[0].T
    np.testing.assert_allclose(np.concatenate([w, b[:, None]], 1), wanted, atol=1e-6)


def test_ridge_does_not_mind_where_features_lie_when_few_pixels_are_labelled() -> None:
    """Labelled pixels may differ from the rest in their mean; a constant added to all features changes nothing."""
    random = np.random.default_rng(5)
    x = random.standard_normal((400, 3))
    label = (x[:, 0] > 1).astype(int)
    known = (x[:, 1] > 0.5).astype(float)
    y = np.eye(2)[label] * known[:, None]
    fits = []
    for shift in (0.0, 7.0):
        z = x + shift
        w_KD, b_K = ridge(Moments(z.T @ z, z.sum(0), z.T @ y, y.sum(0), len(z)), 1e-3)
        fits.append(z @ w_KD.T + b_K)
    np.testing.assert_allclose(fits[0], fits[1], atol=1e-8)


def test_planted_labels_are_recovered() -> None:
    """Linear labels: the full head is nearly perfect, a few-shot one less so, and more shots help."""
    maps, label = planted(24, 0)
    fresh, truth = planted(12, 1)
    network = LinearNetwork(CHANNELS, K).double().requires_grad_(False)
    whitening = Whitening.of(moments(maps, label, K), 1e-3)
    objective = softmax_objective(network, lambda: [(maps, label)], whitening, 1e-6)
    fill(network, whitening, minimize(objective, np.zeros((K, sum(CHANNELS) + 1)), 40, 1e-8).x)

    def miou(head: LinearNetwork) -> float:
        counts = confusion(class_map(head.double()(fresh, S)).numpy(), truth.numpy(), K)
        return scores(counts, with_first=True).dataset_miou

    assert miou(network) > 0.95
    few = []
    for count in (1, 4, 16):
        shots = Shots(
            tuple(tuple(x[n : n + 1].float() for x in maps) for n in range(count)), label[:count].numpy(), True
        )
        few.append(miou(fit(shots, K).network))
    assert few[0] < few[1] < few[2]


def test_shots_read_from_a_file_give_the_same_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """One image in memory at a time, maps finer than the labels on their grid: weights to 1e-3 of their deviation."""
    from gantk.lse import shots as module
    from gantk.lse.images import Images
    from gantk.predictors.heads import default_taps

    generator = make("stylegan2-skip")
    images = Images(CodeStream(generator), default_taps(generator), 8)
    label = np.random.default_rng(0).integers(0, 3, (4, 8, 8), dtype=np.uint8)
    found = []
    for limit in (1 << 30, 0):
        monkeypatch.setattr(module, "IN_MEMORY", limit)
        drawn = module.shots_of(images, images.stream.wp(0, 4), label)
        assert isinstance(drawn.maps, module.Spilled) == (limit == 0) and len(drawn.maps) == 4
        assert max(x.shape[-1] for x in drawn.maps[0]) == 8
        found.append((fit(drawn, 3, most_steps=4), drawn))
    for a, b in zip(found[0][1].maps, found[1][1].maps, strict=True):
        for x, y in zip(a, b, strict=True):
            assert torch.equal(x, y)
    one, other = (each[0] for each in found)
    assert (one.eps, one.steps) == (other.eps, other.steps)
    a, b = one.network.weight_KD, other.network.weight_KD
    assert (a - b).abs().max() <= 1e-3 * a.std()
    whole = [
        torch.cat(parts) for parts in zip(*(images.trace(images.stream.wp(n, n + 1))[1] for n in range(4)), strict=True)
    ]
    plain = moments(whole, torch.from_numpy(label), 3)  # from the maps as they are
    kept = [x[:1] for x in found[1][1].maps[0]]
    first = moments([x[:1] for x in whole], torch.from_numpy(label[:1]), 3)
    read = moments(kept, torch.from_numpy(label[:1]), 3)
    np.testing.assert_allclose(read.gram_DD, first.gram_DD, rtol=1e-4, atol=1e-3 * float(np.abs(plain.gram_DD).max()))


def test_unlabelled_images_teach_nothing() -> None:
    network, _, whitening = problem()
    blank = torch.full((1, S, S), 255, dtype=torch.uint8)
    objective = softmax_objective(network, lambda: [(some_maps(1), blank)], whitening, 0.0)
    with pytest.raises(GantkError, match="No pixel is labelled"):
        objective(np.zeros((K, sum(CHANNELS) + 1)))


def test_labels_are_checked() -> None:
    label = np.zeros((1, 4, 4), np.uint8)
    with pytest.raises(GantkError, match="no pixel is labelled 'b', so the class cannot be learned"):
        check_labels(label, ("a", "b"), "The labels")
    assert check_labels(label, ("a", "b"), "The labels", allow_empty=True) == ["b"]
    with pytest.raises(GantkError, match=r"has class 7, and the classes are 0 to 1"):
        check_labels(label + 7, ("a", "b"), "The labels")
    with pytest.raises(GantkError, match="nothing to learn from"):
        check_labels(label + 255, ("a", "b"), "The labels")


def test_noise_draws_that_change_nothing_are_left_out() -> None:
    from gantk.lse.images import Images
    from gantk.lse.shots import shots_of
    from gantk.predictors.heads import default_taps

    for name, draws in (("stylegan2-skip", 3), ("stylegan3-t", 1)):
        generator = make(name)
        images = Images(CodeStream(generator), default_taps(generator), 16)
        label = np.zeros((2, 16, 16), np.uint8)
        assert len(shots_of(images, images.stream.wp(0, 2), label, 3).maps[1][0]) == draws
    with pytest.raises(GantkError, match="do not fit 2 codes"):
        shots_of(images, images.stream.wp(0, 2), label[:1], 1)


# --- Adam ------------------------------------------------------------------------------------------------------------


def test_the_papers_schedule() -> None:
    assert adam.PAPER.steps == 6656 and adam.PAPER.passes == 51_200
    assert [adam.PAPER.per_step(epoch) for epoch in (0, 1, 2, 17, 18, 49)] == [1, 1, 4, 4, 64, 64]
    assert adam.PAPER.drop == 20 and adam.PAPER.lr == 1e-3
    assert [adam.paper_fewshot(n).steps for n in (1, 4, 8, 16)] == [6400, 1600, 800, 400]
    small = adam.PAPER.scaled(5, 8)
    assert small.accumulate == ((0, 1), (0, 4), (2, 64)) and small.drop == 2


@pytest.mark.parametrize("kind", ["LSE", "NSE-1", "NSE-2"])
def test_adam_is_torchs_loop_and_continues(kind: str, tmp_path: Path) -> None:
    maps, label = [x.float() for x in some_maps(6)], some_labels(6)
    schedule = adam.Schedule(4, 6, 1, ((0, 1), (2, 3)), 1e-2, 2)

    def draw(start: int, stop: int) -> Any:
        n = start % 6
        return [x[n : n + 1] for x in maps], label[n : n + 1]

    def new() -> adam.Learner:
        return adam.learner(kind, CHANNELS, K, schedule, 3, True, "cpu")

    one, by_hand = new(), new()
    adam.train([one], draw, schedule)
    for epoch in range(4):
        for group, rate in zip(by_hand.optimizer.param_groups, (1, 10), strict=False):
            group["lr"] = rate * (1e-3 if epoch >= 2 else 1e-2)
        wait = 1 if epoch < 2 else 3
        for n in range(6):
            loss = F.cross_entropy(by_hand.logits(*draw(n, n + 1)[:1], S), label[n : n + 1].long())
            (loss / wait).backward()
            if n % wait == wait - 1:
                by_hand.optimizer.step()
                by_hand.optimizer.zero_grad()
    for a, b in zip(one.folded().parameters(), by_hand.folded().parameters(), strict=True):
        torch.testing.assert_close(a, b)
    kept: list[bytes] = []

    def stop_after_two(epoch: int) -> None:
        if epoch == 2:
            buffer = io.BytesIO()
            torch.save(adam.state_of([halted]), buffer)
            kept.append(buffer.getvalue())
            raise KeyboardInterrupt

    halted = new()
    with pytest.raises(KeyboardInterrupt):
        adam.train([halted], draw, schedule, 0, stop_after_two)
    resumed = new()
    adam.restore([resumed], torch.load(io.BytesIO(kept[0]), weights_only=True))
    adam.train([resumed], draw, schedule, 2)
    for a, b in zip(one.folded().parameters(), resumed.folded().parameters(), strict=True):
        assert torch.equal(a, b)
    assert resumed.losses == one.losses


def test_folding_keeps_what_a_learner_says() -> None:
    maps = [x.float() for x in some_maps()]
    for kind in ("LSE", "NSE-1"):
        one = adam.learner(kind, CHANNELS, K, adam.PAPER, 0, True, "cpu")
        with torch.no_grad():
            one.layer_weight_L.uniform_(-1, 2)  # type: ignore[union-attr]
        torch.testing.assert_close(one.folded()(maps, S), one.logits(maps, S))


def test_batched_adam_is_torchs_for_each_code() -> None:
    start = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    weight = torch.tensor([[1.0, 4.0], [2.0, 0.3]])

    def objective(x: Tensor) -> tuple[Tensor, Tensor]:
        each = (weight * x.square()).sum(1)
        return each, each

    found = descend(start, objective, 7, 0.1, patience=None)
    for n in range(2):
        x = start[n].clone().requires_grad_(True)
        optimizer = torch.optim.Adam([x], lr=0.1)
        for _ in range(7):
            optimizer.zero_grad()
            (weight[n] * x.square()).sum().backward()
            optimizer.step()
        torch.testing.assert_close(found.last[n], x.detach())
    assert found.curve_TN.shape == (8, 2)
    assert torch.allclose(objective(found.best)[0], found.curve_TN.min(0).values)


def test_the_best_place_is_kept_and_rows_have_their_rates() -> None:
    def rises(x: Tensor) -> tuple[Tensor, Tensor]:
        return -x.sum(1), x.sum(1)  # what is watched gets worse

    found = descend(torch.zeros(1, 2), rises, 5, 0.1)
    assert torch.equal(found.best, torch.zeros(1, 2))
    assert row_rates("coarse", 18) == [1.0] * 8 + [0.1] * 4 + [0.01] * 4 + [0.001] * 2
    assert row_rates("shape", 3) == [1.0, 1.0, 0.0] and row_rates("colour", 3) == [0.0, 0.0, 1.0]


# --- codes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["stylegan2-skip", "biggan-chunks", "pggan"])
def test_mixed_codes_take_each_row_from_its_own(name: str) -> None:
    generator = make(name)
    stream = CodeStream(generator, 4, None, mixed=True)
    z, rows = stream.z(1, 3), generator.spec.num_layers
    assert z.shape == (2, rows, generator.spec.z_dim)
    wp = stream.wp(1, 3)
    label_N = stream.labels(1, 3)
    for row in range(rows):
        torch.testing.assert_close(wp[:, row], wp_of(generator, z[:, row], None, label_N)[:, row])
    assert torch.equal(CodeStream(generator, 4, None, True, None, 1).wp(0, 2), wp)
