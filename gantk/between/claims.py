"""What the pages of `gantk mix` and `gantk walk` say, each sentence with its condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantk.runs.claims import Claims, advise, counted, found

if TYPE_CHECKING:
    from gantk.between.results import MixResult
    from gantk.between.walked import WalkResult


def _grids(result: MixResult) -> str:
    rows = " and ".join(grid.spelled for grid in result.grids)
    count = len(result.top)
    tops = "code" if count == 1 else f"{count} codes"
    return f"Rows {rows} of wp from the {tops} at the top, the others from the left: {len(result.left)} by {count}."


def _frames(result: WalkResult) -> str:
    back = " and back" if result.loop else ""
    count, seconds = len(result.frames), len(result.frames) / result.fps
    return (
        f"{counted(count, 'frame')} ({seconds:.3g} s) through {counted(len(result.keys), 'code')}{back}, "
        f"{result.path} in {result.space}."
    )


MIX: Claims[MixResult] = (
    found(_grids),
    advise("What follows the top is stored in the rows of that grid: edit those with `gantk manipulate --rows`."),
)
WALK: Claims[WalkResult] = (
    found(_frames),
    advise("`gantk manipulate` moves one code along a direction with a meaning."),
)
