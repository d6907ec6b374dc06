"""Files of BigGANs as other programs save them, with random numbers.

Every file is of a 16 x 16 network with 5 classes.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor


def author_file(
    *, deep: bool = False, rows: str = "chunks", shared: bool = True, sv: bool = True, mybn: bool = False
) -> dict[str, Tensor]:
    """Entries as the author's program saves them, with random numbers: 16 x 16, 5 classes, attention at 8 x 8."""
    source = torch.Generator().manual_seed(5)
    entries: dict[str, Tensor] = {}
    classes, embed, chunk = 5, 6 if shared else 5, 4
    channels = [16, 16, 12, 12, 8] if deep else [12, 10, 7]
    seen = {"chunks": chunk, "class": chunk, "whole": embed + chunk}[rows]
    condition = {"chunks": embed + chunk, "class": embed, "whole": embed + chunk}[rows]

    def put(name: str, *shape: int) -> None:
        entries[name] = torch.randn(shape, generator=source)

    def normed(prefix: str, *shape: int, bias: bool = True) -> None:
        put(f"{prefix}.weight", *shape)
        put(f"{prefix}.u0", 1, shape[0])
        if sv:
            put(f"{prefix}.sv0", 1)
        if bias:
            put(f"{prefix}.bias", shape[0])

    def statistics(prefix: str, width: int) -> None:
        prefix += ".bn" if mybn else ""
        put(f"{prefix}.stored_mean", width)
        entries[f"{prefix}.stored_var"] = torch.rand(width, generator=source) + 0.5
        if mybn:
            entries[f"{prefix}.accumulation_counter"] = torch.zeros(1)

    if shared:
        put("shared.weight", classes, embed)
    normed("linear", 16 * channels[0], seen)
    for b, (inputs, outputs) in enumerate(pairwise(channels)):
        hidden = inputs // 4 if deep else outputs
        widths = [inputs, hidden, hidden, hidden, outputs] if deep else [inputs, outputs, outputs]
        for i, kernel in enumerate((1, 3, 3, 1) if deep else (3, 3)):
            normed(f"blocks.{b}.0.conv{i + 1}", widths[i + 1], widths[i], kernel, kernel)
            statistics(f"blocks.{b}.0.bn{i + 1}", widths[i])
            for part in ("gain", "bias"):
                if shared:
                    normed(f"blocks.{b}.0.bn{i + 1}.{part}", widths[i], condition, bias=False)
                else:
                    put(f"blocks.{b}.0.bn{i + 1}.{part}.weight", classes, widths[i])
        if not deep:
            normed(f"blocks.{b}.0.conv_sc", outputs, inputs, 1, 1)
        if b == (1 if deep else 0):
            entries[f"blocks.{b}.1.gamma"] = torch.tensor(0.4)
            for part, shape in {"theta": (outputs // 8, outputs), "phi": (outputs // 8, outputs),
                                "g": (outputs // 2, outputs), "o": (outputs, outputs // 2)}.items():  # fmt: skip
                normed(f"blocks.{b}.1.{part}", *shape, 1, 1, bias=False)
    for part in ("gain", "bias"):
        put(f"output_layer.0.{part}", channels[-1])
    statistics("output_layer.0", channels[-1])
    normed("output_layer.2", 3, channels[-1], 3, 3)
    return entries


UP = [False, True, False, True]


def huggingface_file(stats: int = 11) -> dict[str, Tensor]:
    """Entries as Hugging Face's program saves them: 16 x 16, 5 classes, attention before the last block."""
    source = torch.Generator().manual_seed(6)
    entries: dict[str, Tensor] = {}
    channels, embed, classes = [16, 16, 16, 8, 8], 4, 5

    def put(name: str, *shape: int) -> None:
        entries[name] = torch.randn(shape, generator=source)

    def normed(prefix: str, *shape: int, bias: bool = True) -> None:
        put(f"{prefix}.weight_orig", *shape)
        put(f"{prefix}.weight_u", shape[0])
        put(f"{prefix}.weight_v", math.prod(shape[1:]))
        if bias:
            put(f"{prefix}.bias", shape[0])

    def statistics(prefix: str, width: int) -> None:
        put(f"{prefix}.running_means", stats, width)
        entries[f"{prefix}.running_vars"] = torch.rand(stats, width, generator=source) + 0.5

    put("embeddings.weight", embed, classes)
    normed("generator.gen_z", 16 * channels[0], 2 * embed)
    entry = 0
    for b, (inputs, outputs) in enumerate(pairwise(channels)):
        if b == 3:
            entries[f"generator.layers.{entry}.gamma"] = torch.tensor([0.4])
            for part, rows, columns in (("theta", 1, 8), ("phi", 1, 8), ("g", 4, 8), ("o_conv", 8, 4)):
                normed(f"generator.layers.{entry}.snconv1x1_{part}", rows, columns, 1, 1, bias=False)
            entry += 1
        widths = [inputs, *3 * [inputs // 4], outputs]
        for i, kernel in enumerate((1, 3, 3, 1)):
            normed(f"generator.layers.{entry}.conv_{i}", widths[i + 1], widths[i], kernel, kernel)
            statistics(f"generator.layers.{entry}.bn_{i}", widths[i])
            for part in ("scale", "offset"):
                normed(f"generator.layers.{entry}.bn_{i}.{part}", widths[i], 2 * embed, bias=False)
        entry += 1
    put("generator.bn.weight", 8)
    put("generator.bn.bias", 8)
    statistics("generator.bn", 8)
    normed("generator.conv_to_rgb", 8, 8, 3, 3)
    return entries


CONFIG: dict[str, Any] = {
    "channel_width": 8, "eps": 1e-3, "n_stats": 11, "z_dim": 4, "output_dim": 16, "attention_layer_position": 3,
    "layers": [[up, inputs, outputs] for up, inputs, outputs in zip(UP, [2, 2, 2, 1], [2, 2, 1, 1], strict=True)],
}  # fmt: skip
