"""One process at a time in a run directory: an advisory lock that a killed process releases by dying."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from gantk.errors import StoreError


@contextlib.contextmanager
def hold(path: Path, shared: bool = False, what: str | None = None) -> Iterator[None]:
    """Hold a lock file; shared holders exclude an exclusive one only.

    Raises:
        GantkError: another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # no such locks on this system: go on without
        yield
        return
    descriptor = -1
    try:
        while True:
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
                fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreError(
                    f"Another gantk process is working in {what or path.parent}: wait for it to end, "
                    "or choose another --output-dir."
                ) from None
            except OSError as error:
                if error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL):
                    break  # a file system without locks
                raise StoreError(f"{path.parent} cannot be written: {error.strerror}.") from error
            # The holder before may have removed the file between our open and our lock; then ours is nobody's.
            with contextlib.suppress(FileNotFoundError):
                if os.fstat(descriptor).st_ino == os.stat(path).st_ino:
                    break
            os.close(descriptor)
        yield
    finally:
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                _remove_if_last(path, descriptor)
            os.close(descriptor)


def _remove_if_last(path: Path, descriptor: int) -> None:
    import fcntl

    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails when others hold it
    if os.fstat(descriptor).st_ino == os.stat(path).st_ino:
        path.unlink()
