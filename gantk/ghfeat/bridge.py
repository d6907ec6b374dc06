"""Between w and styles: every style is affine in its row of wp, y = A w + b, which a generator shows when asked.

Legend: N codes, L rows of wp, D width of a row, E styled layers, C_l width of a style, S their sum.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gantk.codes.directions import Direction
from gantk.codes.kept_directions import of_generator
from gantk.errors import UsageError
from gantk.generators.arguments import described
from gantk.generators.base import Generator
from gantk.generators.rows import LayerList
from gantk.ghfeat.calibration import style_layout
from gantk.ghfeat.codes import entries_of

RIDGE = 1e-6  # share of the mean diagonal that keeps the systems of `styles_to_wp` solvable


@torch.no_grad()
def affines(generator: Generator) -> list[tuple[Tensor, Tensor]]:
    """A [C_l, D] and b [C_l] of each styled layer, read off from the styles of 0 and of the unit vectors."""
    spec = generator.spec
    codes_KD = torch.cat([torch.zeros(1, spec.wp_dim), torch.eye(spec.wp_dim)]).to(generator.device, generator.dtype)
    styles = generator.styles(codes_KD[:, None].expand(-1, spec.num_layers, -1))
    return [((style[1:] - style[:1]).t(), style[0]) for style in styles]


@torch.no_grad()
def styles_to_wp(generator: Generator, styles: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The codes wp [N, L, D] whose styles are nearest, and how far off they are, [N, L].

    All layers of a row are solved together, in float64. The second result is |y - A w - b| / |y - mean y|: 0 where the
    generator's mapping could have made the styles, near 1 where it could not. A row that feeds nothing gets the mean
    code and the distance 0.
    """
    _, rows = style_layout(generator)
    maps = affines(generator)
    spec, n = generator.spec, styles[0].shape[0]
    average_D = generator.average_w() if spec.can_truncate else torch.zeros(spec.wp_dim, device=generator.device)
    wp_NLD = average_D.double().expand(n, spec.num_layers, -1).clone()
    off_NL = wp_NLD.new_zeros(n, spec.num_layers)
    for row in sorted(set(rows)):
        entries = entries_of([row], rows)
        a_SD, b_S = (torch.cat(parts).double() for parts in zip(*(maps[entry] for entry in entries), strict=True))
        y_NS = torch.cat([styles[entry] for entry in entries], 1).to(a_SD)
        centre_D = average_D.double()
        residual_NS = y_NS - b_S - a_SD @ centre_D
        gram = a_SD.t() @ a_SD
        gram.diagonal().add_(RIDGE * gram.diagonal().mean())
        step_ND = torch.linalg.solve(gram, a_SD.t() @ residual_NS.t()).t()
        wp_NLD[:, row] = centre_D + step_ND
        left = residual_NS - step_ND @ a_SD.t()
        off_NL[:, row] = left.norm(dim=1) / residual_NS.norm(dim=1).clamp(min=1e-12)
    return wp_NLD.to(styles[0].dtype), off_NL.to(styles[0].dtype)


def direction_of(given: object, generator: Generator) -> Direction:
    """The direction that is given, or that a result carries.

    Raises:
        UsageError: there is none.
        GantkError: it is another generator's.
    """
    found = given if isinstance(given, Direction) else getattr(given, "direction", None)
    if not isinstance(found, Direction):
        raise UsageError(
            f"The direction is {described(given)}: give a Direction (gantk.load_direction reads files), or a result "
            "that carries one."
        )
    return of_generator(found, generator)


@torch.no_grad()
def push_forward(
    generator: Generator, direction: Direction, layers: LayerList = None, pick: int = 0
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
        moved = direction.apply(origin, 1.0, layers, pick=pick)
    else:
        moved = generator.styles(direction.apply(zero, 1.0, layers, pick=pick))
    return tuple((a - b)[0] for a, b in zip(moved, origin, strict=True))


def move(styles: Sequence[Tensor], step: Sequence[Tensor], distance: float) -> tuple[Tensor, ...]:
    """Styles [N, C_l] moved by so many steps."""
    return tuple(style + distance * delta.to(style) for style, delta in zip(styles, step, strict=True))


def principal_step(
    styles: Sequence[Tensor], rows: Sequence[int], row_of: Sequence[int], number: int
) -> tuple[Tensor, ...]:
    """Principal axis `number`, from 0, of encoded images within some rows, one standard deviation long.

    Raises:
        UsageError: too few images for so many axes.
    """
    chosen = entries_of(rows, row_of)
    joined = torch.cat([styles[entry] for entry in chosen], 1).double()
    if len(joined) <= number + 1:
        raise UsageError(
            f"{len(joined)} encoded images have at most {len(joined) - 1} principal axes, not {number + 1}."
        )
    _, values, axes = torch.linalg.svd(joined - joined.mean(0), full_matrices=False)
    axis = (axes[number] * values[number] / (len(joined) - 1) ** 0.5).to(styles[0].dtype)
    parts = dict(zip(chosen, axis.split([styles[entry].shape[1] for entry in chosen]), strict=True))
    return tuple(parts.get(entry, torch.zeros_like(style[0])) for entry, style in enumerate(styles))
