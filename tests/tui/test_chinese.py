"""The screen in Chinese: its words are two cells wide, so that every row and border is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len
from syrupy.assertion import SnapshotAssertion

from chat_client.core import events
from chat_client.core.config import ClientConfig
from chat_client.core.language import choose
from chat_client.tui.screenshot import scene
from chat_protocol import packets
from tests.tui.stage import START_MS, Stage, entry, on_stage, online
from tests.tui.test_snapshots import drawn, picture  # noqa: F401 - a fixture

CHINESE = ClientConfig(language="zh")
SIZES = [(120, 36), (80, 24), (60, 15), (30, 8)]
DIALOGS = {"ctrl+k": "前往", "f1": "帮助", "alt+u": "你离开之后", "ctrl+f": "搜索"}


@pytest.fixture(autouse=True)
def spoken() -> Iterator[None]:
    """As when the program starts with these settings; the next test wants English."""
    choose("zh")
    yield
    choose("en")


def rows_fit(stage: Stage, size: tuple[int, int]) -> None:
    """No row is longer than the screen, and the borders of a box stand below one another."""
    assert len(stage.lines) == size[1]
    for line in stage.lines:
        assert cell_len(line) <= size[0], line
    for corner, foot in (("╭─", "╰─"), ("─╮", "─╯")):
        tops = [cell_len(line[: line.index(corner)]) for line in stage.lines if corner in line]
        feet = [cell_len(line[: line.index(foot)]) for line in stage.lines if foot in line]
        assert sorted(tops) == sorted(feet), stage.text


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_busy_morning(size: tuple[int, int], tmp_path: Path, picture: SnapshotAssertion) -> None:  # noqa: F811
    """Everything at once, in every size."""
    async with on_stage(tmp_path, scene(), size=size, config=CHINESE) as stage:
        stage.type("好的，")
        assert await drawn(stage) == picture
        rows_fit(stage, size)


@pytest.mark.parametrize("size", [(80, 24), (30, 8)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("key", DIALOGS)
async def test_dialogs_stand_straight(key: str, size: tuple[int, int], tmp_path: Path) -> None:
    """With their titles, on every screen."""
    async with on_stage(tmp_path, scene(), size=size, config=CHINESE) as stage:
        await stage.settles()
        stage.press(key)
        await stage.sees(DIALOGS[key])
        rows_fit(stage, size)


async def test_the_language_changes_while_it_runs(tmp_path: Path) -> None:
    """When the settings say so, on the screen as it is."""
    async with on_stage(tmp_path, scene(), config=CHINESE) as stage:
        await stage.sees("群组", "成员", "已连接", "切换")
        stage.app.take_settings(ClientConfig(language="en"))
        await stage.sees("Groups", "Members", "connected", "switch")
        assert "群组" not in stage.text


async def test_what_the_server_calls_its_own_conversations_is_told_in_chinese(tmp_path: Path) -> None:
    """Its titles and its own kinds of notifications are fixed words; what a bot calls its own stays as it is."""
    name = "!notifications"
    told = [
        packets.Notification(
            conversation=name, seq=seq, message_id=f"n-{seq}", sender="server", sender_name="server",
            timestamp=START_MS + seq * 1000, kind=kind, content=f"said of {kind}",
        )
        for seq, kind in enumerate(("invited", "kicked", "role", "build"), start=1)
    ]  # fmt: skip
    happened = [
        *online(entry(name, 4, title="Notifications"), entry("!announcements", title="Announcements")),
        events.Arrived(name, tuple(told)),
        events.ConversationOpened(name),
    ]
    async with on_stage(tmp_path, happened, size=(100, 30), config=CHINESE) as stage:
        await stage.sees("!notifications  通知", "邀请 │ said of invited", "移出 │", "角色 │", "build │")
        stage.press("ctrl+k")
        await stage.sees("announcements  公告")
        assert "Notifications" not in stage.text
        stage.type("公告")
        await stage.until(lambda: "notifications  通知" not in stage.text.partition("前往")[2])
        assert "announcements  公告" in stage.text
