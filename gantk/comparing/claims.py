"""What the page of `gantk compare` says, each sentence with its condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantk.runs.claims import Claims, advise, counted, doubt, found, listed

if TYPE_CHECKING:
    from gantk.comparing.results import CompareResult


def _ends(result: CompareResult) -> str:
    """The most different number in the runs where it is smallest and largest."""
    number = result.different[0]
    known = [value for value in number.values if value is not None]
    low, high = known.index(min(known)), known.index(max(known))
    of = f" of `{number.row}`" if number.row else ""
    places = sorted((low, high))
    said = " and ".join(f"{number.shown(place)} in {result.runs[place].name}" for place in places)
    return f"The number that differs most is **{number.label}**{of}: {said}"


def _bounded(result: CompareResult) -> bool:
    return any(number.bounded for number in result.different)


def _names(result: CompareResult) -> str:
    return listed([f"`{setting.name}`" for setting in result.settings])


COMPARE: Claims[CompareResult] = (
    found(lambda r: f"{_ends(r)}; the intervals do not meet.", lambda r: bool(r.different) and r.different[0].apart),
    found(lambda r: f"{_ends(r)}; the intervals of all runs meet.",
          lambda r: bool(r.different) and r.different[0].bounded and not r.different[0].apart),
    found(lambda r: f"{_ends(r)}, a difference of {100 * r.different[0].relative:.3g} % of the larger size.",
          lambda r: bool(r.different) and not r.different[0].bounded),
    found(lambda r: f"{counted(len(r.shared), 'number is', 'numbers are')} the same in all {len(r.runs)} runs.",
          lambda r: bool(r.shared) and not r.different),
    found(lambda r: f"The {len(r.runs)} runs of `gantk {r.command}` share no number.", lambda r: not r.shared),
    found(lambda r: f"{counted(len(r.settings), 'setting or input', 'settings and inputs')} differ: {_names(r)}."
          if len(r.settings) != 1 else f"One setting or input differs: {_names(r)}.",
          lambda r: r.known and bool(r.settings)),
    found("No setting and no input that the runs recorded differs.", lambda r: r.known and not r.settings),
    doubt("No number that differs has an interval: whether chance explains the differences is not known "
          "from these runs.", lambda r: bool(r.different) and not any(n.bounded for n in r.different)),
    doubt("More than one setting or input differs: no difference can be put down to one of them alone.",
          lambda r: len(r.settings) > 1),
    doubt(lambda r: f"{len(r.numbers) - len(r.shared)} of {counted(len(r.numbers), 'number')} "
          f"{'is' if len(r.numbers) - len(r.shared) == 1 else 'are'} not in every run.",
          lambda r: len(r.shared) < len(r.numbers)),
    advise("The intervals of every number meet, so that chance may explain each difference: runs with more samples "
           "have narrower intervals.", lambda r: _bounded(r) and not any(n.apart for n in r.shared)),
    advise("Chance hardly explains the numbers whose intervals do not meet: they are the "
           "first ones in the table of numbers below.", lambda r: any(n.apart for n in r.shared)),
    doubt("Settings are not compared: at least one result was given without its run directory.", lambda r: not r.known),
)  # fmt: skip
