"""What a boundary search leaves for people and other programs: cards, and the list for rescoring."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePath

from gantk.codes.boundary_list import listable, read_boundary_list, write_boundary_list
from gantk.errors import UsageError
from gantk.higan.boundaries import Boundary


def card_of(boundary: Boundary) -> str:
    """Return a boundary's card in Markdown."""
    direction = boundary.direction
    width = " x ".join(map(str, direction.vectors.shape[1:]))
    facts = [
        ("space", f"{direction.space}, {width}"),
        ("rows", "all" if direction.layers is None else ", ".join(map(str, direction.layers))),
        (
            "solver",
            f"{boundary.solver}, C = {boundary.C:.4g}" + (", refitted on all" if boundary.refit else ""),
        ),
        ("samples", f"{boundary.num_train} for training, {boundary.num_val} for validation"),
        ("seed", str(direction.meta.get("seed", ""))),
        ("intercept", ", ".join(f"{value:.4g}" for value in boundary.intercepts)),
        ("worth looking at", f"distances from -{direction.scale:g} to {direction.scale:g}"),
    ]
    names = {
        "accuracy_val": "validation accuracy",
        "accuracy_val_conditional": "validation accuracy after the projection",
        "accuracy_remaining": "accuracy between the ends",
        "auc": "area under the ROC curve",
        "correlation": "correlation with the score",
        "stability": "stability (cosine over resampled splits)",
    }
    for key, text in names.items():
        value = getattr(boundary.figures, key)
        if value is not None:
            facts.append((text, f"{value:.4f}"))
    if boundary.conditions:
        facts.insert(2, ("orthogonal to", ", ".join(boundary.conditions)))
    table = "\n".join(f"| {name} | {value} |" for name, value in facts)
    command = direction.meta.get("command")
    made = f"\nMade by\n\n    {command}\n" if command else ""
    file = f"{boundary.file}.safetensors"
    return f"# {boundary.name}\n\nA boundary: `{file}`.\n\n| | |\n|---|---|\n{table}\n{made}"


def file_base(name: str | None, save_name: str) -> str:
    """Return the name of a boundary's files without suffix: the original's "<score>_<save name>".

    Raises:
        UsageError: the save name has folders; that is for --output-dir.
    """
    if PurePath(save_name).name != save_name or save_name in ("", ".npy"):
        raise UsageError(f"The save name {save_name!r} is no file name: folders go to --output-dir.")
    stem = save_name.removesuffix(".npy")
    # Names come from foreign files: nothing in them may lead out of the directory.
    return stem if name is None else f"{re.sub(r'[^A-Za-z0-9._+=@ -]', '_', name).lstrip('.') or '_'}_{stem}"


def update_list(path: Path, boundaries: Sequence[Boundary]) -> None:
    """Write the list of the boundaries in a folder. Those that other runs left there stay in the list."""
    listed = [(each.name, each.direction.space, f"{each.file}.safetensors") for each in boundaries]
    kept = []
    if path.is_file():
        own = {(name, space) for name, space, _ in listed}
        for old in read_boundary_list(path):
            if (old.name, old.space) not in own and old.path.is_file():
                inside = old.path.is_relative_to(path.parent)
                file = old.path.relative_to(path.parent).as_posix() if inside else str(old.path)
                kept.append((old.name, old.space, file))
    usable = [entry for entry in [*kept, *listed] if listable(entry[0])]
    if usable:
        comments = ["Boundaries of this folder; for `gantk rescore MODEL` and `gantk manipulate MODEL` with this file."]
        write_boundary_list(path, usable, comments)
