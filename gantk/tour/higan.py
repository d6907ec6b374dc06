"""HiGAN's part of the tour: samples, a boundary per factor, where each is stored, what it moves, and the truth.

Legend: N samples, B boundaries, F factors, L rows of wp, D the width of w.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.higan.boundaries import TrainBoundaryResult
from gantk.higan.manipulated import ManipulateResult
from gantk.higan.rescored import RescoreResult
from gantk.higan.samples import SynthesizeResult
from gantk.predictors.selectivity import SELECTIVE, selectivity
from gantk.runs.walk import Walk
from gantk.store.files import load_npy
from gantk.tour.figures import divides, group_of, leaks, selective, test, typical_distance, where
from gantk.tour.page import BOUNDARIES
from gantk.tour.results import Chapter, Figure, FoundTable, Heading, Moved, RowChanges, Value
from gantk.tour.tour import Step, Tour
from gantk.world.renderer import FACTOR_NAMES

Array = npt.NDArray[Any]

# What the short tour is about; --full takes all factors. Some of each group.
FEW = ("horizon", "house_size", "mountain", "trees", "time_of_day", "season", "window_light")
BEST = 4  # boundaries on the first screen
SAMPLES, FRESH, RESCORE, MANIPULATION = "samples", "fresh", "rescore", "manipulation"
ORACLE, ORACLE_MODEL = "oracle", "demo-oracle"


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    samples: int
    preview: int
    fresh: int
    rescored: int
    random: int
    resamples: int


def size_of(tour: Tour) -> Size:
    """The short tour fits into a minute of two cores."""
    return Size(20000, 96, 2000, 256, 16, 5) if tour.full else Size(1400, 48, 256, 24, 4, 5)


def factors_of(tour: Tour) -> tuple[str, ...]:
    """The factors the tour has boundaries of."""
    return FACTOR_NAMES if tour.full else FEW


def samples(tour: Tour) -> Chapter:
    """Draw the samples everything is found in, and other ones to test it on."""
    size = size_of(tour)
    shared = ["--generate-prediction", *tour.judged(), "--latents", "w", "--batch-size", "32"]
    words = ["synthesize", tour.model, "--num", str(size.samples), "--seed", str(tour.seed), *shared]
    tour.call([*words, "--preview", str(size.preview), "-o", str(tour.folder(SAMPLES))])
    words = ["synthesize", tour.model, "--num", str(size.fresh), "--seed", str(tour.seed + 1), *shared]
    tour.call([*words, "--preview", "0", "-o", str(tour.folder(FRESH))])
    found = tour.result(SAMPLES, SynthesizeResult)
    tour.found["exact"] = found.predictor == "truth"
    caption = (
        "What the renderer draws for these codes."
        if tour.found["exact"]
        else "What the generator draws: every one of these comes out of the network, none is a render."
    )
    drawn = tuple(tour.image(SAMPLES, image) for image in found.images)
    tour.told = replace(tour.told, samples=drawn, samples_caption=caption, truth=origin(tour))
    who = "known exactly" if tour.found["exact"] else f"read from each image by the predictor `{found.predictor}`"
    return Chapter(
        title="What the samples show",
        text=f"{size.samples} codes were drawn; the factors of each sample are {who}.",
        page=f"{SAMPLES}/synthesize.html",
    )


def origin(tour: Tour) -> str:
    """What the generator was told of the factors, and how they are known here."""
    from gantk.checkpoints.names import ALIASES, is_bundled

    if tour.found["exact"]:
        return (
            "This is `demo-oracle`, the renderer itself: its factors, boundaries and layers are **known exactly**, and "
            "every figure below is measured against them."
        )
    told = ""
    if ALIASES.get(tour.model, tour.model) == ALIASES["demo"]:
        told = (
            "This generator was trained against a discriminator and a critic. The critic was given the factors of "
            "pictures; the generator itself was given none. "
        )
    elif is_bundled(tour.model):
        told = (
            "This generator was first taught to draw what `demo-oracle` draws for a code, so that the meaning of its "
            "codes was given to it; what each of its layers does was not. "
        )
    return (
        f"{told}What its images show is the **estimate** of a predictor that was trained on renders with known factors."
    )


def boundaries(tour: Tour) -> Chapter:
    """A boundary per factor, tested on samples it never saw."""
    factors, trained = factors_of(tour), trained_on(tour, tour.model, SAMPLES, BOUNDARIES)
    found = {factor: trained[factor].direction for factor in factors}
    tour.found["boundaries"] = found
    fresh_w = load_npy(tour.folder(FRESH) / "w.npy")
    fresh = load_npy(tour.folder(FRESH) / "attribute.npy")
    exact = exact_directions(tour)
    tested = {factor: test(found[factor], fresh_w, fresh[factor], trained[factor].threshold) for factor in factors}
    tour.found["tested"] = tested
    tour.found["stability"] = {factor: trained[factor].figures.stability for factor in factors}
    if exact is not None:
        tour.found["alignments"] = {factor: abs(float(exact[factor] @ found[factor].vectors[0])) for factor in factors}
    known = [part.auc for part in tested.values() if np.isfinite(part.auc)]
    if known:
        note = f"{len(known)} boundaries, {len(fresh)} fresh samples; lowest {min(known):.3f}"
        figure = Figure(value=f"{float(np.mean(known)):.3f}", name="mean AUC", note=note)
        tour.told = replace(tour.told, figures=(*tour.told.figures, figure))
    tour.finds(*divides(tested))
    return Chapter(
        title="A boundary for each factor",
        text=f"{len(factors)} planes in w divide samples with much of a factor from those with little of it; "
        "the normal of each is the direction in which the factor grows.",
        page=f"{BOUNDARIES}/train-boundary.html",
    )


def trained_on(tour: Tour, model: str, samples: str, name: str) -> TrainBoundaryResult:
    """A boundary for each factor in w of the samples in one folder of the tour, kept in another."""
    codes = tour.folder(samples)
    named = [word for factor in factors_of(tour) for word in ("--score-name", factor)]
    words = ["train-boundary", str(codes / "w.npy"), str(codes / "attribute.npy"), *named]
    words += ["--chosen", "0.25", "--resamples", str(size_of(tour).resamples), "--model", model]
    tour.call([*words, "--seed", str(tour.seed), "-o", str(tour.folder(name))])
    return tour.result(name, TrainBoundaryResult)


def rescoring(tour: Tour) -> Chapter:
    """Move along every boundary, on all rows and row by row, and look at every factor."""
    size, found = size_of(tour), tour.found["boundaries"]
    distance = typical_distance(found, load_npy(tour.folder(SAMPLES) / "w.npy", mmap=True))
    words = ["rescore", tour.model, str(tour.folder(BOUNDARIES) / "boundary_list.txt"), "--layerwise-rescoring"]
    words += ["--num", str(size.rescored), "--random", str(size.random), "--distance", f"{distance:.3g}"]
    words += ["--seed", str(tour.seed + 1), *tour.judged(), "--batch-size", "32", "-o", str(tour.folder(RESCORE))]
    tour.call(words)
    rescored = tour.result(RESCORE, RescoreResult)
    names = [each.name for each in rescored.boundaries]
    change_BPF, attributes = np.asarray(rescored.change), list(rescored.attributes)
    own = [attributes.index(name) for name in names]
    by_row = np.stack([np.maximum(change_BPF[b, 1:, own[b]], 0) for b in range(len(names))])
    tour.found["change"] = {name: (change_BPF[b, 0], own[b]) for b, name in enumerate(names)}
    tour.found["attributes"] = attributes
    tour.found["selectivity"] = dict(zip(names, selectivity(change_BPF[:, 0], own).tolist(), strict=True))
    count = sum(value >= SELECTIVE for value in tour.found["selectivity"].values())
    note = f"own factor changes at least {SELECTIVE:g} times as much as any other, {size.rescored} samples"
    figure = Figure(value=f"{count} of {len(names)}", name="selective boundaries", note=note)
    row_changes = RowChanges(
        factors=tuple(names), rows=tuple(rescored.layer_names), change=by_row,
        caption="Change of each factor, in its standard deviations, when one row of wp alone moves; coarse to fine.",
    )  # fmt: skip
    tour.told = replace(tour.told, figures=(*tour.told.figures, figure), row_changes=row_changes)
    tour.finds(
        selective(names, change_BPF[:, 0], own), leaks(names, attributes, change_BPF[:, 0], own), *where(names, by_row)
    )
    return Chapter(
        title="What each boundary changes, and in which rows",
        text=f"{size.rescored} samples were moved by {distance:.3g} along every boundary, on all rows of wp and on "
        "each row alone; every factor was read again.",
        page=f"{RESCORE}/rescore.html",
    )


def manipulation(tour: Tour) -> Chapter:
    """Sliders along the most selective boundaries, which are the first screen."""
    rescored = tour.result(RESCORE, RescoreResult)
    chosen = most_selective(rescored)
    files = [str(tour.folder(BOUNDARIES) / f"{factor}_boundary.safetensors") for factor in chosen]
    words = ["manipulate", tour.model, *files, "--num", "3", "--step", "9", "--seed", str(tour.seed)]
    tour.call([*words, "--animation", "webp", "--batch-size", "32", "-o", str(tour.folder(MANIPULATION))])
    walks = tour.result(MANIPULATION, ManipulateResult).walks
    tour.told = replace(tour.told, moved=tuple(moved(tour, walk, rescored) for walk in walks))
    return Chapter(
        title="Samples moved along the boundaries",
        text=f"The {len(chosen)} most selective boundaries on three samples, with sliders: three standard "
        "deviations to either side.",
        page=f"{MANIPULATION}/manipulate.html",
    )


def most_selective(result: RescoreResult) -> list[str]:
    """The names of the boundaries on the first screen."""
    order = np.argsort(-result.selectivity, kind="stable")
    return [result.boundaries[place].name for place in order[:BEST]]


def moved(tour: Tour, walk: Walk, result: RescoreResult) -> Moved:
    """The first sample of a walk along a boundary, and what rescoring measured of that at its own distance."""
    names = [each.name for each in result.boundaries]
    each, strip = result.boundaries[names.index(walk.name)], walk.strips[0]
    return Moved(
        name=walk.name,
        strip=replace(strip, images=tuple(tour.image(MANIPULATION, image) for image in strip.images)),
        measured=result.distance,
        change=each.in_deviations(each.whole.signed),
        low=each.in_deviations(each.whole.signed_low),
        high=each.in_deviations(each.whole.signed_high),
        selectivity=float(result.selectivity[names.index(walk.name)]),
    )


def truth(tour: Tour) -> Chapter:
    """The comparison with the truth: of what was found here, and of the same search where everything is known."""
    if tour.found["exact"]:
        exact = tour.found["alignments"]
        found = tour.result(RESCORE, RescoreResult)
        pages = BOUNDARIES
    else:
        exact, found = search_oracle(tour)
        pages = f"{ORACLE}-{BOUNDARIES}"
    rows_found = {each.name: each.strongest_row for each in found.boundaries}
    from gantk.world.oracle import row_of_factor

    names = list(tour.found["tested"])
    right = sum(rows_found[name] == row_of_factor(name) for name in names)
    mean = float(np.mean([exact[name] for name in names]))
    search = "this search" if tour.found["exact"] else f"the same search on `{ORACLE_MODEL}`"
    tour.finds(
        f"Where every factor is known exactly, {search} finds directions with a mean cosine of **{mean:.3f}** with the "
        f"true ones, and the true row of {right} of {len(names)} factors."
    )
    oracle = FoundTable(
        headings=tuple(Heading(name=name) for name in ("factor", "cosine", "row found", "true row")),
        rows=tuple((name, exact[name], rows_found[name], row_of_factor(name)) for name in names),
        caption=f"Of `{ORACLE_MODEL}`, whose directions and rows are known exactly: cosine of the boundary with "
        "the true direction, and the row of wp whose move alone changes the factor most.",
    )
    tour.told = replace(tour.told, factors=factors_table(tour, names), oracle=oracle)
    return Chapter(
        title="The same search where the truth is known",
        text=f"`{ORACLE_MODEL}` is the renderer as a generator: its directions and rows are exact, so that "
        "errors of the search can be told from properties of a network.",
        page=f"{pages}/train-boundary.html",
    )


def factors_table(tour: Tour, names: Sequence[str]) -> FoundTable:
    """What was found of every factor of the tour's own generator: exact where it knows them, else the predictor's."""
    rows: list[tuple[Value, ...]] = []
    for name in names:
        change_F, own = tour.found["change"][name]
        beside = int(np.abs(np.where(np.arange(len(change_F)) == own, 0, change_F)).argmax())
        other = f"{tour.found['attributes'][beside]} {change_F[beside]:+.2f}"
        tested = tour.found["tested"][name]
        accuracy = tested.accuracy if np.isfinite(tested.accuracy) else None
        stability, selectivity_of = tour.found["stability"][name], tour.found["selectivity"][name]
        rows.append((name, group_of(name), accuracy, stability, float(change_F[own]), other, selectivity_of))
    whose = "exact factors" if tour.found["exact"] else "predictor's readings, which are estimates"
    columns = ("factor", "group", "accuracy", "stability", "own change", "largest other", "selectivity")
    return FoundTable(
        headings=tuple(
            Heading(name=name, digits=2 if "change" in name or name == "selectivity" else 3) for name in columns
        ),
        rows=tuple(rows),
        caption=f"Accuracy on fresh samples against the {whose}; stability is the mean cosine between boundaries of "
        "resampled splits; changes are in standard deviations, after the same distance along each boundary; "
        f"selectivity is the first over the second, selective from {SELECTIVE:g} on. The atlas compares at equal "
        f"change of the picture, on other samples: a factor near {SELECTIVE:g} may be selective in one table alone.",
    )


def search_oracle(tour: Tour) -> tuple[dict[str, float], RescoreResult]:
    """The tour's search on the oracle, scored by its exact factors: cosines with the truth, results of rescoring."""
    from gantk.world.oracle import oracle_generator

    size, oracle = size_of(tour), oracle_generator()
    folders = {name: f"{ORACLE}-{name}" for name in (SAMPLES, BOUNDARIES, RESCORE)}
    words = ["synthesize", ORACLE_MODEL, "--num", str(size.samples), "--seed", str(tour.seed), "--latents", "w"]
    tour.call([*words, "--generate-prediction", "--preview", "12", "-o", str(tour.folder(folders[SAMPLES]))])
    trained = trained_on(tour, ORACLE_MODEL, folders[SAMPLES], folders[BOUNDARIES])
    words = ["rescore", ORACLE_MODEL, str(tour.folder(folders[BOUNDARIES]) / "boundary_list.txt")]
    words += ["--layerwise-rescoring", "--num", str(size.rescored), "--random", "0", "--seed", str(tour.seed + 1)]
    tour.call([*words, "-o", str(tour.folder(folders[RESCORE]))])
    cosines = {
        factor: float(oracle.factor_direction_w(factor).numpy() @ trained[factor].direction.vectors[0])
        for factor in factors_of(tour)
    }
    return cosines, tour.result(folders[RESCORE], RescoreResult)


def exact_directions(tour: Tour) -> dict[str, Array] | None:
    """The directions in w that the oracle's factors grow along; None for a network that does not know them."""
    if not tour.found["exact"]:
        return None
    from gantk.world.oracle import oracle_generator

    oracle = oracle_generator()
    return {factor: oracle.factor_direction_w(factor).numpy() for factor in FACTOR_NAMES}


STEPS = (
    Step("samples", samples),
    Step("boundaries", boundaries),
    Step("rescoring", rescoring),
    Step("comparison with the truth", truth),
    Step("manipulation", manipulation),
)
