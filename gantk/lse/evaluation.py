"""Scoring heads against a teacher on fresh images: one confusion matrix per image and head, everything else from those.

All heads of a generator are scored on one drawing and one labelling of each image.

Shape legend: N images, B heads, K classes, S side of the labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.lse.codes import CodeStream
from gantk.lse.metrics import Scores, bootstrap, confusion, scores
from gantk.lse.teachers import Teacher
from gantk.predictors.grids import resize_grid
from gantk.predictors.head_files import load_head
from gantk.predictors.heads import Head, class_map
from gantk.runs.run import CONCATENATE, Run, progress

Array = npt.NDArray[Any]


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


def evaluate(run: Run, subjects: Sequence[Subject], num: int, batch: int, chunk: int) -> None:
    """Leave [N, B, K, K] of every subject in the run directory; continue where an earlier run stopped."""
    for subject in subjects:
        ledger = run.ledger({subject.array: CONCATENATE}, num, chunk)
        missing = ledger.missing()
        bounds = [ledger.grid.bounds(index) for index in missing]
        with run.timed(subject.name), progress(sum(b - a for a, b in bounds), subject.name, unit="img") as bar:
            for index, (start, stop) in zip(missing, bounds, strict=True):
                parts = []
                for first in range(start, stop, batch):
                    parts.append(score_batch(subject, first, min(first + batch, stop)))
                ledger.write(index, {subject.array: np.concatenate(parts)})
                bar.update(stop - start)
        run.assemble(ledger, {subject.array: "confusion matrix of each image and head"})


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


def summary(confusion_NKK: Array, teacher: Teacher, seed: int) -> dict[str, Any]:
    """Scores and intervals of one head, as plain data."""
    with_first = not teacher.has_other
    found: Scores = scores(confusion_NKK, with_first)
    return {
        "paper_miou": found.paper_miou,
        "dataset_miou": found.dataset_miou,
        "accuracy": found.accuracy,
        "intervals": bootstrap(confusion_NKK, with_first, seed=seed),
        "paper_classes": found.paper_K,
        "dataset_classes": found.dataset_K,
        "confusion": found.confusion_KK,
    }


def find_heads(paths: Sequence[str], generator: Generator, force: bool = False) -> dict[str, Head]:
    """Heads by name from files and folders (of heads, or of a training).

    Raises:
        UsageError: a folder has none, or two heads have one name.
    """
    found: dict[str, Head] = {}
    for text in paths:
        path = Path(text)
        files = [path]
        if path.is_dir():
            folder = path / "heads" if (path / "heads").is_dir() else path
            files = sorted([*folder.glob("*.safetensors"), *folder.glob("*.pth")])
            if not files:
                raise UsageError(f"{path} has no heads in it: give a file or the directory of `gantk lse train`.")
        for file in files:
            name = file.stem if file.stem not in found else f"{path.name}/{file.stem}"
            if name in found:
                raise UsageError(f"Two heads are called {name}: rename one of the files.")
            found[name] = load_head(file, generator, force)
    return found


def relative(values: Sequence[float]) -> list[float]:
    """(value - best) / best in percent, as the paper's tables have it in parentheses."""
    best = max(values)
    return [100 * (value - best) / best if best > 0 else 0.0 for value in values]


@torch.inference_mode()
def segmenter_on_renders(teacher: Teacher, generator: Any, num: int = 500, seed: int = 12345) -> dict[str, float]:
    """The bundled segmenter's own scores on renders, whose classes are known: what agreement with it can mean."""
    from gantk.world.renderer import render, sample_scene

    parts = []
    for start in range(0, num, 50):
        scene = sample_scene(50, seed, start)
        drawn = render(*scene)
        found = teacher.logits(generator, drawn.image_NCHW[:0], drawn.image_NCHW, drawn.image_NCHW.shape[-1])
        target = drawn.mask_NKHW.argmax(1).to(torch.uint8).numpy()
        parts.append(confusion(class_map(found).numpy(), target, int(drawn.mask_NKHW.shape[1])))
    found_scores = scores(np.concatenate(parts), with_first=True)
    return {
        "paper_miou": found_scores.paper_miou,
        "dataset_miou": found_scores.dataset_miou,
        "accuracy": found_scores.accuracy,
        "num": num,
    }


@torch.inference_mode()
def sheet(subject: Subject, num: int, start: int = 0) -> list[dict[str, Any]]:
    """Images with the teacher's and every head's label map, uint8, for a qualitative look."""
    from gantk.pictures.images import to_rgb8

    generator = subject.stream.generator
    wp = subject.stream.wp(start, start + num)
    image, maps = generator.trace(wp, subject.taps)
    assert image is not None
    target = subject.teacher.label(generator, wp, image, subject.size, start).cpu().numpy()
    said = {name: class_map(head.read(maps, subject.size)).cpu().numpy() for name, head in subject.heads.items()}
    pictures = to_rgb8(resize_grid(image.float(), subject.size))
    return [
        {"image": pictures[n], "teacher": target[n], "heads": {name: label[n] for name, label in said.items()}}
        for n in range(num)
    ]
