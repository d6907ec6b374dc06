"""StyleGAN3, T and R, as NVIDIA's pickles and Hammer's files spell it.

NVIDIA's modules carry every size and cutoff as attributes. Hammer's carry none: its plan is recomputed from the
constructor's arguments (or, without them, from the resolution that fits) and compared with the stored filters and grid.
The stored filters are what the network uses.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch

from gantk.checkpoints.checkpoint import NO_AVERAGE, Checkpoint, Raw, Row, convert, count_while, listed
from gantk.checkpoints.genforce import STYLE_SIZES, check_hammer, hammer_settings
from gantk.checkpoints.nvidia import SUPERRES, beside
from gantk.checkpoints.pickle_machine import clipped
from gantk.checkpoints.stored_tensors import Stored
from gantk.checkpoints.stylegan3_plans import told_plan
from gantk.errors import GantkError
from gantk.generators.filters import lowpass
from gantk.generators.stylegan3_plan import PlanArguments, Step, plan
from gantk.store.json_values import JsonView


@dataclass(frozen=True)
class Spelling:
    """How one program names the parts of a StyleGAN3.

    Attributes:
        dense, embed, average: prefix of the mapping layers and of the label embedding; name of the mean code.
        input: prefix of the Fourier features; freqs, phases: names below it.
        parts: target suffix -> suffix below a layer's prefix.
    """

    dense: str
    embed: str
    average: str
    input: str
    freqs: str
    phases: str
    parts: dict[str, str]


_SAME = ("weight", "bias", "magnitude_ema", "up_filter", "down_filter", "affine.weight", "affine.bias")
NVIDIA = Spelling(
    "mapping.fc", "mapping.embed", "mapping.w_avg", "synthesis.input", "freqs", "phases", {name: name for name in _SAME}
)
HAMMER = Spelling(
    "mapping.dense", "mapping.embedding", "w_avg", "synthesis.early_layer", "frequency", "phase",
    {
        "weight": "conv.weight",
        "bias": "filter.bias",
        "magnitude_ema": "magnitude_ema",
        "up_filter": "filter.up_filter",
        "down_filter": "filter.down_filter",
        "affine.weight": "conv.style.weight",
        "affine.bias": "conv.style.bias",
    },
)  # fmt: skip


def _read(
    raw: Raw, spelling: Spelling, source: str, layers: list[str], steps: tuple[Step, ...], bandwidth: float, *,
    dead: tuple[str, ...] = (), notes: tuple[str, ...] = (), **settings: JsonView,
) -> Checkpoint:  # fmt: skip
    """Convert a network whose layers have the prefixes `layers` and the plan `steps`."""
    has = raw.entries.__contains__
    depth = count_while(lambda i: has(f"{spelling.dense}{i}.weight"))
    rows = []
    for i in range(depth):
        rows += [Row(f"mapping.dense{i}.{part}", f"{spelling.dense}{i}.{part}") for part in ("weight", "bias")]
    label_width = label_dim = 0
    if has(f"{spelling.embed}.weight"):
        rows += [Row(f"mapping.embed.{part}", f"{spelling.embed}.{part}") for part in ("weight", "bias")]
        label_width, label_dim = _matrix(raw, f"{spelling.embed}.weight")
    if has(spelling.average):
        rows.append(Row("w_avg", spelling.average))
    else:
        notes += (NO_AVERAGE,)
    names = {"freqs": spelling.freqs, "phases": spelling.phases}
    for part in ("weight", "affine.weight", "affine.bias", "transform", "freqs", "phases"):
        rows.append(Row(f"synthesis.input.{part}", f"{spelling.input}.{names.get(part, part)}"))
    for i, (prefix, step) in enumerate(zip(layers, steps, strict=True)):
        target = "torgb" if i == len(layers) - 1 else f"L{i}"
        for part, suffix in spelling.parts.items():
            if (part == "up_filter" and step.up_taps == 1) or (part == "down_filter" and step.down_taps == 1):
                continue
            rows.append(Row(f"synthesis.{target}.{part}", f"{prefix}.{suffix}"))
    w_dim = _matrix(raw, f"{spelling.input}.affine.weight")[1]
    first = _matrix(raw, f"{spelling.dense}0.weight") if depth else (w_dim, w_dim)
    config = {
        "resolution": steps[-1].out_size,
        "steps": [dataclasses.asdict(step) for step in steps],
        "bandwidth": bandwidth,
        "image_channels": steps[-1].out_channels,
        "z_dim": first[1] - label_width,
        "w_dim": w_dim,
        "label_dim": label_dim,
        "label_rule": "separate" if label_width else "none",
        "label_width": label_width,
        "mapping_layers": depth,
        "mapping_width": first[0] if depth > 1 else w_dim,
    }
    return Checkpoint("stylegan3", {**config, **settings}, convert(raw, rows, dead), source, notes)


def _matrix(raw: Raw, name: str) -> tuple[int, int]:
    shape = raw.shape(name)
    if len(shape) != 2:
        raise raw.source.damaged(f"{name} is no matrix")
    return shape[0], shape[1]


def _kernel(raw: Raw, name: str) -> tuple[int, int, int]:
    """Output channels, input channels and side of a layer's convolution."""
    shape = raw.shape(name)
    if len(shape) != 4 or shape[2] != shape[3]:
        raise raw.source.damaged(f"{name} is no square convolution")
    return shape[0], shape[1], shape[2]


def _taps(raw: Raw, name: str, radial_allowed: bool) -> tuple[int, bool]:
    """Length of a filter (1 when there is none) and whether it is 2-D."""
    if name not in raw.entries:
        return 1, False
    shape = raw.shape(name)
    if len(shape) == 1:
        return shape[0], False
    if len(shape) == 2 and shape[0] == shape[1] and radial_allowed:
        return shape[0], True
    raise raw.refuse(f"a filter {name} of shape {list(shape)}", "where gantk knows [K] and, for down filters, [K, K]")


# --- NVIDIA ----------------------------------------------------------------------------------------------------------


def read_nvidia(raw: Raw) -> Checkpoint:
    """A pickle of NVIDIA's stylegan3 repository; every size and cutoff is an attribute of the layer that has it."""
    if raw.records[""].get("class_name") == SUPERRES:
        refuse_xl(raw)
    synthesis = _attributes(raw, "synthesis")
    names = synthesis.get("layer_names")
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names) or len(names) < 2:
        raise raw.source.damaged("its synthesis network does not name its layers")
    layers = [f"synthesis.{name}" for name in names]
    steps = tuple(_step(raw, path, path == layers[-1]) for path in layers)
    source = _attributes(raw, "synthesis.input")
    size, rate = _number(raw, source, "size"), _number(raw, source, "sampling_rate")
    if (size, rate) != (steps[0].in_size, steps[0].in_rate):
        raise raw.refuse(f"Fourier features of {size:g} pixels at rate {rate:g}", "unlike its first layer's input")
    rates = {own["bias_gain"] for path, own in raw.records.items() if path.startswith("mapping.fc")}
    if len(rates) > 1 or not all(isinstance(value, int | float) for value in rates):
        raise raw.refuse(f"mapping learning rates {listed(map(str, rates))}", "and a mapping network has one")
    for path, own in raw.records.items():
        wanted = "lrelu" if path.startswith("mapping.fc") else "linear"
        if own.get("activation", wanted) != wanted:
            raise raw.refuse(f"activation={clipped(own['activation'])} in {path}", f"where gantk has {wanted} only")
    notes = []
    redesigned = [names[i] for i, step in enumerate(steps) if not _designed(raw, NVIDIA, layers[i], step)]
    if redesigned:
        notes.append(f"the filters of {listed(redesigned)} are not the published design; the stored ones are used")
    return _read(
        raw, NVIDIA, "nvidia-stylegan3", layers, steps, _number(raw, source, "bandwidth"),
        notes=tuple(notes),
        mapping_lr=float(next(iter(rates), 0.01)),
        output_scale=_number(raw, synthesis, "output_scale"),
    )  # fmt: skip


def _attributes(raw: Raw, path: str) -> Mapping[str, Any]:
    if path not in raw.records:
        raise raw.source.damaged(f"it has no module {clipped(path)}")
    return raw.records[path]


def _number(raw: Raw, own: Mapping[str, Any], key: str) -> float:
    """An attribute as a number; an array (sizes are pairs) must hold one value throughout."""
    value = own.get(key)
    if isinstance(value, Stored):
        flat = value.array().reshape(-1).tolist()
    else:
        flat = list(value) if isinstance(value, list | tuple) else [value]
    if not flat or not all(isinstance(item, int | float) and math.isfinite(item) for item in flat):
        raise raw.source.damaged(f"attribute {key} is no number but {clipped(value)}")
    if len(set(flat)) > 1:
        raise raw.refuse(f"{key}={flat}", "and gantk's StyleGAN3 is square")
    return float(flat[0])


def _step(raw: Raw, path: str, last: bool) -> Step:
    own = _attributes(raw, path)
    outputs, inputs, side = _kernel(raw, f"{path}.weight")
    up_taps, _ = _taps(raw, f"{path}.up_filter", False)
    down_taps, radial = _taps(raw, f"{path}.down_filter", True)

    def whole(key: str) -> int:
        value = _number(raw, own, key)
        if value != int(value) or abs(value) > 1 << 24:
            raise raw.refuse(f"{key}={value} in {path}", "where a whole number is needed")
        return int(value)

    if bool(own.get("is_torgb")) != last:
        raise raw.refuse(f"is_torgb={own.get('is_torgb')} in {path}", "and only the last layer writes the image")
    clamp = None if own.get("conv_clamp") is None else _number(raw, own, "conv_clamp")
    step = Step(
        inputs, outputs, whole("in_size"), whole("out_size"), whole("in_sampling_rate"), whole("out_sampling_rate"),
        whole("up_factor"), whole("down_factor"), up_taps, down_taps, side, radial,
        _number(raw, own, "in_cutoff"), _number(raw, own, "out_cutoff"),
        _number(raw, own, "in_half_width"), _number(raw, own, "out_half_width"),
        clamp, own.get("use_fp16") is True,
    )  # fmt: skip
    padding = own.get("padding")
    if not isinstance(padding, list | tuple) or list(padding) != [*step.padding, *step.padding]:
        raise raw.refuse(f"padding={clipped(padding)} in {path}", f"where its sizes ask for {list(step.padding)}")
    return step


_LAYER_NAME = re.compile(r"synthesis\.(L(\d+)_\d+_\d+)\.weight")


def read_state(raw: Raw) -> Checkpoint:
    """The state dict of such a network: its layers by their names, sizes and cutoffs from the published plan.

    The stored filters must be those of the plan, or the network is refused: another plan cannot be guessed from them.
    """
    raw = dataclasses.replace(raw, facts={**beside(raw), **raw.facts})
    named = {int(match[2]): f"synthesis.{match[1]}" for name in raw.entries if (match := _LAYER_NAME.fullmatch(name))}
    if sorted(named) != list(range(len(named))) or len(named) < 2:
        raise raw.source.damaged(f"its layers {listed(named.values(), 3)} are not numbered from 0")
    layers = [named[i] for i in range(len(named))]
    clamp = raw.facts.get("conv_clamp", 256.0)
    arguments: PlanArguments = {
        **told_plan(raw.facts), "num_layers": len(layers) - 1, "kernel": _kernel(raw, f"{layers[0]}.weight")[2],
        "radial": _taps(raw, f"{layers[0]}.down_filter", True)[1],
        "conv_clamp": clamp if isinstance(clamp, int | float) else None,
    }  # fmt: skip
    size = int(layers[-1].split("_")[1])
    steps = _fitting(raw, layers, arguments, [size], NVIDIA)
    usual = (("conv_clamp", 256), ("output_scale", 0.25), ("mapping_lr", 0.01))
    untold = [f"{key} ({value})" for key, value in usual if key not in raw.facts]
    note = "the published plan of sizes and cutoffs fits its filters" + (
        f"; a state dict does not say {', '.join(untold)}: what stands in brackets is assumed, as in NVIDIA's training "
        "configurations"
        if untold
        else ""
    )
    checkpoint = _read(
        raw, NVIDIA, "nvidia-stylegan3 state dict", layers, steps, steps[0].in_cutoff,
        notes=(note,), mapping_lr=raw.facts.get("mapping_lr", 0.01), output_scale=raw.facts.get("output_scale", 0.25),
    )  # fmt: skip
    return dataclasses.replace(checkpoint, assumed=("conv_clamp", "output_scale", "mapping_lr"))


_OWN = "gantk reads StyleGAN2 and 3, and its own program can be given as MODEL, file.py:function (docs/your-own.md)"


def refuse_xl(raw: Raw) -> Checkpoint:
    """StyleGAN-XL: its class embedding comes from a pretrained network and its stem is another generator's."""
    known = any(name.startswith("mapping.embed_proj.") for name in raw.entries)
    what = "class embedding of a StyleGAN-XL (mapping.embed_proj)" if known else f"layers of a StyleGAN-XL ({SUPERRES})"
    reason = (
        "classes are projected from a pretrained classifier's features, and layers above its stem resample by rules"
    )
    raise raw.refuse(f"the {what}", f"which gantk does not read: {reason} of their own; {_OWN}")


def refuse_t(raw: Raw) -> Checkpoint:
    """StyleGAN-T: w comes from a text encoder."""
    reason = f"its codes come from a text encoder (CLIP), which is no part of a GAN; {_OWN}"
    raise raw.refuse("the mapping network of a StyleGAN-T (mapping.mlp)", f"which gantk does not read: {reason}")


# --- Hammer ----------------------------------------------------------------------------------------------------------

# Hammer's name of an argument -> the plan's.
_PLAN = {
    "num_layers": "num_layers", "num_critical": "num_critical", "fmaps_base": "channel_base",
    "fmaps_max": "channel_max", "kernel_size": "kernel", "first_cutoff": "first_cutoff",
    "first_stopband": "first_stopband", "last_stopband_rel": "last_stopband_rel", "margin_size": "margin",
    "filter_size": "filter_size", "act_upsampling": "lrelu_upsampling", "lrelu_upsampling": "lrelu_upsampling",
    "use_radial_filter": "radial", "conv_clamp": "conv_clamp", "num_fp16_res": "num_fp16_res",
    "image_channels": "image_channels",
}  # fmt: skip
_FLAGS: dict[str, tuple[Any, ...]] = {
    "mapping_use_wscale": (True,),
    "mapping_wscale_gain": (1.0,),
    "embedding_bias": (True,),
    "embedding_use_wscale": (True,),
    "embedding_wscale_gain": (1.0,),
    "embedding_lr_mul": (1.0,),
    "normalize_embedding": (True,),
    "normalize_embedding_latent": (False,),
    "final_tanh": (False,),
    "eps": (1e-8,),
}


def read_hammer(raw: Raw) -> Checkpoint:
    """Hammer's and ReSeFa's StyleGAN3."""
    free = STYLE_SIZES - {"init_res"} | {"normalize_z", "output_scale", "magnitude_ema_beta"} | _PLAN.keys()
    if "mapping.embedding.weight" not in raw.entries:  # it takes no class
        free |= {name for name in hammer_settings(raw) if name.startswith(("embedding", "normalize_emb"))}
    settings = check_hammer(raw, "StyleGAN3", _FLAGS, free)
    count = count_while(lambda i: f"synthesis.layer{i}.conv.weight" in raw.entries)
    layers = [f"synthesis.layer{i}" for i in range(count)]
    shown: PlanArguments = {"num_layers": count - 1}
    if count:
        shown["kernel"] = _kernel(raw, f"{layers[0]}.conv.weight")[2]
        shown["radial"] = _taps(raw, f"{layers[0]}.filter.down_filter", True)[1]
    told: dict[str, float | None] = {}
    for name, value in settings.items():
        if name in _PLAN:
            if not isinstance(value, int | float) and not (name == "conv_clamp" and value is None):
                raise raw.source.damaged(f"{name} is no number")
            told[_PLAN[name]] = value
    arguments = cast(PlanArguments, {**shown, **told})  # `_PLAN` names keywords of `plan`
    known = settings.get("resolution")
    steps = _fitting(
        raw, layers, arguments, [known] if isinstance(known, int) else [1 << k for k in range(4, 12)], HAMMER
    )
    numbers = {"mapping_lr": settings.get("mapping_lr_mul", 0.01), "output_scale": settings.get("output_scale", 0.25)}
    if not all(isinstance(value, int | float) for value in numbers.values()):
        raise raw.source.damaged("mapping_lr_mul or output_scale is no number")
    return _read(
        raw, HAMMER, "hammer-stylegan3", layers, steps, steps[0].in_cutoff,
        dead=tuple(name for name in ("synthesis.early_layer.grid",) if name in raw.entries),
        notes=() if settings else ("the file does not say how it was built; the published plan fits its filters",),
        normalize_z=settings.get("normalize_z", True) is not False,
        **{name: float(value) for name, value in numbers.items()},
    )  # fmt: skip


def _fitting(
    raw: Raw, layers: list[str], arguments: PlanArguments, resolutions: list[int], spelling: Spelling
) -> tuple[Step, ...]:
    """The plan of the first resolution whose filters and grid are the stored ones, with the channels of the tensors."""
    for resolution in resolutions:
        try:
            planned = plan(resolution, **arguments)
        except (GantkError, ValueError, ArithmeticError):
            continue
        if len(planned) != len(layers) or not layers:
            continue
        steps = []
        for prefix, step in zip(layers, planned, strict=True):
            outputs, inputs, side = _kernel(raw, f"{prefix}.{spelling.parts['weight']}")
            steps.append(dataclasses.replace(step, out_channels=outputs, in_channels=inputs, kernel=side))
        if all(_designed(raw, spelling, prefix, step) for prefix, step in zip(layers, steps, strict=True)) and _gridded(
            raw, steps[0]
        ):
            return tuple(steps)
    tried = "its own arguments" if len(resolutions) == 1 else f"resolutions {resolutions[0]} to {resolutions[-1]}"
    raise raw.refuse(
        "filters or a grid that the plan does not give", f"as computed from {tried}; its constants are not known"
    )


def _designed(raw: Raw, spelling: Spelling, prefix: str, step: Step) -> bool:
    """Whether a layer's stored filters are those its plan asks for."""
    rate = step.in_rate * step.up
    sides = (
        ("up_filter", step.up_taps, step.in_cutoff, step.in_half_width, False),
        ("down_filter", step.down_taps, step.out_cutoff, step.out_half_width, step.radial),
    )
    for part, taps, cutoff, half_width, radial in sides:
        name = f"{prefix}.{spelling.parts[part]}"
        if (name in raw.entries) != (taps > 1):
            return False
        if taps > 1:
            shape = (taps, taps) if radial else (taps,)
            if raw.shape(name) != shape:
                return False
            if not torch.allclose(raw.tensor(name), lowpass(taps, cutoff, half_width, rate, radial), atol=1e-5):
                return False
    return True


def _gridded(raw: Raw, step: Step) -> bool:
    """Whether Hammer's stored sampling grid [1, S, S, 2], x first, is the plan's."""
    if "synthesis.early_layer.grid" not in raw.entries:
        return True
    size = step.in_size
    if raw.shape("synthesis.early_layer.grid") != (1, size, size, 2):
        return False
    line = (torch.arange(size) + 0.5 - size / 2) / step.in_rate
    grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)
    return torch.allclose(raw.tensor("synthesis.early_layer.grid")[0], grid, atol=1e-5)
