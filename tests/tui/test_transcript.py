"""The messages on the screen: what is new, what is old, and that nothing moves under a reader."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from rich.segment import Segment
from textual.events import MouseScrollDown, MouseScrollUp

from chat_client.core import events
from chat_client.core.config import ClientConfig
from chat_client.core.events import Event
from chat_client.core.text import Safe
from chat_protocol import packets
from tests.tui.stage import START_MS, Stage, entry, message, on_stage, online, plain

NEW = "─ {} new ─"


def long(count: int = 200, *, read_seq: int | None = None, loaded: int = 0) -> list[Event]:
    """A group with many lines, of which the last ``loaded`` are here (0: all)."""
    unread = 0 if read_seq is None else count - read_seq
    first = 1 if not loaded else count - loaded + 1
    made = tuple(message("#general", seq, "bob", f"line {seq}") for seq in range(first, count + 1))
    return [
        *online(entry("#general", count, read_seq=read_seq, unread=unread, cursor=first - 1), entry("#ops")),
        events.Arrived("#general", made),
        events.ConversationOpened("#general"),
    ]


def transcript(stage: Stage) -> list[str]:
    """The rows of the transcript."""
    return stage.chat.transcript.rows


async def test_new_lines_are_below_one_line_that_says_how_many(tmp_path: Path) -> None:
    """Who was away finds everything of the backlog, and one line above the first new one; it goes with the visit."""
    async with on_stage(tmp_path, long(20, read_seq=15)) as stage:
        await stage.sees(NEW.format(5), "line 16", "line 20")
        rows = transcript(stage)
        at = next(y for y, row in enumerate(rows) if NEW.format(5) in row)
        assert rows[at - 1].endswith("line 15")
        assert rows[at + 1].endswith("line 16")
        await stage.until(lambda: stage.conversation("#general").unread == 0, "what was shown is still unread")
        stage.press("alt+down")
        await stage.until(lambda: stage.state.current == "#ops")
        stage.press("alt+up")
        await stage.sees("line 20")
        await stage.until(lambda: not any("new ─" in row for row in transcript(stage)))


async def test_a_backlog_higher_than_the_screen_is_read_from_its_start(tmp_path: Path) -> None:
    """The line stands at the top, the chip tells how many are below, and only what was shown is read."""
    async with on_stage(tmp_path, long(200, read_seq=100), size=(100, 24)) as stage:
        await stage.sees(NEW.format(100), "line 101")
        assert "line 200" not in stage.text
        shown = sum("line" in row for row in transcript(stage)[1:])
        await stage.until(lambda: stage.conversation("#general").read_seq == 100 + shown)
        await stage.sees(f"▼ {100 - shown} new · End")
        stage.press("end")
        await stage.sees("line 200")
        await stage.until(lambda: "unread above" in stage.text, "the lines that were jumped over are not told")
        stage.press("alt+a")
        await stage.sees(f"line {101 + shown}")


async def test_nothing_is_read_while_nobody_looks(tmp_path: Path) -> None:
    """Without the focus what arrives goes below a line and stays unread until the user is back."""
    async with on_stage(tmp_path) as stage:
        stage.chat.focus_changed(False)
        stage.arrive("#general", "bob", "are you there?", "hello?")
        await stage.sees(NEW.format(2), "hello?")
        await stage.settles()
        assert stage.conversation("#general").unread == 2
        stage.chat.focus_changed(True)
        await stage.until(lambda: stage.conversation("#general").unread == 0)


async def test_whoever_scrolled_up_is_left_alone(tmp_path: Path) -> None:
    """A message that arrives moves nothing and is told by the chip; End goes there."""
    async with on_stage(tmp_path, long(100)) as stage:
        stage.press("pageup", "pageup")
        await stage.settles()
        before = transcript(stage)
        assert not stage.chat.transcript.follows
        stage.arrive("#general", "carol", "news")
        await stage.sees("▼ 1 new · End")
        assert transcript(stage)[:-1] == before[:-1]
        stage.press("end")
        await stage.sees("news")
        await stage.until(lambda: stage.conversation("#general").unread == 0)


async def test_own_words_bring_the_end_on_the_screen(tmp_path: Path) -> None:
    """Whoever sends something sees it, pending until the server has it, then as a message like any other."""
    async with on_stage(tmp_path, long(100)) as stage:
        stage.press("pageup")
        stage.type("on it")
        stage.press("enter")
        await stage.sees("…│ on it")
        pending = stage.conversation("#general").timeline.pending[0]
        sent = packets.GroupMessage(
            "#general", 101, pending.message_id, "ada", "Ada", START_MS + 101 * 60_000, content="on it", mentions=()
        )
        stage.happen(events.Arrived("#general", (sent,)))
        await stage.sees("you │ on it")
        assert "…│" not in stage.text
        stage.type("nope")
        stage.press("enter")
        await stage.sees("…│ nope")
        failed = stage.conversation("#general").timeline.pending[0].message_id
        stage.happen(events.MessageFailed("#general", failed, Safe("the group is read-only")))
        await stage.sees("✗┃ nope", "✗ not sent: the group is read-only · /retry or /discard")


async def test_a_command_leaves_the_reader_at_what_is_new(tmp_path: Path) -> None:
    """Only words of one's own bring the end on the screen."""
    async with on_stage(tmp_path, long(200, read_seq=100), size=(100, 24)) as stage:
        await stage.sees(NEW.format(100), "line 101")
        stage.type("/open #general")
        stage.press("enter")
        await stage.until(lambda: not stage.composer.text)
        await stage.settles()
        assert any(NEW.format(100) in row for row in transcript(stage))
        stage.type("/me nods")
        stage.press("enter")
        await stage.sees("…│ *nods*")


async def test_messages_of_one_author_are_one_block(tmp_path: Path) -> None:
    """A name is told once in five minutes; a new day has its line; joins and leaves in a row are one line."""
    at = START_MS + 10 * 3_600_000
    happened = [
        message("#general", 4, "bob", "a", at_ms=at),
        message("#general", 5, "bob", "b", at_ms=at + 60_000),
        message("#general", 6, "carol", "c", at_ms=at + 61_000),
        message("#general", 7, "bob", "d", at_ms=at + 62_000),
        message("#general", 8, "bob", "e", at_ms=at + 16 * 60_000),
        *(
            packets.SystemMessage("#general", 8 + number, f"s{number}", "server", "Server", at + 17 * 60_000,
                                  action=action, subject=who, content=f"{who} {action}")
            for number, (action, who) in enumerate(
                [("joined", "x"), ("joined", "y"), ("left", "x"), ("joined", "z")], start=1)
        ),
        message("#general", 13, "bob", "f", at_ms=at + 24 * 3_600_000),
    ]  # fmt: skip
    async with on_stage(tmp_path, [*plain(), events.Arrived("#general", tuple(happened))]) as stage:
        await stage.sees("Tuesday 24 November 2026")
        bodies = [row for row in transcript(stage) if "│" in row][3:]
        assert [row[6:].strip() for row in bodies] == [
            "bob │ a", "│ b", "carol │ c", "bob │ d", "bob │ e", "⇄ │ 3 joined, 1 left", "bob │ f",
        ]  # fmt: skip


async def test_times_and_days_are_those_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written late on Monday in London is Tuesday morning in Shanghai; the clock is the one that is set."""
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    late = START_MS + (14 * 60 + 30) * 60_000
    happened = [
        message("#general", 4, "bob", "early", at_ms=START_MS),
        message("#general", 5, "bob", "late", at_ms=late),
    ]
    for clock, expected in (("%H:%M", " 07:30 "), ("%I:%M %p", " 07:30 AM "), ("%Hh%M", " 07h30 ")):
        config = ClientConfig(time_format=clock)
        async with on_stage(
            tmp_path / expected.strip(), [*plain(), events.Arrived("#general", tuple(happened))], config=config
        ) as stage:
            await stage.sees("Tuesday 24 November 2026", "late")
            rows = transcript(stage)
            assert [row.strip(" ─") for row in rows if "November" in row] == [
                "Monday 23 November 2026", "Tuesday 24 November 2026",
            ]  # fmt: skip
            assert rows[-1].startswith(expected)
            assert "bob" in rows[-1], "a new day begins without a name"


async def test_five_minutes_are_a_new_block(tmp_path: Path) -> None:
    """Whoever goes on within five minutes is not named again; a message after these has its name."""
    ages = [0, 4 * 60, 4 * 60 + 299, 4 * 60 + 299 + 300]
    made = [
        message("#general", seq, "bob", f"after {age}", at_ms=START_MS + 3_600_000 + age * 1_000)
        for seq, age in enumerate(ages, start=4)
    ]
    async with on_stage(tmp_path, [*plain(), events.Arrived("#general", tuple(made))]) as stage:
        await stage.sees(f"after {ages[-1]}")
        named = ["bob" in row for row in transcript(stage)[-4:]]
        assert named == [True, False, False, True]


async def test_older_pages_are_loaded_when_they_are_near(tmp_path: Path) -> None:
    """At the top the next page is asked for; the line that was read stays on its row when it comes."""
    async with on_stage(tmp_path, long(300, loaded=60)) as stage:
        assert stage.conversation("#general").has_older
        stage.press("ctrl+home")
        await stage.until(lambda: any("line 241" in row for row in transcript(stage)))
        stage.chat.transcript.move(2)
        await stage.settles()
        before = {row: y for y, row in enumerate(transcript(stage)) if "line 25" in row}
        made = tuple(message("#general", seq, "bob", f"line {seq}") for seq in range(141, 241))
        stage.happen(events.HistoryLoaded("#general", made, 141, 240, True))
        await stage.until(lambda: len(stage.chat.transcript.feed) > 150)
        after = {row: y for y, row in enumerate(transcript(stage))}
        assert before
        assert {row: y for row, y in after.items() if row in before} == before
        stage.press("pageup")
        await stage.sees("line 235")


async def test_a_message_is_chosen_and_answered(tmp_path: Path) -> None:
    """ctrl+s chooses, arrows move, r writes an answer with a quote; escape goes back step by step."""
    async with on_stage(tmp_path) as stage:
        stage.press("ctrl+s", "up", "r")
        await stage.sees("Reply to bob: line 2 · esc cancels")
        stage.type("yes")
        stage.press("enter")
        await stage.sees("╭ bob: line 2", "… │ yes"[:1])
        assert stage.conversation("#general").timeline.pending[0].reply_to == "general-2"
        stage.press("ctrl+s")
        await stage.until(lambda: stage.chat.transcript.chosen is not None)
        stage.press("escape")
        await stage.until(lambda: stage.chat.transcript.chosen is None)
        await stage.until(lambda: stage.composer.has_focus)


@pytest.mark.parametrize(("keys", "expected"), [(["y"], "line 3"), (["up", "up", "y"], "line 1")])
async def test_a_message_is_copied(keys: list[str], expected: str, tmp_path: Path) -> None:
    """Y copies what the message says."""
    async with on_stage(tmp_path) as stage:
        stage.press("ctrl+s", *keys)
        await stage.until(lambda: stage.app.clipboard == expected)


async def test_a_selection_with_the_mouse_holds_bodies_alone(tmp_path: Path) -> None:
    """Dragging over three rows and ctrl+c copies what was said: no times, no names, no bars."""
    async with on_stage(tmp_path) as stage:
        rows = transcript(stage)
        first, last = (next(y for y, row in enumerate(rows) if row.endswith(text)) for text in ("line 1", "line 3"))
        column = rows[first].index("line 1")
        await stage.pilot.mouse_down("#transcript", offset=(column, first))
        await stage.pilot.hover("#transcript", offset=(column + 6, last))
        await stage.pilot.mouse_up("#transcript", offset=(column + 6, last))
        stage.press("ctrl+c")
        await stage.until(lambda: stage.app.clipboard == "line 1\nline 2\nline 3", stage.app.clipboard)


async def test_what_the_program_told_can_be_selected_too(tmp_path: Path) -> None:
    """A long line of its own comes out whole, without signs and on a line of its own."""
    link = "chat://chat.example.org/?invite=" + "0123456789" * 12
    async with on_stage(tmp_path) as stage:
        stage.chat.tell(link)
        await stage.sees("chat://chat.example.org")
        rows = transcript(stage)
        first = next(y for y, row in enumerate(rows) if row.endswith("line 3"))
        last = next(y for y in range(len(rows) - 1, 0, -1) if rows[y].strip())
        column = rows[first].index("line 3")
        await stage.pilot.mouse_down("#transcript", offset=(column, first))
        await stage.pilot.hover("#transcript", offset=(column + 50, last))
        await stage.pilot.mouse_up("#transcript", offset=(column + 50, last))
        stage.press("ctrl+c")
        await stage.until(lambda: stage.app.clipboard == f"line 3\n{link}", stage.app.clipboard)


async def test_a_typist_is_told_and_moves_nothing(tmp_path: Path) -> None:
    """Who is typing stands in the status row."""
    async with on_stage(tmp_path) as stage:
        before = transcript(stage)
        stage.happen(events.TypingReceived("#general", "bob", START_MS * 2))
        await stage.sees("bob is typing…")
        stage.happen(events.TypingReceived("#general", "carol", START_MS * 2))
        await stage.sees("bob and carol are typing…")
        assert transcript(stage) == before
        stage.happen(events.TypingExpired(START_MS * 3))
        await stage.until(lambda: "typing" not in stage.text)


async def test_edits_deletions_and_reactions_show(tmp_path: Path) -> None:
    """What happens to a message is seen where it stands, with signs that need no colour."""
    changed = (
        packets.Edited("#general", 4, "e4", "bob", "Bob", START_MS, target="general-1", content="better"),
        packets.Deleted("#general", 5, "e5", "bob", "Bob", START_MS, target="general-2"),
        packets.Reaction("#general", 6, "e6", "carol", "C", START_MS, target="general-3", emoji="👍", removed=False),
    )
    async with on_stage(tmp_path, [*plain(), events.Arrived("#general", changed)]) as stage:
        await stage.sees("better (edited)", "message deleted", "👍 1")
        assert "line 2" not in stage.text


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (60, 15), (30, 8)])
async def test_every_size_shows_the_newest_line_and_the_composer(size: tuple[int, int], tmp_path: Path) -> None:
    """Panes go when there is no room for them; writing is always possible, also after the size changed."""
    async with on_stage(tmp_path, size=size) as stage:
        stage.type("written")
        await stage.sees("line 3", "written")
        for other in ((120, 36), (30, 8), size):
            await stage.pilot.resize_terminal(*other)
            await stage.sees("line 3", "written")
            panes = other[0] >= 100, other[0] >= 70
            await stage.until(
                lambda panes=panes: (bool(stage.chat.members.display), bool(stage.chat.rooms.display)) == panes  # type: ignore[misc]
            )
            await stage.sees("line 3", "written")
            assert max(len(line) for line in stage.lines) <= other[0]


@pytest.mark.parametrize("size", [(60, 15), (30, 8)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_larger_screen_still_shows_the_end(size: tuple[int, int], tmp_path: Path) -> None:
    """With more above than a screen holds, a few rows of which the larger screen has room for."""
    async with on_stage(tmp_path, size=size) as stage:
        long = ("a " + "x" * 160, "你好 " * 8 + "https://example.com/?with=" + "q" * 90)
        stage.arrive("#general", "bob", "m1", "m2", "m3", *long, "one", "two", "three", "four", "five", "the last")
        await stage.sees("the last")
        await stage.settles()
        await stage.pilot.resize_terminal(80, 24)
        await stage.settles()
        await stage.sees("the last")
        assert "more below" not in stage.text


async def test_folded_joins_are_told_one_by_one_when_asked(tmp_path: Path) -> None:
    """Enter on the one line, or a click, shows who came and went."""
    happened = tuple(
        packets.SystemMessage("#general", 4 + number, f"s{number}", "server", "Server", START_MS, action=action,
                              subject=who, content=f"{who} {action}")
        for number, (action, who) in enumerate([("joined", "x"), ("left", "x"), ("joined", "y")])
    )  # fmt: skip
    async with on_stage(tmp_path, [*plain(), events.Arrived("#general", happened)]) as stage:
        await stage.sees("2 joined, 1 left")
        stage.press("ctrl+s", "enter")
        await stage.sees("x joined", "x left", "y joined")
        assert "2 joined" not in stage.text


@pytest.mark.parametrize("size", [(120, 36), (60, 15), (30, 8)])
async def test_ten_who_come_and_go_are_one_line(size: tuple[int, int], tmp_path: Path) -> None:
    """In every size; one more joins that line, and a message ends it."""
    actions = ["joined", "joined", "left", "joined", "joined", "left", "joined", "joined", "left", "joined"]
    happened = [
        packets.SystemMessage("#general", seq, f"s{seq}", "server", "Server", START_MS, action=action,
                              subject=f"x{seq}", content=f"x{seq} {action}")
        for seq, action in enumerate([*actions, "joined"], start=4)
    ]  # fmt: skip
    async with on_stage(tmp_path, [*plain(), events.Arrived("#general", tuple(happened[:10]))], size=size) as stage:
        await stage.sees("7 joined, 3 left")
        assert "⇄" in next(row for row in transcript(stage) if "7 joined" in row)
        stage.happen(events.Arrived("#general", (happened[10],)))
        await stage.sees("8 joined, 3 left")
        stage.arrive("#general", "bob", "hello all")
        await stage.sees("hello all")
        assert sum("joined" in row for row in transcript(stage)) == 1


def marked(stage: Stage) -> str:
    """The row that is pointed at."""
    return next((row for row in transcript(stage) if "→" in row), "")


async def test_from_mention_to_mention(tmp_path: Path) -> None:
    """alt+p goes to the one before, alt+n to the next one, and says when there is none."""
    made = [
        message("#general", seq, "bob", f"line {seq}", mentions=["ada"] if seq in (20, 60) else [])
        for seq in range(4, 200)
    ]
    async with on_stage(tmp_path, [*plain(), events.Arrived("#general", tuple(made))]) as stage:
        for key, expected in (("alt+p", "line 60"), ("alt+p", "line 20"), ("alt+n", "line 60")):
            stage.press(key)
            await stage.until(lambda expected=expected: marked(stage).endswith(expected))  # type: ignore[misc]
        stage.press("alt+p", "alt+p")
        await stage.until(lambda: any("nobody named you above" in toast.message for toast in stage.app._notifications))


async def test_the_wheel_scrolls_what_is_under_the_pointer(tmp_path: Path) -> None:
    """Three rows for each step, up and down again to the end."""
    async with on_stage(tmp_path, long(100)) as stage:
        last = transcript(stage)[-1]
        stage.chat.transcript.post_message(MouseScrollUp(stage.chat.transcript, 5, 5, 0, -1, 0, False, False, False))
        await stage.until(lambda: transcript(stage)[-1] != last and not stage.chat.transcript.follows)
        assert transcript(stage)[-1].endswith("line 97")
        stage.chat.transcript.post_message(MouseScrollDown(stage.chat.transcript, 5, 5, 0, 1, 0, False, False, False))
        await stage.until(lambda: transcript(stage)[-1] == last)


async def test_the_scrollbar_is_right_although_it_is_seldom_drawn(tmp_path: Path) -> None:
    """It looks at each moment as if it had been drawn anew, at the end, in the middle and at the top."""

    def drawn() -> list[list[Segment]]:
        return [list(strip) for strip in bar.render_lines(bar.size.region)]

    async with on_stage(tmp_path, long(40), size=(100, 24)) as stage:
        await stage.sees("line 40")
        bar = stage.chat.transcript.vertical_scrollbar
        looks = set()
        for key in ["", "end", "pageup", "home", "", "pagedown"] * 4:
            if key:
                stage.chat.transcript.focus()
                stage.press(key)
            else:
                stage.arrive("#general", "bob", *(f"more {number}" for number in range(9)))
            await stage.settles()
            before = drawn()
            bar.refresh()
            assert drawn() == before, key
            looks.add(str(before))
        assert len(looks) > 4, "the thumb never moved"


async def test_rows_are_drawn_anew_where_they_have_to_be(tmp_path: Path) -> None:
    """What is kept of a row is not shown when it was edited, chosen, covered, or has another theme."""
    async with on_stage(tmp_path, long(40), size=(100, 24)) as stage:
        await stage.sees("line 40")

        def drawn() -> list[list[Segment]]:
            transcript = stage.chat.transcript
            return [list(strip) for strip in transcript.render_lines(transcript.size.region)]

        plainly = drawn()
        assert all(sum(each.cell_length for each in row) == stage.chat.transcript.size.width for row in plainly)
        stage.press("ctrl+s")
        await stage.settles()
        assert [was != now for was, now in zip(plainly, drawn(), strict=True)].count(True) == 1
        stage.press("escape")
        await stage.settles()
        assert drawn() == plainly
        stage.app.theme = "chat-light"
        await stage.settles()
        assert all(was != now for was, now in zip(plainly, drawn(), strict=True))
        stage.app.theme = "chat-dark"
        await stage.settles()
        assert drawn() == plainly
