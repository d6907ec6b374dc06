"""`gantk lse train`: gather labels and the Gram matrix once (in shards, if wanted), then solve.

Shape legend: N images, Z width of z, K classes, S side of the labels, D width of a pixel's features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.codes.given import GivenCodes
from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.lse import adam
from gantk.lse.codes import stream_of
from gantk.lse.gram import Moments, moments
from gantk.lse.images import Images
from gantk.lse.options import FewshotOptions, TrainOptions
from gantk.lse.results import Training, TrainResult
from gantk.lse.scoring import Subject, sheet
from gantk.lse.solving import STATE, Plan, Trained, contributions, solve
from gantk.lse.teachers import NamedTeacher, Teacher, teacher_of
from gantk.predictors.head_info import HeadInfo
from gantk.predictors.head_networks import HeadNetwork, LinearNetwork
from gantk.predictors.heads import Head, parse_taps
from gantk.runs.inputs import numbered
from gantk.runs.results import record
from gantk.runs.stores import Chunks, Store, remaining
from gantk.runs.structure import Image
from gantk.runs.task import verb
from gantk.store.chunks import CONCATENATE, SUM, parts
from gantk.store.progress import progress

Array = npt.NDArray[Any]
CODES, LABELS, MOMENTS = "z", "labels", "moments"
SHOWN = 8
WIDE = 2000  # features from which on a chunk's Gram matrix is large


@record
class TrainFacts:
    """What solving needs to know beside arrays and options: the classes."""

    teacher: str
    class_names: tuple[str, ...]
    class_colours: tuple[tuple[int, int, int], ...]


@verb(TrainOptions)
def train(generator: Generator, teacher: object = None, *, options: TrainOptions, store: Store) -> TrainResult:
    """Train segmentation heads on a generator's maps, from a teacher's labels of its own images (Xu & Zheng 2021).

    Args:
        generator: any family.
        teacher: a `Teacher`, a predictor that sees classes, or None for the default of a bundled generator.
        options: `TrainOptions`, or its fields as keywords.

    Returns:
        The heads, with their scores on held-out images.

    Raises:
        UsageError: no teacher, or options that do not go together. GantkError: labels that are none.
    """
    plan, images = plan_of(generator, options)
    labeller = teacher_of(generator, teacher, options.classes)
    chunks = gather(store, images, labeller, plan)
    facts = TrainFacts(
        teacher=labeller.name,
        class_names=tuple(labeller.class_names),
        class_colours=tuple(labeller.class_colours),
    )
    arrays = store.assemble(chunks, facts)
    return conclude(arrays, facts, options, store, generator, labeller)


def conclude(
    arrays: Mapping[str, Array],
    facts: TrainFacts,
    options: TrainOptions,
    store: Store,
    generator: Generator,
    teacher: Teacher | None = None,
) -> TrainResult:
    """Solve the heads from what was gathered, drawing the images again.

    Args:
        teacher: needed by the solver adam alone, which labels fresh images.
    """
    plan, images = plan_of(generator, options)
    names, label = facts.class_names, arrays[LABELS]
    named = NamedTeacher(facts.teacher, names, facts.class_colours)
    total = Moments.unpacked(np.asarray(arrays[MOMENTS])) if MOMENTS in arrays else None
    found = solve(store, images, teacher or named, plan, label, total)
    heads, trainings = [], []
    for each in found:
        shares = contributions(each.network, total) if isinstance(each.network, LinearNetwork) and total else None
        head = _head(each, images, named, plan, shares)
        heads.append(head)
        trainings.append(_training(each, shares))
    counts = np.bincount(np.asarray(label).ravel(), minlength=256)[: len(names)]
    pictures: tuple[Image, ...] = ()
    if options.held_out:
        shown = min(SHOWN, options.held_out)
        known = _Known(named, label)
        subject = Subject("", "", images.stream, known, {head.name: head for head in heads}, images.size)
        pictures = sheet(store, subject, shown, plan.num)
    for name in (STATE, f"adam.{STATE}"):
        store.drop_state(name)
    result = TrainResult(
        heads=tuple(head.learned() for head in heads),
        trainings=tuple(trainings),
        taps=images.taps,
        held_out=options.held_out,
        teacher=facts.teacher,
        class_names=names,
        class_colours=facts.class_colours,
        class_share=counts / max(int(counts.sum()), 1),
        empty_classes=tuple(name for name, count in zip(names, counts, strict=True) if count == 0),
        sheet=pictures,
        sheet_columns=("image", "teacher", *(head.name for head in heads)),
        z=arrays[CODES],
        labels=label,
    )
    result.bound(generator)
    return result


def images_of(generator: Generator, options: TrainOptions | FewshotOptions, first: GivenCodes | None = None) -> Images:
    """The images that options mean, as a head sees them; `first` are z of the first of them, where they are listed."""
    taps = parse_taps(options.taps, generator)
    size = options.size or min(generator.spec.resolution, 512)
    stream = stream_of(generator, options, first=first)
    return Images(stream, taps, size, not options.pixel_centres, options.batch_size)


def plan_of(generator: Generator, options: TrainOptions) -> tuple[Plan, Images]:
    """What the options mean for a generator."""
    listed = numbered(options, generator, "num")
    num, images = options.num if listed is None else len(listed), images_of(generator, options, listed)
    if options.solver == "adam":
        if listed is not None:
            raise UsageError("--solver adam learns from fresh images of every epoch: leave --seeds out.")
        schedule = adam.PAPER.scaled(options.epochs or adam.PAPER.epochs, options.epoch_images)
    else:
        schedule = adam.short(num, options.epochs or 16)
    # a chunk holds a Gram matrix: with wide features there are few of them
    least = -(-num // 16) if sum(images.channels) > WIDE else 32
    batch = options.batch_size
    chunk = options.chunk or batch * -(-max(least, 32) // batch)
    plan = Plan(options, num, chunk, schedule)
    if options.solver == "ridge" and set(plan.heads) != {"LSE"}:
        raise UsageError("--solver ridge is for the linear head: give --kind LSE alone.")
    return plan, images


def gather(store: Store, images: Images, teacher: Teacher, plan: Plan) -> Chunks:
    """z, label maps and moments of all images, chunk by chunk."""
    joins = {CODES: CONCATENATE, LABELS: CONCATENATE}
    if plan.options.solver != "adam":
        joins[MOMENTS] = SUM
    chunks = store.chunks(joins, plan.total, plan.chunk)
    todo, samples = remaining(chunks)
    with store.timed("labels"), progress(samples, "label", unit="img") as bar:
        for index, start, stop in todo:
            chunks.write(index, _chunk(images, teacher, plan, start, stop, MOMENTS in joins))
            bar.update(stop - start)
    return chunks


def _chunk(images: Images, teacher: Teacher, plan: Plan, start: int, stop: int, with_moments: bool) -> dict[str, Array]:
    z, label, total = [], [], None
    classes = len(teacher.class_names)
    for first, last in parts(start, stop, images.batch):
        z.append(images.stream.z(first, last).float().cpu().numpy())
        learned = min(last, plan.num) - first if with_moments else 0
        found, part = _labelled(images, teacher, first, last, learned, classes)
        label.append(found)
        if part is not None:
            total = part if total is None else total + part
    arrays: dict[str, Array] = {CODES: np.concatenate(z), LABELS: np.concatenate(label)}
    if with_moments:
        width = sum(images.channels)
        arrays[MOMENTS] = np.zeros((width + 1 + classes, width + 1)) if total is None else total.packed()
    return arrays


def _labelled(
    images: Images, teacher: Teacher, first: int, last: int, learned: int, classes: int
) -> tuple[npt.NDArray[np.uint8], Moments | None]:
    """Labels of samples and the moments of the first `learned`; their maps are let go before the next are drawn."""
    maps, label = images.draw(teacher, first, last)
    part = None
    if learned > 0:
        part = moments([x[:learned] for x in maps], label[:learned], classes, images.align_corners)
    return label.cpu().numpy(), part


class _Known(NamedTeacher):
    """The labels that were gathered of all images."""

    def __init__(self, teacher: Teacher, label_NSS: npt.NDArray[np.uint8]) -> None:
        super().__init__(teacher.name, teacher.class_names, teacher.class_colours)
        self.label_NSS = label_NSS

    def label(self, generator: Generator, wp: Tensor, image_NCHW: Tensor, size: int, start: int = 0) -> Tensor:
        return torch.from_numpy(np.array(self.label_NSS[start : start + len(wp)]))


def _head(trained: Trained, images: Images, teacher: Teacher, plan: Plan, shares: list[float] | None) -> Head:
    """A trained network as a head, with how it came about."""
    options = plan.options
    meta: dict[str, object] = {"solver": options.solver, "teacher": teacher.name, "num": plan.num}
    meta |= {"seed": options.seed, "passes": trained.total_passes}
    if shares is not None:
        meta["contributions"] = shares
    if trained.looks:
        last = trained.looks[-1].scores
        meta |= {"paper_miou": last.paper_miou, "dataset_miou": last.dataset_miou, "accuracy": last.accuracy}
    return head_of(trained.kind, trained.kind, trained.network, images, teacher, meta)


def head_of(
    kind: str, name: str, network: HeadNetwork, images: Images, teacher: Teacher, meta: Mapping[str, object]
) -> Head:
    """A trained network as a head for files and other systems."""
    from gantk.generators.probe import probe_of

    info = HeadInfo(
        kind, tuple(teacher.class_names), tuple(teacher.class_colours), images.taps, images.channels, images.size,
        images.align_corners, name, probe_of(images.generator), meta,
    )  # fmt: skip
    return Head(info, network)


def _training(trained: Trained, shares: list[float] | None) -> Training:
    return Training(
        name=trained.kind,
        passes=trained.total_passes,
        scores=trained.looks[-1].scores if trained.looks else None,
        intervals=trained.looks[-1].intervals if trained.looks else None,
        curve_passes=trained.passes[: len(trained.looks)],
        curve_miou=tuple(look.scores.paper_miou for look in trained.looks),
        losses=np.array(trained.losses, np.float64).reshape(-1, 2),
        contributions=None if shares is None else tuple(shares),
    )
