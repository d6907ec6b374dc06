"""What pages are told of without having asked: the messages of the socket, and of a notebook's channel."""

from __future__ import annotations

from typing import Literal, TypeAlias, TypedDict

from gantk.web.queue import JobView


class JobWord(JobView):
    """A job has moved on; `place` is how many run before it."""

    type: Literal["job"]
    place: int


class RevWord(TypedDict):
    """A project has changed; `rev` is its number of events."""

    type: Literal["rev"]
    project: str
    rev: int


class DirectionsWord(TypedDict):
    """The directions of a model have grown."""

    type: Literal["directions"]
    model: str


Word: TypeAlias = JobWord | RevWord | DirectionsWord
