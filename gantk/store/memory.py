"""Memory of this process: what it may still take, what it took at most, and whether an error says that there was none.

The least of what the machine has free, what a control group (slurm, a container) leaves, and what RLIMIT_AS leaves.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from gantk.errors import StoreError

SYSTEM = Path("/")
SMALL = 1 << 28  # bytes; what needs fewer is not worth the look at what there is
UNLIMITED = 1 << 60  # control groups of version 1 say about 2^63 where there is no limit


def available(root: Path = SYSTEM) -> int | None:
    """Bytes that this process may still take; None where nothing says so.

    Args:
        root: of the file system that holds proc and sys, for tests.
    """
    found = [_field(root / "proc/meminfo", "MemAvailable"), *_groups(root), _address_space(root)]
    known = [value for value in found if value is not None]
    return max(0, min(known)) if known else None


def peak() -> int:
    """Bytes that this process had resident at most; what started it does not count."""
    own = _field(SYSTEM / "proc/self/status", "VmHWM")
    if own is not None:
        return own
    with contextlib.suppress(ImportError):  # not on every system
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return int(most) * (1 if sys.platform == "darwin" else 1024)
    return 0


def peak_of_gpus() -> int | None:
    """Bytes that tensors had at most on the GPU where they had most; None where no GPU was used. Imports nothing."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    most: int = max(torch.cuda.max_memory_allocated(index) for index in range(torch.cuda.device_count()))
    return most


def shown(count: int) -> str:
    """Bytes in words: 812 MB, 2.5 GB."""
    return f"{count / 1e9:.1f} GB" if count >= 999_500_000 else f"{count / 1e6:.0f} MB"


def require(needed: int, what: str, way: str) -> None:
    """Refuse work, before it begins, that this process has not the memory for.

    Args:
        needed: bytes that it holds at once, at least.
        what: that needs them, such as "1000000000 samples".
        way: what to do instead, such as "give a smaller --num".

    Raises:
        StoreError: there are fewer.
    """
    free = available() if needed > SMALL else None
    if free is not None and needed > free:
        raise StoreError(f"{what} need {shown(needed)} of memory, and {shown(free)} are free: {way}.")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out: Python's, numpy's, torch's on a GPU or on the CPU."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, RuntimeError) and any(word in text for word in words)


def _field(path: Path, name: str) -> int | None:
    """A field of a file of lines such as ``VmSize:  1234 kB``, in bytes."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in path.read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    return None


def _groups(root: Path) -> list[int | None]:
    """What this process' control groups leave, each folder above them included: the tightest counts."""
    found: list[int | None] = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            base, names = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            base = root / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        folder = base / path.strip("/")
        while True:
            found.append(_left(folder, *names))
            if folder == base or base not in folder.parents:
                break
            folder = folder.parent
    return found


def _left(folder: Path, limit: str, used: str, cached: str) -> int | None:
    """A group's limit less what it uses; what the system would drop from its cache of files is not counted as used."""
    most, now = _number(folder / limit), _number(folder / used)
    if most is None or now is None or most >= UNLIMITED:
        return None
    droppable = 0
    for line in _text(folder / "memory.stat").splitlines():
        name, _, value = line.partition(" ")
        if name == cached and value.isdecimal():
            droppable = int(value)
    return most - max(0, now - droppable)


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text()
    return ""


def _address_space(root: Path) -> int | None:
    """What the limit of addresses (``ulimit -v``) leaves."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        used = _field(root / "proc/self/status", "VmSize")
        if soft != resource.RLIM_INFINITY and used is not None:
            return int(soft) - used
    return None


@contextlib.contextmanager
def resident_peak(process: Path) -> Iterator[list[int | None]]:
    """Bytes that became resident at most within the block; None where the system does not tell.

    Args:
        process: the folder of this process in /proc.
    """
    found: list[int | None] = [None]
    before = _field(process / "status", "VmRSS")
    with contextlib.suppress(OSError):
        (process / "clear_refs").write_text("5")  # the peak begins anew
        yield found
        most = _field(process / "status", "VmHWM")
        found[0] = None if most is None or before is None else max(0, most - before)
        return
    yield found
