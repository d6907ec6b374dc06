"""rosinality's stylegan2-pytorch (and NaviGAN's copy of it): `g_ema` and, in converted files, `latent_avg`."""

from __future__ import annotations

import dataclasses

from gantk.checkpoints import stylegan2
from gantk.checkpoints.checkpoint import Checkpoint, Raw, same
from gantk.checkpoints.stored_tensors import Stored
from gantk.checkpoints.stylegan2 import Spelling, check_filters, first, flat, index, scalar, square


def _conv(level: int, part: str) -> str:
    return f"convs.{index(level, part) - 1}" if level else "conv1"


def _rgb(level: int) -> str:
    return f"to_rgbs.{level - 1}" if level else "to_rgb1"


SPELLING = Spelling(
    dense=lambda i: f"style.{i + 1}",  # style.0 is the pixel norm
    conv=_conv,
    rgb=_rgb,
    skip=lambda level: "(no resnet here)",
    noise=lambda level, part: (f"noises.noise_{index(level, part)}", square),
    dense_parts={"weight": (".weight", same), "bias": (".bias", same)},
    conv_parts={
        "weight": (".conv.weight", first),
        "bias": (".activate.bias", same),
        "affine.weight": (".conv.modulation.weight", same),
        "affine.bias": (".conv.modulation.bias", same),
    },
    rgb_parts={
        "weight": (".conv.weight", first),
        "bias": (".bias", flat),
        "affine.weight": (".conv.modulation.weight", same),
        "affine.bias": (".conv.modulation.bias", same),
    },
    up_weight=first,
    strength=(".noise.weight", scalar),
    const=("input.input", first),
    average="latent_avg",
)


def read_stylegan2(raw: Raw) -> Checkpoint:
    """`raw.entries` is the state dict `g_ema`; the mean code lies beside it in converted files only."""
    average, notes = raw.extra.get("latent_avg"), raw.notes
    width = raw.shape("conv1.conv.modulation.weight")[-1:]
    if average is not None and not isinstance(average, Stored):
        notes = (*notes, f"its latent_avg is a {type(average).__name__} and no tensor: ignored")
    elif "latent_avg" not in raw.entries and isinstance(average, Stored):
        if average.shape[-1:] == width and len(average.shape) <= 3:
            raw = dataclasses.replace(raw, entries={**raw.entries, "latent_avg": average})
        else:
            shape = list(average.shape)
            notes = (*notes, f"its latent_avg of shape {shape} is another network's (w is {width[0]}): ignored")
    filters = [name for name in raw.entries if name.endswith((".blur.kernel", ".upsample.kernel"))]
    taps = check_filters(raw, filters, total=4)
    assumed = ("conv_clamp", "mapping_lr", *(() if filters else ("resample_kernel",)))
    checkpoint = stylegan2.read(
        raw, SPELLING, "rosinality-stylegan2", dead=filters, resample_filter=taps, assumed=assumed
    )
    return dataclasses.replace(checkpoint, notes=(*notes[len(raw.notes) :], *checkpoint.notes))
