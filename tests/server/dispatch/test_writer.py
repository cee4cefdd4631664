"""The store writer: what it does with what waits when a commit fails (docs/architecture.md)."""

from __future__ import annotations

from chat_server.dispatch.inbox import Inbox
from chat_server.dispatch.peer import News
from chat_server.dispatch.writer import Job, Writer
from chat_server.routing.effects import Commit
from chat_server.routing.lanes import Lane
from chat_server.store.base import Outcome, Write
from chat_server.store.errors import StoreUnavailable
from chat_server.store.memory import MemoryStore
from tests.support.store import post, rooms


class Full(MemoryStore):
    """A store that is full for the first commit and then is not."""

    def __init__(self) -> None:
        super().__init__()
        self.attempts = 0

    def commit(self, batch: list[Write]) -> list[Outcome | None]:
        """Fail once."""
        self.attempts += 1
        if self.attempts == 1:
            raise StoreUnavailable("full")
        return super().commit(batch)


def test_what_waits_behind_a_failed_commit_fails_with_it() -> None:
    """A job that was decided before the router knew is handed back, not stored in front of the one that was refused."""
    store, inbox = Full(), Inbox()
    MemoryStore.commit(store, list(rooms()))
    writer = Writer(store, inbox, (), lambda: None)
    first, second, third = (Job(None, Commit((post(id=name),)), 0.0) for name in ("a", "b", "c"))
    writer.start()
    try:
        writer.push([(Lane.GROUP, 1, first)])
        assert [(news, jobs) for news, jobs, _ in inbox.take(10)] == [(News.FAILED, [first])]
        writer.push([(Lane.GROUP, 1, second)])
        assert writer.resume() == [second]
        writer.push([(Lane.GROUP, 1, third)])
        ((news, committed, _),) = inbox.take(10)
        assert (news, committed.jobs) == (News.COMMITTED, [third])
        assert store.attempts == 2
    finally:
        writer.stop()
        writer.join(10)
    assert not writer.is_alive()


def test_a_writer_that_has_failed_can_be_stopped() -> None:
    """Where the router is gone already nobody resumes it, and it ends all the same."""
    store, inbox = Full(), Inbox()
    writer = Writer(store, inbox, (), lambda: None)
    writer.start()
    writer.push([(Lane.GROUP, 1, Job(None, Commit(tuple(rooms())), 0.0))])
    inbox.take(10)
    writer.stop()
    writer.join(10)
    assert not writer.is_alive()
