"""Give hostile files, runs and options to every reader of gantk: each outcome must be success or one GantkError.

    python scripts/adversary.py [--seed 0] [--executions 100000] [--only KIND] [--minutes M] [--json] [--keep FOLDER]

Cases are made by grammar from the seed: manifests, results, options, runs, pickles, torch files, damaged checkpoints,
safetensors, arrays, pictures, archives, TFRecords, settings and lists (`scripts/adversaries`). One execution is one
reader on one case, in this process. A failure is any exception but `GantkError`, more than 5 s of CPU, more than
512 MiB of addresses, or anything that the canary saw: a file made, changed or removed outside the case's folder, a
process, a socket, code from a file, an unknown module.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import re
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from adversaries.kinds import Cases, Execution, kinds
from adversaries.watch import Canary, TooLong, alarms, in_time, limit_memory

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Account:
    """What became of the executions of one kind.

    Attributes:
        slowest: seconds of CPU of one execution.
        failures: by what they have in common: the number of them, and the first case.
    """

    executions: int = 0
    cases: int = 0
    succeeded: int = 0
    refused: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)


def outcome(execution: Execution, canary: Canary) -> str:
    """ "" for success, "refused", or what is wrong."""
    from gantk.errors import GantkError

    wrong = ""
    try:
        with canary.watching(), in_time():
            execution()
    except GantkError as error:
        text = str(error)
        wrong = "refused" if text.strip() and len(text) < 4000 else f"a sentence of {len(text)} letters: {text[:200]}"
    except KeyboardInterrupt:
        raise
    except TooLong as error:
        wrong = f"TooLong: {error} {_where(error)}"
    except BaseException as error:  # a failure, whatever it is
        wrong = f"{type(error).__name__}: {str(error)[:300]} {_where(error)}"
    if canary.seen:
        wrong = f"the canary saw {canary.seen[0]}"
        canary.seen.clear()
    return wrong


def _where(error: BaseException) -> str:
    """The last place of the package, and the innermost one."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if f"{os.sep}gantk{os.sep}" in frame.filename] or list(frames)
    shown = dict.fromkeys(f"{Path(frame.filename).name}:{frame.lineno}" for frame in (own[-1], frames[-1]) if frames)
    return "at " + ", ".join(shown)


def attack(
    seed: int, executions: int, only: str = "", seconds: float | None = None, keep: Path | None = None
) -> dict[str, Account]:
    """Cases of every kind (or of one), by share, until so many executions or seconds of CPU are done."""
    accounts: dict[str, Account] = {}
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="gantk-adversary-") as name:
        every = kinds(ROOT)
        chosen = {kind: made for kind, made in every.items() if only in ("", kind)}
        if not chosen:
            raise SystemExit(f"--only {only} is no kind: give one of {', '.join(every)}")
        total = sum(kind.share for kind in chosen.values())
        canary = Canary(Path(name))
        import_module("scipy.stats")  # one page imports it, and the cases tried first may not make that page
        with alarms():
            for kind, made in chosen.items():  # imports what its readers need; the same cases come again, watched
                cases = made.cases(random.Random(f"{seed} {kind}"), Path(name))
                _some(kind, cases, 40, Account(), canary, None, watch=False)
            canary.know()
            lift = limit_memory()
            try:
                for kind, made in chosen.items():
                    account = accounts[kind] = Account()
                    share = executions * made.share // total
                    until = None if seconds is None else seconds * made.share / total
                    cases = made.cases(random.Random(f"{seed} {kind}"), Path(name))
                    _some(kind, cases, max(share, 1), account, canary, keep, until)
            finally:
                lift()
    return accounts


def _some(
    kind: str,
    cases: Cases,
    executions: int,
    account: Account,
    canary: Canary,
    keep: Path | None,
    until: float | None = None,
    watch: bool = True,
) -> None:
    began = time.process_time()
    for shown, executed in cases:
        account.cases += 1
        for reader, execution in executed:
            start = time.process_time()
            if watch:
                wrong = outcome(execution, canary)
            else:
                wrong = "refused"
                try:
                    with in_time():
                        execution()
                except BaseException:
                    pass
            spent = time.process_time() - start
            account.executions += 1
            account.slowest = max(account.slowest, spent)
            if not wrong:
                account.succeeded += 1
            elif wrong == "refused":
                account.refused += 1
            else:
                alike = f"{reader}: " + re.sub(r"[0-9]{3,}|'[^']*'|\"[^\"]*\"", "#", wrong)[:260]
                account.failures[alike] += 1
                if alike not in account.first:
                    account.first[alike] = f"{wrong}\n    {shown}"
                    if keep is not None:
                        keep.mkdir(parents=True, exist_ok=True)
                        (keep / f"{kind}-{len(account.first)}.txt").write_text(account.first[alike], errors="replace")
        if account.cases % 2000 == 0:
            gc.collect()
        account.seconds = time.process_time() - began
        if account.executions >= executions or (until is not None and account.seconds > until):
            cases.close()
            return


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="of all cases")
    parser.add_argument("--executions", type=int, default=100_000, help="of all kinds together")
    parser.add_argument("--minutes", type=float, default=None, help="of CPU at most")
    parser.add_argument("--only", default="", help="one kind")
    parser.add_argument("--keep", type=Path, default=None, help="folder for the first case of every failure")
    parser.add_argument("--json", action="store_true", help="one JSON line instead of a table")
    given = parser.parse_args()
    seconds = None if given.minutes is None else 60 * given.minutes
    accounts = attack(given.seed, given.executions, given.only, seconds, given.keep)
    columns = ("executions", "cases", "succeeded", "refused")
    rows = {
        kind: {**{name: getattr(each, name) for name in columns}, "failures": sum(each.failures.values()),
               "cpu_s": round(each.seconds, 1), "slowest_s": round(each.slowest, 2)}
        for kind, each in accounts.items()
    }  # fmt: skip
    every = {name: sum(row[name] for row in rows.values()) for name in (*columns, "failures", "cpu_s")}
    every["per_second"] = round(every["executions"] / max(every["cpu_s"], 1e-9))
    if given.json:
        print(json.dumps({"seed": given.seed, **every, "kinds": rows}))
    else:
        print("| kind | executions | cases | succeeded | refused | failures | CPU s | slowest, CPU s |\n|" + "---|" * 8)
        for kind, row in rows.items():
            print(f"| {kind} | " + " | ".join(f"{value:,}" for value in row.values()) + " |")
        print(json.dumps(every))
    for kind, each in accounts.items():
        for alike, count in each.failures.most_common(12):
            print(f"{kind}: {count} x {alike}\n  {each.first[alike][:900]}", file=sys.stderr)
    return 1 if every["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
