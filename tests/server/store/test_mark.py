"""A store that was set back behind the server's back is noticed and gets a new epoch (reliability 2)."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from chat_server.store import mark
from chat_server.store.copies import backup, restore
from chat_server.store.errors import StoreBroken
from chat_server.store.folder import FolderLock
from chat_server.store.mark import MARK
from chat_server.store.sqlite import DATABASE, SqliteStore, open_store
from tests.support.store import post, rooms, tidy


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with a store that was used and closed."""
    store = open_store(tmp_path / "data")
    store.load()
    store.commit([*rooms(), post("first", id="m1")])
    store.close()
    return tmp_path / "data"


def epoch_of(store: SqliteStore) -> str:
    """Its epoch; it is closed."""
    epoch = store.load().epoch
    store.close()
    return epoch


def copy(data: Path, to: Path) -> None:
    """Copy the store's file alone, as somebody does who knows no better."""
    shutil.copyfile(data / DATABASE, to)


def killed(store: SqliteStore) -> None:
    """Leave the store as a killed process does."""
    store._connection.close()
    store._index.close()
    store._lock.release()


def test_it_goes_on(data: Path) -> None:
    """Stopped and started, or killed and started: the same store."""
    first = open_store(data)
    epoch = first.load().epoch
    assert not first.is_set_back
    killed(first)
    for _ in range(3):
        again = open_store(data)
        assert not again.is_set_back
        assert epoch_of(again) == epoch


def test_an_older_copy_after_a_restart(data: Path, tmp_path: Path) -> None:
    """What was copied before the last start stands in its place: a new epoch, once."""
    copy(data, tmp_path / "old")
    epoch = epoch_of(open_store(data))
    shutil.copyfile(tmp_path / "old", data / DATABASE)

    back = open_store(data)
    assert back.is_set_back
    other = epoch_of(back)
    assert other != epoch
    again = open_store(data)
    assert not again.is_set_back
    assert epoch_of(again) == other


def test_an_older_copy_of_the_same_run(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mark grows while something is written, not only at a start."""
    monkeypatch.setattr(mark, "_EVERY_S", 0.0)
    store = open_store(data)
    tidy(store)
    backup(data, tmp_path / "old")
    store.commit([post("second", id="m2")])
    tidy(store)
    killed(store)
    for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
        (data / name).unlink(missing_ok=True)
    shutil.copyfile(tmp_path / "old", data / DATABASE)

    back = open_store(data)
    assert back.is_set_back
    back.close()


def test_another_store_of_the_same_age(data: Path, tmp_path: Path) -> None:
    """Two stores that began as one are not taken for each other, though both were started as often."""
    shutil.copytree(data, tmp_path / "twin")
    for each in (data, tmp_path / "twin"):
        open_store(each).close()
    shutil.copyfile(tmp_path / "twin" / DATABASE, data / DATABASE)

    back = open_store(data)
    assert back.is_set_back
    back.close()


def test_killed_between_the_two_marks(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store's mark is written first: a file that is behind says nothing."""
    older = (data / MARK).read_bytes()
    epoch = epoch_of(open_store(data))
    (data / MARK).write_bytes(older)

    again = open_store(data)
    assert not again.is_set_back
    assert epoch_of(again) == epoch


@pytest.mark.parametrize(
    "text", [b"", b"nonsense", b"\xff\xfe", b"9 zz\n", b"99999999999999999999999 0123456789abcdef\n"]
)
def test_a_mark_that_nobody_can_read(data: Path, text: bytes) -> None:
    """It says nothing, and is made anew."""
    (data / MARK).write_bytes(text)
    store = open_store(data)
    assert not store.is_set_back
    store.close()
    assert (data / MARK).read_bytes() != text


def test_restore_says_it_itself(data: Path, tmp_path: Path) -> None:
    """What ``chat-server restore`` made has its new epoch without the mark, and no alarm."""
    backup(data, tmp_path / "old")
    epoch = epoch_of(open_store(data))
    (data / DATABASE).unlink()
    restore(data, tmp_path / "old")

    back = open_store(data)
    assert not back.is_set_back
    assert epoch_of(back) != epoch


def test_a_lost_store_is_not_begun_anew(data: Path) -> None:
    """The file is gone: nothing is made in its place until somebody says so by removing the mark."""
    (data / DATABASE).unlink()
    with pytest.raises(StoreBroken, match=r"chat.db is missing .* chat-server restore; to begin with nothing, remove"):
        open_store(data)
    assert not (data / DATABASE).exists()
    (data / MARK).unlink()
    store = open_store(data)
    assert not store.is_set_back
    store.close()


def test_idle_stores_are_left_alone(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing written, nothing marked: an idle server does not touch the disk."""
    monkeypatch.setattr(mark, "_EVERY_S", 0.0)
    store = open_store(data)
    tidy(store)
    before = (data / MARK).read_bytes()
    tidy(store)
    assert (data / MARK).read_bytes() == before
    store.commit([post("third", id="m3")])
    tidy(store)
    assert (data / MARK).read_bytes() != before
    store.close()


def test_it_is_whole_on_disk(data: Path) -> None:
    """Both marks are the same after a stop, and only the server's user can read the file."""
    plain = sqlite3.connect(data / DATABASE)
    [(text,)] = plain.execute("SELECT value FROM meta WHERE key = 'mark'").fetchall()
    plain.close()
    assert (data / MARK).read_text() == f"{text}\n"
    assert (data / MARK).stat().st_mode & 0o777 == 0o600
    FolderLock(data).release()
