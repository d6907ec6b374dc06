"""What the pages of `gantk mix` and `gantk walk` say, each sentence with its condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantk.runs.claims import Claims, advise, counted, found

if TYPE_CHECKING:
    from gantk.between.results import MixResult
    from gantk.between.walked import WalkResult


PATHS = {"linear": "straight lines", "spherical": "great circles", "spline": "a smooth spline"}


def _grids(result: MixResult) -> str:
    rows = " and ".join(grid.spelled for grid in result.grids)
    count = len(result.top)
    tops = "code" if count == 1 else f"{count} codes"
    grids = f"in {'a grid' if len(result.grids) == 1 else 'grids'} of {len(result.left)} by {count}"
    many = sum(len(grid.rows) for grid in result.grids) > 1
    which = f"Rows {rows} of wp are" if many else f"Row {rows} of wp is"
    return f"{which} from the {tops} at the top, the others from the left, {grids}."


def _frames(result: WalkResult) -> str:
    back = " and back" if result.loop else ""
    count, seconds = len(result.frames), len(result.frames) / result.fps
    return (
        f"The walk has {counted(count, 'frame')} ({seconds:.3g} s) and leads through "
        f"{counted(len(result.keys), 'code')}{back}, along {PATHS[result.path]} in {result.space}."
    )


MIX: Claims[MixResult] = (
    found(_grids),
    advise(
        lambda r: (
            "What changes with the code at the top is stored in the rows of that grid: `gantk manipulate MODEL "
            f"DIRECTION --rows {r.grids[0].spelled}` edits the rows of the first along a direction."
        ),
        lambda r: bool(r.grids),
    ),
)
WALK: Claims[WalkResult] = (
    found(_frames),
    advise("`gantk manipulate MODEL DIRECTION` moves a code along a direction with a meaning."),
)
