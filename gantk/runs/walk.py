"""A walk as a result holds it: one direction on some samples, a picture for each step. Without torch."""

from __future__ import annotations

from gantk.runs.results import record
from gantk.runs.structure import Strip


@record
class Walk:
    """One direction on some samples.

    Attributes:
        name: of the direction.
        number: which of a file's directions; None where there is one.
        space: codes are moved in.
        rows: of wp that move; None is all.
        strips: one for each sample.
        note: what a caption adds.
        unit: what a distance counts in, such as "w before truncation"; empty where it is no distance of codes.
        spread: standard deviation of samples along the direction, in that unit; None where it was not measured.
        animations: format (gif, webp, mp4) -> file of the run.
    """

    name: str
    number: int | None = None
    space: str
    rows: tuple[int, ...] | None = None
    strips: tuple[Strip, ...]
    note: str = ""
    unit: str = ""
    spread: float | None = None
    animations: dict[str, str] | None = None
