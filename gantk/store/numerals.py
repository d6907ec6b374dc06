"""Numbers as people write them: Python's own readers also take 1_000 and digits of other scripts."""

from __future__ import annotations


def is_written(text: str) -> bool:
    """Whether a number, if it is one, is written as people do it."""
    return "_" not in text and text.isascii()


def read_int(text: str) -> int:
    """A whole number such as 12 or -3; ValueError where the text is none."""
    return int(_written(text))


def read_float(text: str) -> float:
    """A number such as 0.7 or 1e-4, also nan and inf; ValueError where the text is none."""
    return float(_written(text))


def _written(text: str) -> str:
    if not is_written(text):
        raise ValueError(f"{text!r} is no number as people write it")
    return text
