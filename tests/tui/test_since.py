"""Catching up: one page with everything that waits, and three keys from coming back to having it all behind one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chat_client.core import events
from chat_client.core.accounts import Credentials
from chat_client.tui.start import Start
from chat_client.tui.widgets.rows import RowList
from chat_protocol import packets
from tests.conftest import Shared
from tests.support.people import People, say
from tests.tui.stage import START_MS, Stage, known, live, on_stage


def away(stage: Stage) -> None:
    """What comes while nobody looks: everywhere, and in no order of importance."""
    stage.arrive("#ops", "carol", "first", "second", "third")
    stage.happen(
        events.Arrived(
            "!announcements",
            (packets.Broadcast("!announcements", 1, "b1", "root", "Root", START_MS, content="down at noon"),),
        )
    )
    stage.arrive("#general", "dave", "one", "two")
    stage.arrive("#general", "dave", "@ada look [b]here[/b]", mentions=("ada",))
    stage.arrive("@bob", "bob", "psst")


def page(stage: Stage) -> list[str]:
    """The rows of the page, without the clocks."""
    rows = stage.app.screen.query_one(RowList).rows
    told = ["".join(text for text, _ in (*row.left, (" ", ""), *row.right)).strip() for row in rows]
    return [re.sub(r" \d\d:\d\d$", "", row) for row in told]


async def test_the_page_has_what_matters_first(tmp_path: Path) -> None:
    """Mentions, private messages, announcements, then groups, the fullest first, each with what was said last."""
    async with on_stage(tmp_path) as stage:
        stage.chat.focus_changed(False)
        away(stage)
        stage.press("alt+u")
        await stage.sees("Since you left", "8 messages in 4 conversations", "down at noon")
        assert page(stage) == [
            "Mentions",
            "#general  dave: @ada look [b]here[/b]",
            "Private messages",
            "@bob  Bob 1",
            "psst",
            "Announcements",
            "!announcements 1",
            "root: down at noon",
            "Groups",
            "#general  Everybody @1",
            "dave: one",
            "dave: two",
            "#ops 3",
            "carol: second",
            "carol: third",
        ]


async def test_enter_goes_to_the_message(tmp_path: Path) -> None:
    """The first row is the oldest mention; a title is no place to go."""
    async with on_stage(tmp_path) as stage:
        stage.chat.focus_changed(False)
        away(stage)
        stage.press("alt+u")
        await stage.sees("Mentions")
        stage.press("enter")
        await stage.until(lambda: any("→" in row and "look" in row for row in stage.chat.transcript.rows))
        stage.press("alt+u")
        await stage.sees("Mentions")
        stage.press("end", "enter")
        await stage.until(lambda: stage.state.current == "#ops")
        await stage.until(lambda: any("→" in row and "third" in row for row in stage.chat.transcript.rows))


async def test_looking_at_the_page_marks_nothing(tmp_path: Path) -> None:
    """An excerpt is not the message; ``m`` marks one conversation, and the page tells what is left."""
    async with on_stage(tmp_path) as stage:
        stage.chat.focus_changed(False)
        away(stage)
        stage.press("alt+u")
        await stage.sees("8 messages in 4 conversations")
        stage.press("escape")
        await stage.settles()
        assert sum(each.unread for each in stage.state.conversations.values()) == 8
        stage.press("alt+u")
        await stage.sees("8 messages in 4 conversations")
        stage.press("m")
        await stage.sees("5 messages in 3 conversations")
        assert stage.conversation("#general").unread == 0
        assert stage.conversation("#ops").unread == 3


async def test_a_question_stands_before_everything_is_marked(tmp_path: Path) -> None:
    """No is no."""
    async with on_stage(tmp_path) as stage:
        stage.chat.focus_changed(False)
        away(stage)
        stage.press("alt+u")
        await stage.sees("M all")
        stage.press("M")
        await stage.sees("Mark 8 messages as read?")
        stage.press("escape")
        await stage.sees("8 messages in 4 conversations")
        assert sum(each.unread for each in stage.state.conversations.values()) == 8


async def test_what_comes_meanwhile_stays_unread(tmp_path: Path) -> None:
    """Neither the page nor the question told of it, so neither ``m`` nor a yes is about it."""
    async with on_stage(tmp_path) as stage:
        stage.chat.focus_changed(False)
        stage.arrive("#ops", "carol", "first", "second")
        stage.press("alt+u")
        await stage.sees("2 messages in 1 conversation")
        stage.arrive("#ops", "carol", "@ada behind the page", mentions=("ada",))
        stage.press("m")
        await stage.sees("1 message in 1 conversation", "behind the page")
        stage.arrive("#ops", "carol", "fourth")
        stage.press("M")
        await stage.sees("Mark 2 messages as read?")
        stage.arrive("#ops", "carol", "@ada behind the question", mentions=("ada",))
        stage.arrive("#general", "dave", "elsewhere")
        stage.press("enter")
        await stage.sees("2 messages in 2 conversations", "behind the question")
        assert [stage.conversation("#ops").mentions, stage.conversation("#general").unread] == [1, 1]


async def test_nothing_waits(tmp_path: Path) -> None:
    """The page says so, and closes with the key that opened it."""
    async with on_stage(tmp_path) as stage:
        stage.press("alt+u")
        await stage.sees("Since you left", "You are all caught up.")
        stage.press("m", "M", "alt+u")
        await stage.until(lambda: "caught up" not in stage.text)


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (60, 15), (30, 8)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_page_fits(size: tuple[int, int], tmp_path: Path) -> None:
    """The first mention and a way out are on every screen."""
    async with on_stage(tmp_path, size=size) as stage:
        stage.chat.focus_changed(False)
        away(stage)
        stage.press("alt+u")
        await stage.sees("Since you left", "Mentions", "dave: @a", "Enter")


async def test_three_keys_from_login_to_all_caught_up(tmp_path: Path, shared_server: Shared, people: People) -> None:
    """Real words of real people; the server knows that they were read, and another device as well."""
    guest, you = people.users("guest", "you")
    group, other = people.group(guest, you), people.group(guest, you)
    you.socket.close()
    for number in range(5):
        say(guest, f"#{group}", f"in the group {number}")
        say(guest, f"#{other}", f"in the other {number}")
        say(guest, f"@{you.user}", f"to you {number}")
    start = Start(known(shared_server.address, you.user).account, Credentials(you.password))
    async with live(tmp_path, start) as stage:
        await stage.until(lambda: stage.state.current, "nothing was opened")
        await stage.until(lambda: sum(each.unread for each in stage.state.conversations.values()) == 10)
        stage.press("alt+u")
        await stage.sees("10 messages in 2 conversations")
        stage.press("M")
        await stage.sees("Mark as read")
        stage.press("enter")
        await stage.sees("You are all caught up.")
        assert not any(each.unread for each in stage.state.conversations.values())
        device = people.device(you, sync=False)

        def is_known() -> bool:
            again = people.again(device)
            found = again.sync(limit=0)["conversations"]
            again.socket.close()
            return not any(each["unread"] for each in found)

        await stage.until(is_known, "the server does not know")
        device.socket.close()
