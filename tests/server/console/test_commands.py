"""``chat-server stats``, ``trace`` and ``top`` against a real server, by the socket in its data directory."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from textual.widgets import Static

from chat_protocol.packets import AdminAudit, Hello, ListUsers, Stats
from chat_server.cli import main
from chat_server.console.link import ConsoleError, Link
from chat_server.console.top import Top
from tests.conftest import StartServer
from tests.support.people import People, new_id, say
from tests.support.server import Server, command, environment


def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run chat-server with these arguments; it has to exit with ``code``."""
    done = subprocess.run(
        command(*arguments), env=environment(), capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def server(start_server: StartServer) -> Server:
    """A server with TLS, as it is by default."""
    return start_server(insecure=False)


@pytest.fixture
def talking(start_server: StartServer) -> tuple[Server, str]:
    """A server on which one message was sent, and its message id."""
    server = start_server()
    people = People(server.address)
    ada, bob = people.users("ada", "bob")
    message_id = str(say(ada, f"@{bob.user}", "hello", message_id=new_id())["message_id"])
    people.close()
    return server, message_id


def test_stats(talking: tuple[Server, str]) -> None:
    """What was counted, for people and for programs; --reset begins anew."""
    where = ("--data-dir", str(talking[0].data_dir))
    told = run("stats", *where).stdout
    assert "private message 1" in told
    assert "success 1" in told
    counted = json.loads(run("stats", *where, "--json", "--reset").stdout)
    assert counted["total_messages"] == 1
    assert json.loads(run("stats", *where, "--json").stdout)["total_messages"] == 0
    assert {"router", "store-writer", "io-0"} <= counted["threads"].keys()


def test_trace(talking: tuple[Server, str]) -> None:
    """The way of the message, part by part; what does not exist is said in one line."""
    server, message_id = talking
    where = ("--data-dir", str(server.data_dir))
    told = run("trace", *where, message_id).stdout
    assert "into the lane private" in told
    assert "on stable storage" in told
    assert "1 recipient\n" in told
    assert "hello" not in told
    assert json.loads(run("trace", *where, message_id, "--json").stdout)["lane"] == "private"
    assert run("trace", *where, new_id(), code=69).stderr == "chat-server trace: there is no such message\n"


def test_trace_after_a_restart(talking: tuple[Server, str]) -> None:
    """The log still knows the message and its recipients, the times are gone, and that is said."""
    server, message_id = talking
    server.kill9()
    server.start()
    told = run("trace", "--data-dir", str(server.data_dir), message_id).stdout
    assert "not remembered any more" in told
    assert ": stored, offline" in told or ": sent" in told or ": delivered" in told


def test_who_may_ask_and_what(server: Server) -> None:
    """The socket is its owner's alone, speaks without TLS, and tells about the server itself, nothing else."""
    path = server.data_dir / "control.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with Link(server.data_dir) as link:
        assert link.ask(Stats(1)).stats
        for request in (ListUsers(2), AdminAudit(3)):
            with pytest.raises(ConsoleError, match="not by the control socket"):
                link.ask(request)
        with pytest.raises(ConsoleError, match="not by the control socket"):
            link.ask(Hello(4, 1, "x"))
    server.terminate()
    assert not path.exists()


def test_no_server(tmp_path: Path, server: Server) -> None:
    """One line that says what to do, also where a killed server left its socket; the next start takes it over."""
    for where in (tmp_path, tmp_path / "nowhere"):
        told = run("stats", "--data-dir", str(where), code=69).stderr
        assert (
            told
            == f"chat-server stats: no server runs on {where}: start it, or name its data directory with --data-dir\n"
        )
    server.kill9()
    assert "no server runs on" in run("stats", "--data-dir", str(server.data_dir), code=69).stderr
    server.start()
    run("stats", "--data-dir", str(server.data_dir))


def test_long_paths(tmp_path: Path, start_server: StartServer) -> None:
    """A path may be longer than a socket's address."""
    server = start_server()
    server.terminate()
    long = tmp_path / ("d" * 120)
    server.data_dir.rename(long)
    server.data_dir = long
    server.start()
    run("stats", "--data-dir", str(long))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("stats", "--nonsense"), "unrecognized arguments: --nonsense (see chat-server stats --help)"),
        (("trace",), "the following arguments are required: ID (see chat-server trace --help)"),
        (("top",), "top needs a terminal"),
    ],
)
def test_bad_usage(arguments: tuple[str, ...], told: str) -> None:
    """One line, and an exit code that is not 0."""
    done = run(*arguments, code=69 if arguments == ("top",) else 2)
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_top_without_its_library(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that was installed without the clients' libraries says what top needs."""
    monkeypatch.delitem(sys.modules, "chat_server.console.top")
    monkeypatch.setitem(sys.modules, "textual", None)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    assert main(["top", "--data-dir", str(server.data_dir)]) == 69
    assert "top needs textual: pip install textual, or see chat-server stats" in capsys.readouterr().err


async def test_top(talking: tuple[Server, str]) -> None:
    """Two looks give rates; without a server it says so and goes on asking."""
    server = talking[0]
    app = Top(server.data_dir)
    async with app.run_test(size=(100, 36)) as pilot:

        def shown() -> str:
            return str(app.query_one("#body", Static).render())

        async def until(text: str) -> None:
            for _ in range(400):
                if text in shown():
                    return
                await pilot.pause(0.05)
            raise AssertionError(f"{text!r} is not shown: {shown()}")

        await until("messages/s")
        assert "store-writer" in shown()
        server.kill9()
        await until("no server runs on")
        server.start()
        await until("messages/s")
        await pilot.press("q")
    assert app.return_code == 0
