"""Classes of conditional networks as they are typed: a number, a name, or shares of several.

Names are those that the network's file or its user gave, or for 1000 classes those of ImageNet. Without torch.

Legend: C classes.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from gantk.errors import UsageError, suggestion
from gantk.store.numerals import read_float

if TYPE_CHECKING:
    from torch import Tensor

    from gantk.generators.spec import GeneratorSpec

RANDOM = "random"
SUM_TOLERANCE = 0.011  # thirds written with two digits sum to 0.99

Class = int | tuple[float, ...]  # the id of a class, or a row [C] of shares


def class_of_fresh(label: object, spec: GeneratorSpec) -> str | None:
    """What codes have that are drawn beside those of a run: the class of all of these, else a seeded one each."""
    if isinstance(label, str) and not label.endswith(".npy"):
        return label
    return RANDOM if spec.label_dim else None


def one_class(given: str | int | None, spec: GeneratorSpec) -> Class | None:
    """A class for all samples as `parse_label` reads it; None for a seeded one each (`random`, or nothing given)."""
    return None if given in (None, RANDOM) else parse_label(str(given), spec)


def ask_for_label(spec: GeneratorSpec) -> UsageError:
    """What is said, in every command, where codes are drawn for a conditional network and no class is given."""
    known = _names(spec) if spec.class_names else ()
    named = f" ({', '.join(known[:4])}{', ...' if len(known) > 4 else ''})" if known else ""
    return UsageError(
        f"A {spec.family} with {spec.label_dim} classes draws a class: give --label with one of 0 to "
        f"{spec.label_dim - 1}{named}, random, or an .npy or a list of one for each sample."
    )


def parse_label(text: str, spec: GeneratorSpec) -> Class:
    """A class as the command line spells it, `207` or `golden retriever`, or shares such as `day:0.5,night:0.5`.

    Names are compared without regard to case, and with spaces, hyphens and underscores as one.

    Returns:
        the id, or for shares a row [C] of them, which sum to one.

    Raises:
        UsageError: the network takes no label, the number is out of range, no class has that name, or shares do not
            sum to one.
    """
    if spec.label_dim == 0:
        raise UsageError(f"The label {text!r} was given, and this {spec.family} is not conditional: leave it out.")
    if ":" not in text or text.strip() in spec.class_names:
        return class_id(text, spec)
    row = [0.0] * spec.label_dim
    for part in text.split(","):
        name, _, share = part.rpartition(":")
        try:
            value = read_float(share)
        except ValueError:
            value = math.nan
        if not name.strip() or not math.isfinite(value):
            raise UsageError(
                f"The part {part.strip()!r} of the label {text!r} is not understood: write CLASS:SHARE, such as "
                "0:0.5,1:0.5."
            )
        row[class_id(name, spec)] += value
    if abs(sum(row) - 1) > SUM_TOLERANCE:
        raise UsageError(f"The shares of the label {text!r} sum to {sum(row):g}: give shares that sum to 1.")
    return tuple(row)


def class_id(text: str, spec: GeneratorSpec) -> int:
    """The id of one class by number or name; see `parse_label`."""
    classes, given = spec.label_dim, text.strip()
    if given in spec.class_names:
        return spec.class_names.index(given)  # a class may be called 3
    if re.fullmatch(r"[+-]?[0-9]{1,18}", given):
        if not 0 <= int(given) < classes:
            raise UsageError(f"The label {given} is out of range: this network has classes 0 to {classes - 1}.")
        return int(given)
    names = _names(spec)
    if not names:
        raise UsageError(
            f"The label {text!r} is no class of this network, whose classes have no names: give a number from 0 to "
            f"{classes - 1}, or their names as MODEL?class_names=A,B,..."
        )
    if given in names:
        return names.index(given)
    wanted = _plain(given)
    same = [number for number, name in enumerate(names) if _plain(name) == wanted]
    if len(same) == 1:
        return same[0]
    whose = "this network" if spec.class_names else "ImageNet"
    if same:
        spelt = " or ".join(f"{names[number]!r} ({number})" for number in same)
        raise UsageError(f"{text!r} is the name of more than one class of {whose}: say {spelt}.")
    holding = [name for name in names if wanted and wanted in _plain(name)]
    hint = f" Did you mean {' or '.join(map(repr, holding[:3]))}?" if holding else suggestion(given, names)
    raise UsageError(f"{text!r} is no class of {whose}.{hint} A number from 0 to {classes - 1} works as well.")


def _names(spec: GeneratorSpec) -> tuple[str, ...]:
    from gantk.generators import imagenet

    if spec.class_names:
        return spec.class_names
    return imagenet.class_names() if spec.label_dim == imagenet.CLASSES else ()


def _plain(name: str) -> str:
    return " ".join(re.split(r"[\s_-]+", name.lower())).strip()


def label_matrix(spec: GeneratorSpec, label: Tensor | None, n: int, like: Tensor) -> Tensor | None:
    """Labels as float rows [n, C]: ids become one-hot, rows pass, None is zeros; None without label inputs."""
    import torch

    classes = spec.label_dim
    if classes == 0:
        if label is not None:
            raise UsageError(f"this {spec.family} is not conditional and takes no label")
        return None
    if label is None:
        if spec.label_required:
            raise UsageError(f"this {spec.family} needs a label: a class from 0 to {classes - 1} per sample")
        return like.new_zeros(n, classes)
    if label.ndim == 1 and not label.is_floating_point():
        if label.shape[0] != n:
            raise UsageError(f"{label.shape[0]} labels were given for {n} samples")
        try:
            return torch.nn.functional.one_hot(label.long(), classes).to(like)  # a GPU would not check the range
        except RuntimeError as error:
            raise UsageError(f"a label is out of range: this network has classes 0 to {classes - 1}") from error
    if label.shape != (n, classes):
        raise UsageError(f"labels of shape {list(label.shape)} do not fit: [{n}] ids or [{n}, {classes}] rows")
    return label.to(like)
