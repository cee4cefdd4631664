"""The tables of the search index: one for each stretch of the log.

A search looks at the newest stretch first and stops when it has enough, so what it costs does not grow with the log:
FTS5 puts together everything that begins with a prefix before it offers the first of it. Deleting costs no more than a
stretch, either.
"""

# ruff: noqa: S608 - the statements are put together from constants and numbers

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from chat_server.store.multirow import MultiRow

STRETCH: Final = 65_536
"""Events of the log whose messages stand in one table. More make a prefix dearer, fewer a rare word."""

SCHEMA: Final = "CREATE TABLE part (number INTEGER PRIMARY KEY, purge INTEGER NOT NULL)"
"""Which tables there are, and whether something was deleted of each that is not gone from the file yet."""

HAS_SECURE_DELETE: Final = sqlite3.sqlite_version_info >= (3, 42)
"""Whether FTS5 can take deleted tokens out of its segments by itself; a table has to be told when it is made."""


def part_of(id_: int) -> int:
    """The part in which the message with this id stands."""
    return id_ // STRETCH


def _table(part: int) -> str:
    return f"message_{part}"


class Parts:
    """The parts, by the connection that writes them, inside of its transactions. One thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: set[int] = set()
        self._newest = (-1, MultiRow("", ""))
        self.reload()

    def reload(self) -> None:
        """Begin again from what is stored: a transaction was rolled back."""
        self._known = {number for (number,) in self._connection.execute("SELECT number FROM part")}

    def add(self, documents: list[Any]) -> None:
        """Add messages, given as one flat list of ids and tokens, in the order of their ids."""
        start = 0
        while start < len(documents):
            part = part_of(documents[start])
            end = start
            while end < len(documents) and part_of(documents[end]) == part:
                end += 2
            self._insert(part).all(self._connection, documents[start:end])
            start = end

    def remove(self, id_: int) -> None:
        """Delete a message. It is gone from the file when its part was purged."""
        part = part_of(id_)
        if part in self._known:
            self._connection.execute(f"DELETE FROM {_table(part)} WHERE rowid = ?", (id_,))
            self._connection.execute("UPDATE part SET purge = 1 WHERE number = ?", (part,))

    def to_purge(self) -> int | None:
        """A part of which something was deleted, if there is one."""
        found = self._connection.execute("SELECT number FROM part WHERE purge LIMIT 1").fetchone()
        return None if found is None else int(found[0])

    def purged(self, part: int) -> None:
        """Note that nothing is left of what was deleted."""
        self._connection.execute("UPDATE part SET purge = 0 WHERE number = ?", (part,))

    def merge(self, part: int, pages: int, *, begin: bool) -> bool:
        """Merge about ``pages`` of a part; True if more is left.

        Without FTS5's own secure-delete deleted tokens stay in their segments until these are merged into one.
        """
        if HAS_SECURE_DELETE:
            return False
        before = self._connection.total_changes
        # a negative number begins to merge all there is, positive ones go on with it
        table = _table(part)
        self._connection.execute(
            f"INSERT INTO {table} ({table}, rank) VALUES ('merge', ?)", (-pages if begin else pages,)
        )
        return self._connection.total_changes - before >= 2

    def _insert(self, part: int) -> MultiRow:
        if part not in self._known:
            self._create(part)
        if self._newest[0] != part:
            self._newest = (part, MultiRow(f"INSERT INTO {_table(part)} (rowid, tokens)", "(?,?)"))
        return self._newest[1]

    def _create(self, part: int) -> None:
        # "ascii" takes every character beyond ASCII for a letter: tokens that text.tokens made stay as they are.
        # detail=none keeps no positions: hits are verified, so they would serve nothing, and it takes half the room.
        table = _table(part)
        self._connection.execute(
            f"CREATE VIRTUAL TABLE {table} USING fts5 (tokens, tokenize = 'ascii', detail = none, columnsize = 0)"
        )
        if HAS_SECURE_DELETE:
            self._connection.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('secure-delete', 1)")
        self._connection.execute("INSERT INTO part VALUES (?, 0)", (part,))
        self._known.add(part)


def offered(connection: sqlite3.Connection, expression: str, before: int, scopes: str = "") -> Iterator[int]:
    """The ids below ``before`` that match ``expression``, newest first, by any connection.

    With ``scopes``, parts in which nothing matches that are passed over: that is told sooner than the rest of it.
    """
    numbers = connection.execute("SELECT number FROM part WHERE number <= ? ORDER BY number DESC", (part_of(before),))
    for (part,) in numbers.fetchall():
        table = _table(part)
        found = f"SELECT rowid FROM {table} WHERE {table} MATCH ? AND rowid < ?"
        if scopes and connection.execute(f"{found} LIMIT 1", (scopes, before)).fetchone() is None:
            continue
        for (id_,) in connection.execute(f"{found} ORDER BY rowid DESC", (expression, before)):
            yield id_
