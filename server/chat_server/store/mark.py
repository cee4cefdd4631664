"""Notices a store that was set back: an older copy of its file, put in its place without ``chat-server restore``.

The store and a small file beside it hold the same mark, a number and a random word. The number grows at every start
and, while something is written, every ten seconds. The store's is written first, so after a crash the file may be
behind. A store that is behind the file, or has another word with the same number, is not the one that was there.

What is set back together with the file (a whole directory, the snapshot of a machine) cannot be noticed here.
"""

from __future__ import annotations

import os
import re
import secrets
import sqlite3
from pathlib import Path
from time import monotonic
from typing import Final

from chat_server.store.errors import StoreBroken, StoreUnavailable
from chat_server.store.folder import sync_folder

MARK: Final = "chat.mark"
"""The file in the data directory."""

_EVERY_S: Final = 10.0
_TEXT: Final = re.compile(r"(\d{1,18}) ([0-9a-f]{16})\n")


class Mark:
    """The mark of one store. Only the thread that writes the store may use it."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._word = secrets.token_hex(8)
        self._changes = -1
        self._advanced_at = -_EVERY_S

    def is_behind(self) -> bool:
        """Whether the store was set back since it was marked last; a file that nobody can read says nothing.

        Raises:
            StoreUnavailable: the file is there and cannot be opened.
        """
        beside = self._beside()
        stored = self._stored()
        return beside is not None and (stored[0] < beside[0] or (stored[0] == beside[0] and stored[1] != beside[1]))

    def advance(self, *, is_due: bool = False) -> None:
        """Mark the store anew, if something was written and the last time is long enough ago, or else if ``is_due``.

        Raises:
            StoreUnavailable: the file cannot be written.
            sqlite3.Error: the store cannot be written.
        """
        now = monotonic()
        is_old = now >= self._advanced_at + _EVERY_S and self._connection.total_changes != self._changes
        if not is_due and not is_old:
            return
        number = max(self._stored()[0], (self._beside() or (0, ""))[0]) + 1
        text = f"{number} {self._word}"
        self._connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('mark', ?)", (text,))
        self._write(f"{text}\n")
        self._changes = self._connection.total_changes
        self._advanced_at = now

    def _stored(self) -> tuple[int, str]:
        row = self._connection.execute("SELECT value FROM meta WHERE key = 'mark'").fetchone()
        return (_parsed(f"{row[0]}\n") if row else None) or (0, "")

    def _beside(self) -> tuple[int, str] | None:
        try:
            return _parsed(self._path.read_text("ascii", "replace"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreUnavailable(f"{self._path.name} cannot be used: {error.strerror}") from error

    def _write(self, text: str) -> None:
        draft = self._path.with_suffix(".mark-new")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, text.encode("ascii"))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            draft.rename(self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            raise StoreUnavailable(f"{self._path.name} cannot be written: {error.strerror}") from error


def _parsed(text: str) -> tuple[int, str] | None:
    found = _TEXT.fullmatch(text)
    return None if found is None else (int(found[1]), found[2])


def refuse_a_loss(data_dir: Path, database: Path) -> None:
    """A store that was there and is not there any more is not quietly begun anew.

    Raises:
        StoreBroken: there is a mark and no store; the text tells what to do.
    """
    mark = data_dir / MARK
    if mark.exists() and not (database.exists() and database.stat().st_size):
        raise StoreBroken(
            f"{database.name} is missing from {data_dir}, where a server kept it: put it back, or make it from a backup"
            f" with chat-server restore; to begin with nothing, remove {mark.name} as well"
        )
