"""What the page of `gantk atlas` says, each sentence with its condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantk.predictors.selectivity import SELECTIVE
from gantk.runs.claims import Claims, advise, counted, doubt, found, listed

if TYPE_CHECKING:
    from gantk.atlas.found import AtlasResult

ENOUGH = 8
"""Samples below which figures of directions are called rough."""


def _shared(result: AtlasResult) -> str:
    shared = sum(len(group.systems) > 1 for group in result.groups)
    systems = counted(len(result.systems), "system")
    return (
        f"{counted(len(result.charted), 'direction')} of {systems} make {counted(len(result.groups), 'group')} of "
        f"equal effect; {shared} of them {'was' if shared == 1 else 'were'} found by more than one system."
    )


def _selective(result: AtlasResult) -> str:
    found = result.found()
    which = f" ({listed(list(found), 12)})" if found else ""
    return (
        f"{len(found)} of {counted(len(result.attributes), 'attribute')}{which} "
        f"{'has' if len(found) == 1 else 'have'} a selective direction, which changes it at least "
        f"{SELECTIVE:g} times as much as any other, in standard deviations."
    )


def _carried(result: AtlasResult) -> str:
    verb = "carry" if result.attributes else "change"
    parts: list[str] = []
    for third, names in result.carried().items():
        rows = [row for row, name in enumerate(result.rows) if name == third]
        span = f"row {rows[0]}" if len(rows) == 1 else f"rows {rows[0]} to {rows[-1]}"
        layers = f"the {third} ones ({span})" if parts else f"{third} layers ({span} of wp) {verb}"
        parts.append(f"{layers} {listed(names, 12) if names else 'none'}")
    return f"By the clearest directions, {'; '.join(parts)}."


def _unsteady(result: AtlasResult) -> str:
    return (
        f"Nothing here is steady: what {counted(len(result.charted), 'direction')} of "
        f"{counted(len(result.systems), 'system')} do to one sample they do not do to another, no more than random "
        "directions do, so that none has a name."
    )


ATLAS: Claims[AtlasResult] = (
    found(_unsteady, lambda r: not r.is_steady),
    found(_selective, lambda r: r.is_steady and bool(r.attributes)),
    found(_carried, lambda r: any(r.carried().values())),
    found(_shared, lambda r: r.is_steady),
    doubt(
        "There is no predictor of attributes: directions are named by regions only, and no boundary was trained.",
        lambda r: not r.attributes,
    ),
    doubt(
        lambda r: (
            f"No direction changes {listed(r.missing(), 20)} at least {SELECTIVE:g} times as much as any other "
            "attribute."
        ),
        lambda r: r.is_steady and bool(r.missing()),
    ),
    doubt(
        lambda r: (
            f"Directions were measured on {counted(r.samples, 'sample')} only, so that their figures are rough: raise "
            "`--held-out`."
        ),
        lambda r: r.samples < ENOUGH,
    ),
    advise(
        lambda r: f"`{r.command(r.groups[0], folder='RUN/')}` moves samples along the clearest one; tables list all.",
        lambda r: bool(r.groups),
    ),
)
