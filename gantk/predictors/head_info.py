"""What a head is, without its network and without torch: kind, classes, maps, size; and its weights as plain arrays.

Shape legend: K classes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError, UsageError
from gantk.store.brief import brief
from gantk.store.json_values import JsonTable, items, shown, table, text, texts, whole, wholes

if TYPE_CHECKING:
    from gantk.generators.base import Generator
    from gantk.predictors.heads import Head

KINDS = ("LSE", "NSE-1", "NSE-2")
FORMAT = "gantk-head"
FIELDS = ("kind", "class_names", "class_colours", "taps", "channels", "size", "align_corners", "name", "probe", "meta")

# "High contrast" colours of LinearGAN's label pictures, class 0 first (specification of its web program).
PALETTE = (
    (0, 0, 0), (255, 255, 0), (28, 230, 255), (255, 52, 255), (255, 74, 70), (0, 137, 65), (0, 111, 166), (163, 0, 89),
    (255, 219, 229), (122, 73, 0), (0, 0, 166), (99, 255, 172), (183, 151, 98), (0, 77, 67), (143, 176, 255),
    (153, 125, 135), (90, 0, 7), (128, 150, 147),
)  # fmt: skip
Colour = tuple[int, int, int]


def palette(classes: int) -> tuple[Colour, ...]:
    """A colour per class; more classes than colours get darker turns of the same."""
    return tuple(
        tuple(part // (1 + index // len(PALETTE)) for part in PALETTE[index % len(PALETTE)])  # type: ignore[misc]
        for index in range(classes)
    )


@dataclass(frozen=True)
class HeadInfo:
    """What a head is, apart from its weights; the JSON header of its file.

    Attributes:
        kind: LSE, NSE-1 or NSE-2.
        class_names, class_colours: K of each; class 0 is "other" where the labels have one.
        taps: names of the layers whose maps it reads, coarse to fine.
        channels: of these maps.
        size: side of the label maps it was trained on.
        align_corners: how its logits are resized.
        name: shown to people.
        probe: of the generator it was trained on; None where the file did not say.
        meta: command, seed, teacher, solver, scores, contribution of each layer.
    """

    kind: str
    class_names: tuple[str, ...]
    class_colours: tuple[Colour, ...]
    taps: tuple[str, ...]
    channels: tuple[int, ...]
    size: int
    align_corners: bool = True
    name: str = "head"
    probe: Mapping[str, Any] | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"The head {self.name!r} is of kind {self.kind!r}: it is {', '.join(KINDS)}.")
        if not self.taps or len(self.taps) != len(self.channels) or min(self.channels) < 1:
            raise GantkError(
                f"The head {self.name!r} names {len(self.taps)} maps and {len(self.channels)} channel counts."
            )
        if len(self.class_names) < 2 or len(self.class_names) != len(self.class_colours) or self.size < 1:
            raise GantkError(
                f"The head {self.name!r} has {len(self.class_names)} class names, {len(self.class_colours)} colours "
                f"and labels of {self.size} pixels; two classes or more, as many colours and a size are needed."
            )

    @property
    def classes(self) -> int:
        return len(self.class_names)

    # Any: fields of this class, whose constructor checks them
    def replace(self, **changes: Any) -> HeadInfo:
        return dataclasses.replace(self, **changes)

    def fingerprint(self) -> object:
        """What decides what a head answers, for the identity of a run; its name and card do not count."""
        kept = ("kind", "class_names", "taps", "channels", "size", "align_corners")
        return {name: repr(getattr(self, name)) for name in kept}


@dataclass(frozen=True, eq=False)
class Weight:
    """One tensor of a head's network."""

    name: str
    array: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False, repr=False)
class LearnedHead:
    """A head as a result keeps it: what it is, and the weights of its network."""

    info: HeadInfo
    weights: tuple[Weight, ...]

    __repr__ = brief

    @property
    def parameters(self) -> int:
        """How many weights it has."""
        return sum(each.array.size for each in self.weights)

    def fingerprint(self) -> object:
        """What it answers, for the identity of a run."""
        from gantk.store.fingerprint import fingerprint

        return [self.info.fingerprint(), fingerprint(self.weights)]

    def head(self, generator: Generator | None = None, force: bool = False) -> Head:
        """The predictor, on the generator's device where one is given.

        Raises:
            GantkError: it is another generator's head.
        """
        from gantk.predictors.heads import head_of

        found = head_of(self)
        return found if generator is None else found.bind(generator, force)

    def save(self, path: str | Path) -> Path:
        """Write a file: safetensors, or with the suffix .pth as LinearGAN writes it."""
        from gantk.predictors.head_files import save_head

        return save_head(path, self.head())


def info_of(header: JsonTable, path: Path) -> HeadInfo:
    """What the JSON header of a head's file says.

    Raises:
        GantkError: it is damaged, or a part is of another type.
    """
    try:
        probe = header["probe"]
        colours = tuple(wholes(each, "a colour") for each in items(header["class_colours"], "class_colours"))
        if any(len(colour) != 3 or not all(0 <= part < 256 for part in colour) for colour in colours):
            raise ValueError("a colour is three numbers from 0 to 255")
        if not isinstance(header["align_corners"], bool):
            raise TypeError(f"align_corners is {shown(header['align_corners'])} where true or false was expected")
        return HeadInfo(
            text(header["kind"], "kind"),
            texts(header["class_names"], "class_names"),
            cast("tuple[Colour, ...]", colours),
            texts(header["taps"], "taps"),
            wholes(header["channels"], "channels"),
            whole(header["size"], "size"),
            header["align_corners"],
            text(header["name"], "name"),
            None if probe is None else table(probe, "probe"),
            table(header["meta"], "meta"),
        )
    except KeyError as error:
        raise GantkError(f"The header of {path} lacks {error.args[0]}: train the head again.") from error
    except (TypeError, ValueError, GantkError) as error:
        raise GantkError(f"The header of {path} is damaged ({error}): train the head again.") from error
