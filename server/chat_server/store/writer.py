"""Applies batches in transactions: optimistic about repeats, and back to where it was after any failure."""

from __future__ import annotations

import sqlite3
from typing import Final

from chat_server.store import records, rows
from chat_server.store.base import Append, Outcome, Snapshot, Write
from chat_server.store.batch import Batch, Suspects
from chat_server.store.connection import translated, translating
from chat_server.store.errors import BadWrite, StoreBroken

PLACE_EVERY: Final = 4096
"""Events that enter ``recent`` before all of it moves to ``place``."""

_REMEMBERED: Final = 32768
"""Message ids in each of the two sets of recent ones."""

_MOVE: Final = "INSERT INTO place SELECT * FROM recent ORDER BY conversation, seq"


class Writer:
    """The writing connection with what it keeps in memory: heads, devices, recent message ids. One thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._heads: dict[int, int] = {}
        self._devices: set[str] = set()
        self._young: set[str] = set()
        self._old: set[str] = set()
        self._next_id = 1
        self._unplaced = 0
        self._broken: str | None = None
        self.has_erased = False
        """Whether something was erased since this was last set to False."""

    @property
    def connection(self) -> sqlite3.Connection:
        """For background work between commits."""
        return self._connection

    def load(self) -> Snapshot:
        """Read what is stored and begin again from it."""
        with translating():
            self._rollback()
            snapshot = rows.snapshot(self._connection)
            self._next_id = rows.last_id(self._connection) + 1
            self._unplaced = self._connection.execute("SELECT count(*) FROM recent").fetchone()[0]
        self._heads = dict(snapshot.heads)
        self._devices = {device.id for device in snapshot.devices}
        self._young.clear()
        self._old.clear()
        return snapshot

    def commit(self, batch: list[Write]) -> list[Outcome | None]:
        """See :meth:`chat_server.store.base.Store.commit`."""
        if self._broken is not None:
            raise StoreBroken(self._broken)
        if not batch:
            return []
        try:
            try:
                return self._attempt(batch, (self._young, self._old))
            except sqlite3.IntegrityError as error:
                if "event.message_id" not in str(error):
                    raise
                return self._attempt(batch, (self._known_ids(batch), ()))
        except sqlite3.Error as error:
            failure = translated(error)
            if isinstance(failure, StoreBroken):
                self._broken = str(failure)
            raise failure from error

    def _attempt(self, batch: list[Write], suspects: Suspects) -> list[Outcome | None]:
        attempt = Batch(self._connection, self._heads, self._devices, suspects, self._next_id)
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            outcomes = attempt.run(batch)
            unplaced = self._unplaced + attempt.next_id - self._next_id
            if unplaced >= PLACE_EVERY:
                execute(_MOVE)
                execute("DELETE FROM recent")
                unplaced = 0
            execute("COMMIT")
        except BaseException as error:
            self._rollback()
            if (culprit := _culprit(error, attempt, batch)) is not None:
                raise culprit from error
            raise
        self._unplaced = unplaced
        self._take_over(attempt)
        return outcomes

    def _take_over(self, attempt: Batch) -> None:
        heads = self._heads
        heads.update(attempt.heads)
        if attempt.has_erased:
            self.has_erased = True
            for conversation, head in attempt.heads.items():
                if head < 0:
                    del heads[conversation]
        self._next_id = attempt.next_id
        for device, is_known in attempt.devices.items():
            if is_known:
                self._devices.add(device)
            else:
                self._devices.discard(device)
        self._young |= attempt.seen
        if len(self._young) > _REMEMBERED:
            self._young, self._old = set(), self._young

    def _known_ids(self, batch: list[Write]) -> set[str]:
        """The message ids of ``batch`` that are stored already."""
        ids = {write.message_id for write in batch if isinstance(write, Append)}
        known: set[str] = set()
        for message_id in ids:
            if self._connection.execute(
                "SELECT 1 FROM event WHERE message_id = ?", (records.key(message_id),)
            ).fetchone():
                known.add(message_id)
        return known

    def _rollback(self) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                self._broken = f"a rollback failed: {error}"


def _culprit(error: BaseException, attempt: Batch, batch: list[Write]) -> BadWrite | None:
    """The write to blame for ``error``, or None where it is no write's fault."""
    if isinstance(error, sqlite3.IntegrityError):
        is_log = any(f"failed: {table}." in str(error) for table in ("event", "place", "recent"))
        return None if is_log else BadWrite(attempt.at, str(error))
    is_value = isinstance(error, (sqlite3.InterfaceError, sqlite3.ProgrammingError, sqlite3.DataError))
    if not isinstance(error, Exception) or (isinstance(error, sqlite3.Error) and not is_value):
        return None
    # The events before `at` may have waited in a statement that failed now.
    for index, write in enumerate(batch[: attempt.at + 1]):
        if (reason := records.fault(write)) is not None:
            return BadWrite(index, reason)
    return BadWrite(attempt.at, f"{type(error).__name__}: {error}")
