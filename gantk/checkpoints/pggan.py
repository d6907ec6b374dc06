"""PGGAN as five programs spell it: TensorFlow (its own repository and StyleGAN's), GenForce, HiGAN, Hammer, NaviGAN.

The target names and orientations are those of gantk/generators/pggan.py: the first layer is [C, Z, 4, 4] as a dense
one makes its map, every other up-convolution an ordinary one after nearest upsampling. So two kinds of kernel are
flipped: a first layer that is a convolution padded by 3, and a fused up-convolution (one transposed convolution, which
equals nearest upsampling and the flipped kernel).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gantk.checkpoints.checkpoint import Change, Checkpoint, Raw, Row, convert, count_while, same
from gantk.checkpoints.genforce import HAMMER_SIZES, check_hammer, hammer_settings
from gantk.checkpoints.pickle_machine import clipped
from gantk.checkpoints.stylegan2 import flipped, hwio, hwio_flipped
from gantk.checkpoints.tensorflow import SIZES, check_flags, number, resolution_name
from gantk.errors import UsageError
from gantk.store.json_values import JsonView


@dataclass(frozen=True)
class Kernel:
    """One way in which a layer can be stored: suffixes of its weight and bias, and the weight's transformation."""

    weight: str
    bias: str
    change: Change


@dataclass(frozen=True)
class Spelling:
    """How one program names the parts of a PGGAN.

    Attributes:
        layer: prefix of `conv0` or `conv1` at a level (4 x 4 is 0).
        rgb: prefix of the ToRGB at a level, given the highest level.
        first, plain, up, image: the ways in which the first layer, the other conv1s and conv0s, and a ToRGB can be
            stored; the first that the file has counts.
    """

    layer: Callable[[int, str], str]
    rgb: Callable[[int, int], str]
    first: tuple[Kernel, ...]
    plain: tuple[Kernel, ...]
    up: tuple[Kernel, ...]
    image: tuple[Kernel, ...]


def dense_4x4(tensor: Tensor) -> Tensor:
    """TensorFlow's dense [Z, C * 16] as [C, Z, 4, 4]."""
    return tensor.unflatten(1, (-1, 4, 4)).transpose(0, 1)


def hwoi_flipped(tensor: Tensor) -> Tensor:
    """A transposed convolution's kernel [k, k, out, in] as [out, in, k, k], flipped."""
    return tensor.permute(2, 3, 0, 1).flip(2, 3)


def read(
    raw: Raw,
    spelling: Spelling,
    source: str,
    *,
    label_dim: int = 0,
    unscaled: bool = False,
    assumed: tuple[str, ...] = (),
    **settings: JsonView,
) -> Checkpoint:
    """Convert a PGGAN whose parts `spelling` names.

    Args:
        label_dim: how many of the network's inputs are labels.
        unscaled: whether its weights are used as they are, without run-time factors.
        assumed: keys of facts.py that the file does not show.
        settings: the rest of the configuration that the tensors do not show.
    """
    levels = count_while(lambda level: stored(raw, spelling.layer(level, "conv1"), spelling.plain) is not None)
    images = image_levels(raw, levels, lambda level: spelling.rgb(level, levels - 1), spelling.image)
    rows: list[Row] = []
    for level in range(levels):
        block = f"synthesis.b{4 << level}."
        ways = {"conv0": spelling.up if level else spelling.first, "conv1": spelling.plain}
        for part, kernels in ways.items():
            rows += kernel_rows(raw, f"{block}{part}.", spelling.layer(level, part), kernels)
        if level in images:
            rows += kernel_rows(raw, f"{block}torgb.", spelling.rgb(level, levels - 1), spelling.image)
    lod, dead = level_of_detail(raw, images)
    scales = [name for name in raw.entries if name.endswith(".wscale.scale")]
    state = convert(raw, rows, [*dead, *scales])
    if scales or unscaled:
        weights = [row.source for row in rows if row.target.endswith(".weight")]
        settings["layer_scales"] = tuple(1.0 if unscaled else _scale(raw, name) for name in weights)
    first = state["synthesis.b4.conv0.weight"]
    if first.ndim != 4 or first.shape[1] <= label_dim:
        raise raw.source.damaged(f"a first layer of shape {list(first.shape)} with {label_dim} label inputs")
    config = {
        "resolution": 4 << (levels - 1),
        "channels": channels(state, levels),
        "image_channels": int(state[f"synthesis.b{4 << (levels - 1)}.torgb.bias"].numel()),
        "z_dim": int(first.shape[1]) - label_dim,
        "label_dim": label_dim,
        "rgb": "all" if len(images) == levels else "last",
        "lod": lod,
    }
    return Checkpoint("pggan", {**config, **settings}, state, source, _notes(raw, source, config), assumed=assumed)


def _notes(raw: Raw, source: str, config: Mapping[str, Any]) -> tuple[str, ...]:
    if source != "genforce-pggan" or hammer_settings(raw):
        return ()
    notes = []
    if not {"label_dim", "z_dim"} & raw.facts.keys():
        notes.append(
            f"the file does not tell labels from codes, so all {config['z_dim']} inputs are taken for the code "
            "(--set label_dim=N if it is conditional)"
        )
    if "fused" not in raw.facts:
        notes.append(
            "the file does not say whether its up-convolutions were fused, so they are taken as not, its program's "
            "default (--set fused=true if they were)"
        )
    return tuple(notes)


def _scale(raw: Raw, weight: str) -> float:
    value = raw.tensor(weight.removesuffix(".conv.weight") + ".wscale.scale")
    if value.numel() != 1 or not torch.isfinite(value).all():
        raise raw.source.damaged(f"the scale of {clipped(weight)} is no number")
    return float(value)


# --- shared with StyleGAN --------------------------------------------------------------------------------------------


def stored(raw: Raw, prefix: str, kernels: tuple[Kernel, ...]) -> Kernel | None:
    """The way in which a layer is stored in this file, None when it is not there."""
    return next((kernel for kernel in kernels if prefix + kernel.weight in raw.entries), None)


def kernel_rows(raw: Raw, target: str, prefix: str, kernels: tuple[Kernel, ...]) -> list[Row]:
    """Weight and bias of a layer, named as the file has it, or as its program's first way has it when it lacks it."""
    kernel = stored(raw, prefix, kernels) or kernels[0]
    return [Row(f"{target}weight", prefix + kernel.weight, kernel.change), Row(f"{target}bias", prefix + kernel.bias)]


def image_levels(raw: Raw, levels: int, prefix: Callable[[int], str], kernels: tuple[Kernel, ...]) -> list[int]:
    """The levels with a ToRGB: all of them, or the highest alone."""
    if levels == 0:
        raise raw.source.damaged("a network without a 4x4 convolution")
    found = [level for level in range(levels) if stored(raw, prefix(level), kernels)]
    return found if found == [levels - 1] else list(range(levels))


def channels(state: Mapping[str, Tensor], levels: int) -> tuple[int, ...]:
    return tuple(int(state[f"synthesis.b{4 << level}.conv1.bias"].numel()) for level in range(levels))


def number_of(level: int, part: str) -> int:
    """Number of a layer: 4x4's first 0 and conv1 1, then conv0 2k and conv1 2k + 1 at level k."""
    return 2 * level + (part == "conv1")


def level_of_detail(raw: Raw, images: list[int]) -> tuple[float, list[str]]:
    """The level of detail that the file stores, and the names of the entries that say so.

    A network with one ToRGB has none, whatever is stored.
    """
    names = [name for name in ("lod", "synthesis.lod", "synthesis/lod") if name in raw.entries]
    value = raw.tensor(names[0]) if names else torch.zeros([])
    if value.numel() != 1 or not math.isfinite(value):
        raise raw.source.damaged("its level of detail is no number")
    return (float(value) if len(images) > 1 else 0.0), names


# --- sources ---------------------------------------------------------------------------------------------------------


def _numbered(level: int, part: str) -> str:
    return f"layer{number_of(level, part)}"


def _genforce(fused: bool) -> Spelling:
    plain = Kernel(".weight", ".bias", same)
    return Spelling(
        layer=_numbered,
        rgb=lambda level, top: f"output{level}",
        first=(Kernel(".weight", ".bias", flipped),),
        plain=(plain,),
        up=(Kernel(".weight", ".bias", flipped if fused else same),),
        image=(plain,),
    )


HIGAN = Spelling(
    layer=_numbered,
    rgb=lambda level, top: f"output{level}",
    first=(Kernel(".conv.weight", ".wscale.bias", flipped),),
    plain=(Kernel(".conv.weight", ".wscale.bias", same),),
    up=(Kernel(".conv.weight", ".wscale.bias", same), Kernel(".weight", ".wscale.bias", hwio_flipped)),
    image=(Kernel(".conv.weight", ".wscale.bias", same),),
)
NAVIGAN = Spelling(
    layer=lambda level, part: f"features.{number_of(level, part)}",
    rgb=lambda level, top: "output" if level == top else f"output{level}",
    first=(Kernel(".conv.weight", ".wscale.b", flipped),),
    plain=(Kernel(".conv.weight", ".wscale.b", same),),
    up=(Kernel(".conv.weight", ".wscale.b", same),),
    image=(Kernel(".conv.weight", ".wscale.b", same),),
)


def _tensorflow_layer(level: int, part: str) -> str:
    return resolution_name(level) + "/" + (("Dense", "Conv")[part == "conv1"] if level == 0 else part.capitalize())


def _tensorflow(fused: Change) -> Spelling:
    plain = Kernel("/weight", "/bias", hwio)
    return Spelling(
        layer=_tensorflow_layer,
        rgb=lambda level, top: f"ToRGB_lod{top - level}",
        first=(Kernel("/weight", "/bias", dense_4x4),),
        plain=(plain,),
        up=(plain, Kernel("_up/weight", "_up/bias", fused)),
        image=(plain,),
    )


_TENSORFLOW_FLAGS: dict[str, tuple[Any, ...]] = {
    "use_wscale": (True, False),
    "use_pixelnorm": (True, False),
    "normalize_latents": (True, False),
    "use_leakyrelu": (True,),
    "dtype": ("float32",),
    "structure": (None, "auto", "linear", "recursive"),
    "fused_scale": (True, False),
}


def read_tensorflow(raw: Raw) -> Checkpoint:
    """G_paper of the progressive GAN repository or of StyleGAN's."""
    flags = check_flags(raw, _TENSORFLOW_FLAGS, SIZES | {"pixelnorm_epsilon"})
    labels, epsilon = number(raw, flags, "label_size", 0), number(raw, flags, "pixelnorm_epsilon", 1e-8)
    return read(
        raw,
        _tensorflow(_fused_layout(raw)),
        "tensorflow-pggan",
        label_dim=int(labels or 0),
        unscaled=not flags.get("use_wscale", True),
        normalize_z=bool(flags.get("normalize_latents", True)),
        pixel_norm=bool(flags.get("use_pixelnorm", True)),
        epsilon=float(epsilon or 1e-8),
    )


def _fused_layout(raw: Raw) -> Change:
    """How this file stores fused kernels: the first whose channels change tells, else the class that wrote it."""
    for name in raw.entries:
        if name.endswith("/Conv0_up/weight"):
            outputs = raw.shape(name.removesuffix("weight") + "bias")
            shape = raw.shape(name)
            if len(shape) == 4 and shape[2] != shape[3]:
                return hwio_flipped if shape[3:] == outputs else hwoi_flipped
    return hwoi_flipped if str(raw.records[""].get("class_name", "")).startswith("tfutil") else hwio_flipped


def read_higan(raw: Raw) -> Checkpoint:
    """HiGAN's and LinearGAN's file. Its program shows the image of one resolution, blending none."""
    return read(raw, HIGAN, "higan-pggan", blends=False, assumed=("epsilon",))


def read_navigan(raw: Raw) -> Checkpoint:
    """NaviGAN's file: every layer's run-time factor is stored, and only the highest resolution has a ToRGB."""
    return read(raw, NAVIGAN, "navigan-pggan", assumed=("epsilon",))


_HAMMER_FLAGS: dict[str, tuple[Any, ...]] = {
    "fused_scale": (True, False),
    "final_tanh": (False,),
    "use_wscale": (True, False),
    "eps": (1e-8,),
}


def read_genforce(raw: Raw) -> Checkpoint:
    """GenForce's file, or Hammer's: the same names, but Hammer's says what its network was constructed with.

    Both normalise the code alone before a label is joined, and all of it again in the first layer.
    """
    settings = check_hammer(raw, "PGGAN", _HAMMER_FLAGS, HAMMER_SIZES, gains=("wscale_gain",))
    labels = settings.get("label_dim", 0) or 0
    if not isinstance(labels, int):
        raise raw.source.damaged(f"label_dim={clipped(labels)} is no number")
    fused = settings.get("fused_scale", False) is True
    if not settings:
        inputs = raw.shape("layer0.weight")[1:2]
        fused = bool(raw.facts.get("fused", False))
        z_dim = raw.facts.get("z_dim")
        told = raw.facts.get("label_dim", inputs[0] - z_dim if isinstance(z_dim, int) else 0)
        labels = told if isinstance(told, int) else 0  # facts.py took nothing else
        if inputs and not 0 <= labels < inputs[0]:
            raise UsageError(
                f"label_dim={labels} does not fit {raw.source.name}: its network has {inputs[0]} inputs, codes and "
                f"labels together, so it is at most {inputs[0] - 1}."
            )
    return read(
        raw,
        _genforce(fused=fused),
        "hammer-pggan" if settings else "genforce-pggan",
        assumed=("epsilon",) if settings else ("label_dim", "fused", "epsilon"),
        label_dim=labels,
        unscaled=not settings.get("use_wscale", True),
        label_rule="separate" if labels else "joint",
    )
