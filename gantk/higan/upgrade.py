"""Runs of HiGAN's tasks that were made before results were typed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gantk.higan.samples import ScoreSummary, SynthesizeResult
from gantk.runs.structure import Image
from gantk.store.files import load_npy
from gantk.store.inside import inside

OWN = ("z", "w", "wp", "image", "attribute", "category")


def synthesize(manifest: Mapping[str, Any], directory: Path) -> SynthesizeResult:
    """The result of a run of format 1."""
    results = manifest["results"]
    arrays = {Path(name).stem: load_npy(inside(directory, name), mmap=True) for name in results["files"]}
    summaries = {
        name: ScoreSummary(
            **{key: float(found[key]) for key in ("mean", "std", "min", "max")},
            counts=np.asarray(found["histogram"]["counts"], np.int64),
            edges=np.asarray(found["histogram"]["edges"], np.float64),
        )
        for name, found in results.get("attributes", {}).items()
    }
    return SynthesizeResult(
        num=int(results["num"]),
        seed=None if "codes" in manifest["arguments"] else manifest["seed"],
        truncation=str(results["truncation"]),
        predictor=results.get("predictor"),
        styles={name: array for name, array in arrays.items() if name not in OWN},
        summaries=summaries,
        classes={name: int(count) for name, count in results.get("categories", {}).items()},
        images=tuple(Image(name, None, inside(directory, name)) for name in results["images"]),
        probe=None,
        **{name: arrays.get(name) for name in OWN},
    )
