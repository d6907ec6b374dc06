"""What a page asks of a project, whatever carries the question: HTTP and a socket, or the channel of a notebook."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gantk.store.json_values import JsonView
from gantk.web import wire
from gantk.web.jobs import code_bytes
from gantk.web.pasting import pasted, picture_at_hand
from gantk.web.pictures import Image, packed, shown
from gantk.web.projects import Project
from gantk.web.scene import Scene
from gantk.web.terms import EVENTS, Applied, Base, BaseEvent, Event, Move, MovesEvent
from gantk.web.wire import ApiError, structure
from gantk.web.workshop import Model, Workshop

PANES = 64


@dataclass(frozen=True)
class RenderMessage:
    """A picture is wanted: sample `offset` beside the base, with moves; `paste` is the place of the history whose photo
    it is shown in.

    Panes 16 to 31 show what was before, those from 32 on samples of a grid.

    Raises:
        ApiError: 400 for a pane, an offset, a number or a size that there is none of.
    """

    t: str
    seq: int
    pane: int
    project: str
    base: Base
    moves: tuple[Move, ...] = ()
    offset: int = 0
    size: int = 512
    final: bool = False
    paste: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.pane < PANES or not 0 <= self.seq < 1 << 32 or not 0 <= self.offset < 16:
            raise ApiError(400, f"Panes go from 0 to {PANES - 1}, offsets to 15, sequence numbers to 2^32.")
        if not 16 <= self.size <= 4096:
            raise ApiError(400, f"A size of {self.size} pixels is not between 16 and 4096.")


@dataclass(frozen=True)
class EventBody:
    """An event, and the number of events that the page knew of."""

    rev: int
    event: object  # `read_event` reads it


@dataclass(frozen=True)
class JobBody:
    """A job that is wanted; `key` tells one that is asked for twice from two."""

    kind: str
    key: str = ""
    args: dict[str, Any] = field(default_factory=dict)  # the kind's form reads them


def failure(error: ApiError, asked: object) -> dict[str, JsonView]:
    """Word that a message failed, with the numbers that it gave itself."""
    given = asked if isinstance(asked, dict) else {}
    known = {name: given[name] for name in ("seq", "pane") if type(given.get(name)) is int}
    return {"type": "error", **known, **error.body()}


def drawn(
    model: Model, project: Project, message: RenderMessage, shown_before: dict[int, tuple[str, Scene]],
    enough: Callable[[], bool],
) -> bytes | None:  # fmt: skip
    """The frame of a message; None where `enough` ended it.

    `shown_before` has by pane the model and the scene of the last frame, and learns of this one.
    """
    begun = time.perf_counter()
    easel = model.easel
    scene = easel.scene(easel.neighbour(message.base, message.offset), message.moves, project.blobs.get)
    name, before = shown_before.get(message.pane, ("", None))
    earlier = before if name == model.name else None
    found = easel.render_in_steps(scene, earlier, enough) if message.final else easel.render(scene, earlier, True)
    if found is None:
        return None
    shown_before[message.pane] = (model.name, scene)
    size = 1 << 14 if message.final else message.size
    picture = shown(found.image, size)
    if message.paste is not None:

        def draw(other: Scene) -> Image:
            return shown(easel.render(other, None, not message.final).image, size)

        picture = pasted(picture, model, project, message.paste, message.moves, draw)
    form, data = packed(picture, message.final)
    flags = wire.FINAL if message.final else 0
    spent = (time.perf_counter() - begun) * 1000
    return wire.frame(form, flags, message.pane, message.seq, picture.shape[1::-1], spent, found.first, data)


def read_event(workshop: Workshop, project: Project, value: object) -> Event:
    """An event of a page, checked against the project's model.

    Raises:
        ApiError: an unknown kind, a direction, class or truncation that the model has not.
    """
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in EVENTS:
        raise ApiError(400, f"An event of a page is one of {', '.join(EVENTS)}.")
    event = structure(EVENTS[kind], value, "the event")
    model = workshop.of(project)
    if isinstance(event, MovesEvent):
        for move in event.moves:
            model.easel.catalogue.get(move.direction)
    if isinstance(event, BaseEvent) and event.base is not None:
        workshop.check_base(model, event.base)
    return event


def first_base(model: Model, seed: int = 0, index: int = 0, label: int | None = None) -> Base:
    """A sample, truncated as the model's makers recommend."""
    spec = model.easel.generator.spec
    if spec.truncation is not None and spec.can_truncate:
        return Base(seed, index, label, spec.truncation.psi, spec.truncation.layers)
    return Base(seed, index, label)


def kept(model: Model, project: Project) -> Applied:
    """The moved picture at hand as a base of its own."""
    at = project.state.at
    wp = model.easel.latent(at.base, at.moves, project.blobs.get)
    image = model.easel.draw(wp, at.base.noise)
    code = project.blobs.put(code_bytes(wp))
    base = Base(at.base.seed, at.base.index, at.base.label, noise=at.base.noise, code=code)
    return Applied("applied", "keep", base, project.blobs.put(packed(shown(image, 256), final=True)[1]))


def exported(model: Model, project: Project, what: str) -> tuple[str, str, bytes]:
    """Name, type and bytes of the picture at hand (`png`) or of its code (`npy`).

    Raises:
        ApiError: 400 for anything else; GantkError for moves that no code holds.
    """
    if what not in ("png", "npy"):
        raise ApiError(400, "png and npy are exported at once; ask for a job for everything else.")
    at = project.state.at
    name = _plain(f"{model.name}-{at.base.seed}-{at.base.index}.{what}")
    if what == "npy":
        return name, "application/octet-stream", code_bytes(model.easel.latent(at.base, at.moves, project.blobs.get))
    return name, "image/png", packed(picture_at_hand(model, project), final=True)[1]


def _plain(name: str) -> str:
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in name)
