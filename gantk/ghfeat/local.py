"""Local edits: a region of a feature map is another image's, and nothing outside its reach changes by a single bit.

Two ways (Xu et al. 2021, section 4.3, and a variant of it), at chosen layers k of the generator, with m the mask
resized to each map:

    features   F_k <- (1 - m) F_k(A) + m F_k(B)          B's map takes the place of A's; A's styles continue
    styles     F_k <- (1 - m) f_k(x; y_A) + m f_k(x; y_B)   the same input, styled by A and by B, pixel by pixel

A family with instance normalisation leaks: the later statistics are those of the whole map. They are therefore kept as
the unedited run had them. What the edit can reach is then known exactly, by running it once with not-a-number.

Shape legend: N images, C channels, H x W pixels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.generators.spec import Layer, State
from gantk.predictors.resampling import resize

WAYS = ("features", "styles")
Styles = Sequence[Tensor]


@dataclass(frozen=True)
class LocalEdit:
    """Images [N, 3, H, W] before and after, and where the edit can reach: bool [N, 1, H, W], the mask included."""

    base_NCHW: Tensor
    edited_NCHW: Tensor
    reach_N1HW: Tensor
    mask_N1HW: Tensor

    def changes(self) -> dict[str, float]:
        """Mean absolute change inside and outside the mask, and the largest one beyond the edit's reach."""
        change = (self.edited_NCHW - self.base_NCHW).abs().mean(1, keepdim=True)
        inside, beyond = self.mask_N1HW > 0, ~self.reach_N1HW
        return {
            "inside": _mean(change, inside),
            "outside": _mean(change, ~inside),
            "beyond_reach": float((change * beyond).amax()) if beyond.any() else 0.0,
            "reach": self.reach_N1HW.float().mean().item(),
        }


def _mean(values: Tensor, where: Tensor) -> float:
    return (values * where).sum().item() / max(where.sum().item(), 1)


def editable_layers(generator: Generator, rows: Sequence[int]) -> list[Layer]:
    """The layers fed by these rows whose maps can be exchanged: those of convolutions, not the image's.

    Raises:
        UsageError: there is none.
    """
    layers = [layer for layer in generator.layers if layer.row in set(rows) and layer.has_map and not layer.is_rgb]
    if not layers:
        raise UsageError(f"rows {list(rows)} feed no layer whose map could be edited; choose others with --layers")
    return layers


@torch.no_grad()
def edit_locally(
    generator: Generator, base: Styles, other: Styles, mask_NHW: Tensor, rows: Sequence[int], way: str = "features"
) -> LocalEdit:
    """Put a region of one image into another, at the layers that `rows` feed.

    Args:
        base, other: styles of N images each.
        mask_NHW: [H, W] or [N, H, W] in [0, 1], at the generator's resolution; 1 is the other image.
        way: `features` or `styles`, see above.

    Raises:
        UsageError: shapes that do not fit, no such way, or rows without a map.
    """
    if way not in WAYS:
        raise UsageError(f"a local edit is by {' or '.join(WAYS)}, not by {way!r}")
    size = generator.spec.size
    n = base[0].shape[0]
    if mask_NHW.shape[-2:] != size or mask_NHW.ndim not in (2, 3):
        raise UsageError(f"a mask of shape {list(mask_NHW.shape)} does not fit: {list(size)} is expected")
    mask = mask_NHW.to(base[0]).clamp(0, 1).expand(n, *size).unsqueeze(1)
    layers = editable_layers(generator, rows)
    statistics = generator.cache(base, before=len(generator.layers) - 1).statistics
    first: State | None = None  # with the statistics of all layers, where a family has some
    if statistics:
        first = dataclasses.replace(generator.cache(base, before=0), statistics=statistics)

    def run(other: Styles, theirs: Mapping[str, Tensor]) -> Tensor:
        state = first
        for layer in layers:
            after = layer.index + 1
            if way == "styles":
                before = generator.cache(base, before=layer.index, start=state)
                mine = generator.cache(base, before=after, start=before)
                theirs_x = generator.cache(_with_layer(generator, base, other, layer), before=after, start=before).x
            else:
                mine = generator.cache(base, before=after, start=state)
                theirs_x = theirs[layer.name]
            assert mine.x is not None and theirs_x is not None
            m = resize(mask, *mine.x.shape[-2:])
            # Where the mask is zero the map stays as it is, to the bit, whatever the other one holds.
            blended = torch.where(m > 0, torch.lerp(mine.x, theirs_x, m), mine.x)
            state = dataclasses.replace(mine, x=blended, statistics=statistics)
        return generator.synthesize(base, start=state)

    theirs: dict[str, Tensor] = {}
    if way == "features":
        _, theirs = generator.trace(other, [layer.name for layer in layers], image=False)
    marked = {name: torch.full_like(x, torch.nan) for name, x in theirs.items()}
    reach = run([torch.full_like(style, torch.nan) for style in other], marked).isnan().any(1, keepdim=True)
    return LocalEdit(generator.synthesize(base, start=first), run(other, theirs), reach | (mask > 0), mask)


def _with_layer(generator: Generator, base: Styles, other: Styles, layer: Layer) -> list[Tensor]:
    """The base's styles with one layer's replaced by the other's."""
    pairs = zip(generator.styled_layers, base, other, strict=True)
    return [b if each.index == layer.index else a for each, a, b in pairs]
