"""Files of weight directions: gantk's own and the released ones, there and back, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from generator_cases import refuse, tiny

from gantk.errors import GantkError
from gantk.navigan.bases import random_basis, svd_basis
from gantk.navigan.directions import WeightDirections
from gantk.navigan.files import load_weights, save, save_checkpoint, save_deformation, save_eigenvectors
from gantk.navigan.target import GeneratorTarget

LAYER = "16x16/conv1"


@pytest.fixture
def target() -> GeneratorTarget:
    return GeneratorTarget(tiny("stylegan2-skip"), LAYER)


def hessian(target: GeneratorTarget, **changes: Any) -> WeightDirections:
    found = WeightDirections("some", "hessian", LAYER, random_basis(target.shape, 3), identity=target.identity())
    return found.replace(**changes)


def test_gantks_format_keeps_everything(tmp_path: Path, target: GeneratorTarget) -> None:
    svd, _ = svd_basis(target.weight)
    vectors = hessian(target, scales=(1.0, 2.0, 0.5), meta={"eigenvalues": [3.0, 2.0, 1.0], "seed": 4})
    learned = hessian(target, kind="hessian_rectification", coefficients=torch.randn(5, 3))
    rank_one = WeightDirections("svd", "svd", LAYER, svd)
    spectra = rank_one.replace(kind="svd_rectification", coefficients=torch.randn(2, 4))
    for number, directions in enumerate((vectors, learned, rank_one, spectra)):
        path = save(tmp_path / f"{number}.safetensors", directions)
        found = load_weights(path)
        assert (found.name, found.kind, found.layer, found.scales) == (
            directions.name, directions.kind, directions.layer, directions.scales,
        )  # fmt: skip
        assert dict(found.meta) == dict(directions.meta) and dict(found.identity) == dict(directions.identity)
        assert len(found) == len(directions)
        for row in range(len(directions)):
            assert torch.equal(found.delta(row), directions.delta(row))
        assert save(tmp_path / "again.safetensors", found).read_bytes() == path.read_bytes()
        found.check(target)


def test_released_eigenvectors(tmp_path: Path, target: GeneratorTarget) -> None:
    directions = hessian(target)
    path = save_eigenvectors(tmp_path / "eigenvectors_layer3_car.pt", directions)
    raw = torch.load(path, weights_only=True)
    assert isinstance(raw, torch.Tensor) and raw.shape == (3, 1, *target.shape) and raw.dtype == torch.float32
    found = load_weights(path)
    assert (found.layer, found.kind, len(found)) == (LAYER, "hessian", 3)
    assert all(torch.equal(found.delta(row), directions.delta(row)) for row in range(3))
    other = path.rename(tmp_path / "car.pt")
    refuse(lambda: load_weights(other))
    assert load_weights(other, LAYER).layer == LAYER


def test_released_deformations(tmp_path: Path, target: GeneratorTarget) -> None:
    directions = hessian(target)
    path = save_deformation(tmp_path / "nose_size.pt", directions, 1, -4.0)
    raw = torch.load(path, weights_only=True)
    assert raw["layer_ix"] == 3 and raw["shift"].shape == (1, 1, *target.shape)
    assert float(raw["shift"].norm()) == pytest.approx(4.0)
    found = load_weights(path)
    assert found.kind == "fixed" and found.layer == LAYER and found.scales is not None
    assert found.scales[0] == pytest.approx(4.0)
    assert torch.allclose(found.delta(0) * found.scales[0], raw["shift"][0, 0], atol=1e-6)
    assert torch.allclose(found.delta(0), -directions.delta(1), atol=1e-6)


@pytest.mark.parametrize("kind", ["hessian", "svd"])
def test_released_checkpoints_of_learned_directions(tmp_path: Path, target: GeneratorTarget, kind: str) -> None:
    source = torch.Generator().manual_seed(0)
    base = hessian(target)
    if kind == "svd":
        base = WeightDirections("svd", "svd", LAYER, svd_basis(target.weight)[0])
    learned = base.replace(kind=f"{kind}_rectification", coefficients=torch.randn(4, len(base.basis), generator=source))
    path = save_checkpoint(tmp_path / "checkpoint.pt", learned)
    raw = torch.load(path, weights_only=True)
    name = "direction_to_basis_coefs" if kind == "hessian" else "direction_to_eigenvalues_delta"
    assert f"style_gan2.convs.3.conv.{name}" in raw["generator"] and raw["step"] == 0
    found = load_weights(path, basis=base)
    assert found.kind == learned.kind and found.layer == LAYER and len(found) == 4
    assert all(torch.allclose(found.delta(row), learned.delta(row), atol=1e-6) for row in range(4))
    if kind == "hessian":
        refuse(lambda: load_weights(path))
        refuse(lambda: load_weights(path, basis=base.replace(layer="8x8/conv0")), GantkError)
    refuse(lambda: save_checkpoint(tmp_path / "x.pt", base))


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(3, 1, 4, 4, 3, 3),  # not of length one
        torch.full((1, 1, 4, 4, 3, 3), float("nan")),
        torch.zeros(3, 4),
        {"layer_ix": 3, "shift": torch.zeros(1, 1, 4, 4, 3, 3)},
        {"layer_ix": 3, "shift": torch.zeros(4, 4, 3, 3)},
        {"generator": {"style_gan2.convs.3.conv.weight": torch.zeros(1, 4, 4, 3, 3)}},
        {"generator": {"style_gan2.convs.3.conv.direction_to_eigenvalues_delta": torch.zeros(2, 4)}},
        {"something": torch.zeros(3)},
    ],
    ids=lambda value: "tensor" if isinstance(value, torch.Tensor) else next(iter(value)),
)
def test_other_contents_are_refused(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "eigenvectors_layer3.pt"
    torch.save(value, path)
    refuse(lambda: load_weights(path, LAYER), GantkError)


def test_damaged_and_foreign_files_are_refused(tmp_path: Path, target: GeneratorTarget) -> None:
    from safetensors.torch import save_file

    path = save(tmp_path / "good.safetensors", hessian(target))
    data = path.read_bytes()
    for number, damaged in enumerate((data[:-8], data[:40], b"", b"hello")):
        bad = tmp_path / f"{number}.safetensors"
        bad.write_bytes(damaged)
        refuse(lambda bad=bad: load_weights(bad), GantkError)
    save_file({"vectors": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    refuse(lambda: load_weights(tmp_path / "foreign.safetensors"), GantkError)
    refuse(lambda: load_weights(tmp_path / "absent.safetensors"), GantkError)

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (print, ("executed",))

    torch.save({"layer_ix": 3, "shift": Evil()}, tmp_path / "evil.pt")
    refuse(lambda: load_weights(tmp_path / "evil.pt"), GantkError)


def test_layers_outside_the_published_numbering_are_not_exported(tmp_path: Path, target: GeneratorTarget) -> None:
    directions = hessian(target, layer="4x4/conv1")
    refuse(lambda: save_eigenvectors(tmp_path / "x.pt", directions))
    refuse(lambda: save_deformation(tmp_path / "x.pt", directions, 0, 1.0))
    assert not (tmp_path / "x.pt").exists()
    refuse(lambda: hessian(target, kind="guess"), GantkError)
    refuse(lambda: hessian(target, scales=(1.0,)), GantkError)
    refuse(lambda: hessian(target, coefficients=torch.zeros(2, 9)), GantkError)
