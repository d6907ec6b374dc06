"""A folder that a hosted Space runs: gantk itself, the models and files named, and `gantk web --public` on them."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import gantk
from gantk.errors import GantkError, UsageError
from gantk.store.shipped import KINDS

PORT = 7860  # where a Space is asked
USER = 1000  # as whom it runs
DEPENDENCIES = (
    "click", "jinja2", "numpy", "pillow", "safetensors", "scikit-learn", "scipy", "torch", "torchvision", "tqdm",
    "starlette", "uvicorn", "websockets",
)  # fmt: skip
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
PLACE = "/home/user/app"  # inside the container, by the convention of hosted Spaces; no path of any machine here
KEPT = "/tmp/gantk-web"  # inside the container too: the folder that every host lets the server write to


def write_space(
    folder: Path, models: Sequence[str], files: Mapping[str, Sequence[str]], names: Mapping[str, str]
) -> list[str]:
    """Write the folder; nothing is there unless all of it is.

    Args:
        models: as `gantk web` takes them; files are copied.
        files: option -> files or folders that are copied, such as ``{"--head": [...]}``.
        names: option -> value that stays as it is where it is no file.

    Returns:
        The command that the Space runs.

    Raises:
        UsageError: the folder holds something, a model is own code, or two files have one name.
        GantkError: a file is missing, or the disk is full.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"--write-space {folder}: it holds something already; name a folder that is not there.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".gantk-tmp", dir=folder.absolute().parent))
    try:
        made.chmod(0o755)
        words = _copied(made, models, files, names)
        command = [
            "python", "-m", "gantk", "web", *words, "--public", "--host", "0.0.0.0", "--port", str(PORT),
            "--output-dir", KEPT,
        ]  # fmt: skip
        _package(made / "package" / "gantk")
        for name, text in _texts(command, [Path(model).stem for model in models]).items():
            (made / name).write_text(text, encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        made.rename(folder)
    except OSError as error:
        raise GantkError(f"The Space cannot be written to {folder} ({error.strerror or error}).") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return command


def _copied(
    made: Path, models: Sequence[str], files: Mapping[str, Sequence[str]], names: Mapping[str, str]
) -> list[str]:
    """Copy what the command line names; the words of the Space's own, relative to its folder."""
    from gantk.checkpoints.load import find_model
    from gantk.checkpoints.names import is_bundled
    from gantk.store.own_code import names_code

    words = []
    for model in models:
        if is_bundled(model):
            words.append(model)
            continue
        if names_code(model):
            raise UsageError(f"--write-space takes no own code, and {model} names some: save the network to a file.")
        found, told = find_model(model, {}, True)
        if not isinstance(found, Path):
            raise UsageError(f"--write-space takes models with a file, and {model} is made without one.")
        if told:
            raise UsageError(f"--write-space takes no facts beside a model ({model}): gantk models convert keeps them.")
        words.append(_copy(made, "models", found))
    for option, paths in files.items():
        for path in paths:
            words += [option, _copy(made, "artifacts", Path(path))]
    for option, value in names.items():
        words += [option, _copy(made, "artifacts", Path(value)) if Path(value).exists() else value]
    return words


def _copy(made: Path, kind: str, source: Path) -> str:
    if not source.exists():
        raise GantkError(f"There is no file or folder {source} to put into the Space.")
    target = made / kind / source.name
    if target.exists():
        raise UsageError(f"--write-space: two files are called {source.name!r}; rename one of them.")
    target.parent.mkdir(exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=IGNORED)
    else:
        shutil.copyfile(source, target)
    return f"{kind}/{source.name}"


def _package(target: Path) -> None:
    """This gantk as a wheel would install it: what lies beside the package in a checkout lies in it."""
    source = Path(gantk.__file__).resolve().parent
    shutil.copytree(source, target, ignore=IGNORED)
    for kind in KINDS:
        beside = source.parent / kind
        if not (target / kind).is_dir() and (source.parent / "pyproject.toml").is_file() and beside.is_dir():
            shutil.copytree(beside, target / kind, ignore=IGNORED)


def requirements() -> str:
    """The packages gantk was run with here, at their versions."""
    lines = []
    for name in DEPENDENCIES:
        try:
            lines.append(f"{name}=={version(name).partition('+')[0]}\n")
        except PackageNotFoundError:
            raise UsageError(f"The package {name} is not installed: pip install 'gantk[web]'.") from None
    return "".join(lines)


def _texts(command: Sequence[str], titles: Iterable[str]) -> dict[str, str]:
    shown = ", ".join(titles)
    return {
        "README.md": f"""---
title: {json.dumps(f"gantk: {shown}")}
sdk: docker
app_port: {PORT}
pinned: false
---

`gantk web` on {shown}: sliders for what the generator knows, strokes that become edits, photos as codes.

A project belongs to its visitor, who alone has its link, and is deleted after a day without a change. Uploads have at
most 5 MB, and one job at a time runs for a visitor.

Push this folder to a Space of its own; or run it here:

    docker build -t gantk-space . && docker run -p {PORT}:{PORT} gantk-space

then open http://localhost:{PORT}/.
""",
        "Dockerfile": f"""FROM python:3.12-slim
RUN useradd --create-home --uid {USER} user
WORKDIR {PLACE}
COPY requirements.txt .
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu -r requirements.txt
# what is copied stays root's: the program can read it and not change it
COPY . .
USER user
ENV PYTHONPATH=package PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
EXPOSE {PORT}
CMD {json.dumps(list(command))}
""",
        "requirements.txt": requirements(),
        ".dockerignore": ".git\n",
        ".gitattributes": "".join(
            f"*.{suffix} filter=lfs diff=lfs merge=lfs -text\n"
            for suffix in ("safetensors", "pkl", "pt", "pth", "npy", "npz")
        ),
    }
