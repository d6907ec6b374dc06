"""Which steps the tour takes, in this order: one line per system."""

from __future__ import annotations

from gantk.demo import tour_ghfeat, tour_higan, tour_lse, tour_navigan, tour_resefa
from gantk.demo.tour import Step

STEPS: tuple[Step, ...] = (
    *tour_higan.STEPS,
    *tour_lse.STEPS,
    *tour_navigan.STEPS,
    *tour_ghfeat.STEPS,
    *tour_resefa.STEPS,
)
