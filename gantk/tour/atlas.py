"""The atlas's part of the tour, which is its first screen: what the generator knows, beside the truth."""

from __future__ import annotations

from gantk.atlas.found import AtlasResult
from gantk.predictors.selectivity import SELECTIVE
from gantk.runs.claims import counted
from gantk.tour.tour import Chapter, Headline, Step, Table, Tour
from gantk.world.renderer import FACTOR_NAMES

ATLAS = "atlas"
SHOWN = 6
SYSTEMS = "higan,sefa,ganspace,resefa,navigan"  # those of the tour; `gantk atlas` takes all


def atlas(tour: Tour) -> Chapter:
    """Chart the generator; its figures come first on the tour's page."""
    size = (
        []
        if tour.full
        else ["--systems", SYSTEMS, "--quick", "-N", "200", "--measured", "6", "--random", "6", "--shown", str(SHOWN)]
    )
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
        "at which the image changes by a tenth of what lies between two samples. Without a direction: none changes "
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
    """Numbers of the atlas, each with what it means."""
    both = sum(len(group.systems) > 1 for group in result.groups)
    return [
        {"value": len(result.charted), "name": "directions", "note": f"of {counted(len(result.systems), 'system')}"},
        {"value": len(result.groups), "name": "groups of equal effect", "note": "directions that change the same"},
        {"value": both, "name": "groups of several systems", "note": "found by more than one system"},
    ]


def text(result: AtlasResult) -> str:
    """What was found, against the factors that the world has."""
    known = [name for name in result.attributes if name in FACTOR_NAMES]
    found = [name for name in known if name in result.found()]
    missing = [f"`{name}`" for name in known if name not in found]
    without = f" Without one: {', '.join(missing)}." if missing else ""
    return (
        f"**{len(found)} of {len(known)}** factors of the world have a direction that changes them at least "
        f"{SELECTIVE:g} times as much as any other factor.{without}"
    )


STEPS = (Step("what it knows", atlas),)
