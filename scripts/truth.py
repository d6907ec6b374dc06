"""Score a part of gantk on the bundled world, where every scene's factors and every pixel's class are known.

    python scripts/truth.py world --json           one JSON line
    python scripts/truth.py world                  the same for people
    python scripts/truth.py world --help           the options of this one

Each name is a module in scripts/truths/ with `add_options(parser)`, `run(arguments) -> dict` and `show(result) -> str`.
Docs/truth.md says what each figure means and what it was.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from importlib import import_module
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
NAMES = sorted(path.stem for path in (FOLDER / "truths").glob("*.py") if not path.stem.startswith("_"))


def main() -> None:
    sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = parser.add_subparsers(dest="name", required=True, metavar="|".join(NAMES))
    for name in NAMES:
        module = import_module(f"truths.{name}")
        child = names.add_parser(name, help=(module.__doc__ or "").splitlines()[0])
        child.add_argument("--json", action="store_true", help="print one JSON line")
        child.add_argument("--threads", type=int, default=1)
        module.add_options(child)
    arguments = parser.parse_args()

    import torch

    torch.set_num_threads(arguments.threads)
    began, began_cpu = time.perf_counter(), time.process_time()
    module = import_module(f"truths.{arguments.name}")
    result = {"truth": arguments.name, **module.run(arguments)}
    result["seconds"] = round(time.perf_counter() - began, 1)
    result["cpu_seconds"] = round(time.process_time() - began_cpu, 1)
    print(json.dumps(result) if arguments.json else module.show(result))


if __name__ == "__main__":
    main()
