"""What the adversary found, each with its right value, and a short part of the adversary itself."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forked
import numpy as np
import PIL.Image
import pytest
from higan_cases import save_tiny

from gantk.checkpoints.unpickle import read_pickle
from gantk.cli.streams import Steady
from gantk.errors import LONGEST, GantkError, UsageError
from gantk.higan.scores import read_scores
from gantk.runs import structure
from gantk.runs.manifest import read_manifest
from gantk.runs.options import changed, from_plain
from gantk.runs.run import Run
from gantk.runs.table import TASKS, find_task
from gantk.store import bounded, interruption
from gantk.store.bounded import DEEPEST, npy_of, open_zip, parse_json, read_npz
from gantk.store.chunks import MOST_CHUNKS, Grid, Ledger, Shard
from gantk.store.files import load_json, load_npy, save_json

RELEASED = Path(__file__).with_name("runs_v1")

Call = Callable[..., tuple[int, str, str]]


# --- the adversary ---------------------------------------------------------------------------------------------------


def test_a_short_part_of_the_adversary_finds_nothing(root: Path) -> None:
    done = forked.run([root / "scripts" / "adversary.py", "--executions", "1200", "--json", "--seed", "1"])
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["executions"] >= 1200 and found["failures"] == 0 and len(found["kinds"]) == 14
    assert all(row["succeeded"] + row["refused"] == row["executions"] for row in found["kinds"].values())
    assert found["succeeded"] > 50 and found["refused"] > 500


def test_the_canary_sees_what_must_not_happen(root: Path, tmp_path: Path) -> None:
    program = f"""
import os, pickle, socket, subprocess, sys
sys.path.insert(0, {str(root / "scripts")!r})
from pathlib import Path
from adversaries.watch import Canary
folder = Path({str(tmp_path)!r}) / "in"
folder.mkdir()
canary = Canary(folder)
def write(path): open(path, "w").close()
hostile = [lambda: write(folder.parent / "out"), lambda: os.system("true"),
           lambda: socket.socket(),
           lambda: subprocess.run(["true"]), lambda: exec(compile("1", "<data>", "exec")),
           lambda: os.remove("/nowhere"),
           lambda: pickle.loads(b"cos\\nsystem\\n."), lambda: os.posix_spawn("/bin/true", ["true"], {{}})]
for number, call in enumerate(hostile):
    with canary.watching():
        try: call()
        except PermissionError: pass
    assert canary.seen, number
    canary.seen.clear()
with canary.watching():
    write(folder / "good"); (folder / "good").read_bytes(); os.remove(folder / "good")
assert not canary.seen and not (folder.parent / "out").exists()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- depth, members, bytes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [DEEPEST + 1, 900, 100_000])
def test_json_of_depth_is_refused(depth: int, tmp_path: Path) -> None:
    path = tmp_path / "deep.json"
    for text in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
        path.write_text(text)
        with pytest.raises(GantkError, match="no readable JSON file .*nested"):
            load_json(path)
    assert parse_json("[" * DEEPEST + "]" * DEEPEST) is not None


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "[" * 20_000,
        "a" + ".a" * 3000 + " = 1",
        "x = " + "9" * 5000,
        "[synthesize]\nnum = [1, 2]",
        "[synthesize]\nnum = {a = 1}",
        "[synthesize]\nplan = 1.5",
        "[synthesize]\nnum = 1979-05-27",
    ],
)
def test_settings_of_depth_and_of_other_types_are_refused(text: str, tmp_path: Path, gantk_command: Call) -> None:
    (tmp_path / "s.toml").write_text(text)
    code, out, err = gantk_command("synthesize", "demo", "--config", tmp_path / "s.toml", "-o", tmp_path / "run")
    assert code == 2 and not out and err.startswith("Error: ") and err.count("\n") == 1, err
    assert len(err) < 2 * LONGEST and "unexpectedly" not in err and not (tmp_path / "run").exists()


def npy(descr: str, shape: str, body: bytes = b"") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body


@pytest.mark.parametrize(
    ("descr", "shape"),
    [
        ("'<f4'", "(1000000000000,)"),
        ("'<f4'", "((((("),
        ("'<f4'", "-" * 5000 + "1"),
        ("'<U9999999'", "(0, 10000000000000)"),
        ("'|S0'", "(4294967296, 4294967296)"),
        ("'<f4'", "(99999999999999999999999,)"),
        ("'|O'", "(1,)"),
        ("7", "(1,)"),
        ("(" * 90, "()"),
        ("'<f4'", "(-1,)"),
    ],
)
def test_array_headers_are_checked_before_anything_is_made(descr: str, shape: str, tmp_path: Path) -> None:
    data = npy(descr, shape, b"\0" * 4)
    (tmp_path / "x.npy").write_bytes(data)
    for mmap in (False, True):
        with pytest.raises(GantkError, match=r"x\.npy is no readable \.npy array"):
            load_npy(tmp_path / "x.npy", mmap)
    with pytest.raises(ValueError, match="header|announces|objects"):
        npy_of(data)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("w.npy", data)
    with pytest.raises(GantkError, match=r"x\.npz is no readable \.npz"):
        read_npz(tmp_path / "x.npz")


@pytest.mark.parametrize(
    "array",
    [
        np.ones((2, 3), np.float32),
        np.array(3.0),
        np.zeros((0, 3)),
        np.ones((2, 2), order="F"),
        np.zeros(2, [("a", "f4")]),
        np.array(["a"]),
    ],
)
def test_good_arrays_are_what_numpy_reads(array: np.ndarray[Any, Any], tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", array)
    for mmap in (False, True):
        found = load_npy(tmp_path / "x.npy", mmap)
        assert found.dtype == array.dtype and found.shape == array.shape and (found == array).all()
        assert isinstance(found, np.memmap) == (mmap and array.size > 0)
    np.savez_compressed(tmp_path / "x.npz", a=array)
    np.testing.assert_array_equal(read_npz(tmp_path / "x.npz")["a"], array)


def test_what_unfolds_is_refused_by_the_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w.npy", npy("'<f4'", "(25000000,)", b"\0" * 100_000_000))
    with pytest.raises(GantkError, match="unfolds from .* to 1000000.. bytes.*GANTK_MAX_UNFOLDED"):
        read_npz(path)
    monkeypatch.setenv("GANTK_MAX_UNFOLDED", "200000000")
    assert read_npz(path)["w"].shape == (25_000_000,)
    monkeypatch.setenv("GANTK_MAX_UNFOLDED", "much")
    with pytest.raises(UsageError, match="GANTK_MAX_UNFOLDED is 'much'"):
        read_npz(path)


def test_members_are_counted_and_cannot_be_longer_than_their_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "MOST_MEMBERS", 3)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for index in range(4):
            archive.writestr(f"{index}.png", b"x")
    path = tmp_path / "many.zip"
    path.write_bytes(made.getvalue())
    with pytest.raises(GantkError, match="4 members"), open_zip(path):
        pass
    data = bytearray(made.getvalue())
    struct.pack_into("<I", data, data.find(b"PK\x01\x02") + 20, 2**32 - 2)
    path.write_bytes(data)
    monkeypatch.setattr(bounded, "MOST_MEMBERS", 10)
    with pytest.raises(GantkError, match="4294967294 bytes cannot lie in"), open_zip(path):
        pass


def test_a_member_without_a_name_is_no_picture(tmp_path: Path) -> None:
    from gantk.ghfeat.pictures import Zip

    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("Qx.png", b"x")
        archive.writestr("a.png", b"x")
    path = tmp_path / "x.zip"
    path.write_bytes(path.read_bytes().replace(b"Qx.png", b"\0x.png"))  # zipfile ends a name at its first zero
    assert Zip(tmp_path / "x.zip").names == ["a.png"]


# --- manifests, results, options -------------------------------------------------------------------------------------


def shards(folder: Path, **changes: object) -> Path:
    for index in range(2):
        with Run.begin(folder, "synthesize", {"num": 4}, 0, "cpu", Shard(index, 2)):
            pass
    for path in folder.glob("*.run.json"):
        save_json(path, {**load_json(path), **changes})  # type: ignore[dict-item]
    return folder


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": "x"},
        {"state": 7},
        {"timings": {"total": "x"}},
        {"timings": {"total": 1e300}},
        {"arrays": {"z": {"total": 4}}},
        {"arrays": {"z": {"total": "4", "chunk": 2, "join": "sum"}}},
        {"arrays": {"z": {"total": 4, "chunk": 0, "join": "sum"}}},
        {"arrays": {"z": {"total": 4, "chunk": 1, "join": "x"}}},
        {"identity": []},
        {"shards": {}},
        {"attempts": 1.5},
        {"outputs": {"z.npy": 7}},
        {"arguments": {"shard": 1}},
        {"device": True},
    ],
    ids=str,
)
def test_a_manifest_of_other_types_is_one_sentence(
    changes: dict[str, object], tmp_path: Path, gantk_command: Call
) -> None:
    run = shards(tmp_path / "run", **changes)
    path = next(run.glob("*.run.json"))
    with pytest.raises(GantkError, match=next(iter(changes))):
        read_manifest(path)
    for words in (["merge", run], ["report", run]):
        code, _, err = gantk_command(*words)
        assert code in (1, 2) and "unexpectedly" not in err and err.count("\n") == 1, err


@pytest.mark.parametrize("content", [None, b"", b"no such file was written"])
@pytest.mark.parametrize("name", sorted(path.name for path in RELEASED.iterdir()))
def test_a_released_run_without_one_of_its_files_is_one_sentence(
    name: str, content: bytes | None, tmp_path: Path, gantk_command: Call
) -> None:
    run = Path(shutil.copytree(RELEASED / name, tmp_path / "run"))
    kinds = {path.suffix: path for path in sorted(run.rglob("*")) if path.is_file() and ".run." not in path.name}
    for path in kinds.values():  # one of each kind
        whole = path.read_bytes()
        path.unlink() if content is None else path.write_bytes(content)
        code, _, err = gantk_command("report", run)
        assert code in (0, 1) and "unexpectedly" not in err and err.count("\n") <= 1, (path.name, err)
        path.write_bytes(whole)


def test_scores_of_no_samples_and_many_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "s.npy").write_bytes(npy("'<f4'", f"(0, {10**12})"))
    with pytest.raises(GantkError, match="no scores"):
        read_scores(tmp_path / "s.npy")


def test_a_chunk_of_two_gigabytes_in_a_small_picture_is_one_sentence(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (16, 9)).save(buffer, "PNG")
    data = buffer.getvalue()
    place = data.index(b"IDAT") - 4
    path = tmp_path / "p.png"
    path.write_bytes(data[:place] + b"\x7f\xff\xff\xff" + data[place + 4 :])
    assert_refused(f"from gantk.pictures.opening import open_picture; open_picture({str(path)!r})", "memory")


@pytest.mark.parametrize(
    ("read", "member"),
    [
        ("from gantk.store.bounded import read_npz; read_npz({})", "w.npy"),
        ("from gantk.checkpoints.unpickle import read_pickle; read_pickle({})", "w.npy"),
        ("from gantk.lse.replay import read_session; read_session({})", "session.json"),
        ("from pathlib import Path; from gantk.ghfeat.pictures import Zip; Zip(Path({}))[0]", "a.png"),
    ],
)
def test_an_lzma_member_with_a_dictionary_of_gigabytes_is_one_sentence(read: str, member: str, tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr(member, npy("'<f4'", "(9,)", bytes(36)))
    data = path.read_bytes()
    place = data.index(b"\x5d", data.index(member.encode()))  # the properties; behind them the dictionary's size
    path.write_bytes(data[: place + 1] + b"\xff\xff\xff\x7f" + data[place + 5 :])
    assert_refused(read.format(repr(str(path))), "memory")


def assert_refused(act: str, match: str) -> None:
    """A line of Python ends in a GantkError in a process that may take half a gigabyte beyond what it has."""
    script = (
        "import resource, sys\nimport numpy, PIL.PngImagePlugin\nfrom gantk.errors import GantkError\n"
        "import gantk.pictures.opening, gantk.lse.replay, gantk.checkpoints.unpickle\n"
        "now = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (now + (512 << 20),) * 2)\n"
        f"try:\n    {act}\nexcept GantkError as error:\n    print(error)\nelse:\n    sys.exit('not refused')\n"
    )
    done = forked.run(["-c", script])
    assert done.returncode == 0 and match in done.stdout, done.stderr


def test_an_infinite_offset_is_one_sentence(tmp_path: Path) -> None:
    header = b'{"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, Infinity]}}'
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    with pytest.raises(GantkError, match="list of tensors"):
        read_pickle(tmp_path / "w.safetensors")


def test_a_number_too_large_for_a_float_is_one_sentence() -> None:
    with pytest.raises(GantkError, match="a number"):
        structure.from_plain(float, 10**400, structure.Source(Path(), "the result"), "share")


@pytest.mark.parametrize("total", [10**6, 10**12, 1 << 53])
def test_merge_refuses_what_is_not_there_at_once(total: int, tmp_path: Path, gantk_command: Call) -> None:
    run = shards(tmp_path / "run", arrays={"z": {"total": total, "chunk": 1, "join": "concatenate"}})
    code, _, err = gantk_command("merge", run, "-o", tmp_path / "whole")
    assert code in (1, 2) and str(total) in err and "unexpectedly" not in err


@pytest.mark.parametrize("name", TASKS)
def test_a_missing_option_is_said(name: str) -> None:
    task = find_task(name)
    for kind in (task.inputs, task.options):
        needed = [field for field in kind.__dataclass_fields__.values() if field.metadata["about"].argument]
        if needed and needed[0].default.__class__.__name__ == "_MISSING_TYPE":
            for make in (lambda kind=kind: from_plain(kind, {}), lambda kind=kind: changed(kind, None, {})):
                with pytest.raises(UsageError, match="is missing"):
                    make()


def test_a_sentence_has_an_end() -> None:
    assert len(str(GantkError("x" * 100_000))) < LONGEST + 10 and str(GantkError("short")) == "short"


# --- room ------------------------------------------------------------------------------------------------------------


def test_work_that_does_not_fit_is_refused_before_it_is_begun(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "chunks", Grid(10**9, 10**6), {"z": "concatenate"})
    with pytest.raises(GantkError, match=r"1000000000 samples need .* of disk"):
        ledger.write(0, {"z": np.broadcast_to(np.float32(0), (10**6, 10**9))})
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError, match=f"at most {MOST_CHUNKS}.*batch_size"):
        Grid(10**9, 16)


# --- signals, streams, directories -----------------------------------------------------------------------------------


def test_two_interrupts_leave_no_running_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second comes while the first is written down."""
    real, sent = Run.save, []

    def save(self: Run) -> None:
        if self.manifest["state"] == "interrupted" and not sent:
            sent.append(1)
            signal.raise_signal(signal.SIGINT)
        real(self)

    from gantk.cli.main import _terminate_gracefully

    monkeypatch.setattr(Run, "save", save)
    outer = signal.signal(signal.SIGINT, signal.default_int_handler)
    before = _terminate_gracefully()
    try:
        with pytest.raises(KeyboardInterrupt), Run.begin(tmp_path, "thing", {}):
            signal.raise_signal(signal.SIGINT)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.signal(signal.SIGINT, outer)
        interruption.forget()
    assert sent and load_json(tmp_path / "thing.run.json")["state"] == "interrupted"  # type: ignore[index,call-overload]


@pytest.mark.parametrize("replaced", [False, True])
def test_a_run_directory_that_goes_away_is_not_made_again(replaced: bool, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(GantkError, match="was removed or replaced"), Run.begin(folder, "thing", {}) as run:
        ledger = run.ledger(("x",), 4, 1)
        ledger.write(0, {"x": np.zeros(1)})
        folder.rename(tmp_path / "elsewhere")
        if replaced:
            folder.mkdir()
        ledger.write(1, {"x": np.zeros(1)})
    assert not folder.exists() or not list(folder.iterdir())


def test_a_clock_that_goes_backwards_changes_no_duration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    with Run.begin(tmp_path, "thing", {}) as run:
        monkeypatch.setattr(time, "time", lambda: 0.0)
    assert 0 <= run.manifest["timings"]["total"] < 60


@pytest.mark.parametrize("number", [errno.EPIPE, errno.EIO, errno.ENOSPC, errno.EBADF])
def test_a_stream_that_fails_ends_nothing(number: int) -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(number, os.strerror(number))

        def flush(self) -> None:
            raise OSError(number, os.strerror(number))

    stream = Steady(Broken())
    print("x", file=stream, flush=True)  # type: ignore[arg-type]
    stream.writelines(["a", "b"])


def test_closed_streams_leave_a_whole_run(tmp_path: Path) -> None:
    model, words = save_tiny(tmp_path / "tiny.safetensors"), ["-K", "1", "--samples", "1", "--step", "3", "-o"]
    line = 'exec "$0" -m gantk sefa "$@" <&- >&- 2>&-'
    subprocess.run(["bash", "-c", line, sys.executable, model, *words, tmp_path / "closed"], check=False, timeout=300)
    given = ["sefa", str(model), *words, str(tmp_path / "full")]
    full = f"import os\nos.dup2(os.open('/dev/full', os.O_WRONLY), 2)\nfrom gantk.cli.main import main\nmain({given!r})"
    forked.run(["-c", full])
    for name in ("closed", "full"):
        assert load_json(tmp_path / name / "sefa.run.json")["state"] == "complete"  # type: ignore[index,call-overload]


def test_a_terminal_of_ascii_and_a_name_of_no_encoding(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/r\xff\xc3\xa9"
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    words = [os.fsencode(sys.executable), b"-m", b"gantk", b"report", folder]
    done = subprocess.run(words, env=environment, capture_output=True, check=False, timeout=100)
    *before, said = done.stderr.splitlines()
    assert done.returncode == 1 and said.startswith(b"Error: ") and b"unexpectedly" not in said
    assert before in ([], [b"report: reading"]) and done.stderr.isascii()  # which is said where importing takes long
