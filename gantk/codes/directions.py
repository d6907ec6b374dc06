"""Directions: a boundary's normal or a found direction, where it applies, and how codes move along it.

`Direction.apply` is HiGAN's manipulation (Yang, Shen and Zhou, section 3): x + d * s_l * b_l on chosen rows, where a
w-direction moved inside truncated wp is scaled by psi on the truncated rows, since
wp_l = w_avg + psi_l (w - w_avg) moves by psi_l d b when w moves by d b.

Legend: N samples, K directions in a file, L rows of wp, D the width of a code, S the summed width of all styles.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Union, cast, overload

import numpy as np
import numpy.typing as npt

from gantk.errors import UsageError
from gantk.generators.arguments import described, fits, no_tensor
from gantk.generators.rows import LayerList, parse_layers

if TYPE_CHECKING:
    from torch import Tensor

    from gantk.generators.base import Styles, Truncation, WpOrStyles

Distance = Union[float, "Tensor", npt.NDArray[np.floating], Sequence[float]]

KINDS = ("boundary", "direction")
SPACES = ("z", "w", "wp", "s")
LEAST_LENGTH, LARGEST_LENGTH = 1e-6, 1e6  # codes are some units long: beyond these no distance gives another picture


@dataclass(frozen=True, eq=False, repr=False)
class Direction:
    """One or several directions of one latent space.

    Attributes:
        name: what it moves, such as "time_of_day".
        kind: "boundary" (the normal of a classifier's hyperplane, with an intercept) or "direction".
        space: "z", "w", "wp" or "s" (all styles side by side).
        vectors: float32 [K, D], [K, L, D] for wp, [K, S] for s; K = 1 for a boundary.
        intercept: of a boundary, so that x . b + intercept is the signed distance for a unit b; one per row of a
            wp-boundary. None is a hyperplane through the origin.
        layers: the rows it is meant for; None is all. What the caller asks for wins.
        scale: distances from -scale to scale are worth looking at.
        scales: the same for each of the K directions, where they differ.
        probe: of the generator it was made for; verbs refuse another one, unless `replace(probe=None)` takes it away.
        meta: the command, seed, accuracies and whatever else belongs on its card.
    """

    name: str
    kind: str
    space: str
    vectors: npt.NDArray[np.float32]
    intercept: float | tuple[float, ...] | None = None
    layers: tuple[int, ...] | None = None
    scale: float = 3.0
    probe: Mapping[str, Any] | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    scales: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        vectors = np.asarray(self.vectors)
        if self.kind not in KINDS:
            raise UsageError(f"The direction {self.name!r} has the kind {self.kind!r}: it is {' or '.join(KINDS)}.")
        if not isinstance(self.space, str) or self.space not in SPACES:
            raise UsageError(f"The direction {self.name!r} has the space {self.space!r}: give {', '.join(SPACES)}.")
        wanted = 3 if self.space == "wp" else 2
        if vectors.ndim != wanted or vectors.size == 0:
            form = "[K, L, D]" if wanted == 3 else "[K, D]"
            raise UsageError(
                f"The direction {self.name!r} has the shape {vectors.shape}, and one of {self.space} has {form}: "
                "say which space it is of."
            )
        if not np.isfinite(vectors).all() or not vectors.reshape(len(vectors), -1).any(axis=1).all():
            raise UsageError(f"The direction {self.name!r} has a vector that is zero or not finite: find it again.")
        length_K = np.linalg.norm(vectors.reshape(len(vectors), -1).astype(np.float64), axis=1)
        odd = [float(length) for length in length_K if not LEAST_LENGTH <= length <= LARGEST_LENGTH]
        if odd:
            raise UsageError(
                f"The direction {self.name!r} has the length {odd[0]:.3g}, by which every unit of distance moves "
                "codes, and shows nothing: divide it by its length (v / numpy.linalg.norm(v))."
            )
        if isinstance(self.intercept, tuple) and (self.space != "wp" or len(self.intercept) != vectors.shape[1]):
            raise UsageError(
                f"The direction {self.name!r} has {len(self.intercept)} intercepts: only a wp-boundary has several, "
                "one per row."
            )
        if self.scales is not None and len(self.scales) != len(vectors):
            raise UsageError(f"The direction {self.name!r} has {len(self.scales)} scales for {len(vectors)} vectors.")
        # a copy where they are those of a file that is only read: torch takes no such array
        object.__setattr__(self, "vectors", np.require(vectors, np.float32, ["C", "W"]))

    def __len__(self) -> int:
        return len(self.vectors)

    def __repr__(self) -> str:
        rows = "" if self.layers is None else f", for rows {', '.join(map(str, self.layers))}"
        shape = " x ".join(map(str, self.vectors.shape[1:]))
        what = f"{self.space}-{self.kind} {self.name!r}"
        return f"Direction: {what}, {_count(len(self), 'vector')} of {shape}{rows}, range {self.scale:.3g}"

    @property
    def width(self) -> int:
        """D, or S for styles."""
        return int(self.vectors.shape[-1])

    def fingerprint(self) -> object:
        """What moves codes, for the identity of a run; the card does not count."""
        from gantk.store.fingerprint import fingerprint

        parts = (self.name, self.space, self.vectors, self.intercept, self.layers, self.scale)
        return fingerprint(parts)

    def scale_of(self, pick: int) -> float:
        """How far this one of the K directions is worth looking at to either side."""
        return self.scale if self.scales is None else self.scales[pick]

    def pick(self, pick: int, name: str | None = None) -> Direction:
        """One of the K directions alone."""
        return dataclasses.replace(
            self, name=name or self.name, vectors=self.vectors[pick : pick + 1], scale=self.scale_of(pick), scales=None
        )

    # Any: fields of this class, whose constructor checks them
    def replace(self, **changes: Any) -> Direction:
        """Return a copy with other values."""
        return dataclasses.replace(self, **changes)

    @overload
    def apply(
        self,
        codes: Tensor,
        distance: Distance,
        layers: LayerList = None,
        truncation: Truncation | float | None = None,
        pick: int = 0,
        absolute: bool = False,
    ) -> Tensor: ...

    @overload
    def apply(
        self,
        codes: Sequence[Tensor],
        distance: Distance,
        layers: LayerList = None,
        truncation: Truncation | float | None = None,
        pick: int = 0,
        absolute: bool = False,
    ) -> Styles: ...

    def apply(
        self,
        codes: WpOrStyles,
        distance: Distance,
        layers: LayerList = None,
        truncation: Truncation | float | None = None,
        pick: int = 0,
        absolute: bool = False,
    ) -> Tensor | Styles:
        """Move codes along the direction; differentiable in codes and distance.

        Args:
            codes: a torch tensor of the direction's space: z [N, D], w [N, D] (before truncation), wp [N, L, D]; a
                w-direction moves wp too. A sequence of [N, C_l] tensors for styles.
            distance: a number or [N]; a single code with [N] distances gives N codes.
            layers: the rows of wp to move, see `parse_layers`; None is what the direction brings, or else every row.
            truncation: the one `codes` went through in `expand`; only for a w-direction on wp, see above.
            pick: which of the K directions.
            absolute: `distance` is the signed distance from the boundary to move to, instead of the one to move by.

        Returns:
            The moved codes, in the shape and dtype of `codes`.

        Raises:
            UsageError: the direction does not apply to such codes (the way that works is named), a layer or pick is out
                of range, or an absolute distance has no meaning there.
        """
        if not fits(pick, "int") or not 0 <= pick < len(self):
            raise UsageError(f"{self.title} has {_count(len(self), 'vector')}, so pick {pick!r} does not exist.")
        if self.space == "s":
            return self._apply_styles(codes, distance, layers, pick, absolute)
        codes = self._check_codes(codes)
        vector = _like(self.vectors[pick], codes)
        distance_N = self._distances(distance, codes)
        if codes.ndim == 2:
            if layers is not None:
                space = "z feeds every layer" if self.space == "z" else "w is not yet one code per layer"
                raise UsageError(f"Layers cannot be chosen here because {space}: leave them out, or move wp instead.")
            if not absolute:
                return codes + distance_N[:, None] * vector
            unit = vector / vector.norm()
            return codes + (distance_N - codes @ unit - self._intercept(1)[0])[:, None] * unit
        return self._apply_wp(codes, vector, distance_N, layers, truncation, absolute)

    def _apply_wp(
        self,
        wp_NLD: Tensor,
        vector: Tensor,
        distance_N: Tensor,
        layers: LayerList,
        truncation: Truncation | float | None,
        absolute: bool,
    ) -> Tensor:
        num_layers = wp_NLD.shape[1]
        chosen = parse_layers(self.layers if layers is None else layers, num_layers, noun="row")
        strengths = [1.0] * num_layers
        if self.space == "w" and truncation is not None:
            from gantk.generators.spec import truncation_of

            strengths = truncation_of(truncation).strengths(num_layers)
        mask_L1 = wp_NLD.new_tensor([float(layer in chosen) for layer in range(num_layers)])[:, None]
        if not absolute:
            strength_L1 = wp_NLD.new_tensor(strengths)[:, None] * mask_L1
            return wp_NLD + distance_N[:, None, None] * (strength_L1 * vector)
        if any(strengths[layer] != 1.0 for layer in chosen):
            raise UsageError(
                "An absolute distance cannot be told inside truncated wp: move w before it is expanded, "
                "or give the distance relative to the code."
            )
        unit = vector / vector.norm(dim=-1, keepdim=True)
        signed_NL = (wp_NLD * unit).sum(dim=-1) + wp_NLD.new_tensor(self._intercept(num_layers))
        return wp_NLD + (distance_N[:, None] - signed_NL)[:, :, None] * (mask_L1 * unit)

    def _apply_styles(
        self, codes: WpOrStyles, distance: Distance, layers: LayerList, pick: int, absolute: bool
    ) -> Styles:
        if not isinstance(codes, Sequence):  # a tensor
            raise UsageError(
                f"{self.title} is one of styles: apply it to `generator.styles(wp)`, then synthesize those."
            )
        if absolute:
            raise UsageError(f"{self.title} is one of styles, which have no absolute distance: give a relative one.")
        widths = [style.shape[-1] for style in codes]
        if sum(widths) != self.width:
            raise UsageError(
                f"{self.title} is {self.width} wide and these styles {sum(widths)}: it is another network's."
            )
        chosen = parse_layers(self.layers if layers is None else layers, len(widths))
        parts = np.split(self.vectors[pick], np.cumsum(widths)[:-1])
        return tuple(
            style + self._distances(distance, style)[:, None] * _like(part, style) if index in chosen else style
            for index, (style, part) in enumerate(zip(codes, parts, strict=True))
        )

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"The {self.space}-{'boundary' if self.kind == 'boundary' else 'direction'} {self.name!r}"

    def _check_codes(self, codes: WpOrStyles) -> Tensor:
        shape = tuple(getattr(codes, "shape", ()))
        ways = {
            "z": "apply it to z [N, D] and map the result",
            "w": "apply it to w [N, D] or to wp [N, L, D]",
            "wp": "apply it to wp [N, L, D], which `expand` makes of w",
        }
        if len(shape) not in {"z": (2,), "w": (2, 3), "wp": (3,)}[self.space]:
            raise UsageError(f"{self.title} does not apply to codes of shape {shape}: {ways[self.space]}.")
        if shape[-1] != self.width:
            raise UsageError(
                f"{self.title} is {self.width} wide and the codes {shape[-1]}: it belongs to another network."
            )
        if self.space == "wp" and shape[1] != self.vectors.shape[1]:
            raise UsageError(
                f"{self.title} has {self.vectors.shape[1]} layers and the codes {shape[1]}: "
                "it belongs to another network."
            )
        if not hasattr(codes, "new_tensor"):
            raise no_tensor("codes", codes)
        return cast("Tensor", codes)

    def _distances(self, distance: Distance, codes: Tensor) -> Tensor:
        import torch

        try:
            distance_N = torch.as_tensor(distance, dtype=codes.dtype, device=codes.device)
        except (TypeError, ValueError, RuntimeError) as error:
            raise UsageError(f"distance is {described(distance)}: give a number, or one for each code.") from error
        if isinstance(distance, float) and not math.isfinite(distance):
            raise UsageError(f"distance is {distance}: give a finite number.")
        if distance_N.ndim > 1 or (
            distance_N.numel() != codes.shape[0] and 1 not in (distance_N.numel(), codes.shape[0])
        ):
            raise UsageError(
                f"Distances of shape {tuple(distance_N.shape)} do not fit {codes.shape[0]} codes: "
                "give one, or one per code."
            )
        return distance_N.reshape(-1)

    def _intercept(self, rows: int) -> list[float]:
        if isinstance(self.intercept, tuple):
            return list(self.intercept)
        return [self.intercept or 0.0] * rows


def _like(array: npt.NDArray[np.float32], codes: Tensor) -> Tensor:
    import torch

    return torch.from_numpy(array).to(device=codes.device, dtype=codes.dtype)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
