"""Write a network back in the layout of a program that still needs it: the reading tables, run in reverse."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, Union

import torch
from torch import Tensor

from gantk.checkpoints import genforce, nvidia, rosinality
from gantk.checkpoints import stylegan2 as parts
from gantk.checkpoints.checkpoint import Change, Checkpoint, same
from gantk.checkpoints.stylegan2 import Spelling
from gantk.checkpoints.stylegan3_plans import arguments_of
from gantk.errors import GantkError, UsageError
from gantk.generators.stylegan3_plan import Step
from gantk.store.chunks import parts as chunked
from gantk.store.json_values import JsonView

PROBE_SAMPLES, PROBE_BATCH = 64, 8
MARGIN = 0.9  # of the clamp: what the probe must stay below

INVERSE: dict[Change, Change] = {
    same: same,
    parts.scalar: lambda tensor: tensor.reshape(1),
    parts.square: lambda tensor: tensor[None, None],
    parts.first: lambda tensor: tensor[None],
    parts.flat: lambda tensor: tensor.reshape(1, -1, 1, 1),
    parts.transposed: parts.transposed,
    parts.plus_one: lambda tensor: tensor - 1,
    parts.flipped: parts.flipped,
    parts.hwio: lambda tensor: tensor.permute(2, 3, 1, 0),
    parts.hwio_flipped: lambda tensor: tensor.flip(2, 3).permute(2, 3, 1, 0),
}


Exported: TypeAlias = Mapping[str, Union[Tensor, JsonView, "Exported"]]
"""What `torch.save` writes: tensors by name, and settings beside them."""


@dataclass(frozen=True)
class Layout:
    """A program's StyleGAN2: its names, its stored filters, what wraps the state dict, and what it can express."""

    spelling: Spelling
    filter_names: Callable[[int], list[str]]  # number of levels -> names
    filter_gain: float
    filter_dimensions: int
    wrap: Callable[[dict[str, Tensor], Mapping[str, Any]], Exported]
    label_rules: tuple[str, ...] = ()
    keeps_clamp: bool = False
    architectures: tuple[str, ...] = ("skip",)
    channels: tuple[int, ...] | None = (3,)  # None: any number
    keeps_rate: bool = False


def _rosinality(state: dict[str, Tensor], config: Mapping[str, Any]) -> Exported:
    average = state.pop("latent_avg", None)
    return {"g_ema": state} | ({} if average is None else {"latent_avg": average})


def _genforce_filters(levels: int, suffix: str, top: str) -> list[str]:
    return [f"synthesis.layer{2 * level - 1}.{suffix}" for level in range(1, levels)] + [top]


def _hammer(state: dict[str, Tensor], config: Mapping[str, Any]) -> Exported:
    """A runner's file: the weights, and what its generator was constructed with."""
    base, most = channel_rule(config)
    arguments = {
        "model_type": "StyleGAN2Generator",
        "resolution": config["resolution"],
        "z_dim": config["z_dim"],
        "w_dim": config["w_dim"],
        "mapping_layers": config["mapping_layers"],
        "mapping_fmaps": config["mapping_width"],
        "mapping_lr_mul": config.get("mapping_lr", 0.01),
        "image_channels": config.get("image_channels", 3),
        "label_dim": config.get("label_dim", 0),
        "fmaps_base": base,
        "fmaps_max": most,
        "conv_clamp": config.get("conv_clamp"),
    }
    if config.get("label_dim"):
        arguments["embedding_dim"] = config["label_width"]
    networks = {"generator": state, "generator_smooth": state}
    return {"models": networks, "model_kwargs_init": dict.fromkeys(networks, arguments)}


def _nvidia_filters(levels: int) -> list[str]:
    blocks = [f"synthesis.b{4 << level}" for level in range(levels)]
    inner = [f"{block}.{part}" for number, block in enumerate(blocks) for part in ("conv0", "conv1")[number == 0 :]]
    return [f"{name}.resample_filter" for name in (*blocks, *inner)]


def channel_rule(config: Mapping[str, Any]) -> tuple[int, int]:
    """Base and maximum of the rule min(base // resolution, maximum) that most programs give channels by.

    Where no such rule gives these channels, the nearest: `follows_rule` tells.
    """
    channels = config["channels"]
    sides = [4 << level for level in range(len(channels))]
    most = max(channels)
    under = [count * side for count, side in zip(channels, sides, strict=True) if count < most]
    return (min(under) if under else most * sides[-1]), most


def follows_rule(config: Mapping[str, Any]) -> bool:
    """Whether `channel_rule` gives a network's channels."""
    base, most = channel_rule(config)
    return all(count == min(base // (4 << level), most) for level, count in enumerate(config["channels"]))


LAYOUTS = {
    "rosinality": Layout(
        rosinality.SPELLING,
        lambda levels: (
            [f"convs.{2 * i}.conv.blur.kernel" for i in range(levels - 1)]
            + [f"to_rgbs.{i}.upsample.kernel" for i in range(levels - 1)]
        ),
        4.0,
        2,
        _rosinality,
    ),
    "genforce": Layout(
        genforce.GENFORCE,
        lambda levels: _genforce_filters(levels, "filter.kernel", "synthesis.upsample.kernel"),
        4.0,
        4,
        lambda state, config: {"generator_smooth": state},
        ("separate", "joint"),
    ),
    "higan": Layout(
        genforce.HIGAN,
        lambda levels: _genforce_filters(levels, "filter.kernel", "synthesis.upsample.kernel"),
        4.0,
        4,
        lambda state, config: state,
        ("joint",),
    ),
    "hammer": Layout(
        genforce.HAMMER,
        lambda levels: _genforce_filters(levels, "filter", "synthesis.filter"),
        1.0,
        2,
        _hammer,
        ("separate", "joint"),
        keeps_clamp=True,
        channels=None,
        keeps_rate=True,
    ),
    "nvidia": Layout(
        nvidia.SPELLING,
        _nvidia_filters,
        1.0,
        2,
        lambda state, config: state,
        ("separate",),
        keeps_clamp=True,
        architectures=("skip", "resnet", "orig"),
        channels=None,
        keeps_rate=True,
    ),
}


def export_state(checkpoint: Checkpoint, program: str, unclamped: bool = False) -> Exported:
    """What `torch.save` should write so that `program` can load a StyleGAN2 (for `nvidia` also a StyleGAN3).

    Args:
        unclamped: leave out a clamp that the program does not have.

    Raises:
        UsageError: no such program.
        GantkError: the network has something that the program cannot express (named in the message).
    """
    if program not in LAYOUTS:
        raise UsageError(f"gantk writes the layouts {', '.join(LAYOUTS)}, not {program!r}")
    layout, config = LAYOUTS[program], checkpoint.config
    if checkpoint.family == "stylegan3" and program == "nvidia":
        return _stylegan3(checkpoint)
    if checkpoint.family != "stylegan2":
        raise GantkError(f"only a stylegan2 can be written for {program}, not a {checkpoint.family}")
    rule, architecture = config.get("label_rule", "none"), config.get("architecture", "skip")
    clamp, image_channels = config.get("conv_clamp"), config.get("image_channels", 3)
    base = tuple(config.get("base", (4, 4)))
    for wrong, what in (
        (architecture not in layout.architectures, f"architecture={architecture}"),
        (clamp is not None and not layout.keeps_clamp and not unclamped, f"conv_clamp={clamp}"),
        (rule != "none" and rule not in layout.label_rules, f"label_rule={rule}"),
        (config.get("mapping_lr", 0.01) != 0.01 and not layout.keeps_rate, f"mapping_lr={config.get('mapping_lr')}"),
        (not config.get("use_noise", True), "use_noise=False"),
        (layout.channels is not None and image_channels not in layout.channels, f"image_channels={image_channels}"),
        (base != (4, 4), f"a constant input of {base[0]} x {base[1]}"),
        (config.get("average_rows", 0) != 0, "a mean code for each row of wp"),
    ):
        if wrong:
            raise GantkError(f"this network has {what}, which {program}'s StyleGAN2 cannot express")
    levels = len(config["channels"])
    state = {
        row.source: INVERSE[row.change](checkpoint.state[row.target]).contiguous()
        for row in _rows(layout, config)
        if row.target in checkpoint.state or row.target != "w_avg"
    }
    line = torch.tensor(config.get("resample_filter", parts.DEFAULT_TAPS))
    kernel = torch.outer(line, line) * layout.filter_gain
    shortcuts = [f"{layout.spelling.skip(level)}.resample_filter" for level in range(1, levels)]
    for name in (*layout.filter_names(levels), *(shortcuts if architecture == "resnet" else ())):
        state[name] = kernel.reshape((1,) * (layout.filter_dimensions - 2) + tuple(kernel.shape)).clone()
    return layout.wrap(state, config)


def _stylegan3(checkpoint: Checkpoint) -> Exported:
    """NVIDIA's names of a StyleGAN3, whose layers carry their size and channels."""
    steps = checkpoint.config["steps"]
    names = {}
    for i, step in enumerate(steps):
        step = step if isinstance(step, Mapping) else dataclasses.asdict(step)
        target = "torgb" if i == len(steps) - 1 else f"L{i}"
        names[f"synthesis.{target}."] = f"synthesis.L{i}_{step['out_size']}_{step['out_channels']}."
    state = {}
    for name, tensor in checkpoint.state.items():
        new = "mapping.w_avg" if name == "w_avg" else name.replace("mapping.dense", "mapping.fc")
        for target, source in names.items():
            if name.startswith(target):
                new = source + name.removeprefix(target)
        state[new] = tensor.contiguous()
    return state


def _rows(layout: Layout, config: Mapping[str, Any]) -> list[parts.Row]:
    """The table of a network with this configuration, in the direction in which it is read."""
    levels, depth, rule = len(config["channels"]), config["mapping_layers"], config.get("label_rule", "none")
    architecture = config.get("architecture", "skip")
    images = range(levels) if architecture == "skip" else [levels - 1]
    shortcuts = range(1, levels) if architecture == "resnet" else ()
    return parts.table(layout.spelling, levels, depth, rule, images=images, shortcuts=shortcuts, noisy=True)


# --- what is lost -----------------------------------------------------------------------------------------------------


@torch.no_grad()
def reaches_clamp(checkpoint: Checkpoint) -> bool:
    """Whether any of the first seeded samples brings an activation within a tenth of the clamp.

    The network is run as it is, with the clamp at 0.9 of its value and without one: where all images are equal to the
    bit, nothing ever was cut.
    """
    from gantk.checkpoints.load import build_generator

    clamp = checkpoint.config["conv_clamp"]
    variants = [
        build_generator(dataclasses.replace(checkpoint, config={**checkpoint.config, "conv_clamp": value}))
        for value in (clamp * MARGIN, None)
    ]
    for start, stop in chunked(0, PROBE_SAMPLES, PROBE_BATCH):
        images = []
        for generator in variants:
            z = generator.sample_z(stop - start, start=start)
            wp = generator.expand(generator.map(z, generator.sample_label(stop - start, start=start)))
            images.append(generator.synthesize(wp, noise=list(range(start, stop))))
        if not torch.equal(images[0], images[1]):
            return True
    return False


def constructor(checkpoint: Checkpoint) -> Mapping[str, JsonView]:
    """What NVIDIA's Generator is constructed with, as JSON: its own pickles hold the program's source instead.

    The keys are the keyword arguments of `training.networks.Generator` (stylegan2-ada-pytorch), or of
    `training.networks_stylegan3.Generator`.
    """
    config = checkpoint.config
    common = {
        "z_dim": config["z_dim"], "c_dim": config["label_dim"], "w_dim": config["w_dim"],
        "img_resolution": config["resolution"], "img_channels": config["image_channels"],
        "mapping_kwargs": {"num_layers": config["mapping_layers"], "lr_multiplier": config["mapping_lr"]},
    }  # fmt: skip
    if checkpoint.family == "stylegan3":
        steps = [step if isinstance(step, Step) else Step(**step) for step in config["steps"]]
        told = arguments_of(config["resolution"], steps)
        if told is None:
            raise GantkError(
                "This StyleGAN3 has sizes and cutoffs that no arguments of nvidia's constructor give: write it as "
                ".safetensors, without --layout."
            )
        common |= {**told, "output_scale": config["output_scale"]}
        return {"format": nvidia.CONSTRUCTOR, "class": "training.networks_stylegan3.Generator", "arguments": common}
    base, most = channel_rule(config)
    common["synthesis_kwargs"] = {
        "channel_base": base, "channel_max": most, "num_fp16_res": config["num_half_resolutions"],
        "conv_clamp": config["conv_clamp"], "architecture": config["architecture"],
        "resample_filter": [tap * 8 for tap in config["resample_filter"]],
    }  # fmt: skip
    return {"format": nvidia.CONSTRUCTOR, "class": "training.networks.Generator", "arguments": common}


def export(path: str | Path, checkpoint: Checkpoint, program: str, force: bool = False) -> tuple[str, ...]:
    """Write `export_state` with torch.save, whole or not at all; returns what a user should know about it.

    Args:
        force: write a network whose activations reach a clamp that the program does not have.

    Raises:
        GantkError: the program cannot express the network, or its activations reach the clamp.
    """
    from gantk.store.files import save_json, write_atomic

    notes = []
    layout, clamp = LAYOUTS.get(program), checkpoint.config.get("conv_clamp")
    unclamped = checkpoint.family == "stylegan2" and layout is not None and not layout.keeps_clamp and clamp is not None
    state = export_state(checkpoint, program, unclamped)  # says first what cannot be expressed at all
    if unclamped:
        reached, cut = reaches_clamp(checkpoint), float(clamp or 0)
        if reached and not force:
            raise GantkError(
                f"this network clamps its activations at {cut:g}, {program}'s does not, and some of "
                f"{PROBE_SAMPLES} samples come within a tenth of that: their images would differ; --force writes it "
                "all the same"
            )
        notes.append(
            f"{program} does not clamp; this network's clamp at {cut:g} is reached: images differ"
            if reached
            else f"{program} does not clamp; the activations of {PROBE_SAMPLES} samples stay below {MARGIN * cut:g} of "
            f"this network's {cut:g}, so that their images are the same"
        )
    if program in ("hammer", "nvidia") and checkpoint.family == "stylegan2" and not follows_rule(checkpoint.config):
        channels = ", ".join(map(str, checkpoint.config["channels"]))
        notes.append(f"no rule of {program}'s constructor gives the channels {channels}: set them in its code")
    widths = {key: checkpoint.config.get(key) for key in ("z_dim", "w_dim", "mapping_width")}
    if program == "rosinality" and len(set(widths.values())) > 1:
        said = ", ".join(f"{key} {value}" for key, value in widths.items())
        notes.append(f"rosinality's constructor has one width for all of {said}: set them in its code")
    arguments = constructor(checkpoint) if program == "nvidia" else {}
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomic(path, buffer.getvalue())
    if arguments:
        beside = save_json(Path(path).with_suffix(".json"), arguments)
        notes.append(
            f"a pickle of NVIDIA's carries its program's source; this is the state dict, and {beside.name} has the "
            "arguments of the constructor that takes it"
        )
    return tuple(notes)
