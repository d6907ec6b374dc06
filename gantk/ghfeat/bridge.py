"""Between w and styles: every style is affine in its row of wp, y = A w + b, which a generator shows when asked.

Legend: N codes, L rows of wp, D width of a row, E styled layers, C_l width of a style, S their sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gantk.codes.directions import Direction
from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.generators.rows import LayerList


@dataclass(frozen=True)
class Affines:
    """Per styled layer: A [C_l, D], b [C_l], and the row of wp it takes."""

    matrices: tuple[Tensor, ...]
    offsets: tuple[Tensor, ...]
    rows: tuple[int, ...]


@torch.no_grad()
def affines(generator: Generator) -> Affines:
    """The affine maps of a generator, read off from the styles of 0 and of the unit vectors."""
    from gantk.ghfeat.calibration import style_layout

    _, rows = style_layout(generator)
    spec = generator.spec
    codes_KD = torch.cat([torch.zeros(1, spec.wp_dim), torch.eye(spec.wp_dim)]).to(generator.device, generator.dtype)
    styles = generator.styles(codes_KD[:, None].expand(-1, spec.num_layers, -1))
    return Affines(tuple((style[1:] - style[:1]).t() for style in styles), tuple(style[0] for style in styles), rows)


@torch.no_grad()
def styles_to_wp(generator: Generator, styles: Sequence[Tensor], ridge: float = 1e-6) -> tuple[Tensor, Tensor]:
    """The codes wp [N, L, D] whose styles are nearest, and how far off they are, [N, L].

    All layers of a row are solved together, in float64. The second result is |y - A w - b| / |y - mean y|: 0 where the
    generator's mapping could have made the styles, near 1 where it could not. A row that feeds nothing gets the mean
    code and the distance 0.
    """
    maps = affines(generator)
    spec, n = generator.spec, styles[0].shape[0]
    average_D = generator.average_w() if spec.can_truncate else torch.zeros(spec.wp_dim, device=generator.device)
    wp_NLD = average_D.double().expand(n, spec.num_layers, -1).clone()
    off_NL = wp_NLD.new_zeros(n, spec.num_layers)
    for row in sorted(set(maps.rows)):
        entries = [entry for entry, of in enumerate(maps.rows) if of == row]
        a_SD = torch.cat([maps.matrices[entry] for entry in entries]).double()
        b_S = torch.cat([maps.offsets[entry] for entry in entries]).double()
        y_NS = torch.cat([styles[entry] for entry in entries], 1).to(a_SD)
        centre_D = average_D.double()
        residual_NS = y_NS - b_S - a_SD @ centre_D
        gram = a_SD.t() @ a_SD
        gram.diagonal().add_(ridge * gram.diagonal().mean())
        step_ND = torch.linalg.solve(gram, a_SD.t() @ residual_NS.t()).t()
        wp_NLD[:, row] = centre_D + step_ND
        left = residual_NS - step_ND @ a_SD.t()
        off_NL[:, row] = left.norm(dim=1) / residual_NS.norm(dim=1).clamp(min=1e-12)
    return wp_NLD.to(styles[0].dtype), off_NL.to(styles[0].dtype)


@torch.no_grad()
def push_forward(
    generator: Generator, direction: Direction, layers: LayerList = None, row: int = 0
) -> tuple[Tensor, ...]:
    """What a step of length 1 along a direction does to the styles: dy = A dw on the chosen rows, E tensors [C_l].

    Raises:
        UsageError: a z-direction, which is no constant change of the styles.
    """
    spec = generator.spec
    if direction.space == "z":
        raise UsageError(
            f"The z-direction {direction.name!r} moves styles differently at every code: give one of w, wp or s, which "
            "an encoded image can be moved along."
        )
    zero = torch.zeros(1, spec.num_layers, spec.wp_dim, device=generator.device, dtype=generator.dtype)
    origin = generator.styles(zero)
    if direction.space == "s":
        moved = direction.apply(origin, 1.0, layers, row=row)
    else:
        moved = generator.styles(direction.apply(zero, 1.0, layers, row=row))
    return tuple((a - b)[0] for a, b in zip(moved, origin, strict=True))


def move(styles: Sequence[Tensor], step: Sequence[Tensor], distance: float) -> tuple[Tensor, ...]:
    """Styles [N, C_l] moved by so many steps."""
    return tuple(style + distance * delta.to(style) for style, delta in zip(styles, step, strict=True))


def principal_steps(
    styles: Sequence[Tensor], rows: Sequence[int], row_of: Sequence[int], count: int
) -> list[tuple[Tensor, ...]]:
    """The first principal axes of encoded images within some rows, each one standard deviation long.

    Raises:
        UsageError: too few images for so many components.
    """
    chosen = [entry for entry, row in enumerate(row_of) if row in set(rows)]
    joined = torch.cat([styles[entry] for entry in chosen], 1).double()
    if len(joined) <= count:
        raise UsageError(f"{len(joined)} encoded images have at most {len(joined) - 1} principal axes, not {count}.")
    centred = joined - joined.mean(0)
    _, values, axes = torch.linalg.svd(centred, full_matrices=False)
    steps = []
    for k in range(count):
        axis = (axes[k] * values[k] / (len(joined) - 1) ** 0.5).to(styles[0].dtype)
        parts = dict(zip(chosen, axis.split([styles[entry].shape[1] for entry in chosen]), strict=True))
        steps.append(tuple(parts.get(entry, torch.zeros_like(style[0])) for entry, style in enumerate(styles)))
    return steps
