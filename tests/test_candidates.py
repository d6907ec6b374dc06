"""Where an optimisation of codes starts: the nearest of samples that are drawn once for all images."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from generator_cases import tiny
from ghfeat_cases import pictures

from gantk.generators.base import Generator
from gantk.ghfeat import candidates
from gantk.ghfeat.candidates import CandidatePool
from gantk.ghfeat.projection import ProjectionPlan, project_all


def test_each_image_starts_from_its_nearest_candidate_and_all_are_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "SIDE", 8)  # smaller than these pictures, as 256 is than those of 1024
    network, drawn = tiny("stylegan2-skip"), []
    photos = torch.from_numpy(pictures(3)).permute(0, 3, 1, 2).float() / 127.5 - 1
    plain, pool = type(network).synthesize, CandidatePool(network, "wp", 0)

    def counted(self: Generator, *args: Any, **options: Any) -> torch.Tensor:
        drawn.append(args)
        return plain(self, *args, **options)

    monkeypatch.setattr(type(network), "synthesize", counted)
    plan = ProjectionPlan("wp", 0, prior=0.0, frames=1)
    found = [project_all(network, photos[k : k + 1], plan, pool=pool).codes for k in range(3)]
    assert len(drawn) == candidates.COUNT + 1 + 3  # and each image once at its start
    wp_KLD = network.expand(network.map(network.sample_z(candidates.COUNT)))
    wp_KLD = torch.cat([wp_KLD, wp_KLD.mean(0, keepdim=True)])
    made, wanted = (F.avg_pool2d(image, 2) for image in (plain(network, wp_KLD).clamp(-1, 1), photos))
    nearest = (made[:, None] - wanted).square().mean((2, 3, 4)).argmin(0)
    assert len(set(nearest.tolist())) > 1
    torch.testing.assert_close(torch.cat(found), wp_KLD[nearest], rtol=1e-4, atol=1e-5)


def test_candidates_are_made_anew_for_other_labels() -> None:
    pool = CandidatePool(tiny("stylegan2-resnet"), "wp", 0)
    one = pool.of(torch.tensor([1]))
    assert pool.of(torch.tensor([1, 1])) is one
    assert pool.of(torch.tensor([1, 0])) is not one
