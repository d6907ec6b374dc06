"""The atlas's part of the tour, which is its first screen: what the generator knows, beside the truth."""

from __future__ import annotations

from dataclasses import replace

from gantk.atlas.found import AtlasResult
from gantk.predictors.selectivity import SELECTIVE
from gantk.runs.claims import counted, listed
from gantk.tour.results import Chapter, Charted, Figure, FoundTable, Heading, Value
from gantk.tour.tour import Step, Tour
from gantk.world.renderer import FACTOR_NAMES

ATLAS = "atlas"
SHOWN = 6
SYSTEMS = "higan,sefa,ganspace,resefa,navigan"  # those of the tour; `gantk atlas` takes all
SIZE = ("--quick", "-N", "200", "--held-out", "6", "--random", "6", "--shown", str(SHOWN))  # of a tour that is not full


def atlas(tour: Tour) -> Chapter:
    """Chart the generator; its figures come first on the tour's page."""
    size = () if tour.full else ("--systems", SYSTEMS, *SIZE)
    tour.call([
        "atlas", tour.model, *size, *tour.judged(), "--seed", str(tour.seed), "--batch-size", "16",
        "-o", str(tour.folder(ATLAS)),
    ])  # fmt: skip
    result = tour.result(ATLAS, AtlasResult)
    table = FoundTable(
        headings=(
            Heading(name="factor"), Heading(name="command"), Heading(name="selectivity", digits=2),
            Heading(name="found by"),
        ),
        rows=tuple(_row(tour, result, name) for name in result.attributes),
        caption="The most selective direction of each factor: the command moves samples "
        "along it. Selectivity is the factor's change over the largest other one's. Where none stands, no direction "
        f"changes the factor at least {SELECTIVE:g} times as much as any other.",
    )  # fmt: skip
    charted = Charted(figures=figures(result), text=text(tour.model, result), table=table)
    tour.told = replace(tour.told, charted=charted)
    return Chapter(
        title="The atlas",
        text="Every direction that the systems find, measured alike and joined where they do the same.",
        page=f"{ATLAS}/atlas.html",
    )


def _row(tour: Tour, result: AtlasResult, name: str) -> tuple[Value, ...]:
    group = result.found().get(name)
    if group is None:
        return (name, None, None, None)
    command = result.command(group, tour.model, f"RUN/{ATLAS}/")
    return (name, command, result.head(group).selectivity, ", ".join(group.systems))


def figures(result: AtlasResult) -> tuple[Figure, ...]:
    """Numbers of the atlas, each with what it means."""
    both = sum(len(group.systems) > 1 for group in result.groups)
    return (
        Figure(value=len(result.charted), name="directions", note=f"of {counted(len(result.systems), 'system')}"),
        Figure(value=len(result.groups), name="groups of equal effect", note="directions that change the same"),
        Figure(value=both, name="groups of several systems", note="found by more than one system"),
    )


def text(model: str, result: AtlasResult) -> str:
    """What was found, against the factors that the world has."""
    known = [name for name in result.attributes if name in FACTOR_NAMES]
    found = [name for name in known if name in result.found()]
    missing = [f"`{name}`" for name in known if name not in found]
    without = f"; none was found for {listed(missing, len(missing))}" if missing else ""
    return (
        f"`{model}` draws houses in landscapes that differ in {counted(len(known), 'factor')}. For **{len(found)} of "
        f"{len(known)}** a direction was found that changes the factor at least {SELECTIVE:g} times as much as any "
        f"other{without}."
    )


STEPS = (Step("what it knows", atlas),)
