"""Sphinx: the reference of gantk's Python interface, from its docstrings. `make docs` builds it."""

from __future__ import annotations

import inspect
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import gantk
from gantk.runs.option_values import said_of
from gantk.runs.options import Options, fields_of
from gantk.runs.table import TASKS, find_task
from gantk.runs.task import OPTIONS_SAID

project = "gantk"
author = "gantk contributors"
copyright = "gantk contributors"
version = release = gantk.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "alabaster"
html_theme_options = {"description": "What a trained GAN knows, where it is stored, and how to move it"}
html_show_sourcelink = False
html_copy_source = False

default_role = "code"  # `name` in a docstring is code
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_use_ivar = True
suppress_warnings = ["ref.python"]  # types of attributes called `name` or `shape` are looked up, and several have one
napoleon_preprocess_types = False


def fields_said(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Give a class of options the list of its fields, which its declarations say and its docstring does not."""
    if what == "class" and inspect.isclass(obj) and issubclass(obj, Options):
        if lines and lines[0].startswith(f"{obj.__name__}("):
            lines.clear()  # what dataclasses write where a class has no docstring
        shown = [field for field in fields_of(obj) if not field.about.hidden]
        lines += ["", *(f"- {said_of(field)}".replace("*", "\\*").replace("|", "\\|") for field in shown), ""]
    listed = [place for place, line in enumerate(lines) if line.startswith(OPTIONS_SAID)]
    if hasattr(obj, "OPTIONS") and listed:
        del lines[listed[0] :]  # they stand below their class


def signature_said(app: Any, what: str, name: str, obj: Any, options: Any, signature: Any, returns: Any) -> Any:
    """The fields of options are listed below the class; their declarations would say everything twice."""
    if what == "class" and inspect.isclass(obj) and issubclass(obj, Options):
        return "(**fields)", None
    if hasattr(obj, "OPTIONS"):
        taken = [each for each in inspect.signature(obj).parameters.values() if each.kind is not each.KEYWORD_ONLY]
        return f"({', '.join(map(written, taken))}, **options)", returns
    return signature, returns


def written(parameter: inspect.Parameter) -> str:
    """A parameter as it stands in the source: its annotation is a text there."""
    default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    return f"{parameter.name}: {parameter.annotation}{default}"


def tasks_said(app: Any, page: str, source: list[str]) -> None:
    """The page of results has the class of every task in the table, the page of a system the options of its tasks."""
    if find_spec("gantk." + page) and find_spec(f"gantk.{page}.options"):
        lines = ["", "```{eval-rst}", f".. automodule:: gantk.{page}.options", "   :members:", "```", ""]
        source[0] += "\n".join(lines)
    if page == "results":
        for name in TASKS:
            lines = [
                f".. autoclass:: {find_task(name).result.replace(':', '.')}",
                "   :members:",
                "   :show-inheritance:",
            ]
            source[0] += "\n".join(["", f"## gantk {name}", "", "```{eval-rst}", *lines, "```", ""])


def setup(app: Any) -> None:
    app.connect("source-read", tasks_said)
    app.connect("autodoc-process-docstring", fields_said, priority=100)
    app.connect("autodoc-process-signature", signature_said)
