"""A zip of an edited image for other programs: image.png, label.png (numbers, colours as palette), wp.npy,
session.json.

Shape legend: H x W image, S side of the labels, L rows of wp, D width.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.pictures.label_maps import Colours, label_png
from gantk.store.files import npy_bytes, to_json, write_atomic

STAMP = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever it is written


def write_session(
    path: str | Path,
    image_HWC: npt.NDArray[np.uint8],
    label_SS: npt.NDArray[np.uint8],
    names: Sequence[str],
    colours: Colours,
    wp_1LD: npt.NDArray[Any],
    about: Mapping[str, object],
    source: str,
) -> Path:
    from gantk.pictures.images import encode

    told = {"about": about, "class_names": list(names), "generator": source}
    files = {
        "image.png": encode(image_HWC),
        "label.png": label_png(label_SS, colours),
        "wp.npy": npy_bytes(np.asarray(wp_1LD)),
        "session.json": json.dumps(to_json(told), indent=1).encode(),
    }
    return write_atomic(path, zipped(files))


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip whose bytes depend on nothing but its content."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, STAMP), data)
    return buffer.getvalue()
