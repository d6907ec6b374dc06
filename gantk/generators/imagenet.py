"""Names of the 1000 classes of ImageNet. They come from torchvision, which is asked only when a name is needed."""

from __future__ import annotations

CLASSES = 1000


def class_names() -> tuple[str, ...]:
    """The 1000 class names of ILSVRC 2012 in the order of its class ids, as torchvision spells them."""
    from torchvision.models import ResNet18_Weights

    return tuple(ResNet18_Weights.DEFAULT.meta["categories"])
