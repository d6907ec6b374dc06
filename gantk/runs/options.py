"""Options of a task: frozen dataclasses whose fields say everything that is ever asked about an option.

    @dataclass(frozen=True, kw_only=True)
    class SefaOptions(Options):
        components: int = option(5, "Number of directions.", "-K", least=1)

The click command, the keys of a settings file, the manifest's arguments, the identity of a run, a JSON schema and the
keywords of the verb are derived from the class; no name of an option is typed twice. Nothing here imports torch.
"""

from __future__ import annotations

import dataclasses
import os
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypedDict, TypeVar, Union, Unpack

from gantk.errors import UsageError, suggestion
from gantk.runs.option_values import AUTO, AUTOMATIC, check_value, wanted
from gantk.store.hints import type_hints

LARGEST_SEED = 2**63 - 1

_LOADED = " The work is done where the generator lies, as it is: gantk.load_generator takes device and precision."
OF_COMMANDS = {
    "device": _LOADED,
    "precision": _LOADED,
    "output_dir": " Everything stays in memory: keep what is found with result.save(folder).",
    "shard": " Parts of a run are for the command line: see docs/slurm.md.",
    "config": " Files of settings are for the command line: give the options as keywords.",
}
"""Options of commands that are none of a verb -> how the same is done in Python."""


@dataclass(frozen=True, kw_only=True)
class About:
    """What a field says of itself, beside its name, type and default.

    Attributes:
        help: one sentence, with the unit.
        also: further spellings that ``--help`` shows, such as ``-N``.
        originals: spellings of the original programs, and earlier ones of gantk's own, taken silently.
        identity: whether another value gives another result.
        least, above, most, below: the range of a number; `above` and `below` are exclusive.
        metavar: what stands for the value in ``--help``.
        argument: a positional argument of the command line.
        default_text: said in ``--help`` in place of a default that is computed.
        off: the spelling that switches a flag off, where it is not ``--no-NAME``.
        hidden: not shown in ``--help``.
        file: the value may name a file: what the file holds decides, not what it is called.
        code: the value may be ``module:object`` or ``file.py:object`` where it was typed for this invocation.
        auto: of a number that ``auto`` leaves to the runner (`gantk.runs.batches`): the largest that it chooses.
        gradients: whether what is computed at once is differentiated, which needs more memory.
        address: the value may be an https address where it was typed for this invocation.
        number: of a text: the kind of number, int or float, that stands for its own text in Python.
    """

    help: str
    also: tuple[str, ...] = ()
    originals: tuple[str, ...] = ()
    identity: bool = True
    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None
    metavar: str | None = None
    argument: bool = False
    default_text: str | None = None
    off: str | None = None
    hidden: bool = False
    file: bool = False
    code: bool = False
    auto: int | None = None
    gradients: bool = False
    address: bool = False
    number: type | None = None


class InputKeywords(TypedDict, total=False):
    """The keywords of `About` that an input has."""

    originals: tuple[str, ...]
    least: float | None
    above: float | None
    most: float | None
    below: float | None
    default_text: str | None
    off: str | None
    hidden: bool
    file: bool
    code: bool
    address: bool
    auto: int | None
    gradients: bool


class AboutKeywords(InputKeywords, total=False):
    """The keywords of `About`."""

    identity: bool
    number: type | None


# Any: the default of any option, and a field that dataclasses make of it, whose type is that of the annotation
def option(default: Any, help: str, *also: str, metavar: str | None = None, **about: Unpack[AboutKeywords]) -> Any:
    """Declare an option: its default, its help line, further spellings, and the other fields of `About`."""
    field = {"default_factory": lambda: default} if isinstance(default, list) else {"default": default}
    return dataclasses.field(**field, metadata={"about": About(help=help, also=also, metavar=metavar, **about)})


# Any: as above
def named(default: Any, help: str, *also: str, metavar: str | None = None, **about: Unpack[InputKeywords]) -> Any:
    """Declare an option of what is loaded, or where and how: what is loaded decides the result, not these words."""
    return option(default, help, *also, metavar=metavar, identity=False, **about)


def batch(most: int, *, gradients: bool = False) -> Any:
    """Declare how many samples are computed at once: by itself what memory allows, at most `most`."""
    text = f"Samples computed at once; auto is what memory allows, at most {most}."
    return option(AUTOMATIC, text, least=1, auto=most, gradients=gradients, default_text=AUTO)


def argument(metavar: str, help: str, default: object = dataclasses.MISSING, **about: Unpack[InputKeywords]) -> Any:
    """Declare a positional argument, which names an input; a field of type ``tuple[str, ...]`` takes several."""
    said = About(help=help, metavar=metavar, argument=True, identity=False, **about)
    return dataclasses.field(default=default, metadata={"about": said})


@dataclass(frozen=True)
class Field:
    """One field of an options class, resolved.

    Attributes:
        kind: the type of one value: bool, int, float, str, or a tuple of the choices of a Literal.
        several: whether the option may be repeated (a tuple).
        pair: how many values one use takes; 1 but for fields such as ``tuple[float, float]``.
        optional: whether None is a value.
        instead: of a text, other types that Python may give; in a tuple, of each of its values.
    """

    name: str
    about: About
    default: Any  # of the option's own type, or what dataclasses say where there is none
    kind: type | tuple[str, ...]
    several: bool
    pair: int
    optional: bool
    instead: tuple[type, ...] = ()

    @property
    def required(self) -> bool:
        return self.default is dataclasses.MISSING

    @property
    def dashed(self) -> str:
        """The option's main spelling."""
        return "--" + self.name.replace("_", "-")

    @property
    def choices(self) -> tuple[str, ...]:
        return self.kind if isinstance(self.kind, tuple) else ()


def fields_of(options: type) -> tuple[Field, ...]:
    """Every field of an options class, in the order of declaration, bases first."""
    return _fields_of(options)


@cache
def _fields_of(options: type) -> tuple[Field, ...]:
    hints = type_hints(options)
    found = []
    for field in dataclasses.fields(options):
        about = field.metadata.get("about")
        if not isinstance(about, About):
            raise TypeError(f"{options.__name__}.{field.name} is declared without option() or argument()")
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        kind, several, pair, optional = _resolve(hints[field.name])
        instead = _instead(hints[field.name], about) if kind is str and not several else ()
        found.append(Field(field.name, about, default, kind, several, pair, optional, instead))
    return tuple(found)


def _instead(hint: Any, about: About) -> tuple[type, ...]:
    """Other types than text of ``str | int | tuple[int, ...] | None``, and those of numbers that stand for a text."""
    found: list[type] = [] if about.number is None else [int, about.number]
    for part in typing.get_args(hint):
        if typing.get_origin(part) is tuple:
            inside = [inner for inner in typing.get_args(part) if inner is not Ellipsis]
            found += [tuple, *(typing.get_origin(inner) or inner for inner in inside)]
        elif part not in (str, type(None)):
            found.append(part)
    return tuple(found) if float not in found else (*found, int)


# Any: an annotation may be a class, a union, a Literal or a generic alias
def _resolve(hint: Any) -> tuple[Any, bool, int, bool]:
    """(kind, several, pair, optional) of a type: ``int | None``, ``Literal[...]``, ``tuple[str, ...]``."""
    optional = False
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is Union:
        parts = [part for part in typing.get_args(hint) if part is not type(None)]
        optional = len(parts) < len(typing.get_args(hint))
        texts = [part for part in parts if part is str]
        hint = texts[0] if texts else parts[0]  # text stands for what Python may give as another type
    if typing.get_origin(hint) is Literal:
        return typing.get_args(hint), False, 1, optional
    if typing.get_origin(hint) is tuple:
        parts = list(typing.get_args(hint))
        if len(parts) == 2 and parts[1] is Ellipsis:
            kind, _, pair, _ = _resolve(parts[0])
            return kind, True, pair, optional
        return _resolve(parts[0])[0], False, len(parts), optional
    return hint, False, 1, optional


@dataclass(frozen=True, kw_only=True)
class Options:
    """Base of all options: values are checked when they are made, on the command line and in Python alike."""

    def __post_init__(self) -> None:
        for field in fields_of(type(self)):
            value = _plain_value(getattr(self, field.name))
            if field.several and not isinstance(value, tuple):
                value = (value,)
            elif field.about.auto is not None and value == AUTO:
                value = AUTOMATIC
            elif type(value) in field.instead and isinstance(value, (int, float)):
                value = str(value)  # a single number stands for its text
            elif isinstance(value, tuple) and field.about.metavar == "LIST" and not (field.several or field.instead):
                value = ",".join(map(str, value))
            object.__setattr__(self, field.name, value)
            check_value(field, value)

    def plain(self) -> dict[str, object]:
        """Name -> value, for a manifest."""
        return {field.name: getattr(self, field.name) for field in fields_of(type(self))}


def _plain_value(value: Any) -> Any:
    """What Python gives for an option, as a command line would: numbers of numpy and torch as numbers, a path as text,
    lists, ranges and arrays as tuples."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist") and hasattr(value, "shape"):
        value = value.tolist()
    if isinstance(value, (list, tuple, range)):
        return tuple(_plain_value(part) for part in value)
    return value


OptionsT = TypeVar("OptionsT", bound=Options)


def changed(options: type[OptionsT], given: OptionsT | None, changes: Mapping[str, object]) -> OptionsT:
    """The options of a call: those given, or the defaults, with keywords that override single fields.

    Raises:
        UsageError: a keyword is no field (near matches are offered), or a value is out of its range.
    """
    if given is not None and not isinstance(given, options):
        raise UsageError(f"The options are a {type(given).__name__}, and a {options.__name__} is expected.")
    names = _names_of(options)
    for name in changes:
        if name not in names:
            hint = OF_COMMANDS.get(name) or suggestion(name, set(names.values()))
            raise UsageError(f"{name!r} is no option here.{hint}")
        if name != names[name] and names[name] in changes:
            raise UsageError(f"{name!r} is an earlier name of {names[name]!r}: give one of them.")
    changes = {names[name]: value for name, value in changes.items()}
    return dataclasses.replace(given, **changes) if given is not None else made(options, changes)


def from_plain(options: type[OptionsT], values: Mapping[str, object]) -> OptionsT:
    """Options from a manifest's arguments: lists become tuples; what the class does not know is left out.

    Raises:
        UsageError: a value is of the wrong type or out of range.
    """
    names = _names_of(options)
    return made(options, {names[name]: _tuples(value) for name, value in values.items() if name in names})


def _names_of(options: type) -> dict[str, str]:
    """The field that is meant by its own name, or by an original or earlier spelling that is no field's name now."""
    fields = fields_of(options)
    silent = {each.lstrip("-").replace("-", "_"): field.name for field in fields for each in field.about.originals}
    return silent | {field.name: field.name for field in fields}


def made(options: type[OptionsT], values: Mapping[str, object]) -> OptionsT:
    """Options from values by name, all of them known.

    Raises:
        UsageError: one that has no default is missing, is of the wrong type or out of range.
    """
    for field in fields_of(options):
        if field.required and field.name not in values:
            raise UsageError(f"{_called(field)} is missing: give {wanted(field)}.")
    return options(**values)


def _called(field: Field) -> str:
    return (field.about.metavar or field.name.upper()) if field.about.argument else field.dashed


def _tuples(value: object) -> object:
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value


def schema(options: type) -> dict[str, object]:
    """The JSON schema of an options class: forms of the web application are made from it."""
    names = {bool: "boolean", int: "integer", float: "number"}
    properties: dict[str, object] = {}
    for field in fields_of(options):
        if field.choices:
            one: dict[str, object] = {"type": "string", "enum": list(field.choices)}
        else:
            one = {"type": names.get(field.kind, "string") if isinstance(field.kind, type) else "string"}
        about = field.about
        ends = {"minimum": about.least, "maximum": about.most}
        ends |= {"exclusiveMinimum": about.above, "exclusiveMaximum": about.below}
        one |= {key: value for key, value in ends.items() if value is not None}
        if about.auto is not None:
            one["minimum"] = AUTOMATIC
        if field.pair > 1:
            one = {"type": "array", "items": one, "minItems": field.pair, "maxItems": field.pair}
        if field.several:
            one = {"type": "array", "items": one}
        if field.optional:
            one["type"] = [one["type"], "null"]
            if "enum" in one:
                one["enum"] = [*field.choices, None]  # what is not among them is not allowed, whatever the type says
        one["description"] = field.about.help
        if not field.required:
            one["default"] = list(field.default) if isinstance(field.default, tuple) else field.default
        properties[field.name] = one
    needed = [field.name for field in fields_of(options) if field.required]
    return {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}


def at_most(option: str, asked: int | None, most: int, what: str, default: int | None = None) -> int:
    """A number that was asked for, or by default `default` (None: all) where there are as many.

    Raises:
        UsageError: more was asked for than there is.
    """
    if asked is None:
        return most if default is None else min(default, most)
    if asked > most:
        raise UsageError(f"{option} {asked} asks for more {what} than there are: give at most {most}.")
    return asked
