"""What a training leaves: head files, curves, scores, contributions of the maps, and label maps to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gantk.lse.evaluation import Subject, sheet
from gantk.lse.images import Images
from gantk.lse.tables import side_by_side
from gantk.lse.teachers import Teacher
from gantk.lse.training import LABELS, MOMENTS, Plan, Trained, as_head, contributions, read_moments
from gantk.predictors.head_files import save_head
from gantk.predictors.head_networks import LinearNetwork
from gantk.runs.run import Run
from gantk.store.files import load_npy, save_image

SHOWN = 8
HEADS, SHEET = "heads", "sheet"


def record(run: Run, images: Images, teacher: Teacher, plan: Plan, found: Sequence[Trained]) -> None:
    """Write the heads and record everything that the page shows."""
    about = {"solver": plan.solver, "teacher": teacher.name, "num": plan.num, "seed": plan.seed}
    entries, heads = [], {}
    for trained in found:
        last = trained.looks[-1] if trained.looks else None
        meta: dict[str, Any] = {**about, "command": run.manifest["argv"], "passes": trained.total_passes}
        if isinstance(trained.network, LinearNetwork) and run.path(f"{MOMENTS}.npy").is_file():
            meta["contributions"] = contributions(trained.network, read_moments(run))
        if last is not None:
            meta |= {"paper_miou": last.paper_miou, "dataset_miou": last.dataset_miou, "accuracy": last.accuracy}
        head = as_head(trained, images, teacher, meta)
        heads[trained.kind] = head
        file = run.output(f"{HEADS}/{trained.kind}.safetensors", f"the {trained.kind} head")
        save_head(file, head)
        entries.append(
            {
                "name": trained.kind,
                "file": file.relative_to(run.directory).as_posix(),
                "parameters": sum(p.numel() for p in trained.network.parameters()),
                "passes": trained.total_passes,
                "paper_miou": None if last is None else last.paper_miou,
                "dataset_miou": None if last is None else last.dataset_miou,
                "accuracy": None if last is None else last.accuracy,
                "classes": None if last is None else last.paper_K,
                "curve": {"passes": trained.passes, "paper_miou": [look.paper_miou for look in trained.looks]},
                "losses": trained.losses,
                "contributions": meta.get("contributions"),
            }
        )
    run.record("heads", entries)
    run.record("class_names", teacher.class_names)
    run.record("class_colours", teacher.class_colours)
    run.record("taps", images.taps)
    run.record("teacher", teacher.name)
    label = load_npy(run.path(f"{LABELS}.npy"), mmap=True)
    counts = np.bincount(np.asarray(label).ravel(), minlength=256)[: len(teacher.class_names)]
    run.record("class_share", counts / max(counts.sum(), 1))
    empty = [name for name, count in zip(teacher.class_names, counts, strict=True) if count == 0]
    run.record("empty_classes", empty)
    if plan.held_out:
        subject = Subject("", "", images.stream, teacher, heads, images.size)
        run.record("sheet", write_sheet(run, subject, min(SHOWN, plan.held_out), plan.num))
        run.record("sheet_columns", ["image", "teacher", *heads])


def write_sheet(run: Run, subject: Subject, num: int, start: int, folder: str = SHEET) -> list[str]:
    """Images beside their label maps, one file per sample; returns the names."""
    names = []
    for place, row in enumerate(sheet(subject, num, start)):
        picture = side_by_side([row["image"], row["teacher"], *row["heads"].values()], subject.teacher.class_colours)
        names.append(f"{folder}/{place:02d}.png")
        save_image(run.path(names[-1]), picture)
    run.output(folder, "images beside their label maps")
    return names
