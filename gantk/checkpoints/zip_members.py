"""Zip files as views: members that are stored, not compressed, are read where they lie."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from gantk.checkpoints.pickle_machine import Source, clipped

ZIP_MAGIC = b"PK\x03\x04"


class ZipMembers:
    """The members of a torch zip as views of the file. They are stored, never compressed, so nothing can unfold."""

    def __init__(self, data: memoryview, source: Source) -> None:
        self.data = data
        self.source = source
        try:
            with zipfile.ZipFile(Window(data)) as archive:
                infos = archive.infolist()
        # zipfile raises NotImplementedError itself, for versions and encryptions it does not know
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, OverflowError, struct.error) as error:
            raise source.damaged(f"its zip directory is not readable ({clipped(error)})") from error
        self.members = {info.filename: info for info in infos}
        if len(self.members) != len(infos):
            raise source.damaged("two members of the zip file have one name")

    def are_arrays(self) -> bool:
        """Whether the file is an .npz."""
        return bool(self.members) and all(name.endswith(".npy") for name in self.members)

    def read(self, name: str) -> memoryview:
        info = self.members.get(name)
        if info is None:
            raise self.source.damaged(f"it has no member {clipped(name)}")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size or info.flag_bits & 1:
            raise self.source.damaged(
                f"its member {clipped(name)} is compressed or encrypted, which torch never does: if it was packed "
                "again by hand, unpack it and pack it without compression (zip -0 -r)"
            )
        start = info.header_offset
        header = bytes(self.data[start : start + 30]) if start >= 0 else b""
        if len(header) < 30 or not header.startswith(ZIP_MAGIC):
            raise self.source.damaged(f"its member {clipped(name)} is not where the directory says")
        name_size, extra_size = struct.unpack_from("<HH", header, 26)
        begin = start + 30 + name_size + extra_size
        member = self.data[begin : begin + info.file_size]
        if len(member) != info.file_size or zlib.crc32(member) != info.CRC:
            raise self.source.damaged(f"the checksum or length of its member {clipped(name)} is wrong")
        return member


class Window(io.RawIOBase):
    """A read-only file over a view, for zipfile's parsing of the directory; reads never exceed the view."""

    def __init__(self, data: memoryview) -> None:
        self.view = data
        self.at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: len(self.view)}[whence]
        if at < 0:
            raise OSError("seek before the beginning")
        self.at = at
        return at

    def read(self, size: int | None = -1) -> bytes:
        stop = len(self.view) if size is None or size < 0 else min(self.at + size, len(self.view))
        piece = bytes(self.view[self.at : stop])
        self.at += len(piece)
        return piece
