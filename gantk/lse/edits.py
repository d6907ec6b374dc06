"""`gantk lse edit`: strokes of classes and colours on an image.

Shape legend: L rows of wp, D width, S side of the labels, H x W image.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from gantk.codes.given import GivenCodes, given_codes, numbered_codes, numbers_of
from gantk.codes.latents import parse_truncation
from gantk.codes.numbering import parse_seeds
from gantk.codes.source import CodeSource
from gantk.errors import UsageError
from gantk.generators.base import Generator, Truncation
from gantk.lse.editing import Edited, EditSettings, Stroke, image_of
from gantk.lse.heads import one_head
from gantk.lse.image_results import EditResult
from gantk.lse.options import EditOptions
from gantk.lse.replay import Read, Replayed, replay
from gantk.lse.session import EditSession
from gantk.lse.tables import side_by_side
from gantk.pictures.images import to_rgb8
from gantk.pictures.label_maps import check_ids, colour_map, draw
from gantk.pictures.shapes import BOX, DISC, parse_numbers, parse_shape, pixels_of
from gantk.predictors.heads import Head, HeadInfo
from gantk.runs.stores import Store
from gantk.runs.structure import Strip
from gantk.runs.task import verb

COLOUR_FORM = f"#rrggbb:{BOX} or #rrggbb:{DISC}"

Labels = npt.NDArray[np.uint8]
FRAMES = "frames"
PICTURES = ("before", "stroke", "after", "labels-before", "labels-after", "change")


@verb(EditOptions)
def edit(
    generator: Generator,
    head: object,
    code: object = None,
    stroke: object = None,
    session: Read | None = None,
    *,
    options: EditOptions,
    store: Store,
) -> EditResult:
    """Edit an image by strokes: "a tree here", "this sky more orange" (Xu & Zheng 2021, section 3.5).

    Args:
        generator: that the head is of.
        head: a head, or a result that carries one.
        code: wp [L, D] or [1, L, D], or a result with one code, to edit instead of a sample of the seed.
        stroke: a `Stroke`, or classes uint8 [S, S] of the head's size, 255 where nothing was painted; beside it the
            shapes of the options.
        session: of `gantk web`, from `read_session`: its edits are made again, and the result is of the last one.
        options: `EditOptions`, or its fields as keywords.

    Returns:
        The image before and after, and the way between.

    Raises:
        UsageError: there is no stroke, or one that is not understood.
        GantkError: a stroke of another size, or a code or head of another generator.
    """
    reader = one_head(head, generator)
    if session is not None:
        if code is not None or stroke is not None or options.shape or options.colour or options.compat or options.seeds:
            raise UsageError("--session has its own code, strokes and settings: give it alone.")
        with store.timed("edit"):
            again = replay(generator, reader, session)
        image = EditSession(generator, reader)
        image.show(again.last.after)
        base = (None, None) if session.session.code is not None else session.session.sample
        return _result(store, generator, reader, again.stroke, again.last, image.view.image, options, base, again)
    label = None if stroke is None or isinstance(stroke, Stroke) else _label_of(stroke, reader.info)
    wanted = stroke if isinstance(stroke, Stroke) else stroke_of(reader.info, options.shape, options.colour, label)
    truncation = None if options.compat else parse_truncation(options.truncation, generator.spec)
    procedure = "paper" if options.compat else "gantk"
    settings = EditSettings(
        options.steps, options.rate, options.schedule, preserve=options.preserve, procedure=procedure
    )
    editing = EditSession(generator, reader, truncation)
    given = given_codes(generator, code)
    if given is not None and options.index:
        raise UsageError(f"--index {options.index} names a sample, and {given.source} was given: leave one out.")
    if options.seeds is not None:
        if options.index:
            raise UsageError(f"--seeds {options.seeds} and --index {options.index} each name a sample: leave one out.")
        if given is not None:
            raise UsageError(f"--seeds {options.seeds} draws a code, and {given.source} was given: leave one out.")
        given = numbered_codes(generator, parse_seeds(options.seeds))
    if given is None:
        editing.generate(options.seed, options.index)
    else:
        drawn = options.seeds is not None
        editing.show(_one(generator, given, truncation if drawn else None))
    with store.timed("edit"):
        found = editing.edit(wanted.label, wanted.colour, wanted.painted, settings)
    sample = (options.seed, options.index) if given is None else (None, None)
    return _result(store, generator, reader, wanted, found, editing.view.image, options, sample)


def _one(generator: Generator, given: GivenCodes, truncation: Truncation | None) -> torch.Tensor:
    if len(given) != 1:
        raise UsageError(
            f"There are {len(given)} codes in {given.source} where one is edited: give one, such as codes[:1]."
        )
    return CodeSource(generator, truncation=truncation, codes=given).batch(0, 1).wp


def _result(
    store: Store,
    generator: Generator,
    head: Head,
    stroke: Stroke,
    found: Edited,
    image: Labels,
    options: EditOptions,
    sample: tuple[int | None, int | None],
    again: Replayed | None = None,
) -> EditResult:
    colours = head.class_colours
    before, after = image_of(found, head.info.size)
    change, most = _difference(before, after)
    drawn = (before, _painted(before, stroke, head), after, found.label_before, found.label_after, change)
    named = {f"{name}.png": side_by_side([x], colours) for name, x in zip(PICTURES, drawn, strict=True)}
    pictures = store.keep_pictures({**named, "image.png": image})
    rows = (found.after - found.before).square().mean((0, 2)).sqrt()
    return EditResult(
        before=pictures[0],
        stroke=pictures[1],
        after=pictures[2],
        labels_before=pictures[3],
        labels_after=pictures[4],
        change=pictures[5],
        change_most=most,
        image=pictures[6],
        strip=_strip(store, generator, found, options.frames),
        losses=found.losses,
        followed=None if stroke.label is None else found.followed,
        changed=found.changed,
        moved=rows.double().cpu().numpy(),
        class_names=tuple(head.class_names),
        class_colours=tuple(colours),
        wp=torch.cat([found.before, found.after]).float().cpu().numpy(),
        label=found.label_after,
        seed=sample[0],
        index=sample[1],
        source=generator.source,
        session=None if again is None else np.frombuffer(again.data, np.uint8),
        replayed=None if again is None else again.sentence(),
    )


def _label_of(stroke: object, info: HeadInfo) -> Labels:
    """The classes of a stroke that Python gives.

    Raises:
        UsageError: it is no array. GantkError: a number is no class.
    """
    label = numbers_of(stroke, "stroke")
    check_ids(label, info.classes, "The stroke")
    return label.astype(np.uint8)


def _painted(before: Labels, stroke: Stroke, head: Head) -> Labels:
    painted = before.copy() if before.shape[2] == 3 else before.repeat(3, 2)
    if stroke.label is not None:
        mask = stroke.label != 255
        painted[mask] = (0.35 * painted[mask] + 0.65 * colour_map(stroke.label, head.class_colours)[mask]).astype(
            np.uint8
        )
    if stroke.colour is not None and stroke.painted is not None:
        painted[stroke.painted] = stroke.colour[stroke.painted]
    return painted


def _difference(before: Labels, after: Labels) -> tuple[Labels, float]:
    """How much each pixel changed, white for most, and what that is, of a range of 2."""
    change = np.abs(after.astype(np.float32) - before).mean(2)
    most = max(float(change.max()), 1.0)
    return np.repeat((255 * change / most).astype(np.uint8)[..., None], 3, 2), most / 127.5


@torch.inference_mode()
def _strip(store: Store, generator: Generator, found: Edited, count: int) -> Strip:
    """The way from the image to the edited one."""
    shares = np.linspace(0, 1, count)
    frames = {}
    for place, share in enumerate(shares):
        image = generator.synthesize(torch.lerp(found.before, found.after, float(share)))
        frames[f"{FRAMES}/{place:02d}.png"] = side_by_side([to_rgb8(image)[0]], ())
    store.keep_pictures(frames)
    return store.strip("the edit", shares.tolist(), frames, "share of the edit")


def stroke_of(
    info: HeadInfo, shapes: Sequence[str], colours: Sequence[str], label: npt.NDArray[np.uint8] | None = None
) -> Stroke:
    """The strokes of ``--shape`` and ``--colour``, drawn onto a label map that is given.

    Raises:
        UsageError: nothing is drawn, or a shape is not understood or lies outside the image.
    """
    size = info.size
    if shapes:
        label = draw(shapes, info.class_names, size, label)
    colour = painted = None
    for text in colours:
        match = re.fullmatch(r"#([0-9a-fA-F]{6}):(.+)", text.strip())
        if match is None or len(parse_numbers(match[2])) not in (3, 4):
            raise UsageError(f"--colour {text!r} is not understood: write {COLOUR_FORM}.")
        if colour is None or painted is None:
            colour, painted = np.zeros((size, size, 3), np.uint8), np.zeros((size, size), bool)
        mask = pixels_of(parse_shape(match[2], f"--colour {text!r}", COLOUR_FORM), size, text)
        colour[mask], painted[mask] = np.frombuffer(bytes.fromhex(match[1]), np.uint8), True
    if label is None and colour is None:
        raise UsageError("There is no stroke: give --shape, --stroke or --colour.")
    return Stroke(label, colour, painted)
