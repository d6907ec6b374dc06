"""Score a part of gantk on the bundled world, where every scene's factors and every pixel's class are known.

    python scripts/truth.py world --json           one JSON line
    python scripts/truth.py world                  the same for people
    python scripts/truth.py world --docs           the same, also written into docs/truth.md
    python scripts/truth.py world --help           the options of this one

Each name is a module in scripts/truths/ with `add_options(parser)`, `run(arguments) -> dict` and `show(result) -> str`
(Markdown). docs/truth.md, or the document that the module names (DOCUMENT), says what each figure means and what it
was, between `<!-- NAME -->` and `<!-- /NAME -->`.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
NAMES = sorted(path.stem for path in (FOLDER / "truths").glob("*.py") if not path.stem.startswith("_"))
DOCUMENTS = FOLDER.parent / "docs"


def main() -> None:
    sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = parser.add_subparsers(dest="name", required=True, metavar="|".join(NAMES))
    for name in NAMES:
        module = import_module(f"truths.{name}")
        child = names.add_parser(name, help=(module.__doc__ or "").splitlines()[0])
        child.add_argument("--json", action="store_true", help="print one JSON line")
        child.add_argument("--docs", action="store_true", help="also write the tables into the document")
        child.add_argument("--threads", type=int, default=1)
        module.add_options(child)
    arguments = parser.parse_args()

    import torch

    from gantk.errors import GantkError

    torch.set_num_threads(arguments.threads)
    began, began_cpu = time.perf_counter(), time.process_time()
    module = import_module(f"truths.{arguments.name}")
    try:
        result = {"truth": arguments.name, **module.run(arguments)}
    except GantkError as error:
        parser.error(str(error))
    result["seconds"] = round(time.perf_counter() - began, 1)
    earlier = float(result.pop("earlier_cpu_seconds", 0.0))  # of runs that this one went on behind
    result["cpu_seconds"] = round(earlier + time.process_time() - began_cpu, 1)
    shown = module.show(result)
    if arguments.docs:
        write(
            DOCUMENTS / getattr(module, "DOCUMENT", "truth.md"), arguments.name, f"{shown}\n\n{circumstances(result)}"
        )
    print(json.dumps(result) if arguments.json else shown)


def circumstances(result: dict[str, object]) -> str:
    """The command, the machine and the commit, in one line."""
    words = [word for word in sys.argv[1:] if word not in ("--docs", "--json")]
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=FOLDER, capture_output=True, text=True)
    return (
        f"`python scripts/truth.py {' '.join(words)}`, {result['cpu_seconds']} s of CPU time on {processor()}, "
        f"commit {commit.stdout.strip() or 'unknown'}."
    )


def processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def write(document: Path, name: str, text: str) -> None:
    """Replace what stands between the marks of `name` in a document."""
    before = document.read_text(encoding="utf-8")
    first, last = f"<!-- {name} -->", f"<!-- /{name} -->"
    if first not in before or last not in before:
        raise SystemExit(f"{document} has no marks {first} and {last} to write between")
    head, rest = before.split(first)
    document.write_text(f"{head}{first}\n{text}\n{last}{rest.split(last)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
