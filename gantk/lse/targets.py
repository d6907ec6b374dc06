"""Wanted label maps: from files, from shapes, of fresh samples.

Shape legend: S side of the labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from gantk.codes.given import GivenCodes, numbers_of
from gantk.errors import GantkError, UsageError
from gantk.lse.codes import CodeStream
from gantk.lse.teachers import Teacher
from gantk.pictures.label_maps import check_ids, find_label_maps, read_label_map
from gantk.predictors.heads import HeadInfo

Labels = npt.NDArray[np.uint8]
Named = tuple[str, Labels]
FRESH = 3_000_000  # number of the first sample that becomes a target


def read_targets(paths: Sequence[str], info: HeadInfo) -> list[Named]:
    """Targets from label maps and folders of them, as large as the head's labels.

    Raises:
        UsageError: a folder without label maps. GantkError: a file that is none for this head.
    """
    files: list[Path] = []
    for text in paths:
        path = Path(text)
        found = find_label_maps(path) if path.is_dir() else [path]
        if not found:
            raise UsageError(f"The folder {path} has no label maps (*.png) in it.")
        files += found
    return [(file.stem, read_label_map(file, info.classes, info.size)) for file in files]


def given_targets(given: object, info: HeadInfo) -> list[Named]:
    """Targets of whatever Python gives: label maps [S, S] in a table by name, in a list, one alone, or an array
    [N, S, S].

    Raises:
        GantkError: a map of another size, or with a number that is no class.
    """
    if given is None:
        return []
    if isinstance(given, str) or getattr(given, "ndim", None) == 2:
        given = [given]
    pairs: list[tuple[str, object]]
    if isinstance(given, Mapping):
        pairs = [(str(name), label) for name, label in given.items()]
    else:
        each = list(given) if isinstance(given, Iterable) else [given]
        pairs = [item if isinstance(item, tuple) else (f"target {place}", item) for place, item in enumerate(each)]
    found = []
    for name, label in pairs:
        said = f"The {name}" if name.startswith("target ") else f"The target {name}"
        array = numbers_of(label, said)
        if array.shape != (info.size, info.size):
            raise GantkError(f"{said} has the shape {array.shape}: give label maps {(info.size, info.size)}.")
        check_ids(array, info.classes, said)
        found.append((name, array.astype(np.uint8)))
    return found


@torch.inference_mode()
def drawn_targets(
    stream: CodeStream, judge: Teacher, size: int, num: int, listed: GivenCodes | None = None
) -> list[Named]:
    """Label maps of fresh samples, or of the z listed, as the judge sees them: targets that the generator can reach."""
    generator = stream.generator
    fresh = CodeStream(generator, stream.seed, stream.truncation, False, stream.label, FRESH, listed)
    wp = fresh.wp(0, num)
    label = judge.label(generator, wp, generator.synthesize(wp), size).cpu().numpy()
    names = (f"sample {FRESH + place}" for place in range(num)) if listed is None else listed.names or ()
    return list(zip(names, label, strict=True))
