"""One message: all that is known of it; and what happens when something that was begun for the user fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat_client.core import events
from chat_client.core.answers import Recipient
from chat_client.core.client import ChatClient
from chat_client.core.reduce import reduce_all
from chat_client.core.state import ClientState, Conversation, Message
from chat_client.core.text import Safe
from chat_client.tui import windows
from chat_client.tui.about import about_message
from chat_protocol import packets
from tests.conftest import Shared
from tests.support.people import People, say
from tests.tui.stage import START_MS, live, message, newcomer, on_stage, plain


async def test_all_about_somebodys_message(tmp_path: Path) -> None:
    """Who, when to the second, its number, edits, reactions by whom."""
    edited = packets.Edited("#general", 4, "e", "bob", "Bob", START_MS + 600_000, target="general-3", content="newer")
    reaction = packets.Reaction(
        "#general", 5, "r", "carol", "Carol", START_MS + 700_000, target="general-3", emoji="👍", removed=False
    )
    async with on_stage(tmp_path, [*plain(), events.Arrived("#general", (edited, reaction))]) as stage:
        stage.press("ctrl+s", "i")
        await stage.sees("Bob (@bob)", "23 November 2026 09:03:00", "^3 in #general", "09:10:00", "👍 carol")
        stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.chat)


async def test_an_own_message_that_waits_says_so(tmp_path: Path) -> None:
    """Without a connection: that it waits; of one that failed: why, and what can be done."""
    async with on_stage(tmp_path) as stage:
        stage.type("hello")
        stage.press("enter")
        await stage.sees("…│ hello")
        stage.press("ctrl+s", "i")
        await stage.sees("waits to be sent", "none yet in #general")
        stage.press("escape", "escape")
        [pending] = stage.conversation("#general").timeline.pending
        stage.happen(events.MessageFailed("#general", pending.message_id, Safe("you are not a member")))
        await stage.sees("✗ not sent: you are not a member")
        stage.press("ctrl+s", "i")
        await stage.sees("not sent: you are not a member; /retry or /discard")


def test_who_has_it_and_who_not_and_why(tmp_path: Path) -> None:
    """Those whom it has not reached come first, each with the reason and what comes next."""
    entry_ = _conversation()
    own = entry_.timeline.by_seq(4)
    assert isinstance(own, Message)
    recipients = [
        Recipient("bob", "read", START_MS, 0, Safe(""), None),
        Recipient("carol", "delivered", START_MS, 0, Safe(""), None),
        Recipient("dave", "stored", None, 3, Safe("offline"), 4_000),
    ]
    rows = [" ".join(row.cells) for row in about_message(entry_, own, recipients).rows]
    assert "state read by 1, delivered to 1, waiting for 1 of 3" in rows
    assert rows[-3] == "@dave waiting: offline, 3 attempts, next in 4 s"
    assert rows[-2].startswith("@carol delivered ")
    assert rows[-1].startswith("@bob read ")


def _conversation() -> Conversation:
    state = reduce_all(ClientState(), [*plain(), events.Arrived("#general", (message("#general", 4, "ada", "mine"),))])
    return state.conversations["#general"]


async def test_the_server_tells_how_far_it_got(tmp_path: Path, shared_server: Shared, people: People) -> None:
    """Each recipient with a state, as it is now (protocol.md 6, receipts)."""
    guest = people.user("guest")
    group = f"#{people.group(guest)}"
    async with live(tmp_path, newcomer(shared_server.address, people.name("you"))) as stage:
        await stage.sees("connected")
        stage.type(f"/join {group}")
        stage.press("enter")
        await stage.until(lambda: stage.state.current == group)
        stage.type("who has this?")
        stage.press("enter")
        await stage.until(
            lambda: "who has this?" in stage.contents(group) and not stage.conversation(group).timeline.pending
        )
        await stage.sees("you │ who has this?")
        await stage.settles()  # what is chosen now is on the screen
        stage.press("ctrl+s", "i")
        await stage.sees("of 1", f"@{guest.user}", "^")
        say(guest, group, "me")


async def test_work_that_dies_is_told_and_can_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in something that was begun for the user is one line, not the end; the next attempt works."""
    async with on_stage(tmp_path) as stage:
        submit, find = ChatClient.submit, ChatClient.find

        async def broken(*_: object, **__: object) -> str:
            raise RuntimeError("on purpose")

        monkeypatch.setattr(ChatClient, "submit", broken)
        monkeypatch.setattr(ChatClient, "find", broken)
        stage.type("hello")
        stage.press("enter")
        await stage.sees("this failed, and should not")
        stage.press("ctrl+f")
        stage.type("line")
        stage.press("enter")
        await stage.sees("this failed, and should not: the log tells more")
        monkeypatch.setattr(ChatClient, "submit", submit)
        monkeypatch.setattr(ChatClient, "find", find)
        stage.press("enter")
        await stage.sees("3 found")
        stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.chat)
        stage.type("again")
        stage.press("enter")
        await stage.until(lambda: stage.state.queued == 1)


async def test_a_connection_whose_task_dies_is_made_anew(
    tmp_path: Path, shared_server: Shared, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of our own in the connection is told with the log, and a moment later one is online all the same."""
    monkeypatch.setattr(windows, "RESTART_S", 0.05)
    run = ChatClient.run

    async def faulty(self: ChatClient) -> None:
        monkeypatch.setattr(ChatClient, "run", run)
        raise RuntimeError("on purpose")

    monkeypatch.setattr(ChatClient, "run", faulty)
    async with live(tmp_path, newcomer(shared_server.address, people.name("you"))) as stage:
        told = "the connection failed because of a fault of the program"
        await stage.until(lambda: any(told in toast.message for toast in stage.app._notifications))
        await stage.sees("connected")
