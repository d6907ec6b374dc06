"""Ten clients on one `gantk web`, at random, while the server is killed and its disk is full.

    python scripts/soak_web.py --minutes 10

Every acknowledged event must be in the journals, memory back within a tenth of what it was, no file left over, and the
95th percentile of live frames within twice that of one client, times the number of clients. Where a small file system
in memory can be mounted (as root), the projects lie on one, which is filled once. Prints one line per finding; ends
with 1 where something was not as it must be.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from soaking.client import Client, Shared, frames_alone, percentile

ROOT = Path(__file__).resolve().parent.parent
DISK = "160m"
QUIET = 8.0  # seconds after the last action, for jobs that still run


class Server:
    """`gantk web` on one port, started again after each kill; `cache` in MB, the default where it is None."""

    def __init__(self, folder: Path, shared: Shared, model: str = "demo", cache: int | None = 32) -> None:
        self.folder, self.shared, self.model = folder, shared, model
        self.more = [] if cache is None else ["--cache", str(cache)]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (folder / "tmp").mkdir(exist_ok=True)
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "gantk", "web", self.model, "-o", str(self.folder / "web"), "--port",
                   str(self.port), *self.more]  # fmt: skip
        inherited = {**os.environ, "TMPDIR": str(self.folder / "tmp"), "PYTHONPATH": str(ROOT)}
        with open(self.folder / "stderr.txt", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=inherited)
        assert self.process.stdout is not None
        link = re.search(r"#token=(\S+)", self.process.stdout.readline())
        assert link is not None, "no link was printed"
        while not self.process.stdout.readline().startswith("Ready"):
            assert self.process.poll() is None, "the server ended"
        until = time.monotonic() + 60
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            assert time.monotonic() < until
            time.sleep(0.05)
        self.shared.open(self.port, link[1])

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        assert self.process is not None and self.process.stdout is not None
        self.shared.close()
        self.process.send_signal(how)
        self.process.wait(60)
        self.process.stdout.close()

    def memory(self) -> float:
        """Resident megabytes."""
        assert self.process is not None
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        found = re.search(r"VmRSS:\s+(\d+)", text)
        assert found is not None
        return int(found[1]) / 1024


def fill(folder: Path) -> Path:
    """Use up what the file system has left."""
    path = folder / "filler"
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 16, 1 << 10):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
    return path


def soak(folder: Path, minutes: float, count: int, kills: int, seed: int, mounted: bool) -> list[str]:
    bad: list[str] = []
    shared = Shared()
    server = Server(folder, shared)
    server.start()
    alone = frames_alone(shared, seconds=min(20.0, 10 * minutes))
    clients = [Client(shared, number, random.Random(f"{seed}-{number}")) for number in range(count)]
    length = 60 * minutes
    begun = time.monotonic()
    acts = sorted([*((place + 1) / (kills + 1) for place in range(kills))])
    full_at, memories = 0.37 * length, []
    for client in clients:
        client.start()
    memory_after, last = begun + (acts[-1] if acts else 0) * length, 0.0
    while (now := time.monotonic() - begun) < length:
        if acts and now > acts[0] * length:
            acts.pop(0)
            server.kill()
            server.start()
            memory_after = time.monotonic()
            print(f"{now:.0f} s: killed and started again", flush=True)
        elif mounted and now > full_at:
            full_at = float("inf")
            filler = fill(folder)
            before = shared.refused
            time.sleep(min(30.0, 0.1 * length))
            filler.unlink()
            print(f"{now:.0f} s: the disk was full; {shared.refused - before} answers said so", flush=True)
            if shared.refused == before:
                bad.append("the disk was full, and nothing was refused")
        elif not acts and time.monotonic() - memory_after > 0.04 * length and now - last > 0.02 * length:
            memories.append(server.memory())  # all kinds of actions have been done since the last start
            last = now
        time.sleep(0.2)
    shared.stop.set()
    for client in clients:
        client.join(120)
    time.sleep(QUIET)
    end = server.memory()
    if not memories:
        memories = [end]
    first = memories[0]
    print(f"memory {first:.0f} MB soon after the last start, at most {max(memories):.0f}, {end:.0f} at the end")
    if end > 1.1 * first:
        bad.append(f"memory grew from {first:.0f} to {end:.0f} MB")
    server.kill(signal.SIGINT)
    latencies = [value for client in clients for value in client.latencies]
    one, many = percentile(alone, 95), percentile(latencies, 95)
    print(
        f"frames: {len(alone)} of one client alone, 95 % within {1000 * one:.0f} ms; {len(latencies)} of {count}, "
        f"95 % within {1000 * many:.0f} ms, {many / one / count:.2f} of a share"
    )
    if many > 2 * count * one:
        bad.append(f"frames took {1000 * many:.0f} ms, more than twice a share of {1000 * count * one:.0f}")
    bad += [line for client in clients for line in client.bad]
    events = sum(len(client.acknowledged) for client in clients)
    bad += [line for client in clients for line in missing(folder / "web" / "projects", client)]
    bad += left_over(folder)
    errors = (folder / "stderr.txt").read_text(encoding="utf-8")
    if "Traceback" in errors:
        bad.append("the server's stderr has a traceback:\n" + errors[-3000:])
    jobs = sum(client.jobs for client in clients)
    print(f"{events} events acknowledged, {jobs} jobs ended, {dict(sorted(shared.statuses.items()))}")
    return bad


def missing(projects: Path, client: Client) -> list[str]:
    """Acknowledged events that the journal lacks."""
    found = []
    for project, rev, event in client.acknowledged:
        lines = (projects / project / "journal.jsonl").read_bytes().split(b"\n")[:-1]
        kept = json.loads(lines[rev - 1]) if len(lines) >= rev else None
        if kept is None or any(kept.get(key) != value for key, value in event.items()):
            found.append(f"event {rev} of {project} is {kept}, not {event}")
    return found


def left_over(folder: Path) -> list[str]:
    """Files that belong to no project."""
    found = [f"{path} was left" for path in (folder / "tmp").iterdir()]
    for path in (folder / "web").rglob("*"):
        parts = path.relative_to(folder / "web").parts
        shapes = {1: parts[0] in ("projects", ".lock", ".scratch"), 2: len(parts[-1]) == 32 and path.is_dir(),
                  3: parts[-1] in ("journal.jsonl", "blobs"), 4: len(parts[-1]) == 64}  # fmt: skip
        if not shapes.get(len(parts), False):
            found.append(f"{'/'.join(parts)} is no file of a project")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="gantk-soak-"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)],
                             capture_output=True).returncode == 0  # fmt: skip
    if not mounted:
        print("no file system can be mounted here, so that the disk does not get full")
    try:
        bad = soak(folder, given.minutes, given.clients, given.kills, given.seed, mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)
        shutil.rmtree(folder, ignore_errors=True)
    for line in bad[:40]:
        print(line)
    print(f"{threading.active_count() - 1} threads left; {len(bad)} findings")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
