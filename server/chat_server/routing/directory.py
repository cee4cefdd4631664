"""Who is who and who belongs where, in memory. Decides nothing; knows neither connections nor the store.

The router thread owns it. It runs ahead of the store: a change is visible here from the moment it is decided, so
that requests take effect in the
order in which they came; if a commit fails, the directory is built anew from what is stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from chat_protocol import names
from chat_protocol.names import ConversationName, Kind
from chat_server.store.base import (
    AT_HEAD,
    ConversationRow,
    DeviceRow,
    InviteRow,
    MemberRow,
    Snapshot,
    UserRow,
)

DELETED = "deleted"
"""The visibility of a group that was deleted: its name is never given again, for its seqs were used."""
ADMIN = "admin"
BOT = "bot"
SMALL_GROUP = 100
"""Presence is told within groups of at most this many members (protocol.md 6)."""


@dataclass(slots=True, eq=False)
class Stay:
    """One user's membership of one conversation; ``since_seq`` is AT_HEAD until the join is committed."""

    role: str
    since_seq: int
    until_seq: int | None = None
    muted: bool = False


@dataclass(slots=True, eq=False)
class Conversation:
    """A group, a private chat, the announcements, or one user's notifications."""

    id: int
    kind: Kind
    key: str
    title: str = ""
    topic: str = ""
    visibility: str = "public"
    history: str = "all"
    created_ms: int = 0
    head: int = 0
    """The newest seq that is stored and handed on; kept by the dispatcher."""
    members: dict[int, Stay] = field(default_factory=dict)
    """Current members by user id, in the order of joining. Empty for announcements, where everybody is one."""
    invited: set[int] = field(default_factory=set)
    muted: set[int] = field(default_factory=set)
    """Who muted the announcements or their notifications; elsewhere the member's stay says it."""
    sides: dict[int, ConversationName] = field(default_factory=dict)
    """What each side of a private chat calls it, once it was asked for: names never change."""

    def row(self) -> ConversationRow:
        """As the store keeps it."""
        return ConversationRow(
            self.id, self.kind, self.key, self.title, self.topic, self.visibility, self.history, self.created_ms
        )

    def member_row(self, user: int) -> MemberRow:
        """The current stay of ``user`` as the store keeps it."""
        stay = self.members[user]
        return MemberRow(self.id, user, stay.role, stay.since_seq, stay.until_seq, stay.muted)


@dataclass(slots=True, eq=False)
class User:
    """An account with what it belongs to."""

    id: int
    name: str
    display_name: str
    password_hash: str
    roles: tuple[str, ...]
    created_ms: int
    disabled: bool = False
    conversations: dict[int, Conversation] = field(default_factory=dict)
    """Groups and private chats that the user is in now, by id."""
    ended: dict[int, Stay] = field(default_factory=dict)
    """Stays that are over, by conversation id: a device that was away may still fetch what it missed of them."""
    notifications: Conversation | None = None
    presence: str = "online"
    """What the user last said: online, away or dnd."""
    status: str = ""
    connections: int = 0
    """How many connections are logged in; kept by the dispatcher."""

    @property
    def shown_presence(self) -> str:
        """What others see: ``offline`` without a connection."""
        return self.presence if self.connections else "offline"

    def row(self) -> UserRow:
        """As the store keeps it."""
        return UserRow(
            self.id, self.name, self.display_name, self.password_hash, self.roles, self.created_ms, self.disabled
        )


class Directory:
    """All users, conversations, devices and invites. One thread."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.epoch = snapshot.epoch
        self.users: dict[int, User] = {}
        self.by_name: dict[str, User] = {}
        self.conversations: dict[int, Conversation] = {}
        self.groups: dict[str, Conversation] = {}
        self.privates: dict[tuple[int, int], Conversation] = {}
        self.devices: dict[str, DeviceRow] = {}
        self.tokens: dict[bytes, DeviceRow] = {}
        self.invites: dict[bytes, InviteRow] = {}
        self.read_marks: dict[tuple[int, int], int] = {}
        """Read markers that came by since the start, by (user, conversation)."""
        self._user_looks: set[str] = set()
        self._group_looks: set[str] = set()
        self._next_user = 1
        self._next_conversation = 1
        for user in snapshot.users:
            self.add_user(
                User(
                    user.id,
                    user.name,
                    user.display_name,
                    user.password_hash,
                    user.roles,
                    user.created_ms,
                    user.disabled,
                )
            )
        for row in snapshot.conversations:
            self._add(
                Conversation(
                    row.id,
                    Kind(row.kind),
                    row.key,
                    row.title,
                    row.topic,
                    row.visibility,
                    row.history,
                    row.created_ms,
                    snapshot.heads.get(row.id, 0),
                )
            )
        for member in snapshot.members:
            stay = Stay(member.role, member.since_seq, member.until_seq, member.muted)
            self._restore_stay(member.conversation, member.user, stay)
        for invitation in snapshot.invitations:
            self.conversations[invitation.conversation].invited.add(invitation.user)
        for device in snapshot.devices:
            self.put_device(device)
        for invite in snapshot.invites:
            self.invites[invite.code_hash] = invite
        found = [c for c in self.conversations.values() if c.kind is Kind.ANNOUNCEMENTS]
        self.announcements = found[0] if found else self.new_conversation(Kind.ANNOUNCEMENTS, "", 0)

    # ---- users and devices

    def next_user_id(self) -> int:
        """An id that no account ever had."""
        return self._next_user

    def add_user(self, user: User) -> None:
        """Take in a new account."""
        self.users[user.id] = user
        self.by_name[user.name] = user
        self._user_looks.add(names.skeleton(user.name))
        self._next_user = max(self._next_user, user.id + 1)

    def is_user_name_free(self, name: str) -> bool:
        """Whether ``name`` neither is in use nor can be confused with one that is."""
        return names.skeleton(name) not in self._user_looks

    def is_group_name_free(self, name: str) -> bool:
        """Whether ``name`` neither is in use nor can be confused with one that is."""
        return names.skeleton(name) not in self._group_looks

    def user(self, name: str) -> User | None:
        """The user of that name, however it is written; None also for what is no name."""
        found = self.by_name.get(name)
        if found is None:
            try:
                found = self.by_name.get(names.user_name(name))
            except names.BadName:
                return None
        return found

    def put_device(self, device: DeviceRow) -> None:
        """Take in a device, or its newer state."""
        self.devices[device.id] = device
        self.tokens[device.token_hash] = device

    def drop_device(self, device_id: str) -> DeviceRow | None:
        """Forget a device; its row, or None if it is unknown."""
        device = self.devices.pop(device_id, None)
        if device is not None:
            self.tokens.pop(device.token_hash, None)
        return device

    def devices_of(self, user: int) -> list[DeviceRow]:
        """All devices of a user, the newest first."""
        return sorted((d for d in self.devices.values() if d.user == user), key=lambda d: -d.last_seen_ms)

    # ---- conversations

    def new_conversation(self, kind: Kind, key: str, now_ms: int) -> Conversation:
        """Make a conversation of that kind, empty."""
        made = Conversation(self._next_conversation, kind, key, created_ms=now_ms)
        self._add(made)
        return made

    def _add(self, conversation: Conversation) -> None:
        self._next_conversation = max(self._next_conversation, conversation.id + 1)
        self.conversations[conversation.id] = conversation
        match conversation.kind:
            case Kind.GROUP:
                self._group_looks.add(names.skeleton(conversation.key))
                if conversation.visibility != DELETED:
                    self.groups[conversation.key] = conversation
            case Kind.PRIVATE:
                low, _, high = conversation.key.partition(":")
                self.privates[int(low), int(high)] = conversation
            case Kind.NOTIFICATIONS:
                self.users[int(conversation.key)].notifications = conversation
            case Kind.ANNOUNCEMENTS:
                pass

    def drop_group(self, conversation: Conversation) -> Conversation:
        """Forget a group that is deleted; what stays in its place is a name that cannot be taken."""
        for user in list(conversation.members):
            self.users[user].conversations.pop(conversation.id, None)
        for user_ in self.users.values():
            user_.ended.pop(conversation.id, None)
        self.conversations.pop(conversation.id, None)
        self.groups.pop(conversation.key, None)
        grave = Conversation(self._next_conversation, Kind.GROUP, conversation.key, visibility=DELETED)
        self._add(grave)
        return grave

    def group(self, name: str) -> Conversation | None:
        """The group of that name, however it is written, with or without ``#``; None also for what is no name."""
        found = self.groups.get(name[1:] if name[:1] == "#" else name)
        if found is None:
            try:
                found = self.groups.get(names.group_name(name))
            except names.BadName:
                return None
        return found

    def private(self, one: int, other: int) -> Conversation | None:
        """The private chat of two users (or one's own notes), if it exists."""
        return self.privates.get((one, other) if one < other else (other, one))

    def begin_stay(self, conversation: Conversation, user: User, role: str, since_seq: int = AT_HEAD) -> Stay:
        """Make ``user`` a member."""
        stay = Stay(role, since_seq)
        before = user.ended.pop(conversation.id, None)
        if before is not None:
            stay.muted = before.muted
        conversation.members[user.id] = stay
        conversation.invited.discard(user.id)
        user.conversations[conversation.id] = conversation
        return stay

    def end_stay(self, conversation: Conversation, user: User) -> Stay:
        """End a membership; ``until_seq`` is AT_HEAD until the end is committed."""
        stay = conversation.members.pop(user.id)
        stay.until_seq = AT_HEAD
        user.conversations.pop(conversation.id, None)
        user.ended[conversation.id] = stay
        return stay

    def _restore_stay(self, conversation_id: int, user_id: int, stay: Stay) -> None:
        conversation, user = self.conversations[conversation_id], self.users[user_id]
        if conversation.kind in (Kind.ANNOUNCEMENTS, Kind.NOTIFICATIONS):
            # nobody joins these; the row only says that it is muted
            if stay.muted:
                conversation.muted.add(user_id)
        elif stay.until_seq is None:
            conversation.members[user_id] = stay
            user.conversations[conversation_id] = conversation
        else:
            user.ended[conversation_id] = stay

    # ---- as one user sees it

    def name_for(self, conversation: Conversation, viewer: int) -> ConversationName:
        """What ``viewer`` calls ``conversation``."""
        kind = conversation.kind
        if kind is Kind.PRIVATE:
            name = conversation.sides.get(viewer)
            if name is None:
                name = names.private_conversation(self.users[self.peer_of(conversation, viewer)].name)
                conversation.sides[viewer] = name
            return name
        match kind:
            case Kind.GROUP:
                return names.group_conversation(conversation.key)
            case Kind.ANNOUNCEMENTS:
                return names.ANNOUNCEMENTS
            case Kind.NOTIFICATIONS:
                return names.NOTIFICATIONS

    def peer_of(self, conversation: Conversation, viewer: int) -> int:
        """The other side of a private chat; in one's own notes oneself."""
        low, _, high = conversation.key.partition(":")
        return int(high) if int(low) == viewer else int(low)

    def conversations_of(self, user: User) -> Iterable[Conversation]:
        """Everything that ``user`` is in now, announcements and own notifications included."""
        yield self.announcements
        if user.notifications is not None:
            yield user.notifications
        yield from user.conversations.values()

    def others(self, conversation: Conversation, sender: int) -> int:
        """How many users other than ``sender`` belong to ``conversation``."""
        members = conversation.members
        if members:
            return len(members) - (sender in members)
        match conversation.kind:
            case Kind.GROUP | Kind.PRIVATE:
                return 0
            case Kind.ANNOUNCEMENTS:
                return len(self.users) - (sender in self.users)
            case Kind.NOTIFICATIONS:
                return int(conversation.key != str(sender))
