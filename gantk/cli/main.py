"""The `gantk` command: a table of commands that are imported only when they run.

`gantk --help` imports nothing but click and tables; a command module imports click and `gantk.cli.options` at its top
and the rest inside its function.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NoReturn

import click

from gantk.cli.commands import ALIASES, COMMANDS, ORDER
from gantk.cli.options import add_common_options, config_option, normalize_token
from gantk.cli.streams import steady_streams
from gantk.errors import GantkError, suggestion
from gantk.runs.table import GROUPS, TASKS, find_task
from gantk.store import interruption
from gantk.store.command_line import command_line
from gantk.store.lazy import resolve

EPILOG = """\b
Examples:
  gantk demo
  gantk COMMAND --help
"""


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        known = [*COMMANDS, *GROUPS, *(name for name in TASKS if " " not in name)]
        return sorted(known, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = normalize_token(cmd_name)
        name = ALIASES.get(name, name)
        command: click.Command
        if name in TASKS or any(task.startswith(f"{name} ") for task in TASKS):
            from gantk.cli.build import command_of, group_of

            command = command_of(find_task(name)) if name in TASKS else group_of(name)
        elif name in COMMANDS:
            command = resolve(f"gantk.cli.{COMMANDS[name][0]}:command")
        else:
            return None
        command.name = name
        return add_common_options(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            hint = suggestion(normalize_token(args[0]), self.list_commands(ctx))
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, _summary(name)) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def _summary(name: str) -> str:
    if name in COMMANDS:
        return COMMANDS[name][1]
    return GROUPS[name] if name in GROUPS else TASKS[name].summary


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from gantk import __version__

        click.echo(f"gantk {__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    epilog=EPILOG,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "token_normalize_func": normalize_token,
        "max_content_width": 110,
    },
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
@click.option("--debug", is_flag=True, expose_value=False, help="Show a traceback when an error occurs.")
@config_option
def cli() -> None:
    """Find, measure and edit what a trained GAN has learned."""


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code: 0, 1 failure, 2 usage, 130 Ctrl-C, 128 + a signal's number."""
    words = list(sys.argv[1:] if args is None else args)
    steady_streams()
    sys.exit(run(words))


def run(words: Sequence[str]) -> int:
    """Run one command line and return the exit code; errors become one sentence on stderr unless ``--debug``."""
    debug = "--debug" in words or bool(os.environ.get("GANTK_DEBUG"))
    said = command_line.set(tuple(words))
    before = _terminate_gracefully()
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            result = cli.main(args=list(words), prog_name="gantk", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except BaseException as caught:
        error = interruption.asked() or caught
        if debug and not isinstance(error, (click.exceptions.Exit, SystemExit)):
            import traceback

            traceback.print_exception(error)
        return _report(error, quiet=debug)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        interruption.forget()
        command_line.reset(said)


Handler = Callable[[int, FrameType | None], object] | int | None
"""What handles a signal."""


class _Terminated(SystemExit):
    """SIGTERM or SIGUSR1, as slurm sends before it kills: leaves like Ctrl-C, so that a run is marked interrupted."""


def _terminate_gracefully() -> dict[int, Handler]:
    """Let these signals end a command in order; return what handled them before."""
    interruption.forget()

    def terminate(number: int, _frame: FrameType | None) -> None:
        for other in before:
            if other != signal.SIGINT:
                signal.signal(other, signal.SIG_IGN)  # once is enough: the end must not be interrupted
        stop(_Terminated(128 + number))

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        stop(KeyboardInterrupt())

    def stop(error: BaseException) -> None:
        interruption.ask(error)
        if not interruption.is_shielded():
            raise error

    before: dict[int, Handler] = {}
    try:
        for name in ("SIGTERM", "SIGUSR1"):
            if hasattr(signal, name):
                number = getattr(signal, name)
                before[number] = signal.signal(number, terminate)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else somebody ignores or handles it
            before[signal.SIGINT] = signal.signal(signal.SIGINT, interrupt)
    except ValueError:  # not in the main thread
        pass
    return before


def _report(error: BaseException, quiet: bool) -> int:
    """Print what happened as one sentence and return the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, (KeyboardInterrupt, click.exceptions.Abort, _Terminated)):
        notes = getattr(error, "__notes__", []) or getattr(error.__cause__ or error.__context__, "__notes__", [])
        click.echo(" ".join(["Interrupted.", *notes]), err=True)
        return int(error.code or 143) if isinstance(error, _Terminated) else 130
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, BrokenPipeError):  # the reader of our output left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if isinstance(
        error, click.exceptions.NoArgsIsHelpError
    ):  # a bare `gantk` or `gantk models`: its message is the help
        click.echo(error.format_message(), err=True)
        return error.exit_code
    sentence, code = describe(error)
    if not quiet or isinstance(error, (GantkError, click.ClickException)):
        click.echo(f"Error: {sentence}", err=True)
    return code


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str = "", *_where: object, **_more: object
) -> None:
    """A warning is one sentence, as an error is, without the line of code that gave it; one of a library names it."""
    from gantk.store.own_code import PACKAGE

    text = f"Warning: {_sentence(str(message))}"
    ours = category.__module__.startswith("gantk") or filename.startswith(PACKAGE)
    library = filename.rpartition("-packages/")[2].partition("/")[0] or category.__module__
    click.echo(text if ours else f"{text} ({library})", err=True)


def describe(error: BaseException) -> tuple[str, int]:
    """Return the sentence and the exit code for an exception that a command ended with."""
    from gantk.store.memory import is_out_of_memory
    from gantk.store.own_code import culprit

    if isinstance(error, GantkError):
        return _sentence(str(error)), error.exit_code
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else "gantk"
        dashed = [word for word in command_line.get() or () if word.startswith("-") and os.path.exists(word)]
        if dashed and isinstance(error, click.NoSuchOption):
            return f"{_sentence(error.format_message())} If the file {dashed[0]} is meant, write ./{dashed[0]}.", 2
        return f"{_sentence(error.format_message())} Try `{path} --help`.", 2
    if isinstance(error, click.ClickException):
        return _sentence(error.format_message()), error.exit_code
    if is_out_of_memory(error):  # of a command that has no options of a task; those say what needs less
        return "There is not enough memory: close other programs, or use a machine with more.", 1
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}.", 1
    first = (str(error).strip().splitlines() or [""])[0]
    if own := culprit(error):
        return f"The code in {own}, raised {type(error).__name__}: {first}.", 1
    return f"gantk failed unexpectedly ({type(error).__name__}: {first}); run it again with --debug to see where.", 1


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    word = text.partition(" ")[0]
    if word.isalpha() and not os.path.exists(word):  # a path or a name keeps its spelling
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!")) else text + "."


if __name__ == "__main__":
    main()
