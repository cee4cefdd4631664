"""Small private files, written whole: a reader sees the old or the new content, never a part."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chat_client.core.errors import ConfigError
from chat_client.core.language import tr

__all__ = ["locked", "make_private_dir", "read_private", "try_lock", "write_private"]


def make_private_dir(path: Path) -> None:
    """Make a directory that only the user can enter.

    Raises:
        ConfigError: It cannot be made, or belongs to somebody else.
    """
    try:
        missing = [each for each in (path, *path.parents) if not each.exists()]
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        for each in missing:
            _sync(each.resolve().parent)  # else a loss of power takes the directory with all that is in it
        if path.stat().st_uid != os.geteuid():
            raise ConfigError(
                tr("{path} belongs to another user: choose another directory with --data-dir").format(path=path)
            )
    except OSError as error:
        raise ConfigError(tr("{path} cannot be made: {error}").format(path=path, error=error.strerror)) from None


def _sync(directory: Path) -> None:
    """Bring the names in a directory to the disk; where it may not even be read, it is somebody else's care."""
    try:
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_private(path: Path) -> bytes | None:
    """Return a file's content; None if there is no such file.

    Raises:
        ConfigError: It is a link, not the user's own, open to others, or cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(
            tr("{path} cannot be read (it must be a file of your own, no link): {error}").format(
                path=path, error=error.strerror
            )
        ) from None
    with os.fdopen(handle, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid():
            raise ConfigError(tr("{path} is not a file of your own: move it away").format(path=path))
        if facts.st_mode & 0o077:
            raise ConfigError(tr("{path} holds secrets and others can read it: run chmod 600 {path}").format(path=path))
        return file.read()


def write_private(path: Path, content: bytes) -> None:
    """Replace a file's content; it is on the disk when this returns, readable for the user alone.

    Raises:
        ConfigError: It cannot be written.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync(path.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ConfigError(tr("{path} cannot be written: {error}").format(path=path, error=error.strerror)) from None


def try_lock(path: Path) -> int | None:
    """Lock a file for as long as the returned descriptor is open; None if another process has it.

    The system lets go of the lock when the process ends, however it ends.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file while a small file is read and written again; blocks for as long as another does that."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
