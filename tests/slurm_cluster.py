"""A slurm of one host for tests: munged, slurmctld and slurmd, started by hand in a folder, without systemd.

Needs root and Debian's slurmctld, slurmd, slurm-client and munge. The daemons die with the process that started them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")
SBIN = ("/usr/sbin", "/sbin")

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
KillWait=5
MinJobAge=600
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0,bf_interval=1
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str | None:
    """Why this machine cannot run one; None where it can."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *SBIN])
    missing = [program for program in PROGRAMS if shutil.which(program, path=path) is None]
    if missing:
        return f"slurm is not installed ({', '.join(missing)} not found; Debian: slurmctld slurmd slurm-client munge)"
    if os.name != "posix" or os.geteuid() != 0:
        return "slurm's daemons are started as root, and this is another user"
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _die_with_parent() -> None:
    import ctypes

    with contextlib.suppress(OSError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Cluster:
    """A running slurm; `environment` is what programs need to reach it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = socket.gethostname().partition(".")[0]
        path = os.pathsep.join([os.environ.get("PATH", ""), *SBIN])
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf"), "PATH": path}
        self._daemons: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        text = CONFIGURATION.format(folder=self.folder, host=self.host, controller=_free_port(), node=_free_port())
        (self.folder / "slurm.conf").write_text(text)
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        names = ("socket", "pid", "log", "seed")
        files = [f"--{name}{'' if name == 'socket' else '-file'}={self.folder}/munge.{name}" for name in names]
        self._daemon("munged", "--foreground", "--force", f"--key-file={key}", *files)
        self.wait("munged", (self.folder / "munge.socket").exists)
        self._daemon("slurmctld", "-D")
        self._daemon("slurmd", "-D", "-N", self.host)
        self.wait("the node", lambda: self.run("sinfo", "--noheader", "--format=%T").strip() == "idle")

    def _daemon(self, *words: str) -> None:
        with open(self.folder / f"{words[0]}.out", "wb") as out:
            process = subprocess.Popen(
                words, env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                preexec_fn=_die_with_parent,
            )  # fmt: skip
        self._daemons.append(process)

    def stop(self) -> None:
        """End every job, then the daemons, whatever state they are in."""
        with contextlib.suppress(Exception):
            self.run("scancel", "--user=root", "--signal=KILL", "--full")
            self.run("scancel", "--user=root")
            self.wait("the last jobs", lambda: not self.run("squeue", "--noheader").strip(), 15)
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in reversed(self._daemons):
                if process.poll() is None:
                    process.send_signal(number)
            for process in self._daemons:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(5)

    def run(self, *words: str) -> str:
        """Run a program of slurm's and return what it says; "" where it fails."""
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout if done.returncode == 0 else ""

    def states(self, job: str) -> dict[str, str]:
        """State by task of a job that is queued, running, or has ended lately."""
        text = self.run("squeue", "--noheader", "--array", "--states=all", "--format=%i|%T", f"--jobs={job}")
        return dict(line.split("|") for line in text.split())

    def wait(self, what: str, ready: Callable[[], object], seconds: float = 60.0) -> None:
        """Wait until something holds.

        Raises:
            TimeoutError: it does not in time; the message ends with the daemons' logs.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > deadline:
                tails = "\n".join(
                    f"{path.name}: {path.read_text(errors='replace')[-1500:]}"
                    for path in sorted([*self.folder.glob("*.log"), *self.folder.glob("*.out")])
                )
                raise TimeoutError(f"waited {seconds} s for {what}\n{tails}")
            time.sleep(0.2)


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """A slurm for a `with` block; its daemons are ended and its folder removed whatever happens in it."""
    # Not below pytest's folder: a socket's path is at most 107 letters.
    with tempfile.TemporaryDirectory(prefix="gantk-slurm-", ignore_cleanup_errors=True) as name:
        made = Cluster(Path(name))
        try:
            made.start()
            yield made
        finally:
            made.stop()
