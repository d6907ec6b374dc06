"""StyleGAN as four programs spell it: TensorFlow, HiGAN / LinearGAN, GenForce, Hammer.

The target names and orientations are those of gantk/generators/stylegan.py: up-convolutions are ordinary ones after
nearest upsampling, so those that a program fuses into a transposed convolution are flipped. Which ones it fuses is
mostly not in the file: from 128 x 128 on, unless a setting says otherwise.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from gantk.checkpoints.checkpoint import NO_AVERAGE, Checkpoint, Raw, Row, convert, count_while, same
from gantk.checkpoints.genforce import STYLE_SIZES, check_hammer
from gantk.checkpoints.pggan import Kernel, channels, image_levels, kernel_rows, level_of_detail, number_of
from gantk.checkpoints.pickle_machine import clipped
from gantk.checkpoints.stylegan2 import (
    Part,
    check_filters,
    first,
    flat,
    flipped,
    hwio,
    hwio_flipped,
    parts_rows,
    square,
    transposed,
)
from gantk.checkpoints.tensorflow import SIZES, check_flags, figure, number, resolution_name
from gantk.store.json_values import JsonView

FUSED_FROM = 128  # the resolution from which `fused_scale="auto"` fuses


@dataclass(frozen=True)
class Spelling:
    """How one program names the parts of a StyleGAN.

    Attributes:
        dense: prefix of mapping layer i; dense_parts: target suffix -> (source suffix, transformation).
        layer: prefix of `const` (4 x 4), `conv0` or `conv1` at a level.
        convolution: suffix and transformation of a kernel.
        fused: the same of a fused up-convolution; where its suffix differs the file shows what is fused.
        parts: target suffix -> (source suffix, transformation) of every layer.
        noise: name of a layer's noise map by number, and suffix and transformation of its strength.
        rgb: prefix of the ToRGB at a level, given the highest level; image: how it is stored.
        const, average, embed: names of the constant input, of the mean code and of the label matrix.
    """

    dense: Callable[[int], str]
    dense_parts: dict[str, Part]
    layer: Callable[[int, str], str]
    convolution: Part
    fused: Part
    parts: dict[str, Part]
    noise: Callable[[int, str], str]
    strength: Part
    rgb: Callable[[int, int], str]
    image: Kernel
    const: str
    average: str
    embed: str


def read(raw: Raw, spelling: Spelling, source: str, *, fused_from: int, **settings: JsonView) -> Checkpoint:
    """Convert a StyleGAN whose parts `spelling` names.

    Args:
        fused_from: the lowest resolution whose up-convolution is fused, where the names do not show it.
        settings: the configuration that the tensors do not show.
    """
    has = raw.entries.__contains__
    levels = count_while(lambda level: has(spelling.layer(level, "conv1") + spelling.convolution[0]))
    depth = count_while(lambda i: has(spelling.dense(i) + spelling.dense_parts["weight"][0]))
    images = image_levels(raw, levels, lambda level: spelling.rgb(level, levels - 1), (spelling.image,))
    noisy = has(spelling.layer(0, "conv1") + spelling.strength[0])
    rows = [Row("synthesis.const", spelling.const, first)]
    rows += [Row("w_avg", spelling.average)] if has(spelling.average) else []
    rows += [Row("mapping.embed.weight", spelling.embed, transposed)] if has(spelling.embed) else []
    for i in range(depth):
        rows += parts_rows(f"mapping.dense{i}.", spelling.dense(i), spelling.dense_parts)
    for level in range(levels):
        block = f"synthesis.b{4 << level}."
        for part in ("conv0" if level else "const", "conv1"):
            prefix, target = spelling.layer(level, part), f"{block}{part}."
            rows += parts_rows(target, prefix, spelling.parts)
            if part != "const":
                rows += parts_rows(target, prefix, {"weight": _kernel(raw, spelling, level, part, fused_from)})
            if noisy:
                rows += parts_rows(target, prefix, {"noise_weight": spelling.strength})
                rows.append(Row(f"{target}noise_const", spelling.noise(level, part), square))
        if level in images:
            rows += kernel_rows(raw, f"{block}torgb.", spelling.rgb(level, levels - 1), (spelling.image,))
    lod, dead = level_of_detail(raw, images)
    filters = [name for name in raw.entries if name.endswith((".blur.kernel", ".filter"))]
    if filters:
        settings["blur_filter"] = check_filters(raw, filters, 1.0)
    state = convert(raw, rows, [*dead, *filters])
    notes: tuple[str, ...] = () if has(spelling.average) else (NO_AVERAGE,)
    visible = spelling.fused[0] != spelling.convolution[0]
    silent = not source.startswith(("tensorflow", "hammer"))
    guessed = silent and not visible and 4 << (levels - 1) >= FUSED_FROM
    if guessed and "fused" not in raw.facts:
        notes += (
            f"the file does not say which up-convolutions were fused; those from {FUSED_FROM} pixels on are taken so",
        )
    assumed = (*(() if visible else ("fused",)), "mapping_lr", *(() if filters else ("resample_kernel",)))
    return Checkpoint(
        "stylegan",
        {
            **_infer(raw, state, levels, depth),
            "rgb": "all" if len(images) == levels else "last",
            "lod": lod,
            **settings,
        },
        state,
        source,
        notes,
        assumed=assumed if silent else (),
    )


def _kernel(raw: Raw, spelling: Spelling, level: int, part: str, fused_from: int) -> Part:
    """Suffix and transformation of a convolution's weight in this file."""
    if part == "conv1":
        return spelling.convolution
    prefix, visible = spelling.layer(level, part), spelling.fused[0] != spelling.convolution[0]
    fused = prefix + spelling.fused[0] in raw.entries if visible else 4 << level >= fused_from
    return spelling.fused if fused else spelling.convolution


def _infer(raw: Raw, state: dict[str, Tensor], levels: int, depth: int) -> dict[str, JsonView]:
    """The configuration that shapes show, from a state dict under gantk's names."""
    style = state["synthesis.b4.conv1.affine.weight"]
    embed = state.get("mapping.embed.weight", style.new_zeros(0, 0))
    if any(matrix.ndim != 2 for matrix in (style, embed, state.get("mapping.dense0.weight", style))):
        raise raw.source.damaged("its mapping or styles are no matrices")
    (label_width, label_dim), w_dim = embed.shape, int(style.shape[1])
    inputs = int(state["mapping.dense0.weight"].shape[1]) if depth else w_dim
    return {
        "resolution": 4 << (levels - 1),
        "channels": channels(state, levels),
        "image_channels": int(state[f"synthesis.b{4 << (levels - 1)}.torgb.bias"].numel()),
        "z_dim": inputs - int(label_width),
        "w_dim": w_dim,
        "label_dim": int(label_dim),
        "label_width": int(label_width),
        "mapping_layers": depth,
        "mapping_width": int(state["mapping.dense0.weight"].shape[0]) if depth > 1 else w_dim,
        "use_noise": "synthesis.b4.conv1.noise_weight" in state,
    }


# --- TensorFlow ------------------------------------------------------------------------------------------------------


def _tensorflow_layer(level: int, part: str) -> str:
    names = {"const": "Const", "conv0": "Conv0_up", "conv1": "Conv1" if level else "Conv"}
    return f"synthesis/{resolution_name(level)}/{names[part]}"


TENSORFLOW = Spelling(
    dense=lambda i: f"mapping/Dense{i}",
    dense_parts={"weight": ("/weight", transposed), "bias": ("/bias", same)},
    layer=_tensorflow_layer,
    convolution=("/weight", hwio),
    fused=("/weight", hwio_flipped),
    parts={
        "bias": ("/bias", same),
        "affine.weight": ("/StyleMod/weight", transposed),
        "affine.bias": ("/StyleMod/bias", same),
    },
    noise=lambda level, part: f"synthesis/noise{number_of(level, part)}",
    strength=("/Noise/weight", same),
    rgb=lambda level, top: f"synthesis/ToRGB_lod{top - level}",
    image=Kernel("/weight", "/bias", hwio),
    const="synthesis/4x4/Const/const",
    average="dlatent_avg",
    embed="mapping/LabelConcat/weight",
)
_TENSORFLOW_FLAGS: dict[str, tuple[Any, ...]] = {
    "nonlinearity": ("lrelu",),
    "mapping_nonlinearity": ("lrelu",),
    "use_wscale": (True,),
    "use_styles": (True,),
    "const_input_layer": (True,),
    "use_pixel_norm": (False,),
    "use_instance_norm": (True,),
    "dtype": ("float32",),
    "structure": (None, "auto", "linear", "recursive", "fixed"),
    "fused_scale": ("auto", True, False),
    "normalize_latents": (True, False),
}
_READ = frozenset(("truncation_psi", "truncation_cutoff", "mapping_lrmul", "blur_filter"))


def read_tensorflow(raw: Raw) -> Checkpoint:
    """G_style. A plain run truncates the first 8 rows by 0.7 unless told otherwise."""
    flags = check_flags(raw, _TENSORFLOW_FLAGS, SIZES | _READ)
    psi, cutoff = number(raw, flags, "truncation_psi", 0.7), number(raw, flags, "truncation_cutoff", 8)
    if psi is None or psi == 1 or cutoff is None or cutoff <= 0:
        psi = cutoff = None
    return read(
        raw,
        TENSORFLOW,
        "tensorflow-stylegan",
        fused_from=_fused_from(flags.get("fused_scale", "auto")),
        mapping_lr=float(figure(raw, flags, "mapping_lrmul", 0.01)),
        normalize_z=bool(flags.get("normalize_latents", True)),
        blur_filter=blur_taps(raw, flags.get("blur_filter", [1, 2, 1])),
        truncation_psi=None if psi is None else float(psi),
        truncation_layers=None if cutoff is None else int(cutoff),
    )


def blur_taps(raw: Raw, taps: object) -> tuple[float, ...]:
    """Taps of sum 1; None is no blur."""
    if taps is None:
        return (1.0,)
    fit = isinstance(taps, list | tuple) and all(isinstance(tap, int | float) for tap in taps)
    if not isinstance(taps, list | tuple) or not fit or len(taps) % 2 == 0 or sum(taps) <= 0:
        raise raw.refuse(f"blur_filter={clipped(taps)}", "and only a list of an odd number of taps is known")
    return tuple(tap / sum(taps) for tap in taps[::-1])  # TensorFlow correlates, gantk convolves


def _fused_from(fused_scale: object) -> int:
    """The lowest resolution whose up-convolution is fused, by the setting: "auto", always or never."""
    if fused_scale == "auto":
        return FUSED_FROM
    return 0 if fused_scale else 1 << 30


# --- the PyTorch programs --------------------------------------------------------------------------------------------


def _layer(level: int, part: str) -> str:
    return f"synthesis.layer{number_of(level, part)}"


def _plain(strength: Part, noise: str, average: str, embed: str) -> Spelling:
    """GenForce and Hammer, which differ in few names."""
    return Spelling(
        dense=lambda i: f"mapping.dense{i}",
        dense_parts={"weight": (".weight", same), "bias": (".bias", same)},
        layer=_layer,
        convolution=(".weight", same),
        fused=(".weight", flipped),
        parts={
            "bias": (".bias", same),
            "affine.weight": (".style.weight", same),
            "affine.bias": (".style.bias", same),
        },
        noise=lambda level, part: _layer(level, part) + noise,
        strength=strength,
        rgb=lambda level, top: f"synthesis.output{level}",
        image=Kernel(".weight", ".bias", same),
        const="synthesis.layer0.const",
        average=average,
        embed=embed,
    )


GENFORCE = _plain((".apply_noise.weight", same), ".apply_noise.noise", "truncation.w_avg", "mapping.label_weight")
HAMMER = _plain((".noise_strength", flat), ".noise", "w_avg", "mapping.embedding")
HIGAN = Spelling(
    dense=lambda i: f"mapping.dense{i}",
    dense_parts={"weight": (".fc.weight", same), "bias": (".wscale.bias", same)},
    layer=_layer,
    convolution=(".conv.weight", same),
    fused=(".weight", hwio_flipped),
    parts={
        "bias": (".epilogue.bias", same),
        "affine.weight": (".epilogue.style_mod.dense.fc.weight", same),
        "affine.bias": (".epilogue.style_mod.dense.wscale.bias", same),
    },
    noise=lambda level, part: _layer(level, part) + ".epilogue.apply_noise.noise",
    strength=(".epilogue.apply_noise.weight", same),
    rgb=lambda level, top: f"synthesis.output{level}",
    image=Kernel(".conv.weight", ".bias", same),
    const="synthesis.layer0.const",
    average="truncation.w_avg",
    embed="mapping.label_weight",
)


INTERFACEGAN = dataclasses.replace(
    HIGAN,
    dense_parts={"weight": (".linear.weight", same), "bias": (".wscale.bias", same)},
    parts={
        "bias": (".epilogue.bias", same),
        "affine.weight": (".epilogue.style_mod.dense.linear.weight", same),
        "affine.bias": (".epilogue.style_mod.dense.wscale.bias", same),
    },
    const="synthesis.layer0.first_layer",
)


def read_interfacegan(raw: Raw) -> Checkpoint:
    """InterFaceGAN's file: HiGAN's with two other names, and the same habits."""
    return read(
        raw, INTERFACEGAN, "interfacegan-stylegan", fused_from=FUSED_FROM, blends=False, truncation_psi=0.7,
        truncation_layers=8,
    )  # fmt: skip


def read_higan(raw: Raw) -> Checkpoint:
    """HiGAN's and LinearGAN's file: names show what is fused; its program always truncates, and blends nothing."""
    return read(
        raw, HIGAN, "higan-stylegan", fused_from=FUSED_FROM, blends=False, truncation_psi=0.7, truncation_layers=8
    )


def read_genforce(raw: Raw) -> Checkpoint:
    """GenForce's converter output or runner snapshot. It truncates only when asked to."""
    fused_from = _fused_from(raw.facts.get("fused", "auto"))
    return read(raw, GENFORCE, "genforce-stylegan", fused_from=fused_from)


_HAMMER_FLAGS: dict[str, tuple[Any, ...]] = {
    "normalize_z": (True,),
    "mapping_use_wscale": (True,),
    "use_wscale": (True,),
    "lr_mul": (1,),
    "const_input": (True,),
    "final_tanh": (False,),
    "noise_type": ("spatial", "none"),
    "fused_scale": ("auto", True, False),
    "eps": (1e-8,),
}
_GAINS = ("wscale_gain", "mapping_wscale_gain")


def read_hammer(raw: Raw) -> Checkpoint:
    """Hammer's and ReSeFa's file."""
    settings = check_hammer(raw, "StyleGAN", _HAMMER_FLAGS, STYLE_SIZES | {"filter_kernel"}, _GAINS)
    rate = settings.get("mapping_lr_mul", 0.01)
    if not isinstance(rate, int | float):
        raise raw.source.damaged("mapping_lr_mul is no number")
    fused_from = _fused_from(settings.get("fused_scale", "auto"))
    return read(raw, HAMMER, "hammer-stylegan", fused_from=fused_from, mapping_lr=float(rate))
