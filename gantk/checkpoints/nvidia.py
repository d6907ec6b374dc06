"""NVIDIA's PyTorch pickles (stylegan2-ada-pytorch, stylegan3): weights, and modules whose attributes say the rest."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from gantk.checkpoints import stylegan2
from gantk.checkpoints.checkpoint import Checkpoint, Raw, listed, same
from gantk.checkpoints.facts import Fact
from gantk.checkpoints.pickle_machine import Inert, Source, clipped
from gantk.checkpoints.stand_ins import Record
from gantk.checkpoints.stylegan2 import Part, Spelling, check_filters
from gantk.checkpoints.stylegan3_plans import PLAN_NAMES
from gantk.store.bounded import parse_json
from gantk.store.inside import regular_file

_AFFINE: dict[str, Part] = {"affine.weight": (".affine.weight", same), "affine.bias": (".affine.bias", same)}
_LAYER: dict[str, Part] = {"weight": (".weight", same), "bias": (".bias", same), **_AFFINE}
SPELLING = Spelling(
    dense=lambda i: f"mapping.fc{i}",
    conv=lambda level, part: f"synthesis.b{4 << level}.{part}",
    rgb=lambda level: f"synthesis.b{4 << level}.torgb",
    skip=lambda level: f"synthesis.b{4 << level}.skip",
    noise=lambda level, part: (f"synthesis.b{4 << level}.{part}.noise_const", same),
    dense_parts={"weight": (".weight", same), "bias": (".bias", same)},
    conv_parts=_LAYER,
    rgb_parts=_LAYER,
    up_weight=same,
    strength=(".noise_strength", same),
    const=("synthesis.b4.const", same),
    average="mapping.w_avg",
    embeddings=(("separate", "mapping.embed.weight", same, "mapping.embed.bias"),),
)


def flatten(source: Source, record: Record | Inert) -> tuple[dict[str, object], dict[str, dict[str, object]]]:
    """A network's tensors by dotted name, and every module's attributes by dotted path ("" is the network).

    Modules of other libraries are looked into only where the network itself is one, and then for their tensors alone.
    """
    kinds = Record if isinstance(record, Record) and not _is_later(record) else Record | Inert
    entries: dict[str, object] = {}
    attributes: dict[str, dict[str, object]] = {}
    waiting = [("", record)]
    while waiting:
        path, module = waiting.pop()
        if path in attributes or len(attributes) > 10_000:
            raise source.damaged("its modules contain one another")
        own = {}
        for name, value in module.state.items():
            if name in ("_parameters", "_buffers"):
                tensors = value if isinstance(value, Mapping) else {}
                source.spend(len(tensors))
                passing = module.state.get("_non_persistent_buffers_set") if isinstance(record, Inert) else None
                if isinstance(passing, set) and name == "_buffers":
                    tensors = {key: tensor for key, tensor in tensors.items() if key not in passing}
                entries |= {f"{path}{key}": tensor for key, tensor in tensors.items() if tensor is not None}
            elif name == "_modules":
                children = value if isinstance(value, Mapping) else {}
                source.spend(len(children))
                for key, child in children.items():
                    if child is None:
                        continue
                    if isinstance(child, Inert) and not isinstance(child, kinds):
                        raise source.forbidden(child.class_name)
                    if not isinstance(child, kinds):
                        raise source.damaged(f"module {clipped(path)}{clipped(key)} is a {type(child).__name__}")
                    waiting.append((f"{path}{key}.", child))
            elif not str(name).startswith("_") or name in ("_init_kwargs", "_init_args"):
                own[str(name)] = value
        attributes[path] = {**own, "class_name": module.class_name}
    return entries, {path.removesuffix("."): own for path, own in attributes.items()}


SUPERRES = "SuperresGenerator"


def _is_later(record: Record) -> bool:
    """Whether it is a StyleGAN-XL or StyleGAN-T, which is refused for what it is, not for parts of other libraries."""
    modules = record.state.get("_modules")
    mapping = modules.get("mapping") if isinstance(modules, Mapping) else None
    inside = mapping.state.get("_modules") if isinstance(mapping, Record | Inert) else None
    return record.class_name == SUPERRES or (
        isinstance(inside, Mapping) and bool({"mlp", "embed_proj"} & inside.keys())
    )


def read_stylegan2(raw: Raw) -> Checkpoint:
    """StyleGAN2 of either repository; clamp, filter, learning rate and architecture are read from the layers."""
    layers = {path: own for path, own in raw.records.items() if "conv_clamp" in own}
    if not all(isinstance(own["conv_clamp"], int | float | None) for own in layers.values()):
        raise raw.source.damaged("a conv_clamp is no number")
    clamps = {own["conv_clamp"] for own in layers.values()}
    if len(clamps) > 1:
        raise raw.refuse(f"conv_clamp values {sorted(map(str, clamps))}", "and a StyleGAN2 has one for all layers")
    for path, own in raw.records.items():
        wanted: dict[str, tuple[Any, ...]] = {"activation": ("linear",)}
        if path.startswith("mapping.fc") or path.rpartition(".")[2] in ("conv0", "conv1"):
            wanted = {"activation": ("lrelu",)}
        if "act_gain" in own and not _near(
            own["act_gain"], math.sqrt(2) if wanted["activation"] == ("lrelu",) else 1.0
        ):
            raise raw.refuse(f"act_gain={clipped(own['act_gain'])} in {path}", "and only leaky ReLU's sqrt 2 is known")
        for flag, values in wanted.items():
            if flag in own and own[flag] not in values:
                raise raw.refuse(f"{flag}={clipped(own[flag])} in {path}", f"where gantk has {values[0]!r} only")
    factors = [own.get("bias_gain", 0.01) for path, own in raw.records.items() if path.startswith("mapping.fc")]
    rates = {factor for factor in factors if isinstance(factor, int | float)}
    if len(rates) > 1 or not all(isinstance(factor, int | float) for factor in factors):
        raise raw.refuse(f"mapping learning rates {listed(map(clipped, factors))}", "and a mapping network has one")
    blocks = [own for own in raw.records.values() if "architecture" in own and "use_fp16" in own]
    filters = [name for name in raw.entries if name.endswith("resample_filter")]
    clamp = next(iter(clamps), None)
    checkpoint = stylegan2.read(
        raw,
        SPELLING,
        "nvidia-stylegan2",
        dead=filters,
        conv_clamp=None if clamp is None else float(clamp),
        mapping_lr=float(next(iter(rates), 0.01)),
        resample_filter=check_filters(raw, filters, total=1),
        num_half_resolutions=sum(own["use_fp16"] is True for own in blocks),
    )
    declared = {own["architecture"] for own in blocks if isinstance(own["architecture"], str)}
    if declared and declared != {checkpoint.config["architecture"]} and checkpoint.config["resolution"] > 4:
        raise raw.refuse(
            f"architecture {sorted(declared)}", f"but the tensors of {checkpoint.config['architecture']!r}"
        )
    return checkpoint


CONSTRUCTOR = "gantk-nvidia-constructor"


def beside(raw: Raw) -> dict[str, Fact]:
    """The constructor's arguments that `models convert --layout nvidia` wrote beside a state dict, as facts."""
    path = raw.path.with_suffix(".json")
    try:
        said = parse_json(path.read_text(encoding="utf-8")) if regular_file(path).is_file() else {}
        if not isinstance(said, dict) or said.get("format") != CONSTRUCTOR:
            return {}
        arguments = said["arguments"]
        inner = {**arguments, **arguments.get("synthesis_kwargs", {})}
        facts = {key: value for key, value in inner.items() if key in (*PLAN_NAMES, "output_scale")}
        return {**facts, "mapping_lr": arguments["mapping_kwargs"]["lr_multiplier"]}
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return {}


def read_stylegan2_state(raw: Raw) -> Checkpoint:
    """The state dict of such a network: what its attributes said is taken as in all of NVIDIA's configurations."""
    raw = dataclasses.replace(raw, facts={**beside(raw), **raw.facts})
    filters = [name for name in raw.entries if name.endswith("resample_filter")]
    untold = [f"{key} ({value})" for key, value in (("conv_clamp", 256), ("mapping_lr", 0.01)) if key not in raw.facts]
    note = (
        f"a state dict does not say {', '.join((*untold, 'which blocks ran in half precision (the four highest)'))}: "
        "what stands in brackets is assumed, as in NVIDIA's training configurations"
    )
    checkpoint = stylegan2.read(
        raw,
        SPELLING,
        "nvidia-stylegan2 state dict",
        dead=filters,
        assumed=("conv_clamp", "mapping_lr", *(() if filters else ("resample_kernel",))),
        conv_clamp=raw.facts.get("conv_clamp", 256.0),
        mapping_lr=raw.facts.get("mapping_lr", 0.01),
        resample_filter=check_filters(raw, filters, total=1),
    )
    return dataclasses.replace(checkpoint, notes=(*checkpoint.notes, note))


def _near(value: object, wanted: float) -> bool:
    return isinstance(value, int | float) and abs(value - wanted) < 1e-6
