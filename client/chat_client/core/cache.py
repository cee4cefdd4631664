"""What this device holds of the logs, so that the client starts and searches without a server.

Each function is work for :class:`Database`'s thread. Events are kept as the server sent them; they become safe text
when they are turned into lines. Of each conversation everything from ``floor`` to ``cursor`` is here but for the rows
of ``gap``.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from chat_client.core import text
from chat_client.core.query import Query
from chat_client.core.state import Conversation, Person, kind_of
from chat_client.core.text import Safe, safe_line
from chat_protocol.packets import (
    Broadcast,
    Deleted,
    Edited,
    GroupMessage,
    LogEvent,
    Notification,
    PrivateMessage,
    Reaction,
    SystemMessage,
)

__all__ = [
    "Page",
    "Saved",
    "clear_logs",
    "find",
    "load",
    "page_before",
    "put_conversations",
    "put_events",
    "put_facts",
    "put_gap",
    "put_page",
    "put_people",
    "search",
]

_decoder: Final = msgspec.json.Decoder(LogEvent)
_encode: Final = msgspec.json.Encoder().encode
_WITH_CONTENT: Final = (GroupMessage, PrivateMessage, Broadcast, Notification)


class Saved(Struct, frozen=True):
    """All that is known at the start; lines come later, page by page."""

    facts: dict[str, str]
    conversations: tuple[Conversation, ...]
    people: tuple[Person, ...]


class Page(Struct, frozen=True):
    """Some lines' events, and the range of the log that they tell all about but for the gaps."""

    events: tuple[LogEvent, ...]
    first_seq: int
    last_seq: int
    gaps: tuple[tuple[int, int, str], ...]
    reactions: tuple[LogEvent, ...]
    has_older: bool


# ---- Start ----------------------------------------------------------------------------------------------------------


def load(connection: sqlite3.Connection) -> Saved:
    """Return everything but the lines."""
    facts = dict(connection.execute("SELECT name, value FROM fact"))
    rows = connection.execute(
        "SELECT name, title, topic, role, visibility, muted, last_seq, cursor, read_seq, unread, mentions,"
        " peer_read_seq, last_timestamp, draft FROM conversation"
    )
    conversations = tuple(_conversation(row) for row in rows)
    people = tuple(
        Person(user, safe_line(name)) for user, name in connection.execute("SELECT user, display_name FROM person")
    )
    return Saved(facts, conversations, people)


def _conversation(row: tuple[str, ...]) -> Conversation:
    name, title, topic, role, visibility, *numbers, draft = row
    muted, last_seq, cursor, read_seq, unread, mentions, peer_read_seq, last_timestamp = map(int, numbers)
    return Conversation(
        name=name,
        kind=kind_of(name),
        title=safe_line(title),
        topic=safe_line(topic),
        role=role,
        visibility=visibility,
        muted=bool(muted),
        last_seq=last_seq,
        cursor=cursor,
        loaded_from=cursor + 1,
        has_older=cursor > 0,
        read_seq=read_seq,
        unread=unread,
        mentions=mentions,
        peer_read_seq=peer_read_seq,
        last_timestamp_ms=last_timestamp,
        draft=draft,
    )


# ---- Keeping --------------------------------------------------------------------------------------------------------


def put_facts(connection: sqlite3.Connection, facts: dict[str, str]) -> None:
    """Keep what is known of the account: me, display_name, server_name, epoch."""
    connection.executemany("INSERT OR REPLACE INTO fact VALUES (?, ?)", facts.items())


def put_people(connection: sqlite3.Connection, people: Iterable[Person]) -> None:
    """Keep display names."""
    rows = [(person.user, person.display_name) for person in people]
    connection.executemany("INSERT OR REPLACE INTO person VALUES (?, ?)", rows)


def put_conversations(connection: sqlite3.Connection, conversations: Iterable[Conversation]) -> None:
    """Keep where conversations stand. In one transaction with their events, so that a cursor never lies."""
    connection.executemany(
        "INSERT INTO conversation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)"
        " ON CONFLICT (name) DO UPDATE SET title = excluded.title, topic = excluded.topic, role = excluded.role,"
        " visibility = excluded.visibility, muted = excluded.muted, last_seq = excluded.last_seq,"
        " cursor = excluded.cursor, read_seq = excluded.read_seq, unread = excluded.unread,"
        " mentions = excluded.mentions, peer_read_seq = excluded.peer_read_seq,"
        " last_timestamp = excluded.last_timestamp, draft = excluded.draft,"
        " floor = CASE WHEN cursor = 0 THEN excluded.floor ELSE min(floor, excluded.floor) END",
        [
            (
                entry.name,
                entry.title,
                entry.topic,
                entry.role,
                entry.visibility,
                entry.muted,
                entry.last_seq,
                entry.cursor,
                entry.read_seq,
                entry.unread,
                entry.mentions,
                entry.peer_read_seq,
                entry.last_timestamp_ms,
                entry.draft,
                entry.loaded_from,
            )
            for entry in conversations
        ],
    )


def put_events(connection: sqlite3.Connection, events: Sequence[LogEvent]) -> None:
    """Keep events of one conversation, ascending; edits and deletions change the rows of their targets."""
    rows: list[tuple[object, ...]] = []
    for event in events:
        if isinstance(event, Edited | Deleted):
            if rows:
                _insert(connection, rows)
                rows = []
            _change_target(connection, event)
        else:
            rows.append(_row(event))
    if rows:
        _insert(connection, rows)


def _insert(connection: sqlite3.Connection, rows: list[tuple[object, ...]]) -> None:
    connection.executemany(
        "INSERT INTO event (conversation, seq, message_id, target, sender, timestamp, text, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (conversation, seq) DO UPDATE SET"
        " message_id = excluded.message_id, target = excluded.target, sender = excluded.sender,"
        " timestamp = excluded.timestamp, text = excluded.text, body = excluded.body",
        rows,
    )


def _row(event: LogEvent) -> tuple[object, ...]:
    content = getattr(event, "content", UNSET) if isinstance(event, _WITH_CONTENT) else UNSET
    return (
        event.conversation,
        event.seq,
        event.message_id,
        event.target if isinstance(event, Reaction) else None,
        event.sender,
        event.timestamp,
        content.casefold() if isinstance(content, str) else None,
        _encode(event),
    )


def _change_target(connection: sqlite3.Connection, change: Edited | Deleted) -> None:
    found = connection.execute(
        "SELECT body FROM event WHERE message_id = ? AND conversation = ?", (change.target, change.conversation)
    ).fetchone()
    if found is None:
        return
    target = _decoder.decode(found[0])
    if not isinstance(target, _WITH_CONTENT):
        return
    if isinstance(change, Deleted):
        changed = replace(target, content=UNSET, deleted=True)
    elif isinstance(change.content, str) and change.deleted is not True and target.deleted is not True:
        if isinstance(target.edited_at, int) and target.edited_at > change.timestamp:
            return
        changed = replace(target, content=change.content, edited_at=change.timestamp)
    else:
        return
    _insert(connection, [_row(changed)])


def put_gap(connection: sqlite3.Connection, conversation: str, first: int, last: int, reason: str) -> None:
    """Keep that a range is not here."""
    connection.execute("INSERT OR REPLACE INTO gap VALUES (?, ?, ?, ?)", (conversation, first, last, reason))


def put_page(
    connection: sqlite3.Connection,
    conversation: str,
    events: Sequence[LogEvent],
    first: int,
    last: int,
    has_older: bool | None,
) -> None:
    """Keep a page of history that tells all from ``first`` to ``last``: gaps lose that part."""
    put_events(connection, events)
    overlapping = connection.execute(
        "SELECT first, last, reason FROM gap WHERE conversation = ? AND first <= ? AND last >= ?",
        (conversation, last, first),
    ).fetchall()
    for low, high, reason in overlapping:
        connection.execute("DELETE FROM gap WHERE conversation = ? AND first = ?", (conversation, low))
        if low < first:
            put_gap(connection, conversation, low, first - 1, reason)
        if high > last:
            put_gap(connection, conversation, last + 1, high, reason)
    floor = connection.execute("SELECT floor FROM conversation WHERE name = ?", (conversation,)).fetchone()
    if floor is not None and last + 1 < floor[0]:
        put_gap(connection, conversation, last + 1, floor[0] - 1, "limit")
    connection.execute(
        "UPDATE conversation SET floor = min(floor, ?1), complete = CASE WHEN ?1 > floor THEN complete ELSE ?2 END"
        " WHERE name = ?3",
        (first, has_older is False, conversation),
    )


def clear_logs(connection: sqlite3.Connection) -> None:
    """Forget all logs and positions, because the server's store is another one. Drafts and the outbox stay."""
    connection.execute("DELETE FROM event")
    connection.execute("DELETE FROM gap")
    connection.execute(
        "UPDATE conversation SET last_seq = 0, cursor = 0, read_seq = 0, unread = 0, mentions = 0,"
        " peer_read_seq = 0, floor = 1, complete = 0"
    )


# ---- Reading back ---------------------------------------------------------------------------------------------------


def page_before(connection: sqlite3.Connection, conversation: str, before: int, count: int) -> Page | None:
    """Return the newest ``count`` events below ``before``; None where nothing of that is here."""
    known = connection.execute("SELECT floor, complete FROM conversation WHERE name = ?", (conversation,)).fetchone()
    if known is None or known[0] >= before:
        return None
    floor, complete = known
    rows = connection.execute(
        "SELECT body FROM event WHERE conversation = ? AND seq < ? AND seq >= ? ORDER BY seq DESC LIMIT ?",
        (conversation, before, floor, count),
    ).fetchall()
    events = tuple(_decoder.decode(body) for (body,) in reversed(rows))
    first = events[0].seq if len(rows) == count else floor
    gaps = connection.execute(
        "SELECT first, last, reason FROM gap WHERE conversation = ? AND last >= ? AND first < ? ORDER BY first",
        (conversation, first, before),
    ).fetchall()
    first = min([first, *(low for low, _, _ in gaps)])
    has_older = first > floor or (not complete and floor > 1)
    return Page(events, first, before - 1, tuple(gaps), _reactions(connection, events), has_older)


def _reactions(connection: sqlite3.Connection, events: Sequence[LogEvent]) -> tuple[LogEvent, ...]:
    """Return the reactions to these messages that stand later in the log than the page."""
    targets = [event.message_id for event in events if not isinstance(event, SystemMessage | Reaction)]
    found: list[LogEvent] = []
    for start in range(0, len(targets), 500):
        part = targets[start : start + 500]
        marks = ",".join("?" * len(part))
        query = f"SELECT body FROM event WHERE target IN ({marks}) ORDER BY seq"  # noqa: S608 - only question marks
        found += [_decoder.decode(body) for (body,) in connection.execute(query, part)]
    return tuple(found)


def search(
    connection: sqlite3.Connection,
    words: Sequence[str],
    conversation: str | None,
    sender: str | None,
    before_ms: int | None,
    limit: int,
) -> list[LogEvent]:
    """Return the newest messages that hold all of ``words`` (case does not matter), before a time if one is given."""
    return find(connection, Query(tuple(words), conversation, sender), before_ms, limit)


def find(connection: sqlite3.Connection, query: Query, before_ms: int | None, limit: int) -> list[LogEvent]:
    """Return the newest messages that fit a query; ``before_ms`` is where the page before ended."""
    conditions = ["text IS NOT NULL", *("instr(text, ?) > 0" for _ in query.words)]
    values: list[object] = [word.casefold() for word in query.words]
    if query.has_link:
        conditions.append("(instr(text, 'http://') > 0 OR instr(text, 'https://') > 0)")
    for condition, value in (
        ("conversation = ?", query.conversation),
        ("sender = ?", query.sender),
        ("timestamp < ?", before_ms),
        ("timestamp < ?", query.until_ms),
        ("timestamp >= ?", query.since_ms),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    command = f"SELECT body FROM event WHERE {' AND '.join(conditions)} ORDER BY timestamp DESC LIMIT ?"  # noqa: S608
    return [_decoder.decode(body) for (body,) in connection.execute(command, (*values, limit))]


def snippet(content: str, words: Sequence[str], width: int = 80) -> Safe:
    """Return the part of ``content`` around the first of ``words`` that it holds, in one line."""
    folded = content.casefold()
    at = min((place for word in words if (place := folded.find(word.casefold())) >= 0), default=0)
    start = max(0, at - width // 3)
    part = content[start : start + width]
    return text.safe_line(("…" if start else "") + part + ("…" if start + width < len(content) else ""))
