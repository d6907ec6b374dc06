"""Pivotal tuning: weights fitted to photos around their codes, kept as a file that every MODEL takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from generator_cases import tiny
from ghfeat_cases import pictures, write_world
from torch import Tensor

import gantk
from gantk.checkpoints.tuned import TunedWeights, load_tuned, save_tuned
from gantk.codes.directions import Direction
from gantk.errors import GantkError, UsageError
from gantk.generators import frugal_steps
from gantk.generators.base import Generator
from gantk.generators.probe import matches, probe, probe_of
from gantk.ghfeat import tuning
from gantk.ghfeat.projection import ProjectionPlan, project, project_all
from gantk.ghfeat.tuning import TuningPlan, fixed_codes, image_of, tunable, tune
from gantk.runs.stores import MemoryStore

FAST: dict[str, Any] = {"space": "wp", "steps": 2, "tune": True, "tune_steps": 12, "tune_rate": 3e-3}


@pytest.fixture(scope="module")
def network() -> Generator:
    return tiny("stylegan2-skip")


def targets(count: int = 2) -> Tensor:
    return torch.from_numpy(pictures(count)).permute(0, 3, 1, 2).float() / 127.5 - 1


def tilted(generator: Generator) -> Direction:
    vector = np.zeros((1, generator.spec.w_dim), np.float32)
    vector[0, 0] = 1
    return Direction("tilt", "boundary", "w", vector, scale=2.0)


# --- the tuning ------------------------------------------------------------------------------------------------------


def test_the_distance_falls_and_codes_keep_their_meaning(network: Generator) -> None:
    photos = targets()
    found = gantk.invert(network, photos, "none", direction=tilted(network), **FAST)
    told = found.tuning
    assert told is not None and (told.after[:, 0] < told.before[:, 0]).all()
    assert told.curve.shape == (12, 2) and told.curve[-1, 0] < told.curve[0, 0] and told.curve[0, 1] == 0
    assert told.plain is not None and told.tuned is not None
    for walk in (told.plain, told.tuned):
        first, last = (walk.strips[0].images[k].array().astype(int) for k in (0, -1))
        assert np.abs(first - last).mean() > 1  # the direction still moves the image
    after = found.tuned_weights.apply(network)  # type: ignore[union-attr]
    z = network.sample_z(3)
    assert torch.equal(after.map(z), network.map(z))
    wp = network.expand(network.map(z))
    for a, b in zip(after.styles(wp), network.styles(wp), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(after.synthesize(wp), network.synthesize(wp))
    assert "with tuned weights" in repr(found)


def test_locality_holds_the_other_codes(network: Generator) -> None:
    photos, moved = targets(1), []
    fixed, wp = fixed_codes(network, "z", [network.sample_z(1)])
    others = network.expand(network.map(network.sample_z(16, 5)))
    for weight in (0.0, 10.0):
        plan = TuningPlan(steps=30, rate=3e-3, locality=weight, reach=1e6)
        deltas, _ = tune(network, photos, fixed, wp, plan, None, MemoryStore())
        after = TunedWeights.of(deltas, probe_of(network), {}).apply(network)
        moved.append(float((after.synthesize(others) - network.synthesize(others)).square().mean()))
    assert moved[1] < moved[0] / 2


def test_neighbours_lie_at_the_reach_and_never_beyond_the_random_code(network: Generator) -> None:
    fixed, wp = fixed_codes(network, "z", [network.sample_z(2)])
    random = network.expand(network.map(network.sample_z(1, 0, 3)))
    for reach in (0.5, 1e6):
        near = tuning._Neighbours(network, fixed, wp, TuningPlan(reach=reach), None).of(3)
        away = random - wp[1:2]
        wanted = wp[1:2] + away * min(1.0, reach / float(away.norm()))
        for a, b in zip(near, network.styles(wanted), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["stylegan3-t", "stylegan", "pggan", "biggan-deep"])
def test_every_family_is_tuned(name: str) -> None:
    generator = tiny(name)
    label = torch.tensor([0]) if generator.spec.label_dim else None
    fixed, wp = fixed_codes(generator, "z", [generator.sample_z(1)], label)
    size = generator.spec.size
    target = torch.full((1, generator.spec.image_channels, *size), 0.5)
    plan = TuningPlan(steps=8, rate=3e-3)
    deltas, curve = tune(generator, target, fixed, wp, plan, None, MemoryStore(), label)
    after = TunedWeights.of(deltas, probe_of(generator), {}).apply(generator)
    errors = [float((image_of(g, fixed) - target).square().mean()) for g in (generator, after)]
    assert errors[1] < errors[0] and np.isfinite(curve).all()
    assert not any("mapping" in name or "affine" in name for name in tunable(generator, fixed))


# --- the file --------------------------------------------------------------------------------------------------------


def test_a_file_says_what_it_belongs_to(network: Generator, tmp_path: Path) -> None:
    found = gantk.invert(network, targets(), "none", **FAST)
    found.save(tmp_path / "run")
    path = tmp_path / "run" / "tuned.safetensors"
    kept = load_tuned(path)
    assert kept.meta["steps"] == 12 and kept.meta["photos"] == ["image 0", "image 1"]
    fixed, _ = fixed_codes(network, "wp", [torch.from_numpy(np.array(found.codes))])
    exact = found.tuned_weights.apply(network)  # type: ignore[union-attr]
    assert torch.equal(image_of(kept.apply(network), fixed), image_of(exact, fixed))
    assert matches(probe_of(exact), probe(network))  # its directions are those of the original
    again = gantk.invert(network, targets(), "none", **FAST)
    save_tuned(tmp_path / "again.safetensors", again.tuned_weights)  # type: ignore[arg-type]
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    with pytest.raises(GantkError, match="belong to another generator"):
        kept.apply(tiny("stylegan"))
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(GantkError, match="is damaged"):
        load_tuned(path)
    with pytest.raises(GantkError, match="does not exist"):
        gantk.load_generator("demo", tuned=tmp_path / "none.safetensors")
    with pytest.raises(UsageError, match="tuned weights are a int"):
        gantk.load_generator("demo", tuned=3)


def test_rounding_is_below_half_a_thousandth_of_the_largest_change() -> None:
    deltas = {"a": torch.randn(4, 5) * 1e-7, "b": torch.randn(3) * 1e3, "c": torch.zeros(2)}
    kept = TunedWeights.of(deltas, {}, {}).deltas()
    for name, delta in deltas.items():
        assert (kept[name] - delta).abs().max() <= 5e-4 * delta.abs().max()


def test_every_command_takes_the_file(gantk_run: Any, tmp_path: Path) -> None:
    write_world(tmp_path)
    run = gantk_run
    common = ["--encoder", "none", "--space", "wp", "--steps", "1", "--metric", "none"]
    np.save(tmp_path / "photo.npy", pictures(1))
    from PIL import Image

    Image.fromarray(pictures(1)[0]).save(tmp_path / "p.png")
    run("invert", "G.safetensors", "p.png", *common, "--tune", "--tune-steps", "9", "--tune-rate", "0.01", "-o", "t")
    tuned = ("--tuned", "t/tuned.safetensors")
    images = []
    for name, model, more in (("a", "G.safetensors", ()), ("b", "G.safetensors", tuned),
                              ("c", "G.safetensors?tuned=t/tuned.safetensors", ())):  # fmt: skip
        run("synthesize", model, *more, "-i", "t/wp.npy", "--latent-space-type", "wp", "-N", "1", "-o", name)
        images.append(np.asarray(Image.open(next((tmp_path / name / "images").glob("*.png")))).astype(int))
    photo = pictures(1)[0].astype(int)
    assert (images[1] == images[2]).all()
    assert np.abs(images[1] - photo).mean() < np.abs(images[0] - photo).mean()
    start = ["invert", "G.safetensors", "p.png", "--start", "t/wp.npy", "--steps", "0", "--metric", "none"]
    run(*start, "-o", "s")
    assert (np.load(tmp_path / "s" / "wp.npy") == np.load(tmp_path / "t" / "wp.npy")).all()


@pytest.fixture
def gantk_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from click.testing import CliRunner

    from gantk.cli.main import cli

    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> str:
        result = CliRunner().invoke(cli, [str(word) for word in words])
        assert result.exit_code == 0, result.output
        return result.output

    yield call


# --- continuing ------------------------------------------------------------------------------------------------------


def test_a_killed_tuning_goes_on_and_ends_with_the_same_weights(
    network: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "KEPT_EVERY", 4)
    fixed, wp = fixed_codes(network, "z", [network.sample_z(3)])
    plan = TuningPlan(steps=10, rate=3e-3)
    whole, curve = tune(network, targets(3), fixed, wp, plan, None, MemoryStore())

    class Killed(Exception):
        pass

    class Kept(MemoryStore):
        state: dict[str, Any] | None = None

        def save_state(self, name: str, state: Any, about: str = "") -> None:
            import io

            data = io.BytesIO()
            torch.save(dict(state), data)
            data.seek(0)
            self.state = torch.load(data, weights_only=True)
            if len(state["curve"]) == 4:
                raise Killed

        def load_state(self, name: str) -> dict[str, Any] | None:
            return self.state

    store = Kept()
    with pytest.raises(Killed):
        tune(network, targets(3), fixed, wp, plan, None, store)
    again, other = tune(network, targets(3), fixed, wp, plan, None, store)
    assert (curve == other).all()
    for name, delta in whole.items():
        assert torch.equal(delta, again[name])


# --- starts, memory --------------------------------------------------------------------------------------------------


def test_codes_start_the_optimisation(network: Generator) -> None:
    z = network.sample_z(2, 9)
    w = network.map(z)
    photos, wp = targets(2), network.expand(w)
    packed = torch.cat(network.styles(wp), 1)
    for given, space, wanted in (
        (gantk.GivenCodes(z.numpy(), "z"), "w", w),
        (wp, "wp", wp.flatten(1)),
        (wp, "s", packed),
    ):
        found = gantk.invert(network, photos, start=given, space=space, steps=0)
        np.testing.assert_allclose(np.asarray(found.packed), wanted.numpy(), rtol=1e-4, atol=1e-5)
        assert found.encoder == "codes that were given"
    again = gantk.invert(network, photos, start=found, steps=1)
    assert again.space == "s"
    with pytest.raises(UsageError, match="cannot start an optimisation in w"):
        gantk.invert(network, photos, start=found, space="w")
    with pytest.raises(UsageError, match="2 codes cannot start 1 images"):
        gantk.invert(network, photos[:1], start=found)


def test_images_optimised_apart_are_those_optimised_together(network: Generator) -> None:
    plan = ProjectionPlan("wp", 5, frames=2)
    photos = targets(3)
    together = project(network, photos, plan)
    apart = project_all(network, photos, plan, at_once=2)
    torch.testing.assert_close(apart.codes, together.codes, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(apart.losses, together.losses, rtol=1e-5, atol=1e-5)
    assert len(apart.frames) == len(together.frames) == len(plan.kept)


def test_frugal_derivatives_are_the_plain_ones(network: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    assert frugal_steps.images_at_once(network, 100) == 100
    monkeypatch.setattr(frugal_steps, "LARGE", 8)
    wp = network.expand(network.map(network.sample_z(2))).detach().requires_grad_(True)
    weight = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    found = []
    for make in (network.synthesize, lambda codes: frugal_steps.synthesize_frugally(network, codes)):
        image = make(wp)
        found.append((image.detach(), torch.autograd.grad((image * weight).sum(), wp)[0]))
    assert torch.equal(found[0][0], found[1][0])
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("large", [8, 1024])
def test_cotangents_are_pulled_back_as_torch_does(
    network: Generator, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    """At once, and one at a time where maps are made again; by some of the styles, from a cached state."""
    monkeypatch.setattr(frugal_steps, "LARGE", large)
    styles = network.styles(network.expand(network.map(network.sample_z(1))).detach())
    with torch.no_grad():
        start = network.cache(styles, 2)
    moving = [3, 5]
    cotangent = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))

    def image(*moved: Tensor) -> Tensor:
        return network.synthesize([*styles[:3], moved[0], styles[4], moved[1], *styles[6:]], start=start)

    plain = torch.func.vjp(image, styles[3], styles[5])[1]
    found = frugal_steps.Pullback(network, styles, moving, start=start)(cotangent)
    for number, u in enumerate(cotangent):
        for part, wanted in zip(found, plain(u[None]), strict=True):
            torch.testing.assert_close(part[number], wanted[0], rtol=1e-4, atol=1e-5)
