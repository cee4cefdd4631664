"""Search lines and their operators; the same search with and without a server (protocol.md 6, search)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat_client.core import cache
from chat_client.core.database import Database
from chat_client.core.errors import RequestError
from chat_client.core.query import Query, parse_query
from chat_protocol import packets

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOW_MS = int(time.mktime((2026, 11, 23, 12, 0, 0, 0, 0, -1))) * 1000


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A cache with four messages: three days ago with a link, yesterday, today, and one by somebody else."""
    database = Database(tmp_path / "chat.sqlite3")
    database.open()
    lines = [
        ("#ops", "bob", "the disk https://ci.example/1", NOW_MS - 3 * DAY_MS),
        ("#ops", "bob", "the disk again", NOW_MS - DAY_MS),
        ("#dev", "bob", "a disk", NOW_MS - 1),
        ("#ops", "eve", "disk", NOW_MS),
    ]
    events = [
        packets.GroupMessage(where, seq, f"m{seq}", who, who, at_ms, content=text)
        for seq, (where, who, text, at_ms) in enumerate(lines, 1)
    ]
    database.do(lambda connection: cache.put_events(connection, events)).result()
    yield database
    database.close()


def test_operators_and_words() -> None:
    """Operators narrow, phrases are one word, what is no operator is a word."""
    assert parse_query('in:ops From:@Bob "disk full" now', NOW_MS) == Query(("disk full", "now"), "#ops", "bob")
    assert parse_query("in:@carol x", NOW_MS).conversation == "@carol"
    assert parse_query("http://a.example note:x in:", NOW_MS).words == ("http://a.example", "note:x", "in:")
    assert parse_query("has:link", NOW_MS).text == "http*"
    assert parse_query('in:#ops "disk full" a', NOW_MS).text == '"disk full" a'


@pytest.mark.parametrize(
    ("written", "ago_ms"),
    [("7d", 7 * DAY_MS), ("36h", 36 * HOUR_MS), ("2w", 14 * DAY_MS), ("today", 12 * HOUR_MS),
     ("yesterday", 36 * HOUR_MS), ("2026-11-23", 12 * HOUR_MS), ("22.11.2026", 36 * HOUR_MS)],
)  # fmt: skip
def test_dates(written: str, ago_ms: int) -> None:
    """A date is where its day begins here, or so long ago."""
    assert parse_query(f"x after:{written}", NOW_MS).since_ms == NOW_MS - ago_ms
    assert parse_query(f"x before:{written}", NOW_MS).until_ms == NOW_MS - ago_ms


@pytest.mark.parametrize("text", ["before:soon x", "after:2026-13-01", '""', " "])
def test_what_cannot_be_searched_is_refused(text: str) -> None:
    """A date that is none, and nothing at all, are told and not searched for."""
    with pytest.raises(RequestError, match=r"is no date|nothing to search"):
        parse_query(text, NOW_MS)


@pytest.mark.parametrize(
    ("text", "seqs"),
    [("disk", [4, 3, 2, 1]), ("disk in:ops from:bob", [2, 1]), ("disk after:2d", [4, 3, 2]),
     ("disk before:today", [2, 1]), ("disk after:2026-11-22 before:2026-11-23", [2]), ("has:link", [1]),
     ("from:eve", [4]), ('"the disk"', [2, 1])],
)  # fmt: skip
def test_every_operator_works_on_this_device(text: str, seqs: list[int], database: Database) -> None:
    """Without a server the cache answers, with all operators."""
    query = parse_query(text, NOW_MS)
    found = database.do(lambda connection: cache.find(connection, query, None, 10)).result()
    assert [event.seq for event in found] == seqs
    assert all(query.fits(event.timestamp, str(getattr(event, "content", ""))) for event in found)
