"""NaviGAN's part of the tour: what one convolution of the generator changes most, and what that shows.

Legend: N samples, F factors, D directions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import numpy as np
import numpy.typing as npt

from gantk.navigan.results import HessianResult
from gantk.runs.claims import percent
from gantk.tour.results import Chapter, FoundTable, Heading
from gantk.tour.tour import Step, Tour

if TYPE_CHECKING:
    from gantk.generators.base import Generator
    from gantk.navigan.directions import WeightDirections
    from gantk.predictors.demo import DemoPredictor

FOLDER = "navigan"
SIZE = (4, 8, 2)  # directions, samples and shown ones of a tour that is not full


def weights(tour: Tour) -> Chapter:
    """Leading eigenvectors of one convolution, and which factors each moves."""
    title, conv = "Edits of the weights of one convolution", convolution(tour.generator)
    if conv is None:
        text = f"NaviGAN edits the weights of a convolution, and `{tour.model}` has none."
        return Chapter(title=title, text=text)
    count, samples, shown = (16, 64, 8) if tour.full else SIZE
    words = ["navigan", "hessian", tour.model, "--conv", conv, "-k", str(count), "--num", str(samples)]
    words += ["--batch-size", "8", "--shown", str(shown), "--seed", str(tour.seed), "--metric", "demo"]
    tour.call([*words, "-o", str(tour.folder(FOLDER))])
    found = tour.result(FOLDER, HessianResult)
    rows = effects(tour, found.weights, 8)
    names = ("direction", "eigenvalue", "strength", "largest change", "of", "second largest", "of ")
    table = FoundTable(
        headings=tuple(Heading(name=name, digits=3 if name == "eigenvalue" else 2) for name in names),
        rows=tuple(
            (index, float(value), row["scale"], row["change"], row["first"], row["other"], row["second"])
            for index, (value, row) in enumerate(zip(found.eigenvalues, rows, strict=True))
        ),
        caption="Change of a factor as the predictor reads it, in standard deviations, from no edit to that "
        "strength, mean over samples.",
    )
    share = None if found.spectrum.exact is None else found.spectrum.exact.captured
    held = "" if share is None else f" They have {percent(share)} of its trace."
    first = rows[0]
    moves = f" Direction 0 moves {first['first']} most, by {first['change']:+.2f} standard deviations."
    return Chapter(
        title=title,
        text=(
            f"{count} directions in the weights of `{conv}`: the leading eigenvectors of a perceptual "
            f"distance's Hessian, along which pictures change fastest.{held}{moves}"
        ),
        table=table,
        page=f"{FOLDER}/navigan-hessian.html",
        picture=tour.image(FOLDER, found.shown[0].where),
        alt="Where direction 0 changes a picture",
    )


def convolution(generator: Generator) -> str | None:
    """The last convolution at half the image's resolution: what is drawn there is neither layout nor texture."""
    half = generator.spec.resolution // 2
    names = [layer.name for layer in generator.layers if layer.weight and layer.resolution == half and not layer.is_rgb]
    return names[-1] if names else None


class Effect(TypedDict):
    """The two factors that a direction moves most, in their standard deviations."""

    scale: float
    first: str
    change: float
    second: str
    other: float


def effects(tour: Tour, directions: WeightDirections, num: int) -> list[Effect]:
    """For each direction, the two factors it moves most."""
    import torch

    from gantk.predictors.demo import DemoPredictor
    from gantk.predictors.load import load_predictor

    predictor = load_predictor("demo")
    assert isinstance(predictor, DemoPredictor)
    generator = tour.generator
    target = directions.target(generator)
    with torch.inference_mode():
        label = generator.sample_label(num, seed=tour.seed)
        w_ND = generator.map(generator.sample_z(num, seed=tour.seed), label)
        prefix = target.prefix(generator.expand(w_ND))
        before_NF = predictor.attributes(target.images(prefix))
        deviation_F = spread(predictor)
        found: list[Effect] = []
        for row in range(len(directions)):
            after_NF = predictor.attributes(target.moved(prefix, directions.delta(row), directions.scale(row)))
            change_F = ((after_NF - before_NF).mean(0).double().numpy()) / deviation_F
            order = np.argsort(-np.abs(change_F))
            names = predictor.attribute_names
            found.append(
                {
                    "scale": directions.scale(row),
                    "first": names[order[0]],
                    "change": float(change_F[order[0]]),
                    "second": names[order[1]],
                    "other": float(change_F[order[1]]),
                }
            )
    return found


def spread(predictor: DemoPredictor) -> npt.NDArray[np.float64]:
    """Standard deviation of each factor in the world, where all are uniform."""
    return predictor.span_A.double().numpy() / np.sqrt(12)


STEPS = (Step("directions in weight space", weights),)
