"""The page of `gantk atlas`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from gantk.atlas.found import FACTORS, AtlasResult, Charted, Drawn
from gantk.predictors.selectivity import SELECTIVE
from gantk.reports.answer import answer
from gantk.reports.numbers import show_fixed, show_rounded, show_step
from gantk.reports.page import Page
from gantk.reports.sections import (
    Bins,
    Cell,
    CellValue,
    Column,
    Facts,
    HeatMap,
    Histogram,
    Link,
    Links,
    Picture,
    Section,
    Sheet,
    Table,
)
from gantk.reports.strips import walk_sections
from gantk.runs.claims import counted, percent

BEST = 3
LISTED = 60  # groups in matrices: more lines than that nobody reads
LIMIT = 1_500_000  # bytes of the page; beyond it pictures lie beside it and are loaded when they are seen

NAMES = {
    "higan": "HiGAN boundaries",
    "sefa": "SeFa",
    "ganspace": "GANSpace",
    "resefa": "ReSeFa",
    "stylespace": "style channels",
    "navigan": "NaviGAN's weights",
    "encoder": "encoder's styles",
    "given": "given directions",
}


def page(result: AtlasResult) -> Page:
    sections: list[Section] = answer(result, _best(result), _numbers(result))
    sections += [*_choice(result), _table(result)]
    sections += _matrices(result)
    for number, group in enumerate(result.groups):
        if group.walk is not None:
            sections += _group(result, group, number)
    sections += _unrelated(result)
    sections.append(_sources(result))
    sections.append(_files(result))
    subtitle = (
        f"What does this generator know? Every direction was measured on {counted(result.samples, 'sample')} that it "
        "was not found on."
    )
    return Page("Atlas", subtitle, sections, limit=LIMIT)


def _numbers(result: AtlasResult) -> list[tuple[object, str, str]]:
    several = sum(len(group.systems) > 1 for group in result.groups)
    items: list[tuple[object, str, str]] = [
        (len(result.groups), "groups of equal effect", f"of {counted(len(result.charted), 'direction')}"),
        (several, "groups found by several systems", f"of {counted(len(result.systems), 'system')}"),
    ]
    if result.attributes:
        count = f"{len(result.found())} of {len(result.attributes)}"
        items.append((count, "attributes", f"have a direction with a selectivity of {SELECTIVE:g} or more"))
    return items


def _best(result: AtlasResult) -> list[Section]:
    """The clearest directions of different attributes side by side on one sample, by multiples of equal change."""
    chosen: dict[object, Drawn] = {}
    for group in result.groups:
        attribute = result.head(group).attribute
        if group.walk is not None:
            chosen.setdefault(attribute if attribute >= 0 else group.name, group)
    pictures = []
    for group in list(chosen.values())[:BEST]:
        assert group.walk is not None
        strip, short = group.walk.strips[0], group.name.split(" (")[0]
        middle = len(strip.images) // 2 if strip.origin is None else strip.origin
        for place, factor in ((0, -FACTORS), (middle, 0.0), (len(strip.images) - 1, FACTORS)):
            label = f"{short} {show_step(factor)}" if factor else "original"
            alt = f"{strip.label}, {group.name}, at {show_step(factor)} times the change"
            pictures.append(Picture(strip.images[place].source, alt, label))
    if not pictures:
        return []
    caption = (
        f"The clearest directions on one sample, at both ends of their sliders: {FACTORS:g} times the distance at "
        "which the image changes by a tenth of what lies between two samples."
    )
    return [Sheet(pictures, "", caption, 108, 3)]


def _choice(result: AtlasResult) -> list[Section]:
    """The best direction of every attribute, and what to type for it."""
    best = result.found()
    rows: list[list[CellValue]] = []
    for name in result.attributes if best else ():
        group = best.get(name)
        if group is None:
            rows.append([name, *(Cell(None, "none") for _ in range(3))])
            continue
        rows.append(
            [name, result.head(group).selectivity, ", ".join(group.systems), result.command(group, folder="RUN/")]
        )
    columns = [
        Column("attribute"),
        Column("selectivity", "Change of the attribute over the largest other", 2),
        Column("found by"),
        Column("command", "It moves samples along the direction"),
    ]
    caption = (
        f"The most selective direction of each attribute. None: no direction changes it {SELECTIVE:g} times as much as "
        "any other."
    )
    return [Table(columns, rows, "Which direction to use for each attribute", caption)] if rows else []


def _table(result: AtlasResult) -> Table:
    rows: list[list[CellValue]] = []
    for group, title in zip(result.groups, _titles(result), strict=True):
        head = result.head(group)
        rows.append(
            [
                Picture(group.heat.source, f"Where {group.name} changes the image", name=group.file),
                group.heat_most,
                Cell(title, note=group.name, href=result.file(group)),
                ", ".join(group.systems),
                result.attributes[head.attribute] if head.attribute >= 0 and result.is_steady else None,
                head.selectivity if head.attribute >= 0 else None,
                result.regions[head.region] if head.region >= 0 else None,
                head.locality,
                ", ".join(map(str, head.least)) or None,
                head.cosine,
                _range(head),
            ]
        )  # fmt: skip
    columns: Sequence[Column | str] = [
        Column("where", "Change of each pixel: black none, white the `largest change` of the line"),
        Column("largest change", "Of a pixel, root mean square over samples and colours, on [0, 1]", 2),
        Column("name", "Attribute that it changes most and more than chance does, else region; the link is its file"),
        Column("systems", "Those that found it"),
        Column(
            "attribute",
            "The one that changes most, of those that change more than along random directions; –: there is none",
        ),
        Column("selectivity", "Change of the attribute over the largest other; –: there is no attribute", 2),
        Column("region", "Where more of the change lies than the region's share of the image; –: in none"),
        Column("locality", "Change per pixel inside the region over outside; –: there is no region", 2),
        Column(
            "rows",
            "Those of wp that keep nine tenths of the effect; –: it moves weights or was not measured row by row",
        ),
        Column("steadiness", "Cosine between the changes of different samples: 1 is the same everywhere", 2),
        Column(
            "range",
            "Distance up to which samples stay near what the generator draws, or twice the matched one; ≥: or further",
            2,
        ),
    ]
    caption = (
        "One line for each group of directions that do the same; the lists above choose lines. "
        "All figures at the "
        f"distance where the image changes by a tenth of what lies between two samples. {_reach(result)}"
    )
    return Table(columns, rows, "All groups of directions", caption, filters=("systems", "attribute", "region", "rows"))


def _titles(result: AtlasResult) -> list[str]:
    """Number and attribute or region of every group: what tables have room for."""
    return [f"{number}. {group.name.split(' (')[0]}" for number, group in enumerate(result.groups, 1)]


def _reach(result: AtlasResult) -> str:
    """How far edits may go, and by whose features."""
    if not result.reader:
        return (
            "How far edits may go was not measured, as nothing here has features of images: ranges are twice that "
            "distance. With `pip install 'gantk[features]'` it is measured."
        )
    return (
        "The range is where fewer than nine tenths as many moved samples as unmoved ones are near what the generator "
        f"draws, by the features of the predictor {result.reader}, as `gantk manipulate --realism` has it; "
        f"it is rough, being counted on {2 * result.samples} moved samples."
    )


def _range(head: Charted) -> CellValue:
    if head.limit is None:
        return Cell(
            2 * head.strength,
            f"± {show_rounded(2 * head.strength)}",
            "twice the matched distance; no range was measured",
        )
    return Cell(head.limit, f"{'±' if head.reached else '≥'} {show_rounded(head.limit)}")


def _matrices(result: AtlasResult) -> list[Section]:
    names = _titles(result)[:LISTED]
    clearest = "" if len(result.groups) <= LISTED else f" The {LISTED} clearest groups; all are in `atlas.json`."
    sections: list[Section] = []
    if result.attributes:
        floors = ", ".join(f"{name} {floor:.2f}" for name, floor in zip(result.attributes, result.floor_A, strict=True))
        caption = (
            "Change of each attribute in standard deviations, at the matched distance. Grey: no more than what 95 % of "
            f"random directions stay below ({floors}).{clearest}"
        )
        values = result.matrix("attributes")[:LISTED]
        sections.append(
            HeatMap(
                values, names, result.attributes, "Change of every attribute by group", caption, "group", "attribute",
                "diverging", quantity="standard deviations", grey=np.abs(values) < np.asarray(result.floor_A),
            )
        )  # fmt: skip
    if result.regions:
        caption = (
            f"Share of the squared change in each region; {result.seer} tells regions apart. The first line has their "
            f"areas.{clearest}"
        )
        values = np.concatenate([np.asarray(result.area_R)[None], result.matrix("regions")[:LISTED]])
        sections.append(
            HeatMap(
                values, ["area of the region", *names], result.regions, "Share of the change in every region by group",
                caption, "group", "region", quantity="share",
            )
        )  # fmt: skip
    if len(result.systems) > 1:
        caption = (
            "How much of what a row's system does lies in what a column's can do: mean squared cosine of the principal "
            "angles between the spans of their effects."
        )
        sections.append(
            HeatMap(
                np.asarray(result.overlap_YY), result.systems, result.systems, "Overlap of the systems", caption,
                "system", "system", limit=1.0, quantity="mean squared cosine",
            )
        )  # fmt: skip
    return sections


def _group(result: AtlasResult, group: Drawn, number: int) -> list[Section]:
    assert group.walk is not None
    head = result.head(group)
    walk = dataclasses.replace(group.walk, name=f"{number + 1}. {group.name}")
    sections: list[Section] = [*walk_sections(walk), Facts(_card(result, group, head))]
    if group.beside:
        pictures = [
            Picture(image.source, f"The first sample moved along {name}", name)
            for image, name in zip(group.beside, (_known(result.charted[m]) for m in group.members[1:]), strict=False)
        ]
        caption = f"Others of {group.name}: the first sample, changed as much as at the right end of the slider."
        sections.append(Sheet(pictures, "", caption))
    return sections


def _known(part: Charted) -> str:
    """The name of a direction, which says what system found it."""
    return part.name if part.name.startswith(part.system) else f"{part.system} {part.name}"


def _card(result: AtlasResult, group: Drawn, head: Charted) -> list[tuple[str, object]]:
    file = result.file(group)
    members = ", ".join(_known(result.charted[m]) for m in group.members)
    card: list[tuple[str, object]] = [("found as", members)]
    if len(group.members) > 1:
        card.append(
            (
                "similarity",
                f"{group.similarity:.2f}; unrelated directions are as similar in {percent(group.chance)} of cases",
            )
        )
    if head.attribute >= 0:
        change, error = abs(head.change_A[head.attribute]), head.error_A[head.attribute]
        twice = abs(head.twice_A[head.attribute])
        name = result.attributes[head.attribute]
        card.append(
            (
                "attribute",
                f"{name}, by {change:.2f} ± {error:.2f} standard deviations, at twice the distance by {twice:.2f}",
            )
        )
    if head.locality is not None:
        share, area = head.share_R[head.region], result.area_R[head.region]
        card.append(
            (
                "region",
                f"{result.regions[head.region]}, {percent(share)} of the change on {percent(area)} of the image",
            )
        )
    equal = "changes the image by a tenth of what lies between two samples"
    if not head.matched:
        equal = "is, of those tried, the closest to that change"
    card.append(("distance", f"{show_rounded(head.strength, 3)} in {head.space} {equal}"))
    card += [
        ("steadiness", f"{show_fixed(head.cosine, 2)}: cosine between the changes of different samples"),
        (
            "curvature",
            f"{show_fixed(head.curvature, 2)}: 0 where the second half of the way changes what the first does",
        ),
        ("symmetry", f"{show_fixed(head.symmetry, 2)}: 1 where the changes to both sides are opposite"),
    ]
    card.append(("command", result.command(group, folder="RUN/")))
    if head.space == "weights":
        card.append(("Python", f'gantk.navigan.load_weights("RUN/{file}").render(generator, codes)'))
    else:
        card.append(("Python", f'gantk.load_direction("RUN/{file}", generator)'))
    return card


def _sources(result: AtlasResult) -> Table:
    absent = any(part.note for part in result.sources)
    rows: list[list[CellValue]] = [
        [NAMES.get(part.system, part.system), part.directions, part.passes, *([part.note] if absent else [])]
        for part in result.sources
    ]
    caption = "Each is a run of its own in `sources/`, with its own page."
    columns: list[Column | str] = [
        "system",
        "directions",
        Column("passes", "Of the generator, to find them", 0),
        *(["why there are none"] if absent else []),
    ]
    return Table(columns, rows, "Directions of each system", caption)


def _unrelated(result: AtlasResult) -> list[Section]:
    """How similar directions are, how similar unrelated ones would be, and where the line between them is."""
    unrelated = result.unrelated
    if not unrelated.permutations:
        return []
    caption = (
        f"Similarity of any two directions, and of two that have nothing to do with each other "
        f"({unrelated.permutations} permutations: {unrelated.mean:.2f} in the mean, 95 of 100 pairs below "
        f"{unrelated.line95:.2f}, 99 below {unrelated.line99:.2f}). The nearest other of an unrelated direction stays "
        f"below {unrelated.nearest:.2f} in 95 of 100 cases."
    )
    series = [Bins("found", unrelated.found, unrelated.edges), Bins("unrelated", unrelated.permuted, unrelated.edges)]
    rule = (result.cut, f"joined from {result.cut:.2f} on")
    return [Histogram(series, "Which directions are the same", caption, "similarity", rule, "share of the pairs")]


def _files(result: AtlasResult) -> Links:
    text = (
        "`atlas.json` is the table above; `directions/` holds one file for each group, its card inside, and `weights/` "
        "those that move the network."
    )
    return Links([Link("atlas.json", "atlas.json")], "Files", text)
