"""Sentences about a result, each kept with the condition under which it is true.

    SEFA: Claims[SefaResult] = (
        found(lambda r: f"{len(r.direction)} directions were found.", lambda r: len(r.direction) > 1),
        ...
    )

A page states nothing else of what was found: `said` gives the sentences whose condition the result fulfils, in order.
tests/test_claims.py renders every page from results with extreme values and reads each sentence back from the result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

R = TypeVar("R", contravariant=True)
S = TypeVar("S")

Part = Literal["found", "doubt", "next"]
"""What came out; what a reader must know before believing it; what to do with it."""


@dataclass(frozen=True)
class Claim(Generic[R]):
    """One sentence (or a few that belong together) about results of type `R`.

    Attributes:
        part: where a page says it.
        holds: whether it is true of a result.
        text: the sentence; called only where it holds. `code` and **strong** are marked as in `gantk.reports.Prose`.
    """

    part: Part
    holds: Callable[[R], bool]
    text: Callable[[R], str]


Claims = tuple[Claim[R], ...]


def always(result: object) -> bool:
    """The condition of a sentence that every result fulfils: it only names what the result holds."""
    return True


def _claim(part: Part, text: str | Callable[[S], str], when: Callable[[S], bool]) -> Claim[S]:
    return Claim(part, when, (lambda result: text) if isinstance(text, str) else text)


def found(text: str | Callable[[S], str], when: Callable[[S], bool] = always) -> Claim[S]:
    """A sentence about what came out."""
    return _claim("found", text, when)


def doubt(text: str | Callable[[S], str], when: Callable[[S], bool] = always) -> Claim[S]:
    """A sentence that a reader must know before believing it."""
    return _claim("doubt", text, when)


def advise(text: str | Callable[[S], str], when: Callable[[S], bool] = always) -> Claim[S]:
    """A sentence about what to do next."""
    return _claim("next", text, when)


def said(claims: Sequence[Claim[S]], result: S, part: Part) -> tuple[str, ...]:
    """The sentences of a part that are true of a result, in order."""
    return tuple(claim.text(result) for claim in claims if claim.part == part and claim.holds(result))


def plain(text: str) -> str:
    """A sentence without the marks of code and emphasis, for a terminal."""
    return text.replace("`", "").replace("**", "")


def counted(number: int, noun: str = "image", plural: str = "") -> str:
    """A number of things in words: 1 sample, 3 samples, 2 boundaries."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def were(number: int, noun: str = "image") -> str:
    """As `counted`, with the verb: 1 image was, 3 images were."""
    return f"{counted(number, noun)} {'was' if number == 1 else 'were'}"


def who(name: str | None) -> str:
    """What judges or labels, in a sentence: by its name, but the exact truth of a rendered world."""
    return "the renderer itself" if name == "truth" else str(name)


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names in a sentence: a, b and c, or a, b and 7 more."""
    shown = list(names[:most])
    rest = len(names) - len(shown)
    if rest:
        shown.append(f"{rest} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def decimals(low: float, high: float, most: int = 6) -> int:
    """How many decimals a number with this interval deserves: its half width has one significant digit."""
    half = (high - low) / 2
    return min(max(-math.floor(math.log10(half)), 0), most) if math.isfinite(half) and half > 0 else 3


def measured(value: float, low: float, high: float) -> str:
    """A number with its interval, such as 0.912 (95 % interval 0.907 to 0.917), with the decimals that it deserves."""
    digits = decimals(low, high)
    return f"{value:.{digits}f} (95 % interval {low:.{digits}f} to {high:.{digits}f})"


def percent(share: float) -> str:
    """A share in percent: whole, but for what lies within a half of 0 or 100, which is never rounded to it."""
    value = 100 * share
    near = 0 < value < 0.5 or 99.5 < value < 100
    text = f"{value:.1f}" if near else f"{value:.0f}"
    if near and text in ("0.0", "100.0"):
        return "less than 0.1 %" if value < 50 else "more than 99.9 %"
    return f"{text} %"
