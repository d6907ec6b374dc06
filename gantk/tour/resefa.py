"""ReSeFa's part of the tour: directions that change the house and little else, beside those of other methods."""

from __future__ import annotations

import math

from gantk.resefa.results import DirectionsResult, JacobianResult
from gantk.tour.tour import Chapter, Step, Tour

FOLDER, REGION = "region", "house"
LEVEL = 0.05


def region(tour: Tour) -> Chapter:
    """One region, its directions, and how much of what they change lies outside it."""
    samples, held_out = ("32", "32") if tour.full else ("4", "6")
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
    lines = [[name, roir, share(roir)] for name, roir in scores.items()]
    if own is not None and rest:
        best = min(rest, key=lambda name: rest[name])
        tour.found.setdefault("findings", []).append(
            f"Directions found for the {REGION} alone keep {share(own)} of their change inside it; the best of "
            f"{', '.join(rest)} keeps {share(rest[best])} ({best})."
        )
    return {
        "title": "Directions of one region",
        "text": f"From the image's derivative at {samples} samples, the directions that change the **{REGION}** most "
        f"for what they change elsewhere, moved on rows {rows} of wp. The classes say where the {REGION} is. Measured "
        f"on {held_out} samples that were not used.",
        "table": {
            "columns": ["method", "ROIR", "stays inside"],
            "rows": lines,
            "caption": "ROIR: the norm of the change outside the region over that inside, where the inside changes by "
            f"{LEVEL} (root mean square, on [0, 1]); smaller is more local.",
        },
        "images": [
            tour.relative(FOLDER, image.name) for image in tour.result(FOLDER, JacobianResult).responses[0].pictures
        ],
        "alt": f"A sample and its {REGION}",
        "caption": f"The {REGION} in three of the samples.",
        "page": tour.relative(FOLDER, "resefa-directions.html"),
        "link": "The directions, with sliders and what they change",
    }


def rows_of(tour: Tour) -> str:
    """Where a generator keeps what things look like: the finer half of its rows; the oracle says it exactly."""
    last = tour.generator.spec.num_layers - 1
    first = last if tour.model == "demo-oracle" else (last + 1) // 2
    return f"{first}-{last}" if first < last else f"{last}"


def share(roir: float | None) -> str:
    """How much of the squared change stays inside."""
    return "–" if roir is None or not math.isfinite(roir) else f"{100 / (1 + roir**2):.0f} %"


STEPS = (Step("directions of a region", region),)
