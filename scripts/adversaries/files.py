"""Good files to begin from, by the kind of container: made here, and the reference checkpoints where they are."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import tempfile
import zipfile
from pathlib import Path

SIZE = 600_000  # larger originals are left out: damage there hits raw numbers, not structure


def checkpoints(reference: Path | None) -> list[bytes]:
    """A small StyleGAN2 as torch zip, torch stream and gantk file, and the reference checkpoints of a folder."""
    import torch

    from gantk.checkpoints.checkpoint import Checkpoint
    from gantk.checkpoints.export import export_state
    from gantk.checkpoints.native import write_checkpoint
    from gantk.generators.stylegan2 import StyleGAN2, StyleGAN2Config

    torch.manual_seed(0)
    network = StyleGAN2(
        StyleGAN2Config(resolution=8, channels=(4, 3), z_dim=8, w_dim=8, mapping_width=8, mapping_layers=2)
    )
    checkpoint = Checkpoint("stylegan2", network.config.to_dict(), network.state_dict(), "made here")
    made = []
    for zipped in (True, False):
        file = io.BytesIO()
        torch.save(export_state(checkpoint, "genforce"), file, _use_new_zipfile_serialization=zipped)
        made.append(file.getvalue())
    with tempfile.TemporaryDirectory() as folder:
        write_checkpoint(Path(folder) / "x.safetensors", checkpoint)
        made.append((Path(folder) / "x.safetensors").read_bytes())
    if reference is not None:
        patterns = ("torch/*.p*", "torch/*/*.bin", "tensorflow/*.pkl")
        paths = sorted(path for pattern in patterns for path in reference.glob(pattern))
        made += [path.read_bytes() for path in paths if path.stat().st_size <= SIZE]
    return made


def tensors() -> list[bytes]:
    """Safetensors: foreign, a direction, codes, weight directions, a head's kind."""
    import numpy as np
    from safetensors.numpy import save

    arrays = {"vectors": np.ones((2, 8), np.float32), "w": np.zeros((1, 8), np.float32)}
    headers: list[dict[str, object]] = [
        {"format": "gantk-direction", "version": 1, "name": "a", "kind": "boundary", "space": "w", "layers": [0, 1]},
        {"format": "gantk-codes", "version": 1, "rows": [0, 1], "names": ["a"], "meta": {}, "probe": None},
        {
            "format": "gantk-weights",
            "version": 1,
            "name": "a",
            "kind": "svd",
            "layer": "l",
            "scales": [1.0],
            "identity": {},
            "meta": {},
            "kernel": [3, 3],
        },
        {"format": "gantk-head", "version": 1, "classes": ["a"], "layers": ["x"], "meta": {}},
        {"format": "gantk-weight-directions", "version": 1, "scales": None},
    ]
    return [save(arrays), *(save(arrays, {"gantk": json.dumps(header)}) for header in headers)]


def arrays() -> list[bytes]:
    """.npy of several kinds, pickled ones included, .npz, and numbers as text."""
    import numpy as np

    made = []
    for array in (
        np.ones((2, 8), np.float32),
        np.arange(6),
        np.zeros((0, 3)),
        np.array(3.0),
        np.array(["a"]),
        np.zeros(2, [("a", "f4")]),
        np.ones((2, 2), order="F"),
    ):
        file = io.BytesIO()
        np.save(file, array)
        made.append(file.getvalue())
    file = io.BytesIO()
    np.save(file, {"boundary": np.ones((1, 8)), "meta_data": {"type": "attribute"}})  # type: ignore[arg-type]  # pickled
    made.append(file.getvalue())
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, w=np.ones((2, 8), np.float32), z=np.arange(8.0))
        made.append(file.getvalue())
    return [*made, b"1 2 3\n4 5 6\n", b"smile,0.5\nage,1\n"]


def npy_header(descr: str, shape: str, version: int = 1, body: bytes = b"\0" * 64) -> bytes:
    """A .npy file whose header says what it likes."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode("latin-1", "replace")
    length = struct.pack("<H" if version == 1 else "<I", len(text) % (1 << 16) if version == 1 else len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + body


def pictures() -> list[bytes]:
    """The seven formats and some that are refused."""
    from PIL import Image

    made = []
    for form in ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "GIF", "ICO"):
        for mode in ("RGB", "L", "P", "RGBA", "I;16"):
            file = io.BytesIO()
            image = Image.new("RGB" if mode != "I;16" else mode, (16, 9))
            try:
                (image if mode == "I;16" else image.convert(mode)).save(file, form)
            except (OSError, ValueError, KeyError):
                continue
            made.append(file.getvalue())
    return made


def zips() -> list[bytes]:
    """Zips of pictures, deflated and stored, and a tar."""
    images = pictures()[:6]
    made = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            for index, data in enumerate(images):
                archive.writestr(f"{index}.png", data)
            archive.writestr("session.json", json.dumps({"schema": 1, "model": "demo", "base": {}, "edits": []}))
        made.append(file.getvalue())
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        info = tarfile.TarInfo("a.png")
        info.size = len(images[0])
        tar.addfile(info, io.BytesIO(images[0]))
    return [*made, file.getvalue()]


def tfrecord(payloads: list[bytes]) -> bytes:
    """Records with the right checksums."""
    from gantk.ghfeat.tfrecord import crc32c, masked

    made = b""
    for payload in payloads:
        length = struct.pack("<Q", len(payload))
        made += (
            length + struct.pack("<I", masked(crc32c(length))) + payload + struct.pack("<I", masked(crc32c(payload)))
        )
    return made


def example(shape: bytes = b"\x03\x02\x02", data: bytes = b"\0" * 12) -> bytes:
    """A protobuf Example with the features shape and data."""

    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    features = (
        field(1, b"shape"),
        field(2, field(3, field(1, shape))),
        field(1, b"data"),
        field(2, field(1, field(1, data))),
    )
    return field(1, field(1, features[0] + features[1]) + field(1, features[2] + features[3]))
