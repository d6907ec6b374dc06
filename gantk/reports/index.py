"""The page that links every other page of a run directory, with a picture of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gantk.errors import GantkError
from gantk.reports import palettes
from gantk.reports.images import thumbnail
from gantk.reports.page import Page
from gantk.reports.record import RunRecord, records_below
from gantk.reports.sections import Link, Links, Picture

SIDE = 18  # of a square of a matrix, in pixels
WHAT = {
    "demo": ("The tour", "What was found, and how it compares with the truth"),
    "atlas": ("Atlas", "Directions of all systems, measured alike"),
    "synthesize": ("Samples", "What the generator draws, and how it was scored"),
    "quality": ("Quality of the samples", "How near they are to real images"),
    "train-predictor": ("Predictor from few labels", "How good it is, and which images to label next"),
    "train-boundary": ("Boundaries", "One per attribute, and how far to trust it"),
    "rescore": ("Rescored boundaries", "What each changes, and in which rows"),
    "manipulate": ("Edits", "Sliders along the directions"),
    "compare": ("Runs compared", "Settings, numbers and pictures side by side"),
    "stylespace": ("Style channels", "Single channels of the styles, by what they change"),
    "lse-train": ("Segmentation heads", "Where each class is, read linearly from the maps"),
    "lse-fewshot": ("A head from a few images", "How good it is, class by class"),
    "lse-evaluate": ("Heads compared", "Tables of heads and generators"),
    "lse-sample": ("Samples by label maps", "Codes whose images have the wanted labels"),
    "lse-edit": ("An edit by strokes", "What was painted, and what changed"),
    "ghfeat-train": ("The encoder", "Its training, and its reconstructions"),
    "ghfeat-extract": ("Images as codes", "Each beside its reconstruction"),
    "ghfeat-mix": ("Mixed images", "Levels of one image in another"),
    "ghfeat-edit": ("Real images edited", "Along a direction, or in a region"),
    "ghfeat-harmonize": ("Harmonised pastes", "A region of one image in another, encoded and made again"),
    "ghfeat-evaluate": ("Factors in the codes", "What can be read from each level"),
    "invert": ("Inverted images", "Codes of real images, and how near they come"),
    "mix": ("Mixed samples", "Some rows of wp from one code, the rest from another"),
    "walk": ("A walk through codes", "Frames on the way from code to code"),
    "navigan-hessian": ("Weight directions", "Leading eigenvectors, with sliders and where they act"),
    "navigan-svd": ("Weight directions by SVD", "Singular vectors, with sliders and where they act"),
    "navigan-train": ("Weight directions, optimised", "How well a network recognises each"),
    "navigan-apply": ("Weight edits", "Sliders along directions of the weights"),
    "resefa-jacobian": ("Regions", "Where they lie, and how each changes with one step"),
    "resefa-directions": ("Directions of one region", "With sliders, and how much of each stays inside"),
    "sefa": ("Directions by SeFa", "From the weights alone"),
    "ganspace": ("Directions by GANSpace", "Principal components of codes"),
    "slurm": ("Chains of jobs", "What ran, and for how long"),
}
"""Command -> title and text of its card, in the order of a tour."""


def picture_of(run: RunRecord) -> Picture | None:
    """The picture that stands for a run where pages are listed: of its result, or its matrix, small."""
    from gantk.runs.reporting import read_from, read_run
    from gantk.runs.table import find_reported, is_reported

    if not is_reported(run.command):
        return None
    task, title = find_reported(run.command), title_of(run.command)
    try:
        result = read_run(task, run.directory)
        with read_from(task.spelled, run.directory):
            image = result.front()
            values = result.emblem() if image is None else None
        if image is not None:
            return thumbnail(Picture(image.source, f"A picture of the page {title}"))
    except GantkError:  # a run that is not complete, or damaged
        return None
    if values is None or values.size < 2:
        return None
    return matrix_picture(values, f"Numbers of the page {title} as coloured squares")


def matrix_picture(values: np.ndarray, alt: str) -> Picture:
    """A matrix `[R, C]` as coloured squares, for a card: blue below zero, orange above (or green where nothing is
    below)."""
    values = np.nan_to_num(values)
    limit = float(np.abs(values).max()) or 1.0
    palette = palettes.LIGHT if values.min() < 0 else palettes.LIGHT_SEQUENTIAL
    colours = [[palettes.cell_colours(round(float(value) / limit, 2), palette)[0] for value in row] for row in values]
    pixels = np.array(
        [[[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in row] for row in colours], np.uint8
    )
    image = np.kron(pixels, np.ones((SIDE, SIDE, 1), np.uint8))
    image[SIDE - 1 :: SIDE] = image[:, SIDE - 1 :: SIDE] = 247  # the page's ground, as a grid
    return Picture(image, alt, lossless=True)


def title_of(command: str) -> str:
    """What a command's page is called on a card."""
    return WHAT.get(command, (command.replace("-", " "), ""))[0]


def text_of(command: str) -> str:
    """What a card says below the title: by default the summary of the command's task."""
    from gantk.runs.table import find_task, is_task

    return WHAT[command][1] if command in WHAT else find_task(command).summary if is_task(command) else ""


def cards(runs: Sequence[RunRecord], root: Path) -> list[Link]:
    """A link to each run's page, relative to `root`, in the order of a tour; equal titles are told apart by their
    folder."""
    order = list(WHAT)
    ranked = sorted(
        runs, key=lambda run: (order.index(run.command) if run.command in order else len(order), str(run.directory))
    )
    commands = [run.command for run in runs]
    links = []
    for run in ranked:
        folder = run.directory.relative_to(root).as_posix()
        title, text = title_of(run.command), text_of(run.command)
        if commands.count(run.command) > 1 and folder != ".":
            title = f"{title}: {folder}"
        href = (f"{folder}/" if folder != "." else "") + f"{run.command}.html"
        links.append(Link(href, title, text, picture_of(run)))
    return links


def build(directory: Path) -> Page | None:
    """The index of a directory; None where there are fewer than two runs, or a tour that is an index itself."""
    runs = list(records_below(directory))
    if len(runs) < 2 or any(run.command == "demo" and run.directory == directory for run in runs):
        return None
    subtitle = f"{len(runs)} pages in `{directory.resolve().name}`."
    return Page("Reports of this run", subtitle, [Links(cards(runs, directory))], command="report")
