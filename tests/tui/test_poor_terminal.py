"""chat-tui where the terminal can do little, and where it comes back to a world that has changed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Shared, StartServer
from tests.support.people import People, contents, history, say
from tests.tui.tmux import Tmux


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Tmux]:
    """A terminal of 120 columns and 36 rows with a shell."""
    window = Tmux(tmp_path)
    yield window
    window.close()


def test_a_dumb_terminal_is_told_of_the_other_client(terminal: Tmux) -> None:
    """One line, the status of a wrong call, and not one escape sequence to a terminal that knows none."""
    terminal.type("export TERM=dumb", "Enter")
    raw = terminal.record()
    terminal.start_tui()
    terminal.sees("use chat-cli here", "ended=2")
    terminal.until(lambda: b"\nended=2" in raw.read_bytes(), "not all was recorded")
    told = raw.read_bytes().rpartition(b"chat-tui: ")[2].partition(b"ended=2")[0]
    assert b"chat-cli" in told
    assert b"\x1b" not in told


@pytest.mark.parametrize("redirection", ["</dev/null", "<&-", "<&- >&-"])
def test_without_a_terminal(redirection: str, tmp_path: Path) -> None:
    """One line and the status of a wrong call, also where there is no standard input at all."""
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-m", "chat_client.tui.cli"]
    done = subprocess.run(
        [*command, "--profile", str(tmp_path)], env=os.environ | {"TERM": "xterm", "LC_ALL": "C.UTF-8"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("chat-tui: the screen needs a terminal")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("locale", ["C", "POSIX", "de_DE.ISO-8859-1"])
def test_without_unicode(locale: str, terminal: Tmux, shared_server: Shared, people: People) -> None:
    """What is ours is ASCII; what others write is whole, and so is what one sends."""
    guest = people.user("guest")
    group = people.group(guest)
    terminal.type(f"export LC_ALL={locale}; clear", "Enter")
    terminal.sees_not("export")
    terminal.start_as(people.name("you"), shared_server.address)
    terminal.sees("* connected")
    terminal.type(f"/join #{group}", "Enter")
    terminal.sees("Members 2 of 2")
    assert [line for line in terminal.screen.splitlines() if not line.isascii()] == []
    say(guest, f"#{group}", "Grüße 你好 🎉")
    terminal.sees("Grüße 你好 🎉")
    terminal.type("Ärger 你", "Enter")
    terminal.until(lambda: contents(history(guest, f"#{group}")) == ["Grüße 你好 🎉", "Ärger 你"], "it was not sent")
    terminal.type("C-q")
    terminal.sees("ended=0")


def test_back_from_the_background_to_a_server_that_began_anew(terminal: Tmux, start_server: StartServer) -> None:
    """Stopped while the server was killed and started again: fg connects by itself and has what came meanwhile."""
    server = start_server()
    server.keep_port()
    before = People(server.address)
    name = before.name("you")
    terminal.start_as(name, server.address)
    terminal.sees("connected")
    terminal.type(f"/create #{name}", "Enter")
    terminal.sees("This is the beginning of")
    terminal.type("half a word")
    terminal.sees("half a word")
    terminal.type("C-z")
    terminal.until(lambda: terminal.ask("alternate_on") == "0", "the screen is still there")
    before.close()
    server.kill9()
    server.start()
    after = People(server.address)
    guest = after.user("guest")
    say(guest, f"@{name}", "from another life")
    terminal.type("fg", "Enter")
    terminal.sees("half a word", "● connected", "1 unread elsewhere")
    terminal.type(" more", "Enter")
    terminal.until(lambda: "│ half a word more" in terminal.screen and "…│" not in terminal.screen, "it is not sent")
    after.close()
