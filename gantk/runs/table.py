"""The table of tasks: what the command line, pages, merging, slurm files and the documentation's checks look up.

Only names stand here, so that reading the table imports nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gantk.errors import GantkError, suggestion

if TYPE_CHECKING:
    from gantk.runs.task import Reported, Task


class Row(NamedTuple):
    """Where a task is, and its summary for lists of commands."""

    task: str
    summary: str


TASKS: dict[str, Row] = {
    "resefa jacobian": Row(
        "gantk.resefa.tasks:JACOBIAN", "Add up what moving each coordinate changes in every region."
    ),
    "resefa directions": Row(
        "gantk.resefa.tasks:DIRECTIONS",
        "Find the directions that change a region most relative to what they change outside it.",
    ),
    "synthesize": Row("gantk.higan.tasks:SYNTHESIZE", "Sample latents, images and predictions from a generator."),
    "train-boundary": Row(
        "gantk.higan.tasks:TRAIN_BOUNDARY", "Find the latent direction of an attribute from scored samples."
    ),
    "train-predictor": Row("gantk.fewlabels.tasks:TRAIN_PREDICTOR", "Learn attributes from 20 to 500 labelled images."),
    "rescore": Row("gantk.higan.tasks:RESCORE", "Measure which attribute a direction moves, and in which rows."),
    "manipulate": Row("gantk.higan.tasks:MANIPULATE", "Render images along one or more directions."),
    "navigan hessian": Row(
        "gantk.navigan.tasks:HESSIAN", "Find the weight directions that change what a picture shows the most."
    ),
    "navigan svd": Row("gantk.navigan.tasks:SVD", "Take the singular vectors of a convolution as weight directions."),
    "navigan train": Row(
        "gantk.navigan.tasks:TRAIN", "Learn combinations of a basis whose effects a network can distinguish."
    ),
    "navigan apply": Row("gantk.navigan.tasks:APPLY", "Render samples along weight directions."),
    "lse train": Row("gantk.lse.tasks:TRAIN", "Train segmentation heads on a generator's maps."),
    "lse fewshot": Row("gantk.lse.tasks:FEWSHOT", "Fit linear heads to a few labelled images and score them."),
    "lse evaluate": Row("gantk.lse.tasks:EVALUATE", "Score heads against a teacher on fresh images."),
    "lse sample": Row("gantk.lse.tasks:SAMPLE", "Find images that have a wanted label map."),
    "lse edit": Row("gantk.lse.tasks:EDIT", "Edit an image by strokes of classes and colours."),
    "mix": Row("gantk.between.tasks:MIX", "Style-mixing grid of two lists of codes, by rows of wp."),
    "walk": Row("gantk.between.tasks:WALK", "Video, frames and strip of a walk through seeds or saved codes."),
    "ghfeat train": Row("gantk.ghfeat.tasks:TRAIN", "Train an encoder of real images into a generator's styles."),
    "ghfeat extract": Row(
        "gantk.ghfeat.tasks:EXTRACT", "Encode images into a generator's styles: codes, reconstructions, figures."
    ),
    "ghfeat mix": Row("gantk.ghfeat.tasks:MIX", "Mix images by level: some rows of one in another."),
    "ghfeat edit": Row(
        "gantk.ghfeat.tasks:EDIT", "Edit real images along a direction, or in a region by another image."
    ),
    "ghfeat harmonize": Row("gantk.ghfeat.tasks:HARMONIZE", "Paste a region of another image and blend it in."),
    "ghfeat evaluate": Row(
        "gantk.ghfeat.tasks:EVALUATE", "Probe frozen features level by level, and measure reconstruction."
    ),
    "invert": Row("gantk.ghfeat.tasks:INVERT", "Find codes of real images, by an encoder, by optimisation, or both."),
    "quality": Row(
        "gantk.quality.tasks:QUALITY", "How near samples are to real images: distances, precision, recall, coverage."
    ),
    "sefa": Row("gantk.comparators.tasks:SEFA", "Closed-form directions from a generator's weights (SeFa)."),
    "ganspace": Row("gantk.comparators.tasks:GANSPACE", "Principal components of sampled codes (GANSpace)."),
    "atlas": Row(
        "gantk.atlas.tasks:CHART",
        "Find directions by all systems, measure them alike, and join those that do the same.",
    ),
    "compare": Row(
        "gantk.comparing.tasks:COMPARE", "Set finished runs of one command side by side: settings, numbers, pictures."
    ),
    "stylespace": Row(
        "gantk.stylespace.tasks:FIND", "Single style channels that carry an attribute or change one region."
    ),
}

BESIDE: dict[str, str] = {"demo": "gantk.tour.page:TOUR", "slurm": "gantk.slurm.page:CHAIN"}
"""Commands that are no task, and whose runs hold a result with a page all the same."""

GROUPS: dict[str, str] = {
    "ghfeat": "Hierarchical features of real images: train, extract, mix, edit, harmonize, evaluate.",
    "resefa": "Directions that change one region: Jacobian, directions.",
    "navigan": "Directions in weight space: how edits of one convolution's weights change pictures.",
    "lse": "Linear segmentation heads: train, few-shot, evaluate, sample, edit.",
}


def find_task(name: str) -> Task:
    """The task of a name, as typed ("lse train") or as files are named ("lse-train").

    Raises:
        GantkError: there is no such task.
    """
    from gantk.store.lazy import resolve

    found = _row(name)
    if found is None:
        raise GantkError(f"There is no task {name!r}.{suggestion(name, TASKS)}")
    task: Task = resolve(found.task)
    return task


def find_reported(name: str) -> Reported:
    """The task of a name, or the command beside the tasks, whose runs hold a result with a page; see `find_task`."""
    from gantk.store.lazy import resolve

    if name not in BESIDE:
        return find_task(name)
    found: Reported = resolve(BESIDE[name])
    return found


def is_reported(name: str) -> bool:
    """Whether the runs of a command, as typed or as files are named, hold a result with a page."""
    return name in BESIDE or is_task(name)


def is_task(name: str) -> bool:
    """Whether a name, as typed or as files are named, is a task's."""
    return _row(name) is not None


def _row(name: str) -> Row | None:
    return TASKS.get(name) or next((row for key, row in TASKS.items() if key.replace(" ", "-") == name), None)
