"""Recognise a checkpoint by its content, hand it to the reader of its format, and build the network.

To add a format: write a function `read_family(raw: Raw) -> Checkpoint` in the module of its source (checkpoint.py has
`Raw`, `Row` and `convert`; every source entry must be used exactly once) and add one row to `FORMATS`. The first row
that matches wins:

    Format("source-family", wrappers, has, lacks, "module:function")

`wrappers` are the places a network can be found in (see `Raw`; () is any), `has` the entries that must exist, `lacks`
those that must not; `*` in a name stands for anything. `load_generator` then builds `checkpoint.family` through
generators/registry.py and checks that the state dict fills the network exactly.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gantk.checkpoints import native
from gantk.checkpoints.checkpoint import Checkpoint, Raw, listed
from gantk.checkpoints.pickle_machine import Source, clipped
from gantk.checkpoints.stand_ins import Record, Stored
from gantk.checkpoints.unpickle import container_kind, decode, open_bytes
from gantk.errors import GantkError, UsageError

if TYPE_CHECKING:
    import torch

    from gantk.generators.base import Generator


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


_EARLY = "synthesis.early_layer.const"
_OUTPUT = "output_layer.2.weight"
_CONST = "synthesis.layer0.const"
_TF_MOD = "synthesis/4x4/Conv/mod_weight"
_TF_STYLE = "synthesis/4x4/Conv/StyleMod/weight"
FORMATS: tuple[Format, ...] = (
    Format("nvidia-stylegan2", ("nvidia",), ("synthesis.b4.const",), (), "nvidia:read_stylegan2"),
    Format("nvidia-stylegan3", ("nvidia",), ("synthesis.input.freqs",), (), "stylegan3:read_nvidia"),
    Format("hammer-stylegan3", (), ("synthesis.early_layer.frequency", "w_avg"), (), "stylegan3:read_hammer"),
    Format("tensorflow-stylegan2", ("tensorflow",), (_TF_MOD,), (), "tensorflow:read_stylegan2"),
    Format("rosinality-stylegan2", (), ("input.input", "conv1.conv.weight"), (), "rosinality:read_stylegan2"),
    Format("higan-stylegan2", (), (_EARLY, "mapping.dense0.fc.weight"), (), "genforce:read_higan_stylegan2"),
    Format("genforce-stylegan2", (), (_EARLY, "truncation.w_avg"), (), "genforce:read_stylegan2"),
    Format("hammer-stylegan2", (), (_EARLY, "w_avg"), (), "genforce:read_hammer_stylegan2"),
    Format("tensorflow-stylegan", ("tensorflow",), (_TF_STYLE,), (), "stylegan:read_tensorflow"),
    Format("higan-stylegan", (), (_CONST, "mapping.dense0.wscale.bias"), (), "stylegan:read_higan"),
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

NETWORKS = ("generator_smooth", "generator", "g_ema", "G_ema", "state_dict")
OTHER_NETWORKS = frozenset(("discriminator", "g", "d", "G", "D", "g_optim", "d_optim", "optimizer", "optimizers"))


def open_raw(path: str | Path) -> Raw:
    """Open a foreign file and find the network in it.

    Raises:
        GantkError: no container gantk knows, damaged, forbidden content, or no network where one is expected.
    """
    container = decode(open_bytes(path), str(path))
    value, source = container.value, container.source
    if _is_tensorflow(value):
        return _tensorflow(Path(path), source, value[-1])  # (G, D, Gs) or (E, G, D, Gs): the moving average is last
    if isinstance(value, Mapping) and isinstance(value.get("G_ema"), Record):
        from gantk.checkpoints.nvidia import flatten

        entries, records = flatten(source, value["G_ema"])
        return Raw(Path(path), source, container.kind, "nvidia", entries, {}, records)
    if not isinstance(value, Mapping):
        raise unknown(Raw(Path(path), source, container.kind, "flat", {}), f"a {type(value).__name__}")
    extra = {str(key): item for key, item in value.items() if key not in OTHER_NETWORKS}
    inner, wrapper = value, "flat"
    if isinstance(inner.get("models"), Mapping):
        inner = inner["models"]
    for name in NETWORKS:
        if isinstance(inner.get(name), Mapping):
            inner, wrapper = inner[name], name
            break
    entries = {_stripped(key): item for key, item in inner.items() if isinstance(item, Stored | int | float)}
    for name in (*NETWORKS, "models", *(entries if wrapper == "flat" else ())):
        extra.pop(name, None)
    return Raw(Path(path), source, container.kind, wrapper, entries, extra)


def _tensorflow(path: Path, source: Source, network: Record) -> Raw:
    from gantk.checkpoints.tensorflow import flatten

    if network.class_name == "network.Network":
        raise GantkError(
            f"{path} is a pickle of the Theano version of progressive GAN, which gantk does not read; "
            "convert it with legacy.py of the TensorFlow version first"
        )
    entries, records = flatten(source, network)
    return Raw(path, source, "pickle", "tensorflow", entries, {}, records)


def _stripped(key: Any) -> str:
    return str(key).removeprefix("module.")


def unknown(raw: Raw, what: str) -> GantkError:
    """The error for a file of no known format: what was recognised, and what was expected."""
    names = f", {len(raw.entries)} entries named like {listed(raw.entries, 4)}" if raw.entries else ""
    extra = f" beside {listed(raw.extra, 4)}" if raw.extra else ""
    known = ", ".join(entry.name for entry in FORMATS if ":refuse" not in entry.reader)
    return GantkError(
        f"{raw.source.name} is no checkpoint of a known format: it is a {raw.container} with {what}{names}{extra}; "
        f"known formats are {known}, and gantk's own"
    )


# --- reading ---------------------------------------------------------------------------------------------------------


def read_checkpoint(path: str | Path) -> Checkpoint:
    """A network from a file (or Hugging Face folder) in any known format.

    Raises:
        GantkError: the file cannot be read, is of no known format, is damaged, has entries missing or left over, or is
            a variant that gantk cannot represent; nothing in a file is ever executed.
    """
    path = Path(path)
    if path.is_dir():
        path = _weights_of_folder(path)
    data = open_bytes(path)
    if native.is_native(data):
        return native.read(path)
    if container_kind(data) is None:
        raise GantkError(
            f"{path} is no checkpoint: it is neither a pickle, a file of torch.save nor a safetensors file "
            f"(it starts with {bytes(data[:8])!r})"
        )
    return read_raw(open_raw(path))


def read_raw(raw: Raw) -> Checkpoint:
    """Dispatch to the reader of the first format that matches."""
    for entry in FORMATS:
        if entry.matches(raw):
            module, function = entry.reader.split(":")
            read = getattr(import_module(f"gantk.checkpoints.{module}"), function)
            try:
                checkpoint: Checkpoint = read(raw)
            except GantkError:
                raise
            except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RuntimeError) as error:
                raise raw.source.damaged(f"it looks like {entry.name}, but {clipped(error)} does not fit") from error
            return checkpoint
    raise unknown(raw, "a network" if raw.entries else "no tensors")


def _weights_of_folder(folder: Path) -> Path:
    """The weights in a Hugging Face model folder."""
    for name in ("pytorch_model.bin", "model.safetensors"):
        if (folder / name).is_file():
            return folder / name
    raise GantkError(
        f"{folder} is a folder without pytorch_model.bin; name a checkpoint file or a Hugging Face model folder"
    )


def open_networks(path: str | Path) -> dict[str, Raw]:
    """Every network of a TensorFlow pickle by its role: G, D, Gs (the moving average), and E in GH-Feat's.

    Raises:
        GantkError: as `open_raw`, or the file is no TensorFlow pickle.
    """
    container = decode(open_bytes(path), str(path))
    value = container.value
    if not _is_tensorflow(value):
        raise GantkError(f"{path} is no TensorFlow pickle of networks (G, D, Gs) or (E, G, D, Gs)")
    roles = ("E", "G", "D", "Gs")[-len(value) :]
    return {role: _tensorflow(Path(path), container.source, item) for role, item in zip(roles, value, strict=True)}


def _is_tensorflow(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) in (3, 4) and all(isinstance(item, Record) for item in value)


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


# --- building --------------------------------------------------------------------------------------------------------

_LARGEST = 1 << 16
_MOST_LAYERS = 1 << 10


def build_generator(checkpoint: Checkpoint) -> Generator:
    """The network of a checkpoint, on the CPU in float32 and in evaluation mode.

    The state dict must fill the network exactly: every parameter present with its shape, nothing left over.
    """
    from gantk.checkpoints.frugal import frugal
    from gantk.generators.registry import build

    _check_sizes(checkpoint.config)
    try:
        with frugal(sum(tensor.numel() for tensor in checkpoint.state.values())):
            generator = build(checkpoint.family, checkpoint.config)
        fill(generator, checkpoint)
    except (TypeError, ValueError, RuntimeError, KeyError, IndexError, OverflowError) as error:
        raise GantkError(
            f"the configuration of this {checkpoint.family} cannot be built: {clipped(error, 200)}"
        ) from error
    generator.source = checkpoint.source
    return generator.eval().requires_grad_(False)


def _check_sizes(config: Mapping[str, Any]) -> None:
    for name, value in config.items():
        limit = _MOST_LAYERS if name.endswith(("layers", "blocks", "depth")) else _LARGEST
        values = value if isinstance(value, list | tuple) else (value,)
        if len(values) > _MOST_LAYERS or any(isinstance(item, int) and abs(item) > limit for item in values):
            raise GantkError(
                f"a network with {name}={clipped(value)} is larger than any gantk builds (at most {limit})"
            )


def _compare(checkpoint: Checkpoint, module: torch.nn.Module) -> None:
    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in checkpoint.state.items()}
    if "w_avg" in wanted and "w_avg" not in given:  # estimated when first needed
        del wanted["w_avg"]
    missing, left = sorted(wanted.keys() - given.keys()), sorted(given.keys() - wanted.keys())
    wrong = [
        f"{name} {list(given[name])} for {list(wanted[name])}"
        for name in wanted
        if given.get(name, wanted[name]) != wanted[name]
    ]
    for names, verdict in ((missing, "lacks"), (left, "has left over"), (wrong, "has of the wrong shape")):
        if names:
            raise GantkError(
                f"the {checkpoint.source} file does not fill its {checkpoint.family}: it {verdict} {listed(names)}"
            )


def fill(module: torch.nn.Module, checkpoint: Checkpoint) -> None:
    """Load a checkpoint's state into a module, strictly; a mean code that the file lacks becomes None."""
    _compare(checkpoint, module)
    if "w_avg" not in checkpoint.state and "w_avg" in module.state_dict():
        module.register_buffer("w_avg", None)
    module.load_state_dict(checkpoint.state)


def load_generator(
    name_or_path: str | Path, device: str = "cpu", precision: str = "float32", code: bool = False
) -> Generator:
    """A generator by bundled or zoo name (such as `demo`), from a checkpoint in any known format, or of own code.

    Args:
        name_or_path: also ``file.py:factory`` or ``module:factory``: a function without arguments that returns a
            Generator (see `gantk.wrap`) or a torch module with an attribute `z_dim`, or one of these. This runs that
            code.
        device: `cpu`, `cuda`, `cuda:1`, ...
        precision: `float32`, or `float16` / `bfloat16` where the family's original allowed half precision.
        code: whether the name may name code, as a name typed on this command line may (`OwnCode`); never say so of one
            that was read from a file.

    Raises:
        UsageError: neither a file nor a known name; it names code and may not; the code does not make a generator.
        GantkError: the file cannot be read, see `read_checkpoint`.
    """
    import torch

    generator = _construct(name_or_path, code)
    try:
        generator = generator.to(torch.device(device))
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"device {device!r} cannot be used: {clipped(error, 120)}") from error
    return generator.set_precision(precision)


def _construct(name_or_path: str | Path, code: bool) -> Generator:
    from gantk.checkpoints.hub import is_hub
    from gantk.checkpoints.names import ALIASES, is_bundled, locate
    from gantk.store.own_code import names_code

    if names_code(name_or_path) and not is_hub(str(name_or_path)):
        return _own(name_or_path if isinstance(name_or_path, str) else str(name_or_path), code)
    found: Any = Path(name_or_path)
    name = None
    if not found.exists():
        found = locate(str(name_or_path))
        name = str(name_or_path) if is_bundled(str(name_or_path)) else None
    generator = build_generator(read_checkpoint(found)) if isinstance(found, Path) else found
    generator.bundled = None if name is None else ALIASES.get(name, name)
    return generator


def _own(name: str, code: bool) -> Generator:
    """The generator that a user's own code makes."""
    from torch import nn

    from gantk.generators.base import Generator
    from gantk.generators.wrapped import wrap
    from gantk.store.own_code import find_object

    made = find_object(name, f"The generator {name!r}", code)
    if not isinstance(made, nn.Module) and callable(made):
        try:
            made = made()
        except GantkError:
            raise
        except Exception as error:  # foreign code may raise anything
            raise UsageError(f"The factory {name!r} raised {type(error).__name__}: {clipped(error, 160)}.") from error
    if not isinstance(made, nn.Module):
        what = f"the class {made.__name__}" if isinstance(made, type) else f"a {type(made).__name__}"
        raise UsageError(f"The factory {name!r} returned {what}, where a generator or a torch module was expected.")
    generator = made if isinstance(made, Generator) else wrap(made)
    generator.source = name
    return generator
