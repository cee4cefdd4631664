"""``chat-server verify``, ``audit``, ``backup`` and ``restore`` where something is not as it should be."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from chat_server.store.sqlite import DATABASE, open_store
from tests.faults.test_rights import IS_ROOT, MEEK
from tests.support.server import command, environment
from tests.support.store import post, rooms


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data directory of a server that was stopped."""
    store = open_store(tmp_path / "data")
    store.load()
    store.commit([*rooms(), post("as it was written", id="m1")])
    store.close()
    return tmp_path / "data"


def run(*arguments: str, output: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    """Run chat-server as somebody whom the rights of files concern."""
    return subprocess.run(
        [*(MEEK if IS_ROOT else []), *command(*arguments)],
        env=environment(),
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("name", ["verify", "audit", "backup"])
def test_a_store_without_rights(data: Path, tmp_path: Path, name: str) -> None:
    """One line that says what is missing, whether it is the directory or the file; 69."""
    file = [str(tmp_path / "copy.db")] if name == "backup" else []
    for path in (data, data / DATABASE):
        mode = path.stat().st_mode
        path.chmod(0)
        done = run(name, "--data-dir", str(data), *file)
        path.chmod(mode)
        told = (
            f"chat-server {name}: the store in {data} cannot be read: Permission denied; run this as the user that it"
        )
        assert (done.returncode, done.stderr) == (69, f"{told} belongs to\n")


def test_a_damaged_backup(data: Path, tmp_path: Path) -> None:
    """A copy that has rotten is told at once, while there may be another one; the store is made all the same."""
    copy = tmp_path / "copy.db"
    assert run("backup", "--data-dir", str(data), str(copy)).returncode == 0
    copy.write_bytes(copy.read_bytes().replace(b"as it was written", b"as it was rotten!"))
    done = run("restore", "--data-dir", str(tmp_path / "new"), str(copy))
    assert done.returncode == 1
    assert "seq 1: the checksum is wrong" in done.stderr
    assert f"{copy} is damaged" in done.stderr
    assert (tmp_path / "new" / DATABASE).exists()


def test_output_that_nobody_takes(data: Path) -> None:
    """``| head`` ends it quietly, a full disk with one line; 1."""
    with open("/dev/full", "w") as full:
        done = run("verify", "--data-dir", str(data), output=full.fileno())
    assert (done.returncode, done.stderr) == (1, "chat-server verify: No space left on device\n")

    reader = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    assert reader.stdin is not None
    reader.wait()
    done = run("verify", "--data-dir", str(data), output=reader.stdin.fileno())
    reader.stdin.close()
    assert (done.returncode, done.stderr) == (1, "")
