"""What visitors may ask of a server: of one's own nearly everything, of a public one less."""

from __future__ import annotations

from dataclasses import dataclass

from gantk.web import decode
from gantk.web.wire import ApiError

HEAVY = ("region", "fit", "uncertain", "sort")  # jobs of Regions, Train and Sort


@dataclass(frozen=True)
class Limits:
    """Attributes:
    upload: bytes of an uploaded picture.
    jobs: unfinished jobs of a project; None is the queue's own limit.
    kept: seconds that an untouched project stays; None is for ever.
    projects: how many there may be; None is any number.
    heavy: largest side of a model, in pixels, with Regions, Train and Sort; None is any.
    """

    upload: int = decode.MOST_BYTES
    jobs: int | None = None
    kept: float | None = None
    projects: int | None = None
    heavy: int | None = None

    def check_job(self, kind: str, unfinished: int, resolution: int) -> None:
        """
        Raises:
            ApiError: 429 for a job too many, 400 for one that is too much for the model's size.
        """
        if self.jobs is not None and unfinished >= self.jobs:
            raise ApiError(429, "A visitor of a public server has one job at a time: stop it, or wait for its end.")
        if self.heavy is not None and kind in HEAVY and resolution > self.heavy:
            raise ApiError(
                400, f"On a public server {kind!r} is for models of at most {self.heavy} pixels, and this one has "
                f"{resolution}: run gantk web yourself.",
            )  # fmt: skip


PUBLIC = Limits(upload=5 << 20, jobs=1, kept=86400.0, projects=1000, heavy=256)
