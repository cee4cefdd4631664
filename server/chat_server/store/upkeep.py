"""Work between commits, in slices: erasing what is left of dropped conversations, the index, and what lies in the WAL.

The thread that writes the store.
"""

from __future__ import annotations

import sqlite3
from time import monotonic
from typing import Final

from chat_server.store import rows
from chat_server.store.base import StoreUnavailable
from chat_server.store.connection import translated, truncated
from chat_server.store.index import Index
from chat_server.store.mark import Mark
from chat_server.store.writer import Writer

_SLICE_S: Final = 0.01
_ERASED_AT_ONCE: Final = 256
_TRUNCATE_EVERY_S: Final = 2.0
"""A truncated log of writes has to grow again, so that under load it is not done after every single deletion."""


class Upkeep:
    """What is due, and when what may not be done too often was done last."""

    def __init__(self, writer: Writer, index: Index, mark: Mark) -> None:
        self._writer = writer
        self._connection = writer.connection
        self._index = index
        self._mark = mark
        self._truncated_at = -_TRUNCATE_EVERY_S

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
            is_dirty = self._writer.has_erased and not self._truncate()
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

    def _truncate(self) -> bool:
        """Rid the write-ahead log of what was erased; False if that must be tried again."""
        now = monotonic()
        if now < self._truncated_at + _TRUNCATE_EVERY_S:
            return False
        self._truncated_at = now
        is_done = truncated(self._connection)
        if is_done:
            self._writer.has_erased = False
        return is_done
