"""Run directories with made-up results, one per command that has a page: what the tests of reports render."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from report_gallery import NAMES, TIMES, VERSIONS, scene


def write_run(directory: Path, command: str, results: dict[str, Any], **manifest: object) -> Path:
    """A run directory as a command leaves it, with a manifest around `results`."""
    directory.mkdir(parents=True, exist_ok=True)
    base = {
        "command": command,
        "argv": f"gantk {command} demo --num 4",
        "arguments": {"model": "demo", "num": 4, "batch_size": None, "layers": [0, 1, 2]},
        "seed": 0,
        "device": "cpu",
        "versions": VERSIONS,
        **TIMES,
        "state": "complete",
        "outputs": {},
        "results": results,
    }
    path = directory / f"{'-'.join(command.split())}.run.json"
    path.write_text(json.dumps({**base, **manifest}), encoding="utf-8")
    return directory


def save_scene(directory: Path, name: str, seed: int, light: float = 0.0, size: int = 64) -> str:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scene(seed, light, size)).save(path)
    return name


def histogram(values: np.ndarray, bins: int = 30, span: tuple[float, float] | None = None) -> dict[str, list[float]]:
    counts, edges = np.histogram(values, bins, span)
    return {"counts": counts.tolist(), "edges": edges.tolist()}


def synthesize(directory: Path, images: int = 24) -> Path:
    random = np.random.default_rng(1)
    attributes = {}
    for place, name in enumerate(NAMES):
        values = np.clip(random.normal(0.3 + 0.05 * place, 0.15, 1000), 0, 1)
        attributes[name] = {
            "mean": float(values.mean()),
            "std": float(values.std()),
            "min": float(values.min()),
            "max": float(values.max()),
            "histogram": histogram(values, 24, (0.0, 1.0)),
        }
    directory.mkdir(parents=True, exist_ok=True)
    np.save(directory / "z.npy", np.zeros((4, 8), np.float32))
    names = [save_scene(directory, f"images/{i:06d}.png", i, i % 7 - 3) for i in range(images)]
    results = {
        "num": 1000,
        "spaces": ["z", "w"],
        "files": ["z.npy", "missing.npy"],
        "images": names,
        "attributes": attributes,
        "predictor": "demo",
        "truncation": "psi 0.7 on layers 0-7",
        "categories": {"house": 700, "hut": 200, "barn": 100},
    }
    return write_run(directory, "synthesize", results)


def train_boundary(directory: Path) -> Path:
    random = np.random.default_rng(2)
    entries = []
    for place, name in enumerate(NAMES):
        edges = np.linspace(-4, 4, 41)
        gap = 2.2 - 0.2 * place
        stability = 0.97 - 0.05 * place
        entries.append(
            {
                "name": name,
                "solver": "ridge",
                "C": 1.0,
                "intercept": 0.1 * place,
                "num_train": 2800,
                "num_val": 1200,
                "accuracy_val": 0.99 - 0.02 * place,
                "accuracy_remaining": 0.9 - 0.03 * place,
                "auc": 0.995 - 0.01 * place,
                "stability": stability,
                "stability_ci": [stability - 0.02, min(stability + 0.02, 1.0)],
                "truth": 0.93 - 0.04 * place,
                "seconds": 0.31,
                "score_histogram": histogram(random.normal(0.5, 0.2, 3000)),
                "threshold": 0.5,
                "projection_histogram": {
                    "edges": edges.tolist(),
                    "positive": np.histogram(random.normal(gap, 0.8, 600), edges)[0].tolist(),
                    "negative": np.histogram(random.normal(-gap, 0.8, 600), edges)[0].tolist(),
                },
            }
        )
    cosine = np.clip(np.eye(len(NAMES)) + 0.2 * random.standard_normal((len(NAMES),) * 2), -1, 1)
    solvers = [
        {"name": "all", "solver": solver, "accuracy_val": a, "truth": t, "stability": s, "seconds": d}
        for solver, a, t, s, d in [
            ("svc", 0.97, 0.82, 0.8, 4.1),
            ("newton", 0.97, 0.82, 0.8, 0.2),
            ("ridge", 0.96, 0.98, 0.99, 0.05),
        ]
    ]
    results = {
        "space": "w",
        "attributes": entries,
        "cosine": {"names": list(NAMES), "values": cosine.tolist()},
        "solvers": solvers,
        "conditions": ["season"],
    }
    return write_run(directory, "train-boundary", results)


def rescore(directory: Path, layers: int = 10) -> Path:
    random = np.random.default_rng(3)
    entries = []
    for place, name in enumerate(NAMES):
        gain = 0.6 * 0.75**place
        peak = place % layers
        values = gain * np.exp(-((np.arange(layers) - peak) ** 2) / 4)
        parts = [
            {
                "index": i,
                "name": f"{4 * 2 ** (i // 2)}x{4 * 2 ** (i // 2)}/conv{i % 2}",
                "gain": float(v),
                "ci": [float(v) - 0.02, float(v) + 0.02],
            }
            for i, v in enumerate(values)
        ]
        entries.append(
            {
                "name": name,
                "space": "w",
                "gain": gain,
                "gain_ci": [gain - 0.03, gain + 0.03],
                "signed": gain - 0.05,
                "standardized": gain * 3,
                "null": 0.02,
                "layers": parts,
            }
        )
    cross = np.diag(np.linspace(1.4, 0.3, len(NAMES))) + 0.15 * random.standard_normal((len(NAMES),) * 2)
    results = {
        "boundaries": entries[::-1],
        "cross_effect": {
            "boundaries": list(NAMES),
            "attributes": list(NAMES),
            "values": cross.tolist(),
            "standardized": True,
        },
        "num": 500,
        "distance": 2.0,
        "predictor": "demo",
        "findings": ["`horizon` is carried by **layer 0**, and moves nothing else by more than 0.2."],
    }
    return write_run(directory, "rescore", results)


def manipulate(directory: Path, samples: int = 4, steps: int = 7, size: int = 64) -> Path:
    distances = np.linspace(-3, 3, steps).tolist()
    frames = [
        [save_scene(directory, f"time_of_day/{i:05d}_{j:03d}.png", i, value, size) for j, value in enumerate(distances)]
        for i in range(samples)
    ]
    pictures = [Image.open(directory / name).convert("RGB") for name in frames[0]]
    pictures[0].save(directory / "time_of_day.gif", save_all=True, append_images=pictures[1:], duration=120, loop=0)
    direction = {
        "name": "time_of_day",
        "space": "w",
        "layers": "6-9",
        "distances": distances,
        "frames": frames,
        "animation": {"gif": "time_of_day.gif", "mp4": None},
    }
    return write_run(directory, "manipulate", {"directions": [direction]})


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
    cross = np.diag(np.linspace(1.4, 0.3, len(NAMES))) + 0.15 * random.standard_normal((len(NAMES),) * 2)
    results = {
        "headline": [
            {"value": 0.962, "name": "mean accuracy", "note": "of nine boundaries"},
            {"value": "8 of 9", "name": "layers found", "note": "against the truth"},
        ],
        "findings": ["Time of day is stored in **layers 6 to 9**."],
        "truth": "Factors are estimates of the bundled predictor (R2 0.97 on held-out renders).",
        "images": [f"samples/images/{i:06d}.png" for i in range(16)],
        "entanglement": {"boundaries": list(NAMES), "attributes": list(NAMES), "values": cross.tolist()},
        "chapters": [
            {"title": "Boundaries", "text": "One boundary per factor.", "page": "boundaries/train-boundary.html"},
            {
                "title": "Edits",
                "text": "Sliders.",
                "table": {"columns": ["factor", "cosine"], "rows": [["season", 0.9]]},
            },
        ],
    }
    return write_run(directory, "demo", results)


MAKERS = {
    "synthesize": synthesize,
    "train-boundary": train_boundary,
    "rescore": rescore,
    "manipulate": manipulate,
    "demo": demo,
}
