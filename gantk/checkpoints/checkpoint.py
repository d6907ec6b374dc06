"""What a reader returns, and the table that turns one program's names into gantk's.

A conversion is a list of `Row`s: target name, source name, transformation of the tensor. `convert` uses every source
entry exactly once and reports, by name, what is missing and what is left over; the other side (every parameter of the
built network is filled, with the right shape) is checked in load.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gantk.checkpoints.facts import Fact
from gantk.checkpoints.pickle_machine import Source, clipped
from gantk.checkpoints.stored_tensors import Stored
from gantk.errors import GantkError
from gantk.store.json_values import JsonTable

NO_AVERAGE = "the file has no mean code; the mean of 4096 seeded codes takes its place"


@dataclass(frozen=True)
class Checkpoint:
    """A network's family, its configuration as a plain dictionary, and its weights under gantk's names.

    Attributes:
        source: the format the file was in, such as `rosinality-stylegan2`.
        notes: what a user should know about the conversion, one sentence each.
        header: further entries of a native file's header (sha256 of the source, golden image).
        assumed: what the file does not say and its reader took for granted (keys of facts.py).
    """

    family: str
    config: dict[str, Any]  # Any: the keywords of the family's own `Config`, which its constructor checks
    state: dict[str, Tensor]
    source: str
    notes: tuple[str, ...] = ()
    header: JsonTable = field(default_factory=dict)
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Raw:
    """A foreign file, opened and unwrapped, before anything is known about its architecture.

    Attributes:
        wrapper: where the network was found: `nvidia` (the record G_ema), `tensorflow` (the last network of the tuple),
            `g_ema`, `generator_smooth`, `generator`, `state_dict`, or `flat` (the file is the state dict).
        entries: every tensor or number of that network by its own name; `module.` prefixes are stripped, TensorFlow's
            components joined with `/` (`mapping/Dense0/weight`).
        extra: what else lies at the top of the file, except other networks.
        records: objects with their attributes (NVIDIA: module path -> attributes; TensorFlow: component ->
            static_kwargs).
        notes: what was assumed or ignored in finding the network.
        facts: what its owner says about it (facts.py).
        force: take weights that are not finite.
    """

    path: Path
    source: Source
    container: str
    wrapper: str
    entries: Mapping[str, object]
    extra: Mapping[str, object] = field(default_factory=dict)
    records: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)
    force: bool = False

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of an entry; GantkError when it is missing or no tensor."""
        return shape_of(self.source, name, self.entries.get(name))

    def tensor(self, name: str) -> Tensor:
        """An entry as a float32 tensor; GantkError when it is missing or no tensor."""
        return as_tensor(self.source, name, self.entries.get(name))

    def refuse(self, flag: str, reason: str) -> GantkError:
        """The error for a variant that gantk does not have: the flag that makes it so, and what is supported."""
        return GantkError(f"{self.source.name} has {clipped(flag)}, {reason}")


def shape_of(source: Source, name: str, value: object) -> tuple[int, ...]:
    if isinstance(value, Stored):
        return value.shape
    if isinstance(value, int | float):
        return ()
    raise _lacks(source, name)


def _lacks(source: Source, name: str) -> GantkError:
    return GantkError(f"{source.name} has no tensor {clipped(name)}, which a network of its kind needs")


def as_tensor(source: Source, name: str, value: object) -> Tensor:
    if isinstance(value, Stored):
        tensor = value.tensor()
    elif isinstance(value, int | float):
        tensor = torch.tensor(float(value))
    else:
        raise _lacks(source, name)
    if tensor.is_complex() or (tensor.dtype in (torch.int8, torch.uint8) and tensor.ndim > 1):
        raise GantkError(
            f"{source.name} has {str(tensor.dtype).removeprefix('torch.')} numbers in {clipped(name)}, where weights "
            "are real numbers: if it was quantised, give the file from before that"
        )
    return tensor.to(torch.float32) if tensor.dtype is not torch.float32 else tensor


Change = Callable[[Tensor], Tensor]


def same(tensor: Tensor) -> Tensor:
    return tensor


@dataclass(frozen=True)
class Row:
    """One line of a conversion table."""

    target: str
    source: str
    change: Change = same


def convert(raw: Raw, rows: Iterable[Row], dead: Iterable[str] = ()) -> dict[str, Tensor]:
    """The state dict that a table makes of a file's entries.

    Args:
        dead: entries that were checked elsewhere, or that only training uses.

    Raises:
        GantkError: an entry is missing, left over, used twice, or does not have the number of dimensions it should.
    """
    rows = list(rows)
    used = [row.source for row in rows] + list(dead)
    missing = [row.source for row in rows if row.source not in raw.entries]
    left = [name for name in raw.entries if name not in set(used)]
    twice = sorted({name for name in used if used.count(name) > 1}) if len(set(used)) != len(used) else []
    for names, verdict in (
        (missing, "lacks"),
        (left, "has, beside what its architecture uses,"),
        (twice, "uses twice"),
    ):
        if names:
            raise GantkError(
                f"{raw.source.name} {verdict} {listed(names)}; gantk converts a network whole or not at all"
            )
    state = {}
    for row in rows:
        try:
            changed = row.change(raw.tensor(row.source))
        except (RuntimeError, IndexError, ValueError) as error:
            shape = list(raw.shape(row.source))
            raise raw.source.damaged(f"{clipped(row.source)} has an unexpected shape {shape}") from error
        if not raw.force:
            check_finite(raw.source.name, row.source, changed)
        state[row.target] = changed.contiguous()
    return state


def check_finite(file: str, name: str, tensor: Tensor) -> None:
    """Refuse weights that are no numbers: one of them blackens every image, without a word.

    Raises:
        GantkError: with the name of the entry and how many of its values are not finite.
    """
    if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
        bad = int((~torch.isfinite(tensor)).sum())
        raise GantkError(
            f"{file} has {bad} of {tensor.numel()} values of {clipped(name)} that are not finite, as a training that "
            "diverged leaves them; take an earlier snapshot, or give force (--force) to load it as it is"
        )


def listed(names: Iterable[str], most: int = 8) -> str:
    """Names for a message; the first few of many."""
    names = [clipped(name) for name in names]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def count_while(exists: Callable[[int], bool]) -> int:
    """How many of 0, 1, 2, ... exist without a gap."""
    number = 0
    while exists(number):
        number += 1
    return number
