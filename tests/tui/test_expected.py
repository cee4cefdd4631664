"""What people expect of any chat in a terminal: docs/expectations.md names these tests, clause by clause."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from rich.style import Style
from textual.binding import Binding

from chat_client.core import events
from chat_client.core.accounts import Account, Credentials
from chat_client.core.addresses import ServerAddress
from chat_client.core.commands import COMMANDS
from chat_client.core.config import ClientConfig
from chat_client.core.parsing import Invocation, parse_line
from chat_client.core.state import Link
from chat_client.core.text import Safe
from chat_client.tui.keys import CHAT_BINDINGS, EDITING, GENERAL_BINDINGS, MESSAGE_BINDINGS
from chat_client.tui.start import Start
from chat_client.tui.widgets.rows import RowList
from tests.conftest import Shared, StartServer
from tests.support.people import People, contents, history, say
from tests.tui.stage import PASSWORD, Stage, entry, known, live, message, newcomer, on_stage, online, plain

SIZES = [(120, 36), (80, 24), (60, 15), (30, 8)]
LOOKS = {
    "dark": ClientConfig(),
    "light": ClientConfig(theme="chat-light"),
    "contrast": ClientConfig(theme="chat-contrast"),
    "ansi": ClientConfig(theme="ansi-dark"),
    "ascii": ClientConfig(ascii=True),
    "no-color": ClientConfig(),
}


def style_of(stage: Stage, text: str) -> Style:
    """How the first place on the screen looks that shows ``text``."""
    for strip in stage.app.screen._compositor.render_strips():
        for part, style, _ in strip:
            if text in part:
                return style or Style()
    raise AssertionError(f"{text!r} is not on the screen:\n{stage.text}")


# ---- Connection -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_the_banner_counts_down(size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why there is no connection, and how many seconds are left, also while something waits; then it is gone."""
    start_ms = 1_795_428_000_000
    now_ns = [start_ms * 1_000_000]
    monkeypatch.setattr("chat_client.tui.screens.chat.time.time_ns", lambda: now_ns[0])
    async with on_stage(tmp_path, size=size) as stage:
        stage.type("written meanwhile")
        stage.press("enter")
        stage.happen(events.LinkChanged(Link("offline", Safe("no way there"), retry_at_ms=start_ms + 4_000)))
        for left_s in (4, 3, 2, 1, 0):
            await stage.sees("offline: ", f"retry in {left_s} s")
            now_ns[0] += 1_000_000_000
        if size[0] >= 60:
            assert "no way there" in stage.text
        if size[0] >= 80:
            assert "queued: 1" in stage.text
        stage.happen(events.LinkChanged(Link("online", synced=True)))
        await stage.until(lambda: "retry in" not in stage.text)


async def test_what_was_missed_comes_in_order_and_once(tmp_path: Path, start_server: StartServer) -> None:
    """A server that dies and comes back, with messages of others before anybody is back."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    server = start_server("--port", str(port))
    people = People(server.address)
    guest = people.user("guest")
    group = f"#{people.group(guest)}"
    async with live(tmp_path, newcomer(server.address, people.name("you"))) as stage:
        await stage.sees("connected")
        stage.type(f"/join {group}")
        stage.press("enter")
        await stage.until(lambda: stage.state.current == group)
        say(guest, group, "before")
        await stage.sees("before")
        server.kill9()
        await stage.sees("offline:")
        stage.type("mine")
        stage.press("enter")
        await stage.sees("…│ mine")
        server.start()
        people.close()
        back = people.again(guest)
        for number in range(3):
            say(back, group, f"missed {number}")
        stage.press("ctrl+r")
        await stage.until(lambda: len(stage.contents(group)) == 5 and not stage.state.queued, "not all came")
        assert stage.contents(group) == contents(history(back, group))
        assert [text for text in stage.contents(group) if text != "mine"] == [
            "before", "missed 0", "missed 1", "missed 2",
        ]  # fmt: skip
        await stage.until(lambda: "offline" not in stage.text)
    people.close()


async def test_the_second_start_shows_what_the_first_left(
    tmp_path: Path, shared_server: Shared, people: People
) -> None:
    """The conversation that was open, its messages and who is in it, without a question."""
    guest = people.user("guest")
    group = f"#{people.group(guest)}"
    name = people.name("you")
    async with live(tmp_path, newcomer(shared_server.address, name)) as stage:
        await stage.sees("connected")
        stage.type(f"/join {group}")
        stage.press("enter")
        await stage.sees("Members 2 of 2 here")
        stage.type("until then")
        stage.press("enter")
        await stage.until(lambda: stage.contents(group) == ["until then"] and not stage.state.queued)
    async with live(tmp_path, known(shared_server.address, name)) as stage:
        await stage.sees("until then", f"Message {group}", "Members 2 of 2 here", "2 members")


async def test_what_failed_stays_and_can_be_sent_again(tmp_path: Path, shared_server: Shared, people: People) -> None:
    """A refused message keeps its text, says why, and goes out by /retry once the reason is gone."""
    later = people.name("later")
    async with live(tmp_path, newcomer(shared_server.address, people.name("you"))) as stage:
        await stage.sees("connected")
        stage.client.open(f"@{later}")
        await stage.sees(f"Message @{later}")
        stage.type("are you there yet?")
        stage.press("enter")
        await stage.sees("✗┃ are you there yet?", "✗ not sent: there is no such user · /retry or /discard")
        visitor = people.visitor()
        visitor.register(later, device="wire")
        stage.type("/retry")
        stage.press("escape", "enter")
        await stage.until(lambda: not stage.conversation(f"@{later}").timeline.pending, "it is not sent")
        await stage.until(lambda: "✗" not in stage.text)
        assert stage.contents(f"@{later}") == ["are you there yet?"]


async def test_a_chat_in_which_nobody_wrote_is_gone_the_next_time(tmp_path: Path) -> None:
    """To look at somebody leaves no trace in the list; a draft does."""
    async with on_stage(tmp_path) as stage:
        for name in ("@carol", "@dave"):
            stage.client.open(name)
            await stage.sees(f"Message {name}")
        stage.type("half")
        stage.press("alt+s")
        await stage.until(lambda: stage.conversation("@dave").draft == "half")
    async with on_stage(tmp_path, [], size=(80, 24)) as stage:
        await stage.until(lambda: "@dave" in stage.state.conversations)
        assert "@carol" not in stage.state.conversations
        assert "carol" not in "\n".join(line[:21] for line in stage.lines)


# ---- Unread ---------------------------------------------------------------------------------------------------------


async def test_what_is_opened_here_is_read_on_another_device(
    tmp_path: Path, shared_server: Shared, people: People
) -> None:
    """Badge and title go on both."""
    guest = people.user("guest")
    group = f"#{people.group(guest)}"
    name = people.name("you")
    address = ServerAddress(*shared_server.address, tls=False)
    again = Start(Account(address, name), Credentials(PASSWORD))
    async with live(tmp_path / "one", newcomer(shared_server.address, name)) as one:
        await one.sees("connected")
        one.type(f"/join {group}")
        one.press("enter")
        await one.until(lambda: one.state.current == group)
        one.type("/create #other-" + name)
        one.press("enter")
        await one.until(lambda: one.state.current == f"#other-{name}")
        async with live(tmp_path / "two", again) as two:
            await two.sees("connected")
            two.type(f"/open #other-{name}")
            two.press("enter")
            await two.until(lambda: two.state.current == f"#other-{name}")
            say(guest, group, f"@{name} look", mentions=[name])
            for stage in (one, two):
                await stage.until(lambda stage=stage: stage.conversation(group).mentions == 1)  # type: ignore[misc]
                await stage.sees("@1")
                await stage.until(lambda stage=stage: stage.app.windows.title.startswith("(1) "))  # type: ignore[misc]
            one.press("alt+a")
            await one.sees("look")
            for stage in (one, two):
                await stage.until(lambda stage=stage: "@1" not in stage.text, "the badge stays")  # type: ignore[misc]
                await stage.until(lambda stage=stage: stage.app.windows.title.startswith("chat:"))  # type: ignore[misc]


async def test_the_badge_of_a_mention_has_the_colour_of_mentions(tmp_path: Path) -> None:
    """It looks otherwise than a count."""
    async with on_stage(tmp_path) as stage:
        stage.arrive("#ops", "carol", "@ada look", mentions=("ada",))
        stage.arrive("@bob", "bob", "a", "b", "c", "d", "e", "f", "g")
        await stage.sees("@1", " 7 ")
        assert style_of(stage, "@1").color == stage.chat.looks.style("mention").color
        assert style_of(stage, "@1").color != style_of(stage, "7").color


async def test_next_unread_goes_by_mentions_and_then_by_age(tmp_path: Path) -> None:
    """Where one is named comes first, the oldest of them; then what waits longest; muted ones never."""
    names = ["#a-new", "#b-old", "#c-named-late", "#d-named-early", "#e-muted"]
    happened = [
        *online(entry("#general"), *(entry(name) for name in names)),
        events.ConversationOpened("#general"),
        events.MutedChanged("#e-muted", True),
    ]
    async with on_stage(tmp_path, happened) as stage:
        for minute, (name, mentions) in enumerate(
            [("#e-muted", ["ada"]), ("#b-old", []), ("#d-named-early", ["ada"]), ("#a-new", []),
             ("#c-named-late", ["ada"])]
        ):  # fmt: skip
            at_ms = 1_795_424_400_000 + minute * 60_000
            stage.happen(events.Arrived(name, (message(name, 1, "bob", "x", at_ms=at_ms, mentions=mentions),)))
        for expected in ("#d-named-early", "#c-named-late", "#b-old", "#a-new"):
            stage.press("alt+a")
            await stage.until(lambda expected=expected: stage.state.current == expected)  # type: ignore[misc]
            await stage.until(lambda expected=expected: not stage.conversation(expected).unread)  # type: ignore[misc]
        stage.press("alt+a")
        await stage.until(lambda: any("nothing is unread" in toast.message for toast in stage.app._notifications))
        assert (stage.state.current, stage.composer.text) == ("#a-new", "")


async def test_one_line_above_what_is_new_until_one_writes(tmp_path: Path) -> None:
    """Away for three messages: one line above the first, also after a restart; it goes when one has read and writes."""

    def lines(stage: Stage) -> list[int]:
        return [y for y, row in enumerate(stage.chat.transcript.rows) if " new ─" in row]

    async with on_stage(tmp_path) as stage:
        stage.press("alt+down")
        await stage.until(lambda: stage.state.current == "#ops")
        for number in range(3):
            stage.arrive("#general", "bob", f"news {number}")
        await stage.until(lambda: stage.conversation("#general").unread == 3)
    async with on_stage(tmp_path, []) as stage:
        await stage.until(lambda: "#general" in stage.state.conversations)
        stage.type("/open #general")
        stage.press("enter")
        await stage.sees("─ 3 new ─", "news 2")
        [row] = lines(stage)
        assert stage.chat.transcript.rows[row + 1].endswith("news 0")
        await stage.until(lambda: not stage.conversation("#general").unread)
        assert lines(stage) == [row]
        stage.type("thanks")
        stage.press("enter")
        await stage.sees("│ thanks")
        await stage.until(lambda: lines(stage) == [], "the line stays")


@pytest.mark.parametrize("size", SIZES)
async def test_what_waits_elsewhere_is_told_on_every_screen(size: tuple[int, int], tmp_path: Path) -> None:
    """In the list, in the status row, or at the top where there is neither."""
    async with on_stage(tmp_path, size=size) as stage:
        stage.arrive("#ops", "carol", "one", "two")
        await stage.until(lambda: any("2" in line.split() for line in stage.lines) or "2 unread" in stage.text)
        stage.arrive("#ops", "carol", "@ada look", mentions=("ada",))
        await stage.until(lambda: "@1" in stage.text or "1 mention in #ops" in stage.text, "the mention is not told")


# ---- Writing and commands -------------------------------------------------------------------------------------------


async def test_a_paste_is_counted_as_it_is_read(tmp_path: Path) -> None:
    """The line end behind the last line begins no other line."""
    from textual.events import Paste

    async with on_stage(tmp_path) as stage:
        stage.app.post_message(Paste("x\n" * 500))
        await stage.sees("500 lines")


async def test_an_unknown_command_is_refused_in_red(tmp_path: Path) -> None:
    """It is no message, and what was typed is still there."""
    async with on_stage(tmp_path) as stage:
        stage.type("/foo bar")
        stage.press("escape", "enter")
        await stage.sees("/foo is no command, nothing was sent")
        assert style_of(stage, "/foo is no command").color == stage.chat.looks.style("error").color
        assert stage.contents("#general") == ["line 1", "line 2", "line 3"]
        await stage.until(lambda: stage.composer.text == "/foo bar")


@pytest.mark.parametrize(
    "line",
    ["/help", "/me waves", "/join #x", "/part #x", "/msg @bob hi", "/topic words", "/nick Ada", "/search words",
     "/away lunch", "/quit"],
)  # fmt: skip
def test_the_commands_that_everybody_tries_are_there(line: str) -> None:
    """By the names that other programs have for them, in the one table of both clients."""
    parsed = parse_line(line)
    assert isinstance(parsed, Invocation)
    assert parsed.command in COMMANDS.values()


async def test_who_has_left_a_group_sees_it_where_one_writes(tmp_path: Path) -> None:
    """The composer offers no message to a group that one is no member of."""
    async with on_stage(tmp_path) as stage:
        await stage.sees("Message #general")
        stage.happen(events.Synced("epoch", (entry("#ops", 2), entry("@bob"))))
        await stage.sees("only commands here")


# ---- The screen -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("look", LOOKS)
async def test_every_look_holds_in_every_size(look: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Composer, newest line and badge are there; no row is wider than the screen; ASCII is ASCII."""
    if look == "no-color":
        monkeypatch.setenv("NO_COLOR", "1")
    async with on_stage(tmp_path, config=LOOKS[look]) as stage:
        stage.type("half a thought")
        stage.arrive("#ops", "carol", "@ada look", mentions=("ada",))
        for width, height in (*SIZES, *reversed(SIZES)):
            await stage.pilot.resize_terminal(width, height)
            await stage.sees("line 3", "half a thought")
            await stage.until(lambda: "@1" in stage.text or "1 mention" in stage.text)
            part = stage.composer
            await stage.until(lambda part=part, width=width: width - 4 <= part.region.width <= width)  # type: ignore[misc]
            assert part.region.bottom <= height
            assert max(len(line) for line in stage.lines) <= width
            assert len(stage.lines) == height
            if look == "ascii":
                assert [line for line in stage.lines if not line.isascii()] == []


@pytest.mark.parametrize("size", SIZES)
async def test_dialogs_fit_every_screen(size: tuple[int, int], tmp_path: Path) -> None:
    """A question shows its answers, the switcher and the help what they are about, whole."""
    async with on_stage(tmp_path, size=size) as stage:
        stage.press("ctrl+s", "d")
        await stage.sees("Delete this", "line 3", "Cancel")
        for button in stage.app.screen.query("Button"):
            assert stage.app.screen.region.contains_region(button.region)
            assert button.region.height == 1
        stage.press("escape", "ctrl+k")
        await stage.sees("# ops", "bob")
        stage.press("escape", "f1")
        await stage.sees("Keys", "Next unread")
        stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.chat)


@pytest.mark.parametrize("size", SIZES)
async def test_offers_never_cover_what_is_written(size: tuple[int, int], tmp_path: Path) -> None:
    """Where there is no room for all of them, they scroll."""
    async with on_stage(tmp_path, size=size) as stage:
        stage.type("/")
        await stage.until(lambda: stage.chat.popup.is_open)
        await stage.settles()
        popup = stage.chat.popup
        assert 0 < popup.region.height <= 8
        assert popup.region.bottom <= stage.chat.frame.region.y
        last = popup.completion.candidates[-1].label
        stage.press(*["down"] * (len(popup.completion.candidates) - 1))
        await stage.sees(last)
        assert stage.lines[stage.composer.region.y].strip("│ ") == "/"


@pytest.mark.parametrize("part", ["composer", "rooms", "transcript"])
async def test_help_names_every_key_that_is_bound(part: str, tmp_path: Path) -> None:
    """Whatever has the focus: each key that does something stands there with what it does, as the key map says now."""
    config = ClientConfig(keys={"chat-links": "f4"})
    async with on_stage(tmp_path, config=config) as stage:
        getattr(stage.chat, part).focus()
        await stage.settles()
        bound = [active.binding for active in stage.chat.active_bindings.values() if active.enabled]
        stage.press("f1")
        await stage.until(lambda: stage.app.screen.query("#help"))
        await stage.settles()
        rows = {
            row.key: " ".join(text for text, _ in row.left) for row in stage.app.screen.query_one("#help", RowList).rows
        }
        told = "\n".join(rows.values())
        for binding in bound:
            if binding.id or binding.action in EDITING:
                shown = stage.app.get_key_display(binding)
                what = binding.description or binding.id
                assert any(shown in row for row in rows.values()), f"{shown} ({what}) is not in the help:\n{told}"
        assert "f4" in told
        for each in (*CHAT_BINDINGS, *GENERAL_BINDINGS, *MESSAGE_BINDINGS):
            assert isinstance(each, Binding)
            assert each.description in told


@pytest.mark.parametrize("part", ["composer", "rooms", "members", "transcript"])
async def test_a_few_keys_stand_below_the_composer(part: str, tmp_path: Path) -> None:
    """At most six, and they are those of the part that has the focus."""
    async with on_stage(tmp_path, plain()) as stage:
        getattr(stage.chat, part).focus()
        await stage.settles()
        hints = [text.strip() for text, role in stage.chat.hints.row.left if role == "dim"]
        keys = [text.strip() for text, role in stage.chat.hints.row.left if role == "accent"]
        assert 0 < len(hints) == len(keys) <= 6
        assert ("reply" in hints) == (part == "transcript")
        bound = {stage.app.get_key_display(active.binding) for active in stage.chat.active_bindings.values()}
        assert set(keys) <= bound
