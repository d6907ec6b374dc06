"""Heads by name, from files and folders, or from whatever Python gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gantk.errors import UsageError
from gantk.generators.arguments import described
from gantk.generators.base import Generator
from gantk.predictors.head_files import load_head
from gantk.predictors.head_info import LearnedHead
from gantk.predictors.heads import Head


def find_heads(paths: Sequence[str], generator: Generator, force: bool = False) -> dict[str, Head]:
    """Heads by name from files and folders (of heads, or of a training).

    Raises:
        UsageError: a folder has none, or two heads have one name.
    """
    found: dict[str, Head] = {}
    for text in paths:
        path = Path(text)
        files = [path]
        if path.is_dir():
            folder = path / "heads" if (path / "heads").is_dir() else path
            files = sorted([*folder.glob("*.safetensors"), *folder.glob("*.pth")])
            if not files:
                raise UsageError(f"{path} has no heads in it: give a file or the directory of `gantk lse train`.")
        for file in files:
            name = file.stem if file.stem not in found else f"{path.name}/{file.stem}"
            if name in found:
                raise UsageError(f"Two heads are called {name}: rename one of the files.")
            found[name] = load_head(file, generator, force)
    return found


def one_head(given: object, generator: Generator) -> Head:
    """A head of a `Head`, a `LearnedHead`, or a result that carries one, bound to the generator.

    Raises:
        UsageError: it is something else. GantkError: it is another generator's head.
    """
    if not isinstance(given, (Head, LearnedHead)):
        given = getattr(given, "head", given)
    if isinstance(given, LearnedHead):
        return given.head(generator)
    if not isinstance(given, Head):
        raise UsageError(f"The head is {described(given)}: give one of gantk.load_head, or a result of gantk.lse.")
    return given if given.generator and given.generator[0] is generator else given.bind(generator)


def several_heads(given: object, generator: Generator) -> dict[str, Head]:
    """Heads by name: of a table name -> head, a result with several, a sequence, or a single one.

    Raises:
        UsageError: there is none, or two have one name.
    """
    if isinstance(given, Mapping):
        return {str(name): one_head(each, generator) for name, each in given.items()}
    several = getattr(given, "heads", given)
    found: dict[str, Head] = {}
    for each in several if isinstance(several, (list, tuple)) else [given]:
        head = one_head(each, generator)
        if head.name in found:
            raise UsageError(f"Two heads are called {head.name}: give a table of name -> head.")
        found[head.name] = head
    if not found:
        raise UsageError("No head was given: give one of gantk.load_head, or a result of gantk.lse.")
    return found
