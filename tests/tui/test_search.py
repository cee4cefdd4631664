"""Searching without a server: what this device holds, with all operators, into the context."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat_client.core import events
from chat_client.tui.screens.search import hit_rows
from chat_client.tui.widgets.rows import RowList
from tests.tui.stage import START_MS, message, on_stage, plain


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (60, 15), (30, 8)])
async def test_offline_search_jumps_into_the_context(size: tuple[int, int], tmp_path: Path) -> None:
    """Without a connection the cache is searched, the note says so, Enter goes to the line and marks it."""
    async with on_stage(tmp_path, size=size) as stage:
        stage.arrive("#ops", "bob", "see https://ci.example/1", "no needle", *(f"hay {number}" for number in range(60)))
        stage.press("ctrl+f")
        stage.type("NEEDLE in:#ops from:bob")
        stage.press("enter")
        await stage.sees("1 found")
        stage.press("enter")
        await stage.until(lambda: stage.chat.transcript.conversation == "#ops")
        await stage.sees("no needle")
        marked = stage.chat.transcript.feed.marked
        assert marked is not None


async def test_links_dates_and_what_is_wrong(tmp_path: Path) -> None:
    """has:link finds links, a date that is none is told in the sheet, nothing found is told."""
    async with on_stage(tmp_path) as stage:
        stage.arrive("#ops", "bob", "see https://ci.example/1", "nothing here")
        stage.press("ctrl+f")
        stage.type("has:link after:2026-11-01")
        stage.press("enter")
        await stage.sees("1 found", "ci.example/1", "only what this device holds")
        stage.press("shift+tab")
        stage.type(" before:soon")
        stage.press("enter")
        await stage.sees("soon is no date")
        stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.chat)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("disk", ["third disk", "second disk", "first disk"]),
        ("disk in:#ops", ["third disk", "first disk"]),
        ("disk from:carol", ["second disk", "first disk"]),
        ("disk before:2026-11-24", ["second disk", "first disk"]),
        ("disk after:2026-11-24", ["third disk"]),
        ("disk in:#ops from:@carol before:2026-11-24", ["first disk"]),
    ],
)
async def test_operators_narrow_what_is_found(query: str, expected: list[str], tmp_path: Path) -> None:
    """Who, where and when, alone and together; the newest first."""
    day_ms = 24 * 3_600_000
    async with on_stage(tmp_path) as stage:
        for name, seq, sender, content, age in (
            ("#ops", 3, "carol", "first disk", 0), ("#general", 4, "carol", "second disk", 60_000),
            ("#ops", 4, "bob", "third disk", day_ms),
        ):  # fmt: skip
            said = message(name, seq, sender, content, at_ms=START_MS + 3_600_000 + age)
            stage.happen(events.Arrived(name, (said,)))
        stage.press("ctrl+f")
        stage.type(query)
        stage.press("enter")
        await stage.sees(f"{len(expected)} found")
        rows = [
            "".join(text for text, _ in row.left) for row in stage.app.screen.query_one("#search-list", RowList).rows
        ]
        assert [row[row.rindex("  ") :].strip() for row in rows] == expected


async def test_what_was_looked_for_stands_out(tmp_path: Path) -> None:
    """Every place that holds a word is marked, whatever its case; hostile text stays text."""
    async with on_stage(tmp_path, plain()) as stage:
        stage.arrive("#general", "bob", "Disk [red]full[/] on the disk")
        page = await stage.client.search("disk")
        [row] = hit_rows(page.hits, ("DISK*",), 100, page.hits[0].message.timestamp_ms)
        assert [text for text, role in row.left if role == "mention"] == ["Disk", "disk"]
        assert "".join(text for text, _ in row.left).endswith("Disk [red]full[/] on the disk")
