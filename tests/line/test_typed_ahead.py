"""What is typed while the program starts: before it looks, and between its look and the prompt."""

from __future__ import annotations

import asyncio
import os
import pty
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat_client.core.accounts import Account
from chat_client.core.addresses import ServerAddress
from chat_client.core.config import ClientConfig
from chat_client.core.profile import Profile
from chat_client.line.app import PromptScreen
from chat_client.line.script import ScriptClient


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Where to type; standard input is the other end."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r") as file:
        monkeypatch.setattr("sys.stdin", file)
        yield ours
    os.close(ours)


def is_enter_enter() -> bool:
    """Whether the terminal leaves Enter alone."""
    return not termios.tcgetattr(sys.stdin.fileno())[0] & termios.ICRNL


async def test_enter_is_enter_from_the_look_on(keyboard: int, tmp_path: Path) -> None:
    """Whole lines are done, the beginning of one waits in the prompt, and what comes next is no half of a line."""
    async with ScriptClient(Account(ServerAddress("chat.example.org"), "you"), Profile(tmp_path)) as client:
        screen = PromptScreen(client, client.profile, ClientConfig())
        os.write(keyboard, b"one\rtwo\rthr")
        beginning = screen._take_what_was_typed_ahead()
        assert [screen._typed.get_nowait() for _ in range(screen._typed.qsize())] == ["one", "two"]
        assert beginning == "thr"
        assert is_enter_enter(), "what is typed before the prompt is there would begin a line and send nothing"


async def test_the_terminal_is_left_as_it_was(keyboard: int, tmp_path: Path) -> None:
    """The shell gets its line editing back."""
    async with ScriptClient(Account(ServerAddress("chat.example.org"), "you"), Profile(tmp_path)) as client:
        screen = PromptScreen(client, client.profile, ClientConfig())
        assert not is_enter_enter()
        reading = asyncio.create_task(screen.read())
        async with asyncio.timeout(20):
            while not screen._session.app.is_running:  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.005)
        assert is_enter_enter()
        await screen.flush()
        assert await reading is None
        assert not is_enter_enter()
        del keyboard
