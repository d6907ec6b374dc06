"""Processes of a training that torchrun started, or the one there is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")


@contextlib.contextmanager
def processes(device: str) -> Iterator[tuple[int, str]]:
    """Join torchrun's processes; gives this one's rank and its device (a GPU of its own where there are GPUs)."""
    import torch
    import torch.distributed as dist

    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1 or not dist.is_available():
        yield 0, device
        return
    local = int(os.environ.get("LOCAL_RANK", "0"))
    on_gpu = device != "cpu" and torch.cuda.is_available()
    if on_gpu:
        device = f"cuda:{local % torch.cuda.device_count()}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield dist.get_rank(), device if on_gpu else "cpu"
    finally:
        dist.destroy_process_group()


def world_size() -> int:
    """How many processes train together; 1 where torchrun started none."""
    import torch.distributed as dist

    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def of_first(value: T) -> T:
    """What the first process has, in every process of a training; where there is one process, the value itself."""
    import torch.distributed as dist

    if world_size() == 1:
        return value
    boxed = [value]
    dist.broadcast_object_list(boxed, src=0)
    return boxed[0]
