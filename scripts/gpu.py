"""Everything that a GPU is needed for, most valuable first, in less than eight minutes.

    python scripts/gpu.py                       on a machine with a GPU: the next steps, each figure kept at once
    python scripts/gpu.py --dry-run             here: every step on the CPU with small networks, nothing kept
    python scripts/gpu.py --docs                write what was measured into docs/performance.md
    python scripts/gpu.py --list                the steps, in order

Figures go to --out, a JSON file that is whole after every step; a second call goes on with what is not there. A step
that fails says why in the file, and the next one begins. When the time is over (--seconds) no step is begun.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- gpu: begin -->", "<!-- gpu: end -->"


def main() -> int:
    sys.path[:0] = [str(ROOT / "scripts"), str(ROOT)]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "gpu.json", help="figures, kept after every step")
    parser.add_argument("--seconds", type=float, default=470.0, help="begin no step after so many")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="steps whose names have one of these words")
    parser.add_argument("--reference", type=Path, default=ROOT.parent / "shared" / "reference", help="for parity")
    parser.add_argument("--dry-run", action="store_true", help="on the CPU, with small networks; keeps nothing")
    parser.add_argument("--docs", action="store_true", help="write docs/performance.md's table, measure nothing")
    parser.add_argument("--list", action="store_true", help="name the steps")
    arguments = parser.parse_args()
    from on_gpu.steps import STEPS, Machine

    if arguments.list:
        print("\n".join(f"{name}: {(step.__doc__ or '').splitlines()[0]}" for name, step in STEPS.items()))
        return 0
    kept: dict[str, Any] = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    if arguments.docs:
        write_docs(DOCS, kept)
        return 0
    began, failed = time.monotonic(), False
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine.here(Path(folder), arguments.reference, arguments.dry_run)
        for name, step in STEPS.items():
            if arguments.only and not any(word in name for word in arguments.only):
                continue
            if not arguments.dry_run and "failed" not in kept.get(name, {"failed": ""}):
                continue
            if time.monotonic() - began > arguments.seconds:
                print(f"The time is over before {name}: the same command goes on.", file=sys.stderr)
                return 3
            start = time.monotonic()
            try:
                figures = step(machine)
            except Exception as error:  # a step that fails must not take the others' time
                figures, failed = {"failed": f"{type(error).__name__}: {str(error).splitlines()[0][:300]}"}, True
                if arguments.dry_run:
                    raise
            kept[name] = {"device": machine.name, "seconds": round(time.monotonic() - start, 1), **figures}
            if not arguments.dry_run:
                keep(arguments.out, kept)
            print(json.dumps({name: kept[name]}), flush=True)
    return int(failed)


def keep(path: Path, figures: dict[str, Any]) -> None:
    """Write all figures so that the file is whole whatever happens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp")
    beside.write_text(json.dumps(figures, indent=1))
    os.replace(beside, path)


def write_docs(path: Path, figures: dict[str, Any]) -> None:
    """Put a table of all steps between the marks; what is not there says so."""
    text = path.read_text()
    head, rest = text.partition(BEGIN)[::2]
    tail = rest.partition(END)[2]
    path.write_text(f"{head}{BEGIN}\n{table(figures)}\n{END}{tail}")


def table(figures: dict[str, Any]) -> str:
    """Markdown: a row for each step, its figures side by side."""
    from on_gpu.steps import STEPS

    rows = ["| step | on | figures |", "|---|---|---|"]
    for name, step in STEPS.items():
        found = dict(figures.get(name, {}))
        device = found.pop("device", "")
        found.pop("seconds", None)
        said = "; ".join(f"{key}: {_plain(value)}" for key, value in found.items()) or "not measured"
        rows.append(f"| {(step.__doc__ or name).splitlines()[0].rstrip('.')} | {device} | {said} |")
    return "\n".join(rows)


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(part)}" for key, part in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
