"""What one does to a message, or is about to write, is on the other's screen: two programs and a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chat_client.core import session
from chat_client.core.config import ClientConfig
from tests.conftest import Shared
from tests.support.people import People, say
from tests.tui.stage import Stage, live, newcomer
from tests.tui.test_live import enter, ready


@asynccontextmanager
async def both(
    folder: Path, shared_server: Shared, people: People, config: ClientConfig | None = None
) -> AsyncIterator[tuple[Stage, Stage, str]]:
    """Two people in one group, each with a screen of their own; the settings are the first one's."""
    owner = people.user("owner")
    group = f"#{people.group(owner)}"
    start = newcomer(shared_server.address, people.name("ann")), newcomer(shared_server.address, people.name("ben"))
    async with live(folder / "ann", start[0], config=config) as ann, live(folder / "ben", start[1]) as ben:
        for stage in (ann, ben):
            await ready(stage)
            await enter(stage, f"/join {group}")
            await stage.until(lambda stage=stage: stage.state.current == group)  # type: ignore[misc]
        say(owner, group, "the very first word")
        for stage in (ann, ben):
            await stage.sees("the very first word", "This is the beginning of")
        yield ann, ben, group


def rows(stage: Stage) -> list[str]:
    """What stands in the transcript's rows, without their gutters."""
    return [row.partition("│")[2].strip() for row in stage.chat.transcript.rows if "│" in row]


def number(stage: Stage, group: str, text: str) -> int:
    """Which number a message has."""
    return next(line.seq for line in stage.conversation(group).timeline if getattr(line, "content", "") == text)


async def test_what_is_done_to_a_message_is_seen_by_the_other(
    tmp_path: Path, shared_server: Shared, people: People
) -> None:
    """An answer with its quote, an edit, reactions that are counted, a deletion: no row more or less for the reader."""
    async with both(tmp_path, shared_server, people) as (ann, ben, group):
        await enter(ann, "see you at nine")
        await ben.sees("see you at nine")
        first = f"^{number(ben, group, 'see you at nine')}"
        ben.press("ctrl+s", "r")
        await ben.sees("Reply to ann-")
        await enter(ben, "nine is fine")
        await ann.sees("╭ you: see you at nine", "nine is fine")
        await enter(ben, f"/react {first} 👍")
        await ann.sees("👍 1")
        before = len(ann.chat.transcript.rows)
        await enter(ann, f"/react {first} 👍")
        await ann.sees("[👍 2]")
        await ben.sees("👍 2")
        ann.press("up")
        await ann.sees("Edit your message")
        ann.press("ctrl+u")
        await enter(ann, "see you at ten")
        await ben.sees("see you at ten (edited)", "╭ ann-", ": see you at ten")
        assert len(ann.chat.transcript.rows) == before
        count = len(ben.chat.transcript.rows)
        await enter(ann, f"/delete {first}")
        await ben.sees("message deleted")
        await ben.until(lambda: "see you" not in ben.text, "what was deleted is still there")
        await ann.until(lambda: "see you" not in ann.text, "what was deleted is still there")
        assert rows(ben)[-3:] == ["message deleted", f"╭ {ann.state.me}: message deleted", "nine is fine"]
        assert len(ben.chat.transcript.rows) <= count


async def test_enter_goes_to_what_a_message_answers(tmp_path: Path, shared_server: Shared, people: People) -> None:
    """The message that was answered is on the screen and marked, however far above; End comes back."""
    async with both(tmp_path, shared_server, people) as (ann, ben, group):
        await enter(ben, "an early answer")
        await ann.sees("an early answer")
        early = number(ann, group, "an early answer")
        talker = people.user("talker")
        talker.request("join", group=group[1:])
        for line in range(60):
            say(talker, group, f"line {line}")
        await ann.sees("line 59")
        await enter(ann, f"/reply ^{early} the answer to the early one")
        await ann.sees("ben-", ": an early answer", "the answer to the early one")
        await ann.until(lambda: not ann.conversation(group).timeline.pending)
        ann.press("ctrl+s", "enter")
        await ann.until(lambda: any("→" in row and "an early answer" in row for row in ann.chat.transcript.rows))
        assert "the answer to the early one" not in ann.text
        ann.press("escape", "end")
        await ann.sees("the answer to the early one")


@pytest.mark.parametrize("is_told", [True, False])
async def test_who_is_typing_is_told_unless_they_do_not_want_it(
    is_told: bool, tmp_path: Path, shared_server: Shared, people: People
) -> None:
    """It is on the other's screen while one writes and moves nothing there; with typing = false it is never sent."""
    assert session.TYPING_SHOWN_MS == 5_000
    async with both(tmp_path, shared_server, people, ClientConfig(typing=is_told)) as (ann, ben, group):
        before = ben.chat.transcript.rows
        ann.type("half a thou")
        await ann.until(lambda: ann.composer.text == "half a thou")
        if is_told:
            await ben.sees(f"{ann.state.me} is typing…")
            assert ben.chat.transcript.rows == before
        await enter(ann, "ght")
        await ben.sees("half a thought")
        if is_told:
            await ben.until(lambda: "is typing" not in ben.text, "it is told after the message came")
        else:
            assert "is typing" not in ben.text
            assert ben.conversation(group).typing == ()
