"""How many samples are computed at once where nobody said: what fits, and half of it when memory runs out all the same.

The size is chosen once, before a run begins, and is part of its identity: pictures agree to 1e-5 whatever the size, and
to the byte only for the same one. It is a power of two, at most what the option names, so that small networks have the
same size everywhere and machines of nearly the same memory agree. A run that is continued, and a shard beside others,
takes the size that is there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from gantk.errors import StoreError
from gantk.runs.option_values import AUTOMATIC
from gantk.runs.options import Field, Options, fields_of
from gantk.store.memory import available, is_out_of_memory

if TYPE_CHECKING:
    import torch

    from gantk.runs.stores import Store

ON_CPU = 1 << 30  # bytes; more at once does not make a CPU faster
SHARE_OF_GPU = 4  # one part of so many of a GPU's memory: the rest is for weights, what analyses keep, and fragments
SHARE_OF_FREE = 2

LOWERS = {
    "size": "a smaller --size",
    "metric_size": "a smaller --metric-size",
    "tangents": "a smaller --tangents",
    "block": "a smaller --block",
    "taps": "fewer --taps",
    "shots": "fewer --shots",
}
"""What needs less memory once there is no smaller batch: field of the options -> what to give."""

OptionsT = TypeVar("OptionsT", bound=Options)
T = TypeVar("T")


class MemoryWarning(UserWarning):
    """Memory ran out, and the work goes on with fewer samples at once."""


def batch_field(options: Options) -> Field | None:
    """The option that says how many samples are computed at once, where it can be chosen by itself."""
    return next((field for field in fields_of(type(options)) if field.about.auto is not None), None)


def open_field(options: Options) -> Field | None:
    """`batch_field`, where the size is still to be chosen."""
    field = batch_field(options)
    return field if field is not None and getattr(options, field.name) == AUTOMATIC else None


def settled(options: OptionsT, arguments: Mapping[str, object]) -> OptionsT:
    """The options with the batch size chosen: for the largest of the generators among a verb's arguments.

    Args:
        arguments: of the verb, by name.
    """
    field = open_field(options)
    return options if field is None else with_size(options, size_for(arguments.values(), field))


def with_size(options: OptionsT, size: int) -> OptionsT:
    """The options with this batch size."""
    field = batch_field(options)
    assert field is not None
    return dataclasses.replace(options, **{field.name: size})


def within(options: OptionsT, size: int) -> OptionsT:
    """The options of a part of other work, whose own batch size this is: so many at once, where it was still open."""
    field = open_field(options)
    if field is None or field.about.auto is None:
        return options
    return with_size(options, min(field.about.auto, size))


def size_for(values: Iterable[object], field: Field) -> int:
    """The largest power of two, at most the option's own, of samples that fit into the budget; at least 1."""
    from gantk.generators.base import Generator
    from gantk.generators.footprint import sample_bytes

    most = field.about.auto
    assert most is not None
    sizes = [most]
    for part in parts_of(values):
        if isinstance(part, Generator):
            each = sample_bytes(part, field.about.gradients)
            sizes.append(budget(part.device) // max(1, each))
    least = max(1, min(sizes))
    return least if least == most else 1 << (least.bit_length() - 1)


def parts_of(values: Iterable[object]) -> Iterator[object]:
    """Arguments of a verb, those in lists one by one, and the generators that some of them hold (a `Rival` of LSE)."""
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from parts_of(value)
        else:
            yield value
            yield getattr(value, "generator", None)


def budget(device: torch.device) -> int:
    """Bytes for the samples that are computed at once on a device."""
    import torch

    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return min(total // SHARE_OF_GPU, free // SHARE_OF_FREE)
    free_here = available()
    return ON_CPU if free_here is None else min(ON_CPU, free_here // SHARE_OF_FREE)


def halving(call: Callable[[OptionsT], T], options: OptionsT, store: Store, within: bool = False) -> T:
    """Call a verb; where memory runs out, again with half as many samples at once, and what was kept is kept.

    The chunks of a run stay as they are, so that shards still fit together; the store notes how often the size was
    halved, and a run that is continued goes on with it. It is said once, however often it happens.

    Args:
        within: the batch size says what a chunk holds: the options stay, and the verb asks `Store.fewer` how many
            samples of a chunk are computed at once.

    Raises:
        GantkError: memory runs out with one sample at once.
    """
    while True:
        size = int(getattr(options, "batch_size", 1))
        halves = within or batch_field(options) is not None  # the samples of a training's step stay as many
        now = max(1, size >> store.halved) if halves else size
        try:
            return call(options if within or now == size else with_size(options, now))
        except Exception as error:  # torch's on the CPU is a plain RuntimeError
            if not is_out_of_memory(error):
                raise
            if now == 1 or not halves:
                raise StoreError(no_memory(options, now)) from error
        free_memory()
        store.halve()
        if store.halved == 1:
            text = f"There was not enough memory for {now} samples at once: the work goes on with as many as fit."
            warnings.warn(text, MemoryWarning, stacklevel=2)


def free_memory() -> None:
    """Let go of what an interrupted computation held."""
    import torch

    gc.collect()
    if torch.cuda.is_initialized():
        with contextlib.suppress(RuntimeError):  # the device itself failed, which the next call says better
            torch.cuda.empty_cache()


def no_memory(options: Options, size: int) -> str:
    """What to do where memory ran out: the options of this command that need less, the first of them named."""
    names = [field.name for field in fields_of(type(options))]
    ways = [f"a --batch-size below {size}"] if "batch_size" in names and size > 1 else []
    ways += [text for name, text in LOWERS.items() if name in names][:2]
    what = " for one sample at once" if "batch_size" in names and size == 1 else ""
    return f"There is not enough memory{what}: {'give ' + ' or '.join(ways) if ways else 'use a device with more'}."
