"""What an evaluation leaves: scores with intervals, tables in LaTeX and CSV, label maps to look at.

Shape legend: N images, B heads, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gantk.lse.evaluation import Subject, relative, segmenter_on_renders, summary
from gantk.lse.tables import classes_latex, comparison_latex, scores_csv
from gantk.lse.teachers import PredictorTeacher
from gantk.lse.training_results import write_sheet
from gantk.runs.run import Run
from gantk.store.files import load_npy, write_atomic

SHOWN = 8


def record(run: Run, subjects: Sequence[Subject], seed: int) -> None:
    """Scores of all subjects, from their confusion matrices; tables beside them."""
    rows: list[dict[str, Any]] = []
    table: dict[str, dict[str, float]] = {}
    for subject in subjects:
        counts_NBKK = load_npy(run.path(f"{subject.array}.npy"), mmap=True)
        found = [summary(counts_NBKK[:, place], subject.teacher, seed) for place in range(len(subject.heads))]
        behind = relative([one["paper_miou"] for one in found])
        for (name, head), one, share in zip(subject.heads.items(), found, behind, strict=True):
            about = {
                "model": subject.name,
                "head": name,
                "kind": head.info.kind,
                "relative": share,
                "parameters": sum(p.numel() for p in head.network.parameters()),
                "class_names": list(subject.teacher.class_names),
                "taps": list(head.info.taps),
                "contributions": head.info.meta.get("contributions"),
                "teacher": subject.teacher.name,
            }
            rows.append({**about, **one})
        table[subject.name] = {row["head"]: row["paper_miou"] for row in rows if row["model"] == subject.name}
        names = subject.teacher.class_names
        text = classes_latex(names, {row["head"]: row["paper_classes"] for row in rows if row["model"] == subject.name})
        write_atomic(run.output(f"classes-{subject.array[-1]}.tex", f"IoU by class, {subject.name}"), text)
    run.record("scores", rows)
    every = list(dict.fromkeys(name for subject in subjects for name in subject.teacher.class_names))
    write_atomic(run.output("scores.csv", "all scores"), scores_csv(rows, every))
    heads = list(dict.fromkeys(row["head"] for row in rows))
    write_atomic(run.output("scores.tex", "mIoU of every generator and head"), comparison_latex(table, heads))
    run.record("sheets", [_sheet(run, place, subject) for place, subject in enumerate(subjects)])
    run.record("teachers", _teachers(subjects))


def _sheet(run: Run, place: int, subject: Subject) -> dict[str, Any]:
    return {
        "model": subject.name,
        "columns": ["image", "teacher", *subject.heads],
        "files": write_sheet(run, subject, SHOWN, 0, f"sheet-{place}"),
        "class_names": list(subject.teacher.class_names),
        "class_colours": list(subject.teacher.class_colours),
    }


def _teachers(subjects: Sequence[Subject]) -> list[dict[str, Any]]:
    """The bundled segmenter has errors of its own: its scores where the truth is known."""
    found = {}
    for subject in subjects:
        teacher = subject.teacher
        if isinstance(teacher, PredictorTeacher) and teacher.predictor.name == "demo" and teacher.channels is None:
            found[teacher.name] = {"teacher": teacher.name, **segmenter_on_renders(teacher, subject.stream.generator)}
    return list(found.values())
