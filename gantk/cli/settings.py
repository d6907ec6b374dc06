"""The settings file behind ``--config``: one TOML table for each command.

It is no part of `gantk.cli.options`, because `gantk --help` reads no file and need not import what reads one.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click

from gantk.cli.commands import COMMANDS
from gantk.cli.options import SETTINGS, normalize_token
from gantk.errors import UsageError, suggestion
from gantk.runs.table import TASKS
from gantk.store.bounded import refuse_depth
from gantk.store.inside import regular_file
from gantk.store.json_values import Json, JsonTable, shown
from gantk.store.shipped import find_shipped
from gantk.store.text import read_text


def configure(ctx: click.Context, value: str | None) -> None:
    """Read a settings file, and take this command's table of it and of those given before the command's name."""
    read: list[tuple[str, JsonTable]] = ctx.meta.setdefault(SETTINGS, [])
    if value is not None:
        read.append((value, read_config(value)))
        above, at = [], ctx.parent
        while at is not None:
            above.append(at)
            at = at.parent
        for parent in above:  # given behind the command's name: what is beside its table is looked at all the same
            _by_parameter(parent, _table_of(parent, *read[-1]), value)
    defaults: JsonTable = {}
    for source, settings in read:
        defaults.update(_by_parameter(ctx, _table_of(ctx, source, settings), source))
    if defaults:
        ctx.default_map = defaults


def _table_of(ctx: click.Context, source: str, settings: JsonTable) -> JsonTable:
    """The table of a command in a settings file."""
    table = settings
    for word in ctx.command_path.split()[1:]:
        below = table.get(normalize_token(word), {})
        if not isinstance(below, dict):
            raise UsageError(f"In {source} {word!r} must be a table: write [{word}] and its settings below.")
        table = below
    return table


LONGEST_SETTINGS = 1 << 20
_DEEP_KEY = re.compile(r"""(?:\.[ \t]*[\w"'-]+[ \t]*){64}""")


def read_config(name: str) -> JsonTable:
    """Read a settings file by path, or one of the ready-made ones by name; keys are returned with dashes.

    Raises:
        UsageError: there is no such file, or it is no TOML (the message has the line).
    """
    path = Path(name)
    if not regular_file(path).is_file():
        path = find_shipped("configs", name, (".toml",))
    try:
        text = read_text(path)
        if len(text) > LONGEST_SETTINGS or _DEEP_KEY.search(text):  # the parser's time grows with their square
            raise ValueError("it is longer than a megabyte, or has a name of more than 64 parts")
        settings = tomllib.loads(text)
        refuse_depth(settings)
        if _has_nul(settings):
            raise ValueError("a text in it has a NUL character, which no name has")
    except RecursionError:
        raise UsageError(
            f"The settings file {path} cannot be read: its lists and tables are nested too deeply."
        ) from None
    except (OSError, ValueError) as error:  # no TOML, no UTF-8, a number of thousands of digits
        raise UsageError(f"The settings file {path} cannot be read: {error}.") from error
    return _dashed(settings)


def _has_nul(value: Json) -> bool:
    if isinstance(value, (dict, list)):
        return any(map(_has_nul, value.values() if isinstance(value, dict) else value))
    return isinstance(value, str) and "\0" in value


def _dashed(table: JsonTable) -> JsonTable:
    return {normalize_token(key): _dashed(value) if isinstance(value, dict) else value for key, value in table.items()}


def _by_parameter(ctx: click.Context, table: JsonTable, source: str) -> JsonTable:
    """Turn a command's table into click's default map, whose keys are parameter names; tables of subcommands stay out.

    A key may be the parameter's name or the long form of its option.
    """
    names: dict[str, str] = {}
    for parameter in ctx.command.params:
        if parameter.name:
            names[normalize_token(parameter.name)] = parameter.name
            for option in parameter.opts:
                names.setdefault(normalize_token(option.lstrip("-")), parameter.name)
    commands: set[str] = set()
    if isinstance(ctx.command, click.Group):
        every = {*COMMANDS, *(name.split()[0] for name in TASKS)}
        commands = set(ctx.command.list_commands(ctx)) | (every if ctx.parent is None else set())
    for key, value in table.items():
        if key in commands and not isinstance(value, dict):
            raise UsageError(f"In {source} {key!r} must be a table: write [{key}] and its settings below.")
        if key not in commands and key not in names:
            where = " ".join(ctx.command_path.split()[1:])
            place = f"The table [{where}] of {source}" if where else f"The settings file {source}"
            raise UsageError(f"{place} has an unknown key {key!r}.{suggestion(key, commands | set(names))}")
    found = {names[key]: value for key, value in table.items() if key in names and key not in commands}
    for parameter in ctx.command.params:
        if parameter.name in found:
            _check_kind(parameter, found[parameter.name], source)
    return found


def _check_kind(parameter: click.Parameter, value: object, source: str) -> None:
    """Refuse lists where one value is expected, tables, and what is no true or false of a flag."""
    repeated = bool(getattr(parameter, "multiple", False)) or parameter.nargs == -1
    depth = (1 if repeated else 0) + (1 if parameter.nargs > 1 else 0)
    level: list[object] = [value]
    for _ in range(depth):
        level = [part for each in level for part in (each if isinstance(each, list) else [each])]
    wrong: list[object] = [each for each in level if isinstance(each, (list, dict))]
    if isinstance(parameter, click.Option) and parameter.is_flag:
        wrong += [each for each in level if not isinstance(each, (bool, str))]
    if wrong:
        wanted = "true or false" if isinstance(parameter, click.Option) and parameter.is_flag else "a single value"
        raise UsageError(f"In {source} {parameter.name} is {shown(value)}, where {wanted} is expected.")
