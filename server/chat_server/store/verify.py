"""Checks a stored log: every event against its checksum, every conversation for holes, the audit log against its chain.

SQLite's own check finds a damaged structure, but nearly no damaged text. Read-only; the server need not be stopped.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from msgspec import Struct

from chat_server.store import chain, records, rows
from chat_server.store.base import AuditLine
from chat_server.store.connection import open_reader, translating
from chat_server.store.sqlite import DATABASE

_CHAINED: Final = 2
"""The schema since which the audit log is a chain."""


class Flaw(Struct, frozen=True):
    """Something that is not as it was written; ``seq`` and ``message_id`` where it is about one event."""

    conversation: int | None
    seq: int | None
    message_id: str | None
    what: str


def verify(data_dir: Path) -> Iterator[Flaw]:
    """Yield what is wrong with the store in ``data_dir``.

    Raises:
        StoreError: it cannot be read at all.
    """
    connection = open_reader(data_dir / DATABASE)
    try:
        with translating():
            connection.execute("BEGIN")  # one state, whatever is written meanwhile
            for (text,) in connection.execute("PRAGMA quick_check"):
                if text != "ok":
                    yield Flaw(None, None, None, text)
            for row in connection.execute(
                "SELECT conversation, seq, kind, deleted, sender, timestamp_ms, digest, message_id, target, body, crc"
                " FROM event WHERE conversation NOT IN (SELECT conversation FROM doomed WHERE NOT erased) ORDER BY id"
            ):
                if (reason := _damage(row)) is not None:
                    yield Flaw(row[0], row[1], _shown(row[7]), reason)
            for conversation, head, count in connection.execute(
                "SELECT conversation, max(seq), count(DISTINCT seq) FROM event"
                " WHERE conversation NOT IN (SELECT conversation FROM doomed WHERE NOT erased)"
                " GROUP BY conversation HAVING max(seq) <> count(DISTINCT seq) OR count(*) <> max(seq) OR min(seq) <> 1"
            ):
                yield Flaw(conversation, None, None, f"{count} events up to seq {head}")
            for conversation, seq in connection.execute(
                "SELECT e.conversation, e.seq FROM event e LEFT JOIN"
                " (SELECT * FROM place UNION ALL SELECT * FROM recent) p ON p.conversation = e.conversation"
                " AND p.seq = e.seq AND p.id = e.id AND p.kind = e.kind AND p.sender = e.sender"
                " AND p.deleted = e.deleted WHERE p.id IS NULL"
            ):
                yield Flaw(conversation, seq, None, "the place of the event is missing or another one")
            if connection.execute("PRAGMA user_version").fetchone()[0] >= _CHAINED:
                for what in chain.flaws(_audit_lines(connection), rows.audit_head(connection)):
                    yield Flaw(None, None, None, what)
    finally:
        connection.close()


class AuditLog(Struct, frozen=True):
    """The audit log as it stands: its lines, oldest first, who the actors are, and what is wrong with it."""

    lines: list[AuditLine]
    names: dict[int, str]
    head: chain.Head
    flaws: list[str]


def read_audit(data_dir: Path, noted: chain.Head | None = None) -> AuditLog:
    """The audit log of the store in ``data_dir``, checked; ``noted`` is a head of earlier that must still be in it.

    Raises:
        StoreError: it cannot be read, or was never opened by a version that chains it.
    """
    with translating(), closing(open_reader(data_dir / DATABASE)) as connection:
        connection.execute("BEGIN")
        lines = list(_audit_lines(connection))
        flaws = list(chain.flaws(lines, rows.audit_head(connection), noted))
        names = dict(connection.execute("SELECT id, name FROM user").fetchall())
    head = chain.Head(lines[-1].id, lines[-1].hash) if lines else chain.EMPTY
    return AuditLog(lines, names, head, flaws)


def _audit_lines(connection: sqlite3.Connection) -> Iterator[AuditLine]:
    for row in connection.execute("SELECT id, at_ms, actor, action, detail, hash FROM audit ORDER BY id"):
        id_, at_ms, actor, action, detail, digest = row
        yield AuditLine(id_, at_ms, actor, action, detail, digest if isinstance(digest, bytes) else b"")


def _damage(row: tuple[object, ...]) -> str | None:
    *fields, crc = row
    try:
        is_whole = records.checksum(*fields) == crc  # type: ignore[arg-type]
    except Exception as error:  # noqa: BLE001 - a flipped bit may have made anything of a value
        return f"a field is damaged ({type(error).__name__})"
    return None if is_whole else "the checksum is wrong"


def _shown(stored: object) -> str | None:
    return records.key_text(stored) if isinstance(stored, (bytes, str)) else None
