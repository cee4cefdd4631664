"""One attempt to apply a batch of writes inside a transaction: seqs, repeats, edits and erasures.

Nothing here is lasting but what the connection holds: the caller commits and then takes over what changed, or rolls
back and throws the object away.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Container
from typing import Any, Final, cast

from chat_server.store import records, rows
from chat_server.store.base import (
    AT_HEAD,
    Advance,
    Append,
    Appended,
    Audit,
    Conflict,
    DropConversation,
    DropDevice,
    DropInvitation,
    MarkRead,
    Missing,
    Outcome,
    PutConversation,
    PutDevice,
    PutInvitation,
    PutInvite,
    PutMember,
    PutUser,
    Write,
)
from chat_server.store.multirow import MOST, MultiRow
from chat_server.store.positions import Positions

ERASE_AT_ONCE: Final = 4096
"""Events of a dropped conversation that are erased within the commit; of a longer one the rest is erased in slices."""

Suspects = tuple[Container[str], Container[str]]
"""Message ids that may be known already, in two sets."""

_GONE: Final = -1

_INSERT: Final = (
    "INSERT INTO event"
    " (id, conversation, seq, kind, deleted, sender, timestamp_ms, digest, crc, message_id, target, body)"
)
# Two shapes: binding None costs as much as the rest of a row, and most events have no target.
_EVENTS: Final = MultiRow(_INSERT, "(?,?,?,?,0,?,?,?,?,?,NULL,?)")
_CHANGES: Final = MultiRow(_INSERT, "(?,?,?,?,0,?,?,?,?,?,?,?)")
_MENTIONS: Final = MultiRow("INSERT OR IGNORE INTO mention (user, conversation, seq)", "(?,?,?)")
# Sorted, so that the rows of a conversation enter their page together.
_ENTER: Final = (
    "INSERT INTO recent SELECT conversation, seq, id, kind, sender, deleted FROM event WHERE id >= ?"
    " ORDER BY conversation, seq"
)
_SELECT: Final = (
    "SELECT id, conversation, seq, kind, deleted, sender, timestamp_ms, digest, message_id, target, body FROM event"
)
_FIND: Final = f"{_SELECT} WHERE message_id = ?"
_EDITS_OF: Final = f"{_SELECT} WHERE target = ? AND kind = {records.EDITED} AND deleted = 0"

_key: Final = records.key
_checksum: Final = records.checksum
_CODES: Final = records.KIND_CODES


class Batch:
    """The state of one attempt.

    ``heads`` and ``devices`` are as committed and are not changed. A known message id that is not among
    the ``suspects`` ends the attempt with a UNIQUE violation. ``at`` is the write being applied.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        heads: dict[int, int],
        devices: Container[str],
        suspects: Suspects,
        next_id: int,
    ) -> None:
        self.at = 0
        self.heads: dict[int, int] = {}
        self.devices: dict[str, bool] = {}
        self.seen: set[str] = set()
        self.next_id = next_id
        self.has_erased = False
        self._connection = connection
        self._old_heads = heads
        self._old_devices = devices
        self._suspects = suspects
        self._first_id = next_id
        self._events: list[Any] = []
        self._changes: list[Any] = []
        self._mentions: list[int] = []
        self._positions = Positions()
        self._outcomes: list[Outcome | None] = []

    def run(self, batch: list[Write]) -> list[Outcome | None]:
        """Apply ``batch``.

        Raises:
            sqlite3.IntegrityError: a message id is known that was not suspected, or a name is taken.
            Exception: a value cannot be stored; ``at`` tells which write it was, or a later one.
        """
        outcomes = self._outcomes
        add = outcomes.append
        append = self._append
        for at, write in enumerate(batch):
            self.at = at
            if write.__class__ is Append:
                add(append(write))
            else:
                _APPLY[write.__class__](self, write)
                add(None)
        self._enter()
        self._positions.write(self._connection)
        return outcomes

    # ---- Events ----------------------------------------------------------------------------------------------------

    def _append(self, write: Append) -> Outcome:
        message_id = write.message_id
        seen = self.seen
        some, others = self._suspects
        if (message_id in seen or message_id in some or message_id in others) and (known := self._known(write)):
            return known
        conversation = write.conversation
        heads = self.heads
        head = heads.get(conversation)
        if head is None:
            head = self._old_heads.get(conversation, _GONE)
        kind = _CODES[write.kind]
        target = None
        if head < 0 or (write.target is not None and (target := self._target(write)) is None):
            # Nothing is inserted, so nothing would tell that the id is known: a deletion sent again, for one.
            return self._known(write) or Missing()
        heads[conversation] = seq = head + 1
        seen.add(message_id)
        body = b'"seq":%d,%b' % (seq, write.body)
        key = _key(message_id)
        sender, timestamp_ms, digest = write.sender, write.timestamp_ms, write.digest
        target_key = None if target is None else target[8]
        crc = _checksum(conversation, seq, kind, 0, sender, timestamp_ms, digest, key, target_key, body)
        # The body is bound as a bytearray for the reason given in records.key.
        if target_key is None:
            events = self._events
            events += (self.next_id, conversation, seq, kind, sender, timestamp_ms, digest, crc, key, bytearray(body))
            if len(events) == MOST * _EVENTS.width:
                self._events = []
                _EVENTS.full(self._connection, events)
        else:
            self._changes += (
                self.next_id, conversation, seq, kind, sender, timestamp_ms, digest, crc, key, target_key, body
            )  # fmt: skip
            self._change(write, kind, cast("tuple[Any, ...]", target))
        self.next_id += 1
        if write.mentions and kind <= records.LAST_COUNTED:
            self._mention(write.mentions, sender, conversation, seq)
        return Appended(seq, timestamp_ms, body)

    def _known(self, write: Append) -> Outcome | None:
        """What a repeat of a known message id gives, or None if it is new after all."""
        self._flush()
        row = self._connection.execute(_FIND, (_key(write.message_id),)).fetchone()
        if row is None:
            return None
        id_, conversation, seq, kind, _, sender, timestamp_ms, digest, _, _, body = row
        if self._head(conversation) < 0:  # of a dropped conversation that is not erased yet
            rows.erase_event(self._connection, id_, conversation, seq)
            return None
        if (conversation, sender, digest, kind) != (write.conversation, write.sender, write.digest, _CODES[write.kind]):
            return Conflict()
        return Appended(seq, timestamp_ms, body, True)

    def _target(self, write: Append) -> tuple[Any, ...] | None:
        """The event that ``write`` is about, or None if there is none to be changed."""
        if write.kind != "reaction" or write.target in self.seen:
            self._flush()
        target = self._connection.execute(_FIND, (_key(cast(str, write.target)),)).fetchone()
        if target is None or target[1] != write.conversation or target[4] or target[3] in records.CHANGES:
            return None
        return cast("tuple[Any, ...]", target)

    def _change(self, write: Append, kind: int, target: tuple[Any, ...]) -> None:
        """Do to ``target`` what ``write`` says."""
        if kind == records.EDITED:
            self._rewrite(target, records.revised(target[10], write), 0)
            rows.drop_mentions(self._connection, target[1], target[2])
            if target[3] <= records.LAST_COUNTED:
                self._mention(write.mentions, target[5], target[1], target[2])
        elif kind == records.DELETED:
            self.has_erased = True
            self._rewrite(target, records.erased(target[10]), 1)
            rows.drop_mentions(self._connection, target[1], target[2])
            for edit in self._connection.execute(_EDITS_OF, (target[8],)).fetchall():
                self._rewrite(edit, records.erased(edit[10]), 1)

    def _rewrite(self, row: tuple[Any, ...], body: bytes, deleted: int) -> None:
        id_, conversation, seq, kind, _, sender, timestamp_ms, digest, key, target, _ = row
        crc = _checksum(conversation, seq, kind, deleted, sender, timestamp_ms, digest, key, target, body)
        rows.rewrite_event(self._connection, id_, conversation, seq, deleted, crc, body)

    def _mention(self, users: tuple[int, ...], sender: int, conversation: int, seq: int) -> None:
        for user in users:
            if user != sender:
                self._mentions += (user, conversation, seq)

    def _flush(self) -> None:
        """Let the connection see every event that was added."""
        if self._events:
            _EVENTS.all(self._connection, self._events)
            self._events = []
        if self._changes:
            _CHANGES.all(self._connection, self._changes)
            self._changes = []
        if self._mentions:
            _MENTIONS.all(self._connection, self._mentions)
            self._mentions = []

    def _enter(self) -> None:
        """Give every event that was added its place."""
        self._flush()
        if self._first_id < self.next_id:
            self._connection.execute(_ENTER, (self._first_id,))
            self._first_id = self.next_id

    # ---- Everything else --------------------------------------------------------------------------------------------

    def _head(self, conversation: int) -> int:
        head = self.heads.get(conversation)
        return self._old_heads.get(conversation, _GONE) if head is None else head

    def _position(self, conversation: int, seq: int) -> int:
        return max(0, self._head(conversation)) if seq == AT_HEAD else seq

    def _put_user(self, write: PutUser) -> None:
        rows.put_user(self._connection, write.row)

    def _put_device(self, write: PutDevice) -> None:
        rows.put_device(self._connection, write.row)
        self.devices[write.row.id] = True

    def _drop_device(self, write: DropDevice) -> None:
        rows.drop_device(self._connection, write.device)
        self._positions.forget_device(write.device)
        self.devices[write.device] = False

    def _put_conversation(self, write: PutConversation) -> None:
        conversation = write.row.id
        if self._head(conversation) < 0:
            rows.finish_erasing(self._connection, conversation)
            self.heads[conversation] = 0
        rows.put_conversation(self._connection, write.row)

    def _drop_conversation(self, write: DropConversation) -> None:
        conversation = write.conversation
        head = self._head(conversation)
        self._enter()
        self._positions.forget_conversation(conversation)
        rows.drop_conversation(self._connection, conversation, self.next_id - 1, is_short=head <= ERASE_AT_ONCE)
        self.heads[conversation] = _GONE
        self.has_erased = True

    def _put_member(self, write: PutMember) -> None:
        row = write.row
        until = None if row.until_seq is None else self._position(row.conversation, row.until_seq)
        rows.put_member(self._connection, row, self._position(row.conversation, row.since_seq), until)

    def _put_invite(self, write: PutInvite) -> None:
        rows.put_invite(self._connection, write.row)

    def _put_invitation(self, write: PutInvitation) -> None:
        rows.put_invitation(self._connection, write.row)

    def _drop_invitation(self, write: DropInvitation) -> None:
        rows.drop_invitation(self._connection, write.conversation, write.user)

    def _mark_read(self, write: MarkRead) -> None:
        if self._head(write.conversation) >= 0:
            seq = self._position(write.conversation, write.seq)
            self._positions.mark(write.user, write.conversation, seq, write.at_ms)

    def _advance(self, write: Advance) -> None:
        is_known = self.devices.get(write.device)
        if is_known is None:
            is_known = write.device in self._old_devices
        if is_known and self._head(write.conversation) >= 0:
            seq = self._position(write.conversation, write.seq)
            self._positions.advance(write.device, write.user, write.conversation, seq, write.at_ms)

    def _audit(self, write: Audit) -> None:
        if not write.if_appended or records.is_added(self._outcomes[-1]):
            rows.add_audit(self._connection, write)


_APPLY: Final[dict[type, Callable[[Batch, Any], None]]] = {
    PutUser: Batch._put_user,
    PutDevice: Batch._put_device,
    DropDevice: Batch._drop_device,
    PutConversation: Batch._put_conversation,
    DropConversation: Batch._drop_conversation,
    PutMember: Batch._put_member,
    PutInvite: Batch._put_invite,
    PutInvitation: Batch._put_invitation,
    DropInvitation: Batch._drop_invitation,
    MarkRead: Batch._mark_read,
    Advance: Batch._advance,
    Audit: Batch._audit,
}
