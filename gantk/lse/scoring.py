"""Scoring heads against a teacher on fresh images: one confusion matrix per image and head, everything else from those.

All heads of a generator are scored on one drawing and one labelling of each image.

Shape legend: N images, B heads, K classes, S side of the labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.generators.frugal_steps import images_at_once
from gantk.lse.codes import CodeStream
from gantk.lse.evaluated import OnRenders
from gantk.lse.metrics import confusion, scores
from gantk.lse.tables import side_by_side
from gantk.lse.teachers import Teacher
from gantk.pictures.images import to_rgb8
from gantk.predictors.grids import resize_grid
from gantk.predictors.heads import Head, class_map
from gantk.runs.stores import Chunks, Store
from gantk.runs.structure import Image
from gantk.store.progress import progress

Array = npt.NDArray[Any]
SHEET = "sheet"


@dataclass(frozen=True, eq=False)
class Subject:
    """A generator (as a code stream), what labels its images, and the heads that are scored on them.

    `name` is for people, `array` the name of its confusion matrices in the run. `size` is the labels' side.
    """

    name: str
    array: str
    stream: CodeStream
    teacher: Teacher
    heads: Mapping[str, Head]
    size: int

    def __post_init__(self) -> None:
        classes = tuple(self.teacher.class_names)
        for name, head in self.heads.items():
            if head.class_names != classes:
                raise UsageError(
                    f"The head {name} tells {len(head.class_names)} classes apart ({', '.join(head.class_names[:4])}, "
                    f"...) and the teacher {self.teacher.name} {len(classes)} ({', '.join(classes[:4])}, ...): give "
                    "the teacher and --classes it was trained with."
                )

    @property
    def taps(self) -> tuple[str, ...]:
        """The maps that any of the heads reads, each once."""
        return tuple(dict.fromkeys(tap for head in self.heads.values() for tap in head.info.taps))


@dataclass(frozen=True, eq=False)
class Rival:
    """Another generator with its heads, for a table of several."""

    name: str
    generator: Generator
    heads: object
    teacher: object = None

    def fingerprint(self) -> object:
        """What it is; the name stands in the tables."""
        from gantk.store.fingerprint import fingerprint

        return [self.name, *(fingerprint(part) for part in (self.generator, self.heads, self.teacher))]


def scored_at_once(batch: int) -> int:
    """Images of a chunk of `confusions`."""
    return batch * max(1, 128 // batch)


def confusions(store: Store, subject: Subject, num: int, batch: int) -> Chunks:
    """Compute the confusion matrices [N, B, K, K] of a subject, chunk by chunk."""
    chunks = store.chunks([subject.array], num, scored_at_once(batch), each=8)
    few = images_at_once(subject.stream.generator, batch)
    missing = chunks.missing()
    bounds = [chunks.grid.bounds(index) for index in missing]
    with store.timed(subject.name), progress(sum(b - a for a, b in bounds), subject.name, unit="img") as bar:
        for index, (start, stop) in zip(missing, bounds, strict=True):
            parts = [score_batch(subject, first, min(first + few, stop)) for first in range(start, stop, few)]
            chunks.write(index, {subject.array: np.concatenate(parts)})
            bar.update(stop - start)
    return chunks


@torch.inference_mode()
def score_batch(subject: Subject, start: int, stop: int) -> Array:
    """Confusion matrices [N, B, K, K] of samples start .. stop - 1."""
    generator = subject.stream.generator
    wp = subject.stream.wp(start, stop)
    image, maps = generator.trace(wp, subject.taps)
    assert image is not None
    target = subject.teacher.label(generator, wp, image, subject.size, start).cpu().numpy()
    found = []
    for head in subject.heads.values():
        predicted = class_map(head.read(maps, subject.size)).cpu().numpy()
        found.append(confusion(predicted, target, len(head.class_names)))
    return np.stack(found, 1)


@torch.inference_mode()
def segmenter_on_renders(teacher: Teacher, generator: Generator, num: int = 500, seed: int = 12345) -> OnRenders:
    """The bundled segmenter's own scores on renders, whose classes are known: what agreement with it can mean."""
    from gantk.world.renderer import render, sample_scene

    parts = []
    empty = torch.zeros(0, device=generator.device)
    for start in range(0, num, 50):
        drawn = render(*sample_scene(50, seed, start))
        image = drawn.image_NCHW.to(generator.device)
        found = teacher.logits(generator, empty, image, image.shape[-1])
        target = drawn.mask_NKHW.argmax(1).to(torch.uint8).numpy()
        parts.append(confusion(class_map(found).cpu().numpy(), target, int(drawn.mask_NKHW.shape[1])))
    told = scores(np.concatenate(parts), with_first=True)
    return OnRenders(teacher=teacher.name, num=num, paper_miou=told.paper_miou, dataset_miou=told.dataset_miou,
                     accuracy=told.accuracy)  # fmt: skip


@torch.inference_mode()
def sheet(store: Store, subject: Subject, num: int, start: int = 0, folder: str = SHEET) -> tuple[Image, ...]:
    """Images beside the teacher's and every head's label map, one picture for each sample, for a look."""
    generator = subject.stream.generator
    few = images_at_once(generator, num)
    rows: dict[str, npt.NDArray[np.uint8]] = {}
    for first in range(start, start + num, few):
        wp = subject.stream.wp(first, min(first + few, start + num))
        image, maps = generator.trace(wp, subject.taps)
        assert image is not None
        target = subject.teacher.label(generator, wp, image, subject.size, first).cpu().numpy()
        said = [class_map(head.read(maps, subject.size)).cpu().numpy() for head in subject.heads.values()]
        drawn = to_rgb8(resize_grid(image.float(), subject.size))
        for n in range(len(wp)):
            parts = [drawn[n], target[n], *(label[n] for label in said)]
            rows[f"{folder}/{first - start + n:02d}.png"] = side_by_side(parts, subject.teacher.class_colours)
    return keep_pictures(store, rows)


def keep_pictures(store: Store, named: Mapping[str, npt.NDArray[np.uint8]]) -> tuple[Image, ...]:
    """Keep pictures [H, W, C] of any sizes by name."""
    with store.pictures() as pictures:
        for name, picture in named.items():
            for done in pictures.write([name], picture[None]):
                done.result()
    return tuple(store.picture(name) for name in named)
