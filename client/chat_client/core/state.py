"""What the client knows, as frozen values. Nothing here changes, waits or reads a clock.

A :class:`ClientState` is replaced, never altered: :func:`chat_client.core.reduce.reduce` makes the next one. Faces
keep the state that they drew last and compare parts with ``is``: an unchanged conversation, timeline or person is the
same object. All text that comes from others is :data:`~chat_client.core.text.Safe`. Mappings are plain dicts that
nobody writes to.
"""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from chat_client.core.text import Safe
from chat_client.core.timeline import EMPTY_TIMELINE, Gap, Line, Message, ReactionCount, Splice, SystemLine, Timeline

__all__ = [
    "ClientState",
    "Conversation",
    "ConversationKind",
    "Gap",
    "Line",
    "Link",
    "LinkStatus",
    "LooseReaction",
    "Member",
    "Message",
    "Notice",
    "NoticeKind",
    "Person",
    "PresenceState",
    "ReactionCount",
    "Splice",
    "SystemLine",
    "Timeline",
    "Typist",
    "kind_of",
]

LinkStatus = Literal["offline", "connecting", "online", "refused"]
"""``refused``: it makes no sense to try again before the user does something; :attr:`Link.detail` says what."""

ConversationKind = Literal["group", "private", "announcements", "notifications"]
PresenceState = Literal["online", "away", "dnd", "offline", "unknown"]
NoticeKind = Literal["info", "error", "mention", "private", "broadcast", "notification"]

MAX_NOTICES: Final = 64
"""How many notices a state holds; older ones fall off."""


class Link(msgspec.Struct, frozen=True):
    """How the connection to the server stands."""

    status: LinkStatus = "offline"
    detail: Safe = Safe("")
    """Why, for people to read: empty while online."""
    code: str = ""
    """The error code behind ``detail`` (protocol.md 1), or one of the client's own: ``untrusted``,
    ``wrong_fingerprint``, ``unreachable``, ``timeout``, ``connection_lost``, ``no_credentials``; empty: none."""
    retry_at_ms: int | None = None
    """When the next attempt comes, on the local wall clock; None where none is planned."""
    fingerprint: str = ""
    """The certificate that the server showed, where ``code`` is ``untrusted`` or ``wrong_fingerprint``."""
    synced: bool = False
    """Whether the server has said where all conversations stand since the connection was made."""


class Person(msgspec.Struct, frozen=True):
    """A user as far as this client has heard of them."""

    user: str
    display_name: Safe
    presence: PresenceState = "unknown"
    status_text: Safe = Safe("")


class Member(msgspec.Struct, frozen=True):
    """A member of a group; presence is in :attr:`ClientState.people`."""

    user: str
    display_name: Safe
    role: str


class Typist(msgspec.Struct, frozen=True):
    """Somebody who is writing right now."""

    user: str
    until_ms: int
    """When to stop showing it unless it is renewed, on the local wall clock."""


class LooseReaction(msgspec.Struct, frozen=True):
    """A reaction whose message is not loaded; it is applied when a history page brings the message."""

    seq: int
    user: str
    emoji: str
    removed: bool


class Conversation(msgspec.Struct, frozen=True):
    """One log as this device knows it (protocol.md 2 and 3)."""

    name: str
    """``#group``, ``@user``, ``!announcements`` or ``!notifications``."""
    kind: ConversationKind
    title: Safe = Safe("")
    topic: Safe = Safe("")
    role: str | None = None
    """``owner``, ``moderator``, ``member``; None in a group that one has left or was kicked from."""
    visibility: str = ""
    muted: bool = False
    last_seq: int = 0
    """The newest event known to exist."""
    cursor: int = 0
    """Every event up to here has arrived or is announced as a gap."""
    loaded_from: int = 1
    """The timeline tells everything (gaps included) from here to ``cursor``."""
    read_seq: int = 0
    """Every message up to here was shown to the user, on this or another device."""
    unread: int = 0
    mentions: int = 0
    """How many of the unread ones name the user."""
    timeline: Timeline = EMPTY_TIMELINE
    typing: tuple[Typist, ...] = ()
    members: tuple[Member, ...] | None = None
    """None until asked for with :meth:`ChatClient.load_members`."""
    has_older: bool = False
    """Whether there may be events before the first line of the timeline."""
    loading_older: bool = False
    last_timestamp_ms: int = 0
    """When the newest event that is known was written."""
    visit_read_seq: int | None = None
    """Where the read marker stood when the conversation was opened; None while it is not open or the line is gone."""
    new_from: int | None = None
    """Where the "n new" line stands in this visit: above the entry with this seq. None: no such line."""
    new_count: int = 0
    """How many messages were new when the line was drawn."""
    draft: str = ""
    peer_read_seq: int = 0
    """In a private chat: how far the peer has read."""
    seen: tuple[tuple[int, int], ...] = ()
    """Ranges above ``read_seq`` that were on the screen: disjoint, ascending, inclusive."""
    loose: Mapping[str, tuple[LooseReaction, ...]] = {}
    """Reactions by target, for messages that are not loaded."""
    sent_in_visit: bool = False
    """Whether the user wrote something since the conversation was opened."""

    @property
    def joined(self) -> bool:
        """Whether the user may write here (``!notifications`` and ``!announcements`` are for reading)."""
        return self.kind == "private" or (self.kind == "group" and self.role is not None)

    @property
    def sort_key(self) -> tuple[bool, bool, bool, int]:
        """Key for a list in order of urgency: mentions, then unread, then the newest; muted ones last."""
        return (self.muted, self.mentions == 0, self.unread == 0, -self.last_timestamp_ms)


class Notice(msgspec.Struct, frozen=True):
    """Something to tell the user once, outside of any timeline (a toast, a bell, a line)."""

    number: int
    """Rises by one per notice: a face remembers the last one that it showed."""
    kind: NoticeKind
    """``info`` and ``error`` are the client's own words; the others announce what arrived unread and unmuted."""
    text: Safe
    conversation: str = ""
    seq: int = 0
    sender_name: Safe = Safe("")


class ClientState(msgspec.Struct, frozen=True):
    """Everything that a face shows."""

    me: str = ""
    display_name: Safe = Safe("")
    roles: tuple[str, ...] = ()
    server_name: Safe = Safe("")
    registration: str = ""
    epoch: str = ""
    link: Link = Link()
    conversations: Mapping[str, Conversation] = {}
    people: Mapping[str, Person] = {}
    presence: PresenceState = "online"
    """What the user chose to be."""
    status_text: str = ""
    queued: int = 0
    """Messages written but not yet acknowledged, in all conversations."""
    current: str | None = None
    """The conversation that is open in the face."""
    focused: bool = True
    """Whether the user is looking (the terminal has the focus)."""
    notices: tuple[Notice, ...] = ()
    last_notice: int = 0

    @property
    def is_admin(self) -> bool:
        """Whether the server gave this session the role ``admin``."""
        return "admin" in self.roles

    @property
    def unread(self) -> int:
        """Unread messages in all conversations that are not muted."""
        return sum(entry.unread for entry in self.conversations.values() if not entry.muted)

    @property
    def mentions(self) -> int:
        """Unread mentions in all conversations that are not muted."""
        return sum(entry.mentions for entry in self.conversations.values() if not entry.muted)

    def name_of(self, user: str) -> Safe:
        """Return the display name of ``user``, or the user name where none is known."""
        person = self.people.get(user)
        return person.display_name if person else Safe(user)


def kind_of(conversation: str) -> ConversationKind:
    """Return the kind that the first character of a conversation's name tells.

    Raises:
        ValueError: It is no name of a conversation.
    """
    if len(conversation) > 1:
        if conversation[0] == "#":
            return "group"
        if conversation[0] == "@":
            return "private"
    if conversation == "!announcements":
        return "announcements"
    if conversation == "!notifications":
        return "notifications"
    raise ValueError(f"{conversation!r} is no conversation: expected #group, @user, !announcements or !notifications")
