"""One SQLite file and the thread that owns it. What is written together is committed together.

Work is queued from the event loop and done in order by one thread; everything queued while it was busy shares one
transaction, so a burst costs one fsync. A future is done when its work is on stable storage (WAL, synchronous=FULL).
"""

import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from chat_client.core.errors import ConfigError
from chat_client.core.language import tr

__all__ = ["Database", "Work"]

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

VERSION: Final = 1
MAX_BATCH: Final = 512

_SCHEMA: Final = """
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE conversation (
    name TEXT PRIMARY KEY, title TEXT NOT NULL, topic TEXT NOT NULL, role TEXT, visibility TEXT NOT NULL,
    muted INTEGER NOT NULL, last_seq INTEGER NOT NULL, cursor INTEGER NOT NULL, read_seq INTEGER NOT NULL,
    unread INTEGER NOT NULL, mentions INTEGER NOT NULL, peer_read_seq INTEGER NOT NULL,
    last_timestamp INTEGER NOT NULL, draft TEXT NOT NULL, floor INTEGER NOT NULL, complete INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE event (
    id INTEGER PRIMARY KEY, conversation TEXT NOT NULL, seq INTEGER NOT NULL, message_id TEXT NOT NULL,
    target TEXT, sender TEXT NOT NULL, timestamp INTEGER NOT NULL, text TEXT, body BLOB NOT NULL,
    UNIQUE (conversation, seq)
) STRICT;
CREATE INDEX event_message_id ON event (message_id);
CREATE INDEX event_target ON event (target) WHERE target IS NOT NULL;
CREATE TABLE gap (
    conversation TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (conversation, first)
) STRICT, WITHOUT ROWID;
CREATE TABLE person (user TEXT PRIMARY KEY, display_name TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT NOT NULL UNIQUE, body BLOB NOT NULL,
    failed TEXT
) STRICT;
"""


class Database:
    """The file at ``path``, made if it is not there. Only the process that holds the slot's lock may open it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._owed: list[_Job] = []
        self._thread = threading.Thread(target=self._work, name="chat-database", daemon=True)
        self._opened: Future[None] = Future()

    def open(self) -> None:
        """Start the thread and open the file; blocks for some disk accesses.

        Raises:
            ConfigError: The file cannot be opened, is damaged, or was written by a newer version.
        """
        self._thread.start()
        self._opened.result()

    @property
    def is_open(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def do(self, work: Work[T], *, must_follow: bool = False) -> "Future[T]":
        """Queue work; any thread. Its result comes when it is committed, its exception when it was undone.

        With ``must_follow`` nothing that was queued later is ever on the disk without it: where the disk is full, say,
        the exception comes all the same, and the work is done again before whatever is asked for next. What is owed
        in that way stays in memory.
        """
        future: Future[T] = Future()
        # Whoever waits may be cancelled, the work may not: a future that is running takes its result in any case.
        future.set_running_or_notify_cancel()
        self._queue.put(_Job(work, future, must_follow))
        return future

    def close(self) -> None:
        """Do what is queued and what is owed, then close the file; blocks until then."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        try:
            connection = _open(self.path)
        except BaseException as error:  # noqa: BLE001 - safety net: whoever opens waits for the future
            self._opened.set_exception(error)
            return
        self._opened.set_result(None)
        try:
            while self._batch(connection):
                pass
        finally:
            connection.close()

    def _batch(self, connection: sqlite3.Connection) -> bool:
        """Do one transaction of whatever is queued; False when the end was asked for."""
        item = self._queue.get()
        jobs = list(self._owed)
        while item is not None:
            jobs.append(item)
            if len(jobs) >= MAX_BATCH + len(self._owed):
                break
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
        if jobs:
            is_done = _transact(connection, jobs)
            self._owed = [] if is_done else [job for job in jobs if job.must_follow]
        return item is not None


class _Job(NamedTuple):
    """A piece of work, and who waits for it."""

    work: Work[Any]
    future: "Future[Any]"
    must_follow: bool

    def fail(self, error: Exception) -> None:
        """Tell whoever waits, unless they were told when it was tried before."""
        if not self.future.done():
            self.future.set_exception(error)


def _transact(connection: sqlite3.Connection, jobs: list[_Job]) -> bool:
    """Do jobs in one transaction; False if nothing of it was done. One that fails undoes itself alone.

    Where that one ``must_follow`` and the disk is to blame, it undoes all: what comes after it must not stand alone.
    """
    done: list[tuple[_Job, Any]] = []
    try:
        connection.execute("BEGIN IMMEDIATE")
        for job in jobs:
            connection.execute("SAVEPOINT job")
            try:
                result = job.work(connection)
            except Exception as error:
                if job.must_follow and isinstance(error, sqlite3.OperationalError):
                    raise
                connection.execute("ROLLBACK TO job")
                job.fail(error)
            else:
                done.append((job, result))
            connection.execute("RELEASE job")
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        for job in jobs:
            job.fail(error)
        return False
    for job, result in done:
        if not job.future.done():
            job.future.set_result(result)
    return True


def _open(path: Path) -> sqlite3.Connection:
    try:
        # SQLite would make it with the umask's mode; drafts and messages are nobody else's business.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(
            tr("{path} cannot be opened: {error}: move it away to start with an empty one").format(
                path=path, error=error
            )
        ) from None
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise ConfigError(
            tr("{path} was written by a newer version of this program: use that one, or another --data-dir").format(
                path=path
            )
        )
    if version == 0:
        connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
