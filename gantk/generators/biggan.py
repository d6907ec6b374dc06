"""BigGAN and BigGAN-deep (Brock et al. 2019): class-conditional batch norm, residual blocks, self-attention.

Shape legend: N samples, Z latent width, E width of the class embedding, D width of w or of a row of wp, L rows of wp,
C channels, H x W pixels.

What a row of `wp` holds, in the file's own order of fields (`class_first`):

    whole   BigGAN-deep     every row is w, z and class embedding; the first dense layer and all blocks see all of it
    chunks  BigGAN          row l is the class embedding and chunk l of z; the first dense layer sees its chunk alone
    class   flat BigGAN     every row is w; the first dense layer sees z alone, the blocks the class alone

Space s: the first dense layer's style is what it sees of row 0; a convolution's is the gain and the bias of the batch
norm before it, [gain, bias], with the 1 around which gains lie and before the statistics are divided out (which
`bn_truncation` may still choose). Shortcut convolutions, attention and ToRGB have none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantk.errors import GantkError, UsageError
from gantk.generators.base import Generator, GeneratorSpec, Layer, Options, State, Styles, Truncation
from gantk.generators.biggan_blocks import Attention, NormConv, random_weight, stored_row
from gantk.generators.biggan_tangents import tangent_map
from gantk.generators.labels import label_matrix
from gantk.generators.progressive import nearest
from gantk.generators.spec import Config, truncation_of

ROWS = ("whole", "chunks", "class")
DEEP_KERNELS = (1, 3, 3, 1)


@dataclass(frozen=True)
class BigGANConfig(Config):
    """Everything the tensors cannot say by themselves.

    Attributes:
        channels: inputs of the first block, then outputs of every block.
        up: for every block, whether it doubles the resolution (from 4 on).
        attention: blocks that are followed by self-attention.
        deep: blocks are BigGAN-deep's bottlenecks of four convolutions, of which shortcuts keep the first channels.
        hidden: widths inside the bottlenecks; a quarter of the block's inputs by default.
        rows, class_first: what a row of `wp` holds, see above.
        embed_dim: columns of the class embedding; 0: there is no table, the class's one-hot row takes its place.
        num_stats: stored batch-norm statistics per layer, for truncations 0 to 1; 1: they do not depend on it.
        bn_truncation: the truncation whose statistics are used unless another is asked for.
        epsilon, rgb_epsilon: of the batch norms, and of the last one.
        z_distribution: `normal` or `truncated_normal`.
    """

    resolution: int
    channels: tuple[int, ...]
    up: tuple[bool, ...]
    label_dim: int
    attention: tuple[int, ...] = ()
    deep: bool = False
    hidden: tuple[int, ...] | None = None
    rows: str = "whole"
    class_first: bool = False
    image_channels: int = 3
    z_dim: int = 128
    embed_dim: int = 128
    num_stats: int = 1
    bn_truncation: float = 1.0
    epsilon: float = 1e-5
    rgb_epsilon: float = 1e-5
    z_distribution: str = "normal"

    def __post_init__(self) -> None:
        blocks = len(self.up)
        if blocks < 1 or len(self.channels) != blocks + 1 or self.resolution != 4 << sum(self.up):
            raise GantkError(
                f"{len(self.channels)} channel counts and {sum(self.up)} upsampling blocks of {blocks} do not lead "
                f"from 4 to resolution {self.resolution}"
            )
        if self.rows not in ROWS:
            raise GantkError(f"rows={self.rows!r} is none of {', '.join(ROWS)}")
        if self.rows == "chunks" and self.z_dim % (blocks + 1):
            raise GantkError(f"z_dim={self.z_dim} cannot be cut into {blocks + 1} equal chunks, one per row")
        if self.label_dim < 1 or self.num_stats < 1:
            raise GantkError(f"label_dim={self.label_dim} and num_stats={self.num_stats} must be at least 1")
        if not 0 < self.bn_truncation <= 1:
            raise GantkError(f"bn_truncation={self.bn_truncation} is not in (0, 1]")
        if any(not 0 <= block < blocks or self.channels[block + 1] < 8 for block in self.attention):
            raise GantkError(f"attention={list(self.attention)} must name blocks of {blocks} with 8 channels or more")
        if self.deep and any(self.channels[b + 1] > self.channels[b] for b in range(blocks)):
            raise GantkError("a BigGAN-deep block cannot have more outputs than inputs: its shortcut drops channels")
        if self.deep and len(self.widths) != blocks:
            raise GantkError(f"{len(self.widths)} hidden widths were given for {blocks} blocks")
        if not self.deep and not all(self.up):
            raise GantkError("a BigGAN block that does not upsample exists in BigGAN-deep only")

    @property
    def widths(self) -> tuple[int, ...]:
        """Hidden width of every bottleneck."""
        return self.hidden if self.hidden is not None else tuple(c // 4 for c in self.channels[:-1])

    @property
    def class_width(self) -> int:
        """Columns of w that say the class."""
        return self.embed_dim or self.label_dim


@dataclass(frozen=True)
class Step:
    """What runs for one entry of `layers`: a part of a block, whether it opens, doubles or closes the block."""

    kind: str  # dense, skip, conv, attention, rgb
    path: str
    opens: bool = False
    up: bool = False
    closes: bool = False


class Block(nn.Module):
    """The modules of one residual block; the generator's loop runs them."""

    def __init__(self, config: BigGANConfig, number: int, condition: int):
        super().__init__()
        inputs, outputs = config.channels[number : number + 2]
        hidden = config.widths[number] if config.deep else outputs
        kernels = DEEP_KERNELS if config.deep else (3, 3)
        widths = (inputs, *[hidden] * (len(kernels) - 1), outputs)
        for i, kernel in enumerate(kernels):
            part = NormConv(widths[i], widths[i + 1], kernel, condition, config.num_stats, config.epsilon)
            self.add_module(f"conv{i}", part)
        if not config.deep:
            self.skip = nn.Module()
            self.skip.weight = random_weight(outputs, inputs, 1, 1)
            self.skip.bias = nn.Parameter(torch.zeros(outputs))
        if number in config.attention:
            self.attention = Attention(outputs)


class BigGAN(Generator):
    """The generator. Row 0 of `wp` feeds the first dense layer, row 1 + b every convolution of block b."""

    config: BigGANConfig
    config_class = BigGANConfig
    channels_last = True
    w_avg = None

    def __init__(self, config: BigGANConfig):
        super().__init__()
        self.config = config
        blocks = len(config.up)
        code, rows = config.class_width, blocks + 1
        w_dim = config.z_dim + code
        wp_dim = code + config.z_dim // rows if config.rows == "chunks" else w_dim
        seen = {"whole": w_dim, "chunks": wp_dim - code, "class": config.z_dim}[config.rows]
        condition = code if config.rows == "class" else wp_dim
        if config.embed_dim:
            self.embed = nn.Module()
            self.embed.weight = random_weight(config.embed_dim, config.label_dim)
        self.synthesis = nn.Module()
        self.synthesis.dense = nn.Module()
        self.synthesis.dense.weight = random_weight(16 * config.channels[0], seen)
        self.synthesis.dense.bias = nn.Parameter(torch.zeros(16 * config.channels[0]))
        for number in range(blocks):
            self.synthesis.add_module(f"block{number}", Block(config, number, condition))
        self.synthesis.torgb = NormConv(
            config.channels[-1], config.image_channels, 3, 0, config.num_stats, config.rgb_epsilon
        )
        parts = _layers(config, seen)
        self.layers = tuple(layer for layer, _ in parts)
        self._steps = tuple(step for _, step in parts)
        self._style_index = {layer.index: position for position, layer in enumerate(self.styled_layers)}
        self.spec = GeneratorSpec(
            family="biggan",
            resolution=config.resolution,
            image_channels=config.image_channels,
            z_dim=config.z_dim,
            w_dim=w_dim,
            wp_dim=wp_dim,
            label_dim=config.label_dim,
            num_layers=rows,
            z_distribution=config.z_distribution,
            normalizes_z=False,
            can_truncate=False,
            label_required=True,
            has_bn_truncation=config.num_stats > 1,
        )

    # --- codes -------------------------------------------------------------------------------------------------

    def class_embedding(self, label: Tensor | None, n: int) -> Tensor:
        """Ids [n] or soft rows [n, C] to [n, E]: rows of the table, or the one-hot where there is none."""
        row_NC = label_matrix(self.spec, label, n, self._first())
        assert row_NC is not None
        return F.linear(row_NC, self.get_parameter("embed.weight")) if self.config.embed_dim else row_NC

    def map(self, z_ND: Tensor, label: Tensor | None = None) -> Tensor:
        """w is z and the class embedding, joined in the file's order; nothing is normalised."""
        self._check_width("z", z_ND, self.spec.z_dim)
        return self._joined(z_ND, self.class_embedding(label, z_ND.shape[0]))

    def expand(self, w_ND: Tensor, truncation: Truncation | float | None = None) -> Tensor:
        """w [N, D] to wp: repeated, or for a hierarchical BigGAN cut into rows of the class and a chunk of z each."""
        self._check_width("w", w_ND, self.spec.w_dim)
        if truncation is not None:
            raise UsageError(
                f"a biggan has no mean code to pull to, so truncation psi={truncation_of(truncation).psi} cannot "
                "apply; leave it out, and scale z instead: sample_z(n, truncation=...)"
            )
        rows = self.spec.num_layers
        if self.config.rows != "chunks":
            return w_ND.unsqueeze(1).expand(-1, rows, -1)
        z_NZ, class_NE = self._fields(w_ND)
        return self._joined(z_NZ.unflatten(1, (rows, -1)), class_NE.unsqueeze(1).expand(-1, rows, -1))

    def styles(self, wp_NLD: Tensor) -> Styles:
        """What the first dense layer sees of row 0; [gain, bias] of every batch norm that a code conditions."""
        self._check_wp(wp_NLD)
        z_NLD, class_NLE = self._fields(wp_NLD)
        styles = [wp_NLD[:, 0] if self.config.rows == "whole" else z_NLD[:, 0]]
        code_NLD = class_NLE if self.config.rows == "class" else wp_NLD
        for layer in self.layers:
            if layer.affine is not None:
                styles.append(self.get_submodule(layer.affine)(code_NLD[:, layer.row]))
        return tuple(styles)

    def _joined(self, z: Tensor, embedding: Tensor) -> Tensor:
        return torch.cat([embedding, z] if self.config.class_first else [z, embedding], -1)

    def _fields(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """The z part and the class part of w or of rows of wp."""
        width = self.config.class_width
        if self.config.class_first:
            return code[..., width:], code[..., :width]
        return code[..., : code.shape[-1] - width], code[..., code.shape[-1] - width :]

    # --- images ------------------------------------------------------------------------------------------------

    def _run(
        self, codes: Styles, options: Options, taps: frozenset[str], start: State | None, stop: int | None
    ) -> tuple[Tensor | None, dict[str, Tensor], State]:
        config = self.config
        maps: dict[str, Tensor] = {}
        truncation = config.bn_truncation if options.bn_truncation is None else float(options.bn_truncation)
        stored = stored_row(truncation, config.num_stats)
        start = start or State(0, None)
        x, image, shortcut = start.x, start.image, start.shortcut
        end = len(self.layers) if stop is None else stop
        for layer, step in zip(self.layers[start.index : end], self._steps[start.index : end], strict=True):
            part, delta = self.get_submodule(step.path), options.deltas.get(layer.index)
            style = codes[self._style_index[layer.index]] if layer.style_dim else None
            if step.kind == "dense":
                assert style is not None
                x = _dense(style, part, delta)
            assert x is not None
            if step.kind == "skip":
                shortcut = _conv(x, part, delta)
            elif step.kind == "attention":
                x = part(x)
            elif step.kind == "rgb":
                image = torch.tanh(part(x, None, stored, False, delta))
            elif step.kind == "conv":
                if step.opens and config.deep:
                    shortcut = x
                x = part(x, style, stored, step.up, delta)
                if step.closes:
                    assert shortcut is not None
                    x, shortcut = _sum(x, shortcut), None
            if layer.name in taps:
                maps[layer.name] = cast(Tensor, image) if layer.is_rgb else x
        return (image if stop is None else None), maps, State(end, x, image, shortcut)

    _tangent_map = tangent_map


def _dense(code_NZ: Tensor, part: nn.Module, delta: tuple[Tensor, Tensor] | None) -> Tensor:
    """The first dense layer, its output seen as maps of 4 x 4."""
    y = F.linear(code_NZ, cast(Tensor, part.weight), cast(Tensor, part.bias))
    if delta is not None:
        y = y + delta[1][:, None] * F.linear(code_NZ, delta[0])
    return y.unflatten(1, (-1, 4, 4))


def _conv(x: Tensor, part: nn.Module, delta: tuple[Tensor, Tensor] | None) -> Tensor:
    """A 1x1 convolution; it commutes with nearest upsampling, so the small map goes first."""
    y = F.conv2d(x, cast(Tensor, part.weight), cast(Tensor, part.bias))
    return y if delta is None else y + delta[1][:, None, None, None] * F.conv2d(x, delta[0])


def _sum(x_NCHW: Tensor, shortcut: Tensor) -> Tensor:
    """Block and shortcut, which loses its last channels and is doubled where the block has fewer and is larger."""
    shortcut = shortcut[:, : x_NCHW.shape[1]]
    return x_NCHW + (nearest(shortcut) if shortcut.shape[2] != x_NCHW.shape[2] else shortcut)


def _layers(config: BigGANConfig, seen: int) -> list[tuple[Layer, Step]]:
    """`4x4/dense`; per block `RxR/skip` (BigGAN), its convolutions, attention; ToRGB. Deep blocks are numbered too."""
    parts: list[tuple[Layer, Step]] = []

    def add(
        name: str, resolution: int, channels: int, step: Step, weight: bool = True, row: int | None = None,
        affine: str | None = None, style_dim: int = 0, has_map: bool = True, is_rgb: bool = False,
    ) -> None:  # fmt: skip
        path = f"{step.path}.weight" if weight else None
        layer = Layer(len(parts), name, resolution, channels, row, path, affine, style_dim, has_map, is_rgb)
        parts.append((layer, step))

    add("4x4/dense", 4, config.channels[0], Step("dense", "synthesis.dense"), row=0, style_dim=seen)
    size = 4
    for number, up in enumerate(config.up):
        inputs, outputs = config.channels[number : number + 2]
        after = size << up
        prefix, path = f"{after}x{after}/", f"synthesis.block{number}"
        if config.deep:
            prefix += f"block{number}/"
        else:
            add(f"{prefix}skip", size, outputs, Step("skip", f"{path}.skip"), has_map=False)
        widths = (inputs, *(3 if config.deep else 1) * [config.widths[number] if config.deep else outputs], outputs)
        doubles = 1 if config.deep else 0  # the convolution before which the map is doubled
        for i in range(len(widths) - 1):
            last = i == len(widths) - 2
            step = Step("conv", f"{path}.conv{i}", i == 0, up and i == doubles, last)
            add(
                f"{prefix}conv{i}", after if i >= doubles else size, widths[i + 1], step,
                row=number + 1, affine=f"{step.path}.affine", style_dim=2 * widths[i], has_map=last,
            )  # fmt: skip
        size = after
        if number in config.attention:
            add(f"{prefix}attention", size, outputs, Step("attention", f"{path}.attention"), weight=False)
    add(f"{size}x{size}/torgb", size, config.image_channels, Step("rgb", "synthesis.torgb"), is_rgb=True)
    return parts
