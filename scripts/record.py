"""Record what every command says and leaves on tiny networks, and compare two such recordings.

    python scripts/record.py OUT                       every command of scripts/recording/cases.txt, every --help
    python scripts/record.py OUT --only rescore slurm  those whose names have one of these in them
    python scripts/record.py --compare BEFORE AFTER    every difference, a line each; ends with 1 where there is one

A recording is a folder with a JSON file per command and one .npz. Two recordings of the same code on the same machine
are equal to the bit; between machines give --tolerance. Nothing of a recording says where it was made.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HELP = "help"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", help="folder of the recording")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="parts of names of cases (help: the --help texts)")
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("BEFORE", "AFTER"))
    parser.add_argument("--tolerance", type=float, default=0.0, help="of numbers, relative to max(1, |a|); default: 0")
    arguments = parser.parse_args()
    if (arguments.out is None) == (arguments.compare is None):
        parser.error("give either the folder to record into or --compare BEFORE AFTER")
    sys.path[:0] = [str(ROOT / "scripts"), str(ROOT)]
    if arguments.compare:
        before, after = arguments.compare
        return compare(before, after, arguments.only, arguments.tolerance)
    return record(arguments.out.resolve(), arguments.only)


def compare(before: Path, after: Path, only: list[str] | None, tolerance: float) -> int:
    """Print every difference; return 1 where there is one."""
    from recording.differences import differences
    from recording.store import Recording

    first, second = (Recording.load(folder).only(only) for folder in (before, after))
    found = list(differences(first, second, tolerance))
    print("\n".join(found) if found else f"no difference in {len(first.told)} commands")
    return 1 if found else 0


def record(out: Path, only: list[str] | None) -> int:
    """Run the cases in a directory of their own and store what they leave."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"  # no threads in this process: it forks
    for name in [name for name in os.environ if name.startswith(("SLURM_", "GANTK_")) or name == "LOCAL_RANK"]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="recording-") as made:
        work = Path(made).resolve()
        homes = {"GANTK_HOME": str(work / "home"), "TORCH_HOME": str(work / "home")}  # nothing that was fetched before
        os.environ |= {"CUDA_VISIBLE_DEVICES": "", "COLUMNS": "100", "TZ": "UTC", **homes}

        from recording.running import cases, chosen, help_of_all, prepare, run
        from recording.store import Recording

        prepare(work)
        every = cases()
        names = chosen(every, only)
        told = {}
        for name, kept in names.items():
            began = time.monotonic()
            found = run(every[name], work, ROOT, keep=kept)
            print(f"{name}: exit code {found.said['code']}, {time.monotonic() - began:.1f} s", file=sys.stderr)
            if kept:
                told[name] = found
        if not only or HELP in only:
            told[HELP] = help_of_all(work, ROOT)
        Recording(told).save(out)
    for name, found in told.items():  # to be seen at once, though a recording of a failure is a recording
        if (found.said["code"] != 0) != name.startswith("bad-"):
            print(f"{name} ended with {found.said['code']}: {found.said['stderr']}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
