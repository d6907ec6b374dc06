"""SVG files as PDF with embedded letters, through the extra `figures` (svglib and reportlab)."""

from __future__ import annotations

import importlib.util
import io
import xml.etree.ElementTree as ET
from functools import lru_cache

from gantk.errors import GantkError

ABSENT = "PDF files were left out, because svglib and reportlab are not installed: pip install 'gantk[figures]'."
_LIKE = {"\u2212": "-", "\u202f": "\u00a0", "\u2192": "->", "\u2190": "<-", "\u2026": "...", "\u2248": "~"}


def can_write_pdf() -> bool:
    """Whether the extra is installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("svglib", "reportlab"))


@lru_cache(maxsize=1)
def _font() -> tuple[str, frozenset[int]]:
    """The name of the font that is embedded and the letters it has: DejaVu Sans where the system has it, else Vera."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFError, TTFont
    from svglib.fonts import register_font

    places = ("DejaVuSans.ttf", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "Vera.ttf")
    for path in places:
        name = "gantk-sans"
        try:
            font = TTFont(name, path)
        except (TTFError, OSError):
            continue
        pdfmetrics.registerFont(font)
        register_font(name, rlgFontName=name)
        return name, frozenset(font.face.charToGlyph)
    raise AssertionError("reportlab comes without its font Vera")


def to_pdf(svg: str) -> bytes:
    """A drawing of `gantk.reports.drawing` as a PDF of one page of its size.

    The same drawing gives the same bytes. A letter that the font lacks becomes the nearest one that it has.
    """
    from reportlab.graphics import renderPDF
    from reportlab.pdfgen.canvas import Canvas
    from svglib.svglib import svg2rlg

    font, letters = _font()
    root = ET.fromstring(svg)
    for node in root.iter():
        if node.tag.endswith("}text"):
            node.set("font-family", font)
            node.text = "".join(c if ord(c) in letters else _LIKE.get(c, "?") for c in node.text or "")
            node.attrib.pop("font-weight", None)  # one font is embedded, and it has one weight
    drawing = svg2rlg(io.BytesIO(ET.tostring(root, encoding="utf-8")))
    if drawing is None:
        raise GantkError(f"svglib cannot read the drawing {root.findtext('{*}title')!r}: take its SVG.")
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(drawing.width, drawing.height), invariant=1)
    renderPDF.draw(drawing, canvas, 0, 0)
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()
