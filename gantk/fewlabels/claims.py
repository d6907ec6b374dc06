"""What the page of `gantk train-predictor` says, each sentence with its condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantk.runs.claims import Claim, Claims

if TYPE_CHECKING:
    from gantk.fewlabels.results import TrainedPredictor

TRAIN_PREDICTOR: Claims[TrainedPredictor] = (
    Claim("found", lambda r: True, lambda r: " ".join(each.card.sentence() for each in r.attributes)),
)
