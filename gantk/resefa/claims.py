"""What the pages of ReSeFa's tasks say, each sentence with its condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gantk.reports.numbers import show_number
from gantk.runs.claims import Claims, advise, counted, doubt, found, listed, were

if TYPE_CHECKING:
    from gantk.resefa.results import DirectionsResult, JacobianResult, RegionDirections, RegionResponse

GLOBAL = ("sefa", "ganspace")
"""Methods that look for what changes the whole image most and are not given a region."""


LEAST = 8
"""Held-out samples below which a page doubts what was measured on them."""


def moves(name: str) -> str:
    """What shows the first direction of a file."""
    return f"`gantk manipulate MODEL RUN/{name}.safetensors --pick 0` moves samples along the first direction"


# --- jacobian --------------------------------------------------------------------------------------------------------


def _most(result: JacobianResult) -> RegionResponse:
    return max(result.responses, key=lambda each: each.inside / each.outside if each.outside > 0 else each.inside)


JACOBIAN: Claims[JacobianResult] = (
    found(
        lambda r: (
            f"The derivatives of {counted(r.facts.samples, 'sample')} in {counted(r.facts.dim, 'coordinate')} were "
            f"taken for {'region' if len(r.facts.names) == 1 else 'regions'} {', '.join(r.facts.names)}."
        )
    ),
    found(
        lambda r: (
            f"A random unit step changes {_most(r).name} {_most(r).inside / _most(r).outside:.1f} times as "
            "much as the rest of the image, per pixel."
        ),
        lambda r: any(each.outside > 0 and each.inside > each.outside for each in r.responses),
    ),
    doubt(
        lambda r: (
            f"No pixel of any sample is {listed([each.name for each in r.responses if each.share <= 0])}: "
            "directions of it would mean nothing."
        ),
        lambda r: any(each.share <= 0 for each in r.responses),
    ),
    advise(
        "`gantk resefa directions RUN` makes directions of these matrices; with `--space wp` here, any subset of the "
        "rows can be chosen there.",
        lambda r: r.grams is not None,
    ),
    advise(
        lambda r: f"{moves(r.leading[0].name)}.",
        lambda r: bool(r.leading),
    ),
)


# --- directions ------------------------------------------------------------------------------------------------------


def at_middle(region: RegionDirections, middle: float) -> dict[str, float]:
    """Method -> ROIR at a level, of those that reach it."""
    return {score.method: score.roir for score in region.scores if score.level == middle and score.roir is not None}


def held_out(region: RegionDirections) -> int | None:
    """Samples that a region's directions were measured on; None where the file does not say it."""
    count = region.direction.meta.get("held_out")
    return count if isinstance(count, int) else None


def _few(result: DirectionsResult) -> list[int]:
    """Numbers of held-out samples that are too few to rank methods by."""
    counts = [held_out(region) for region in result.regions if region.scores]
    return [count for count in counts if count is not None and count < LEAST]


def compared(region: RegionDirections, middle: float) -> bool:
    """Whether this run's directions and those of another method both reach the level."""
    at = at_middle(region, middle)
    return "resefa" in at and len(at) > 1


def finding(region: RegionDirections, middle: float) -> str:
    """Which method is most local at a level."""
    at = at_middle(region, middle)
    own, rest = at["resefa"], {name: value for name, value in at.items() if name != "resefa"}
    best = min(rest, key=lambda name: rest[name])
    digits = next((d for d in range(2, 7) if f"{own:.{d}f}" != f"{rest[best]:.{d}f}"), 2)
    shown, other = show_number(own, digits), show_number(rest[best], digits)
    mine = f"- **{region.name}**: its directions are"
    if own < rest[best]:
        chance = f" and `random` {show_number(at['random'], 2)}" if best != "random" and "random" in at else ""
        return f"{mine} the most local of all, with a ROIR of {shown}; `{best}` has {other}{chance}."
    if own == rest[best]:
        return f"{mine} as local as those of `{best}`; both have a ROIR of {shown}."
    return f"{mine} less local than those of `{best}`, with a ROIR of {shown}; `{best}` has {other}."


def _compared(result: DirectionsResult) -> str:
    """A line for each region that can be compared; empty where none can."""
    lines = [finding(region, result.middle) for region in result.regions if compared(region, result.middle)]
    asked = f"ROIR (change outside over inside) where the inside of the region changes by {result.middle:g}:"
    return "\n".join([asked, *lines]) if lines else ""


def quotients(regions: Sequence[RegionDirections]) -> str:
    """How much more the first directions change inside their regions than outside."""
    names = listed([region.name for region in regions], len(regions))
    values = listed([f"{float(f'{region.quotients[0]:.3g}'):g}" for region in regions], len(regions))
    return (
        f"Along the first direction of {names} the mean squared change of a pixel is, to first order, {values} times "
        "as large inside as outside."
    )


def behind_random(result: DirectionsResult) -> list[tuple[str, list[str]]]:
    """(region, methods of the whole image that are less local there than random directions)."""
    found = []
    for region in result.regions:
        at = at_middle(region, result.middle)
        behind = [name for name in GLOBAL if "random" in at and name in at and at["random"] < at[name]]
        if behind:
            found.append((region.name, behind))
    return found


def _why_random(result: DirectionsResult) -> str:
    behind = behind_random(result)
    methods = listed([name for name in GLOBAL if any(name in names for _, names in behind)])
    return (
        f"Random directions are more local than {methods} for {listed([name for name, _ in behind])}. SeFa and "
        "GANSpace look for what changes the whole image most and are not given a region, so that theirs change much "
        "outside it."
    )


DIRECTIONS: Claims[DirectionsResult] = (
    found(
        lambda r: f"{were(len(r.compat), 'file')} written as the released script writes them.", lambda r: bool(r.compat)
    ),
    found(lambda r: quotients(r.regions), lambda r: bool(r.regions)),
    found(_compared, lambda r: bool(_compared(r))),
    found(_why_random, lambda r: bool(behind_random(r))),
    doubt(
        lambda r: (
            f"ROIR was measured on {counted(min(_few(r)), 'held-out sample')} only, so that other samples may give "
            "another order: raise `--held-out`."
        ),
        lambda r: bool(_few(r)),
    ),
    doubt(
        lambda r: (
            "No direction of "
            f"{listed([e.name for e in r.regions if e.scores and 'resefa' not in at_middle(e, r.middle)])} "
            f"changes it by {r.middle:g} within the reach of the codes: raise `--tau`, or choose other rows."
        ),
        lambda r: any(each.scores and "resefa" not in at_middle(each, r.middle) for each in r.regions),
    ),
    advise(
        lambda r: (
            f"{moves(r.regions[0].name)}; `gantk atlas MODEL --directions RUN/{r.regions[0].name}.safetensors` "
            "measures what it changes."
        ),
        lambda r: bool(r.regions),
    ),
)
