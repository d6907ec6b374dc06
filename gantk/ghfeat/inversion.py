"""`gantk invert`: codes of real images by an encoder, by optimisation, or by both, for any family.

Legend: N images, K frames of a slider, T steps, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.generators.frugal_steps import images_at_once
from gantk.generators.labels import ask_for_label
from gantk.generators.probe import probe_of
from gantk.generators.probed import Probe
from gantk.ghfeat.bridge import direction_of
from gantk.ghfeat.calibration import style_layout
from gantk.ghfeat.candidates import CandidatePool
from gantk.ghfeat.defaults import NONE, encoder_for, has_encoder, perception_for, perceptual_weight
from gantk.ghfeat.files import EncoderFile
from gantk.ghfeat.metrics import closeness
from gantk.ghfeat.options import InvertOptions
from gantk.ghfeat.photos import Images, marked
from gantk.ghfeat.projection import Projection, ProjectionPlan, project_all
from gantk.ghfeat.results import GIVEN, Course, InvertResult
from gantk.ghfeat.starts import Start, encoded, label_of, start_of
from gantk.ghfeat.tuned import tuning
from gantk.pictures.images import to_uint8
from gantk.predictors.resampling import resize
from gantk.runs.results import record
from gantk.runs.stores import Store, remaining
from gantk.runs.task import verb
from gantk.store.progress import progress

CODES, LOSSES = "codes", "losses"
SHOWN = 16
Array = npt.NDArray[Any]


@record
class InvertFacts:
    """What `conclude` needs beside the arrays: fields of `InvertResult`."""

    names: tuple[str, ...]
    space: str
    shape: tuple[int, ...]
    widths: tuple[int, ...]
    rows: tuple[int, ...]
    probe: Probe
    encoder: str
    kept_steps: tuple[int, ...]


@verb(InvertOptions, within=True)
def invert(
    generator: Generator,
    images: object,
    encoder: object = None,
    metric: object = None,
    start: object = None,
    direction: object = None,
    *,
    options: InvertOptions,
    store: Store,
) -> InvertResult:
    """Find codes of real images, by an encoder, by optimisation, or by both, for any family.

    The optimisation starts from the codes that are given, from the encoder's, or from the nearest of 64
    samples. With `tune` the generator's weights are then fitted to the images around their codes (Roich et al. 2021),
    and `gantk.load_generator(model, tuned=result)` is the network that makes them.

    Args:
        generator: any family.
        images: paths, folders, archives or arrays, see `gantk.ghfeat.photos_of`.
        encoder: `gantk.load_encoder`, or `none`; default: the bundled one of a bundled generator.
        metric: feature distance beside pixels: a predictor with feature maps, `vgg16` or `none`; default: `demo`
            for a bundled generator.
        start: codes to start from, one for each image: of z, w, wp or styles, or a result that carries some.
        direction: a `Direction` along which the page of a tuning moves the images.
        options: `InvertOptions`, or its fields as keywords.

    Raises:
        UsageError: an encoder for codes z, nothing to do in 0 steps, a space or label the generator does not have, or
            codes to start from that are not one for each image, or of a later space than the one asked for.
        GantkError: an image cannot be read, or the encoder is another generator's.
    """
    spec = generator.spec
    if direction is not None:
        direction_of(direction, generator)  # refused before the work, not after it
    begun = start_of(generator, start, options.space)
    loaded = _encoder(generator, encoder, options, begun)
    plan, distance = _plan(generator, loaded, metric, options, begun)
    if options.label is None and spec.label_dim and plan.space == "z":
        raise ask_for_label(spec)
    label = label_of(generator, options.label)
    given = Images(images, spec.size, options.fit, options.skip_unreadable, spec.image_channels).check()
    if begun is not None and len(begun) != len(given):
        raise UsageError(f"{len(begun)} codes cannot start {len(given)} images: give one for each.")
    chunks = store.chunks([CODES, LOSSES], len(given), options.batch_size)
    missing, count = remaining(chunks)
    at_once = store.fewer(min(options.batch_size, options.at_once or images_at_once(generator, options.batch_size)))
    pool = CandidatePool(generator, plan.space, options.seed)
    with store.timed("inversion"), progress(count, "invert", unit="img") as bar:
        reads = given.batches([(a, b) for _, a, b in missing])
        for (index, first, last), (photo, good_N) in zip(missing, reads, strict=True):
            target = photo.to(generator.device)
            told: Sequence[Tensor] | None = None
            if begun is not None:
                told = begun.of(first, last, label)
            elif loaded is not None:
                told = encoded(generator, loaded, target, plan.space)
            found = project_all(generator, target, plan, distance, told, label, options.seed, at_once, pool)
            codes = found.codes if isinstance(found.codes, tuple) else (found.codes,)
            _draw(store, photo, found, first, plan.kept)
            close_N2 = closeness(target, resize(found.image_NCHW, *target.shape[-2:]))[:, :2]
            losses = torch.cat([close_N2, found.losses.t()], 1).float().cpu().numpy()
            chunks.write(index, {CODES: marked(torch.cat([c.flatten(1) for c in codes], 1), good_N), LOSSES: losses})
            bar.update(last - first)
    widths, rows = style_layout(generator) if plan.space == "s" else ((), ())
    facts = InvertFacts(
        names=given.names,
        space=plan.space,
        shape=(sum(widths),) if plan.space == "s" else spec.code_shape(plan.space),
        widths=widths,
        rows=rows,
        probe=probe_of(generator),
        encoder=GIVEN if begun is not None else NONE if loaded is None else loaded.name,
        kept_steps=plan.kept,
    )
    # Any: keywords of `conclude`, each of its own type
    again: dict[str, Any] = {"generator": generator, "images": images, "metric": metric, "direction": direction}
    return conclude(store.assemble(chunks, facts), facts, options, store, **(again if options.tune else {}))


def _encoder(generator: Generator, encoder: object, options: InvertOptions, begun: Start | None) -> EncoderFile | None:
    if begun is not None:
        if encoder is not None and encoder != NONE:
            raise UsageError("The optimisation starts from codes (--start) or from what an encoder says: give one.")
        return None
    if encoder is None and has_encoder(generator) and options.space != "z":
        encoder = encoder_for(generator)
    loaded = None if encoder is None or encoder == NONE else encoder_for(generator, encoder)
    if options.space == "z" and loaded is not None:
        raise UsageError(
            "An encoder writes styles, which no z need have: leave --encoder out, or give another --space."
        )
    if options.steps == 0 and loaded is None:
        raise UsageError("Without an encoder there is nothing to do in 0 steps: give --steps, or an --encoder.")
    return loaded


def _plan(
    generator: Generator, loaded: EncoderFile | None, metric: object, options: InvertOptions, begun: Start | None
) -> tuple[ProjectionPlan, Any]:
    distance = perception_for(generator, metric)
    free = "wp" if {"w", "wp"} <= set(generator.spec.spaces) else "z"  # one code per row, or z where there is no w
    space = begun.space if begun is not None else options.space or ("s" if loaded is not None else free)
    near = loaded is not None or begun is not None
    rate = options.rate if options.rate is not None else 0.02 if near else 0.1
    weight = perceptual_weight(distance, options.perceptual)
    return ProjectionPlan(space, options.steps, rate, weight, options.prior), distance


def _original(number: int) -> str:
    return f"images/original_{number:03d}.png"


def _frame(number: int, step: int) -> str:
    return f"images/{number:03d}_{step:05d}.png"


def _draw(store: Store, photo_NCHW: Tensor, found: Projection, start: int, steps: Sequence[int]) -> None:
    """Pictures of the first images of the run, and of their codes on the way."""
    count = min(len(photo_NCHW), SHOWN - start)
    if count <= 0:
        return
    store.write_pictures({_original(n): image for n, image in enumerate(to_uint8(photo_NCHW[:count]), start)})
    for step, frame in zip(steps, found.frames or (found.image_NCHW,), strict=True):
        store.write_pictures({_frame(n, step): image for n, image in enumerate(to_uint8(frame[:count]), start)})


def conclude(
    arrays: Mapping[str, Array],
    facts: InvertFacts,
    options: InvertOptions,
    store: Store,
    generator: Generator | None = None,
    images: object = None,
    metric: object = None,
    direction: object = None,
) -> InvertResult:
    """The result of whole arrays; with what a tuning needs, where it was asked for."""
    packed = arrays[CODES]
    kept = np.flatnonzero(np.isfinite(packed).all(1))
    sequences = tuple(
        Course(
            name=facts.names[i],
            original=store.picture(_original(i)),
            frames=tuple(store.picture(_frame(i, step)) for step in facts.kept_steps),
        )
        for i in kept.tolist()
        if i < SHOWN
    )
    found = InvertResult(
        **vars(facts), kept=kept, packed=packed, steps=options.steps, losses=arrays[LOSSES], sequences=sequences
    )
    if not options.tune:
        return found

    assert generator is not None
    return replace(found, tuning=tuning(generator, found, images, metric, direction, options, store))
