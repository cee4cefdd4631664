"""Stores that are damaged, too new, or somebody else's: a clear refusal, and nothing is made worse (X6, X7)."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.copies import chat_server
from tests.support.people import People, say
from tests.support.server import Server, command, environment


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a server that was used and stopped."""
    server = Server(tmp_path_factory.mktemp("store") / "data")
    server.start()
    try:
        people = People(server.address)
        alice, bob = people.users("alice", "bob")
        for number in range(300):
            say(alice, f"@{bob.user}", f"message {number} of a store that will be damaged")
        people.close()
        server.terminate()
    finally:
        server.kill9()
    return server.data_dir


@pytest.fixture
def damaged(store: Path, tmp_path: Path) -> Path:
    """A copy of it to damage."""
    return Path(shutil.copytree(store, tmp_path / "data"))


def start(data_dir: Path) -> subprocess.CompletedProcess[str]:
    """Start a server that has to refuse."""
    line = command("--data-dir", str(data_dir), "--insecure", "--port", "0", "--registration", "open")
    return subprocess.run(line, env=environment(), capture_output=True, text=True, timeout=20, check=False)


def zero_header(path: Path) -> None:
    """Overwrite the beginning."""
    with path.open("r+b") as file:
        file.write(bytes(100))


def halve(path: Path) -> None:
    """Cut the file in the middle of a page."""
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2 + 7)


def make_newer(path: Path) -> None:
    """What a later version would leave."""
    with closing(sqlite3.connect(path)) as database:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        database.execute(f"PRAGMA user_version = {version + 1}")


def make_foreign(path: Path) -> None:
    """A database of another program."""
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA application_id = 7")
        database.execute("CREATE TABLE things (a)")


@pytest.mark.parametrize("harm", [zero_header, halve, make_newer, make_foreign])
def test_a_store_that_cannot_be_used_is_refused(damaged: Path, harm: Callable[[Path], None]) -> None:
    """One line, status 1, no ready line, and what the file holds is left as it was."""
    path = damaged / "chat.db"
    harm(path)
    before = path.read_bytes()
    result = start(damaged)
    assert result.returncode == 1, result.stderr
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert path.read_bytes() == before


@pytest.mark.parametrize("number", [0, 7])
def test_a_foreign_database_is_not_touched(tmp_path: Path, number: int) -> None:
    """Another program's database, also one without a number of its own, keeps every byte, its mode and its journal."""
    folder = tmp_path / "data"
    folder.mkdir(0o700)
    path = folder / "chat.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA application_id = {number}")
        database.execute("CREATE TABLE things (a)")
    path.chmod(0o640)
    before = path.read_bytes()
    result = start(folder)
    assert result.returncode == 1
    assert "not a database of chat-server" in result.stderr
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o640
    assert not [each for each in folder.iterdir() if each.name.startswith("chat.db-")]


def test_flipped_bits_are_found(damaged: Path) -> None:
    """``chat-server verify`` finds every bit that was flipped in a text, and is silent about a whole store."""
    assert chat_server("verify", damaged).returncode == 0
    path = damaged / "chat.db"
    whole = path.read_bytes()
    chance = random.Random("flips")
    for _ in range(12):
        number = chance.randrange(300)
        at = whole.index(f"message {number} of a store".encode()) + chance.randrange(20)
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :])
        result = chat_server("verify", damaged, "--json")
        assert result.returncode == 1, f"bit at {at} was not found"
        flaws = [json.loads(line) for line in result.stdout.splitlines()]
        assert len(flaws) == 1, flaws


def test_a_torn_wal_keeps_what_is_whole(store: Path, tmp_path: Path) -> None:
    """A write-ahead log that is cut anywhere gives the commits before the cut, and the store is whole."""
    server = Server(tmp_path / "live" / "data", log_dir=tmp_path)
    shutil.copytree(store, server.data_dir)
    server.start()
    try:
        people = People(server.address)
        alice, bob = people.users("carol", "dave")
        for number in range(20):
            say(alice, f"@{bob.user}", f"late {number}")
        people.close()
        server.kill9()
        wal = server.data_dir / "chat.db-wal"
        size = wal.stat().st_size
        chance = random.Random("torn")
        for number, length in enumerate([0, 16, size - 1, *(chance.randrange(size) for _ in range(5))]):
            copy = Server(tmp_path / f"torn{number}" / "data", log_dir=tmp_path)
            shutil.copytree(server.data_dir, copy.data_dir, ignore=shutil.ignore_patterns("*-shm", "*.sock"))
            with (copy.data_dir / "chat.db-wal").open("r+b") as file:
                file.truncate(length)
            copy.start()
            try:
                copy.terminate()
            finally:
                copy.kill9()
            assert chat_server("verify", copy.data_dir).returncode == 0
    finally:
        server.kill9()


def test_copies_are_never_overwritten(damaged: Path, tmp_path: Path) -> None:
    """``backup`` replaces no file and ``restore`` no store; a file that is no backup is refused."""
    copy = tmp_path / "copy.db"
    assert chat_server("backup", damaged, str(copy)).returncode == 0
    assert copy.stat().st_mode & 0o077 == 0
    assert chat_server("backup", damaged, str(copy)).returncode == 1
    assert chat_server("restore", damaged, str(copy)).returncode == 1
    assert chat_server("backup", tmp_path / "nowhere", str(tmp_path / "x.db")).returncode != 0
    nonsense = tmp_path / "nonsense.db"
    nonsense.write_text("this is no database")
    assert chat_server("restore", tmp_path / "new", str(nonsense)).returncode == 1
    assert not (tmp_path / "new" / "chat.db").exists()
