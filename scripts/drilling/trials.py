"""What is done to a command, and what must be true after it has run again."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from drilling.bench import Bench, Failed, tail
from drilling.cases import OUT
from drilling.processes import Ended, Running


def _await(running: Running, seconds: float) -> None:
    """Let it run for a time, or to its end if that is sooner."""
    import time

    deadline = running.began + seconds
    while time.monotonic() < deadline and running.alive():
        time.sleep(min(0.002, max(0.0, deadline - time.monotonic())))


def kills(bench: Bench, most: int = 4) -> int:
    """kill -9 at random moments, a few times in a row, then to the end; the number that hit."""
    folder, hits = bench.fresh(), 0
    for _ in range(bench.draw.randint(1, most)):
        running = bench.start(folder)
        _await(running, bench.moment())
        running.send(signal.SIGKILL)
        ended = running.wait()
        if ended.code == -signal.SIGKILL:
            hits += 1
        elif ended.code != 0:
            raise Failed(f"after {hits} kills it ended with {ended.code}: {tail(ended)}")
    bench.finish(folder)
    return hits


def _stop(bench: Bench, number: signal.Signals) -> int:
    folder = bench.fresh()
    for _ in range(20):
        running = bench.start(folder)
        _await(running, bench.moment())
        running.send(number)
        ended = running.wait()
        if ended.code == 128 + number:
            if "Interrupted" not in ended.said:
                raise Failed(f"it stopped without saying so: {tail(ended)}")
            break
        if ended.code == -number:  # before it could take signals
            continue
        if ended.code != 0:
            raise Failed(f"it ended with {ended.code}: {tail(ended)}")
        folder = bench.fresh()
    else:
        return 0
    bench.finish(folder)
    return 1


def term(bench: Bench) -> int:
    """SIGTERM at a random moment: it says that it was interrupted and leaves with 143."""
    return _stop(bench, signal.SIGTERM)


def usr1(bench: Bench) -> int:
    """SIGUSR1, slurm's warning: the same, with 138."""
    return _stop(bench, signal.SIGUSR1)


def interrupt(bench: Bench) -> int:
    """Ctrl-C: the same, with 130."""
    return _stop(bench, signal.SIGINT)


def full_disk(bench: Bench) -> int:
    """A limit on what may be written, on a small disk where we may mount one: one sentence, then it continues."""
    sizes = sorted(len(data) for data in bench.expected.values())
    total = sum(-(-size // 4096) * 4096 for size in sizes)
    folder = bench.fresh()
    if os.geteuid() == 0:
        before = sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*") if path.is_file())
        arrays = [len(data) for name, data in bench.expected.items() if name.endswith(".npy")] or sizes
        room = int(bench.draw.uniform(0.1, 0.8) * max(arrays))  # joining frees what it has joined: one array never fits
        with small_disk(folder, before + room) as resize:
            if resize is not None:
                ended = bench.start(folder).wait()
                if ended.code == 0:  # it had room enough
                    bench.compare(folder)
                    return 0
                _refuse(ended)
                resize(before + 8 * total + (64 << 20))
                bench.finish(folder)
                return 1
    limit = bench.draw.randint(max(1, sizes[-1] // 4), sizes[-1] - 1)
    _refuse(bench.start(folder, limit=limit).wait())
    bench.finish(folder)
    return 1


def _refuse(ended: Ended) -> None:
    errors = [line for line in ended.said.splitlines() if line.startswith("Error: ")]
    if ended.code != 1 or len(errors) != 1 or "The disk is full" not in errors[0]:
        raise Failed(f"with a full disk it ended with {ended.code}: {tail(ended)}")


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Callable[[int], None] | None]:
    """Put a folder on a disk of its own, `size` bytes large; gives what changes the size, or None where we may not."""
    kept = folder.with_name(folder.name + "-kept")
    shutil.rmtree(kept, ignore_errors=True)
    folder.rename(kept)
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "drill", str(folder)]
    mounted = subprocess.run(words, capture_output=True, check=False).returncode == 0
    shutil.copytree(kept, folder, dirs_exist_ok=True)

    def resize(new: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={new}", str(folder)], check=True, capture_output=True)

    try:
        yield resize if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)
        shutil.rmtree(kept, ignore_errors=True)


def _part_way(bench: Bench, folder: Path) -> list[Path]:
    """Kill runs until some chunks, but not all, are there; return them."""
    for _ in range(60):
        running = bench.start(folder)
        _await(running, bench.draw.uniform(0.05, 0.95) * bench.seconds)
        running.send(signal.SIGKILL)
        running.wait()
        chunks = sorted((folder / OUT / "chunks").rglob("[!.]*.npy"))
        if chunks:
            return chunks
        shutil.rmtree(folder / OUT, ignore_errors=True)
    raise Failed("no moment was found at which chunks were there")


def damage(path: Path, draw: random.Random) -> None:
    """Flip a bit, cut the end off, empty it, or write something else over it."""
    data = bytearray(path.read_bytes())
    how = draw.choice(("flip", "cut", "empty", "garbage"))
    if how == "flip" and data:
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    elif how == "cut":
        del data[draw.randrange(max(len(data), 1)) :]
    elif how == "garbage":
        data = bytearray(draw.randbytes(len(data)))
    else:
        data = bytearray()
    path.write_bytes(data)


def chunk(bench: Bench) -> int:
    """A chunk file is damaged after a kill."""
    if not bench.case.chunked:
        return 0
    folder = bench.fresh()
    damage(bench.draw.choice(_part_way(bench, folder)), bench.draw)
    bench.finish(folder)
    return 1


def ledger(bench: Bench) -> int:
    """The manifest, which knows what is done, is damaged after a kill; a changed setting is refused by name."""
    if not bench.case.chunked:
        return 0
    folder = bench.fresh()
    _part_way(bench, folder)
    manifest = next((folder / OUT).glob("*.run.json"))
    damage(manifest, bench.draw)
    ended = bench.start(folder).wait()
    if ended.code == 2 and "holds a run of" in ended.said:
        bench.finish(folder, "--overwrite")
    elif ended.code != 0:
        raise Failed(f"it ended with {ended.code}: {tail(ended)}")
    bench.compare(folder)
    return 1


def twice(bench: Bench) -> int:
    """The same run is started twice at once: the second says so and stops, and the first is not disturbed."""
    import time

    for _ in range(20):
        folder = bench.fresh()
        first = bench.start(folder)
        while first.alive() and not list((folder / OUT).glob(".*.lock")):
            time.sleep(0.001)
        second = bench.start(folder).wait()
        ended = first.wait()
        if ended.code != 0:
            raise Failed(f"the first ended with {ended.code}: {tail(ended)}")
        bench.compare(folder)
        if second.code == 1 and "Another gantk process is working in" in second.said:
            return 1
        if second.code != 0:
            raise Failed(f"the second ended with {second.code}: {tail(second)}")
    return 0


CROWD = 8


def crowd(bench: Bench, before: Callable[[], None] | None = None) -> int:
    """The same run is started eight times at once: each ends with its result or says that it is another's; none harms.

    Without locks one may find that another took a chunk away that it was about to read, and says so; then the same
    command is run once more.
    """
    folder = bench.fresh()
    ended = [running.wait() for running in [bench.start(folder, before=before) for _ in range(CROWD)]]
    for each in ended:
        errors = [line for line in each.said.splitlines() if line.startswith("Error: ")]
        told = len(errors) == 1 and "unexpectedly" not in errors[0]
        if each.code not in (0, 1) or (each.code == 1 and not told):
            raise Failed(f"of {CROWD} at once one ended with {each.code}: {tail(each)}")
        if each.code == 1 and before is None and "Another gantk process is working in" not in errors[0]:
            raise Failed(f"of {CROWD} at once one said: {errors[0]}")
    if before is None:
        if not any(each.code == 0 for each in ended):
            raise Failed(f"of {CROWD} at once none came to its end: {tail(ended[0])}")
        bench.compare(folder)
    else:
        bench.finish(folder)
    return 1


def without_locks() -> None:
    """As on a file system that knows no locks, or on two machines that do not see each other's."""
    import errno
    import fcntl

    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    fcntl.flock = flock


def crowd_without_locks(bench: Bench) -> int:
    """The same, where no process sees another's lock: whoever fails says so, and the same command then ends rightly."""
    if bench.case.words[0] == "merge":  # joining is the work of one process: the page says so
        return 0
    return crowd(bench, without_locks)


def shard(bench: Bench) -> int:
    """A shard's manifest and chunks are removed before merging, which names it; run again, the whole is the same."""
    if not bench.case.shards:
        return 0
    folder, count = bench.fresh(), 3
    lost = bench.draw.randrange(count)
    for index in range(count):
        if index != lost or bench.draw.random() < 0.5:
            ended = bench.start(folder, "--shard", f"{index}/{count}").wait()
            if ended.code != 0:
                raise Failed(f"shard {index} ended with {ended.code}: {tail(ended)}")
    for path in (folder / OUT).glob(f"*.{lost}-of-{count}.run.json"):
        path.unlink()
    ended = Running(bench.case.merge, folder).wait()
    if ended.code != 1 or f"the shard {lost}/{count} is missing" not in ended.said:
        raise Failed(f"without shard {lost} merging ended with {ended.code}: {tail(ended)}")
    again = bench.start(folder, "--shard", f"{lost}/{count}").wait()
    ended = Running(bench.case.merge, folder).wait()
    if again.code or ended.code:
        raise Failed(f"shard {lost} ended with {again.code}, merging with {ended.code}: {tail(ended)}")
    bench.compare(folder, without_probe)
    return 1


def without_probe(found: dict[str, bytes]) -> dict[str, bytes]:
    """Results of samples without their generator's probe, which joining does not make."""
    name = "synthesize.result.json"
    if name not in found:
        return found
    plain = json.loads(found[name])
    plain["fields"]["probe"] = None
    return found | {name: json.dumps(plain).encode()}


Trial = Callable[[Bench], int]
TRIALS: dict[str, Trial] = {
    "kill -9": kills,
    "SIGTERM": term,
    "SIGUSR1": usr1,
    "Ctrl-C": interrupt,
    "full disk": full_disk,
    "damaged chunk": chunk,
    "damaged ledger": ledger,
    "started twice": twice,
    "eight at once": crowd,
    "eight without locks": crowd_without_locks,
    "shard removed": shard,
}
