"""Classes of conditional networks by number or by name: a network's own names, or for 1000 classes those of ImageNet.

ImageNet's come from torchvision, which is asked only when a name (and not a number) is given.
"""

from __future__ import annotations

import re

from gantk.errors import UsageError, suggestion
from gantk.generators.spec import GeneratorSpec

CLASSES = 1000


def class_names() -> tuple[str, ...]:
    """The 1000 class names of ILSVRC 2012 in the order of its class ids, as torchvision spells them."""
    from torchvision.models import ResNet18_Weights

    return tuple(ResNet18_Weights.DEFAULT.meta["categories"])


def one_class(text: str | None, spec: GeneratorSpec) -> int | None:
    """A class for all samples as `parse_label` reads it; None for a seeded one each (`random`, or nothing given)."""
    return None if text in (None, "random") else parse_label(text, spec)


def parse_label(text: str, spec: GeneratorSpec) -> int:
    """A class as the command line spells it, `207` or `golden retriever`, to its id.

    Names are compared without regard to case, and with spaces, hyphens and underscores as one.

    Raises:
        UsageError: the network takes no label, the number is out of range, or no class has that name.
    """
    classes, given = spec.label_dim, text.strip()
    if classes == 0:
        raise UsageError(f"The label {text!r} was given, and this {spec.family} is not conditional: leave it out.")
    if re.fullmatch(r"[+-]?\d{1,18}", given):
        if not 0 <= int(given) < classes:
            raise UsageError(f"The label {given} is out of range: this network has classes 0 to {classes - 1}.")
        return int(given)
    own = spec.class_names
    if not own and classes != CLASSES:
        raise UsageError(
            f"The label {text!r} is no class of this network: give a number from 0 to {classes - 1}, or the names of "
            f"its classes with MODEL?class_names=a,b,... (names are known for the {CLASSES} of ImageNet only)."
        )
    names, kind = (own, "this network") if own else (class_names(), "ImageNet")
    if given in names:
        return names.index(given)
    wanted = _plain(given)
    same = [number for number, name in enumerate(names) if _plain(name) == wanted]
    if len(same) == 1:
        return same[0]
    if same:
        spelt = " or ".join(f"{names[number]!r} ({number})" for number in same)
        raise UsageError(f"{text!r} is the name of more than one class of {kind}: say {spelt}.")
    holding = [name for name in names if wanted and wanted in _plain(name)]
    hint = f" Did you mean {' or '.join(map(repr, holding[:3]))}?" if holding else suggestion(given, names)
    raise UsageError(f"{text!r} is no class of {kind}.{hint} A number from 0 to {classes - 1} works as well.")


def _plain(name: str) -> str:
    return " ".join(re.split(r"[\s_-]+", name.lower())).strip()
