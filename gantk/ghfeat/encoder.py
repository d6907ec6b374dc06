"""The hierarchical encoder: a residual trunk, a feature pyramid, spatial alignment, a head per level of the generator.

The paper's network (Xu et al. 2021, section 3.2) with what it hard-wires left open: the size of the images, the widths
of the styles, the width of the trunk, and whether the heads (half of its parameters) are factorised.

Shape legend: N samples, C channels, H x W pixels, E styled layers of the generator, S their summed widths.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantk.errors import GantkError
from gantk.generators.spec import Config
from gantk.ghfeat.norm import Norm, absorb

UNITS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
LEAK = 0.2
SIDE = 4  # of the last map, which the heads flatten
HEADS = 3  # coarse, middle, fine


class EncoderChoices(TypedDict, total=False):
    """What may be chosen of an `EncoderConfig` beside what a generator decides."""

    pyramid: int
    aligned: int
    stem: int
    padding: str
    rank: int
    head_norm: str


@dataclass(frozen=True)
class EncoderConfig(Config):
    """Everything the tensors cannot say by themselves.

    Attributes:
        resolution: of the images it reads, a power of two.
        widths: of the style of each of the generator's E styled layers, coarsest first.
        rows: the row of `wp` behind each of them.
        depth: 18 or 34 (basic blocks), 50 or 101 (bottlenecks).
        channels: after the stem and after each stage of the trunk, see `trunk_channels`.
        pyramid, aligned: channels of the pyramid and after spatial alignment; both are 512 in the paper.
        stem: by how much the stem shrinks: 4 (7 x 7 and a pool, the paper's), 2 (without the pool), 1 (3 x 3).
        padding: `torch` (symmetric), or `tf-same` (one more below and right where the stride is 2), as converted
            weights need.
        rank: inner width of factorised heads: one code of this width per row, which a matrix per layer makes a style.
            0 is the paper's dense heads.
        head_norm: what follows a head's dense layer: `batch` normalisation, the paper's, or `none`. Over a batch of B
            the former shakes every number of a code by 1 / sqrt(B) of its spread while it learns, which a small batch
            cannot afford.
    """

    resolution: int
    widths: tuple[int, ...]
    rows: tuple[int, ...]
    channels: tuple[int, ...]
    depth: int = 50
    pyramid: int = 512
    aligned: int = 512
    stem: int = 4
    padding: str = "torch"
    rank: int = 0
    head_norm: str = "batch"
    image_channels: int = 3

    def __post_init__(self) -> None:
        if self.depth not in UNITS:
            raise GantkError(f"an encoder has depth {', '.join(map(str, UNITS))}, not {self.depth}")
        if self.head_norm not in ("batch", "none"):
            raise GantkError(f"the normalisation of heads is batch or none, not {self.head_norm!r}")
        if self.padding not in ("torch", "tf-same"):
            raise GantkError(f"the padding of an encoder is torch or tf-same, not {self.padding!r}")
        if self.stem not in (1, 2, 4):
            raise GantkError(f"an encoder's stem shrinks by 1, 2 or 4, not by {self.stem}")
        if self.resolution & (self.resolution - 1) or self.resolution < 4 * SIDE * self.stem:
            raise GantkError(
                f"an encoder with a stem of {self.stem} takes images of a power of two from {4 * SIDE * self.stem} "
                f"pixels on, not {self.resolution}; choose another --stem or --size"
            )
        stages = count_stages(self.resolution, self.stem)
        if len(self.channels) != stages + 1:
            raise GantkError(
                f"{len(self.channels)} channel counts for an encoder of {stages} stages and a stem: {stages + 1} needed"
            )
        if len(self.widths) != len(self.rows) or not self.widths:
            raise GantkError(f"{len(self.widths)} style widths and {len(self.rows)} rows do not belong together")

    @property
    def num_rows(self) -> int:
        """L of the generator, as far as its styled layers say."""
        return max(self.rows) + 1

    @property
    def bottleneck(self) -> bool:
        """Whether the units of the trunk are bottlenecks."""
        return self.depth >= 50

    @property
    def entries(self) -> tuple[tuple[int, ...], ...]:
        """The styled layers that each head (coarse, middle, fine) writes: rows 0-3, 4-7 and the rest, as the paper's.

        A network of fewer than nine rows is cut into thirds.
        """
        rows = self.num_rows
        first, second = (4, 8) if rows > 8 else (-(-rows // 3), -(-2 * rows // 3))
        cuts = (range(first), range(first, second), range(second, rows))
        return tuple(tuple(e for e, row in enumerate(self.rows) if row in cut) for cut in cuts)


def count_stages(resolution: int, stem: int) -> int:
    """Stages of a trunk; the first keeps the size, each of the others halves it, down to 4 x 4."""
    return int(math.log2(resolution // stem // SIDE)) + 1


def trunk_channels(depth: int, width: int, stages: int) -> tuple[int, ...]:
    """The paper's channels after the stem and each stage, for a stem of `width` (the paper's is 64).

    The first four stages double from `width` (four times that with bottlenecks). From the fifth on a stage is a single
    bottleneck of 32 `width`, whatever the depth.
    """
    wide = 4 if depth >= 50 else 1
    return (width, *((width << stage) * wide if stage < 4 else 32 * width for stage in range(stages)))


class Convolution(nn.Module):
    """Convolution with the padding of torch or of TensorFlow's SAME, which differ where the stride is two."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, padding: str, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        # A deviation of about 0.02, the paper's, at the paper's widths.
        nn.init.kaiming_normal_(self.weight, nonlinearity="linear")
        self.stride, self.pad = stride, kernel // 2
        self.uneven = padding == "tf-same" and stride == 2 and kernel > 1

    def forward(self, x: Tensor) -> Tensor:
        if self.weight.shape[-1] == 1:
            # The same numbers; oneDNN's gradient of a strided 1x1 convolution of few channels corrupts memory (AVX2).
            return F.conv2d(x[..., :: self.stride, :: self.stride], self.weight, self.bias)
        if not self.uneven:
            return F.conv2d(x, self.weight, self.bias, self.stride, self.pad)
        before, after = self.pad - 1, self.pad
        return F.conv2d(F.pad(x, (before, after, before, after)), self.weight, self.bias, self.stride)


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 (with the stride), 1 x 1; each is normalised before its ReLU, the last after adding the shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, padding: str, project: bool) -> None:
        super().__init__()
        hidden = outputs // 4
        shapes = ((inputs, hidden, 1, 1), (hidden, hidden, 3, stride), (hidden, outputs, 1, 1))
        self.convs = nn.ModuleList(Convolution(*shape, padding) for shape in shapes)
        self.norms = nn.ModuleList(Norm(shape[1]) for shape in shapes)
        self.shortcut = Shortcut(inputs, outputs, stride, padding) if project else None

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norms[0](self.convs[0](x)), inplace=True)
        y = F.relu(self.norms[1](self.convs[1](y)), inplace=True)
        y = self.norms[2](self.convs[2](y))
        return F.relu(y + (x if self.shortcut is None else self.shortcut(x)), inplace=True)


class Basic(nn.Module):
    """Two 3 x 3 convolutions, each with a leaky ReLU *before* its normalisation; nothing follows the sum."""

    def __init__(self, inputs: int, outputs: int, stride: int, padding: str, project: bool) -> None:
        super().__init__()
        shapes = ((inputs, outputs, 3, stride), (outputs, outputs, 3, 1))
        self.convs = nn.ModuleList(Convolution(*shape, padding) for shape in shapes)
        self.norms = nn.ModuleList(Norm(shape[1]) for shape in shapes)
        self.shortcut = Shortcut(inputs, outputs, stride, padding) if project else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.norms[0](F.leaky_relu(self.convs[0](x), LEAK, inplace=True))
        y = self.norms[1](F.leaky_relu(self.convs[1](y), LEAK, inplace=True))
        return y + (x if self.shortcut is None else self.shortcut(x))


class Shortcut(nn.Module):
    """A normalised 1 x 1 projection, in the first unit of every stage."""

    def __init__(self, inputs: int, outputs: int, stride: int, padding: str) -> None:
        super().__init__()
        self.conv = Convolution(inputs, outputs, 1, stride, padding, bias=False)
        self.norm: nn.Module = Norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.conv(x))
        return y


class Head(nn.Module):
    """A flattened map to the styles of some layers: a dense layer and a normalisation; factorised, a matrix per layer.

    `calibrate` (calibration.py) makes it start at the statistics of the generator's own styles.
    """

    def __init__(self, inputs: int, widths: Sequence[int], rows: Sequence[int], rank: int, norm: bool) -> None:
        super().__init__()
        self.widths, self.rank = tuple(widths), rank
        self.order = sorted(set(rows))
        self.code_of = tuple(self.order.index(row) for row in rows)
        outputs = len(self.order) * rank if rank else sum(widths)
        self.dense = nn.Linear(inputs, outputs)
        nn.init.normal_(self.dense.weight, std=math.sqrt(1 / inputs))
        nn.init.zeros_(self.dense.bias)
        self.norm: nn.Module = Norm(outputs) if norm else nn.Identity()
        self.bases = nn.ModuleList(nn.Linear(rank, width) for width in widths if rank)

    def forward(self, map_NCHW: Tensor) -> list[Tensor]:
        code_NS = self.norm(self.dense(map_NCHW.flatten(1)).to(self.dense.weight.dtype))  # half precision ends here
        if not self.rank:
            return list(code_NS.split(self.widths, 1))
        codes = code_NS.split(self.rank, 1)
        return [basis(codes[index]) for basis, index in zip(self.bases, self.code_of, strict=True)]


class Encoder(nn.Module):
    """Images [N, 3, R, R] in [-1, 1] to the styles of a generator's E layers, each [N, C_l].

    For a StyleGAN a style is y_s - 1 and y_b side by side, for a StyleGAN2 what multiplies the channels: what
    `Generator.styles` gives and `Generator.synthesize` takes.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        c, padding = config, config.padding
        self.stem = Convolution(c.image_channels, c.channels[0], 7 if c.stem > 1 else 3, min(c.stem, 2), padding, False)
        self.stem_norm: nn.Module = Norm(c.channels[0])
        self.stages = nn.ModuleList()
        for stage, (inputs, outputs) in enumerate(itertools.pairwise(c.channels)):
            extra = stage >= len(UNITS[c.depth])
            unit = Bottleneck if c.bottleneck or extra else Basic
            units = nn.ModuleList()
            for index in range(1 if extra else UNITS[c.depth][stage]):
                stride = 2 if stage and not index else 1
                units.append(unit(outputs if index else inputs, outputs, stride, padding, project=not index))
            self.stages.append(units)
        # The last three maps; a trunk of two stages lends the map before them.
        self.laterals = nn.ModuleList(Convolution(size, c.pyramid, 3, 1, padding) for size in c.channels[-HEADS:])
        self.outputs = nn.ModuleList(Convolution(c.pyramid, c.pyramid, 3, 1, padding) for _ in range(HEADS))
        self.fusions = nn.ModuleList(Convolution(c.pyramid, c.aligned, 3, 1, padding) for _ in range(HEADS))
        self.heads = nn.ModuleList(
            Head(
                c.aligned * SIDE * SIDE, [c.widths[e] for e in entries], [c.rows[e] for e in entries], c.rank,
                c.head_norm == "batch",
            )
            for entries in c.entries
        )  # fmt: skip

    def trunk(self, image_NCHW: Tensor) -> list[Tensor]:
        """The map after the stem and after each stage (the original's res1, res2, ...)."""
        x = F.leaky_relu(self.stem_norm(self.stem(image_NCHW)), LEAK, inplace=True)
        if self.config.stem == 4:
            if self.config.padding == "tf-same":
                x = F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=-math.inf), 3, 2)
            else:
                x = F.max_pool2d(x, 3, 2, 1)
        maps = [x]
        for units in self.stages:
            assert isinstance(units, nn.ModuleList)
            for unit in units:
                x = unit(x)
            maps.append(x)
        return maps

    def pyramid(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """The pyramid's maps, finest first: laterals summed from the coarsest down, then a convolution each."""
        summed = [lateral(x) for lateral, x in zip(self.laterals, maps[-HEADS:], strict=True)]
        for finer in reversed(range(HEADS - 1)):
            above = summed[finer + 1]
            if above.shape[-1] != summed[finer].shape[-1]:
                above = F.interpolate(above, scale_factor=2.0, mode="nearest")
            summed[finer] = summed[finer] + above
        return [conv(x) for conv, x in zip(self.outputs, summed, strict=True)]

    def align(self, pyramid: Sequence[Tensor]) -> list[Tensor]:
        """Spatial alignment: every map averaged to 4 x 4 and convolved, the coarsest added to the others."""
        pooled = [F.avg_pool2d(x, x.shape[-1] // SIDE) if x.shape[-1] > SIDE else x for x in pyramid]
        fused = [conv(x) for conv, x in zip(self.fusions, pooled, strict=True)]
        return [*(x + fused[-1] for x in fused[:-1]), fused[-1]]

    def forward(self, image_NCHW: Tensor) -> tuple[Tensor, ...]:
        size = self.config.resolution
        if image_NCHW.ndim != 4 or image_NCHW.shape[1:] != (self.config.image_channels, size, size):
            raise GantkError(
                f"images of shape {list(image_NCHW.shape)} do not fit: this encoder takes "
                f"[N, {self.config.image_channels}, {size}, {size}]"
            )
        aligned = self.align(self.pyramid(self.trunk(image_NCHW)))
        styles: dict[int, Tensor] = {}
        for head, entries, x in zip(self.heads, self.config.entries, reversed(aligned), strict=True):
            styles.update(zip(entries, head(x), strict=True))
        return tuple(styles[entry] for entry in range(len(self.config.widths)))

    def folded(self) -> Encoder:
        """A copy for inference: normalisations that follow a linear layer are absorbed into it. Same results."""
        import copy

        twin = copy.deepcopy(self).eval().requires_grad_(False)
        with torch.no_grad():
            twin.stem, twin.stem_norm = _fold(twin.stem, twin.stem_norm), nn.Identity()
            for module in twin.modules():
                if isinstance(module, Shortcut):
                    module.conv, module.norm = _fold(module.conv, module.norm), nn.Identity()
                elif isinstance(module, Bottleneck):
                    for index in range(len(module.convs)):
                        module.convs[index] = _fold(module.convs[index], module.norms[index])
                        module.norms[index] = nn.Identity()
                elif isinstance(module, Head) and isinstance(module.norm, Norm):
                    weight, bias = absorb(module.dense.weight, module.dense.bias, _norm(module.norm))
                    module.dense.weight, module.dense.bias = nn.Parameter(weight), nn.Parameter(bias)
                    module.norm = nn.Identity()
        return twin.requires_grad_(False)


def _norm(module: nn.Module) -> Norm:
    assert isinstance(module, Norm)
    return module


def _fold(conv: nn.Module, norm: nn.Module) -> Convolution:
    assert isinstance(conv, Convolution)
    weight, bias = absorb(conv.weight, conv.bias, _norm(norm))
    conv.weight, conv.bias = nn.Parameter(weight), nn.Parameter(bias)
    return conv
