"""What can happen to the client's state: the events that :func:`chat_client.core.reduce.reduce` takes. Values only.

Events from the server come here already in log order and once each: the session saw to that.
"""

from typing import Final

from msgspec import Struct

from chat_client.core.state import Conversation, Link, Member, Message, NoticeKind, Person, PresenceState
from chat_client.core.text import Safe
from chat_protocol.packets import ConversationChanged, ConversationEntry, LogEvent

__all__ = [
    "BY_OTHERS",
    "Acked",
    "Arrived",
    "ConversationEvent",
    "ConversationOpened",
    "DisplayNameChanged",
    "DraftChanged",
    "EntryChanged",
    "EpochReplaced",
    "Event",
    "FocusChanged",
    "HistoryLoaded",
    "HistoryLoading",
    "LetGo",
    "LinkChanged",
    "MarkedRead",
    "MembersListed",
    "MessageDiscarded",
    "MessageFailed",
    "MessageQueued",
    "MessageWaits",
    "MutedChanged",
    "NoticeAdded",
    "PeopleListed",
    "PersonalEvent",
    "PresenceChosen",
    "PresenceReceived",
    "ReadReceived",
    "Restored",
    "SessionEvent",
    "SessionStarted",
    "Shown",
    "Skipped",
    "Synced",
    "TypingExpired",
    "TypingReceived",
    "Welcomed",
]


class Restored(Struct, frozen=True):
    """The files of this device were read."""

    me: str
    display_name: Safe
    server_name: Safe
    epoch: str
    conversations: tuple[Conversation, ...]
    people: tuple[Person, ...]


class LinkChanged(Struct, frozen=True):
    """The connection stands otherwise."""

    link: Link


class Welcomed(Struct, frozen=True):
    """The server introduced itself."""

    server_name: Safe
    registration: str


class SessionStarted(Struct, frozen=True):
    """The login succeeded."""

    user: str
    display_name: Safe
    roles: tuple[str, ...]


class EpochReplaced(Struct, frozen=True):
    """The server's store is another one: every position and every cached line is void."""

    epoch: str


class Synced(Struct, frozen=True):
    """The server told where all conversations stand; those that it did not name are not the user's any more."""

    epoch: str
    entries: tuple[ConversationEntry, ...]


class EntryChanged(Struct, frozen=True):
    """One conversation appeared, changed or ended."""

    entry: ConversationChanged


class Arrived(Struct, frozen=True):
    """New events of one conversation, ascending, each once."""

    conversation: str
    events: tuple[LogEvent, ...]


class Skipped(Struct, frozen=True):
    """Events that will not come by themselves."""

    conversation: str
    first_seq: int
    last_seq: int
    reason: str


class HistoryLoading(Struct, frozen=True):
    """A page of history was asked for, or the question failed."""

    conversation: str
    loading: bool


class HistoryLoaded(Struct, frozen=True):
    """A page of history: all that can be seen from ``first_seq`` to ``last_seq``.

    ``has_older`` is told by a page that stands before everything else, else None. ``reactions`` are those that go
    with the page's messages, from wherever in the log, as the cache knows them.
    """

    conversation: str
    events: tuple[LogEvent, ...]
    first_seq: int
    last_seq: int
    has_older: bool | None = None
    reactions: tuple[LogEvent, ...] = ()
    gaps: tuple[tuple[int, int, str], ...] = ()
    """Parts of the range that are not in the cache either: first, last, reason."""
    from_cache: bool = False


class MessageQueued(Struct, frozen=True):
    """The outbox has a message on disk; one that is tried again was discarded before."""

    conversation: str
    message: Message


class MessageWaits(Struct, frozen=True):
    """A message was refused for now and goes out again by itself."""

    conversation: str
    message_id: str
    reason: Safe


class MessageFailed(Struct, frozen=True):
    """A message was refused for good; it is kept, the user may try again."""

    conversation: str
    message_id: str
    reason: Safe


class MessageDiscarded(Struct, frozen=True):
    """The user threw a message away that was not sent."""

    conversation: str
    message_id: str


class Acked(Struct, frozen=True):
    """How far an own message got when it was acknowledged; the message itself comes as :class:`Arrived`."""

    conversation: str
    message_id: str
    seq: int
    timestamp_ms: int
    result: str
    delivered: int
    stored: int


class ReadReceived(Struct, frozen=True):
    """A read marker moved, here or at the peer of a private chat."""

    conversation: str
    user: str
    seq: int


class TypingReceived(Struct, frozen=True):
    """Somebody is typing, to be shown until ``until_ms``."""

    conversation: str
    user: str
    until_ms: int


class TypingExpired(Struct, frozen=True):
    """It is ``now_ms``: who was typing until then is not any more."""

    now_ms: int


class PresenceReceived(Struct, frozen=True):
    """Presences of some users changed."""

    people: tuple[tuple[str, PresenceState, Safe], ...]


class PeopleListed(Struct, frozen=True):
    """Users as a list told them."""

    people: tuple[Person, ...]


class MembersListed(Struct, frozen=True):
    """Who is in a conversation."""

    conversation: str
    members: tuple[Member, ...]


class ConversationOpened(Struct, frozen=True):
    """The user turned to a conversation; None: away from all."""

    conversation: str | None


class FocusChanged(Struct, frozen=True):
    """The user looks, or not."""

    focused: bool


class Shown(Struct, frozen=True):
    """The user saw a range of a log."""

    conversation: str
    first_seq: int
    last_seq: int


class MarkedRead(Struct, frozen=True):
    """The user said that everything is read, or everything up to a number."""

    conversation: str
    up_to: int | None = None


class DraftChanged(Struct, frozen=True):
    """A half-written text."""

    conversation: str
    text: str


class LetGo(Struct, frozen=True):
    """The oldest lines of a conversation need not be in memory any more; the cache has them."""

    conversation: str
    keep: int


class MutedChanged(Struct, frozen=True):
    """The user muted a conversation, or not."""

    conversation: str
    muted: bool


class PresenceChosen(Struct, frozen=True):
    """The user's own presence."""

    state: PresenceState
    text: str


class DisplayNameChanged(Struct, frozen=True):
    """The user's own display name."""

    name: Safe


class NoticeAdded(Struct, frozen=True):
    """Something to tell once."""

    kind: NoticeKind
    text: Safe
    conversation: str = ""


SessionEvent = Restored | LinkChanged | Welcomed | SessionStarted | EpochReplaced | Synced | EntryChanged
PersonalEvent = (
    TypingExpired
    | PresenceReceived
    | PeopleListed
    | ConversationOpened
    | FocusChanged
    | PresenceChosen
    | DisplayNameChanged
    | NoticeAdded
)
ConversationEvent = (
    Acked
    | Skipped
    | HistoryLoading
    | HistoryLoaded
    | MessageQueued
    | MessageWaits
    | MessageFailed
    | MessageDiscarded
    | ReadReceived
    | TypingReceived
    | MembersListed
    | Shown
    | MarkedRead
    | DraftChanged
    | LetGo
    | MutedChanged
)
Event = Arrived | SessionEvent | PersonalEvent | ConversationEvent
BY_OTHERS: Final = (
    Arrived, EntryChanged, TypingReceived, TypingExpired, PresenceReceived, ReadReceived, HistoryLoading, HistoryLoaded,
    Shown, DraftChanged, LetGo,
)  # fmt: skip
"""What comes in any number, or only of drawing and typing: to be shown at the pace of a screen."""
