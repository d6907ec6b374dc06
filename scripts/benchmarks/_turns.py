"""Two ways of doing the same thing, measured by turns in one process tree, each turn in a process of its own.

A work is a function without arguments that can be pickled (a module-level function, or a functools.partial of one). It
does its set-up, then returns the function to be measured, whose result (arrays, numbers) comes back. Neither way
profits from what the other left in memory. The figures are medians over turns:

    baseline_cpu_s, ours_cpu_s      CPU time of the measured function by resource usage, all threads and children
    speedup                         their ratio; where the results bring `event_s`, a GPU's event times, theirs
    wall_speedup                    ratio of elapsed times
    baseline_peak_mb, ours_peak_mb  peak resident memory, above what the process had when the measured function began
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Work = Callable[[], Callable[[], Any]]


def take_turns(contestants: Mapping[str, Work], turns: int, threads: int) -> dict[str, list[dict[str, Any]]]:
    """Run each contestant `turns` times, by turns, each time in a fresh process."""
    measured: dict[str, list[dict[str, Any]]] = {name: [] for name in contestants}
    for _ in range(turns):
        for name, work in contestants.items():
            measured[name].append(in_child(work, threads))
    return measured


def in_child(work: Work, threads: int) -> dict[str, Any]:
    """Measure one work in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(theirs, work, threads, list(sys.path)))
    process.start()
    theirs.close()
    try:
        answer: dict[str, Any] = ours.recv()
    except EOFError:
        answer = {"error": "the process ended without an answer; it may have run out of memory"}
    process.join()
    if "error" in answer:
        raise SystemExit(f"A measured process failed: {answer['error']}")
    return answer


def _child(pipe: Any, work: Work, threads: int, path: list[str]) -> None:
    import os

    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    sys.path[:] = path
    try:
        import torch

        torch.set_num_threads(threads)
        measured = work()
        before_mb = _resident_mb()
        with _Peak() as peak:
            cpu, wall = _cpu_seconds(), time.perf_counter()
            result = measured()
            wall, cpu = time.perf_counter() - wall, _cpu_seconds() - cpu
        pipe.send({"cpu_s": cpu, "wall_s": wall, "peak_mb": max(0.0, peak.mb - before_mb), "result": result})
    except BaseException as error:
        import traceback

        pipe.send({"error": f"{type(error).__name__}: {error}\n{traceback.format_exc()}"})
    finally:
        pipe.close()


def _cpu_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


class _Peak:
    """The largest resident memory while the block ran: the kernel's mark if it can be reset, else by looking often."""

    def __enter__(self) -> _Peak:
        self.mb = _resident_mb()
        try:
            Path("/proc/self/clear_refs").write_text("5")
            self._marked = True
            self._seen = 0.0
        except OSError:
            self._marked = False
            self._done = threading.Event()
            self._thread = threading.Thread(target=self._look, daemon=True)
            self._thread.start()
        return self

    def _look(self) -> None:
        while not self._done.wait(0.01):
            self.mb = max(self.mb, _resident_mb())

    def __exit__(self, *error: object) -> None:
        if self._marked:
            self.mb = _status_mb("VmHWM")
        else:
            self._done.set()
            self._thread.join()


def _resident_mb() -> float:
    return _status_mb("VmRSS")


def _status_mb(field: str) -> float:
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def figures(measured: dict[str, list[dict[str, Any]]]) -> dict[str, float]:
    """Return what every benchmark reports."""

    def median(name: str, key: str) -> float:
        return statistics.median(turn[key] for turn in measured[name])

    def seconds(name: str) -> float:
        """Event time where the work timed itself on a GPU."""
        results = [turn["result"] for turn in measured[name]]
        own = [result["event_s"] for result in results if isinstance(result, dict) and "event_s" in result]
        return statistics.median(own) if own else median(name, "cpu_s")

    return {
        "baseline_cpu_s": round(median("baseline", "cpu_s"), 4),
        "ours_cpu_s": round(median("ours", "cpu_s"), 4),
        "speedup": round(seconds("baseline") / max(seconds("ours"), 1e-9), 3),
        "wall_speedup": round(median("baseline", "wall_s") / max(median("ours", "wall_s"), 1e-9), 3),
        "baseline_peak_mb": round(median("baseline", "peak_mb"), 1),
        "ours_peak_mb": round(median("ours", "peak_mb"), 1),
    }
