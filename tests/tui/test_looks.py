"""Colours that can be read, keys that can be changed, and what a window remembers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.color import ColorType
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from chat_client.core import events
from chat_client.core.accounts import Account
from chat_client.core.addresses import ServerAddress
from chat_client.core.config import ClientConfig
from chat_client.core.profile import Profile
from chat_client.tui.drawing import Row
from chat_client.tui.looks import DARK, MIN_CONTRAST, THEMES, Looks, contrast
from chat_client.tui.memory import MAX_LINES, Memory
from chat_client.tui.widgets.rows import RowList
from tests.tui.stage import Stage, entry, message, on_stage, online

ADA = Account(ServerAddress("chat.example.org"), "ada")


OWN_AND_TEXTUALS = [*THEMES, *(theme for theme in BUILTIN_THEMES.values() if not theme.ansi)]


@pytest.mark.parametrize("theme", OWN_AND_TEXTUALS, ids=lambda theme: theme.name)
def test_names_can_be_read_and_told_apart(theme: Theme) -> None:
    """Twelve colours or more, each with enough contrast, and the same one for a user each time; one's own has none."""
    variables = theme.to_color_system().generate()
    looks = Looks.of(theme, variables)
    assert len({str(style.color) for style in looks.nicks}) >= 12
    ground = Color.parse(variables["background"])
    roles = ("text", "dim", "accent", "title", "mention", "badge", "new", "error", "warning", "success", "link")
    for style in (*looks.nicks, *(looks.style(role) for role in roles)):
        assert style.color is not None
        assert style.color.type is ColorType.TRUECOLOR
        assert contrast(Color.from_rich_color(style.color), ground) >= MIN_CONTRAST
    assert Looks.of(theme, variables).nick("ada") == looks.nick("ada")
    assert looks.style("me") not in looks.nicks


def test_a_name_has_the_same_colour_on_every_run() -> None:
    """Which colour a name has depends on nothing but the name: not on the run, and not on who else is there."""
    looks = Looks.of(DARK, DARK.to_color_system().generate())
    assert [looks.nicks.index(looks.nick(user)) for user in ("ada", "bob", "carol", "dave")] == [8, 2, 5, 12]


@pytest.mark.parametrize("theme", [DARK, BUILTIN_THEMES["ansi-light"]], ids=lambda theme: theme.name)
def test_without_colours_nothing_has_one(theme: Theme) -> None:
    """Every role and every name; one's own name, what is unread and what is chosen stand out all the same."""
    looks = Looks.of(theme, theme.to_color_system().generate(), is_mono=True)
    roles = ("text", "me", "title", "mention", "badge", "error", "warning", "link", "selected", "cursor", "chip")
    styles = [*looks.nicks, *(looks.style(role) for role in (*roles, "nick:bob"))]
    assert [style for style in styles if style.color is not None or style.bgcolor is not None] == []
    assert all(looks.style(role) != looks.style("text") for role in roles[1:] if role != "error")
    assert looks.style("me") != looks.style("nick:bob")


async def test_own_keys_work_and_are_told(tmp_path: Path) -> None:
    """A key from the settings does what the old one did, and help and hints name it."""
    config = ClientConfig(keys={"chat-switch": "f5", "message-reply": "f9"})
    async with on_stage(tmp_path, config=config) as stage:
        await stage.sees("f5 switch")
        stage.press("f5")
        await stage.sees("Enter opens")
        stage.press("escape", "ctrl+s", "f9")
        await stage.sees("Reply to bob: line 3")
        stage.press("escape", "f1")
        await stage.sees("Go to a conversation")
        assert any("f5" in line and "Go to a conversation" in line for line in stage.lines)
        rows = [row.left for row in stage.app.screen.query_one("#help").rows]  # type: ignore[attr-defined]
        assert any("f9" in left[0][0] and left[1][0] == "Reply" for left in rows if len(left) == 2)


def _help(stage: Stage) -> Sequence[Row]:
    return stage.app.screen.query_one("#help", RowList).rows


async def test_own_keys_stand_wherever_a_key_is_named(tmp_path: Path) -> None:
    """The way to the end and to what is unread, the status row, the help's titles and the empty screen."""
    config = ClientConfig(keys={"chat-end": "f9", "chat-next-unread": "f3", "chat-select": "f4", "chat-help": "f2"})
    lines = [message("#general", seq, "bob", f"line {seq}") for seq in range(1, 200)]
    unread = entry("#general", 199, read_seq=100, unread=99)
    happened = [*online(unread), events.Arrived("#general", tuple(lines)), events.ConversationOpened("#general")]
    async with on_stage(tmp_path / "one", happened, config=config) as stage:
        await stage.sees(" new · f9 ")
        stage.press("f9")
        await stage.sees("unread above · f3 ")
        stage.press("f2")
        await stage.until(lambda: stage.app.screen.query("#help"))
        titled = " While a message is chosen (f4, then up and down)"
        await stage.until(lambda: titled in [row.left[0][0] for row in _help(stage) if row.left])
    async with on_stage(tmp_path / "two", online(), config=config) as stage:
        await stage.until(lambda: "f2 helps" in str(stage.composer.placeholder))


def test_room_and_history_come_back(tmp_path: Path) -> None:
    """Each account has its own; a line sent twice is one; it is bounded; nobody else can read the file."""
    profile = Profile(tmp_path)
    memory = Memory(profile, ADA).load()
    assert (memory.room, memory.lines) == ("", [])
    memory.open("#ops")
    for number in range(MAX_LINES + 10):
        memory.wrote(f"line {number}")
        memory.wrote(f"line {number}")
    memory.save()
    other = Memory(profile, Account(ADA.address, "bob")).load()
    other.open("#dev")
    other.save()
    again = Memory(profile, ADA).load()
    assert again.room == "#ops"
    assert again.lines == [f"line {number}" for number in range(10, MAX_LINES + 10)]
    assert (tmp_path / "tui.json").stat().st_mode & 0o77 == 0


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"accounts": 1}', b"\xff", b'{"accounts":' * 9000])
def test_a_damaged_memory_is_no_memory(content: bytes, tmp_path: Path) -> None:
    """Whatever stands in the file, the window opens, and the next memory takes its place."""
    (tmp_path / "tui.json").write_bytes(content)
    (tmp_path / "tui.json").chmod(0o600)
    memory = Memory(Profile(tmp_path), ADA).load()
    assert (memory.room, memory.lines) == ("", [])
    memory.open("#ops")
    memory.save()
    assert Memory(Profile(tmp_path), ADA).load().room == "#ops"
