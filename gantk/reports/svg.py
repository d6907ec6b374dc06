"""A few lines to write SVG with: every text and attribute is escaped, every coordinate rounded."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape


def coordinate(value: float) -> str:
    """At most two decimals: a hundredth of a pixel is below what a screen shows."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def tag(name: str, content: Iterable[Markup | str] | Markup | str = "", **attributes: object) -> Markup:
    """`<name attributes>content</name>`.

    Attribute names: `class_` is class, underscores become hyphens; None is left out.
    """
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is None:
            continue
        shown = coordinate(value) if isinstance(value, float) else str(value)
        parts.append(f' {key.rstrip("_").replace("_", "-")}="{escape(shown)}"')
    inner = content if isinstance(content, str) else Markup("").join(content)
    parts.append(f">{escape(inner)}</{name}>" if inner else "/>")
    return Markup("".join(parts))


def path_of(points: Iterable[tuple[float, float]]) -> str:
    """The `d` of a polyline; a None-like gap is not drawn (callers split at missing values)."""
    return "M" + "L".join(f"{coordinate(x)} {coordinate(y)}" for x, y in points)
