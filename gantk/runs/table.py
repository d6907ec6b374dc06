"""The table of tasks: what the command line, pages, merging, slurm files and the documentation's checks look up.

Only names stand here, so that reading the table imports nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gantk.errors import GantkError, suggestion

if TYPE_CHECKING:
    from gantk.runs.task import Task


@dataclass(frozen=True)
class Row:
    """Where a task is, and its summary for lists of commands."""

    task: str
    summary: str


TASKS: dict[str, Row] = {
    "lse train": Row("gantk.lse.tasks:TRAIN", "Train segmentation heads on a generator's maps."),
    "lse fewshot": Row("gantk.lse.tasks:FEWSHOT", "Fit linear heads to a few labelled images and score them."),
    "lse evaluate": Row("gantk.lse.tasks:EVALUATE", "Score heads against a teacher on fresh images."),
    "lse sample": Row("gantk.lse.tasks:SAMPLE", "Find images that have a wanted label map."),
    "lse edit": Row("gantk.lse.tasks:EDIT", "Edit an image by strokes of classes and colours."),
    "sefa": Row("gantk.comparators.tasks:SEFA", "Closed-form directions from a generator's weights (SeFa)."),
    "ganspace": Row("gantk.comparators.tasks:GANSPACE", "Principal components of sampled codes (GANSpace)."),
}

GROUPS: dict[str, str] = {
    "lse": "Linear segmentation heads: train, few-shot, evaluate, sample, edit.",
}


def find_task(name: str) -> Task:
    """The task of a name, as typed ("lse train") or as files are named ("lse-train").

    Raises:
        GantkError: there is no such task.
    """
    from gantk.store.lazy import resolve

    found = TASKS.get(name) or next((row for key, row in TASKS.items() if "-".join(key.split()) == name), None)
    if found is None:
        raise GantkError(f"There is no task {name!r}.{suggestion(name, TASKS)}")
    task: Task = resolve(found.task)
    return task


def is_task(name: str) -> bool:
    """Whether a name, as typed or as files are named, is a task's."""
    return name in TASKS or any("-".join(key.split()) == name for key in TASKS)
