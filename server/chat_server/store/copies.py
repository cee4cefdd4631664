"""Backups of a store, and stores from backups."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from chat_server.store.connection import translating, wal
from chat_server.store.errors import StoreBroken, StoreError, StoreUnavailable
from chat_server.store.folder import FolderLock, make_private, size_bytes, sync_folder, touch_private
from chat_server.store.mark import MARK
from chat_server.store.migration import schema
from chat_server.store.sqlite import DATABASE


def backup(data_dir: Path, target: Path) -> None:
    """Write what the store holds at this moment into the new file ``target``; the server may run meanwhile.

    It has its name only when it is whole and on stable storage: one that was killed leaves a file that ends with
    ``.part``, which the next one of that name takes away. Blocks for as long as copying takes.

    Raises:
        StoreUnavailable: ``target`` is there already, is being written, or cannot be written.
        StoreError: the store cannot be read.
    """
    if os.path.lexists(target):
        raise StoreUnavailable(f"{target} is there already: a backup never replaces a file")
    draft = target.with_name(f"{target.name}.part")
    try:
        with _sole(draft):
            try:
                with translating(), closing(_open(data_dir / DATABASE, "ro")) as connection:
                    connection.execute("VACUUM INTO ?", (str(draft),))
                _sync(draft)
                draft.rename(target)
                sync_folder(target.resolve().parent)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise StoreUnavailable(f"{target} cannot be written: {error.strerror}") from error


@contextmanager
def _sole(draft: Path) -> Iterator[None]:
    """Make ``draft`` and hold it for this process; the system lets go when it ends, however it ends."""
    with suppress(FileNotFoundError), _locked(draft, os.O_RDONLY):
        draft.unlink()  # of one that was killed; never written again, for somebody else may have made it
    with _locked(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL):
        yield


@contextmanager
def _locked(path: Path, flags: int) -> Iterator[None]:
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.fstat(descriptor).st_nlink:
            raise BlockingIOError  # another process has made it anew
        yield
    except BlockingIOError:
        raise StoreUnavailable(f"{path} is being written by another backup") from None
    finally:
        os.close(descriptor)


def restore(data_dir: Path, source: Path) -> None:
    """Make a store in ``data_dir`` from a backup; no server may run on it, and it must hold no store yet.

    The store gets a new epoch when a server starts on it: clients drop their positions, for they may have seen what
    the backup does not know.

    Raises:
        StoreUnavailable: the directory is in use, has a store or what one left; or ``source`` cannot be copied, or is
            the file of a store and lacks what is in its log of writes.
        StoreBroken: ``source`` is no backup of a store, or of a newer version of this program.
    """
    make_private(data_dir)
    lock = FolderLock(data_dir)
    try:
        path = data_dir / DATABASE
        for each in (path, *_unwritten(path)):  # SQLite would write what is in an old log into the new store
            if each.exists():
                raise StoreUnavailable(f"{each} is there already: move all that begins with {DATABASE} away first")
        for each in _unwritten(source):
            if size_bytes(each):
                raise StoreUnavailable(
                    f"{source} lacks what is in {each.name}: it is a store and no backup; make one of it with"
                    f" chat-server backup --data-dir {source.parent} FILE"
                )
        draft = path.with_suffix(".new")
        try:
            draft.unlink(missing_ok=True)
            touch_private(draft)
            shutil.copyfile(source, draft)
            _renew(draft, source)
            _sync(draft)
            draft.rename(path)
            (data_dir / MARK).unlink(missing_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"{source} cannot be copied: {error.strerror}") from error
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(data_dir)
    finally:
        lock.release()


def _unwritten(database: Path) -> tuple[Path, ...]:
    """Where SQLite keeps what it has yet to write into ``database``, or to take out of it."""
    return wal(database), database.with_name(f"{database.name}-journal")


def _renew(draft: Path, source: Path) -> None:
    """Take the epoch from the copy of ``source``, if it is one that a server could start on."""
    try:
        with translating(), closing(_open(draft, "rw")) as connection:
            if schema(connection) == 0:
                raise StoreBroken("this is no backup of chat-server")
            connection.execute("DELETE FROM meta WHERE key = 'epoch'")
    except StoreError as error:
        raise type(error)(f"{source}: {error}") from error


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode={mode}", uri=True, isolation_level=None)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    sync_folder(path.resolve().parent)
