"""What hostile files are given to: every function of the package that reads a file, by the kind of case."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

Reader = Callable[[Path], object]


def of_json(path: Path) -> None:
    from gantk.runs.manifest import decisive, read_manifest, shard_of

    manifest = read_manifest(path)
    shard_of(manifest)
    json.dumps(decisive(manifest), sort_keys=True)


def of_arrays(path: Path) -> None:
    from gantk.codes.arrays import read_arrays

    found = read_arrays(path)
    for array in found.arrays.values():
        array.sum()


def of_npy(path: Path) -> None:
    from gantk.store.files import load_npy

    load_npy(path)
    load_npy(path, mmap=True)


def of_numbers(path: Path) -> None:
    from gantk.pictures.label_maps import read_numbers

    read_numbers(path)


def of_scores(path: Path) -> None:
    from gantk.higan.scores import read_scores

    read_scores(path)


def of_directions(path: Path) -> None:
    from gantk.codes.direction_files import interpreted, read_content

    interpreted(read_content(path), None, 4)


def of_boundary_list(path: Path) -> None:
    from gantk.codes.boundary_list import read_boundary_list

    read_boundary_list(path)


def of_weights(path: Path) -> None:
    from gantk.navigan.kept import read_kept

    read_kept(path)


def of_deformations(path: Path) -> None:
    from gantk.navigan.files import load_weights

    load_weights(path)


def of_codes(path: Path) -> None:
    from gantk.ghfeat.codes import read_codes

    read_codes(path)


def of_heads(path: Path) -> None:
    from gantk.predictors.head_files import load_head

    load_head(path)


def of_tuned(path: Path) -> None:
    from gantk.checkpoints.tuned import load_tuned

    load_tuned(path)


def of_bundled(path: Path) -> None:
    from gantk.predictors.weights import read_weights

    read_weights(path)


def of_checkpoints(path: Path) -> None:
    from gantk.checkpoints.load import load_generator

    load_generator(path)


def of_audits(path: Path) -> None:
    from gantk.checkpoints.audit import audit

    audit(path)


def of_pictures(path: Path) -> None:
    from gantk.pictures.opening import open_picture

    open_picture(path, max_pixels=4_000_000)


def of_values(path: Path) -> None:
    from gantk.pictures.opening import open_values

    open_values(path, max_pixels=4_000_000)


def of_sides(path: Path) -> None:
    from gantk.pictures.opening import picture_frames, picture_sides

    picture_sides(path)
    picture_frames(path)


def of_zips(path: Path) -> None:
    from gantk.ghfeat.pictures import Zip

    images = Zip(path)
    for index in range(min(len(images), 4)):
        with contextlib.suppress(_error()):
            images.sides(index)
        with contextlib.suppress(_error()):
            images[index]


def of_sessions(path: Path) -> None:
    from gantk.lse.replay import read_session

    read_session(path)


def of_records(path: Path) -> None:
    from gantk.ghfeat.tfrecord import TFRecords

    images = TFRecords(path)
    for index in range(min(len(images), 4)):
        with contextlib.suppress(_error()):
            images[index]


def of_labels(path: Path) -> None:
    from gantk.predictors.label_files import read_labels

    read_labels(path)


def of_settings(path: Path) -> None:
    import click

    from gantk.cli.build import command_of
    from gantk.cli.options import add_common_options
    from gantk.runs.table import find_task

    for name in ("synthesize", "rescore"):
        if name not in _commands:
            _commands[name] = add_common_options(command_of(find_task(name)))
        with contextlib.suppress(click.ClickException):
            _commands[name].make_context(
                name,
                ["--config", str(path), "demo", "list.txt"][: 3 + (name == "rescore")],
                parent=click.Context(click.Group("gantk")),
            )


_commands: dict[str, click.Command] = {}


def _error() -> type[Exception]:
    from gantk.errors import GantkError

    return GantkError


def run_line(words: list[str]) -> None:
    """A command line in this process; what is said to be unexpected is raised.

    Raises:
        AssertionError: the command failed unexpectedly, or said more than a sentence.
    """
    from gantk.cli.main import run

    said, out = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(out):
        code = run(words)
    text = said.getvalue()
    if code not in (0, 1, 2) or "unexpectedly" in text or "Traceback" in text or "canary" in text:
        raise AssertionError(f"exit {code}: {text[-400:]}")
    if code and not text:
        raise AssertionError(f"exit {code} without a word")
