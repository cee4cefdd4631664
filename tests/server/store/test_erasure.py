"""A deleted message is in no file any more (reliability F12, I14)."""

from __future__ import annotations

import random
import shutil
import sqlite3
import string
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from chat_server.store import index, upkeep
from chat_server.store.base import DropConversation
from chat_server.store.connection import open_writer, truncated
from chat_server.store.index import INDEX
from chat_server.store.sqlite import DATABASE, SqliteStore, open_store
from tests.support.store import ALICE, BOB, OPS, delete, edit, post, tidy


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do what is done every few seconds at once."""
    monkeypatch.setattr(index, "PURGE_AFTER_S", 0.0)
    monkeypatch.setattr(upkeep, "_TRUNCATE_EVERY_S", 0.0)


def remains(folder: Path, *words: str) -> dict[str, list[str]]:
    """Which of ``words`` are in which files, in any case."""
    files = {entry.name: entry.read_bytes().lower() for entry in folder.iterdir()}
    return {
        word: names
        for word in words
        if (names := [name for name, content in files.items() if word.lower().encode() in content])
    }


def test_deleted_words_are_in_no_file(disk: SqliteStore, tmp_path: Path) -> None:
    """Neither in the log, nor its write-ahead log, nor the index; what was kept is kept."""
    folder = tmp_path / "data"
    disk.commit([post(f"filler {n} words", id=f"m{n}") for n in range(300)])
    disk.commit([post("Zanzibar secret", id="a", mentions=(BOB,)), post("keepsake", id="k")])
    disk.commit([edit("a", "Xylophone changed", id="e")])
    tidy(disk)
    assert {"xylophone", "keepsake"} <= set(remains(folder, "zanzibar", "xylophone", "keepsake"))
    disk.commit([delete("a", id="d")])
    tidy(disk)
    assert set(remains(folder, "zanzibar", "xylophone", "keepsake", f"user{BOB}")) == {"keepsake"}


def test_deletions_before_the_index_came_along(disk: SqliteStore, tmp_path: Path) -> None:
    """What was never indexed is not indexed later."""
    disk.commit([post("Zanzibar", id="a"), post("keepsake", id="k"), edit("a", "Xylophone", id="e")])
    disk.commit([delete("a", id="d")])
    tidy(disk)
    assert remains(tmp_path / "data", "zanzibar", "xylophone") == {}


def test_a_dropped_conversation_is_in_no_file(disk: SqliteStore, tmp_path: Path) -> None:
    """However long it was."""
    disk.commit([post(f"Zanzibar {n}", id=f"m{n}") for n in range(5000)])
    for _ in range(10):
        disk.tidy()
    disk.commit([DropConversation(OPS)])
    tidy(disk)
    assert remains(tmp_path / "data", "zanzibar") == {}


def test_an_erasure_that_a_crash_cut_off_is_done_at_the_next_start(disk: SqliteStore, tmp_path: Path) -> None:
    """What is left to do is noted with the deletion itself."""
    disk.commit([post("Zanzibar", id="a"), post("keepsake", id="k")])
    tidy(disk)
    disk.commit([delete("a", id="d")])
    disk.close()
    again = open_store(tmp_path / "data")
    again.load()
    tidy(again)
    assert remains(tmp_path / "data", "zanzibar") == {}
    again.close()


def test_what_was_purged_is_not_left_in_the_log_of_writes(disk: SqliteStore, tmp_path: Path) -> None:
    """Where the server was killed after it had purged the index and before it could cut that file's log."""
    folder, copy = tmp_path / "data", tmp_path / "copy"
    disk.commit([post("Zanzibar", id="a"), post("keepsake", id="k")])
    tidy(disk)
    with closing(sqlite3.connect(folder / INDEX, isolation_level=None)) as reading:
        reading.execute("BEGIN")
        reading.execute("SELECT * FROM state").fetchall()
        disk.commit([delete("a", id="d")])
        for _ in range(8):
            disk.tidy()
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("server.lock"))
    assert set(remains(copy, "zanzibar", "keepsake")) == {"zanzibar", "keepsake"}
    again = open_store(copy)
    again.load()
    tidy(again)
    assert set(remains(copy, "zanzibar", "keepsake")) == {"keepsake"}
    again.close()


def test_a_long_reader_is_not_waited_for(tmp_path: Path) -> None:
    """The log of writes cannot be cut then; that is told, tried again later, and commits have their patience back."""
    with closing(open_writer(tmp_path / "other.db")) as writer:
        writer.execute("CREATE TABLE t (x)")
        with closing(sqlite3.connect(tmp_path / "other.db", isolation_level=None)) as reading:
            reading.execute("BEGIN")
            reading.execute("SELECT * FROM t").fetchall()
            writer.execute("INSERT INTO t VALUES (1)")
            assert not truncated(writer)
        assert writer.execute("PRAGMA busy_timeout").fetchone() == (2000,)
        assert truncated(writer)


def test_erasing_is_made_up_for_after_a_long_reader(disk: SqliteStore, tmp_path: Path) -> None:
    """Another program that reads the log keeps what was deleted in the log of writes, until it ends and no longer."""
    folder = tmp_path / "data"
    disk.commit([post("Zanzibar", id="a"), post("keepsake", id="k")])
    tidy(disk)
    with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as reading:
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM event").fetchall()
        disk.commit([delete("a", id="d")])
        for _ in range(20):
            assert disk.tidy(), "it has to be tried again"
        assert remains(folder, "zanzibar")
    tidy(disk)
    assert set(remains(folder, "zanzibar", "keepsake")) == {"keepsake"}


def test_a_long_log_of_writes_is_told_and_cut(
    disk: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a reader keeps it from beginning anew it grows; the log says why, once a minute, and it is cut later."""
    monkeypatch.setattr(upkeep, "WAL_LIMIT_BYTES", 1 << 16)
    with closing(sqlite3.connect(tmp_path / "data" / DATABASE, isolation_level=None)) as reading, capture_logs() as log:
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM event").fetchall()
        for n in range(50):
            disk.commit([post(f"filler {n}" * 20, id=f"m{n}")])
            disk.tidy()
        assert disk.disk_use().wal_bytes > 1 << 16
    assert [line["log_level"] for line in log if "cannot be emptied" in line["event"]] == ["warning"]
    tidy(disk)
    assert disk.disk_use().wal_bytes <= 1 << 16
    assert disk.disk_use().log_bytes > 0


def test_an_index_that_deletes_in_another_way_is_made_anew(
    disk: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer SQLite deletes securely only from tables that were told to when they were made (F12)."""
    disk.commit([post("Zanzibar", id="a"), post("keepsake", id="k")])
    tidy(disk)
    disk.close()
    monkeypatch.setattr(index, "_FORMAT", index._FORMAT ^ 1)
    again = open_store(tmp_path / "data")
    again.load()
    assert remains(tmp_path / "data", "zanzibar")["zanzibar"] == ["chat.db"]
    again.close()


def test_no_copies_are_left_in_the_gaps_of_pages(disk: SqliteStore, tmp_path: Path) -> None:
    """Rows that grew, shrank and moved between pages before they were deleted leave nothing behind."""
    rng = random.Random(5)

    def secret(n: int) -> str:
        return f"zz{n:05}" + "".join(rng.choices(string.ascii_lowercase, k=rng.randrange(5, 900)))

    secrets: list[str] = []
    for n in range(600):
        secrets.append(secret(n))
        disk.commit([post(secrets[-1], id=f"m{n}", by=ALICE)])
        if n % 3 == 0:
            secrets.append(secret(10_000 + n))
            disk.commit([edit(f"m{rng.randrange(n + 1)}", secrets[-1], id=f"e{n}")])
    tidy(disk)
    disk.commit([delete(f"m{n}", id=f"d{n}") for n in range(600)])
    tidy(disk)
    assert remains(tmp_path / "data", *(each[:7] for each in secrets)) == {}
