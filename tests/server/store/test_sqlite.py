"""The store on disk: what is in force, who may open it, what its failures mean (reliability F1, F8, store rules)."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from chat_server.store import connection as connections
from chat_server.store import migration, upkeep
from chat_server.store.base import Appended, DropConversation, Hit, Reader, Store, Write
from chat_server.store.errors import StoreBroken, StoreUnavailable
from chat_server.store.index import INDEX
from chat_server.store.mark import MARK, Mark
from chat_server.store.sqlite import DATABASE, SqliteStore, open_store
from tests.support.store import DEV, EVERYTHING, OPS, contents, found, post, rooms, tidy

BATCH: list[Write] = [post(f"text {n}", id=f"m{n}") for n in range(50)]


def pragmas(connection: sqlite3.Connection, *names: str) -> list[object]:
    """What is in force."""
    return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]


def test_the_pragmas_are_in_force(tmp_path: Path) -> None:
    """An ack means fsync, one connection checkpoints, what is deleted is overwritten, damage is looked for."""
    with_full = connections.open_writer(tmp_path / "x.db")
    assert pragmas(with_full, "journal_mode", "synchronous", "secure_delete") == ["wal", 2, 1]
    assert pragmas(with_full, "trusted_schema", "cell_size_check", "wal_autocheckpoint") == [0, 1, 4000]
    assert pragmas(with_full, "journal_size_limit") == [64 * 2**20]
    reader = connections.open_reader(tmp_path / "x.db")
    assert pragmas(reader, "query_only", "wal_autocheckpoint", "trusted_schema") == [1, 0, 0]
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("CREATE TABLE t (x)")
    reader.close()
    with_full.close()


def test_a_pragma_that_is_not_in_force_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A promise that SQLite does not keep is not made."""
    monkeypatch.setattr(connections, "_WRITER", (*connections._WRITER, ("journal_mode", "DELETE", "wal")))
    with pytest.raises(StoreBroken, match="journal_mode"):
        open_store(tmp_path / "data")


def test_nobody_else_can_read_the_files(tmp_path: Path) -> None:
    """The directory is 0700 and every file in it 0600, whatever the umask and whatever was there."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    old = os.umask(0)
    try:
        store = open_store(folder)
        store.commit([*rooms(), *BATCH])
        tidy(store)
        reader = store.reader()
        found(reader, "text")
        modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in folder.iterdir()}
        reader.close()
        store.close()
    finally:
        os.umask(old)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", INDEX} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_a_second_server_is_refused(disk: SqliteStore, tmp_path: Path) -> None:
    """The text names the process that has the directory; the first one goes on."""
    with pytest.raises(StoreUnavailable, match=rf"in use by another server \(process {os.getpid()}\)"):
        open_store(tmp_path / "data")
    disk.commit(BATCH)


def test_the_lock_ends_with_the_store(tmp_path: Path) -> None:
    """Also where opening failed half-way."""
    open_store(tmp_path / "data").close()
    (tmp_path / "data" / DATABASE).write_bytes(b"this is no database, but long enough to look at" * 100)
    for _ in range(2):
        with pytest.raises(StoreBroken):
            open_store(tmp_path / "data")
    with (tmp_path / "data" / "server.lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """Not with a traceback, and nothing is left behind."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="data directory cannot be used"):
        open_store(tmp_path / "file" / "data")


def test_a_new_database_has_its_marks(disk: SqliteStore, tmp_path: Path) -> None:
    """The epoch is made once; application id and schema say whose it is."""
    plain = sqlite3.connect(tmp_path / "data" / DATABASE)
    assert pragmas(plain, "application_id", "user_version") == [0x63686174, migration.newest()]
    plain.close()
    epoch = disk.load().epoch
    disk.close()
    again = open_store(tmp_path / "data")
    other = open_store(tmp_path / "other")
    assert again.load().epoch == epoch
    assert other.load().epoch != epoch
    again.close()
    other.close()


@pytest.mark.parametrize(
    ("pragma", "text"),
    [("user_version = 999", "schema 999.*use a newer one"), ("application_id = 7", "not a database of chat-server")],
)
def test_a_database_of_others_or_of_tomorrow_is_refused(tmp_path: Path, pragma: str, text: str) -> None:
    """And left as it is (reliability I23)."""
    open_store(tmp_path / "data").close()
    path = tmp_path / "data" / DATABASE
    plain = sqlite3.connect(path)
    plain.execute(f"PRAGMA {pragma}")
    plain.close()
    before = path.read_bytes()
    with pytest.raises(StoreBroken, match=text):
        open_store(tmp_path / "data")
    assert path.read_bytes() == before


def test_a_database_of_others_is_not_even_touched(tmp_path: Path) -> None:
    """Neither its journal's mode nor its rights are changed before it is refused."""
    path = tmp_path / "data" / DATABASE
    path.parent.mkdir()
    plain = sqlite3.connect(path)
    plain.execute("CREATE TABLE theirs (x)")
    plain.commit()
    plain.close()
    path.chmod(0o644)
    before = path.read_bytes()

    with pytest.raises(StoreBroken, match="not a database of chat-server"):
        open_store(path.parent)
    assert path.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert sorted(each.name for each in path.parent.iterdir()) == [DATABASE, "server.lock"]


def test_a_failed_migration_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step is applied as a whole or not at all."""
    steps = tmp_path / "steps"
    steps.mkdir()
    (steps / "0001.sql").write_text("CREATE TABLE one (x);\nCREATE TABLE two (x);\n")
    (steps / "0002.sql").write_text("CREATE TABLE three (x);\nCREATE TABLE one (x);\n")
    monkeypatch.setattr(migration, "_FOLDER", steps)
    plain = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migration.migrate(plain)
    tables = [name for (name,) in plain.execute("SELECT name FROM sqlite_schema ORDER BY name")]
    assert (tables, pragmas(plain, "user_version")) == (["one", "two"], [1])
    (steps / "0002.sql").write_text("CREATE TABLE three (x); -- a comment; with signs\n")
    migration.migrate(plain)
    migration.migrate(plain)
    assert pragmas(plain, "user_version") == [2]
    plain.close()


def test_what_is_committed_is_there_after_reopening(disk: SqliteStore, tmp_path: Path) -> None:
    """Also the numbers that are kept in memory, and the ids that are known."""
    disk.commit(BATCH)
    before = disk.load()
    disk.close()
    again = open_store(tmp_path / "data")
    assert again.load() == before
    first, new = again.commit([BATCH[0], post(id="new")])
    assert isinstance(first, Appended)
    assert isinstance(new, Appended)
    assert (first.seq, first.duplicate, new.seq, new.duplicate) == (1, True, 51, False)
    again.close()


def fill_until_it_fails(store: Store, start: int = 0) -> int:
    """Commit until the disk is full; how many batches were stored."""
    for n in range(start, start + 10_000):
        try:
            store.commit([post("x" * 500, id=f"f{n}-{k}") for k in range(20)])
        except StoreUnavailable:
            return n
    raise AssertionError("the disk never was full")


def test_a_full_disk_passes(disk: SqliteStore) -> None:
    """Nothing of the failed batch is there; reads go on; when there is room the same batch is stored (I18)."""
    disk.commit(BATCH)
    disk._connection.execute("PRAGMA max_page_count = 80")
    stored = fill_until_it_fails(disk)
    reader = disk.reader()
    assert len(contents(reader)) == 50 + 20 * stored
    assert disk.load().heads[OPS] == 50 + 20 * stored
    disk._connection.execute("PRAGMA max_page_count = 100000")
    outcomes = disk.commit([post("x" * 500, id=f"f{stored}-{k}") for k in range(20)])
    assert [outcome.seq for outcome in outcomes if isinstance(outcome, Appended)] == list(
        range(51 + 20 * stored, 71 + 20 * stored)
    )
    reader.close()


def test_a_damaged_disk_stops_everything(tmp_path: Path) -> None:
    """After an I/O error nothing is ever acknowledged again, even if the next write would succeed (I17)."""
    script = """
import resource, signal, sys
from pathlib import Path
from chat_server.store.errors import StoreBroken, StoreUnavailable
from chat_server.store.mark import MARK, Mark
from chat_server.store.sqlite import open_store
from tests.support.store import post, rooms

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = open_store(Path(sys.argv[1]))
store.commit([*rooms(), post(id="a")])
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
try:
    for n in range(1000):
        store.commit([post("x" * 2000, id=f"m{n}")])
except StoreBroken as error:
    print("broken", n)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
try:
    store.commit([post(id="z")])
except StoreBroken:
    print("still broken")
"""
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "data"], capture_output=True, text=True, check=True, timeout=30
    )
    first, second = done.stdout.splitlines()
    acked = int(first.removeprefix("broken "))
    assert second == "still broken"
    store = open_store(tmp_path / "data")
    reader = store.reader()
    assert acked + 1 <= len(contents(reader)) <= acked + 2
    reader.close()
    store.close()


def test_a_reader_sees_whole_commits_only(disk: SqliteStore) -> None:
    """From another thread, while the writer writes: logs without holes, and counts that fit them."""
    stop = threading.Event()
    problems: list[object] = []

    def read() -> None:
        reader = disk.reader()
        while not stop.is_set():
            seqs = [event.seq for event in reader.events(OPS, 0, 2**53, 10_000)]
            if seqs != list(range(1, len(seqs) + 1)) or len(seqs) % 10:
                problems.append(seqs)
            if reader.standings(99, "d", [OPS])[0].unread < len(seqs):
                problems.append("count")
        reader.close()

    thread = threading.Thread(target=read)
    thread.start()
    for n in range(150):
        disk.commit([post(id=f"{n}-{k}") for k in range(10)])
        disk.tidy()
    stop.set()
    thread.join()
    assert problems == []


def test_readers_never_checkpoint(disk: SqliteStore, tmp_path: Path) -> None:
    """Not even the last one that closes: two connections that do can corrupt the database (F8)."""
    disk.commit(BATCH)
    log = tmp_path / "data" / f"{DATABASE}-wal"
    size = log.stat().st_size
    reader = disk.reader()
    contents(reader)
    disk._connection.close()
    reader.close()
    assert log.stat().st_size == size > 0
    disk._connection = connections.open_writer(tmp_path / "data" / DATABASE)
    disk._mark = Mark(disk._connection, tmp_path / "data" / MARK)


def test_a_long_conversation_is_dropped_in_slices(disk: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is invisible at once, its message ids are free at once, and other work goes on between the slices."""
    monkeypatch.setattr(upkeep, "_SLICE_S", 0.0)
    for start in range(0, 6000, 1000):
        disk.commit([post("word", id=f"m{start + n}") for n in range(1000)])
    reader = disk.reader()
    disk.commit([DropConversation(OPS)])
    assert count(disk, "event") == 6000
    assert reader.events(OPS, 0, 9999, 9) == []
    assert reader.locate("m5") is None
    assert [each.seq for each in disk.commit([post(id="m5", to=DEV)]) if isinstance(each, Appended)] == [1]
    tidy(disk)
    assert [count(disk, table) for table in ("event", "place", "recent", "doomed")] == [1, 0, 1, 0]
    assert found(reader, "word") == []
    reader.close()


def test_a_dropped_conversation_is_forgotten_after_a_restart(disk: SqliteStore, tmp_path: Path) -> None:
    """Erasing goes on where it stopped, and the ids of events are not given again."""
    disk.commit([post("word", id="x", to=DEV), *(post("word", id=f"m{n}") for n in range(5000))])
    tidy(disk)
    disk.commit([DropConversation(OPS)])
    disk.close()
    again = open_store(tmp_path / "data")
    again.load()
    again.commit([*rooms(), post("word", id="new")])
    tidy(again)
    reader = again.reader()
    assert count(again, "event") == 2
    assert [(hit.conversation, hit.seq) for hit in _hits(reader)] == [(OPS, 1), (DEV, 1)]
    reader.close()
    again.close()


def test_a_lost_or_damaged_index_is_made_again(disk: SqliteStore, tmp_path: Path) -> None:
    """Whatever stands in its place; searches work meanwhile."""
    disk.commit(BATCH)
    tidy(disk)
    disk.close()
    for damage in (b"", b"garbage " * 1000):
        for suffix in ("-wal", "-shm"):
            (tmp_path / "data" / f"{INDEX}{suffix}").unlink(missing_ok=True)
        (tmp_path / "data" / INDEX).write_bytes(damage)
        again = open_store(tmp_path / "data")
        other = again.reader()
        for _ in range(2):
            assert len(found(other, "text")) == 50
            tidy(again)
        other.close()
        again.close()


def test_an_index_that_breaks_while_in_use_is_replaced(disk: SqliteStore, tmp_path: Path) -> None:
    """The log is not touched by that, and the server goes on."""
    disk.commit(BATCH)
    tidy(disk)
    reader = disk.reader()
    assert len(found(reader, "text")) == 50
    disk._index._connection.execute("DROP TABLE state")
    disk.commit([post("text again", id="again")])
    tidy(disk)
    assert len(found(reader, "text")) == 51
    reader.close()


def test_an_index_of_another_log_is_not_used(disk: SqliteStore, tmp_path: Path) -> None:
    """A backup that was put in place has other events under the same numbers."""
    disk.commit([post("alpha", id="a")])
    tidy(disk)
    disk.close()
    other = open_store(tmp_path / "other")
    other.load()
    other.commit([*rooms(), post("beta", id="b")])
    other.close()
    (tmp_path / "other" / INDEX).write_bytes((tmp_path / "data" / INDEX).read_bytes())
    other = open_store(tmp_path / "other")
    tidy(other)
    reader = other.reader()
    assert (found(reader, "alpha"), found(reader, "beta")) == ([], [1])
    reader.close()
    other.close()


def count(store: SqliteStore, table: str) -> int:
    """Rows of ``table``."""
    return int(store._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _hits(reader: Reader) -> list[Hit]:
    return reader.search("word", EVERYTHING, sender=None, before=None, limit=10)
