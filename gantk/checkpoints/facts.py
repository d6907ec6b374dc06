"""Facts that a file does not hold and its owner knows: `--set KEY=VALUE`, `MODEL?key=value`, `load_generator(key=...)`.

A reader says what it had to assume (`Checkpoint.assumed`); only that can be set. A fact that a file does hold may be
repeated, and is refused where it contradicts the file.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from gantk.errors import UsageError, suggestion

if TYPE_CHECKING:
    from gantk.checkpoints.checkpoint import Checkpoint

Fact: TypeAlias = bool | int | float | str | Sequence[float] | Sequence[str] | None
Facts = Mapping[str, Fact]


def _whole(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 1 << 16:
        raise ValueError
    return value


def _flag(text: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}
    return words[text.strip().lower()]


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or value <= 0:
        raise ValueError
    return value


def _clamp(text: str) -> float | None:
    return None if text.strip().lower() == "none" else _number(text)


def _taps(text: str) -> tuple[float, ...]:
    taps = tuple(float(part) for part in text.replace("[", "").replace("]", "").split(","))
    if not 1 <= len(taps) <= 64 or not math.isfinite(sum(taps)) or sum(taps) <= 0:
        raise ValueError
    return tuple(tap / sum(taps) for tap in taps)


def _names(text: str) -> tuple[str, ...]:
    named = os.path.isfile(text)  # a list is often longer than a file's name may be, which pathlib raises for
    lines = Path(text).read_text(encoding="utf-8-sig").splitlines() if named else text.split(",")
    names = tuple(line.strip() for line in lines if line.strip())
    if not names or len(set(names)) != len(names):
        raise ValueError
    return names


# key -> how it is read from text, and what it must be
KEYS: dict[str, tuple[Callable[[str], Fact], str]] = {
    "label_dim": (_whole, "how many of the inputs are classes, such as 4"),
    "z_dim": (_whole, "how many of the inputs are the code, such as 512"),
    "fused": (_flag, "whether up-convolutions are fused, true or false"),
    "resample_kernel": (_taps, "the taps of the resampling filter, such as 1,3,3,1"),
    "conv_clamp": (_clamp, "where activations are clamped, such as 256, or none"),
    "epsilon": (_number, "of the normalisation, such as 1e-8"),
    "mapping_lr": (_number, "the learning rate multiplier of the mapping network, such as 0.01"),
    "output_scale": (_number, "of StyleGAN3's image, such as 0.25"),
    "class_names": (_names, "the names of the classes, as a,b,c or a text file with one a line"),
}
TUNED = "tuned"  # MODEL?tuned=FILE, which is no fact of the file
_STYLED = ("label_dim", "z_dim", "mapping_lr", "class_names")
FAMILIES = {
    "stylegan2": (*_STYLED, "conv_clamp", "resample_kernel"),
    "stylegan3": (*_STYLED, "conv_clamp", "output_scale"),
    "stylegan": (*_STYLED, "fused", "resample_kernel"),
    "pggan": ("label_dim", "z_dim", "fused", "epsilon", "class_names"),
    "biggan": ("label_dim", "z_dim", "epsilon", "class_names"),
}
_CONFIG = {"stylegan2": {"resample_kernel": "resample_filter"}, "stylegan": {"resample_kernel": "blur_filter"}}


def parse_facts(given: Mapping[str, object]) -> dict[str, Fact]:
    """Facts as text or as values, checked and typed.

    Raises:
        UsageError: an unknown key, or a value that is none of its kind.
    """
    facts: dict[str, Fact] = {}
    for key, value in given.items():
        if key not in KEYS:
            raise UsageError(f"{key!r} is no fact that can be set.{suggestion(key, KEYS, limit=len(KEYS))}")
        read, meaning = KEYS[key]
        text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        try:
            facts[key] = read(text)
        except (ValueError, KeyError, OverflowError, OSError, UnicodeError):
            raise UsageError(f"The fact {key}={text!r} does not fit: {key} is {meaning}.") from None
    return facts


def split_facts(pairs: tuple[str, ...] | list[str]) -> dict[str, str]:
    """`KEY=VALUE` items, as `--set` takes them, as a dictionary.

    Raises:
        UsageError: an item without `=`, or a key given twice with different values.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        key = key.strip()
        if not sign or not key:
            raise UsageError(f"{pair!r} sets nothing: write KEY=VALUE, such as label_dim=4.")
        if found.setdefault(key, value.strip()) != value.strip():
            raise UsageError(f"The fact {key} is set twice, to {found[key]!r} and to {value.strip()!r}: give it once.")
    return found


def split_model(model: str) -> tuple[str, dict[str, str]]:
    """`MODEL?label_dim=4&fused=true` as the model and the facts; a file that really has such a name stays whole.

    An https address stays whole too: what of it is the address's own, addresses.py knows.
    """
    name, sign, query = model.partition("?")
    if not sign or "=" not in query or os.path.exists(model) or "://" in model:
        return model, {}
    return name, split_facts([item for item in query.split("&") if item])


def settle(checkpoint: Checkpoint, facts: Facts) -> Checkpoint:
    """A checkpoint with the user's facts in the place of what its reader assumed.

    Raises:
        UsageError: a fact that this family does not have, or that contradicts the file.
    """
    if not facts:
        return checkpoint
    applying = FAMILIES.get(checkpoint.family, ())
    config = dict(checkpoint.config)
    notes, header = list(checkpoint.notes), dict(checkpoint.header)
    for key, value in facts.items():
        if key not in applying:
            known = ", ".join(applying) or "none"
            raise UsageError(f"The fact {key} does not apply to a {checkpoint.family}: those that do are {known}.")
        if key == "class_names":
            names, classes = list(map(str, value)) if isinstance(value, Sequence) else [], config.get("label_dim", 0)
            if len(names) != classes:
                raise UsageError(f"{len(names)} class names were given for {classes} classes: give one for each.")
            header["class_names"] = [*names]
            continue
        place = _CONFIG.get(checkpoint.family, {}).get(key, key)
        if key in checkpoint.assumed:
            _place(config, checkpoint.family, place, value)
            notes.append(f"{key}={_shown(value)} as it was told, which the file does not say")
            continue
        known = _known(config, checkpoint.family, place, key)
        if known is _UNSEEN:
            raise UsageError(
                f"The fact {key} cannot be set here: a {checkpoint.source} file shows it by its tensors' names."
            )
        if not _same(known, value):
            raise UsageError(
                f"The fact {key}={_shown(value)} contradicts the file, which says {_shown(known)}: leave it out."
            )
    return dataclasses.replace(checkpoint, config=config, notes=tuple(notes), header=header)


_UNSEEN = object()
_DEFAULTS = {"label_dim": 0, "conv_clamp": None, "mapping_lr": 0.01, "output_scale": 0.25}


def _known(config: Mapping[str, Any], family: str, place: str, key: str) -> Any:
    if family == "stylegan3" and place == "conv_clamp":
        clamps = {_part(step, "conv_clamp") for step in config["steps"]}
        return next(iter(clamps)) if len(clamps) == 1 else tuple(sorted(map(str, clamps)))
    if place == "resample_filter":
        return config.get(place, (0.125, 0.375, 0.375, 0.125))
    if place == "blur_filter":
        return config.get(place, (0.25, 0.5, 0.25))
    if place == "epsilon":
        return config.get(place, 1e-8 if family == "pggan" else 1e-5)
    return config.get(place, _DEFAULTS.get(key, _UNSEEN))


def _part(step: object, name: str) -> Any:
    return step[name] if isinstance(step, Mapping) else getattr(step, name)


def _place(config: MutableMapping[str, Any], family: str, place: str, value: Fact) -> None:
    if family == "stylegan3" and place == "conv_clamp":
        config["steps"] = [{**step, "conv_clamp": value} for step in config["steps"]]
    elif place == "epsilon" and family == "biggan":
        config.update(epsilon=value, rgb_epsilon=value)
    elif place != "fused":  # that one is in how the reader turned the kernels
        config[place] = value


def _same(one: object, other: object) -> bool:
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-5)
    return bool(one == other)


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(_shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
