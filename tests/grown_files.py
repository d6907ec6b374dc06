"""Progressively grown networks under the names of the programs that trained them, for tests of the readers.

Every function takes a network's state dict under gantk's names and returns what the program would have written.
"""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import torch
from foreign_files import _Modules
from torch import Tensor

State = dict[str, Tensor]


def levels_of(state: State) -> int:
    return sum(name.endswith("conv1.weight") for name in state)


def block(level: int) -> str:
    return f"synthesis.b{4 << level}."


def flip(weight: Tensor) -> Tensor:
    return weight.flip(2, 3)


def hwio(weight: Tensor) -> Tensor:
    return weight.permute(2, 3, 1, 0)


# --- PGGAN -----------------------------------------------------------------------------------------------------------


def genforce_pggan(state: State, fused: bool = False, lod: float = 0.0) -> State:
    written = {"lod": torch.tensor(lod)}
    for level in range(levels_of(state)):
        for part in (0, 1):
            name, weight = f"layer{2 * level + part}", state[f"{block(level)}conv{part}.weight"]
            written[f"{name}.weight"] = flip(weight) if part == 0 and (level == 0 or fused) else weight
            written[f"{name}.bias"] = state[f"{block(level)}conv{part}.bias"]
        for kind in ("weight", "bias"):
            written[f"output{level}.{kind}"] = state[f"{block(level)}torgb.{kind}"]
    return written


def higan_pggan(state: State, fused: bool = False) -> State:
    suffixes = {"weight": "conv.weight", "bias": "wscale.bias"}
    written = {}
    for name, tensor in genforce_pggan(state).items():
        layer, _, kind = name.partition(".")
        up = layer.startswith("layer") and int(layer[5:]) % 2 == 0 and layer != "layer0"
        if kind == "weight" and up and fused:
            written[name] = hwio(flip(tensor))
        else:
            written[f"{layer}.{suffixes[kind]}" if kind else name] = tensor
    return written


def navigan_pggan(state: State, scales: tuple[float, ...]) -> State:
    """`scales`: of all convolutions, then of the output."""
    written, numbers = {}, iter(scales)
    names = [(f"features.{i}", f"{block(i // 2)}conv{i % 2}") for i in range(2 * levels_of(state))]
    for name, source in [*names, ("output", f"{block(levels_of(state) - 1)}torgb")]:
        weight = state[f"{source}.weight"]
        written[f"{name}.conv.weight"] = flip(weight) if name == "features.0" else weight
        written[f"{name}.wscale.scale"] = torch.tensor([next(numbers)])
        written[f"{name}.wscale.b"] = state[f"{source}.bias"]
    return written


def tensorflow_pggan(state: State, fused: bool, own_repository: bool, lod: float = 0.0) -> dict[str, Any]:
    top = levels_of(state) - 1
    written: dict[str, Any] = {"lod": np.float32(lod)}
    for level in range(top + 1):
        size = f"{4 << level}x{4 << level}"
        first, second = state[f"{block(level)}conv0.weight"], state[f"{block(level)}conv1.weight"]
        names = ("Conv0_up" if fused else "Conv0", "Conv1") if level else ("Dense", "Conv")
        if level == 0:  # rows are inputs; columns are channels, then the 4 x 4 pixels
            kernel = first.permute(1, 0, 2, 3).flatten(1)
        elif fused:
            kernel = hwio(flip(first))
            kernel = kernel.transpose(2, 3) if own_repository else kernel
        else:
            kernel = hwio(first)
        for name, weight, part in zip(names, (kernel, hwio(second)), ("conv0", "conv1"), strict=True):
            written[f"{size}/{name}/weight"] = weight
            written[f"{size}/{name}/bias"] = state[f"{block(level)}{part}.bias"]
        written[f"ToRGB_lod{top - level}/weight"] = hwio(state[f"{block(level)}torgb.weight"])
        written[f"ToRGB_lod{top - level}/bias"] = state[f"{block(level)}torgb.bias"]
    return written


# --- StyleGAN --------------------------------------------------------------------------------------------------------


def _parts(state: State, level: int) -> list[tuple[int, str, State]]:
    """Number, part name and tensors of the two styled layers of a level."""
    found = []
    for i, part in enumerate(("conv0" if level else "const", "conv1")):
        prefix = f"{block(level)}{part}."
        found.append(
            (2 * level + i, part, {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
        )
    return found


def _mapping(state: State, name: str) -> State:
    return {
        key.replace("mapping.dense", name): value for key, value in state.items() if key.startswith("mapping.dense")
    }


def plain_stylegan(state: State, hammer: bool, fused_from: int, lod: float = 0.0) -> State:
    """GenForce's names, or Hammer's."""
    written = _mapping(state, "mapping.dense")
    written["w_avg" if hammer else "truncation.w_avg"] = state["w_avg"]
    written["synthesis.lod"] = torch.tensor(lod)
    if "mapping.embed.weight" in state:
        written["mapping.embedding" if hammer else "mapping.label_weight"] = state["mapping.embed.weight"].t()
    for level in range(levels_of(state)):
        for number, part, own in _parts(state, level):
            name = f"synthesis.layer{number}."
            channels = own["bias"].numel()
            if part == "const":
                written[f"{name}const"] = state["synthesis.const"][None]
            else:
                fused = part == "conv0" and 4 << level >= fused_from
                written[f"{name}weight"] = flip(own["weight"]) if fused else own["weight"]
            written[f"{name}bias"] = own["bias"]
            written[f"{name}style.weight"], written[f"{name}style.bias"] = own["affine.weight"], own["affine.bias"]
            strength, noise = own["noise_weight"], own["noise_const"][None, None]
            if hammer:
                written[f"{name}noise_strength"] = strength.reshape(1, channels, 1, 1)
                written[f"{name}noise"] = noise
            else:
                written[f"{name}apply_noise.weight"], written[f"{name}apply_noise.noise"] = strength, noise
            if part == "conv0":
                line = torch.tensor([0.25, 0.5, 0.25])
                kernel = torch.outer(line, line)[None, None]
                written[f"{name}filter" if hammer else f"{name}blur.kernel"] = (
                    kernel if hammer else kernel.repeat(channels, 1, 1, 1)
                )
        for kind in ("weight", "bias"):
            written[f"synthesis.output{level}.{kind}"] = state[f"{block(level)}torgb.{kind}"]
    return written


def higan_stylegan(state: State, fused_from: int) -> State:
    names = {
        "bias": "epilogue.bias",
        "style.weight": "epilogue.style_mod.dense.fc.weight",
        "style.bias": "epilogue.style_mod.dense.wscale.bias",
        "apply_noise.weight": "epilogue.apply_noise.weight",
        "apply_noise.noise": "epilogue.apply_noise.noise",
    }
    written = {}
    for name, tensor in plain_stylegan(state, hammer=False, fused_from=fused_from).items():
        prefix, _, kind = name.partition(".")
        layer, _, kind = kind.partition(".")
        if prefix == "mapping" and layer.startswith("dense"):
            name = f"mapping.{layer}." + ("fc.weight" if kind == "weight" else "wscale.bias")
        elif layer.startswith("output") and kind == "weight":
            name = f"synthesis.{layer}.conv.weight"
        elif layer.startswith("layer") and kind == "weight":
            number = int(layer[5:])
            if number % 2 == 0 and 4 << number // 2 >= fused_from:
                tensor = hwio(tensor)
            else:
                name = f"synthesis.{layer}.conv.weight"
        elif layer.startswith("layer") and kind in names:
            name = f"synthesis.{layer}.{names[kind]}"
        written[name] = tensor
    return written


def tensorflow_stylegan(state: State, fused_from: int, lod: float = 0.0) -> dict[str, Any]:
    top = levels_of(state) - 1
    written: dict[str, Any] = {"lod": np.float32(lod), "dlatent_avg": state["w_avg"]}
    written["synthesis/lod"] = np.float32(lod)
    written["synthesis/4x4/Const/const"] = state["synthesis.const"][None]
    for name, tensor in _mapping(state, "mapping/Dense").items():
        written[name.replace(".", "/")] = tensor.t() if tensor.ndim == 2 else tensor
    if "mapping.embed.weight" in state:
        written["mapping/LabelConcat/weight"] = state["mapping.embed.weight"].t()
    for level in range(top + 1):
        for number, part, own in _parts(state, level):
            layer = {"const": "Const", "conv0": "Conv0_up", "conv1": "Conv1" if level else "Conv"}[part]
            name = f"synthesis/{4 << level}x{4 << level}/{layer}/"
            if part != "const":
                fused = part == "conv0" and 4 << level >= fused_from
                written[f"{name}weight"] = hwio(flip(own["weight"]) if fused else own["weight"])
            written[f"{name}bias"] = own["bias"]
            written[f"{name}StyleMod/weight"] = own["affine.weight"].t()
            written[f"{name}StyleMod/bias"] = own["affine.bias"]
            written[f"{name}Noise/weight"] = own["noise_weight"]
            written[f"synthesis/noise{number}"] = own["noise_const"][None, None]
        written[f"synthesis/ToRGB_lod{top - level}/weight"] = hwio(state[f"{block(level)}torgb.weight"])
        written[f"synthesis/ToRGB_lod{top - level}/bias"] = state[f"{block(level)}torgb.bias"]
    return written


# --- TensorFlow's container ------------------------------------------------------------------------------------------


def tensorflow_pickle(
    variables: dict[str, Any], function: str, kwargs: dict[str, Any], own_repository: bool = False
) -> bytes:
    """(G, D, Gs); variables named `mapping/...` and `synthesis/...` go into components."""
    arrays = {
        name: np.ascontiguousarray(value.numpy()) if isinstance(value, Tensor) else value
        for name, value in variables.items()
    }

    class Network:
        pass

    def network(prefix: str, components: dict[str, Any]) -> Network:
        made = Network()
        inside = [name for name in arrays if name.startswith(prefix)]
        if not prefix:
            inside = [name for name in inside if not name.startswith(("mapping/", "synthesis/"))]
        made.__dict__.update(
            version=2 if own_repository else 3,
            name=function,
            static_kwargs=dict(kwargs),
            components=components,
            build_module_src="raise SystemExit('the source in a pickle was executed')",
            build_func_name=function,
            variables=[(name.removeprefix(prefix), arrays[name]) for name in inside],
        )
        return made

    path = "tfutil__Network" if own_repository else "dnnlib__tflib__network__Network"
    with _Modules(**{path: Network}):
        names = ("synthesis", "mapping") if "synthesis/lod" in arrays else ()
        parts = {name: network(f"{name}/", {}) for name in names}
        return pickle.dumps(tuple(network("", parts) for _ in range(3)), protocol=4)
