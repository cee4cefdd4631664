"""Searches: the index offers, the log decides."""

# ruff: noqa: S608 - the statements are put together from constants

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from time import monotonic
from typing import Any, Final

import msgspec

from chat_server.store import records
from chat_server.store.base import Hit, Scope
from chat_server.store.connection import open_reader, translated
from chat_server.store.errors import StoreUnavailable
from chat_server.store.index import Index, content_of, conversation_token, sender_token
from chat_server.store.parts import offered
from chat_server.store.text import Query, parse, snippet

LONGEST_S: Final = 2.0
"""A search that takes longer ends with what it found; StoreUnavailable if that is nothing."""

SCANNED: Final = 10_000
"""Messages that are looked at, the newest of the scopes, for a query that consists of signs only."""

_MOST_SCOPES_IN_INDEX: Final = 32
_FIRST_CHUNK: Final = 32
_LARGEST_CHUNK: Final = 1024
_CHECK_EVERY: Final = 5000

_ROWS: Final = (
    "SELECT id, conversation, seq, sender, body FROM event WHERE {} AND NOT deleted"
    f" AND kind <= {records.LAST_COUNTED}"
    " AND conversation NOT IN (SELECT conversation FROM doomed WHERE NOT erased) ORDER BY id DESC"
)
_BY_ID: Final = _ROWS.format("id IN (SELECT value FROM json_each(?))")
_TAIL: Final = _ROWS.format("id > ? AND id < ?")
_EDITED_IN_TAIL: Final = (
    "SELECT DISTINCT t.id FROM event e CROSS JOIN event t ON t.message_id = e.target"
    f" WHERE e.id > ?1 AND e.kind = {records.EDITED} AND t.id <= ?1 AND t.id < ?2"
)
_NEWEST_OF: Final = (
    "SELECT id FROM {} WHERE conversation = ? AND seq BETWEEN ? AND ? AND id < ?"
    f" AND NOT deleted AND kind <= {records.LAST_COUNTED} ORDER BY seq DESC LIMIT ?"
)
_END: Final = 2**63 - 1


class Searcher:
    """The part of a reader that looks into the index; same thread as ``log``, the reader's connection."""

    def __init__(self, log: sqlite3.Connection, index: Index) -> None:
        self._log = log
        self._index = index
        self._connection: sqlite3.Connection | None = None
        self._generation = -1

    def search(self, text: str, scopes: list[Scope], sender: int | None, before: int | None, limit: int) -> list[Hit]:
        """See :meth:`chat_server.store.base.Reader.search`."""
        query = parse(text)
        if limit <= 0 or not scopes:
            return []
        wanted = _Wanted(query, scopes, sender)
        hits: list[Hit] = []
        try:
            with self._bounded(self._opened()):
                for hit in self._hits(wanted, _END if before is None else before):
                    hits.append(hit)
                    if len(hits) == limit:
                        break
        except sqlite3.Error as error:
            failure = translated(error)
            if not isinstance(failure, StoreUnavailable):
                self.close()  # another index may stand there next time
                raise failure from error
            if not hits:
                raise StoreUnavailable("the search took too long: try more specific words") from error
        return hits

    def close(self) -> None:
        """Release the connection to the index."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _hits(self, wanted: _Wanted, before: int) -> Iterator[Hit]:
        if not wanted.query.is_indexed:
            yield from self._verified(self._newest(wanted, before), wanted)
            return
        index = self._opened()
        # The order matters: the log as it is read now is never behind the index as it was read.
        index.execute("BEGIN")
        try:
            indexed = index.execute("SELECT value FROM state WHERE key = 'indexed'").fetchone()[0]
            for row in self._log.execute(_TAIL, (indexed, before)):
                if (hit := wanted.hit(row)) is not None:
                    yield hit
            edited = sorted((id_ for (id_,) in self._log.execute(_EDITED_IN_TAIL, (indexed, before))), reverse=True)
            found = offered(index, wanted.expression(), min(before, indexed + 1), wanted.places())
            yield from self._verified(_distinct(heapq.merge(edited, found, reverse=True)), wanted)
        finally:
            index.execute("COMMIT")

    def _verified(self, ids: Iterator[int], wanted: _Wanted) -> Iterator[Hit]:
        """The hits among the messages ``ids``, which come newest first."""
        size = _FIRST_CHUNK
        while chunk := list(islice(ids, size)):
            for row in self._log.execute(_BY_ID, (msgspec.json.encode(chunk).decode(),)).fetchall():
                if (hit := wanted.hit(row)) is not None:
                    yield hit
            size = min(_LARGEST_CHUNK, size * 4)

    def _newest(self, wanted: _Wanted, before: int) -> Iterator[int]:
        each = max(100, SCANNED // len(wanted.scopes))
        found: set[int] = set()
        for scope in wanted.scopes[: SCANNED // 100]:
            for table in ("recent", "place"):
                place = (scope.conversation, scope.from_seq, scope.to_seq, before, each)
                found.update(id_ for (id_,) in self._log.execute(_NEWEST_OF.format(table), place))
        return iter(sorted(found, reverse=True)[:SCANNED])

    def _opened(self) -> sqlite3.Connection:
        if self._generation != self._index.generation:
            self.close()
        if self._connection is None:
            self._generation = self._index.generation
            self._connection = open_reader(self._index.path)
        return self._connection

    @contextmanager
    def _bounded(self, index: sqlite3.Connection) -> Iterator[None]:
        deadline = monotonic() + LONGEST_S
        connections = (self._log, index)

        def is_late() -> bool:
            return monotonic() > deadline

        for connection in connections:
            connection.set_progress_handler(is_late, _CHECK_EVERY)
        try:
            yield
        finally:
            for connection in connections:
                connection.set_progress_handler(None, 0)


class _Wanted:
    """What is looked for, and where."""

    def __init__(self, query: Query, scopes: list[Scope], sender: int | None) -> None:
        self.query = query
        self.scopes = scopes
        self._sender = sender
        self._ranges: dict[int, list[tuple[int, int]]] = {}
        for scope in scopes:
            self._ranges.setdefault(scope.conversation, []).append((scope.from_seq, scope.to_seq))

    def expression(self) -> str:
        """The query for the index: every message that may be a hit matches it.

        Many conversations are cheaper looked at one by one than united by the index.
        """
        places = self.places()
        parts = [f"({places})"] if places else []
        if self._sender is not None:
            parts.append(_quoted(sender_token(self._sender)))
        for term in self.query.terms:
            parts += map(_quoted, term.tokens[:-1])
            if term.tokens:
                parts.append(f"{_quoted(term.tokens[-1])}{' *' if term.is_prefix else ''}")
        return " AND ".join(parts)

    def places(self) -> str:
        """The conversations for the index; empty if they are too many."""
        if len(self._ranges) > _MOST_SCOPES_IN_INDEX:
            return ""
        return " OR ".join(_quoted(conversation_token(each)) for each in self._ranges)

    def hit(self, row: tuple[Any, ...]) -> Hit | None:
        """``row`` (id, conversation, seq, sender, body) as a hit, if it is one."""
        id_, conversation, seq, sender, body = row
        ranges = self._ranges.get(conversation)
        if ranges is None or not any(low <= seq <= high for low, high in ranges):
            return None
        if self._sender is not None and sender != self._sender:
            return None
        content = content_of(body)
        if not self.query.matches(content):
            return None
        return Hit(id_, conversation, seq, body, snippet(content, self.query))


def _quoted(token: str) -> str:
    """A token holds no quotation mark, nor anything else that FTS5 would read as syntax inside of them."""
    return f'"{token}"'


def _distinct(ids: Iterable[int]) -> Iterator[int]:
    last = None
    for id_ in ids:
        if id_ != last:
            yield id_
        last = id_
