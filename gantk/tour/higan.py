"""HiGAN's part of the tour: samples, a boundary per factor, where each is stored, what it moves, and the truth.

Legend: N samples, B boundaries, F factors, L rows of wp, D the width of w.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.higan.boundaries import TrainBoundaryResult
from gantk.higan.manipulated import ManipulateResult
from gantk.higan.rescored import RescoreResult
from gantk.higan.samples import SynthesizeResult
from gantk.predictors.selectivity import SELECTIVE
from gantk.runs.walk import Walk
from gantk.store.files import load_npy
from gantk.tour.figures import divides, group_of, leaks, selective, test, typical_distance, where
from gantk.tour.tour import Best, Chapter, PageParts, Step, Table, Tour
from gantk.world.renderer import FACTOR_NAMES

Array = npt.NDArray[Any]

# What the short tour is about; --full takes all factors. Some of each group.
FEW = ("horizon", "house_size", "mountain", "trees", "time_of_day", "season", "window_light")
BEST = 4  # boundaries on the first screen
SAMPLES, BOUNDARIES, FRESH, RESCORE, MANIPULATION = "samples", "boundaries", "fresh", "rescore", "manipulation"
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
    shared = ["--generate-prediction", *tour.judged(), "--latents", "w", "--batch-size", 32]
    words = ["synthesize", tour.model, "--num", size.samples, "--seed", tour.seed, *shared]
    found = tour.run(SAMPLES, SynthesizeResult, *words, "--preview", size.preview)
    words = ["synthesize", tour.model, "--num", size.fresh, "--seed", tour.seed + 1, *shared]
    tour.run(FRESH, SynthesizeResult, *words, "--preview", 0)
    tour.found["exact"] = found.predictor == "truth"
    page = tour.found.setdefault("page", PageParts())
    page["images"] = [tour.relative(SAMPLES, image.name) for image in found.images]
    page["images_caption"] = (
        "What the renderer draws for these codes."
        if tour.found["exact"]
        else "What the generator draws: every one of these comes out of the network, none is a render."
    )
    page["truth"] = origin(tour)
    who = "known exactly" if tour.found["exact"] else f"read from each image by the predictor `{found.predictor}`"
    return {
        "title": "What the samples show",
        "text": f"{size.samples} codes were drawn; the factors of each sample are {who}.",
        "page": tour.relative(SAMPLES, "synthesize.html"),
    }


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
    tour.found["headline"] = []
    if known:
        note = f"{len(known)} boundaries, {len(fresh)} fresh samples; lowest {min(known):.3f}"
        tour.found["headline"].append({"value": f"{float(np.mean(known)):.3f}", "name": "mean AUC", "note": note})
    tour.found["findings"] = divides(tested)
    return {
        "title": "A boundary for each factor",
        "text": f"{len(factors)} planes in w divide samples with much of a factor from those with little of it; "
        "the normal of each is the direction in which the factor grows.",
        "page": tour.relative(BOUNDARIES, "train-boundary.html"),
    }


def trained_on(tour: Tour, model: str, samples: str, name: str) -> TrainBoundaryResult:
    """A boundary for each factor in w of the samples in one folder of the tour, kept in another."""
    codes = tour.folder(samples)
    named = [word for factor in factors_of(tour) for word in ("--score-name", factor)]
    words = ["train-boundary", codes / "w.npy", codes / "attribute.npy", *named, "--chosen-num-or-ratio", 0.25]
    words += ["--resamples", size_of(tour).resamples, "--model", model, "--seed", tour.seed]
    return tour.run(name, TrainBoundaryResult, *words)


def rescoring(tour: Tour) -> Chapter:
    """Move along every boundary, on all rows and row by row, and look at every factor."""
    size, found = size_of(tour), tour.found["boundaries"]
    distance = typical_distance(found, load_npy(tour.folder(SAMPLES) / "w.npy", mmap=True))
    words = ["rescore", tour.model, tour.folder(BOUNDARIES) / "boundary_list.txt", "--layerwise-rescoring"]
    words += ["--num", size.rescored, "--random", size.random, "--distance", f"{distance:.3g}"]
    words += ["--seed", tour.seed + 1, *tour.judged(), "--batch-size", 32]
    rescored = tour.run(RESCORE, RescoreResult, *words)
    names = [each.name for each in rescored.boundaries]
    change_BPF, attributes, layer_names = np.asarray(rescored.change), list(rescored.attributes), rescored.layer_names
    own = [attributes.index(name) for name in names]
    by_row = np.stack([np.maximum(change_BPF[b, 1:, own[b]], 0) for b in range(len(names))])
    page = tour.found["page"]
    page["layers"] = {
        "names": names,
        "layers": layer_names,
        "values": by_row,
        "caption": "Change of each factor, in its standard deviations, when one row of wp alone moves; coarse to fine.",
        "quantity": "standard deviations",
    }
    count = int((rescored.selectivity >= SELECTIVE).sum())
    note = f"own factor changes at least {SELECTIVE:g} times as much as any other, {size.rescored} samples"
    tour.found["headline"].append({"value": f"{count} of {len(names)}", "name": "selective boundaries", "note": note})
    tour.found["findings"] += [
        selective(names, change_BPF[:, 0], own), leaks(names, attributes, change_BPF[:, 0], own), *where(names, by_row),
    ]  # fmt: skip
    page["headline"], page["findings"] = tour.found["headline"], tour.found["findings"]
    return {
        "title": "What each boundary changes, and in which rows",
        "text": f"{size.rescored} samples were moved by {distance:.3g} along every boundary, on all rows of wp and on "
        "each row alone; every factor was read again.",
        "page": tour.relative(RESCORE, "rescore.html"),
    }


def manipulation(tour: Tour) -> Chapter:
    """Sliders along the most selective boundaries, which are the first screen."""
    rescored = tour.result(RESCORE, RescoreResult)
    chosen = most_selective(rescored)
    files = [tour.folder(BOUNDARIES) / f"{factor}_boundary.safetensors" for factor in chosen]
    words = ["manipulate", tour.model, *files, "--num", 3, "--step", 9, "--seed", tour.seed]
    walks = tour.run(MANIPULATION, ManipulateResult, *words, "--animation", "webp", "--batch-size", 32).walks
    tour.found["page"]["best"] = [best(tour, walk, rescored) for walk in walks]
    return {
        "title": "Samples moved along the boundaries",
        "text": f"The {len(chosen)} most selective boundaries on three samples, with sliders: three standard "
        "deviations to either side.",
        "page": tour.relative(MANIPULATION, "manipulate.html"),
    }


def most_selective(result: RescoreResult) -> list[str]:
    """The names of the boundaries on the first screen."""
    order = np.argsort(-result.selectivity, kind="stable")
    return [result.boundaries[place].name for place in order[:BEST]]


def best(tour: Tour, walk: Walk, result: RescoreResult) -> Best:
    """A walk along a boundary, and what rescoring measured of it at its own distance."""
    names = [each.name for each in result.boundaries]
    each, strips = result.boundaries[names.index(walk.name)], walk.strips
    return {
        "name": walk.name,
        "space": walk.space,
        "distances": strips[0].values,
        "frames": [[tour.relative(MANIPULATION, image.name) for image in strip.images] for strip in strips],
        "samples": [strip.label for strip in strips],
        "start": strips[0].origin,
        "measured": result.distance,
        "change": each.in_deviations(each.whole.signed),
        "low": each.in_deviations(each.whole.signed_low),
        "high": each.in_deviations(each.whole.signed_high),
        "selectivity": float(result.selectivity[names.index(walk.name)]),
    }


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
    tour.found["findings"].append(
        f"Where every factor is known exactly, {search} finds directions with a mean cosine of **{mean:.3f}** with the "
        f"true ones, and the true row of {right} of {len(names)} factors."
    )
    page = tour.found["page"]
    page["findings"] = tour.found["findings"]
    page["factors"] = factors_table(tour)
    page["oracle"] = {
        "columns": ["factor", "cosine", "row found", "true row"],
        "rows": [[name, exact[name], rows_found[name], row_of_factor(name)] for name in names],
        "caption": f"Of `{ORACLE_MODEL}`, whose directions and rows are known exactly: cosine of the boundary with "
        "the true direction, and the row of wp whose move alone changes the factor most.",
    }
    return {
        "title": "The same search where the truth is known",
        "text": f"`{ORACLE_MODEL}` is the renderer as a generator: its directions and rows are exact, so that "
        "errors of the search can be told from properties of a network.",
        "page": tour.relative(pages, "train-boundary.html"),
    }


def factors_table(tour: Tour) -> Table:
    """What was found of every factor of the tour's own generator: exact where it knows them, else the predictor's."""
    rescored = tour.result(RESCORE, RescoreResult)
    rows: list[list[str | float | None]] = []
    for each, change_F, ratio in zip(
        rescored.boundaries, rescored.change[:, 0], rescored.selectivity.tolist(), strict=True
    ):
        name, own = each.name, rescored.attributes.index(each.attribute)
        beside = int(np.abs(np.where(np.arange(len(change_F)) == own, 0, change_F)).argmax())
        other = f"{rescored.attributes[beside]} {change_F[beside]:+.2f}"
        tested = tour.found["tested"][name]
        accuracy = tested.accuracy if np.isfinite(tested.accuracy) else None
        rows.append([name, group_of(name), accuracy, tour.found["stability"][name], float(change_F[own]), other, ratio])
    whose = "exact factors" if tour.found["exact"] else "predictor's readings, which are estimates"
    return {
        "columns": ["factor", "group", "accuracy", "stability", "own change", "largest other", "selectivity"],
        "rows": rows,
        "caption": f"Accuracy on fresh samples against the {whose}; stability is the mean cosine between boundaries of "
        "resampled splits; changes are in standard deviations, after the same distance along each boundary; "
        f"selectivity is the first over the second, selective from {SELECTIVE:g} on.",
    }


def search_oracle(tour: Tour) -> tuple[dict[str, float], RescoreResult]:
    """The tour's search on the oracle, scored by its exact factors: cosines with the truth, results of rescoring."""
    from gantk.world.oracle import oracle_generator

    size, oracle = size_of(tour), oracle_generator()
    folders = {name: f"{ORACLE}-{name}" for name in (SAMPLES, BOUNDARIES, RESCORE)}
    words = ["synthesize", ORACLE_MODEL, "--num", size.samples, "--seed", tour.seed, "--latents", "w"]
    tour.run(folders[SAMPLES], SynthesizeResult, *words, "--generate-prediction", "--preview", 12)
    trained = trained_on(tour, ORACLE_MODEL, folders[SAMPLES], folders[BOUNDARIES])
    words = ["rescore", ORACLE_MODEL, tour.folder(folders[BOUNDARIES]) / "boundary_list.txt", "--layerwise-rescoring"]
    words += ["--num", size.rescored, "--random", 0, "--seed", tour.seed + 1]
    cosines = {
        factor: float(oracle.factor_direction_w(factor).numpy() @ trained[factor].direction.vectors[0])
        for factor in factors_of(tour)
    }
    return cosines, tour.run(folders[RESCORE], RescoreResult, *words)


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
