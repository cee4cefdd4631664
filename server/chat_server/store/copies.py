"""Backups of a store, and stores from backups."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from chat_server.store.connection import translating
from chat_server.store.errors import StoreBroken, StoreUnavailable
from chat_server.store.folder import FolderLock, make_private, sync_folder, touch_private
from chat_server.store.mark import MARK
from chat_server.store.sqlite import DATABASE


def backup(data_dir: Path, target: Path) -> None:
    """Write what the store holds at this moment into the new file ``target``; the server may run meanwhile.

    It is on stable storage when this returns. Blocks for as long as copying takes.

    Raises:
        StoreUnavailable: ``target`` is there already or cannot be written.
        StoreError: the store cannot be read.
    """
    if target.exists():
        raise StoreUnavailable(f"{target} is there already: a backup never replaces a file")
    source = data_dir / DATABASE
    touch_private(target)
    try:
        with translating(), closing(_open(source, "ro")) as connection:
            connection.execute("VACUUM INTO ?", (str(target),))
        _sync(target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def restore(data_dir: Path, source: Path) -> None:
    """Make a store in ``data_dir`` from a backup; no server may run on it, and it must hold no store yet.

    The store gets a new epoch when a server starts on it: clients drop their positions, for they may have seen what
    the backup does not know.

    Raises:
        StoreUnavailable: the directory is in use, or has a store.
        StoreBroken: ``source`` is no backup of a store.
    """
    make_private(data_dir)
    lock = FolderLock(data_dir)
    try:
        path = data_dir / DATABASE
        if path.exists():
            raise StoreUnavailable(f"{path} is there already: move it and {DATABASE}-wal away first")
        draft = path.with_suffix(".new")
        try:
            draft.unlink(missing_ok=True)
            touch_private(draft)
            shutil.copyfile(source, draft)
            with translating(), closing(_open(draft, "rw")) as connection:
                if connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'event'").fetchone() != (1,):
                    raise StoreBroken(f"{source} is no backup of chat-server")
                connection.execute("DELETE FROM meta WHERE key = 'epoch'")
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


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode={mode}", uri=True, isolation_level=None)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    sync_folder(path.resolve().parent)
