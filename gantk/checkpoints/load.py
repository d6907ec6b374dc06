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

import dataclasses
import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gantk.checkpoints import native
from gantk.checkpoints.checkpoint import Checkpoint, Raw, check_finite, listed
from gantk.checkpoints.facts import Fact, Facts, parse_facts, settle, split_model
from gantk.checkpoints.finding import candidates, is_tuple, tensorflow_raw
from gantk.checkpoints.pickle_machine import clipped
from gantk.checkpoints.unpickle import container_kind, decode, open_bytes
from gantk.errors import GantkError, UsageError
from gantk.store.lazy import resolve

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


_AFFINE, _INPUT = "synthesis.b4.conv1.affine.weight", "synthesis.input.affine.weight"
_FOREIGN = ("mapping.embed_proj.*", "mapping.mlp.*")
_EARLY = "synthesis.early_layer.const"
_OUTPUT = "output_layer.2.weight"
_CONST = "synthesis.layer0.const"
_FIRST = "synthesis.layer0.first_layer"
_TF_MOD = "synthesis/4x4/Conv/mod_weight"
_TF_STYLE = "synthesis/4x4/Conv/StyleMod/weight"
FORMATS: tuple[Format, ...] = (
    Format("nvidia-stylegan2", ("nvidia",), ("synthesis.b4.const",), (), "nvidia:read_stylegan2"),
    Format("nvidia-stylegan3", ("nvidia",), ("synthesis.input.freqs",), _FOREIGN, "stylegan3:read_nvidia"),
    Format("nvidia-stylegan2 state dict", (), ("synthesis.b4.const", _AFFINE), (), "nvidia:read_stylegan2_state"),
    Format("nvidia-stylegan3 state dict", (), ("synthesis.input.freqs", _INPUT), _FOREIGN, "stylegan3:read_state"),
    Format("stylegan-xl", (), ("mapping.embed_proj.*",), (), "stylegan3:refuse_xl"),
    Format("stylegan-t", (), ("mapping.mlp.*", "synthesis.*"), (), "stylegan3:refuse_t"),
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
        what = f"a {type(value).__name__}"
        if isinstance(value, Mapping):
            what = (
                f"a dictionary of {listed(map(str, value), 6)}, none of which is a network" if value else "no tensors"
            )
        raise unknown(Raw(Path(path), container.source, container.kind, "flat", {}), what)
    return first


def unknown(raw: Raw, what: str) -> GantkError:
    """The error for a file of no known format: what was recognised, and what was expected."""
    names = f", {len(raw.entries)} entries named like {listed(raw.entries, 4)}" if raw.entries else ""
    extra = f" beside {listed(raw.extra, 4)}" if raw.extra else ""
    known = ", ".join(dict.fromkeys(entry.name.split()[0] for entry in FORMATS if ":refuse" not in entry.reader))
    return GantkError(
        f"{raw.source.name} is no checkpoint of a known format: it is a {raw.container} with {what}{names}{extra}; "
        f"known formats are {known}, and gantk's own"
    )


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
    if native.is_native(data):
        checkpoint = native.read(path)
        if not force:
            for name, tensor in checkpoint.state.items():
                check_finite(str(path), name, tensor)
        return settle(checkpoint, parse_facts(facts or {}))
    if container_kind(data) is None:
        raise GantkError(
            f"{path} is no checkpoint: it is neither a pickle, a file of torch.save nor a safetensors file "
            f"(it starts with {bytes(data[:8])!r})"
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
            bad = [name for name, tensor in checkpoint.state.items() if not bool(tensor.isfinite().all())]
            if bad:
                notes += (f"{listed(bad, 3)} are not finite; the network was loaded all the same",)
            return dataclasses.replace(checkpoint, notes=notes)
    raise unknown(raw, "a network" if raw.entries else "no tensors")


def _weights_of_folder(folder: Path) -> Path:
    """The weights in a Hugging Face model folder."""
    for name in ("pytorch_model.bin", "model.safetensors"):
        if (folder / name).is_file():
            return folder / name
    from gantk.checkpoints.names import is_known

    hint = f" (the network that comes with gantk is {folder.name!r} without a path)" if is_known(folder.name) else ""
    raise GantkError(
        f"{folder} is a folder without pytorch_model.bin{hint}; name a checkpoint file or a Hugging Face model folder"
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
    class_names = checkpoint.header.get("class_names")
    if isinstance(class_names, list | tuple):
        generator.spec = dataclasses.replace(generator.spec, class_names=tuple(map(str, class_names)))
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
    name_or_path: str | Path,
    device: str = "cpu",
    precision: str = "float32",
    code: bool = False,
    *,
    fetch: bool = False,
    force: bool = False,
    tuned: object = None,
    **facts: Fact,
) -> Generator:
    """A generator by bundled or zoo name (such as `demo`), or from a checkpoint in any known format, or of own code.

    A known name wins over a file or folder of that name in the current directory, which is `./demo`.

    Args:
        name_or_path: a name or a path; `PATH?label_dim=4&fused=true` gives facts with it. Also ``file.py:factory`` or
            ``module:factory``: a function without arguments that returns a Generator (see `gantk.wrap`) or a torch
            module with an attribute `z_dim`, or one of these. This runs that code. Also an https address, with
            ``#sha256=HEX`` behind it where it is to be checked; see addresses.py.
        device: `cpu`, `cuda`, `cuda:1`, ...
        precision: `float32`, or `float16` / `bfloat16` where the family's original allowed half precision.
        code: whether the name may name code, as a name typed on this command line may (`OwnCode`); never say so of one
            that was read from a file.
        fetch: whether an address may be fetched, as one typed on this command line may; one that was fetched before is
            read in any case. Never say so of one that was read from a file.
        force: load a file although some of its weights are not finite.
        tuned: what `gantk invert --tune` found, its file or its result: added to the weights. `MODEL?tuned=FILE` is the
            same.
        facts: what the file does not say and you know: `label_dim`, `z_dim`, `fused`, `resample_kernel`, `conv_clamp`,
            `epsilon`, `mapping_lr`, `output_scale`, `class_names`; see facts.py.

    Raises:
        UsageError: neither a file nor a known name, a fact that does not apply or contradicts the file, or a name of
            code that may not be one or does not make a generator.
        GantkError: the file cannot be read, see `read_checkpoint`.
    """
    import torch

    name_or_path, tuned = _tuning(name_or_path, tuned)
    generator = _construct(name_or_path, facts, force, code, fetch)
    if tuned is not None:
        from gantk.checkpoints.tuned import tuned_of

        generator = tuned_of(tuned).apply(generator)
    try:
        generator = generator.to(torch.device(device))
        if generator.device.type == "cuda" and precision == "float32":
            torch.backends.cudnn.allow_tf32 = False  # PyTorch's default allows it, with errors of 1e-3
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"device {device!r} cannot be used: {clipped(error, 120)}") from error
    return generator.set_precision(precision)


def _tuning(name_or_path: str | Path, tuned: object) -> tuple[str | Path, object]:
    """The model without `tuned=FILE`, and the tuned weights that are meant."""
    from gantk.checkpoints.addresses import is_address
    from gantk.checkpoints.tuned import KEY

    if isinstance(name_or_path, Path) or is_address(name_or_path):
        return name_or_path, tuned
    name, told = split_model(name_or_path)
    if KEY not in told:
        return name_or_path, tuned
    file = told.pop(KEY)
    if tuned is not None and str(tuned) != file:
        raise UsageError(f"The tuned weights are named twice, {file} and {tuned}: give them once.")
    query = "&".join(f"{key}={value}" for key, value in told.items())
    return f"{name}?{query}" if query else name, file


def find_model(
    name_or_path: str | Path, facts: Facts | None = None, fetch: bool = False
) -> tuple[Path | Generator, Facts]:
    """The file that MODEL stands for (or the network, where it has no file), and the facts given with it.

    Raises:
        UsageError: neither a file nor a known name, a fact that is given twice, or an address that may not be fetched.
        GantkError: an address does not give its file.
    """
    from gantk.checkpoints.addresses import file_at, is_address, parse_address
    from gantk.checkpoints.hub import is_hub
    from gantk.checkpoints.names import is_known, locate
    from gantk.store.own_code import names_code

    name, told = (name_or_path, {}) if isinstance(name_or_path, Path) else split_model(name_or_path)
    if isinstance(name, str) and is_address(name):
        told = parse_address(name).facts
    for key, value in (facts or {}).items():
        if key in told and str(value) != told[key]:
            raise UsageError(f"The fact {key} is set twice, to {told[key]!r} and to {value!r}: give it once.")
    given: Facts = {**told, **(facts or {})}
    if isinstance(name, str) and is_address(name):
        parse_facts(given)  # a wrong word is said before anything is fetched
        return file_at(name, fetch), given
    path = Path(name)
    if isinstance(name, str) and names_code(name) and not is_hub(name):
        raise UsageError(f"The model {name!r} is code and no file, and a file is needed here: name a checkpoint.")
    if path.exists() and (isinstance(name, Path) or not is_known(name)):
        return path, given
    return locate(str(name)), given


def _construct(name_or_path: str | Path, facts: Facts, force: bool, code: bool, fetch: bool) -> Generator:
    from gantk.checkpoints.hub import is_hub
    from gantk.checkpoints.names import ALIASES, is_bundled
    from gantk.checkpoints.own_generator import own_generator
    from gantk.store.own_code import names_code

    if isinstance(name_or_path, str) and names_code(name_or_path) and not is_hub(name_or_path):
        return own_generator(name_or_path, code)

    found, told = find_model(name_or_path, facts, fetch)
    if isinstance(found, Path):
        generator = build_generator(read_checkpoint(found, told, force))
    elif told:
        raise UsageError(f"{name_or_path} is made without a file, so {listed(told)} cannot be set for it.")
    else:
        generator = found
    name = "" if isinstance(name_or_path, Path) else split_model(name_or_path)[0]
    generator.bundled = ALIASES.get(name, name) if is_bundled(name) else None
    return generator
