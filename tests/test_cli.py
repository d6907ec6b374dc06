"""The command line: lazy, with help everywhere, one spelling of options, one sentence per error."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import numpy as np
import pytest

import gantk
from gantk.cli import options
from gantk.cli.commands import COMMANDS, ORDER
from gantk.cli.main import cli
from gantk.errors import GantkError, UsageError, suggestion
from gantk.generators import devices
from gantk.runs.table import GROUPS, TASKS
from gantk.store.own_code import PACKAGE

Call = Callable[..., tuple[int, str, str]]


def every_command() -> Iterator[tuple[str, ...]]:
    """The words of every command there is, commands of groups included."""
    context = click.Context(cli)

    def walk(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        yield words
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                child = command.get_command(context, name)
                assert child is not None
                yield from walk(child, (*words, name))

    yield from walk(cli, ())


EVERY_COMMAND = list(every_command())


def find(words: tuple[str, ...]) -> click.Command:
    made: Any = cli
    for word in words:
        made = made.get_command(click.Context(made), word)
    command: click.Command = made
    return command


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[click.Command, str], None]:
    """Put a command into the table for the length of a test."""

    def add(made: click.Command, name: str = "probe") -> None:
        module: Any = ModuleType(f"gantk.cli.{name}")
        module.__spec__ = ModuleSpec(module.__name__, None)
        module.command = made
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(COMMANDS, name, (name, "For a test."))

    return add


@click.command(epilog=options.examples("gantk probe demo"))
@options.model_argument()
@options.output_dir_option("runs/probe")
@options.overwrite_option()
@options.device_option()
@options.precision_option()
@options.seed_option()
@click.option("--batch-size", type=click.IntRange(1), default=16)
@click.option("--shard", default=None)
@click.option("--truncation", default=None)
@click.option("--layers", default=None)
@click.option("--score-name", multiple=True)
@click.option("--skip-image", is_flag=True)
@click.option("--kind", type=click.Choice(["one-way", "other_way"]), default="one-way")
def echo(**values: Any) -> None:
    """Print what arrived."""
    for name, value in sorted(values.items()):
        click.echo(f"{name}={value!r}")


def values(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


# --- help ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", EVERY_COMMAND, ids=" ".join)
def test_every_command_has_help_with_an_example(words: tuple[str, ...], gantk_command: Call) -> None:
    code, out, err = gantk_command(*words, "--help")
    assert (code, err) == (0, "")
    assert f"Usage: {' '.join(('gantk', *words))}" in out
    assert "Example" in out and "  gantk " in out
    assert "--config" in out and "--debug" in out
    assert re.search(r"-h, +--help", out)


def examples_in_help_and_documents() -> list[str]:
    """Every `gantk ...` line of the commands' examples and of indented or fenced blocks in README and docs."""
    root = Path(__file__).resolve().parent.parent
    texts = [cli.epilog or ""]
    for words in EVERY_COMMAND:
        texts.append(find(words).epilog or "")
    for path in (root / "README.md", root / "boundaries" / "README.md", *sorted((root / "docs").rglob("*.md"))):
        texts.append(path.read_text(encoding="utf-8"))
    known = {words[0] for words in EVERY_COMMAND if words}
    lines = [line.strip().removeprefix("$ ") for text in texts for line in text.splitlines() if line[:1] in " $g"]
    lines = [line.split(" #")[0].strip() for line in lines if line.startswith("gantk ")]
    return sorted({line for line in lines if not line.isupper() and line.split()[1] in known})


@pytest.mark.parametrize("line", examples_in_help_and_documents())
def test_every_example_can_be_typed(line: str) -> None:
    """Its command, options and values are parsed as typed; nothing is run."""
    words = shlex.split(line)[1:]
    context: click.Context = click.Context(cli, info_name="gantk", **cli.context_settings)
    made: click.Command = cli
    while isinstance(made, click.Group):
        child = made.get_command(context, options.normalize_token(words[0]))
        assert child is not None, f"{line}: there is no command {words[0]}"
        made, words = child, words[1:]
    try:
        made.make_context(line, words, parent=context)
    except click.exceptions.Exit:
        pass  # --help
    except click.BadParameter as error:
        assert "does not exist" in error.message, error.message  # a file of the reader's


@pytest.mark.parametrize("words", EVERY_COMMAND, ids=" ".join)
def test_every_option_says_what_it_is_and_uses_dashes(words: tuple[str, ...]) -> None:
    made = find(words)
    assert made.help
    for parameter in made.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help, f"{parameter.name} of gantk {' '.join(words)} has no help"
            assert not any("_" in option for option in parameter.opts), parameter.opts


def test_help_imports_nothing_heavy() -> None:
    """No help text, that of every command included, loads torch or the scientific stack."""
    script = (
        "import sys\n"
        "import click\n"
        "known = set(sys.modules)\n"
        "from gantk.cli.main import run\n"
        "assert run(['--help']) == 0\n"
        "early = {'json', 'zipfile', 'pathlib', 'difflib', 'tomllib'} & (set(sys.modules) - known)\n"
        "assert not early, f'the list of commands loads {early}'\n"
        f"assert all(run([*words, '--help']) == 0 for words in {EVERY_COMMAND!r})\n"
        "heavy = {'torch', 'torchvision', 'numpy', 'scipy', 'sklearn', 'PIL', 'jinja2', 'safetensors'}\n"
        "loaded = heavy & set(sys.modules)\n"
        "sys.exit(f'loaded: {loaded}' if loaded else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_command_is_listed_and_no_other_exists(gantk_command: Call) -> None:
    code, out, _ = gantk_command("--help")
    rows = out.partition("Commands:")[2].partition("\n\n")[0].splitlines()
    listed = {row.split()[0] for row in rows if row[:2] == "  " != row[2:4]}
    assert code == 0 and listed == set(ORDER) == {*COMMANDS, *GROUPS, *(name for name in TASKS if " " not in name)}
    assert gantk_command("nowhere")[0] == 2


def test_version_and_console_script(gantk_command: Call) -> None:
    assert gantk_command("--version") == (0, f"gantk {gantk.__version__}\n", "")
    done = subprocess.run([sys.executable, "-m", "gantk", "--version"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, f"gantk {gantk.__version__}\n")


@pytest.mark.parametrize("words", [w for w in EVERY_COMMAND if isinstance(find(w), click.Group)], ids=" ".join)
def test_a_group_without_a_command_shows_its_help(words: tuple[str, ...], gantk_command: Call) -> None:
    assert gantk_command(*words) == (2, "", gantk_command(*words, "--help")[1])


@pytest.mark.parametrize("words", EVERY_COMMAND, ids=" ".join)
def test_every_number_is_checked_as_those_of_tasks_are(words: tuple[str, ...]) -> None:
    """click's own numbers take nan, and say their range as `0.01<=x<=600`, or as `x<=None`."""
    plain = (click.types.IntParamType, click.types.FloatParamType)
    assert [p.name for p in find(words).params if isinstance(p.type, plain)] == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("navigan export a.safetensors b.pt --strength nan", "--strength is nan: give a finite number."),
        ("models bench demo --seconds nan", "is nan: give a finite number of at least 0.01 and at most 600."),
        ("models bench demo --seconds 0", "is 0: give a finite number of at least 0.01 and at most 600."),
        ("web demo --port 70000", "is 70000: give a whole number of at least 0 and at most 65535."),
        ("demo --seed 9223372036854775808", "which is too large: give at most 9223372036854775807."),
        ("synthesize demo --seed 9223372036854775808", "which is too large: give at most 9223372036854775807."),
        ("synthesize demo --num 0", "--num is 0: give a whole number of at least 1."),
        ("manipulate demo season --num 0", "--num is 0: give a whole number of at least 1."),
        ("walk demo --num 0", "--num is 0: give a whole number of at least 1."),
        ("resefa jacobian demo --num 0", "--num is 0: give a whole number of at least 1."),
        ("models bench demo --precisions float8", "'float8' is none of float32, float16, bfloat16."),
    ],
)
def test_a_number_out_of_range_is_refused_with_the_range(line: str, said: str, gantk_command: Call) -> None:
    code, out, error = gantk_command(*line.split())
    assert (code, out) == (2, "") and said in error, error


def test_a_file_where_a_folder_is_to_be_made_is_named_before_anything_is_computed(
    gantk_command: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("gantk.speed.measuring.measure", lambda *_, **__: pytest.fail("it was measured"))
    for command in ("models bench demo", "synthesize demo --num 1"):
        for place in (tmp_path / "file", tmp_path / "file" / "below"):
            code, out, error = gantk_command(*command.split(), "-o", place)
            assert (code, out) == (1, "")
            assert f"{place} cannot be made ({tmp_path / 'file'} is a file): give another one." in error


# --- spelling ------------------------------------------------------------------------------------------------------


def test_underscores_are_dashes(gantk_command: Call, command: Callable[..., None]) -> None:
    command(echo)
    words = ("--output_dir", "here", "--batch_size=4", "--score_name", "a_b", "--skip_image", "--kind", "other-way")
    code, out, err = gantk_command("probe", "my_model", *words)
    assert (code, err) == (0, "")
    got = values(out)
    assert got["output_dir"] == "'here'" and got["batch_size"] == "4" and got["skip_image"] == "True"
    assert got["score_name"] == "('a_b',)" and got["model"] == "'my_model'"  # values keep theirs
    assert got["kind"] == "'other_way'"
    command(echo, "two-words")
    assert gantk_command("two_words", "m")[0] == 0


@pytest.mark.parametrize("words", EVERY_COMMAND, ids=" ".join)
def test_every_long_option_is_known_with_underscores(words: tuple[str, ...]) -> None:
    made: Any = find(words)
    context = click.Context(made, **cli.context_settings)
    parser = made.make_parser(context)
    for option in [name for parameter in made.params for name in parameter.opts if name.startswith("--")]:
        spelled = "--" + option[2:].replace("-", "_")
        assert "--" + options.normalize_token(spelled[2:]) in parser._long_opt


# --- settings ------------------------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(
        "[probe]\nmodel = 'from-file'\noutput-dir = 'from-file'\nbatch_size = 3\nscore-name = ['a', 'b']\n"
        "skip-image = true\ntruncation = '0.7:8'\n\n[synthesize]\nnum = 5\n"
    )
    return path


@pytest.mark.parametrize("first", [True, False], ids=["before the command", "after it"])
def test_settings_are_defaults(gantk_command: Call, command: Callable[..., None], settings: Path, first: bool) -> None:
    command(echo)
    given = ("--config", settings)
    words: tuple[Any, ...] = (*given, "probe") if first else ("probe", *given)
    code, out, err = gantk_command(*words)
    assert (code, err) == (0, "")
    got = values(out)
    assert got["model"] == got["output_dir"] == "'from-file'" and got["batch_size"] == "3"
    assert got["score_name"] == "('a', 'b')" and got["skip_image"] == "True" and got["truncation"] == "'0.7:8'"
    assert got["seed"] == "0"


def test_the_command_line_wins(gantk_command: Call, command: Callable[..., None], settings: Path) -> None:
    command(echo)
    words = ("m", "--batch-size", "9", "-o", "typed", "--score-name", "c")
    got = values(gantk_command("probe", "--config", settings, *words)[1])
    assert got["model"] == "'m'" and got["batch_size"] == "9" and got["output_dir"] == "'typed'"
    assert got["score_name"] == "('c',)"


def test_settings_of_a_group(gantk_command: Call, command: Callable[..., None], tmp_path: Path) -> None:
    group = click.Group("probe", commands={"inner": click.Command("inner", params=echo.params, callback=echo.callback)})
    command(group)
    path = tmp_path / "settings.toml"
    path.write_text("[probe.inner]\nmodel = 'm'\nbatch-size = 7\n")
    for words in (("--config", path, "probe", "inner"), ("probe", "inner", "--config", path)):
        code, out, err = gantk_command(*words)
        assert (code, err) == (0, "")
        assert values(out)["batch_size"] == "7"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[probe]\nbatch-sise = 3\n", "unknown key 'batch-sise'. Did you mean 'batch-size'"),
        ("[proeb]\nx = 1\n", "unknown key 'proeb'. Did you mean 'probe'"),
        ("batch-size = 3\n", "has an unknown key 'batch-size'"),
        ("[probe\n", "cannot be read"),
        ("probe = 3\n", "must be a table"),
        ("[probe]\nbatch-size = 'many'\n", "'many' is not a valid int"),
    ],
)
def test_wrong_settings_are_refused(
    gantk_command: Call, command: Callable[..., None], tmp_path: Path, text: str, message: str
) -> None:
    command(echo)
    path = tmp_path / "settings.toml"
    path.write_text(text)
    for words in (("probe", "m", "--config", path), ("--config", path, "probe", "m")):
        code, _, err = gantk_command(*words)
        assert code == 2 and message in err and err.startswith("Error: ") and err.count("\n") == 1, err


def test_shipped_settings_name_real_options(gantk_command: Call, command: Callable[..., None]) -> None:
    from gantk.store.shipped import shipped_files

    command(echo)
    names = shipped_files("configs", (".toml",))
    assert names
    for name in names:
        code, _, err = gantk_command("--config", name, "probe", "m")
        assert (code, err) == (0, "")
        for words in EVERY_COMMAND:
            assert gantk_command(*words, "--config", name, "--help")[0] == 0
    code, _, err = gantk_command("--config", "nowhere", "probe", "m")
    assert code == 2 and "'nowhere'" in err


# --- errors --------------------------------------------------------------------------------------------------------


def failing(error: BaseException) -> click.Command:
    """A command that fails; its code counts as gantk's, and not as the user's own, by its file."""
    names: dict[str, Any] = {"error": error}
    exec(compile("def fail(): raise error", f"{PACKAGE}cli/fail.py", "exec"), names)
    return click.command()(names["fail"])


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (GantkError("the file x.pt is truncated"), 1, "Error: The file x.pt is truncated."),
        (UsageError("Layer 20 is out of range."), 2, "Error: Layer 20 is out of range."),
        (click.UsageError("No such thing."), 2, "Error: No such thing. Try `gantk probe --help`."),
        (click.ClickException("It failed"), 1, "Error: It failed."),
        (ValueError("odd\nsecond line"), 1, "Error: Gantk failed unexpectedly (ValueError: odd); run it again with"),
        (FileNotFoundError(2, "No such file or directory", "x.npy"), 1, "Error: x.npy: No such file or directory."),
        (MemoryError(), 1, "Error: There is not enough memory: close other programs, or use a machine with more."),
        (KeyboardInterrupt(), 130, "Interrupted."),
        (SystemExit(3), 3, ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_an_error_is_one_sentence(
    gantk_command: Call, command: Callable[..., None], error: BaseException, code: int, sentence: str
) -> None:
    command(failing(error))
    got, out, err = gantk_command("probe")
    assert got == code and out == ""
    assert err.strip().lower().startswith(sentence.lower()) and len(err.strip().splitlines()) <= 1
    assert "Traceback" not in err


def test_a_file_that_begins_with_a_dash_is_told_from_an_option(
    gantk_command: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-lead.png").touch()
    code, _, err = gantk_command("invert", "demo", "-lead.png")
    assert code == 2 and err.endswith("If the file -lead.png is meant, write ./-lead.png.\n")


def test_a_warning_of_a_library_names_it(gantk_command: Call, command: Callable[..., None]) -> None:
    """One of gantk's own does not, whatever its category is."""

    @click.command()
    def careless() -> None:
        ours = str(Path(gantk.__file__).parent / "codes" / "source.py")
        warnings.warn_explicit("what is skipped", UserWarning, ours, 1)
        warnings.warn_explicit("what is new", UserWarning, "/usr/lib/site-packages/torch/nested/x.py", 1)

    command(careless)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert gantk_command("probe")[2] == "Warning: What is skipped.\nWarning: What is new. (torch)\n"


def test_a_warning_is_one_sentence(gantk_command: Call, command: Callable[..., None]) -> None:
    from gantk.codes.boundary_list import BoundaryListWarning

    @click.command()
    def careless() -> None:
        warnings.warn("the later path is taken", BoundaryListWarning, stacklevel=2)

    command(careless)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert gantk_command("probe") == (0, "", "Warning: The later path is taken.\n")


@pytest.mark.parametrize("words", [("--debug", "probe"), ("probe", "--debug")])
def test_debug_shows_the_traceback(gantk_command: Call, command: Callable[..., None], words: tuple[str, ...]) -> None:
    command(failing(GantkError("The file is truncated.")))
    code, _, err = gantk_command(*words)
    assert code == 1 and "Traceback" in err and err.endswith("Error: The file is truncated.\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("merg",), "Did you mean 'merge'"),
        (("merge",), "Missing argument 'RUN...'"),
        (("merge", "x", "--outputdir", "y"), "No such option '--outputdir'"),
        (("probe", "m", "--batch-size", "0"), "0 is not in the range x>=1"),
    ],
)
def test_usage_errors(gantk_command: Call, command: Callable[..., None], words: tuple[str, ...], message: str) -> None:
    command(echo)
    code, out, err = gantk_command(*words)
    assert (code, out) == (2, "")
    assert err.startswith("Error: ") and message in err and err.count("\n") == 1, err


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.resolve_device("auto") == devices.resolve_device("cpu") == "cpu"
    with pytest.raises(UsageError, match="'cuda:0' does not exist: this machine has no GPU"):
        devices.resolve_device("cuda:0")
    with pytest.raises(UsageError, match="'gpu' is not understood"):
        devices.resolve_device("gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert devices.resolve_device("auto") == "cuda" and devices.resolve_device("cuda:1") == "cuda:1"
    with pytest.raises(UsageError, match="this machine has 2 GPUs"):
        devices.resolve_device("cuda:2")
    monkeypatch.setenv("LOCAL_RANK", "1")  # torchrun's second process on this machine
    assert devices.resolve_device("auto") == devices.resolve_device("cuda") == "cuda:1"
    assert devices.resolve_device("cuda:0") == "cuda:0"


def test_a_closed_pipe_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "gantk", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    error = process.stderr.read()
    process.wait(60)
    process.stderr.close()
    assert b"Traceback" not in error and b"unexpectedly" not in error


def test_signals_are_given_back() -> None:
    from gantk.cli.main import run

    before = signal.getsignal(signal.SIGTERM)
    run(["--version"])
    assert signal.getsignal(signal.SIGTERM) is before


# --- the package ---------------------------------------------------------------------------------------------------


def test_public_names_are_loaded_when_used() -> None:
    script = (
        "import sys, gantk\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules\n"
        "assert gantk.Truncation(0.7).psi == 0.7 and 'torch' in sys.modules\n"
        "assert gantk.Direction.__module__ == 'gantk.codes.directions'\n"
        "assert {'load_generator', 'Truncation'} <= set(dir(gantk))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = gantk.nothing


def test_suggestions() -> None:
    assert suggestion("time_of_dat", ["time_of_day", "trees"]) == " Did you mean 'time_of_day'?"
    assert suggestion("zzz", ["b", "a"]) == " Known: a, b."
    assert suggestion("zzz", map(str, range(20)), limit=2) == " Known: 0, 1, and 18 more."
    assert suggestion("zzz", []) == ""


def test_pages_are_rebuilt_from_a_run(gantk_command: Call, tmp_path: Path) -> None:
    from gantk.runs.run import Run
    from gantk.store.chunks import Shard

    code, _, err = gantk_command("report", tmp_path)
    assert code == 1 and "holds no *.run.json" in err
    with Run.begin(tmp_path, "draw", {"num": 3}, shard=Shard(0, 2)):
        pass
    code, _, err = gantk_command("report", tmp_path)
    assert code == 2 and "gantk merge" in err
    with Run.begin(tmp_path, "demo", {"num": 3}):
        pass
    code, _, err = gantk_command("report", tmp_path, "--command", "domo")
    assert code == 2 and "Did you mean 'demo'" in err
    code, out, err = gantk_command("report", tmp_path)
    assert (code, err) == (0, "")
    assert Path(out.strip()).read_text().lower().startswith("<!doctype html>")


def test_what_was_typed_is_recorded(gantk_command: Call, command: Callable[..., None], tmp_path: Path) -> None:
    @click.command()
    @click.argument("words", nargs=-1)
    def typed(words: tuple[str, ...]) -> None:
        from gantk.runs.run import Run

        with Run.begin(tmp_path, "probe", {}):
            pass

    from gantk.store.files import load_json

    command(typed)
    assert gantk_command("probe", "two words", "x")[0] == 0
    assert load_json(tmp_path / "probe.run.json")["argv"] == "gantk probe 'two words' x"
    assert os.listdir(tmp_path) == ["probe.run.json"]


# --- classes of conditional networks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("synthesize", "demo-biggan", "--num", "2"), "give --label with one of 0 to 2, random"),
        (("synthesize", "demo-biggan", "--num", "2", "--label", "3"), "has classes 0 to 2"),
        (("synthesize", "demo", "--num", "2", "--label", "1"), "is not conditional"),
        (("lse", "fewshot", "demo-biggan", "--label", "dusk"), "'dusk' is no class of this network"),
        (("lse", "fewshot", "demo", "--label", "1"), "is not conditional"),
        (("invert", "demo-biggan", "render:1/0", "--label", "7"), "has classes 0 to 2"),
    ],
)
def test_a_class_that_is_missing_or_does_not_exist_leaves_nothing(
    words: tuple[str, ...], message: str, gantk_command: Any, tmp_path: Path
) -> None:
    code, _, error = gantk_command(*words, "-o", tmp_path / "run")
    assert code == 2 and message in error, error
    assert not (tmp_path / "run").exists()


def test_classes_are_drawn_or_chosen(gantk_command: Any, tmp_path: Path) -> None:
    for label in ("random", "2"):
        code, _, error = gantk_command(
            "synthesize", "demo-biggan", "--num", "4", "--label", label, "--latents", "w", "-o", tmp_path / label
        )
        assert code == 0, error
    drawn, chosen = (np.load(tmp_path / label / "w.npy")[:, -8:] for label in ("random", "2"))
    assert len(np.unique(chosen.round(5), axis=0)) == 1 < len(np.unique(drawn.round(5), axis=0))


def test_commands_stand_in_the_order_of_work(gantk_command: Call) -> None:
    """Every command has its place in the list, and what needs nothing else comes before what needs it."""
    from gantk.cli.commands import ORDER
    from gantk.cli.main import cli

    listed = cli.list_commands(None)
    assert set(listed) == set(ORDER) and listed == list(ORDER)
    place = listed.index
    assert place("synthesize") < place("train-predictor") < place("train-boundary") < place("rescore") < place("merge")


def test_the_tour_says_what_to_do_with_own_code(gantk_command: Call, tmp_path: Path) -> None:
    code, _, err = gantk_command("demo", "--model", "faces.py:generator", "-o", tmp_path / "tour")
    assert code == 2 and "`gantk atlas faces.py:generator`" in err and not (tmp_path / "tour").exists()


@pytest.mark.parametrize("value", ["2.5", "true", "'1_0'"])
def test_a_seed_of_a_settings_file_is_a_whole_number(value: str, tmp_path: Path, gantk_command: Call) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(f"[demo]\nseed = {value}\n")
    code, _, err = gantk_command("demo", "--config", settings, "-o", tmp_path / "out")
    assert code == 2 and "--seed" in err and not (tmp_path / "out").exists()
