"""What the page of `gantk atlas` says, each sentence with its condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantk.predictors.selectivity import SELECTIVE
from gantk.runs.claims import Claims, advise, counted, doubt, found, listed

if TYPE_CHECKING:
    from gantk.atlas.found import AtlasResult


def _shared(result: AtlasResult) -> str:
    shared = sum(len(group.systems) > 1 for group in result.groups)
    systems = counted(len(result.systems), "system")
    return (
        f"{counted(len(result.charted), 'direction')} of {systems} make {counted(len(result.groups), 'group')} of "
        f"equal effect; {shared} of them {'was' if shared == 1 else 'were'} found by more than one system."
    )


def _selective(result: AtlasResult) -> str:
    found = len(result.found())
    return (
        f"{found} of {counted(len(result.attributes), 'attribute')} {'has' if found == 1 else 'have'} a selective "
        f"direction, which changes it at least {SELECTIVE:g} times as much as any other, in standard deviations."
    )


def _unsteady(result: AtlasResult) -> str:
    return (
        f"Nothing here is steady: what {counted(len(result.charted), 'direction')} of "
        f"{counted(len(result.systems), 'system')} do to one sample they do not do to another, no more than random "
        "directions do, so that none has a name."
    )


ATLAS: Claims[AtlasResult] = (
    found(_unsteady, lambda r: not r.is_steady),
    found(_shared, lambda r: r.is_steady),
    found(_selective, lambda r: r.is_steady and bool(r.attributes)),
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
    advise(
        lambda r: f"`{r.command(r.groups[0], folder='RUN/')}` moves samples along the clearest one; tables list all.",
        lambda r: bool(r.groups),
    ),
)
