"""Imports point one way: down the list of rooms in docs/architecture.md, only to what stands above."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import gantk

PACKAGE = Path(gantk.__file__).parent
SYSTEMS = ("higan", "lse", "ghfeat", "navigan", "resefa")

# Rank of every first part below `gantk`; an import may not point to a higher rank. Rank 0 knows nothing of GANs.
RANKS: dict[str, int] = {
    **dict.fromkeys(("errors", "store"), 0),
    "pictures": 1,
    "generators": 2,
    "checkpoints": 3,
    "world": 4,
    "predictors": 5,
    "codes": 6,
    **dict.fromkeys(("runs", "reports"), 7),
    **dict.fromkeys(
        (*SYSTEMS, "between", "comparators", "disentanglement", "fewlabels", "quality", "speed", "stylespace"), 9
    ),
    **dict.fromkeys(("tour", "slurm", "atlas", "comparing"), 10),
    **dict.fromkeys(("cli", "web", "__main__"), 11),
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:
            yield name, path


def imports(source: str, module: str = "") -> set[str]:
    """Return what a module imports from gantk, functions included, annotations' imports (TYPE_CHECKING) not."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.orelse:
                visit(child)
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = ["gantk", *module.split(".")][: -node.level]
                base = ".".join([*parents, *([node.module] if node.module else [])])
            found.update(f"{base}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(source))
    return {name.removeprefix("gantk.") for name in found if name.startswith("gantk.")}


def back_edges(module: str, imported: set[str]) -> list[str]:
    first = module.split(".")[0]
    wrong = []
    for name in sorted(imported):
        target = name.split(".")[0]
        if target not in RANKS:
            continue  # a public name of the package itself
        if RANKS[target] > RANKS[first]:
            wrong.append(f"{module} imports {name}, which is built on top of it")
        elif target in SYSTEMS and target != first and first in SYSTEMS:
            wrong.append(f"{module} imports {name}: systems do not import each other")
    return wrong


@pytest.mark.parametrize(("name", "path"), [pytest.param(name, path, id=name) for name, path in modules()])
def test_imports_point_one_way(name: str, path: Path) -> None:
    first = name.split(".")[0]
    assert first in RANKS, f"say in this test where gantk/{first} stands in the one-way order"
    assert back_edges(name, imports(path.read_text(encoding="utf-8"), name)) == []


def test_back_edges_are_seen() -> None:
    source = "def f():\n    from gantk.higan.boundary import fit\n"
    assert imports(source) == {"higan.boundary.fit"}
    assert back_edges("generators.ops", imports(source))
    assert back_edges("lse.head", {"higan.boundary"})
    assert not back_edges("higan.rescore", {"higan.boundary", "runs.run.Run", "generators.base"})
    assert imports("from ..higan import x", "generators.ops") == {"higan.x"}
    assert imports("if TYPE_CHECKING:\n    from gantk.cli import main\n") == set()


def test_modules_do_not_import_each_other() -> None:
    """No cycle among modules at import time (imports inside functions may close one)."""
    graph: dict[str, set[str]] = {}
    names = {name for name, _ in modules()}
    for name, path in modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        tree.body = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        targets = set()
        for imported in imports(ast.unparse(tree), name):
            target = imported if imported in names else imported.rpartition(".")[0]
            if target in names and target != name:
                targets.add(target)
        graph[name] = targets
    finished: set[str] = set()

    def walk(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, "import cycle: " + " -> ".join((*trail[trail.index(name) :], name))
        if name not in finished:
            for target in sorted(graph[name]):
                walk(target, (*trail, name))
            finished.add(name)

    for name in graph:
        walk(name, ())
