"""The directions a model can be moved along: boundaries, regions, weights, closed forms, and those made here.

Each entry has an id that depends on its content alone, so that a project finds it again after a restart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gantk.codes.direction_files import SUFFIXES
from gantk.codes.directions import Direction
from gantk.codes.kept_directions import check_generator, load_direction
from gantk.errors import GantkError
from gantk.store.json_values import JsonView
from gantk.store.shipped import shipped_files
from gantk.web.wire import ApiError

if TYPE_CHECKING:
    from gantk.generators.base import Generator
    from gantk.navigan.directions import WeightDirections

COMPONENTS = 8  # of SeFa and of GANSpace
WEIGHT_SUFFIXES = (".safetensors", ".pt")


@dataclass(frozen=True, eq=False)
class Entry:
    """One line of the page: a row of a `Direction`, or of `WeightDirections`.

    `source` is how a command line names it, empty where it cannot; `reason` says why it does not fit.
    """

    id: str
    name: str
    system: str
    space: str
    rows: tuple[int, ...] | None
    scale: float
    row: int
    layer: str | None = None
    source: str = ""
    reason: str = ""
    effect: float | None = None
    direction: Direction | None = None
    weights: WeightDirections | None = None

    @property
    def fits(self) -> bool:
        return not self.reason

    def view(self) -> dict[str, JsonView]:
        fields = ("id", "name", "system", "space", "rows", "scale", "layer", "fits", "reason", "effect")
        return {field: getattr(self, field) for field in fields}


class Catalogue:
    """The entries of one model, by id; it grows while the server runs."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self._entries: dict[str, Entry] = {}

    def get(self, id: str) -> Entry:
        """
        Raises:
            ApiError: 404 for an id that is none, 400 for a direction of another generator.
        """
        found = self._entries.get(id)
        if found is None:
            raise ApiError(404, "There is no such direction: reload the page for those there are.")
        if not found.fits:
            raise ApiError(400, f"The direction {found.name!r} does not fit: {found.reason}")
        return found

    def view(self) -> list[dict[str, JsonView]]:
        return [entry.view() for entry in list(self._entries.values())]

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def add(self, entries: Iterable[Entry]) -> list[Entry]:
        added = list(entries)
        self._entries.update({entry.id: entry for entry in added})
        return added

    def add_shipped(self) -> None:
        """Boundaries and directions that came with gantk or were pulled; those of other generators stay out."""
        for kind in ("boundaries", "directions"):
            for name, path in shipped_files(kind, SUFFIXES).items():
                self.add(entry for entry in self.read(path, source=name) if entry.fits)

    def add_path(self, path: Path) -> None:
        """A file or a folder of files from the command line; what does not fit is listed with the reason.

        Raises:
            GantkError: there is no such file, or no direction in it.
        """
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.suffix in {*SUFFIXES, *WEIGHT_SUFFIXES})
            if not files:
                raise GantkError(f"The folder {path} holds no direction: expected .safetensors, .npy or .pt files.")
        elif path.is_file():
            files = [path]
        else:
            raise GantkError(f"There is no file or folder {path}: --directions takes directions, or a folder of them.")
        for file in files:
            self.add(self.read(file, source=str(file)))

    def add_given(self, given: object) -> None:
        """What Python gives: a name or a file, a direction, weight directions, a result with either, or several.

        Raises:
            UsageError: it is none of these.
            GantkError: a direction is another generator's.
        """
        from gantk.codes.entries import entries_of
        from gantk.navigan.directions import WeightDirections

        for one in given if isinstance(given, (list, tuple)) else [given]:
            weights = one if isinstance(one, WeightDirections) else getattr(one, "weights", None)
            if isinstance(one, (str, Path)):
                self._add_named(one)
            elif isinstance(weights, WeightDirections):
                weights.target(self.generator)  # refuses another generator's
                self.add(self._weight_rows(weights, ""))
            else:
                for direction in dict.fromkeys(entry.direction for entry in entries_of(one)):
                    check_generator(direction, self.generator)
                    self.add(self._rows(direction))

    def _add_named(self, name: str | Path) -> None:
        from gantk.navigan.files import load_weights

        if Path(name).exists():
            self.add_path(Path(name))
            return
        try:
            found = load_direction(name, self.generator, several=True)
        except GantkError as error:
            try:
                weights = load_weights(name)
            except GantkError:
                raise error from None
            weights.target(self.generator)
            self.add(self._weight_rows(weights, str(name)))
            return
        self.add(self._rows(found, str(name)))

    def add_closed_forms(self) -> None:
        """SeFa's and GANSpace's leading directions, where the family has them."""
        from gantk.comparators.components import components
        from gantk.comparators.factorisation import factorise

        with suppress(GantkError):
            factors = factorise(self.generator, count=COMPONENTS)
            self._closed("sefa", "SeFa", factors.space, factors.vectors, [3.0] * len(factors.vectors))
        with suppress(GantkError):
            parts = components(self.generator, num=2000, count=COMPONENTS)
            self._closed("component", "GANSpace", parts.space, parts.vectors, [2 * float(d) for d in parts.deviations])

    def _closed(
        self, stem: str, system: str, space: str, vectors: npt.NDArray[np.floating], scales: list[float]
    ) -> None:
        found = Direction(stem, "direction", space, vectors.astype(np.float32))
        self.add(self._rows(found, system=system, names=[f"{stem} {row}" for row in range(len(found))], scales=scales))

    def read(self, path: Path, source: str = "") -> list[Entry]:
        """The entries of a file; one that does not fit this generator has a reason."""
        from gantk.navigan.files import load_weights

        try:
            direction = load_direction(path, None)
        except GantkError:
            if path.suffix not in WEIGHT_SUFFIXES:
                raise
            found = load_weights(path)
            return self._weight_rows(found, source, _refusal(lambda: found.target(self.generator)))
        return self._rows(direction, source, _refusal(lambda: check_generator(direction, self.generator)))

    def rate(self, id: str, effect: float) -> None:
        """Note how strongly a direction moved what it moves most, in standard deviations, for sorting."""
        self._entries[id] = replace(self.get(id), effect=effect)

    def made_here(self, direction: Direction) -> list[Entry]:
        """A direction that was saved in a project."""
        return self.add(self._rows(direction, system="made here"))

    def _rows(
        self, direction: Direction, source: str = "", reason: str = "", system: str | None = None,
        names: list[str] | None = None, scales: list[float] | None = None,
    ) -> list[Entry]:  # fmt: skip
        system = system or _system_of(direction)
        title = direction.name.removeprefix("region_").replace("_", " ")
        names = names or [title if len(direction) == 1 else f"{title} {row}" for row in range(len(direction))]
        own = direction.meta.get("scales")
        if scales is None and isinstance(own, (list, tuple)) and len(own) == len(direction):
            scales = [float(value) for value in own]
        return [
            Entry(
                _id(system, direction.name, row, direction.vectors[row].tobytes()), names[row], system,
                direction.space, direction.layers, direction.scale if scales is None else scales[row], row,
                source=source, reason=reason, direction=direction,
            )
            for row in range(len(direction))
        ]  # fmt: skip

    def _weight_rows(self, found: WeightDirections, source: str, reason: str = "") -> list[Entry]:
        rows = None if reason else (self.generator.layer(found.layer).row or 0,)
        return [
            Entry(
                _id("NaviGAN", found.name, row, np.ascontiguousarray(found.delta(row).numpy()).tobytes()),
                f"{found.layer} {row}", "NaviGAN", "weights", rows, found.scale(row), row,
                layer=found.layer, source=source, reason=reason, weights=found,
            )
            for row in range(len(found))
        ]  # fmt: skip


def _refusal(check: Callable[[], object]) -> str:
    """Why a check refuses; empty where it does not."""
    try:
        check()
    except GantkError as error:
        return str(error)
    return ""


def _system_of(direction: Direction) -> str:
    if direction.kind == "boundary":
        return "HiGAN"
    if "jacobian" in direction.meta or "region" in direction.meta or direction.name.startswith("region"):
        return "ReSeFa"
    text = str(direction.meta.get("method") or direction.meta.get("command") or "").lower()
    for word, system in (("sefa", "SeFa"), ("ganspace", "GANSpace"), ("ghfeat", "GH-Feat"), ("resefa", "ReSeFa")):
        if word in text:
            return system
    return "GH-Feat" if direction.space == "s" else "directions"


def _id(system: str, name: str, row: int, data: bytes) -> str:
    return "d" + hashlib.sha256(f"{system}\0{name}\0{row}\0".encode() + data).hexdigest()[:12]
