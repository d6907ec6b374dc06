"""Kill, stop, starve and damage every long command, run it again, and compare each byte with an uninterrupted run.

    python scripts/drill.py                          all commands, at least 100 kills; continues where it stopped
    python scripts/drill.py --only rescore --times 3
    python scripts/drill.py --docs                   also write the table of docs/reliability.md
    python scripts/drill.py --faults --only sefa mix write errors of every task, in this process, instead

Commands run in forks of this process on a generator of 16 x 16, so that a run takes about a second. Results are kept in
WORK/drill.json after each trial, and a trial that is there is not repeated: --again starts afresh. Ends with 1 where
something was not as it must be.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drilling.cases import Case
    from drilling.processes import Ended

ROOT = Path(__file__).resolve().parent.parent
KILLS = 100
BEGIN, END = "<!-- drill: begin -->", "<!-- drill: end -->"


def main() -> int:
    sys.path[:0] = [str(ROOT / "scripts"), str(ROOT)]
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"  # no threads in this process: it forks
    import torch
    from drilling.cases import cases
    from drilling.trials import TRIALS
    from drilling.world import write_world

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("runs/drill"))
    parser.add_argument("--only", nargs="+", metavar="COMMAND", help="parts of the names of commands")
    parser.add_argument("--trials", nargs="+", choices=list(TRIALS), default=list(TRIALS))
    parser.add_argument("--times", type=int, default=2, help="of each trial but kill -9")
    parser.add_argument("--kills", type=int, default=KILLS, help="over all commands, at least")
    parser.add_argument("--again", action="store_true", help="forget earlier results")
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    parser.add_argument("--docs", action="store_true", help="write the table into docs/reliability.md")
    parser.add_argument("--faults", action="store_true", help="let a write fail, at each place that writes")
    parser.add_argument("--every", action="store_true", help="of --faults: each single write with each error")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    work = arguments.work.resolve()
    if arguments.again:
        shutil.rmtree(work, ignore_errors=True)
    if arguments.faults:
        return faults(work / "faults", arguments.only, arguments.every)
    every = cases(write_world(work / "world"))
    chosen = {
        name: case for name, case in every.items() if not arguments.only or any(part in name for part in arguments.only)
    }
    results = Results(work / "drill.json")
    each = -(-arguments.kills // len(chosen))
    for name, case in chosen.items():
        drill(name, case, work, results, {trial: TRIALS[trial] for trial in arguments.trials}, arguments.times, each)
    shutil.rmtree(work / "trial", ignore_errors=True)
    if arguments.docs:
        write_docs(results)
    print(json.dumps(results.summary()) if arguments.json else results.table())
    return 1 if results.failures() else 0


class Results:
    """What was done so far: command -> trial -> {"done", "hits", "failed": [sentences]}, kept on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: dict[str, dict[str, dict[str, Any]]] = json.loads(path.read_text()) if path.exists() else {}

    def of(self, command: str, trial: str) -> dict[str, Any]:
        return self.found.setdefault(command, {}).setdefault(trial, {"done": 0, "hits": 0, "failed": []})

    def save(self) -> None:
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(json.dumps(self.found, indent=1))
        temporary.replace(self.path)

    def failures(self) -> list[str]:
        return [
            f"{command}, {trial}: {sentence}"
            for command, trials in self.found.items()
            for trial, result in trials.items()
            for sentence in result["failed"]
        ]

    def summary(self) -> dict[str, Any]:
        trials = {trial for found in self.found.values() for trial in found}
        hits = {trial: sum(found.get(trial, {}).get("hits", 0) for found in self.found.values()) for trial in trials}
        return {"drill": hits, "commands": list(self.found), "failures": self.failures()}

    def table(self) -> str:
        from drilling.trials import TRIALS

        names = [trial for trial in TRIALS if any(trial in found for found in self.found.values())]
        rows = ["| command | " + " | ".join(names) + " | wrong |", "|---" * (len(names) + 2) + "|"]
        sums = dict.fromkeys(names, 0)
        wrong = 0
        for command, found in self.found.items():
            cells = []
            for name in names:
                hits = found.get(name, {}).get("hits", 0)
                sums[name] += hits
                cells.append(str(hits) if hits else "–")
            failed = sum(len(result["failed"]) for result in found.values())
            wrong += failed
            rows.append(f"| {command} | " + " | ".join(cells) + f" | {failed} |")
        rows.append("| **all** | " + " | ".join(f"**{sums[name]}**" for name in names) + f" | **{wrong}** |")
        return "\n".join([*rows, *(f"\n{sentence}" for sentence in self.failures())])


def drill(name: str, case: Case, work: Path, results: Results, trials: dict[str, Any], times: int, kills: int) -> None:
    """Do the trials of one command that are not done yet."""
    from drilling.bench import Bench, Failed, contents
    from drilling.processes import Running
    from drilling.trials import OUT

    def done(trial: str) -> bool:
        result = results.of(name, trial)
        return bool(result["hits"] >= kills) if trial == "kill -9" else bool(result["done"] >= times)

    if all(done(trial) for trial in trials):
        return
    stem = name.replace(" ", "-")
    prepared, scratch = work / f"{stem}-before", work / "trial"
    for folder in (prepared, scratch, work / "whole"):
        shutil.rmtree(folder, ignore_errors=True)
    prepared.mkdir(parents=True)
    for words in case.before:
        succeed(Running(words, prepared).wait(), words)
    seconds: list[float] = []
    for _ in range(2):  # in this process first: forks then have everything loaded
        shutil.rmtree(work / "whole", ignore_errors=True)
        shutil.copytree(prepared, work / "whole")
        load(case.words, work / "whole") if not seconds else None
        shutil.rmtree(work / "whole")
        shutil.copytree(prepared, work / "whole")
        ended = Running(case.words, work / "whole").wait()
        succeed(ended, case.words)
        seconds.append(ended.seconds)
    expected = contents(work / "whole" / OUT)
    bench = Bench(case, prepared, expected, min(seconds), scratch, random.Random(0))
    for trial, function in trials.items():
        result = results.of(name, trial)
        while not done(trial):
            bench.draw = random.Random(f"{name} {trial} {result['done']}")
            began = time.monotonic()
            try:
                result["hits"] += function(bench)
            except Failed as error:
                result["failed"].append(str(error))
            result["done"] += 1
            results.save()
            print(f"{name}: {trial} {result['done']}, {time.monotonic() - began:.1f} s", file=sys.stderr)
            if result["done"] >= 3 * max(times, kills):
                break


def faults(work: Path, only: list[str] | None, every: bool) -> int:
    """Let writes of one run of each task fail; print a line for each; 1 where something was not as it must be."""
    from drilling.bench import Failed
    from drilling.faults import every_fault, silently
    from drilling.lines import before, in_folder, line_of
    from recording.running import cases, prepare

    from gantk.runs.table import TASKS

    lines, failed = cases(), 0
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    prepare(work)
    os.chdir(work)
    chosen = [name for name in TASKS if not only or any(part in name for part in only)]
    needed = {line for name in chosen for line in before(line_of(name))}
    for line, words in lines.items():
        if line in needed and silently(words)[0]:
            raise SystemExit(f"gantk {' '.join(words)} failed")
    print("| command | writes of a run | at which a fault was put | refused | wrong |\n|---|---|---|---|---|")
    for name in chosen:
        try:
            tried = every_fault(in_folder(lines[line_of(name)], "out"), work, every)
            print(f"| {name} | {tried.operations} | {tried.tried} | {tried.refused} | 0 |", flush=True)
        except Failed as error:
            failed = 1
            print(f"| {name} | {error} | | | 1 |", flush=True)
    return failed


def load(words: Sequence[str], folder: Path) -> None:
    """Run a command line in this process, quietly, so that all it imports is loaded here."""
    from contextlib import redirect_stderr, redirect_stdout
    from io import StringIO

    from gantk.cli.main import run

    here = Path.cwd()
    os.chdir(folder)
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            run(words)
    finally:
        os.chdir(here)


def succeed(ended: Ended, words: Sequence[str]) -> None:
    if ended.code != 0:
        raise SystemExit(f"gantk {' '.join(words)} ended with {ended.code}:\n{ended.said}")


def write_docs(results: Results) -> None:
    """Put the table between its marks in docs/reliability.md."""
    path = ROOT / "docs" / "reliability.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    line = f"`python scripts/drill.py --docs` at commit {commit.stdout.strip()}.\n\n"
    path.write_text(f"{before}{BEGIN}\n{line}{results.table()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
