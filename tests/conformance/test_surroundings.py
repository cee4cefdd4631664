"""Starting where the surroundings are not as usual, or a setting is wrong (docs/operating.md)."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chat_server.console.link import ConsoleError, Link
from tests.conftest import StartServer
from tests.support.server import DEADLINE_S, command, environment


def wait_until_it_serves(data_dir: Path, process: subprocess.Popen[bytes]) -> None:
    """Ask by the socket in the data directory, since there is no ready line; one that is not ready is asked again."""
    until = time.monotonic() + DEADLINE_S
    while True:
        assert process.poll() is None, f"it ended with {process.returncode}"
        try:
            with Link(data_dir):
                return
        except ConsoleError:
            assert time.monotonic() < until
            time.sleep(0.05)  # between two questions; what is waited for is the answer


@pytest.mark.parametrize("redirections", ["<&- >&- 2>&-", "2>&-", ">/dev/full 2>/dev/full", "> >(true)"])
def test_nobody_reads_what_it_says(tmp_path: Path, redirections: str) -> None:
    """Lines are lost and nothing else: it serves, no file of its own is taken for standard error, it ends with 0."""
    data_dir = tmp_path / "data"
    line = " ".join(command("--data-dir", str(data_dir), "--port", "0", "--insecure"))
    process = subprocess.Popen(["bash", "-c", f"exec {line} {redirections}"], env=environment())
    try:
        wait_until_it_serves(data_dir, process)
        for descriptor in (0, 1, 2):
            target = os.readlink(f"/proc/{process.pid}/fd/{descriptor}")
            assert str(tmp_path) not in target
            assert not target.startswith(("socket:", "anon_inode:"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
    finally:
        process.kill()
        process.wait()


def refused(*flags: str, prepare: Callable[[], None] | None = None, **variables: str) -> tuple[int, str]:
    """Status and text of a server that does not start: one line, no ready line."""
    done = subprocess.run(
        command("--port", "0", *flags),
        env={**environment(), **variables},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
        preexec_fn=prepare,
    )
    assert (done.stdout, len(done.stderr.splitlines())) == ("", 1), done.stdout + done.stderr
    return done.returncode, done.stderr


def test_where_a_mistake_is(tmp_path: Path) -> None:
    """78 for the file and the environment, whatever flags there are beside them; 2 for a flag."""
    path = tmp_path / "server.toml"
    path.write_text("prot = 1\n", encoding="utf-8")
    code, told = refused("--config", str(path), "--data-dir", str(tmp_path / "data"))
    assert (code, "prot" in told) == (78, True)
    assert refused("--data-dir", str(tmp_path / "data"), CHAT_SERVER_RETRIES="many")[0] == 78
    assert refused("--retries", "many")[0] == 2
    done = subprocess.run(command("stats", "--config", str(path)), env=environment(), capture_output=True, check=False)
    assert done.returncode == 78


@pytest.mark.parametrize(
    ("flags", "code", "told"),
    [
        (("--rate-limit", "0"), 2, "rate_limit"),
        (("--rate-limit", "0.0"), 2, "rate_limit"),
        (("--tls-key", "key.pem"), 2, "set tls_cert"),
        (("--argon2-memory-kib", "99999999999"), 2, "argon2_memory_kib"),
        (("--data-dir", "~nobody-of-this-name/chat"), 2, "no home directory"),
    ],
)
def test_settings_that_mean_something_else(tmp_path: Path, flags: tuple[str, ...], code: int, told: str) -> None:
    """A limit of 0 was none at all, a key alone was not used: such settings stop the start instead."""
    status, text = refused("--data-dir", str(tmp_path / "data"), *flags)
    assert (status, told in text) == (code, True), text


def test_too_few_descriptors(tmp_path: Path) -> None:
    """What is missing is told, and not that the address cannot be listened on; 1."""

    def prepare() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))

    status, text = refused("--data-dir", str(tmp_path / "data"), "--insecure", prepare=prepare)
    assert (status, "too few file descriptors" in text) == (1, True), text


def has_ipv6() -> bool:
    """Whether this machine has loopback of IPv6; some containers have not."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_all_interfaces(start_server: StartServer) -> None:
    """``--host ::`` is reached by IPv4 as well, and an IPv4 address is shown as one."""
    server = start_server("--host", "::", "--allow-root", insecure=False)
    port = int(server.ready[2].rsplit(":", 1)[1])
    for host in ("127.0.0.1", "::1"):
        with socket.create_connection((host, port), timeout=DEADLINE_S) as connection:
            connection.sendall(b"this is no TLS")
            name = connection.getsockname()
            while connection.recv(4096):
                pass
        assert f'"{host}:{name[1]}"' in server.log()
