"""How the screen looks, as pictures that somebody has looked at. ``make snapshots`` accepts how it looks now."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pytest_textual_snapshot import SVGImageExtension  # type: ignore[import-untyped]
from syrupy.assertion import SnapshotAssertion

from chat_client.core import events
from chat_client.core.config import ClientConfig
from chat_client.core.state import Link
from chat_client.core.text import Safe
from chat_client.tui.screenshot import scene
from tests.tui.stage import Stage, live, on_stage

NOW_MS = 1_795_428_000_000


class Picture(SVGImageExtension):  # type: ignore[misc]
    """SVG files; the plugin's own class names its files for an older syrupy."""

    file_extension = "svg"


@pytest.fixture
def picture(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Pictures as SVG files, one for each test."""
    return snapshot.use_extension(Picture)


async def drawn(stage: Stage) -> str:
    """The screen as a picture, with the caret at rest."""
    await stage.settles()
    stage.composer.cursor_blink = False
    stage.app._notifications.clear()
    stage.app._refresh_notifications()
    await stage.settles()
    return stage.app.export_screenshot(title="chat-tui")


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (30, 8)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_busy_morning(size: tuple[int, int], tmp_path: Path, picture: SnapshotAssertion) -> None:
    """Everything at once, in every size."""
    async with on_stage(tmp_path, scene(), size=size) as stage:
        stage.type("On it, the report goes to @ca")
        assert await drawn(stage) == picture


@pytest.mark.parametrize("theme", ["chat-light", "chat-contrast", "ansi-dark"])
async def test_themes(theme: str, tmp_path: Path, picture: SnapshotAssertion) -> None:
    """The same in other colours."""
    async with on_stage(tmp_path, scene(), size=(100, 24), config=ClientConfig(theme=theme)) as stage:
        assert stage.app.theme == theme
        assert await drawn(stage) == picture


async def test_ascii(tmp_path: Path, picture: SnapshotAssertion) -> None:
    """With ASCII alone, what the program draws is ASCII; what others write stays as it is."""
    async with on_stage(tmp_path, scene(), size=(100, 24), config=ClientConfig(ascii=True)) as stage:
        assert await drawn(stage) == picture


async def test_offline(tmp_path: Path, picture: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch) -> None:
    """The banner tells why and what waits."""
    monkeypatch.setattr("chat_client.tui.screens.chat.time.time_ns", lambda: NOW_MS * 1_000_000)
    link = Link("offline", Safe("the server closed the connection"), "connection_lost", retry_at_ms=NOW_MS + 4_000)
    async with on_stage(tmp_path, [*scene(), events.LinkChanged(link)], size=(100, 24)) as stage:
        assert await drawn(stage) == picture


@pytest.mark.parametrize("keys", [["ctrl+k"], ["f1"], ["ctrl+s", "up", "r"]], ids=lambda keys: keys[-1])
async def test_over_the_chat(keys: list[str], tmp_path: Path, picture: SnapshotAssertion) -> None:
    """Switcher, help, and an answer that is being written."""
    async with on_stage(tmp_path, scene(), size=(100, 30)) as stage:
        stage.press(*keys)
        assert await drawn(stage) == picture


async def test_first_start(tmp_path: Path, picture: SnapshotAssertion) -> None:
    """The form."""
    from chat_client.tui.start import Start

    async with live(tmp_path, Start(), size=(80, 24)) as stage:
        await stage.sees("Welcome")
        await stage.settles()
        assert stage.app.export_screenshot(title="chat-tui") == picture


def test_the_pictures_hold_no_path_of_a_machine() -> None:
    """Accepted pictures can be shown to anybody."""
    folder = Path(__file__).parent / "__snapshots__"
    for file in folder.rglob("*.svg"):
        assert os.path.expanduser("~") not in file.read_text(encoding="utf-8"), file.name
