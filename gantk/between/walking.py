"""A video through codes: seeds or saved codes as keys, and what lies between them.

Shape legend: K keys, T frames, C classes, L rows of wp, D the width of a code.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gantk.between.options import WalkOptions
from gantk.between.paths import along, frame_times
from gantk.between.walked import WalkResult
from gantk.codes.source import CodeSource, show_truncation
from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.pictures.animation import require_mp4
from gantk.pictures.images import to_uint8
from gantk.runs.commits import CommitsBehind
from gantk.runs.stores import Store, remaining
from gantk.runs.task import verb
from gantk.store.chunks import parts
from gantk.store.memory import require
from gantk.store.progress import progress

KEYS = 6
CODES = "walked"


@verb(WalkOptions)
def walk(generator: Generator, codes: object = None, *, options: WalkOptions, store: Store) -> WalkResult:
    """Render a path through codes, frame by frame, with the same noise in all of them.

    Args:
        generator: any family.
        codes: the keys, instead of drawn ones; see `gantk.codes.given.given_codes`.
        options: `WalkOptions`, or its fields as keywords.

    Returns:
        Every frame with its code. Classes of keys are mixed in proportion where z is walked in.

    Raises:
        UsageError: less than two keys, or a space that is not known of the codes given.
    """
    formats = tuple(dict.fromkeys(options.animation)) or ("gif",)
    if "mp4" in formats:
        require_mp4()
    source = options.source(generator, codes, drawn=KEYS)
    space = options.space or ("wp" if source.first_space == "wp" else "w")
    if space not in source.spaces:
        known = ", ".join(source.spaces)
        raise UsageError(f"A walk in {space} is not possible: of these codes there are {known}.")
    frames = source.total * options.frames
    require(frames * source.bytes_of(space), f"The codes of {frames} frames", "give a smaller --num or --frames")
    times_T = frame_times(source.total, options.frames, options.loop)
    with torch.inference_mode():
        keys = source.batch(0, source.total).space(space)
        centre = _centre(source, space) if options.path == "spherical" else 0.0
        path_T = along(_array(keys), times_T, options.path, options.loop, centre).astype(np.float32)
        label_TC = _labels(source, times_T, options) if space == "z" else None
    names = [f"frames/{place:06d}.png" for place in range(len(times_T))]
    chunks = store.chunks([CODES], len(times_T), options.batch_size, source.bytes_of(space))
    todo, count = remaining(chunks)
    with (
        torch.inference_mode(),
        store.timed("walk"),
        store.pictures() as pictures,
        progress(count, "walk", unit="img") as bar,
    ):
        commits = CommitsBehind(chunks)
        for index, start, stop in todo:
            written: list[Future[Any]] = []
            for first, last in parts(start, stop, options.batch_size):
                part = torch.from_numpy(path_T[first:last]).to(generator.device, generator.dtype)
                label = None if label_TC is None else label_TC[first:last]
                images = to_uint8(generator.synthesize(_wp(source, space, part, label)))
                written += pictures.write(names[first:last], images)
                bar.update(last - first)
            commits.add(index, {CODES: path_T[start:stop]}, written)
        commits.flush()
    walked = store.assemble(chunks)[CODES]
    count = min(options.strip, len(names))
    ends = len(names) - (len(names) / count if options.loop else 1)  # a loop's last picture is not its first again
    given = codes is not None
    return WalkResult(
        keys=tuple(f"code {place}" if given else options.name_of(place) for place in range(source.total)),
        space=space,
        path=options.path,
        loop=options.loop,
        frames=tuple(store.picture(name) for name in names),
        times=times_T,
        codes=walked,
        shown=tuple(int(place) for place in np.round(np.linspace(0, ends, count)).astype(int)),
        formats=formats,
        fps=options.fps,
        truncation=show_truncation(source.truncation),
    )


def _array(tensor: Tensor) -> np.ndarray:
    return np.array(tensor.detach().cpu().numpy(), np.float64)


def _centre(source: CodeSource, space: str) -> np.ndarray | float:
    """What codes turn about: zero in z, the mean code in w and wp, or zero where there is none."""
    if space == "z" or not source.generator.spec.can_truncate:
        return 0.0
    average = source.generator.average_w()
    return _array(average if space == "w" else source.generator.expand(average[None])[0])


def _labels(source: CodeSource, times_T: np.ndarray, options: WalkOptions) -> Tensor | None:
    """Shares of classes of every frame [T, C]: those of its two keys, in proportion."""
    label = source.labels(0, source.total)
    if label is None:
        return None
    if not label.is_floating_point():
        label = torch.nn.functional.one_hot(label, source.generator.spec.label_dim)
    rows_TC = along(_array(label), times_T, "linear", options.loop).astype(np.float32)
    return torch.from_numpy(rows_TC).to(source.generator.device)


def _wp(source: CodeSource, space: str, codes: Tensor, label: Tensor | None) -> Tensor:
    if space == "wp":
        return codes
    return source.expand(codes if space == "w" else source.generator.map(codes, label))
