"""Measure commands on networks of the published sizes with random weights: peak memory and CPU time of each.

    python scripts/full_size.py                          every line that was not measured yet
    python scripts/full_size.py --only synthesize        those whose names have a word
    python scripts/full_size.py --docs                   write what was measured into the table of docs/full-size.md
    python scripts/full_size.py --small --only sefa      the same lines on small networks: a dry run

Each command runs in a process of its own, one after the other. A figure is kept in the folder of results (--folder) as
soon as it is there, so that a second call goes on; --again measures anew.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from full_sizes.commands import Measured

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs" / "full-size.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def measured(line: Measured, folder: Path, small: bool) -> dict[str, Any]:
    """Run one line; peak memory in MB, CPU and elapsed seconds."""
    from full_sizes.commands import write_world
    from full_sizes.networks import configs, save_network

    model = save_network(folder / "networks", line.network, small)
    family, config = configs(small)[line.network]
    rows = 2 * len(config["channels"]) if family == "stylegan2" else 2
    write_world(folder / "world" / line.network, int(config.get("w_dim", 512)), rows - 1, int(config["resolution"]))
    with tempfile.TemporaryDirectory(dir=folder) as out:
        names = {"MODEL": str(model), "WORLD": str(folder / "world" / line.network)}
        words = [_filled(word, names) for word in line.words]
        if small:
            words = [word.replace("1024x1024", "16x16").replace("64x64", "8x8") for word in words]
        answer = Path(out) / "answer.json"
        command = [sys.executable, __file__, "--child", str(answer), *words, "-o", str(Path(out) / "run")]
        done = subprocess.run(command, capture_output=True, text=True, cwd=out)
        if done.returncode != 0 or not answer.exists():
            return {"failed": (done.stderr.strip().splitlines() or ["killed"])[-1]}
        found: dict[str, Any] = json.loads(answer.read_text())
    return found


def _filled(word: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        word = word.replace(name, value)
    return word


def child(answer: Path, words: list[str]) -> int:
    """Run a command line in this process and write what it needed."""
    import resource
    import time

    began = time.monotonic()
    from gantk.cli.main import run
    from gantk.store.memory import peak

    code = run(words)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    seconds = {"cpu_s": round(usage.ru_utime + usage.ru_stime, 1), "s": round(time.monotonic() - began, 1)}
    answer.write_text(json.dumps({"peak_mb": round(peak() / 1e6), **seconds}))
    return code


def table(results: dict[str, Any], lines: Sequence[Measured], before: str = "") -> str:
    """Markdown, one row for each line; one without a result stays as it was in the table `before`."""
    kept = {tuple(row.split(" | ")[:2]): row for row in before.splitlines()}
    rows = ["| command | network | peak memory | bound | CPU time | lower first |", "|---|---|---|---|---|---|"]
    for line in lines:
        found = results.get(f"{line.network}: {line.name}")
        said = ("not measured", "") if found is None else (found.get("failed", ""), "")
        if found is not None and "peak_mb" in found:
            said = (f"{found['peak_mb'] / 1000:.1f} GB", f"{found['cpu_s']:.0f} s")
        words = " ".join(word.replace("WORLD/", "") for word in line.words)
        cells = [f"{line.name}: `gantk {words}`", line.network, said[0], f"{line.most} GB", said[1], f"`{line.lower}`"]
        row = f"| {' | '.join(cells)} |"
        rows.append(row if found is not None else kept.get(tuple(row.split(" | ")[:2]), row))
    return "\n".join(rows)


def main() -> None:
    sys.path[:0] = [str(ROOT / "scripts"), str(ROOT)]
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["PYTHONPATH"] = str(ROOT)
    if sys.argv[1:2] == ["--child"]:
        sys.exit(child(Path(sys.argv[2]), sys.argv[3:]))
    from full_sizes.commands import LINES

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="WORD", help="lines whose network or name has one of these words")
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "full-size", help="networks and results")
    parser.add_argument("--small", action="store_true", help="small networks: a dry run")
    parser.add_argument("--again", action="store_true", help="measure what was measured already")
    parser.add_argument("--docs", action="store_true", help="write the table into docs/full-size.md, measure nothing")
    arguments = parser.parse_args()
    folder = (arguments.folder / "small" if arguments.small else arguments.folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "results.json"
    results: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    if arguments.docs:
        text = DOCS.read_text()
        head, _, rest = text.partition(BEGIN)
        before, _, tail = rest.partition(END)
        DOCS.write_text(f"{head}{BEGIN}\n{table(results, LINES, before)}\n{END}{tail}")
        return
    failed = 0
    for line in LINES:
        name = f"{line.network}: {line.name}"
        chosen = not arguments.only or any(word in name for word in arguments.only)
        if not chosen or (name in results and "failed" not in results[name] and not arguments.again):
            continue
        results[name] = measured(line, folder, arguments.small)
        kept.write_text(json.dumps(results, indent=1))
        failed += "failed" in results[name]
        print(json.dumps({"line": name, **results[name]}), flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
