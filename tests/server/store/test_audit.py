"""The audit log is a chain: what was changed behind the store's back is found (reliability I24)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Final

import pytest

from chat_server.store import chain, migration
from chat_server.store.base import Audit, Reader, Store
from chat_server.store.errors import BadWrite
from chat_server.store.sqlite import DATABASE, SqliteStore, open_store
from chat_server.store.verify import read_audit, verify
from tests.support.store import ALICE, delete, post

LINES: Final = [Audit(1000 + n, ALICE, "kick", f"group=ops user=u{n}") for n in range(1, 7)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A closed store with six lines of audit."""
    store = open_store(tmp_path / "data")
    store.load()
    for line in LINES:
        store.commit([line])
    store.close()
    return tmp_path / "data"


def damage(folder: Path, *statements: str) -> None:
    """Change what is stored behind the store's back."""
    with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def found(folder: Path, noted: chain.Head | None = None) -> list[str]:
    """What is wrong with the audit log; ``verify`` has to say the same."""
    if noted is None:
        assert [flaw.what for flaw in verify(folder)] == read_audit(folder).flaws
    return read_audit(folder, noted).flaws


# ---- what is found -------------------------------------------------------------------------------------------------


def test_an_untouched_log_has_no_flaw(folder: Path) -> None:
    """Nor after the store was opened again and written to."""
    assert found(folder) == []
    store = open_store(folder)
    store.load()
    store.commit([Audit(2000, ALICE, "kick", "later")])
    assert found(folder) == []
    store.close()
    assert [line.detail for line in read_audit(folder).lines] == [*(line.detail for line in LINES), "later"]


@pytest.mark.parametrize(
    "change",
    [
        "detail = 'group=ops user=u9'",
        "action = 'invite'",
        "actor = actor + 1",
        "at_ms = at_ms - 1",
        "at_ms = 'soon'",
        "hash = zeroblob(32)",
        "hash = 'none'",
        "detail = x'ff'",
    ],
)
def test_a_changed_line_is_found(folder: Path, change: str) -> None:
    """Whichever field it is; the flaw names the line."""
    damage(folder, f"UPDATE audit SET {change} WHERE id = 3")
    assert "line 3 of the audit log" in found(folder)[0]


def test_a_removed_line_is_found(folder: Path) -> None:
    """At any place."""
    damage(folder, "DELETE FROM audit WHERE id = 1")
    assert found(folder) == ["line 1 of the audit log: missing"]
    damage(folder, "DELETE FROM audit WHERE id IN (3, 4)")
    assert found(folder)[1:] == ["lines 3 to 4 of the audit log: missing"]


def test_a_removed_line_is_found_where_the_others_move_up(folder: Path) -> None:
    """The number of a line is a part of it."""
    damage(
        folder, "DELETE FROM audit WHERE id = 3", *(f"UPDATE audit SET id = {n - 1} WHERE id = {n}" for n in (4, 5, 6))
    )
    assert len(found(folder)) == 4


def test_a_cut_off_end_is_found_for_ever(folder: Path) -> None:
    """Also when the log has grown again over it."""
    damage(folder, "DELETE FROM audit WHERE id > 4")
    assert found(folder) == ["lines 5 to 6 of the audit log: missing"]
    store = open_store(folder)
    store.load()
    store.commit([Audit(2000, ALICE, "kick", "later")])
    store.close()
    assert found(folder) == ["lines 5 to 6 of the audit log: missing"]


def test_a_head_that_was_taken_away_is_found_for_ever(folder: Path) -> None:
    """Cutting off the end together with what tells of it leaves a hole at the next line."""
    damage(folder, "DELETE FROM audit WHERE id > 4", "DELETE FROM meta WHERE key = 'audit_head'")
    assert found(folder) == ["the head of the audit log is missing"]
    store = open_store(folder)
    store.load()
    store.commit([Audit(2000, ALICE, "kick", "later")])
    store.close()
    assert found(folder) == ["line 5 of the audit log: missing"]


def test_a_whole_new_chain_is_found_by_a_noted_head(folder: Path) -> None:
    """Whoever owns the database can forge the chain, but not a head that somebody else has written down."""
    noted = read_audit(folder).head
    damage(folder, "DELETE FROM audit", "UPDATE meta SET value = '0:' || hex(zeroblob(32)) WHERE key = 'audit_head'")
    store = open_store(folder)
    store.load()
    store.commit([Audit(line.at_ms, line.actor, line.action, "forged") for line in LINES])
    store.close()
    assert found(folder) == []
    assert found(folder, noted) == [f"the head that was noted, {noted}, is not in the audit log"]
    assert found(folder, chain.EMPTY) == []


@pytest.mark.parametrize("text", ["", "7", "x:00", "1:zz", "1:00", "-1:" + 64 * "0"])
def test_what_is_no_head(text: str) -> None:
    """It is not mistaken for one."""
    assert chain.parse(text) is None


# ---- how it is written ---------------------------------------------------------------------------------------------


def test_a_line_that_hangs_on_an_event(store: Store, reader: Reader) -> None:
    """It is added with the event, and not for a repeat, a conflict, or what there was nothing to do to."""

    def line(name: str) -> Audit:
        return Audit(1, ALICE, "delete", name, True)

    store.commit([post("a", id="a"), line("first"), post("b", id="b"), Audit(1, ALICE, "kick", "second")])
    store.commit([post("a", id="a"), line("a repeat")])
    store.commit([post("other", id="a"), line("a conflict")])
    store.commit([delete("nothing", id="d"), line("missing")])
    store.commit([delete("a", id="e"), line("third")])
    store.commit([delete("a", id="e"), line("the deletion again")])

    assert [each.detail for each in reader.audit(None, 10)] == ["third", "second", "first"]


def test_lines_are_chained(store: Store, reader: Reader) -> None:
    """By every store in the same way, over commits and within one."""
    store.commit(list(LINES[:4]))
    store.commit(list(LINES[4:]))
    lines = reader.audit(None, 10)[::-1]
    assert list(chain.flaws(lines, chain.Head(6, lines[-1].hash))) == []
    assert len({line.hash for line in lines}) == 6


def test_a_failed_commit_leaves_no_line(store: Store, reader: Reader) -> None:
    """The action and its line are stored together or not at all."""
    with pytest.raises(BadWrite):
        store.commit([LINES[0], Audit(2**70, ALICE, "kick", "")])
    store.commit([LINES[1]])
    assert [(line.id, line.detail) for line in reader.audit(None, 10)] == [(1, LINES[1].detail)]


# ---- older stores --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 500])
def test_an_older_store_is_chained_at_its_first_start(tmp_path: Path, count: int) -> None:
    """Its lines are kept, and what comes later follows them; until then ``verify`` asks for no chain."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    step = (files("chat_server.store") / "migrations" / "0001.sql").read_text("utf-8")
    old = [(n, 1000 + n, ALICE, "admin", f"bob{n}: disabled=True") for n in range(1, count + 1)]
    with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        for statement in migration.statements(step):
            connection.execute(statement)
        connection.executemany("INSERT INTO audit VALUES (?,?,?,?,?)", old)
        connection.execute(f"PRAGMA application_id={migration.APPLICATION_ID}")
        connection.execute("PRAGMA user_version=1")
    assert list(verify(folder)) == []

    store = open_store(folder)
    store.load()
    assert found(folder) == []
    store.commit([LINES[0]])
    lines = read_audit(folder).lines
    store.close()

    assert [(each.id, each.at_ms, each.actor, each.action, each.detail) for each in lines[:-1]] == old
    assert (lines[-1].id, lines[-1].detail) == (count + 1, LINES[0].detail)
    assert found(folder) == []
    damage(folder, "UPDATE audit SET actor = 99 WHERE id = 1")
    assert len(found(folder)) == 1


def test_reading_needs_no_writer(disk: SqliteStore, tmp_path: Path) -> None:
    """The audit log is read beside the running server."""
    disk.commit([LINES[0]])
    assert [line.detail for line in read_audit(tmp_path / "data").lines] == [LINES[0].detail]
