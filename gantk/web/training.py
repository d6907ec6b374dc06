"""Train: a head from annotated images, and which images to annotate next.

Maps of annotated images are kept, so that a refit costs only the solve.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gantk.errors import GantkError
from gantk.lse.codes import CodeStream
from gantk.predictors.heads import default_taps
from gantk.store.json_values import JsonView
from gantk.web.blobs import as_bytes
from gantk.web.jobs import Desk, Labels, Run, label_of, label_size, labels, no_blob
from gantk.web.projects import Project
from gantk.web.queue import Ticket
from gantk.web.state import Annotation
from gantk.web.terms import Base, Class, Saved
from gantk.web.wire import ApiError
from gantk.web.workshop import Model, classes_of, head_view

if TYPE_CHECKING:
    from torch import Tensor

    from gantk.lse.images import Images
    from gantk.lse.shots import Shots

MOST_SHOTS, MOST_RANKED = 64, 64


@dataclass(frozen=True)
class FitArgs:
    """A head from the project's annotations; or, with `teach`, from so many samples that the segmenter labels."""

    name: str = ""
    teach: int = 0
    seed: int = 1


@dataclass(frozen=True)
class UncertainArgs:
    """Samples `start` .. `start + count - 1` of a base's seed by how unsure a head is of them."""

    base: Base
    head: str
    count: int = 32


def prepare_fit(desk: Desk, project: Project, model: Model, args: FitArgs) -> Run:
    if not 0 <= args.teach <= MOST_SHOTS:
        raise ApiError(400, f"{args.teach} images cannot be taught with: give 1 to {MOST_SHOTS}.")
    if args.teach and model.teacher is None:
        raise ApiError(400, "This server has no segmenter for the model: label some images yourself.")
    annotations = project.state.annotations
    if not args.teach and not annotations:
        raise ApiError(400, "Nothing is labelled, so there is nothing to learn from: label an image first.")
    if len(annotations) > MOST_SHOTS:
        raise ApiError(400, f"{len(annotations)} labelled images are more than {MOST_SHOTS}: take some away.")

    def run(ticket: Ticket) -> dict[str, JsonView]:
        from gantk.lse.shots import fit
        from gantk.lse.teachers import NamedTeacher
        from gantk.lse.training import head_of
        from gantk.predictors.head_files import save_head

        begun = time.monotonic()
        if args.teach:
            shots, label, names = _taught(model, args, ticket)
        else:
            shots, label, names = _annotated(project, model, annotations, ticket)
        found = fit(shots, len(names), watch=lambda: ticket.check(note="solving"))
        number = 1 + sum(saved.kind == "head" for saved in project.state.saved)
        name = args.name or ("from the segmenter" if args.teach else f"head {number}")
        teacher = NamedTeacher("annotations", [item.name for item in names], [item.colour for item in names])
        meta = {"teacher": teacher.name, "eps": found.eps, "steps": found.steps}
        head = head_of("LSE", name, found.network, _images(model, label.shape[-1]), teacher, meta)
        sha = project.blobs.put(as_bytes(save_head, head))
        about = {key: value for key, value in head_view("", head.info).items() if key in ("kind", "size", "classes")}
        project.record(Saved("saved", "head", name, sha, json.dumps(about)))
        pixels = np.bincount(label.ravel(), minlength=256)
        return {
            "head": "h" + sha[:12], "rev": project.rev, "name": name, "shots": len(label), "eps": found.eps,
            "steps": found.steps, "seconds": time.monotonic() - begun,
            "pixels": [int(pixels[place]) for place in range(len(names))],
            "left_out": None if found.left_out is None else float(found.left_out.min()),
        }  # fmt: skip

    return run


def _taught(model: Model, args: FitArgs, ticket: Ticket) -> tuple[Shots, Labels, tuple[Class, ...]]:
    teacher = model.teacher
    assert teacher is not None
    maps, label = [], []
    for index in range(args.teach):
        base = Base(seed=args.seed, index=index)
        wp = model.easel.latent(base, (), no_blob)
        label.append(labels(model, wp, None))
        maps.append(_features(model, base, wp, label[-1]))
        ticket.check(index + 1, args.teach, "labelling")
    return _shots(maps, np.stack(label)), np.stack(label), tuple(classes_of(teacher))


def _annotated(
    project: Project, model: Model, annotations: tuple[Annotation, ...], ticket: Ticket
) -> tuple[Shots, Labels, tuple[Class, ...]]:
    from gantk.lse.shots import check_labels

    names = project.state.classes
    label = np.stack([label_of(project, item.label, label_size(model)) for item in annotations])
    check_labels(label, [item.name for item in names], "The labels", allow_empty=True)
    used = np.unique(label[label != 255])
    if len(used) < 2:
        raise GantkError("Only one class is labelled, and a head tells classes apart: label pixels of another one too.")
    maps = []
    for number, item in enumerate(annotations):
        wp = model.easel.latent(item.base, (), project.blobs.get)
        maps.append(_features(model, item.base, wp, label[number]))
        ticket.check(number + 1, len(annotations), "reading maps")
    return _shots(maps, label), label, names


def _images(model: Model, size: int) -> Images:
    """The model's images as a head of labels of a size sees them."""
    from gantk.lse.images import Images

    generator = model.easel.generator
    return Images(CodeStream(generator), default_taps(generator), size, batch=1)


def _features(model: Model, base: Base, wp: Tensor, label: Labels) -> tuple[Tensor, ...]:
    """Maps of one image, kept by its base."""
    from gantk.lse.shots import shots_of

    key = (base, label.shape[-1])
    found = model.features.get(key)
    if found is None:
        images = _images(model, label.shape[-1])
        # the image twice: from the second on `shots_of` knows whether noise matters, and drops draws that do not
        found = shots_of(images, torch.cat([wp, wp]), np.stack([label, label])).maps[0]
        model.features.put(key, found, sum(x.nbytes for x in found))
    return found


def _shots(maps: Sequence[tuple[Tensor, ...]], label: Labels) -> Shots:
    from gantk.lse.shots import Shots

    fewest = min(len(one[0]) for one in maps)  # draws are the same for all images of a batch
    return Shots(tuple(tuple(x[:fewest] for x in one) for one in maps), label, True)


def prepare_uncertain(desk: Desk, project: Project, model: Model, args: UncertainArgs) -> Run:
    if not 1 <= args.count <= MOST_RANKED:
        raise ApiError(400, f"{args.count} samples cannot be ranked at once: give 1 to {MOST_RANKED}.")
    head = desk.workshop.head(project, args.head)

    def run(ticket: Ticket) -> dict[str, JsonView]:
        entropies = []
        for offset in range(args.count):
            wp = model.easel.latent(model.easel.neighbour(args.base, offset), (), project.blobs.get)
            with torch.no_grad():
                p = head.segment_codes(model.easel.generator, wp).softmax(1)
                entropies.append(float(-(p * p.clamp_min(1e-9).log()).sum(1).mean()))
            ticket.check(offset + 1, args.count, "ranking")
        order = sorted(range(args.count), key=lambda offset: -entropies[offset])
        return {"indices": [args.base.index + offset for offset in order], "entropies": [entropies[o] for o in order]}

    return run
