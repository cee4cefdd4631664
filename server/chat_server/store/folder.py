"""The data directory: nobody else reads it, and no second server uses it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from chat_server.store.errors import StoreUnavailable

_PRIVATE_FOLDER: Final = 0o700
_PRIVATE_FILE: Final = 0o600
_LOCK: Final = "server.lock"


def make_private(folder: Path) -> None:
    """Make ``folder`` if it is not there, and take the rights of others away.

    What was made survives a loss of power: a directory that is not synced in the one above it would be gone, with
    every commit in it. The one above is synced each time, for who made ``folder`` may have been killed before that.

    Rights that its owner has taken from themselves are not given back: somebody wants it to stay as it is.

    Raises:
        StoreUnavailable: it cannot be made or written, or is somebody else's.
    """
    try:
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
        found = folder.stat()
        if found.st_uid != os.geteuid():  # the files that root makes there would be in its owner's way
            raise StoreUnavailable(f"the data directory belongs to another user ({found.st_uid}): run this as that one")
        folder.chmod(found.st_mode & _PRIVATE_FOLDER)
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise StoreUnavailable("the data directory cannot be used: it may not be written (chmod u+rwx)")
        for each in (*missing[1:], folder):
            sync_folder(each.resolve().parent)
    except OSError as error:
        raise StoreUnavailable(f"the data directory cannot be used: {error.strerror}") from error


def sync_folder(folder: Path) -> None:
    """Bring the names in ``folder`` to stable storage; where it may not even be read, it is somebody else's care."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def touch_private(path: Path) -> None:
    """Make ``path`` an own file, empty if it is new. SQLite gives its companions (-wal, -shm) the same rights."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE_FILE))
        path.chmod(_PRIVATE_FILE)
    except OSError as error:
        raise StoreUnavailable(f"{path.name} cannot be used: {error.strerror}") from error


def check_writable(folder: Path, names: Iterable[str]) -> None:
    """See that the files that are there may be read and written, before SQLite makes companions with their rights.

    Raises:
        StoreUnavailable: the first that may not.
    """
    for name in names:
        try:
            os.close(os.open(folder / name, os.O_RDWR | os.O_CLOEXEC))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StoreUnavailable(
                f"{name} cannot be used: {error.strerror}; it has to be readable and writable for the server's user"
            ) from error


def size_bytes(path: Path) -> int:
    """The size of a file; 0 where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


class FolderLock:
    """The right to use a data directory; the system takes it back when the process ends, however it ends.

    Raises:
        StoreUnavailable: another process has it; the text has its process id.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / _LOCK
        touch_private(path)
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(self._file, 20).decode("ascii", "replace").strip()
            os.close(self._file)
            raise StoreUnavailable(
                f"the data directory is in use by another server (process {owner or 'unknown'})"
            ) from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Let others have it. The file stays: removing it would let two servers lock two files of one name."""
        os.ftruncate(self._file, 0)
        os.close(self._file)
