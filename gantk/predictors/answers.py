"""What a user's own function of images answers, as the one form that a predictor takes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

import torch
from torch import Tensor

from gantk.errors import GantkError

_FORMS = "return scores [N, A], [N] or a dictionary of [N], or logits of classes [N, K, H, W]"
_LOGITS = ("out", "logits")  # of torchvision's segmentation models, and of Hugging Face's models


def read_answer(found: object, name: str) -> Tensor | dict[str, Tensor]:
    """Scores [N, A] or [N] or logits [N, K, H, W], or scores [N] by name.

    Logits are taken from where torchvision's and Hugging Face's models put them, numbers from arrays, lists and tables
    of pandas.

    Raises:
        GantkError: nothing, class numbers, or anything that is no real numbers; the sentence names the predictor.
    """
    if found is None:
        raise GantkError(f"The predictor {name!r} returned nothing: {_FORMS}.")
    if inspect.iscoroutine(found):
        found.close()
        raise GantkError(f"The predictor {name!r} is asynchronous: give a plain function.")
    for key in _LOGITS:
        inner = found.get(key) if isinstance(found, Mapping) else getattr(found, key, None)
        if isinstance(inner, Tensor) and (inner.ndim == 4 or (key == "logits" and inner.ndim == 2)):
            found = inner
    if hasattr(found, "to_numpy"):  # of pandas
        columns = getattr(found, "columns", None)
        array = found.to_numpy()
        found = array if columns is None else {str(column): array[:, i] for i, column in enumerate(columns)}
    if isinstance(found, Mapping):
        return {str(key): _numbers(column, name, f"{key!r} of ").reshape(-1) for key, column in found.items()}
    numbers = _numbers(found, name)
    if numbers.ndim == 3 and not numbers.is_floating_point():
        raise GantkError(
            f"The predictor {name!r} returned class numbers {tuple(numbers.shape)}: return logits of the classes "
            "[N, K, H, W] instead."
        )
    return numbers


def _numbers(value: object, name: str, part: str = "") -> Tensor:
    """Real numbers of whatever holds some, as floats.

    Raises:
        GantkError: it holds none.
    """
    try:
        found = value if isinstance(value, Tensor) else torch.as_tensor(value)
        found = found if found.layout is torch.strided else found.to_dense()
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise GantkError(
            f"The predictor {name!r} returned {part}a {type(value).__name__}, which holds no numbers: {_FORMS}."
        ) from error
    if found.is_complex() or found.is_meta or found.is_quantized:
        kind = "without values" if found.is_meta else f"of {str(found.dtype).removeprefix('torch.')}"
        raise GantkError(f"The predictor {name!r} returned {part}a tensor {kind}: {_FORMS}.")
    return found
