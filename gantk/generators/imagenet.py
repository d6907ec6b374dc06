"""Names of the 1000 classes of ImageNet. They come from torchvision, which is asked only when a name is needed."""

from __future__ import annotations

import ast
import functools
import importlib.util
from pathlib import Path

CLASSES = 1000


@functools.cache
def class_names() -> tuple[str, ...]:
    """The 1000 class names of ILSVRC 2012 in the order of its class ids, as torchvision spells them."""
    return _table() or _published()


def _table() -> tuple[str, ...]:
    """The list as it stands in torchvision's own table, whose models take seconds to import; else empty."""
    package = importlib.util.find_spec("torchvision")
    if package is None or package.origin is None:
        return ()
    try:
        source = (Path(package.origin).parent / "models" / "_meta.py").read_text(encoding="utf-8")
        assigned = {
            target.id: statement.value
            for statement in ast.parse(source).body
            if isinstance(statement, ast.Assign)
            for target in statement.targets
            if isinstance(target, ast.Name)
        }
        found = ast.literal_eval(assigned["_IMAGENET_CATEGORIES"])
    except (OSError, KeyError, ValueError, SyntaxError):
        return ()
    return tuple(map(str, found)) if len(found) == CLASSES else ()


def _published() -> tuple[str, ...]:
    """The list by torchvision's public names."""
    from torchvision.models import ResNet18_Weights

    return tuple(ResNet18_Weights.DEFAULT.meta["categories"])
