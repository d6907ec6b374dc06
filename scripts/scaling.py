"""Measure how the sharded commands scale: memory against samples, processes against time, cost of one sample.

    python scripts/scaling.py memory                 peak memory at 2 000 and 20 000 samples, bar: 1.1 times
    python scripts/scaling.py processes              two processes against one on two cores, bar: 1.7 times
    python scripts/scaling.py cost                   operations and CPU time of a sample, at 256 and 1024 pixels
    python scripts/scaling.py memory processes cost --json

Memory is the peak of all that is resident in a process, what a job's limit looks at, and beside it what came on top of
the state before the first sample. Commands run in forks of this process on the drill's small world, so that what is
measured is the growth and not a network.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SMALL, LARGE = 2_000, 20_000


def commands(world: Path) -> dict[str, list[str]]:
    """Every command with --shard, small work per sample, the number of samples left open as N."""
    model, seen = f"{world}/tiny.safetensors", ["--predictor", f"{world}/pred.py:score"]
    segmenter = ["--teacher", f"{world}/seg.py:segment"]
    red, box = f"{world}/red.safetensors", ["--box", "a=0.2,0.2,0.6,0.6"]
    return {
        "synthesize": ["synthesize", model, "-N", "N", "--latents", "z,w,wp", "--styles", "--predict", *seen],
        "synthesize, images": ["synthesize", model, "-N", "N", "--images"],
        "rescore": ["rescore", model, red, "-N", "N", "--random", "1", *seen],
        "manipulate": ["manipulate", model, red, "-N", "N", "--step", "2", "--skip-image"],
        "resefa jacobian": ["resefa", "jacobian", model, *box, "-N", "N", "--chunk", "256"],
        "navigan hessian": [
            *["navigan", "hessian", model, "--conv", "8x8/conv0", "-k", "1", "-N", "N", "--metric", "pixels"],
            *["--max-products", "2", "--block", "1", "--shown", "1"],
        ],
        "lse train": ["lse", "train", model, *segmenter, "-N", "N", "--held-out", "16", "--solver", "ridge"],
    }


def memory(arguments: argparse.Namespace) -> dict[str, Any]:
    """Peak memory of every sharded command at two numbers of samples."""
    from drilling.world import write_world

    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = commands(write_world(folder / "world"))
        for command, words in lines.items():
            if arguments.only and not any(part in command for part in arguments.only):
                continue
            peaks = []
            for num in (64, arguments.small, arguments.large):  # the first so that all is imported
                line = [str(num) if word == "N" else word for word in words]
                out = ["--batch-size", "64", "-o", str(folder / "out")]
                peaks.append(_peak([*line, *out], folder, here=num == 64))
                shutil.rmtree(folder / "out", ignore_errors=True)
            (_, _), (small, small_more), (large, large_more) = peaks
            found[command] = {
                "small_mb": small,
                "large_mb": large,
                "ratio": round(large / small, 3),
                "small_more_mb": small_more,
                "large_more_mb": large_more,
            }
            print(f"{command}: {found[command]}", file=sys.stderr)
    return found


def _peak(words: list[str], folder: Path, here: bool) -> tuple[float, float]:
    """Peak resident memory of a command in a fork of this process, in MB, and the peak above its beginning."""
    from benchmarks._turns import _status_mb
    from drilling.processes import Running

    if here:
        from drill import load

        load(words, folder)
        shutil.rmtree(folder / "out", ignore_errors=True)
        return 0.0, 0.0
    answer = folder / "peak.json"

    before: list[float] = []  # in the fork, which runs both

    def note() -> None:
        before.append(_status_mb("VmRSS"))
        Path("/proc/self/clear_refs").write_text("5")

    def tell() -> None:
        peak = _status_mb("VmHWM")
        answer.write_text(json.dumps([peak, peak - before[0]]))

    ended = Running(words, folder, before=note, after=tell).wait()
    if ended.code != 0:
        raise SystemExit(f"gantk {' '.join(words)} ended with {ended.code}: {ended.said[-500:]}")
    peak, more = json.loads(answer.read_text())
    return round(peak, 1), round(more, 1)


def processes(arguments: argparse.Namespace) -> dict[str, Any]:
    """One process against two, each with one thread on a core of its own; both by turns, twice."""
    from drill import load
    from drilling.processes import Running

    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise SystemExit("this needs two cores")
    walls: dict[int, list[float]] = {1: [], 2: []}
    spent: dict[int, list[float]] = {1: [], 2: []}  # of the process that takes longest: robust where cores are shared
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = ["synthesize", "demo", "--predict", "--skip-image", "--batch-size", "16", "--chunk", "128"]
        load([*words, "-N", "32", "-o", str(folder / "out")], folder)
        for _ in range(arguments.turns):
            for count in walls:
                shutil.rmtree(folder / "out", ignore_errors=True)
                began = time.perf_counter()
                line = [*words, "-N", str(arguments.num), "-o", str(folder / "out")]
                running = []
                for index in range(count):
                    shard = ["--shard", f"{index}/{count}"] if count > 1 else []
                    running.append(Running([*line, *shard], folder, before=partial(_stay, cores[index])))
                ended = [process.wait() for process in running]
                walls[count].append(time.perf_counter() - began)
                spent[count].append(max(one.cpu for one in ended))
                if any(one.code for one in ended):
                    raise SystemExit(f"synthesize ended with {[one.code for one in ended]}: {ended[0].said}")
    one, two = min(walls[1]), min(walls[2])
    return {
        "samples": arguments.num,
        "one_s": round(one, 2),
        "two_s": round(two, 2),
        "speedup": round(one / two, 3),
        "speedup_cpu": round(min(spent[1]) / min(spent[2]), 3),
    }


def _stay(core: int) -> None:
    os.sched_setaffinity(0, {core})


def cost(arguments: argparse.Namespace) -> dict[str, Any]:
    """What one sample of a full-size StyleGAN2 (configuration F) costs at batch 1, one thread, random weights."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from gantk.generators.registry import build

    found = {}
    for resolution in (256, 1024):
        widths = [512, 512, 512, 512, 512, 256, 128, 64, 32][: resolution.bit_length() - 2]
        generator = build("stylegan2", {"resolution": resolution, "channels": widths}).eval().requires_grad_(False)
        with torch.inference_mode():
            wp_NLD = generator.expand(generator.map(generator.sample_z(1)))
            with FlopCounterMode(display=False) as counter:
                generator.synthesize(wp_NLD)
            seconds = []
            for _ in range(3):
                began = time.process_time()
                generator.synthesize(wp_NLD)
                seconds.append(time.process_time() - began)
        found[str(resolution)] = {
            "gflop": round(counter.get_total_flops() / 1e9, 1),
            "cpu_s": round(min(seconds), 3),
            "parameters_m": round(sum(p.numel() for p in generator.parameters()) / 1e6, 1),
        }
    return found


PARTS = {"memory": memory, "processes": processes, "cost": cost}


def main() -> None:
    sys.path[:0] = [str(ROOT / "scripts"), str(ROOT)]
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    import torch

    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=list(PARTS))
    parser.add_argument("--only", nargs="+", metavar="COMMAND", help="of memory: parts of commands' names")
    parser.add_argument("--small", type=int, default=SMALL)
    parser.add_argument("--large", type=int, default=LARGE)
    parser.add_argument("--num", type=int, default=2048, help="of processes: samples")
    parser.add_argument("--turns", type=int, default=2, help="of processes")
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    arguments = parser.parse_args()
    found = {part: PARTS[part](arguments) for part in arguments.parts}
    print(json.dumps(found) if arguments.json else json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
