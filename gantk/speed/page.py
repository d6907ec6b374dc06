"""The page of `gantk models bench`."""

from __future__ import annotations

from gantk.reports.page import Page
from gantk.reports.sections import Cell, Prose, Section, Table
from gantk.speed.measuring import Rate, Speed

ABOUT = (
    "Rates on this device, beside what a product of matrices and a copy reach on it at the same time. The larger of "
    "the two shares says what bounds a forward pass: its arithmetic, or the memory it moves."
)


def page(speed: Speed) -> Page:
    limits = Table(
        ["precision", "product, TFLOP/s", "copy, GB/s"],
        [(each.precision, _cell(each.flops / 1e12), _cell(each.bytes / 1e9)) for each in speed.limits],
        "What the device reaches",
        "Measured by one product of two matrices and one copy, without a network.",
    )
    columns = ["work", "at once", "precision", "per second", "memory, MB", "% of product", "% of copy"]
    rates = Table(
        columns,
        [_row(rate) for rate in speed.rates],
        "Rates",
        "Forward passes and traces are counted in images, tangents in columns of the Jacobian. On a CPU, memory is "
        "what the process grew by: a pass that takes what earlier ones had left shows 0.",
    )
    sections: list[Section] = [Prose(ABOUT), rates, limits]
    subtitle = f"{speed.family} of {speed.resolution} pixels, {speed.flop / 1e9:.3g} GFLOP an image, on {speed.device}."
    return Page(f"Speed of {speed.model}", subtitle, sections)


def _row(rate: Rate) -> tuple[str | int | Cell | None, ...]:
    shares = [_cell(None if share is None else 100 * share) for share in (rate.of_matmul, rate.of_copy)]
    memory = None if rate.memory is None else round(rate.memory / 1e6)
    return (rate.work, rate.batch, rate.precision, rate.failed or _cell(rate.per_second), memory, *shares)


def _cell(value: float | None) -> Cell | None:
    """A measured rate or share: three digits, which is more than two measurements agree on."""
    return None if value is None else Cell(value, f"{value:.3g}")
