"""The store writer: the only thread that writes. It commits whatever queued up during the last commit.

There is no timer in that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

import structlog
from msgspec import Struct

from chat_server.dispatch.inbox import Inbox
from chat_server.dispatch.peer import News, Peer
from chat_server.routing.effects import Begin, Changed, Commit, End, Log
from chat_server.routing.lanes import Lane, Lanes
from chat_server.store.base import DiskUse, Outcome, Store, Write
from chat_server.store.errors import BadWrite, StoreUnavailable

_log = structlog.get_logger("store")

_MOST_JOBS: Final = 2048
"""Jobs in one commit: bounds how long the first of them waits for the last."""
_QUIET_S: Final = 0.1
"""Background work begins when nothing was committed for this long, and is done at most this often while something
is.
"""


class Job:
    """A commit on its way: the writes go to the store, the rest is done by the router thread afterwards."""

    __slots__ = ("commit", "heard_at", "outcomes", "peer", "queued_at", "user", "writes")

    def __init__(self, peer: Peer | None, commit: Commit, queued_at: float) -> None:
        self.peer = peer
        self.commit = commit
        self.heard_at = queued_at if peer is None else peer.last_heard
        """When the request came in, about: the connection may have sent more since."""
        self.queued_at = queued_at
        """When the router took it up."""
        self.user = 0 if peer is None else peer.session.user
        """In whose share it counts; 0 in nobody's."""
        steps = commit.steps
        self.writes: list[Write]
        if len(steps) == 1 and steps[0].__class__ is Log:
            self.writes = [steps[0].append]
        else:
            self.writes = [
                step.append if isinstance(step, Log) else step
                for step in steps
                if not isinstance(step, (Begin, End, Changed))
            ]
        self.outcomes: list[Outcome | None] = []


class Committed(Struct, frozen=True, gc=False):
    """Jobs that are on stable storage, with the times of their commit by the monotonic clock."""

    jobs: list[Job]
    began_at: float
    ended_at: float
    attempts: int


class Retry(Struct, frozen=True, gc=False):
    """A commit that is to be tried again."""

    attempts: int
    at: float
    reason: str


class Writer(threading.Thread):
    """Takes jobs from the lanes, commits them, and hands them with their outcomes to the router's inbox.

    A commit that fails for a passing reason is tried again after each of ``retry_delays_s`` (the thread waits for the
    time or for the end, it never sleeps). If it still fails, everything that waits has failed with it, for it was
    decided on the same ground, and may not overtake what was refused: the router gets the jobs back with a fresh
    snapshot, and what comes after them waits until it asks for it by :meth:`resume`.
    """

    def __init__(
        self, store: Store, inbox: Inbox, retry_delays_s: tuple[float, ...], on_retry: Callable[[], None]
    ) -> None:
        super().__init__(name="store-writer", daemon=True)
        self._store = store
        self._inbox = inbox
        self._retry_delays_s = retry_delays_s
        self._on_retry = on_retry
        self._lanes: Lanes[Job] = Lanes()
        self._changed = threading.Condition(threading.Lock())
        self._is_stopping = False
        self._is_failed = False
        self._attempts = 0
        self.retry: Retry | None = None
        """What is tried again now; any thread may read it."""

    def push(self, jobs: list[tuple[Lane, int, Job]]) -> None:
        """Queue jobs as (lane, flow, job). Never blocks for long; the router thread."""
        with self._changed:
            for lane, flow, job in jobs:
                self._lanes.push(lane, flow, job)
            self._changed.notify()

    def depths(self) -> dict[str, int]:
        """How many jobs wait in each lane. Any thread."""
        return {lane.name.lower(): self._lanes.depth(lane) for lane in Lane}

    def disk_use(self) -> DiskUse:
        """What the store takes of the disk. Any thread."""
        return self._store.disk_use()

    @property
    def depth(self) -> int:
        """How many jobs wait in all. Any thread."""
        return len(self._lanes)

    def resume(self) -> list[Job]:
        """The router decides on the ground of the snapshot from now on. The router thread.

        Returns:
            What waits. It was decided before the router knew of the failure, so it has failed as well.
        """
        with self._changed:
            waiting = self._lanes.take(len(self._lanes))
            self._is_failed = False
            self._changed.notify()
            return waiting

    def stop(self) -> None:
        """Commit what waits, then end. Any thread."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()

    def run(self) -> None:
        """The thread's work."""
        last_tidy = monotonic()
        has_more = True
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not self._is_failed or self._is_stopping)
                if not self._lanes and not self._is_stopping:
                    self._changed.wait(_QUIET_S if has_more else None)
                jobs = [] if self._is_failed else self._lanes.take(_MOST_JOBS)
                is_over = self._is_stopping and not jobs
            if is_over:
                return
            if jobs:
                has_more = True
                self._commit(jobs)
            if not jobs or monotonic() - last_tidy > _QUIET_S:
                has_more = self._store.tidy() or bool(jobs)
                last_tidy = monotonic()

    def _commit(self, jobs: list[Job]) -> None:
        writes: list[Write] = []
        for job in jobs:
            writes += job.writes
        began_at = monotonic()
        self._attempts = 0
        try:
            outcomes = self._try(writes)
        except BadWrite as error:
            self._commit_without(jobs, error)
            return
        if outcomes is None:
            self._is_failed = True
            self._fail(jobs)
            return
        ended_at = monotonic()
        at = 0
        for job in jobs:
            end = at + len(job.writes)
            job.outcomes = outcomes[at:end]
            at = end
        self._inbox.put([(News.COMMITTED, Committed(jobs, began_at, ended_at, self._attempts), None)])

    def _commit_without(self, jobs: list[Job], error: BadWrite) -> None:
        """One job holds what can never be stored, a fault of the server: its neighbours do not fail with it."""
        end = 0
        for job in jobs:
            end += len(job.writes)
            if error.index < end:
                _log.error("a write that cannot be stored was left out", reason=str(error))
                self._commit([other for other in jobs if other is not job])
                self._is_failed = True
                self._fail([job])
                return

    def _try(self, writes: list[Write]) -> list[Outcome | None] | None:
        if not writes:
            return []
        for delay_s in (*self._retry_delays_s, None):
            self._attempts += 1
            try:
                return self._store.commit(writes)
            except StoreUnavailable as error:
                if delay_s is None:
                    return None
                self._on_retry()
                self.retry = Retry(self._attempts, monotonic() + delay_s, str(error))
                with self._changed:
                    self._changed.wait_for(lambda: self._is_stopping, delay_s)
            finally:
                self.retry = None
        return None

    def _fail(self, jobs: list[Job]) -> None:
        snapshot: Any = self._store.load()
        self._inbox.put([(News.FAILED, jobs, snapshot)])
