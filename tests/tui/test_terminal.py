"""chat-tui in a terminal that really exists: what only shows there."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Shared
from tests.support.people import People, contents, history, presence, say
from tests.tui.tmux import PASSWORD, Tmux


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Tmux]:
    """A terminal of 120 columns and 36 rows with a shell."""
    window = Tmux(tmp_path)
    yield window
    window.close()


def test_whole_lines_sent_by_a_machine_arrive_whole(terminal: Tmux, shared_server: Shared, people: People) -> None:
    """Ten lines with completions, emoji and Enter, written to the terminal at once, are ten whole messages."""
    guest = people.user("guest")
    group = people.group(guest)
    name = people.name("you")
    terminal.start_as(name, shared_server.address)
    terminal.sees("connected")
    terminal.type(f"/join #{group}", "Enter")
    terminal.sees("Members 2 of 2")
    lines = [f"{number}: hello @guest from the terminal :tada: #{group} 你好 done" for number in range(10)]
    terminal.type(*(word for line in lines for word in (line, "Enter")))
    terminal.until(lambda: len(contents(history(guest, f"#{group}"))) == 10, "not all messages came")
    assert contents(history(guest, f"#{group}")) == [line.replace(":tada:", "🎉") for line in lines]


def test_start_type_resize_and_leave(terminal: Tmux, shared_server: Shared, people: People) -> None:
    """From the shell to the chat and back: title, cursor and modes are as they were, nothing is left."""
    terminal.type("printf '\\033]2;before\\033\\\\'; echo here", "Enter")
    terminal.sees("here")
    terminal.until(lambda: terminal.ask("pane_title") == "before", "no title")
    raw = terminal.record()
    terminal.start_as(people.name("you"), shared_server.address)
    terminal.sees("connected")
    terminal.until(lambda: terminal.ask("pane_title").startswith("chat: "), "the title does not tell")
    terminal.type("/create #here-we-are", "Enter")
    terminal.sees("This is the beginning of #here-we-are")
    terminal.type("你好 x")
    terminal.sees("你好 x")
    terminal.until(lambda: terminal.ask("cursor_x") == str(2 + 6), "the cursor is not where one writes")
    for width, height in ((80, 24), (60, 15), (30, 8), (120, 36)):
        terminal.resize(width, height)
        terminal.until(lambda width=width: terminal.screen.count("─" * (width // 4)) >= 1, "not drawn")  # type: ignore[misc]
        terminal.sees("你好 x")
    assert len(terminal.processes()) == 1
    terminal.type("C-q")
    terminal.sees("ended=0", "here")
    assert terminal.processes() == []
    assert terminal.ask("pane_title") == "before"
    written = raw.read_bytes()
    assert (written.count(b"\x1b[22;0t"), written.count(b"\x1b[23;0t")) == (1, 1), "the title is kept by the terminal"
    assert [terminal.ask(flag) for flag in ("alternate_on", "mouse_any_flag", "cursor_flag")] == ["0", "0", "1"]
    terminal.type("stty -a | grep -o ' echo ' ; echo still a shell", "Enter")
    terminal.sees("still a shell")


def test_a_draft_survives_being_killed(terminal: Tmux, shared_server: Shared, people: People) -> None:
    """Kill -9 two seconds after the last letter loses nothing of it."""
    name = people.name("you")
    terminal.start_as(name, shared_server.address)
    terminal.sees("connected")
    terminal.type(f"/create #{name}", "Enter")
    terminal.sees(f"This is the beginning of #{name}")
    terminal.type("half a thought")
    terminal.sees("half a thought")
    database = next(terminal.folder.glob("profile/*/slot-1/chat.sqlite3"))

    def kept() -> bool:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return any("half a thought" in line for line in connection.iterdump())

    terminal.until(kept, "the draft is not on disk")
    [process] = terminal.processes()
    os.kill(process, signal.SIGKILL)
    terminal.sees("ended=137")
    terminal.type("reset", "Enter")
    terminal.start_tui()
    terminal.sees("connected", "half a thought")


def test_nothing_that_others_write_reaches_the_terminal(terminal: Tmux, shared_server: Shared, people: People) -> None:
    """A message with escape sequences changes no title, no clipboard and no colour; it is shown as it was written."""
    guest = people.user("guest", display_name="[b]Guest[/b]")
    group = people.group(guest)
    terminal.start_as(people.name("you"), shared_server.address)
    terminal.sees("connected")
    terminal.type(f"/join #{group}", "Enter")
    terminal.sees("Members 2 of 2")
    say(guest, f"#{group}", "[red]x[/red] ]2;PWNED \u202eevil\u202c \u200bz")
    terminal.sees("[red]x[/red] ]2;PWNED", "evil")
    assert "PWNED" not in terminal.ask("pane_title")
    assert terminal.tmux("list-buffers") == ""


def test_the_first_screen_is_there_soon(terminal: Tmux, shared_server: Shared, people: People) -> None:
    """Without an account the form is there, is filled in by one burst of keys, and leads into the chat."""
    host, port = shared_server.address
    terminal.start_tui("--insecure")
    terminal.sees("Welcome", "Server")
    terminal.type(f"{host}:{port}", "Enter")
    terminal.sees("Account on", "Register a new account")
    terminal.type(people.name("ada"), "Enter", PASSWORD, "Enter")
    terminal.sees("connected", "/create #group")
    terminal.type("C-c", "C-c")
    terminal.sees("ended=0")


def test_an_error_ends_it_with_one_line_and_a_whole_terminal(terminal: Tmux) -> None:
    """What cannot work is said in a line, with the exit code of a wrong call."""
    terminal.start_tui("--server", "example.org", "--insecure")
    terminal.sees("--insecure sends in the clear and is only for this machine", "ended=2")
    assert terminal.ask("alternate_on") == "0"


def test_a_bell_and_a_notification_while_nobody_looks(terminal: Tmux, shared_server: Shared, people: People) -> None:
    """A mention rings once, in the ways that terminals know, without a word of the message; not while one looks."""
    guest = people.user("guest")
    group = people.group(guest)
    name = people.name("you")
    terminal.start_as(name, shared_server.address)
    terminal.sees("connected")
    terminal.type(f"/join #{group}", "Enter")
    terminal.sees("Members 2 of 2")
    raw = terminal.record()
    say(guest, f"#{group}", f"@{name} while you look", mentions=[name])
    terminal.sees("while you look")
    assert b"\x1b]9;" not in raw.read_bytes()
    terminal.send(b"\x1b[O")

    def notified() -> bool:
        """Say something: the report comes by another way, so the first words may overtake it."""
        say(guest, f"#{group}", f"@{name} secret", mentions=[name])
        return b"\x1b]777;notify;chat;" in raw.read_bytes()

    terminal.until(notified, "no notification")
    written = raw.read_bytes()
    told = f"mention in {group}".replace("#", "").encode()
    assert b"\x07" in written
    for sequence in (b"\x1b]9;", b"\x1b]777;notify;chat;"):
        text = written.split(sequence)[1].split(b"\x1b")[0]
        assert text == b"mention in #" + told.removeprefix(b"mention in "), text
    terminal.until(lambda: re.match(r"\(\d+\) chat:", terminal.ask("pane_title")), "the title does not count")
    terminal.send(b"\x1b[I")
    terminal.until(lambda: terminal.ask("pane_title").startswith("chat:"), "the title counts what was read")


def test_emoji_do_not_shift_what_stands_beside_them(terminal: Tmux, shared_server: Shared, people: People) -> None:
    """The border of the members is one line, also beside signs whose width terminals do not agree on."""
    guest = people.user("guest")
    group = people.group(guest)
    terminal.start_as(people.name("you"), shared_server.address)
    terminal.sees("connected")
    terminal.type(f"/join #{group}", "Enter")
    terminal.sees("Members 2 of 2")
    say(guest, f"#{group}", "plain words")
    say(guest, f"#{group}", "I \u2764\ufe0f it, but \u26a0\ufe0f \u2600\ufe0f")
    terminal.sees("plain words", "it, but")
    borders = {text: find(terminal, text).rindex("│") for text in ("plain words", "it, but")}
    assert borders["plain words"] == borders["it, but"]


def find(terminal: Tmux, text: str) -> str:
    """The row of the screen that holds a text."""
    return next(line for line in terminal.screen.splitlines() if text in line)


def test_what_rings_a_bell_in_another_window(terminal: Tmux, shared_server: Shared, people: People) -> None:
    """The terminal marks the window of the chat; a muted group and do-not-disturb leave it alone."""
    guest = people.user("guest")
    group = people.group(guest)
    name = people.name("you")
    terminal.tmux("set-option", "-g", "monitor-bell", "on")
    terminal.start_as(name, shared_server.address)
    terminal.sees("connected")
    terminal.type(f"/join #{group}", "Enter")
    terminal.sees("Members 2 of 2")
    terminal.type("/mute", "Enter")
    terminal.sees("muted  ")
    terminal.type(f"/open @{name}", "Enter", "/dnd", "Enter")
    terminal.until(lambda: presence(guest, name) == "dnd", "the others do not know")
    raw = terminal.record()
    terminal.send(b"\x1b[O")
    say(guest, f"@{name}", "not now")
    terminal.until(lambda: terminal.ask("pane_title").startswith("(1) chat:"), "it never came")
    assert b"\x07" not in raw.read_bytes()
    terminal.send(b"\x1b[I")
    terminal.type("/back", "Enter")
    terminal.until(lambda: presence(guest, name) == "online", "the others do not know")
    terminal.send(b"\x1b[O")
    terminal.tmux("new-window", "sh")

    def rings() -> bool:
        """Say something: the report that nobody looks comes by another way, so the first words may overtake it."""
        say(guest, f"#{group}", f"@{name} look", mentions=[name])
        say(guest, f"@{name}", "now")
        return terminal.tmux("display-message", "-p", "-t", ":0", "#{window_bell_flag}").strip() == "1"

    terminal.until(rings, "the window is not marked")
    assert f"private in @{guest.user}".encode() in raw.read_bytes()
    assert b"mention in" not in raw.read_bytes()


def test_the_locale_says_the_language(terminal: Tmux, shared_server: Shared, people: People) -> None:
    """In a terminal set to Chinese the program speaks it from the first line on, and its caret stands right."""
    terminal.type("export LC_ALL=zh_CN.UTF-8", "Enter")
    terminal.start_as(people.name("you"), shared_server.address)
    terminal.sees("已连接")
    terminal.type("/create #zh-room", "Enter")
    terminal.sees("这里是 #zh-room 的开头。", "群主")
    terminal.type("你好")
    terminal.until(lambda: terminal.ask("cursor_x") == str(2 + 4), "the cursor is not where one writes")
    terminal.type("Enter")
    terminal.until(lambda: "│ 你好" in terminal.screen.split("╭")[0], "what was sent is not shown")
    terminal.type("/nonsense", "Enter")
    terminal.sees("没有命令 /nonsense")


def test_links_and_the_clipboard(terminal: Tmux, shared_server: Shared, people: People) -> None:
    """A link is one for the terminal, too; what is copied reaches the terminal's clipboard, exactly."""
    guest = people.user("guest")
    group = people.group(guest)
    terminal.tmux("set-option", "-s", "set-clipboard", "on")
    terminal.start_as(people.name("you"), shared_server.address)
    terminal.sees("connected")
    terminal.type(f"/join #{group}", "Enter")
    terminal.sees("Members 2 of 2")
    raw = terminal.record()
    say(guest, f"#{group}", "see https://a.example/x?y=1, and 你好")
    terminal.sees("https://a.example/x?y=1")
    link = re.compile(rb"\x1b\]8;id=[^;]+;https://a\.example/x\?y=1\x1b\\\x1b\[(\d+;)*4[;m]")
    terminal.until(lambda: link.search(raw.read_bytes()), "no underlined link with an id (OSC 8)")
    terminal.type("C-s")
    terminal.type("y")
    terminal.until(lambda: terminal.tmux("list-buffers"), "nothing in the clipboard")
    assert terminal.tmux("show-buffer") == "see https://a.example/x?y=1, and 你好"


@pytest.mark.parametrize("setting", ["NO_COLOR=1", "CHAT_CLIENT_ASCII=true"])
def test_without_colours_and_without_lines(setting: str, terminal: Tmux, shared_server: Shared, people: People) -> None:
    """Where colours or box drawing are not wanted, there are none, and badges can be read all the same."""
    guest = people.user("guest")
    name = people.name("you")
    terminal.type(f"export {setting}; clear", "Enter")
    terminal.sees_not("export")
    raw = terminal.record()
    terminal.start_as(name, shared_server.address)
    terminal.sees("connected")
    terminal.type(f"/create #{name}", "Enter")
    terminal.sees("This is the beginning of")
    say(guest, f"@{name}", f"@{name} psst", mentions=[name])
    terminal.sees("@1", f"1 mention in @{guest.user}")
    if setting.startswith("NO_COLOR"):
        codes = {
            int(code) for found in re.findall(rb"\x1b\[([0-9;]+)m", raw.read_bytes()) for code in found.split(b";")
        }
        assert codes & {1, 2, 7}, "nothing stands out at all"
        assert not codes & {*range(30, 39), *range(40, 49), *range(90, 98), *range(100, 108)}, "there are colours"
    else:
        assert [line for line in terminal.screen.splitlines() if not line.isascii()] == []


def test_a_fault_of_its_own_is_one_line_and_a_whole_terminal(terminal: Tmux, tmp_path: Path) -> None:
    """What should not happen ends with the path of the log, where the whole story is, and a terminal as it was."""
    script = tmp_path / "faulty.py"
    script.write_text(
        "import sys\n"
        "from chat_client.tui import cli\n"
        "from chat_client.tui.screens.first_run import WelcomeScreen\n"
        "def _go(self, field, text): raise RuntimeError('on purpose')\n"
        "WelcomeScreen.wrong = _go\n"
        f"sys.exit(cli.main(['--profile', {str(tmp_path / 'profile')!r}]))\n"
    )
    terminal.type(f"{sys.executable} {script}; echo ended=$?", "Enter")
    terminal.sees("Welcome")
    terminal.type("Enter", "Enter", "Enter")
    screen = terminal.sees("ended=1").replace("\n", "")
    assert "chat-tui ended because of a fault of its own (RuntimeError)" in screen
    assert "chat-tui.log" in screen
    assert "Traceback" not in screen
    assert "on purpose" in (tmp_path / "profile" / "chat-tui.log").read_text()
    assert [terminal.ask(flag) for flag in ("alternate_on", "mouse_any_flag", "cursor_flag")] == ["0", "0", "1"]
