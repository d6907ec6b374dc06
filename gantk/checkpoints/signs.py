"""What a file is that is no checkpoint, by its first bytes, and what to do about it."""

from __future__ import annotations

_SIGNS = (
    (b"version https://git-lfs", "it is Git LFS's pointer to the file, which `git lfs pull` fetches"),
    (b"<", "it is a web page or XML: the address that it was downloaded from is not the file's own"),
    (b"\x1f\x8b", "it is compressed: unpack it first"),
    (b"BZh", "it is compressed: unpack it first"),
    (b"\xfd7zXZ", "it is compressed: unpack it first"),
    (b"7z\xbc\xaf", "it is an archive: unpack it first"),
    (b"Rar!", "it is an archive: unpack it first"),
    (b"\x89HDF", "it is HDF5, in which Keras keeps networks, none of which gantk reads"),
    (b"\x89PNG", "it is a picture"),
    (b"\xff\xd8\xff", "it is a picture"),
)


def sign_of(data: memoryview) -> str:
    """What a file is by its first bytes, and what to do about it; else the bytes."""
    head = bytes(data[:32]).removeprefix(b"\xef\xbb\xbf").lstrip()
    known = next((said for sign, said in _SIGNS if head.startswith(sign)), None)
    return known or f"it starts with {bytes(data[:8])!r}"
