"""Numbers as people read them, and the ticks of an axis."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

MINUS = "\u2212"
MISSING = "\u2013"


def read_number(value: object) -> float | None:
    """The finite float behind `value`, or None for text, None, booleans, nan and infinities."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def show_number(value: object, digits: int = 3, signed: bool = False) -> str:
    """Fixed decimals for ordinary magnitudes, scientific beyond them, whole numbers whole, a dash for what is no
    number."""
    number = read_number(value)
    if number is None:
        return MISSING
    if isinstance(value, int) or (number.is_integer() and not signed and digits == 0):
        text = f"{int(number):,}".replace(",", "\u202f")
    elif number != 0 and (abs(number) >= 1e6 or abs(number) < 0.5 * 10.0 ** -max(digits + 1, 3)):
        text = f"{number:.2e}"
    else:
        text = f"{number:.{digits}f}"
        if float(text) == 0:
            text = text.lstrip("-")
    if signed and number > 0 and float(number) != 0:
        text = "+" + text
    return text.replace("-", MINUS)


def show_rounded(value: float, digits: int = 2) -> str:
    """A number with this many significant digits: 0.012, 1.0, 28, 1 300; powers of ten from a million on and for what
    is below a millionth."""
    if not math.isfinite(value):
        return MISSING
    rounded, exponent = (float(part) for part in f"{value:.{digits - 1}e}".split("e"))
    if value == 0 or -6 <= exponent < 6:
        shown = round(value, digits - 1 - int(exponent)) + 0.0  # no zero has a sign
        text = f"{shown:,.{max(0, digits - 1 - int(exponent))}f}".replace(",", "\u202f")
    else:
        text = f"{rounded:.{digits - 1}f}e{exponent:+03.0f}"
    return text.replace("-", MINUS)


def side_digits(value: float, bound: float, digits: int = 2) -> int:
    """At least `digits` decimals, and as many more (up to 6) as keep a number on its side of a bound: 1.96 is not
    written as 2.0 where 2 decides."""
    while digits < 6 and (float(f"{value:.{digits}f}") >= bound) != (value >= bound):
        digits += 1
    return digits


def show_places(places: Sequence[int]) -> str:
    """Numbers of rows in order, neighbours as a range: 0-3, 5, 7-9."""
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def show_rows(rows: Sequence[int]) -> str:
    """As `show_places`, with the noun: row 6, rows 0-9."""
    return f"row{'s' if len(rows) != 1 else ''} {show_places(rows)}"


def show_fixed(value: float, digits: int) -> str:
    """Always `digits` decimals, for numbers in a matrix: those too small for them read as zero."""
    text = f"{value:.{digits}f}"
    return (text.lstrip("-") if float(text) == 0 else text).replace("-", MINUS)


def show_step(value: float, digits: int | None = None) -> str:
    """A slider's value: signed, with no more decimals than it has; where nothing was moved, 0 on every slider."""
    if digits is None:
        digits = step_digits([value])
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        return "0"
    return (text if text.startswith("-") else "+" + text).replace("-", MINUS)


def step_digits(values: list[float] | tuple[float, ...]) -> int:
    """Decimals (at most 3) that write every one of `values`."""
    for digits in range(3):
        if all(abs(round(value, digits) - value) < 1e-6 * max(1.0, abs(value)) for value in values):
            return digits
    return 3


def nice_ticks(low: float, high: float, count: int = 5, whole: bool = False) -> list[float]:
    """About `count` round values within [low, high]: steps of 1, 2, 2.5 or 5 times a power of ten, whole ones if
    asked."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low] if math.isfinite(low) else [0.0]
    rough = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    factors = (1, 2, 5, 10) if whole else (1, 2, 2.5, 5, 10)
    step = next(factor * power for factor in factors if factor * power >= rough * 0.999)
    step = max(step, 1.0) if whole else step
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 12) + 0.0 for index in range(first, last + 1)]


def tick_labels(ticks: list[float]) -> list[str]:
    """The ticks with as many decimals as their step needs."""
    if not ticks:
        return []
    largest = max(abs(tick) for tick in ticks)
    step = min((b - a for a, b in itertools.pairwise(ticks)), default=largest or 1.0)
    if largest >= 1e6 or (0 < step < 1e-4):
        return [(f"{tick:.1e}" if tick else "0").replace("-", MINUS) for tick in ticks]
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    if step > 0 and abs(round(step, digits) - step) > 1e-9 * step:
        digits += 1
    return [(f"{tick:,.{digits}f}".replace(",", "\u202f") if tick else "0").replace("-", MINUS) for tick in ticks]
