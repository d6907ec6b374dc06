"""The page of `gantk models bench`."""

from __future__ import annotations

from gantk.reports.page import Page
from gantk.reports.sections import Prose, Section, Table
from gantk.speed.measuring import Rate, Speed

ABOUT = (
    "Rates on this device, beside what a product of matrices and a copy reach on it at the same time. The larger of "
    "the two shares says what bounds a forward pass: its arithmetic, or the memory it moves."
)


def page(speed: Speed) -> Page:
    limits = Table(
        ["precision", "product, TFLOP/s", "copy, GB/s"],
        [(each.precision, round(each.flops / 1e12, 3), round(each.bytes / 1e9, 1)) for each in speed.limits],
        "What the device reaches",
        "Measured by one product of two matrices and one copy, without a network.",
    )
    columns = ["work", "at once", "precision", "per second", "memory, MB", "% of product", "% of copy"]
    rates = Table(
        columns,
        [_row(rate) for rate in speed.rates],
        "Rates",
        "Forward passes and traces are counted in images, tangents in columns of the Jacobian.",
    )
    sections: list[Section] = [Prose(ABOUT), rates, limits]
    subtitle = f"{speed.family} of {speed.resolution} pixels, {speed.flop / 1e9:.3g} GFLOP an image, on {speed.device}."
    return Page(f"Speed of {speed.model}", subtitle, sections)


def _row(rate: Rate) -> tuple[str | float | int | None, ...]:
    shares = [None if share is None else round(100 * share, 1) for share in (rate.of_matmul, rate.of_copy)]
    memory = None if rate.memory is None else round(rate.memory / 1e6)
    speed = rate.failed or float(f"{rate.per_second or 0:.4g}")
    return (rate.work, rate.batch, rate.precision, speed, memory, *shares)
