"""The notebooks of docs/notebooks, run from the first cell to the last in a kernel of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat", reason="nbclient is not installed")
pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")
pytest.importorskip("anywidget", reason="the extra notebook is not installed")

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
VIEW, STATE = "application/vnd.jupyter.widget-view+json", "application/vnd.jupyter.widget-state+json"
SECONDS = 300  # of one notebook, on a machine that does other things as well


# In a process of its own: the kernel's sockets are closed with it.
RUNNER = """
import sys
import nbclient, nbformat
from jupyter_client.manager import AsyncKernelManager

manager = AsyncKernelManager(kernel_name="python3")
manager.kernel_spec.argv[0] = sys.executable
notebook = nbformat.read(sys.argv[1], as_version=4)
client = nbclient.NotebookClient(notebook, km=manager, timeout=float(sys.argv[3]))
try:
    client.execute()
except nbclient.exceptions.CellExecutionError as error:
    sys.exit(str(error))
nbformat.write(notebook, sys.argv[2])
"""


def executed(notebook: Any, place: Path) -> Any:
    """The notebook after all its cells ran in a kernel with this interpreter; an error of a cell is one of the test."""
    given, made = place / "given.ipynb", place / "made.ipynb"
    nbformat.write(notebook, given)
    own = {"IPYTHONDIR": str(place / "ipython"), "JUPYTER_RUNTIME_DIR": str(place / "runtime")}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, **own, "PYTHONPATH": path, "JUPYTER_PLATFORM_DIRS": "1"}
    command = [sys.executable, "-c", RUNNER, str(given), str(made), str(SECONDS)]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr[-4000:]
    return nbformat.read(made, as_version=4)


def outputs(cell: Any) -> list[Any]:
    return [item.get("data", {}) for item in cell.get("outputs", [])]


def test_16_the_widget_lives_in_an_executed_notebook(tmp_path: Path) -> None:
    cells = [
        "import gantk, numpy\nwidget = gantk.explore('demo', ['season'])\nwidget",
        "before = widget.image\nwidget.moves = {'season': 2.5}\n(widget.image != before).any()",
        "widget",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    done = executed(notebook, tmp_path)
    first, second, third = (outputs(cell) for cell in done.cells)
    shown = first[-1]
    assert VIEW in shown and "image/png" in shown
    assert "True" in second[-1]["text/plain"]
    assert third[-1]["image/png"] != shown["image/png"]
    state = done.metadata["widgets"][STATE]["state"][shown[VIEW]["model_id"]]["state"]
    assert state["moves"] == {"season": 2.5} and state["base"]["seed"] == 0
    assert "notebook.js" in state["_esm"]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_notebook_runs(path: Path, tmp_path: Path) -> None:
    done = executed(nbformat.read(path, as_version=4), tmp_path)
    code = [cell for cell in done.cells if cell.cell_type == "code"]
    assert all(cell["execution_count"] for cell in code)
    assert any(VIEW in data for data in outputs(code[-1]))
    assert sum("image/png" in data for cell in code for data in outputs(cell)) >= 3


def test_the_four_notebooks_are_kept_without_outputs_and_without_paths() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["higan", "lse", "navigan", "resefa"]
    readme, index = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/index.md"))
    for path in NOTEBOOKS:
        assert f"(docs/notebooks/{path.name})" in readme and f"(notebooks/{path.name})" in index
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        text = "".join(cell.source for cell in notebook.cells)
        assert not re.search(r"/(home|root|tmp|work|Users)/", text)
        for cell in notebook.cells:
            assert cell.cell_type == "markdown" or (not cell.outputs and cell.execution_count is None)
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
            assert (path.parent / target).exists(), f"{path.name} links {target}"
        words = sum(len(cell.source.split()) for cell in notebook.cells if cell.cell_type == "markdown")
        assert words > 250, f"{path.name} teaches in {words} words"
