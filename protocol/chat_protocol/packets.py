"""Every frame of the protocol as a typed struct, in the order of the specification (docs/protocol.md).

Bounds stand in the types, so decoding is validating. Absent optional members are :data:`msgspec.UNSET`. Kinds of
text that no
type can check (control characters, length in bytes) are marked in the types' ``extra`` and checked by ``codec``.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from chat_protocol import limits

# ---- Bounded values ------------------------------------------------------------------------------------------------

TEXT: Final = "text"
"""``extra["text"]`` of text in which newline and tab are the only control characters."""
LINE: Final = "line"
"""``extra["text"]`` of text without any control character."""
CONTENT: Final = "content"
"""``extra["text"]`` of a message's content: TEXT, and ``too_long`` above its bounds."""
TOPIC: Final = "topic"
"""``extra["text"]`` of a group's topic or title: LINE, and ``too_long`` above its bounds."""
MESSAGE_ID: Final = "message_id"
"""``extra["text"]`` of a message id: 1 to 64 of ``A-Z a-z 0-9 _ -``."""

RequestId = Annotated[int, Meta(ge=1, le=limits.MAX_INT)]
Seq = Annotated[int, Meta(ge=0, le=limits.MAX_INT)]
Millis = Annotated[int, Meta(ge=0, le=limits.MAX_INT)]
Count = Annotated[int, Meta(ge=0, le=limits.MAX_INT)]
MessageId = Annotated[str, Meta(min_length=1, max_length=limits.MAX_MESSAGE_ID_CHARS, extra={"text": MESSAGE_ID})]
Content = Annotated[str, Meta(min_length=1, extra={"text": CONTENT})]
Reference = Annotated[str, Meta(min_length=1, max_length=limits.MAX_REFERENCE_CHARS, extra={"text": LINE})]
Password = Annotated[
    str, Meta(min_length=limits.MIN_PASSWORD_CHARS, max_length=limits.MAX_PASSWORD_CHARS, extra={"text": TEXT})
]
AnyPassword = Annotated[str, Meta(max_length=limits.MAX_PASSWORD_CHARS, extra={"text": TEXT})]
Secret = Annotated[str, Meta(max_length=limits.MAX_SECRET_CHARS, extra={"text": LINE})]
DisplayName = Annotated[str, Meta(min_length=1, max_length=limits.MAX_DISPLAY_NAME_CHARS, extra={"text": LINE})]
DeviceName = Annotated[str, Meta(min_length=1, max_length=limits.MAX_DEVICE_CHARS, extra={"text": LINE})]
Title = Annotated[str, Meta(extra={"text": TOPIC, "max_chars": limits.MAX_TITLE_CHARS})]
Topic = Annotated[str, Meta(extra={"text": TOPIC, "max_chars": limits.MAX_TOPIC_CHARS})]
Visibility = Annotated[str, Meta(pattern=r"^(public|private)\Z")]
HistoryMode = Annotated[str, Meta(pattern=r"^(all|since_join)\Z")]
Role = Annotated[str, Meta(pattern=r"^(owner|moderator|member)\Z")]
ListLimit = Annotated[int, Meta(ge=1, le=limits.MAX_LIST_LIMIT)]


class Packet(Struct, tag_field="type", frozen=True, gc=False, omit_defaults=False):
    """Any frame's object; ``type`` is the struct's tag."""


class Request(Packet, frozen=True, gc=False):
    """A frame from the client that is answered by exactly one frame with ``re`` equal to ``id``."""

    id: RequestId


# ---- Session, from the client (protocol.md 4) ----------------------------------------------------------------------


class Hello(Request, frozen=True, gc=False, tag="hello"):
    """The first frame of a connection."""

    protocol: Annotated[int, Meta(ge=0, le=limits.MAX_INT)]
    client: Annotated[str, Meta(max_length=limits.MAX_CLIENT_CHARS, extra={"text": LINE})] = ""


class Register(Request, frozen=True, gc=False, tag="register"):
    """Make an account and log in. ``invite`` is needed where registration is by invite."""

    user: Reference
    password: Password
    display_name: DisplayName | UnsetType = UNSET
    device: DeviceName = "device"
    invite: Secret | UnsetType = UNSET


class Login(Request, frozen=True, gc=False, tag="login"):
    """Log in by ``token``, or by ``user`` and ``password`` as a new device."""

    token: Secret | UnsetType = UNSET
    user: Reference | UnsetType = UNSET
    password: AnyPassword | UnsetType = UNSET
    device: DeviceName = "device"


class Sync(Request, frozen=True, tag="sync"):
    """Ask for what was missed; live events flow after the answer."""

    epoch: Annotated[str, Meta(max_length=limits.MAX_SECRET_CHARS)] = ""
    cursors: dict[str, Seq] = {}
    limit: Annotated[int, Meta(ge=0, le=limits.MAX_INT)] | None = limits.DEFAULT_SYNC_LIMIT


class Received(Packet, frozen=True, gc=False, tag="received"):
    """The device has everything of ``conversation`` up to ``seq`` safely. Not answered; only moves forward."""

    conversation: Reference
    seq: Seq


class Ping(Packet, frozen=True, gc=False, tag="ping"):
    """Are you there? From either side."""

    id: RequestId | UnsetType = UNSET


class Pong(Packet, frozen=True, gc=False, tag="pong"):
    """The answer to a ping, with its ``id`` as ``re`` if it had one."""

    re: RequestId | UnsetType = UNSET


# ---- Sending (protocol.md 5) -----------------------------------------------------------------------------------------


class PostGroup(Request, frozen=True, gc=False, tag="group_message"):
    """Say something in a group."""

    group: Reference
    message_id: MessageId
    content: Content
    reply_to: MessageId | UnsetType = UNSET


class PostPrivate(Request, frozen=True, gc=False, tag="private_message"):
    """Say something to one user; to oneself: own notes."""

    to: Reference
    message_id: MessageId
    content: Content
    reply_to: MessageId | UnsetType = UNSET


class PostBroadcast(Request, frozen=True, gc=False, tag="broadcast"):
    """Announce something to everybody (admin)."""

    message_id: MessageId
    content: Content


class PostNotification(Request, frozen=True, gc=False, tag="notification"):
    """Notify one user (admin, bot)."""

    to: Reference
    message_id: MessageId
    kind: Annotated[str, Meta(min_length=1, max_length=limits.MAX_KIND_CHARS, extra={"text": LINE})]
    content: Content
    about: Reference | UnsetType = UNSET
    about_seq: Seq | UnsetType = UNSET


class Edit(Request, frozen=True, gc=False, tag="edit"):
    """Replace the content of one's own message ``target``."""

    message_id: MessageId
    target: MessageId
    content: Content


class Delete(Request, frozen=True, gc=False, tag="delete"):
    """Erase the message ``target``."""

    message_id: MessageId
    target: MessageId


class React(Request, frozen=True, gc=False, tag="react"):
    """Add a reaction to the message ``target``, or take it back."""

    message_id: MessageId
    target: MessageId
    emoji: Annotated[str, Meta(min_length=1, max_length=limits.MAX_EMOJI_CHARS, extra={"text": LINE})]
    removed: bool = False


# ---- Everything else (protocol.md 6) -------------------------------------------------------------------------------


class CreateGroup(Request, frozen=True, gc=False, tag="create_group"):
    """Make a group; the maker is its owner."""

    group: Reference
    title: Title = ""
    visibility: Visibility = "public"
    history: HistoryMode = "all"


class Join(Request, frozen=True, gc=False, tag="join"):
    """Become a member of a public group, or of a private one with an invitation."""

    group: Reference


class Leave(Request, frozen=True, gc=False, tag="leave"):
    """End one's membership."""

    group: Reference


class Invite(Request, frozen=True, gc=False, tag="invite"):
    """Allow ``user`` to join."""

    group: Reference
    user: Reference


class Kick(Request, frozen=True, gc=False, tag="kick"):
    """End somebody's membership."""

    group: Reference
    user: Reference


class SetRole(Request, frozen=True, gc=False, tag="set_role"):
    """Give a member a role."""

    group: Reference
    user: Reference
    role: Role


class SetTopic(Request, frozen=True, gc=False, tag="set_topic"):
    """Say what the group is about now."""

    group: Reference
    text: Topic


class SetTitle(Request, frozen=True, gc=False, tag="set_title"):
    """Give the group another title."""

    group: Reference
    text: Title


class ListGroups(Request, frozen=True, gc=False, tag="groups"):
    """The groups that one may see, by name; ``after`` is the last name of the page before."""

    query: Annotated[str, Meta(max_length=limits.MAX_QUERY_CHARS, extra={"text": LINE})] = ""
    limit: ListLimit = limits.DEFAULT_LIST_LIMIT
    after: Annotated[str, Meta(max_length=limits.MAX_REFERENCE_CHARS, extra={"text": LINE})] = ""


class ListMembers(Request, frozen=True, gc=False, tag="members"):
    """Who is in a conversation."""

    conversation: Reference


class ListUsers(Request, frozen=True, gc=False, tag="users"):
    """The users of this server, by name; ``after`` is the last name of the page before."""

    query: Annotated[str, Meta(max_length=limits.MAX_QUERY_CHARS, extra={"text": LINE})] = ""
    limit: ListLimit = limits.DEFAULT_LIST_LIMIT
    after: Annotated[str, Meta(max_length=limits.MAX_REFERENCE_CHARS, extra={"text": LINE})] = ""


class History(Request, frozen=True, gc=False, tag="history"):
    """A page of a log: the newest events below ``before``, or the oldest above ``after``; without either the newest."""

    conversation: Reference
    before: Seq | UnsetType = UNSET
    after: Seq | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=limits.MAX_HISTORY_LIMIT)] = limits.DEFAULT_HISTORY_LIMIT


class Search(Request, frozen=True, gc=False, tag="search"):
    """Find messages by their newest content; ``before`` is ``next`` of the page before."""

    query: Annotated[str, Meta(max_length=limits.MAX_QUERY_CHARS, extra={"text": TEXT})]
    conversation: Reference | UnsetType = UNSET
    sender: Reference | UnsetType = UNSET
    before: Seq | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=limits.MAX_SEARCH_LIMIT)] = limits.DEFAULT_SEARCH_LIMIT


class Read(Request, frozen=True, gc=False, tag="read"):
    """The user has read ``conversation`` up to ``seq``. Only moves forward."""

    conversation: Reference
    seq: Seq


class Receipts(Request, frozen=True, gc=False, tag="receipts"):
    """How far the message ``target`` got at each recipient."""

    conversation: Reference
    target: MessageId


class Typing(Packet, frozen=True, gc=False, tag="typing"):
    """The user is typing. Not answered, never stored."""

    conversation: Reference


class SetPresence(Request, frozen=True, gc=False, tag="presence"):
    """Tell the others whether one is there."""

    state: Annotated[str, Meta(pattern=r"^(online|away|dnd)\Z")]
    text: Annotated[str, Meta(max_length=limits.MAX_STATUS_CHARS, extra={"text": LINE})] = ""


class Mute(Request, frozen=True, gc=False, tag="mute"):
    """Mute a conversation, or not."""

    conversation: Reference
    muted: bool


class SetProfile(Request, frozen=True, gc=False, tag="set_profile"):
    """Change one's display name."""

    display_name: DisplayName


class SetPassword(Request, frozen=True, gc=False, tag="set_password"):
    """Change one's password."""

    old: AnyPassword
    new: Password


class ListDevices(Request, frozen=True, gc=False, tag="devices"):
    """One's own devices."""


class Logout(Request, frozen=True, gc=False, tag="logout"):
    """Revoke a device's token; without ``device_id`` this one's."""

    device_id: Annotated[str, Meta(max_length=limits.MAX_SECRET_CHARS, extra={"text": LINE})] | UnsetType = UNSET


class CreateInvite(Request, frozen=True, gc=False, tag="create_invite"):
    """Make an invite to this server, and to ``group`` if named."""

    group: Reference | UnsetType = UNSET
    uses: Annotated[int, Meta(ge=1, le=10_000)] = 1
    expires_in_s: Annotated[int, Meta(ge=1, le=366 * 24 * 3600)] = 7 * 24 * 3600


class Stats(Request, frozen=True, gc=False, tag="stats"):
    """The route statistics (admin); with ``reset`` they begin anew after the answer."""

    reset: bool = False


class Trace(Request, frozen=True, gc=False, tag="trace"):
    """The way of one message through the server: times and recipients, not its content (admin)."""

    target: MessageId


class AdminDisableUser(Request, frozen=True, gc=False, tag="admin_disable_user"):
    """Lock an account out, or let it in again (admin)."""

    user: Reference
    disabled: bool = True


class AdminResetPassword(Request, frozen=True, gc=False, tag="admin_reset_password"):
    """Give an account a new random password, told once in the answer (admin)."""

    user: Reference


class AdminSetRoles(Request, frozen=True, gc=False, tag="admin_set_roles"):
    """Give an account its server roles, ``admin`` and ``bot`` or none (admin)."""

    user: Reference
    roles: list[Annotated[str, Meta(pattern=r"^(admin|bot)\Z")]]


class AdminSessions(Request, frozen=True, gc=False, tag="admin_sessions"):
    """The connections that are logged in (admin)."""


class AdminDeleteGroup(Request, frozen=True, gc=False, tag="admin_delete_group"):
    """Delete a group with its log (admin)."""

    group: Reference


class AdminAudit(Request, frozen=True, gc=False, tag="admin_audit"):
    """The audit log, newest first (admin)."""

    before: Seq | UnsetType = UNSET
    limit: ListLimit = limits.DEFAULT_LIST_LIMIT


ClientPacket = (
    Hello
    | Register
    | Login
    | Sync
    | Received
    | Ping
    | Pong
    | PostGroup
    | PostPrivate
    | PostBroadcast
    | PostNotification
    | Edit
    | Delete
    | React
    | CreateGroup
    | Join
    | Leave
    | Invite
    | Kick
    | SetRole
    | SetTopic
    | SetTitle
    | ListGroups
    | ListMembers
    | ListUsers
    | History
    | Search
    | Read
    | Receipts
    | Typing
    | SetPresence
    | Mute
    | SetProfile
    | SetPassword
    | ListDevices
    | Logout
    | CreateInvite
    | Stats
    | Trace
    | AdminDisableUser
    | AdminResetPassword
    | AdminSetRoles
    | AdminSessions
    | AdminDeleteGroup
    | AdminAudit
)
"""What a client may send."""

Post = PostGroup | PostPrivate | PostBroadcast | PostNotification
"""The requests that add a message."""


# ---- Events of a log (protocol.md 3) -------------------------------------------------------------------------------


class Event(Packet, frozen=True, gc=False):
    """One entry of a conversation's log, the same live, in backlog and in history."""

    conversation: str
    seq: Seq
    message_id: str
    sender: str
    sender_name: str
    timestamp: Millis


class GroupMessage(Event, frozen=True, gc=False, kw_only=True, tag="group_message"):
    """A message in a group."""

    content: str | UnsetType = UNSET
    reply_to: str | UnsetType = UNSET
    mentions: tuple[str, ...] | UnsetType = UNSET
    edited_at: Millis | UnsetType = UNSET
    deleted: bool | UnsetType = UNSET


class PrivateMessage(Event, frozen=True, gc=False, kw_only=True, tag="private_message"):
    """A message between two users, or to oneself."""

    content: str | UnsetType = UNSET
    reply_to: str | UnsetType = UNSET
    mentions: tuple[str, ...] | UnsetType = UNSET
    edited_at: Millis | UnsetType = UNSET
    deleted: bool | UnsetType = UNSET


class SystemMessage(Event, frozen=True, gc=False, kw_only=True, tag="system_message"):
    """What happened to a group: created, joined, left, invited, kicked, role, topic, title.

    ``subject`` is whom it is about.
    """

    action: str
    subject: str
    content: str


class Broadcast(Event, frozen=True, gc=False, kw_only=True, tag="broadcast"):
    """An announcement to everybody."""

    content: str | UnsetType = UNSET
    edited_at: Millis | UnsetType = UNSET
    deleted: bool | UnsetType = UNSET


class Notification(Event, frozen=True, gc=False, kw_only=True, tag="notification"):
    """Something for this user alone: invited, kicked, role, or the sender's own kind."""

    kind: str
    content: str | UnsetType = UNSET
    about: str | UnsetType = UNSET
    about_seq: Seq | UnsetType = UNSET
    edited_at: Millis | UnsetType = UNSET
    deleted: bool | UnsetType = UNSET


class Edited(Event, frozen=True, gc=False, kw_only=True, tag="edited"):
    """The message ``target`` has a new content."""

    target: str
    content: str | UnsetType = UNSET
    mentions: tuple[str, ...] | UnsetType = UNSET
    deleted: bool | UnsetType = UNSET


class Deleted(Event, frozen=True, gc=False, kw_only=True, tag="deleted"):
    """The message ``target`` is erased."""

    target: str


class Reaction(Event, frozen=True, gc=False, kw_only=True, tag="reaction"):
    """Somebody reacts to the message ``target``, or takes it back."""

    target: str
    emoji: str
    removed: bool


LogEvent = GroupMessage | PrivateMessage | SystemMessage | Broadcast | Notification | Edited | Deleted | Reaction
"""What stands in logs."""


# ---- From the server -----------------------------------------------------------------------------------------------


class Welcome(Packet, frozen=True, gc=False, tag="welcome"):
    """The answer to ``hello``."""

    re: RequestId
    protocol: int
    server: str
    name: str
    registration: str
    max_frame: Count
    time: Millis


class SessionOpened(Packet, frozen=True, gc=False, tag="session"):
    """The answer to ``register`` and ``login``."""

    re: RequestId
    user: str
    display_name: str
    device_id: str
    roles: tuple[str, ...]
    epoch: str
    max_frame: Count
    token: str | UnsetType = UNSET


class ConversationEntry(Struct, frozen=True):
    """Where the user stands in one conversation; ``role`` is None once they have left or were kicked."""

    conversation: str
    title: str
    last_seq: Seq
    cursor: Seq
    read_seq: Seq
    unread: Count
    mentions: Count
    role: str | None
    muted: bool
    topic: str = ""
    visibility: str | UnsetType = UNSET
    display_name: str | UnsetType = UNSET


class Synced(Packet, frozen=True, tag="synced"):
    """The answer to ``sync``; live events flow after it."""

    re: RequestId
    epoch: str
    conversations: list[ConversationEntry]
    epoch_changed: bool | UnsetType = UNSET


class ConversationChanged(Packet, frozen=True, tag="conversation"):
    """A conversation appeared, changed or ended after ``synced``: the members of an entry."""

    conversation: str
    title: str
    last_seq: Seq
    cursor: Seq
    read_seq: Seq
    unread: Count
    mentions: Count
    role: str | None
    muted: bool
    topic: str = ""
    visibility: str | UnsetType = UNSET
    display_name: str | UnsetType = UNSET


class Backlog(Packet, frozen=True, tag="backlog"):
    """A page of what was missed, in seq order; ``more``: further pages of this conversation follow."""

    conversation: str
    events: list[LogEvent]
    more: bool


class Skip(Packet, frozen=True, gc=False, tag="skip", rename={"from_": "from"}):
    """The events ``from_`` to ``to`` (on the wire ``from``) are not sent.

    ``limit``, ``not_visible`` or ``retention``.
    """

    conversation: str
    from_: Seq
    to: Seq
    reason: str


class Ack(Packet, frozen=True, gc=False, tag="ack"):
    """The event is on stable storage, at ``seq`` of its conversation."""

    re: RequestId
    message_id: str
    conversation: str
    seq: Seq
    timestamp: Millis
    result: str
    delivered: Count
    stored: Count
    duplicate: bool


class GroupInfo(Struct, frozen=True):
    """A group as ``groups`` lists it."""

    group: str
    title: str
    topic: str
    members: Count
    joined: bool
    visibility: str


class MemberInfo(Struct, frozen=True):
    """A member as ``members`` lists it."""

    user: str
    display_name: str
    role: str
    presence: str
    text: str = ""


class UserInfo(Struct, frozen=True):
    """A user as ``users`` lists it."""

    user: str
    display_name: str
    presence: str
    text: str = ""


class SearchHit(Struct, frozen=True):
    """One hit of ``search``."""

    event: LogEvent
    snippet: str


class Recipient(Struct, frozen=True):
    """How far a message got at one user: stored, sent, delivered or read; ``at`` is when, where it is known."""

    user: str
    state: str
    at: Millis | None = None
    attempts: Count = 0
    reason: str | UnsetType = UNSET
    next_retry_ms: Count | UnsetType = UNSET


class DeviceInfo(Struct, frozen=True):
    """A device as ``devices`` lists it."""

    device_id: str
    device: str
    last_seen: Millis
    current: bool


class SessionInfo(Struct, frozen=True):
    """A connection as ``admin_sessions`` lists it."""

    user: str
    device: str
    address: str
    since: Millis
    client: str


class AuditEntry(Struct, frozen=True):
    """A line of ``admin_audit``."""

    id: int
    at: Millis
    actor: str
    action: str
    detail: str
    hash: str | UnsetType = UNSET


class Ok(Packet, frozen=True, tag="ok"):
    """The answer to every other request, with the members that protocol.md 6 names for it."""

    re: RequestId
    conversation: str | UnsetType = UNSET
    groups: list[GroupInfo] | UnsetType = UNSET
    members: list[MemberInfo] | UnsetType = UNSET
    users: list[UserInfo] | UnsetType = UNSET
    events: list[LogEvent] | UnsetType = UNSET
    more: bool | UnsetType = UNSET
    hits: list[SearchHit] | UnsetType = UNSET
    next: Seq | UnsetType = UNSET
    recipients: list[Recipient] | UnsetType = UNSET
    devices: list[DeviceInfo] | UnsetType = UNSET
    invite: str | UnsetType = UNSET
    stats: dict[str, Any] | UnsetType = UNSET
    trace: dict[str, Any] | UnsetType = UNSET
    password: str | UnsetType = UNSET
    sessions: list[SessionInfo] | UnsetType = UNSET
    audit: list[AuditEntry] | UnsetType = UNSET


class Error(Packet, frozen=True, gc=False, tag="error"):
    """A request was refused, or the connection is at its end."""

    code: str
    message: str
    re: RequestId | UnsetType = UNSET
    field: str | UnsetType = UNSET
    retry_after_ms: Count | UnsetType = UNSET
    incident: str | UnsetType = UNSET


class ReadMoved(Packet, frozen=True, gc=False, tag="read"):
    """A user's read marker moved."""

    conversation: str
    user: str
    seq: Seq


class TypingNow(Packet, frozen=True, gc=False, tag="typing"):
    """Somebody is typing."""

    conversation: str
    user: str


class PresenceNow(Packet, frozen=True, gc=False, tag="presence"):
    """Somebody's presence changed: online, away, dnd or offline."""

    user: str
    state: str
    text: str


ServerPacket = (
    Welcome
    | SessionOpened
    | Synced
    | ConversationChanged
    | Backlog
    | Skip
    | GroupMessage
    | PrivateMessage
    | SystemMessage
    | Broadcast
    | Notification
    | Edited
    | Deleted
    | Reaction
    | Ack
    | Ok
    | Error
    | ReadMoved
    | TypingNow
    | PresenceNow
    | Ping
    | Pong
)
"""What a server may send."""
