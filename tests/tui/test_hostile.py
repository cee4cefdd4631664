"""What others write is shown and never obeyed, wherever it stands."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.events import Paste

from chat_client.core import events
from chat_client.core.events import Event
from chat_client.core.state import Link, Member, Person
from chat_client.core.text import safe_line
from chat_protocol import packets
from tests.tui.stage import ME, START_MS, Stage, entry, on_stage, online

HOSTILE = [
    "\x1b]2;PWNED\x07",
    "\x1b]52;c;aGk=\x1b\\",
    "\x9b31mred",
    "[red]x[/red] [@click=app.quit]y[/] [link=file:///]z[/link]",
    "\u202eevil\u2066\u2069",
    "z\u0301\u0302\u0303" + "\u0300" * 200,
    "a\u200bb\u2060c\ufeffd",
    "\r\x08\x0b\x0c\x00",
    "\u202d\u200b\u2028\u2029\ue000\U000e0041",
    "👨\u200d👩\u200d👧\u200d👦 " * 3,
    "$(reboot) `id` ${x} %s {0} {{x}} \\[bold]",
]
EVIL = "[b]\x1b]2;PWNED\x07\u202e[/b]"


def furnish(text: str) -> list[Event]:
    """A client that hears ``text`` everywhere where others can write."""
    line = text.replace("\n", " ")
    happened = [
        *online(entry("#general", 0, title=line, topic=line), entry("#ops", 0, title=line), entry("@bob")),
        events.Welcomed(safe_line(line), "open"),
        events.LinkChanged(Link("online", safe_line(line), synced=True)),
        events.PeopleListed((Person("bob", safe_line(line), "online", safe_line(line)),)),
        events.MembersListed("#general", (Member("bob", safe_line(line), str(safe_line(line))),)),
    ]
    place = {"sender": "bob", "sender_name": line, "timestamp": START_MS}
    log = (
        packets.GroupMessage("#general", 1, "m1", content=text, mentions=(), **place),  # type: ignore[arg-type]
        packets.GroupMessage("#general", 2, "m2", content=f"@{ME} {text}", mentions=(ME,), reply_to="m1", **place),  # type: ignore[arg-type]
        packets.SystemMessage("#general", 3, "m3", action=line, subject=line, content=text, **place),  # type: ignore[arg-type]
        packets.Reaction("#general", 4, "m4", target="m1", emoji=line[:16], removed=False, **place),  # type: ignore[arg-type]
    )
    happened += [events.Arrived("#general", log), events.ConversationOpened("#general")]
    there = packets.GroupMessage("#ops", 1, "o1", content=text, mentions=(ME,), **place)  # type: ignore[arg-type]
    happened.append(events.Arrived("#ops", (there,)))
    happened.append(events.TypingReceived("#general", line, START_MS * 2))
    happened.append(events.NoticeAdded("error", safe_line(line)))
    return happened


def check(stage: Stage) -> None:
    """Nothing on the screen could act on a terminal, and the panes stand where they stand."""
    for line in stage.lines:
        assert not any(unicodedata.category(each) in ("Cc", "Co", "Cs", "Zl", "Zp") for each in line), repr(line)
        assert not set(line) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"), repr(line)
        assert cell_len(line) <= stage.app.size.width
    bars = {line.index("│") for line in stage.lines[1:-6] if "│" in line}
    assert bars == {21}, "the panes are torn"


@pytest.mark.parametrize("text", HOSTILE)
async def test_everywhere_at_once(text: str, tmp_path: Path) -> None:
    """In contents, names, titles, topics, status texts, quotes, reactions, notices, toasts and every dialog."""
    async with on_stage(tmp_path, furnish(text)) as stage:
        await stage.until(lambda: stage.chat.transcript.rows)
        await stage.settles()
        check(stage)
        for keys in (["ctrl+k"], ["f1"], ["ctrl+s", "r"], ["ctrl+s", "d"], ["ctrl+p"]):
            stage.press(*keys)
            await stage.settles()
            for line in stage.lines:
                assert not any(unicodedata.category(each) in ("Cc", "Co", "Cs") for each in line), repr(line)
            stage.press("escape", "escape")
            await stage.settles()
        assert not stage.app._exit


async def test_markup_is_text(tmp_path: Path) -> None:
    """A message in Textual's markup stands there as it was written, in a toast and in a dialog, too."""
    async with on_stage(tmp_path) as stage:
        stage.arrive("#general", "bob", "[red]x[/red] [@click=app.quit]y[/]")
        stage.arrive("@bob", "bob", "[@click=app.quit]z[/]")
        await stage.sees("[red]x[/red] [@click=app.quit]y[/]")
        await stage.until(lambda: any("[@click=app.quit]z[/]" in toast.message for toast in stage.app._notifications))
        row = next(y for y, line in enumerate(stage.lines) if "[red]x" in line)
        await stage.pilot.click(offset=(stage.lines[row].index("]y[") + 1, row))
        stage.press("ctrl+s", "d")
        await stage.sees("Delete this message", "[@click=app.quit]y[/]")
        assert not stage.app._exit


async def test_the_title_holds_plain_characters_alone(tmp_path: Path) -> None:
    """Nothing that others choose freely is ever put into an escape sequence."""
    async with on_stage(tmp_path, furnish(EVIL)) as stage:
        await stage.until(lambda: stage.app.windows.title)
        assert stage.app.windows.title.isascii()
        assert stage.app.windows.title.isprintable()
        assert "PWNED" not in stage.app.windows.title


async def test_what_the_user_pastes_is_cleaned(tmp_path: Path) -> None:
    """A paste with escape sequences neither acts on the terminal nor is sent with them."""
    async with on_stage(tmp_path) as stage:
        stage.app.post_message(Paste(EVIL))
        await stage.until(lambda: "PWNED" in stage.composer.text)
        assert "\x1b" not in stage.composer.text
        check(stage)
