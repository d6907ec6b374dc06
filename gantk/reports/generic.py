"""The page of a command that has none of its own: settings, results that are numbers or tables, images.

Reads whatever `results` holds: numbers and texts become facts, lists of objects become tables, lists of image paths
contact sheets.
"""

from __future__ import annotations

from gantk.reports.page import Page
from gantk.reports.record import RunRecord, records, texts
from gantk.reports.sections import CellValue, Facts, Section, Sheet, Table

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif")


def _cell(value: object) -> CellValue:
    return value if value is None or isinstance(value, (str, int, float)) else str(value)


def build(run: RunRecord) -> Page:
    facts: list[tuple[str, object]] = []
    sections: list[Section] = []
    for key, value in run.results.items():
        title = key.replace("_", " ")
        if isinstance(value, (str, int, float)) or value is None:
            facts.append((title, value))
        elif records(value):
            entries = records(value)
            columns = list(dict.fromkeys(name for entry in entries for name in entry))
            columns = [
                name for name in columns if not any(isinstance(entry.get(name), (list, dict)) for entry in entries)
            ]
            if columns:
                rows = [[_cell(entry.get(name)) for name in columns] for entry in entries]
                sections.append(Table([name.replace("_", " ") for name in columns], rows, title))
        elif any(name.lower().endswith(IMAGE_SUFFIXES) for name in texts(value)):
            pictures = [
                run.picture(name, f"{title} {place}", str(place)) for place, name in enumerate(texts(value)[:200])
            ]
            shown = [picture for picture in pictures if picture is not None]
            if shown:
                sections.append(Sheet(shown, title))
    if facts:
        sections.insert(0, Facts(facts, "Results"))
    sections.append(Facts(run.settings(), "Settings"))
    subtitle = f"Run of `{run.subject}`." if run.subject else ""
    return Page(run.command.replace("-", " "), subtitle, sections, run.command_line, run.manifest, run.command)
