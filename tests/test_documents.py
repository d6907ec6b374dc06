"""Every document is linked from the README and the index, and no link leads nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(path for path in (ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_document_is_linked(path: Path) -> None:
    assert f"(docs/{path.name})" in (ROOT / "README.md").read_text(encoding="utf-8")
    if path.name != "index.md":
        assert f"({path.name})" in (ROOT / "docs" / "index.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [ROOT / "README.md", *DOCUMENTS], ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)\s]*)?\)", text):
        assert (path.parent / target).exists(), f"{path.name} links {target}, which is not there"


def test_headings_that_pages_link_are_there() -> None:
    """Anchors as GitHub makes them: lower case, no punctuation, hyphens for spaces."""
    for path in DOCUMENTS:
        for name, anchor in re.findall(r"\]\(([\w-]+\.md)#([^)]+)\)", path.read_text(encoding="utf-8")):
            other = (path.parent / name).read_text(encoding="utf-8")
            found = {
                re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
                for heading in re.findall(r"^#+ (.*)$", other, flags=re.M)
            }
            assert anchor in found, f"{path.name} links {name}#{anchor}"
