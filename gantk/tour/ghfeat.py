"""GH-Feat's part of the tour: real images as codes, edited, and what can be read from each level of the codes."""

from __future__ import annotations

import numpy as np

from gantk.checkpoints.names import ALIASES
from gantk.ghfeat.claims import reach_of
from gantk.ghfeat.files import shipped_encoders
from gantk.ghfeat.picture_results import EditResult
from gantk.ghfeat.probe_results import EvaluateResult
from gantk.ghfeat.results import ExtractResult
from gantk.runs.structure import images_of
from gantk.tour.results import Chapter
from gantk.tour.tour import Step, Tour
from gantk.world.renderer import FACTORS

CODES, EDIT, REGION, LEVELS = "encoded", "encoded-edit", "encoded-region", "encoded-levels"
IMAGES = tuple(f"render:77/{index}" for index in range(6))  # scenes that no training has seen
FACTOR = "season"
BOX, ROWS = "0.4,0.28,0.86,0.72", "4-5"


def has_encoder(tour: Tour) -> bool:
    """Whether an encoder ships for the tour's generator: demo-oracle has none, since its codes are known."""
    return ALIASES.get(tour.model, tour.model) in shipped_encoders()


def encoded(tour: Tour) -> Chapter:
    """Images the generator never made, as codes, and made again; one direction of the tour moves them."""
    title = "Real images as codes"
    if not has_encoder(tour):
        return _none(tour, title)
    tour.call(["ghfeat", "extract", tour.model, *IMAGES, "-o", str(tour.folder(CODES))])
    codes = tour.result(CODES, ExtractResult)
    mse = float(np.mean([row["mse"] for row in codes.table()]))
    words = ["ghfeat", "edit", tour.model, *IMAGES[:4], "--direction", FACTOR, "--step", "7"]
    tour.call([*words, "-o", str(tour.folder(EDIT))])
    words = ["ghfeat", "edit", tour.model, *IMAGES[:3], "--reference", IMAGES[5], "--box", BOX, "--rows", ROWS]
    tour.call([*words, "-o", str(tour.folder(REGION))])
    region = tour.result(REGION, EditResult).exchanged
    assert region is not None
    return Chapter(
        title=title,
        text=(
            f"{len(IMAGES)} renders, which the generator did not make, were encoded into its styles and made again "
            f"with a mean squared error of {mse:.4f}. The boundary of {FACTOR} moves them, and a region of one is put "
            f"into the others: inside it pixels change by {region.inside:.3f} on average, outside it by "
            f"{region.outside:.3f}. {reach_of(region)}"
        ),
        picture=tour.image(CODES, next(images_of(codes.pairs))),
        alt="Original, then reconstruction",
        page=f"{CODES}/ghfeat-extract.html",
    )


def levels(tour: Tour) -> Chapter:
    """Which factor can be read from which level of the codes."""
    title = "What can be read from each level of the codes"
    if not has_encoder(tour):
        return _none(tour, title)
    count = 600 if tour.full else 140
    words = [
        "ghfeat",
        "evaluate",
        tour.model,
        "--num",
        str(count),
        *([] if tour.full else ["--no-baselines", "--no-level-classes"]),
    ]
    tour.call([*words, *tour.judged(), "-o", str(tour.folder(LEVELS))])
    probes = tour.result(LEVELS, EvaluateResult).probes
    assert probes.regression is not None
    features, values = probes.features, np.maximum(probes.regression.values, 0)
    everything = next(i for i, entry in enumerate(features) if entry.kind == "all")
    ranked = sorted((float(values[everything, index]), factor.name) for index, factor in enumerate(FACTORS))
    return Chapter(
        title=title,
        text=(
            f"A linear model reads the exact factors of {count} renders from the codes, cross-validated. From "
            f"all levels together `{ranked[-1][1]}` is read best (R2 {ranked[-1][0]:.2f}) and `{ranked[0][1]}` worst "
            f"({ranked[0][0]:.2f})."
        ),
        page=f"{LEVELS}/ghfeat-evaluate.html",
    )


def _none(tour: Tour, title: str) -> Chapter:
    text = f"No encoder ships for {tour.model}; `gantk ghfeat train` makes one."
    if tour.model == "demo-oracle":
        text = "The codes of demo-oracle are known exactly, so that it needs no encoder."
    return Chapter(title=title, text=text)


STEPS = (Step("encoding real images", encoded), Step("what can be read from each level", levels))
