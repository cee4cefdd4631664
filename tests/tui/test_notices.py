"""What is told of messages that arrive elsewhere: toasts inside the program, bells and notifications outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual import events as input_events

from chat_client.core import events
from chat_client.core.config import ClientConfig
from chat_client.core.events import Event
from chat_client.tui import windows
from chat_client.tui.windows import MAX_TOASTS, TOASTS_S, Few
from chat_protocol import packets
from tests.conftest import Shared
from tests.support.people import People, say
from tests.tui.stage import Stage, entry, known, live, newcomer, on_stage, online
from tests.tui.test_live import enter, ready


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was told to the desktop; a terminal that only exists in memory is told nothing."""
    told: list[str] = []

    def notify(_: Any, text: str) -> None:
        told.append(text)

    monkeypatch.setattr("chat_client.tui.windows.terminal.notify_desktop", notify)
    return told


@pytest.fixture(autouse=True)
def toasts_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy may look at one only when its time is over."""
    monkeypatch.setattr("chat_client.tui.app.ChatApp.NOTIFICATION_TIMEOUT", 600.0)


def toasts(stage: Stage) -> list[str]:
    """What is told inside the program, oldest first."""
    return [f"{toast.title} {toast.message}".strip() for toast in stage.app._notifications]


def many(count: int = 6) -> list[Event]:
    """``#general`` is open, and there are other groups."""
    names = ["#general", *(f"#room-{number}" for number in range(count))]
    return [*online(*(entry(name) for name in names), entry("@bob")), events.ConversationOpened("#general")]


def test_only_a_few_in_a_row_are_told() -> None:
    """Three in five seconds, then that there are more, once; after the time the next one is told again."""
    few = Few()
    assert [few.take(now / 10) for now in range(6)] == [1, 2, 3, 4, 5, 5]
    assert few.take(TOASTS_S) == 4
    assert few.take(2 * TOASTS_S) == 1
    assert few.take(2 * TOASTS_S + 1) == 2


async def test_hundreds_of_mentions_leave_the_screen_free(tmp_path: Path) -> None:
    """Whoever comes back to them is told of a few, and by which key the rest is found."""
    async with on_stage(tmp_path, many()) as stage:
        for number in range(5):
            stage.arrive(f"#room-{number}", "bob", *(f"@ada {line}" for line in range(9)), mentions=("ada",))
        await stage.until(lambda: "more came: alt+a goes there" in toasts(stage))
        await stage.settles()
        assert len(toasts(stage)) == MAX_TOASTS + 1
        assert toasts(stage)[0] == "#room-0 Bob: @ada 0"


async def test_what_is_on_the_screen_is_not_told_over_it(tmp_path: Path, rung: list[str]) -> None:
    """In the conversation that is open a mention rings while nobody looks, but lies over nothing."""
    async with on_stage(tmp_path, many()) as stage:
        stage.app.windows.look(False)
        stage.arrive("#general", "bob", "@ada here", mentions=("ada",))
        await stage.until(lambda: rung == ["mention in #general"])
        assert toasts(stage) == []
        stage.arrive("#room-1", "bob", "@ada there", mentions=("ada",))
        await stage.until(lambda: toasts(stage) == ["#room-1 Bob: @ada there"])


async def test_a_conversation_rings_once_in_a_while(
    tmp_path: Path, rung: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much comes at once; another one rings for itself, and all of them together only a few times."""
    assert windows.NOTIFY_S == 3.0
    monkeypatch.setattr("chat_client.tui.windows.NOTIFY_S", 3_600.0)
    monkeypatch.setattr("chat_client.tui.windows.TOASTS_S", 3_600.0)
    async with on_stage(tmp_path, many()) as stage:
        stage.app.windows.look(False)
        stage.arrive("#room-1", "bob", "@ada one", "@ada two", mentions=("ada",))
        stage.arrive("#room-1", "bob", "@ada three", mentions=("ada",))
        stage.arrive("@bob", "bob", "psst", "psst!")
        await stage.until(lambda: rung == ["mention in #room-1", "private in @bob"])
        for number in range(6):
            stage.arrive(f"#room-{number}", "bob", "@ada again", mentions=("ada",))
        await stage.until(lambda: stage.app.windows.title == "(9) chat: #general", "not all arrived")
        assert rung == ["mention in #room-1", "private in @bob", "mention in #room-0"]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("mentions", ["mention in #room-1", "private in @bob"]), ("none", []),
     ("all", ["mention in #room-1", "private in @bob", "broadcast in !announcements"])],
)  # fmt: skip
async def test_the_setting_says_what_rings(setting: Any, expected: list[str], tmp_path: Path, rung: list[str]) -> None:
    """Mentions and private messages, or announcements as well, or nothing; never while one looks, and not if muted."""
    happened = [*many(), events.MutedChanged("#room-2", True)]
    async with on_stage(tmp_path, happened, config=ClientConfig(notify=setting)) as stage:
        stage.arrive("#room-3", "bob", "@ada while you look", mentions=("ada",))
        await stage.until(lambda: toasts(stage) == ["#room-3 Bob: @ada while you look"])
        stage.app.windows.look(False)
        stage.arrive("#room-1", "bob", "nobody is meant")
        stage.arrive("#room-2", "bob", "@ada muted", mentions=("ada",))
        stage.arrive("#room-1", "bob", "@ada look", mentions=("ada",))
        stage.arrive("@bob", "bob", "psst")
        said = packets.Broadcast("!announcements", 1, "b1", "boss", "Boss", 1_795_424_400_000, content="all of you")
        stage.happen(events.Arrived("!announcements", (said,)))
        await stage.until(lambda: stage.conversation("!announcements").unread == 1)
        await stage.until(lambda: rung == expected, str(rung))
        await stage.settles()
        assert rung == expected


async def test_what_waits_at_the_start_is_told_once(tmp_path: Path, shared_server: Shared, people: People) -> None:
    """A start after a while away tells all of it in one toast; what comes from then on is told by itself."""
    guest = people.user("guest")
    groups = [f"#{people.group(guest)}" for _ in range(3)]
    name = people.name("you")
    async with live(tmp_path, newcomer(shared_server.address, name)) as stage:
        await ready(stage)
        for group in groups:
            await enter(stage, f"/join {group}")
            await stage.until(lambda group=group: stage.state.current == group)  # type: ignore[misc]
    for group in groups:
        say(guest, group, "nobody is meant")
        say(guest, group, f"@{name} are you there?", mentions=[name])
    say(guest, f"@{name}", "psst")
    async with live(tmp_path, known(shared_server.address, name)) as stage:
        await ready(stage)
        await stage.until(lambda: toasts(stage))
        assert toasts(stage) == ["Since you left 2 mentions, 5 unread: alt+u tells more"], "what is open is no news"
        say(guest, f"@{name}", "and now?")
        await stage.until(lambda: len(toasts(stage)) == 2)
        assert toasts(stage)[1].endswith("and now?")


async def test_in_tmux_what_arrives_elsewhere_rings_until_it_is_told_who_looks(
    tmp_path: Path, rung: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without reports of the focus only what is open counts as seen; with the first report it is known who looks."""
    monkeypatch.setenv("TMUX", "/tmp/tmux-1000/default,1,0")
    async with on_stage(tmp_path, many()) as stage:
        stage.arrive("#general", "bob", "@ada here", mentions=("ada",))
        stage.arrive("#room-1", "bob", "@ada there", mentions=("ada",))
        await stage.until(lambda: rung == ["mention in #room-1"])
        stage.app.post_message(input_events.AppFocus())
        await stage.settles()
        stage.arrive("#room-2", "bob", "@ada and there", mentions=("ada",))
        await stage.until(lambda: any("and there" in toast for toast in toasts(stage)))
        assert rung == ["mention in #room-1"]
        stage.app.post_message(input_events.AppBlur())
        await stage.until(lambda: not stage.state.focused)
        stage.arrive("#room-3", "bob", "@ada and here", mentions=("ada",))
        await stage.until(lambda: rung == ["mention in #room-1", "mention in #room-3"])
