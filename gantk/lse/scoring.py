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
from torch import Tensor

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
from gantk.runs.stores import Chunks, Store, remaining
from gantk.runs.structure import Image
from gantk.store.chunks import parts
from gantk.store.progress import progress

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.uint8]
SHEET = "sheet"
RENDERS, RENDERS_SEED = 500, 12345  # that the bundled segmenter itself is scored on


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
    todo, samples = remaining(chunks)
    with store.timed(subject.name), progress(samples, subject.name, unit="img") as bar:
        for index, start, stop in todo:
            found = [_confusion(subject, first, last) for first, last in parts(start, stop, few)]
            chunks.write(index, {subject.array: np.concatenate(found)})
            bar.update(stop - start)
    return chunks


def _confusion(subject: Subject, start: int, stop: int) -> Array:
    """Confusion matrices [N, B, K, K] of samples start .. stop - 1."""
    _, target, said = _labelled(subject, start, stop)
    return np.stack([confusion(label, target, len(subject.teacher.class_names)) for label in said], 1)


@torch.inference_mode()
def _labelled(subject: Subject, start: int, stop: int) -> tuple[Tensor, Labels, list[Labels]]:
    """Images of samples start .. stop - 1, their label maps by the teacher, and those by every head."""
    generator = subject.stream.generator
    wp = subject.stream.wp(start, stop)
    image, maps = generator.trace(wp, subject.taps)
    assert image is not None
    target = subject.teacher.label(generator, wp, image, subject.size, start).cpu().numpy()
    said = [class_map(head.read(maps, subject.size)).cpu().numpy() for head in subject.heads.values()]
    return image, target, said


@torch.inference_mode()
def segmenter_on_renders(teacher: Teacher, generator: Generator) -> OnRenders:
    """The bundled segmenter's own scores on renders, whose classes are known: what agreement with it can mean."""
    from gantk.world.renderer import render, sample_scene

    counts = []
    empty = torch.zeros(0, device=generator.device)
    for start in range(0, RENDERS, 50):
        drawn = render(*sample_scene(50, RENDERS_SEED, start))
        image = drawn.image_NCHW.to(generator.device)
        found = teacher.logits(generator, empty, image, image.shape[-1])
        target = drawn.mask_NKHW.argmax(1).to(torch.uint8).numpy()
        counts.append(confusion(class_map(found).cpu().numpy(), target, int(drawn.mask_NKHW.shape[1])))
    told = scores(np.concatenate(counts), with_first=True)
    return OnRenders(teacher=teacher.name, num=RENDERS, paper_miou=told.paper_miou, dataset_miou=told.dataset_miou,
                     accuracy=told.accuracy)  # fmt: skip


@torch.inference_mode()
def sheet(store: Store, subject: Subject, num: int, start: int = 0, folder: str = SHEET) -> tuple[Image, ...]:
    """Images beside the teacher's and every head's label map, one picture for each sample, for a look."""
    rows: dict[str, Labels] = {}
    for first, last in parts(start, start + num, images_at_once(subject.stream.generator, num)):
        image, target, said = _labelled(subject, first, last)
        drawn = to_rgb8(resize_grid(image.float(), subject.size))
        for n, tiles in enumerate(zip(drawn, target, *said, strict=True)):
            rows[f"{folder}/{first - start + n:02d}.png"] = side_by_side(tiles, subject.teacher.class_colours)
    return store.keep_pictures(rows)
