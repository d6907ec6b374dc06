"""Sort: a few labelled samples become an attribute, the samples to label next, and a boundary with a slider.

A linear probe on the generator's own maps (`gantk.predictors.few_labels`) scores a pool of samples; their scores make
the boundary as `gantk train-boundary` does.

Shape legend: N samples of the pool, D width of w.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from gantk.errors import GantkError
from gantk.lse.archive import zipped
from gantk.pictures.images import encode
from gantk.store.json_values import JsonView
from gantk.store.text import csv_bytes
from gantk.web.jobs import Desk, Run, keep_direction, no_blob
from gantk.web.pictures import shown
from gantk.web.projects import Project
from gantk.web.queue import Ticket
from gantk.web.state import Mark
from gantk.web.terms import MOST_NAME, Base
from gantk.web.wire import ApiError
from gantk.web.workshop import Model

if TYPE_CHECKING:
    from gantk.codes.directions import Direction

Array = npt.NDArray[np.float32]
POOL, MOST_POOL, MOST_NEXT = 400, 1000, 24
BATCH = 16
SIDE = 256  # of exported pictures


@dataclass(frozen=True)
class SortArgs:
    """The attribute is learned from its marks on samples like `base`; `keep` makes its boundary a slider."""

    attribute: str
    base: Base
    pool: int = POOL
    count: int = MOST_NEXT
    keep: bool = False


def prepare_sort(desk: Desk, project: Project, model: Model, args: SortArgs) -> Run:
    if not 1 <= len(args.attribute.strip()) <= MOST_NAME:
        raise ApiError(400, f"An attribute has a name of 1 to {MOST_NAME} letters.")
    if not 8 <= args.pool <= MOST_POOL or not 1 <= args.count <= MOST_NEXT:
        raise ApiError(400, f"A pool has 8 to {MOST_POOL} samples, and 1 to {MOST_NEXT} of them come next.")
    if args.base.code is not None:
        raise ApiError(400, "Samples of a seed are sorted, not a kept code: go back to a sample.")
    if "w" not in model.easel.generator.spec.spaces:
        raise ApiError(400, f"A {model.easel.generator.spec.family} has no w for a boundary to be in.")
    desk.workshop.check_base(model, args.base)
    marks = [mark for mark in project.state.marks if mark.attribute == args.attribute and alike(mark.base, args.base)]
    if not marks:
        raise ApiError(400, f"Nothing is marked for {args.attribute!r} yet: click the samples that have it.")

    def run(ticket: Ticket) -> dict[str, JsonView]:
        from gantk.predictors.few_labels import fitted
        from gantk.predictors.linear_probe import suggest
        from gantk.predictors.probe_features import default_maps

        generator = model.easel.generator
        labels = {mark.base.index: float(mark.value) for mark in marks}
        order = [*sorted(labels), *(index for index in range(args.pool) if index not in labels)]
        taps = default_maps(generator)
        blocks, order = _features(model, args.base, order, len(labels), taps, ticket)
        label_N = np.array([labels.get(index, np.nan) for index in order])
        made, _ = fitted(blocks, {args.attribute: label_N}, args.attribute, "maps", taps, None, generator)
        with torch.inference_mode():
            score_N = (
                made.scores([torch.from_numpy(block).to(generator.device) for block in blocks])[:, 0].double().cpu()
            )
        ticket.check(note="solving")
        chosen = suggest(score_N.logit().numpy(), args.count, ~np.isnan(label_N))
        card = made.cards[0]
        direction = _boundary(model, args, order, score_N.numpy())
        found: dict[str, JsonView] = {
            "sentence": card.sentence(), "labels": card.labels, "positives": card.positives, "accuracy": card.accuracy,
            "low": card.low, "high": card.high, "balanced": card.balanced, "auc": card.auc, "pool": len(order),
            "next": [order[place] for place in chosen], "scores": [float(score_N[place]) for place in chosen],
            "most": [order[place] for place in np.argsort(-score_N.numpy(), kind="stable")[:6].tolist()],
        }  # fmt: skip
        if args.keep:
            sha, (entry,) = keep_direction(desk, project, model, direction)
            found |= {"blob": sha, "direction": entry.id, "rev": project.rev}
        return found

    return run


def alike(mine: Base, other: Base) -> bool:
    """Whether two bases are samples of one kind: all but their numbers."""
    return replace(mine, index=0) == replace(other, index=0)


def _features(
    model: Model, base: Base, order: Sequence[int], labelled: int, taps: Sequence[str], ticket: Ticket
) -> tuple[list[Array], list[int]]:
    """Blocks [N, C, P] of samples by index, and which they are; kept, so that a refit costs only the solve."""
    from gantk.predictors.probe_features import code_blocks

    easel = model.easel
    kept = {index: model.sorted.get(replace(base, index=index)) for index in order}
    found: dict[int, list[Array]] = {index: blocks for index, blocks in kept.items() if blocks is not None}
    missing = [index for index in order if index not in found]
    total = len(missing)
    while missing:
        part, missing = missing[:BATCH], missing[BATCH:]
        wp = torch.cat([easel.latent(replace(base, index=index), (), no_blob) for index in part])
        with torch.inference_mode():
            blocks = [block.float().cpu().numpy() for block in code_blocks(easel.generator, wp, taps)]
        size = sum(block[0].nbytes for block in blocks)
        for place, index in enumerate(part):
            found[index] = [block[place].copy() for block in blocks]
            model.sorted.put(replace(base, index=index), found[index], size)
        ticket.check(total - len(missing), total, "reading maps")
        if len(found) >= labelled + 8 and size * (len(found) + BATCH) > model.sorted.limit:
            break
    used = [index for index in order if index in found]
    return [np.stack([found[index][block] for index in used]) for block in range(len(found[used[0]]))], used


def _boundary(model: Model, args: SortArgs, order: Sequence[int], score_N: npt.NDArray[np.float64]) -> Direction:
    """The direction of w that carries the scores."""

    from gantk.codes.given import GivenCodes
    from gantk.higan.training import train_boundary

    easel = model.easel
    w = [easel.start(replace(args.base, index=index), no_blob)[1] for index in order]
    codes = GivenCodes(torch.cat([each for each in w if each is not None]).float().cpu().numpy(), "w")
    result = train_boundary(codes, score_N, generator=easel.generator)
    direction: Direction = result.boundaries[0].direction
    spread = np.std(codes.array @ direction.vectors[0].astype(np.float64))
    meta = {**direction.meta, "command": f"gantk web {model.name}", "attribute": args.attribute}
    return direction.replace(name=args.attribute, scale=float(3 * spread), meta=meta)


# --- the labels as files ---------------------------------------------------------------------------------------------


def labels_csv(marks: Sequence[Mark]) -> tuple[bytes, list[Base]]:
    """A table as `gantk train-predictor` reads it, one line a sample, and the samples in its order."""
    names = sorted({mark.attribute for mark in marks})
    bases = sorted({mark.base for mark in marks}, key=lambda base: (base.seed, base.index, repr(base)))
    value = {(mark.attribute, mark.base): mark.value for mark in marks}
    rows = []
    for number, base in enumerate(bases):
        values = [value.get((name, base)) for name in names]
        rows.append([_file(number, base), *(None if one is None else int(one) for one in values)])
    return csv_bytes(["image", *names], rows), bases


def _file(number: int, base: Base) -> str:
    return f"{number:04d}-seed{base.seed}-{base.index}.png"


def labels_zip(project: Project, model: Model, ticket: Ticket) -> bytes:
    """labels.csv and the pictures that it names.

    Raises:
        GantkError: nothing is marked.
    """
    marks = project.state.marks
    if not marks:
        raise GantkError("Nothing is marked, so there are no labels to export: sort some samples first.")
    table, bases = labels_csv(marks)
    files = {"labels.csv": table}
    for number, base in enumerate(bases):
        image = model.easel.draw(model.easel.latent(base, (), no_blob), base.noise)
        files[_file(number, base)] = encode(shown(image, SIDE))
        ticket.check(number + 1, len(bases), "drawing")
    return zipped(files)
