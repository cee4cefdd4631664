"""The search index: a file of its own that can be made again, and follows the log at its own pace.

It holds, per message that can be found, its tokens with one for its conversation and one for its sender. How far it got
stands in the same transaction as what it got; edits and deletions are events of the log, so following it keeps the
index right. The log itself decides what is a hit: what the index still offers of a deleted message is never shown.

One thread, the one that writes the store.
"""

# ruff: noqa: S608 - the statements are put together from constants

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any, Final

import msgspec

from chat_server.store import records
from chat_server.store.connection import NORMAL, open_writer, translated, truncated
from chat_server.store.errors import StoreBroken
from chat_server.store.folder import touch_private
from chat_server.store.parts import HAS_SECURE_DELETE, SCHEMA, Parts, offered, part_of
from chat_server.store.text import folded, tokens

INDEX: Final = "search.db"
"""The file of the index in the data directory."""

_FORMAT: Final = 4 + HAS_SECURE_DELETE
"""Raised by 2 when tokens are made in another way; the index is then made again. So it is where SQLite learns to delete
securely: tables that were made before do not, and nothing merges them any more.
"""

PURGE_AFTER_S: Final = 5.0
"""Deletions of this long are purged together, for without FTS5's secure-delete that means to merge all of a part."""

_SLICE: Final = 256
_MERGE_PAGES: Final = 64

_SCHEMA: Final = (
    "CREATE TABLE state (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID",
    SCHEMA,
    f"INSERT INTO state VALUES ('format', {_FORMAT}), ('indexed', 0)",
)


class Content(msgspec.Struct):
    """What is looked into of an event's body."""

    content: str = ""


_content: Final = msgspec.json.Decoder(Content).decode


def content_of(body: bytes) -> str:
    """The content of a stored body; empty if it has none, or is damaged: finding that is the business of ``verify``."""
    try:
        return _content(b"{" + body).content
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def conversation_token(conversation: int) -> str:
    """The token of all messages of a conversation; its first character is in no token made of text."""
    return f"\ue000{conversation}"


def sender_token(sender: int) -> str:
    """The token of all messages of a sender."""
    return f"\ue001{sender}"


def document(conversation: int, sender: int, content: str) -> str:
    """What is indexed of a message. ASCII is left to the index's own tokenizer, which does the same and is faster."""
    text = content if content.isascii() else " ".join(tokens(folded(content)))
    return f"\ue000{conversation} \ue001{sender} {text}"


class Index:
    """The index with the log that it follows, given as the connection that writes it.

    ``generation`` counts how often the file was replaced: readers that opened an earlier one must open it anew.
    ``must_purge`` tells that there is work for later: what was deleted is not gone from the file yet.
    """

    def __init__(self, folder: Path, log: sqlite3.Connection, epoch: str) -> None:
        self.path = folder / INDEX
        self.generation = 0
        self._log = log
        self._epoch = epoch
        self._indexed = 0
        self.must_purge = False
        self._merging: int | None = None
        self._deleted: set[int] = set()
        self._purge_at = 0.0
        self._is_lost = False
        self._connection = self._opened()
        self._parts = Parts(self._connection)

    def step(self) -> bool:
        """Do a slice of what is to be done now; True if more is left.

        Raises:
            StoreUnavailable: it could not be done now.
            sqlite3.Error: the log could not be read.
        """
        if self._is_lost:
            self._replace()
        events = self._log.execute(
            "SELECT id, conversation, kind, sender, deleted, target, body FROM event WHERE id > ? ORDER BY id LIMIT ?",
            (self._indexed, _SLICE),
        ).fetchall()
        try:
            if self.must_purge and monotonic() >= self._purge_at and self._purge():
                return True
            if events:
                self._follow(events)
                return True
            return self._forget_doomed()
        except sqlite3.Error as error:
            self._rollback()
            failure = translated(error)
            if not isinstance(failure, StoreBroken):
                raise failure from error
            self._replace()
            return True

    def close(self) -> None:
        """Checkpoint and close."""
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error:
            pass  # it can be made again
        self._connection.close()

    def _opened(self) -> sqlite3.Connection:
        touch_private(self.path)
        try:
            connection = open_writer(self.path, NORMAL)
        except StoreBroken:
            self._remove()
            touch_private(self.path)
            connection = open_writer(self.path, NORMAL)
        try:
            state = dict(connection.execute("SELECT key, value FROM state").fetchall())
        except sqlite3.Error:
            state = {}
        newest = self._log.execute("SELECT max(id) FROM event").fetchone()[0] or 0
        is_ours = state.get("format") == _FORMAT and state.get("epoch") == self._epoch
        if not is_ours or state["indexed"] > max(newest, self._last_id()):
            connection.close()
            self._remove()
            touch_private(self.path)
            connection = open_writer(self.path, NORMAL)
            state = self._create(connection)
        self._indexed = state["indexed"]
        self.must_purge = True  # a server that was killed may have left what it purged in the index's log of writes
        return connection

    def _last_id(self) -> int:
        noted = self._log.execute("SELECT value FROM meta WHERE key = 'last_event_id'").fetchone()
        return int(noted[0]) if noted else 0

    def _create(self, connection: sqlite3.Connection) -> dict[str, Any]:
        try:
            connection.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute("INSERT INTO state VALUES ('epoch', ?)", (self._epoch,))
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        return {"indexed": 0}

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def _replace(self) -> None:
        self._is_lost = True  # until there is a new one, which on a full disk may take several attempts
        self._connection.close()
        self._remove()
        self.generation += 1
        self._merging = None
        self._connection = self._opened()
        self._parts = Parts(self._connection)
        self._is_lost = False

    def _rollback(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._parts.reload()  # on a full disk SQLite has rolled back by itself
        except sqlite3.Error:
            pass  # the next step finds out

    def _follow(self, events: list[tuple[Any, ...]]) -> None:
        new: list[Any] = []
        changed: set[int] = set()
        for id_, conversation, kind, sender, deleted, target, body in events:
            if kind <= records.LAST_COUNTED and not deleted:
                new += (id_, document(conversation, sender, content_of(body)))
            elif kind in (records.EDITED, records.DELETED) and target is not None:
                found = self._log.execute("SELECT id FROM event WHERE message_id = ?", (target,)).fetchone()
                # What is in this slice or after it is read as it stands now.
                if found is not None and found[0] <= self._indexed:
                    changed.add(found[0])
        last = events[-1][0]
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        if changed:
            self._index_anew(sorted(changed))
        self._parts.add(new)
        execute("UPDATE state SET value = ? WHERE key = 'indexed'", (last,))
        execute("COMMIT")
        self._indexed = last
        self._must_purge_soon(changed)

    def _index_anew(self, ids: list[int]) -> None:
        for id_ in ids:
            self._parts.remove(id_)
            found = self._log.execute(
                "SELECT conversation, sender, body FROM event WHERE id = ? AND NOT deleted AND kind <= ?",
                (id_, records.LAST_COUNTED),
            ).fetchone()
            if found is not None:
                conversation, sender, body = found
                self._parts.add([id_, document(conversation, sender, content_of(body))])

    def _forget_doomed(self) -> bool:
        """Forget some messages of conversations that were dropped and are erased; True if more may be left."""
        doomed = self._log.execute("SELECT conversation, last_id FROM doomed WHERE erased LIMIT 1").fetchone()
        if doomed is None:
            return False
        conversation, last_id = doomed
        ids = list(islice(offered(self._connection, f'"{conversation_token(conversation)}"', last_id + 1), _SLICE))
        if not ids:
            self._log.execute("DELETE FROM doomed WHERE conversation = ? AND last_id = ?", doomed)
            return True
        self._connection.execute("BEGIN IMMEDIATE")
        for id_ in ids:
            self._parts.remove(id_)
        self._connection.execute("COMMIT")
        self._must_purge_soon(ids)
        return True

    def _must_purge_soon(self, ids: Iterable[int]) -> None:
        """These were deleted."""
        parts = {part_of(id_) for id_ in ids}
        self._deleted |= parts
        if parts and not self.must_purge:
            self._purge_later()

    def _purge_later(self) -> None:
        self.must_purge = True
        self._purge_at = monotonic() + PURGE_AFTER_S

    def _purge(self) -> bool:
        """Rid the index of what was deleted: some of it at a time; True if more is to be done now."""
        begin = self._merging is None
        if begin:
            self._merging = self._parts.to_purge()
        part = self._merging
        if part is not None:
            if begin:
                self._deleted.discard(part)
            if self._parts.merge(part, _MERGE_PAGES, begin=begin):
                return True
            self._merging = None
            if part not in self._deleted:
                self._parts.purged(part)
                return True
            self._purge_later()  # something more was deleted while that went on
            return False
        if truncated(self._connection):
            self.must_purge = False
        else:
            self._purge_later()
        return False
