"""Worker threads beside the router: readers of the store, and password hashing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from chat_server.dispatch.inbox import Inbox
from chat_server.dispatch.peer import News

Tool = TypeVar("Tool")


class Ticket:
    """A piece of work with what is to be done with its result; ``error`` is set instead where it failed."""

    __slots__ = ("error", "then", "work")

    def __init__(self, work: Callable[[Any], Any], then: Callable[[Any, Exception | None], None]) -> None:
        self.work = work
        self.then = then
        """Called by the router thread."""
        self.error: Exception | None = None


class Pool(Generic[Tool]):
    """Threads with one tool each (a reader of the store, or nothing). Results go to the router's inbox."""

    def __init__(self, name: str, threads: int, make_tool: Callable[[], Tool], inbox: Inbox) -> None:
        self._queue: SimpleQueue[Ticket | None] = SimpleQueue()
        self._inbox = inbox
        self._make_tool = make_tool
        self.waiting = 0
        """Tickets that have no result yet. The router thread alone."""
        self.threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True) for number in range(threads)
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self.threads:
            thread.start()

    def put(self, ticket: Ticket) -> None:
        """Queue work. Never blocks; the router thread."""
        self.waiting += 1
        self._queue.put(ticket)

    def stop(self) -> None:
        """End the threads after what is queued."""
        for _ in self.threads:
            self._queue.put(None)

    def _run(self) -> None:
        tool = self._make_tool()
        while (ticket := self._queue.get()) is not None:
            result: Any = None
            try:
                result = ticket.work(tool)
            except Exception as error:  # noqa: BLE001 - safety net: one look-up fails, the thread lives on, the asker is told
                ticket.error = error
            self._inbox.put([(News.ANSWER, ticket, result)])
        close = getattr(tool, "close", None)
        if close is not None:
            close()
