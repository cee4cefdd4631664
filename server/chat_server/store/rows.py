"""SQL for everything that is not hot: accounts, conversations, members, invites, audit, and single events.

Every function runs within the transaction that its caller began.
"""

# ruff: noqa: S608 - the statements are put together from constants

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

from chat_server.store import chain
from chat_server.store.base import (
    Audit,
    ConversationRow,
    DeviceRow,
    InvitationRow,
    InviteRow,
    MemberRow,
    Snapshot,
    UserRow,
)

_LAST_ID: Final = "last_event_id"
_AUDIT_HEAD: Final = "audit_head"


def put_user(connection: sqlite3.Connection, row: UserRow) -> None:
    """Insert or replace by id."""
    connection.execute(
        "INSERT INTO user (id, name, display_name, password_hash, roles, created_ms, disabled) VALUES (?,?,?,?,?,?,?)"
        " ON CONFLICT (id) DO UPDATE SET name = excluded.name, display_name = excluded.display_name,"
        " password_hash = excluded.password_hash, roles = excluded.roles, created_ms = excluded.created_ms,"
        " disabled = excluded.disabled",
        (
            row.id,
            row.name,
            row.display_name,
            row.password_hash,
            msgspec.json.encode(row.roles).decode(),
            row.created_ms,
            row.disabled,
        ),
    )


def put_device(connection: sqlite3.Connection, row: DeviceRow) -> None:
    """Insert or replace by id."""
    connection.execute(
        "INSERT INTO device (id, user, name, token_hash, created_ms, last_seen_ms) VALUES (?,?,?,?,?,?)"
        " ON CONFLICT (id) DO UPDATE SET user = excluded.user, name = excluded.name, token_hash = excluded.token_hash,"
        " created_ms = excluded.created_ms, last_seen_ms = excluded.last_seen_ms",
        (row.id, row.user, row.name, row.token_hash, row.created_ms, row.last_seen_ms),
    )


def drop_device(connection: sqlite3.Connection, device: str) -> None:
    """Forget ``device`` and its cursors: a seek per conversation, for there is no index by device."""
    connection.execute(
        "DELETE FROM cursor WHERE device = ?1 AND user = (SELECT user FROM device WHERE id = ?1)"
        " AND conversation IN (SELECT id FROM conversation)",
        (device,),
    )
    connection.execute("DELETE FROM device WHERE id = ?", (device,))


def put_conversation(connection: sqlite3.Connection, row: ConversationRow) -> None:
    """Insert or replace by id."""
    connection.execute(
        "INSERT INTO conversation (id, kind, key, title, topic, visibility, history, created_ms)"
        " VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, key = excluded.key,"
        " title = excluded.title, topic = excluded.topic, visibility = excluded.visibility,"
        " history = excluded.history, created_ms = excluded.created_ms",
        (row.id, row.kind, row.key, row.title, row.topic, row.visibility, row.history, row.created_ms),
    )


def drop_conversation(connection: sqlite3.Connection, conversation: int, last_id: int, is_short: bool) -> None:
    """Erase ``conversation``; the events of one that is not short become invisible and are erased in slices.

    ``last_id`` is the newest event id in use. It is noted, for the event may vanish now, and no id may be given twice.
    """
    for table in ("member", "invitation", "read_mark", "cursor", "mention"):
        connection.execute(f"DELETE FROM {table} WHERE conversation = ?", (conversation,))
    connection.execute("DELETE FROM conversation WHERE id = ?", (conversation,))
    connection.execute(
        "INSERT OR REPLACE INTO doomed (conversation, last_id, erased) VALUES (?, ?, 0)", (conversation, last_id)
    )
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_LAST_ID, last_id))
    if is_short:
        finish_erasing(connection, conversation)


def erase_some(connection: sqlite3.Connection, conversation: int, most: int) -> bool:
    """Erase up to ``most`` events of a doomed conversation; True if none is left."""
    found = connection.execute(
        "SELECT id, seq FROM place WHERE conversation = ?1 UNION ALL SELECT id, seq FROM recent WHERE conversation = ?1"
        " LIMIT ?2",
        (conversation, most),
    ).fetchall()
    if found:
        ids = msgspec.json.encode([id_ for id_, _ in found]).decode()
        seqs = msgspec.json.encode([seq for _, seq in found]).decode()
        connection.execute("DELETE FROM event WHERE id IN (SELECT value FROM json_each(?))", (ids,))
        for table in ("place", "recent"):
            connection.execute(
                f"DELETE FROM {table} WHERE conversation = ? AND seq IN (SELECT value FROM json_each(?))",
                (conversation, seqs),
            )
    if len(found) < most:
        connection.execute("UPDATE doomed SET erased = 1 WHERE conversation = ?", (conversation,))
        return True
    return False


def finish_erasing(connection: sqlite3.Connection, conversation: int) -> None:
    """Erase all that is left of a doomed conversation; others are not touched."""
    if connection.execute("SELECT 1 FROM doomed WHERE conversation = ? AND NOT erased", (conversation,)).fetchone():
        while not erase_some(connection, conversation, 1024):
            pass


def put_member(connection: sqlite3.Connection, row: MemberRow, since_seq: int, until_seq: int | None) -> None:
    """Insert or replace by (conversation, user), with positions resolved."""
    connection.execute(
        "INSERT OR REPLACE INTO member (conversation, user, role, since_seq, until_seq, muted) VALUES (?,?,?,?,?,?)",
        (row.conversation, row.user, row.role, since_seq, until_seq, row.muted),
    )


def put_invite(connection: sqlite3.Connection, row: InviteRow) -> None:
    """Insert or replace by code_hash, or remove what is used up."""
    if row.uses_left <= 0:
        connection.execute("DELETE FROM invite WHERE code_hash = ?", (row.code_hash,))
        return
    connection.execute(
        "INSERT OR REPLACE INTO invite (code_hash, created_by, group_id, uses_left, expires_ms) VALUES (?,?,?,?,?)",
        (row.code_hash, row.created_by, row.group, row.uses_left, row.expires_ms),
    )


def put_invitation(connection: sqlite3.Connection, row: InvitationRow) -> None:
    """Insert or replace by (conversation, user)."""
    connection.execute(
        "INSERT OR REPLACE INTO invitation (conversation, user, invited_by, created_ms) VALUES (?,?,?,?)",
        (row.conversation, row.user, row.invited_by, row.created_ms),
    )


def drop_invitation(connection: sqlite3.Connection, conversation: int, user: int) -> None:
    """Remove by (conversation, user)."""
    connection.execute("DELETE FROM invitation WHERE conversation = ? AND user = ?", (conversation, user))


def add_audit(connection: sqlite3.Connection, line: Audit) -> None:
    """Add a line to the audit log, chained to the newest one."""
    head = audit_head(connection)
    if head is None:
        # Somebody took the head away: an id is left out, so that this stays to be seen for ever.
        newest = connection.execute("SELECT coalesce(max(id), 0) FROM audit").fetchone()[0]
        head = chain.Head(newest + 1, chain.EMPTY.hash)
    new = chain.following(head, line)
    connection.execute(
        "INSERT INTO audit (id, at_ms, actor, action, detail, hash) VALUES (?,?,?,?,?,?)",
        (new.id, new.at_ms, new.actor, new.action, new.detail, new.hash),
    )
    connection.execute(
        "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_AUDIT_HEAD, str(chain.Head(new.id, new.hash)))
    )


def audit_head(connection: sqlite3.Connection) -> chain.Head | None:
    """What is noted as the newest line of the audit log; None where nothing of sense is."""
    found = connection.execute("SELECT value FROM meta WHERE key = ?", (_AUDIT_HEAD,)).fetchone()
    return None if found is None else chain.parse(found[0])


def rewrite_event(
    connection: sqlite3.Connection, id_: int, conversation: int, seq: int, deleted: int, crc: int, body: bytes
) -> None:
    """Give an event another body."""
    connection.execute("UPDATE event SET deleted = ?, crc = ?, body = ? WHERE id = ?", (deleted, crc, body, id_))
    if deleted:
        for table in ("place", "recent"):
            connection.execute(
                f"UPDATE {table} SET deleted = 1 WHERE conversation = ? AND seq = ?", (conversation, seq)
            )


def erase_event(connection: sqlite3.Connection, id_: int, conversation: int, seq: int) -> None:
    """Erase one event of a doomed conversation, whose message id is free therefore."""
    connection.execute("DELETE FROM event WHERE id = ?", (id_,))
    for table in ("place", "recent"):
        connection.execute(f"DELETE FROM {table} WHERE conversation = ? AND seq = ?", (conversation, seq))


def drop_mentions(connection: sqlite3.Connection, conversation: int, seq: int) -> None:
    """Forget who is mentioned in an event."""
    connection.execute("DELETE FROM mention WHERE conversation = ? AND seq = ?", (conversation, seq))


def last_id(connection: sqlite3.Connection) -> int:
    """The last event id that was given; 0 if none was."""
    noted = connection.execute("SELECT value FROM meta WHERE key = ?", (_LAST_ID,)).fetchone()
    newest = connection.execute("SELECT max(id) FROM event").fetchone()
    return max(noted[0] if noted else 0, newest[0] or 0)


def snapshot(connection: sqlite3.Connection) -> Snapshot:
    """Everything the directory is built from."""
    select = connection.execute
    return Snapshot(
        epoch=select("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0],
        users=[
            UserRow(
                id_, name, display_name, password_hash, tuple(msgspec.json.decode(roles)), created_ms, bool(disabled)
            )
            for id_, name, display_name, password_hash, roles, created_ms, disabled in select(
                "SELECT id, name, display_name, password_hash, roles, created_ms, disabled FROM user ORDER BY id"
            )
        ],
        devices=[
            DeviceRow(*row)
            for row in select("SELECT id, user, name, token_hash, created_ms, last_seen_ms FROM device ORDER BY id")
        ],
        conversations=[
            ConversationRow(*row)
            for row in select(
                "SELECT id, kind, key, title, topic, visibility, history, created_ms FROM conversation ORDER BY id"
            )
        ],
        members=[
            MemberRow(conversation, user, role, since_seq, until_seq, bool(muted))
            for conversation, user, role, since_seq, until_seq, muted in select(
                "SELECT conversation, user, role, since_seq, until_seq, muted FROM member ORDER BY conversation, user"
            )
        ],
        invites=[
            InviteRow(*row)
            for row in select(
                "SELECT code_hash, created_by, group_id, uses_left, expires_ms FROM invite ORDER BY code_hash"
            )
        ],
        invitations=[
            InvitationRow(*row)
            for row in select(
                "SELECT conversation, user, invited_by, created_ms FROM invitation ORDER BY conversation, user"
            )
        ],
        heads=dict(
            select(
                "SELECT c.id, coalesce((SELECT max(seq) FROM recent WHERE conversation = c.id),"
                " (SELECT max(seq) FROM place WHERE conversation = c.id), 0) FROM conversation c"
            ).fetchall()
        ),
    )
