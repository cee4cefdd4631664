"""Cursors and read markers of one batch: many moves become one row each."""

from __future__ import annotations

import sqlite3
from typing import Final

from chat_server.store.multirow import MultiRow

_CURSORS: Final = MultiRow(
    "INSERT INTO cursor (conversation, user, device, seq, at_ms)",
    "(?,?,?,?,?)",
    "ON CONFLICT (conversation, user, device) DO UPDATE SET seq = excluded.seq, at_ms = excluded.at_ms"
    " WHERE excluded.seq > cursor.seq",
)
_MARKS: Final = MultiRow(
    "INSERT INTO read_mark (conversation, user, seq, at_ms)",
    "(?,?,?,?)",
    "ON CONFLICT (conversation, user) DO UPDATE SET seq = excluded.seq, at_ms = excluded.at_ms"
    " WHERE excluded.seq > read_mark.seq",
)


class Positions:
    """What a batch moves forward. Positions below 0 are ignored."""

    def __init__(self) -> None:
        self._cursors: dict[tuple[int, int, str], tuple[int, int]] = {}
        self._marks: dict[tuple[int, int], tuple[int, int]] = {}

    def advance(self, device: str, user: int, conversation: int, seq: int, at_ms: int) -> None:
        """Note that ``device`` is at ``seq``, unless it is further already."""
        place = (conversation, user, device)
        known = self._cursors.get(place)
        if seq >= 0 and (known is None or seq > known[0]):
            self._cursors[place] = (seq, at_ms)

    def mark(self, user: int, conversation: int, seq: int, at_ms: int) -> None:
        """Note that ``user`` has read up to ``seq``, unless it is further already."""
        place = (conversation, user)
        known = self._marks.get(place)
        if seq >= 0 and (known is None or seq > known[0]):
            self._marks[place] = (seq, at_ms)

    def forget_device(self, device: str) -> None:
        """Drop what was noted of ``device``."""
        self._cursors = {place: value for place, value in self._cursors.items() if place[2] != device}

    def forget_conversation(self, conversation: int) -> None:
        """Drop what was noted in ``conversation``."""
        self._cursors = {place: value for place, value in self._cursors.items() if place[0] != conversation}
        self._marks = {place: value for place, value in self._marks.items() if place[0] != conversation}

    def write(self, connection: sqlite3.Connection) -> None:
        """Store what was noted, sorted, so that neighbours enter their page together."""
        if self._cursors:
            _CURSORS.all(connection, [v for place, value in sorted(self._cursors.items()) for v in (*place, *value)])
        if self._marks:
            _MARKS.all(connection, [v for place, value in sorted(self._marks.items()) for v in (*place, *value)])
