"""The part of `gantk invert --tune` around the tuning itself: photos, figures, pictures, the edit before and after.

Legend: N images, K of them that could be read, C_l width of a style.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.checkpoints.tuned import TunedWeights
from gantk.codes.directions import Direction
from gantk.codes.spread import spread_of, unit_of
from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.generators.frugal_steps import images_at_once
from gantk.generators.probe import probe_of
from gantk.ghfeat.bridge import direction_of, move, push_forward
from gantk.ghfeat.defaults import perception_for, perceptual_weight
from gantk.ghfeat.losses import Perception
from gantk.ghfeat.metrics import closeness
from gantk.ghfeat.options import InvertOptions
from gantk.ghfeat.photos import Images
from gantk.ghfeat.results import InvertResult, TunedCourse, Tuning
from gantk.ghfeat.starts import label_of, labels_of, start_of
from gantk.ghfeat.subject import keep_images
from gantk.ghfeat.tuning import Fixed, TuningPlan, fixed_codes, image_of, plan_facts, tune
from gantk.predictors.resampling import resize
from gantk.runs.stores import Store
from gantk.runs.structure import Strip
from gantk.runs.walk import Walk
from gantk.runs.walks import symmetric_steps

SHOWN, STEPS = 8, 5  # images on the page, and pictures of each along the direction


def tuning(
    generator: Generator,
    found: InvertResult,
    images: object,
    perception: object,
    direction: object,
    options: InvertOptions,
    store: Store,
) -> Tuning:
    """Tune the weights to the images of an inversion.

    Raises:
        UsageError: the generator has no weights that could be tuned, or the direction cannot move these codes.
    """
    spec = generator.spec
    distance = perception_for(generator, perception)
    given = Images(images, spec.size, options.fit, options.skip_unreadable, spec.image_channels)
    target = given.picked(found.kept.tolist()).to(generator.device)
    label = label_of(generator, options.label)
    begun = start_of(generator, found, None)
    assert begun is not None
    codes = begun.of(0, len(begun))
    fixed, wp_NLD = fixed_codes(generator, found.space, codes, labels_of(generator, len(codes[0]), label, options.seed))
    step = None if direction is None else _step(generator, direction, fixed)
    weight = perceptual_weight(distance, options.tune_perceptual, 1.0)
    plan = TuningPlan(
        options.tune_steps, options.tune_rate, weight, options.tune_pixel, options.locality, options.locality_distance,
        options.seed,
    )  # fmt: skip
    facts = plan_facts(plan, distance)
    with store.timed("tuning"):
        deltas, curve = tune(generator, target, fixed, wp_NLD, plan, distance, store, label)
    names = found.kept_names
    weights = TunedWeights.of(deltas, probe_of(generator), {**facts})
    after = weights.apply(generator, force=True)
    figures = [_figures(network, fixed, target, distance) for network in (generator, after)]
    shown = tuple(code[:SHOWN] for code in fixed)
    walks: list[Walk | None] = [None, None]
    if step is not None:
        networks = ((generator, "plain"), (after, "tuned"))
        walks = [_walk(network, shown, step, names, stem, store) for network, stem in networks]
    return Tuning(
        weights=weights.names,
        shapes=weights.shapes,
        scales=weights.scales,
        values=weights.values,
        facts=facts,
        curve=curve,
        before=figures[0],
        after=figures[1],
        images=_courses(generator, after, shown, target, names, store),
        direction=None if step is None else step[0].name,
        plain=walks[0],
        tuned=walks[1],
    )


def _step(generator: Generator, direction: object, fixed: Fixed) -> tuple[Direction, Fixed]:
    """A direction, and what a step of one does to fixed codes."""
    found = direction_of(direction, generator)
    if "s" in generator.spec.spaces:
        return found, push_forward(generator, found)
    if found.space == "z":
        raise UsageError(f"The z-direction {found.name!r} is no constant step of these codes: give one of w or wp.")
    zero = torch.zeros_like(fixed[0][:1])
    return found, (found.apply(zero, 1.0)[0],)


@torch.inference_mode()
def _images(generator: Generator, fixed: Fixed) -> Tensor:
    few = images_at_once(generator, len(fixed[0]))
    return torch.cat(
        [image_of(generator, tuple(code[i : i + few] for code in fixed)).float() for i in range(0, len(fixed[0]), few)]
    )


@torch.inference_mode()
def _figures(
    generator: Generator, fixed: Fixed, target: Tensor, perception: Perception | None
) -> npt.NDArray[np.float64]:
    """MSE, SSIM and feature distance of each image, [K, 3]; -1 where there is no such distance."""
    rows = []
    for i in range(len(target)):
        wanted = target[i : i + 1]
        made = resize(_images(generator, tuple(code[i : i + 1] for code in fixed)), *wanted.shape[-2:])
        rows.append(closeness(wanted, made, perception))
    table = torch.cat(rows).double().cpu().numpy()
    if perception is None:
        table[:, 2] = -1
    return table


def _courses(
    before: Generator, after: Generator, shown: Fixed, target: Tensor, names: Sequence[str], store: Store
) -> tuple[TunedCourse, ...]:
    count = len(shown[0])
    columns = [
        keep_images(store, images, stem)
        for stem, images in (
            ("photo", target[:count]),
            ("inversion", _images(before, shown)),
            ("with_tuned", _images(after, shown)),
        )
    ]
    return tuple(
        TunedCourse(name=name, original=a, inversion=b, tuned=c)
        for name, a, b, c in zip(names[:count], *columns, strict=True)
    )


def _walk(
    generator: Generator, shown: Fixed, step: tuple[Direction, Fixed], names: Sequence[str], stem: str, store: Store
) -> Walk:
    """The images moved along the direction, from its scale on one side to that on the other."""
    direction, change = step
    distances = symmetric_steps(direction.scale, STEPS)
    columns = []
    for number, distance in enumerate(distances):
        made = _images(generator, move(shown, change, distance))
        columns.append(keep_images(store, made, f"{stem}_{number}"))
    strips = tuple(
        Strip(label=name, values=tuple(distances), images=tuple(images), origin=distances.index(0.0))
        for name, images in zip(names[: len(shown[0])], zip(*columns, strict=True), strict=True)
    )
    return Walk(
        name=direction.name,
        number=None,
        space=direction.space,
        rows=direction.layers,
        strips=strips,
        unit=unit_of(direction),
        spread=spread_of(generator, direction),
    )
