"""What a decision causes, as values. They name users and conversations, never connections or files.

The dispatcher carries them out. ``Commit`` and ``Ask`` are the two that take time; what follows from their result is a
function in them, called on the router thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from chat_protocol.errors import TRANSIENT, ErrorCode
from chat_protocol.packets import Error, Packet
from chat_server.routing.directory import Conversation, Stay
from chat_server.store.base import Append, Located, Reader, Write

RETRY_AFTER_MS = 1_000
"""What a transient refusal advises where nothing better is known."""


class Reply(Struct, frozen=True):
    """Answer the asker."""

    packet: Packet


class ReplyRaw(Struct, frozen=True):
    """Answer the asker with a payload that is encoded already."""

    payload: bytes


class Tell(Struct, frozen=True):
    """Push ``packet`` to the synced connections of ``users``, but not to the asker's. Never stored."""

    users: tuple[int, ...]
    packet: Packet


class TellMembers(Struct, frozen=True):
    """Push ``packet`` to the live connections of a group's other members. Never stored."""

    conversation: Conversation
    packet: Packet


class Log(Struct, frozen=True, gc=False):
    """Within a commit: an event. ``re`` is the request to be answered with an ``ack`` for it."""

    conversation: Conversation
    append: Append
    re: int | None = None


class Begin(Struct, frozen=True):
    """Within a commit: ``user`` belongs to ``conversation`` from the next event on; ``stay``, if any, learns which."""

    conversation: Conversation
    user: int
    stay: Stay | None = None


class End(Struct, frozen=True):
    """Within a commit: ``user`` belonged to ``conversation`` up to the event before; ``stay`` learns which."""

    conversation: Conversation
    user: int
    stay: Stay


class Changed(Struct, frozen=True):
    """Within a commit: tell the members that the conversation's title or the like is another."""

    conversation: Conversation
    users: tuple[int, ...] | None = None


Step = Log | Begin | End | Changed | Write
"""One step of a commit, in order: what is stored, and what the members see of it."""


class Commit(Struct, frozen=True):
    """Store ``steps`` atomically; once they are on stable storage let their consequences be seen, then do ``then``."""

    steps: tuple[Step, ...]
    then: tuple[Effect, ...] = ()


class Ask(Struct, frozen=True):
    """Read from the store on a reader thread; ``then`` makes the effects of what was found.

    The asker's earlier commits are waited for, and its later requests wait: requests of one connection take effect
    in order. ``re`` is the request that is answered if the look-up fails.
    """

    re: int
    read: Callable[[Reader], Any]
    then: Callable[[Any], list[Effect]]


class Compute(Struct, frozen=True):
    """Do heavy work (a password hash) on a hashing thread; ``then`` makes the effects of its result.

    The asker's later requests wait. ``re`` is the request that is answered if it fails.
    """

    re: int
    work: Callable[[], Any]
    then: Callable[[Any], list[Effect]]


class Opened(Struct, frozen=True):
    """The asker's connection is logged in: its user and device are in the session."""


class Synchronise(Struct, frozen=True):
    """Answer a ``sync``: tell where the user stands, send what was missed, go live."""

    re: int
    epoch: str
    cursors: dict[str, int]
    limit: int | None


class Advanced(Struct, frozen=True, gc=False):
    """The asker's device has ``conversation`` up to ``seq``."""

    conversation: Conversation
    seq: int


class Disconnect(Struct, frozen=True):
    """Close the connections of a device (``device``), or of all of a user's devices."""

    user: int
    device: str | None
    code: ErrorCode
    message: str


class PresenceChanged(Struct, frozen=True):
    """Tell those who may know that the user's presence is another."""

    user: int


class HangUp(Struct, frozen=True):
    """Send ``packet`` to the asker and close its connection."""

    packet: Packet


class Report(Struct, frozen=True):
    """Answer ``stats``."""

    re: int
    reset: bool


class TellReceipts(Struct, frozen=True):
    """Answer ``receipts``: how far the event at ``seq`` got at each of ``users``."""

    re: int
    conversation: Conversation
    seq: int
    users: tuple[int, ...]


class TellTrace(Struct, frozen=True):
    """Answer ``trace``: the way of a message, and how far it got at each of ``users``."""

    re: int
    message_id: str
    conversation: Conversation
    target: Located
    users: tuple[int, ...]


class ListSessions(Struct, frozen=True):
    """Answer ``admin_sessions``."""

    re: int


Effect = (
    Reply
    | ReplyRaw
    | Tell
    | TellMembers
    | Commit
    | Ask
    | Compute
    | Opened
    | Synchronise
    | Advanced
    | Disconnect
    | PresenceChanged
    | HangUp
    | Report
    | TellReceipts
    | TellTrace
    | ListSessions
)


def refuse(
    re: int | UnsetType,
    code: ErrorCode,
    message: str,
    *,
    field: str | UnsetType = UNSET,
    retry_after_ms: int | UnsetType = UNSET,
) -> list[Effect]:
    """The refusal of a request, as its only effect."""
    if code in TRANSIENT and retry_after_ms is UNSET:
        retry_after_ms = RETRY_AFTER_MS
    return [Reply(Error(code=code, message=message, re=re, field=field, retry_after_ms=retry_after_ms))]
