"""gantk's own checkpoints: safetensors whose metadata hold one JSON header.

The header has `format` ("gantk-checkpoint"), `version`, `family`, `config`, `source` (the format the weights came
from), `notes`, `gantk` (the version that wrote it) and whatever else its writer adds, such as `golden` (see golden.py).
The tensors are those of the family's state dict. Nothing in such a file can be executed.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch

from gantk.checkpoints.checkpoint import Checkpoint
from gantk.checkpoints.pickle_machine import Source, clipped
from gantk.checkpoints.safetensors_header import is_safetensors, metadata_of
from gantk.errors import GantkError
from gantk.store.bounded import parse_json
from gantk.store.files import open_bytes
from gantk.store.json_values import JsonTable, JsonView
from gantk.store.tensors import HEADER_KEY

FORMAT = "gantk-checkpoint"
VERSION = 1
IN_WEIGHTS = ("label_dim", "z_dim", "fused")  # assumptions that a converted file holds as facts


def read_header(path: str | Path, kind: str = FORMAT, title: str = "a checkpoint of a generator") -> JsonTable:
    """The JSON header of a gantk file, without its tensors.

    Args:
        kind: the `format` it must have; other artifacts than checkpoints have their own.
        title: what such a file is, for the message.

    Raises:
        GantkError: no safetensors file, not written by gantk, a newer version, or a header that makes no sense.
    """
    data = open_bytes(path)
    if not is_safetensors(data):
        raise GantkError(f"{path} is no safetensors file, and {title} is one")
    source = Source(str(path), len(data))
    try:
        said = metadata_of(data).get(HEADER_KEY)
        header = parse_json(said) if isinstance(said, str) else None
    except ValueError as error:
        raise source.damaged(str(error)) from error
    if said is None:
        raise GantkError(f"{path} is a safetensors file that gantk did not write (its metadata have no gantk header)")
    if not isinstance(header, dict):
        raise source.damaged("its gantk header is no object")
    found, version = header.get("format"), header.get("version")
    if found != kind:
        raise GantkError(f"{path} is a gantk file of kind {clipped(found)}, not {title}")
    if not isinstance(version, int) or version > VERSION:
        raise GantkError(
            f"{path} has format version {clipped(version)}; this gantk reads up to {VERSION}: update gantk"
        )
    return header


def read(path: str | Path) -> Checkpoint:
    """A checkpoint from a gantk file; its tensors are float32 and lie in memory."""
    from safetensors import SafetensorError
    from safetensors.torch import load, load_file

    header = read_header(path)
    try:
        # the library opens no path that is not UTF-8
        state = load_file(str(path)) if _is_utf8(path) else load(Path(path).read_bytes())
    except (SafetensorError, OSError, ValueError, RuntimeError, KeyError) as error:
        raise Source(str(path), 0).damaged(clipped(error)) from error
    family, config, notes = header.get("family"), header.get("config"), header.get("notes", [])
    if not isinstance(family, str) or not isinstance(config, dict) or not isinstance(notes, list):
        raise Source(str(path), 0).damaged("its header has no family and configuration")
    state = {name: tensor.to(torch.float32) for name, tensor in state.items()}
    said = header.get("assumed", [])
    assumed = tuple(map(str, said)) if isinstance(said, list) else ()
    source = str(header.get("source", "gantk"))
    return Checkpoint(family, config, state, source, tuple(map(str, notes)), header, assumed)


def _is_utf8(path: str | Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def write_checkpoint(path: str | Path, checkpoint: Checkpoint, half: bool = False, **header: JsonView) -> str:
    """Write a gantk file, whole or not at all; returns its sha256.

    Args:
        half: store matrices and kernels in float16 (for the small bundled models).
        header: further entries of the JSON header.
    """
    from safetensors.torch import save

    from gantk import __version__
    from gantk.store.files import write_atomic

    content = {
        "format": FORMAT,
        "version": VERSION,
        "family": checkpoint.family,
        "config": checkpoint.config,
        "source": checkpoint.source,
        "notes": list(checkpoint.notes),
        **({"assumed": [key for key in checkpoint.assumed if key not in IN_WEIGHTS]} if checkpoint.assumed else {}),
        **({"class_names": checkpoint.header["class_names"]} if "class_names" in checkpoint.header else {}),
        "gantk": __version__,
        **header,
    }
    tensors = {
        name: tensor.detach().cpu().to(torch.float16 if half and tensor.ndim > 1 else tensor.dtype).contiguous()
        for name, tensor in checkpoint.state.items()
    }
    data = save(tensors, {HEADER_KEY: json.dumps(content)})
    write_atomic(path, data)
    return hashlib.sha256(data).hexdigest()
