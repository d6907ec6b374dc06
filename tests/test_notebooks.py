"""The notebooks of docs/notebooks, run from the first cell to the last, with small numbers."""

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
SECONDS = 300  # of one cell, on a machine that does other things as well

# What a call is asked for in a test, in place of what the notebook asks.
SMALL = {
    "higan": {"(generator, 1000,": "(generator, 48,", "num=60": "num=6"},
    "lse": {"shots=8, held_out=64": "shots=2, held_out=3", "num=50": "num=3"},
    "navigan": {"k=4, num=8, tolerance=0.05": "k=1, num=1, tolerance=0.9", "(generator, 8)": "(generator, 2)"},
    "resefa": {
        "num=16": "num=1",
        "held_out=8": "held_out=1, shown=1, samples=1, against='sefa,random'",
        "count=16": "count=2",
        "range(8)": "range(2)",
    },
}
WIDGET = [
    "import gantk, numpy\nwidget = gantk.explore('demo', ['season'])\nwidget",
    "before = widget.image\nwidget.moves = {'season': 2.5}\n(widget.image != before).any()",
    "widget",
]

# In a process of its own: the kernel's sockets are closed with it. All share one kernel, emptied before each, in which
# `lse evaluate` scores the bundled segmenter on fewer renders than it would.
RUNNER = """
import asyncio, sys
from pathlib import Path
import nbclient, nbformat
from jupyter_client.manager import AsyncKernelManager

async def main(folder, seconds):
    manager = AsyncKernelManager(kernel_name="python3")
    manager.kernel_spec.argv[0] = sys.executable
    for given in sorted(folder.glob("*.ipynb")):
        notebook = nbformat.read(given, as_version=4)
        notebook.cells.insert(0, nbformat.v4.new_code_cell("import gantk.lse.scoring as s; s.RENDERS = 50\\n%reset -f"))
        client = nbclient.NotebookClient(notebook, km=manager, timeout=seconds)
        try:
            await client.async_execute()
        except nbclient.exceptions.CellExecutionError as error:
            given.with_suffix(".error").write_text(str(error))
        else:
            del notebook.cells[0]
            nbformat.write(notebook, folder / "made" / given.name)
        client.kc.stop_channels()
    await manager.shutdown_kernel(now=True)

asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2])))
"""


def smaller(path: Path) -> Any:
    """The notebook with small numbers."""
    notebook = nbformat.read(path, as_version=4)
    for large, small in SMALL[path.stem].items():
        assert any(large in cell.source for cell in notebook.cells), f"{path.name} does not say {large!r} any more"
        for cell in notebook.cells:
            cell.source = cell.source.replace(large, small)
    return notebook


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The notebooks after all their cells ran in a kernel with this interpreter, below `made`; or what went wrong."""
    place = tmp_path_factory.mktemp("notebooks")
    (place / "made").mkdir()
    widget = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in WIDGET])
    for name, notebook in (("widget", widget), *((path.stem, smaller(path)) for path in NOTEBOOKS)):
        nbformat.write(notebook, place / f"{name}.ipynb")
    own = {"IPYTHONDIR": str(place / "ipython"), "JUPYTER_RUNTIME_DIR": str(place / "runtime")}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, **own, "PYTHONPATH": path, "JUPYTER_PLATFORM_DIRS": "1"}
    command = [sys.executable, "-c", RUNNER, str(place), str(SECONDS)]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=2 * SECONDS)
    assert done.returncode == 0, done.stderr[-4000:]
    return place


def executed(folder: Path, name: str) -> Any:
    """An executed notebook; an error of a cell is one of the test."""
    error = folder / f"{name}.error"
    assert not error.exists(), error.read_text()[-4000:]
    return nbformat.read(folder / "made" / f"{name}.ipynb", as_version=4)


def outputs(cell: Any) -> list[Any]:
    return [item.get("data", {}) for item in cell.get("outputs", [])]


@pytest.mark.slow
def test_16_the_widget_lives_in_an_executed_notebook(folder: Path) -> None:
    done = executed(folder, "widget")
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
def test_every_notebook_runs(path: Path, folder: Path) -> None:
    done = executed(folder, path.stem)
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
