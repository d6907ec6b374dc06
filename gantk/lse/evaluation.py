"""`gantk lse evaluate`: heads against a teacher on fresh images, for one generator or for several in one table.

Shape legend: N images, B heads, K classes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

from gantk.errors import GantkError, UsageError
from gantk.generators.arguments import described
from gantk.generators.base import Generator
from gantk.lse.codes import stream_of
from gantk.lse.evaluated import EvaluateResult, Judged, OnRenders, ScoredHead
from gantk.lse.heads import several_heads
from gantk.lse.metrics import bootstrap, scores
from gantk.lse.options import EvaluateOptions
from gantk.lse.scoring import Rival, Subject, confusions, segmenter_on_renders, sheet
from gantk.lse.teachers import PredictorTeacher, teacher_of
from gantk.runs.inputs import numbered
from gantk.runs.results import record
from gantk.runs.stores import Store
from gantk.runs.task import verb
from gantk.store.json_values import numbers

Array = npt.NDArray[Any]
SHOWN = 8


@record
class HeadFacts:
    """What is known of a head without scoring it; see `ScoredHead`."""

    head: str
    kind: str
    parameters: int
    taps: tuple[str, ...]
    contributions: tuple[float, ...] | None


@record
class EvaluateFacts:
    """What concluding needs to know beside arrays and options: of each generator, its heads and their teacher.

    Attributes:
        with_first: whether class 0 counts in the mean of the data set.
    """

    generators: tuple[Judged, ...]
    heads: tuple[tuple[HeadFacts, ...], ...]
    with_first: tuple[bool, ...]
    renders: tuple[OnRenders, ...]


@verb(EvaluateOptions)
def evaluate(
    generator: Generator,
    heads: object,
    teacher: object = None,
    also: Sequence[Rival] = (),
    name: str | None = None,
    *,
    options: EvaluateOptions,
    store: Store,
) -> EvaluateResult:
    """Score heads against a teacher on fresh images: the paper's metric, all pixels, intervals.

    Args:
        generator: that the heads are of.
        heads: a head, several, a table of name -> head, or results that carry heads.
        teacher: a `Teacher`, a predictor that sees classes, or None for the default of a bundled generator.
        also: other generators with their heads, for one table.
        name: of the generator, for tables; None is the name it comes with.
        options: `EvaluateOptions`, or its fields as keywords.

    Returns:
        The scores of every head of every generator.

    Raises:
        UsageError: a head and the teacher tell other classes apart. GantkError: a head of another generator.
    """
    also = [also] if isinstance(also, Rival) else also
    if not isinstance(also, (list, tuple)) or not all(isinstance(each, Rival) for each in also):
        raise UsageError(f"also is {described(also)}: give a list of gantk.lse.Rival(name, generator, heads).")
    rivals = [Rival(name or generator.bundled or generator.source, generator, heads, teacher), *also]
    subjects = [_subject(place, rival, options) for place, rival in enumerate(rivals)]
    first = subjects[0].stream.first
    num = options.num if first is None else len(first)
    every = [confusions(store, subject, num, options.batch_size) for subject in subjects]
    facts = EvaluateFacts(
        generators=tuple(_judged(store, place, subject, min(SHOWN, num)) for place, subject in enumerate(subjects)),
        heads=tuple(_heads(subject) for subject in subjects),
        with_first=tuple(not subject.teacher.has_other for subject in subjects),
        renders=_renders(subjects),
    )
    arrays: dict[str, Array] = {}
    for chunks in every:
        arrays |= store.assemble(chunks, facts)
    return conclude(arrays, facts, options, store)


def conclude(
    arrays: Mapping[str, Array], facts: EvaluateFacts, options: EvaluateOptions, store: Store
) -> EvaluateResult:
    """Scores of all heads, from their confusion matrices."""
    rows: list[ScoredHead] = []
    for place, (judged, heads) in enumerate(zip(facts.generators, facts.heads, strict=True)):
        counts_NBKK, first = arrays[f"confusion-{place}"], facts.with_first[place]
        told = [scores(counts_NBKK[:, at], first) for at in range(len(heads))]
        ends = [bootstrap(counts_NBKK[:, at], first, seed=options.seed) for at in range(len(heads))]
        behind = relative([one.paper_miou for one in told])
        for head, score, interval, apart in zip(heads, told, ends, behind, strict=True):
            rows.append(ScoredHead(model=judged.model, scores=score, intervals=interval, relative=apart, **vars(head)))
    num = len(arrays["confusion-0"])
    return EvaluateResult(num=num, scores=tuple(rows), generators=facts.generators, renders=facts.renders)


def relative(values: Sequence[float]) -> list[float]:
    """(value - best) / best in percent, as the paper's tables have it in parentheses."""
    best = max(values)
    return [100 * (value - best) / best if best > 0 else 0.0 for value in values]


def _subject(place: int, rival: Rival, options: EvaluateOptions) -> Subject:
    generator = rival.generator
    heads = several_heads(rival.heads, generator)
    teacher = teacher_of(generator, rival.teacher, options.classes)
    size = options.size or next(iter(heads.values())).info.size
    listed = numbered(options, generator, "num")
    stream = stream_of(generator, options, options.first, listed)
    return Subject(rival.name, f"confusion-{place}", stream, teacher, heads, size)


def _judged(store: Store, place: int, subject: Subject, shown: int) -> Judged:
    return Judged(
        model=subject.name,
        teacher=subject.teacher.name,
        class_names=tuple(subject.teacher.class_names),
        class_colours=tuple(subject.teacher.class_colours),
        columns=("image", "teacher", *subject.heads),
        sheet=sheet(store, subject, shown, 0, f"sheet-{place}"),
    )


def _heads(subject: Subject) -> tuple[HeadFacts, ...]:
    found = []
    for name, head in subject.heads.items():
        shares = head.info.meta.get("contributions")
        parameters = sum(p.numel() for p in head.network.parameters())
        known = None
        with contextlib.suppress(GantkError):  # its card says nothing of them, or nothing that can be read
            known = numbers(shares, "contributions")
        kind, taps = head.info.kind, head.info.taps
        found.append(HeadFacts(head=name, kind=kind, parameters=parameters, taps=taps, contributions=known))
    return tuple(found)


def _renders(subjects: Sequence[Subject]) -> tuple[OnRenders, ...]:
    """The bundled segmenter has errors of its own: its scores where the truth is known."""
    found: dict[str, OnRenders] = {}
    for subject in subjects:
        teacher = subject.teacher
        if isinstance(teacher, PredictorTeacher) and teacher.predictor.name == "demo" and teacher.channels is None:
            found[teacher.name] = segmenter_on_renders(teacher, subject.stream.generator)
    return tuple(found.values())
