"""The click command of a task, made from its classes of options. No callback names an option."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from gantk.cli.commands import BESIDE_TASKS
from gantk.cli.numbers import Number, with_range
from gantk.cli.options import TYPED, examples
from gantk.runs.options import Field, Options, fields_of
from gantk.runs.table import GROUPS, TASKS, find_task
from gantk.runs.task import Task
from gantk.store.lazy import resolve
from gantk.store.memory import peak, peak_of_gpus, shown
from gantk.store.progress import alive

if TYPE_CHECKING:
    from gantk.runs.runner import Plan


def command_of(task: Task) -> click.Command:
    """The command of a task: its inputs' arguments and options, the task's options, and those of its run."""
    fields = _all_fields(task)
    params: list[click.Parameter] = []
    for field in fields:
        params.append(_argument(field) if field.about.argument else _option(field, task))
    for spelling in task.originals:
        params.append(click.Option([spelling], expose_value=False, hidden=True))
    for spelling in task.original_flags:
        params.append(click.Option([spelling], is_flag=True, expose_value=False, hidden=True))
    text = f"{task.summary}\n\n{task.description}".strip()
    return click.Command(
        task.name.split()[-1],
        params=params,
        callback=lambda **values: run(task, values),
        help=text,
        short_help=task.summary,
        epilog=examples(*task.examples),
    )


# Any: what click read; the options class checks each
def run(task: Task, values: Mapping[str, Any]) -> Plan | None:
    """Make the options from what was typed, execute, print; returns the plan where one was asked for."""
    from gantk.runs.runner import execute, plan

    inputs, options = task.inputs(**_own(task.inputs, values)), task.options(**_own(task.options, values))
    where = task.run(**_own(task.run, values))
    with alive(task.name):
        if where.plan:
            found = plan(task, inputs, options)
            for line in found.lines():
                click.echo(line)
            return found
        done = execute(task, inputs, options, where)
    if not done.leads:
        return None
    if done.note:
        click.echo(done.note, err=True)
    if done.result is not None:
        for line in done.result.lines():
            click.echo(line)
    what = task.name.split()[-1].replace("-", " ").capitalize()
    click.echo(f"{what}: {done.directory}" if done.shard is None else f"Shard {done.shard}: {done.directory}")
    click.echo(needed(), err=True)
    return None


def needed() -> str:
    """The memory that this process needed at most, on the GPU too where one was used."""
    on_gpu = peak_of_gpus()
    also = "" if on_gpu is None else f", {shown(on_gpu)} on the GPU"
    return f"Peak memory: {shown(peak())}{also}."


def _own(kind: type[Options], values: Mapping[str, Any]) -> Mapping[str, Any]:
    names = {field.name for field in fields_of(kind)}
    return {name: value for name, value in values.items() if name in names}


def _all_fields(task: Task) -> list[Field]:
    """Arguments first, then the task's own options, then those that it shares with others."""
    found: dict[str, Field] = {}
    for kind in (task.options, task.inputs, task.run):
        by_name = {field.name: field for field in fields_of(kind)}
        order = [name for base in kind.__mro__ for name in vars(base).get("__annotations__", {}) if name in by_name]
        for name in dict.fromkeys(order):
            if name in found:
                raise TypeError(f"the task {task.name!r} has the option {name!r} twice")
            found[name] = by_name[name]
    arguments = [field for field in fields_of(task.inputs) if field.about.argument]
    return [*arguments, *(field for field in found.values() if not field.about.argument)]


def _type(field: Field) -> Any:
    if field.choices:
        kind: click.ParamType = click.Choice([str(choice) for choice in field.choices])
    elif field.kind in (int, float):
        kind = Number(field)
    else:
        kind = TYPED if field.about.code or field.about.address else click.STRING
    return tuple([kind] * field.pair) if field.pair > 1 else kind


class TaskOption(click.Option):
    """An option whose spellings of the original programs are taken and not shown; a range is said in its help."""

    # Any: the keywords of click's own class, which says their types nowhere but in its signature
    def __init__(self, declarations: list[str], *, silent: tuple[str, ...] = (), **more: Any) -> None:
        super().__init__(declarations, **more)
        self.silent = silent

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        every = self.opts
        self.opts = [spelling for spelling in every if spelling not in self.silent]
        try:
            return super().get_help_record(ctx)
        finally:
            self.opts = every

    def get_error_hint(self, ctx: click.Context | None) -> str:
        return " / ".join(f"'{spelling}'" for spelling in self.opts if spelling not in self.silent)


def _argument(field: Field) -> click.Argument:
    return click.Argument(
        [field.name],
        type=_type(field),
        metavar=field.about.metavar + ("..." if field.several else "") if field.about.metavar else None,
        nargs=-1 if field.several else 1,
        required=field.required,
        **({} if field.required else {"default": field.default}),
    )


def _option(field: Field, task: Task) -> click.Option:
    about, default = field.about, field.default
    shared = partial(
        TaskOption, help=_help(field, task), hidden=about.hidden, required=field.required, silent=about.originals
    )
    if field.kind is bool:
        paired = default is True or about.off or field.optional
        spelled = f"{field.dashed}/{about.off or '--no-' + field.dashed[2:]}" if paired else field.dashed
        spellings = [spelled, *about.also, *about.originals, field.name]
        return shared(spellings, default=default, show_default=default is True, is_flag=True)
    shown = not field.required and default is not None and default != () and not about.default_text
    return shared(
        [field.dashed, *about.also, *about.originals, field.name],
        type=_type(field),
        multiple=field.several,
        **({} if field.required else {"default": default}),  # a default of None would count as given
        show_default=shown,
        metavar=about.metavar,
    )


def _help(field: Field, task: Task) -> str:
    about = field.about
    if field.name == "output_dir":
        model = any(each.name == "model" and each.about.argument for each in fields_of(task.inputs))
        return f"Run directory; default: {'MODEL_' if model else ''}{task.made}."
    text = about.help.rstrip(".")
    if about.default_text:
        text += f"; default: {about.default_text}"
    return with_range(f"{text}.", field)


def tasks_of(group: str) -> dict[str, str]:
    """The last word of every task of a group -> its name: "lse" -> {"train": "lse train", ...}."""
    return {name.removeprefix(f"{group} "): name for name in TASKS if name.startswith(f"{group} ")}


class TaskGroup(click.Group):
    """A group whose commands are tasks, made when they are asked for; commands without a task may be added."""

    def __init__(self, name: str, depth_name: str, text: str, epilog: str | None) -> None:
        super().__init__(name, help=text, short_help=text, epilog=epilog)
        self.prefix = depth_name

    def list_commands(self, ctx: click.Context) -> list[str]:
        words = dict.fromkeys(word.split()[0] for word in tasks_of(self.prefix))
        return [*words, *(name for name in super().list_commands(ctx) if name not in words)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = f"{self.prefix} {cmd_name}"
        if cmd_name not in self.commands and (name in TASKS or tasks_of(name)):
            self.add_command(command_of(find_task(name)) if name in TASKS else group_of(name), cmd_name)
        return super().get_command(ctx, cmd_name)


def group_of(name: str) -> TaskGroup:
    """The group of all tasks whose names begin with a word, such as "lse", and of the commands beside them."""
    every = [find_task(task) for task in TASKS if task.startswith(f"{name} ")]
    lines = examples(*(task.examples[0] for task in every))
    group = TaskGroup(name.split()[-1], name, GROUPS[name], lines)
    for word, module in BESIDE_TASKS.get(name, {}).items():
        group.add_command(resolve(f"gantk.cli.{module}:command"), word)
    return group
