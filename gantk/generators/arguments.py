"""What a Python call gives, checked by the annotations of the function that takes it, before any work begins."""

from __future__ import annotations

import ast
import functools
import inspect
import math
import operator
import os
from collections.abc import Callable, Mapping, Sequence
from typing import ParamSpec, TypeVar

from gantk.errors import UsageError
from gantk.store.json_values import shown

P = ParamSpec("P")
R = TypeVar("R")

WANTED = {
    "Generator": "a generator: gantk.load_generator loads one, gantk.wrap makes one of a torch module",
    "Module": "a generator or another torch module: gantk.load_generator loads one",
    "Predictor": "a predictor: gantk.load_predictor loads one, or makes one of a function of images",
    "JacobianResult": "a result of gantk.resefa.jacobian, or its options",
    "JacobianOptions": "a result of gantk.resefa.jacobian, or its options",
    "Read": "a session, as gantk.lse.session.read_session reads it",
    "str": "a text",
    "Path": "a path",
    "PathLike[str]": "a path",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
}
"""Classes that are told by their names -> what is asked for. An annotation with any other is left to the function."""


def described(value: object) -> str:
    """A value in a message: itself where it is short, else what it is; always on one line."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return shown(value)
    if isinstance(value, os.PathLike):
        return shown(os.fspath(value))
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return f"an array of shape {tuple(shape)}"
    if isinstance(value, (list, tuple, set, dict)) and "\n" not in (text := repr(value)) and len(text) <= 60:
        return text
    kind = value.__name__ if isinstance(value, type) else type(value).__name__
    article = "an" if kind[:1].lower() in "aeiou" else "a"
    return f"the class {kind}" if isinstance(value, type) else f"{article} {kind}"


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """A public function whose arguments are compared with their annotations; see `check_arguments`."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*arguments: P.args, **named: P.kwargs) -> R:
        check_arguments(signature, bound_to(function.__name__, signature, arguments, named))
        return function(*arguments, **named)

    return call


def bound_to(
    name: str, signature: inspect.Signature, arguments: Sequence[object], named: Mapping[str, object], more: str = ""
) -> dict[str, object]:
    """The arguments of a call by name.

    Args:
        name: of the function.
        more: said of its other keywords, where it takes some.

    Raises:
        UsageError: one is missing, too many, given twice or unknown.
    """
    try:
        return dict(signature.bind(*arguments, **named).arguments)
    except TypeError as error:
        beyond = arguments[sum(each.kind == each.POSITIONAL_OR_KEYWORD for each in signature.parameters.values()) :]
        last = f" (the last is {described(beyond[-1])})" if beyond else ""
        known = ", ".join(signature.parameters)
        raise UsageError(f"{name}(): {error}{last}; its arguments are {known}{more}.") from error


def check_arguments(signature: inspect.Signature, given: Mapping[str, object]) -> None:
    """Compare arguments with annotations such as ``Generator``, ``str | int | None`` or ``Literal['a', 'b']``.

    Raises:
        UsageError: one is of none of the kinds that its annotation names.
    """
    for name, value in given.items():
        parameter = signature.parameters[name]
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        parts = parts_of(parameter.annotation)
        literals = [part for part in parts if part.startswith("Literal[")]
        if literals:
            choices = [choice for part in literals for choice in choices_of(part)]
            known = isinstance(value, (str, int)) and value in choices  # an array would compare each of its values
            if not known and not (value is None and "None" in parts):
                raise UsageError(f"{name} is {described(value)}: give one of {', '.join(map(str, choices))}.")
            continue
        if not all(part == "None" or part in WANTED for part in parts):
            continue
        if not any(fits(value, part) for part in parts):
            wanted = list(dict.fromkeys(WANTED[part] for part in parts if part != "None"))
            raise UsageError(f"{name} is {described(value)}: give {', or '.join(wanted)}.")


def parts_of(annotation: object) -> list[str]:
    """The kinds that an annotation, as it is written, joins: ``"nn.Module | None"`` -> Module, None."""
    if not isinstance(annotation, str):
        return ["object"]
    return [part.strip().removeprefix("nn.").removeprefix("os.") for part in annotation.split(" | ")]


def choices_of(literal: str) -> tuple[object, ...]:
    """What ``Literal['a', 'b']`` allows."""
    found = ast.literal_eval(literal.removeprefix("Literal"))
    return tuple(found)


def fits(value: object, kind: str) -> bool:
    """Whether a value is of a kind in `WANTED`, or None."""
    if kind == "None":
        return value is None
    if kind in ("Path", "PathLike[str]"):
        return isinstance(value, os.PathLike)
    if kind in ("int", "float"):
        if isinstance(value, (bool, str)) or tuple(getattr(value, "shape", ())):
            return False
        try:
            return math.isfinite(operator.index(value) if kind == "int" else float(value))  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            return False
    if kind == "Generator" and hasattr(value, "spec"):
        return True
    return any(base.__name__ == kind for base in type(value).__mro__)


def no_tensor(name: str, value: object) -> UsageError:
    """What is said where a generator, a direction or a predictor is given something else than a tensor."""
    array = hasattr(value, "__array__")
    way = "torch.from_numpy(numpy.asarray(codes)) makes one" if array else "such as generator.sample_z(4) makes"
    return UsageError(f"{name} is {described(value)}: give a torch tensor, {way}.")


def whole(name: str, value: object, least: int | None = None) -> int:
    """A whole number.

    Raises:
        UsageError: it is none, or less than `least`.
    """
    number = operator.index(value) if fits(value, "int") else None  # type: ignore[arg-type]
    if number is None or (least is not None and number < least):
        of = "" if least is None else f" of at least {least}"
        raise UsageError(f"{name} is {described(value)}: give a whole number{of}.")
    return number


def finite(name: str, value: object) -> float:
    """A finite number.

    Raises:
        UsageError: it is none.
    """
    if not fits(value, "float"):
        raise UsageError(f"{name} is {described(value)}: give a finite number.")
    return float(value)  # type: ignore[arg-type]


def listed(values: Sequence[object], limit: int = 6) -> str:
    """The first of some values in a message, and how many more there are."""
    return f"{values}" if len(values) <= limit else f"{values[:limit]} and {len(values) - limit} more"
