"""What the page of `gantk atlas` says, each sentence with its condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantk.predictors.selectivity import SELECTIVE
from gantk.runs.claims import Claim, Claims, counted, listed

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
    Claim("found", lambda r: not r.is_steady, _unsteady),
    Claim("found", lambda r: r.is_steady, _shared),
    Claim("found", lambda r: r.is_steady and bool(r.attributes), _selective),
    Claim(
        "doubt",
        lambda r: not r.attributes,
        lambda r: (
            "There is no predictor of attributes: directions are named by regions only, and no boundary was trained."
        ),
    ),
    Claim(
        "doubt",
        lambda r: r.is_steady and bool(r.missing()),
        lambda r: (
            f"No direction changes these at least {SELECTIVE:g} times as much as any other: {listed(r.missing(), 20)}."
        ),
    ),
    Claim(
        "next",
        lambda r: bool(r.groups),
        lambda r: (
            f"`gantk {'navigan apply' if r.head(r.groups[0]).space == 'weights' else 'manipulate'} MODEL "
            f"{r.file(r.groups[0])}` moves samples along the clearest one; the table lists all."
        ),
    ),
)
