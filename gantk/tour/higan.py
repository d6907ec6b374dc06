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
from gantk.runs.walk import Walk
from gantk.store.files import load_npy
from gantk.tour.figures import group_of, leaks, purity, test, typical_distance, where, where_row
from gantk.tour.tour import Chapter, Headline, PageParts, Slider, Step, Tour
from gantk.world.renderer import FACTOR_NAMES

Array = npt.NDArray[Any]

# What the short tour is about; --full takes all factors. Some of each group.
FEW = ("horizon", "house_size", "mountain", "trees", "time_of_day", "season", "window_light")
SHOWN = ("time_of_day", "season", "trees", "house_size")
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
    return Size(20000, 96, 2000, 256, 16, 5) if tour.full else Size(2000, 48, 256, 32, 4, 5)


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
        "text": f"{size.samples} codes were drawn and the factors of each sample {who}.",
        "page": tour.relative(SAMPLES, "synthesize.html"),
        "link": "All samples and how their factors are distributed",
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
        told = "This generator was trained on pictures and never told what is in them. "
    elif is_bundled(tour.model):
        told = "This generator began as a pupil: what a code means was given to it, what its layers do was not. "
    return (
        f"{told}What its images show is the **estimate** of a predictor that was trained on renders with known factors."
    )


def boundaries(tour: Tour) -> Chapter:
    """A boundary per factor, tested on samples it never saw."""
    size, factors = size_of(tour), factors_of(tour)
    named = [word for factor in factors for word in ("--score-name", factor)]
    words = ["train-boundary", str(tour.folder(SAMPLES) / "w.npy"), str(tour.folder(SAMPLES) / "attribute.npy")]
    words += [*named, "--chosen-num-or-ratio", "0.25", "--resamples", str(size.resamples), "--model", tour.model]
    tour.call([*words, "--seed", str(tour.seed), "-o", str(tour.folder(BOUNDARIES))])
    trained = tour.result(BOUNDARIES, TrainBoundaryResult)
    found = {factor: trained[factor].direction for factor in factors}
    tour.found["boundaries"] = found
    fresh_w = load_npy(tour.folder(FRESH) / "w.npy")
    fresh = load_npy(tour.folder(FRESH) / "attribute.npy")
    exact = exact_directions(tour)
    rows: list[list[str | float | None]] = []
    tested = {}
    cosines: dict[str, float] = {}
    for factor in factors:
        entry = trained[factor]
        tested[factor] = test(found[factor], fresh_w, fresh[factor], entry.threshold)
        row: list[str | float | None] = [
            factor,
            group_of(factor),
            tested[factor].accuracy,
            tested[factor].auc,
            entry.figures.stability,
        ]
        if exact is not None:
            cosines[factor] = abs(float(exact[factor] @ found[factor].vectors[0]))
            row.append(cosines[factor])
        rows.append(row)
    columns = ["factor", "group", "accuracy", "AUC", "stability"]
    if exact is not None:
        columns.append("alignment with the truth")
    whose = "exact factors" if tour.found["exact"] else "predictor's estimates"
    caption = (
        f"Accuracy and AUC on {len(fresh)} fresh samples against the {whose}; stability is the cosine between "
        "boundaries of resampled splits."
    )
    mean = float(np.mean([part.auc for part in tested.values()]))
    headline: list[Headline] = [
        {"value": mean, "name": "mean AUC", "note": f"{len(factors)} boundaries on fresh samples"}
    ]
    if exact is not None:
        alignment = float(np.mean(list(cosines.values())))
        headline.append({"value": alignment, "name": "mean alignment", "note": "cosine with the exact directions"})
    tour.found["headline"] = headline
    hardest = min(tested, key=lambda factor: tested[factor].auc)
    tour.found["tested"] = tested
    if exact is not None:
        tour.found["alignments"] = cosines
    tour.found["findings"] = [
        f"A plane in w tells each of {len(factors)} factors apart with a mean AUC of **{mean:.3f}** on samples it "
        f"never saw; the hardest is `{hardest}` ({tested[hardest].auc:.3f})."
    ]
    return {
        "title": "A boundary for each factor",
        "text": "For each factor a plane is found in w that has samples with much of it on one side and with little of "
        "it on the other. Its normal is the direction in which the factor grows.",
        "table": {"columns": columns, "rows": rows, "caption": caption},
        "page": tour.relative(BOUNDARIES, "train-boundary.html"),
        "link": "All figures of the boundaries",
    }


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
    columns = [*own, *(column for column in range(len(attributes)) if column not in own)]
    page["entanglement"] = {
        "boundaries": names,
        "attributes": [attributes[column] for column in columns],
        "values": change_BPF[:, 0][:, columns],
        "standardized": True,
    }
    tour.found["change"] = {name: (change_BPF[b, 0], own[b]) for b, name in enumerate(names)}
    tour.found["attributes"] = attributes
    clean = purity(change_BPF[:, 0], own)
    right = sum(int(np.abs(change_BPF[b, 0]).argmax()) == own[b] for b in range(len(names)))
    tour.found["headline"].append(
        {"value": f"{right} of {len(names)}", "name": "clean boundaries", "note": "move their own factor the most"}
    )
    tour.found["findings"] += [leaks(names, attributes, change_BPF[:, 0], own), *where(names, by_row, layer_names)]
    rows = [
        [*where_row(names[b], by_row[b], layer_names, tour.found["exact"]), float(clean[b])] for b in range(len(names))
    ]
    truth = ["true row"] if tour.found["exact"] else []
    page["headline"], page["findings"] = tour.found["headline"], tour.found["findings"]
    return {
        "title": "Where it is stored, and what else it moves",
        "text": f"{size.rescored} samples were moved by {distance:.3g} along every boundary, on all rows of wp and on "
        "each row alone, rendered and looked at again.",
        "table": {
            "columns": ["factor", "group", "strongest row", "centre", *truth, "own share"],
            "rows": rows,
            "caption": "Centre: the mean row, weighted by how much the factor changes there. Own share: how much of "
            "all change along a boundary is its own factor's; 1 is a boundary that moves nothing else.",
        },
        "page": tour.relative(RESCORE, "rescore.html"),
        "link": "Scores, intervals and layers of every boundary",
    }


def manipulation(tour: Tour) -> Chapter:
    """Sliders for a few factors."""
    chosen = [factor for factor in SHOWN if factor in tour.found["boundaries"]]
    files = [str(tour.folder(BOUNDARIES) / f"{factor}_boundary.safetensors") for factor in chosen]
    words = ["manipulate", tour.model, *files, "--num", "3", "--step", "9", "--seed", str(tour.seed)]
    tour.call([*words, "--animation", "webp", "--batch-size", "32", "-o", str(tour.folder(MANIPULATION))])
    tour.found["page"]["sliders"] = [slider(tour, walk) for walk in tour.result(MANIPULATION, ManipulateResult).walks]
    return {
        "title": "Moving along the boundaries",
        "text": "The same boundaries applied to three samples: three standard deviations to either side.",
        "page": tour.relative(MANIPULATION, "manipulate.html"),
        "link": "The sliders on a page of their own",
    }


def slider(tour: Tour, walk: Walk) -> Slider:
    """A walk as the tour's manifest keeps it, with the files where they are."""
    return {
        "name": walk.name,
        "space": walk.space,
        "layers": walk.rows,
        "distances": walk.strips[0].values,
        "frames": [[tour.relative(MANIPULATION, image.name) for image in strip.images] for strip in walk.strips],
        "samples": [strip.label for strip in walk.strips],
        "start": walk.strips[0].origin,
        "animation": {form: tour.relative(MANIPULATION, name) for form, name in (walk.animations or {}).items()},
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
    rows: list[list[str | float | None]] = []
    for name in names:
        change_F, own = tour.found["change"][name]
        beside = int(np.abs(np.where(np.arange(len(change_F)) == own, 0, change_F)).argmax())
        other = f"{tour.found['attributes'][beside]} {change_F[beside]:+.2f}"
        tested = tour.found["tested"][name]
        place = f"{rows_found[name]} ({'right' if rows_found[name] == row_of_factor(name) else row_of_factor(name)})"
        rows.append([name, tested.accuracy, float(change_F[own]), other, exact[name], place])
    mean = float(np.mean([exact[name] for name in names]))
    sentence = (
        f"The same search on `{ORACLE_MODEL}`, where every factor is known exactly, finds directions with a mean "
        f"cosine of **{mean:.3f}** with the true ones, and the true row of {right} of {len(names)} factors."
    )
    if tour.found["exact"]:
        sentence = (
            f"Against the truth: a mean cosine of **{mean:.3f}** with the true directions, and the true row of {right} "
            f"of {len(names)} factors."
        )
    page, whose = tour.found["page"], "" if tour.found["exact"] else "oracle: "
    tour.found["findings"].append(sentence)
    page["findings"] = tour.found["findings"]
    page["comparison"] = {
        "columns": ["factor", "accuracy", "own change", "largest other", f"{whose}cosine", f"{whose}row found"],
        "rows": rows,
        "caption": "In the world the factors are independent, so a true direction moves one factor alone. Accuracy: on "
        "fresh samples. Changes: in standard deviations, moved by the same distance along each. The last two columns, "
        "the cosine with the true direction and the row, are exact"
        + ("" if tour.found["exact"] else f" and of `{ORACLE_MODEL}`")
        + "; the row is right, or the true one is in brackets.",
    }
    return {
        "title": "How the search does where the truth is known",
        "text": "The renderer itself is a generator too: its codes have exact factors, exact directions and exact "
        "rows. The same commands are run on it, so that what the search gets wrong can be told from what a "
        "network does.",
        "page": tour.relative(pages, "train-boundary.html"),
        "link": "The boundaries of the oracle",
    }


def search_oracle(tour: Tour) -> tuple[dict[str, float], RescoreResult]:
    """The tour's search on the oracle, scored by its exact factors: cosines with the truth, results of rescoring."""
    from gantk.world.oracle import oracle_generator

    size, factors, oracle = size_of(tour), factors_of(tour), oracle_generator()
    folders = {name: f"{ORACLE}-{name}" for name in (SAMPLES, BOUNDARIES, RESCORE)}
    codes = tour.folder(folders[SAMPLES])
    words = ["synthesize", ORACLE_MODEL, "--num", str(size.samples), "--seed", str(tour.seed), "--latents", "w"]
    tour.call([*words, "--generate-prediction", "--preview", "12", "-o", str(codes)])
    named = [word for factor in factors for word in ("--score-name", factor)]
    words = ["train-boundary", str(codes / "w.npy"), str(codes / "attribute.npy"), *named]
    words += ["--chosen-num-or-ratio", "0.25", "--resamples", str(size.resamples), "--model", ORACLE_MODEL]
    tour.call([*words, "--seed", str(tour.seed), "-o", str(tour.folder(folders[BOUNDARIES]))])
    words = ["rescore", ORACLE_MODEL, str(tour.folder(folders[BOUNDARIES]) / "boundary_list.txt")]
    words += ["--layerwise-rescoring", "--num", str(size.rescored), "--random", "0", "--seed", str(tour.seed + 1)]
    tour.call([*words, "-o", str(tour.folder(folders[RESCORE]))])
    trained = tour.result(folders[BOUNDARIES], TrainBoundaryResult)
    cosines = {
        factor: float(oracle.factor_direction_w(factor).numpy() @ trained[factor].direction.vectors[0])
        for factor in factors
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
