"""NVIDIA's TensorFlow pickles: networks as lists of named variables, read without TensorFlow.

`build_func_name`, `static_kwargs` and the variables say what a network is; the Python source that lies beside them is
ignored. Defaults of the build function are not in static_kwargs: a missing key means the default.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypedDict

from torch import Tensor

from gantk.checkpoints import stylegan2
from gantk.checkpoints.checkpoint import Checkpoint, Raw, Row, convert, count_while, same
from gantk.checkpoints.pickle_machine import Source, clipped
from gantk.checkpoints.stand_ins import Record
from gantk.checkpoints.stored_tensors import Stored
from gantk.checkpoints.stylegan2 import Spelling, first, hwio, hwio_flipped, index, plus_one, scalar, square, transposed


def flatten(source: Source, network: Record) -> tuple[dict[str, object], dict[str, dict[str, object]]]:
    """Variables by name (`mapping/Dense0/weight`; a network's own without prefix), and static_kwargs by component.

    The second dictionary maps "" and each component's name to its static_kwargs joined with `build_func_name`,
    `version` and `class_name`.
    """
    entries: dict[str, object] = {}
    settings: dict[str, dict[str, object]] = {}
    components = network.state.get("components", {})
    parts = [("", network), *(components.items() if isinstance(components, Mapping) else ())]
    for name, part in parts:
        if not isinstance(part, Record) or not isinstance(name, str):
            raise source.damaged("a component of a network is no network")
        state = part.state
        kwargs, variables = state.get("static_kwargs", {}), state.get("variables", [])
        if not isinstance(kwargs, Mapping) or not isinstance(variables, list):
            raise source.damaged("a network's static_kwargs or variables make no sense")
        source.spend(len(variables) + len(kwargs))
        settings[name] = {
            **{str(key): value for key, value in kwargs.items()},
            "build_func_name": state.get("build_func_name"),
            "version": state.get("version"),
            "class_name": part.class_name,
        }
        for variable in variables:
            if not (isinstance(variable, tuple | list) and len(variable) == 2 and isinstance(variable[0], str)):
                raise source.damaged("a variable of a network is no pair of name and value")
            key = f"{name}/{variable[0]}" if name else variable[0]
            if key in entries or not isinstance(variable[1], Stored | int | float):
                raise source.damaged(f"variable {clipped(key)} occurs twice or is no array")
            entries[key] = variable[1]
    return entries, settings


def _conv(level: int, part: str) -> str:
    return f"synthesis/{resolution_name(level)}/" + (
        "Conv" if level == 0 else "Conv0_up" if part == "conv0" else "Conv1"
    )


_AFFINE = {"affine.weight": ("/mod_weight", transposed), "affine.bias": ("/mod_bias", plus_one)}
SPELLING = Spelling(
    dense=lambda i: f"mapping/Dense{i}",
    conv=_conv,
    rgb=lambda level: f"synthesis/{resolution_name(level)}/ToRGB",
    skip=lambda level: f"synthesis/{resolution_name(level)}/Skip",
    noise=lambda level, part: (f"synthesis/noise{index(level, part)}", square),
    dense_parts={"weight": ("/weight", transposed), "bias": ("/bias", same)},
    conv_parts={"weight": ("/weight", hwio), "bias": ("/bias", same), **_AFFINE},
    rgb_parts={"weight": ("/weight", hwio), "bias": ("/bias", same), **_AFFINE},
    up_weight=hwio_flipped,
    strength=("/noise_strength", scalar),
    const=("synthesis/4x4/Const/const", first),
    average="dlatent_avg",
    skip_weight=("/weight", hwio),
    embeddings=(
        ("separate", "mapping/LabelEmbed/weight", transposed, "mapping/LabelEmbed/bias"),  # stylegan2-ada
        ("joint", "mapping/LabelConcat/weight", transposed, None),
    ),
)

# Keys of static_kwargs that the tensors show, or that do not change the network at inference.
SIZES = frozenset(
    (
        "num_channels",
        "resolution",
        "resolution_w",
        "resolution_h",
        "min_w",
        "min_h",
        "res_log2",
        "label_size",
        "fmap_base",
        "fmap_decay",
        "fmap_min",
        "fmap_max",
        "fmap_const",
        "label_fmaps",
        "latent_size",
        "dlatent_size",
        "mapping_layers",
        "mapping_fmaps",
        "dlatent_broadcast",
        "architecture",
        "use_noise",
        "dlatent_avg_beta",
        "style_mixing_prob",
        "randomize_noise",
        "is_training",
        "is_validation",
        "return_dlatents",
        "is_template_graph",
        "fused_modconv",
        "force_clean_graph",
        "build_func_name",
        "version",
        "class_name",
        "mbstd_group_size",
        "mbstd_num_features",
    )
)  # fmt: skip
_MOST_HALF = 16  # resolutions; no network has more
_STYLEGAN2_FLAGS: dict[str, tuple[Any, ...]] = {
    "nonlinearity": ("lrelu",),
    "mapping_nonlinearity": ("lrelu",),
    "dtype": ("float32",),
    "synthesis_func": ("G_synthesis_stylegan2", "G_synthesis_stylegan_revised", "G_synthesis"),
    "structure": (None, "auto", "linear", "recursive"),
    "mapping_func": ("G_mapping",),
    "blur_filter": (None,),
}
_READ = frozenset(
    ("truncation_psi", "truncation_cutoff", "mapping_lrmul", "normalize_latents", "resample_kernel", "mbstd_group_size")
)
_ADA = frozenset(("conv_clamp", "num_fp16_res"))  # what version 5 added to the synthesis network


def check_flags(raw: Raw, flags: Mapping[str, tuple[object, ...]], free: frozenset[str]) -> dict[str, object]:
    """All static_kwargs of a network and its components in one dictionary; unsupported ones are refused by name."""
    merged: dict[str, object] = {}
    for own in raw.records.values():
        for name, value in own.items():
            if name not in free and (name not in flags or value not in flags[name]):
                raise raw.refuse(f"{name}={clipped(value)}", "a variant that gantk does not have")
    for own in reversed(list(raw.records.values())):
        merged |= own
    return merged


def number(raw: Raw, settings: Mapping[str, object], name: str, default: float | None) -> float | None:
    """A number or None from static_kwargs."""
    value = settings.get(name, default)
    if value is not None and not isinstance(value, int | float):
        raise raw.source.damaged(f"{name}={clipped(value)} is no number")
    return value


class _Further(TypedDict, total=False):
    """What configurations b to d, and stylegan2-ada, have beside the others."""

    architecture: str
    lod: float
    conv_clamp: float | None
    num_half_resolutions: int


def figure(raw: Raw, settings: Mapping[str, object], name: str, default: float) -> float:
    """A number from static_kwargs, where None is none."""
    value = number(raw, settings, name, default)
    if value is None:
        raise raw.source.damaged(f"{name}=None is no number")
    return value


def read_stylegan2(raw: Raw) -> Checkpoint:
    """Configurations b to f: revised, skip, resnet, orig; and stylegan2-ada's, file version 5.

    A plain run truncates all layers by 0.5 by default. The networks of version 5 (Karras et al. 2020, Training
    Generative Adversarial Networks with Limited Data) are those of config f, or resnet or orig, with a dense label
    embedding that is normalised apart from z, activations that are clamped, and the finest resolutions in float16.
    """
    ada = raw.records[""].get("version") == 5
    settings = check_flags(raw, _STYLEGAN2_FLAGS, SIZES | _READ | (_ADA if ada else frozenset()))
    embedded = "mapping/LabelEmbed/weight" in raw.entries
    if embedded != ada and (embedded or "mapping/LabelConcat/weight" in raw.entries):
        raise raw.refuse(
            f"a label embedding of {'stylegan2-ada' if embedded else 'stylegan2'} in a file of version "
            f"{clipped(raw.records[''].get('version'))}",
            "so that it is not known how labels enter",
        )
    half = number(raw, settings, "num_fp16_res", 0)
    clamp = number(raw, settings, "conv_clamp", None)
    if not isinstance(half, int) or not 0 <= half <= _MOST_HALF or (clamp is not None and not clamp > 0):
        raise raw.source.damaged(f"num_fp16_res={clipped(half)} or conv_clamp={clipped(clamp)} makes no sense")
    kernel = settings.get("resample_kernel") or [1, 3, 3, 1]
    if not (
        isinstance(kernel, list | tuple) and all(isinstance(tap, int | float) for tap in kernel) and sum(kernel) > 0
    ):
        raise raw.refuse(f"resample_kernel={clipped(kernel)}", "and only a list of taps is known")
    dead = [name for name in ("lod", "synthesis/lod") if name in raw.entries]
    spelling: Spelling = SPELLING
    further: _Further = {}
    if ada:
        further = {"conv_clamp": None if clamp is None else float(clamp), "num_half_resolutions": half}
    if "synthesis/ToRGB_lod0/weight" in raw.entries:  # configurations b to d
        top = count_while(lambda level: f"{_conv(level, 'conv1')}/weight" in raw.entries) - 1
        spelling = dataclasses.replace(SPELLING, rgb=lambda level: f"synthesis/ToRGB_lod{top - level}")
        if ada:
            raise raw.refuse("a growing network in a file of version 5", "which stylegan2-ada does not have")
        further = {"architecture": "revised", "lod": float(raw.tensor(dead[0])) if dead else 0.0}
    psi = number(raw, settings, "truncation_psi", 0.5)
    cutoff = number(raw, settings, "truncation_cutoff", None)
    normalize = settings.get("normalize_latents", True)
    return stylegan2.read(
        raw,
        spelling,
        "tensorflow-stylegan2",
        dead=dead,
        mapping_lr=float(figure(raw, settings, "mapping_lrmul", 0.01)),
        normalize_z=bool(normalize),
        truncation_psi=None if psi is None or psi == 1 else float(psi),
        truncation_layers=None if cutoff is None else int(cutoff),
        resample_filter=tuple(tap / sum(kernel) for tap in kernel),
        **further,
    )


# --- discriminator ---------------------------------------------------------------------------------------------------


def read_stylegan2_discriminator(raw: Raw) -> Checkpoint:
    """D_stylegan2, or D_stylegan of configurations b to d, as a `stylegan2-discriminator`.

    `raw` is that of the tuple's D (see reading.read_discriminator).
    """
    has = raw.entries.__contains__
    flags = {**_STYLEGAN2_FLAGS, "mbstd_num_features": (1,)}
    settings = check_flags(raw, flags, (SIZES | _READ) - {"mbstd_num_features"})
    levels = 1 + count_while(lambda level: has(resolution_name(level + 1) + "/Conv0/weight"))
    revised = has("FromRGB_lod0/weight")
    rows = []
    for level in range(levels):
        block = f"b{4 << level}." if level else ""
        parts = [("fromrgb", "FromRGB", True)]
        parts += [("conv0", "Conv0", True), ("conv1", "Conv1_down", True), ("skip", "Skip", False)] if level else []
        parts += [] if level else [("conv", "Conv", True)]
        for target, name, bias in parts:
            prefix = f"{resolution_name(level)}/{name}"
            if revised and target == "fromrgb":
                prefix = f"FromRGB_lod{levels - 1 - level}"
            if not has(f"{prefix}/weight"):
                continue
            rows.append(Row(f"{block}{target}.weight", f"{prefix}/weight", hwio))
            rows += [Row(f"{block}{target}.bias", f"{prefix}/bias")] if bias else []
    for target, prefix in (("dense", "4x4/Dense0"), ("out", "Output")):
        rows += [Row(f"{target}.weight", f"{prefix}/weight", transposed), Row(f"{target}.bias", f"{prefix}/bias")]
    dead = ["lod"] if revised and has("lod") else []
    state = convert(raw, rows, dead)
    architecture = "resnet" if "b8.skip.weight" in state else "skip" if "fromrgb.weight" in state else "orig"
    channels = [
        int(state["conv.bias"].numel()),
        *(int(state[f"b{4 << n}.conv0.bias"].numel()) for n in range(1, levels)),
    ]
    config = {
        "resolution": 4 << (levels - 1),
        "channels": tuple(channels),
        "image_channels": int(_rgb(state, levels).shape[1]),
        "label_dim": int(number(raw, settings, "label_size", 0) or 0),
        "architecture": "revised" if revised else architecture,
        "lod": float(raw.tensor("lod")) if dead else 0.0,
        "group": int(figure(raw, settings, "mbstd_group_size", 4)),
    }
    return Checkpoint("stylegan2-discriminator", config, state, "tensorflow-stylegan2-discriminator")


def resolution_name(level: int) -> str:
    """`4x4` for level 0, `8x8` for level 1, ..."""
    return f"{4 << level}x{4 << level}"


def _rgb(state: Mapping[str, Tensor], levels: int) -> Tensor:
    return state[f"b{4 << (levels - 1)}.fromrgb.weight" if levels > 1 else "fromrgb.weight"]
