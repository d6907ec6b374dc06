"""ReSeFa's part of the tour: directions that change the house and little else, beside those of other methods."""

from __future__ import annotations

from collections.abc import Mapping

from gantk.resefa.claims import GLOBAL
from gantk.resefa.results import DirectionsResult, JacobianResult
from gantk.runs.claims import percent
from gantk.tour.results import Chapter
from gantk.tour.tour import Step, Tour

FOLDER, REGION = "region", "house"
LEVEL = 0.05
SIZE = ("4", "6")  # samples and held-out ones of a tour that is not full


def region(tour: Tour) -> Chapter:
    """One region, its directions, and how much of what they change lies outside it."""
    samples, held_out = ("32", "32") if tour.full else SIZE
    rows = rows_of(tour)
    folder = str(tour.folder(FOLDER))
    words = ["resefa", "jacobian", tour.model, "--region", REGION, "--space", "w", "--rows", rows]
    words += ["--num", samples, "--seed", str(tour.seed), "--preview", "3", "-o", folder]
    tour.call(words)
    words = ["resefa", "directions", folder, "--held-out", held_out, "--shown", "2", "--samples", "2", "--step", "5"]
    tour.call([*words, "--against", "sefa,ganspace,random"])
    found = tour.result(FOLDER, DirectionsResult)[REGION]
    scores = {score.method: score.roir for score in found.scores if score.level == LEVEL}
    own = scores["resefa"]
    rest = {name: roir for name, roir in scores.items() if name != "resefa" and roir is not None}
    kept = ""
    if own is not None and rest:
        best = min(rest, key=lambda name: rest[name])
        tour.finds(
            f"Directions found for the {REGION} alone keep {share(own)} of their change inside it; the best of "
            f"{', '.join(rest)} keeps {share(rest[best])} ({best}).{beside_random(scores)}"
        )
        kept = f" {share(own)} of their change stays inside, {share(rest[best])} of that of {best}."
    return Chapter(
        title="Directions of one region",
        text=f"From the image's derivative at {samples} samples, the directions that change the {REGION} most "
        f"for what they change elsewhere, on rows {rows} of wp, measured on {held_out} other samples.{kept}",
        picture=tour.image(FOLDER, tour.result(FOLDER, JacobianResult).responses[0].pictures[0]),
        alt=f"A sample with its {REGION} outlined",
        page=f"{FOLDER}/resefa-directions.html",
    )


def beside_random(scores: Mapping[str, float | None]) -> str:
    """Why random directions are more local than those of SeFa and GANSpace, where they are."""
    chance = scores.get("random")
    behind = [
        name for name in GLOBAL if (value := scores.get(name)) is not None and chance is not None and chance < value
    ]
    if not behind:
        return ""
    return (
        f" Random directions keep more inside than {' and '.join(behind)}, which look for what changes the whole image "
        "most and are not given a region."
    )


def rows_of(tour: Tour) -> str:
    """Where a generator keeps what things look like: the finer half of its rows; the oracle says it exactly."""
    last = tour.generator.spec.num_layers - 1
    first = last if tour.model == "demo-oracle" else (last + 1) // 2
    return f"{first}-{last}" if first < last else f"{last}"


def share(roir: float) -> str:
    """How much of the squared change stays inside, by the ROIR."""
    return percent(1 / (1 + roir**2))


STEPS = (Step("directions of a region", region),)
