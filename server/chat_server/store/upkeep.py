"""Work between commits, in slices: erasing what is left of dropped conversations, the index, and what lies in the WAL.

The thread that writes the store.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from time import monotonic
from typing import Final

import structlog

from chat_server.store import rows
from chat_server.store.connection import WAL_LIMIT_BYTES, translated, truncated
from chat_server.store.errors import StoreUnavailable
from chat_server.store.folder import size_bytes
from chat_server.store.index import Index
from chat_server.store.mark import Mark
from chat_server.store.writer import Writer

_log = structlog.get_logger("store")

_SLICE_S: Final = 0.01
_ERASED_AT_ONCE: Final = 256
_TRUNCATE_EVERY_S: Final = 2.0
"""A truncated log of writes has to grow again, so that under load it is not done after every single deletion."""

_WARN_EVERY_S: Final = 60.0


class Upkeep:
    """What is due, and when what may not be done too often was done last."""

    def __init__(self, writer: Writer, index: Index, mark: Mark, wal: Path) -> None:
        self._writer = writer
        self._connection = writer.connection
        self._index = index
        self._mark = mark
        self._wal = wal
        self._truncated_at = self._warned_at = -_WARN_EVERY_S

    def slice(self) -> bool:
        """Work for about 10 ms; True if more is left.

        Raises:
            StoreBroken: the log is damaged.
        """
        deadline = monotonic() + _SLICE_S
        try:
            while (has_more := self._erase_some() or self._index.step()) and monotonic() < deadline:
                pass
            self._mark.advance()
            is_dirty = self._is_due() and not self._truncate()
        except StoreUnavailable:
            return True  # a full disk, say: what is left to do stays noted, and commits tell whom it concerns
        except sqlite3.Error as error:
            failure = translated(error)
            if isinstance(failure, StoreUnavailable):
                return True
            raise failure from error
        return has_more or is_dirty or self._index.must_purge

    def _erase_some(self) -> bool:
        execute = self._connection.execute
        doomed = execute("SELECT conversation FROM doomed WHERE NOT erased LIMIT 1").fetchone()
        if doomed is None:
            return False
        execute("BEGIN IMMEDIATE")
        try:
            rows.erase_some(self._connection, doomed[0], _ERASED_AT_ONCE)
            execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise
        self._writer.has_erased = True
        return True

    def _is_due(self) -> bool:
        return self._writer.has_erased or size_bytes(self._wal) > WAL_LIMIT_BYTES

    def _truncate(self) -> bool:
        """Rid the write-ahead log of what was erased, or of its length; False if that must be tried again."""
        now = monotonic()
        if now < self._truncated_at + _TRUNCATE_EVERY_S:
            return False
        self._truncated_at = now
        is_done = truncated(self._connection)
        if is_done:
            self._writer.has_erased = False
        elif now >= self._warned_at + _WARN_EVERY_S and (size := size_bytes(self._wal)) > WAL_LIMIT_BYTES:
            self._warned_at = now
            _log.warning(
                "the write-ahead log cannot be emptied: something reads chat.db for long, a copy or a sqlite3 shell;"
                " nothing is lost, it shrinks when that ends",
                wal_mib=size >> 20,
            )
        return is_done
