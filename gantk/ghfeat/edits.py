"""`gantk ghfeat edit`: real images moved along a direction, or with a region of another image.

Shape legend: N images, K steps of a slider, C channels, H x W pixels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.codes.spread import spread_of, unit_of
from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.ghfeat.bridge import direction_of, move, principal_step, push_forward
from gantk.ghfeat.codes import choose_rows, codes_of
from gantk.ghfeat.defaults import predictor_for
from gantk.ghfeat.local import LocalEdit, edit_locally, editable_layers
from gantk.ghfeat.metrics import decode
from gantk.ghfeat.options import EditOptions
from gantk.ghfeat.picture_results import EditResult, Exchanged, Moved
from gantk.ghfeat.subject import Subject, keep_images, keep_subject, pairs_of, region_of, subject_of
from gantk.predictors.base import Predictor
from gantk.predictors.reading import attributes_at
from gantk.runs.stores import Store
from gantk.runs.structure import Image, Strip
from gantk.runs.task import verb
from gantk.runs.walk import Walk

AXIS_SCALE = 3.0  # a principal axis is looked at to three deviations
SAMPLES = 64  # that the attributes' deviations are taken over
SPACE = "styles (dy = A dw)"


@verb(EditOptions)
def edit(
    generator: Generator,
    images: object,
    direction: object = None,
    reference: object = None,
    of: object = None,
    mask: object = None,
    encoder: object = None,
    predictor: object = None,
    *,
    options: EditOptions,
    store: Store,
) -> EditResult:
    """Edit real images: along a direction, or by a region of another image (Xu et al. 2021, sections 4.2 and 4.3).

    A direction of w or wp is pushed forward into styles, dy = A dw, so that what any system found moves images that
    the generator never made. An edit of a region leaves every pixel beyond its reach unchanged.

    Args:
        generator: any family with styles.
        images: paths, arrays (see `gantk.ghfeat.photos_of`), or codes: a result of `extract` or `invert`, wp [N, L, D].
        direction: a `Direction`, or a result with `.direction`.
        reference: the image or code whose region is taken, one for all or one for each; needs a box or a mask.
        of: codes whose principal axis `component` is the direction.
        mask: the region as an image (white), or an array [H, W].
        encoder: `gantk.load_encoder`; default: the bundled one of a bundled generator.
        predictor: reads attributes along the way; default: the bundled one for a bundled generator.
        options: `EditOptions`, or its fields as keywords.

    Returns:
        Pictures at every distance, or of the exchanged region; `.edited` are those at the end.

    Raises:
        UsageError: no way to edit or several, a z-direction, a row that does not exist, no encoder, an empty region.
        GantkError: an image cannot be read, or a direction, a code or the encoder is another generator's.
    """
    given = {"a direction": direction is not None, "a component": options.component is not None,
             "a reference": reference is not None}  # fmt: skip
    if sum(given.values()) != 1:
        raise UsageError("Say how to edit: give one of --direction, --component and --reference.")
    if reference is not None:
        return _exchanged(generator, images, reference, mask, encoder, options, store)
    if options.box is not None or mask is not None:
        raise UsageError("A region is of an edit by --reference: leave --box and --mask out.")
    step, walk, scale = _step(generator, direction, of, options)
    distances = distances_of(options, scale)
    subject = subject_of(generator, images, encoder, options)
    return _moved(generator, subject, step, walk, distances, predictor_for(generator, predictor), store)


def distances_of(options: EditOptions, scale: float) -> tuple[float, ...]:
    """The distances of the pictures, [K].

    Raises:
        UsageError: a distance beside its ends.
    """
    if options.distance is not None:
        if options.start_distance is not None or options.end_distance is not None:
            raise UsageError("--distance leads from the image itself: leave --start-distance and --end-distance out.")
        low, high = 0.0, options.distance
    else:
        low = -scale if options.start_distance is None else options.start_distance
        high = scale if options.end_distance is None else options.end_distance
    count = options.step - 1
    return tuple(round(low + (high - low) * k / count, 9) + 0.0 for k in range(options.step))  # no -0.0


def _step(
    generator: Generator, direction: object, of: object, options: EditOptions
) -> tuple[tuple[Tensor, ...], Walk, float]:
    """The change of styles for a step of one, its walk without pictures, and how far is worth looking."""
    rows, title = choose_rows(options.rows, options.levels, generator.spec.num_layers)
    asked = options.rows is not None or options.levels is not None
    if options.component is not None:
        codes = codes_of(generator, of)
        if codes is None:
            raise UsageError("--component needs the codes whose axes are meant: give --of codes.safetensors.")
        step = principal_step(codes.tensors(generator.device), rows, codes.rows, options.component)
        name = f"axis {options.component} of {title}"
        return step, Walk(name=name, space=SPACE, rows=tuple(rows), strips=()), AXIS_SCALE
    found = direction_of(direction, generator)
    if options.pick >= len(found):
        raise UsageError(f"--pick {options.pick} is not among the {len(found)} directions of {found.name}.")
    if found.space == "s" and asked:
        raise UsageError("An s-direction brings its own layers: leave --rows and --levels out.")
    chosen = tuple(rows) if asked else found.layers
    step = push_forward(generator, found, rows if asked else None, options.pick)
    walk = Walk(
        name=found.name,
        number=options.pick if len(found) > 1 else None,
        space=SPACE,
        rows=tuple(chosen) if chosen is not None else None,
        strips=(),
        unit=unit_of(found),
        spread=spread_of(generator, found, options.pick),
    )
    return step, walk, found.scale


def _moved(
    generator: Generator,
    subject: Subject,
    step: Sequence[Tensor],
    walk: Walk,
    distances: Sequence[float],
    judge: Predictor | None,
    store: Store,
) -> EditResult:
    """Pictures of every image at every distance, and how what a predictor reads changes."""
    frames: list[tuple[Image, ...]] = []
    read = []
    for k, distance in enumerate(distances):
        made = decode(generator, move(subject.styles, step, distance))
        frames.append(keep_images(store, made, f"edit_{k:03d}"))
        if judge is not None and judge.attribute_names:
            with torch.inference_mode():
                read.append(judge.attributes(made).cpu())
    start = int(np.argmin(np.abs(np.asarray(distances))))
    strips = tuple(
        Strip(label=name, values=tuple(distances), images=tuple(images), origin=start)
        for name, images in zip(subject.names, zip(*frames, strict=True), strict=True)
    )
    moved = Moved(
        walk=dataclasses.replace(walk, strips=strips),
        attributes=tuple(judge.attribute_names) if read and judge is not None else (),
        scores=torch.stack(read).mean(1).t().double().numpy() if read else None,
        deviation=_deviation(generator, judge) if read and judge is not None else None,
    )
    return EditResult(pairs=keep_subject(store, subject), mse=subject.mse(), moved=moved, exchanged=None)


def _deviation(generator: Generator, judge: Predictor) -> npt.NDArray[np.float64]:
    """Standard deviation of each attribute over samples of the generator, [A]."""
    with torch.inference_mode():
        z, label = generator.sample_z(SAMPLES, seed=0), generator.sample_label(SAMPLES, seed=0)
        wp_NLD = generator.expand(generator.map(z, label))
    found: npt.NDArray[np.float64] = attributes_at(generator, judge, wp_NLD, batch_size=8).std(0, dtype=np.float64)
    return found


def _exchanged(
    generator: Generator,
    images: object,
    reference: object,
    mask: object,
    encoder: object,
    options: EditOptions,
    store: Store,
) -> EditResult:
    """Every image with the region of the reference, one for all or one each."""
    spec = generator.spec
    asked = options.rows is not None or options.levels is not None
    middle = f"{spec.num_layers // 3}-{spec.num_layers // 2}"
    rows, title = choose_rows(options.rows if asked else middle, options.levels, spec.num_layers)
    names = [layer.name for layer in editable_layers(generator, rows)]
    region = region_of(options.box, mask, spec.size)
    base = subject_of(generator, images, encoder, options)
    other = subject_of(generator, reference, encoder, options)
    if len(other) not in (1, len(base)):
        raise UsageError(f"{len(other)} references do not fit {len(base)} images: give one, or one for each.")
    theirs = [layer.expand(len(base), -1) if len(other) == 1 else layer for layer in other.styles]
    found = edit_locally(generator, base.styles, theirs, region, rows, options.way)
    changes = found.changes()
    heat, reach, most = _drawn(found)
    channels = found.edited_NCHW.shape[1]
    originals = None if base.image_NCHW is None else keep_images(store, base.image_NCHW, "original")
    coded = keep_images(store, found.base_NCHW, "reconstruction")
    exchanged = Exchanged(
        where=f"{title}: {', '.join(names)}",
        way=options.way,
        coded=coded,
        reference=keep_images(store, other.made_NCHW.expand(len(base), channels, -1, -1), "reference"),
        edited=keep_images(store, found.edited_NCHW, "edited"),
        change=keep_images(store, heat, "change"),
        change_most=most,
        reach=keep_images(store, reach, "reach"),
        inside=changes["inside"],
        outside=changes["outside"],
        beyond_reach=changes["beyond_reach"],
        share=changes["reach"],
    )
    return EditResult(pairs=pairs_of(base.names, originals, coded), mse=base.mse(), moved=None, exchanged=exchanged)


def _drawn(found: LocalEdit) -> tuple[Tensor, Tensor, float]:
    """The change, white for the largest, the region (white) with its reach (grey), [N, 3, H, W], and what white is."""
    difference = (found.edited_NCHW - found.base_NCHW).abs().mean(1, keepdim=True)
    most = difference.amax().clamp(min=1e-6)
    heat = (difference / most).expand(-1, 3, -1, -1) * 2 - 1
    reach = torch.where(found.mask_N1HW > 0, 1.0, torch.where(found.reach_N1HW, 0.0, -1.0)).expand(-1, 3, -1, -1)
    return heat, reach, float(most)
