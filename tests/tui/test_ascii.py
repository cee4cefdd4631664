"""With ASCII alone nothing that the program draws is anything else, on any of its screens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.events import Paste

from chat_client.core import events
from chat_client.core.config import ClientConfig
from chat_client.core.state import Link
from chat_client.core.text import Safe
from chat_client.tui.start import Start
from tests.tui.stage import Stage, live, message, on_stage, plain

ASCII = ClientConfig(ascii=True)


def odd(stage: Stage) -> list[str]:
    """The rows that hold anything but ASCII."""
    return [line for line in stage.lines if not line.isascii()]


def paste(stage: Stage) -> None:
    """Paste more than anybody means to."""
    stage.app.post_message(Paste("x\n" * 400))


@pytest.mark.parametrize("size", [(80, 24), (30, 8)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    ("open_it", "seen"),
    [
        (lambda stage: stage.press("ctrl+k"), "Go to"),
        (lambda stage: stage.press("f1"), "Keys"),
        (lambda stage: stage.press("ctrl+f"), "words"),
        (lambda stage: stage.press("ctrl+p"), "Add a server"),
        (lambda stage: stage.press("alt+u"), "Enter goes there"),
        (lambda stage: stage.press("ctrl+o"), "Links"),
        (lambda stage: stage.press("ctrl+s", "up", "d"), "Delete this message"),
        (lambda stage: stage.press("ctrl+s", "i"), "written"),
        (lambda stage: stage.type("/jo"), "/join"),
        (paste, "lines"),
    ],
    ids=["switcher", "help", "search", "palette", "catch up", "links", "delete", "about", "offers", "paste"],
)
async def test_every_screen_of_the_chat(
    open_it: Callable[[Stage], None], seen: str, size: tuple[int, int], tmp_path: Path
) -> None:
    """Borders, scrollbars, signs: also over a long conversation, and without a connection."""
    lines = tuple(message("#general", seq, "bob", f"https://a.example/{seq}") for seq in range(4, 60))
    link = Link("offline", Safe("the server is away"))
    happened = [*plain(), events.Arrived("#general", lines), events.LinkChanged(link)]
    async with on_stage(tmp_path, happened, size=size, config=ASCII) as stage:
        open_it(stage)
        await stage.sees(seen)
        await stage.settles()
        assert odd(stage) == []


@pytest.mark.parametrize("size", [(80, 24), (30, 8)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_first_start(size: tuple[int, int], tmp_path: Path) -> None:
    """The forms are drawn with ASCII, too."""
    async with live(tmp_path, Start(), size=size, config=ASCII) as stage:
        await stage.sees("Server")
        await stage.settles()
        assert odd(stage) == []
