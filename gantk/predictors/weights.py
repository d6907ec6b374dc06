"""Weight files of small networks: safetensors in half precision, with a JSON header; and the ones that come with gantk.

`BUNDLED` is the one table of those: file and sha256. They lie in world/weights/ and are checked whenever they are read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from gantk.checkpoints.safetensors_header import metadata_of
from gantk.errors import GantkError
from gantk.predictors.networks import NetworkConfig
from gantk.store.bounded import parse_json
from gantk.store.files import write_atomic
from gantk.store.inside import regular_file
from gantk.store.json_values import JsonTable
from gantk.store.tensors import HEADER_KEY

FORMAT = 1
KINDS = ("attributes", "segmenter")
FOLDER = Path(__file__).resolve().parent.parent / "world" / "weights"
BUNDLED = {
    "attributes": ("attributes.safetensors", "36ac239b0ff445a5ecc766dad90efceee4cd272e1e2029d853dd372122b039f2"),
    "segmenter": ("segmenter.safetensors", "4398c7d07f54fc975bd9016893a0cc906710f2cf44d95581964510422c0b9001"),
}


@dataclass(frozen=True)
class WeightFile:
    """A file's network: `kind` is one of KINDS, `names` its outputs', `header` all that was written (ranges too)."""

    kind: str
    config: NetworkConfig
    names: tuple[str, ...]
    state: dict[str, Tensor]
    header: JsonTable


def write_weights(
    path: Path, kind: str, config: NetworkConfig, state: Mapping[str, Tensor], header: Mapping[str, Any]
) -> None:
    """Write a network in half precision; `header` must have `names` and may have anything JSON holds."""
    text = json.dumps({"format": FORMAT, "kind": kind, "config": asdict(config), **header})
    write_atomic(path, save({key: value.half().contiguous() for key, value in state.items()}, {HEADER_KEY: text}))


def read_weights(path: Path, expected_sha256: str | None = None) -> WeightFile:
    """A weight file, in float32.

    Raises:
        GantkError: absent, damaged, of another kind, or not the bytes that `expected_sha256` says.
    """
    try:
        data = regular_file(path).read_bytes()
    except OSError as error:
        raise GantkError(f"{path} cannot be read: {error.strerror or error}.") from error
    if expected_sha256 is not None and hashlib.sha256(data).hexdigest() != expected_sha256:
        raise GantkError(f"{path} is damaged or was changed (its sha256 is not the one listed); install gantk again.")
    try:
        header = parse_json(metadata_of(memoryview(data))[HEADER_KEY])
        state = {key: value.float() for key, value in load(data).items()}
        kind, names = header["kind"], tuple(header["names"])
        config = NetworkConfig.from_dict(header["config"])
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise GantkError(f"{path} is no weight file of a gantk predictor, or it is damaged.") from error
    if kind not in KINDS or header.get("format") != FORMAT:
        raise GantkError(
            f"{path} holds a {kind!r} of format {header.get('format')}; this gantk reads {' and '.join(KINDS)} "
            f"of format {FORMAT}."
        )
    return WeightFile(kind, config, names, state, header)


def read_bundled(kind: str) -> WeightFile:
    """The network of a kind that comes with gantk."""
    name, digest = BUNDLED[kind]
    return read_weights(FOLDER / name, digest)
