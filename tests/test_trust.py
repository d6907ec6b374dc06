"""Runs, files and pictures of strangers: they name no code, reach no file outside, and open no other program."""

from __future__ import annotations

import ast
import io
import json
import os
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gantk
from gantk.cli.main import run as run_command
from gantk.errors import GantkError, UsageError
from gantk.pictures.opening import open_picture, open_values, picture_sides
from gantk.predictors.load import load_predictor
from gantk.runs.manifest import manifests
from gantk.runs.run import Run
from gantk.store.chunks import Shard
from gantk.store.files import load_json, load_npy, save_json
from gantk.store.inside import RunName, inside, regular_file
from gantk.store.own_code import OwnCode, find_object

PACKAGE = Path(gantk.__file__).parent


# --- code -------------------------------------------------------------------------------------


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A module that leaves a file beside it where it is imported."""
    path = tmp_path / "canary.py"
    path.write_text(
        "from pathlib import Path\n"
        "Path(__file__).with_name('sung').write_text('imported')\n"
        "class_names = ('dark', 'bright')\n"
        "def classes(image):\n"
        "    import torch\n"
        "    light = image.mean(1)\n"
        "    return torch.stack([-light, light], 1)\n"
        "classes.class_names = class_names\n"
        "def score(image):\n"
        "    return image.mean((1, 2, 3))\n"
    )
    return path


def sung(canary: Path) -> bool:
    """Whether it was imported, and forget it."""
    sign = canary.with_name("sung")
    found = sign.exists()
    sign.unlink(missing_ok=True)
    return found


def test_a_text_names_no_code_unless_it_was_typed(canary: Path) -> None:
    name = f"{canary}:score"
    for read in (name, json.loads(json.dumps(OwnCode(name))), str(OwnCode(name))):
        with pytest.raises(UsageError, match="no code that a file names"):
            load_predictor(read)
        with pytest.raises(UsageError, match="no code that a file names"):
            find_object(read, "This")
        assert not sung(canary)
    load_predictor(OwnCode(name))
    assert sung(canary)
    load_predictor(name, code=True)
    assert sung(canary)


def test_a_settings_file_names_no_code(canary: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(f'[synthesize]\npredictor = "{canary}:score"\n[demo]\npredictor = "{canary}:score"\n')
    words = ["--config", str(settings), "synthesize", "demo", "--num", "2", "--generate-prediction", "--skip-image"]
    assert run_command([*words, "-o", str(tmp_path / "a")]) == 2
    assert "on this command line" in capsys.readouterr().err
    assert run_command(["--config", str(settings), "demo", "-o", str(tmp_path / "b")]) == 2
    assert not sung(canary)
    assert run_command([*words, "--predictor", f"{canary}:score", "-o", str(tmp_path / "a")]) == 0
    assert sung(canary)
    assert len(load_json(tmp_path / "a" / "synthesize.run.json")["code"]["predictor"]["sha256"]) == 64


def test_merge_runs_no_code_that_a_manifest_names(
    canary: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, name = tmp_path / "run", f"{canary}:classes"
    words = ["lse", "train", "demo", "--num", "4", "--held-out", "0", "--solver", "adam", "--size", "16"]
    words += ["--epochs", "1", "--epoch-images", "2", "--batch-size", "2", "-o", str(folder), "--teacher", name]
    for part in ("0/2", "1/2"):
        assert run_command([*words, "--shard", part]) == 0, capsys.readouterr().err
    assert sung(canary)
    capsys.readouterr()
    assert run_command(["merge", str(folder)]) == 2
    said = capsys.readouterr().err
    assert "--teacher" in said and "sha256" in said and not sung(canary)
    original = canary.read_text()
    canary.write_text(original + "# another\n")
    assert run_command(["merge", str(folder), "--teacher", name]) == 2
    assert not sung(canary)
    canary.write_text(original)
    assert run_command(["merge", str(folder), "--teacher", name]) == 0, capsys.readouterr().err
    assert sung(canary)


def test_resefa_directions_run_no_code_that_a_manifest_names(
    canary: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, name = tmp_path / "run", f"{canary}:classes"
    words = ["resefa", "jacobian", "demo", "--num", "1", "--segmenter", name, "--region", "light=bright,dark"]
    words = [*words[:-1], "light=bright", "--layers", "3-4", "--size", "16", "--preview", "0", "-o", str(folder)]
    assert run_command(words) == 0, capsys.readouterr().err
    assert sung(canary)
    more = ["resefa", "directions", str(folder), "--held-out", "2", "--shown", "1", "--samples", "1", "--step", "3"]
    more += ["--components", "1", "--against", "none"]
    capsys.readouterr()
    assert run_command(more) == 2
    said = capsys.readouterr().err
    assert "--segmenter" in said and "sha256" in said and not sung(canary)
    assert run_command([*more, "--segmenter", name]) == 0, capsys.readouterr().err
    assert sung(canary)


def test_only_one_module_imports_what_a_text_names() -> None:
    """And one, lazy.py, what the package's own tables name."""
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for word in ("spec_from_file_location", "exec_module", "runpy", "__import__("):
            assert word not in text or path.name == "own_code.py", f"{path} has {word}"
        if "import_module(" in text:
            assert path.name in {"lazy.py", "own_code.py"}, f"{path} imports by name"


# --- names and kinds of files -----------------------------------------------------------------


BAD_NAMES = ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a\\b", "C:x", "a\nb", "a\x00b", "n" * 300,
             "nul", "a/COM1.txt", "a\u2028b", "\ud800"]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_stays_inside(tmp_path: Path, name: str) -> None:
    with pytest.raises(GantkError, match="is no name of a file in a run"):
        RunName(name)
    with pytest.raises(GantkError):
        inside(tmp_path, name)


def test_links_stay_inside(tmp_path: Path) -> None:
    run, other = tmp_path / "run", tmp_path / "other"
    (run / "images").mkdir(parents=True)
    other.mkdir()
    (other / "secret").write_text("mine")
    (run / "images" / "a.png").write_text("x")
    (run / "near").symlink_to("images")
    (run / "far").symlink_to(other)
    (run / "one").symlink_to(other / "secret")
    (run / "gone").symlink_to(other / "absent")
    (run / "ring").symlink_to("ring")
    os.mkfifo(run / "pipe")
    assert inside(run, "near/a.png") == run / "near" / "a.png"
    assert inside(run, "new/b.png") == run / "new" / "b.png"
    for name in ("far/secret", "one", "gone", "ring", "pipe"):
        with pytest.raises(GantkError):
            inside(run, name)


def test_a_run_directory_by_a_link_is_as_good(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "link").symlink_to("run")
    (tmp_path / "run" / "x").write_text("x")
    (tmp_path / "run" / "y").symlink_to("x")
    assert inside(tmp_path / "link", "y").read_text() == "x"


KERNELS = Path("/proc/kmsg")  # a regular file by its kind, and reading it waits for messages


def kinds(folder: Path) -> list[Path]:
    pipe, plug = folder / "pipe.json", folder / "s"
    os.mkfifo(pipe)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(plug))
    server.close()
    return [pipe, plug, Path("/dev/zero"), folder, KERNELS]


def test_what_is_no_regular_file_is_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in kinds(Path(".")):
        for read in (regular_file, load_json, load_npy, open_picture, open_values, picture_sides):
            with pytest.raises(GantkError, match="a named pipe|a socket|a device|a directory|a file of the kernel"):
                read(path)
    assert regular_file(tmp_path / "absent") == tmp_path / "absent"


@pytest.mark.parametrize(
    "words",
    [
        ["models", "info", "PIPE.npy"],
        ["models", "info", "PIPE.npy", "--audit"],
        ["synthesize", "PIPE.npy", "--num", "1"],
        ["synthesize", "demo", "-i", "PIPE.npy", "--skip-image"],
        ["rescore", "demo", "PIPE.txt", "--num", "2"],
        ["manipulate", "demo", "PIPE.npy", "--num", "1"],
        ["invert", "demo", "PIPE.txt"],
        ["resefa", "jacobian", "demo", "--mask", "m=PIPE.png", "--num", "1"],
        ["resefa", "jacobian", "demo", "--label-map", "PIPE.png", "--region", "x=1", "--num", "1"],
        ["--config", "PIPE.txt", "synthesize", "demo", "--num", "1"],
        ["train-boundary", "demo", "-i", "PIPE.npy", "-s", "PIPE.npy"],
        ["lse", "evaluate", "demo", "PIPE.npy", "--num", "2"],
        ["synthesize", "demo", "--num", "1", "--generate-prediction", "--predictor", "PIPE.npy"],
    ],
)
@pytest.mark.parametrize("kernels", [False, True])
def test_what_never_ends_as_input_hangs_no_command(
    words: list[str], kernels: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str], hang: None
) -> None:
    given = list(words)
    for suffix in (".npy", ".txt", ".png"):
        pipe = tmp_path / f"pipe{suffix}"
        if not pipe.exists():
            pipe.symlink_to(KERNELS) if kernels else os.mkfifo(pipe)
        given = [word.replace("PIPE" + suffix, str(pipe)) for word in given]
    given += [] if given[0] in ("models", "--config") else ["-o", str(tmp_path / "run")]
    assert run_command(given) in (1, 2)
    said = capsys.readouterr().err
    assert said.startswith("Error: ") and "unexpectedly" not in said, said


@pytest.fixture
def hang() -> object:
    """Some seconds, then an error where something waits for a pipe."""
    import signal

    def stop(*_: object) -> None:
        raise TimeoutError("it hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


# --- runs of strangers ------------------------------------------------------------------------


def hostile_run(folder: Path, **changes: object) -> Path:
    """Two complete shards of a run with nothing in them, whose manifests were changed."""
    for index in range(2):
        with Run.begin(folder, "synthesize", {"num": 2, "x": 1}, 0, "cpu", Shard(index, 2)) as run:
            assert run.directory == folder
    for path in folder.glob("*.run.json"):
        save_json(path, {**load_json(path), **changes})
    return folder


@pytest.mark.parametrize(
    "changes",
    [
        {"outputs": {"../stolen": ""}},
        {"outputs": {"/etc/hostname": ""}},
        {"outputs": {"far/secret": ""}},
        {"outputs": {"one": ""}},
        {"outputs": {"folder": ""}},
        {"outputs": {"pipe": ""}},
        {"arrays": {"../a": {"total": 1, "chunk": 1, "join": "concatenate"}}},
        {"arrays": {"/tmp/a": {"total": 1, "chunk": 1, "join": "sum"}}},
        {"command": "../synthesize"},
        {"command": "synthesize/../../x"},
        {"command": ""},
        {"command": "os.system x"},
        {"command": 7},
        {"outputs": []},
        {"arguments": None},
    ],
    ids=str,
)
def test_merge_takes_and_leaves_nothing_outside(
    changes: dict[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str], hang: None
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "secret").write_text("mine")
    (tmp_path / "stolen").write_text("mine")
    run = hostile_run(tmp_path / "run", **changes)
    (run / "far").symlink_to(secret)
    (run / "one").symlink_to(secret / "secret")
    (run / "folder").mkdir()
    (run / "folder" / "in").symlink_to(secret / "secret")
    os.mkfifo(run / "pipe")
    before = sorted(str(path) for path in tmp_path.rglob("*") if "run" not in path.parts and "whole" not in path.parts)
    for words in (["merge", str(run), "-o", str(tmp_path / "whole")], ["report", str(run)]):
        assert run_command(words) in (1, 2)
        assert "unexpectedly" not in (said := capsys.readouterr().err), said
    after = sorted(str(path) for path in tmp_path.rglob("*") if "run" not in path.parts and "whole" not in path.parts)
    kept = [path.read_text() for path in (tmp_path / "whole").rglob("*") if path.is_file()]
    assert before == after and "mine" not in kept


def test_a_report_shows_nothing_from_outside(tmp_path: Path, capsys: pytest.CaptureFixture[str], hang: None) -> None:
    run = tmp_path / "run"
    picture = tmp_path / "mine.png"
    Image.new("RGB", (8, 8), (1, 2, 3)).save(picture)
    with Run.begin(run, "thing", {}, 0, "cpu"):
        pass
    path = run / "thing.run.json"
    (run / "link.png").symlink_to(picture)
    os.mkfifo(run / "pipe.png")
    names = ["../mine.png", str(picture), "link.png", "pipe.png", "n" * 300 + ".png", "a\nb.png"]
    good = load_json(path)
    results = {"images": names}
    save_json(path, {**good, "results": results, "outputs": dict.fromkeys(["link.png", "pipe.png"], "")})
    assert run_command(["report", str(run)]) == 1 and "no command with a page" in capsys.readouterr().err
    assert not (run / "thing.html").exists()
    save_json(path, {**good, "command": "../thing"})
    assert run_command(["report", str(run)]) in (1, 2)
    path.unlink()
    os.mkfifo(path)
    capsys.readouterr()
    assert run_command(["report", str(run)]) in (1, 2)
    with pytest.raises(GantkError):
        manifests(run)


def test_a_manifest_elsewhere_is_not_read(tmp_path: Path) -> None:
    with Run.begin(tmp_path / "a", "thing", {}):
        pass
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thing.run.json").symlink_to(tmp_path / "a" / "thing.run.json")
    with pytest.raises(GantkError, match="a link that leaves"):
        manifests(tmp_path / "b")


# --- pictures ---------------------------------------------------------------------------------


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n{} loop\n%%EOF\n"


def test_postscript_reaches_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], hang: None
) -> None:
    import subprocess

    def called(*_: object, **__: object) -> None:
        raise AssertionError("another program was called")

    monkeypatch.setattr(subprocess, "Popen", called)
    monkeypatch.setattr(os, "system", called)
    for name in ("photo.png", "photo.jpg", "photo.tif", "photo.eps"):
        path = tmp_path / name
        for data in (POSTSCRIPT, b"\xc5\xd0\xd3\xc6" + b"\0" * 28 + POSTSCRIPT, b"\n" + POSTSCRIPT):
            path.write_bytes(data)
            for read in (open_picture, open_values, picture_sides):
                with pytest.raises(GantkError, match="cannot be read.*PostScript"):
                    read(path)
                with pytest.raises(GantkError, match="cannot be read.*PostScript"):
                    read(data)
        for words in (
            ["invert", "demo", str(path)],
            ["resefa", "jacobian", "demo", "--num", "1", "--mask", f"m={path}"],
            ["resefa", "jacobian", "demo", "--num", "1", "--label-map", str(path), "--region", "x=1"],
        ):
            assert run_command([*words, "-o", str(tmp_path / "run")]) in (1, 2)
            assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["ICO", "PCX", "SGI", "TGA", "PDF", "ICNS", "DDS", "MSP"])
def test_no_other_decoder_is_asked(form: str) -> None:
    data = encoded(Image.new("1" if form == "MSP" else "RGB", (16, 16)), form)
    with pytest.raises(GantkError, match="cannot be read"):
        open_picture(data)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "GIF"])
def test_the_seven_formats_are_read(form: str, tmp_path: Path) -> None:
    image = Image.new("RGB", (16, 9), (200, 100, 50))
    path = tmp_path / "wrong.suffix"
    path.write_bytes(encoded(image, form))
    found = open_picture(path)
    assert found.mode == "RGB" and found.size == (16, 9) == picture_sides(path)
    assert np.abs(np.asarray(found).astype(int) - np.asarray(image)).max() <= 6
    with path.open("rb") as file:
        assert picture_sides(file) == (16, 9)
    path.write_bytes(path.read_bytes()[:-30] if form in ("BMP", "PPM") else path.read_bytes()[:24])
    with pytest.raises(GantkError, match="cannot be read"):
        open_picture(path)


def test_the_first_frame_counts() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert open_picture(data).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_as_viewers_turn_them(form: str, orientation: int) -> None:
    """Orientation n says where row 0 and column 0 of the file are seen: (top, left), (top, right), ..."""
    stored = np.zeros((16, 32), np.uint8)
    stored[:8, :16] = 255  # the first rows and columns are bright
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(stored).convert("RGB"), form, exif=exif)
    seen = np.asarray(open_picture(data))[..., 0]
    right, bottom = {1: (0, 0), 2: (1, 0), 3: (1, 1), 4: (0, 1), 5: (0, 0), 6: (1, 0), 7: (1, 1), 8: (0, 1)}[
        orientation
    ]
    assert seen.shape == ((16, 32) if orientation < 5 else (32, 16))
    assert picture_sides(data) == seen.shape[::-1]
    half = np.array_split(np.array_split(seen, 2, 0)[bottom], 2, 1)[right]
    assert half.mean() > 240 and seen.mean() < 80


def test_a_label_map_is_never_turned_nor_coloured() -> None:
    label = np.arange(64, dtype=np.uint8).reshape(4, 16)
    image = Image.frombytes("P", (16, 4), label.tobytes())
    image.putpalette([255 - i % 256 for i in range(768)])
    exif = Image.Exif()
    exif[0x0112] = 6
    for form in ("PNG", "TIFF"):
        data = encoded(image, form, **({"exif": exif} if form == "PNG" else {}))
        np.testing.assert_array_equal(np.asarray(open_values(data)), label)
    deep = np.arange(64, dtype=np.uint16).reshape(4, 16) * 1000
    np.testing.assert_array_equal(np.asarray(open_values(encoded(Image.fromarray(deep), "PNG", exif=exif))), deep)


def test_a_label_map_keeps_its_values_in_a_turned_tiff() -> None:
    label = np.arange(64, dtype=np.uint8).reshape(4, 16)
    exif = Image.Exif()
    exif[0x0112] = 6
    np.testing.assert_array_equal(np.asarray(open_values(encoded(Image.fromarray(label), "TIFF", exif=exif))), label)


def test_pixels_are_counted_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(Image.new("L", (300, 200)), "PNG")
    open_picture(data, max_pixels=60_000)

    def decoded(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(Image.Image, "load", decoded)
    for form in ("PNG", "JPEG", "GIF", "WEBP", "PPM", "BMP", "TIFF"):
        if form != "PNG":
            monkeypatch.undo()
            data = encoded(Image.new("L", (300, 200)).convert("RGB"), form)
        with pytest.raises(GantkError, match=r"300 x 200 are more than 0.0599\d* million"):
            open_picture(data, max_pixels=59_999)
    header = bytearray(encoded(Image.new("1", (8, 8)), "PNG"))
    header[16:24] = (20_000).to_bytes(4, "big") * 2
    import zlib

    header[29:33] = zlib.crc32(bytes(header[12:29])).to_bytes(4, "big")
    with pytest.raises(GantkError, match="too large"):
        open_picture(bytes(header))


def test_grey_of_more_bits_is_scaled_by_its_depth() -> None:
    deep = np.array([[0, 128, 129, 32768, 65535, 257 * 100]], np.uint16)
    wanted = [0, 0, 1, 128, 255, 100]
    for form in ("PNG", "TIFF"):
        assert np.asarray(open_picture(encoded(Image.fromarray(deep), form)))[0, :, 0].tolist() == wanted
    big = b"P5\n6 1\n65535\n" + deep.astype(">u2").tobytes()
    assert np.asarray(open_picture(big))[0, :, 0].tolist() == wanted
    real = np.array([[0, 0.5, 1]], np.float32)
    assert np.asarray(open_picture(encoded(Image.fromarray(real), "TIFF")))[0, :, 1].tolist() == [0, 128, 255]
    for wrong in (2.0, -0.5, np.nan, np.inf):
        with pytest.raises(GantkError, match=r"float values outside \[0, 1\]"):
            open_picture(encoded(Image.fromarray(np.float32([[0, wrong]])), "TIFF"))


def test_integers_of_32_bits_say_no_range(tmp_path: Path) -> None:
    """Taken for 16 bits, a picture of 0 to 255 would be black."""
    Image.fromarray(np.full((4, 4), 200, np.int32)).save(tmp_path / "x.tif")
    with pytest.raises(GantkError, match="integers of 32 bits, whose range nothing says: save it with 8 or 16"):
        open_picture(tmp_path / "x.tif")
    assert np.asarray(open_values(tmp_path / "x.tif")).max() == 200


def test_a_damaged_header_is_said_without_our_own_names(tmp_path: Path) -> None:
    good = io.BytesIO()
    Image.new("RGB", (4, 4)).save(good, "PNG")
    for data, said in (
        (good.getvalue()[:20] + b"\xff\xff" + good.getvalue()[22:], "its header is damaged"),
        (b"P6\n0 5\n255\n", "its header is damaged"),
        (b"P6\n60000 60000\n255\n", "it has more than 64 million pixels; make it smaller"),
    ):
        with pytest.raises(GantkError, match=said) as caught:
            open_picture(data)
        assert "object at" not in str(caught.value) and "DOS" not in str(caught.value)


def test_alpha_lies_on_white_or_what_is_named() -> None:
    clear = np.array([[[255, 0, 0, 0], [255, 0, 0, 255], [0, 0, 0, 128]]], np.uint8)
    for form in ("PNG", "TIFF", "WEBP"):
        options = {"lossless": True, "exact": True} if form == "WEBP" else {}
        data = encoded(Image.fromarray(clear), form, **options)
        assert np.asarray(open_picture(data))[0].tolist() == [[255, 255, 255], [255, 0, 0], [127, 127, 127]]
        assert np.asarray(open_picture(data, background=(0, 0, 0)))[0, 0].tolist() == [0, 0, 0]
        assert open_picture(data, background=None).mode == "RGBA"
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((1, 0), 1)
    seen = np.asarray(open_picture(encoded(palette, "PNG", transparency=0)))[0].tolist()
    assert seen == [[255, 255, 255], [40, 50, 60]]
    grey = Image.fromarray(np.uint8([[7, 9]]))
    assert np.asarray(open_picture(encoded(grey, "PNG", transparency=7)))[0, :, 0].tolist() == [255, 9]


READERS = {"imageio": {"imread", "imopen", "mimread", "get_reader", "volread"}, "cv2": {"imread", "imdecode"},
           "torchvision": {"read_image", "decode_image", "decode_png", "decode_jpeg"},
           "skimage": {"imread"}, "matplotlib": {"imread"}}  # fmt: skip


def test_pictures_have_one_door() -> None:
    """No module but gantk/pictures/opening.py calls `open` of Pillow's, or another library's reader of pictures."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        pillow = {"Image", "PIL.Image"}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "PIL":
                names = {alias.name: alias.asname or alias.name for alias in node.names}
                pillow |= {names["Image"]} if "Image" in names else set()
                assert not names.keys() & {"open", "ImageFile", "ImageGrab", "EpsImagePlugin"}, path
            if isinstance(node, ast.Import):
                for alias in node.names:
                    assert alias.name.split(".")[0] not in {"cv2", "imageio", "skimage", "matplotlib"}, path
                    if alias.name.split(".")[0] == "PIL":
                        pillow.add(alias.asname or alias.name)
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in READERS:
                library = (node.module or "").split(".")[0]
                assert not {alias.name for alias in node.names} & (READERS[library] | {"io"}), path
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == "open" and path.name != "opening.py":
                assert ast.unparse(node.value) not in pillow, f"{path}:{node.lineno} opens a picture"
            if isinstance(node, ast.Attribute) and node.attr in set().union(*READERS.values()):
                raise AssertionError(f"{path}:{node.lineno} reads a picture")
