"""Conversations and what waits in them: the list, the badges, the way to what is unread."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat_client.core import events
from chat_client.core.state import Link
from chat_client.core.text import Safe
from chat_client.tui.panes import window_title
from chat_client.tui.widgets.pane import MIN_WIDTH
from chat_client.tui.widgets.rows import RowList
from tests.tui.stage import START_MS, Stage, entry, message, on_stage, online


def row(stage: Stage, name: str) -> str:
    """What the list of conversations shows for one of them."""
    place = next(place for place, row in enumerate(stage.chat.rooms.rows) if row.key == name)
    return " ".join(stage.lines[1 + place][:21].strip("▌ ").split())


def offered(stage: Stage) -> list[str]:
    """What the switcher offers."""
    return [row.key for row in stage.app.screen.query_one("#switcher-list", RowList).rows]


async def test_groups_and_chats_with_their_counts(tmp_path: Path) -> None:
    """Unread messages are counted per conversation; mentions stand out; both are gone when it is opened."""
    async with on_stage(tmp_path) as stage:
        stage.arrive("#ops", "carol", "one", "two")
        await stage.until(lambda: row(stage, "#ops") == "# ops 2")
        stage.arrive("#ops", "carol", "@ada look", mentions=("ada",))
        await stage.until(lambda: row(stage, "#ops") == "# ops @1")
        assert "1 mention in #ops · alt+a" in stage.text
        assert window_title(stage.state) == "(1) chat: #general"
        stage.arrive("@bob", "bob", "psst")
        await stage.until(lambda: row(stage, "@bob") == "● bob 1")
        stage.press("alt+a")
        await stage.until(lambda: stage.state.current == "#ops")
        await stage.until(lambda: row(stage, "#ops") == "# ops")
        stage.press("alt+a")
        await stage.until(lambda: stage.state.current == "@bob")
        await stage.until(lambda: row(stage, "@bob") == "● bob")
        assert window_title(stage.state) == "chat: @bob"
        stage.press("alt+a")
        await stage.until(lambda: any("nothing is unread" in toast.message for toast in stage.app._notifications))
        assert stage.composer.text == ""


async def test_what_is_open_is_on_the_screen_in_a_long_list(tmp_path: Path) -> None:
    """The list goes along, whichever way one went there, and after the size changed."""
    names = [f"#room-{number:02}" for number in range(60)]
    happened = [*online(*(entry(name, 1) for name in names)), events.ConversationOpened(names[0])]
    async with on_stage(tmp_path, happened, size=(100, 20)) as stage:

        async def shows(name: str) -> None:
            await stage.until(lambda: stage.state.current == name)
            await stage.until(lambda: any(name[1:] in line[:21] for line in stage.lines[1:]), f"{name} is not listed")

        stage.press(*["alt+down"] * 30)
        await shows(names[30])
        stage.arrive(names[59], "bob", "@ada x", mentions=("ada",))
        stage.press("alt+a")
        await shows(names[59])
        stage.press("alt+down")
        await shows(names[0])
        stage.press("alt+up")
        await shows(names[59])
        await stage.pilot.resize_terminal(100, 12)
        await shows(names[59])


async def test_muted_conversations_are_quiet(tmp_path: Path) -> None:
    """What is muted is counted in brackets and is no place to go to."""
    async with on_stage(tmp_path) as stage:
        stage.happen(events.MutedChanged("#ops", True))
        stage.arrive("#ops", "carol", "@ada noise", mentions=("ada",))
        await stage.until(lambda: row(stage, "#ops") == "# ops (1)")
        assert "elsewhere" not in stage.text
        stage.press("alt+a")
        await stage.settles()
        assert stage.state.current == "#general"
        assert window_title(stage.state) == "chat: #general"


async def test_up_and_down_and_back_through_the_list(tmp_path: Path) -> None:
    """alt+down and alt+up follow the list as it is shown, around its ends; alt+s goes back to the one before."""
    async with on_stage(tmp_path) as stage:
        for key, current in (
            ("alt+down", "#ops"),
            ("alt+down", "@bob"),
            ("alt+down", "#general"),
            ("alt+up", "@bob"),
            ("alt+s", "#general"),
            ("alt+s", "@bob"),
        ):
            stage.press(key)
            await stage.until(lambda current=current: stage.state.current == current)  # type: ignore[misc]


async def test_a_click_opens_a_conversation_or_a_chat(tmp_path: Path) -> None:
    """A row of either pane can be clicked; a member opens a private chat."""
    async with on_stage(tmp_path) as stage:
        await stage.pilot.click("#rooms", offset=(5, 2))
        await stage.until(lambda: stage.state.current == "#ops")
        place = next(place for place, row in enumerate(stage.chat.members.rows) if row.key == "@carol")
        await stage.pilot.click("#members", offset=(5, place))
        await stage.until(lambda: stage.state.current == "@carol")
        await stage.sees("This is the beginning of your chat with @carol.")


async def test_drafts_are_marked_and_kept(tmp_path: Path) -> None:
    """A conversation with a half-written text has a pencil; a client that starts again has the text."""
    async with on_stage(tmp_path) as stage:
        stage.type("half")
        stage.press("alt+down")
        await stage.until(lambda: row(stage, "#general") == "# general ✎")
    async with on_stage(tmp_path, [events.ConversationOpened("#general")]) as stage:
        assert stage.composer.text == "half"


async def test_the_switcher_finds_by_any_part_and_puts_what_is_urgent_first(tmp_path: Path) -> None:
    """Mentions, then unread, then the newest; a user without a chat can be found, too; up and down choose."""
    entries = [entry(name, 1) for name in ("#general", "#ops", "#dev", "#open-source")]
    entries += [entry("#loud", 4, read_seq=1, unread=3, mentions=1, cursor=4), entry("@opal")]
    happened = [*online(*entries, people=("bob", "opal")), events.ConversationOpened("#general")]
    async with on_stage(tmp_path, happened) as stage:
        stage.arrive("#dev", "bob", "new")
        stage.press("ctrl+k")
        await stage.sees("Enter opens · esc closes")
        assert offered(stage)[:2] == ["#loud", "#dev"]
        stage.type("op")
        await stage.until(lambda: set(offered(stage)) == {"#ops", "#open-source", "@opal"})
        names = offered(stage)
        stage.press("down", "down", "enter")
        await stage.until(lambda: stage.state.current == names[2])


async def test_the_switcher_opens_at_once_with_thousands(tmp_path: Path) -> None:
    """2,000 conversations are filtered while typing."""
    entries = [entry(f"#room-{number:04}", 1) for number in range(2000)]
    async with on_stage(tmp_path, [*online(*entries), events.ConversationOpened("#room-0000")]) as stage:
        stage.press("ctrl+k")
        stage.type("1777")
        stage.press("enter")
        await stage.until(lambda: stage.state.current == "#room-1777")


async def test_members_are_sorted_by_who_is_there(tmp_path: Path) -> None:
    """Who is online stands first; a presence that changes moves its row; the count says how many are here."""
    async with on_stage(tmp_path) as stage:
        await stage.sees("Members 4 of 4 here")
        stage.happen(events.PresenceReceived((("bob", "offline", ""), ("carol", "away", ""))))  # type: ignore[arg-type]
        await stage.sees("Members 3 of 4 here")
        keys = [row.key for row in stage.chat.members.rows if row.key]
        assert keys == ["@ada", "@dave", "@carol", "@bob"]
        assert "◐ carol" in stage.text
        assert "○ bob" in stage.text


async def test_who_is_away_is_said_in_words_and_who_is_not_there_stands_below(tmp_path: Path) -> None:
    """Signs have a word beside them, so that nobody has to know them; whoever is not there is counted."""
    async with on_stage(tmp_path) as stage:
        changed = (("bob", "offline", ""), ("carol", "away", ""), ("dave", "dnd", ""))
        stage.happen(events.PresenceReceived(changed))  # type: ignore[arg-type]
        await stage.sees("Members 3 of 4 here", "offline 1")
        shown = ["".join(text for text, _ in (*row.left, *row.right)).strip() for row in stage.chat.members.rows]
        assert shown == ["Members 3 of 4 here", "● ada", "◐ carolaway", "◐ davednd", "", "offline 1", "○ bob"]


async def test_a_thousand_members_are_gone_through_and_left_alone_by_messages(tmp_path: Path) -> None:
    """Page by page every one of them is on the screen; what is said in the group makes none of their rows anew."""
    users = [f"user-{number:04}" for number in range(1_000)]
    happened = [*online(entry("#general", 0), people=users), events.ConversationOpened("#general")]
    async with on_stage(tmp_path, happened) as stage:
        await stage.sees("Members 1001/1001", "1001 members")
        rows = stage.chat.members.rows
        stage.arrive("#general", "user-0007", "hello")
        await stage.sees("hello")
        assert stage.chat.members.rows is rows
        stage.chat.members.focus()
        stage.press("home")
        seen: set[str] = set()
        for _ in range(60):
            await stage.settles()
            seen.update(name for line in stage.lines for name in users if name in line[-22:])
            stage.press("pagedown")
        assert seen == set(users)
        stage.happen(events.PresenceReceived((("user-0500", "offline", Safe("")),)))
        stage.press("home")
        await stage.sees("Members 1000/1001")


async def test_the_border_of_a_pane_moves_and_stays_moved(tmp_path: Path) -> None:
    """With the arrows, or dragged with the mouse; no further than the screen allows; the same at the next start."""
    async with on_stage(tmp_path) as stage:
        stage.chat.rooms.focus()
        stage.press(*["right"] * 5)
        await stage.until(lambda: stage.chat.rooms.outer_size.width == 27)
        stage.chat.members.focus()
        stage.press(*["left"] * 3, "right")
        await stage.until(lambda: stage.chat.members.outer_size.width == 24)
        stage.press(*["right"] * 50)
        await stage.until(lambda: stage.chat.members.outer_size.width == MIN_WIDTH)
        await stage.pilot.mouse_down(offset=(26, 5))
        await stage.pilot.hover(offset=(20, 5))
        await stage.until(lambda: stage.chat.rooms.outer_size.width == 21)
        await stage.pilot.hover(offset=(31, 5))
        await stage.until(lambda: stage.chat.rooms.outer_size.width == 32)
        await stage.pilot.mouse_up(offset=(31, 5))
        await stage.settles()
        assert stage.state.current == "#general", "letting go of the border chose a conversation"
        await stage.pilot.click("#rooms", offset=(5, 2))
        await stage.until(lambda: stage.state.current == "#ops")
        await stage.pilot.resize_terminal(70, 24)
        await stage.until(lambda: stage.chat.rooms.outer_size.width == 28, "it is wider than 40 % of the screen")
        await stage.app.windows.remember()
    async with on_stage(tmp_path) as stage:
        await stage.until(lambda: stage.chat.rooms.outer_size.width == 32)
        assert stage.chat.members.outer_size.width == MIN_WIDTH


@pytest.mark.parametrize("size", [(60, 15), (30, 8)])
async def test_a_low_screen_tells_who_is_typing_above_the_composer(size: tuple[int, int], tmp_path: Path) -> None:
    """Without a status row it stands in the composer's upper border, and gives way to what is written about."""
    async with on_stage(tmp_path, size=size) as stage:
        rows = stage.chat.transcript.rows
        stage.happen(events.TypingReceived("#general", "bob", START_MS * 2))
        await stage.sees("─ bob is typing… ─")
        stage.press("ctrl+s", "r")
        await stage.sees("Reply to bob: line 3")
        stage.press("escape")
        await stage.sees("─ bob is typing… ─")
        await stage.pilot.resize_terminal(120, 36)
        await stage.until(lambda: sum("bob is typing…" in line for line in stage.lines) == 1)
        await stage.pilot.resize_terminal(*size)
        await stage.sees("─ bob is typing… ─")
        stage.happen(events.TypingExpired(START_MS * 3))
        await stage.until(lambda: "typing" not in stage.text)
        assert stage.chat.transcript.rows == rows


async def test_losing_the_connection_makes_nobody_look_present(tmp_path: Path) -> None:
    """Without a connection nothing is known of anybody's presence."""
    async with on_stage(tmp_path) as stage:
        stage.happen(events.LinkChanged(Link("offline")))
        await stage.sees("○ bob", "○ carol")


async def test_a_group_that_ends_is_said(tmp_path: Path) -> None:
    """Whoever is not a member any more is told so at the top and cannot write."""
    async with on_stage(tmp_path) as stage:
        stage.happen(events.Synced("epoch", (entry("#ops", 2), entry("@bob"))))
        await stage.sees("you are not a member any more")
        stage.type("hello?")
        stage.press("enter")
        await stage.sees("you are not a member of #general: /join it first")
        assert stage.composer.text == "hello?"


async def test_the_first_thing_to_see_is_what_is_urgent(tmp_path: Path) -> None:
    """A client that starts without an open conversation opens the one that waits most."""
    entries = [entry("#general", 2), entry("#ops", 2, read_seq=0, unread=2, mentions=1)]
    happened = [*online(*entries), events.Arrived("#ops", (message("#ops", 1, "bob", "@ada", mentions=("ada",)),))]
    async with on_stage(tmp_path, happened) as stage:
        await stage.until(lambda: stage.state.current == "#ops")


async def test_parts_of_the_list_fold_and_tell_what_is_unread_in_them(tmp_path: Path) -> None:
    """Enter on a title folds its part; its title counts; the keys pass by titles; it is still folded the next time."""
    async with on_stage(tmp_path) as stage:
        stage.arrive("#ops", "carol", "@ada look", mentions=("ada",))
        stage.chat.rooms.focus()
        stage.press("home", "enter")
        await stage.until(lambda: "# ops" not in stage.text)
        assert any("▸Groups" in line and "@1" in line for line in stage.lines)
        stage.press("escape", "alt+down")
        await stage.until(lambda: stage.state.current == "@bob")
        await stage.app.windows.remember()
    async with on_stage(tmp_path) as stage:
        assert "# ops" not in stage.text
        stage.chat.rooms.focus()
        stage.press("home", "enter")
        await stage.sees("# ops")


async def test_panes_and_the_place_of_the_reader_come_back(tmp_path: Path) -> None:
    """What was put away stays away, and whoever had scrolled up stands there again."""
    lines = [message("#general", seq, "bob", f"line {seq}") for seq in range(1, 200)]
    happened = [
        *online(entry("#general", 199)),
        events.Arrived("#general", tuple(lines)),
        events.ConversationOpened("#general"),
    ]
    async with on_stage(tmp_path, happened, size=(120, 20)) as stage:
        stage.press("f8", "pageup", "pageup", "pageup")
        await stage.until(lambda: not stage.chat.transcript.follows)
        await stage.settles()
        rows = stage.chat.transcript.rows
        stage.press("f7")
        await stage.settles()
        await stage.app.windows.remember()
    async with on_stage(tmp_path, happened, size=(120, 20)) as stage:
        await stage.settles()
        assert stage.chat.has_class("-no-members")
        assert stage.chat.has_class("-no-rooms")
        assert [row.split("│")[-1] for row in stage.chat.transcript.rows] == [row.split("│")[-1] for row in rows]
