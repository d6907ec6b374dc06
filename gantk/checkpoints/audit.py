"""List what a pickle refers to, without building anything: the opcodes are read, never carried out."""

from __future__ import annotations

import io
import pickletools
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from gantk.checkpoints.foreign import inert
from gantk.checkpoints.pickle_machine import Source, clipped
from gantk.checkpoints.stand_ins import ALLOWED, ARRAYS
from gantk.checkpoints.unpickle import LOAD_FROM_BYTES, STREAM_MAGIC, container_kind, npy_body
from gantk.checkpoints.zip_members import ZipMembers
from gantk.errors import GantkError
from gantk.store.files import open_bytes

MOST_OPCODES = 500_000
DEEPEST = 4


@dataclass(frozen=True)
class Reference:
    """One global that a file refers to: how often, and whether gantk reads files with it.

    `inert`: it is on no list, and stays a name without effect beside the network.
    """

    name: str
    count: int
    allowed: bool
    inert: bool = False


@dataclass(frozen=True)
class Audit:
    """What a file refers to. `damage` says where reading the opcodes stopped, when it did not reach the end."""

    container: str
    references: tuple[Reference, ...]
    opcodes: int
    nested: int
    damage: str | None

    @property
    def forbidden(self) -> tuple[Reference, ...]:
        return tuple(entry for entry in self.references if not (entry.allowed or entry.inert))


def audit(path: str | Path) -> Audit:
    """Every global in every pickle of a file, nested streams included.

    A name that a STACK_GLOBAL takes from the stack is looked up among the strings before it; one that cannot be found
    so is listed as "(computed name)" and counts as forbidden.

    Raises:
        GantkError: the file cannot be opened, or is no container of pickles.
    """
    data = open_bytes(path)
    kind = container_kind(data)
    if kind is None or kind == "safetensors":
        raise GantkError(f"{path} holds no pickle: it starts with {bytes(data[:8])!r}")
    source = Source(str(path), len(data))
    if kind == "torch zip":
        members = ZipMembers(data, source)
        pickles = [members.read(name) for name in members.members if name.endswith(".pkl")]
    elif kind == "npy":
        body = npy_body(data, source)
        pickles = [] if body is None else [body]
    else:
        pickles = [data]
    walk = _Walk()
    for pickle in pickles:
        walk.read(pickle, 0)
    allowed = set(ARRAYS) if kind == "npy" else {*ALLOWED, LOAD_FROM_BYTES}
    references = [
        Reference(name, count, name in allowed, name not in allowed and kind != "npy" and _is_inert(name))
        for name, count in walk.names.items()
    ]
    references.sort(key=lambda reference: (reference.allowed, reference.name))
    return Audit(kind, tuple(references), walk.opcodes, walk.nested, walk.damage)


def _is_inert(name: str) -> bool:
    module, _, last = name.rpartition(".")
    return bool(module) and inert(module, last) is not None


class _Walk:
    def __init__(self) -> None:
        self.names: Counter[str] = Counter()
        self.opcodes = 0
        self.nested = 0
        self.damage: str | None = None

    def read(self, data: memoryview, depth: int) -> None:
        """All pickles that follow one another in `data` (a torch stream has five, then raw numbers)."""
        file = io.BytesIO(data)
        for _ in range(5 if bytes(data[: len(STREAM_MAGIC)]) == STREAM_MAGIC else 1):
            try:
                self.read_one(file, depth)
            except (ValueError, IndexError, KeyError, OverflowError, UnicodeDecodeError, MemoryError) as error:
                self.damage = f"stopped at byte {file.tell()} ({clipped(error)})"
                return

    def read_one(self, file: io.BytesIO, depth: int) -> None:
        strings: list[str] = []
        memo: dict[int, str] = {}
        last: str | None = None
        memoized = 0
        for opcode, argument, _ in pickletools.genops(file):
            self.opcodes += 1
            if self.opcodes > MOST_OPCODES:
                raise ValueError(f"more than {MOST_OPCODES} opcodes")
            name = opcode.name
            if name in ("GLOBAL", "INST"):
                self.names[clipped(str(argument).replace(" ", "."))] += 1
            elif name.startswith("EXT"):
                self.names["(extension code)"] += 1
            elif name == "STACK_GLOBAL":
                known = len(strings) >= 2
                self.names[clipped(".".join(strings[-2:])) if known else "(computed name)"] += 1
            elif name in ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"):
                index = memoized if name == "MEMOIZE" else int(str(argument))
                memoized += 1
                if last is not None:
                    memo[index] = last
                else:
                    memo.pop(index, None)
                continue
            last = None
            if isinstance(argument, str) and "UNICODE" in name:
                last = argument
            elif name in ("GET", "BINGET", "LONG_BINGET"):
                last = memo.get(int(str(argument)))
            if last is not None:
                strings = [*strings[-1:], last]
            elif name not in ("FRAME", "PROTO"):
                strings = []
            if isinstance(argument, bytes) and argument.startswith(STREAM_MAGIC) and depth < DEEPEST:
                self.nested += 1
                self.read(memoryview(argument), depth + 1)
