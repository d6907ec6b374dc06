"""Recognise a checkpoint by its content and hand it to the reader of its format.

To add a format: write a function `read_family(raw: Raw) -> Checkpoint` in the module of its source (checkpoint.py has
`Raw`, `Row` and `convert`; every source entry must be used exactly once) and add one row to `FORMATS`. The first row
that matches wins:

    Format("source-family", wrappers, has, lacks, "module:function")

`wrappers` are the places a network can be found in (see `Raw`; () is any), `has` the entries that must exist, `lacks`
those that must not; `*` in a name stands for anything. `load_generator` (load.py) then builds
`checkpoint.family` and checks that the state dict fills the network exactly.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gantk.checkpoints import native
from gantk.checkpoints.checkpoint import Checkpoint, Raw, check_finite, listed
from gantk.checkpoints.facts import Facts, parse_facts, settle
from gantk.checkpoints.finding import candidates, is_tuple, tensorflow_raw
from gantk.checkpoints.pickle_machine import clipped
from gantk.checkpoints.safetensors_header import is_native
from gantk.checkpoints.signs import sign_of
from gantk.checkpoints.stored_tensors import Stored
from gantk.checkpoints.unpickle import container_kind, decode
from gantk.errors import GantkError
from gantk.store.files import open_bytes
from gantk.store.lazy import resolve


@dataclass(frozen=True)
class Format:
    """One row of the table: how a format is recognised and which function reads it."""

    name: str
    wrappers: tuple[str, ...]
    has: tuple[str, ...]
    lacks: tuple[str, ...]
    reader: str

    def matches(self, raw: Raw) -> bool:
        return (
            (not self.wrappers or raw.wrapper in self.wrappers)
            and all(_present(raw.entries, name) for name in self.has)
            and not any(_present(raw.entries, name) for name in self.lacks)
        )


def _present(entries: Mapping[str, Any], pattern: str) -> bool:
    return bool(fnmatch.filter(entries, pattern)) if "*" in pattern else pattern in entries


_AFFINE, _INPUT = "synthesis.b4.conv1.affine.weight", "synthesis.input.affine.weight"
_EARLY = "synthesis.early_layer.const"
_OUTPUT = "output_layer.2.weight"
_CONST = "synthesis.layer0.const"
_FIRST = "synthesis.layer0.first_layer"
_TF_MOD = "synthesis/4x4/Conv/mod_weight"
_TF_STYLE = "synthesis/4x4/Conv/StyleMod/weight"
FORMATS: tuple[Format, ...] = (
    Format("stylegan-xl", (), ("mapping.embed_proj.*",), (), "stylegan3:refuse_xl"),
    Format("stylegan-t", (), ("mapping.mlp.*", "synthesis.*"), (), "stylegan3:refuse_t"),
    Format("nvidia-stylegan2", ("nvidia",), ("synthesis.b4.const",), (), "nvidia:read_stylegan2"),
    Format("nvidia-stylegan3", ("nvidia",), ("synthesis.input.freqs",), (), "stylegan3:read_nvidia"),
    Format("nvidia-stylegan2 state dict", (), ("synthesis.b4.const", _AFFINE), (), "nvidia:read_stylegan2_state"),
    Format("nvidia-stylegan3 state dict", (), ("synthesis.input.freqs", _INPUT), (), "stylegan3:read_state"),
    Format("hammer-stylegan3", (), ("synthesis.early_layer.frequency", "w_avg"), (), "stylegan3:read_hammer"),
    Format("tensorflow-stylegan2", ("tensorflow",), (_TF_MOD,), (), "tensorflow:read_stylegan2"),
    Format("rosinality-stylegan2", (), ("input.input", "conv1.conv.weight"), (), "rosinality:read_stylegan2"),
    Format("higan-stylegan2", (), (_EARLY, "mapping.dense0.fc.weight"), (), "genforce:read_higan_stylegan2"),
    Format("genforce-stylegan2", (), (_EARLY, "truncation.w_avg"), (), "genforce:read_stylegan2"),
    Format("hammer-stylegan2", (), (_EARLY, "w_avg"), (), "genforce:read_hammer_stylegan2"),
    Format("tensorflow-stylegan", ("tensorflow",), (_TF_STYLE,), (), "stylegan:read_tensorflow"),
    Format("higan-stylegan", (), (_CONST, "mapping.dense0.wscale.bias"), (), "stylegan:read_higan"),
    Format("interfacegan-stylegan", (), (_FIRST, "mapping.dense0.linear.weight"), (), "stylegan:read_interfacegan"),
    Format("genforce-stylegan", (), (_CONST, "truncation.w_avg"), (), "stylegan:read_genforce"),
    Format("hammer-stylegan", (), (_CONST, "w_avg"), (), "stylegan:read_hammer"),
    Format("tensorflow-pggan", ("tensorflow",), ("4x4/Dense/weight",), (), "pggan:read_tensorflow"),
    Format("higan-pggan", (), ("layer0.conv.weight", "layer0.wscale.bias"), (), "pggan:read_higan"),
    Format("navigan-pggan", (), ("features.0.conv.weight", "features.0.wscale.scale"), (), "pggan:read_navigan"),
    Format("genforce-pggan", (), ("layer0.weight", "layer0.bias", "output*"), (), "pggan:read_genforce"),
    Format("huggingface-biggan", (), ("embeddings.weight", "generator.gen_z.*"), (), "biggan:read_huggingface"),
    Format("author-biggan", (), ("linear.weight", "blocks.0.0.conv1.weight", _OUTPUT), (), "biggan:read_author"),
    Format("studiogan-biggan", (), ("linear0.*", "blocks.0.0.conv2d1.*", "conv2d5.*"), (), "biggan:refuse_studiogan"),
)  # fmt: skip


# --- opening ---------------------------------------------------------------------------------------------------------


def open_raw(path: str | Path) -> Raw:
    """Open a foreign file and find the network in it.

    Raises:
        GantkError: no container gantk knows, damaged, forbidden content, or no network where one is expected.
    """
    container = decode(open_bytes(path), str(path))
    first: Raw | None = None
    for raw in candidates(Path(path), container):
        if any(entry.matches(raw) for entry in FORMATS):
            return raw
        first = first or raw
    if first is None:
        value = container.value
        what = f"a {clipped(getattr(value, 'class_name', type(value).__name__))}"
        if isinstance(value, Stored):
            what = f"a single array of {list(value.shape)}, as codes and directions are"
        if isinstance(value, Mapping):
            what = (
                f"a dictionary of {listed(map(str, value), 6)}, none of which is a generator" if value else "no tensors"
            )
        raise unknown(Raw(Path(path), container.source, container.kind, "flat", {}), what)
    return first


def unknown(raw: Raw, what: str) -> GantkError:
    """The error for a file of no known format: what was recognised, and what was expected."""
    what = _part(raw) or what
    names = f", {len(raw.entries)} entries named like {listed(raw.entries, 4)}" if raw.entries else ""
    extra = f" beside {listed(raw.extra, 4)}" if raw.extra else ""
    known = ", ".join(dict.fromkeys(entry.name.split()[0] for entry in FORMATS if ":refuse" not in entry.reader))
    return GantkError(
        f"{raw.source.name} is no checkpoint of a known format: it is a {raw.container} file with {what}{names}"
        f"{extra}; known formats are {known}, and gantk's own"
    )


def _part(raw: Raw) -> str:
    """What a state dict is that is only a part of what is needed; nothing where it is not known."""
    names = list(raw.entries)
    draws = any(re.search(r"(?i)to_?rgb|(^|\.)synthesis\.", name) for name in names)
    if "param_groups" in raw.extra or (names and all(re.search(r"(^|\.)(step|exp_avg\w*)$", name) for name in names)):
        return "the state of an optimizer"
    if names and all(re.match(r"(mapping|style|mlp)\.", name) for name in names):
        return "a mapping network alone, which needs its synthesis network"
    if draws and all(re.match(r"b\d+\.", name) for name in names):
        return "a synthesis network alone, which needs its mapping network"
    if not draws and any(
        re.match(r"(final_(conv|linear)|stddev|b\d+\.fromrgb|b4\.(fc|out|mbstd))\b", name) for name in names
    ):
        return "a discriminator, which draws nothing"
    return ""


# --- reading ---------------------------------------------------------------------------------------------------------


def read_checkpoint(path: str | Path, facts: Facts | None = None, force: bool = False) -> Checkpoint:
    """A network from a file (or Hugging Face folder) in any known format.

    Args:
        facts: what the file does not say and its owner knows, see facts.py.
        force: take weights that are not finite.

    Raises:
        UsageError: a fact that does not apply, or contradicts the file.
        GantkError: the file cannot be read, is of no known format, is damaged, has entries missing or left over, or is
            a variant that gantk cannot represent; nothing in a file is ever executed.
    """
    path = Path(path)
    if path.is_dir():
        path = _weights_of_folder(path)
    data = open_bytes(path)
    if is_native(data):
        checkpoint = native.read(path)
        if not force:
            for name, tensor in checkpoint.state.items():
                check_finite(str(path), name, tensor)
        return settle(checkpoint, parse_facts(facts or {}))
    if container_kind(data) is None:
        raise GantkError(
            f"{path} is no checkpoint (no pickle, no file of torch.save and no safetensors): {sign_of(data)}"
        )
    known = parse_facts(facts or {})
    raw = dataclasses.replace(open_raw(path), facts=known, force=force)
    return settle(read_raw(raw), known)


def read_raw(raw: Raw) -> Checkpoint:
    """Dispatch to the reader of the first format that matches."""
    for entry in FORMATS:
        if entry.matches(raw):
            read = resolve(f"gantk.checkpoints.{entry.reader}")
            try:
                checkpoint: Checkpoint = read(raw)
            except GantkError:
                raise
            except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RuntimeError) as error:
                raise raw.source.damaged(f"it looks like {entry.name}, but {clipped(error)} does not fit") from error
            notes = (*raw.notes, *checkpoint.notes)
            if checkpoint.config.get("mapping_layers") == 0 and not raw.force and raw.wrapper != "nvidia":
                raise GantkError(
                    f"{raw.source.name} holds the synthesis network alone: without its mapping network no codes can be "
                    "drawn for it; save the whole generator, or convert it with --force, for codes of your own"
                )
            bad = [name for name, tensor in checkpoint.state.items() if not bool(tensor.isfinite().all())]
            if bad:
                notes += (f"{listed(bad, 3)} are not finite; the network was loaded all the same",)
            return dataclasses.replace(checkpoint, notes=notes)
    raise unknown(raw, "a network" if raw.entries else "no tensors")


WEIGHTS = ("pytorch_model.bin", "model.safetensors")
"""The weights in a Hugging Face model folder."""


def _weights_of_folder(folder: Path) -> Path:
    """The weights in a Hugging Face model folder."""
    for name in WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    from gantk.checkpoints.names import is_known

    hint = f" (the network that comes with gantk is {folder.name!r} without a path)" if is_known(folder.name) else ""
    raise GantkError(
        f"{folder} is a folder without pytorch_model.bin or model.safetensors{hint}; name a checkpoint file or a "
        "Hugging Face model folder"
    )


def open_networks(path: str | Path) -> dict[str, Raw]:
    """Every network of a TensorFlow pickle by its role: G, D, Gs (the moving average), and E in GH-Feat's.

    Raises:
        GantkError: as `open_raw`, or the file is no TensorFlow pickle.
    """
    container = decode(open_bytes(path), str(path))
    value = container.value
    if not is_tuple(value):
        raise GantkError(f"{path} is no TensorFlow pickle of networks (G, D, Gs) or (E, G, D, Gs)")
    roles = ("E", "G", "D", "Gs")[-len(value) :]
    return {role: tensorflow_raw(Path(path), container.source, item) for role, item in zip(roles, value, strict=True)}


def read_discriminator(path: str | Path) -> Checkpoint:
    """The discriminator of a TensorFlow pickle, for training that continues from it."""
    raw = open_networks(path)["D"]
    name = raw.records[""].get("build_func_name")
    if name in ("D_stylegan2", "D_stylegan"):
        from gantk.checkpoints.tensorflow import read_stylegan2_discriminator as read
    elif name in ("D_paper", "D_basic"):
        from gantk.checkpoints.progressive_discriminator import read
    else:
        raise raw.refuse(
            f"a discriminator built by {clipped(name)}",
            "and only D_paper, D_basic, D_stylegan and D_stylegan2 are read",
        )
    return read(raw)
