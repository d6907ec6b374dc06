"""What the numbers of a result are called in words: as the columns of its command's own page, else by their names."""

from __future__ import annotations

from gantk.reports.sections import Column, Table
from gantk.runs.results import Result
from gantk.runs.table import find_task

SPELLED = {
    "auc": "AUC", "mse": "MSE", "ssim": "SSIM", "psnr": "PSNR", "roir": "ROIR", "miou": "mIoU", "num": "number",
    "std": "standard deviation", "min": "smallest", "max": "largest", "val": "held out",
}  # fmt: skip
"""Parts of names that are no words."""


def labels_of(result: Result) -> dict[str, str]:
    """Name in the result's `table()` -> name of the column that shows it on the page."""
    sections = find_task(result.TASK).page_of(result).sections
    columns = [column for section in sections if isinstance(section, Table) for column in section.columns]
    return {column.field: column.name for column in columns if isinstance(column, Column) and column.field}


def in_words(name: str) -> str:
    """A name as words: `layer_03` is layer 3, and `spread.pixels`, which is in a part of a result, pixels (spread)."""
    of, _, own = name.rpartition(".")
    parts = [" ".join(_word(word) for word in part.split("_")) for part in (own, of.rpartition(".")[2])]
    return parts[0] if not parts[1] else f"{parts[0]} ({parts[1]})"


def _word(word: str) -> str:
    return str(int(word)) if word.isdecimal() else SPELLED.get(word, word)
