"""Colours that can be read, keys that can be changed, and what a window remembers."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.color import ColorType
from textual.color import Color
from textual.theme import Theme

from chat_client.core.accounts import Account
from chat_client.core.addresses import ServerAddress
from chat_client.core.config import ClientConfig
from chat_client.core.profile import Profile
from chat_client.tui.looks import DARK, LIGHT, MIN_CONTRAST, Looks, contrast
from chat_client.tui.memory import MAX_LINES, Memory
from tests.tui.stage import on_stage

ADA = Account(ServerAddress("chat.example.org"), "ada")


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_names_can_be_read_and_told_apart(theme: Theme) -> None:
    """Twelve colours or more, each with enough contrast, and the same one for a user each time."""
    variables = theme.to_color_system().generate()
    looks = Looks.of(theme, variables)
    assert len({str(style.color) for style in looks.nicks}) >= 12
    ground = Color.parse(variables["background"])
    for style in (*looks.nicks, looks.style("text"), looks.style("dim"), looks.style("error"), looks.style("mention")):
        assert style.color is not None
        assert style.color.type is ColorType.TRUECOLOR
        assert contrast(Color.from_rich_color(style.color), ground) >= MIN_CONTRAST
    assert Looks.of(theme, variables).nick("ada") == looks.nick("ada")


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
