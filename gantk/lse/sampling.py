"""`gantk lse sample`: images with wanted label maps; the bank, then targets in chunks, then scores.

Shape legend: T targets, n samples of each, B codes of the bank, K classes, S side of the labels, L rows of wp.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.lse.codes import CodeStream, stream_of
from gantk.lse.heads import one_head
from gantk.lse.image_results import SampleResult, Spread, Target
from gantk.lse.metrics import confusion, image_iou, scores
from gantk.lse.options import SamplingOptions
from gantk.lse.search import Search, best_starts, diversity, label_codes, matches, search_codes, shrink, start_codes
from gantk.lse.tables import side_by_side
from gantk.lse.targets import drawn_targets, given_targets
from gantk.lse.teachers import Teacher, teacher_of
from gantk.pictures.images import to_rgb8
from gantk.pictures.label_maps import draw
from gantk.predictors.grids import resize_grid
from gantk.predictors.heads import Head
from gantk.runs.inputs import numbered
from gantk.runs.results import record
from gantk.runs.stores import Chunks, Store, remaining
from gantk.runs.structure import Image
from gantk.runs.task import verb
from gantk.store.chunks import parts
from gantk.store.progress import progress

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.uint8]
BANK, BANK_SIDE = "bank", 64
ARRAYS = ("codes", "wp", "counts", "curve", "spread", "start")


@record
class SampleFacts:
    """What concluding needs to know beside arrays and options.

    Attributes:
        names: of the targets. wanted: their pictures.
        with_first: whether class 0 counts in the mean of the data set.
    """

    names: tuple[str, ...]
    wanted: tuple[Image, ...]
    judge: str
    with_first: bool
    class_names: tuple[str, ...]
    class_colours: tuple[tuple[int, int, int], ...]


@verb(SamplingOptions, within=True)
def sample(
    generator: Generator,
    head: object,
    targets: object = None,
    teacher: object = None,
    *,
    options: SamplingOptions,
    store: Store,
) -> SampleResult:
    """Find images that have a wanted label map, and score them by the teacher (Xu & Zheng 2021, section 3.4).

    Args:
        generator: that the head is of.
        head: a head, or a result that carries one.
        targets: label maps uint8 [S, S] of the head's size, 255 where anything goes: a table by name, a list, or one.
            Beside them, shapes of the options and label maps of fresh samples.
        teacher: what judges the samples: a `Teacher`, a predictor that sees classes, or None for the default.
        options: `SamplingOptions`, or its fields as keywords.

    Returns:
        The samples of every target, with scores.

    Raises:
        UsageError: options that do not go together, or the head and the teacher tell other classes apart.
    """
    work = _work(generator, one_head(head, generator), teacher, options, store.fewer(options.batch_size))
    info = work.head.info
    wanted = given_targets(targets, info)
    if options.shape:
        wanted.append((" ".join(options.shape), draw(options.shape, info.class_names, info.size)))
    listed = numbered(options, generator, "num_targets")
    num = (options.num_targets or (0 if wanted else 4)) if listed is None else len(listed)
    if num:
        wanted += drawn_targets(work.stream, work.judge, info.size, num, listed)
    names, label_TSS = tuple(name for name, _ in wanted), np.stack([label for _, label in wanted])
    chunks = _search(store, work, label_TSS)
    facts = SampleFacts(
        names=names,
        wanted=store.keep_pictures(_target_pictures(label_TSS, info.class_colours)),
        judge=work.judge.name,
        with_first=not work.judge.has_other,
        class_names=info.class_names,
        class_colours=info.class_colours,
    )
    return conclude(store.assemble(chunks, facts), facts, options, store)


def conclude(arrays: Mapping[str, Array], facts: SampleFacts, options: SamplingOptions, store: Store) -> SampleResult:
    """Scores and diversity of the samples of all targets."""
    counts, spread_T3, curve = (np.asarray(arrays[name]) for name in ("counts", "spread", "curve"))
    flat = counts.reshape(-1, *counts.shape[2:])
    iou = image_iou(flat)[:, 1:]
    miou = [float(row[row >= 0].mean()) if (row >= 0).any() else None for row in iou]
    accuracy = np.trace(flat, axis1=1, axis2=2) / np.maximum(flat.sum((1, 2)), 1)
    n = counts.shape[1]
    targets = []
    for t, name in enumerate(facts.names):
        own = slice(t * n, t * n + n)
        targets.append(
            Target(
                name=name,
                wanted=facts.wanted[t],
                samples=tuple(store.picture(each) for each in _names(t, n)),
                miou=tuple(miou[own]),
                accuracy=tuple(accuracy[own].tolist()),
                spread=_spread(spread_T3[t]),
                start=tuple(np.asarray(arrays["start"][t]).tolist()),
            )
        )
    return SampleResult(
        targets=tuple(targets),
        scores=scores(flat, with_first=facts.with_first),
        spread=_spread(spread_T3.mean(0)),
        curve=np.stack([curve.mean((0, 1)), curve.min((0, 1)), curve.max((0, 1))]).astype(np.float64),
        judge=facts.judge,
        class_names=facts.class_names,
        class_colours=facts.class_colours,
        wp=arrays["wp"],
    )


def _spread(values: Array) -> Spread:
    codes, labels, pixels = (float(value) for value in values)
    return Spread(codes=codes, labels=labels, pixels=pixels)


@dataclass(frozen=True, eq=False)
class _Work:
    """What is sampled, from what, and what judges it.

    `at_once` samples are computed at once: a batch of the options, fewer where memory ran out.
    """

    head: Head
    stream: CodeStream
    judge: Teacher
    search: Search
    options: SamplingOptions
    at_once: int

    @property
    def size(self) -> int:
        return self.head.info.size

    def logits(self, wp: Tensor) -> Tensor:
        """What the loss sees: the head's, or the judge's of the image (the paper's baseline)."""
        generator = self.stream.generator
        if self.options.through == "head":
            return self.head.segment_codes(generator, wp)
        return self.judge.logits(generator, wp, generator.synthesize(wp), self.size)


def _work(generator: Generator, head: Head, teacher: object, options: SamplingOptions, at_once: int) -> _Work:
    """What the options mean."""
    judge = teacher_of(generator, teacher, options.classes)
    if tuple(judge.class_names) != tuple(head.class_names):
        raise UsageError(
            f"The head tells {len(head.class_names)} classes apart and the teacher {judge.name} "
            f"{len(judge.class_names)}: give the teacher and --classes it was trained with."
        )
    stream = stream_of(generator, dataclasses.replace(options, truncation="none") if options.compat else options)
    if options.compat:
        if options.space == "w":
            raise UsageError("--compat moves z: give --space z or --space mixed.")
        search = Search.paper_exact(options.per_target, options.space, options.starts)
    else:
        if options.bank < options.per_target:
            raise UsageError(
                f"A bank of {options.bank} codes is too small for {options.per_target} samples of each target."
            )
        rate = options.rate or (0.05 if options.space == "w" else 0.02)
        search = Search(options.per_target, options.space, options.steps, rate, schedule=options.schedule)
    stream = dataclasses.replace(stream, mixed=False)  # the space says whether every row has a z of its own
    return _Work(head, stream, judge, search, options, at_once)


def _search(store: Store, work: _Work, label_TSS: Labels) -> Chunks:
    """Codes for every target, chunk by chunk of as many as fit a batch."""
    chunk = max(1, work.options.batch_size // work.search.samples)
    chunks = store.chunks(ARRAYS, len(label_TSS), chunk)
    todo, targets = remaining(chunks)
    bank = None if work.search.paper or not todo else _bank(store, work)
    with store.timed("sampling"), progress(targets, "sample", unit="target") as bar:
        for index, start, stop in todo:
            arrays, pictures = _chunk(work, label_TSS[start:stop], start, bank)
            store.keep_pictures(pictures)  # first: a chunk that is there has its pictures
            chunks.write(index, arrays)
            bar.update(stop - start)
    return chunks


def _bank(store: Store, work: _Work) -> Labels:
    """Label maps [B, P, P] of the bank's codes; each shard makes it for itself."""
    kept = store.kept(BANK)
    if kept is not None:
        return kept
    side, count = min(BANK_SIDE, work.size), work.options.bank
    found = []
    with store.timed("bank"), progress(count, "bank", unit="code") as bar, torch.inference_mode():
        for start, stop in parts(0, count, work.at_once):
            found.append(label_codes(work.head, work.stream.wp(start, stop), side, work.stream.generator))
            bar.update(stop - start)
    return store.keep(BANK, np.concatenate(found), "label maps of the codes that samples start from")


def _chunk(
    work: _Work, label_TSS: Labels, first: int, bank: Labels | None
) -> tuple[dict[str, Array], dict[str, Labels]]:
    """Arrays of some targets, and pictures of their samples beside the labels that they have."""
    search, stream = work.search, work.stream
    generator, count, n = stream.generator, len(label_TSS), search.samples
    classes = len(work.head.class_names)
    if bank is None:
        chosen = np.stack([_fresh_starts(work, target, first + place) for place, target in enumerate(label_TSS)])
    else:
        chosen = best_starts(matches(bank, shrink(label_TSS, bank.shape[-1]), classes), n)
    start, class_N = start_codes(stream, chosen.ravel(), search.space)
    repeated = np.repeat(label_TSS, n, 0)
    label_NSS = torch.from_numpy(repeated).to(generator.device)
    found = search_codes(generator, work.logits, start, label_NSS, search, stream.truncation, class_N, work.at_once)
    with torch.inference_mode():
        codes = found.wp.split(work.at_once)
        images = [generator.synthesize(wp) for wp in codes]
        labels = [work.judge.label(generator, wp, part, work.size) for wp, part in zip(codes, images, strict=True)]
        image, judged = torch.cat(images), torch.cat(labels).cpu().numpy()
        drawn = to_rgb8(resize_grid(image.float(), work.size))
    of_target = [slice(t * n, t * n + n) for t in range(count)]
    spread = [diversity(found.wp[own], judged[own], image[own]) for own in of_target]
    curve = found.curve_TN.T.cpu().numpy()
    padded = np.concatenate([curve, np.repeat(curve[:, -1:], search.steps + 1 - curve.shape[1], 1)], 1)
    arrays = {
        "codes": found.codes.unflatten(0, (count, n)).cpu().numpy(),
        "wp": found.wp.unflatten(0, (count, n)).cpu().numpy(),
        "counts": confusion(judged, repeated, classes).reshape(count, n, classes, classes),
        "curve": padded.reshape(count, n, -1).astype(np.float32),
        "spread": np.array(spread, np.float32),
        "start": chosen,
    }
    colours = work.head.class_colours
    names = [name for t in range(count) for name in _names(first + t, n)]
    pictures = {
        name: side_by_side([picture, label], colours) for name, picture, label in zip(names, drawn, judged, strict=True)
    }
    return arrays, pictures


def _names(target: int, samples: int) -> list[str]:
    """The pictures of a target's samples."""
    return [f"samples/{target:03d}-{place:02d}.png" for place in range(samples)]


def _target_pictures(label_TSS: Labels, colours: tuple[tuple[int, int, int], ...]) -> dict[str, Labels]:
    """Each target as wide as a sample beside its labels."""
    return {
        f"samples/{place:03d}-target.png": side_by_side([np.full((*label.shape, 3), 235, np.uint8), label], colours)
        for place, label in enumerate(label_TSS)
    }


def _fresh_starts(work: _Work, target: Labels, place: int) -> npt.NDArray[np.int64]:
    """The released program: for every sample so many fresh codes, of which the best is kept."""
    search, stream = work.search, work.stream
    chosen = []
    for number in range(search.samples):
        first = (place * search.samples + number) * search.starts
        best, most = first, -1.0
        for start, stop in parts(first, first + search.starts, work.at_once):
            with torch.inference_mode():
                found = label_codes(work.head, stream.wp(start, stop), work.size, stream.generator)
            match = ((found == target) & (target != 255)).sum((1, 2))
            if match.max() > most:
                best, most = start + int(match.argmax()), float(match.max())
        chosen.append(best)
    return np.array(chosen, np.int64)
