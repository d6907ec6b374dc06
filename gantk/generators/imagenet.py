"""Names of the 1000 classes of ImageNet. They come from torchvision, which is asked only when a name is needed."""

from __future__ import annotations

import functools
import importlib.util
import runpy
from pathlib import Path

CLASSES = 1000


@functools.cache
def class_names() -> tuple[str, ...]:
    """The 1000 class names of ILSVRC 2012 in the order of its class ids, as torchvision spells them."""
    return _table() or _published()


def _table() -> tuple[str, ...]:
    """The list from the file that torchvision keeps it in, since its models take seconds to import; else empty."""
    package = importlib.util.find_spec("torchvision")
    if package is None or package.origin is None:
        return ()
    try:
        found = runpy.run_path(str(Path(package.origin).parent / "models" / "_meta.py"))["_IMAGENET_CATEGORIES"]
    except (OSError, KeyError, ImportError):
        return ()
    return tuple(found) if len(found) == CLASSES else ()


def _published() -> tuple[str, ...]:
    """The list by torchvision's public names."""
    from torchvision.models import ResNet18_Weights

    return tuple(ResNet18_Weights.DEFAULT.meta["categories"])
