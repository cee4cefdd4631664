"""Backups, and stores from backups: what an operator can do wrong with them costs nothing (reliability 2)."""

from __future__ import annotations

import fcntl
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from chat_server.store.copies import backup, restore
from chat_server.store.errors import StoreBroken, StoreError, StoreUnavailable
from chat_server.store.sqlite import DATABASE, open_store
from chat_server.store.verify import verify
from tests.support.store import contents, post, rooms


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The data directory of a server that was killed: what it acknowledged last is in the log of writes."""
    store = open_store(tmp_path / "live")
    store.load()
    store.commit([*rooms(), post("first", id="m1"), post("second", id="m2")])
    shutil.copytree(tmp_path / "live", tmp_path / "killed")
    store.close()
    assert (tmp_path / "killed" / f"{DATABASE}-wal").stat().st_size
    return tmp_path / "killed"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The backup of another store, with one message."""
    store = open_store(tmp_path / "other")
    store.load()
    store.commit([*rooms(), post("of the backup", id="m9")])
    store.close()
    backup(tmp_path / "other", tmp_path / "copy.db")
    return tmp_path / "copy.db"


def messages(data_dir: Path) -> list[object]:
    """The contents of all messages of the store."""
    store = open_store(data_dir)
    store.load()
    with closing(store.reader()) as reader:
        found = [event["content"] for event in contents(reader).values()]
    store.close()
    return found


@pytest.mark.parametrize("left", ["-wal", "-journal"])
def test_what_an_old_store_left_is_not_taken_for_the_new_one(killed: Path, copy: Path, left: str) -> None:
    """SQLite would write the old store's log of writes into the restored one: refused until it is away."""
    (killed / DATABASE).unlink()
    if left != "-wal":
        (killed / f"{DATABASE}-wal").rename(killed / f"{DATABASE}{left}")
    with pytest.raises(StoreUnavailable, match=f"{DATABASE}{left} is there already"):
        restore(killed, copy)
    assert not (killed / DATABASE).exists()

    (killed / f"{DATABASE}{left}").unlink()
    restore(killed, copy)
    assert messages(killed) == ["of the backup"]


def test_a_store_is_no_backup(killed: Path, tmp_path: Path) -> None:
    """The file of a killed server lacks what is in its log of writes: refused, and told how a backup is made of it."""
    with pytest.raises(StoreUnavailable, match=f"{DATABASE}-wal.*chat-server backup --data-dir {killed} "):
        restore(tmp_path / "new", killed / DATABASE)
    assert not (tmp_path / "new" / DATABASE).exists()

    backup(killed, tmp_path / "rescued.db")
    restore(tmp_path / "new", tmp_path / "rescued.db")
    assert messages(tmp_path / "new") == ["first", "second"]


def make_nothing(path: Path) -> None:
    """A file without a byte, as a full disk leaves it."""
    path.write_bytes(b"")


def make_foreign(path: Path) -> None:
    """A database of another program, which has tables of the same names."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE event (a)")
        database.execute("CREATE TABLE meta (key, value)")


def make_newer(path: Path) -> None:
    """A backup of a later version."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("make", "told"),
    [(make_nothing, "no backup of chat-server"), (make_foreign, "not a database of"), (make_newer, "use a newer one")],
)
def test_what_no_server_could_use_is_not_restored(
    tmp_path: Path, copy: Path, make: Callable[[Path], None], told: str
) -> None:
    """Refused as a server would at its start, with the file's name, and the data directory stays without a store."""
    if make is not make_newer:
        copy = tmp_path / "given.db"
    make(copy)
    with pytest.raises(StoreBroken, match=f"{copy.name}.*{told}"):
        restore(tmp_path / "new", copy)
    assert [each.name for each in (tmp_path / "new").iterdir()] == ["server.lock"]


def test_half_a_backup_has_another_name(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it is whole and synced a backup has not the name that was asked for; a killed one is in nobody's way."""
    target = tmp_path / "daily.db"
    (tmp_path / "daily.db.part").write_bytes(b"half of a backup that was killed")
    seen: list[bool] = []
    monkeypatch.setattr("chat_server.store.copies.os.fsync", lambda descriptor: seen.append(target.exists()))
    backup(tmp_path / "other", target)
    assert seen[0] is False
    assert target.stat().st_mode & 0o077 == 0
    assert not (tmp_path / "daily.db.part").exists()
    restore(tmp_path / "new", target)
    assert list(verify(tmp_path / "new")) == []


def test_two_backups_into_one_file(copy: Path, tmp_path: Path) -> None:
    """While one is written, another one of the same name is refused and leaves it alone."""
    draft = tmp_path / "daily.db.part"
    with draft.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(StoreUnavailable, match="is being written"):
            backup(tmp_path / "other", tmp_path / "daily.db")
        assert draft.exists()
    backup(tmp_path / "other", tmp_path / "daily.db")


def test_a_backup_that_cannot_be_written(copy: Path, tmp_path: Path) -> None:
    """The whole path is told, and nothing is left."""
    target = tmp_path / "nowhere" / "daily.db"
    with pytest.raises(StoreError, match=f"{target}.* cannot be written: No such file or directory"):
        backup(tmp_path / "other", target)
    dangling = tmp_path / "link.db"
    dangling.symlink_to(tmp_path / "gone.db")
    with pytest.raises(StoreUnavailable, match="never replaces"):
        backup(tmp_path / "other", dangling)
