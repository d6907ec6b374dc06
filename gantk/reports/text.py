"""Captions and prose: plain text in, safe HTML out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from markupsafe import Markup, escape

from gantk.errors import GantkError
from gantk.reports.numbers import MINUS

_NEGATIVE = re.compile(r"(?<![\w.)-])-(?=\.?\d)")
_UNIT = re.compile(
    r"(?<=\d) (?=(?:%|\u00b0|dB|px|mm|ms|s|min|h|[kMG]B|[KMG]iB)(?![\w-])|\u00b1 )|(?<=\u00b1) (?=\d)"
    r"|(?<=\d,) (?=[\d.]+\])"
)
_WHOLE = re.compile(r"(?<![\w.-])\d+-\d+(?![\w-])|(?<!\S)--?[a-zA-Z][\w-]*")
WHOLE = 24
"""Letters of a word of code up to which it is not divided between lines."""
_INLINE = re.compile(r"`([^`\n]+)`|\*\*([^*\n]+)\*\*")


def unbroken(text: str) -> str:
    """No line ends between a number and its unit or its error, or inside a range such as [0, 1]."""
    return _UNIT.sub("\u00a0", text)


def typeset(text: str) -> str:
    """Numbers as every page has them: `unbroken`, and a hyphen before a digit and behind no letter is a minus."""
    return unbroken(_NEGATIVE.sub(MINUS, text))


def inline(text: str) -> Markup:
    """Escape `text`; `code` and **strong** become markup, and negative numbers outside code get a minus sign."""
    parts: list[str] = []
    end = 0
    for match in _INLINE.finditer(text):
        parts.append(whole(typeset(text[end : match.start()])))
        code, strong = match.groups()
        parts.append(_code(code) if code is not None else f"<strong>{whole(typeset(strong))}</strong>")
        end = match.end()
    parts.append(whole(typeset(text[end:])))
    return Markup("".join(parts))


def whole(text: str) -> Markup:
    """Escape `text` so that no line ends inside a range such as 5-9 or an option such as --rows."""
    return Markup(_WHOLE.sub(r'<span class="whole">\g<0></span>', str(escape(text))))


def _code(code: str) -> str:
    """Code of which no line ends inside an option, a range or a short word."""
    if len(code) <= WHOLE and " " not in code:
        return f'<code class="whole">{escape(code)}</code>'
    return f"<code>{whole(code)}</code>"


def paragraphs(text: str) -> Markup:
    """Blocks between blank lines become paragraphs, runs of lines that start with "- " become lists."""
    blocks = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = [line.strip() for line in block.splitlines() if line.strip()]
        before = [line for line in lines if not line.startswith("- ")]
        items = [line[2:] for line in lines if line.startswith("- ")]
        if before:
            blocks.append(Markup("<p>{}</p>").format(inline(" ".join(before))))
        if items:
            points = Markup("").join(Markup("<li>{}</li>").format(inline(item)) for item in items)
            blocks.append(Markup("<ul>{}</ul>").format(points))
    return Markup("\n").join(blocks)


class Anchors:
    """Anchors made from titles, each given once."""

    def __init__(self, taken: Iterable[str] = ("top", "reproduce", "cite")):
        self._taken = set(taken)

    def take(self, title: str) -> str:
        plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
        stem = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:48] or "section"
        name, number = stem, 2
        while name in self._taken:
            name, number = f"{stem}-{number}", number + 1
        self._taken.add(name)
        return name


def safe_address(href: str) -> str:
    """`href` as it may stand in a link: an http(s) address, an anchor, or a quoted path below the page's folder."""
    if href.startswith("#"):
        return "#" + quote(href[1:], safe="-._~%")
    scheme = urlsplit(href).scheme.lower()
    if scheme in ("http", "https"):
        return href
    if scheme or href.startswith(("/", "\\")) or ".." in href.replace("\\", "/").split("/"):
        raise GantkError(
            f"The link {href!r} leads out of the run directory; a path inside it, an http(s) address or an anchor "
            "is expected."
        )
    return quote(href.replace("\\", "/"), safe="/-._~#")
