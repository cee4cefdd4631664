"""What the server keeps on disk and what it promises about it. No SQL here, no sockets anywhere near.

The log is the backlog: one append-only log per conversation, a device is a cursor into it. A write is a small value;
:meth:`Store.commit` applies a batch of them atomically and returns once they survive a loss of power. Reads go through
:class:`Reader`, one per thread. ``chat_server.server`` alone knows which engine stands behind these interfaces.
"""

from __future__ import annotations

from typing import Final, Protocol

from msgspec import Struct

AT_HEAD: Final = -1
"""A position that the store resolves inside the commit: the conversation's newest ``seq`` at that point of it."""

SERVER: Final = 0
"""The user id of the server itself, the sender of system events."""


# ---- Rows: what is kept -------------------------------------------------------------------------------------------


class UserRow(Struct, frozen=True):
    """An account. ``id`` is given by the caller, 1 and up, never reused. ``password_hash`` is a PHC string."""

    id: int
    name: str
    display_name: str
    password_hash: str
    roles: tuple[str, ...]
    created_ms: int
    disabled: bool = False


class DeviceRow(Struct, frozen=True):
    """A device of a user, known by the SHA-256 of its token."""

    id: str
    user: int
    name: str
    token_hash: bytes
    created_ms: int
    last_seen_ms: int


class ConversationRow(Struct, frozen=True):
    """A log. ``kind`` is group, private, announcements or notifications.

    ``key`` is unique within its kind: the group's name; ``"<low user id>:<high user id>"``; ``""``; ``"<user id>"``.
    """

    id: int
    kind: str
    key: str
    title: str = ""
    topic: str = ""
    visibility: str = "public"
    history: str = "all"
    created_ms: int = 0


class MemberRow(Struct, frozen=True):
    """A user's membership of a group or private chat.

    ``since_seq`` is the first seq of the stay (the join itself), ``until_seq`` the last one that the user may see
    (the leave or kick itself), None while the stay lasts. Either may be :data:`AT_HEAD` in a write.
    ``role`` keeps its last value after the end.
    """

    conversation: int
    user: int
    role: str
    since_seq: int
    until_seq: int | None = None
    muted: bool = False


class InviteRow(Struct, frozen=True):
    """A server invite, known by the SHA-256 of its code; ``group`` is a conversation id to join with it, or None."""

    code_hash: bytes
    created_by: int
    group: int | None
    uses_left: int
    expires_ms: int


class InvitationRow(Struct, frozen=True):
    """A user's right to join one private group, used up by joining."""

    conversation: int
    user: int
    invited_by: int
    created_ms: int


# ---- Writes: what a batch consists of -------------------------------------------------------------------------------


class Append(Struct, frozen=True, gc=False):
    """Add one event to a conversation's log.

    ``body`` is the event's JSON object from its second member on, that is without the opening brace and without
    ``conversation`` and ``seq``: ``b'"type":"group_message","message_id":…}'``. The store keeps
    ``b'"seq":42,' + body``; a reader puts ``{"conversation":"#ops",`` in front. So one stored row serves both sides of
    a private chat, and pages are made by joining bytes.

    ``digest`` is a checksum of what the sender asked for, within 64 bits, signed. A known ``message_id`` with the same
    sender, conversation, kind and digest is a repeat (:class:`Appended` with ``duplicate``), with any other it is a
    :class:`Conflict`; neither uses a seq.

    ``mentions`` are user ids for the mention counts. ``target`` is the message id that an ``edited``, ``deleted`` or
    ``reaction`` is about. In the same commit ``edited`` rewrites the target's body (``content`` and ``mentions`` are
    those of this event's body, ``edited_at`` is its time; the mention counts follow) and ``deleted`` erases: the target
    and all its ``edited`` events lose ``content`` and ``mentions`` and gain ``"deleted":true``. A target that is
    deleted, is not in this conversation or is itself a change gives :class:`Missing`, and no event is added.
    """

    conversation: int
    kind: str
    sender: int
    message_id: str
    timestamp_ms: int
    digest: int
    body: bytes
    mentions: tuple[int, ...] = ()
    target: str | None = None


class PutUser(Struct, frozen=True):
    """Insert or replace by id."""

    row: UserRow


class PutDevice(Struct, frozen=True):
    """Insert or replace by id."""

    row: DeviceRow


class DropDevice(Struct, frozen=True):
    """Forget a device with its cursors. Unknown ids are ignored."""

    device: str


class PutConversation(Struct, frozen=True):
    """Insert or replace by id."""

    row: ConversationRow


class DropConversation(Struct, frozen=True):
    """Erase a conversation with its log, members, marks and cursors."""

    conversation: int


class PutMember(Struct, frozen=True):
    """Insert or replace by (conversation, user): the store keeps the newest stay only."""

    row: MemberRow


class PutInvite(Struct, frozen=True):
    """Insert or replace by code_hash; with ``uses_left`` 0 the row is removed."""

    row: InviteRow


class PutInvitation(Struct, frozen=True):
    """Insert or replace by (conversation, user)."""

    row: InvitationRow


class DropInvitation(Struct, frozen=True):
    """Remove by (conversation, user). Unknown ones are ignored."""

    conversation: int
    user: int


class MarkRead(Struct, frozen=True):
    """Move a user's read marker forward to ``seq`` (or :data:`AT_HEAD`); never back."""

    user: int
    conversation: int
    seq: int
    at_ms: int


class Advance(Struct, frozen=True, gc=False):
    """Move a device's cursor forward to ``seq`` (or :data:`AT_HEAD`); never back. Unknown devices are ignored."""

    device: str
    user: int
    conversation: int
    seq: int
    at_ms: int


class Audit(Struct, frozen=True):
    """Add one line to the audit log, chained to the newest one; ``detail`` never holds message text or a secret.

    With ``if_appended`` only where the write right before it is an :class:`Append` that adds an event, not a repeat.
    """

    at_ms: int
    actor: int
    action: str
    detail: str
    if_appended: bool = False


Write = (
    Append
    | PutUser
    | PutDevice
    | DropDevice
    | PutConversation
    | DropConversation
    | PutMember
    | PutInvite
    | PutInvitation
    | DropInvitation
    | MarkRead
    | Advance
    | Audit
)


# ---- Outcomes of an Append -------------------------------------------------------------------------------------------


class Appended(Struct, frozen=True, gc=False):
    """The event stands in the log at ``seq``; ``body`` is as stored (``b'"seq":42,…'``).

    With ``duplicate`` it stood there before, and is as it stands now (``timestamp_ms`` is the first one's, too).
    """

    seq: int
    timestamp_ms: int
    body: bytes
    duplicate: bool = False


class Conflict(Struct, frozen=True):
    """The ``message_id`` is known with other content, in another conversation or from another sender."""


class Missing(Struct, frozen=True):
    """The conversation, or the target of an ``edited``, ``deleted`` or ``reaction``, is not there (any more)."""


Outcome = Appended | Conflict | Missing


# ---- What reads return ----------------------------------------------------------------------------------------------


class StoredEvent(Struct, frozen=True, gc=False):
    """One event of a log as it stands now; ``body`` as in :class:`Appended`."""

    seq: int
    body: bytes


class Located(Struct, frozen=True):
    """Where a message id stands."""

    conversation: int
    seq: int
    kind: str
    sender: int
    timestamp_ms: int
    deleted: bool


class Standing(Struct, frozen=True):
    """Where a user and one device stand in a conversation.

    ``cursor`` is None for a device that never told one. ``unread`` counts group_message, private_message, broadcast
    and notification events of others above ``read_seq`` that are not deleted; ``mentions`` those of them that mention
    the user. ``last_seq`` is the newest seq at that moment: what comes after it is not counted here.
    """

    conversation: int
    read_seq: int
    cursor: int | None
    unread: int
    mentions: int
    last_seq: int


class Reach(Struct, frozen=True):
    """How far a user is in a conversation: the furthest cursor of any device, and the read marker; 0 if none."""

    user: int
    received_seq: int
    received_at_ms: int
    read_seq: int
    read_at_ms: int


class Scope(Struct, frozen=True):
    """A stretch of a conversation that the asker may read, both ends included."""

    conversation: int
    from_seq: int
    to_seq: int


class Hit(Struct, frozen=True):
    """A search hit. ``position`` orders hits, newest highest, and continues a search (``before``)."""

    position: int
    conversation: int
    seq: int
    body: bytes
    snippet: str


class AuditLine(Struct, frozen=True):
    """One line of the audit log; ids count up without a hole, ``hash`` covers this line and all before it."""

    id: int
    at_ms: int
    actor: int
    action: str
    detail: str
    hash: bytes


class Snapshot(Struct, frozen=True):
    """Everything the directory is built from; ``heads`` maps conversation ids to their newest seq (0 if empty)."""

    epoch: str
    users: list[UserRow]
    devices: list[DeviceRow]
    conversations: list[ConversationRow]
    members: list[MemberRow]
    invites: list[InviteRow]
    invitations: list[InvitationRow]
    heads: dict[int, int]


class Reader(Protocol):
    """Reads of committed state. One thread each; every call is one short read transaction.

    Every method may raise :class:`StoreError`.
    """

    def events(
        self, conversation: int, after: int, before: int, limit: int, *, newest: bool = False
    ) -> list[StoredEvent]:
        """Events with ``after < seq < before`` in seq order, at most ``limit``: the oldest ones, or the ``newest``."""
        ...

    def locate(self, message_id: str) -> Located | None:
        """Where ``message_id`` stands, or None."""
        ...

    def standings(self, user: int, device: str, conversations: list[int]) -> list[Standing]:
        """One :class:`Standing` per conversation, in the order asked for."""
        ...

    def reach(self, conversation: int, users: list[int]) -> list[Reach]:
        """One :class:`Reach` per user, in the order asked for."""
        ...

    def search(
        self, query: str, scopes: list[Scope], *, sender: int | None, before: int | None, limit: int
    ) -> list[Hit]:
        """Messages within ``scopes`` that match, newest first; newest content only, never deleted ones.

        Raises:
            BadQuery: ``query`` holds nothing to look for.
        """
        ...

    def audit(self, before: int | None, limit: int) -> list[AuditLine]:
        """Audit lines, newest first, with an id below ``before``."""
        ...

    def close(self) -> None:
        """Release the connection."""
        ...


class DiskUse(Struct, frozen=True):
    """What the files of a store take, and what is left for them."""

    log_bytes: int
    wal_bytes: int
    """Committed, but not in the log's own file yet."""
    index_bytes: int
    free_bytes: int


class Store(Protocol):
    """The one writer's side, used by a single thread after :meth:`load`."""

    def load(self) -> Snapshot:
        """Everything the directory needs. Also after a failed :meth:`commit`, to begin again from what is stored."""
        ...

    def commit(self, batch: list[Write]) -> list[Outcome | None]:
        """Apply all of ``batch`` in order, atomically, and return once it is on stable storage.

        Seqs are given here, so that a log never has a hole. The result has one entry per write, None for those that are
        no Append. An :class:`Append` to a conversation that is not there gives :class:`Missing`.

        Raises:
            BadWrite: a write can never be stored; nothing was applied.
            StoreUnavailable: nothing was applied; may be called again with the same batch.
            StoreBroken: nothing may be acknowledged any more.
        """
        ...

    def tidy(self) -> bool:
        """Do a small slice (some ms) of background work: index for search, checkpoint; True if more is left."""
        ...

    def disk_use(self) -> DiskUse:
        """What it takes of the disk now. May be called from any thread."""
        ...

    def reader(self) -> Reader:
        """A new reader, for the thread that calls its methods. May be called from any thread."""
        ...

    def close(self) -> None:
        """Checkpoint and release the files."""
        ...
