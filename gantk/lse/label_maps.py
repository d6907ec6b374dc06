"""Label maps as files and from people: index PNGs whose palette shows the classes, drawn boxes and discs.

A label map is uint8 [S, S] of class numbers; 255 is "not labelled". Colours are only for the eye: they are never read
back, so that a smoothed edge cannot become another class.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError, UsageError, suggestion
from gantk.lse.gram import IGNORE
from gantk.pictures.opening import open_values
from gantk.store.files import write_atomic

Labels = npt.NDArray[np.uint8]
Colours = Sequence[tuple[int, int, int]]


def read_label_map(path: str | Path, classes: int, size: int | None = None) -> Labels:
    """An index PNG, or a grey one, whose values are class numbers and 255; colour images are taken if they are grey.

    Raises:
        GantkError: the file is absent, no such image, of another size, or has a number that is no class.
    """
    source = Path(path)
    try:
        array = np.asarray(open_values(source))
    except GantkError as error:
        raise GantkError(f"The label map {source} cannot be read: {error}.") from error
    if array.ndim == 3:
        if (array != array[..., :1]).any():
            raise GantkError(
                f"{source} is a colour picture, and a label map has class numbers: save it as an index or grey PNG."
            )
        array = array[..., 0]
    label = np.ascontiguousarray(array, dtype=np.uint8)
    if size is not None and label.shape != (size, size):
        raise GantkError(f"{source} is {label.shape[1]} x {label.shape[0]} pixels where {size} x {size} are expected.")
    check_ids(label, classes, str(source))
    return label


def check_ids(label: Labels, classes: int, what: str) -> None:
    """Raise GantkError where a map has a number that is neither a class nor 255."""
    wrong = label[(label >= classes) & (label != IGNORE)]
    if wrong.size:
        raise GantkError(
            f"{what} has class {int(wrong.max())}, and the classes are 0 to {classes - 1} (255: not labelled)."
        )


def label_png(label: Labels, colours: Colours) -> bytes:
    """An index PNG with the classes' colours as its palette."""
    from PIL import Image

    flat = [part for colour in colours for part in colour]
    image = Image.frombytes("P", label.shape[::-1], label.tobytes())
    image.putpalette(flat + [128] * (768 - len(flat)))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def write_label_map(path: Path, label: Labels, colours: Colours) -> Path:
    return write_atomic(path, label_png(label, colours))


def colour_map(label: Labels, colours: Colours) -> Labels:
    """uint8 [..., S, S] to its colours [..., S, S, 3]; what is not labelled is grey."""
    table = np.full((256, 3), 128, np.uint8)
    if len(colours):
        table[: len(colours)] = colours
    return np.asarray(table[label])


_SHAPE = re.compile(r"(?P<class>[^:]+):(?P<numbers>[-\d.,\s]+)")


def draw(texts: Sequence[str], names: Sequence[str], size: int, label: Labels | None = None) -> Labels:
    """Boxes ``sky:0,0,64,20`` (left, top, right, bottom) and discs ``tree:12,40,6`` (x, y, radius), in pixels.

    Drawn in order onto `label` (default: nothing labelled). A class is a name or a number.

    Raises:
        UsageError: a shape that is not understood, an unknown class, or one that lies outside the image.
    """
    drawn = np.full((size, size), IGNORE, np.uint8) if label is None else label.copy()
    for text in texts:
        match = _SHAPE.fullmatch(text.strip())
        numbers = [float(part) for part in match["numbers"].split(",") if part.strip()] if match else []
        if match is None or len(numbers) not in (3, 4):
            raise UsageError(f"{text!r} is no shape: write CLASS:LEFT,TOP,RIGHT,BOTTOM or CLASS:X,Y,RADIUS in pixels.")
        drawn[inside(numbers, size, text)] = class_number(match["class"], names)
    return drawn


def inside(numbers: Sequence[float], size: int, what: str) -> npt.NDArray[np.bool_]:
    """The pixels [S, S] of a box (four numbers) or disc (three).

    Raises:
        UsageError: it has no pixel in the image, or reaches beyond it.
    """
    y, x = np.mgrid[:size, :size] + 0.5
    if len(numbers) == 4:
        left, top, right, bottom = numbers
        mask = (x > left) & (x < right) & (y > top) & (y < bottom)
    else:
        left, top = numbers[0] - numbers[2], numbers[1] - numbers[2]
        right, bottom = numbers[0] + numbers[2], numbers[1] + numbers[2]
        mask = (x - numbers[0]) ** 2 + (y - numbers[1]) ** 2 < numbers[2] ** 2
    beyond = min(left, top) < 0 or max(right, bottom) > size
    if beyond or not mask.any():
        where = "reaches outside" if beyond else "covers no pixel of"
        raise UsageError(f"The stroke {what!r} {where} the image: coordinates run from 0 to {size} in both directions.")
    return np.asarray(mask)


def class_number(word: str, names: Sequence[str]) -> int:
    """A class by name or number.

    Raises:
        UsageError: there is none.
    """
    text = word.strip()
    if text in names:
        return list(names).index(text)
    if text.isdigit() and int(text) < len(names):
        return int(text)
    raise UsageError(f"There is no class {text!r} among {', '.join(names)}.{suggestion(text, list(names))}")
