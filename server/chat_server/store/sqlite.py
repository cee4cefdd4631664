"""The store on SQLite: one file with the log and everything else that must last, one with the search index.

:func:`open_store` is all that the rest of the server needs to know.
"""

from __future__ import annotations

import secrets
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from chat_server.store.base import DiskUse, Outcome, Reader, Snapshot, Write
from chat_server.store.connection import OLDEST_SQLITE, open_reader, open_writer, translating, wal, with_companions
from chat_server.store.errors import StoreBroken, StoreUnavailable
from chat_server.store.folder import FolderLock, check_writable, make_private, size_bytes, touch_private
from chat_server.store.index import INDEX, Index
from chat_server.store.mark import MARK, Mark, refuse_a_loss
from chat_server.store.migration import migrate, schema
from chat_server.store.reader import SqliteReader
from chat_server.store.upkeep import Upkeep
from chat_server.store.writer import Writer

DATABASE: Final = "chat.db"
"""The file of the log in the data directory."""


def open_store(data_dir: Path) -> SqliteStore:
    """Open the store in ``data_dir``, made if it is not there.

    Raises:
        StoreUnavailable: the directory cannot be used, or another server uses it.
        StoreBroken: what is there is damaged, or not of this program, or of a newer version of it.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StoreBroken(f"SQLite {sqlite3.sqlite_version} is too old: {'.'.join(map(str, OLDEST_SQLITE))} is needed")
    make_private(data_dir)
    lock = FolderLock(data_dir)
    try:
        return SqliteStore(data_dir, lock)
    except BaseException:
        lock.release()
        raise


class SqliteStore:
    """See :class:`chat_server.store.base.Store`. Made by :func:`open_store`."""

    def __init__(self, data_dir: Path, lock: FolderLock) -> None:
        self._path = data_dir / DATABASE
        self._lock = lock
        self._is_closed = False
        self.is_set_back = False
        """Whether an older state was put in its place since a server ran on it; it has a new epoch then."""
        refuse_a_loss(data_dir, self._path)
        check_writable(data_dir, (*with_companions(DATABASE), *with_companions(INDEX), MARK))
        _look(self._path)
        touch_private(self._path)
        self._connection = open_writer(self._path)
        try:
            with translating():
                migrate(self._connection)
                mark = Mark(self._connection, data_dir / MARK)
                self.is_set_back = mark.is_behind()
                if self.is_set_back:
                    self._connection.execute("DELETE FROM meta WHERE key = 'epoch'")
                self._connection.execute(
                    "INSERT OR IGNORE INTO meta (key, value) VALUES ('epoch', ?)", (secrets.token_hex(16),)
                )
            self._mark = mark
            self._advance_mark()
            self._writer = Writer(self._connection)
            epoch = self._writer.load().epoch
            with translating():
                # A server that was killed may have left erased text in the log of writes.
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                self._index = Index(data_dir, self._connection, epoch)
            self._upkeep = Upkeep(self._writer, self._index, mark, wal(self._path))
        except BaseException:
            self._connection.close()
            raise

    def load(self) -> Snapshot:
        """See :class:`chat_server.store.base.Store`."""
        return self._writer.load()

    def commit(self, batch: list[Write]) -> list[Outcome | None]:
        """See :class:`chat_server.store.base.Store`."""
        return self._writer.commit(batch)

    def tidy(self) -> bool:
        """See :class:`chat_server.store.base.Store`."""
        return self._upkeep.slice()

    def disk_use(self) -> DiskUse:
        """See :class:`chat_server.store.base.Store`."""
        index = self._path.with_name(INDEX)
        return DiskUse(
            log_bytes=size_bytes(self._path),
            wal_bytes=size_bytes(wal(self._path)),
            index_bytes=size_bytes(index) + size_bytes(wal(index)),
            free_bytes=shutil.disk_usage(self._path.parent).free,
        )

    def reader(self) -> Reader:
        """See :class:`chat_server.store.base.Store`."""
        return SqliteReader(open_reader(self._path), self._index)

    def close(self) -> None:
        """See :class:`chat_server.store.base.Store`."""
        if self._is_closed:
            return
        self._is_closed = True
        self._index.close()
        try:
            self._advance_mark()
            with translating():
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            self._connection.close()
            self._lock.release()

    def _advance_mark(self) -> None:
        # Where the disk is full the old mark stays, which is right as far as it goes.
        with suppress(StoreUnavailable), translating():
            self._mark.advance(is_due=True)


def _look(path: Path) -> None:
    """Refuse another program's database before anything of it is changed: a writer makes its journal a WAL.

    What cannot be read in this way (a journal to roll back, a damaged header) is left for the writer to judge.
    """
    if not path.exists():
        return
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
        schema(connection)
