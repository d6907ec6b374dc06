"""Costly things that several files of tests read: the first worker to ask makes them, others wait and take the same."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

PLACE = "GANTK_TESTS_SHARED"
"""The variable of the environment that names the folder; conftest.py sets it."""


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder of that name, filled by `make` where no test of this session has done so; it is only read."""
    folder = Path(os.environ[PLACE]) / name
    done = folder.with_name(f"{name}.done")
    with open(folder.with_name(f"{name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder
