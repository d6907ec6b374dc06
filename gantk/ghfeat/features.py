"""Sets of features, and what linear probes read from them: every level of the codes, pixels, and a common backbone.

Legend: N images, F features, C_l width of a style, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.ghfeat import probes
from gantk.ghfeat.codes import entries_of
from gantk.ghfeat.labels import Labels, Pairs
from gantk.ghfeat.metrics import at_size
from gantk.ghfeat.probe_results import FeatureInfo, Probes, Table, Verified
from gantk.predictors.public_files import find_file
from gantk.store.channels import colours

Array = npt.NDArray[np.float64]
PIXELS = 16  # side of the picture whose pixels are a baseline
BACKBONE_FILES = {"resnet18": "resnet18-f37072fd.pth", "resnet50": "resnet50-11ad3fa6.pth"}


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Features [N, F] by name; `kind` is `level`, `all` or `baseline`."""

    name: str
    kind: str
    values: Array


def level_features(styles: Sequence[Array], row_of: Sequence[int]) -> list[FeatureSet]:
    """The codes by level: one set for each row of wp that has styles, coarsest first, and one of all."""
    num_rows = max(row_of) + 1
    sets = []
    for row in range(num_rows):
        entries = entries_of([row], row_of)
        if entries:
            values = np.concatenate([styles[e] for e in entries], 1).astype(np.float64)
            sets.append(FeatureSet(f"row {row} (level {num_rows - 1 - row})", "level", values))
    return [*sets, FeatureSet("all levels", "all", np.concatenate(list(styles), 1).astype(np.float64))]


def small_pixels(image_NCHW: Tensor) -> Tensor:
    """Pixels of the picture at 16 x 16, flat: a baseline."""
    return at_size(image_NCHW, PIXELS).flatten(1)


class Backbone:
    """What torchvision's ResNet gives before its classifier: a baseline.

    Its weights are ImageNet's where their file lies with those of predictors or in torch's cache, else random (of seed
    0), and the name says which: nothing is fetched.
    """

    def __init__(self, name: str, network: torch.nn.Module) -> None:
        self.name, self.network = name, network

    @classmethod
    def of(cls, backbone: str = "resnet18") -> Backbone:
        """The backbone of a name, on the CPU."""
        import torchvision

        network = getattr(torchvision.models, backbone)(weights=None)
        file = find_file(BACKBONE_FILES[backbone])
        if file is not None:
            network.load_state_dict(torch.load(file, weights_only=True))
        else:
            random = torch.Generator().manual_seed(0)
            for parameter in network.parameters():
                if parameter.ndim > 1:
                    parameter.data.normal_(0, (2 / parameter[0].numel()) ** 0.5, generator=random)
        network.fc = torch.nn.Identity()
        network.eval().requires_grad_(False)
        return cls(f"{backbone}, {'random weights' if file is None else 'ImageNet'}", network)

    @torch.inference_mode()
    def __call__(self, image_NCHW: Tensor) -> Tensor:
        """Features [N, B] of images in [-1, 1]."""
        mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        size = max(image_NCHW.shape[-1], 128)
        parts = [
            self.network((colours(at_size(x.cpu().float(), size)) * 0.5 + 0.5 - mean) / deviation)
            for x in image_NCHW.split(32)
        ]
        return torch.cat(parts)


def baselines(pixels_NP: Array, backbone_NB: Array, backbone: str) -> list[FeatureSet]:
    """Pixels of the picture at 16 x 16, and the features of a backbone of that name."""
    named = {f"pixels {PIXELS} x {PIXELS}": pixels_NP, backbone: backbone_NB}
    return [FeatureSet(name, "baseline", values.astype(np.float64)) for name, values in named.items()]


def probe_all(sets: Sequence[FeatureSet], labels: Labels, folds: int, seed: int, levels: bool = True) -> Probes:
    """Every probe that the labels allow, for every set of features.

    Without `levels` classes are not learnt from single levels, which takes most of the time; those are not numbers.
    """
    names, classes = tuple(labels.classes), tuple(labels.classes.values())
    regression = classification = retrieval = landmarks = None
    if labels.numbers:
        rows = [probes.regress(s.values, labels.matrix, folds, seed) for s in sets]
        regression = _table(tuple(labels.numbers), rows)
    if labels.classes:
        left_out = [probes.Score(np.nan, np.nan)] * len(classes)
        rows = [
            [probes.classify(s.values, y, folds, seed) for y in classes] if levels or s.kind != "level" else left_out
            for s in sets
        ]
        most = tuple(float(np.bincount(y).max() / len(y)) for y in classes)
        classification = _table(names, rows, most)
        found = [[probes.retrieve(s.values, y) for y in classes] for s in sets]
        chance = tuple(float(np.square(np.bincount(y) / len(y)).sum()) for y in classes)
        retrieval = Table(columns=names, values=np.array(found), deviations=None, chance=chance)
    if labels.points is not None:
        rows = [[probes.landmark_error(s.values, labels.points, folds, seed)] for s in sets]
        landmarks = _table((", ".join(labels.point_names),), rows)
    return Probes(
        features=tuple(FeatureInfo(name=s.name, kind=s.kind, width=s.values.shape[1]) for s in sets),
        regression=regression,
        classification=classification,
        retrieval=retrieval,
        landmarks=landmarks,
        verification=() if labels.pairs is None else _verification(sets, labels.pairs, seed),
    )


def _table(columns: tuple[str, ...], rows: list[list[probes.Score]], chance: tuple[float, ...] | None = None) -> Table:
    return Table(
        columns=columns,
        values=np.array([[score.mean for score in row] for row in rows]),
        deviations=np.array([[score.deviation for score in row] for row in rows]),
        chance=chance,
    )


def _verification(sets: Sequence[FeatureSet], pairs: Pairs, seed: int) -> tuple[Verified, ...]:
    """By cosine for every set, and by the vote of the levels."""
    couples, same = pairs
    folds = min(10, len(same) // 4)
    result, levels = [], {}
    for features in sets:
        x, _ = probes.standardized(features.values, features.values)
        similarity = probes.cosine(x[couples[:, 0]], x[couples[:, 1]])
        if features.kind == "level":
            levels[features.name] = similarity
        result.append(_verified(features.name, probes.verify(similarity, same, folds, seed)))
    if len(levels) > 1:
        result.append(_verified("vote of the levels", probes.vote(levels, same, folds, seed)))
    return tuple(result)


def _verified(name: str, found: probes.Verification) -> Verified:
    area = found.area if np.isfinite(found.area) else None
    return Verified(name=name, accuracy=found.accuracy.mean, deviation=found.accuracy.deviation, area=area)
