"""A picture from a base and moves: codes, what of the network they change, and rendering from the nearest kept state.

Shape legend: N = 1 sample, L rows of wp, D width.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gantk.codes.projection import project
from gantk.errors import GantkError
from gantk.generators.base import State, Truncation
from gantk.web.cache import Cache, size_of
from gantk.web.catalogue import Catalogue, Entry
from gantk.web.terms import Base, Move
from gantk.web.wire import ApiError

if TYPE_CHECKING:
    from gantk.codes.directions import Direction
    from gantk.generators.base import Deltas, Generator, WpOrStyles

Fetch = Callable[[str], bytes]  # a blob by its sha
SKETCH = 256  # pixels a side while something moves, of a network that takes seconds


@dataclass(frozen=True, eq=False)
class Scene:
    """All that a picture is made of: wp [1, L, D] or styles, weight deltas by layer index, the noise.

    `marks` has, by layer, bytes that are equal where two scenes feed the layer alike.
    """

    codes: WpOrStyles
    deltas: dict[int, Tensor]
    noise: int | str
    marks: tuple[bytes, ...]

    def differs_from(self, other: Scene | None) -> int | None:
        """The first layer that two scenes feed differently; None where they are alike."""
        if other is None:
            return 0
        for place, (mine, theirs) in enumerate(zip(self.marks, other.marks, strict=True)):
            if mine != theirs:
                return place
        return None


@dataclass(frozen=True, eq=False)
class Rendered:
    """An image [1, C, H, W], and the first layer that was computed for it."""

    image: Tensor
    first: int


class Easel:
    """One model with its directions: builds scenes and renders them. Only the compute thread calls it."""

    def __init__(self, catalogue: Catalogue, limit: int = 512 << 20) -> None:
        self.generator, self.catalogue = catalogue.generator, catalogue
        self.states: Cache[State] = Cache(limit)
        self.codes: Cache[tuple[Tensor | None, Tensor | None, Tensor]] = Cache(16 << 20)
        self._sketched, self._pauses = _stops(self.generator)

    # --- codes -------------------------------------------------------------------------------------------------

    def truncation(self, base: Base) -> Truncation | None:
        return None if base.psi is None else Truncation(base.psi, base.rows)

    def start(self, base: Base, fetch: Fetch) -> tuple[Tensor | None, Tensor | None, Tensor]:
        """z [1, Z], w [1, D] and wp [1, L, D] of a base; z and w are None for a kept code."""
        key = base if base.code is None else base.code
        found = self.codes.get(key)
        if found is None:
            found = self._sample(base) if base.code is None else (None, None, self.read_code(fetch(base.code)))
            self.codes.put(key, found, 8 * found[2].numel() * found[2].element_size())
        return found

    def _sample(self, base: Base) -> tuple[Tensor, Tensor, Tensor]:
        generator = self.generator
        label = self.label(base)
        z = generator.sample_z(1, seed=base.seed, start=base.index)
        w = generator.map(z, label)
        return z, w, generator.expand(w, self.truncation(base)).contiguous()

    def label(self, base: Base) -> Tensor | None:
        """The class [1] of a base; a conditional network draws one where none is chosen."""
        generator = self.generator
        if base.label is None:
            return generator.sample_label(1, seed=base.seed, start=base.index)
        classes = generator.spec.label_dim
        if base.label >= classes:
            kinds = f"has classes 0 to {classes - 1}" if classes else "takes no class"
            raise ApiError(400, f"There is no class {base.label}: this {generator.spec.family} {kinds}.")
        return torch.tensor([base.label], device=generator.device)

    def read_code(self, data: bytes) -> Tensor:
        wanted = (1, self.generator.spec.num_layers, self.generator.spec.wp_dim)
        try:
            array = np.load(io.BytesIO(data), allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise ApiError(400, "The blob is no code: it is no .npy array.") from error
        if array.shape != wanted or array.dtype != np.float32 or not np.isfinite(array).all():
            raise ApiError(400, f"The blob holds {array.dtype} {array.shape}, where a code float32 {wanted} is needed.")
        return torch.from_numpy(array).to(self.generator.device)

    # --- moves -------------------------------------------------------------------------------------------------

    def moved(self, base: Base, moves: Sequence[Move], fetch: Fetch) -> tuple[WpOrStyles, dict[int, Tensor]]:
        """Codes (wp, or styles where a move is of them) and weight deltas by layer index.

        Raises:
            GantkError: a direction does not exist, does not fit, or does not apply to such codes.
        """
        active = sorted((move for move in moves if not move.mute), key=lambda move: move.direction)
        held = [(move, self.catalogue.get(move.direction)) for move in active if move.hold]
        found = [(move, self.catalogue.get(move.direction)) for move in active if move.amount]
        z, _, wp = self.start(base, fetch)
        truncation = self.truncation(base)
        for move, entry in found:
            if entry.space == "z":
                if z is None:
                    raise GantkError(
                        f"{entry.name!r} moves z, which is not known of a kept code: reset it, or go back."
                    )
                z = direction_of(move, entry, held).apply(z, move.amount, pick=0)
        if z is not None and any(entry.space == "z" for _, entry in found):
            wp = self.generator.expand(self.generator.map(z, self.label(base)), truncation)
        for move, entry in found:
            if entry.space in ("w", "wp"):
                wp = direction_of(move, entry, held).apply(wp, move.amount, move.rows, truncation)
        if not any(entry.space == "s" for _, entry in found):
            return wp, self._deltas(found)
        styles = self.generator.styles(wp)
        for move, entry in found:
            if entry.space == "s":
                styles = direction_of(move, entry, held).apply(styles, move.amount, move.rows)
        return styles, self._deltas(found)

    def _deltas(self, found: list[tuple[Move, Entry]]) -> dict[int, Tensor]:
        deltas: dict[int, Tensor] = {}
        for move, entry in found:
            if entry.weights is None or entry.layer is None:
                continue
            layer = self.generator.layer(entry.layer)
            delta = entry.weights.delta(entry.row).to(self.generator.device, self.generator.dtype) * move.amount
            deltas[layer.index] = deltas[layer.index] + delta if layer.index in deltas else delta
        return deltas

    def latent(self, base: Base, moves: Sequence[Move], fetch: Fetch) -> Tensor:
        """The moved code wp [1, L, D].

        Raises:
            GantkError: a move is none of codes, so that no wp says what it does.
        """
        for move in moves:
            entry = self.catalogue.get(move.direction)
            if not move.mute and move.amount and entry.space in ("s", "weights"):
                kind = "the weights" if entry.space == "weights" else "styles"
                raise GantkError(f"{entry.name!r} moves {kind}, which a kept code cannot hold: mute or reset it first.")
        with torch.no_grad():
            codes, _ = self.moved(base, moves, fetch)
            assert isinstance(codes, Tensor)  # moves of styles were refused
            return codes.clone()  # what was made for a frame cannot be differentiated

    # --- pictures ----------------------------------------------------------------------------------------------

    def scene(self, base: Base, moves: Sequence[Move], fetch: Fetch) -> Scene:
        with torch.inference_mode():
            codes, deltas = self.moved(base, moves, fetch)
            return Scene(codes, deltas, base.noise, self._marks(codes, deltas, base.noise))

    def _marks(self, codes: WpOrStyles, deltas: dict[int, Tensor], noise: int | str) -> tuple[bytes, ...]:
        spec, layers = self.generator.spec, self.generator.layers
        common = repr(noise).encode()
        if isinstance(codes, Tensor):
            parts = [codes[0, row].float().cpu().numpy().tobytes() for row in range(spec.num_layers)]
            fed = {layer.row for layer in layers}
            # rows that no layer names may be read anywhere
            common += b"".join(part for row, part in enumerate(parts) if row not in fed)
            by_layer = [b"" if layer.row is None else parts[layer.row] for layer in layers]
        else:
            styles = iter(codes)
            by_layer = [next(styles).float().cpu().numpy().tobytes() if layer.style_dim else b"s" for layer in layers]
        for index, delta in deltas.items():
            by_layer[index] += hashlib.sha256(delta.float().cpu().numpy().tobytes()).digest()
        return tuple(hashlib.sha256(common + part).digest() for part in by_layer)

    def render(self, scene: Scene, before: Scene | None = None, sketch: bool = False) -> Rendered:
        """Render, from a kept state where one fits; `before` is what this pane showed last.

        The state before the first layer that differs from `before` is kept for the next call. A picture has the same
        bits whether it was rendered from a state or not. A `sketch` of a large network on a CPU is its image so far at
        256 pixels, where the family adds its image up from resolution to resolution.
        """
        with torch.inference_mode():
            start, computed = self._begin(scene, before, self._sketched if sketch else None)
            if sketch and self._sketched is not None:
                state = self._cache(scene, self._sketched, start)
                if state.image is not None:
                    return Rendered(state.image, computed)
                start = state
            return Rendered(self._finish(scene, start), computed)

    def render_in_steps(self, scene: Scene, before: Scene | None, pause: Callable[[], bool]) -> Rendered | None:
        """`render`, with a pause before each resolution of a large network; None once `pause` says so."""
        with torch.inference_mode():
            start, computed = self._begin(scene, before)
            for index in self._pauses:
                if start is None or start.index < index:
                    start = self._cache(scene, index, start)
                    if pause():
                        return None
            return Rendered(self._finish(scene, start), computed)

    def _begin(self, scene: Scene, before: Scene | None, most: int | None = None) -> tuple[State | None, int]:
        """The state to go on from, after noting one for the next frame, and the first layer that was computed."""
        split = scene.differs_from(before)
        split = None if not split or before is None else split
        last = len(self.generator.layers) - 1 if most is None else most
        start = self._best_state(scene, last)
        computed = start.index if start is not None else 0
        if split is not None and computed < split <= last:
            start = self._advance(scene, split, start)
        return start, computed

    def _finish(self, scene: Scene, start: State | None) -> Tensor:
        return self.generator.synthesize(
            scene.codes, noise=scene.noise, start=start, weight_deltas=_with_strengths(scene.deltas)
        )

    def _cache(self, scene: Scene, index: int, start: State | None) -> State:
        return self.generator.cache(
            scene.codes, index, noise=scene.noise, start=start, weight_deltas=_with_strengths(scene.deltas)
        )

    def draw(self, wp_1LD: Tensor, noise: int | str = "const") -> Tensor:
        """The image of a code, with the bits that `render` gives it."""
        with torch.inference_mode():
            return self.generator.synthesize(wp_1LD, noise=noise)

    @property
    def sketches(self) -> bool:
        """Whether pictures take seconds, so that sketches stand in for them."""
        return self._sketched is not None

    def sketch(self, wp_1LD: Tensor) -> Tensor:
        """The image of a code for a look on the way: at 256 pixels where `render` can sketch, else whole."""
        if self._sketched is None:
            return self.draw(wp_1LD)
        with torch.inference_mode():
            image = self.generator.cache(wp_1LD, self._sketched).image
        return self.draw(wp_1LD) if image is None else image

    def _key(self, scene: Scene, index: int) -> tuple[int, bytes]:
        return index, hashlib.sha256(b"".join(scene.marks[:index]) + repr(scene.noise).encode()).digest()

    def _best_state(self, scene: Scene, most: int) -> State | None:
        for index in range(most, 0, -1):
            if (key := self._key(scene, index)) in self.states:
                return self.states.get(key)
        return None

    def _advance(self, scene: Scene, index: int, start: State | None) -> State | None:
        try:
            state = self._cache(scene, index, start)
        except GantkError:  # a family that cannot be interrupted there
            return start
        self.states.put(self._key(scene, index), state, size_of(state))
        return state

    def forget(self) -> None:
        """Empty the caches: memory ran out."""
        self.states.clear()
        self.codes.clear()

    def neighbour(self, base: Base, offset: int) -> Base:
        """Sample number `offset` beside a base: further samples of its seed."""
        return base if offset == 0 else replace(base, index=base.index + offset, code=None)


def _stops(generator: Generator) -> tuple[int | None, tuple[int, ...]]:
    """Where a network that takes seconds is interrupted: the layer that ends a sketch, the first of each resolution.

    Only networks that add their image up can be sketched, and only those that take long: on a CPU, over 256 pixels.
    """
    slow = generator.device.type == "cpu" and generator.spec.resolution > SKETCH
    if not slow or getattr(getattr(generator, "config", None), "architecture", "") != "skip":
        return None, ()
    first: dict[int, int] = {}
    for layer in generator.layers:
        first.setdefault(layer.resolution, layer.index)
    beyond = [index for resolution, index in sorted(first.items()) if resolution > SKETCH // 2]
    return next(index for resolution, index in sorted(first.items()) if resolution > SKETCH), tuple(beyond)


def _with_strengths(deltas: dict[int, Tensor]) -> Deltas | None:
    return {index: (delta, 1.0) for index, delta in deltas.items()} or None


def direction_of(move: Move, entry: Entry, held: Sequence[tuple[Move, Entry]]) -> Direction:
    """The one row of an entry's direction, orthogonal to those of its space that are held fixed; its length stays."""
    if entry.direction is None:
        raise ApiError(400, f"{entry.name!r} is no direction of codes.")
    vector = entry.direction.vectors[entry.row]
    others = [
        other.direction.vectors[other.row]
        for kept, other in held
        if kept.direction != move.direction and other.space == entry.space and other.direction is not None
    ]
    if others:
        length = np.linalg.norm(vector, axis=-1, keepdims=True)
        vector = (project(vector, others) * length).astype(np.float32)
    return entry.direction.replace(vectors=vector[None], intercept=None, kind="direction")
