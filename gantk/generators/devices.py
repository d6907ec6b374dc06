"""Devices by name: auto, cpu, cuda, cuda:1."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gantk.errors import GantkError, UsageError
from gantk.generators.arguments import described

if TYPE_CHECKING:
    import torch


def resolve_device(given: str | torch.device) -> str:
    """Return the device that ``--device`` or a call names, "auto" resolved; torchrun's processes get a GPU each.

    Raises:
        UsageError: no such device on this machine.
    """
    import torch

    name = str(given) if isinstance(given, torch.device) else given
    if not isinstance(name, str):
        raise UsageError(f"device is {described(given)}: give cpu, cuda, cuda:N or auto.")
    rank = os.environ.get("LOCAL_RANK", "")
    if name in ("auto", "cuda") and rank.isdecimal() and torch.cuda.is_available():
        return f"cuda:{int(rank) % torch.cuda.device_count()}"
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"The device {name!r} is not understood: give cpu, cuda, cuda:N or auto.") from None
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            found = f"{count} GPU{'s' * (count != 1)}" if count else "no GPU that torch can use"
            raise UsageError(
                f"The device {name!r} does not exist: this machine has {found}. Give --device cpu or auto."
            )
    return name


@contextlib.contextmanager
def reproducible() -> Iterator[None]:
    """Within the block torch takes only algorithms that give the same bits every time.

    cuBLAS needs workspaces of fixed sizes for that, which it is told before it is first used.

    Raises:
        GantkError: the work needs an operation that torch has no such algorithm for.
    """
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled()
    warned = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    except RuntimeError as error:
        if "does not have a deterministic implementation" not in str(error):
            raise
        name = str(error).split()[0]
        raise GantkError(f"{name} has no deterministic algorithm here: leave --deterministic out.") from error
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warned)
