"""The pages of `gantk resefa jacobian` and `gantk resefa directions`."""

from __future__ import annotations

import numpy as np

from gantk.reports.answer import answer, film
from gantk.reports.numbers import show_number, show_rounded, show_rows
from gantk.reports.page import Page
from gantk.reports.sections import (
    Cell,
    CellValue,
    Column,
    LinePlot,
    Link,
    Links,
    Picture,
    Prose,
    Section,
    Series,
    Sheet,
    Table,
)
from gantk.reports.strips import walk_sections
from gantk.resefa.claims import at_middle, held_out
from gantk.resefa.results import (
    CompatDirections,
    DirectionsResult,
    DrawnDirection,
    JacobianResult,
    LeadingDirections,
    Reached,
    RegionDirections,
    RegionResponse,
)
from gantk.runs.claims import counted
from gantk.runs.structure import Image
from gantk.runs.walk import Walk

ABOUT = {
    "resefa": "this run's directions",
    "lowrankgan": "LowRankGAN: robust PCA and projection, from the same Jacobian",
    "sefa": "the first directions of SeFa on the same rows",
    "ganspace": "the first principal components (GANSpace)",
    "sefa chosen": "of all of SeFa's directions, those with the best quotient for this region",
    "ganspace chosen": "of all principal components, those with the best quotient for this region",
    "random": "random directions",
}


# --- gantk resefa jacobian -------------------------------------------------------------------------------------------


def jacobian_page(result: JacobianResult) -> Page:
    shown: list[RegionResponse | LeadingDirections] = [*result.responses, *result.leading]
    pictures: list[Section] = []
    for region in shown:
        if region.pictures:
            caption = f"The region outlined: {region.text}, {show_number(100 * region.share, 1)} % of the pixels."
            alt = f"with the region {region.name} outlined"
            pictures.append(Sheet(_samples(region.pictures, alt), f"Region {region.name} in the samples", caption, 160))
    sections: list[Section] = [*answer(result, pictures[:1], _response(result)), *pictures[1:]]
    if result.responses:
        sections.append(_regions_table(result.responses))
        sections += _spectra(result.responses)
    for found in result.leading:
        sections.append(Prose("Found from products with the Jacobian alone.", f"Leading directions of {found.name}"))
        sections.append(_directions_table(found.eigenvalues, found.quotients, found.scales, (), ()))
    if result.leading:
        files = [Link(f"{each.name}.safetensors", f"{each.name}.safetensors") for each in result.leading]
        sections.append(Links(files, "Files", "For `gantk manipulate` and `gantk rescore`."))
    subtitle = (
        f"What changes inside a region, and what outside it? What moving each of {show_number(result.facts.dim, 0)} "
        "coordinates changes inside every region and outside it, to first order, added up over "
        f"{counted(result.facts.samples, 'sample')}. The coordinates are those of {result.facts.space} on "
        f"{show_rows(result.facts.rows)} of wp."
    )
    return Page("Regions and their Jacobian", subtitle, sections)


def _samples(images: tuple[Image, ...], alt: str) -> list[Picture]:
    return [Picture(image.source, f"Sample {i} {alt}", f"sample {i}") for i, image in enumerate(images)]


def _response(result: JacobianResult) -> list[tuple[object, str, str]]:
    note = f"root mean square per pixel of a random unit step, {counted(result.facts.samples, 'sample')}"
    return [(each.inside, f"change inside {each.name}", f"outside {show_number(each.outside)}; {note}")
            for each in result.responses[:4]]  # fmt: skip


def _regions_table(regions: tuple[RegionResponse, ...]) -> Table:
    columns = [
        Column("region"),
        Column("pixels, %", "Share of the image, over all samples", 1),
        Column(
            "change inside",
            "Root mean square change per pixel along a random unit step, images in [-1, 1]",
            4,
            "inside",
        ),
        Column("change outside", "The same outside the region", 4, "outside"),
        Column("rank inside", "How many independent directions change the region at all", 0, "rank"),
        Column("condition outside", "Largest over smallest eigenvalue of the background's Gram matrix", 0, "condition"),
    ]
    rows: list[list[CellValue]] = []
    for region in regions:
        condition = region.condition
        shown = Cell(condition, show_rounded(condition)) if condition is not None else Cell(float("inf"), "singular")
        rows.append([region.name, 100 * region.share, region.inside, region.outside, region.rank, shown])
    caption = (
        "A background whose Gram matrix is nearly singular has directions that change nothing anywhere; the ridge "
        "`--tau` keeps them from winning."
    )
    return Table(columns, rows, "Change of each region by a unit step", caption)


def _spectra(regions: tuple[RegionResponse, ...]) -> list[Section]:
    found: list[Section] = []
    for side in ("inside", "outside"):
        series = []
        for region in regions[:8]:
            values = region.spectrum_inside if side == "inside" else region.spectrum_outside
            series.append(Series(region.name, np.arange(1, len(values) + 1), values))
        caption = f"Root mean square change {side} the region along each principal direction, strongest first."
        found.append(
            LinePlot(
                series,
                f"Change {side} by principal direction",
                caption,
                "principal direction",
                "change of a pixel in [-1, 1] by a unit step",
            )
        )
    return found


# --- gantk resefa directions -----------------------------------------------------------------------------------------


def directions_page(result: DirectionsResult) -> Page:
    first = next((_walk(region, region.drawn[0]) for region in result.regions if region.drawn), None)
    sections: list[Section] = answer(result, film(first) if first is not None else [], _locality(result))
    for region in result.regions:
        sections += _region(region, result.levels)
    if result.compat:
        sections.append(_compat_table(result.compat))
    if any(region.scores for region in result.regions):
        sections.append(Prose(_method(), "How this is measured"))
    if result.regions:
        files = [Link(f"{each.name}.safetensors", f"{each.name}.safetensors") for each in result.regions]
        sections.append(
            Links(files, "Files", "For `gantk manipulate` and `gantk rescore`; `--pick` chooses among them.")
        )
    names = ", ".join(region.name for region in result.regions) or "each sample's regions"
    subtitle = f"Which directions change one region and little else? Regions: {names}."
    return Page("Directions of a region", subtitle, sections)


def _locality(result: DirectionsResult) -> list[tuple[object, str, str]]:
    """ROIR of each region beside that of random directions."""
    items: list[tuple[object, str, str]] = []
    for region in result.regions[:4]:
        at = at_middle(region, result.middle)
        if "resefa" not in at:
            continue
        count = next(s.reached for s in region.scores if s.level == result.middle and s.method == "resefa")
        chance = f"; random directions {show_number(at['random'], 2)}" if "random" in at else ""
        codes = "" if held_out(region) is None else f" on {counted(held_out(region) or 0, 'held-out sample')}"
        note = f"change outside over inside, 0 is perfectly local; mean of {counted(count, 'direction')}{codes}{chance}"
        items.append((show_number(at["resefa"], 2), f"ROIR of {region.name}", note))
    return items


def _method() -> str:
    return (
        "Every direction is walked to both sides on codes that no direction was found on. At each step the squared "
        "change of the pixels inside the region and outside it is summed over the samples, and methods are compared "
        "where they change the **inside equally much** (root mean square, on [0, 1]). **ROIR** is the norm of the "
        "change outside over the norm of the change inside, over all pixels: 0 is perfectly local, smaller is better. "
        "The region is that of the unmoved image; a margin around it counts on neither side."
    )


def _region(region: RegionDirections, levels: tuple[float, ...]) -> list[Section]:
    rows = region.direction.layers
    where = f"{show_rows(rows)} of wp" if rows else "every row of wp"
    what = f" ({region.text})" if region.text and region.text != region.name else ""
    about = f"Its directions are of {region.direction.space} and move {where}."
    sections: list[Section] = []
    if region.overlays:
        pictures = [
            Picture(image.source, f"Held-out {title} with {region.name} outlined", title)
            for image, title in zip(region.overlays, _titles(region), strict=False)
        ]
        share = "" if region.share is None else f" It covers {100 * region.share:.1f} % of all held-out images."
        caption = f"The region{what} in the held-out samples that are shown below.{share} {about}"
        sections.append(Sheet(pictures, f"Region {region.name}", caption, 160))
    else:
        sections.append(Prose(f"The region is {region.name}{what}. {about}", f"Region {region.name}"))
    if region.scores:
        sections.append(_scores_table(region, levels))
    condition = "singular" if region.condition is None else show_rounded(region.condition)
    note = (
        f"The condition of the background is {condition}; the largest cosine between two of the directions shown is "
        f"{region.alike:.2f}."
    )
    measured = levels if region.reached else ()
    sections.append(
        _directions_table(region.eigenvalues, region.quotients, region.scales, measured, region.reached, note)
    )
    for drawn in region.drawn:
        sections += _sliders(region, drawn)
    return sections


def _scores_table(region: RegionDirections, levels: tuple[float, ...]) -> Table:
    methods = list(dict.fromkeys(score.method for score in region.scores))
    columns = [Column("method")]
    for level in levels:
        columns.append(Column(f"ROIR at {level:g}", "Norm of the change outside over inside; smaller is more local", 2))
    for level in levels:
        help_text = f"Mean squared change per pixel, in thousandths; inside it is {1000 * level**2:g} for every method"
        columns.append(Column(f"outside at {level:g}", help_text, 3))
    middle, last = levels[len(levels) // 2], levels[-1]
    columns.append(Column("best", f"Smallest ROIR of one direction, at {middle:g}", 2))
    columns.append(Column("reached", f"Directions that change the inside by {last:g} within the codes' reach"))
    worst = max((score.roir for score in region.scores if score.roir is not None), default=1.0)
    rows: list[list[CellValue]] = []
    for method in methods:
        at = {score.level: score for score in region.scores if score.method == method}
        row: list[CellValue] = [Cell(method, note=ABOUT.get(method, ""))]
        for level in levels:
            roir = at[level].roir
            row.append(
                Cell(None, "not reached") if roir is None else Cell(roir, bar=roir / worst if worst > 0 else 0.0)
            )
        for level in levels:
            outside = at[level].outside
            row.append(Cell(None, "not reached") if outside is None else 1000 * outside)
        best = at[middle].best
        row += [Cell(None, "not reached") if best is None else best, f"{at[last].reached} of {at[last].count}"]
        rows.append(row)
    squares = ", ".join(f"{1000 * level**2:g}" for level in levels)
    caption = (
        f"Methods at the same change inside: root mean square {', '.join(f'{level:g}' for level in levels)} on [0, 1], "
        f"that is a mean squared change of {squares} thousandths. The figures are geometric means over each "
        "method's first directions, on held-out codes."
    )
    return Table(columns, rows, caption=caption)


def _directions_table(
    eigenvalues: np.ndarray,
    quotients: np.ndarray,
    scales: np.ndarray,
    levels: tuple[float, ...],
    reached: tuple[tuple[Reached, ...], ...],
    note: str = "",
) -> Table:
    columns = [
        Column("direction", digits=0),
        Column("eigenvalue", "Of the regularised problem", 3),
        Column("quotient", "Mean squared change inside over outside, first order, on the codes it was found on", 2),
        Column("scale", "Distance at which the inside changes by 0.1 to first order", 2),
    ]
    for level in levels:
        columns.append(Column(f"distance at {level:g}", "Distances at which the inside really changes that much", 2))
        columns.append(Column(f"ROIR at {level:g}", digits=2))
    rows: list[list[CellValue]] = []
    for number in range(min(len(eigenvalues), 12)):
        line: list[CellValue] = [number, *(float(values[number]) for values in (eigenvalues, quotients, scales))]
        if levels:
            found = reached[number] if number < len(reached) else ()
            for place in range(len(levels)):
                at = found[place] if found else None
                missing = Cell(None, "\u00a0" if at is None else "not reached")
                line += [
                    missing if at is None or value is None else value
                    for value in ((None, None) if at is None else (at.distance, at.roir))
                ]
        rows.append(line)
    count = len(eigenvalues)
    which = f"The first {len(rows)} of {count} directions." if count > len(rows) else f"{counted(count, 'direction')}."
    walked = len(reached)
    if levels and walked < len(rows):
        first = "the first one" if walked == 1 else f"the first {walked}"
        which += f" Distances and ROIR are of {first}: `--shown` says of how many."
    return Table(columns, rows, caption=f"{which} {note}".strip())


def _titles(region: RegionDirections) -> list[str]:
    """What the samples are called."""
    strips = region.drawn[0].strips if region.drawn else ()
    return [strip.label for strip in strips] or [f"sample {place}" for place in range(len(region.overlays))]


def _sliders(region: RegionDirections, drawn: DrawnDirection) -> list[Section]:
    title = f"{region.name}, direction {drawn.number}"
    heats = [
        Picture(image.source, f"Where {title} changes {sample}", sample)
        for image, sample in zip(drawn.heat, _titles(region), strict=False)
    ]
    caption = (
        f"Where direction {drawn.number} changes each of them at the ends of its slider: black nowhere, white by "
        f"{show_number(drawn.limit, 2)} or more (root mean square over colours, on [0, 1])."
    )
    return [*walk_sections(_walk(region, drawn)), Sheet(heats, caption=caption, size=128)]


def _walk(region: RegionDirections, drawn: DrawnDirection) -> Walk:
    direction = region.direction
    return Walk(
        name=region.name,
        number=drawn.number,
        space=direction.space,
        rows=direction.layers,
        strips=drawn.strips,
        unit=drawn.unit,
        spread=drawn.spread,
        note="The samples are held-out ones; 0 is the sample as it was drawn.",
    )


def _compat_table(entries: tuple[CompatDirections, ...]) -> Table:
    columns = [Column("file"), Column("region"), Column("sample", digits=0), Column("largest eigenvalues")]
    rows: list[list[CellValue]] = []
    for entry in entries:
        shown = ", ".join(show_number(float(value), 2) for value in entry.eigenvalues[:5])
        rows.append([Cell(entry.file, href=entry.file), entry.name, entry.sample, shown])
    return Table(
        columns, rows, "As the released script finds them", "One file per sample and region, a direction per row."
    )
