"""Reads of committed state over a read-only connection; every call is one short read transaction."""

# ruff: noqa: S608 - the statements are put together from constants

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

from chat_server.store import records
from chat_server.store.base import (
    AuditLine,
    Hit,
    Located,
    Reach,
    Scope,
    Standing,
    StoredEvent,
)
from chat_server.store.connection import translating
from chat_server.store.index import Index
from chat_server.store.search import Searcher

_VISIBLE: Final = "NOT EXISTS (SELECT 1 FROM doomed WHERE conversation = :conversation AND NOT erased)"

# Both halves come sorted from their tables and are merged; LIMIT stops the merge.
_PAGE: Final = (
    "SELECT p.seq, e.body FROM ("
    " SELECT seq, id FROM place WHERE conversation = :conversation AND seq > :after AND seq < :before"
    " UNION ALL"
    " SELECT seq, id FROM recent WHERE conversation = :conversation AND seq > :after AND seq < :before"
    f" ORDER BY seq {{order}} LIMIT :limit) p CROSS JOIN event e ON e.id = p.id WHERE {_VISIBLE}"
)
_OLDEST: Final = _PAGE.format(order="ASC")
_NEWEST: Final = _PAGE.format(order="DESC")

_UNREAD: Final = (
    "(SELECT count(*) FROM {table} WHERE conversation = j.value AND seq > coalesce(r.seq, 0)"
    f" AND kind <= {records.LAST_COUNTED} AND sender <> :user AND NOT deleted)"
)
_STANDINGS: Final = (
    "SELECT j.value, coalesce(r.seq, 0), c.seq,"
    f" iif(d.conversation IS NULL, {_UNREAD.format(table='place')} + {_UNREAD.format(table='recent')}, 0),"
    " (SELECT count(*) FROM mention"
    "  WHERE conversation = j.value AND user = :user AND seq > coalesce(r.seq, 0)),"
    " iif(d.conversation IS NULL, coalesce((SELECT max(seq) FROM recent WHERE conversation = j.value),"
    "  (SELECT max(seq) FROM place WHERE conversation = j.value), 0), 0)"
    " FROM json_each(:conversations) j"
    " LEFT JOIN doomed d ON d.conversation = j.value AND NOT d.erased"
    " LEFT JOIN read_mark r ON r.conversation = j.value AND r.user = :user"
    " LEFT JOIN cursor c ON c.conversation = j.value AND c.user = :user AND c.device = :device"
    " ORDER BY j.key"
)
# With max() SQLite takes at_ms from the row that has the maximum.
_REACH: Final = (
    "SELECT j.value, coalesce(c.seq, 0), coalesce(c.at_ms, 0), coalesce(r.seq, 0), coalesce(r.at_ms, 0)"
    " FROM json_each(:users) j"
    " LEFT JOIN (SELECT user, max(seq) AS seq, at_ms FROM cursor WHERE conversation = :conversation GROUP BY user) c"
    "  ON c.user = j.value"
    " LEFT JOIN read_mark r ON r.conversation = :conversation AND r.user = j.value"
    " ORDER BY j.key"
)


class SqliteReader:
    """A reader of one thread."""

    def __init__(self, connection: sqlite3.Connection, index: Index) -> None:
        self._connection = connection
        self._searcher = Searcher(connection, index)

    def events(
        self, conversation: int, after: int, before: int, limit: int, *, newest: bool = False
    ) -> list[StoredEvent]:
        """See :class:`chat_server.store.base.Reader`."""
        with translating():
            found = self._connection.execute(
                _NEWEST if newest else _OLDEST,
                {"conversation": conversation, "after": after, "before": before, "limit": max(0, limit)},
            ).fetchall()
        if newest:
            found.reverse()
        return [StoredEvent(*row) for row in found]

    def locate(self, message_id: str) -> Located | None:
        """See :class:`chat_server.store.base.Reader`."""
        with translating():
            try:
                found = self._connection.execute(
                    "SELECT conversation, seq, kind, sender, timestamp_ms, deleted FROM event WHERE message_id = ?"
                    " AND NOT EXISTS (SELECT 1 FROM doomed d WHERE d.conversation = event.conversation AND NOT erased)",
                    (records.key(message_id),),
                ).fetchone()
            except UnicodeEncodeError:
                return None
        if found is None:
            return None
        conversation, seq, kind, sender, timestamp_ms, deleted = found
        return Located(conversation, seq, records.KINDS[kind], sender, timestamp_ms, bool(deleted))

    def standings(self, user: int, device: str, conversations: list[int]) -> list[Standing]:
        """See :class:`chat_server.store.base.Reader`."""
        with translating():
            found = self._connection.execute(
                _STANDINGS, {"user": user, "device": device, "conversations": _listed(conversations)}
            ).fetchall()
        return [Standing(*row) for row in found]

    def reach(self, conversation: int, users: list[int]) -> list[Reach]:
        """See :class:`chat_server.store.base.Reader`."""
        with translating():
            found = self._connection.execute(_REACH, {"conversation": conversation, "users": _listed(users)}).fetchall()
        return [Reach(*row) for row in found]

    def search(
        self, query: str, scopes: list[Scope], *, sender: int | None, before: int | None, limit: int
    ) -> list[Hit]:
        """See :class:`chat_server.store.base.Reader`."""
        return self._searcher.search(query, scopes, sender, before, limit)

    def audit(self, before: int | None, limit: int) -> list[AuditLine]:
        """See :class:`chat_server.store.base.Reader`."""
        with translating():
            found = self._connection.execute(
                "SELECT id, at_ms, actor, action, detail, hash FROM audit WHERE ? IS NULL OR id < ?"
                " ORDER BY id DESC LIMIT ?",
                (before, before, max(0, limit)),
            ).fetchall()
        return [AuditLine(*row) for row in found]

    def close(self) -> None:
        """Release the connection."""
        self._searcher.close()
        self._connection.close()


def _listed(numbers: list[int]) -> str:
    return msgspec.json.encode(numbers).decode()
