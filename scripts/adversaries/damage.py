"""Damage to the bytes of good files: cut, bits flipped, opcodes and extreme numbers written over, pieces moved."""

from __future__ import annotations

import random

EXTREMES = [b"\x00", b"\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\xff" * 8, b"\x00" * 8, b"\x00\x00\x00\x80"]
OPCODES = [
    bytes([code])
    for code in b"().0123FIJKLMNPQRSTUVXabcdeghijlopqrstu}]\x80\x81\x82\x85\x86\x87\x8a\x8c\x8e\x93\x94\x95"
]


def damaged(data: bytes, other: bytes, source: random.Random) -> bytes:
    """One to three kinds of damage; two thirds of the places lie in the first and last 4 kB, where structure is.

    Args:
        other: another file, of which pieces are taken.
    """
    for _ in range(source.randint(1, 3)):
        if len(data) < 8:
            return data
        edge = min(4096, len(data) - 1)
        at = source.choice(
            [source.randrange(len(data)), source.randrange(edge), len(data) - 1 - source.randrange(edge)]
        )
        length = source.choice([1, 1, 2, 4, 8, source.randint(1, 64), source.randint(1, 4096)])
        kind = source.randrange(8)
        if kind == 0:
            data = data[:at]
        elif kind == 1:
            data = data[:at] + bytes([data[at] ^ 1 << source.randrange(8)]) + data[at + 1 :]
        elif kind == 2:
            piece = source.choice(EXTREMES)
            data = data[:at] + piece + data[at + len(piece) :]
        elif kind == 3:
            data = data[:at] + source.choice(OPCODES) + data[at + source.randint(0, 1) :]
        elif kind == 4:
            data = data[:at] + data[at + length :]
        elif kind == 5:
            data = data[:at] + data[at : at + length] * source.randint(2, 4) + data[at + length :]
        elif kind == 6 and other:
            start = source.randrange(len(other))
            data = data[:at] + other[start : start + length] + data[at + length :]
        else:
            to = source.randrange(len(data))
            data = data[:at] + data[to : to + length] + data[at + length :]
    return data
