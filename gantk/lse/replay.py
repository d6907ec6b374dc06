"""A session of edits as a zip (schema 2): what `gantk web` exports, and `gantk lse edit --session` makes again.

It holds the base, every edit with all its settings, the strokes as PNGs, the code before each step, and the result. It
holds no times and no paths, so that the same edits on the same machine give the same bytes.

Shape legend: L rows of wp, D width, S side of the labels.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import math
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk import __version__
from gantk.errors import GantkError
from gantk.generators.base import Generator, Truncation
from gantk.lse.archive import zipped
from gantk.lse.editing import Edited, EditSettings, Stroke, edit
from gantk.pictures.images import encode, to_uint8
from gantk.pictures.label_maps import label_png
from gantk.pictures.opening import open_picture, open_values
from gantk.predictors.heads import Head, class_map
from gantk.store.bounded import DAMAGED_ZIP, check_members, npy_of, parse_json
from gantk.store.files import npy_bytes
from gantk.store.inside import regular_file
from gantk.store.json_values import Json, JsonTable, JsonView, shown

SCHEMA, MOST_BYTES, MOST_FILES, MOST_STEPS = 2, 512 << 20, 10_000, 10_000
MACHINE = ("gantk", "device", "precision", "threads", "torch")

Codes = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Step:
    """One step: how it was made, the code before it [1, L, D], and for an edit its strokes.

    `evaluations` is how many the edit made, which fewer than its settings allow where it was stopped by hand; `moves`
    what lay on the picture when the step began, by the directions' names.
    """

    made: str
    before: Codes
    name: str = ""
    moves: tuple[Mapping[str, Json], ...] = ()
    settings: EditSettings | None = None
    evaluations: int | None = None
    head: str = ""
    stroke: Stroke | None = None


@dataclass(frozen=True, eq=False)
class Session:
    """The way from a base to a picture, and the picture's code `wp` [1, L, D].

    `base` has seed, index, label, psi, rows and noise of the sample; `code` is the first picture's where it is none of
    a seed. `moves` lie on the last picture, `noise` is what it was drawn with.
    """

    model: str
    base: Mapping[str, Json]
    steps: tuple[Step, ...]
    wp: Codes
    noise: int | str = "const"
    code: Codes | None = None
    moves: tuple[Mapping[str, Json], ...] = ()

    @property
    def edits(self) -> int:
        return sum(step.settings is not None for step in self.steps)

    @property
    def sample(self) -> tuple[int, int]:
        """Seed and index of the base.

        Raises:
            KeyError, TypeError, ValueError, OverflowError: a base that was read has none.
        """
        return int(_number(self.base["seed"])), int(_number(self.base["index"]))


@dataclass(frozen=True, eq=False)
class Read:
    """A session that was read: what it says of the machine it was made on, and its bytes."""

    session: Session
    about: JsonTable
    data: bytes

    def fingerprint(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, eq=False)
class Replayed:
    """A session made again.

    `last` is its last edit with its strokes; `data` the new zip; `differs` what is not as it was when the zip was made;
    `code` and `image` the largest differences of the code at the end, and of its picture in levels of 255.
    """

    last: Edited
    stroke: Stroke
    data: bytes
    differs: tuple[str, ...]
    code: float
    image: int

    @property
    def same(self) -> bool:
        """Whether the new zip has the bytes of the old one."""
        return not self.differs and self.code == 0 and self.image == 0

    def sentence(self) -> str:
        if self.same:
            return "The session was made again, to the same bytes."
        found = f"The largest difference is {self.code:.3g} of the code and {self.image} of 255 levels of the image"
        if not self.differs:
            return f"{found}, with the same network, head and machine."
        return f"{found}; other than when the session was made: {', '.join(self.differs)}."


def head_checksum(head: Head) -> str:
    """SHA-256 over the names and values of a head's weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(head.state_dict().items()):
        digest.update(name.encode() + tensor.float().cpu().numpy().tobytes())
    return digest.hexdigest()


# --- writing ---------------------------------------------------------------------------------------------------------


def session_zip(generator: Generator, head: Head | None, session: Session) -> bytes:
    """The bytes of a session; picture and label map are drawn of its code `wp`."""
    from gantk.codes.source import weights_checksum

    wp = torch.from_numpy(session.wp).to(generator.device)
    with torch.inference_mode():
        image = to_uint8(generator.synthesize(wp, noise=session.noise))[0]
    files = {"wp.npy": _npy(session.wp), "image.png": encode(image if image.shape[-1] in (1, 3) else image[..., :3])}
    colours = [] if head is None else list(head.class_colours)
    edits = []
    for number, step in enumerate(session.steps, 1):
        told: dict[str, JsonView] = {"made": step.made, "name": step.name, "moves": list(step.moves)}
        if step.settings is not None and step.stroke is not None:
            told |= {"settings": dataclasses.asdict(step.settings), "evaluations": step.evaluations, "head": step.head}
            stroke = step.stroke
            if stroke.label is not None:
                told["label"] = name = f"strokes/{number:03d}-label.png"
                files[name] = label_png(stroke.label, colours)
            if stroke.colour is not None and stroke.painted is not None:
                told["colour"] = name = f"strokes/{number:03d}-colour.png"
                alpha = np.where(stroke.painted, 255, 0).astype(np.uint8)[..., None]
                files[name] = encode(np.concatenate([stroke.colour * (alpha > 0), alpha], 2))
        files[f"codes/{number:03d}-before.npy"] = _npy(step.before)
        edits.append(told)
    if head is not None:
        with torch.no_grad():
            files["label.png"] = label_png(class_map(head.segment_codes(generator, wp))[0].cpu().numpy(), colours)
    about = {
        "schema": SCHEMA, "model": session.model, "base": dict(session.base), "edits": edits,
        "moves": list(session.moves), "noise": session.noise,
        "checksums": {"generator": weights_checksum(generator), "head": None if head is None else head_checksum(head)},
        **_machine(generator),
    }  # fmt: skip
    if session.code is not None:
        files["base.npy"] = _npy(session.code)
    return zipped({"session.json": json.dumps(about, indent=1, sort_keys=True).encode(), **files})


def _machine(generator: Generator) -> dict[str, str | int]:
    return {
        "gantk": __version__,
        "device": generator.device.type,
        "precision": str(generator.half_dtype or generator.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def _npy(array: Codes) -> bytes:
    return npy_bytes(np.ascontiguousarray(array, np.float32))


# --- reading ---------------------------------------------------------------------------------------------------------


def read_session(path: str | Path) -> Read:
    """A session's zip.

    Raises:
        GantkError: the file is absent, no such zip, damaged, of another schema, or larger than half a gigabyte.
    """
    source = Path(path)
    try:
        data = regular_file(source).read_bytes()
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            check_members(archive, path, len(data))
            entries = archive.infolist()
            if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > MOST_BYTES:
                raise GantkError(f"The session {path} is larger than {MOST_BYTES >> 20} MB unpacked: that is none.")
            files = {entry.filename: archive.read(entry) for entry in entries}
        about: Json = parse_json(files["session.json"])
        if not isinstance(about, dict) or about.get("schema") != SCHEMA:
            raise GantkError(f"The session {path} is not of schema {SCHEMA}, which gantk web exports: export it there.")
        _table(about.get("checksums", {}))  # `replay` compares them
        session = Session(
            str(about["model"]), _table(about["base"]),
            tuple(_step(_table(told), number, files) for number, told in enumerate(_items(about["edits"]), 1)),
            _code(files["wp.npy"]), _noise(about["noise"]), _code(files["base.npy"]) if "base.npy" in files else None,
            tuple(_table(move) for move in _items(about["moves"])),
        )  # fmt: skip
    except FileNotFoundError:
        raise GantkError(f"There is no session {path}: export one in gantk web.") from None
    except GantkError:
        raise
    except MemoryError as error:
        raise GantkError(f"The session {path} asks for more memory to be unfolded than there is.") from error
    except (*DAMAGED_ZIP, TypeError, AttributeError) as error:
        raise GantkError(f"The session {path} cannot be read: it is damaged, or no session ({error}).") from error
    return Read(session, about, data)


def _step(told: JsonTable, number: int, files: Mapping[str, bytes]) -> Step:
    before = _code(files[f"codes/{number:03d}-before.npy"])
    moves = tuple(_table(move) for move in _items(told["moves"]))
    if "settings" not in told:
        return Step(str(told["made"]), before, str(told["name"]), moves)
    label = colour = painted = None
    if "label" in told:
        label = np.array(open_values(files[str(told["label"])], name=str(told["label"])), np.uint8)
    if "colour" in told:
        name = str(told["colour"])
        rgba = np.asarray(open_picture(files[name], name=name, background=None))
        colour, painted = np.ascontiguousarray(rgba[..., :3]), rgba[..., 3] == 255
    evaluations = told["evaluations"]
    if evaluations is not None and (isinstance(evaluations, bool) or not isinstance(evaluations, int)):
        raise ValueError(f"evaluations is {evaluations!r}")
    return Step(
        str(told["made"]), before, str(told["name"]), moves, _settings(_table(told["settings"])), evaluations,
        str(told["head"]), Stroke(label, colour, painted),
    )  # fmt: skip


def _settings(told: JsonTable) -> EditSettings:
    known = {field.name: field.default for field in dataclasses.fields(EditSettings)}
    for name, value in told.items():
        wanted = int if name == "margin" and value is not None else type(known[name])  # an unknown name is a KeyError
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not (number if wanted is float else type(value) is wanted):
            raise ValueError(f"{name} is {value!r}")
    settings = EditSettings(**cast("Mapping[str, Any]", told))  # Any: each value is of its field's type, as said above
    margin_fits = settings.margin is None or 0 <= settings.margin <= 1024
    if not 1 <= settings.steps <= MOST_STEPS or not margin_fits or settings.procedure != "gantk":
        raise ValueError(f"an edit of {settings.steps} steps, margin {settings.margin}, by {settings.procedure}")
    return settings


def _table(told: Json) -> JsonTable:
    if not isinstance(told, dict):
        raise TypeError(f"{shown(told)} where a table was expected")
    return told


def _items(told: Json) -> list[Json]:
    if not isinstance(told, list):
        raise TypeError(f"{shown(told)} where a list was expected")
    return told


def _number(told: Json) -> float | str:
    """A number, or a text that `int` and `float` may read as one."""
    if not isinstance(told, (int, float, str)):
        raise TypeError(f"{shown(told)} where a number was expected")
    return told


def _noise(told: Json) -> int | str:
    if not isinstance(told, (int, str)):
        raise TypeError(f"the noise is {shown(told)}")
    return told


def _code(data: bytes) -> Codes:
    array = npy_of(data)
    if array.dtype != np.float32 or array.ndim != 3 or len(array) != 1 or not np.isfinite(array).all():
        raise ValueError(f"a code is {array.dtype} {array.shape}")
    return np.array(array)


# --- making it again -------------------------------------------------------------------------------------------------


def replay(generator: Generator, head: Head, read: Read) -> Replayed:
    """Make every edit of a session again, one upon the other, as it was set.

    What lay on a picture as moves is taken as its code, which the session holds; all else is computed.

    Raises:
        GantkError: there is no edit in it, or it is of a network of other codes or of a head of another size.
    """
    session = read.session
    if not session.edits:
        raise GantkError("The session has no edit in it, so there is nothing to make again.")
    wanted = (1, generator.spec.num_layers, generator.spec.wp_dim)
    for given in (session.wp, *(step.before for step in session.steps)):
        if given.shape != wanted:
            raise GantkError(f"The session has codes {given.shape}, and this generator's are {wanted}: name its own.")
    code = _first(generator, session)
    steps: list[Step] = []
    last: tuple[Edited, Stroke] | None = None
    for step in session.steps:
        if step.moves:
            code = torch.from_numpy(step.before).to(generator.device)
        steps.append(dataclasses.replace(step, before=code.float().cpu().numpy()))
        if step.settings is None or step.stroke is None:
            continue
        found = edit(generator, head, code, step.stroke, step.settings, watch=_until(step.evaluations))
        steps[-1] = dataclasses.replace(steps[-1], evaluations=len(found.losses))
        last, code = (found, step.stroke), found.after
    assert last is not None
    wp = session.wp if session.moves else code.float().cpu().numpy()
    data = session_zip(generator, head, dataclasses.replace(session, steps=tuple(steps), wp=wp))
    apart = max(float(np.abs(a.before - b.before).max()) for a, b in zip(steps, session.steps, strict=True))
    apart = max(apart, float(np.abs(wp - session.wp).max()))
    differs = _differences(read.about, parse_json(_inside(data, "session.json")))
    was, now = (np.asarray(open_picture(_inside(x, "image.png"), name="image.png"), int) for x in (read.data, data))
    levels = int(np.abs(was - now).max()) if was.shape == now.shape else 255
    if data != read.data and not differs and not apart and not levels:
        differs = ("the program that wrote the zip",)
    return Replayed(*last, data, differs, apart, levels)


def _first(generator: Generator, session: Session) -> Tensor:
    """The code that the session begins with."""
    if session.code is not None:
        return torch.from_numpy(session.code).to(generator.device)
    base = session.base
    try:
        (seed, index), psi, rows = session.sample, base["psi"], base["rows"]
        most = None if psi is None or rows is None else int(_number(rows))
        truncation = None if psi is None else Truncation(float(_number(psi)), most)
        named = None if base["label"] is None else torch.tensor([int(_number(base["label"]))], device=generator.device)
    except (KeyError, TypeError, ValueError, OverflowError, RuntimeError) as error:  # RuntimeError: no class so large
        raise GantkError(f"The session's base is not understood ({error}): export it again.") from error
    with torch.no_grad():
        label = generator.sample_label(1, seed=seed, start=index) if named is None else named
        return generator.expand(generator.map(generator.sample_z(1, seed=seed, start=index), label), truncation)


def _until(evaluations: int | None) -> Callable[[int, Tensor], bool] | None:
    """A watch that stops after so many evaluations, as the hand did."""
    return None if evaluations is None else lambda number, _code: number + 1 >= evaluations


def _inside(data: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(name)


def _differences(was: JsonTable, now: JsonTable) -> tuple[str, ...]:
    found = []
    sums = [_table(about.get("checksums", {})) for about in (was, now)]
    for name in ("generator", "head"):
        before, after = (one.get(name) for one in sums)
        if before != after:
            found.append(f"{name} {str(after)[:8]} (was {str(before)[:8]})")
    found += [f"{name} {now[name]} (was {was.get(name)})" for name in MACHINE if was.get(name) != now[name]]
    return tuple(found)
