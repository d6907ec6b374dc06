"""Colours of heat maps, mixed in OKLab so that equal steps look equal, for light and dark pages.

Blue against orange is told apart by all common kinds of colour blindness; lightness alone carries the magnitude, so
that a grey print still reads. The text on a cell takes whichever of two inks contrasts more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Palette:
    """A neutral, and on either side a vivid colour (half way) and a full one."""

    neutral: str
    negative: tuple[str, str]
    positive: tuple[str, str]


INKS = ("#000000", "#ffffff")
"""Of these two, one always has a contrast of at least 4.5 with any background."""

_GREEN_LIGHT, _GREEN_DARK = ("#45ab9c", "#07504a"), ("#2b8a7c", "#8ff0df")
LIGHT = Palette("#f1f4f3", ("#76a2e2", "#14408c"), ("#e59a63", "#8c3200"))
DARK = Palette("#1d2624", ("#3f6cb0", "#a9cbff"), ("#b0643a", "#ffc295"))
LIGHT_SEQUENTIAL = Palette("#f1f4f3", _GREEN_LIGHT, _GREEN_LIGHT)
DARK_SEQUENTIAL = Palette("#1d2624", _GREEN_DARK, _GREEN_DARK)


def _parse(colour: str) -> RGB:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))  # type: ignore[return-value]


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _gamma(channel: float) -> float:
    channel = min(max(channel, 0.0), 1.0)
    return 12.92 * channel if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055


def _to_oklab(colour: str) -> RGB:
    r, g, b = (_linear(channel) for channel in _parse(colour))
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    middle = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def _from_oklab(lab: RGB) -> str:
    lightness, a, b = lab
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    rgb = (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )
    return "#" + "".join(f"{round(_gamma(channel) * 255):02x}" for channel in rgb)


def luminance(colour: str) -> float:
    r, g, b = (_linear(channel) for channel in _parse(colour))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2, 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def mix(start: str, end: str, amount: float) -> str:
    """`amount` in [0, 1] of the way from one colour to the other."""
    one, other = _to_oklab(start), _to_oklab(end)
    return _from_oklab(tuple(a + (b - a) * amount for a, b in zip(one, other, strict=True)))  # type: ignore[arg-type]


@lru_cache(maxsize=4096)
def cell_colours(position: float, palette: Palette) -> tuple[str, str]:
    """Background and ink for a position in [-1, 1]."""
    position = min(max(position, -1.0), 1.0)
    vivid, full = palette.positive if position >= 0 else palette.negative
    amount = 2 * abs(position)
    background = mix(palette.neutral, vivid, amount) if amount <= 1 else mix(vivid, full, amount - 1)
    usual = max(
        INKS, key=lambda ink: contrast(palette.neutral, ink)
    )  # kept as long as it reads: fewer inks, calmer table
    if contrast(background, usual) >= 4.5:
        return background, usual
    return background, max(INKS, key=lambda ink: contrast(background, ink))
