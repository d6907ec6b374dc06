"""What decides the result of a run: options, and what its inputs hold. No author of a task adds to it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from gantk.runs.batches import parts_of
from gantk.runs.options import Field, Options, fields_of
from gantk.runs.task import Inputs, Task
from gantk.store.fingerprint import fingerprint


def identity_of(task: Task, inputs: Inputs, options: Options, arguments: Mapping[str, object]) -> dict[str, object]:
    """All that decides the result, as plain values: name of an option or an input -> its value or fingerprint."""
    version = {"result version": task.result_type.VERSION}
    exact = {"--deterministic": True} if getattr(inputs, "deterministic", False) and _on_gpu(arguments) else {}
    return {**version, **of_options(inputs), **of_options(options), **of_arguments(arguments), **exact}


def _on_gpu(arguments: Mapping[str, object]) -> bool:
    """Whether something runs on a GPU: elsewhere the bytes are the same in every run as it is."""
    return any(getattr(getattr(each, "device", None), "type", None) == "cuda" for each in parts_of(arguments.values()))


def of_options(options: Options) -> dict[str, object]:
    """The fingerprints of the options that decide the result."""
    return {
        field.dashed: fingerprint(_contents(field, getattr(options, field.name)))
        for field in fields_of(type(options))
        if field.about.identity
    }


def of_arguments(arguments: Mapping[str, object]) -> dict[str, object]:
    """The fingerprints of what inputs hold, and whether compiled graphs draw, which round otherwise."""
    found = {f"the {name.replace('_', ' ')}": fingerprint(value) for name, value in arguments.items()}
    compiled = any(getattr(each, "compiled", None) is not None for each in parts_of(arguments.values()))
    return {**found, "--compile": True} if compiled else found


def _contents(field: Field, value: object) -> object:
    """The file that an option names, where it may name one: its contents decide."""
    named = field.about.file and isinstance(value, str) and os.path.isfile(value)  # or a mixture of many classes
    return Path(str(value)) if named else value
