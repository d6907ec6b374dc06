"""Networks on the Hugging Face Hub, as hub:owner/name or hub:owner/name/file, through the package huggingface_hub."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

from gantk.errors import GantkError, UsageError

PREFIX = "hub:"
SUFFIXES = (".safetensors", ".pt", ".pth", ".pkl", ".bin", ".npy")  # what some reader of gantk takes
_WORD = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}"
_NAME = re.compile(rf"hub:({_WORD}/{_WORD})((?:/{_WORD})*)")
_CONFIG = "config.json"


def is_hub(name: str) -> bool:
    """Whether a name is meant for the Hub."""
    return name.startswith(PREFIX)


def parse(name: str) -> tuple[str, str | None]:
    """Repository and file of a name.

    Raises:
        UsageError: it is not written so, or the file is of no kind that gantk reads.
    """
    match = _NAME.fullmatch(name)
    if match is None or ".." in name:
        raise UsageError(f"{name!r} is no name on the Hub: write hub:owner/name, or hub:owner/name/file.")
    file = match[2].lstrip("/") or None
    if file is not None and not file.endswith(SUFFIXES):
        raise UsageError(f"gantk reads no file like {file!r} of {name}: give one with {', '.join(SUFFIXES)}.")
    return match[1], file


def fetch(name: str, folder: Path, force: bool = False) -> Path:
    """Download the file (and a config.json beside it) into the Hub's own cache layout below `folder`.

    Raises:
        UsageError: the name is malformed, or the repository has several files to choose from.
        GantkError: huggingface_hub is not installed, or the Hub does not give the file.
    """
    repository, file = parse(name)
    package = _package()
    try:
        listed = [path for path in package.HfApi().list_repo_files(repository) if isinstance(path, str)]
    except Exception as error:  # its errors have changed their base classes from version to version
        raise _refused(name, error) from error
    if file is None:
        file = _choose(name, listed)
    elif file not in listed:
        raise UsageError(f"{repository} on the Hub has no {file}: it has {_some(_readable(listed))}.")
    parent, slash, _ = file.rpartition("/")
    config = f"{parent}{slash}{_CONFIG}"
    wanted = [*([config] if config in listed else []), file]
    path = ""
    try:
        for part in wanted:
            path = package.hf_hub_download(repository, part, cache_dir=str(folder), force_download=force)
    except Exception as error:
        raise _refused(name, error) from error
    found = Path(path)
    if not found.is_file() or not found.absolute().is_relative_to(folder.absolute()):
        raise GantkError(f"huggingface_hub put {name} at {found}, which is no file below {folder}.")
    return found


def _choose(name: str, listed: list[str]) -> str:
    """The one file of a repository that gantk can read; gantk's and torch's weights before copies in other formats."""
    readable = _readable(listed)
    if len(readable) > 1:
        readable = [path for path in readable if path == "pytorch_model.bin"] or readable
    if len(readable) == 1:
        return readable[0]
    if not readable:
        raise GantkError(f"{name} holds no file that gantk reads ({', '.join(SUFFIXES)}).")
    raise UsageError(f"{name} holds several files: give one, such as {name}/{readable[0]}; it has {_some(readable)}.")


def _readable(listed: list[str]) -> list[str]:
    """Files of a kind that gantk reads, whose names are plain."""
    plain = re.compile(rf"{_WORD}(?:/{_WORD})*")
    return sorted(path for path in listed if path.endswith(SUFFIXES) and ".." not in path and plain.fullmatch(path))


def _some(paths: list[str], limit: int = 8) -> str:
    more = f" and {len(paths) - limit} more" if len(paths) > limit else ""
    return (", ".join(paths[:limit]) or "none that gantk reads") + more


def _package() -> ModuleType:
    try:
        import huggingface_hub
    except ImportError:
        raise GantkError("Names on the Hub need the package huggingface_hub: run `pip install 'gantk[hub]'`.") from None
    module: ModuleType = huggingface_hub
    return module


def _refused(name: str, error: Exception) -> GantkError:
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    return GantkError(
        f"The Hub does not give {name} ({type(error).__name__}: {reason}). Look for it on "
        f"https://huggingface.co/{parse(name)[0]}, save it anywhere, and give gantk its path."
    )
