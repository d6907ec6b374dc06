"""A pickle machine for data: it builds containers, numbers and strings, and calls nothing that a table does not name.

Python's own unpickler is not used, although its `find_class` can be overridden, because a damaged or hostile file can
hurt it in other ways: it sizes its memo by a number in the file (gigabytes for one flipped bit), hashes whatever a file
uses as a dictionary key (exponential time for nested tuples) and sets attributes of whatever object a BUILD finds. This
machine knows only the opcodes that data needs, keeps bytes as views of the file, and every amount of work is bounded by
the file's length.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gantk.errors import GantkError

LONGEST_NAME = 300  # characters of "module.name"; real ones have fewer than 60
LONGEST_INTEGER = 64  # bytes
LARGEST_KEY = 1 << 60  # Python's hash of numbers is that of their remainder modulo 2^61 - 1
MOST_TUPLE_KEYS = 1_000  # their hash is no secret of the process, so that many can be made to share one
MOST_STEPS = 500_000  # opcodes in one file; public checkpoints have some 10^4, and a step makes at most 300 bytes

# What a file may cause beyond its own length: views of one storage by several tensors, containers copied by a
# constructor.
_FREE_BYTES = 1 << 20
_COPIES = 4


@dataclass
class Source:
    """The file being read: its name for messages, and how much work its content has caused so far."""

    name: str
    size: int
    spent: int = 0
    steps: int = 0
    tuples: int = 0
    inert: set[str] = field(default_factory=set)  # names that were met and stayed without effect

    def spend(self, amount: int) -> None:
        """Account for memory or steps that the content (not its length) asks for; refuse when out of proportion."""
        self.spent += amount
        if self.spent > _COPIES * self.size + _FREE_BYTES:
            raise self.damaged(
                f"its {self.size} bytes unfold to more than {_COPIES} times their size, as no real checkpoint does"
            )

    def damaged(self, reason: str) -> GantkError:
        return GantkError(f"{self.name} is damaged or not a checkpoint: {reason}")

    def forbidden(self, name: str) -> GantkError:
        return GantkError(
            f"{self.name} refers to {clipped(name)}, which gantk never loads because it is not plain data; nothing in "
            f"the file was run ('gantk models info FILE --audit' lists everything it refers to)"
        )


_ATOMS = (str, int, float, bool, type(None))


def clipped(text: object, length: int = 80) -> str:
    """Something from a file, short and printable enough for a message; nested containers are not written out."""
    flat = isinstance(text, _ATOMS) or (
        isinstance(text, tuple | list) and len(text) <= 16 and all(isinstance(part, _ATOMS) for part in text)
    )
    shown = str(text) if flat or isinstance(text, BaseException) else f"a {type(text).__name__}"
    shown = shown if len(shown) <= length else shown[: length - 3] + "..."
    return "".join(character if character.isprintable() else "?" for character in shown)


class StandIn:
    """Base of the objects that take the place of foreign ones; `build` receives what the file gives as their state."""

    def build(self, source: Source, state: object) -> None:
        raise source.damaged(f"it sets the state of a {type(self).__name__.lower()}, which has none")


class Inert(StandIn):
    """An object of a class that no list names: its name, what it was made of, and the state the file gives it."""

    def __init__(self, class_name: str, arguments: tuple[object, ...] = ()) -> None:
        self.class_name, self.arguments = class_name, arguments
        self.state: dict[object, object] = {}

    def build(self, source: Source, state: object) -> None:
        for part in state if isinstance(state, tuple) and len(state) == 2 else (state,):  # (attributes, slots)
            self.state |= part if isinstance(part, dict) else {}


@dataclass(frozen=True)
class Global:
    """An allowed global: what its call (REDUCE) and its bare construction (NEWOBJ) give instead of the real thing."""

    name: str
    call: Callable[..., Any] | None = None
    new: Callable[..., Any] | None = None


class PickleMachine:
    """Runs one pickle of `data` from `position`; `end` is then the position after it.

    `allowed` maps "module.name" to a Global; `persistent` turns a persistent id (torch's storages) into an object;
    `otherwise` may give a Global for a name that `allowed` lacks (see foreign.py).
    """

    def __init__(
        self,
        data: memoryview,
        source: Source,
        allowed: Mapping[str, Global],
        persistent: Callable[[Any], Any] | None = None,
        position: int = 0,
        otherwise: Callable[[str, str], Global | None] | None = None,
    ) -> None:
        self.data = data
        self.otherwise = otherwise
        self.source = source
        self.allowed = allowed
        self.persistent = persistent
        self.end = position
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """The pickled object; GantkError for anything that is not plain data or not well formed."""
        operations = _OPERATIONS
        try:
            for _ in range(MOST_STEPS - self.source.steps):
                code = self.data[self.end]
                self.end += 1
                self.source.steps += 1
                if code == 0x2E:  # STOP
                    return self.stack.pop()
                operation = operations.get(code)
                if operation is None:
                    self.refuse_opcode(code)
                    continue
                operation(self)
        except GantkError:
            raise
        except IndexError as error:
            raise self.source.damaged(
                f"the pickle ends or its stack runs empty at byte {min(self.end, len(self.data))}"
            ) from error
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError, RecursionError, struct.error) as error:
            raise self.source.damaged(
                f"the pickle makes no sense at byte {self.end} ({type(error).__name__})"
            ) from error
        raise self.source.damaged(f"its pickles take more than {MOST_STEPS} steps")

    def refuse_opcode(self, code: int) -> None:
        name = _NAMES.get(code, f"0x{code:02x}")
        if name == "INST":
            raise self.source.forbidden(f"{self.line()}.{self.line()}")
        if name in ("EXT1", "EXT2", "EXT4"):
            raise self.source.forbidden(f"an extension code ({name})")
        raise self.source.damaged(f"opcode {name} at byte {self.end - 1} of a pickle is not one that data needs")

    # reading

    def take(self, count: int) -> memoryview:
        start, stop = self.end, self.end + count
        if stop > len(self.data):
            raise self.source.damaged(f"byte {start} announces {count} bytes and only {len(self.data) - start} follow")
        self.end = stop
        return self.data[start:stop]

    def number(self, count: int, signed: bool = False) -> int:
        return int.from_bytes(self.take(count), "little", signed=signed)

    def line(self) -> str:
        window = bytes(self.data[self.end : self.end + LONGEST_NAME])
        length = window.find(b"\n")
        if length < 0:
            raise self.source.damaged(f"a name at byte {self.end} does not end")
        self.end += length + 1
        return window[:length].decode("utf-8", "replace")

    # values

    def push(self, value: object) -> None:
        self.stack.append(value)

    def push_long(self, width: int) -> None:
        count = self.number(width)
        if count > LONGEST_INTEGER:
            raise self.source.damaged(f"it has an integer of {count} bytes")
        self.push(self.number(count, signed=True))

    def push_text(self, width: int, encoding: str = "utf-8") -> None:
        errors = "surrogatepass" if encoding == "utf-8" else "strict"
        self.push(str(self.take(self.number(width)), encoding, errors))

    def push_bytes(self, width: int) -> None:
        self.push(self.take(self.number(width)))

    def frame(self) -> None:
        length = self.number(8)
        if self.end + length > len(self.data):
            raise self.source.damaged(f"a frame of {length} bytes does not fit in it")

    def protocol(self) -> None:
        version = self.number(1)
        if version > 5:
            raise self.source.damaged(f"pickle protocol {version} is unknown")

    # containers

    def since_mark(self) -> list[Any]:
        items = self.stack
        self.stack = self.marks.pop()
        return items

    def mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def tuple_of(self, count: int) -> None:
        if len(self.stack) < count:
            raise IndexError
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        self.push(items)

    def append(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Inert):
            return
        if type(target) is not list:
            raise self.source.damaged(f"it appends to a {type(target).__name__}")
        target.extend(items)

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1].state if isinstance(self.stack[-1], Inert) else self.stack[-1]
        if not isinstance(target, dict) or len(items) % 2:
            raise self.source.damaged(f"it sets items of a {type(target).__name__}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[checked_key(self.source, key)] = value

    def add_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Inert):
            return
        if type(target) is not set:
            raise self.source.damaged(f"it adds items to a {type(target).__name__}")
        target.update(checked_key(self.source, item) for item in items)

    def pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.since_mark()

    def drop(self) -> None:
        self.since_mark()

    # memo

    def put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def get(self, index: int) -> None:
        self.push(self.memo[index])

    # globals and objects

    def find(self, module: str, name: str) -> None:
        path = f"{module}.{name}"
        found = self.allowed.get(path)
        if found is None and self.otherwise is not None:
            found = self.otherwise(module, name)
            if found is not None:
                self.source.inert.add(path)
        if found is None:
            raise self.source.forbidden(path)
        self.push(found)

    def stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise self.source.damaged("the name of a global is not text")
        self.find(module, name)

    def reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if isinstance(function, Inert):  # what an inert thing returns is as inert
            self.push(Inert(function.class_name))
            return
        if not isinstance(function, Global) or function.call is None or not isinstance(arguments, tuple):
            raise self.source.damaged(f"it calls {described(function)}")
        self.push(function.call(self.source, *arguments))

    def new_object(self, extended: bool = False) -> None:
        named = self.stack.pop() if extended else None
        arguments, kind = self.stack.pop(), self.stack.pop()
        if named and not (isinstance(kind, Global) and self.allowed.get(kind.name) is not kind):
            raise self.source.damaged("it makes an object from named arguments")
        if not isinstance(kind, Global) or kind.new is None or not isinstance(arguments, tuple):
            raise self.source.damaged(f"it makes an object of {described(kind)}")
        self.push(kind.new(self.source, *arguments))

    def build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, StandIn):
            raise self.source.damaged(f"it sets the state of {described(target)}")
        target.build(self.source, state)

    def persistent_id(self) -> None:
        if self.persistent is None:
            raise self.source.damaged(
                "it refers to data outside the pickle, as data.pkl of an unpacked file of torch.save does"
            )
        self.push(self.persistent(self.stack.pop()))


def described(value: object) -> str:
    return clipped(value.name) if isinstance(value, Global) else f"a {type(value).__name__}"


def checked_key(source: Source, key: object) -> Hashable:
    """A dictionary key or set member, only when its hash costs no more than its own size."""
    if isinstance(key, int | float) and abs(key) >= LARGEST_KEY:  # beyond it numbers can be made to share one hash
        raise source.damaged(f"{clipped(key)} is no key for a dictionary or set of a checkpoint")
    if isinstance(key, (*_ATOMS, Global)):
        return key
    if isinstance(key, StandIn) and type(key).__hash__ is object.__hash__:  # an optimizer's table of its parameters
        return key
    if type(key) is tuple and all(isinstance(part, _ATOMS) for part in key):
        source.tuples += 1
        if source.tuples > MOST_TUPLE_KEYS:
            raise source.damaged(f"it has more than {MOST_TUPLE_KEYS} tuples as keys, as no real checkpoint has")
        return key
    raise source.damaged(f"a {type(key).__name__} is no key for a dictionary or set")


_NAMES = {ord(opcode.code): opcode.name for opcode in pickletools.opcodes}
_OPERATIONS: dict[int, Callable[[PickleMachine], None]] = {
    ord(code): operation
    for code, operation in {
        "\x80": PickleMachine.protocol,
        "\x95": PickleMachine.frame,
        "N": lambda m: m.push(None),
        "\x88": lambda m: m.push(True),
        "\x89": lambda m: m.push(False),
        "J": lambda m: m.push(m.number(4, signed=True)),
        "K": lambda m: m.push(m.number(1)),
        "M": lambda m: m.push(m.number(2)),
        "\x8a": lambda m: m.push_long(1),
        "\x8b": lambda m: m.push_long(4),
        "G": lambda m: m.push(struct.unpack(">d", m.take(8))[0]),
        "\x8c": lambda m: m.push_text(1),
        "X": lambda m: m.push_text(4),
        "\x8d": lambda m: m.push_text(8),
        "U": lambda m: m.push_text(1, "latin-1"),  # Python 2 wrote arrays and text alike this way
        "T": lambda m: m.push_text(4, "latin-1"),
        "C": lambda m: m.push_bytes(1),
        "B": lambda m: m.push_bytes(4),
        "\x8e": lambda m: m.push_bytes(8),
        "\x96": lambda m: m.push_bytes(8),
        "(": PickleMachine.mark,
        ")": lambda m: m.push(()),
        "t": lambda m: m.push(tuple(m.since_mark())),
        "\x85": lambda m: m.tuple_of(1),
        "\x86": lambda m: m.tuple_of(2),
        "\x87": lambda m: m.tuple_of(3),
        "]": lambda m: m.push([]),
        "a": lambda m: m.append([m.stack.pop()]),
        "e": lambda m: m.append(m.since_mark()),
        "}": lambda m: m.push({}),
        "s": lambda m: m.set_items([m.stack.pop(-2), m.stack.pop()]),
        "u": lambda m: m.set_items(m.since_mark()),
        "\x8f": lambda m: m.push(set()),
        "\x90": lambda m: m.add_items(m.since_mark()),
        "0": PickleMachine.pop,
        "1": PickleMachine.drop,
        "q": lambda m: m.put(m.number(1)),
        "r": lambda m: m.put(m.number(4)),
        "\x94": lambda m: m.put(len(m.memo)),
        "h": lambda m: m.get(m.number(1)),
        "j": lambda m: m.get(m.number(4)),
        "c": lambda m: m.find(m.line(), m.line()),
        "\x93": PickleMachine.stack_global,
        "R": PickleMachine.reduce,
        "\x81": PickleMachine.new_object,
        "\x92": lambda m: m.new_object(extended=True),
        "b": PickleMachine.build,
        "Q": PickleMachine.persistent_id,
    }.items()
}
