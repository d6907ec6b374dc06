"""Moving codes along directions (HiGAN, section 3.3; specs: out = x + d * s * b) and rendering every step.

Codes are moved in the space that says what is wanted: z before mapping, w before truncation when the whole code moves,
and wp, row by row, when layers are chosen. A w-direction inside truncated wp is scaled by psi on the truncated rows, so
that both ways of moving every row give the same image.

Legend: N samples, T steps, L rows of wp, D the width of a code, H x W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.codes.directions import project
from gantk.codes.entries import Entry
from gantk.codes.source import Codes, CodeSource
from gantk.errors import UsageError
from gantk.generators.base import Generator, State
from gantk.generators.rows import parse_layers
from gantk.higan.restart import first_layer, repeat, rows_of
from gantk.higan.synthesis import CommitsBehind, array_of
from gantk.pictures.images import ImageWriter, to_uint8
from gantk.runs.run import Run, progress

Array = npt.NDArray[Any]

IMAGES = "images"
MOST_SHOWN = 24  # samples on the page


@dataclass(frozen=True)
class Edit:
    """One direction and how far codes go along it.

    Attributes:
        entry: the direction.
        space: the space codes are moved in: z, w, wp or s.
        layers: the rows of wp that move (of the styles for s); None in z and w, which feed all.
        distances: of the steps [T], signed.
        compensate: whether a w-direction inside wp is scaled by psi on truncated rows.
        absolute: distances are those from the boundary, not those to go.
    """

    entry: Entry
    space: str
    layers: tuple[int, ...] | None
    distances: tuple[float, ...]
    compensate: bool = True
    absolute: bool = False

    @property
    def array(self) -> str:
        """The array of the moved codes: HiGAN's `<name>_<space>_manipulated_<space moved in>`."""
        return f"{self.entry.prefix}_manipulated_{self.space}"


@dataclass(frozen=True)
class ManipulationPlan:
    """How to write.

    Attributes:
        images: whether images are rendered and written.
        image_form, quality: of the image files.
        save_codes: whether the moved codes are written.
        transform: StyleGAN3's forward motion [3, 3].
        batch_size: images rendered at once.
        chunk: samples per chunk.
    """

    images: bool = True
    image_form: str = "png"
    quality: int = 95
    save_codes: bool = True
    transform: Array | None = None
    batch_size: int = 16
    chunk: int = 4


def steps(start: float, end: float, count: int) -> tuple[float, ...]:
    """Evenly spaced distances, both ends included; any count from 1 on. One step is the start alone.

    Values that are zero but for rounding are zero, so that the unmoved code is among them exactly.
    """
    if count < 1 or not (math.isfinite(start) and math.isfinite(end)):
        raise UsageError(f"{count} steps from {start} to {end} make no range: give finite ends and at least one step.")
    values = np.linspace(start, end, count)
    scale = max(abs(start), abs(end))
    return tuple(float(value) if abs(value) > 1e-12 * scale else 0.0 for value in values)


def plan_edit(
    entry: Entry,
    source: CodeSource,
    distances: Sequence[float],
    layers: str | None = None,
    layerwise: bool = False,
    compensate: bool = True,
    absolute: bool = False,
) -> Edit:
    """Decide where codes are moved: in the direction's own space, or in wp when rows are chosen.

    Args:
        layers: what the caller asks for ("all" for every row); None leaves it to the direction.
        layerwise: move wp although no rows are chosen.

    Raises:
        UsageError: layers for a z-direction, layers out of range, or codes given after the direction's space.
    """
    direction, spec = entry.direction, source.generator.spec
    if direction.space not in (*source.spaces, "s") and not (direction.space == "w" and "wp" in source.spaces):
        raise UsageError(
            f"{entry.title!r} is a direction of {direction.space}, and of the codes given only "
            f"{' and '.join(source.spaces)} are known: give codes of {direction.space}, or draw them."
        )
    distances = tuple(float(distance) for distance in distances)
    if direction.space == "s":
        styled = sum(1 for layer in source.generator.layers if layer.style_dim)
        chosen = parse_layers(_text(layers, direction.layers), styled)
        return Edit(entry, "s", chosen, distances, compensate, absolute)
    if direction.space == "z":
        if layers not in (None, "all"):
            raise UsageError(
                f"{entry.title!r} is a direction of z, which feeds every layer: leave --layers out, or find one of w."
            )
        return Edit(entry, "z", None, distances, compensate, absolute)
    rows = choose_rows(layers, direction.layers, source.generator)
    every = rows == tuple(range(spec.num_layers))
    if direction.space == "w" and every and not layerwise and "w" in source.spaces:
        return Edit(entry, "w", None, distances, compensate, absolute)
    return Edit(entry, "wp", rows, distances, compensate, absolute)


def _text(layers: str | None, own: tuple[int, ...] | None) -> Any:
    return own if layers is None else None if layers == "all" else layers


def choose_rows(layers: str | None, own: tuple[int, ...] | None, generator: Generator) -> tuple[int, ...]:
    """The rows of wp to move: as the caller asks, by number, range or layer name, or else what a direction brings."""
    names = {layer.name: layer.row for layer in generator.layers}
    return parse_layers(_text(layers, own), generator.spec.num_layers, names)


def condition(entry: Entry, others: Sequence[Entry]) -> Entry:
    """The direction without what it shares with others of its space (HiGAN's conditional manipulation).

    Raises:
        UsageError: another space, or nothing is left.
    """
    if not others:
        return entry
    for other in others:
        if other.space != entry.space:
            raise UsageError(
                f"{other.title!r} is a direction of {other.space} and {entry.title!r} one of {entry.space}: "
                "a condition must be of the same space."
            )
    alone = entry.alone()
    vectors = project(alone.vectors[0], [other.direction.vectors[other.number] for other in others])
    projected = alone.replace(vectors=vectors[None].astype(np.float32), intercept=None)
    return Entry(entry.title, projected, 0, entry.source)


def motion(rotate: float, translate: tuple[float, float], generator: Generator) -> Array | None:
    """StyleGAN3's forward motion [3, 3]: rotation in degrees, then translation in fractions of the canvas.

    Raises:
        UsageError: the generator has no such input.
    """
    if not rotate and not any(translate):
        return None
    if not generator.spec.has_transform:
        raise UsageError(
            f"--rotate and --translate move the input of a StyleGAN3, and this is a {generator.spec.family}: "
            "leave them out, or give a StyleGAN3."
        )
    cosine, sine = math.cos(math.radians(rotate)), math.sin(math.radians(rotate))
    return np.array([[cosine, sine, translate[0]], [-sine, cosine, translate[1]], [0.0, 0.0, 1.0]])


def move(codes: Codes, source: CodeSource, edit: Edit) -> Any:
    """Codes moved by every step: [N, T, D] or [N, T, L, D]; for styles a tuple of [N, T, C]."""
    direction, row = edit.entry.direction, edit.entry.number
    count = len(edit.distances)
    if edit.space == "s":
        base: Any = tuple(style.repeat_interleave(count, dim=0) for style in source.generator.styles(codes.wp))
        n = len(codes.wp)
    else:
        base = codes.space(edit.space).repeat_interleave(count, dim=0)
        n = len(base) // count
    distance = torch.tensor(edit.distances, dtype=codes.wp.dtype, device=codes.wp.device).repeat(n)
    truncation = source.truncation if edit.compensate and edit.space == "wp" and direction.space == "w" else None
    moved = direction.apply(base, distance, edit.layers, truncation, row, edit.absolute)
    if edit.space == "s":
        return tuple(style.reshape(n, count, -1) for style in moved)
    return moved.reshape(n, count, *moved.shape[1:])


def check_edits(source: CodeSource, edits: Sequence[Edit]) -> None:
    """Try every edit on one code, so that what cannot be done is said before anything is written."""
    with torch.inference_mode():
        codes = source.batch(0, 1)
        for edit in edits:
            move(codes, source, edit)


def manipulate(
    run: Run, source: CodeSource, edits: Sequence[Edit], plan: ManipulationPlan, workers: int | None = None
) -> None:
    """Move and render every sample along every direction, chunk by chunk; continue where an earlier run stopped.

    Leaves the codes as drawn (`manipulate_z.npy`, ...), `<prefix>_manipulated_<space>.npy` [N, T, ...] in float32, and
    an image per sample and step.
    """
    joins = [f"manipulate_{name}" for name in _kept(source, edits)]
    if plan.save_codes:
        joins += [edit.array for edit in edits if edit.space != "s"]
    ledger = run.ledger(joins, source.total, plan.chunk)
    missing = ledger.missing()
    count = sum(len(edit.distances) for edit in edits)
    total = sum(stop - start for start, stop in map(ledger.grid.bounds, missing)) * count
    if plan.images:
        run.output(IMAGES, "one image per sample and step")
    with (
        torch.inference_mode(),
        run.timed("manipulation"),
        ImageWriter(plan.image_form, plan.quality, workers) as writer,
        progress(total, "manipulate", unit="img") as bar,
    ):
        commits = CommitsBehind(ledger)
        for index in missing:
            start, stop = ledger.grid.bounds(index)
            arrays, futures = _chunk(run, source, edits, plan, start, stop, writer, bar)
            commits.add(index, {name: arrays[name] for name in joins}, futures)
        commits.flush()
    run.assemble(ledger)


def _kept(source: CodeSource, edits: Sequence[Edit]) -> list[str]:
    """The spaces whose unmoved codes are written: all before wp, and wp where it was given."""
    return [name for name in source.spaces if name != "wp"] or ["wp"]


def _chunk(
    run: Run,
    source: CodeSource,
    edits: Sequence[Edit],
    plan: ManipulationPlan,
    start: int,
    stop: int,
    writer: ImageWriter,
    bar: Any,
) -> tuple[dict[str, Array], list[Future[Path]]]:
    codes = source.batch(start, stop)
    arrays = {f"manipulate_{name}": array_of(codes.space(name)) for name in _kept(source, edits)}
    futures: list[Future[Path]] = []
    for edit in edits:
        moved = move(codes, source, edit)
        if edit.space != "s":
            arrays[edit.array] = array_of(moved)
        if not plan.images:
            bar.update((stop - start) * len(edit.distances))
            continue
        names = [
            image_name(edit.entry, sample, step, plan.image_form)
            for sample in range(start, stop)
            for step in range(len(edit.distances))
        ]
        place = 0
        for image_NCHW in _render(codes, source, edit, moved, start, plan):
            paths = [run.directory / name for name in names[place : place + len(image_NCHW)]]
            futures += writer.write(paths, to_uint8(image_NCHW))
            place += len(image_NCHW)
            bar.update(len(image_NCHW))
    return arrays, futures


def _render(codes: Codes, source: CodeSource, edit: Edit, moved: Any, first: int, plan: ManipulationPlan) -> Any:
    """Yield images of all steps of all samples of a chunk, samples first, in batches."""
    generator, count = source.generator, len(edit.distances)
    options: dict[str, Any] = {}
    if plan.transform is not None:
        options["transform"] = torch.as_tensor(plan.transform, dtype=codes.wp.dtype, device=codes.wp.device)
    if edit.space == "s":
        flat: Any = tuple(style.flatten(0, 1) for style in moved)
    elif edit.space == "z":  # one step at a time, all samples in order, so that each is mapped with its own label
        flat = torch.stack([source.from_z(moved[:, step], first) for step in range(count)], dim=1).flatten(0, 1)
    else:
        flat = source.expand(moved.flatten(0, 1)) if edit.space == "w" else moved.flatten(0, 1)
    state = _restart(generator, codes.wp, edit, options)
    repeated = None if state is None else repeat(state, count)
    total = len(codes.wp) * count
    for start in range(0, total, plan.batch_size):
        stop = min(start + plan.batch_size, total)
        part = tuple(style[start:stop] for style in flat) if edit.space == "s" else flat[start:stop]
        begin = None if repeated is None else rows_of(repeated, start, stop)
        yield generator.synthesize(part, start=begin, **options)


def _restart(generator: Generator, wp_NLD: Tensor, edit: Edit, options: dict[str, Any]) -> State | None:
    """The state before the first layer that moves, shared by all steps; None where the first layer does."""
    if edit.space != "wp" or edit.layers is None:
        return None
    layer = first_layer(generator, edit.layers)
    return generator.cache(wp_NLD, before=layer, **options) if layer else None


def image_name(entry: Entry, sample: int, step: int, form: str) -> str:
    """The file of one step: HiGAN's `<prefix>_<sample>_<step>`, in the folder of images."""
    return f"{IMAGES}/{entry.prefix}_{sample:05d}_{step:03d}.{form}"


# --- results for the page --------------------------------------------------------------------------------------------


def describe(edit: Edit, total: int, form: str, generator: Generator) -> dict[str, Any]:
    """One direction in the form the page reads; an empty form is a run without images."""
    layers: Any = None
    if edit.layers is not None and edit.layers != tuple(range(generator.spec.num_layers)):
        layers = list(edit.layers)
    shown = range(min(total, MOST_SHOWN)) if form else range(0)
    frames = [[image_name(edit.entry, n, t, form) for t in range(len(edit.distances))] for n in shown]
    nearest = min(range(len(edit.distances)), key=lambda step: (abs(edit.distances[step]), step))
    return {
        "name": edit.entry.title,
        "space": edit.space,
        "layers": layers,
        "quantity": "distance from the boundary" if edit.absolute else "distance",
        "distances": edit.distances,
        "frames": frames,
        "samples": [f"sample {n}" for n in shown],
        "start": nearest,
        "prefix": edit.entry.prefix,
    }
