"""A project's state: what its journal's events, applied one after another, amount to. Pure; no file is touched.

The history is a tree of pictures. A sample is a root, an edit or a kept move a child of what it was made from; undo
moves the cursor to the parent, another edit from there is a branch.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, replace

from gantk.store.json_values import JsonView
from gantk.web.terms import (
    MOST_CLASSES,
    MOST_MARKS,
    MOST_MOVES,
    MOST_NAME,
    AnnotationEvent,
    Applied,
    Base,
    BaseEvent,
    Class,
    ClassesEvent,
    Created,
    CursorEvent,
    Draft,
    DraftEvent,
    Event,
    Marked,
    MarksEvent,
    Move,
    MovesEvent,
    NameEvent,
    PasteEvent,
    Saved,
    SortingEvent,
)
from gantk.web.wire import ApiError

MOST_ACTS = 200  # of sorting that can be taken back, with MOST_MARKS marks in all


@dataclass(frozen=True)
class Node:
    """One picture of the history, with the moves and strokes that lie on it."""

    id: int
    parent: int | None
    base: Base
    moves: tuple[Move, ...] = ()
    draft: Draft = field(default_factory=Draft)
    made: str = "sample"
    name: str = ""
    picture: str | None = None
    strokes: Draft | None = None
    head: str | None = None
    settings: str | None = None
    followed: tuple[float, float] | None = None
    changed: float | None = None
    photo: str | None = None
    evaluations: int | None = None


@dataclass(frozen=True)
class Annotation:
    base: Base
    label: str


@dataclass(frozen=True)
class Mark:
    """Whether a sample has an attribute."""

    attribute: str
    base: Base
    value: bool


@dataclass(frozen=True)
class Act:
    """What one act of sorting changed: the marks of an attribute before it and after it."""

    attribute: str
    before: tuple[Marked, ...]
    after: tuple[Marked, ...]


@dataclass(frozen=True)
class ProjectState:
    model: str
    nodes: tuple[Node, ...]
    cursor: int
    name: str = ""
    classes: tuple[Class, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    saved: tuple[Saved, ...] = ()
    marks: tuple[Mark, ...] = ()
    acts: tuple[Act, ...] = ()  # of sorting
    done: int = 0  # how many of them stand; the others were taken back
    paste: bool = False  # an edited photo is shown within its own pixels

    @property
    def at(self) -> Node:
        return self.nodes[self.cursor]

    def node(self, place: int) -> Node:
        """
        Raises:
            ApiError: 404 for a place that is not in the history.
        """
        if not 0 <= place < len(self.nodes):
            raise ApiError(404, f"There is no picture {place} in this history of {len(self.nodes)}.")
        return self.nodes[place]

    def trail(self, place: int) -> tuple[Node, ...]:
        """The pictures that led to a place of the history, it included: from a sample or a photo on."""
        found = [self.node(place)]
        while found[-1].parent is not None:
            found.append(self.nodes[found[-1].parent])
        return tuple(found[::-1])

    def blobs(self) -> set[str]:
        """Every blob that the state names."""
        found: set[str | None] = {*(item.sha for item in self.saved), *(item.label for item in self.annotations)}
        for node in self.nodes:
            found |= {node.base.code, node.picture, node.photo, node.draft.label, node.draft.colour}
            if node.strokes is not None:
                found |= {node.strokes.label, node.strokes.colour}
        return {sha for sha in found if sha is not None}

    def to_json(self) -> dict[str, JsonView]:
        found = dataclasses.asdict(dataclasses.replace(self, acts=()))
        del found["acts"], found["done"]
        return {**found, "undoable": self.done, "redoable": len(self.acts) - self.done}


def apply(state: ProjectState | None, event: Event) -> ProjectState:
    """The state after an event.

    Raises:
        ApiError: the event makes no sense there; the state is as it was.
    """
    if isinstance(event, Created):
        return ProjectState(event.model, (Node(0, None, event.base),), 0, classes=event.classes)
    if state is None:
        raise ApiError(400, "The journal does not begin with the making of the project.")
    match event:
        case BaseEvent():
            return _base(state, event)
        case MovesEvent():
            return _moves(state, event)
        case DraftEvent():
            return _with(state, replace(state.at, draft=event.draft))
        case CursorEvent():
            return replace(state, cursor=state.node(event.node).id)
        case NameEvent():
            return _name(state, event)
        case AnnotationEvent():
            return _annotation(state, event)
        case ClassesEvent():
            return _classes(state, event)
        case MarksEvent():
            return _marks(state, event)
        case SortingEvent():
            return _sorting(state, event)
        case PasteEvent():
            return replace(state, paste=event.on)
        case Applied():
            return _applied(state, event)
        case Saved():
            return replace(state, saved=(*state.saved, event))


def _base(state: ProjectState, event: BaseEvent) -> ProjectState:
    if event.base is None:
        raise ApiError(422, "the event lacks the field 'base'.")
    at = state.at
    children = any(node.parent == at.id for node in state.nodes)
    if at.made == "sample" and not children:  # looking through samples leaves no trail
        draft = at.draft if at.base == event.base else Draft()
        return _with(state, replace(at, base=event.base, draft=draft))
    fresh = Node(len(state.nodes), None, event.base, at.moves)
    return replace(state, nodes=(*state.nodes, fresh), cursor=fresh.id)


def _moves(state: ProjectState, event: MovesEvent) -> ProjectState:
    if len(event.moves) > MOST_MOVES:
        raise ApiError(400, f"{len(event.moves)} moves at once are more than {MOST_MOVES}.")
    names = [move.direction for move in event.moves]
    if len(set(names)) != len(names):
        raise ApiError(400, "A direction is there twice: moves are a set, one for each direction.")
    return _with(state, replace(state.at, moves=event.moves))


def _name(state: ProjectState, event: NameEvent) -> ProjectState:
    if len(event.name) > MOST_NAME:
        raise ApiError(400, f"A name has at most {MOST_NAME} letters.")
    if event.node is None:
        return replace(state, name=event.name)
    return _with(state, replace(state.node(event.node), name=event.name))


def _annotation(state: ProjectState, event: AnnotationEvent) -> ProjectState:
    others = tuple(item for item in state.annotations if item.base != event.base)
    if event.label is None:
        return replace(state, annotations=others)
    return replace(state, annotations=(*others, Annotation(event.base, event.label)))


def _classes(state: ProjectState, event: ClassesEvent) -> ProjectState:
    names = [item.name for item in event.classes]
    if len(names) > MOST_CLASSES or len(set(names)) != len(names):
        raise ApiError(400, f"Classes have different names, and there are at most {MOST_CLASSES}.")
    return replace(state, classes=event.classes)


def _marks(state: ProjectState, event: MarksEvent) -> ProjectState:
    if not 1 <= len(event.attribute.strip()) <= MOST_NAME:
        raise ApiError(400, f"An attribute has a name of 1 to {MOST_NAME} letters.")
    known = {mark.base: mark.value for mark in state.marks if mark.attribute == event.attribute}
    before = tuple(Marked(marked.base, known.get(marked.base)) for marked in event.marks)
    after = _marked(state, event.attribute, event.marks)
    if before == event.marks:
        return after
    acts = (*state.acts[: state.done], Act(event.attribute, before, event.marks))[-MOST_ACTS:]
    while sum(len(act.after) for act in acts) > MOST_MARKS:  # else a page could fill the memory with them
        acts = acts[1:]
    return replace(after, acts=acts, done=len(acts))


def _marked(state: ProjectState, attribute: str, marks: tuple[Marked, ...]) -> ProjectState:
    found = {(mark.attribute, mark.base): mark for mark in state.marks}
    for marked in marks:
        key = (attribute, marked.base)
        found.pop(key, None)
        if marked.value is not None:
            found[key] = Mark(attribute, marked.base, marked.value)
    if len(found) > MOST_MARKS:
        raise ApiError(400, f"A project holds at most {MOST_MARKS} marks.")
    return replace(state, marks=tuple(found.values()))


def _sorting(state: ProjectState, event: SortingEvent) -> ProjectState:
    back = event.step < 0
    if not (state.done if back else len(state.acts) - state.done):
        raise ApiError(400, f"No act of sorting is there to {'take back' if back else 'do again'}.")
    act = state.acts[state.done - 1 if back else state.done]
    after = _marked(state, act.attribute, act.before if back else act.after)
    return replace(after, done=state.done + event.step)


def _applied(state: ProjectState, event: Applied) -> ProjectState:
    parent = None if event.made == "photo" else state.cursor
    node = Node(
        len(state.nodes), parent, event.base, (), Draft(), event.made, "", event.picture, event.draft, event.head,
        event.settings, event.followed, event.changed, event.photo, event.evaluations,
    )  # fmt: skip
    # the strokes went into the step that used them, so they no longer lie on the picture before
    before = state.at if event.made != "edit" else replace(state.at, draft=Draft())
    cleared = _with(state, before)
    return replace(cleared, nodes=(*cleared.nodes, node), cursor=node.id)


def _with(state: ProjectState, node: Node) -> ProjectState:
    nodes = list(state.nodes)
    nodes[node.id] = node
    return replace(state, nodes=tuple(nodes))
