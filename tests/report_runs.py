"""Run directories with made-up results, one per command that has a page: what the tests of reports render."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow
from report_gallery import NAMES, TIMES, VERSIONS, scene

from gantk.codes.directions import Direction
from gantk.higan.boundaries import Boundary, Figures, Histograms, TrainBoundaryResult
from gantk.higan.manipulated import Animation, ManipulateResult, Moved
from gantk.higan.rescored import Gain, Rescored, RescoreResult
from gantk.higan.samples import ScoreSummary, SynthesizeResult
from gantk.pictures.animation import GridStyle
from gantk.predictors.departure import Departure
from gantk.runs.results import Result, write_result
from gantk.runs.structure import Image, Strip
from gantk.runs.walk import Walk
from gantk.tour.results import Chapter, Figure, FoundTable, Heading, RowChanges, TourResult


def write_run(directory: Path, command: str, results: dict[str, Any], **manifest: object) -> Path:
    """A run directory as a command leaves it, with a manifest around `results`."""
    directory.mkdir(parents=True, exist_ok=True)
    base = {
        "format": 1,
        "attempts": 1,
        "error": None,
        "command": command,
        "argv": f"gantk {command} demo --num 4",
        "arguments": {"model": "demo", "num": 4, "batch_size": None, "layers": [0, 1, 2]},
        "seed": 0,
        "device": "cpu",
        "versions": VERSIONS,
        **TIMES,
        "state": "complete",
        "arrays": {},
        "outputs": {},
        "results": results,
    }
    path = directory / f"{'-'.join(command.split())}.run.json"
    path.write_text(json.dumps({**base, **manifest}), encoding="utf-8")
    return directory


def save_scene(directory: Path, name: str, seed: int, light: float = 0.0, size: int = 64) -> str:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(scene(seed, light, size)).save(path)
    return name


def write_result_run(directory: Path, result: Result, **manifest: object) -> Path:
    """The run of a task as the runner leaves it, around a result."""
    directory.mkdir(parents=True, exist_ok=True)
    write_result(result, directory)
    for export in result.exports():
        export.write(directory / export.name)
    return write_run(directory, result.TASK, {}, identity={"result version": result.VERSION}, **manifest)


def synthesis(directory: Path, images: int = 24, **fields: Any) -> SynthesizeResult:
    random = np.random.default_rng(1)
    summaries = {}
    for place, name in enumerate(NAMES):
        values = np.clip(random.normal(0.3 + 0.05 * place, 0.15, 1000), 0, 1)
        counts, edges = np.histogram(values, 24, (0.0, 1.0))
        summaries[name] = ScoreSummary(
            missing=0,
            mean=float(values.mean()),
            std=float(values.std()),
            min=float(values.min()),
            max=float(values.max()),
            counts=counts,
            edges=edges,
        )
    names = [save_scene(directory, f"images/{i:06d}.png", i, i % 7 - 3) for i in range(images)]
    given: dict[str, Any] = {
        "num": 1000,
        "seed": 0,
        "seeds": None,
        "truncation": "0.7:8",
        "predictor": "demo",
        "z": np.zeros((1000, 8), np.float32),
        "w": None,
        "wp": None,
        "styles": {},
        "image": None,
        "attribute": None,
        "category": None,
        "summaries": summaries,
        "classes": {"house": 700, "hut": 200, "barn": 100},
        "images": tuple(Image(name, None, directory / name) for name in names),
        "probe": None,
    }
    return SynthesizeResult(**{**given, **fields})


def synthesize(directory: Path, images: int = 24, **fields: Any) -> Path:
    return write_result_run(directory, synthesis(directory, images, **fields))


def boundaries(names: tuple[str, ...] = NAMES) -> TrainBoundaryResult:
    random = np.random.default_rng(2)
    found = []
    for place, name in enumerate(names):
        edges = np.linspace(-4, 4, 41)
        gap = 2.2 - 0.2 * place
        counts, score_edges = np.histogram(random.normal(0.5, 0.2, 3000), 30)
        vector = random.standard_normal((1, 8)).astype(np.float32)
        found.append(
            Boundary(
                name=name,
                direction=Direction(name, "boundary", "w", vector, 0.1 * place),
                file=f"boundary_{place}",
                solver="ridge",
                C=1.0,
                num_train=2800,
                num_val=1200,
                num_remaining=6000,
                figures=Figures(
                    accuracy_train=0.99,
                    accuracy_val=0.99 - 0.02 * place,
                    accuracy_val_positive=0.99,
                    accuracy_val_negative=0.99,
                    accuracy_remaining=0.9 - 0.03 * place,
                    accuracy_val_conditional=None,
                    auc=0.995 - 0.01 * place,
                    correlation=0.9,
                    stability=0.97 - 0.05 * place,
                ),
                stability_low=0.5,
                converged=True,
                tied=False,
                refit=True,
                threshold=0.5,
                conditions=("season",),
                seconds=0.31,
                score_counts=counts,
                score_edges=score_edges,
                projections=Histograms(
                    edges=edges,
                    positive=np.histogram(random.normal(gap, 0.8, 600), edges)[0],
                    negative=np.histogram(random.normal(-gap, 0.8, 600), edges)[0],
                ),
                rows=(),
            )
        )
    cosines = np.clip(np.eye(len(names)) + 0.2 * random.standard_normal((len(names),) * 2), -1, 1)
    return TrainBoundaryResult(
        space="w",
        boundaries=tuple(found),
        cosines=cosines,
        compat=False,
        log=("fitted",),
        log_name="boundary.log",
        ends=None,
    )


def train_boundary(directory: Path) -> Path:
    return write_result_run(directory, boundaries())


def gain(value: float, half: float = 0.02) -> Gain:
    return Gain(gain=value, low=value - half, high=value + half, signed=value - 0.01, signed_low=0.0, signed_high=value)


def rescoring(
    names: tuple[str, ...] = NAMES, layers: int = 10, deviations: Sequence[float] | None = None, random: int = 8
) -> RescoreResult:
    """Gains fall from boundary to boundary, in the attribute's unit; `deviations` decide the order of the page."""
    generator = np.random.default_rng(3)
    std = np.full(len(names), 0.3) if deviations is None else np.asarray(deviations, float)
    found = []
    for place, name in enumerate(names):
        whole = 0.6 * 0.75**place
        values = whole * np.exp(-((np.arange(layers) - place % max(layers, 1)) ** 2) / 4)
        found.append(
            Rescored(
                name=name,
                space="w",
                attribute=name,
                direction=Direction(name, "direction", "w", np.eye(1, 8, place % 8, dtype=np.float32)),
                prefix=f"boundary_{place}_w",
                deviation=float(std[place]),
                whole=gain(whole, 0.03),
                rows=tuple(gain(float(value)) for value in values),
                random=np.linspace(0.0, 0.02, random),
                responses=((2.0, whole),),
                scores=generator.random((5, 2 + layers)),
                walk=None,
            )
        )
    cross = np.diag(np.linspace(1.4, 0.3, len(names))) + 0.15 * generator.standard_normal((len(names),) * 2)
    return RescoreResult(
        num=500,
        distance=2.0,
        predictor="demo",
        attributes=names,
        deviations=std,
        layer_names=tuple(f"{4 * 2 ** (i // 2)}x{4 * 2 ** (i // 2)}/conv{i % 2}" for i in range(layers)),
        boundaries=tuple(found),
        change=np.repeat(cross[:, None], 1 + layers, axis=1),
        attribute=np.zeros(500, dtype=[(f"a{place}", "f4") for place in range(len(names))]),
    )


def rescore(directory: Path) -> Path:
    return write_result_run(directory, rescoring())


def manipulation(
    directory: Path, samples: int = 4, steps: int = 7, size: int = 64, name: str = "time_of_day"
) -> ManipulateResult:
    distances = tuple(float(value) for value in np.linspace(-3, 3, steps))
    strips = []
    for i in range(samples):
        names = [
            save_scene(directory, f"images/x_{i:05d}_{j:03d}.png", i, value, size) for j, value in enumerate(distances)
        ]
        images = tuple(Image(each, None, directory / each) for each in names)
        origin = distances.index(0.0) if 0.0 in distances else None
        strips.append(Strip(label=f"sample {i}", values=distances, images=images, origin=origin))
    walk = Walk(name=name, space="w", rows=(6, 7, 8, 9), strips=tuple(strips), animations={"gif": "x.gif"})
    moved = Moved(
        direction=Direction(name, "direction", "w", np.eye(1, 8, dtype=np.float32)),
        prefix="x",
        distances=distances,
        walk=walk,
        codes=np.zeros((samples, steps, 8), np.float32),
        departures=tuple(Departure(value, value**2, 1 - abs(value) / 12) for value in distances),
    )
    return ManipulateResult(
        num=samples,
        truncation="none",
        conditions=(),
        unmoved={"w": np.zeros((samples, 8), np.float32)},
        moved=(moved,),
        animation=Animation(formats=("gif",), fps=8.0, once=False, grid=GridStyle()),
    )


def manipulate(directory: Path, samples: int = 4, steps: int = 7, size: int = 64) -> Path:
    return write_result_run(directory, manipulation(directory, samples, steps, size))


def demo(directory: Path) -> Path:
    """The tour: the four runs below it, and a page that links them."""
    for name, make in (
        ("samples", synthesize),
        ("boundaries", train_boundary),
        ("layers", rescore),
        ("edits", manipulate),
    ):
        make(directory / name)
    random = np.random.default_rng(4)
    names = [f"samples/images/{i:06d}.png" for i in range(16)]
    cross = np.diag(np.linspace(1.4, 0.3, len(NAMES))) + 0.15 * random.standard_normal((len(NAMES),) * 2)
    chapters = (
        Chapter(title="Samples", text="Sixteen samples.", page="samples/synthesize.html"),
        Chapter(title="Boundaries", text="One boundary per factor.", page="boundaries/train-boundary.html"),
        Chapter(title="Layers", text="What each changes.", page="layers/rescore.html"),
        Chapter(title="Edits", text="Sliders.", table=_table(("factor", "cosine"), ("season", 0.9))),
    )
    result = TourResult(
        figures=(
            Figure(value="0.962", name="mean accuracy", note="of nine boundaries"),
            Figure(value="8 of 9", name="layers found", note="against the truth"),
        ),
        findings=("Time of day is stored in **layers 6 to 9**.",),
        truth="Factors are estimates of the bundled predictor (R2 0.97 on held-out renders).",
        samples=tuple(Image(name, None, directory / name) for name in names),
        row_changes=RowChanges(factors=NAMES, rows=NAMES, change=cross, caption=""),
        factors=_table(("factor", "accuracy"), ("season", 0.9)),
        chapters=chapters,
    )
    return write_result_run(directory, result)


def _table(names: tuple[str, ...], row: tuple[str | float, ...]) -> FoundTable:
    return FoundTable(headings=tuple(Heading(name=name) for name in names), rows=(row,), caption="On fresh samples.")


MAKERS = {
    "synthesize": synthesize,
    "train-boundary": train_boundary,
    "rescore": rescore,
    "manipulate": manipulate,
    "demo": demo,
}
