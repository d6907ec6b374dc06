"""Hostile files by grammar: each function makes one from a source of chance, well-formed up to what is wrong."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
from collections.abc import Sequence

from adversaries.damage import damaged
from adversaries.files import example, npy_header, tfrecord
from adversaries.trees import changed, text_of, wild

GLOBALS = (
    "posix system",
    "builtins eval",
    "builtins getattr",
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch FloatStorage",
    "numpy.core.multiarray _reconstruct",
    "numpy ndarray",
    "numpy dtype",
    "dnnlib.tflib.network Network",
    "torch_utils.persistence _reconstruct_persistent_obj",
    "copyreg _reconstructor",
    "torch.storage _load_from_bytes",
    "_codecs encode",
    "pathlib PosixPath",
    "builtins set",
    "argparse Namespace",
    "collections OrderedDict.__init__",
    "numpy.core.multiarray scalar",
    "torch.nn.parameter Parameter",
)


def pickle(source: random.Random) -> bytes:
    """A pickle program: pushes, containers, memo, globals and calls in any order, now and then of great depth."""
    made = bytearray(b"\x80" + bytes([source.choice([2, 3, 4, 5, 200])]))
    for _ in range(source.choice([3, 10, 40, 40, 200])):
        made += _operation(source)
    if source.random() < 0.05:
        count = source.choice([1000, 100_000])
        made += source.choice(
            [
                b"]" * count + b"a" * (count - 1),
                b"(" * count,
                b"N\x85" + b"\x85" * count,
                b"]" + b"2\x86" * 200,
                b"}" + b"]q\x00h\x00s" * 50,
                b"h\x00\x86" * count,
            ]
        )
    return bytes(made + b".") if source.random() < 0.95 else bytes(made)


def _operation(source: random.Random) -> bytes:
    text = source.choice([b"x", b"G_ema", b"state_dict", b"storage", b"0", b"cpu", b"\xff", b"a" * 50])
    number = source.choice([0, 1, 7, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1])
    return source.choice(
        (
            lambda: b"N",
            lambda: source.choice([b"\x88", b"\x89"]),
            lambda: b"K" + bytes([source.randrange(256)]),
            lambda: b"J" + struct.pack("<I", number),
            lambda: b"X" + struct.pack("<I", len(text)) + text,
            lambda: b"X" + struct.pack("<I", number),
            lambda: b"\x8c" + bytes([len(text)]) + text,
            lambda: b"B" + struct.pack("<I", source.choice([3, number])) + b"abc",
            lambda: b"]",
            lambda: b"}",
            lambda: b")",
            lambda: b"(",
            lambda: b"t",
            lambda: b"l",
            lambda: b"d",
            lambda: b"a",
            lambda: b"e",
            lambda: b"s",
            lambda: b"u",
            lambda: b"\x85",
            lambda: b"\x86",
            lambda: b"\x87",
            lambda: b"0",
            lambda: b"2",
            lambda: b"1",
            lambda: b"q" + bytes([source.randrange(4)]),
            lambda: b"h" + bytes([source.randrange(4)]),
            lambda: b"r" + struct.pack("<I", number),
            lambda: b"j" + struct.pack("<I", number),
            lambda: b"\x94",
            lambda: b"c" + source.choice(GLOBALS).replace(" ", "\n").encode() + b"\n",
            lambda: b"R",
            lambda: b"b",
            lambda: b"\x81",
            lambda: b"Q",
            lambda: b"\x93",
            lambda: b"\x95" + struct.pack("<Q", source.choice([5, 2**60])),
            lambda: b"\x8a" + bytes([source.choice([1, 8, 200])]) + b"\x01" * 8,
            lambda: b"G" + b"\x7f" * 8,
            lambda: b"\x8f",
            lambda: b"\x90",
            lambda: b"\x91",
            lambda: b"\x82\x01",
            lambda: b"P1\n",
            lambda: b"I9\n",
            lambda: b"L9L\n",
            lambda: b"\x96" + struct.pack("<Q", number),
            lambda: b"ios\nsystem\n",
            lambda: b"S'x'\n",
            lambda: b"o",
        )
    )()


def torch_zip(source: random.Random) -> bytes:
    """A zip as torch.save makes one, around a pickle of the grammar."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", source.choice([zipfile.ZIP_STORED] * 4 + [zipfile.ZIP_DEFLATED])) as archive:
        archive.writestr("archive/data.pkl", pickle(source))
        for key in range(source.randint(0, 3)):
            archive.writestr(f"archive/data/{key}", b"\0" * source.choice([0, 4, 64]))
        archive.writestr("archive/version", b"3\n")
        if source.random() < 0.1:
            archive.writestr(source.choice(["../x", "/etc/x", "archive/data/0", "con"]), b"x")
    return file.getvalue()


def safetensors(source: random.Random, good: Sequence[bytes]) -> bytes:
    """A header changed at some place, its length right or not, gantk's own header inside it changed too."""
    data = source.choice(good)
    (length,) = struct.unpack_from("<Q", data)
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    if "__metadata__" in header and source.random() < 0.7:
        header["__metadata__"]["gantk"] = text_of(changed(json.loads(header["__metadata__"]["gantk"]), source), source)
    else:
        header = changed(header, source)
    text = text_of(header, source).encode("utf-8", "surrogatepass")
    size = source.choice([len(text)] * 9 + [0, 2**63, 2**40, len(text) + 1])
    return struct.pack("<Q", size) + text + body


def npy(source: random.Random, good: Sequence[bytes]) -> bytes:
    """A header of any type and shape over few bytes; or damage; or an .npz with such members."""
    if source.random() < 0.3:
        return damaged(source.choice(good), source.choice(good), source)
    descr = source.choice(
        [
            "'<f4'",
            "'|O'",
            "'<U9999999'",
            "'V99999999'",
            "'>i2'",
            "[('a','<f4')]",
            "7",
            "'<f4",
            "'M8[ns]'",
            "'x'",
            "(" * source.choice([3, 90, 3000]),
            "[('a','<f4'),('a','<f4')]",
            "'|S0'",
            "'<c16'",
        ]
    )
    shape = source.choice(
        [
            "(2, 8)",
            "(16,)",
            "()",
            "(-1,)",
            "(1000000000000,)",
            "(2**70,)",
            "(99999999999999999999999,)",
            "(0, 1000000000000)",
            "'x'",
            "(True,)",
            "(1.5,)",
            "(((((",
            "-" * 5000 + "1",
            "None",
            "(1,)*9",
            "(4294967296, 4294967296)",
            "({0:1},)",
            "(" + "1," * 70 + ")",
        ]
    )
    made = npy_header(descr, shape, source.choice([1, 1, 1, 2, 3, 9]), b"\0" * source.choice([0, 64, 64]))
    if source.random() < 0.3:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", source.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
            for name in source.choice([("w.npy",), ("w.npy", "z.npy"), ("../w.npy",), ("x.txt", "w.npy")]):
                archive.writestr(name, made)
            if source.random() < 0.02:
                archive.writestr(
                    "bomb.npy", npy_header("'<f4'", "(25000000,)", body=b"\0" * 100_000_000), zipfile.ZIP_DEFLATED
                )
        made = file.getvalue()
    return made if source.random() < 0.9 else damaged(made, made, source)


def archive(source: random.Random, good: Sequence[bytes]) -> bytes:
    """A zip of members with false sizes, of many members, of members that unfold; or damage."""
    if source.random() < 0.8:
        return damaged(source.choice(good), source.choice(good), source)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for index in range(source.choice([0, 1, 3, 3, 3, 1000])):
            name = source.choice([f"{index}.png", f"../{index}.png", "session.json", "wp.npy", f"{index}\n.png"])
            content = text_of(wild(source), source).encode("utf-8", "replace") if name == "session.json" else b"\x89PNG"
            made.writestr(zipfile.ZipInfo(name), content)
        if source.random() < 0.1:
            made.writestr("bomb.png", b"\0" * source.choice([10_000_000, 60_000_000]))
    data = bytearray(file.getvalue())
    if source.random() < 0.5 and (place := data.find(b"PK\x01\x02")) >= 0:
        struct.pack_into("<I", data, place + source.choice([20, 24, 42]), source.choice([0, 7, 2**31, 2**32 - 1]))
    return bytes(data)


def picture(source: random.Random, good: Sequence[bytes]) -> bytes:
    """A damaged picture, or one whose header claims other sides."""
    data = bytearray(source.choice(good))
    if source.random() < 0.3 and data[:4] == b"\x89PNG":
        import zlib

        data[16:24] = struct.pack(">II", *(source.choice([0, 1, 20_000, 2**31 - 1, 2**32 - 1]) for _ in range(2)))
        data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
        return bytes(data)
    return damaged(bytes(data), source.choice(good), source)


def records(source: random.Random) -> bytes:
    """TFRecords with the right checksums around damaged examples, or with wrong ones."""
    good = example()
    shapes = [b"\x03\x02\x02", b"\x03\xff\xff\xff\xff\x0f\x02", b"", b"\x80" * 12, b"\x03\x00\x00", b"\x01\x0c\x01"]
    payloads = [
        source.choice([good, damaged(good, good, source), example(source.choice(shapes)), b"", b"\x80" * 30])
        for _ in range(source.randint(0, 3))
    ]
    made = tfrecord(payloads)
    return made if source.random() < 0.7 else damaged(made, good, source)


TOML = """[synthesize]
num = 10
truncation = "0.7:8"
seed = 3
image-format = "png"
[lse.train]
steps = 5
[rescore]
device = "cpu"
"""


def toml(source: random.Random) -> bytes:
    """Settings with values of any kind, keys that do not exist, and depth."""
    if source.random() < 0.2:
        return damaged(TOML.encode(), b"[[{}]]\"'''\n=inf nan 1979-05-27 \xff", source)
    values = [
        "1",
        "-1",
        "1e999",
        "nan",
        "inf",
        "-0.0",
        "0x" + "f" * 40,
        '"x"',
        "true",
        "[]",
        "[1, 2]",
        "{}",
        "{a = 1}",
        "1979-05-27",
        '"\\u0000"',
        "99999999999999999999999999",
        "[[[[1]]]]",
        '"../x"',
        "'''a'''",
        "[" * source.choice([5, 900, 20_000]),
        "9" * 5000,
    ]
    keys = [
        "num",
        "seed",
        "truncation",
        "device",
        "batch-size",
        "image-format",
        "x",
        '"a b"',
        "a.b.c",
        "output_dir",
        "rows",
        "model",
        "predictor",
        "help",
        "debug",
        "config",
        "a" + ".a" * source.choice([3, 3000]),
    ]
    tables = ["[synthesize]", "[rescore]", "[lse]", "[lse.train]", "[x]", "[[synthesize]]", "", "[" + "a." * 900 + "a]"]
    lines = []
    for _ in range(source.randint(1, 5)):
        lines += [source.choice(tables), f"{source.choice(keys)} = {source.choice(values)}"]
    return "\n".join(lines).encode()


WORDS = (
    "inf",
    "nan",
    "-inf",
    "1e21",
    "-0",
    "-0.0",
    "1000000000",
    "10" * 30,
    "",
    "x",
    "0",
    "-1",
    "1",
    "1.5",
    "1e-400",
    "true",
    "None",
    "0/0",
    "../x",
    "\ud800",
    "a\nb",
    "a" * 5000,
    "--",
    "-",
    "1,2",
    "0-99999999999",
    "9-1",
    "0:0",
    "0.7:8",
    "é",
    "\x00",
    "٣",
    "1_000",
    "0x10",
    "1e5",
    " 1",
    "auto",
    "[" * 2000,
    "a=b=c",
)
