"""Options that several tasks have: classes that the options of a task inherit from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gantk.runs.options import LARGEST_SEED, Options, batch, option


@dataclass(frozen=True, kw_only=True)
class RunOptions(Options):
    """Where a run is kept and which part of it this process does. No verb sees these."""

    output_dir: str | None = option(None, "Run directory.", "-o", originals=("--outdir",), identity=False)
    plan: bool = option(
        False, "Work for a few seconds, print how long the whole run takes and how much memory it needs, and write "
        "nothing.",
        identity=False,
    )  # fmt: skip
    overwrite: bool = option(
        False, "Forget an earlier run of this command in the directory instead of continuing it.", identity=False
    )


@dataclass(frozen=True, kw_only=True)
class ShardOptions(RunOptions):
    """Of a task whose work can be divided."""

    shard: str | None = option(
        None, "Do part I (from 0) of N; auto reads slurm's or torchrun's variables.", metavar="I/N", identity=False
    )


@dataclass(frozen=True, kw_only=True)
class SeedOptions(Options):
    seed: int = option(0, "Seed of all draws.", least=0, most=LARGEST_SEED)


@dataclass(frozen=True, kw_only=True)
class BatchOptions(Options):
    batch_size: int = batch(16)


@dataclass(frozen=True, kw_only=True)
class TruncationOptions(Options):
    truncation: str | None = option(
        None,
        "Truncation: 0.7, 0.7:8 (psi:rows) or none.",
        originals=("--trunc", "--truncation-psi"),
        metavar="PSI[:ROWS]",
        default_text="what the model's file recommends",
        number=float,
    )

    def __post_init__(self) -> None:
        given: object = self.truncation
        if hasattr(given, "psi") and hasattr(given, "layers"):  # a `gantk.Truncation`
            object.__setattr__(self, "truncation", str(given))
        super().__post_init__()


@dataclass(frozen=True, kw_only=True)
class LabelOptions(Options):
    label: str | tuple[float, ...] | tuple[str, ...] | tuple[tuple[float, ...], ...] | None = option(
        None,
        "Class of the samples of a conditional network: a number, a name, shares (day:0.5,night:0.5), random, or an "
        ".npy of one for each sample.",
        originals=("--class",),
        metavar="CLASS",
        file=True,
        number=int,
    )


@dataclass(frozen=True, kw_only=True)
class QualityOptions(Options):
    """How image files are written. In memory there are no files, and these do nothing."""

    quality: int = option(95, "Quality of jpg and webp images.", least=1, most=100)
    workers: int | None = option(
        None, "Threads that write images.", least=1, identity=False, default_text="one per core"
    )


@dataclass(frozen=True, kw_only=True)
class PictureOptions(QualityOptions):
    """How pictures are written, in which format."""

    image_format: Literal["png", "jpg", "webp"] = option("png", "Format of the images on disk.")
