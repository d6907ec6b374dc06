"""The numeric cores of the verbs on a GPU that is not there: any mixing of devices fails."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from fake_cuda import fake_cuda, moved
from generator_cases import tiny
from torch import Tensor

from gantk import lse
from gantk.predictors.base import Predictor

FAMILIES = ("stylegan2-skip", "biggan-deep")


class Halves(Predictor):
    """Two classes, from the brightness of a pixel and a weight."""

    name = "halves"
    class_names = ("dark", "bright")

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2, 1, 1), False)

    def segment(self, image_NCHW: Tensor) -> Tensor:
        light = image_NCHW.mean(1, keepdim=True)
        return torch.cat([-light, light], 1) * self.weight


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
            batch_size=2,
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
