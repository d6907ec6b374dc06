"""Devices by name: auto, cpu, cuda, cuda:1."""

from __future__ import annotations

import os

from gantk.errors import UsageError


def resolve_device(name: str) -> str:
    """Return the device that ``--device`` names, "auto" resolved; torchrun's processes get a GPU each.

    Raises:
        UsageError: no such device on this machine.
    """
    import torch

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
