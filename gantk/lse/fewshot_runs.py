"""A few-shot study: heads of N labelled images, repeated with other images, scored together on fresh ones.

Shape legend: N labelled images, L rows of wp, B heads, K classes, S side of the labels.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gantk.codes.code_files import read_codes
from gantk.errors import GantkError, UsageError
from gantk.lse import adam
from gantk.lse.codes import CodeStream
from gantk.lse.evaluation import Subject, summary
from gantk.lse.fewshot import Fit, Labels, check_labels, fit, shots_of
from gantk.lse.images import Images
from gantk.lse.tables import side_by_side
from gantk.lse.teachers import FolderTeacher, Teacher
from gantk.lse.training_results import write_sheet
from gantk.predictors.grids import resize_grid
from gantk.predictors.head_files import load_head, save_head
from gantk.predictors.head_networks import LinearNetwork
from gantk.predictors.heads import Head, HeadInfo
from gantk.runs.run import Run
from gantk.store.files import load_npy, save_image

FRESH = 2_000_000  # number of the first image to score on
ARRAY = "confusion-0"
MOST_SHOTS = 256


def parse_shots(text: str) -> tuple[int, ...]:
    """``1,4,8,16``.

    Raises:
        UsageError: no such list.
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdigit() and 1 <= int(word) <= MOST_SHOTS for word in words):
        raise UsageError(f"--shots {text} is no list of numbers from 1 to {MOST_SHOTS}: write it like 1,4,8,16.")
    return tuple(sorted({int(word) for word in words}))


@dataclass(eq=False)
class Study:
    """What is fitted and how it is judged; see `gantk lse fewshot`.

    The images of repeat r are the samples from r * max(shots) on; fewer shots are the first of more.
    """

    images: Images
    teacher: Teacher
    judge: Teacher
    shots: tuple[int, ...]
    repeats: int
    codes: str | None
    full: Head | None
    noise_draws: int
    penalty: float
    solver: str
    allow_empty: bool
    seed: int
    heads: dict[str, Head] = field(default_factory=dict)

    @property
    def can_judge(self) -> bool:
        return not isinstance(self.judge, FolderTeacher)

    def labelled(self, repeat: int) -> tuple[Tensor, Labels]:
        """wp and labels of the most shots."""
        images, count = self.images, max(self.shots)
        start = repeat * count
        folder = self.teacher.folder if isinstance(self.teacher, FolderTeacher) else None
        codes = self.codes
        if codes is None and folder is not None and (folder / "wp.npy").is_file():
            codes = str(folder / "wp.npy")
        with torch.inference_mode():
            wp = images.stream.wp(start, start + count) if codes is None else self._read(codes)[start : start + count]
            if len(wp) < count:
                raise GantkError(
                    f"{codes} has codes for {len(wp)} more images where {count} are wanted: fewer --shots."
                )
            image = images.generator.synthesize(wp)
            label = self.teacher.label(images.generator, wp, image, images.size, start).cpu().numpy()
        names = self.teacher.class_names
        check_labels(label, names, f"The labels of {self.teacher.name}", self.allow_empty or folder is None)
        return wp, label

    def _read(self, codes: str) -> Tensor:
        generator = self.images.generator
        array = read_codes(codes, generator.spec, "wp").codes
        return torch.from_numpy(array.astype(np.float32)).to(generator.device)

    def fit(self, run: Run) -> None:
        """Fit all heads that the run directory does not have yet."""
        fitted = dict(run.results.get("fits", {}))
        for repeat in range(self.repeats):
            data: tuple[Tensor, Labels] | None = None
            for count in self.shots:
                name = f"n{count}-r{repeat}"
                path = run.path(f"heads/{name}.safetensors")
                if path.is_file() and name in fitted:
                    self.heads[name] = load_head(path, self.images.generator)
                    continue
                data = data or self.labelled(repeat)
                head, about = self._one(name, data[0][:count], data[1][:count])
                save_head(run.output(f"heads/{name}.safetensors", f"of {count} images"), head)
                self.heads[name], fitted[name] = head, about
                run.record("fits", fitted)
                run.save()
            if repeat == 0 and (data is not None or "shot_images" not in run.results):
                _show_shots(run, self, *(data or self.labelled(repeat)))
        if self.full is not None:
            self.heads["full"] = self.full

    def _one(self, name: str, wp: Tensor, label: Labels) -> tuple[Head, dict[str, Any]]:
        began = time.perf_counter()
        classes, images = len(self.teacher.class_names), self.images
        if self.solver == "adam":
            found = Fit(_by_adam(images, wp, label, classes, self.seed), 0.0, 0, None)
        else:
            shots = shots_of(images, wp, label, self.noise_draws, self.seed)
            found = fit(shots, classes, penalty=self.penalty)
        about: dict[str, Any] = {"eps": found.eps, "steps": found.steps}
        if found.left_out is not None:
            about["left_out"] = found.left_out
        head = as_head(name, found.network, images, self.teacher, {"shots": len(wp), **about})
        return head, {"seconds": time.perf_counter() - began, **about}  # a file's bytes do not depend on the time

    def subject(self) -> Subject:
        """What is scored: all heads on one stream of fresh images."""
        stream = self.images.stream
        fresh = CodeStream(stream.generator, stream.seed, stream.truncation, stream.mixed, stream.label, FRESH)
        return Subject("heads", ARRAY, fresh, self.judge, self.heads, self.images.size)


def as_head(name: str, network: LinearNetwork, images: Images, teacher: Teacher, meta: dict[str, Any]) -> Head:
    """A fitted network as a head."""
    from gantk.generators.probe import probe_of

    info = HeadInfo(
        "LSE", tuple(teacher.class_names), tuple(teacher.class_colours), images.taps, images.channels, images.size,
        images.align_corners, name, probe_of(images.generator), {"teacher": teacher.name, **meta},
    )  # fmt: skip
    return Head(info, network)


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


@torch.inference_mode()
def _show_shots(run: Run, study: Study, wp: Tensor, label: Labels) -> None:
    from gantk.pictures.images import to_rgb8

    drawn = to_rgb8(resize_grid(study.images.generator.synthesize(wp[:16]).float(), study.images.size))
    names = []
    for place, picture in enumerate(drawn):
        names.append(f"shots/{place:02d}.png")
        save_image(run.path(names[-1]), side_by_side([picture, label[place]], study.teacher.class_colours))
    run.output("shots", "labelled images of the first repeat")
    run.record("shot_images", names)


def record(run: Run, study: Study) -> None:
    """Scores by number of shots: the mean over repeats, and the paper's "+-", the largest deviation from it."""
    fits = run.results["fits"]
    scored: dict[str, dict[str, Any]] = {}
    if run.path(f"{ARRAY}.npy").is_file():
        counts_NBKK = load_npy(run.path(f"{ARRAY}.npy"), mmap=True)
        for place, name in enumerate(study.heads):
            scored[name] = summary(counts_NBKK[:, place], study.judge, study.seed)
    rows = []
    full = scored.get("full", {}).get("paper_miou")
    for count in study.shots:
        names = [f"n{count}-r{repeat}" for repeat in range(study.repeats)]
        row: dict[str, Any] = {
            "shots": count,
            "files": [f"heads/{name}.safetensors" for name in names],
            "seconds": float(np.mean([fits[name]["seconds"] for name in names])),
            "eps": [fits[name]["eps"] for name in names],
            "steps": [fits[name]["steps"] for name in names],
        }
        if scored:
            each = np.array([scored[name]["paper_miou"] for name in names])
            row |= {
                "paper_miou": float(each.mean()),
                "deviation": float(np.abs(each - each.mean()).max()),
                "each": each,
                "dataset_miou": float(np.mean([scored[name]["dataset_miou"] for name in names])),
                "intervals": [scored[name]["intervals"]["paper_miou"] for name in names],
                "classes": np.mean([scored[name]["paper_classes"] for name in names], 0),
                "of_full": None if not full else float(each.mean() / full),
            }
        rows.append(row)
    run.record("shots", rows)
    run.record("full", scored.get("full"))
    run.record("class_names", study.teacher.class_names)
    run.record("class_colours", study.teacher.class_colours)
    run.record("teacher", study.teacher.name)
    run.record("judge", study.judge.name)
    if scored:
        first = {name: head for name, head in study.heads.items() if name.endswith("-r0") or name == "full"}
        subject = study.subject()
        shown = Subject(subject.name, subject.array, subject.stream, subject.teacher, first, subject.size)
        run.record("sheet", write_sheet(run, shown, 6, 0))
        run.record("sheet_columns", ["image", "judge", *first])
