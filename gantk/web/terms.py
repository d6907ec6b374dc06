"""The nouns of the application: bases, moves, classes, and the events that a project's journal holds.

Plain frozen dataclasses, read from JSON by `wire.structure`; importable without torch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gantk.web.wire import ApiError

SHA = re.compile(r"[0-9a-f]{64}")
MOST_MOVES, MOST_CLASSES, MOST_NAME, MOST_MARKS = 256, 255, 80, 5000


@dataclass(frozen=True)
class Base:
    """What a picture starts from: sample `index` of a seed, or the code in a blob; and how it is drawn.

    `psi` None is no truncation, `rows` None all rows; `noise` is "const", "none" or a seed.
    """

    seed: int = 0
    index: int = 0
    label: int | None = None
    psi: float | None = None
    rows: int | None = None
    noise: int | str = "const"
    code: str | None = None

    def __post_init__(self) -> None:
        if self.seed < 0 or self.index < 0 or (self.label is not None and self.label < 0):
            raise ApiError(400, "Seed, index and class are whole numbers from 0 on.")
        if self.psi is not None and not 0 <= self.psi <= 1.5:
            raise ApiError(400, f"psi is {self.psi:g}, and it goes from 0 to 1.5.")
        if self.rows is not None and not 0 <= self.rows <= 1000:
            raise ApiError(400, f"{self.rows} truncated rows are none that a network has.")
        if isinstance(self.noise, str) and self.noise not in ("const", "none"):
            raise ApiError(400, f"noise {self.noise!r} is neither const, none nor a seed.")
        check_sha(self.code)


@dataclass(frozen=True)
class Move:
    """Along one direction; `rows` None are the direction's own. A muted move stays in the list and does nothing.

    `hold` keeps the direction fixed: others of its space lose their part along it.
    """

    direction: str
    amount: float
    rows: str | None = None
    mute: bool = False
    hold: bool = False


@dataclass(frozen=True)
class Draft:
    """Strokes not yet applied: blobs of class numbers, and of colours with alpha."""

    label: str | None = None
    colour: str | None = None

    def __post_init__(self) -> None:
        check_sha(self.label)
        check_sha(self.colour)


@dataclass(frozen=True)
class Class:
    name: str
    colour: tuple[int, int, int]

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > MOST_NAME:
            raise ApiError(400, f"A class needs a name of 1 to {MOST_NAME} letters.")
        if not all(0 <= part <= 255 for part in self.colour):
            raise ApiError(400, f"The colour of {self.name!r} is {list(self.colour)}: parts go from 0 to 255.")


# --- events that a page may send -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class BaseEvent:
    """Another sample; `keep` makes the moved picture at hand the base instead."""

    type: str
    base: Base | None = None
    keep: bool = False


@dataclass(frozen=True)
class MovesEvent:
    type: str
    moves: tuple[Move, ...]


@dataclass(frozen=True)
class DraftEvent:
    type: str
    draft: Draft


@dataclass(frozen=True)
class CursorEvent:
    """Undo, redo, jump: the picture at hand becomes another one of the history."""

    type: str
    node: int


@dataclass(frozen=True)
class NameEvent:
    """A name for the project, or for one picture of its history."""

    type: str
    name: str
    node: int | None = None


@dataclass(frozen=True)
class AnnotationEvent:
    """A label map of one sample; `label` None takes it away again."""

    type: str
    base: Base
    label: str | None

    def __post_init__(self) -> None:
        check_sha(self.label)


@dataclass(frozen=True)
class ClassesEvent:
    type: str
    classes: tuple[Class, ...]


@dataclass(frozen=True)
class Marked:
    """Whether one sample has an attribute; `value` None takes the mark away again."""

    base: Base
    value: bool | None

    def __post_init__(self) -> None:
        if self.base.code is not None:
            raise ApiError(400, "Samples of a seed are marked, not kept codes.")


@dataclass(frozen=True)
class MarksEvent:
    type: str
    attribute: str
    marks: tuple[Marked, ...]


@dataclass(frozen=True)
class SortingEvent:
    """The last act of sorting is taken back (`step` -1), or done again (1)."""

    type: str
    step: int

    def __post_init__(self) -> None:
        if self.step not in (-1, 1):
            raise ApiError(400, f"Sorting goes a step back (-1) or forth (1), not {self.step}.")


@dataclass(frozen=True)
class PasteEvent:
    """Whether an edited photo is shown within its own pixels."""

    type: str
    on: bool


# --- events that only the server writes ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Created:
    type: str
    model: str
    base: Base
    classes: tuple[Class, ...] = ()


@dataclass(frozen=True)
class Applied:
    """The result of an edit, of a keep or of an inversion: a code, a small picture, and what it took."""

    type: str
    made: str  # "keep", "edit" or "photo"
    base: Base
    picture: str
    draft: Draft = field(default_factory=Draft)
    head: str | None = None
    settings: str | None = None  # JSON text of EditSettings
    followed: tuple[float, float] | None = None
    changed: float | None = None
    photo: str | None = None  # the uploaded picture
    evaluations: int | None = None  # of an edit: fewer than its steps where it was stopped


@dataclass(frozen=True)
class Saved:
    """An artifact that was made here; the blob is its file."""

    type: str
    kind: str  # "direction" or "head"
    name: str
    sha: str
    about: str = ""


EVENTS: dict[str, type[Event]] = {
    "base": BaseEvent,
    "moves": MovesEvent,
    "draft": DraftEvent,
    "cursor": CursorEvent,
    "name": NameEvent,
    "annotation": AnnotationEvent,
    "classes": ClassesEvent,
    "marks": MarksEvent,
    "sorting": SortingEvent,
    "paste": PasteEvent,
}
OWN_EVENTS: dict[str, type[Event]] = {"created": Created, "applied": Applied, "saved": Saved}

Event = (
    BaseEvent | MovesEvent | DraftEvent | CursorEvent | NameEvent | AnnotationEvent | ClassesEvent
    | MarksEvent | SortingEvent | PasteEvent | Created | Applied | Saved
)  # fmt: skip


def check_sha(text: str | None) -> None:
    if text is not None and not SHA.fullmatch(text):
        raise ApiError(404, "There is no such blob: name one by its sha256.")
