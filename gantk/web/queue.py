"""One thread owns torch and the models. Order: live frames, final frames and small calls, jobs; fair among clients.

A job calls `Ticket.breathe` after each of its evaluations; whatever is more urgent runs there, inside the job's own
call, so that a slider waits for one evaluation at most. Where evaluations are long, `Ticket.between` lets frames in
between two of their operations too. Nothing here knows what is computed.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, TypedDict, TypeVar

from gantk.errors import Stopped
from gantk.store.json_values import JsonTable, JsonView
from gantk.web.wire import ApiError, ErrorBody, as_api_error, report

if TYPE_CHECKING:
    from gantk.web.terms import Base

MOST_WAITING = 4  # jobs of a project beside the running one
MOST_KEPT = 200  # finished jobs that can still be asked for
MOST_CALLS = 256
RENDERS_PER_SECOND, BURST = 60.0, 32.0

T = TypeVar("T")
Work = Callable[[], None]
Result: TypeAlias = dict[str, JsonView]  # of a job, for the page


class JobView(TypedDict):
    """A job as the page sees it."""

    id: str
    project: str
    kind: str
    state: str
    done: int
    total: int
    note: str
    result: Result | None
    error: ErrorBody | None
    stopped: bool


@dataclass(eq=False)
class Job:
    """A long computation of one project. `result` and `error` are JSON for the page."""

    id: str
    project: str
    kind: str
    key: str
    run: Callable[[Ticket], Result]
    state: str = "waiting"  # waiting, running, done, failed, cancelled
    done: int = 0
    total: int = 0
    note: str = ""
    result: Result | None = None
    error: ErrorBody | None = None
    asked_to_stop: bool = False
    stopped: bool = False
    # as they came; with `rev`, the project's number of events then, they say what was asked for
    args: JsonTable = field(default_factory=dict)
    rev: int = 0
    base: Base | None = None

    @property
    def finished(self) -> bool:
        return self.state in ("done", "failed", "cancelled")

    def view(self) -> JobView:
        return {
            "id": self.id, "project": self.project, "kind": self.kind, "state": self.state, "done": self.done,
            "total": self.total, "note": self.note, "result": self.result, "error": self.error,
            "stopped": self.stopped,
        }  # fmt: skip


@dataclass(eq=False)
class Ticket:
    """What a running job holds: its progress, and the place where more urgent work gets in."""

    job: Job
    engine: Engine
    told: bool = False  # the job knows that it shall end

    def breathe(self, done: int | None = None, total: int | None = None, note: str = "") -> bool:
        """Report, let urgent work run; whether the job should stop."""
        if done is not None:
            self.job.done, self.job.total, self.job.note = done, total or self.job.total, note or self.job.note
            self.engine.listen(self.job)
        self.engine.serve_urgent()
        stop = self.job.asked_to_stop
        self.told = self.told or stop
        return stop

    def check(self, done: int | None = None, total: int | None = None, note: str = "") -> None:
        """`breathe` for jobs that have nothing to keep when stopped.

        Raises:
            Stopped: the job shall end.
        """
        if self.breathe(done, total, note):
            raise Stopped

    def unwanted(self) -> bool:
        """Whether to end in the middle of an evaluation: the job's own, not that of a frame which it let in."""
        return self.job.asked_to_stop and not self.told and not self.engine.serving

    def between(self) -> bool:
        """`unwanted` after frames that wait have run in the middle of the evaluation."""
        if not self.engine.serving:
            self.engine.serve_frames()
        return self.unwanted()

    def conclude(self) -> None:
        """The search is over: what comes now is done even if the job is stopped, for the best becomes a result."""
        self.told = True
        self.job.stopped = self.job.asked_to_stop


@dataclass(eq=False)
class _Client:
    """Newest unstarted frame of each pane, and how many renders may still be begun."""

    waiting: OrderedDict[int, Work] = field(default_factory=OrderedDict)
    tokens: float = BURST
    filled: float = field(default_factory=time.monotonic)

    def ready(self, now: float) -> bool:
        self.tokens = min(BURST, self.tokens + (now - self.filled) * RENDERS_PER_SECOND)
        self.filled = now
        return bool(self.waiting) and self.tokens >= 1


class Engine:
    """The thread and its queues. `listen` is called (in that thread) whenever a job changes."""

    def __init__(self, listen: Callable[[Job], None] | None = None) -> None:
        self.listen = listen or (lambda job: None)
        self._changed = threading.Condition()
        self._clients: OrderedDict[str, _Client] = OrderedDict()
        self._calls: deque[Work] = deque()
        self._jobs: OrderedDict[str, deque[Job]] = OrderedDict()
        self._known: OrderedDict[str, Job] = OrderedDict()
        self._running: Job | None = None
        self._closing = False
        self.serving = False  # something urgent inside a job; the compute thread's, like the next
        self._frames_alone = False
        self._thread = threading.Thread(target=self._loop, name="gantk-compute", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop after the evaluation at hand."""
        with self._changed:
            self._closing = True
            if self._running is not None:
                self._running.asked_to_stop = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    # --- asking ------------------------------------------------------------------------------------------------

    def frame(self, client: str, pane: int, work: Work) -> None:
        """Ask for a frame; an unstarted one of the same client and pane gives way, and its place in the row."""
        with self._changed:
            self._clients.setdefault(client, _Client()).waiting[pane] = work
            self._changed.notify()

    def superseded(self, client: str, pane: int) -> bool:
        """Whether a newer frame of a pane waits."""
        with self._changed:
            return client in self._clients and pane in self._clients[client].waiting

    def leave(self, client: str) -> None:
        with self._changed:
            self._clients.pop(client, None)

    def call(self, work: Callable[[], T]) -> Future[T]:
        """A short computation; its value or exception.

        Raises:
            ApiError: 503 when too many wait.
        """
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)

        with self._changed:
            if len(self._calls) >= MOST_CALLS or self._closing:
                raise ApiError(503, "The server is busy: try again in a moment.")
            self._calls.append(run)
            self._changed.notify()
        return future

    def submit(
        self, project: str, kind: str, key: str, run: Callable[[Ticket], Result], args: JsonTable | None = None,
        rev: int = 0, base: Base | None = None,
    ) -> Job:  # fmt: skip
        """A job; the same key of a project gives the same job.

        Raises:
            ApiError: 429 when the project has enough of them.
        """
        with self._changed:
            for job in self._known.values():
                if job.project == project and job.key == key:
                    return job
            row = self._jobs.setdefault(project, deque())
            if len(row) >= MOST_WAITING:
                raise ApiError(429, f"{MOST_WAITING} jobs of this project wait already: stop one, or wait for it.")
            job = Job("j" + secrets.token_hex(12), project, kind, key, run, args=args or {}, rev=rev, base=base)
            row.append(job)
            self._known[job.id] = job
            finished = [id for id, one in self._known.items() if one.finished]
            for id in finished[: max(0, len(self._known) - MOST_KEPT)]:
                del self._known[id]
            self._changed.notify()
        self.listen(job)
        return job

    def job(self, id: str) -> Job:
        with self._changed:
            if id not in self._known:
                raise ApiError(404, "There is no such job.")
            return self._known[id]

    def jobs_of(self, project: str) -> list[Job]:
        with self._changed:
            return [job for job in self._known.values() if job.project == project]

    def place(self, job: Job) -> int:
        """How many jobs run before it; 0 for one that runs or is over."""
        with self._changed:
            if job.state != "waiting":
                return 0
            return int(self._running is not None) + self._order().index(job)

    def cancel(self, job: Job) -> None:
        """A waiting job is gone at once, a running one stops after its evaluation."""
        with self._changed:
            job.asked_to_stop = True
            row = self._jobs.get(job.project, deque())
            if job in row:
                row.remove(job)
                job.state = "cancelled"
            self._changed.notify()
        self.listen(job)

    # --- doing -------------------------------------------------------------------------------------------------

    def serve_urgent(self) -> None:
        """Everything urgent that waits now, once each; called in the thread, also from inside a job."""
        with self._changed:
            most = sum(len(client.waiting) for client in self._clients.values()) + len(self._calls)
        before, self.serving = self.serving, True
        try:
            for _ in range(most):
                work = self._next_urgent()
                if work is None:
                    return
                work()
        finally:
            self.serving = before

    def serve_frames(self) -> None:
        """`serve_urgent` within an evaluation: calls wait for its end, for they may differentiate, or take long."""
        self._frames_alone = True
        try:
            self.serve_urgent()
        finally:
            self._frames_alone = False

    def _next_urgent(self) -> Work | None:
        with self._changed:
            now = time.monotonic()
            for name, client in self._clients.items():
                if client.ready(now):
                    client.tokens -= 1
                    self._clients.move_to_end(name)  # the others first next time
                    return client.waiting.popitem(last=False)[1]
            return self._calls.popleft() if self._calls and not self._frames_alone else None

    def _order(self) -> list[Job]:
        """Waiting jobs as they will run: round robin among projects."""
        rows = [list(row) for row in self._jobs.values() if row]
        longest = max(map(len, rows), default=0)
        return [row[turn] for turn in range(longest) for row in rows if turn < len(row)]

    def _next_job(self) -> Job | None:
        with self._changed:
            for project, row in list(self._jobs.items()):
                if row:
                    self._jobs.move_to_end(project)
                    job = row.popleft()
                    job.state, self._running = "running", job
                    return job
                del self._jobs[project]
            return None

    def _loop(self) -> None:
        while True:
            work = self._next_urgent()
            if work is not None:
                work()
                continue
            if self._closing:
                return
            job = self._next_job()
            if job is not None:
                self._do(job)
                continue
            with self._changed:
                paced = any(client.waiting for client in self._clients.values())
                if not paced and not self._calls and not any(self._jobs.values()) and not self._closing:
                    self._changed.wait()
                elif paced:
                    self._changed.wait(1 / RENDERS_PER_SECOND)

    def _do(self, job: Job) -> None:
        self.listen(job)
        try:
            job.result = job.run(Ticket(job, self))
            job.state = "done"
        except Stopped:
            job.state = "cancelled"
        except BaseException as error:
            job.error, job.state = as_api_error(error).body(), "failed"
            if job.error["code"] == "defect":
                report(error)
        finally:
            with self._changed:
                self._running = None
            job.run = _over
            self.listen(job)


def _over(_ticket: Ticket) -> Result:
    raise RuntimeError("a finished job was run again")
