"""Safetensors that other programs wrote (Accelerate, Hugging Face): tensors by name, which still lie in the file."""

from __future__ import annotations

import math

import torch

from gantk.checkpoints.pickle_machine import Source, clipped
from gantk.checkpoints.safetensors_header import split
from gantk.checkpoints.stored_tensors import Storage, StoredTensor, checked_shape
from gantk.errors import GantkError

TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
MOST_TENSORS = 20_000  # a large generator has some thousands


def read_safetensors(data: memoryview, source: Source) -> dict[str, StoredTensor]:
    """The tensors of a file by name; its metadata are not looked at."""
    found = {}
    try:
        header, body = split(data)
        if len(header) > MOST_TENSORS:
            raise GantkError(f"{source.name} holds {len(header)} tensors, and at most {MOST_TENSORS} are read")
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            start, stop = (int(end) for end in entry["data_offsets"])
            if entry["dtype"] not in TYPES:
                raise GantkError(f"{source.name} holds {clipped(name)} as {clipped(entry['dtype'])}, which is not read")
            dtype, shape = TYPES[entry["dtype"]], checked_shape(source, entry["shape"])
            count = math.prod(shape)
            if not 0 <= start <= stop <= len(body) or stop - start != count * dtype.itemsize:
                raise source.damaged(f"the data of {clipped(name)} do not lie where its header says")
            stride = tuple(math.prod(shape[place + 1 :]) for place in range(len(shape)))
            storage = Storage(source, dtype, count, lambda start=start, stop=stop: body[start:stop])  # type: ignore[misc]
            found[name] = StoredTensor(storage, 0, shape, stride)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise source.damaged(f"its header is no list of tensors ({clipped(error)})") from error
    return found
