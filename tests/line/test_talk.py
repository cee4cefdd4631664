"""The interactive client without a terminal and without a server: lines in, lines out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from chat_client.core import events
from chat_client.core.accounts import Account
from chat_client.core.addresses import ServerAddress
from chat_client.core.config import ClientConfig
from chat_client.core.profile import Profile
from chat_client.line.printer import Look, TextLine
from chat_client.line.script import ScriptClient
from chat_client.line.talk import PAGE, Talk
from tests.tui.stage import entry, message, online

MANY = 3_000
MOST = 600


class Paper:
    """A screen that keeps what is printed."""

    is_pipe = False
    echoes = True
    interrupt: Callable[[], bool]

    def __init__(self) -> None:
        self.lines: list[str] = []

    def look(self, config: ClientConfig) -> Look:
        """Nothing special."""
        del config
        return Look(time_format="%H:%M")

    def show(self, lines: Sequence[TextLine], *, rings: bool = False) -> None:
        """Keep the text."""
        del rings
        self.lines += ["".join(text for _, text in line) for line in lines]

    def refresh(self) -> None:
        """There is no prompt."""

    async def read(self) -> str | None:
        """Nothing is typed here."""
        return None

    async def secret(self, question: str) -> str | None:
        """Nothing is asked."""
        del question
        return None

    def close(self) -> None:
        """There is nothing to end."""

    async def flush(self) -> None:
        """It is all there."""

    def numbers(self) -> list[int]:
        """Which lines of the flood were printed, in order."""
        return [int(found[1]) for line in self.lines if (found := re.search(r"flood (\d+)$", line))]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a test reaches."""
    monkeypatch.setattr("chat_client.core.client.MAX_LINES", MOST)
    monkeypatch.setattr("chat_client.core.client.KEPT_LINES", MOST // 2)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what the tasks of the loop do."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


async def flood(client: ScriptClient, paper: Paper, first: int, last: int) -> None:
    """Have messages come in, 50 at a time, each printed before the next ones come."""
    for start in range(first, last + 1, 50):
        seqs = range(start, min(start + 50, last + 1))
        made = tuple(message("#general", seq, "bob", f"flood {seq}") for seq in seqs)
        client.apply([events.Arrived("#general", made)])
        await until(lambda seqs=seqs: paper.numbers()[-1:] == [seqs[-1]])  # type: ignore[misc]
        assert len(client.state.conversations["#general"].timeline) <= MOST + 50


async def test_days_of_messages_are_printed_once_and_leave_the_memory(tmp_path: Path) -> None:
    """And ``/more`` goes on where it was, page by page down to the first one, also through what was let go since."""
    paper = Paper()
    async with ScriptClient(Account(ServerAddress("chat.example.org"), "you"), Profile(tmp_path)) as client:
        client.apply(online(entry("#general", 0)))
        talk = Talk(client, paper, ClientConfig())
        await talk.enter("#general")
        watching = asyncio.create_task(talk.watch())
        await flood(client, paper, 1, 1_000)
        assert paper.numbers() == list(range(1, 1_001))
        await talk.enter("#general")
        paper.lines.clear()
        await talk.enter("/more")
        back = paper.numbers()
        assert back == list(range(1_001 - 20 - PAGE, 1_001 - 20))
        paper.lines.clear()
        await flood(client, paper, 1_001, MANY)
        assert paper.numbers() == list(range(1_001, MANY + 1))
        while back[0] > 1:
            paper.lines.clear()
            await talk.enter("/more")
            assert paper.numbers(), paper.lines
            back = [*paper.numbers(), *back]
        assert back == list(range(1, 1_001 - 20))
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
