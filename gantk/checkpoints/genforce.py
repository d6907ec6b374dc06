"""GenForce, HiGAN / LinearGAN and Hammer / ReSeFa: one family of names, three conventions for StyleGAN2.

GenForce and HiGAN keep TensorFlow's conventions (up-convolution flipped, style bias without the +1), HiGAN also its
kernel layout [k, k, in, out]; Hammer keeps NVIDIA's.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from gantk.checkpoints import stylegan2
from gantk.checkpoints.checkpoint import Change, Checkpoint, Raw, same
from gantk.checkpoints.pickle_machine import clipped
from gantk.checkpoints.stylegan2 import (
    Spelling,
    check_filters,
    first,
    flipped,
    hwio,
    hwio_flipped,
    index,
    plus_one,
    square,
    transposed,
)
from gantk.store.json_values import JsonView


def _spelling(
    dense: str, style: str, kernel: Change, up: Change, bias: Change, average: str,
    embeddings: tuple[tuple[str, str, Change, str | None], ...],
) -> Spelling:  # fmt: skip
    affine = {"affine.weight": (f".style{style}.weight", same), "affine.bias": (".style.bias", bias)}
    layer = {"weight": (".weight", kernel), "bias": (".bias", same), **affine}
    return Spelling(
        dense=lambda i: f"mapping.dense{i}",
        conv=lambda level, part: f"synthesis.layer{index(level, part)}",
        rgb=lambda level: f"synthesis.output{level}",
        skip=lambda level: f"synthesis.residual{level}",
        noise=lambda level, part: (f"synthesis.layer{index(level, part)}.noise", square),
        dense_parts={"weight": (f"{dense}.weight", same), "bias": (".bias", same)},
        conv_parts=layer,
        rgb_parts=layer,
        up_weight=up,
        strength=(".noise_strength", same),
        const=("synthesis.early_layer.const", first),
        average=average,
        embeddings=embeddings,
    )


_JOINT = ("joint", "mapping.label_weight", transposed, None)
GENFORCE = _spelling(
    "", "", same, flipped, plus_one, "truncation.w_avg",
    embeddings=(("separate", "mapping.LabelEmbed.weight", same, "mapping.LabelEmbed.bias"), _JOINT),
)  # fmt: skip
HIGAN = _spelling(".fc", ".fc", hwio, hwio_flipped, plus_one, "truncation.w_avg", embeddings=(_JOINT,))
HAMMER = _spelling(
    "", "", same, same, same, "w_avg",
    embeddings=(
        ("separate", "mapping.embedding.weight", same, "mapping.embedding.bias"),
        ("joint", "mapping.embedding.weight", same, None),
        ("joint", "mapping.embedding", transposed, None),
    ),
)  # fmt: skip

# What Hammer's constructors take: sizes that the tensors show, and flags whose value must be one that gantk implements.
HAMMER_SIZES = frozenset(
    ("model_type", "resolution", "z_dim", "fmaps_base", "fmaps_max", "image_channels", "label_dim", "init_res")
)
STYLE_SIZES = HAMMER_SIZES | {"w_dim", "repeat_w", "mapping_layers", "mapping_fmaps", "embedding_dim", "mapping_lr_mul"}
_HAMMER_READ = STYLE_SIZES | {
    "embedding_bias", "architecture", "noise_type", "num_fp16_res", "use_fp16", "fp16_res", "conv_clamp",
}  # fmt: skip
_HAMMER_FLAGS: dict[str, tuple[Any, ...]] = {
    "normalize_z": (True, False),
    "normalize_embedding": (True, False),
    "normalize_embedding_latent": (True, False),
    "embedding_use_wscale": (True, False),
    "embedding_lr_mul": (1, 1.0),
    "mapping_use_wscale": (True,),
    "use_wscale": (True,),
    "lr_mul": (1, 1.0),
    "wscale_gain": (1, 1.0),
    "const_input": (True,),
    "demodulate": (True,),
    "final_tanh": (False,),
    "eps": (1e-8,),
    "filter_kernel": ((1, 3, 3, 1), [1, 3, 3, 1]),
}


def hammer_settings(raw: Raw) -> Mapping[str, Any]:
    """What Hammer's file says the generator was constructed with; empty when it does not say."""
    every = raw.extra.get("model_kwargs_init", {})
    for name in ("generator_smooth", "generator"):
        settings = every.get(name) if isinstance(every, Mapping) else None
        if isinstance(settings, Mapping):
            return settings
    return {}


def check_hammer(
    raw: Raw, family: str, flags: Mapping[str, tuple[Any, ...]], free: AbstractSet[str], gains: Collection[str] = ()
) -> Mapping[str, Any]:
    """`hammer_settings`, where gantk has what they ask for.

    Args:
        flags: the values that a setting may have; free: settings of any value; gains: those that must be the square
            root of 2.

    Raises:
        GantkError: another setting, or another value.
    """
    settings = hammer_settings(raw)
    for name, value in settings.items():
        if name in gains and isinstance(value, int | float) and math.isclose(value, math.sqrt(2), rel_tol=1e-6):
            continue
        if name not in free and (name not in flags or value not in flags[name]):
            raise raw.refuse(f"{name}={clipped(value)}", f"a variant of {family} that gantk does not have")
    return settings


def read_stylegan2(raw: Raw) -> Checkpoint:
    """GenForce's converter output or runner snapshot. It truncates only when asked to."""
    return _read(raw, GENFORCE, "genforce-stylegan2", total=4)


def read_higan_stylegan2(raw: Raw) -> Checkpoint:
    """HiGAN's and LinearGAN's file; their networks always truncate by 0.5 on (up to) 18 layers."""
    return _read(raw, HIGAN, "higan-stylegan2", total=4, truncation_psi=0.5, truncation_layers=18)


def read_hammer_stylegan2(raw: Raw) -> Checkpoint:
    """Hammer's and ReSeFa's file."""
    settings = check_hammer(raw, "StyleGAN2", _HAMMER_FLAGS, _HAMMER_READ)
    clamp, rate = settings.get("conv_clamp"), settings.get("mapping_lr_mul", 0.01)
    if not (clamp is None or isinstance(clamp, int | float)) or not isinstance(rate, int | float):
        raise raw.source.damaged("conv_clamp or mapping_lr_mul is no number")
    clamp = None if clamp is None else float(clamp)
    return _read(raw, HAMMER, "hammer-stylegan2", total=1, conv_clamp=clamp, mapping_lr=float(rate))


def _read(raw: Raw, spelling: Spelling, source: str, total: float, **settings: JsonView) -> Checkpoint:
    filters = [name for name in raw.entries if name.endswith((".kernel", ".filter"))]
    taps = check_filters(raw, filters, total)
    assumed = ["conv_clamp", "mapping_lr"] if not hammer_settings(raw) else []
    assumed += [] if filters else ["resample_kernel"]
    return stylegan2.read(raw, spelling, source, dead=filters, resample_filter=taps, assumed=assumed, **settings)
