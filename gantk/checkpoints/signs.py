"""What a file is that is no checkpoint, by its first bytes, and what to do about it."""

from __future__ import annotations

import re

_SIGNS = (
    (b"version https://git-lfs", "it is Git LFS's pointer to the file, which `git lfs pull` fetches"),
    (b"<", "it is a web page or XML: the address that it was downloaded from is not the file's own"),
    (b"\x1f\x8b", "it is compressed: unpack it first"),
    (b"BZh", "it is compressed: unpack it first"),
    (b"\xfd7zXZ", "it is compressed: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "it is compressed: unpack it first"),
    *((b"x" + level, "it is compressed (zlib, as joblib writes): load it there and save it plainly")
      for level in (b"\x01", b"\x5e", b"\x9c", b"\xda")),
    (b"7z\xbc\xaf", "it is an archive: unpack it first"),
    (b"Rar!", "it is an archive: unpack it first"),
    (b"\x89HDF", "it is HDF5, in which Keras keeps networks, none of which gantk reads"),
    (b"\x89PNG", "it is a picture"),
    (b"\xff\xd8\xff", "it is a picture"),
    (b"MATLAB", "it is a MATLAB file: save the arrays as .npy"),
    *((start, "it is a pickle of protocol 0 or 1, as Python 2 wrote them: load it there and save it with protocol 2")
      for start in (b"(dp", b"(lp", b"}q", b"]q", b"ccopy_reg\n", b"cnumpy", b"(i", b"(cnumpy")),
)  # fmt: skip
_TAR_AT = 257


def sign_of(data: memoryview) -> str:
    """What a file is by its first bytes, and what to do about it; else the bytes."""
    return known_sign(data) or f"it starts with {bytes(data[:8])!r}"


def known_sign(data: memoryview) -> str | None:
    """What a file is by its first bytes, and what to do about it, where they say so."""
    head = bytes(data[:32]).removeprefix(b"\xef\xbb\xbf").lstrip()
    if bytes(data[_TAR_AT : _TAR_AT + 5]) == b"ustar":
        return "it is an archive: unpack it first"
    if re.match(rb"\x08[\x03-\x10]\x12", head):
        return "it is an ONNX graph, which says no layers by name: give the checkpoint that it was made from"
    return next((said for sign, said in _SIGNS if head.startswith(sign)), None)
