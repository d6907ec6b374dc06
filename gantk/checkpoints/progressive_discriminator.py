"""PGGAN's and StyleGAN's discriminators in TensorFlow pickles."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from gantk.checkpoints.checkpoint import Checkpoint, Raw, Row, convert, count_while
from gantk.checkpoints.pggan import level_of_detail
from gantk.checkpoints.stylegan import blur_taps
from gantk.checkpoints.stylegan2 import hwio
from gantk.checkpoints.tensorflow import SIZES, check_flags, figure, number, resolution_name

_FLAGS: dict[str, tuple[Any, ...]] = {
    "use_wscale": (True,),
    "dtype": ("float32",),
    "structure": (None, "auto", "linear", "recursive"),
    "fused_scale": ("auto", True, False),
    "nonlinearity": ("lrelu",),
    "mbstd_num_features": (1,),
}


def kernels_4x4(tensor: Tensor) -> Tensor:
    """A dense layer [C * 16, O] on a map of 4 x 4 as [O, C, 4, 4]."""
    return tensor.t().unflatten(1, (-1, 4, 4))


def kernels_1x1(tensor: Tensor) -> Tensor:
    """A dense layer [I, O] as [O, I, 1, 1]."""
    return tensor.t()[:, :, None, None]


def read(raw: Raw) -> Checkpoint:
    """D_paper or D_basic as a `progressive-discriminator`; `raw` is that of the tuple's D."""
    has = raw.entries.__contains__
    flags = check_flags(raw, _FLAGS, (SIZES | {"blur_filter"}) - {"mbstd_num_features"})
    basic = flags.get("build_func_name") == "D_basic"
    levels = 1 + count_while(lambda level: has(f"{resolution_name(level + 1)}/Conv0/weight"))
    fused = has(f"{resolution_name(levels - 1)}/Conv1_down/weight")
    sources = {
        "b4.conv": ("4x4/Conv", hwio),
        "b4.dense": ("4x4/Dense0", kernels_4x4),
        "out": ("4x4/Dense1", kernels_1x1),
    }
    for level in range(levels):
        sources[f"b{4 << level}.fromrgb"] = (f"FromRGB_lod{levels - 1 - level}", hwio)
        if level:
            sources[f"b{4 << level}.conv0"] = (f"{resolution_name(level)}/Conv0", hwio)
            sources[f"b{4 << level}.conv1"] = (f"{resolution_name(level)}/Conv1{'_down' if fused else ''}", hwio)
    rows = []
    for target, (name, change) in sources.items():
        rows += [Row(f"{target}.weight", f"{name}/weight", change), Row(f"{target}.bias", f"{name}/bias")]
    lod, dead = level_of_detail(raw, list(range(levels)))
    state = convert(raw, rows, dead)
    labels = int(number(raw, flags, "label_size", 0) or 0)
    outputs = int(state["out.bias"].numel())
    auxiliary = not basic and outputs == 1 + labels  # StyleGAN's version of D_paper has one output, labels or not
    config = {
        "resolution": 4 << (levels - 1),
        "channels": tuple(int(state[f"b{4 << level}.fromrgb.bias"].numel()) for level in range(levels)),
        "hidden": int(state["b4.dense.bias"].numel()),
        "image_channels": int(state["b4.fromrgb.weight"].shape[1]),
        "label_dim": labels if basic or auxiliary else 0,
        "label_rule": "product" if basic else "auxiliary",
        "blur_filter": blur_taps(raw, flags.get("blur_filter", [1, 2, 1])) if basic else None,
        "averages_last": levels > 1 and not fused,
        "group": int(figure(raw, flags, "mbstd_group_size", 4)),
        "lod": lod,
    }
    return Checkpoint("progressive-discriminator", config, state, "tensorflow-progressive-discriminator")
