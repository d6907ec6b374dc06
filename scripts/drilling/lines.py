"""A command line for every task of the table, on tiny networks, and the command lines that make what it reads."""

from __future__ import annotations

from pathlib import Path

from recording.running import cases

from gantk.runs.table import TASKS, find_task

SLOW = ("ghfeat-train-adversarial", "lse-train-adam")  # read by no other line


def of_task(name: str) -> dict[str, list[str]]:
    """Every recorded line of a task that makes a whole run, by its name; those on the smallest network come first."""
    words = name.split()
    found = {
        case: line
        for case, line in cases().items()
        if line[: len(words)] == words and "-o" in line and "--shard" not in line and not case.startswith("bad-")
    }
    return dict(sorted(found.items(), key=lambda item: not any("tiny.safetensors" in word for word in item[1])))


def line_of(name: str) -> str:
    """The recorded line of a task that is drilled."""
    return next(iter(of_task(name)))


def before(name: str) -> list[str]:
    """The names of the lines that make what a line reads, in order."""
    every = cases()
    order = list(every)
    wanted, found = _folders(every[name]), []
    for earlier in reversed(order[: order.index(name)]):
        line = every[earlier]
        into = {line[line.index("-o") + 1]} if "-o" in line else _folders(line)
        if into & wanted and not earlier.startswith("bad-"):
            found.append(earlier)
            wanted |= _folders(line)
    return list(reversed(found))


def _folders(line: list[str]) -> set[str]:
    """The first parts of everything in a line that may be a path of an earlier line, but not of what it writes."""
    return {word.rpartition("=")[2].split("/")[0] for word in _read(line)} - {"world", "demo"}


def _read(line: list[str]) -> list[str]:
    """The words of a line that may say what it reads."""
    name = max((task.split() for task in TASKS if line[: len(task.split())] == task.split()), key=len, default=line[:1])
    return [
        word
        for place, word in enumerate(line)
        if place >= len(name)
        and not word.startswith("-")
        and line[place - 1] != "-o"
        # the value of an option is no folder unless it looks like a path
        and ("/" in word or not line[place - 1].startswith("--") or line[place - 1] == "--start")
    ]


def in_folder(line: list[str], out: str) -> list[str]:
    """The line with another run directory."""
    place = line.index("-o") + 1
    return [*line[:place], out, *line[place + 1 :]]


def divided() -> list[str]:
    """The tasks whose work can be divided."""
    return [name for name in TASKS if any(f == "shard" for f in find_task(name).run.__dataclass_fields__)]


def files_of(line: list[str], work: Path) -> list[Path]:
    """The files that a line names, those in folders included; not what it writes."""
    found: dict[Path, None] = {}
    for word in _read(line):
        for part in (word, word.rpartition("=")[2], word.rpartition(":")[0]):
            path = work / part if part else work / "-"
            if path.is_file():
                found[path] = None
            elif path.is_dir() and path != work:
                found |= dict.fromkeys(sorted(each for each in path.rglob("*") if each.is_file()))
    return list(found)
