"""A job of a project once more, without a server: what the Command button of the page shows.

    from gantk.web.again import again
    found = again("demo", "region", {...}, project="runs/web/projects/...", rev=17)

The project is read as it was when the job began, and is not changed.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from gantk.checkpoints.addresses import is_address
from gantk.errors import GantkError
from gantk.store.json_values import JsonView
from gantk.store.own_code import OwnCode, names_code
from gantk.web.blobs import Blobs
from gantk.web.projects import Project
from gantk.web.wire import ApiError, structure

if TYPE_CHECKING:
    from gantk.web.queue import Job
    from gantk.web.workshop import Model


@dataclass(frozen=True, eq=False)
class Again:
    """What the job gave, as the page gets it, and the files that it made by their SHA-256."""

    result: Mapping[str, JsonView]
    blobs: Mapping[str, bytes]


class _Overlay(Blobs):
    """Blobs that are written into one folder and read from another as well."""

    def __init__(self, folder: Path, below: Blobs) -> None:
        super().__init__(folder)
        self.below = below

    def get(self, sha: str) -> bytes:
        return super().get(sha) if super().__contains__(sha) else self.below.get(sha)

    def __contains__(self, sha: object) -> bool:
        return super().__contains__(sha) or sha in self.below


def again(
    model: str,
    kind: str,
    args: Mapping[str, JsonView],
    *,
    project: str | Path,
    rev: int,
    directions: Sequence[str] = (),
    heads: Sequence[str] = (),
    segmenter: str | None = None,
    encoder: str | None = None,
    predictor: str | None = None,
    device: str = "cpu",
    precision: str = "float32",
    code: bool = False,
    fetch: bool = False,
) -> Again:
    """Run a job as the page ran it.

    Args:
        kind, args: of the job.
        project: the folder of the project; rev: how many of its events count.
        directions, heads, segmenter, encoder, predictor, device, precision: of `gantk web`.
        code, fetch: whether what is named may be code, or an address to fetch, as `gantk.load_generator` takes them.

    Raises:
        GantkError: there is no such project, or the job fails.
    """
    from gantk.web.jobs import Desk
    from gantk.web.queue import Engine, Job, Ticket
    from gantk.web.workshop import Workshop

    with TemporaryDirectory() as folder:
        workshop = Workshop(Path(folder))
        model, *directions = (_vouched(name, code, fetch) for name in (model, *directions))
        found = workshop.add(model, device, precision, directions, heads, segmenter, encoder, predictor)
        at = _as_it_was(Path(project), rev, Path(folder))
        if at.state.model != found.name:
            raise GantkError(f"The project is of the model {at.state.model!r}, not of {found.name!r}: name that one.")
        workshop.learn_directions(at)
        found.easel.catalogue.add_closed_forms()
        run = Desk(workshop, lambda _job, _image: None).prepare(at, kind, dict(args))
        engine = Engine()
        result = run(Ticket(Job("again", at.id, kind, "again", run), engine))
        made = {path.name: path.read_bytes() for path in at.blobs.folder.glob("*")}
    return Again(result, made)


def _vouched(name: str, code: bool, fetch: bool) -> str:
    """A name as if it had been typed, where the caller vouches for its kind."""
    return OwnCode(name) if (fetch and is_address(name)) or (code and names_code(name)) else name


def vouching(names: Sequence[str]) -> dict[str, bool]:
    """What a line says to vouch for the names that were typed for `gantk web`."""
    kinds = {"code": any(map(names_code, names)), "fetch": any(map(is_address, names))}
    return {kind: True for kind, there in kinds.items() if there}


def _as_it_was(folder: Path, rev: int, scratch: Path) -> Project:
    """The project with its first `rev` events; what is recorded goes to `scratch`."""
    journal = folder / "journal.jsonl"
    if not journal.is_file():
        raise GantkError(f"There is no project {folder}: it is a folder with a journal.jsonl in it.")
    with open(journal, "rb") as file:
        lines = list(islice(file, rev))
    if len(lines) < rev:
        raise GantkError(f"The project {folder} has {len(lines)} events, not {rev}.")
    copy = scratch / "again"
    copy.mkdir()
    (copy / "journal.jsonl").write_bytes(b"".join(lines))
    found = Project(folder.name, copy)
    found.blobs = _Overlay(copy / "blobs", Blobs(folder / "blobs"))
    found.lock = threading.Lock()
    return found.replay()


# --- what the page shows ---------------------------------------------------------------------------------------------


def command_of(job: Job, project: Project, model: Model) -> str:
    """Lines that repeat a job: those of `gantk` first where there are such, then Python."""
    typed = vouching([model.source, *model.given.get("directions", ())])
    given = "".join(f"    {name}={value!r},\n" for name, value in [*model.given.items(), *typed.items()])
    python = (
        "from gantk.web.again import again\n\n"
        f"found = again(\n    {model.source!r}, {job.kind!r}, {job.args!r},\n"
        f"    project={str(project.folder)!r}, rev={job.rev},\n{given})"
    )
    write = _LINES.get(job.kind)
    line = "" if write is None else write(job, model)
    return f"{line}\n\n{python}" if line else python


def _edit(job: Job, model: Model) -> str:
    """`gantk lse edit`, which takes the session that Export gives and the head's file."""
    from gantk.web.jobs import EditArgs

    named = model.head_sources.get(structure(EditArgs, job.args, "args").head)
    head, zipped = named or "head.safetensors", f"{model.name}-session.zip"
    files = f"# {zipped}: Export, Session" + ("" if named else "; head.safetensors: Train, Save head")
    return f"{files}\n{shlex.join(['gantk', 'lse', 'edit', model.source, head, '--session', zipped, '-o', 'edited'])}"


def _card(job: Job, model: Model) -> str:
    """`gantk rescore`, for a boundary that has a name on a command line: it moves every row."""
    from gantk.codes.source import show_truncation
    from gantk.web.compare import CardArgs

    args = structure(CardArgs, job.args, "args")
    try:
        entry = model.easel.catalogue.get(args.direction)
    except ApiError:
        return ""
    amount, base = args.amount, job.base
    if base is None or base.code is not None or base.label is not None or base.noise != "const":
        return ""
    rows = args.rows or entry.rows
    whole = rows is None or rows == f"0-{model.easel.generator.spec.num_layers - 1}"
    if not whole or not entry.source or entry.system != "HiGAN":
        return ""
    words = [
        "gantk", "rescore", model.source, entry.source, "--distance",
        f"{entry.scale / 2 if amount is None else amount:g}", "--num", str(args.samples),
        "--seed", str(base.seed), "--truncation", show_truncation(model.easel.truncation(base)), "-o", "rescored",
    ]  # fmt: skip
    return shlex.join(words)


_LINES = {"edit": _edit, "card": _card}
