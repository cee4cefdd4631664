"""A deleted message is in no file any more (reliability F12, I14)."""

from __future__ import annotations

import random
import string
from pathlib import Path

import pytest

from chat_server.store import index, upkeep
from chat_server.store.base import DropConversation
from chat_server.store.sqlite import SqliteStore, open_store
from tests.support.store import ALICE, BOB, OPS, delete, edit, post, tidy


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do what is done every few seconds at once."""
    monkeypatch.setattr(index, "PURGE_AFTER_S", 0.0)
    monkeypatch.setattr(upkeep, "_TRUNCATE_EVERY_S", 0.0)


def remains(folder: Path, *words: str) -> dict[str, list[str]]:
    """Which of ``words`` are in which files, in any case."""
    files = {entry.name: entry.read_bytes().lower() for entry in folder.iterdir()}
    return {
        word: names
        for word in words
        if (names := [name for name, content in files.items() if word.lower().encode() in content])
    }


def test_deleted_words_are_in_no_file(disk: SqliteStore, tmp_path: Path) -> None:
    """Neither in the log, nor its write-ahead log, nor the index; what was kept is kept."""
    folder = tmp_path / "data"
    disk.commit([post(f"filler {n} words", id=f"m{n}") for n in range(300)])
    disk.commit([post("Zanzibar secret", id="a", mentions=(BOB,)), post("keepsake", id="k")])
    disk.commit([edit("a", "Xylophone changed", id="e")])
    tidy(disk)
    assert {"xylophone", "keepsake"} <= set(remains(folder, "zanzibar", "xylophone", "keepsake"))
    disk.commit([delete("a", id="d")])
    tidy(disk)
    assert set(remains(folder, "zanzibar", "xylophone", "keepsake", f"user{BOB}")) == {"keepsake"}


def test_deletions_before_the_index_came_along(disk: SqliteStore, tmp_path: Path) -> None:
    """What was never indexed is not indexed later."""
    disk.commit([post("Zanzibar", id="a"), post("keepsake", id="k"), edit("a", "Xylophone", id="e")])
    disk.commit([delete("a", id="d")])
    tidy(disk)
    assert remains(tmp_path / "data", "zanzibar", "xylophone") == {}


def test_a_dropped_conversation_is_in_no_file(disk: SqliteStore, tmp_path: Path) -> None:
    """However long it was."""
    disk.commit([post(f"Zanzibar {n}", id=f"m{n}") for n in range(5000)])
    for _ in range(10):
        disk.tidy()
    disk.commit([DropConversation(OPS)])
    tidy(disk)
    assert remains(tmp_path / "data", "zanzibar") == {}


def test_an_erasure_that_a_crash_cut_off_is_done_at_the_next_start(disk: SqliteStore, tmp_path: Path) -> None:
    """What is left to do is noted with the deletion itself."""
    disk.commit([post("Zanzibar", id="a"), post("keepsake", id="k")])
    tidy(disk)
    disk.commit([delete("a", id="d")])
    disk.close()
    again = open_store(tmp_path / "data")
    again.load()
    tidy(again)
    assert remains(tmp_path / "data", "zanzibar") == {}
    again.close()


def test_no_copies_are_left_in_the_gaps_of_pages(disk: SqliteStore, tmp_path: Path) -> None:
    """Rows that grew, shrank and moved between pages before they were deleted leave nothing behind."""
    rng = random.Random(5)

    def secret(n: int) -> str:
        return f"zz{n:05}" + "".join(rng.choices(string.ascii_lowercase, k=rng.randrange(5, 900)))

    secrets: list[str] = []
    for n in range(600):
        secrets.append(secret(n))
        disk.commit([post(secrets[-1], id=f"m{n}", by=ALICE)])
        if n % 3 == 0:
            secrets.append(secret(10_000 + n))
            disk.commit([edit(f"m{rng.randrange(n + 1)}", secrets[-1], id=f"e{n}")])
    tidy(disk)
    disk.commit([delete(f"m{n}", id=f"d{n}") for n in range(600)])
    tidy(disk)
    assert remains(tmp_path / "data", *(each[:7] for each in secrets)) == {}
