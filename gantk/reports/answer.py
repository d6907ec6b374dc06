"""The first screen of every page: what came out, a picture of it, its numbers, what to do next.

Sentences are the result's claims, so that a page states what its result holds and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

from gantk.reports.numbers import show_step, step_digits
from gantk.reports.sections import Headline, Picture, Prose, Section, Sheet
from gantk.reports.strips import in_spreads, title_of
from gantk.runs.results import Result
from gantk.runs.walk import Walk

MOST_SAMPLES = 2


def answer(
    result: Result, picture: Sequence[Section] = (), numbers: Sequence[tuple[object, str, str]] = ()
) -> list[Section]:
    """The sections that every page begins with.

    Args:
        picture: what shows the finding best; none where the result has no picture.
        numbers: (value, what it is, of how many and with which interval).
    """
    sections: list[Section] = []
    found, doubts, then = (result.said(part) for part in ("found", "doubt", "next"))
    if found:
        sections.append(Prose("\n\n".join(found), tone="finding"))
    sections += picture
    if numbers:
        sections.append(Headline(list(numbers)))
    sections += [Prose(doubt, tone="warning") for doubt in doubts]
    if then:
        sections.append(Prose("\n\n".join(then), tone="next"))
    return sections


def film(walk: Walk, caption: str = "") -> list[Section]:
    """The original, half way and the upper end of a walk on its first samples, in one row each; none without
    pictures."""
    pictures = []
    shown = [strip for strip in walk.strips if len(strip.images) > 1][:MOST_SAMPLES]
    name = title_of(walk)
    for strip in shown:
        values = list(strip.values)
        start = strip.origin if strip.origin is not None else min(range(len(values)), key=lambda i: abs(values[i]))
        end = len(values) - 1 if start < len(values) - 1 else 0
        places = dict.fromkeys((start, (start + end + 1) // 2, end))
        digits = step_digits([values[place] for place in places])
        for place in places:
            step = show_step(values[place], digits)
            zero = place == start and strip.origin is not None
            label = "original" if zero else f"{strip.quantity} {step}"
            saved = f"{walk.name}_{strip.label.replace(' ', '_')}_{values[place]:+.{digits}f}"
            pictures.append(Picture(strip.images[place].source, f"{strip.label}, {name}, {label}", label, saved))
    if not pictures:
        return []
    group = len(pictures) // len(shown)
    if group * len(shown) != len(pictures):
        return []
    text = caption or f"From the original to the end of the slider along {name}."
    last = shown[0].values[-1] or shown[0].values[0]
    return [Sheet(pictures, "", text + in_spreads(walk, last), 136, group)]
