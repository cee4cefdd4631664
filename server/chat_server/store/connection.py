"""How the store opens SQLite: the pragmas in force, the two kinds of connections, and what its errors mean.

One connection writes and checkpoints a database, ever: before 3.51.3 SQLite can corrupt a write-ahead log that two
connections write or checkpoint at once. Readers are opened read-only, so that not even closing one checkpoints.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from chat_server.store.errors import StoreBroken, StoreError, StoreUnavailable

OLDEST_SQLITE: Final = (3, 38, 0)
"""The first version with JSON functions in every build."""

WAL_LIMIT_BYTES: Final = 64 * 2**20
"""What the log of writes is cut to when it begins anew. It is longer only while something reads the store for long."""

_BUSY_S: Final = 2.0
_TRUNCATE_MS: Final = 50
_STATEMENTS: Final = 256

Pragma = tuple[str, str, object]
"""Name, value to set, value that must be read back."""

_EVERY: Final[tuple[Pragma, ...]] = (
    ("trusted_schema", "OFF", 0),
    ("cell_size_check", "ON", 1),
    ("temp_store", "MEMORY", 2),
)

_WRITER: Final[tuple[Pragma, ...]] = (
    ("journal_mode", "WAL", "wal"),
    ("secure_delete", "ON", 1),
    ("journal_size_limit", str(WAL_LIMIT_BYTES), WAL_LIMIT_BYTES),
    ("wal_autocheckpoint", "4000", 4000),
    ("cache_size", "-32768", -32768),
)

_READER: Final[tuple[Pragma, ...]] = (
    ("query_only", "ON", 1),
    ("wal_autocheckpoint", "0", 0),
    ("cache_size", "-32768", -32768),
)

FULL: Final[Pragma] = ("synchronous", "FULL", 2)
"""A commit returns when it survives a loss of power."""

NORMAL: Final[Pragma] = ("synchronous", "NORMAL", 1)
"""A loss of power may undo the last commits, never part of one: for what can be made again."""

_PASSING: Final = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_INTERRUPT,
}

_PASSING_IN_FULL: Final = {sqlite3.SQLITE_IOERR_SHMSIZE}
"""Errors of input and output that pass, by their extended code: a full disk has no room for more shared memory."""


def translated(error: sqlite3.Error) -> StoreError:
    """What ``error`` means for the caller: may it pass, or is the store broken?"""
    code = getattr(error, "sqlite_errorcode", None)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    text = f"{name}: {error}"
    if code is not None and (code & 0xFF in _PASSING or code in _PASSING_IN_FULL):
        return StoreUnavailable(text)
    return StoreBroken(text)


@contextmanager
def translating() -> Iterator[None]:
    """Turn errors of SQLite into :class:`StoreError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise translated(error) from error


def open_writer(path: Path, synchronous: Pragma = FULL) -> sqlite3.Connection:
    """The one connection that may write ``path``; transactions are explicit.

    Raises:
        StoreError: it cannot be opened, or a pragma is not in force.
    """
    with translating():
        connection = sqlite3.connect(
            path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=_STATEMENTS
        )
        return _prepared(connection, path, (*_EVERY, *_WRITER, synchronous))


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that can only read ``path``, while a writer has it open.

    Raises:
        StoreError: it cannot be opened, or a pragma is not in force.
    """
    with translating():
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=ro",
            timeout=_BUSY_S,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=_STATEMENTS,
            uri=True,
        )
        return _prepared(connection, path, (*_EVERY, *_READER))


def wal(path: Path) -> Path:
    """The write-ahead log beside the database ``path``."""
    return path.with_name(path.name + "-wal")


def with_companions(name: str) -> tuple[str, ...]:
    """The names of a database and of all that SQLite may keep beside it."""
    return name, f"{name}-wal", f"{name}-shm", f"{name}-journal"


def truncated(connection: sqlite3.Connection) -> bool:
    """Whether the log of writes could be emptied into the database; not while another connection reads for long.

    Waits at most 50 ms for readers, for commits wait meanwhile.
    """
    connection.execute(f"PRAGMA busy_timeout={_TRUNCATE_MS}").fetchall()
    try:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout={int(_BUSY_S * 1000)}").fetchall()
    return not busy


def _prepared(connection: sqlite3.Connection, path: Path, pragmas: tuple[Pragma, ...]) -> sqlite3.Connection:
    try:
        for name, value, expected in pragmas:
            connection.execute(f"PRAGMA {name}={value}").fetchall()
            found = connection.execute(f"PRAGMA {name}").fetchone()[0]
            if found != expected:
                raise StoreBroken(f"{path.name}: PRAGMA {name} is {found!r} although {value} was asked for")
    except BaseException:
        connection.close()
        raise
    return connection
