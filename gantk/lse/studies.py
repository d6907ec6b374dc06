"""`gantk lse fewshot`: heads of N labelled images, repeated with other images, scored together on fresh ones.

Shape legend: N labelled images, L rows of wp, B heads, K classes, S side of the labels.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.codes.given import GivenCodes, codes_in, given_codes
from gantk.codes.source import CodeSource
from gantk.errors import GantkError, UsageError
from gantk.generators.base import Generator
from gantk.generators.frugal_steps import images_at_once
from gantk.lse import adam, shots
from gantk.lse.codes import stream_of
from gantk.lse.heads import one_head
from gantk.lse.images import Images
from gantk.lse.metrics import Scores, bootstrap, scores
from gantk.lse.options import FewshotOptions
from gantk.lse.results import FewshotResult, Fit, ShotRow, ShotScores
from gantk.lse.scoring import Subject, confusions, scored_at_once, sheet
from gantk.lse.shots import Labels, check_labels, shots_of
from gantk.lse.tables import side_by_side
from gantk.lse.teachers import FolderTeacher, Teacher, teacher_of
from gantk.lse.training import head_of, images_of
from gantk.pictures.images import to_rgb8
from gantk.predictors.grids import resize_grid
from gantk.predictors.head_info import LearnedHead
from gantk.predictors.head_networks import LinearNetwork
from gantk.runs.inputs import numbered
from gantk.runs.results import record
from gantk.runs.stores import Store
from gantk.runs.structure import Image
from gantk.runs.task import verb
from gantk.store.chunks import Grid

Array = npt.NDArray[Any]
FRESH = 2_000_000  # number of the first image to score on
ARRAY = "confusion-0"
MOST_SHOTS = 256
FULL = "full"


@record
class Fitted:
    """One head with how it was found; kept while others are still to be fitted."""

    head: LearnedHead
    fit: Fit
    seconds: float


@record
class FewshotFacts:
    """What concluding needs to know beside arrays and options; see `FewshotResult`."""

    heads: tuple[LearnedHead, ...]
    fits: tuple[Fit, ...]
    has_full: bool
    teacher: str
    judge: str
    with_first: bool
    class_names: tuple[str, ...]
    class_colours: tuple[tuple[int, int, int], ...]
    shot_images: tuple[Image, ...]
    sheet: tuple[Image, ...]
    sheet_columns: tuple[str, ...]


def parse_shots(given: str | int | Sequence[int]) -> tuple[int, ...]:
    """``1,4,8,16``, a number, or several, in ascending order.

    Raises:
        UsageError: no such list.
    """
    words = given.split(",") if isinstance(given, str) else [given] if isinstance(given, int) else given
    text = [str(word).strip() for word in words]
    if not text or not all(
        word.isascii() and word.isdecimal() and len(word) < 9 and 1 <= int(word) <= MOST_SHOTS for word in text
    ):
        shown = given if isinstance(given, str) else ",".join(text)
        raise UsageError(f"--shots {shown} is no list of numbers from 1 to {MOST_SHOTS}: write it like 1,4,8,16.")
    return tuple(sorted({int(word) for word in text}))


@verb(FewshotOptions)
def fewshot(
    generator: Generator,
    teacher: object = None,
    judge: object = None,
    full: object = None,
    codes: object = None,
    *,
    options: FewshotOptions,
    store: Store,
) -> FewshotResult:
    """Fit linear heads to a few labelled images and score them on fresh ones.

    The images of repeat r are the samples from r * max(shots) on; fewer shots are the first of more. Shrinkage is
    chosen by leaving images out.

    Args:
        generator: any family.
        teacher: what labels the images: a `Teacher`, a predictor that sees classes, or None for the default.
        judge: what scores the heads; None is the teacher.
        full: a head of many images, to compare with.
        codes: of the labelled images: wp [N, L, D], or a result that carries codes; None draws them.
        options: `FewshotOptions`, or its fields as keywords.

    Returns:
        The heads with their scores; it segments like a head.

    Raises:
        UsageError: no teacher, or a folder is to judge fresh images. GantkError: labels that are none.
    """
    listed = numbered(options, generator)
    images = images_of(generator, options, listed)
    labeller = teacher_of(generator, teacher, options.classes)
    referee = labeller if judge is None else teacher_of(generator, judge, options.classes, option="judge")
    counts = parse_shots(options.shots)
    if options.held_out and isinstance(referee, FolderTeacher):
        raise UsageError(
            f"The teacher {referee.name} is a folder and cannot judge fresh images: give --judge, or --held-out 0."
        )
    Grid(options.held_out, scored_at_once(options.batch_size))  # too many are refused before anything is learned
    whole = None if full is None else one_head(full, generator)
    given = _given(generator, labeller, codes)
    if listed is not None:
        if given is not None:
            raise UsageError(f"--seeds {options.seeds} draws codes, and {given.source} was given: leave one out.")
        if len(listed) != options.repeats * max(counts):
            raise UsageError(
                f"--seeds {options.seeds} are {len(listed)} samples, and {options.repeats * max(counts)} are labelled "
                "(the most --shots for each of --repeats): list as many."
            )
    study = _Study(images, labeller, counts, options, given)
    fitted = study.fit(store)
    heads = {each.fit.name: each.head.head(generator) for each in fitted}
    if whole is not None:
        heads[FULL] = whole
    fresh = stream_of(generator, options, FRESH)
    subject = Subject("heads", ARRAY, fresh, referee, heads, images.size) if options.held_out else None
    chunks = None if subject is None else confusions(store, subject, options.held_out, options.batch_size)
    shown = {name: head for name, head in heads.items() if name.endswith("-r0") or name == FULL}
    pictures = () if subject is None else sheet(store, dataclasses.replace(subject, heads=shown), 6)
    facts = FewshotFacts(
        heads=tuple(each.head for each in fitted),
        fits=tuple(each.fit for each in fitted),
        has_full=whole is not None,
        teacher=labeller.name,
        judge=referee.name,
        with_first=not referee.has_other,
        class_names=tuple(labeller.class_names),
        class_colours=tuple(labeller.class_colours),
        shot_images=study.show(store),
        sheet=pictures,
        sheet_columns=("image", "judge", *shown),
    )
    arrays = {} if chunks is None else store.assemble(chunks, facts)
    result = conclude(arrays, facts, options, store)
    result = _timed(result, {each.fit.name: each.seconds for each in fitted})
    result.bound(generator)
    return result


def conclude(arrays: Mapping[str, Array], facts: FewshotFacts, options: FewshotOptions, store: Store) -> FewshotResult:
    """Scores by number of shots: the mean over repeats, and the paper's "+-", the largest deviation from it."""
    names = [*(fit.name for fit in facts.fits), *([FULL] if facts.has_full else [])]
    matrices = {name: arrays[ARRAY][:, place] for place, name in enumerate(names)} if ARRAY in arrays else {}
    told = {name: scores(counts, facts.with_first) for name, counts in matrices.items()}
    full = told.get(FULL)
    rows = []
    for count in dict.fromkeys(fit.shots for fit in facts.fits):
        fits = [fit for fit in facts.fits if fit.shots == count]
        found = None
        if told:
            ends = [bootstrap(matrices[f.name], facts.with_first, seed=options.seed).paper_miou for f in fits]
            found = _row_scores([told[f.name] for f in fits], tuple(ends), full)
        heads, eps = tuple(fit.name for fit in fits), tuple(fit.eps for fit in fits)
        rows.append(ShotRow(shots=count, heads=heads, eps=eps, seconds=None, scores=found))
    return FewshotResult(
        heads=facts.heads,
        fits=facts.fits,
        shots=tuple(rows),
        full=full,
        num_eval=options.held_out,
        teacher=facts.teacher,
        judge=facts.judge,
        class_names=facts.class_names,
        class_colours=facts.class_colours,
        shot_images=facts.shot_images,
        sheet=facts.sheet,
        sheet_columns=facts.sheet_columns,
    )


def _row_scores(told: Sequence[Scores], intervals: tuple[tuple[float, float], ...], full: Scores | None) -> ShotScores:
    each = np.array([one.paper_miou for one in told])
    mean = float(each.mean())
    return ShotScores(
        paper_miou=mean,
        deviation=float(np.abs(each - each.mean()).max()),
        each=tuple(each.tolist()),
        intervals=intervals,
        dataset_miou=float(np.mean([one.dataset_miou for one in told])),
        classes=np.mean([one.paper_K for one in told], 0),
        of_full=mean / full.paper_miou if full is not None and full.paper_miou else None,
    )


def _timed(result: FewshotResult, seconds: Mapping[str, float]) -> FewshotResult:
    """With how long fitting took, which is no fact of a run that was divided."""
    rows = [
        dataclasses.replace(row, seconds=float(np.mean([seconds[name] for name in row.heads]))) for row in result.shots
    ]
    return dataclasses.replace(result, shots=tuple(rows))


def _given(generator: Generator, teacher: Teacher, codes: object) -> GivenCodes | None:
    """The codes that are labelled: those given, or the ones that a folder of label maps has."""
    if codes is None and isinstance(teacher, FolderTeacher) and teacher.codes is not None:
        codes = codes_in(teacher.codes, generator, "wp")
    return given_codes(generator, codes)


class _Study:
    """The labelled images, and the fits to them."""

    def __init__(
        self,
        images: Images,
        teacher: Teacher,
        counts: tuple[int, ...],
        options: FewshotOptions,
        codes: GivenCodes | None,
    ) -> None:
        self.images, self.teacher, self.counts, self.options, self.codes = images, teacher, counts, options, codes
        self._labelled: dict[int, tuple[Tensor, Labels]] = {}

    def labelled(self, repeat: int) -> tuple[Tensor, Labels]:
        """wp and labels of the most shots; those of one repeat are kept at a time."""
        if repeat not in self._labelled:
            self._labelled = {repeat: self._label(repeat)}
        return self._labelled[repeat]

    def _label(self, repeat: int) -> tuple[Tensor, Labels]:
        images, count = self.images, max(self.counts)
        start, generator = repeat * count, images.generator
        with torch.inference_mode():
            if self.codes is None:
                wp = images.stream.wp(start, start + count)
            else:
                left = max(0, len(self.codes) - start)
                if left < count:
                    raise GantkError(
                        f"{self.codes.source} has codes for {left} more images where {count} are wanted: fewer --shots."
                    )
                source = CodeSource(generator, truncation=images.stream.truncation, codes=self.codes)
                wp = source.batch(start, start + count).wp
            few, parts = images_at_once(generator, count), []
            for first in range(0, count, few):
                some = wp[first : first + few]
                image = generator.synthesize(some)
                parts.append(self.teacher.label(generator, some, image, images.size, start + first).cpu().numpy())
            label = np.concatenate(parts)
        allowed = self.options.allow_empty or not isinstance(self.teacher, FolderTeacher)
        check_labels(label, self.teacher.class_names, f"The labels of {self.teacher.name}", allowed)
        return wp, label

    def fit(self, store: Store) -> list[Fitted]:
        """All heads, each of which is kept as soon as it is there."""
        found = []
        with store.timed("fit"):
            for repeat in range(self.options.repeats):
                for count in self.counts:
                    name = f"n{count}-r{repeat}"

                    def make(name: str = name, count: int = count, repeat: int = repeat) -> Fitted:
                        return self._one(name, count, repeat)

                    found.append(store.part(name, Fitted, make))
        return found

    def _one(self, name: str, count: int, repeat: int) -> Fitted:
        whole, labels = self.labelled(repeat)
        wp, label = whole[:count], labels[:count]
        began = time.perf_counter()
        classes, images, options = len(self.teacher.class_names), self.images, self.options
        if options.solver == "adam":
            found = shots.Fit(_by_adam(images, wp, label, classes, options.seed), 0.0, 0, None)
        else:
            drawn = shots_of(images, wp, label, options.noise_draws, options.seed)
            found = shots.fit(drawn, classes, penalty=options.penalty)
        seconds = time.perf_counter() - began
        meta: dict[str, object] = {"teacher": self.teacher.name}
        meta |= {"shots": count, "eps": found.eps, "steps": found.steps}
        if found.left_out is not None:
            meta["left_out"] = found.left_out.tolist()
        told = Fit(
            name=name,
            shots=count,
            repeat=repeat,
            eps=float(found.eps),
            steps=found.steps,
            left_out=found.left_out,
            eps_tried=tuple(float(value) for value in shots.EPS),
        )
        head = head_of("LSE", name, found.network, images, self.teacher, meta)
        return Fitted(head=head.learned(), fit=told, seconds=seconds)

    @torch.inference_mode()
    def show(self, store: Store) -> tuple[Image, ...]:
        """The labelled images of the first repeat beside their labels."""
        wp, label = self.labelled(0)
        few = images_at_once(self.images.generator, 16)
        images = [self.images.generator.synthesize(wp[n : n + few]).float() for n in range(0, min(16, len(wp)), few)]
        drawn = np.concatenate([to_rgb8(resize_grid(image, self.images.size)) for image in images])
        colours = self.teacher.class_colours
        pairs = zip(drawn, label[: len(drawn)], strict=True)
        return store.keep_pictures(
            {f"shots/{place:02d}.png": side_by_side(pair, colours) for place, pair in enumerate(pairs)}
        )


def _by_adam(images: Images, wp: Tensor, label: Labels, classes: int, seed: int) -> LinearNetwork:
    """The paper's few-shot training: single images in turn, all of them drawn with fresh noise in every epoch."""
    schedule = adam.paper_fewshot(len(wp))
    one = adam.learner("LSE", images.channels, classes, schedule, seed, images.align_corners, wp.device)
    noisy = images.generator.spec.has_noise
    kept: dict[tuple[int, int], list[Tensor]] = {}

    def draw(start: int, stop: int) -> Any:
        epoch, n = start // schedule.images, start % len(wp)
        if (epoch, n) not in kept:
            if n == 0:
                kept.clear()
            with torch.inference_mode():
                maps = images.trace(wp[n : n + 1], image=False, noise=epoch + 1 if noisy else "const")[1]
            kept[epoch, n] = [x.clone() for x in maps]
        return kept[epoch, n], torch.from_numpy(label[n : n + 1]).to(wp.device)

    adam.train([one], draw, schedule)
    network = one.folded().requires_grad_(False)
    assert isinstance(network, LinearNetwork)
    return network
