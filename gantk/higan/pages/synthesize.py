"""The page of `gantk synthesize`: a contact sheet and what the predictor saw.

Reads of `results`, all optional:
    num             samples made
    spaces          ["z", "w", "wp"]: latents written
    files           [path]: arrays written (latents, attribute.npy, category.npy), offered as links
    images          [path]: images, in the order of the samples (the sheet shows the first 200)
    attributes      {name: {"mean", "std", "min", "max", "histogram": {"counts": [n], "edges": [n + 1]}}}
    categories      {name: count}: how often each class was the likeliest
    predictor       name of what scored the images
    truncation      text, as it was applied
    first_index     index of the first sample (a shard's offset)
"""

from __future__ import annotations

import numpy as np

from gantk.reports.numbers import read_number
from gantk.reports.page import Page
from gantk.reports.record import RunRecord, mapping, numbers, texts
from gantk.reports.sections import (
    BarPlot,
    Bins,
    Column,
    Facts,
    Histogram,
    Link,
    Links,
    Panels,
    Picture,
    Prose,
    Section,
    Sheet,
    Table,
)

MOST_IMAGES = 200
MOST_PANELS = 24


def contact_sheet(run: RunRecord, names: object, first: int = 0) -> tuple[list[Picture], int]:
    """Up to 200 pictures of the run, and how many the list names altogether."""
    every = texts(names)
    pictures = []
    for place, name in enumerate(every[:MOST_IMAGES]):
        picture = run.picture(name, f"Generated sample {first + place}", str(first + place))
        if picture is not None:
            pictures.append(picture)
    return pictures, len(every)


def histogram_of(name: str, summary: object) -> Bins | None:
    found = mapping(mapping(summary).get("histogram"))
    counts, edges = numbers(found.get("counts")), numbers(found.get("edges"))
    return Bins(name, counts, edges) if len(counts) and len(edges) == len(counts) + 1 else None


def build(run: RunRecord) -> Page:
    results = run.results
    first = int(results.get("first_index") or 0)
    sections: list[Section] = []
    pictures, named = contact_sheet(run, results.get("images"), first)
    made = read_number(results.get("num"))
    named = max(named, int(made) if made is not None else 0)  # a preview is a part of them
    if pictures:
        made = results.get("num")
        total = made if isinstance(made, int) else named
        caption = f"All {total} samples" if len(pictures) == total else f"{len(pictures)} of {total} samples"
        caption += f", numbered by their place in the seed's sequence (seed {run.manifest.get('seed', 'unknown')})."
        if results.get("truncation") not in (None, "", "none"):
            caption += f" Truncation: {results['truncation']}."
        sections.append(Sheet(pictures, "Samples", caption))
    elif run.manifest.get("state", "complete") == "complete":
        sections.append(
            Prose("This run wrote latent codes only; give `--images` to see what they look like.", "Samples")
        )
    sections += score_sections(results.get("attributes"), str(results.get("predictor") or ""))
    categories = mapping(results.get("categories"))
    if categories:
        ranked = sorted(categories.items(), key=lambda item: (-float(item[1] or 0), item[0]))[:20]
        caption = "How often each class was the likeliest, the twenty most frequent."
        counts = numbers([count for _, count in ranked])
        sections.append(
            BarPlot(
                [name for name, _ in ranked], counts, title="Classes", caption=caption, quantity="samples", digits=0
            )
        )
    files = [name for name in texts(results.get("files")) if run.path(name) is not None]
    if files:
        sections.append(
            Links([Link(name, name) for name in files], "Files", "Arrays beside this page, readable with `numpy.load`.")
        )
    sections.append(Facts(run.settings(), "Settings"))
    number = results.get("num", named)
    spaces = ", ".join(texts(results.get("spaces")))
    subtitle = (
        f"{number} samples"
        + (f" of `{run.subject}`" if run.subject else "")
        + (f"; latents kept in {spaces}." if spaces else ".")
    )
    return Page("Samples and their latents", subtitle, sections, run.command_line, run.manifest, run.command)


def score_sections(attributes: object, predictor: str) -> list[Section]:
    """A table of score statistics and one small histogram per score."""
    summaries = {name: mapping(value) for name, value in mapping(attributes).items()}
    if not summaries:
        return []
    who = f" as `{predictor}` sees them" if predictor else ""
    keys = [key for key in ("mean", "std", "min", "max") if any(key in summary for summary in summaries.values())]
    rows = [[name, *(summary.get(key) for key in keys)] for name, summary in summaries.items()]
    sections: list[Section] = []
    panels = []
    for name, summary in summaries.items():
        bins = histogram_of("", summary)
        if bins is not None and np.sum(bins.counts) > 0:
            panels.append(Histogram([bins], name))
    if panels:
        note = (
            f" The first {MOST_PANELS} of {len(panels)} are drawn; the table has all."
            if len(panels) > MOST_PANELS
            else ""
        )
        sections.append(
            Panels(panels[:MOST_PANELS], "Scores", f"How the scores of the samples are distributed{who}.{note}")
        )
    if keys:
        columns = [Column("score"), *(Column(key) for key in keys)]
        sections.append(Table(columns, rows, "" if panels else "Scores", f"Statistics of each score{who}."))
    return sections
