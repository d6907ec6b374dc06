"""Command lines run in forks of this process, and what each of them says and leaves."""

from __future__ import annotations

import functools
import os
import re
import shlex
from pathlib import Path

from recording.leavings import Items, read, timeless
from recording.store import Told

LIST = Path(__file__).with_name("cases.txt")
SHORT = {
    "TINY": "world/tiny.safetensors",
    "EVEN": "world/even.safetensors",
    "PRED": "world/pred.py:score",
    "SEG": "world/seg.py:segment",
}
SHARED = ("converted", "exported")  # folders for commands that write a file, not a run
NOT_TOLD = ("world", "home", ".said")
PROGRESS = re.compile(r"^[\w .,()/-]+: +\d+ % \(.*$|^Peak memory: .*\n|^[\w -]+: reading\n", re.MULTILINE)
SLURM = """
[slurm]
model = "demo"
output-dir = "cluster"
partition = "cpu"
time = "01:00:00"
cpus = 2
memory = "4G"
array = 3

[synthesize]
num = 64

[rescore]
num = 16
layerwise-rescoring = true

[resefa.jacobian]
region = ["house"]
num = 8
"""


@functools.cache
def cases() -> dict[str, list[str]]:
    """Every case by name: the words after `gantk`; read once, and only read."""
    found = {}
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, words = line.partition(": ")
            assert name not in found, name
            for short, long in SHORT.items():
                words = re.sub(rf"\b{short}\b", long, words)
            found[name] = shlex.split(words)
    return found


def chosen(every: dict[str, list[str]], only: list[str] | None) -> dict[str, bool]:
    """The names to run, in order, and whether each is kept: those asked for and the ones that they need."""
    written = {words[words.index("-o") + 1] for words in every.values() if "-o" in words} - {"bad"}
    written |= set(SHARED)
    needed: set[str] = set()  # folders that a later case reads
    found = {}
    for name in reversed(every):
        words = every[name]
        folders = {word.rpartition("=")[2].split("/")[0] for word in words if not word.startswith("-")} & written
        into = {words[words.index("-o") + 1]} if "-o" in words else folders
        asked = not only or any(part in name for part in only)
        if asked or into & needed:
            found[name] = asked
            needed |= folders
    return dict(reversed(found.items()))


def prepare(work: Path) -> None:
    """Write the world, and load what commands load so that forks have it."""
    import jinja2
    import PIL.Image
    import scipy.optimize
    import sklearn.svm
    import torch
    import torchvision.models
    from drilling.world import CONFIG, write_world

    from gantk.checkpoints.checkpoint import Checkpoint
    from gantk.checkpoints.native import write_checkpoint
    from gantk.cli import main
    from gantk.generators.registry import build

    del jinja2, PIL, scipy, sklearn, torchvision, main
    torch.set_num_threads(1)
    write_world(work / "world")
    torch.manual_seed(1)
    even = build("stylegan2", CONFIG | {"channels": [8, 8, 8]})
    found = Checkpoint("stylegan2", even.config.to_dict(), even.state_dict(), "made to be recorded")
    write_checkpoint(work / "world" / "even.safetensors", found)
    (work / "world" / "slurm.toml").write_text(SLURM)
    for folder in SHARED:
        (work / folder).mkdir()


def run(words: list[str], work: Path, root: Path, keep: bool = True) -> Told:
    """Run one command line in the directory and read what it wrote there."""
    before = _state(work)
    code, out, err = _fork(words, work)
    said: Items = {
        "code": code,
        "stdout": _placeless(timeless(out), work, root),
        "stderr": _placeless(timeless(PROGRESS.sub("", err)), work, root),
    }
    told = Told(shlex.join(words), said)
    if keep:
        after = _state(work)
        told.removed = sorted(before.keys() - after.keys())
        for name in sorted(after):
            if after[name] != before.get(name):
                items = read(work / name)
                told.files[name] = {
                    key: _placeless(item, work, root) if isinstance(item, str) else item for key, item in items.items()
                }
    return told


def help_of_all(work: Path, root: Path) -> Told:
    """The --help of every command, commands of groups included."""
    import click

    from gantk.cli.main import cli

    said: Items = {"code": 0, "stderr": ""}

    def walk(command: click.Command, words: list[str]) -> None:
        code, out, err = _fork([*words, "--help"], work)
        said[" ".join(["gantk", *words])] = _placeless(f"{out}{err}{'' if code == 0 else code}", work, root)
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                child = command.get_command(context, name)
                assert child is not None
                walk(child, [*words, name])

    walk(cli, [])
    return Told("COMMAND --help", said)


def _state(work: Path) -> dict[str, tuple[int, int, int]]:
    """Every file that is told of, with what changes when it is written."""
    found = {}
    for path in work.rglob("*"):
        name = path.relative_to(work)
        if name.parts[0] not in NOT_TOLD and path.is_file():
            status = path.stat()
            found[name.as_posix()] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return found


def _placeless(text: str, work: Path, root: Path) -> str:
    """Without this machine's folders, and without empty lines, which are left of a progress line."""
    text = text.replace(str(work), "WORK").replace(str(root), "ROOT")
    return "\n".join(line.rstrip() for line in text.replace("\r", "\n").splitlines() if line.strip())


def _fork(words: list[str], work: Path) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command line in a child process."""
    said = work / ".said"
    said.mkdir(exist_ok=True)
    files = (said / "out", said / "err")
    child = os.fork()
    if child == 0:
        code = 99
        try:
            for number, file in enumerate(files, 1):
                os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.chdir(work)
            from gantk.cli.main import run as gantk

            code = gantk(words)
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    out, err = (file.read_text(encoding="utf-8", errors="replace") for file in files)
    return os.waitstatus_to_exitcode(status), out, err
