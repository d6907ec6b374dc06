"""The optimisation in a basis, and LPIPS.

Shape legend: N samples, D directions, R vectors of the basis.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from generator_cases import codes, refuse, tiny
from torch import Tensor, nn

from gantk.errors import GantkError, UsageError
from gantk.navigan import training
from gantk.navigan.bases import VectorBasis, random_basis
from gantk.navigan.options import TrainOptions
from gantk.navigan.reconstructor import ShiftPredictor
from gantk.navigan.target import GeneratorTarget, Prefix
from gantk.navigan.training import Rectifier, Trainer, TrainingPlan, draw, moved_each
from gantk.predictors import lpips
from gantk.predictors.distance import perceptual_distance
from gantk.predictors.load import load_predictor

# 16 x 16 pictures leave the LeNet one place, so they are shown to it larger
PLAN = TrainingPlan(3, 2.0, 0.5, steps=4, batch=4, predictor="lenet", predictor_size=32, rate=1e-2)


def target() -> GeneratorTarget:
    return GeneratorTarget(tiny("stylegan2-skip"), "16x16/conv0")


def codes_of(n: int) -> Tensor:
    return codes(target().generator, n)


def basis_of(found: GeneratorTarget) -> VectorBasis:
    return random_basis(found.shape, 5, 1)


def trainer(plan: TrainingPlan = PLAN) -> Trainer:
    found = target()
    rectifier = Rectifier(found, basis_of(found), plan)

    def some(start: int, stop: int) -> Tensor:
        return codes(found.generator, stop - start, start=start)

    return Trainer(rectifier, some)


def test_strengths_keep_their_least_size_and_a_batch_can_be_divided() -> None:
    plan = dataclasses.replace(PLAN, directions=7, batch=2000)
    index_N, strength_N = draw(plan, 3, 0, 2000)
    assert set(index_N.tolist()) == set(range(7))
    assert strength_N.abs().min() == pytest.approx(0.5) and strength_N.abs().max() <= 2.0
    assert (strength_N.abs() == 0.5).float().mean() == pytest.approx(0.25, abs=0.04)
    assert (strength_N > 0).float().mean() == pytest.approx(0.5, abs=0.05)
    parts = [draw(plan, 3, first, first + 500) for first in range(0, 2000, 500)]
    assert torch.equal(torch.cat([part[1] for part in parts]), strength_N)
    assert torch.equal(torch.cat([part[0] for part in parts]), index_N)
    assert not torch.equal(draw(plan, 3, 0, 2000, held_out=True)[1], strength_N)
    normal = draw(dataclasses.replace(plan, normal=True), 0, 0, 2000)[1]
    assert normal.abs().max() > 2.5


def test_kernels_per_sample_are_those_of_single_edits_in_one_pass_or_many() -> None:
    found = target()
    prefix = found.prefix(codes(found.generator, 3))
    delta = basis_of(found).vectors[:3]
    strength = torch.tensor([0.5, -1.0, 2.0])
    each = moved_each(found, prefix, delta, strength, vectorize=False)
    at_once = moved_each(found, prefix, delta, strength, vectorize=True)
    assert (each - at_once).abs().max() < 1e-5 * each.abs().max()
    for n in range(3):
        alone = found.moved(prefix.take(slice(n, n + 1)), delta[n], float(strength[n]))
        assert (each[n] - alone[0]).abs().max() < 2e-5 * alone.abs().max()


def test_losses_are_as_specified() -> None:
    learning = trainer()
    rectifier = learning.rectifier.eval()
    assert rectifier.pictures(codes_of(4), *draw(PLAN, 0, 0, 4))[1].requires_grad
    rectifier.requires_grad_(False)
    index, strength = draw(PLAN, 0, 0, 4)
    given = codes_of(4)
    entropy, error, accuracy = rectifier(given, index, strength)
    before, after = rectifier.pictures(given, index, strength)
    logits, told = rectifier.predictor(before, after)
    expected = -torch.log_softmax(logits, 1)[torch.arange(4), index].mean()
    assert float(entropy) == pytest.approx(float(expected), rel=1e-5)
    assert float(error) == pytest.approx(float((told - strength / 2.0).abs().mean()), rel=1e-5)
    assert float(accuracy) == float((logits.argmax(1) == index).float().mean())
    plan = dataclasses.replace(PLAN, raw_strength=True)
    raw = Rectifier(target(), basis_of(target()), plan).eval().requires_grad_(False)
    _, told = raw.predictor(before, after)
    assert float(raw(given, index, strength)[1]) == pytest.approx(float((told - strength).abs().mean()), rel=1e-4)


def test_samples_in_parts_have_the_losses_and_derivatives_of_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parted = trainer(), trainer()
    monkeypatch.setattr(parted.rectifier._target[0], "at_once", lambda most: 3)
    losses = [each.step(0) for each in (whole, parted)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    one, other = (each.rectifier.coefficients.grad for each in (whole, parted))
    assert one is not None and other is not None
    length = float(one.abs().max())
    assert length > 0 and float((one - other).abs().max()) < 1e-4 * length


def test_both_learn_and_the_generator_does_not() -> None:
    learning = trainer()
    before = {name: value.clone() for name, value in learning.rectifier.state_dict().items()}
    weights = {name: value.clone() for name, value in learning.rectifier._target[0].network.state_dict().items()}
    losses = [learning.step(number)[0] for number in range(6)]
    assert all(map(math.isfinite, losses))
    after = learning.rectifier.state_dict()
    assert not torch.equal(after["coefficients"], before["coefficients"])
    assert any(not torch.equal(after[name], before[name]) for name in before if name.startswith("predictor"))
    network = learning.rectifier._target[0].network.state_dict()
    assert all(torch.equal(network[name], value) for name, value in weights.items())
    assert 0 <= learning.held_out() <= 1


@pytest.mark.slow
def test_directions_are_told_apart_on_samples_that_were_never_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "moved_each", functools.partial(moved_each, vectorize=True))  # which small ones like
    found = target()
    plan = TrainingPlan(3, 15.0, 6.0, batch=32, predictor="lenet", predictor_size=32, rate=3e-3)
    rectifier = Rectifier(found, basis_of(found), plan)
    learning = Trainer(rectifier, lambda start, stop: codes(found.generator, stop - start, start=start % 100_000))
    for number in range(100):
        learning.step(number)
    assert learning.held_out() > 0.45  # chance is a third


def test_a_continued_training_takes_the_same_steps() -> None:
    one, other = trainer(), trainer()
    for number in range(2):
        one.step(number)
        other.step(number)
    again = trainer()
    again.load(other.state())
    assert [one.step(2), one.step(3)] == [again.step(2), again.step(3)]
    assert torch.equal(one.rectifier.coefficients, again.rectifier.coefficients)


def test_half_precision_learns_too(monkeypatch: pytest.MonkeyPatch) -> None:
    found = trainer()
    found.autocast = torch.bfloat16
    target, types = found.rectifier._target[0], []

    def prefix(codes: Tensor) -> Prefix:
        kept = GeneratorTarget.prefix(target, codes)
        types.extend(part.dtype for part in kept.tensors())
        return kept

    monkeypatch.setattr(target, "prefix", prefix)
    assert all(math.isfinite(value) for value in found.step(0))
    assert set(types) == {torch.float32}, "the layers before are what they are without"


def test_shift_predictors() -> None:
    pictures = torch.randn(2, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    for kind in ("resnet", "lenet"):
        predictor = ShiftPredictor(4, kind).eval()
        logits, strength = predictor(pictures, -pictures)
        assert logits.shape == (2, 4) and strength.shape == (2,)
    first = ShiftPredictor(4).trunk.get_submodule("conv1")
    assert isinstance(first, nn.Conv2d) and first.in_channels == 6 and first.bias is None
    small = ShiftPredictor(4, "lenet", size=32).eval()
    nearest = torch.nn.functional.interpolate(pictures, size=(32, 32))
    assert torch.equal(small(pictures, pictures)[0], small(nearest, nearest)[0])


def test_settings_that_cannot_be_learnt_with_are_refused_before_anything_is_written() -> None:
    with pytest.raises(UsageError, match="pictures of 16 pixels: give reconstructor_size 32"):
        dataclasses.replace(PLAN, predictor_size=16)
    with pytest.raises(UsageError, match="pictures of 16 pixels"):
        ShiftPredictor(4, "lenet")(torch.zeros(2, 3, 16, 16), torch.zeros(2, 3, 16, 16))
    wrong: tuple[dict[str, Any], ...] = (
        {"rate": math.nan}, {"rate": -1.0}, {"batch_size": 1}, {"components": 1}, {"reconstructor": "vgg"},
    )  # fmt: skip
    for each in wrong:
        with pytest.raises(UsageError):
            TrainOptions(**each)


def test_settings_that_make_no_sense_are_refused() -> None:
    refuse(lambda: dataclasses.replace(PLAN, least=3.0))
    refuse(lambda: dataclasses.replace(PLAN, scale=0.0, least=0.0))
    found = target()
    refuse(lambda: Rectifier(found, random_basis((2, 2, 3, 3), 3), PLAN), GantkError)
    refuse(lambda: Trainer(Rectifier(found, basis_of(found), PLAN), lambda a, b: codes(found.generator, b - a), 0, 3))


def test_a_loss_that_is_not_finite_stops_the_training() -> None:
    learning = trainer()
    with torch.no_grad():
        learning.rectifier.coefficients.fill_(math.nan)
    refuse(lambda: learning.step(0), GantkError)


# --- LPIPS -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The two files of LPIPS (alex) with random weights, where the user would put them."""
    import torchvision

    with torch.random.fork_rng():
        torch.manual_seed(0)
        backbone = torchvision.models.alexnet(weights=None).features.state_dict()
        heads = {
            f"lin{i}.model.1.weight": torch.rand(1, width, 1, 1) for i, width in enumerate((64, 192, 384, 256, 256))
        }
    torch.save({f"features.{key}": value for key, value in backbone.items()}, tmp_path / "alexnet-owt-7be5be79.pth")
    torch.save(heads, tmp_path / "lpips_alex.pth")
    monkeypatch.setenv("GANTK_PREDICTORS", str(tmp_path))
    return tmp_path


def test_lpips_is_the_papers_distance(files: Path) -> None:
    import torchvision

    predictor = load_predictor("lpips-alex")
    source = torch.Generator().manual_seed(1)
    a, b = torch.rand(2, 2, 3, 64, 64, generator=source) * 2 - 1
    network = torchvision.models.alexnet(weights=None).features.eval()
    state = torch.load(files / "alexnet-owt-7be5be79.pth", weights_only=True)
    network.load_state_dict({key.removeprefix("features."): value for key, value in state.items()})
    heads = torch.load(files / "lpips_alex.pth", weights_only=True)
    shift = torch.tensor([-0.030, -0.088, -0.188])[:, None, None]
    scale = torch.tensor([0.458, 0.448, 0.450])[:, None, None]
    expected, x, y, taken = torch.zeros(2), (a - shift) / scale, (b - shift) / scale, 0
    with torch.no_grad():
        for index, layer in enumerate(network):
            x, y = layer(x), layer(y)
            if index in (1, 4, 7, 9, 11):
                u, v = (part / (part.square().sum(1, keepdim=True).sqrt() + 1e-10) for part in (x, y))
                weighted = (u - v).square() * heads[f"lin{taken}.model.1.weight"]
                expected += weighted.sum(1).mean((1, 2))
                taken += 1
        found = perceptual_distance(a, b, predictor)
    assert torch.allclose(found, expected, rtol=1e-4)


def test_lpips_can_be_differentiated_where_features_vanish(files: Path) -> None:
    predictor = load_predictor("lpips-alex")
    flat = torch.zeros(1, 3, 64, 64).requires_grad_(True)
    with torch.no_grad():
        for layer in predictor.get_submodule("layers").children():
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                layer.bias.fill_(-100.0)  # nothing passes the first ReLU
    perceptual_distance(flat, torch.ones(1, 3, 64, 64), predictor).sum().backward()
    assert flat.grad is not None and torch.isfinite(flat.grad).all()


def test_absent_or_damaged_files_of_lpips(files: Path) -> None:
    with pytest.raises(GantkError, match="vgg16-397923af.pth"):
        load_predictor("lpips-vgg")
    (files / "lpips_alex.pth").unlink()
    with pytest.raises(GantkError, match=r"pip install 'gantk\[lpips\]'"):
        load_predictor("lpips-alex")
    (files / "lpips_alex.pth").write_bytes(b"nothing")
    refuse(lambda: load_predictor("lpips-alex"), GantkError)
    torch.save({"lin0.model.1.weight": torch.ones(1, 3, 1, 1)}, files / "lpips_alex.pth")
    refuse(lambda: load_predictor("lpips-alex"), GantkError)
    assert set(lpips.NAMES) == {"lpips-alex", "lpips-vgg"}
