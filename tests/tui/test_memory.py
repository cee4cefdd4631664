"""Of very many lines the oldest leave the memory, while nobody reads them, and come back from the cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.stage import Stage, on_stage

MANY = 1_000


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a test reaches."""
    monkeypatch.setattr("chat_client.core.client.MAX_LINES", 600)
    monkeypatch.setattr("chat_client.core.client.KEPT_LINES", 300)


async def _flood(stage: Stage, name: str, last: str) -> None:
    for first in range(0, MANY, 50):
        stage.arrive(name, "bob", *(f"flood {number}" for number in range(first, first + 49)), f"{last} {first}")
    await stage.settles()


async def test_what_was_let_go_comes_back_when_somebody_scrolls_there(tmp_path: Path) -> None:
    """At the end lines go; whoever scrolls up finds every one of them, in order."""
    async with on_stage(tmp_path) as stage:
        await _flood(stage, "#general", "end of")
        await stage.sees(f"end of {MANY - 50}")
        await stage.until(lambda: len(stage.conversation("#general").timeline) <= 600, "nothing was let go")
        assert stage.conversation("#general").has_older
        for _ in range(MANY):
            stage.press("ctrl+home")
            await stage.settles()
            if not stage.conversation("#general").has_older:
                break
        seqs = [line.seq for line in stage.conversation("#general").timeline]
        assert seqs == list(range(1, 3 + MANY + 1))


async def test_nothing_goes_while_somebody_has_scrolled_up(tmp_path: Path) -> None:
    """The reader's line stays where it is, whatever arrives."""
    async with on_stage(tmp_path) as stage:
        stage.arrive("#general", "bob", *(f"before {number}" for number in range(100)))
        await stage.sees("before 99")
        stage.press("ctrl+home")
        await stage.settles()
        rows = stage.chat.transcript.rows
        await _flood(stage, "#general", "end of")
        assert len(stage.conversation("#general").timeline) >= MANY
        assert stage.chat.transcript.rows[:5] == rows[:5]


async def test_a_conversation_that_is_not_open_lets_go(tmp_path: Path) -> None:
    """It counts what is unread all the same."""
    async with on_stage(tmp_path) as stage:
        await _flood(stage, "#ops", "end of")
        await stage.until(lambda: len(stage.conversation("#ops").timeline) <= 600, "nothing was let go")
        assert stage.conversation("#ops").unread == MANY


async def test_lines_go_although_older_ones_were_just_loaded(tmp_path: Path) -> None:
    """A page that was wanted a moment ago adds its own lines to the bound, and no more."""
    async with on_stage(tmp_path) as stage:
        await _flood(stage, "#general", "end of")
        await stage.until(lambda: len(stage.conversation("#general").timeline) <= 600, "nothing was let go")
        assert await stage.client.load_older("#general")
        await _flood(stage, "#general", "the end of")
        await stage.sees(f"the end of {MANY - 50}")
        await stage.until(lambda: len(stage.conversation("#general").timeline) <= 800, "nothing was let go")


async def test_what_a_search_hit_has_loaded_stays(tmp_path: Path) -> None:
    """A hit far above the end is shown, although loading up to it makes many lines."""
    async with on_stage(tmp_path) as stage:
        stage.arrive("#general", "bob", "the needle")
        await _flood(stage, "#general", "end of")
        await stage.until(lambda: len(stage.conversation("#general").timeline) <= 600, "nothing was let go")
        await stage.client.load_around("#general", 4)
        stage.client.let_go("#general")
        assert stage.client.state.conversations["#general"].timeline.by_seq(4) is not None
        stage.press("ctrl+f")
        stage.type("needle")
        stage.press("enter")
        await stage.sees("1 found")
        stage.press("enter")
        await stage.until(lambda: any("the needle" in row for row in stage.chat.transcript.rows))
        stage.arrive("#general", "bob", "one more")
        await stage.settles()
        assert any("the needle" in row for row in stage.chat.transcript.rows)
