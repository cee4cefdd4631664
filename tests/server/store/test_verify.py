"""Damage that SQLite does not see is found (reliability F9)."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from chat_server.store.sqlite import DATABASE, open_store
from chat_server.store.verify import verify
from tests.support.store import DEV, OPS, delete, edit, post, rooms


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A closed store with some of everything."""
    store = open_store(tmp_path / "data")
    store.load()
    store.commit([*rooms(), *(post(f"text {n}", id=f"m{n}") for n in range(5000)), post(id="other", to=DEV)])
    store.commit([edit("m3", "new", id="e"), delete("m4", id="d"), post(id="r", kind="reaction", target="m3")])
    store.close()
    return tmp_path / "data"


def damage(folder: Path, sql: str) -> None:
    """Change what is stored behind the store's back."""
    connection = sqlite3.connect(folder / DATABASE, isolation_level=None)
    connection.execute(sql)
    connection.close()


def test_a_whole_store_has_no_flaw(folder: Path) -> None:
    """Also while it is open and written to."""
    assert list(verify(folder)) == []
    store = open_store(folder)
    store.load()
    store.commit([post(id="more")])
    assert list(verify(folder)) == []
    store.close()


@pytest.mark.parametrize(
    "change",
    [
        "body = replace(body, 'text 7', 'text 9')",
        "sender = sender + 1",
        "timestamp_ms = timestamp_ms - 1",
        "message_id = 'm7x'",
        "target = 'm1'",
        "digest = digest + 1",
        "crc = crc + 1",
        "body = NULL || ''",
        "timestamp_ms = 'soon'",
    ],
)
def test_a_changed_field_is_found(folder: Path, change: str) -> None:
    """Whichever field it is; the flaw names the event."""
    damage(folder, f"UPDATE OR IGNORE event SET {change} WHERE seq = 8 AND conversation = {OPS}")
    flaws = list(verify(folder))
    if "NULL" in change:
        assert flaws == []  # refused by the schema
        return
    assert {(flaw.conversation, flaw.seq) for flaw in flaws} == {(OPS, 8)}
    assert flaws[0].message_id == ("m7x" if "m7x" in change else "m7")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (f"DELETE FROM event WHERE conversation = {OPS} AND seq = 5", "5002 events up to seq 5003"),
        (f"DELETE FROM place WHERE conversation = {OPS} AND seq = 5", "place"),
        (f"UPDATE place SET sender = 99 WHERE conversation = {OPS} AND seq = 5", "place"),
        (f"UPDATE recent SET deleted = 1 WHERE conversation = {OPS} AND seq = 5002", "place"),
    ],
)
def test_holes_and_wrong_places_are_found(folder: Path, change: str, what: str) -> None:
    """A log has no hole, and the tables that lead to its events agree with them."""
    damage(folder, change)
    flaws = list(verify(folder))
    assert len(flaws) == 1
    assert what in flaws[0].what


def test_flipped_bits_are_found(folder: Path) -> None:
    """Every bit of the stored text that flips is a flaw, or SQLite cannot read the file."""
    path = folder / DATABASE
    whole = path.read_bytes()
    places = [at for n in range(0, 4000, 400) if (at := whole.find(f'"content":"text {n}"'.encode())) >= 0]
    assert len(places) == 10
    for at in places:
        path.write_bytes(whole[: at + 13] + bytes([whole[at + 13] ^ 4]) + whole[at + 14 :])
        assert [flaw.what for flaw in verify(folder)] == ["the checksum is wrong"]
