"""Measure a part of gantk against the straightforward way of doing the same, written out in the benchmark.

    python scripts/bench.py boundary --json        one JSON line
    python scripts/bench.py boundary               the same for people
    python scripts/bench.py boundary --help        the options of this one

Each name is a module in scripts/benchmarks/ with `add_options(parser)`, `run(arguments) -> dict` and
`show(result) -> str`. Every result has `benchmark`, `device`, `baseline_cpu_s`, `ours_cpu_s`, `speedup` (CPU time; on a
GPU event time), `wall_speedup`, `error` (ours against a reference), `baseline_peak_mb`, `ours_peak_mb`, and what else
the benchmark is about. The default size takes about a minute on two cores unless its help says otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from importlib import import_module
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
NAMES = sorted(
    path.stem.replace("_", "-") for path in (FOLDER / "benchmarks").glob("*.py") if not path.stem.startswith("_")
)


def main() -> None:
    sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = parser.add_subparsers(dest="name", required=True, metavar="|".join(NAMES))
    wanted = [name for name in NAMES if name in sys.argv[1:2]] or NAMES
    for name in wanted:
        module = import_module(f"benchmarks.{name.replace('-', '_')}")
        about = argparse.RawDescriptionHelpFormatter
        first = (module.__doc__ or "").splitlines()[0]
        child = names.add_parser(name, help=first, description=module.__doc__, formatter_class=about)
        child.add_argument("--json", action="store_true", help="print one JSON line")
        child.add_argument("--threads", type=int, default=1)
        module.add_options(child)
    arguments = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(arguments.threads)  # for child processes

    import torch

    from gantk.errors import GantkError

    torch.set_num_threads(arguments.threads)
    module = import_module(f"benchmarks.{arguments.name.replace('-', '_')}")
    try:
        result = {"benchmark": arguments.name, **module.run(arguments)}
    except GantkError as error:
        parser.error(str(error))
    print(json.dumps(result) if arguments.json else module.show(result))


if __name__ == "__main__":
    main()
