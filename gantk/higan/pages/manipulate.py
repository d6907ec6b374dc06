"""The page of `gantk manipulate`: sliders over edit strength.

Reads of `results`, all optional but `directions`:
    directions      [{name, space, row (of a direction file with several), layers (text or [index]), quantity
                      ("distance"),
                      distances: [K], frames: [[path per step] per sample], samples: [name per sample],
                      animation: {gif | webp | mp4: path}, start (index of the frame that is no edit), note}]
    files           [path]: arrays written (edited codes), offered as links
    truncation      text, as it was applied
    conditions      [name]: what the directions were made orthogonal to
"""

from __future__ import annotations

from gantk.reports.page import Page
from gantk.reports.record import RunRecord, records, texts
from gantk.reports.sections import Facts, Link, Links, Prose, Section
from gantk.reports.strips import direction_sections


def build(run: RunRecord) -> Page:
    results = run.results
    directions = records(results.get("directions"))
    sections: list[Section] = []
    for direction in directions:
        sections += direction_sections(run, direction, titled=len(directions) > 1)
    if not directions and run.manifest.get("state", "complete") == "complete":
        sections.append(Prose("This run moved codes along no direction.", tone="warning"))
    files = [name for name in texts(results.get("files")) if run.path(name) is not None]
    if files:
        sections.append(
            Links([Link(name, name) for name in files], "Files", "Arrays beside this page, readable with `numpy.load`.")
        )
    sections.append(Facts(run.settings(), "Settings"))
    names = [str(direction.get("name", "")) for direction in directions]
    title = " and ".join(names) if 0 < len(names) <= 3 else f"{len(names)} directions"
    subtitle = "Move the slider to walk along the direction; 0 is the sample as it was drawn."
    if run.subject:
        subtitle = f"Edits of `{run.subject}`. " + subtitle
    title = title.replace("_", " ")
    return Page(title[:1].upper() + title[1:], subtitle, sections, run.command_line, run.manifest, run.command)
