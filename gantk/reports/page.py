"""A page: sections in order, rendered to one HTML file that needs nothing else.

The same page gives the same bytes: nothing here looks at the clock, the host or the environment. What the footer says
of version and date comes from the manifest of the run.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from gantk.errors import GantkError
from gantk.reports import figures, plots, tables
from gantk.reports.cite import bibtex
from gantk.reports.images import PAGE_LIMIT, ImageStore, PageTooLarge, stale_files
from gantk.reports.latex import rules
from gantk.reports.numbers import show_number
from gantk.reports.sections import (
    BarPlot,
    Facts,
    Headline,
    HeatMap,
    Histogram,
    LinePlot,
    Links,
    Panels,
    Prose,
    ScatterPlot,
    Section,
    Sheet,
    SliderGrid,
    SliderStrip,
    Table,
)
from gantk.reports.text import Anchors, inline, paragraphs, typeset, unbroken, whole
from gantk.runs.manifest import Manifest
from gantk.store.files import remove_empty, write_atomic
from gantk.store.inside import inside

NO_LIMIT = 1 << 62
CONTENTS_FROM = 4
"""Headings from which on a page gets a table of contents."""
GROUPED_FROM = 5
"""Headings of one kind from which on they are one entry of the contents, which opens."""
SPREAD = 4
"""Strips up to which the first figure shows all their steps."""
SHORT_FACT = 30
"""Letters that fit into a column of facts."""


@dataclass(frozen=True)
class Shown:
    """A section ready for its template: `kind` names the macro, `number` counts figures, `view` is what it prints.

    The strips of a page's first figure open `spread`, all steps beside each other: sliders at 0 show no edit.
    """

    kind: str
    title: str
    anchor: str
    caption: str
    number: str
    view: object
    spread: bool = False


def _facts(section: Facts, images: ImageStore) -> list[tuple[str, str, bool]]:
    """Names, values, and whether each takes a line of its own: the long ones, or all where most are long."""
    items = [(name, _plain(value)) for name, value in section.items]
    long = [len(value) > SHORT_FACT for _, value in items]
    return [(name, value, alone or 2 * sum(long) > len(long)) for (name, value), alone in zip(items, long, strict=True)]


def _plain(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(part)}" for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(part) for part in value) or "none"
    return unbroken(str(value))


def _headline(section: Headline, images: ImageStore) -> list[tuple[str, str, str]]:
    shown = []
    for value, name, note in section.items:
        shown.append((typeset(value) if isinstance(value, str) else show_number(value), typeset(name), typeset(note)))
    return shown


def _panels(section: Panels, images: ImageStore) -> Mapping[str, object]:
    """A legend that all panels share stands once, above them."""
    legends = [plots.legend_of(part) for part in section.sections]
    shared = legends[0] if legends and all(legend == legends[0] for legend in legends) else []
    parts = [
        (typeset(part.title), part.caption, plots.draw(part, panel=True), [] if shared else legend)
        for part, legend in zip(section.sections, legends, strict=True)
    ]
    return {"legend": shared, "parts": parts}


def _sheet(section: Sheet, images: ImageStore) -> Mapping[str, object]:
    shown = [images.show(picture) for picture in section.pictures]
    groups = [shown[place : place + section.group] for place in range(0, len(shown), section.group)]
    legend = [("#{:02x}{:02x}{:02x}".format(*colour), name) for colour, name in section.legend]
    return {"groups": groups, "size": section.size, "group": section.group, "legend": legend}


def _plot(section: LinePlot | BarPlot | ScatterPlot | Histogram, images: ImageStore) -> Mapping[str, object]:
    return {"svg": plots.draw(section), "legend": plots.legend_of(section)}


_VIEWS: dict[type, tuple[str, str, Callable[[Any, ImageStore], Any]]] = {
    # section: (macro, what it is counted as, view)
    Prose: ("prose", "", lambda section, images: (section.tone, paragraphs(section.text))),
    Facts: ("facts", "", _facts),
    Headline: ("headline", "", _headline),
    Sheet: ("sheet", "Figure", lambda section, images: _sheet(section, images)),
    SliderStrip: ("strip", "Figure", figures.show_strip),
    SliderGrid: ("grid", "Figure", figures.show_grid),
    Table: ("table", "Table", tables.show_table),
    HeatMap: ("heat_map", "Figure", lambda section, images: tables.show_heat_map(section)),
    LinePlot: ("plot", "Figure", _plot),
    BarPlot: ("plot", "Figure", _plot),
    ScatterPlot: ("plot", "Figure", _plot),
    Histogram: ("plot", "Figure", _plot),
    Panels: ("panels", "Figure", _panels),
    Links: ("links", "", lambda section, images: [figures.show_link(link, images) for link in section.links]),
}


def _show(sections: Sequence[Section], images: ImageStore) -> list[Shown]:
    anchors, counts, shown = Anchors(), {"Figure": 0, "Table": 0}, []
    for section in sections:
        if type(section) not in _VIEWS:
            raise GantkError(
                f"A page cannot hold a {type(section).__name__}; it holds the sections of gantk.reports.sections."
            )
        kind, counted, view = _VIEWS[type(section)]
        number = ""
        if counted:
            counts[counted] += 1
            number = f"{counted} {counts[counted]}"
        anchor = anchors.take(section.title) if section.title else ""
        caption = getattr(section, "caption", "")
        spread = number == "Figure 1" and len(getattr(section, "strips", [section])) <= SPREAD
        shown.append(Shown(kind, typeset(section.title), anchor, caption, number, view(section, images), spread))
    return shown


def _grouped(headings: Sequence[Shown]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Entries of the contents: (title, its (anchor, title)s), several where they stand together under one title.

    Titles such as "season: edited samples" have the same words behind the colon.
    """
    groups: list[tuple[str, list[tuple[str, str]]]] = []
    for name, members in itertools.groupby(headings, lambda section: section.title.rpartition(": ")[2]):
        found = list(members)
        if len(found) >= GROUPED_FROM:
            parts = [(section.anchor, section.title.removesuffix(f": {name}")) for section in found]
            groups.append((f"{name[:1].upper()}{name[1:]} ({len(found)})", parts))
        else:
            groups += [(section.title, [(section.anchor, section.title)]) for section in found]
    return groups


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["inline"] = inline
    environment.filters["whole"] = whole
    return environment


def _script(name: str, rules: str = "{}") -> tuple[Markup, str]:
    """A script and the hash by which the page's policy allows it; no other script and no inline handler runs.

    `rules` is JSON that stands where the script says RULES.
    """
    text = (Path(__file__).with_name("templates") / name).read_text(encoding="utf-8").strip().replace("RULES", rules)
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return Markup(text), f"'sha256-{digest}'"


@dataclass(frozen=True)
class Page:
    """One report.

    Beyond `limit` bytes its pictures lie beside it. `command_line` is what reproduces the run, shown for copying; the
    footer says of the run's `manifest` when and with what it was made.
    """

    title: str
    subtitle: str = ""
    sections: Sequence[Section] = ()
    command_line: str = ""
    manifest: Manifest | None = None
    command: str = ""
    home: str = ""
    limit: int = PAGE_LIMIT

    def html(self, images: ImageStore) -> str:
        """The page as text; `images` decides where its pictures live."""
        shown = _show(self.sections, images)
        headings = [section for section in shown if section.title]
        early, early_hash = _script("theme.js")
        taking, taking_hash = _script("taking.js", rules())
        script, script_hash = _script("page.js")
        template = _environment().get_template("page.html.j2")
        return template.render(
            page=self,
            sections=shown,
            headings=_grouped(headings) if len(headings) >= CONTENTS_FROM else [],
            footer=[] if self.manifest is None else footer(self.manifest),
            state="complete" if self.manifest is None else self.manifest["state"],
            cited=bibtex(self.command, self.manifest, self.command_line),
            early=early,
            taking=taking,
            script=script,
            hashes=f"{early_hash} {taking_hash} {script_hash}",
        )

    def text(self) -> str:
        """The page as one text with its pictures inside, whatever its size."""
        return self.html(ImageStore(NO_LIMIT))

    def write(self, path: Path | str, limit: int | None = None) -> Path:
        """Write the page to `path`; beyond `limit` (else its own) bytes its pictures go to `<stem>_files/` beside it.

        Pictures an earlier, larger page left there are removed.
        """
        path, limit = Path(path), self.limit if limit is None else limit
        folder = inside(path.parent, f"{path.stem}_files")
        images = ImageStore(limit)
        try:
            data = self.html(images).encode("utf-8", "replace")
            if len(data) > limit and "data:image/" in data.decode("utf-8"):
                raise PageTooLarge
        except PageTooLarge:
            images = ImageStore(folder=folder.name, write=lambda name, part: _write_once(folder / name, part))
            data = self.html(images).encode("utf-8")
        write_atomic(path, data)
        for stale in stale_files(folder, images.files):
            stale.unlink()
        remove_empty([folder])
        return path


def _write_once(path: Path, data: bytes) -> None:
    """Files are named by their content: what is there already, whole, need not be written again."""
    if not (path.is_file() and path.stat().st_size == len(data)):
        write_atomic(path, data)


def footer(manifest: Manifest) -> list[tuple[str, str]]:
    """(name, value) of what made the page, as far as the manifest says."""
    versions = manifest.get("versions") or {}
    items = [(name, str(versions[name])) for name in ("gantk", "torch", "numpy") if versions.get(name)]
    date = manifest.get("ended") or manifest.get("started")
    if date:
        items.append(("date", date[:16].replace("T", " ")))
    seconds = manifest["timings"].get("total")
    if seconds is not None:
        items.append(("took", unbroken(f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min")))
    used = (("seed", manifest.get("seed")), ("device", manifest.get("device")))
    return [*items, *((name, _plain(value)) for name, value in used if value is not None)]
