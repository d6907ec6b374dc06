"""The page of `gantk synthesize`: a contact sheet and what the predictor saw."""

from __future__ import annotations

import numpy as np

from gantk.codes.numbering import parse_seeds
from gantk.higan.samples import SynthesizeResult
from gantk.reports.answer import answer
from gantk.reports.page import Page
from gantk.reports.sections import (
    BarPlot,
    Bins,
    CellValue,
    Column,
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
from gantk.runs.claims import counted, who

MOST_PANELS = 24
MOST_CLASSES = 20
LEAST_COUNTED = 10  # samples from which a histogram says more than the table


def page(result: SynthesizeResult) -> Page:
    sections = [*answer(result, [_sheet(result)]), *_scores(result)]
    if result.classes:
        ranked = sorted(result.classes.items(), key=lambda item: (-item[1], item[0]))[:MOST_CLASSES]
        few = "" if len(result.classes) <= MOST_CLASSES else ", the twenty most frequent"
        caption = f"How often each class was the likeliest{few}."
        names, counts = [name for name, _ in ranked], np.array([float(count) for _, count in ranked])
        sections.append(BarPlot(names, counts, title="Classes", caption=caption, quantity="samples", digits=0))
    links = [Link(name, name) for name in result.files]
    sections.append(Links(links, "Files", "Arrays beside this page, readable with `numpy.load`."))
    return Page("Samples and their latents", "What does the generator draw?", sections)


def _sheet(result: SynthesizeResult) -> Section:
    if not result.images:
        if result.image is not None:
            return Prose("The images are one array, `image.npy`.", "Samples")
        return Prose("This run wrote no images; give `--images` to see what the codes look like.", "Samples")
    numbers = None if result.seeds is None else parse_seeds(result.seeds)
    pictures = [
        Picture(image.source, f"Generated sample {place}", str(place if numbers is None else numbers[place]))
        for place, image in enumerate(result.images)
    ]
    whole = len(pictures) == result.num
    total = counted(result.num, "sample")
    caption = (f"All {total}" if result.num > 1 else total) if whole else f"{len(pictures)} of {total}"
    where = f"the seed's sequence (seed {result.seed})" if result.seed is not None else "the codes that were given"
    their = "its" if len(pictures) == 1 else "their"
    placed = f", numbered by {their} place in {where}."
    caption += (
        placed
        if numbers is None
        else f", numbered by {their} seed{'s' * (their == 'their')} as NVIDIA's `--seeds` numbers samples."
    )
    if result.truncation != "none":
        caption += f" Truncation: {result.truncation}."
    return Sheet(pictures, "Samples", caption)


def _scores(result: SynthesizeResult) -> list[Section]:
    """One small histogram per attribute and a table of statistics."""
    if not result.summaries:
        return []
    judged = f" as {who(result.predictor)} scores them"
    panels = [
        Histogram([Bins("", found.counts, found.edges)], name, x_name="score", y_name="samples")
        for name, found in result.summaries.items()
    ]
    more = (
        f" The first {MOST_PANELS} of {len(panels)} are drawn; the table has all." if len(panels) > MOST_PANELS else ""
    )
    keys = ("mean", "std", "min", "max")
    rows: list[list[CellValue]] = [
        [name, found.mean, found.std, found.min, found.max] for name, found in result.summaries.items()
    ]
    columns = [Column("attribute"), *(Column(key) for key in keys)]
    if result.num < LEAST_COUNTED:
        return [Table(columns, rows, "Scores", f"Statistics of each attribute{judged}.")]
    return [
        Panels(panels[:MOST_PANELS], "Scores", f"How the scores of the samples are distributed{judged}.{more}"),
        Table(columns, rows, "", f"Statistics of each attribute{judged}."),
    ]
