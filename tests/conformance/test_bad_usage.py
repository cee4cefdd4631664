"""``chat-server`` with settings that cannot be: one line that says what is wrong, and no server (protocol.md 7)."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support.people import People
from tests.support.server import command, environment

USAGE = 2


def run(*flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``chat-server`` where it has to refuse."""
    return subprocess.run(
        command(*flags), env=environment(**variables), capture_output=True, text=True, timeout=20, check=False
    )


def check_one_line(result: subprocess.CompletedProcess[str]) -> str:
    """It printed nothing but one line to standard error; that line."""
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in lines[0]
    return lines[0]


@pytest.mark.parametrize(
    "flags",
    [
        ["--no-such-flag"],
        ["surplus"],
        ["--port", "many"],
        ["--port", "70000"],
        ["--port", "-1"],
        ["--port"],
        ["--registration", "sometimes"],
        ["--rate-limit", "fast"],
        ["--max-frame", "0"],
        ["--argon2-time-cost", "0"],
    ],
    ids=" ".join,
)
def test_bad_flags(tmp_path: Path, flags: list[str]) -> None:
    """A bad flag is told in one line, with exit code 2 (protocol.md 7)."""
    result = run("--data-dir", str(tmp_path / "data"), "--insecure", "--port", "0", *flags)
    assert result.returncode == USAGE
    assert flags[0].strip("-").replace("-", "_") in check_one_line(result).replace("-", "_")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "127.example.org"])
def test_insecure_only_on_loopback(tmp_path: Path, host: str) -> None:
    """``--insecure`` is refused for any address but loopback (protocol.md 7)."""
    result = run("--data-dir", str(tmp_path / "data"), "--host", host, "--port", "0", "--insecure")
    assert result.returncode == USAGE
    assert "insecure" in check_one_line(result)


def test_bad_environment(tmp_path: Path) -> None:
    """A bad value in the environment is refused and named, too (protocol.md 7)."""
    flags = ("--data-dir", str(tmp_path / "data"), "--insecure", "--port", "0")
    result = run(*flags, CHAT_SERVER_REGISTRATION="sometimes")
    assert result.returncode != 0
    assert "registration" in check_one_line(result).lower()


def test_data_directory_that_is_a_file(tmp_path: Path) -> None:
    """A data directory that cannot be one is told in one line (protocol.md 7)."""
    place = tmp_path / "data"
    place.write_text("not a directory")
    result = run("--data-dir", str(place), "--insecure", "--port", "0")
    assert result.returncode not in {0, None}
    check_one_line(result)
    assert place.read_text() == "not a directory"


def test_port_in_use(tmp_path: Path) -> None:
    """A port that is taken is told in one line (protocol.md 7)."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("--data-dir", str(tmp_path / "data"), "--insecure", "--port", str(port))
    assert result.returncode != 0
    assert str(port) in check_one_line(result)


def test_two_servers_on_one_data_directory(start_server: StartServer) -> None:
    """A second server on the same data is refused, and the first one goes on (protocol.md 7)."""
    server = start_server()
    result = run("--data-dir", str(server.data_dir), "--insecure", "--port", "0", "--registration", "open")
    assert result.returncode != 0
    check_one_line(result)
    people = People(server.address)
    people.user()
    people.close()
