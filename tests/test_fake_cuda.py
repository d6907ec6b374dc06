"""The numeric cores of the verbs on a GPU that is not there: any mixing of devices fails."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from fake_cuda import fake_cuda, moved
from generator_cases import tiny
from torch import Tensor

from gantk import comparators, higan, lse, resefa
from gantk.codes.directions import Direction
from gantk.errors import UsageError
from gantk.predictors.base import Predictor

FAMILIES = ("stylegan2-skip", "biggan-deep")


class Halves(Predictor):
    """Two classes and an attribute, from the brightness of a pixel and a weight."""

    name = "halves"
    attribute_names = ("light",)
    class_names = ("dark", "bright")

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2, 1, 1), False)

    def segment(self, image_NCHW: Tensor) -> Tensor:
        light = image_NCHW.mean(1, keepdim=True)
        return torch.cat([-light, light], 1) * self.weight

    def attributes(self, image_NCHW: Tensor) -> Tensor:
        return image_NCHW.mean((1, 2, 3))[:, None] * self.weight[0, 0]


def on(device: torch.device, family: str) -> tuple[Any, Any]:
    """A generator and a teacher on a device."""
    return moved(tiny(family), device), moved(Halves(), device)


def test_a_mixing_of_devices_is_noticed() -> None:
    with fake_cuda() as device:
        there = torch.zeros(3, device=device)
        assert float(there.sum()) == 0.0 and there.cpu().numpy().shape == (3,)
        with pytest.raises(Exception, match="device"):
            there + torch.ones(3)
        with pytest.raises(AssertionError, match="call cpu"):
            there.numpy()
        with pytest.raises(Exception, match="device"):
            there * torch.from_numpy(np.ones(3, np.float32))


# --- lse -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("solver", ["lbfgs", "ridge", "adam"])
def test_lse_train(family: str, solver: str) -> None:
    heads = ("LSE",) if solver == "ridge" else ("LSE", "NSE-1", "NSE-2")
    with fake_cuda() as device:
        generator, teacher = on(device, family)
        found = lse.train(
            generator, teacher, head=heads, solver=solver, num=3, held_out=2, steps=2, epochs=1, epoch_images=2, size=8,
            batch_size=2, label="random" if generator.spec.label_dim else None,
        )  # fmt: skip
        assert [head.info.name for head in found.heads] == list(heads) and found.labels.shape == (5, 8, 8)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_lse_fewshot_evaluate(solver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from gantk.lse import adam

    monkeypatch.setattr(adam, "paper_fewshot", lambda n: adam.Schedule(1, 4, 1, ((0, n),), layer_weights="none"))
    with fake_cuda() as device:
        generator, teacher = on(device, "stylegan2-skip")
        found = lse.fewshot(generator, teacher, shots=(1, 2), num_eval=2, size=8, solver=solver)
        assert found.segment(generator.expand(generator.map(generator.sample_z(2)))).device.type == "cuda"
        scored = lse.evaluate(generator, found, teacher, num=2)
        assert len(scored.scores) == 2


@pytest.mark.parametrize("space", ["z", "mixed", "w"])
def test_lse_sample_edit(space: str) -> None:
    with fake_cuda() as device:
        generator, teacher = on(device, "stylegan2-skip")
        head = lse.fewshot(generator, teacher, shots=1, num_eval=0, size=8)
        through = "teacher" if space == "z" else "head"
        found = lse.sample(generator, head, None, teacher, space=space, samples=2, bank=4, steps=2, num_targets=1,
                           through=through)  # fmt: skip
        assert found.codes.shape[0] == 2
        for paper in (False, True) if space == "z" else (False,):
            strokes = {"shape": ("bright:0,0,4,4",), "colour": ("#204080:0,0,4,4",)}
            edited = lse.edit(generator, head, **strokes, steps=2, frames=2, paper=paper)
            assert edited.wp.shape[0] == 2


# --- higan -----------------------------------------------------------------------------------------------------------


LABELS = {"stylegan2-skip": {}, "biggan-deep": {"label": "1"}}


def direction(generator: Any, space: str) -> Direction:
    """A direction of a generator in a space."""
    spec = generator.spec
    shape = {"z": (1, spec.z_dim), "w": (1, spec.w_dim), "wp": (1, spec.num_layers, spec.wp_dim)}[space]
    vectors = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return Direction("light", "boundary", space, vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


@pytest.mark.parametrize("family", FAMILIES)
def test_higan_sample(family: str) -> None:
    with fake_cuda() as device:
        generator, judge = on(device, family)
        samples = higan.sample(generator, 3, judge, batch_size=2, **LABELS[family])
        assert len(samples.codes) == 3 and samples.scores is not None and samples.scores["light"].shape == (3,)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("space", ["z", "w", "wp"])
def test_higan_rescore_manipulate(family: str, space: str) -> None:
    with fake_cuda() as device:
        generator, judge = on(device, family)
        moved = direction(generator, space)
        found = higan.rescore(generator, moved, judge, num=3, random=1, layerwise=True, batch_size=2, **LABELS[family])
        assert len(found.table()) > 0
        edits = higan.manipulate(generator, moved, num=2, step=3, batch_size=2, **LABELS[family])
        assert len(edits.walks[0].strips) == 2


# --- comparators and resefa -------------------------------------------------------------------------------------------

# `resefa directions` solves on the CPU, and the zeros that leave the device have no solution.


@pytest.mark.parametrize("family", FAMILIES)
def test_closed_forms(family: str) -> None:
    with fake_cuda() as device:
        generator, _ = on(device, family)
        assert len(comparators.sefa(generator, components=2, samples=1, step=3).direction) == 2
        if family != "biggan-deep":  # a BigGAN's maps are zeros here, and span nothing
            assert len(comparators.ganspace(generator, num=8, components=2, samples=1, step=3).direction) == 2


@pytest.mark.parametrize("family", FAMILIES)
def test_resefa_jacobian(family: str) -> None:
    where: dict[str, object] = {"corner": (0.1, 0.2, 0.6, 0.7)}
    with fake_cuda() as device:
        generator, judge = on(device, family)
        summed = resefa.jacobian(generator, where, num=2, rows="2-3", space="w", size=8, preview=1, **LABELS[family])
        assert summed.facts.names == ("corner",)
        with pytest.raises(UsageError, match="'bright' is empty"):  # the maps that the judge gives here are zeros
            resefa.jacobian(generator, {"bright": judge}, num=1, rows="2", space="w", size=8, **LABELS[family])
