"""How good an encoder is: what each level of its codes knows, against pixels and a common backbone, and how well the
generator makes the images again.

Legend: N images, F features, C_l width of a style, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.ghfeat import probes
from gantk.ghfeat.codes import entries_of
from gantk.ghfeat.labels import Labels
from gantk.ghfeat.metrics import at_size
from gantk.store.channels import colours

Array = npt.NDArray[np.float64]
PIXELS = 16  # side of the picture whose pixels are a baseline
BACKBONE_FILES = {"resnet18": "resnet18-f37072fd.pth", "resnet50": "resnet50-11ad3fa6.pth"}


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Features [N, F] by name; `kind` is `level`, `head`, `all` or `baseline`."""

    name: str
    kind: str
    values: Array


def level_features(styles: Sequence[Array], row_of: Sequence[int]) -> list[FeatureSet]:
    """The codes by level: one set per row of wp (coarsest first), one per head of the encoder, and all."""
    num_rows = max(row_of) + 1
    sets = []
    for row in range(num_rows):
        entries = entries_of([row], row_of)
        if entries:
            values = np.concatenate([styles[e] for e in entries], 1).astype(np.float64)
            sets.append(FeatureSet(f"layer {row} (level {num_rows - 1 - row})", "level", values))
    return [*sets, FeatureSet("all levels", "all", np.concatenate(list(styles), 1).astype(np.float64))]


def baselines(image_NCHW: Tensor, backbone: str = "resnet18") -> list[FeatureSet]:
    """Pixels of the picture at 16 x 16, and what torchvision's backbone gives before its classifier."""
    pixels = at_size(image_NCHW, PIXELS).flatten(1).double().cpu().numpy()
    name, features = backbone_features(image_NCHW, backbone)
    return [FeatureSet(f"pixels {PIXELS} x {PIXELS}", "baseline", pixels), FeatureSet(name, "baseline", features)]


def backbone_features(image_NCHW: Tensor, backbone: str = "resnet18") -> tuple[str, Array]:
    """Features of a torchvision ResNet trained on ImageNet, where its file lies in torch's cache or $GANTK_PREDICTORS.

    Without it the weights are random (of seed 0), and the name says so: nothing is fetched.
    """
    import os

    import torchvision

    network = getattr(torchvision.models, backbone)(weights=None)
    folders = [Path(torch.hub.get_dir()) / "checkpoints", Path(os.environ.get("GANTK_PREDICTORS", "predictors"))]
    found = next((f / BACKBONE_FILES[backbone] for f in folders if (f / BACKBONE_FILES[backbone]).is_file()), None)
    if found is not None:
        network.load_state_dict(torch.load(found, weights_only=True))
        name = f"{backbone}, ImageNet"
    else:
        random = torch.Generator().manual_seed(0)
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.data.normal_(0, (2 / parameter[0].numel()) ** 0.5, generator=random)
        name = f"{backbone}, random weights"
    network.fc = torch.nn.Identity()
    network.eval().requires_grad_(False)
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    size = max(image_NCHW.shape[-1], 128)
    with torch.inference_mode():
        parts = [
            network((colours(at_size(x.cpu().float(), size)) * 0.5 + 0.5 - mean) / deviation)
            for x in image_NCHW.split(32)
        ]
    return name, torch.cat(parts).double().numpy()


def probe_all(sets: Sequence[FeatureSet], labels: Labels, folds: int, seed: int, levels: bool = True) -> dict[str, Any]:
    """Every probe that the labels allow, for every set of features; a table each.

    Without `levels` classes are not learnt from single levels, which takes most of the time; their rows are empty.
    """
    result: dict[str, Any] = {"features": [{"name": s.name, "kind": s.kind, "width": s.values.shape[1]} for s in sets]}
    if labels.numbers:
        rows = [probes.regress(s.values, labels.matrix, folds, seed) for s in sets]
        result["regression"] = _table(list(labels.numbers), rows)
    if labels.classes:
        columns = {
            name: [
                probes.classify(s.values, y, folds, seed) if levels or s.kind != "level" else probes.Score.of([np.nan])
                for s in sets
            ]
            for name, y in labels.classes.items()
        }
        rows = [[column[i] for column in columns.values()] for i in range(len(sets))]
        result["classification"] = _table(list(columns), rows)
        result["chance"] = [float(np.bincount(y).max() / len(y)) for y in labels.classes.values()]
        result["retrieval"] = {
            "columns": list(labels.classes),
            "values": [[probes.retrieve(s.values, y) for y in labels.classes.values()] for s in sets],
            "chance": [float((np.bincount(y) / len(y)).__pow__(2).sum()) for y in labels.classes.values()],
        }
    if labels.points is not None:
        rows = [[probes.landmark_error(s.values, labels.points, None, folds, seed)] for s in sets]
        result["landmarks"] = {**_table([", ".join(labels.point_names)], rows)}
    if labels.pairs is not None:
        result["verification"] = _verification(sets, labels, seed)
    return result


def _table(columns: list[str], rows: list[list[probes.Score]]) -> dict[str, Any]:
    return {
        "columns": columns,
        "values": [[score.mean for score in row] for row in rows],
        "deviations": [[score.deviation for score in row] for row in rows],
    }


def _verification(sets: Sequence[FeatureSet], labels: Labels, seed: int) -> list[dict[str, Any]]:
    """By cosine for every set, and by the vote of the levels."""
    assert labels.pairs is not None
    couples, same = labels.pairs
    folds = min(10, len(same) // 4)
    result, levels = [], {}
    for features in sets:
        x, _ = probes.standardized(features.values, features.values)
        similarity = probes.cosine(x[couples[:, 0]], x[couples[:, 1]])
        if features.kind == "level":
            levels[features.name] = similarity
        found = probes.verify(similarity, same, folds, seed)
        result.append({"name": features.name, "accuracy": found.accuracy.mean,
                       "deviation": found.accuracy.deviation, "area": found.area})  # fmt: skip
    if len(levels) > 1:
        found = probes.vote(levels, same, folds, seed)
        result.append({"name": "vote of the levels", "accuracy": found.accuracy.mean,
                       "deviation": found.accuracy.deviation, "area": found.area})  # fmt: skip
    return result
