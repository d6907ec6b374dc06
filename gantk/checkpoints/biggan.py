"""BigGAN as two programs spell it: Hugging Face's BigGAN-deep, the original author's BigGAN and BigGAN-deep.

Both keep spectral norm beside the weights; here every weight is divided by its norm once, as those programs do at each
forward pass: Hugging Face's with the stored u and v, the author's with one power iteration from the stored u0. A batch
norm's gain and bias matrices are joined to one affine.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gantk.checkpoints.checkpoint import Change, Checkpoint, Raw, Row, convert, count_while, same
from gantk.checkpoints.pickle_machine import clipped
from gantk.errors import GantkError
from gantk.store.bounded import parse_json
from gantk.store.inside import regular_file

LONGEST_CONFIG = 1 << 20  # bytes of a config.json
_PUBLISHED = "pytorch_model.bin"


@dataclass
class Table:
    """A conversion table that grows part by part, and the entries that its transformations use on their way.

    Attributes:
        weight: (raw, prefix) to the entry that holds the weight under a prefix, the vectors of its spectral norm, and
            the function that divides by that norm.
    """

    raw: Raw
    weight: Callable[[Raw, str], tuple[str, list[str], Change]]
    rows: list[Row] = field(default_factory=list)
    used: list[str] = field(default_factory=list)

    def shape(self, prefix: str, ndim: int) -> tuple[int, ...]:
        """Shape of the weight under a prefix."""
        name = self.weight(self.raw, prefix)[0]
        shape = self.raw.shape(name)
        if len(shape) != ndim:
            raise self.raw.source.damaged(f"{name} has shape {list(shape)} instead of {ndim} dimensions")
        return shape

    def normed(self, target: str, prefix: str, change: Change = same) -> None:
        """A weight under its spectral norm, then `change`."""
        name, vectors, divide = self.weight(self.raw, prefix)
        self.used += vectors
        self.rows.append(Row(target, name, lambda tensor: change(divide(tensor))))

    def layer(self, target: str, prefix: str, change: Change = same) -> None:
        """Weight and bias of a dense layer or convolution."""
        self.normed(f"{target}.weight", prefix, change)
        self.rows.append(Row(f"{target}.bias", f"{prefix}.bias", change))

    def statistics(self, target: str, mean: str, var: str) -> None:
        """Stored mean and variance, [C] or one row per truncation [S, C]."""
        self.rows += [Row(f"{target}.mean", mean, _two_axes), Row(f"{target}.var", var, _two_axes)]

    def attention(self, target: str, prefix: str, names: Mapping[str, str]) -> None:
        for part, name in names.items():
            self.normed(f"{target}.{part}", f"{prefix}.{name}")
        self.rows.append(Row(f"{target}.gamma", f"{prefix}.gamma", lambda tensor: tensor.reshape([])))

    def convert(self) -> dict[str, Tensor]:
        """The state dict, gains and biases joined to affines; entries that are not weights of a network are ignored."""
        dead = [name for name in self.raw.entries if any(fnmatch.fnmatch(name, pattern) for pattern in _UNUSED)]
        state = convert(self.raw, self.rows, self.used + dead)
        for target in [key.removesuffix(".gain") for key in state if key.endswith(".affine.gain")]:
            gain, bias = state.pop(f"{target}.gain"), state.pop(f"{target}.bias")
            if gain.shape != bias.shape:
                raise self.raw.source.damaged(f"the gain and the bias of {target} have different shapes")
            state[f"{target}.weight"] = torch.cat([gain, bias])
        return state


# Logged singular values, singular vectors after the first, counters of training.
_UNUSED = ("*.sv[0-9]", "*.u[1-9]", "*.accumulation_counter", "*.num_batches_tracked")


def _two_axes(tensor: Tensor) -> Tensor:
    if tensor.ndim not in (1, 2):
        raise ValueError("statistics have one or two axes")
    return tensor.reshape(-1, tensor.shape[-1])


def _divided(raw: Raw, name: str, tensor: Tensor, norm: Tensor) -> Tensor:
    if not torch.isfinite(norm) or norm == 0:
        raise raw.source.damaged(f"the spectral norm of {clipped(name)} is {float(norm):g}")
    return tensor / norm


# --- Hugging Face ----------------------------------------------------------------------------------------------------


def _stored_norm(raw: Raw, prefix: str) -> tuple[str, list[str], Change]:
    """W / (u . W v) with the stored vectors, which need not have converged."""
    name, vectors = f"{prefix}.weight_orig", [f"{prefix}.weight_u", f"{prefix}.weight_v"]

    def divide(tensor: Tensor) -> Tensor:
        u, v = (raw.tensor(vector) for vector in vectors)
        return _divided(raw, name, tensor, torch.dot(u, tensor.flatten(1) @ v))

    return name, vectors, divide


_HUGGINGFACE_ATTENTION = {part: f"snconv1x1_{part}" for part in ("theta", "phi", "g")} | {"o": "snconv1x1_o_conv"}


def read_huggingface(raw: Raw) -> Checkpoint:
    """BigGAN-deep as Hugging Face's pytorch-pretrained-BigGAN ships it: z comes before the class."""
    table = Table(raw, _stored_norm)
    has = raw.entries.__contains__
    prefixes, attention = [], []
    for entry in range(count_while(lambda i: has(f"generator.layers.{i}.gamma") or _has_block(raw, i))):
        prefix = f"generator.layers.{entry}"
        if not has(f"{prefix}.gamma"):
            prefixes.append(prefix)
            continue
        if not prefixes:
            raise raw.refuse("attention before the first block", "where gantk has it after blocks only")
        attention.append(len(prefixes) - 1)
        table.attention(f"synthesis.block{len(prefixes) - 1}.attention", prefix, _HUGGINGFACE_ATTENTION)
    first = table.shape("generator.gen_z", 2)
    if len(raw.shape("embeddings.weight")) != 2:
        raise raw.source.damaged("embeddings.weight is no matrix")
    embed_dim, classes = raw.shape("embeddings.weight")
    table.rows.append(Row("embed.weight", "embeddings.weight"))
    table.layer("synthesis.dense", "generator.gen_z", _channels_first)
    channels, hidden = [], []
    for number, prefix in enumerate(prefixes):
        for i in range(4):
            target = f"synthesis.block{number}.conv{i}"
            table.layer(target, f"{prefix}.conv_{i}")
            table.normed(f"{target}.affine.gain", f"{prefix}.bn_{i}.scale")
            table.normed(f"{target}.affine.bias", f"{prefix}.bn_{i}.offset")
            table.statistics(target, f"{prefix}.bn_{i}.running_means", f"{prefix}.bn_{i}.running_vars")
        width, inputs = table.shape(f"{prefix}.conv_0", 4)[:2]
        channels.append(inputs)
        hidden.append(width)
    if not prefixes:
        raise raw.source.damaged("it has no blocks")
    channels.append(table.shape(f"{prefixes[-1]}.conv_3", 4)[0])
    if first[0] != 16 * channels[0]:
        raise raw.refuse(
            f"a first layer of {first[0]} outputs for {channels[0]} channels", "where gantk needs 16 times"
        )
    table.normed("synthesis.torgb.weight", "generator.conv_to_rgb", _first_three)
    for part, source, change in (("bias", "conv_to_rgb.bias", _first_three), ("norm_gain", "bn.weight", same),
                                 ("norm_bias", "bn.bias", same)):  # fmt: skip
        table.rows.append(Row(f"synthesis.torgb.{part}", f"generator.{source}", change))
    table.statistics("synthesis.torgb", "generator.bn.running_means", "generator.bn.running_vars")
    said = _configuration(raw)
    up = _upsampling(raw, said, channels)
    assumed = () if "eps" in said else ("epsilon",)
    notes = () if said else ("without config.json every second block doubles the resolution and epsilon is 0.0001",)
    epsilon = float(said.get("eps", 1e-4))
    config = {
        "resolution": 4 << sum(up),
        "channels": channels,
        "up": up,
        "attention": attention,
        "deep": True,
        "hidden": hidden,
        "z_dim": first[1] - embed_dim,
        "label_dim": classes,
        "embed_dim": embed_dim,
        "num_stats": raw.shape("generator.bn.running_means")[0],
        "epsilon": epsilon,
        "rgb_epsilon": epsilon,
        "z_distribution": "truncated_normal",
    }
    return Checkpoint("biggan", config, table.convert(), "huggingface-biggan", notes, assumed=assumed)


def _has_block(raw: Raw, entry: int) -> bool:
    return f"generator.layers.{entry}.conv_0.weight_orig" in raw.entries


def _channels_first(tensor: Tensor) -> Tensor:
    """Outputs of the first layer from (row, column, channel) to (channel, row, column)."""
    return tensor.unflatten(0, (4, 4, -1)).movedim(2, 0).flatten(0, 2)


def _first_three(tensor: Tensor) -> Tensor:
    """Of as many image channels as the network is wide, the program shows three."""
    return tensor[:3]


def _configuration(raw: Raw) -> Mapping[str, Any]:
    """config.json beside the weights, empty where there is none or it is another program's."""
    path = _settings_file(raw)
    try:
        with open(regular_file(path), "rb") as file:
            said = parse_json(file.read(LONGEST_CONFIG))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise GantkError(f"{path}, which lies beside the weights, cannot be read: {clipped(error)}") from error
    if not isinstance(said, dict):
        raise GantkError(f"{path}, which lies beside the weights, is no table of settings")
    if not {"channel_width", "layers"} <= said.keys():
        return {}
    layers, epsilon = said["layers"], said.get("eps", 1e-4)
    numbers = [said["channel_width"], epsilon]
    good = isinstance(layers, list) and all(isinstance(layer, list) and len(layer) == 3 for layer in layers)
    if good:
        numbers += [number for layer in layers for number in layer]
    if not good or not all(isinstance(number, int | float) for number in numbers) or not 0 < epsilon < 1:
        raise GantkError(f"{path} does not describe a BigGAN: its layers must be [up, in, out] and eps a small number")
    return said


def _settings_file(raw: Raw) -> Path:
    """Where the settings are: config.json, or, as the files are published, biggan-deep-128-config.json."""
    name = raw.path.name
    beside = raw.path.with_name(name.removesuffix(_PUBLISHED) + "config.json")
    return beside if name.endswith(_PUBLISHED) and beside.is_file() else raw.path.with_name("config.json")


def _upsampling(raw: Raw, said: Mapping[str, Any], channels: list[int]) -> list[bool]:
    """Which blocks double the resolution: as config.json says, else every second one."""
    if not said:
        return [number % 2 == 1 for number in range(len(channels) - 1)]
    layers, width = said["layers"], said["channel_width"]
    if [(width * layer[1], width * layer[2]) for layer in layers] != list(pairwise(channels)):
        raise GantkError(f"{_settings_file(raw)} describes other blocks than {raw.source.name} has")
    return [bool(layer[0]) for layer in layers]


# --- the original author's -------------------------------------------------------------------------------------------


def _iterated_norm(raw: Raw, prefix: str) -> tuple[str, list[str], Change]:
    """W / sigma after one power iteration from u0, whose result the program throws away after every pass."""
    name, vector = f"{prefix}.weight", f"{prefix}.u0"
    if vector not in raw.entries:
        return name, [], same

    def divide(tensor: Tensor) -> Tensor:
        matrix = tensor.flatten(1)
        v = torch.nn.functional.normalize(raw.tensor(vector).reshape(-1) @ matrix, dim=0)
        u = torch.nn.functional.normalize(matrix @ v, dim=0)
        return _divided(raw, name, tensor, torch.dot(u, matrix @ v))

    return name, [vector], divide


_AUTHOR_ATTENTION = {part: part for part in ("theta", "phi", "g", "o")}


def read_author(raw: Raw) -> Checkpoint:
    """BigGAN and BigGAN-deep of the original author's BigGAN-PyTorch; the class comes before z."""
    table = Table(raw, _iterated_norm)
    has = raw.entries.__contains__
    if any(name.endswith(".running_mean") for name in raw.entries):
        raise raw.refuse(
            "batch norm of the cross-replica kind (running_mean)", "which adds its gain in evaluation; gantk lacks it"
        )
    blocks = count_while(lambda b: has(f"blocks.{b}.0.conv1.weight"))
    deep = has("blocks.0.0.conv4.weight")
    count = 4 if deep else 2
    shapes = [table.shape(f"blocks.{b}.0.conv1", 4) for b in range(blocks)]
    channels = [shape[1] for shape in shapes] + [table.shape(f"blocks.{blocks - 1}.0.conv{count}", 4)[0]]
    shared = has("shared.weight")
    embedding = table.shape("shared", 2) if shared else (table.shape("blocks.0.0.bn1.gain", 2)[0], 0)
    classes, embed_dim = embedding
    outputs, seen = table.shape("linear", 2)
    if outputs != 16 * channels[0]:
        raise raw.refuse(f"a first layer of {outputs} outputs for {channels[0]} channels", "where bottom_width is 4")
    up = list(_stages(raw, channels)) if deep else [has(f"blocks.{b}.0.conv_sc.weight") for b in range(blocks)]
    condition = table.shape("blocks.0.0.bn1.gain", 2)[1] if shared else classes
    rows, z_dim = _rows(raw, deep, condition, embed_dim or classes, seen, blocks)
    if shared:
        table.rows.append(Row("embed.weight", "shared.weight", lambda tensor: tensor.t()))
    table.layer("synthesis.dense", "linear")
    attention = []
    for b in range(blocks):
        for i in range(count):
            target, prefix = f"synthesis.block{b}.conv{i}", f"blocks.{b}.0"
            table.layer(target, f"{prefix}.conv{i + 1}")
            for part in ("gain", "bias"):  # without `shared`: one column per class
                table.normed(
                    f"{target}.affine.{part}", f"{prefix}.bn{i + 1}.{part}", same if shared else torch.t
                )  # fmt: skip
            table.statistics(target, *_stored_names(raw, f"{prefix}.bn{i + 1}"))
        if not deep:
            table.layer(f"synthesis.block{b}.skip", f"blocks.{b}.0.conv_sc")
        if has(f"blocks.{b}.1.gamma"):
            attention.append(b)
            table.attention(f"synthesis.block{b}.attention", f"blocks.{b}.1", _AUTHOR_ATTENTION)
    table.layer("synthesis.torgb", "output_layer.2")
    for part in ("gain", "bias"):
        table.rows.append(Row(f"synthesis.torgb.norm_{part}", f"output_layer.0.{part}"))
    table.statistics("synthesis.torgb", *_stored_names(raw, "output_layer.0"))
    converted = has("linear.u0") and not has("linear.sv0")
    epsilon = 1e-4 if converted else 1e-5
    config = {
        "resolution": 4 << sum(up),
        "channels": channels,
        "up": up,
        "attention": attention,
        "deep": deep,
        "hidden": [shape[0] for shape in shapes] if deep else None,
        "rows": rows,
        "class_first": True,
        "image_channels": table.shape("output_layer.2", 4)[0],
        "z_dim": z_dim,
        "label_dim": classes,
        "embed_dim": embed_dim,
        "epsilon": epsilon,
    }
    why = "as in files converted from TensorFlow Hub, which lack sv0" if converted else "its program's default"
    notes = (f"the file does not say the batch norms' epsilon; it is taken as {epsilon:g}, {why}",)
    return Checkpoint("biggan", config, table.convert(), "author-biggan", notes, assumed=("epsilon",))


def _rows(raw: Raw, deep: bool, condition: int, embedded: int, seen: int, blocks: int) -> tuple[str, int]:
    """What a row of wp holds, and the width of z, from the widths that blocks and the first layer take."""
    if condition == embedded:
        return "class", seen
    if deep and condition == seen:
        return "whole", seen - embedded
    if not deep and condition == embedded + seen:
        return "chunks", seen * (blocks + 1)
    raise raw.refuse(
        f"batch norms conditioned on {condition} numbers",
        f"which are neither the class embedding ({embedded}) nor that and the {seen} of the first layer",
    )


def _stages(raw: Raw, channels: list[int]) -> Iterator[bool]:
    """Whether each block of a BigGAN-deep doubles the resolution: the second of every stage of two."""
    for number, (inputs, outputs) in enumerate(pairwise(channels)):
        if number % 2 == 0 and (inputs != outputs or number == len(channels) - 2):
            raise raw.refuse(
                f"channels {channels} along its blocks", "where a stage has two (G_depth 2) and its first keeps them"
            )
        yield number % 2 == 1


def _stored_names(raw: Raw, prefix: str) -> tuple[str, str]:
    """Names of the stored mean and variance, which `--mybn` puts one level deeper."""
    if f"{prefix}.bn.stored_mean" in raw.entries:
        prefix = f"{prefix}.bn"
    return f"{prefix}.stored_mean", f"{prefix}.stored_var"


# --- not read --------------------------------------------------------------------------------------------------------


def refuse_studiogan(raw: Raw) -> Checkpoint:
    """StudioGAN's BigGAN: recognised, so that the answer can say so."""
    raise raw.refuse(
        "StudioGAN's names (linear0, blocks.N.0.conv2d1, conv2d5)",
        "and gantk reads BigGAN from Hugging Face's and the original author's files only",
    )
