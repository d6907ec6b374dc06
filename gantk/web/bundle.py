"""The page's modules as one module, for a notebook that can load no files beside it."""

from __future__ import annotations

import json
import re
from importlib.resources import files

ENTRY = "notebook.js"
STYLES = ("page.css", "views.css", "notebook.css")
IMPORT = re.compile(r'from "\./([a-z]+\.js)"')

# Every module becomes an object of the browser, after those that it imports; nothing is fetched.
LOADER = """
async function load() {
  const links = {};
  for (const [name, text] of SOURCES) {
    const linked = text.replace(/from "\\.\\/([a-z]+\\.js)"/g, (_, other) => `from "${links[other]}"`);
    links[name] = URL.createObjectURL(new Blob([linked], { type: "text/javascript" }));
  }
  const found = await import(links["ENTRY"]);
  for (const link of Object.values(links)) URL.revokeObjectURL(link);
  return found;
}
export default {
  async render({ model, el }) {
    const { mount } = await load();
    return mount(model, el, STYLES);
  },
};
"""


def modules() -> list[tuple[str, str]]:
    """Name and text of every module that the widget needs, each after those that it imports."""
    folder = files("gantk.web").joinpath("static")
    found: dict[str, str] = {}

    def take(name: str) -> None:
        text = folder.joinpath(name).read_text(encoding="utf-8")
        for other in IMPORT.findall(text):
            if other not in found:
                take(other)
        found[name] = text

    take(ENTRY)
    return list(found.items())


def styles() -> str:
    """The page's styles, for the root of a widget in the place of a page's."""
    folder = files("gantk.web").joinpath("static")
    return "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in STYLES).replace(":root", ":host")


def module() -> str:
    """The text of the one module, as anywidget takes it."""
    text = LOADER.replace("ENTRY", ENTRY)
    return f"const SOURCES = {json.dumps(modules())};\nconst STYLES = {json.dumps(styles())};\n{text}"
