"""What the mouse does, in a terminal that sends its reports, and on a screen in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.events import MouseScrollDown, MouseScrollUp

from chat_client.core import events
from tests.conftest import Shared
from tests.support.people import People, say
from tests.tui.stage import Stage, entry, message, on_stage, online, plain
from tests.tui.tmux import Tmux

LEFT, DRAG, WHEEL_UP = 0, 32, 64


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Tmux]:
    """A terminal of 120 columns and 36 rows with a shell."""
    window = Tmux(tmp_path)
    yield window
    window.close()


def mouse(terminal: Tmux, button: int, x: int, y: int, *, is_up: bool = False) -> None:
    """Report the mouse as terminals do; column and row from 0."""
    terminal.send(f"\x1b[<{button};{x + 1};{y + 1}{'m' if is_up else 'M'}".encode())


def find(terminal: Tmux, text: str) -> tuple[int, int]:
    """Where a text begins on the screen: column and row."""
    lines = terminal.screen.splitlines()
    row = next(number for number, line in enumerate(lines) if text in line)
    return lines[row].index(text), row


def test_dragging_over_rows_copies_what_was_said(terminal: Tmux, shared_server: Shared, people: People) -> None:
    """Three messages, dragged over and ctrl+c: the clipboard has them, without times, names, bars or the panes."""
    guest = people.user("guest")
    group = people.group(guest)
    terminal.tmux("set-option", "-s", "set-clipboard", "on")
    terminal.start_as(people.name("you"), shared_server.address)
    terminal.sees("connected")
    terminal.type(f"/join #{group}", "Enter")
    terminal.sees("Members 2 of 2")
    for text in ("first of three", "in the middle", "and the last"):
        say(guest, f"#{group}", text)
    terminal.sees("first of three", "in the middle", "and the last")
    terminal.until(lambda: "chat: " in terminal.ask("pane_title"), "no title")
    (left, top), (_, bottom) = find(terminal, "first of three"), find(terminal, "and the last")
    assert bottom == top + 2
    mouse(terminal, LEFT, left, top)
    mouse(terminal, DRAG, left + 3, top + 1)
    mouse(terminal, DRAG, left + len("and the last") - 1, bottom)
    mouse(terminal, LEFT, left + len("and the last") - 1, bottom, is_up=True)
    terminal.type("C-c")
    terminal.until(lambda: terminal.tmux("list-buffers"), "nothing in the clipboard")
    assert terminal.tmux("show-buffer") == "first of three\nin the middle\nand the last"
    terminal.sees("copied 41 characters")


def test_without_the_mouse_the_terminal_selects(terminal: Tmux, shared_server: Shared, people: People) -> None:
    """With mouse = false no report is asked for, so that the terminal keeps what it does with the mouse."""
    terminal.type("export CHAT_CLIENT_MOUSE=false; clear", "Enter")
    terminal.sees_not("export")
    terminal.start_as(people.name("you"), shared_server.address)
    terminal.sees("connected")
    assert [terminal.ask(flag) for flag in ("alternate_on", "mouse_any_flag", "mouse_sgr_flag")] == ["1", "0", "0"]
    terminal.type("C-q")
    terminal.sees("ended=0")
    terminal.type("unset CHAT_CLIENT_MOUSE; clear", "Enter")
    terminal.sees_not("ended=0")
    terminal.start_tui()
    terminal.sees("connected")
    assert terminal.ask("mouse_any_flag") == "1"


async def test_the_wheel_scrolls_the_pane_under_the_pointer(tmp_path: Path) -> None:
    """Conversations, messages and members, each for itself, wherever the keys go."""
    users = [f"user-{number:03}" for number in range(100)]
    names = ["#general", *(f"#room-{number:03}" for number in range(100))]
    lines = tuple(message("#general", seq, "bob", f"line {seq}") for seq in range(1, 101))
    happened = [
        *online(*(entry(name, 100 if name == "#general" else 0) for name in names), people=["bob", *users]),
        events.Arrived("#general", lines),
        events.ConversationOpened("#general"),
    ]
    async with on_stage(tmp_path, happened) as stage:
        await stage.sees("room-020", "line 100", "user-020")
        chat = stage.chat

        def tops() -> tuple[int, int, int]:
            return chat.rooms.scroll_offset.y, chat.transcript.viewport.top_row, chat.members.scroll_offset.y

        before = tops()
        for number, pane in enumerate((chat.rooms, chat.transcript, chat.members)):
            kind, step = (MouseScrollUp, -1) if pane is chat.transcript else (MouseScrollDown, 1)
            x, y = pane.region.x + 5, pane.region.y + 5
            for _ in range(3):
                stage.app.post_message(kind(None, x, y, 0, step, 0, False, False, False, x, y))
            await stage.until(lambda then=before: tops() != then, "it did not scroll")  # type: ignore[misc]
            await stage.settles()
            moved = [now != then for now, then in zip(tops(), before, strict=True)]
            assert moved == [place == number for place in range(3)]
            before = tops()
        assert stage.composer.has_focus


def where(stage: Stage, text: str) -> tuple[int, int]:
    """Where a text begins on the screen: column and row."""
    row = next(number for number, line in enumerate(stage.lines) if text in line)
    return stage.lines[row].index(text), row


async def test_what_looks_like_a_button_is_one(tmp_path: Path) -> None:
    """A link, the count below the panes, the way to the end and a folded part of the list can be clicked."""
    made = [message("#general", seq, "bob", f"line {seq}") for seq in range(4, 80)]
    made.append(message("#general", 80, "bob", "see https://a.example/x now"))
    async with on_stage(tmp_path, [*plain(), events.Arrived("#general", tuple(made))]) as stage:
        await stage.sees("a.example")
        await stage.pilot.click(offset=where(stage, "a.example"))
        await stage.sees("Open this address?", "It leads to a.example")
        stage.press("escape")
        await stage.until(lambda: "Open this" not in stage.text)
        stage.press("pageup")
        await stage.sees("more below · End")
        await stage.pilot.click(offset=where(stage, "more below"))
        await stage.until(lambda: stage.chat.transcript.follows)
        await stage.pilot.click(offset=where(stage, "Direct"))
        await stage.until(lambda: "● bob" not in stage.lines[8][:20] and "▸Direct" in stage.text)
        stage.arrive("#ops", "carol", "@ada look", mentions=("ada",))
        await stage.sees("1 mention in #ops")
        await stage.pilot.click(offset=where(stage, "1 mention in #ops"))
        await stage.until(lambda: stage.state.current == "#ops")
