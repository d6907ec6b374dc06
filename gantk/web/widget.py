"""The widget: traits that Python sets and observes, and the channel that the page's modules speak through."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import SupportsFloat, TypedDict, cast

import anywidget
import numpy as np
import numpy.typing as npt
import torch
import traitlets
from torch import Tensor

from gantk.errors import GantkError
from gantk.store.files import write_atomic
from gantk.store.json_values import Json, JsonView
from gantk.web.acts import failure
from gantk.web.bundle import module
from gantk.web.catalogue import Entry
from gantk.web.channel import Channel
from gantk.web.jobs import code_bytes
from gantk.web.pictures import packed, shown
from gantk.web.scene import Scene
from gantk.web.terms import Base, BaseEvent, Move, MovesEvent
from gantk.web.wire import ApiError, as_api_error, structure
from gantk.web.words import DirectionsWord, RevWord


class Traits(TypedDict):
    """The traits as a project sets them."""

    base: dict[str, JsonView]
    moves: dict[str, JsonView]


class Proposal(TypedDict):
    """What Python or a page wants a trait to be, before it is checked."""

    value: Mapping[str, object]


class Explorer(anywidget.AnyWidget):
    """Explore, as one cell of a notebook; `gantk.explore` makes it.

    Traits, both ways:
        base: seed, index, label, psi, rows and noise of the sample, and `code` where it is a kept one. What is set may
            name some of them; the others stay.
        moves: amount by direction; a mapping with amount, rows, mute and hold where a slider has more than an amount.
            A direction is called by its name, and by "system: name" where several systems use that name.
    """

    _esm = module()
    base = traitlets.Dict().tag(sync=True)
    moves = traitlets.Dict().tag(sync=True)

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._following = True  # the traits learn of the project, and not the other way round
        self._views: dict[str, dict[int, tuple[str, Scene]]] = {}  # what each view's panes showed last
        self._listed = len(self.directions)
        super().__init__(**self._at_hand())
        self._following = False
        channel.changed = self._changed
        self.on_msg(self._hear)

    # --- values ------------------------------------------------------------------------------------------------

    @property
    def directions(self) -> tuple[str, ...]:
        """Names that `moves` takes."""
        return tuple(self._names().values())

    @property
    def wp(self) -> Tensor:
        """The moved code [1, L, D]; a code that is set becomes the base, with all sliders at rest.

        Raises:
            GantkError: a slider moves styles or weights, which no code holds.
        """
        at = self._channel.project.state.at
        return self._channel.model.easel.latent(at.base, at.moves, self._channel.project.blobs.get)

    @wp.setter
    def wp(self, value: Tensor | npt.NDArray[np.floating]) -> None:
        channel = self._channel
        data = code_bytes(torch.as_tensor(value))
        channel.model.easel.read_code(data)  # refuses another shape
        before = channel.project.state.at.base
        base = Base(before.seed, before.index, before.label, noise=before.noise, code=channel.project.blobs.put(data))
        channel.project.record(BaseEvent("base", base))
        channel.record(MovesEvent("moves", ()))

    @property
    def image(self) -> npt.NDArray[np.uint8]:
        """The picture as it is now, at full size: uint8 [H, W, C]."""
        easel, project = self._channel.model.easel, self._channel.project
        at = project.state.at
        return shown(easel.render(easel.scene(at.base, at.moves, project.blobs.get)).image, 1 << 14)

    def save_session(self, path: str | Path) -> Path:
        """Write what *Export, Session* of the page gives: a zip that `gantk lse edit --session` reads."""
        return write_atomic(path, self._channel.session())

    # --- traits ------------------------------------------------------------------------------------------------

    def _names(self) -> dict[str, str]:
        """What `moves` calls each entry, by id."""
        entries: list[Entry] = [entry for entry in self._channel.model.easel.catalogue if entry.fits]
        plain = [entry.name for entry in entries]
        found: dict[str, str] = {}
        for entry in entries:
            name = entry.name if plain.count(entry.name) == 1 else f"{entry.system}: {entry.name}"
            found[entry.id] = name if name not in found.values() else f"{name} ({entry.id})"
        return found

    def _at_hand(self) -> Traits:
        at, names = self._channel.project.state.at, self._names()
        moves: dict[str, JsonView] = {}
        for move in at.moves:
            fields = {key: value for key, value in asdict(move).items() if key != "direction"}
            plain = move == Move(move.direction, move.amount)
            moves[names[move.direction]] = move.amount if plain else fields
        return {"base": asdict(at.base), "moves": moves}

    def _move(self, name: str, value: object) -> Move:
        ids = {called: id for id, called in self._names().items()}
        if name not in ids:
            raise GantkError(f"There is no direction {name!r} here: there are {', '.join(ids) or 'none'}.")
        fields: dict[str, object] = dict(value) if isinstance(value, Mapping) else {"amount": value}
        if "amount" in fields and not isinstance(fields["amount"], (int, float)):
            fields["amount"] = float(cast("SupportsFloat", fields["amount"]))  # numpy's and torch's; others it refuses
        return structure(Move, {"amount": 0.0, **fields, "direction": ids[name]}, f"the move {name!r}")

    @traitlets.validate("moves")
    def _validate_moves(self, proposal: Proposal) -> Mapping[str, object]:
        if self._following:
            return dict(proposal["value"])
        moves = tuple(self._move(name, value) for name, value in proposal["value"].items())
        self._channel.project.record(MovesEvent("moves", moves))
        return self._at_hand()["moves"]

    @traitlets.validate("base")
    def _validate_base(self, proposal: Proposal) -> Mapping[str, object]:
        if self._following:
            return dict(proposal["value"])
        before = asdict(self._channel.project.state.at.base)
        named = dict(proposal["value"])
        if set(named) - {"noise", "code"} and "code" not in named:
            before["code"] = None  # another sample
        base = structure(Base, {**before, **named}, "base")
        if base.code is not None and base.code not in self._channel.project.blobs:
            raise ApiError(404, "There is no such code: set wp to give one.")
        self._channel.workshop.check_base(self._channel.model, base)
        self._channel.project.record(BaseEvent("base", base))
        return self._at_hand()["base"]

    @traitlets.observe("moves", "base")
    def _told(self, change: object) -> None:
        if not self._following:
            self._changed(self._channel.project.rev)

    def _changed(self, rev: int) -> None:
        """The project has moved on: the traits follow, and every view asks for what is new."""
        before, self._following = self._following, True
        try:
            for name, value in self._at_hand().items():
                setattr(self, name, value)
        finally:
            self._following = before
        moved: RevWord = {"type": "rev", "project": self._channel.project.id, "rev": rev}
        self.send({"t": "told", "message": moved})
        if self._listed != len(self.directions):  # one was saved
            self._listed = len(self.directions)
            grown: DirectionsWord = {"type": "directions", "model": self._channel.model.name}
            self.send({"t": "told", "message": grown})

    # --- messages ----------------------------------------------------------------------------------------------

    def _hear(self, widget: object, content: Json, buffers: object) -> None:
        """A message of a view: a request, or a picture that is wanted."""
        view = content.get("view") if isinstance(content, dict) else None
        if not isinstance(content, dict) or not isinstance(view, str):
            return
        if content.get("t") == "ask":
            wanted = [content.get(name) for name in ("method", "path", "body")]
            if all(isinstance(part, str) for part in wanted):
                found = self._channel.ask(*map(str, wanted))
                told = {"status": found.status, "type": found.type, "name": found.name}
                self.send({"t": "answer", "view": view, "number": content.get("number"), **told}, [found.data])
        elif content.get("t") == "render":
            message = content.get("message")
            try:
                frame = self._channel.render(message, self._views.setdefault(view, {}))
                self.send({"t": "frame", "view": view}, [frame])
            except Exception as error:
                told_error = as_api_error(error)
                self.send({"t": "told", "view": view, "message": failure(told_error, message)})
                if told_error.status == 500:
                    raise

    def _repr_mimebundle_(
        self, **kwargs: dict[str, JsonView]
    ) -> tuple[dict[str, JsonView], dict[str, JsonView]] | None:
        """The widget; and the picture, for where a notebook is read without a kernel."""
        found = super()._repr_mimebundle_(**kwargs)
        if found is None:
            return None
        still = base64.b64encode(packed(self.image, final=True)[1]).decode()
        return {**found[0], "image/png": still}, found[1]

    def __repr__(self) -> str:
        moved = ", ".join(f"{name} {value}" for name, value in self.moves.items()) or "nothing moved"
        base = self._channel.project.state.at.base
        start = f"seed {base.seed}, sample {base.index}" if base.code is None else "a given code"
        return f"gantk.explore({self._channel.model.name}): {start}; {moved}"
