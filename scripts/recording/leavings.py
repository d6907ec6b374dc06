"""What a file says, free of when and where it was written: arrays, pixels, numbers, visible text, markup.

A leaving is a plain dictionary from names to items; an item is text, a number, a truth value, None, or an array.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np

Item = str | int | float | bool | None | np.ndarray
Items = dict[str, Item]

# Of a run's JSON: when, where and under which versions it ran, never what came out.
VOLATILE = {
    "argv", "versions", "started", "ended", "timings", "seconds", "memory", "host", "when", "recorded", "pid",
    "minutes", "hours", "duration", "elapsed",
}  # fmt: skip
TIMINGS = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?( ?UTC|[+-]\d\d:\d\d|Z)?|"  # moments
    r"(?<![\w.])\d[\d,.]*(e[+-]?\d+)? (ms|s|sec|seconds?|min|minutes?|h|hours?)(?![\w/])|"  # durations
    r"(?<![\w.])\d[\d,.]* [^\s\d]{1,9}/s(?!\w)|"  # rates
    r"(?<![\w.])\d[\d,.]* (images|samples|steps|codes) (a|per) second"
)
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif")
TEXTS = (".txt", ".csv", ".md", ".toml", ".sh", ".sbatch", ".log", ".tsv")


def timeless(text: str) -> str:
    """Replace moments, durations and rates."""
    return TIMINGS.sub("<time>", text)


def read(path: Path) -> Items:
    """What the file says; a file of no known kind is told by the hash of its bytes."""
    name = path.name
    if name.endswith(PICTURES):
        return dict(_pixels(path.read_bytes(), "pixels"))
    if name.endswith(".html"):
        return _page(path.read_text(encoding="utf-8"))
    if name.endswith(".json"):
        return dict(_flat(json.loads(path.read_text(encoding="utf-8")), ""))
    if name.endswith(TEXTS):
        return {"text": timeless(path.read_text(encoding="utf-8", errors="replace"))}
    if name.endswith((".npy", ".npz", ".safetensors", ".pt", ".pth")):
        return dict(_arrays(path))
    return {"bytes": hashlib.sha256(path.read_bytes()).hexdigest()[:16]}


def _arrays(path: Path) -> Iterator[tuple[str, Item]]:
    if path.suffix in (".npy", ".npz"):
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            yield from _array("array", found)
        else:
            for name in found.files:
                yield from _array(name, found[name])
    elif path.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(path, framework="pt") as file:
            for key, text in sorted((file.metadata() or {}).items()):
                try:
                    yield from _flat(json.loads(text), f"metadata.{key}")
                except json.JSONDecodeError:
                    yield f"metadata.{key}", text
            for key in sorted(file.keys()):
                yield from _tensor(key, file.get_tensor(key))
    else:
        import torch

        if not zipfile.is_zipfile(path):
            yield "bytes", hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        else:
            yield from _tree(torch.load(path, map_location="cpu", weights_only=True), "")


def _tensor(name: str, tensor: object) -> Iterator[tuple[str, Item]]:
    import torch

    assert isinstance(tensor, torch.Tensor)
    if tensor.dtype == torch.bfloat16:
        yield f"{name}.kind", "bfloat16"
        tensor = tensor.float()
    yield from _array(name, tensor.detach().numpy())


def _tree(value: object, name: str) -> Iterator[tuple[str, Item]]:
    """The tensors and numbers in what torch.save wrote, in order."""
    import torch

    if isinstance(value, torch.Tensor):
        yield from _tensor(name, value)
    elif isinstance(value, np.ndarray):
        yield from _array(name, value)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in VOLATILE:
                yield from _tree(item, f"{name}.{key}")
    elif isinstance(value, (list, tuple)):
        for place, item in enumerate(value):
            yield from _tree(item, f"{name}.{place}")
    else:
        yield name, value if isinstance(value, (str, int, float, bool)) or value is None else repr(value)


def _array(name: str, array: np.ndarray) -> Iterator[tuple[str, Item]]:
    """An array; of a record array its fields, of texts their lines."""
    if array.dtype.names:
        for field in array.dtype.names:
            yield from _array(f"{name}.{field}", array[field])
    elif array.dtype.kind in "US":
        yield name, "\n".join(map(str, array.ravel().tolist()))
    else:
        yield name, array


def _flat(value: object, name: str) -> Iterator[tuple[str, Item]]:
    """The numbers and texts of JSON by their path; long lists of numbers stay together as arrays."""
    if isinstance(value, dict):
        if not value:
            yield name, "{}"
        for key, item in value.items():
            if key not in VOLATILE:
                yield from _flat(item, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        if len(value) > 3 and all(isinstance(item, float) for item in value):
            yield name, np.asarray(value)
        else:
            yield f"{name}.length", len(value)
            for place, item in enumerate(value):
                yield from _flat(item, f"{name}.{place}")
    else:
        assert value is None or isinstance(value, (str, int, float, bool))
        yield name, timeless(value) if isinstance(value, str) else value


def _pixels(data: bytes, name: str) -> Iterator[tuple[str, Item]]:
    """Every frame of a picture, uint8 [H, W, 3 or 4] or [H, W], with its mode and the time it is shown."""
    from PIL import Image

    with Image.open(BytesIO(data)) as picture:
        yield f"{name}.format", f"{picture.format} {picture.mode}"
        shown: list[int] = []
        frames = []
        for index in range(getattr(picture, "n_frames", 1)):
            picture.seek(index)
            frames.append(np.asarray(picture.convert("RGB") if picture.mode == "P" else picture))
            shown.append(int(picture.info.get("duration", 0)))
        if len(frames) == 1:
            yield name, frames[0]
        else:
            yield f"{name}.milliseconds", " ".join(map(str, shown))
            yield name, np.stack(frames)


class _Reader(HTMLParser):
    """Collects what a reader sees, the pictures, and tags with attributes; columns of seconds are left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self.pictures: list[bytes] = []
        self.markup: list[str] = []
        self.silent = 0
        self.cell = ""  # th or td, while in one
        self.column = 0
        self.timed: set[int] = set()  # columns of this table that hold durations

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in ("style", "script")
        if tag in ("table", "tr"):
            self.column = 0
            self.timed = set() if tag == "table" else self.timed
        elif tag in ("th", "td"):
            self.column, self.cell = self.column + 1, tag
            if self._is_time():
                attrs = []
        kept = []
        for name, value in attrs:
            text = value or ""
            if text.startswith("data:image/") and ";base64," in text[:40]:
                self.pictures.append(base64.b64decode(text.partition(",")[2]))
                text = "picture"
            kept.append(f'{name}="{timeless(text)}"')
        self.markup.append(f"<{' '.join([tag, *kept])}>")

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in ("style", "script")
        if tag in ("th", "td"):
            self.cell = ""

    def _is_time(self) -> bool:
        return self.cell == "td" and self.column in self.timed

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if text and not self.silent:
            if self.cell == "th" and text in ("seconds", "took"):
                self.timed.add(self.column)
            text = "<time>" if self._is_time() else text
            self.lines.append(timeless(text))


def _page(html: str) -> Items:
    reader = _Reader()
    reader.feed(html)
    said: Items = {"text": _without_versions(reader.lines)}
    for place, data in enumerate(reader.pictures):
        if data.startswith(b"<"):
            said[f"picture {place}"] = data.decode()
        else:
            said.update(_pixels(data, f"picture {place}"))
    tags: dict[str, int] = {}
    for tag in reader.markup:
        kind = tag[1:-1].split(" ")[0]
        tags[kind] = tags.get(kind, 0) + 1
    said.update({f"tags.{kind}": count for kind, count in sorted(tags.items())})
    said["markup"] = hashlib.sha256("\n".join(reader.markup).encode()).hexdigest()[:16]
    return said


def _without_versions(lines: list[str]) -> str:
    """The text of a page, a line per piece, without the versions in its footer."""
    named = ("gantk", "torch", "numpy")
    return "\n".join(
        "<version>" if before in named and re.match(r"\d+\.\d+", line) else line
        for before, line in zip(["", *lines], lines, strict=False)
    )
