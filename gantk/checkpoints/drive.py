"""Pages that come instead of a file: Google Drive's confirmation, and how any other page is named in an error."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

# Drive does not scan large files for viruses and asks whether to go on; the answer is a form that leads to the file.
HOSTS = {"drive.google.com", "docs.google.com", "drive.usercontent.google.com"}
_FORMS = ("download-form", "downloadForm")
_LINK = "uc-download-link"  # what was there before the form


class _Page(HTMLParser):
    """The title, the first confirmation form with its hidden fields, and the older link."""

    def __init__(self) -> None:
        super().__init__()
        self.title = ""
        self.action: str | None = None
        self.fields: list[tuple[str, str]] = []
        self.link: str | None = None
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "title" and not self.title:
            self._inside = "title"
        elif tag == "form" and self.action is None and given.get("id") in _FORMS:
            self._inside, self.action = "form", given.get("action", "")
        elif tag == "input" and self._inside == "form" and given.get("type") == "hidden" and given.get("name"):
            self.fields.append((given["name"], given.get("value", "")))
        elif tag == "a" and given.get("id") == _LINK:
            self.link = given.get("href")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "title":
            self.title += data


def _read(page: bytes) -> _Page:
    reader = _Page()
    reader.feed(page.decode("utf-8", "replace"))
    return reader


def confirmed_address(page: bytes, url: str) -> str | None:
    """Where Drive's confirmation page leads; None when `page` (from `url`) is no such page.

    An address on another host than Drive's is not followed.
    """
    if urlsplit(url).hostname not in HOSTS:
        return None
    reader = _read(page)
    target = reader.action if reader.action is not None else reader.link
    if not target:
        return None
    try:
        parts = urlsplit(urljoin(url, target))
        if parts.hostname not in HOSTS:
            return None
    except ValueError:
        return None
    query = [*parse_qsl(parts.query, keep_blank_values=True), *reader.fields]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(query), ""))


def title(page: bytes) -> str:
    """The page's title in one short line of printable characters; empty when it has none."""
    line = " ".join(_read(page).title.split())
    return "".join(character for character in line if character.isprintable())[:80]
