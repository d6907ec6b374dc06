"""Networks by name: those that come with gantk, and the zoo's where they were pulled."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from gantk.checkpoints.hub import is_hub
from gantk.errors import GantkError, UsageError, suggestion
from gantk.generators.zoo import LOADABLE, entries
from gantk.store.files import sha256_of
from gantk.store.lazy import resolve

if TYPE_CHECKING:
    from gantk.generators.base import Generator

ALIASES = {"demo": "demo-stylegan2"}
# Networks without weights: name -> function that makes one.
CONSTRUCTED = {"demo-oracle": "gantk.world.oracle:oracle_generator"}
SUMS = "SHA256SUMS"


def weights_folder() -> Path:
    """Where the bundled weights lie: `NAME.safetensors`, with their hashes in SHA256SUMS."""
    return Path(__file__).resolve().parent.parent / "world" / "weights"


def bundled() -> dict[str, Path | None]:
    """Bundled generators by name; None for one that is made without a file."""
    files = sorted(weights_folder().glob("*.safetensors"))
    found = {path.stem: path for path in files if _is_generator(path, path.stat().st_mtime_ns)}
    return {**found, **dict.fromkeys(CONSTRUCTED)}


@functools.lru_cache(maxsize=256)
def _is_generator(path: Path, written: int) -> bool:
    """Whether a file that was written at that time is a generator's; the others are predictors' and discriminators'."""
    from gantk.checkpoints.native import read_header

    try:
        read_header(path)
    except GantkError:
        return False
    return True


def is_bundled(model: str) -> bool:
    """Whether a user's MODEL is the name of a network that comes with gantk, all of which draw the bundled world."""
    return ALIASES.get(model, model) in bundled()


def is_known(name: str) -> bool:
    """Whether a word is the name of a bundled network or of the zoo's, so that a file of that name is `./NAME`."""
    return ALIASES.get(name, name) in bundled() or name in entries()


def locate(name: str) -> Path | Generator:
    """The file of a bundled or pulled network, or the network itself where it has no file.

    Raises:
        UsageError: no such name; near matches are offered.
        GantkError: the file is not the one that was shipped.
    """
    wanted = ALIASES.get(name, name)
    known = bundled()
    if wanted in known:
        path = known[wanted]
        if path is None:
            generator: Generator = resolve(CONSTRUCTED[wanted])()
            return generator
        check_sum(path)
        return path
    if wanted in entries() or is_hub(wanted):
        from gantk.checkpoints.pull import locate as pulled

        return pulled(wanted)
    networks = {entry.name for entry in entries().values() if entry.kind == LOADABLE}
    raise UsageError(
        f"{name!r} is neither a file nor a network's name.{suggestion(name, {*known, *ALIASES, *networks})} "
        "Give a checkpoint's path, or a name from `gantk models list`."
    )


def check_sum(path: Path) -> None:
    """Compare a bundled file with its line in SHA256SUMS, where there is one."""
    sums = path.with_name(SUMS)
    if not sums.is_file():
        return
    lines = [line.split() for line in sums.read_text(encoding="utf-8").splitlines() if line.strip()]
    wanted = {line[-1]: line[0] for line in lines}.get(path.name)
    if wanted and sha256_of(path) != wanted:
        raise GantkError(
            f"{path} is not the file that came with gantk (its sha256 differs from {SUMS}); install gantk again"
        )
