"""Where other threads leave work for the router thread."""

from __future__ import annotations

from queue import Empty, SimpleQueue

from chat_server.dispatch.peer import Item

_MOST_BATCHES = 256
"""Batches taken in one turn: more would only delay what the first of them causes."""


class Inbox:
    """Batches from many threads to one."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[list[Item]] = SimpleQueue()

    def put(self, items: list[Item]) -> None:
        """Leave a batch. Never blocks; any thread."""
        self._queue.put(items)

    def take(self, timeout_s: float | None) -> list[Item]:
        """All that waits, or the next batch; empty after ``timeout_s``. The router thread alone."""
        queue = self._queue
        try:
            items = queue.get(timeout=timeout_s)
        except Empty:
            return []
        if queue.empty():
            return items
        items = items.copy()
        for _ in range(_MOST_BATCHES):
            try:
                items += queue.get_nowait()
            except Empty:
                break
        return items
