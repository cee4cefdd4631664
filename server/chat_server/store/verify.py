"""Checks a stored log: every event against its checksum, every conversation for holes.

SQLite's own check finds a damaged structure, but nearly no damaged text. Read-only; the server need not be stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from chat_server.store import records
from chat_server.store.connection import open_reader, translating
from chat_server.store.sqlite import DATABASE


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
    finally:
        connection.close()


def _damage(row: tuple[object, ...]) -> str | None:
    *fields, crc = row
    try:
        is_whole = records.checksum(*fields) == crc  # type: ignore[arg-type]
    except Exception as error:  # noqa: BLE001 - a flipped bit may have made anything of a value
        return f"a field is damaged ({type(error).__name__})"
    return None if is_whole else "the checksum is wrong"


def _shown(stored: object) -> str | None:
    return records.key_text(stored) if isinstance(stored, (bytes, str)) else None
