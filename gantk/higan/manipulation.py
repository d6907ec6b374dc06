"""The verb of `gantk manipulate`: samples moved along directions, every step rendered; `moving.py` has the maths.

Legend: N samples, T steps, L rows of wp, D the width of a code, H x W pixels.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from gantk.codes.directions import Direction
from gantk.codes.entries import Entry, entries_of
from gantk.codes.source import Codes, CodeSource, show_truncation
from gantk.codes.spread import spread_of, unit_of
from gantk.errors import UsageError
from gantk.generators.base import Drawing, Generator, State, Truncation, WpOrStyles
from gantk.higan.manipulated import Animation, ManipulateResult, Moved, grid_of
from gantk.higan.moving import Edit, check_edits, condition, motion, move, plan_edit, steps
from gantk.higan.options import ManipulateOptions
from gantk.higan.realism import check_number, measured
from gantk.higan.restart import first_layer, repeated
from gantk.higan.synthesis import array_of
from gantk.pictures.animation import require_mp4
from gantk.pictures.images import to_uint8
from gantk.predictors.base import Predictor
from gantk.predictors.departure import Departure
from gantk.runs.animations import animation_names
from gantk.runs.commits import CommitsBehind
from gantk.runs.results import record
from gantk.runs.stores import Pictures, Store, remaining
from gantk.runs.task import verb
from gantk.runs.walk import Walk
from gantk.store.chunks import parts
from gantk.store.progress import Bar, progress

Array = npt.NDArray[Any]

IMAGES = "images"
MOST_SHOWN = 24  # samples on the page
DEFAULT_NUM = 4


class NoVideoWarning(UserWarning):
    """A video was asked for that becomes another format."""


@record
class MoveFacts:
    """One direction, as the result of joined parts has to know it."""

    name: str
    prefix: str
    direction: Direction
    space: str
    rows: tuple[int, ...] | None
    distances: tuple[float, ...]
    array: str | None
    departures: tuple[Departure, ...]
    unit: str
    spread: float | None


@record
class ManipulationFacts:
    """What the result of joined parts has to know beside the arrays.

    Attributes:
        kept: spaces whose unmoved codes are written.
        form: suffix of the image files; empty where there are none.
        formats: of animations.
    """

    num: int
    truncation: str
    conditions: tuple[str, ...]
    kept: tuple[str, ...]
    moves: tuple[MoveFacts, ...]
    form: str
    formats: tuple[str, ...]


@verb(ManipulateOptions)
def manipulate(
    generator: Generator,
    directions: object,
    codes: object = None,
    conditions: object = (),
    reader: Predictor | None = None,
    *,
    options: ManipulateOptions,
    store: Store,
) -> ManipulateResult:
    """Move samples along directions and render every step (HiGAN, section 3.3).

    Args:
        generator: any family.
        directions: a `Direction`, a result that carries one, or several of these; each is moved along alone.
        codes: to move instead of drawn ones; see `gantk.codes.given.given_codes`.
        conditions: directions that are to stay still, of the same space.
        reader: whose features say how far edits may go (`realism`); by default the bundled predictor for bundled
            generators, else `imagenet`.
        options: `ManipulateOptions`, or its fields as keywords. Without distances a direction brings its own range,
            without `rows` its own rows.

    Returns:
        A walk for each direction, with the codes before and after.

    Raises:
        UsageError: rows for a z-direction, codes given after a direction's space, a condition of another space, a
            motion that the generator cannot have, or an animation without images.
    """
    formats = wanted_formats(options)
    check_number(options.realism, options.absolute)
    matrix = motion(options.rotate, (options.translate[0] + options.tx, options.translate[1] + options.ty), generator)
    still = entries_of(conditions, generator) if conditions else []
    entries = [condition(entry, still) for entry in entries_of(directions, generator)]
    source = options.source(generator, codes, drawn=DEFAULT_NUM)
    edits = [_edit(entry, source, options, alone=len(entries) == 1) for entry in entries]
    check_edits(source, edits)
    kept = _kept(source)
    joins = [f"manipulate_{name}" for name in kept] + [edit.array for edit in edits if edit.space != "s"]
    each = source.bytes_of(*kept) + sum(
        len(edit.distances) * source.bytes_of(edit.space) for edit in edits if edit.space != "s"
    )
    chunks = store.chunks(joins, source.total, max(1, options.batch_size // options.step), each)
    todo, samples = remaining(chunks)
    with (
        torch.inference_mode(),
        store.timed("manipulation"),
        store.pictures(options.quality, options.workers) as pictures,
        progress(samples * sum(len(edit.distances) for edit in edits), "manipulate", unit="img") as bar,
    ):
        commits = CommitsBehind(chunks)
        work = _Moving(source, edits, options, matrix, pictures, bar)
        for index, start, stop in todo:
            arrays, futures = work.chunk(start, stop)
            commits.add(index, {name: arrays[name] for name in joins}, futures)
        commits.flush()
    found: tuple[tuple[Departure, ...], ...] = ((),) * len(edits)
    if options.realism:
        from gantk.predictors.defaults import features_for

        with store.timed("realism"):
            found = measured(
                source, edits, features_for(generator) if reader is None else reader, work.images, options.realism,
                max(1, options.batch_size), options.label,
            )  # fmt: skip
    facts = ManipulationFacts(
        num=source.total,
        truncation=show_truncation(source.truncation),
        conditions=tuple(entry.title for entry in still),
        kept=tuple(kept),
        moves=tuple(
            _described(edit, generator, steps, source.truncation) for edit, steps in zip(edits, found, strict=True)
        ),
        form="" if options.skip_image else options.image_format,
        formats=formats,
    )
    return conclude(store.assemble(chunks, facts), facts, options, store)


def wanted_formats(options: ManipulateOptions) -> tuple[str, ...]:
    """The animations to write; an impossible one is said before any work.

    Raises:
        UsageError: an mp4 was asked for by name and ffmpeg is not installed, or there are no images.
    """
    formats = list(dict.fromkeys(options.animation))
    if options.generate_video and "mp4" not in formats:
        try:
            require_mp4()
            formats.append("mp4")
        except UsageError:
            text = "ffmpeg is not installed (pip install 'gantk[video]'): the video becomes a gif."
            warnings.warn(text, NoVideoWarning, stacklevel=2)
            formats += [] if "gif" in formats else ["gif"]
    if "mp4" in formats:
        require_mp4()
    if formats and options.skip_image:
        raise UsageError("An animation needs images: leave out --skip-image.")
    return tuple(formats)


def _edit(entry: Entry, source: CodeSource, options: ManipulateOptions, alone: bool) -> Edit:
    scale = entry.direction.scale_of(entry.number)
    low = -scale if options.start_distance is None else options.start_distance
    high = scale if options.end_distance is None else options.end_distance
    chosen = None if entry.space == "z" and not alone else options.rows  # rows are for the others
    return plan_edit(
        entry,
        source,
        steps(low, high, options.step),
        chosen,
        options.layerwise_manipulation,
        not options.disable_manipulation_truncation,
        options.absolute,
    )


def _described(
    edit: Edit, generator: Generator, found: tuple[Departure, ...], truncation: Truncation | None
) -> MoveFacts:
    every = edit.layers is None or edit.layers == tuple(range(generator.spec.num_layers))
    compensated = edit.compensate or edit.space != "wp"
    return MoveFacts(
        name=edit.entry.title,
        prefix=edit.entry.prefix,
        direction=edit.entry.alone(),
        space=edit.space,
        rows=None if every else edit.layers,
        distances=edit.distances,
        array=None if edit.space == "s" else edit.array,
        departures=found,
        unit=unit_of(edit.entry.direction, compensated),
        spread=spread_of(generator, edit.entry.direction, edit.entry.number, truncation, edit.layers, compensated),
    )


def _kept(source: CodeSource) -> list[str]:
    """The spaces whose unmoved codes are written: all before wp, and wp where it was given."""
    return [name for name in source.spaces if name != "wp"] or ["wp"]


class _Moving:
    """A chunk of samples at a time: the codes as drawn, every direction's steps, and their images in batches."""

    def __init__(
        self,
        source: CodeSource,
        edits: Sequence[Edit],
        options: ManipulateOptions,
        transform: Array | None,
        pictures: Pictures,
        bar: Bar,
    ) -> None:
        self.source, self.edits, self.options, self.transform = source, edits, options, transform
        self.pictures, self.bar = pictures, bar

    def chunk(self, start: int, stop: int) -> tuple[dict[str, Array], list[Future[Any]]]:
        codes = self.source.batch(start, stop)
        arrays = {f"manipulate_{name}": array_of(codes.space(name)) for name in _kept(self.source)}
        futures: list[Future[Any]] = []
        for edit in self.edits:
            moved = move(codes, self.source, edit)
            if isinstance(moved, Tensor):  # no styles
                arrays[edit.array] = array_of(moved)
            if self.options.skip_image:
                self.bar.update((stop - start) * len(edit.distances))
                continue
            names = [
                image_name(edit.entry.prefix, sample, step, self.options.image_format)
                for sample in range(start, stop)
                for step in range(len(edit.distances))
            ]
            place = 0
            for image_NCHW in self._render(self.source, codes, edit, moved, start):
                part = names[place : place + len(image_NCHW)]
                futures += self.pictures.write(part, to_uint8(image_NCHW))
                place += len(image_NCHW)
                self.bar.update(len(image_NCHW))
        return arrays, futures

    def images(self, source: CodeSource, edit: Edit, start: int, stop: int) -> Iterator[Tensor]:
        """Images of all steps of samples of any source, samples first, in batches."""
        codes = source.batch(start, stop)
        yield from self._render(source, codes, edit, move(codes, source, edit), start)

    def _render(self, source: CodeSource, codes: Codes, edit: Edit, moved: WpOrStyles, first: int) -> Iterator[Tensor]:
        """Yield images of all steps of all samples of a chunk, samples first, in batches."""
        count = len(edit.distances)
        options: Drawing = {}
        if self.transform is not None:
            options["transform"] = torch.as_tensor(self.transform, dtype=codes.wp.dtype, device=codes.wp.device)
        if not isinstance(moved, Tensor):  # styles
            flat: WpOrStyles = tuple(style.flatten(0, 1) for style in moved)
        elif edit.space == "z":  # one step at a time, all samples in order, so that each is mapped with its own label
            flat = torch.stack([source.from_z(moved[:, step], first) for step in range(count)], dim=1).flatten(0, 1)
        else:
            flat = source.expand(moved.flatten(0, 1)) if edit.space == "w" else moved.flatten(0, 1)
        state = _restart(source.generator, codes.wp, edit, options)
        for start, stop in parts(0, len(codes.wp) * count, self.options.batch_size):
            part = flat[start:stop] if isinstance(flat, Tensor) else tuple(style[start:stop] for style in flat)
            begin = None if state is None else repeated(state, count, start, stop)
            yield source.generator.synthesize(part, start=begin, **options)


def _restart(generator: Generator, wp_NLD: Tensor, edit: Edit, options: Drawing) -> State | None:
    """The state before the first layer that moves, shared by all steps; None where the first layer does."""
    if edit.space != "wp" or edit.layers is None:
        return None
    layer = first_layer(generator, edit.layers)
    return generator.cache(wp_NLD, before=layer, **options) if layer else None


def image_name(prefix: str, sample: int, step: int, form: str) -> str:
    """The file of one step: HiGAN's `<prefix>_<sample>_<step>`, in the folder of images."""
    return f"{IMAGES}/{prefix}_{sample:05d}_{step:03d}.{form}"


# --- the result ------------------------------------------------------------------------------------------------------


def conclude(
    arrays: Mapping[str, Array], facts: ManipulationFacts, options: ManipulateOptions, store: Store
) -> ManipulateResult:
    """The result of moved samples whose arrays are whole."""
    quantity = "distance from the boundary" if options.absolute else "distance"
    shown = range(min(facts.num, MOST_SHOWN)) if facts.form else range(0)
    moved = []
    for each in facts.moves:
        strips = []
        for sample in shown:
            names = [image_name(each.prefix, sample, step, facts.form) for step in range(len(each.distances))]
            label = options.name_of(sample)
            strips.append(store.strip(label, each.distances, names, quantity, drawn=not options.absolute))
        walk = Walk(
            name=each.name,
            space=each.space,
            rows=each.rows,
            strips=tuple(strips),
            unit=each.unit,
            spread=each.spread,
            animations=animation_names(each.prefix, facts.formats),
        )
        codes = None if each.array is None else arrays[each.array]
        moved.append(
            Moved(
                direction=each.direction, prefix=each.prefix, distances=each.distances, walk=walk, codes=codes,
                departures=each.departures,
            )
        )  # fmt: skip
    grid = grid_of(vars(options))
    animation = Animation(formats=facts.formats, fps=options.fps, once=options.once, grid=grid)
    return ManipulateResult(
        num=facts.num,
        truncation=facts.truncation,
        conditions=facts.conditions,
        unmoved={space: arrays[f"manipulate_{space}"] for space in facts.kept},
        moved=tuple(moved),
        animation=animation if facts.formats else None,
    )
