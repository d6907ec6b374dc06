"""Images from outside: TFRecords without TensorFlow, zips, folders, lists, and all that can be wrong with them."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from generator_cases import refuse, tiny
from ghfeat_cases import pictures, write_pictures, write_tfrecord
from PIL import Image

from gantk.errors import GantkError, UsageError
from gantk.ghfeat.data import open_data
from gantk.ghfeat.photos import Images, photos_of
from gantk.ghfeat.pictures import Zip, decode, find_images, fit, to_float
from gantk.ghfeat.tfrecord import TFRecords, crc32c
from gantk.pictures.label_maps import find_label_maps
from gantk.quality.sources import read_folder


def slow_crc32c(data: bytes) -> int:
    """The definition, bit by bit."""
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    return state ^ 0xFFFFFFFF


@pytest.mark.parametrize("length", [0, 1, 9, 511, 4095, 4096, 4097, 5000])
def test_crc32c_is_the_definition(length: int) -> None:
    data = np.random.default_rng(length).integers(0, 256, length, dtype=np.uint8).tobytes()
    assert crc32c(data) == slow_crc32c(data)


def test_crc32c_of_the_standard() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720, appendix B.4


def test_tfrecords_give_the_images_back(tmp_path: Path) -> None:
    images = pictures(5, 64)
    write_tfrecord(tmp_path / "x.tfrecords", images)
    records = TFRecords(tmp_path / "x.tfrecords")
    assert len(records) == 5
    assert all(np.array_equal(records[i], images[i]) for i in (4, 0, 2, 1, 3))
    batch = open_data(str(tmp_path / "x.tfrecords")).source(tiny("stylegan2-skip"), 64, 0, "exact").batch([3])
    assert np.array_equal(batch.image_NCHW.numpy(), to_float(images[3:4]))


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda data, size: data[: size * 2 + 40], "record 2"),  # cut short
        (lambda data, size: data[:-3], "record 2"),
        (lambda data, size: data[: size + 4] + b"\x01" + data[size + 5 :], "record 1"),  # the length of record 1
        (lambda data, size: data + b"abc", "record 3"),
    ],
)
def test_a_damaged_tfrecord_names_the_record(tmp_path: Path, harm: object, says: str) -> None:
    path = tmp_path / "x.tfrecords"
    write_tfrecord(path, pictures(3))
    data = path.read_bytes()
    path.write_bytes(harm(data, len(data) // 3))  # type: ignore[operator]
    with pytest.raises(GantkError, match=says):
        TFRecords(path)


def test_a_damaged_payload_and_one_that_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "x.tfrecords"
    write_tfrecord(path, pictures(3))
    data = bytearray(path.read_bytes())
    data[len(data) // 3 * 2 - 40] ^= 1
    path.write_bytes(data)
    with pytest.raises(GantkError, match="record 1 .*checksum"):
        TFRecords(path)[1]
    from gantk.ghfeat.tfrecord import masked

    payload = b"\x0a\x03abc"
    head = struct.pack("<Q", len(payload))
    path.write_bytes(
        head + struct.pack("<I", masked(crc32c(head))) + payload + struct.pack("<I", masked(crc32c(payload)))
    )
    with pytest.raises(GantkError, match="record 0"):
        TFRecords(path)[0]
    path.write_bytes(b"")
    refuse(lambda: TFRecords(path), GantkError)
    refuse(lambda: TFRecords(tmp_path / "none"), GantkError)


def test_zips(tmp_path: Path) -> None:
    files = write_pictures(tmp_path / "p", 3)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for file in files:
            archive.write(file, f"inside/{file.name}")
        archive.writestr("readme.txt", "no image")
        archive.writestr("inside/999.png", b"no image either")
        archive.writestr("__MACOSX/inside/._000.png", b"what a Mac leaves")
    images = Zip(tmp_path / "x.zip")
    assert len(images) == 4 and np.array_equal(images[1], pictures(3)[1])
    with pytest.raises(GantkError, match=r"999\.png"):
        images[3]
    with pytest.raises(GantkError, match=r"999\.png of .*none of PNG.*skip_unreadable"):
        Images([str(tmp_path / "x.zip")], 16).check()
    Images([str(tmp_path / "x.zip")], 16, skip=True).check()
    (tmp_path / "bad.zip").write_bytes(b"PK no")
    refuse(lambda: Zip(tmp_path / "bad.zip"), GantkError)


def test_lists_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_pictures(tmp_path / "p", 3)
    (tmp_path / "list.txt").write_text(f"# comment\n{files[1]}\n\np/002.png\n")
    assert find_images(tmp_path / "list.txt") == [files[1], files[2]]  # beside the list
    (tmp_path / "p" / "._000.png").write_bytes(b"what a Mac leaves")
    (tmp_path / "p" / "__MACOSX").mkdir()
    (tmp_path / "p" / "__MACOSX" / "000.png").write_bytes(b"the same")
    assert find_images(tmp_path / "p") == files and find_images(files[0]) == [files[0]]
    assert read_folder(tmp_path / "p").files == tuple(files) and find_label_maps(tmp_path / "p") == files
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / "list.txt").write_bytes("p/000.png\r\np/001.png\r\n".encode(encoding))
        assert find_images(tmp_path / "list.txt") == files[:2]
    (tmp_path / "list.txt").write_text("# nothing\n")
    refuse(lambda: find_images(tmp_path / "list.txt"))
    refuse(lambda: Images([], 16))
    (tmp_path / "empty").mkdir()
    refuse(lambda: find_images(tmp_path / "empty"))
    assert Images([str(tmp_path / "p"), str(files[0])], 16).photos.stems()[:4] == [
        "000_00000",
        "001",
        "002",
        "000_00003",
    ]


def test_every_kind_that_is_read_counts_and_others_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder as a telephone leaves it: some pictures are HEIC, which nothing here decodes."""
    for name in ("a.jfif", "b.GIF", "c.ppm", "d.png"):
        form = {"jfif": "JPEG", "gif": "GIF", "ppm": "PPM", "png": "PNG"}[name.split(".")[1].lower()]
        Image.new("RGB", (4, 4)).save(tmp_path / name, form)
    assert [path.name for path in find_images(tmp_path)] == ["a.jfif", "b.GIF", "c.ppm", "d.png"]
    assert "left out" not in capsys.readouterr().err
    for name in ("e.HEIC", "f.heic", "g.avif", "._h.heic"):
        (tmp_path / name).write_bytes(b"....ftyp")
    assert len(find_images(tmp_path)) == 4
    assert "3 pictures of kinds that are not read (.avif, .heic) are left out: save them" in capsys.readouterr().err


def test_fitting() -> None:
    wide = np.zeros((8, 16, 3), np.uint8)
    wide[:, 4:12] = 200
    assert (fit(wide, 8, "crop", "x") == 200).all()
    assert fit(wide, 8, "squash", "x")[:, 0].max() < 100
    refuse(lambda: fit(wide, 8, "exact", "wide.png"), GantkError)
    assert fit(np.full((16, 16), 9, np.uint8), 8, "exact", "x").shape == (8, 8, 3)
    assert to_float(np.array([[[[0, 255, 127]]]], np.uint8)).ravel().tolist() == pytest.approx([-1, 1, -0.00392157])


def test_an_unreadable_image_is_named_and_skipped_only_when_asked(tmp_path: Path) -> None:
    files = write_pictures(tmp_path / "p", 3)
    files[1].write_bytes(files[1].read_bytes()[:60])
    images = Images([str(tmp_path / "p")], 16)
    with pytest.raises(GantkError, match=r"001\.png.*skip_unreadable"):
        images.readable()[1]
    with pytest.warns(UserWarning, match=r"001\.png"):
        names, pixels = Images([str(tmp_path / "p")], 16, skip=True).readable()
    assert [Path(n).name for n in names] == ["000.png", "002.png"] and len(pixels) == 2
    for bad in ("render:x", "render:-1/2"):
        refuse(lambda name=bad: Images([name], 16))
    refuse(lambda: decode(tmp_path / "absent.png", "absent.png"), GantkError)
    assert len(Images(["render:3", "render:1/3"], 16).readable()[1]) == 2


def test_images_are_looked_at_without_reading_them(tmp_path: Path) -> None:
    """Only the beginning: thousands of files are checked in a moment."""
    [file] = write_pictures(tmp_path / "p", 1)
    file.write_bytes(file.read_bytes()[:60])
    Images([str(file), "render:3"], 16).check()
    Image.fromarray(np.zeros((8, 16, 3), np.uint8)).save(tmp_path / "wide.png")
    with pytest.raises(GantkError, match="16 x 8 pixels and not square"):
        Images([str(tmp_path / "wide.png")], 16).check()
    Images([str(tmp_path / "wide.png")], 16, "crop").check()


def test_reading_ahead_keeps_the_order(tmp_path: Path) -> None:
    write_pictures(tmp_path / "p", 11)
    images = Images([str(tmp_path / "p")], 16)
    ranges = [(0, 4), (4, 8), (8, 11)]
    read = torch.cat([image for image, good in images.batches(ranges) if good.all()])
    assert np.array_equal(read.numpy(), to_float(pictures(11)))


def test_a_picture_larger_than_is_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(pictures(1)[0]).save(tmp_path / "x.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    refuse(lambda: decode(tmp_path / "x.png", "x.png"), GantkError)


def test_too_few_images_to_hold_any_out(tmp_path: Path) -> None:
    write_pictures(tmp_path / "p", 1)
    refuse(lambda: open_data(str(tmp_path / "p")).source(tiny("stylegan2-skip"), 16, 0, "exact", "train"), UsageError)


# --- photos in Python ------------------------------------------------------------------------------------------------


def test_a_render_of_no_such_number_is_said() -> None:
    for word in ("render:-1", "render:1.5", "render:" + "9" * 23, "render:" + "9" * 5000, "render:99999999999/1"):
        refuse(lambda word=word: photos_of(word))


def test_photos_are_paths_or_arrays(tmp_path: Path) -> None:
    files = write_pictures(tmp_path / "p", 2)
    wanted = Images([str(tmp_path / "p")], 16).readable()[1]
    given = (
        files,
        str(tmp_path / "p"),
        pictures(2),
        list(pictures(2)),
        [Image.fromarray(picture) for picture in pictures(2)],
        torch.from_numpy(to_float(pictures(2))),
        list(to_float(pictures(2))),
    )
    for photos in given:
        assert torch.equal(Images(photos, 16).readable()[1], wanted)
    grey = pictures(1)[0][..., 0]
    assert torch.equal(Images(grey, 16).readable()[1][0, 0], Images(grey, 16).readable()[1][0, 2])
    clear = np.concatenate([pictures(1)[0], np.zeros((16, 16, 1), np.uint8)], 2)
    assert Images(clear, 16).readable()[1].min() == 1.0  # what shows through is white
    for channels in (1, 2, 3, 4):
        assert Images(pictures(2), 16, channels=channels).readable()[1].shape == (2, channels, 16, 16)
    for bad in (np.zeros((4, 4, 5), np.uint8), np.zeros(3, np.float32), np.full((3, 4, 4), np.nan), [], 5):
        refuse(lambda bad=bad: photos_of(bad), UsageError)


def test_photos_count_by_their_contents(tmp_path: Path) -> None:
    files = write_pictures(tmp_path / "p", 2)
    before = photos_of(files).fingerprint()
    assert before == photos_of([str(file) for file in files]).fingerprint()
    Image.fromarray(pictures(3)[2]).save(files[1])
    assert photos_of(files).fingerprint() != before
    assert photos_of(pictures(2)).fingerprint() == photos_of(pictures(2)).fingerprint()
    assert photos_of(pictures(2)).fingerprint() != photos_of(pictures(2, seed=1)).fingerprint()
    assert photos_of(["render:1"]).fingerprint() != photos_of(["render:2"]).fingerprint()
    absent = photos_of([tmp_path / "absent.png"]).fingerprint()  # may be skipped, so that it is no error yet
    assert absent == photos_of([tmp_path / "absent.png"]).fingerprint()


def test_data_count_by_their_contents(tmp_path: Path) -> None:
    files = write_pictures(tmp_path / "p", 2)
    before = open_data(tmp_path / "p").fingerprint()
    Image.fromarray(pictures(3)[2]).save(files[1])
    assert open_data(tmp_path / "p").fingerprint() != before
    assert open_data("renderer").fingerprint() != open_data("generator").fingerprint()
    batch = open_data(pictures(3)).source(tiny("stylegan2-skip"), 16, 0, "exact").batch([1])
    assert torch.equal(batch.image_NCHW[0], torch.from_numpy(to_float(pictures(3)))[1])


def test_names_too_long_for_more_words_are_cut() -> None:
    from gantk.ghfeat.photos import Item, Photos

    names = ["é" * 120 + "1.png", "é" * 120 + "2.png", "日" * 80 + ".png", "a.png"]
    photos = Photos([Item(lambda size: np.zeros((1, 1, 3), np.uint8))] * 4, names, [None] * 4)
    assert photos.stems() == ["é" * 60 + "_00000", "é" * 60 + "_00001", "日" * 40, "a"]


def test_names_of_very_many_images_are_made_at_once() -> None:
    """Each name once, or with its number, in one pass: to count each anew is quadratic."""
    import time

    from gantk.ghfeat.photos import Item, Photos

    names = tuple(f"/a/{index % 150_000}.png" for index in range(200_000))
    photos = Photos([Item(lambda size: np.zeros((1, 1, 3), np.uint8))] * len(names), names, [None] * len(names))
    began = time.process_time()
    stems = photos.stems()
    assert time.process_time() - began < 10
    assert stems[60_000] == "60000" and stems[0] == "0_00000" and stems[150_000] == "0_150000"
    assert len(set(stems)) == len(stems)
