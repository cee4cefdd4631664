"""A cache of recent events: the backlog and history of the recent past touch no disk. Bounded in bytes."""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import islice


class _Recent:
    """The newest events of one conversation, without a hole."""

    __slots__ = ("bodies", "first", "size_bytes")

    def __init__(self, first: int) -> None:
        self.first = first
        self.bodies: deque[bytes] = deque()
        self.size_bytes = 0


class Ring:
    """Recent events by conversation, at most ``most_bytes`` of them in all and ``most_bytes_each`` per conversation.

    The router thread alone. A revision (edit, deletion) makes it forget the conversation: what is shown must be as
    it stands now.
    """

    def __init__(self, most_bytes: int, most_bytes_each: int) -> None:
        self._most_bytes = most_bytes
        self._most_bytes_each = most_bytes_each
        self._recent: OrderedDict[int, _Recent] = OrderedDict()
        self._size_bytes = 0
        self.hits = 0
        self.misses = 0

    @property
    def size_bytes(self) -> int:
        """What the kept bodies take, without the containers."""
        return self._size_bytes

    def append(self, conversation: int, seq: int, body: bytes) -> None:
        """Keep the next event of a conversation."""
        recent = self._recent.get(conversation)
        if recent is None or recent.first + len(recent.bodies) != seq:
            self.forget(conversation)
            recent = self._recent[conversation] = _Recent(seq)
        else:
            self._recent.move_to_end(conversation)  # the least recently used one is the first
        recent.bodies.append(body)
        size = len(body)
        recent.size_bytes += size
        self._size_bytes += size
        while recent.size_bytes > self._most_bytes_each:
            self._shrink(recent)
        while self._size_bytes > self._most_bytes:
            oldest = next(iter(self._recent))
            self.forget(oldest)

    def _shrink(self, recent: _Recent) -> None:
        size = len(recent.bodies.popleft())
        recent.first += 1
        recent.size_bytes -= size
        self._size_bytes -= size

    def forget(self, conversation: int) -> None:
        """Drop what is kept of a conversation."""
        recent = self._recent.pop(conversation, None)
        if recent is not None:
            self._size_bytes -= recent.size_bytes

    def clear(self) -> None:
        """Drop everything."""
        self._recent.clear()
        self._size_bytes = 0

    def after(self, conversation: int, position: int, limit: int) -> list[bytes] | None:
        """The bodies from ``position`` + 1 on, at most ``limit``; None where the first of them is not kept."""
        recent = self._recent.get(conversation)
        if recent is None or position + 1 < recent.first:
            self.misses += 1
            return None
        self.hits += 1
        start = position + 1 - recent.first
        return list(islice(recent.bodies, start, start + limit))
