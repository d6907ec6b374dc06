"""Which steps the tour takes, in this order: one line per system."""

from __future__ import annotations

from gantk.tour import atlas as tour_atlas
from gantk.tour import ghfeat as tour_ghfeat
from gantk.tour import higan as tour_higan
from gantk.tour import lse as tour_lse
from gantk.tour import navigan as tour_navigan
from gantk.tour import resefa as tour_resefa
from gantk.tour.tour import Step

STEPS: tuple[Step, ...] = (
    *tour_atlas.STEPS,
    *tour_higan.STEPS,
    *tour_lse.STEPS,
    *tour_navigan.STEPS,
    *tour_ghfeat.STEPS,
    *tour_resefa.STEPS,
)
