"""What a boundary search leaves: directions with their cards, the list for rescoring, the figures for the page."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.codes.boundary_list import read_boundary_list, write_boundary_list
from gantk.codes.directions import Direction, save_direction
from gantk.errors import GantkError, UsageError
from gantk.higan.boundary import BoundaryResult, RowResult, Settings
from gantk.runs.run import Run
from gantk.store.files import write_atomic

LIST_NAME = "boundary_list.txt"
BINS = 40


def direction_of(
    result: BoundaryResult, space: str, command: str, settings: Settings, probe: Mapping[str, Any] | None = None
) -> Direction:
    """Return a boundary as an artifact. A shared boundary of wp is a w-direction, which moves any row.

    Its scale is three standard deviations of the samples' distances, as far as samples go; 3, as the original's, where
    that is not known.
    """
    deviation = result.mean(lambda part: part.distance_std)
    meta = {
        "command": command,
        "seed": settings.seed,
        "solver": result.solver,
        "C": [part.fit.C for part in result.rows] if len(result.rows) > 1 else result.rows[0].fit.C,
        "num_train": result.num_train,
        "num_val": result.num_val,
        "refit": settings.refit,
        "conditions": list(result.conditions),
        **figures_of(result),
    }
    return Direction(
        result.name,
        "boundary",
        "w" if space == "wp" and result.shared else space,
        result.vectors,
        result.intercept,
        result.layers,
        float(f"{3 * deviation:.2g}") if deviation else 3.0,
        probe,
        {key: value for key, value in meta.items() if value is not None},
    )


def figures_of(result: BoundaryResult) -> dict[str, float | None]:
    """Return the figures by which a boundary is judged, means over its rows."""
    return {
        "accuracy_train": result.mean(lambda part: part.train.overall),
        "accuracy_val": result.mean(lambda part: part.val.overall),
        "accuracy_val_positive": result.mean(lambda part: part.val.positive),
        "accuracy_val_negative": result.mean(lambda part: part.val.negative),
        "accuracy_remaining": result.mean(lambda part: part.remaining.overall if part.remaining else None),
        "accuracy_val_conditional": result.mean(lambda part: part.val_after.overall if part.val_after else None),
        "auc": result.mean(lambda part: part.auc),
        "correlation": result.mean(lambda part: part.correlation),
        "stability": result.mean(lambda part: part.stability),
    }


def entry_of(result: BoundaryResult, direction: Direction, path: str, score_N: npt.NDArray[Any]) -> dict[str, Any]:
    """Return what the page shows of a boundary."""
    finite = np.asarray(score_N, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    counts, edges = np.histogram(finite, BINS)
    first = result.rows[0]
    entry: dict[str, Any] = {
        "name": result.name,
        "solver": result.solver,
        "C": first.fit.C,
        "intercept": first.fit.intercept,
        "num_train": result.num_train,
        "num_val": result.num_val,
        "num_remaining": result.num_remaining,
        **figures_of(result),
        "stability_low": first.stability_low,
        "scale": direction.scale,
        "converged": all(part.fit.converged for part in result.rows),
        "certainty": first.fit.certainty,
        "conditions": list(result.conditions),
        "path": path,
        "seconds": round(result.seconds, 3),
        "score_histogram": {"counts": counts, "edges": edges},
        "projection_histogram": _projections(first),
    }
    if math.isfinite(result.threshold):
        entry["threshold"] = result.threshold
    if len(result.rows) > 1:
        entry["layers"] = [
            {"index": part.row, "accuracy_val": part.val.overall, "auc": part.auc, "stability": part.stability}
            for part in result.rows
        ]
    return entry


def _projections(part: RowResult) -> dict[str, Any]:
    """Return where the validation samples of each class lie along the normal."""
    if not len(part.val_distance):
        return {}
    positives = part.val.num_positive
    edges = np.histogram_bin_edges(part.val_distance, BINS)
    return {
        "edges": edges,
        "positive": np.histogram(part.val_distance[:positives], edges)[0],
        "negative": np.histogram(part.val_distance[positives:], edges)[0],
    }


def cosines_of(results: Sequence[BoundaryResult]) -> dict[str, Any]:
    """Return the cosines between boundaries; of those with several rows the mean over rows."""
    vectors = np.stack([result.vectors[0].astype(np.float64) for result in results])
    vectors = vectors.reshape(len(results), -1, vectors.shape[-1])
    table = np.einsum("ild,jld->ijl", vectors, vectors)
    rows = np.maximum((np.abs(vectors).max(axis=2) > 0).all(axis=0).sum(), 1)
    return {"names": [result.name for result in results], "values": table.sum(axis=2) / rows}


def notes_of(results: Sequence[BoundaryResult], settings: Settings) -> list[str]:
    """Return what a reader must know before trusting the boundaries."""
    notes = []
    for result in results:
        if not all(part.fit.converged for part in result.rows):
            notes.append(f"The solver did not converge for {result.name}: try --solver newton.")
        if result.tied:
            notes.append(
                f"Both ends of {result.name} contain samples of the same score, so that chance put some of them in "
                "one class: choose fewer samples, or mark what was not scored with --invalid-value."
            )
        stability = result.mean(lambda part: part.stability)
        if stability is not None and stability < 0.8:
            notes.append(
                f"The direction of {result.name} depends on the split (stability {stability:.2f}): "
                "take more samples, or --solver ridge."
            )
    if settings.compat:
        notes.append("The split was drawn as the original draws it.")
    return notes


def card_of(result: BoundaryResult, direction: Direction, file: str, command: str, settings: Settings) -> str:
    """Return a boundary's card in Markdown."""
    width = " x ".join(map(str, direction.vectors.shape[1:]))
    facts = [
        ("space", f"{direction.space}, {width}"),
        ("layers", "all" if result.layers is None else ", ".join(map(str, result.layers))),
        (
            "solver",
            f"{result.solver}, C = {result.rows[0].fit.C:.4g}" + (", refitted on all" if settings.refit else ""),
        ),
        ("samples", f"{result.num_train} for training, {result.num_val} for validation"),
        ("seed", str(settings.seed)),
        ("intercept", _numbers([part.fit.intercept for part in result.rows])),
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
    figures = figures_of(result)
    facts += [(text, f"{value:.4f}") for key, text in names.items() if (value := figures[key]) is not None]
    if result.conditions:
        facts.insert(2, ("orthogonal to", ", ".join(result.conditions)))
    table = "\n".join(f"| {name} | {value} |" for name, value in facts)
    return f"# {result.name}\n\nA boundary: `{file}`.\n\n| | |\n|---|---|\n{table}\n\nMade by\n\n    {command}\n"


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


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


def write_boundaries(
    run: Run,
    results: Sequence[BoundaryResult],
    scores: Mapping[str, npt.NDArray[Any]],
    space: str,
    settings: Settings,
    save_name: str,
    prefixed: bool,
    probe: Mapping[str, Any] | None = None,
) -> None:
    """Write every boundary as .safetensors and .npy with a card, the list, and the figures for the page.

    Boundaries that other runs left in the directory stay, and stay in the list.
    """
    bases = {result.name: file_base(result.name if prefixed else None, save_name) for result in results}
    if len(set(bases.values())) < len(bases):
        raise GantkError("Two scores have names that give the same file name: use --score-name for one at a time.")
    command = str(run.manifest["argv"])
    entries, listed = [], []
    for result in results:
        base = bases[result.name]
        direction = direction_of(result, space, command, settings, probe)
        save_direction(run.path(f"{base}.safetensors"), direction)
        save_direction(run.path(f"{base}.npy"), direction)
        text = card_of(result, direction, f"{base}.safetensors", command, settings)
        write_atomic(run.path(f"{base}.md"), text)
        for suffix, about in ((".safetensors", "boundary"), (".npy", "the same for the original"), (".md", "its card")):
            run.output(base + suffix, f"{result.name}: {about}")
        entries.append(entry_of(result, direction, f"{base}.safetensors", np.asarray(scores[result.name])))
        listed.append((result.name, direction.space, f"{base}.safetensors"))
    _update_list(run, listed)
    run.record("space", space)
    run.record("attributes", entries)
    run.record("cosine", cosines_of(results))
    run.record("conditions", sorted({name for result in results for name in result.conditions}))
    run.record("notes", notes_of(results, settings))
    run.record("settings", dataclasses.asdict(settings))


def _update_list(run: Run, listed: list[tuple[str, str, str]]) -> None:
    path = run.path(LIST_NAME)
    kept = []
    if path.is_file():
        own = {(name, space) for name, space, _ in listed}
        for old in read_boundary_list(path):
            if (old.name, old.space) not in own and old.path.is_file():
                kept.append((old.name, old.space, _relative(old.path, path.parent)))
    usable = [entry for entry in [*kept, *listed] if not re.search(r"[,()\r\n]", entry[0])]
    if usable:
        comments = ["Boundaries of this folder; for `gantk rescore MODEL` and `gantk manipulate MODEL` with this file."]
        run.output(LIST_NAME, "list of the boundaries, for rescore and manipulate")
        write_boundary_list(path, usable, comments)


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
