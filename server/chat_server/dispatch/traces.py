"""The way of recent messages through the server: when each part had them. Bounded; costs one entry for each commit.

The router thread alone.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from msgspec import Struct

from chat_server.dispatch.writer import Committed, Job
from chat_server.routing.effects import Log
from chat_server.routing.lanes import LANE_OF, Lane
from chat_server.store.base import Appended

MOST_JOBS: Final = 2_048
"""Jobs that are remembered, about; with their messages these are a few MiB at most."""


class Way(Struct, frozen=True):
    """When each part had one message, in seconds of the monotonic clock."""

    heard_at: float
    """Its bytes came in (the connection may have sent more since)."""
    queued_at: float
    """The router took it up, decided, and put it into its lane."""
    began_at: float
    """The commit that holds it began."""
    ended_at: float
    """It was on stable storage."""
    handed_at: float
    """Acks and pushes were with the I/O threads."""
    lane: Lane
    jobs: int
    """How many the commit held."""
    attempts: int
    """How often the commit was tried."""
    duplicate: bool


class Traces:
    """The newest commits, as they were done."""

    def __init__(self, most_jobs: int = MOST_JOBS) -> None:
        self._most_jobs = most_jobs
        self._commits: deque[tuple[Committed, float]] = deque()
        self._jobs = 0

    def add(self, committed: Committed, handed_at: float) -> None:
        """Remember a commit; the oldest are forgotten."""
        self._commits.append((committed, handed_at))
        self._jobs += len(committed.jobs)
        while self._jobs > self._most_jobs and len(self._commits) > 1:
            self._jobs -= len(self._commits.popleft()[0].jobs)

    def find(self, message_id: str) -> Way | None:
        """The way of a message, of the newest attempt to send it; None if that is longer ago."""
        for committed, handed_at in reversed(self._commits):
            for job in committed.jobs:
                found = _log_of(job, message_id)
                if found is not None:
                    log, is_duplicate = found
                    return Way(
                        heard_at=min(job.heard_at, job.queued_at),
                        queued_at=job.queued_at,
                        began_at=committed.began_at,
                        ended_at=committed.ended_at,
                        handed_at=handed_at,
                        lane=LANE_OF[log.conversation.kind],
                        jobs=len(committed.jobs),
                        attempts=committed.attempts,
                        duplicate=is_duplicate,
                    )
        return None


def _log_of(job: Job, message_id: str) -> tuple[Log, bool] | None:
    for step in job.commit.steps:
        if isinstance(step, Log) and step.append.message_id == message_id:
            outcomes = (outcome for outcome in job.outcomes if isinstance(outcome, Appended))
            return step, any(outcome.duplicate for outcome in outcomes)
    return None
