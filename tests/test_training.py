"""The training script: every family takes its steps, continues after a kill as if nothing had been, and exports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gantk.checkpoints.load import load_generator

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
TINY: dict[str, dict[str, Any]] = {
    "stylegan2": {"channels": (8, 8), "z_dim": 6, "w_dim": 6, "mapping_layers": 2, "mapping_width": 6},
    "stylegan3": {
        "num_layers": 3, "num_critical": 1, "first_cutoff": 1.0, "first_stopband": 2.0, "margin": 2,
        "filter_size": 4, "channel_base": 16, "channel_max": 6, "w_dim": 6,
    },
    "biggan": {
        "channels": (8, 8, 8), "up": (False, True), "hidden": (4, 4), "deep": True, "label_dim": 3, "embed_dim": 2,
        "attention": (1,),
    },
    "pggan": {"channels": (8, 6)},
    "stylegan": {"channels": (8, 6), "w_dim": 6, "mapping_layers": 2, "mapping_width": 6},
}  # fmt: skip


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from training import files, networks, settings, step

    return SimpleNamespace(files=files, networks=networks, settings=settings, step=step)


def tiny(scripts: SimpleNamespace, family: str) -> Any:
    """Eight pixels, four images per step; a pupil follows the guide alone for two steps."""
    settings = scripts.settings.FAMILIES[family]()
    pupil = family != "stylegan2"
    return replace(
        settings, batch=4, stages=((8, 400),), discriminator_channels=(8, 8), discriminator_resolution=8,
        generator={**({"z_dim": settings.generator["z_dim"]} if pupil else {}), **TINY[family]},
        r1_gamma=((8, 0.1),), r1_every=2, guide_only=8 if pupil else 0, half_generator=family != "stylegan3",
        mixing=0.0 if pupil else 0.5,
    )  # fmt: skip


def take(scripts: SimpleNamespace, training: Any, steps: int) -> list[dict[str, float]]:
    paint = scripts.networks.painter(
        training.generator, training.readouts, training.resolution(), autocast=training.autocast
    )
    return [training.step(paint, training.resolution()) for _ in range(steps)]


@pytest.mark.parametrize("family", TINY)
def test_a_killed_training_continues_as_if_it_had_not_been(
    family: str, scripts: SimpleNamespace, tmp_path: Path
) -> None:
    settings = tiny(scripts, family)
    whole = scripts.step.Training(settings, "cpu")
    numbers = take(scripts, whole, 6)
    cut = scripts.step.Training(settings, "cpu")
    take(scripts, cut, 3)
    scripts.files.save(cut, tmp_path / "training.pt")
    again = scripts.step.Training(settings, "cpu")
    scripts.files.load(again, tmp_path / "training.pt")
    take(scripts, again, 3)
    assert again.images == whole.images == 24
    for name in ("generator", "average", "discriminator", "critic"):
        one, other = getattr(whole, name).state_dict(), getattr(again, name).state_dict()
        assert all(torch.equal(one[key], other[key]) for key in one), name
    if family == "stylegan2":
        assert all({"g_loss", "d_loss", "reading"} <= row.keys() and "guide" not in row for row in numbers)
    else:
        assert [("guide" in row, "g_loss" in row) for row in numbers] == [(True, False)] * 2 + [(True, True)] * 4

    scripts.files.sheet(again, tmp_path / "sheet.png", rows=1, columns=3)
    scripts.files.export(again, tmp_path / "g.safetensors", tmp_path / "d.safetensors")
    generator = load_generator(tmp_path / "g.safetensors")
    assert generator.spec.family == family and generator.spec.resolution == 8
    label = generator.sample_label(2)
    with torch.inference_mode():
        image = generator.synthesize(generator.expand(generator.map(generator.sample_z(2), label)))
    assert torch.isfinite(image).all()
    later = scripts.step.Training(settings, "cpu")
    scripts.files.begin_from(later, tmp_path / "g.safetensors", tmp_path / "d.safetensors")
    assert later.images == 24


def test_a_checkpoint_of_another_family_and_one_without_a_critic(scripts: SimpleNamespace, tmp_path: Path) -> None:
    old = scripts.step.Training(tiny(scripts, "stylegan2"), "cpu")
    scripts.files.save(old, tmp_path / "training.pt")
    with pytest.raises(SystemExit, match="--family stylegan2"):
        scripts.files.load(scripts.step.Training(tiny(scripts, "pggan"), "cpu"), tmp_path / "training.pt")
    state = torch.load(tmp_path / "training.pt", weights_only=True)
    state = {key: value for key, value in state.items() if key not in ("critic", "c_optimizer")}
    torch.save(state | {"settings": '{"seed": 1}', "images": 7}, tmp_path / "old.pt")
    scripts.files.load(old, tmp_path / "old.pt")
    assert old.images == 7


def test_a_pupil_learns_from_its_guide(scripts: SimpleNamespace) -> None:
    settings = replace(tiny(scripts, "pggan"), batch=16, guide_only=10_000)
    rows = take(scripts, scripts.step.Training(settings, "cpu"), 60)
    first, last = (sum(row["guide"] for row in part) / len(part) for part in (rows[:5], rows[-5:]))
    assert last < 0.85 * first


@pytest.mark.parametrize(("family", "own"), [("pggan", True), ("stylegan3", False), ("biggan", False)])
def test_a_low_stage_is_shown_by_the_generators_own_torgb_or_by_a_readout(
    family: str, own: bool, scripts: SimpleNamespace, tmp_path: Path
) -> None:
    settings = replace(tiny(scripts, family), stages=((4, 16), (8, 400)), guide_only=100)
    training = scripts.step.Training(settings, "cpu")
    before = {name: value.clone() for name, value in training.readouts.state_dict().items()}
    assert (not before) is own
    assert [row["guide"] > 0 for row in take(scripts, training, 2)] == [True, True]
    for name, value in training.readouts.state_dict().items():
        assert value.shape[:1] == (3,) and not torch.equal(value, before[name])
    scripts.files.save(training, tmp_path / "training.pt")
    again = scripts.step.Training(settings, "cpu")
    scripts.files.load(again, tmp_path / "training.pt")
    assert take(scripts, again, 2) == take(scripts, training, 2)
    assert again.resolution() == training.resolution() == 8
    assert take(scripts, again, 1) == take(scripts, training, 1)


def test_an_averaged_stylegan3_gets_magnitudes_of_its_own(scripts: SimpleNamespace) -> None:
    training = scripts.step.Training(tiny(scripts, "stylegan3"), "cpu")
    take(scripts, training, 2)
    average = training.average
    average.get_parameter("synthesis.L0.weight").mul_(3)
    scripts.files.settle(training)
    wp = average.expand(average.map(average.sample_z(256, seed=training.settings.seed)))
    magnitude = average.get_buffer("synthesis.L1.magnitude_ema").item()
    average.update_magnitudes(wp, 0.0)
    assert average.get_buffer("synthesis.L1.magnitude_ema").item() == pytest.approx(magnitude, rel=1e-5)


def test_a_discriminator_without_classes_begins_one_with_classes(scripts: SimpleNamespace, tmp_path: Path) -> None:
    plain = scripts.step.Training(tiny(scripts, "pggan"), "cpu")
    scripts.files.export(plain, tmp_path / "g.safetensors", tmp_path / "d.safetensors")
    conditional = scripts.step.Training(tiny(scripts, "biggan"), "cpu")
    scripts.files.load_discriminator(conditional, tmp_path / "d.safetensors")
    image = torch.randn(4, 3, 8, 8)
    for part in (plain.discriminator, conditional.discriminator):
        part.half_dtype = None
    score = plain.discriminator(image)
    rows = torch.nn.functional.one_hot(torch.tensor([0, 1, 2, 0]), 3).float()
    assert torch.allclose(score, conditional.discriminator(image, rows), atol=1e-2)  # stored in half precision
