"""The store in memory, for tests: the same answers as the one on disk, by the simplest means.

Nothing is indexed and nothing survives. One lock makes it safe for the threads of a server.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from threading import Lock
from typing import Any, Final

import msgspec

from chat_server.store import chain, records
from chat_server.store.base import (
    AT_HEAD,
    Advance,
    Append,
    Appended,
    Audit,
    AuditLine,
    Conflict,
    ConversationRow,
    DeviceRow,
    DiskUse,
    DropConversation,
    DropDevice,
    DropInvitation,
    Hit,
    InvitationRow,
    InviteRow,
    Located,
    MarkRead,
    MemberRow,
    Missing,
    Outcome,
    PutConversation,
    PutDevice,
    PutInvitation,
    PutInvite,
    PutMember,
    PutUser,
    Reach,
    Reader,
    Scope,
    Snapshot,
    Standing,
    StoredEvent,
    UserRow,
    Write,
)
from chat_server.store.errors import BadWrite
from chat_server.store.index import content_of
from chat_server.store.text import parse, snippet


class _Event(msgspec.Struct, frozen=True):
    """An event with its place in the order of all events; replaced where it changes."""

    id: int
    seq: int
    append: Append
    body: bytes
    deleted: bool = False
    mentions: frozenset[int] = frozenset()

    @property
    def is_counted(self) -> bool:
        return records.KIND_CODES[self.append.kind] <= records.LAST_COUNTED and not self.deleted


class _State:
    """Everything that is stored."""

    def __init__(self) -> None:
        self.epoch = secrets.token_hex(16)
        self.users: dict[int, UserRow] = {}
        self.devices: dict[str, DeviceRow] = {}
        self.conversations: dict[int, ConversationRow] = {}
        self.members: dict[tuple[int, int], MemberRow] = {}
        self.invites: dict[bytes, InviteRow] = {}
        self.invitations: dict[tuple[int, int], InvitationRow] = {}
        self.logs: dict[int, list[_Event]] = {}
        self.by_message_id: dict[str, _Event] = {}
        self.cursors: dict[tuple[int, int, str], tuple[int, int]] = {}
        self.marks: dict[tuple[int, int], tuple[int, int]] = {}
        self.audit: list[AuditLine] = []
        self.last_id = 0

    def copy(self) -> _State:
        """The same state, to be changed without changing this one."""
        other = _State()
        for name, value in vars(self).items():
            setattr(other, name, value.copy() if isinstance(value, (dict, list)) else value)
        other.logs = {conversation: log.copy() for conversation, log in self.logs.items()}
        return other

    def head(self, conversation: int) -> int:
        return len(self.logs.get(conversation, ()))

    def position(self, conversation: int, seq: int) -> int:
        return self.head(conversation) if seq == AT_HEAD else seq

    # ---- Writes ------------------------------------------------------------------------------------------------------

    def append(self, write: Append) -> Outcome:
        known = self.by_message_id.get(write.message_id)
        if known is not None:
            return _repeated(known, write)
        log = self.logs.get(write.conversation)
        if log is None:
            return Missing()
        target = None
        if write.target is not None:
            target = self.by_message_id.get(write.target)
            if (
                target is None
                or target.append.conversation != write.conversation
                or target.deleted
                or records.KIND_CODES[target.append.kind] in records.CHANGES
            ):
                return Missing()
        seq = len(log) + 1
        self.last_id += 1
        body = records.numbered(seq, write.body)
        event = _Event(self.last_id, seq, write, body, mentions=_mentioned(write, write))
        if target is not None:
            self.change(write, target)
        log.append(event)
        self.by_message_id[write.message_id] = event
        return Appended(seq, write.timestamp_ms, event.body)

    def change(self, write: Append, target: _Event) -> None:
        if write.kind == "edited":
            body, mentions = records.revised(target.body, write), _mentioned(target.append, write)
            self.replace(msgspec.structs.replace(target, body=body, mentions=mentions))
        elif write.kind == "deleted":
            edits = [
                event
                for event in self.logs[write.conversation]
                if event.append.kind == "edited" and event.append.target == write.target
            ]
            for event in (target, *edits):
                body = records.erased(event.body)
                self.replace(msgspec.structs.replace(event, body=body, deleted=True, mentions=frozenset()))

    def replace(self, event: _Event) -> None:
        self.logs[event.append.conversation][event.seq - 1] = event
        self.by_message_id[event.append.message_id] = event

    def put_user(self, write: PutUser) -> None:
        if any(row.name == write.row.name and row.id != write.row.id for row in self.users.values()):
            raise ValueError("the name is taken")
        self.users[write.row.id] = write.row

    def put_device(self, write: PutDevice) -> None:
        self.devices[write.row.id] = write.row

    def drop_device(self, write: DropDevice) -> None:
        self.devices.pop(write.device, None)
        self.cursors = {place: value for place, value in self.cursors.items() if place[2] != write.device}

    def put_conversation(self, write: PutConversation) -> None:
        row = write.row
        if any((r.kind, r.key) == (row.kind, row.key) and r.id != row.id for r in self.conversations.values()):
            raise ValueError("the key is taken")
        self.conversations[row.id] = row
        self.logs.setdefault(row.id, [])

    def drop_conversation(self, write: DropConversation) -> None:
        dropped = write.conversation
        self.conversations.pop(dropped, None)
        for event in self.logs.pop(dropped, ()):
            del self.by_message_id[event.append.message_id]
        self.members = {place: row for place, row in self.members.items() if place[0] != dropped}
        self.invitations = {place: row for place, row in self.invitations.items() if place[0] != dropped}
        self.cursors = {place: value for place, value in self.cursors.items() if place[0] != dropped}
        self.marks = {place: value for place, value in self.marks.items() if place[0] != dropped}

    def put_member(self, write: PutMember) -> None:
        row = write.row
        self.members[row.conversation, row.user] = msgspec.structs.replace(
            row,
            since_seq=self.position(row.conversation, row.since_seq),
            until_seq=None if row.until_seq is None else self.position(row.conversation, row.until_seq),
        )

    def put_invite(self, write: PutInvite) -> None:
        self.invites.pop(write.row.code_hash, None)
        if write.row.uses_left > 0:
            self.invites[write.row.code_hash] = write.row

    def put_invitation(self, write: PutInvitation) -> None:
        self.invitations[write.row.conversation, write.row.user] = write.row

    def drop_invitation(self, write: DropInvitation) -> None:
        self.invitations.pop((write.conversation, write.user), None)

    def mark_read(self, write: MarkRead) -> None:
        place = (write.conversation, write.user)
        seq = self.position(write.conversation, write.seq)
        if write.conversation in self.logs and seq > self.marks.get(place, (-1, 0))[0]:
            self.marks[place] = (seq, write.at_ms)

    def advance(self, write: Advance) -> None:
        place = (write.conversation, write.user, write.device)
        seq = self.position(write.conversation, write.seq)
        is_known = write.device in self.devices and write.conversation in self.logs
        if is_known and seq > self.cursors.get(place, (-1, 0))[0]:
            self.cursors[place] = (seq, write.at_ms)

    def add_audit(self, write: Audit) -> None:
        head = chain.Head(self.audit[-1].id, self.audit[-1].hash) if self.audit else chain.EMPTY
        self.audit.append(chain.following(head, write))


_APPLY: Final[dict[type, Callable[[_State, Any], Outcome | None]]] = {
    Append: _State.append,
    PutUser: _State.put_user,
    PutDevice: _State.put_device,
    DropDevice: _State.drop_device,
    PutConversation: _State.put_conversation,
    DropConversation: _State.drop_conversation,
    PutMember: _State.put_member,
    PutInvite: _State.put_invite,
    PutInvitation: _State.put_invitation,
    DropInvitation: _State.drop_invitation,
    MarkRead: _State.mark_read,
    Advance: _State.advance,
    Audit: _State.add_audit,
}


class MemoryStore:
    """See :class:`chat_server.store.base.Store`."""

    def __init__(self) -> None:
        self._state = _State()
        self._lock = Lock()

    def load(self) -> Snapshot:
        """See :class:`chat_server.store.base.Store`."""
        with self._lock:
            state = self._state
            return Snapshot(
                epoch=state.epoch,
                users=[row for _, row in sorted(state.users.items())],
                devices=[row for _, row in sorted(state.devices.items())],
                conversations=[row for _, row in sorted(state.conversations.items())],
                members=[row for _, row in sorted(state.members.items())],
                invites=[row for _, row in sorted(state.invites.items())],
                invitations=[row for _, row in sorted(state.invitations.items())],
                heads={conversation: len(log) for conversation, log in state.logs.items()},
            )

    def commit(self, batch: list[Write]) -> list[Outcome | None]:
        """See :class:`chat_server.store.base.Store`. Copies everything first: for small tests that is fast enough."""
        with self._lock:
            attempt = self._state.copy()
            outcomes: list[Outcome | None] = []
            for index, write in enumerate(batch):
                if (reason := records.fault(write)) is not None:
                    raise BadWrite(index, reason)
                try:
                    is_void = isinstance(write, Audit) and write.if_appended and not records.is_added(outcomes[-1])
                    outcomes.append(None if is_void else _APPLY[type(write)](attempt, write))
                except ValueError as error:
                    raise BadWrite(index, str(error)) from error
            self._state = attempt
            return outcomes

    def tidy(self) -> bool:
        """Nothing is ever left to do."""
        return False

    def disk_use(self) -> DiskUse:
        """Nothing of it."""
        return DiskUse(log_bytes=0, wal_bytes=0, index_bytes=0, free_bytes=0)

    def reader(self) -> Reader:
        """See :class:`chat_server.store.base.Store`."""
        return MemoryReader(self)

    def close(self) -> None:
        """Nothing is held."""

    @property
    def state(self) -> _State:
        """What is committed; never changed, only replaced."""
        return self._state


class MemoryReader:
    """See :class:`chat_server.store.base.Reader`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def events(
        self, conversation: int, after: int, before: int, limit: int, *, newest: bool = False
    ) -> list[StoredEvent]:
        """See :class:`chat_server.store.base.Reader`."""
        log = self._store.state.logs.get(conversation, [])
        found = [StoredEvent(event.seq, event.body) for event in log if after < event.seq < before]
        if limit <= 0:
            return []
        return found[-limit:] if newest else found[:limit]

    def locate(self, message_id: str) -> Located | None:
        """See :class:`chat_server.store.base.Reader`."""
        event = self._store.state.by_message_id.get(message_id)
        if event is None:
            return None
        a = event.append
        return Located(a.conversation, event.seq, a.kind, a.sender, a.timestamp_ms, event.deleted)

    def standings(self, user: int, device: str, conversations: list[int]) -> list[Standing]:
        """See :class:`chat_server.store.base.Reader`."""
        state = self._store.state
        answers = []
        for conversation in conversations:
            read_seq = state.marks.get((conversation, user), (0, 0))[0]
            cursor = state.cursors.get((conversation, user, device))
            unread = [
                event
                for event in state.logs.get(conversation, ())
                if event.seq > read_seq and event.is_counted and event.append.sender != user
            ]
            mentions = sum(user in event.mentions for event in unread)
            last_seq = len(state.logs.get(conversation, ()))
            told = cursor[0] if cursor else None
            answers.append(Standing(conversation, read_seq, told, len(unread), mentions, last_seq))
        return answers

    def reach(self, conversation: int, users: list[int]) -> list[Reach]:
        """See :class:`chat_server.store.base.Reader`."""
        state = self._store.state
        answers = []
        for user in users:
            of_user = [value for place, value in state.cursors.items() if place[:2] == (conversation, user)]
            received = max(of_user, key=lambda value: value[0], default=(0, 0))
            answers.append(Reach(user, *received, *state.marks.get((conversation, user), (0, 0))))
        return answers

    def search(
        self, query: str, scopes: list[Scope], *, sender: int | None, before: int | None, limit: int
    ) -> list[Hit]:
        """See :class:`chat_server.store.base.Reader`."""
        wanted = parse(query)
        state = self._store.state
        hits = {
            event.id: Hit(event.id, scope.conversation, event.seq, event.body, snippet(content, wanted))
            for scope in scopes
            for event in state.logs.get(scope.conversation, ())
            if scope.from_seq <= event.seq <= scope.to_seq
            and event.is_counted
            and (before is None or event.id < before)
            and (sender is None or event.append.sender == sender)
            and wanted.matches(content := content_of(event.body))
        }
        return [hits[id_] for id_ in sorted(hits, reverse=True)][: max(0, limit)]

    def audit(self, before: int | None, limit: int) -> list[AuditLine]:
        """See :class:`chat_server.store.base.Reader`."""
        found = [line for line in reversed(self._store.state.audit) if before is None or line.id < before]
        return found[: max(0, limit)]

    def close(self) -> None:
        """Nothing is held."""


def _repeated(known: _Event, write: Append) -> Outcome:
    first = known.append
    asked = (write.conversation, write.sender, write.digest, write.kind)
    if (first.conversation, first.sender, first.digest, first.kind) != asked:
        return Conflict()
    return Appended(known.seq, first.timestamp_ms, known.body, True)


def _mentioned(append: Append, source: Append) -> frozenset[int]:
    if records.KIND_CODES[append.kind] > records.LAST_COUNTED:
        return frozenset()
    return frozenset(source.mentions) - {append.sender}
