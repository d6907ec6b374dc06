"""The atlas's part of the tour, which is its first screen: what the generator knows, beside the truth."""

from __future__ import annotations

from gantk.atlas.found import AtlasResult
from gantk.predictors.selectivity import SELECTIVE
from gantk.tour.tour import Chapter, Headline, Step, Table, Tour
from gantk.world.renderer import FACTOR_NAMES

ATLAS = "atlas"
SHOWN = 6
SYSTEMS = "higan,sefa,ganspace,resefa,navigan"  # those of the tour; `gantk atlas` takes all
SIZE = ("--quick", "-N", "200", "--measured", "6", "--random", "6", "--shown", str(SHOWN))  # of a tour that is not full


def atlas(tour: Tour) -> Chapter:
    """Chart the generator; its figures come first on the tour's page."""
    size = () if tour.full else ("--systems", SYSTEMS, *SIZE)
    tour.call([
        "atlas", tour.model, *size, *tour.judged(), "--seed", str(tour.seed), "--batch-size", "16",
        "-o", str(tour.folder(ATLAS)),
    ])  # fmt: skip
    result = tour.result(ATLAS, AtlasResult)
    page = tour.found.setdefault("page", {})
    best = result.found()
    rows = [[name, *(_row(result, name) if name in best else [None] * 5)] for name in result.attributes]
    table: Table = {
        "columns": ["factor", "direction", "found by", "selectivity", "region", "distance"],
        "rows": rows,
        "caption": "One line for each factor: the direction that changes it most selectively. Selectivity: "
        "its change over the largest other one's. Region: where the image changes beyond the region's share. Distance: "
        "at which the image changes by a tenth of what lies between two samples. An empty line: no direction changes "
        f"the factor at least {SELECTIVE:g} times as much as any other.",
    }
    page["first"] = {"headline": headline(result), "text": text(result), "table": table}
    return {
        "title": "The atlas",
        "text": "Every direction that the systems find, measured alike and joined where they do the same.",
        "page": tour.relative(ATLAS, "atlas.html"),
    }


def _row(result: AtlasResult, name: str) -> list[object]:
    group = result.found()[name]
    head = result.head(group)
    region = result.regions[head.region] if head.region >= 0 else None
    return [result.charted[group.members[0]].name, ", ".join(group.systems), head.selectivity, region, head.strength]


def headline(result: AtlasResult) -> list[Headline]:
    """Figures of the first screen, each with what it means."""
    known = [name for name in result.attributes if name in FACTOR_NAMES]
    both = sum(len(group.systems) > 1 for group in result.groups)
    return [
        {
            "value": f"{len(result.found())} of {len(known)}",
            "name": "factors have a direction",
            "note": f"that changes them {SELECTIVE:g} times as much as any other factor",
        },
        {
            "value": len(result.groups),
            "name": "different things",
            "note": f"that {len(result.charted)} directions do, once those that do the same are joined",
        },
        {"value": len(result.systems), "name": "systems", "note": "that found a direction, each by a way of its own"},
        {"value": both, "name": "things found twice", "note": "or more often, by systems that do not know each other"},
    ]


def text(result: AtlasResult) -> str:
    """What the figures are held against."""
    missing = [name for name in result.attributes if name not in result.found()]
    if not missing:
        return "The world has these factors and no others: every one of them has its direction."
    return f"The world has {len(result.attributes)} factors. Without a direction of its own: {', '.join(missing)}."


STEPS = (Step("what it knows", atlas),)
