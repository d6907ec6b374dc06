"""The Python in the documents of the systems, run as it stands there but with small numbers."""

from __future__ import annotations

import re
import webbrowser
from pathlib import Path
from typing import Any

import pytest

import gantk
from gantk.pictures.images import to_uint8

DOCS = Path(__file__).resolve().parent.parent / "docs"
FENCED = re.compile(r"```python\n(.*?)```", re.DOTALL)
INDENTED = re.compile(r"(?:^ {4}.*\n|^\n)+", re.MULTILINE)

TRAINED = 'held_out=2, batch_size=4, warm_up=0, depth="18", width=4, pyramid=8, rank=4, perceptual=0'

# Of each document: words that its blocks are known by, in the order in which they are run, and what is made small.
CASES: dict[str, tuple[list[str], dict[str, str]]] = {
    "ghfeat.md": (
        ["gantk.ghfeat.extract(", "tune=True"],
        {
            "steps=100": "steps=1",
            "images=100_000, adversarial=0": f"images=8, adversarial=0, {TRAINED}",
            "tune=True": "tune=True, steps=1, tune_steps=1",
        },
    ),
    "lse.md": (
        ["gantk.lse.fewshot(", "gantk.load_head("],
        {
            "shots=8": "shots=2, held_out=0",
            "num=200": "num=2",
            '",))': '",), steps=1, frames=2)',
            "runs/lse/heads/LSE.": "runs/few/heads/n2-r0.",
        },
    ),
    "navigan.md": (
        ["gantk.navigan.hessian(", "target.edited("],
        {
            "k=16": "k=3, num=2, max_products=4, shown=1",
            "components=8, steps=1000": "components=3, steps=1, batch_size=2, num=2, shown=1",
        },
    ),
    "generators.md": (["generator.trace(wp_NLD"], {}),
    "files.md": (["label_dim=0"], {}),
    "api/index.md": (["gantk.sample("], {}),
    "api/results.md": (["Run.begin("], {"8000": "4"}),
}


def block(text: str, word: str) -> str:
    """The one block of Python that has these words in it."""
    found = [*FENCED.findall(text), *(re.sub("^    ", "", part, flags=re.M) for part in INDENTED.findall(text))]
    (one,) = [part for part in found if word in part]
    return str(one)


@pytest.mark.parametrize("name", CASES)
def test_the_lines_of_a_document_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words, changes = CASES[name]
    text = (DOCS / name).read_text(encoding="utf-8")
    code = "\n".join(block(text, word) for word in words)
    for before, after in changes.items():
        assert before in code, f"docs/{name} does not say {before!r} any more"
        code = code.replace(before, after)
    monkeypatch.setattr(webbrowser, "open", lambda url: None)
    monkeypatch.chdir(tmp_path)
    photos(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(code, f"docs/{name}", "exec"), names)  # a block of our own document


def photos(folder: Path) -> None:
    """Pictures of the names that documents use."""
    from PIL import Image

    from gantk.world.renderer import render, sample_scene

    (folder / "folder").mkdir()
    pixels = to_uint8(render(*sample_scene(4, seed=0), 64).image_NCHW)
    for place, name in enumerate(("photo.png", "a.png", "b.png", "folder/c.png")):
        Image.fromarray(pixels[place]).save(folder / name)


def test_every_public_name_is_in_the_reference() -> None:
    """`make docs` builds pages of docs/api: what gantk and its systems offer stands on one of them."""
    pages = "".join(path.read_text(encoding="utf-8") for path in (DOCS / "api").glob("*.md"))
    modules = re.findall(r"automodule:: gantk\.(\w+)", pages)
    named = {getattr(gantk, name) for name in re.findall(r"auto(?:function|class|exception):: gantk\.(\w+)\n", pages)}
    for module in modules:
        named |= {getattr(getattr(gantk, module), name) for name in getattr(gantk, module).__all__}
    for name in gantk.__all__:
        assert name == "__version__" or name in modules or getattr(gantk, name) in named, f"gantk.{name} is on no page"
