"""The verb `apply`: pictures of samples with their weights moved along directions, chunk by chunk.

Shape legend: N samples, T steps, D directions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from gantk.errors import GantkError, UsageError
from gantk.generators.rows import parse_numbers
from gantk.navigan.directions import WeightDirections, render, weights_of
from gantk.navigan.metrics import Metric, metric_for, squared
from gantk.navigan.options import SHOWN, ApplyOptions
from gantk.navigan.results import ApplyResult, EachEdit, Edited
from gantk.navigan.subject import Subject, subject, without_gradients
from gantk.pictures.images import to_uint8
from gantk.predictors.base import Predictor
from gantk.runs.animations import animation_names
from gantk.runs.commits import CommitsBehind
from gantk.runs.results import record
from gantk.runs.stores import Store, remaining
from gantk.runs.task import verb
from gantk.runs.walk import Walk
from gantk.store.chunks import parts
from gantk.store.progress import progress

IMAGES = "images"
MOST_SHOWN = 8  # samples on the page
UNMEASURED = 0.1  # of the weight's length: the strength where none is recommended
Array = npt.NDArray[Any]


@record
class Edit:
    """One direction and the strengths to render it at."""

    number: int
    strengths: tuple[float, ...]

    @property
    def array(self) -> str:
        """Name of the array of distances [N, T]."""
        return f"direction{self.number:03d}_distance"

    def image(self, sample: int, step: int, form: str) -> str:
        """The picture of one step."""
        return f"{IMAGES}/direction{self.number:03d}_{sample:05d}_{step:03d}.{form}"


@record
class ApplyFacts:
    """What the result has to know beside the arrays; `name`, `layer` and `count` are of the directions."""

    name: str
    layer: str
    count: int
    total: int
    metric: str | None
    edits: tuple[Edit, ...]


@verb(ApplyOptions)
@without_gradients
def apply(
    generator: nn.Module,
    weights: object,
    codes: object = None,
    metric: Metric | Predictor | str | None = None,
    each: object = None,
    *,
    options: ApplyOptions,
    store: Store,
) -> ApplyResult:
    """Render samples along weight directions.

    Args:
        generator: any family, or any network whose forward pass takes `codes` and returns images in [-1, 1].
        weights: weight directions, or a result that carries some.
        codes: None draws; else `gantk.GivenCodes`, an array, or a result with codes; of a module its inputs [N, ...].
        metric: what distances are measured with; as in `svd`.
        each: a direction and a strength for every sample, [N, 2], in place of `pick`, `start` and `end`.
        options: `ApplyOptions`, or its fields as keywords.

    Returns:
        Strips of the first samples, and distances [N, T] of every direction where there was a metric.

    Raises:
        UsageError: a direction that does not exist.
        GantkError: the directions are another layer's.
    """
    directions = weights_of(weights)
    if each is not None and (options.animation or options.pick is not None or not store.whole
                             or options.start_strength is not None or options.end_strength is not None):  # fmt: skip
        raise UsageError(
            "--each has its own directions and strengths: leave --pick, --start-strength, --end-strength, --animation "
            "and --shard out."
        )
    table = None if each is None else check_each(np.asarray(each), len(directions), "The table of --each")
    asked = options if table is None else dataclasses.replace(options, num=len(table))
    about = subject(generator, directions.layer, codes, asked)
    directions.check(about.target, options.force)
    if table is not None and about.total < len(table):
        raise UsageError(f"--each has {len(table)} rows and there are {about.total} samples: give as many.")
    options.forms()
    if table is not None:
        return _apply_each(about, directions, table, options, store)
    edits = _edits(directions, options, UNMEASURED * about.weight_length)
    judge = metric_for(generator, metric, options, needed=False)
    steps = sum(len(edit.strengths) for edit in edits)
    chunks = store.chunks([edit.array for edit in edits], about.total, options.batch_size, each=4 * steps)
    todo, samples = remaining(chunks)
    with (
        torch.inference_mode(),
        store.timed("editing"),
        store.pictures(options.quality, options.workers) as pictures,
        progress(samples * steps, "edit", unit="img") as bar,
    ):
        commits = CommitsBehind(chunks)
        for index, start, stop in todo:
            arrays = {edit.array: np.zeros((stop - start, len(edit.strengths)), dtype=np.float32) for edit in edits}
            futures: list[Future[Any]] = []
            for first, last in parts(start, stop, options.batch_size):
                prefix = about.target.prefix(about.codes(first, last))
                before = None if judge is None else judge.embed(about.target.images(prefix))
                for edit in edits:
                    delta = directions.delta(edit.number).to(about.target.weight)
                    for step, strength in enumerate(edit.strengths):
                        image_NCHW = about.target.moved(prefix, delta, strength)
                        if judge is not None and before is not None:
                            moved_N = squared(judge.embed(image_NCHW), before).float().cpu().numpy()
                            arrays[edit.array][first - start : last - start, step] = moved_N
                        names = [edit.image(sample, step, options.image_format) for sample in range(first, last)]
                        futures += pictures.write(names, to_uint8(image_NCHW))
                        bar.update(last - first)
            commits.add(index, arrays, futures)
        commits.flush()
    facts = ApplyFacts(
        name=directions.name,
        layer=about.target.layer,
        count=len(directions),
        total=about.total,
        metric=None if judge is None else judge.name,
        edits=tuple(edits),
    )
    return conclude(store.assemble(chunks, facts), facts, options, store)


def conclude(arrays: Mapping[str, Array], facts: ApplyFacts, options: ApplyOptions, store: Store) -> ApplyResult:
    edited = []
    for edit in facts.edits:
        strips = []
        for sample in range(min(facts.total, MOST_SHOWN)):
            names = [edit.image(sample, step, options.image_format) for step in range(len(edit.strengths))]
            strips.append(store.strip(options.name_of(sample), edit.strengths, names, "strength"))
        walk = Walk(
            name=f"direction {edit.number}",
            space="the weight",
            strips=tuple(strips),
            animations=animation_names(f"direction_{edit.number}", options.forms()),
        )
        distance = None if facts.metric is None else arrays[edit.array]
        scale = max(abs(value) for value in edit.strengths)
        edited.append(Edited(number=edit.number, walk=walk, scale=scale, distance=distance))
    return ApplyResult(
        name=facts.name,
        layer=facts.layer,
        count=facts.count,
        total=facts.total,
        metric=facts.metric,
        edited=tuple(edited),
        each=(),
        fps=options.fps,
    )


def _edits(directions: WeightDirections, options: ApplyOptions, default: float) -> list[Edit]:
    """The chosen directions, each with its strengths.

    Args:
        default: the strength of a direction that recommends none.
    """
    pick: Sequence[int] = range(min(SHOWN, len(directions)))
    if options.pick is not None:
        every = isinstance(options.pick, str) and options.pick.strip() == "all"
        pick = parse_numbers(None if every else options.pick, len(directions), "direction", "--pick")
    edits = []
    for number in pick:
        scale = directions.scale(number, default)
        low = -scale if options.start_strength is None else options.start_strength
        high = scale if options.end_strength is None else options.end_strength
        strengths = [round(float(value), 6) for value in np.linspace(low, high, options.step)]
        edits.append(Edit(number=number, strengths=tuple(strengths if options.step > 1 else [float(high)])))
    return edits


def _apply_each(
    about: Subject, directions: WeightDirections, table_N2: Array, options: ApplyOptions, store: Store
) -> ApplyResult:
    """One picture per sample, each with a direction and a strength of its own."""
    batch, form = options.batch_size, options.image_format
    names = [f"{IMAGES}/each_{sample:05d}.{form}" for sample in range(len(table_N2))]
    written: list[Future[Any]] = []
    with (
        torch.inference_mode(),
        store.timed("editing"),
        store.pictures(options.quality, options.workers) as pictures,
        progress(len(table_N2), "edit", unit="img") as bar,
    ):
        for start in range(0, len(table_N2), batch):
            part = table_N2[start : start + batch]
            prefix = about.target.prefix(about.codes(start, start + len(part)))
            number_N = torch.from_numpy(part[:, 0].astype(np.int64))
            strength_N = torch.from_numpy(part[:, 1].astype(np.float32))
            image_NCHW = render(about.target, prefix, directions, number_N, strength_N)
            written += pictures.write(names[start : start + len(part)], to_uint8(image_NCHW))
            bar.update(len(part))
        for future in written:
            future.result()
    return ApplyResult(
        name=directions.name,
        layer=about.target.layer,
        count=len(directions),
        total=len(table_N2),
        metric=None,
        edited=(),
        each=tuple(
            EachEdit(image=store.picture(name), number=int(number), strength=float(strength))
            for name, (number, strength) in zip(names, table_N2, strict=True)
        ),
        fps=options.fps,
    )


def check_each(table: Array, count: int, what: str) -> Array:
    """Directions and strengths [N, 2].

    Raises:
        GantkError: another shape, or numbers that are not finite.
        UsageError: a direction that does not exist.
    """
    if table.ndim != 2 or table.shape[1] != 2 or table.dtype.kind not in "fiu" or not np.isfinite(table).all():
        raise GantkError(
            f"{what} holds {table.dtype} {table.shape}, where [N, 2], a direction and a strength, was expected."
        )
    wrong = [value for value in table[:, 0] if value != int(value) or not 0 <= value < count]
    if wrong:
        raise UsageError(f"{what} asks for direction {wrong[0]:g}; there are directions 0 to {count - 1}.")
    return table
