"""Servers with one promise broken each: ``python -m tests.faults.mutants NAME [flags of chat-server]``.

They are what the fault harness has to catch. Each patches the real server in a process of its own; nothing of this is
in the server.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from chat_protocol.limits import MAX_INT
from chat_server.cli import main
from chat_server.dispatch import writer as dispatch_writer
from chat_server.dispatch.completion import Completion
from chat_server.dispatch.delivery import Delivery
from chat_server.dispatch.intake import Intake
from chat_server.dispatch.peer import News
from chat_server.routing import access
from chat_server.store import connection, sqlite
from chat_server.store.base import Scope, StoredEvent
from chat_server.store.reader import SqliteReader
from chat_server.store.writer import Writer

LATE_S: Final = 0.02
"""How far an ack or a push runs ahead of the commit."""


class _Late(sqlite3.Connection):
    """A connection that says COMMIT is done and does it when the next transaction begins."""

    is_on = False
    late_s = 0.0
    waits = False

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" and self.is_on:
            self.waits = True
            return super().execute("SELECT 1")
        if sql.startswith("BEGIN") or "checkpoint" in sql:
            self.finish()
        return super().execute(sql, *values)

    def finish(self) -> None:
        """Do the COMMIT."""
        if self.waits:
            self.waits = False
            time.sleep(self.late_s)
            super().execute("COMMIT")


def _open_late() -> None:
    def connect(*args: Any, **options: Any) -> sqlite3.Connection:
        return real(*args, **options) if options.get("uri") else real(*args, factory=_Late, **options)

    def run(self: Any) -> None:
        _Late.is_on = True
        begin(self)

    real = sqlite3.connect
    begin = dispatch_writer.Writer.run
    sqlite3.connect = connect  # type: ignore[assignment]
    dispatch_writer.Writer.run = run  # type: ignore[method-assign]


def ack_before_commit() -> None:
    """Everything is acknowledged and pushed while its transaction is still open."""
    _Late.late_s = LATE_S
    _open_late()


def synchronous_normal() -> None:
    """Commits are not synced."""
    connection.open_writer.__defaults__ = (connection.NORMAL,)


def seq_outside_commit() -> None:
    """Positions are counted in memory, and a commit that failed has used them up."""

    def attempt(self: Any, batch: Any, suspects: Any) -> Any:
        tried = dict(self._heads)
        try:
            return real(self, batch, suspects)
        except sqlite3.OperationalError:
            for write in batch:
                if hasattr(write, "message_id") and tried.get(write.conversation, -1) >= 0:
                    self._heads[write.conversation] += 1
            raise

    real = Writer._attempt
    Writer._attempt = attempt  # type: ignore[method-assign]


def dedup_in_memory() -> None:
    """Repeats are known only as long as the process lives."""

    def open_store(path: Any) -> Any:
        store = real(path)
        store._connection.execute("DROP INDEX IF EXISTS event_message_id")
        store._connection.execute("CREATE INDEX event_message_id ON event (message_id)")
        return store

    from chat_server import server

    real = sqlite.open_store
    vars(server)["open_store"] = open_store


def push_before_commit() -> None:
    """Events are pushed while their transaction is still open; the acks wait for the commit."""
    _open_late()

    def commit(self: Any, jobs: list[Any]) -> None:
        writes = [write for job in jobs for write in job.writes]
        outcomes = self._store.commit(writes)
        for job in jobs:
            job.outcomes, outcomes = outcomes[: len(job.writes)], outcomes[len(job.writes) :]
        now = time.monotonic()
        messages = [job for job in jobs if len(job.commit.steps) == 1 and not job.commit.then]
        early.update(map(id, messages))
        self._inbox.put([(News.COMMITTED, dispatch_writer.Committed(messages, now, now, 1), None)])
        time.sleep(LATE_S)
        self._store._connection.finish()
        self._inbox.put([(News.COMMITTED, dispatch_writer.Committed(jobs, now, now, 1), None)])

    def complete(self: Any, job: Any) -> None:
        if id(job) in early:
            early.discard(id(job))
            self._ack = lambda *_: None
            real(self, job)
            del self._ack
        elif len(job.commit.steps) == 1 and not job.commit.then:
            step, outcome = job.commit.steps[0], job.outcomes[0]
            if step.re is not None and hasattr(outcome, "seq") and not job.peer.is_gone:
                self._ack(job.peer, step.re, step.conversation, step.append, outcome)
        else:
            real(self, job)

    def end(self: Any, user: int) -> None:
        if user in self._under_way:  # each job is completed twice
            finish(self, user)

    early: set[int] = set()
    real = Completion.complete
    finish = Intake.end
    Intake.end = end  # type: ignore[method-assign]
    dispatch_writer.Writer._commit = commit  # type: ignore[method-assign]
    Completion.complete = complete  # type: ignore[method-assign]


def filter_after_paging() -> None:
    """A page is cut first and filtered then, so that one that is filtered away looks like the end of the log."""

    def events(
        self: Any, conversation: int, after: int, before: int, limit: int, *, newest: bool = False
    ) -> list[StoredEvent]:
        page = real(self, conversation, after, before, limit, newest=newest)
        return [event for event in page if event.seq % 2 or event.seq < limit // 2]

    real = SqliteReader.events
    SqliteReader.events = events  # type: ignore[method-assign]


def push_goes_on() -> None:
    """Who has left a group still gets its pushes."""

    def end(self: Any, peer: Any, conversation: Any) -> None:
        pass

    Delivery.end = end  # type: ignore[method-assign]


def history_of_all() -> None:
    """Groups that show nothing from before one's joining show it."""

    def first_visible(conversation: Any, user: Any) -> int:
        return 1 if user.id in conversation.members else real(conversation, user)

    real = access.first_visible
    access.first_visible = first_visible


def past_members_search() -> None:
    """A search everywhere takes groups in that one has left."""

    def scopes(directory: Any, user: Any) -> list[Scope]:
        past = [Scope(id_, stay.since_seq, MAX_INT) for id_, stay in user.ended.items()]
        return real(directory, user) + past

    real = access.scopes
    access.scopes = scopes
    access.may_read = lambda *_: True  # each hit is judged once more


MUTANTS: Final[dict[str, Callable[[], None]]] = {
    change.__name__: change
    for change in (
        ack_before_commit, synchronous_normal, seq_outside_commit, dedup_in_memory, push_before_commit,
        filter_after_paging, push_goes_on, history_of_all, past_members_search,
    )
}  # fmt: skip


if __name__ == "__main__":
    MUTANTS[sys.argv[1]]()
    sys.exit(main(sys.argv[2:]))
