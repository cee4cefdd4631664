"""A server that lies in every field, in front of it the real programs in a terminal that would obey."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from chat_protocol import packets
from tests.client.fake_server import FakeConnection, FakeServer
from tests.e2e.persons import Person
from tests.e2e.terminals import Terminal, Terminals

ATTACK = (
    "seen \x1b]2;PWNED\x07\x1b]0;PWNED\x1b\\\x1b]52;c;UFdORUQ=\x07\x1b]8;;http://evil.example\x1b\\"
    "\x1b]777;notify;PWNED\x07\x1b]1337;File=PWNED\x07\x1bP+q544e\x1b\\\x1b_PWNED\x1b\\\x1b^PWNED\x1b\\"
    "\x1b[7331;7331m\x1b[2J\x9b31m\x9d2;PWNED\x9c\x07\x08\x0b\x0c\x00\x7f"
    "\u202e\u2066\u200f\u061c\u200b\u2060\ufeff\u2028\u2029\ue000\U000e0041z" + "\u0301" * 60
)
"""Everything at once: what sets a title, fills a paste buffer, rings, hides, turns and draws over."""
LINES = ("[@click=app.quit]markup[/] [/] [red]", "https://bank.example@evil.example/")
WRITTEN = {
    *("content", "title", "topic", "display_name", "sender_name", "text", "message", "name", "server", "reason"),
    *("emoji", "snippet", "action", "subject", "detail", "device", "address"),
}
"""The fields in which others may write what they like."""
FORBIDDEN = frozenset(
    [0x61C, 0x200B, 0x200E, 0x200F, 0x2028, 0x2029, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)
OURS = re.compile(
    r"\x1b\[[?<>=]?[0-9;:]*[ $!]?[A-Za-z]"  # CSI: colours, the cursor, modes
    r"|\x1b\][02];[ -~\u2800-\u28ff\u25cf\u2022]*(?:\x07|\x1b\\)"  # the window's title
    r"|\x1b\]22;(?:default|pointer|text)\x07"  # the mouse's pointer
    r"|\x1b\]8;(?:id=[0-9a-f-]*)?;(?:(?:https?://|mailto:)[!-~]+)?(?:\x07|\x1b\\)"  # where a link leads, in ASCII
    r"|\x1b[=>78MHc]|\x1b[()][0AB]"
)


class HostileConnection(FakeConnection):
    """It says what a server says, with the attack in each field that is free text."""

    def send(self, *out: packets.Packet) -> None:
        super().send(*map(poisoned, out))


class HostileServer(FakeServer):
    """A server of somebody who wants the terminal."""

    connection: ClassVar[type[FakeConnection]] = HostileConnection


def poisoned(value: Any) -> Any:
    """``value`` with the attack in its free texts, in whatever it holds."""
    if isinstance(value, list | tuple):
        return type(value)(map(poisoned, value))
    if not isinstance(value, msgspec.Struct):
        return value
    changes = {}
    for name in value.__struct_fields__:
        held = getattr(value, name)
        if name in WRITTEN and isinstance(held, str):
            changes[name] = ATTACK[:16] if name == "emoji" else f"{ATTACK} {held}"
        elif isinstance(held, list | tuple | msgspec.Struct):
            changes[name] = poisoned(held)
    return msgspec.structs.replace(value, **changes)


def flaws(output: str) -> list[str]:
    """What of ``output`` a client may never have written: sequences that are not its own, and hidden signs."""
    found = [match for match in OURS.findall(output) if "PWNED" in match or "7331" in match]
    rest = OURS.sub("", output)
    for at, sign in enumerate(rest):
        code = ord(sign)
        is_control = unicodedata.category(sign) in ("Cc", "Co", "Cs") and sign not in "\r\n\t\b"
        if is_control or code in FORBIDDEN or 0xE0000 <= code <= 0xE0FFF:
            found.append(repr(rest[at : at + 20]))
    if "\u0301" * 10 in rest:
        found.append("marks pile up")
    return found


class Watched:
    """A terminal of which everything is kept that a program writes to it, and what that did to the terminal."""

    def __init__(self, terminals: Terminals, terminal: Terminal, record: Path) -> None:
        self.terminal = terminal
        self._terminals = terminals
        self._record = record
        terminals.tmux("pipe-pane", "-O", "-t", terminal.name, f"exec cat > '{record}'")

    @property
    def output(self) -> str:
        """What the program wrote."""
        return self._record.read_bytes().decode(errors="surrogateescape")

    def effects(self) -> str:
        """The title of the terminal, and what is in the paste buffers; a bell puts a buffer there, too."""
        title = self._terminals.tmux("display-message", "-p", "-t", self.terminal.name, "#{pane_title}")
        return title + self._terminals.tmux("list-buffers", "-F", "#{buffer_name} #{buffer_sample}")


@pytest.fixture
def obedient(terminals: Terminals) -> Terminals:
    """Terminals that let programs set the title and fill the paste buffer, and that note each bell."""
    terminals.tmux("set-option", "-s", "set-clipboard", "on")
    terminals.tmux("set-option", "-g", "allow-rename", "on")
    terminals.tmux("set-option", "-g", "bell-action", "any")
    terminals.tmux("set-hook", "-g", "alert-bell", "set-buffer -b bell RUNG")
    return terminals


@pytest.fixture
async def hostile() -> AsyncIterator[HostileServer]:
    """A hostile server with some messages in it."""
    server = HostileServer()
    await server.start()
    server.passwords["bob"] = "correct horse"
    for line in LINES:
        server.post("#ops", "bob", line)
    server.react("#ops", "bob", "srv-0", "x")
    yield server
    await server.stop()


def watch(terminals: Terminals, terminal: Terminal, folder: Path) -> Watched:
    """Keep what a program writes from its first byte on: it has not begun yet, since Python takes its time."""
    return Watched(terminals, terminal, folder / f"{terminal.name}.bytes")


def assert_untouched(watched: Watched) -> None:
    """The attack was shown, and neither did a byte of it get out nor did the terminal do anything."""
    assert "seen" in watched.output
    assert flaws(watched.output) == []
    assert "PWNED" not in watched.effects()
    assert "RUNG" not in watched.effects()


def test_raw_text_would_be_found(obedient: Terminals, tmp_path: Path) -> None:
    """What a program prints raw changes the terminal and is told; else the other tests would say nothing."""
    attack = tmp_path / "attack"
    attack.write_text(ATTACK, encoding="utf-8", errors="surrogatepass")
    terminal = obedient.open("raw", ["sh", "-c", f"sleep 1; cat '{attack}'; echo; echo over; exec cat"], {})
    watched = watch(obedient, terminal, tmp_path)
    terminal.sees("over")

    terminal.until(lambda _: "PWNED" in watched.effects() and "RUNG" in watched.effects(), "the terminal did nothing")
    told = " ".join(flaws(watched.output))
    assert all(part in told for part in ("PWNED", "7331", "\\x9b31m", "\\u202e", "\\u200b", "marks pile up"))


@pytest.mark.timeout(180)
async def test_chat_tui_shows_it_on_every_screen(obedient: Terminals, hostile: HostileServer, tmp_path: Path) -> None:
    """In the transcript, both panes, the header, the switcher, search, all listings, dialogs, toasts and errors."""
    person = Person(obedient, tmp_path, "ada", ("127.0.0.1", hostile.port))

    def walk() -> None:
        terminal = person.open_tui()
        watched = watch(obedient, terminal, tmp_path)
        terminal.sees("● connected")
        terminal.type("/open #ops")
        terminal.sees("[@click=app.quit]markup[/]")
        for keys, sight in (
            (["C-k"], "Go to"),
            (["F1"], "Help"),
            (["C-o"], "Links on the screen"),
            (["C-p"], "Search"),
            (["C-s", "d"], "Delete this message"),
            (["C-s", "o"], "It leads to evil."),
        ):
            terminal.press(*keys)
            terminal.sees(sight)
            terminal.press("Escape")
            terminal.sees_no(sight)
        terminal.press("C-f")
        terminal.sees("Enter searches")
        terminal.type("markup")
        terminal.sees("1 found")
        terminal.press("Escape")
        terminal.sees_no("1 found")
        for command, sight in (("/who", "Members of #ops"), ("/users", "Users")):
            terminal.type(command)
            terminal.sees(sight)
            terminal.press("Escape")
            terminal.sees_no(sight)
        hostile.refusals.append(("forbidden", 0))
        terminal.type("this is refused")
        terminal.sees("this is refused")
        terminal.press("C-q")
        terminal.until_over()
        assert "\x1b[?1049h" in watched.output, "the beginning of the output is not there"
        assert_untouched(watched)

    await asyncio.to_thread(walk)


@pytest.mark.timeout(120)
async def test_chat_cli_prints_it(obedient: Terminals, hostile: HostileServer, tmp_path: Path) -> None:
    """In messages, listings, hits, refusals and the line below."""
    person = Person(obedient, tmp_path, "ada", ("127.0.0.1", hostile.port))

    def talk() -> None:
        terminal = person.start_cli("#ops")
        watched = watch(obedient, terminal, tmp_path)
        terminal.sees("[@click=app.quit]markup[/]")
        for command in ("/who", "/members", "/search markup", "/list"):
            terminal.type(command)
        hostile.refusals.append(("forbidden", 0))
        terminal.type("this is refused")
        terminal.sees("this is refused")
        terminal.type("/quit")
        terminal.until_over()
        assert_untouched(watched)

    await asyncio.to_thread(talk)
