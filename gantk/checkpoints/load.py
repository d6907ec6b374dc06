"""Generators by name, address, file or own code: the network of a checkpoint, built, filled and put on its device."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from gantk.checkpoints.checkpoint import Checkpoint, listed
from gantk.checkpoints.facts import TUNED, Fact, Facts, parse_facts, split_model
from gantk.checkpoints.pickle_machine import clipped
from gantk.checkpoints.reading import read_checkpoint
from gantk.errors import GantkError, UsageError
from gantk.generators.arguments import checked
from gantk.generators.devices import resolve_device
from gantk.store.progress import tell

if TYPE_CHECKING:
    from gantk.generators.base import Generator

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


def _compare(checkpoint: Checkpoint, module: nn.Module) -> None:
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


def fill(module: nn.Module, checkpoint: Checkpoint) -> None:
    """Load a checkpoint's state into a module, strictly; a mean code that the file lacks becomes None."""
    _compare(checkpoint, module)
    if "w_avg" not in checkpoint.state and "w_avg" in module.state_dict():
        module.register_buffer("w_avg", None)
    module.load_state_dict(checkpoint.state)


@checked
def load_generator(
    name_or_path: str | Path,
    device: str | torch.device = "cpu",
    precision: str = "float32",
    code: bool = False,
    *,
    fetch: bool = False,
    force: bool = False,
    tuned: object = None,
    compile: bool = False,
    **facts: Fact,
) -> Generator:
    """A generator by bundled or zoo name (such as `demo`), or from a checkpoint in any known format, or of own code.

    A known name wins over a file or folder of that name in the current directory, which is `./demo`.

    Args:
        name_or_path: a name or a path; `PATH?label_dim=4&fused=true` gives facts with it. Also ``file.py:factory`` or
            ``module:factory``: a function without arguments that returns a Generator (see `gantk.wrap`) or a torch
            module with an attribute `z_dim`, or one of these. This runs that code. Also an https address, with
            ``#sha256=HEX`` behind it where it is to be checked; see addresses.py.
        device: `cpu`, `cuda`, `cuda:1`, ..., or `auto`: a GPU where there is one, as the command line takes by default.
        precision: `float32`, or `float16` / `bfloat16` where the family's original allowed half precision.
        code: whether the name may name code, as a name typed on this command line may (`OwnCode`); never say so of one
            that was read from a file.
        fetch: whether an address may be fetched, as one typed on this command line may; one that was fetched before is
            read in any case. Never say so of one that was read from a file.
        force: load a file although some of its weights are not finite.
        tuned: what `gantk invert --tune` found, its file or its result: added to the weights. `MODEL?tuned=FILE` is the
            same.
        compile: draw pictures by torch.compile's graphs, see compiling.py; where there is no compiler, as without it.
        facts: what the file does not say and you know: `label_dim`, `z_dim`, `fused`, `resample_kernel`, `conv_clamp`,
            `epsilon`, `mapping_lr`, `output_scale`, `class_names`; see facts.py.

    Raises:
        UsageError: neither a file nor a known name, a fact that does not apply or contradicts the file, or a name of
            code that may not be one or does not make a generator.
        GantkError: the file cannot be read, see `read_checkpoint`.
    """
    chosen = resolve_device(device)
    name_or_path, tuned = _tuning(name_or_path, tuned)
    generator = _construct(name_or_path, facts, force, code, fetch)
    if tuned is not None:
        from gantk.checkpoints.tuned import tuned_of

        generator = tuned_of(tuned).apply(generator)
    try:
        generator = generator.to(torch.device(chosen))
        if generator.device.type == "cuda" and precision == "float32":
            torch.backends.cudnn.allow_tf32 = False  # PyTorch's default allows it, with errors of 1e-3
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"device {device!r} cannot be used: {clipped(error, 120)}") from error
    generator.set_precision(precision)
    if generator.channels_last and (generator.device.type == "cpu" or precision != "float32"):
        generator.to(memory_format=torch.channels_last)  # on a GPU it is for tensor cores, which float32 does not use
    if compile:
        from gantk.generators.compiling import compile_synthesis

        compile_synthesis(generator)
    return generator


def _tuning(name_or_path: str | Path, tuned: object) -> tuple[str | Path, object]:
    """The model without `tuned=FILE`, and the tuned weights that are meant."""
    from gantk.checkpoints.addresses import is_address, parse_address

    if isinstance(name_or_path, Path):
        return name_or_path, tuned
    if is_address(name_or_path):
        address = parse_address(name_or_path)
        file, name = address.facts.get(TUNED), address.without(TUNED)
    else:
        plain, told = split_model(name_or_path)
        file = told.pop(TUNED, None)
        query = "&".join(f"{key}={value}" for key, value in told.items())
        name = f"{plain}?{query}" if query else plain
    if file is None:
        return name_or_path, tuned
    if not file:
        raise UsageError(f"{clipped(name_or_path)} names no file of tuned weights: give MODEL?tuned=FILE.")
    if tuned is not None and str(tuned) != file:
        raise UsageError(f"The tuned weights are named twice, {file} and {tuned}: give them once.")
    return type(name_or_path)(name), file  # what was typed stays so


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
    if isinstance(name, str) and not name.strip():  # a variable of the shell that is not set, not the current folder
        raise UsageError("No model is named: give a checkpoint's path, or a name from `gantk models list`.")
    if isinstance(name, str) and is_address(name):
        told = parse_address(name).facts
    for key, value in (facts or {}).items():
        if key in told and str(value) != told[key]:
            raise UsageError(f"The fact {key} is set twice, to {told[key]!r} and to {value!r}: give it once.")
    given: Facts = {**told, **(facts or {})}
    if TUNED in given:
        raise UsageError(
            f"{TUNED}={given[TUNED]} changes a loaded network, and here a file is read as it lies: leave it out."
        )
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
    from gantk.store.own_code import names_code

    if isinstance(name_or_path, str) and names_code(name_or_path) and not is_hub(name_or_path):
        return _own_generator(name_or_path, code)

    found, told = find_model(name_or_path, facts, fetch)
    if isinstance(found, Path):
        checkpoint = read_checkpoint(found, told, force)
        generator = build_generator(checkpoint)
        if "format" not in checkpoint.header:  # what gantk wrote was said when it was
            for note in checkpoint.notes:
                tell(f"{found.name}: {note}.")
    elif told:
        raise UsageError(f"{name_or_path} is made without a file, so {listed(told)} cannot be set for it.")
    else:
        generator = found
    name = "" if isinstance(name_or_path, Path) else split_model(name_or_path)[0]
    generator.bundled = ALIASES.get(name, name) if is_bundled(name) else None
    return generator


def _own_generator(name: str, code: bool) -> Generator:
    """The generator that ``file.py:factory`` or ``module:factory`` makes; this runs that code.

    Raises:
        UsageError: the name was not typed for this invocation, or what it names makes no generator.
    """
    from gantk.generators.base import Generator
    from gantk.generators.wrapped import wrap
    from gantk.store.own_code import find_object, foreign

    made = find_object(name, f"The generator {name!r}", code)
    if not isinstance(made, nn.Module) and callable(made):
        with foreign(f"The factory {name!r}", UsageError):
            made = made()
    if not isinstance(made, nn.Module):
        what = f"the class {made.__name__}" if isinstance(made, type) else f"a {type(made).__name__}"
        raise UsageError(f"The factory {name!r} returned {what}, where a generator or a torch module was expected.")
    generator = made if isinstance(made, Generator) else wrap(made)
    generator.source = name
    return generator
