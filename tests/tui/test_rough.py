"""chat-tui in a terminal that is treated roughly: sent to the background, closed, resized all the time, flooded."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Shared
from tests.support.people import People, say
from tests.tui.tmux import Tmux


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Tmux]:
    """A terminal of 120 columns and 36 rows with a shell."""
    window = Tmux(tmp_path)
    yield window
    window.close()


def kept(folder: Path, text: str) -> bool:
    """Whether a text is in the files of the client."""
    database = next(folder.glob("profile/*/slot-1/chat.sqlite3"))
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return any(text in line for line in connection.iterdump())


def test_to_the_background_and_back(terminal: Tmux, shared_server: Shared, people: People) -> None:
    """ctrl+z gives a clean shell; fg brings everything back, and what came meanwhile."""
    guest = people.user("guest")
    name = people.name("you")
    terminal.start_as(name, shared_server.address)
    terminal.sees("connected")
    terminal.type(f"/create #{name}", "Enter")
    terminal.sees("This is the beginning of")
    terminal.type("half a word")
    terminal.sees("half a word")
    terminal.type("C-z")
    terminal.until(lambda: terminal.ask("alternate_on") == "0", "the screen is still there")
    terminal.type("echo still a shell", "Enter")
    terminal.sees("still a shell")
    assert [terminal.ask(flag) for flag in ("mouse_any_flag", "cursor_flag")] == ["0", "1"]
    say(guest, f"@{name}", "while you were away")
    terminal.type("fg", "Enter")
    terminal.sees("half a word", "connected", "1 unread elsewhere")
    terminal.until(lambda: "chat: " in terminal.ask("pane_title"), "no title")
    terminal.type("C-q")
    terminal.until(lambda: terminal.processes() == [] and terminal.ask("alternate_on") == "0", "it does not end")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_with_everything_written(
    number: int, status: int, terminal: Tmux, shared_server: Shared, people: People
) -> None:
    """Asked to end, or with its terminal gone, it writes the draft down first and says by its status why it ended."""
    name = people.name("you")
    terminal.start_as(name, shared_server.address)
    terminal.sees("connected")
    terminal.type(f"/create #{name}", "Enter")
    terminal.sees("This is the beginning of")
    terminal.type("just written")
    terminal.sees("just written")
    [process] = terminal.processes()
    os.kill(process, number)
    terminal.sees(f"ended={status}")
    assert terminal.processes() == []
    assert kept(terminal.folder, "just written")


def test_the_window_is_closed(terminal: Tmux, shared_server: Shared, people: People) -> None:
    """When the terminal goes away the program does, too, and the draft is on disk."""
    name = people.name("you")
    terminal.tmux("new-window", "-d", "sh")
    terminal.start_as(name, shared_server.address)
    terminal.sees("connected")
    terminal.type(f"/create #{name}", "Enter")
    terminal.sees("This is the beginning of")
    terminal.type("last words")
    terminal.sees("last words")
    terminal.tmux("kill-window")
    terminal.until(lambda: terminal.processes() == [], "it outlived its terminal")
    assert kept(terminal.folder, "last words")


def test_a_storm_of_sizes_and_a_megabyte(terminal: Tmux, shared_server: Shared, people: People) -> None:
    """Resized a hundred times with messages coming in, then given a megabyte to paste: it goes on as if nothing was."""
    guest = people.user("guest")
    group = people.group(guest)
    terminal.start_as(people.name("you"), shared_server.address)
    terminal.sees("connected")
    terminal.type(f"/join #{group}", "Enter")
    terminal.sees("Members 2 of 2")
    for number in range(100):
        terminal.resize(20 + number * 37 % 130, 4 + number * 11 % 40)
        if number % 10 == 0:
            say(guest, f"#{group}", f"line {number}")
    terminal.resize(120, 36)
    terminal.sees("line 90", "connected")
    large = terminal.folder / "large"
    large.write_text("0123456789abcdef" * 65_536)
    terminal.tmux("load-buffer", str(large))
    terminal.tmux("paste-buffer", "-p")
    terminal.sees("1,048,576 characters; a message holds 8,000")
    terminal.type("Escape")
    terminal.sees_not("a message holds")
    terminal.type("hello after all", "Enter")
    terminal.sees("hello after all")
