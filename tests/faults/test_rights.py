"""Data directories that may not be written, or are somebody else's: a clear refusal, and nothing is changed (X6)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.people import People, say
from tests.support.server import Server, command, environment

IS_ROOT = os.geteuid() == 0
NOBODY = 65534
MEEK = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner", "--inh-caps=-all"]
"""Root without the right to pass over the rights of files, for whom these tests would show nothing."""


@pytest.fixture
def used(tmp_path: Path) -> Iterator[Path]:
    """The data directory of a server that was killed: with all that SQLite keeps beside a database."""
    server = Server(tmp_path / "data")
    server.start()
    people = People(server.address)
    ada, bob = people.users("ada", "bob")
    say(ada, f"@{bob.user}", "kept")
    people.close()
    server.kill9()
    yield server.data_dir
    server.data_dir.chmod(0o700)


def start(data_dir: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Start a server that has to refuse."""
    line = command("--data-dir", str(data_dir), "--port", "0", "--registration", "open", *flags)
    return subprocess.run(
        [*(MEEK if IS_ROOT else []), *line], env=environment(), capture_output=True, text=True, timeout=20, check=False
    )


def look(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """All files with their rights, owners and bytes."""
    return {
        each.name: (each.stat().st_mode, each.stat().st_uid, each.read_bytes())
        for each in folder.iterdir()
        if each.is_file() and each.name != "server.lock"
    }


def refused(data_dir: Path, *words: str, flags: tuple[str, ...] = ("--insecure",)) -> None:
    """The server says in one line what is the matter, and ends with status 1 without a ready line."""
    result = start(data_dir, *flags)
    assert (result.returncode, result.stdout) == (1, ""), result.stderr
    assert len(result.stderr.splitlines()) == 1, result.stderr
    for word in words:
        assert word in result.stderr


@pytest.mark.parametrize("name", ["chat.db", "chat.db-wal", "chat.db-shm", "search.db", "chat.mark"])
@pytest.mark.parametrize("mode", [0o400, 0o000], ids=["read-only", "closed"])
def test_files_without_rights(used: Path, name: str, mode: int) -> None:
    """The file is named, nothing is changed, and with its rights back the server starts."""
    (used / name).chmod(0o600)
    before = look(used)
    (used / name).chmod(mode)
    refused(used, f"{name} cannot be used: Permission denied")
    (used / name).chmod(0o600)
    assert look(used) == before
    again = Server(used)
    again.start()
    again.terminate()


@pytest.mark.parametrize("mode", [0o500, 0o300, 0o000], ids=["read-only", "write-only", "closed"])
def test_a_folder_without_rights(used: Path, mode: int) -> None:
    """It is not opened again by force."""
    before = look(used)
    used.chmod(mode)
    refused(used, "the data directory cannot be used")
    assert used.stat().st_mode & 0o777 == mode
    used.chmod(0o700)
    assert look(used) == before


def test_no_place_for_a_folder(tmp_path: Path) -> None:
    """Above it nothing may be written."""
    above = tmp_path / "above"
    above.mkdir(0o500)
    refused(above / "data", "the data directory cannot be used: Permission denied")
    above.chmod(0o700)
    assert not list(above.iterdir())


def test_a_file_in_its_place(tmp_path: Path) -> None:
    """It is left alone."""
    path = tmp_path / "data"
    path.write_text("mine")
    refused(path, "the data directory cannot be used")
    assert path.read_text() == "mine"


def test_a_folder_of_somebody_else(tmp_path: Path, used: Path) -> None:
    """Not even root makes files there, which would be in its owner's way."""
    if IS_ROOT:
        os.chown(used, NOBODY, NOBODY)
        before = look(used)
        refused(used, f"the data directory belongs to another user ({NOBODY})")
        assert look(used) == before
    else:
        refused(Path("/"), "the data directory belongs to another user (0)")


def test_a_key_without_rights(tmp_path: Path) -> None:
    """The private key of TLS is named, too."""
    server = Server(tmp_path / "data", insecure=False)
    server.start()
    server.terminate()
    key = next(each for each in (server.data_dir / "tls").iterdir() if "key" in each.name)
    key.chmod(0o000)
    refused(server.data_dir, key.name, "Permission denied", flags=())
