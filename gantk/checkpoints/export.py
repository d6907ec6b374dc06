"""Write a StyleGAN2 back in the layout of a program that still needs it: the reading tables, run in reverse."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gantk.checkpoints import genforce, rosinality
from gantk.checkpoints import stylegan2 as parts
from gantk.checkpoints.checkpoint import Change, Checkpoint, same
from gantk.checkpoints.stylegan2 import Spelling
from gantk.errors import GantkError, UsageError

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


@dataclass(frozen=True)
class Layout:
    """A program's StyleGAN2: its names, its stored filters, and what wraps the state dict."""

    spelling: Spelling
    filter_names: Callable[[int], list[str]]  # number of levels -> names
    filter_gain: float
    filter_dimensions: int
    wrap: Callable[[dict[str, Tensor]], dict[str, Any]]
    label_rules: tuple[str, ...] = ()
    keeps_clamp: bool = False


def _rosinality(state: dict[str, Tensor]) -> dict[str, Any]:
    average = state.pop("latent_avg", None)
    return {"g_ema": state} | ({} if average is None else {"latent_avg": average})


def _genforce_filters(levels: int, suffix: str, top: str) -> list[str]:
    return [f"synthesis.layer{2 * level - 1}.{suffix}" for level in range(1, levels)] + [top]


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
        lambda state: {"generator_smooth": state},
        ("separate", "joint"),
    ),
    "higan": Layout(
        genforce.HIGAN,
        lambda levels: _genforce_filters(levels, "filter.kernel", "synthesis.upsample.kernel"),
        4.0,
        4,
        lambda state: state,
        ("joint",),
    ),
}


def export_state(checkpoint: Checkpoint, program: str) -> dict[str, Any]:
    """What `torch.save` should write so that `program` can load a StyleGAN2.

    Raises:
        UsageError: no such program.
        GantkError: the network has something that the program cannot express (named in the message).
    """
    if program not in LAYOUTS:
        raise UsageError(f"gantk writes the layouts {', '.join(LAYOUTS)}, not {program!r}")
    layout, config = LAYOUTS[program], checkpoint.config
    if checkpoint.family != "stylegan2":
        raise GantkError(f"only a stylegan2 can be written for {program}, not a {checkpoint.family}")
    rule = config.get("label_rule", "none")
    for wrong, what in (
        (config.get("architecture", "skip") != "skip", f"architecture={config.get('architecture')}"),
        (config.get("conv_clamp") is not None, f"conv_clamp={config.get('conv_clamp')}"),
        (rule != "none" and rule not in layout.label_rules, f"label_rule={rule}"),
        (config.get("mapping_lr", 0.01) != 0.01, f"mapping_lr={config.get('mapping_lr')}"),
        (not config.get("use_noise", True), "use_noise=False"),
        (config.get("image_channels", 3) != 3, f"image_channels={config.get('image_channels')}"),
    ):
        if wrong:
            raise GantkError(f"this network has {what}, which {program}'s StyleGAN2 cannot express")
    levels = len(config["channels"])
    state = {
        row.source: INVERSE[row.change](checkpoint.state[row.target]).contiguous() for row in _rows(layout, config)
    }
    line = torch.tensor(config.get("resample_filter", parts.DEFAULT_TAPS))
    kernel = torch.outer(line, line) * layout.filter_gain
    for name in layout.filter_names(levels):
        state[name] = kernel.reshape((1,) * (layout.filter_dimensions - 2) + tuple(kernel.shape)).clone()
    return layout.wrap(state)


def _rows(layout: Layout, config: dict[str, Any]) -> list[parts.Row]:
    """The table of a network with this configuration, in the direction in which it is read."""
    levels, depth, rule = len(config["channels"]), config["mapping_layers"], config.get("label_rule", "none")
    return parts.table(layout.spelling, levels, depth, rule, images=range(levels), shortcuts=(), noisy=True)


def export(path: str | Path, checkpoint: Checkpoint, program: str) -> None:
    """Write `export_state` with torch.save, whole or not at all."""
    from gantk.store.files import write_atomic

    buffer = io.BytesIO()
    torch.save(export_state(checkpoint, program), buffer)
    write_atomic(path, buffer.getvalue())
