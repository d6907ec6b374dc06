"""A GPU that is not there: tensors that have a device and a shape and no numbers.

Inside `fake_cuda()` every tensor on "cuda" is fake, and an operation that mixes devices fails as it would on a GPU.
What leaves the device (`.cpu().numpy()`, `float(x)`, `if x:`) would need numbers: zeros are given, `int(x)` is one, and
all of them are finite, so that whole verbs run. Gradients are zeros too, because the engine that computes them asks for
a driver.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode
from torch._subclasses.fake_tensor import FakeTensor
from torch.overrides import TorchFunctionMode

KINDS = (torch.float16, torch.float32, torch.float64, torch.uint8, torch.int32, torch.int64, torch.bool)
DTYPES = {kind: torch.empty(0, dtype=kind).numpy().dtype for kind in KINDS}


class Readouts(TorchFunctionMode):
    """Gives zeros for what fake tensors cannot tell; a tensor that is read must be on the CPU, as numpy demands."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = args[0] if args else None
        if func is Tensor.to and isinstance(given, Tensor):
            away = _elsewhere(given, [*args[1:], *(kwargs or {}).values()])
            if away is not None:
                return away
        if func in (torch.tensor, torch.as_tensor, Tensor.new_tensor):
            there = _constant(func, *args, **(kwargs or {}))
            if there is not None:
                return there
        if func is Tensor.backward:  # the engine asks for a driver; what was built forward was checked
            return None
        if func is torch.autograd.grad:
            named = dict(zip(("outputs", "inputs", "grad_outputs"), args, strict=False)) | (kwargs or {})
            batch = _several(named["grad_outputs"])[0] if named.get("is_grads_batched") else None
            return tuple(_gradient(x, batch) for x in _several(named["inputs"]))
        if isinstance(given, FakeTensor):
            index = args[1] if func is Tensor.__getitem__ else None
            if isinstance(index, Tensor) and index.dtype == torch.bool:  # how many are true nobody knows: all
                assert index.device == given.device, f"a mask on {index.device} chooses from {given.device}"
                return given.reshape(index.numel(), *given.shape[index.ndim :])
            if func is Tensor.__setitem__ and isinstance(args[1], list):  # a list is copied by a driver
                return None
            if func is torch.unique:  # how many there are nobody knows: all
                assert (kwargs or {}).get("return_inverse"), "asked for with the inverse alone"
                return given.flatten(), torch.arange(given.numel(), device=given.device).view(given.shape)
            if func is torch.bincount:
                return torch.zeros((kwargs or {})["minlength"], dtype=torch.int64, device=given.device)
            if func is Tensor.nonzero:  # likewise
                return torch.zeros(given.numel(), given.ndim, dtype=torch.int64, device=given.device)
            if func is Tensor.numpy:
                assert given.device.type == "cpu", "numpy() of a tensor on a GPU: call cpu() first"
                return np.zeros(tuple(given.shape), DTYPES[given.dtype])
            if func is Tensor.__deepcopy__:
                copied = given.detach().clone()
                return (
                    torch.nn.Parameter(copied, given.requires_grad) if isinstance(given, torch.nn.Parameter) else copied
                )
            if func is Tensor.data_ptr:
                return id(given)
            if func is Tensor.tolist:
                return np.zeros(tuple(given.shape)).tolist()
            if func in (Tensor.item, Tensor.__float__):
                return 0.0
            if func in (Tensor.__int__, Tensor.__index__):
                return 1
            if func is Tensor.__bool__:
                return getattr(given, "true", False)
            if func in (torch.isfinite, Tensor.isfinite) or (func is Tensor.all and hasattr(given, "true")):
                found = func(*args, **(kwargs or {}))
                found.true = True
                return found
        return func(*args, **(kwargs or {}))


def _several(given: Any) -> Sequence[Tensor]:
    return [given] if isinstance(given, Tensor) else list(given)


def _gradient(of: Tensor, batch: Tensor | None) -> Tensor:
    """Zeros for the gradient in a tensor; one for each cotangent where there is a batch of them."""
    return torch.zeros_like(of if batch is None else of.expand(len(batch), *of.shape))


def _elsewhere(given: Tensor, said: Sequence[Any]) -> Tensor | None:
    """What `to` makes on another device: constants would be copied to a GPU that is not there."""
    like = next((part for part in said if isinstance(part, Tensor)), given)
    device = next((torch.device(part) for part in said if isinstance(part, (str, torch.device))), like.device)
    dtype = next((part for part in said if isinstance(part, torch.dtype)), like.dtype)
    if device.type == given.device.type:
        return None
    return torch.empty(given.shape, dtype=dtype, device=device)


def _constant(func: Callable[..., Any], *args: Any, dtype: Any = None, device: Any = None, **_: Any) -> Tensor | None:
    """What is made of numbers, an array or a tensor on the GPU that is not there; None where it is made on the CPU."""
    like, data = (args[0], args[1]) if func is Tensor.new_tensor else (None, args[0])
    device = torch.device(device or (like.device if like is not None else getattr(data, "device", "cpu")))
    if device.type == "cpu":
        return None
    if not isinstance(data, Tensor):
        data = torch.as_tensor(np.asarray(data))
    if dtype is None:
        floating = torch.get_default_dtype() if data.is_floating_point() else data.dtype
        dtype = like.dtype if like is not None else floating
    return torch.zeros(data.shape, dtype=dtype, device=device)


@contextlib.contextmanager
def fake_cuda() -> Iterator[torch.device]:
    """A device that fake tensors are on; tensors made from numpy arrays are on the CPU and must be moved."""
    with (
        FakeTensorMode(allow_non_fake_inputs=True),
        Readouts(),
        mock.patch.object(torch.cuda, "mem_get_info", lambda *_: (8 << 30, 8 << 30)),
        mock.patch.object(torch.nn.Module, "to", moved),  # torch swaps the tensors of a module, which fakes refuse
        mock.patch("torch.optim.adam._get_value", lambda steps: 1),  # Adam divides by a function of its steps
    ):
        yield torch.device("cuda")


def moved(module: Any, device: torch.device | str | None = None, **form: Any) -> Any:
    """The module, its weights and buffers fake and on the device; a memory format is no matter of devices."""
    if device is None:
        return module
    for part in module.modules():
        for table in (part._parameters, part._buffers):
            for name, tensor in table.items():
                if tensor is not None:
                    fake = torch.empty(tensor.shape, dtype=tensor.dtype, device=device)
                    table[name] = (
                        torch.nn.Parameter(fake, tensor.requires_grad)
                        if isinstance(tensor, torch.nn.Parameter)
                        else fake
                    )
    return module
