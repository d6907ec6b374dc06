"""Code of the user's own: it runs only where this very command line, or a Python call, names it.

The same holds of addresses: one is fetched only where it was typed (gantk/checkpoints/addresses.py).

What is read (a manifest, a card, a settings file, a list) gives texts; a text that names code is refused. The command
line gives `OwnCode`, a text that remembers where it came from and forgets it on its way through any file.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from gantk.errors import GantkError, UsageError, suggestion
from gantk.store.inside import regular_file
from gantk.store.memory import is_out_of_memory

PACKAGE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")  # where gantk is
SHOWN = 12  # digits of a checksum in a message; all of it is compared


class OwnCode(str):
    """A name that was typed for this invocation, so that it may be code (``file.py:object``) or an https address."""


@dataclass(frozen=True)
class CodeRecord:
    """Code that ran: its name as typed, and the SHA-256 of its source file ("" where it has none)."""

    name: str
    sha256: str


_ran: dict[str, CodeRecord] = {}  # by name: what this process ran, for manifests


def names_code(text: object) -> bool:
    """Whether a text is of the form ``module:object`` or ``file.py:object`` and no file."""
    if not isinstance(text, str) or "\0" in text or "://" in text:
        return False
    module, _, attribute = text.rpartition(":")
    return bool(module) and attribute.isidentifier() and not os.path.lexists(text)


def find_object(name: str, what: str, code: bool = False) -> Any:
    """The object that `module:object` names; this runs the module. Modules are looked for in the current directory too.

    Args:
        name: an `OwnCode`, or any text where `code` says that the caller vouches for it.
        what: begins the message where there is none.

    Raises:
        UsageError: the name does not come from this invocation, or there is no such module or object.
    """
    if not code:
        refuse_untyped(name, what)
    module, _, attribute = name.rpartition(":")
    with foreign(f"{what} cannot be imported: it", UsageError):
        loaded = _from_file(Path(module)) if module.endswith(".py") else _from_name(module)
    if not hasattr(loaded, attribute):
        public = [key for key in vars(loaded) if not key.startswith("_")]
        raise UsageError(f"The module {module!r} has nothing called {attribute!r}.{suggestion(attribute, public)}")
    _ran[str(name)] = CodeRecord(str(name), _checksum(getattr(loaded, "__file__", None)))
    return getattr(loaded, attribute)


@contextlib.contextmanager
def foreign(whose: str, kind: type[GantkError] = GantkError) -> Iterator[None]:
    """Around code of the user's own: whatever it raises is one sentence that says whose code it was.

    Memory that runs out stays what it is: the caller goes on with fewer samples at once.

    Args:
        whose: begins the sentence, such as "The predictor 'file.py:name'".
        kind: of the error that it is.
    """
    try:
        yield
    except (GantkError, KeyboardInterrupt):
        raise
    except BaseException as error:  # scripts end by exit(), and foreign code may raise anything
        if is_out_of_memory(error):
            raise
        raise kind(f"{whose} raised {type(error).__name__}: {' '.join(str(error).split())[:160]}.") from error


def culprit(error: BaseException) -> str:
    """The file and line of the user's own code in which an error arose; "" where it arose in gantk or in a library."""
    import sysconfig
    import traceback

    installed = tuple(sysconfig.get_paths().values())
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    ours = [place for place, (file, _) in enumerate(frames) if file.startswith(PACKAGE)]
    called = frames[ours[-1] + 1 :] if ours else []  # by the last function of gantk's
    own = [f"{file}, line {line}" for file, line in called if os.path.isfile(file) and not file.startswith(installed)]
    return own[-1] if own else ""


def checksum_of(name: str) -> str | None:
    """The SHA-256 of the source of code that this process ran: a changed function is another one."""
    return _ran[str(name)].sha256 or None if str(name) in _ran else None


def refuse_untyped(name: str, what: str) -> None:
    """Refuse a name of code that was not typed for this invocation.

    Raises:
        UsageError: it was not; `what` begins the message.
    """
    if names_code(name) and not isinstance(name, OwnCode):
        raise UsageError(
            f"{what} names code, and gantk runs no code that a file names: name it on this command line (in Python: "
            "code=True)."
        )


def _checksum(file: str | None) -> str:
    try:
        import hashlib

        return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""
    except OSError:
        return ""


def ran(arguments: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Which arguments named code that this process ran, for a manifest: argument -> name and sha256."""
    records = {key: _ran.get(value) for key, value in arguments.items() if isinstance(value, str)}
    return {key: {"name": each.name, "sha256": each.sha256} for key, each in records.items() if each is not None}


def ask_again(
    manifest: Mapping[str, Any], offered: Mapping[str, str | None], where: str, needed: Collection[str]
) -> dict[str, str]:
    """The arguments of a run that named code, with what this invocation names instead.

    Args:
        manifest: the run's.
        offered: argument -> what the command line says for it, or None; an option is `--argument`.
        where: the run, for messages.
        needed: arguments whose code is about to run, so that it must be named.

    Raises:
        UsageError: the run was made with own code that this invocation does not name, or its source is another now.
    """
    arguments, found = manifest.get("arguments"), manifest.get("code")
    codes = found if isinstance(found, dict) else {}
    given = {}
    for name, value in (arguments if isinstance(arguments, dict) else {}).items():
        if name not in offered:
            continue
        offer = offered[name]
        kept = codes.get(name)
        had = str(kept.get("sha256") or "") if isinstance(kept, dict) else ""
        if offer is None and name in needed and names_code(value):
            raise UsageError(
                f"{where} was made with the code {value}{f' (sha256 {had[:SHOWN]}...)' if had else ''}, and gantk runs "
                f"no code that a run names: if you trust it, give --{name} {value}."
            )
        if offer is not None:
            module = offer.rpartition(":")[0]
            now = _checksum(str(regular_file(module))) if names_code(offer) and module.endswith(".py") else ""
            if had and now and now != had:
                raise UsageError(
                    f"{where} was made with {value} of sha256 {had[:SHOWN]}..., and --{name} {offer} has "
                    f"{now[:SHOWN]}...: give the file it was made with."
                )
            given[name] = offer
    return given


def _from_name(module: str) -> ModuleType:
    here = os.getcwd()
    added = here not in sys.path and "" not in sys.path
    if added:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(module)
    finally:
        if added:
            sys.path.remove(here)


def _from_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, regular_file(path))
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
