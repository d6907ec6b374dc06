"""Where an encoder starts: at the styles that its generator itself uses.

Shape legend: N samples, E styled layers, C_l the width of a style, K rank of a factorised head.
"""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor, nn

from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.ghfeat.encoder import SIDE, Encoder, EncoderChoices, EncoderConfig, Head, count_stages, trunk_channels
from gantk.ghfeat.norm import Norm

SAMPLES = 4096
QUIET = 0.1  # a head without normalisation starts with codes near their mean


def style_layout(generator: Generator) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Widths and rows of the generator's styled layers, coarsest first: what an encoder of it writes.

    Raises:
        UsageError: the family has no styles.
    """
    spec = generator.spec
    styled = generator.styled_layers
    if "s" not in spec.spaces or not styled:
        raise UsageError(
            f"a {spec.family} has no style vectors that an encoder could write; GH-Feat needs a generator with a "
            "style per layer, and `gantk invert` works for every family"
        )
    return tuple(layer.style_dim for layer in styled), tuple(layer.row or 0 for layer in styled)


def encoder_config(
    generator: Generator,
    *,
    depth: int = 50,
    width: int = 64,
    resolution: int | None = None,
    **choices: Unpack[EncoderChoices],
) -> EncoderConfig:
    """The configuration of an encoder for this generator.

    Args:
        width: channels of the stem, from which the trunk's follow; 64 is the paper's. The pyramid has 8 times as many.
        resolution: of the images it reads; default: the generator's.
        choices: other fields of `EncoderConfig`.
    """
    widths, rows = style_layout(generator)
    resolution = resolution or generator.spec.resolution
    stem = choices.get("stem", EncoderConfig.stem)
    if resolution < 4 * SIDE * stem:  # too small for the paper's stem: shrink less
        stem = max(1, resolution // (4 * SIDE))
    channels = trunk_channels(depth, width, count_stages(resolution, stem))
    pyramid = choices.get("pyramid", 8 * width)
    chosen: EncoderChoices = {"pyramid": pyramid, "aligned": pyramid, "stem": stem, **choices}
    return EncoderConfig(
        resolution, widths, rows, channels, depth, image_channels=generator.spec.image_channels, **chosen
    )


def sample_styles(generator: Generator, n: int, seed: int = 0) -> tuple[Tensor, ...]:
    """Styles of seeded codes without truncation, each [n, C_l]."""
    w_ND = generator.map(generator.sample_z(n, seed), generator.sample_label(n, seed))
    return tuple(generator.styles(generator.expand(w_ND)))


@torch.no_grad()
def calibrate(encoder: Encoder, generator: Generator, samples: int = SAMPLES, seed: int = 0) -> None:
    """Set the last layers of the heads so that a standard normal code means a style of the generator's own spread.

    A factorised head's matrices become the principal axes of the styles of each row, scaled by their deviations (all
    layers of a row together, since they follow one code of `wp`), and its offsets their means; a dense head starts at
    the mean and deviation of each number, or at the mean where it has no normalisation to hold the deviation.
    """
    styles = [style.float() for style in sample_styles(generator, samples, seed)]
    for head, entries in zip(encoder.heads, encoder.config.entries, strict=True):
        if not entries:
            continue
        assert isinstance(head, Head)
        mine = [styles[entry] for entry in entries]
        if not head.rank:
            joined = torch.cat(mine, 1)
            if isinstance(head.norm, Norm):
                head.norm.bias.copy_(joined.mean(0))
                head.norm.weight.copy_(joined.std(0))
            else:
                head.dense.bias.copy_(joined.mean(0))
                head.dense.weight.mul_(joined.std(0)[:, None] * QUIET)
            continue
        if not isinstance(head.norm, Norm):
            head.dense.weight.mul_(QUIET)
        for code in range(len(head.order)):
            members = [i for i, of in enumerate(head.code_of) if of == code]
            joined = torch.cat([mine[i] for i in members], 1)
            axes_KS = _principal(joined, head.rank)
            first = 0
            for i in members:
                last = first + head.widths[i]
                basis = head.bases[i]
                assert isinstance(basis, nn.Linear)
                basis.weight.copy_(axes_KS[:, first:last].t())
                basis.bias.copy_(joined.mean(0)[first:last])
                first = last


def _principal(style_NS: Tensor, rank: int) -> Tensor:
    """Principal axes times their deviations, [rank, S]; small random ones where there are fewer than `rank`."""
    centred = (style_NS - style_NS.mean(0)).double()
    values, vectors = torch.linalg.eigh(centred.t() @ centred / (len(centred) - 1))
    deviation = values.clamp(min=0).sqrt().flip(0)[:rank]
    axes_KS = (vectors.flip(1)[:, :rank] * deviation).t()
    if len(axes_KS) < rank:
        axes_KS = torch.cat([axes_KS, axes_KS.new_zeros(rank - len(axes_KS), axes_KS.shape[1])])
    # An axis that the generator never uses still has to be learnable.
    floor = 0.01 * deviation[0].clamp(min=1e-6)
    noise = torch.randn(axes_KS.shape, generator=torch.Generator().manual_seed(0), dtype=axes_KS.dtype)
    unused = axes_KS.norm(dim=1, keepdim=True) < floor
    axes_KS = torch.where(unused, noise.to(axes_KS) / axes_KS.shape[1] ** 0.5 * floor, axes_KS)
    return axes_KS.float()
