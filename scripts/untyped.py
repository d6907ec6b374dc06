"""Count what the types of gantk leave open, and where the weight of the package is.

    python scripts/untyped.py            a table of rooms: lines, `dict[str, Any]`, `: Any`
    python scripts/untyped.py --json     the same as one JSON line, with the long callbacks and the systems' runs

`dict[str, Any]` and `: Any` are counted as they are written, comments and strings left out. A callback is a function
that click calls (decorated with `command`), with the number of its parameters. A function of a system that takes a
`Run` would bind an analysis to a directory: verbs take a `Store`.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import re
import sys
import tokenize
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "gantk"
SYSTEMS = ("higan", "lse", "ghfeat", "navigan", "resefa", "comparators", "disentanglement", "stylespace", "quality")
MOST_PARAMETERS = 12


def code_of(source: str) -> str:
    """The tokens of Python without comments, strings and white space."""
    left_out = (tokenize.COMMENT, tokenize.STRING, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return " ".join(token.string for token in tokens if token.type not in left_out)


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.arg]:
    """Every parameter of a function."""
    said = function.args
    stars = [each for each in (said.vararg, said.kwarg) if each is not None]
    return [*said.posonlyargs, *said.args, *said.kwonlyargs, *stars]


def count() -> dict[str, object]:
    """Lines and open types of every room, long callbacks, and functions of systems that take a Run."""
    rooms: dict[str, dict[str, int]] = {}
    callbacks: dict[str, int] = {}
    runs: list[str] = []
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE)
        room = rooms.setdefault(inside.parts[0] if len(inside.parts) > 1 else ".", dict.fromkeys(COLUMNS, 0))
        source = path.read_text(encoding="utf-8")
        code = code_of(source) if "Any" in source else ""
        room["lines"] += len(source.splitlines())
        room["dict[str, Any]"] += code.count("dict [ str , Any ]")
        room[": Any"] += len(re.findall(r": Any\b", code))
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            given, name = parameters(node), f"{inside}:{node.name}"
            if len(given) > MOST_PARAMETERS and any("command(" in ast.unparse(each) for each in node.decorator_list):
                callbacks[name] = len(given)
            if inside.parts[0] in SYSTEMS and any(takes_run(argument) for argument in given):
                runs.append(name)
    total = {column: sum(room[column] for room in rooms.values()) for column in COLUMNS}
    return {"rooms": rooms, "total": total, "long_callbacks": callbacks, "systems_taking_a_run": runs}


COLUMNS = ("lines", "dict[str, Any]", ": Any")


def takes_run(argument: ast.arg) -> bool:
    """Whether a parameter is annotated with `Run`."""
    if argument.annotation is None:
        return False
    names = [node.id for node in ast.walk(argument.annotation) if isinstance(node, ast.Name)]
    return "Run" in names or (isinstance(argument.annotation, ast.Constant) and argument.annotation.value == "Run")


def show(found: dict[str, object]) -> str:
    """The counts for people."""
    rooms, total = found["rooms"], found["total"]
    assert isinstance(rooms, dict) and isinstance(total, dict)
    lines = [f"{'room':18}" + "".join(f"{column:>16}" for column in COLUMNS)]
    for name, room in [*sorted(rooms.items()), ("total", total)]:
        lines.append(f"{name:18}" + "".join(f"{room[column]:16}" for column in COLUMNS))
    lines.append(f"callbacks with more than {MOST_PARAMETERS} parameters: {found['long_callbacks'] or 'none'}")
    lines.append(f"functions of systems that take a Run: {found['systems_taking_a_run'] or 'none'}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    found = count()
    sys.stdout.write((json.dumps(found) if parser.parse_args().json else show(found)) + "\n")


if __name__ == "__main__":
    main()
