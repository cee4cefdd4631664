"""Who may see and do what: the one rule behind push, backlog, history, search, receipts, members and counts.

Default deny. Where the existence of something is secret the answer is ``not_found``, exactly as if it did not exist.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from chat_protocol.errors import ErrorCode
from chat_protocol.limits import MAX_INT
from chat_protocol.names import Kind, kind_of
from chat_server.routing.directory import ADMIN, BOT, Conversation, Directory, User
from chat_server.store.base import AT_HEAD, Scope

RANKS: Final = {"member": 1, "moderator": 2, "owner": 3}
_GONE, _MEMBER, _MODERATOR, _OWNER, _NOBODY = 0, 1, 2, 3, 4

GroupRight = Literal["belong", "invite_to_public", "invite_to_private", "create_invite", "describe", "give_role"]
"""What one does to a group; ``belong`` is to read, post, react, leave and change one's own."""
RightOver = Literal["kick", "delete_message"]
"""What one does to somebody in it."""
ServerRight = Literal["administer", "create_invite", "broadcast", "notify"]
"""What one does to the server."""

IN_GROUP: Final[dict[GroupRight, int]] = {
    "belong": _MEMBER,
    "invite_to_public": _MEMBER,
    "invite_to_private": _MODERATOR,
    "create_invite": _MODERATOR,
    "describe": _MODERATOR,
    "give_role": _OWNER,
}
"""The lowest rank in a group that has each right."""

OVER_SOMEBODY: Final[dict[RightOver, dict[int, int]]] = {
    "kick": {_GONE: _NOBODY, _MEMBER: _MODERATOR, _MODERATOR: _OWNER, _OWNER: _OWNER},
    "delete_message": {_GONE: _MODERATOR, _MEMBER: _MODERATOR, _MODERATOR: _OWNER, _OWNER: _NOBODY},
}
"""The lowest rank that has each right over somebody, by the rank of that one now."""

ON_SERVER: Final[dict[ServerRight, frozenset[str]]] = {
    "administer": frozenset({ADMIN}),
    "create_invite": frozenset({ADMIN}),
    "broadcast": frozenset({ADMIN}),
    "notify": frozenset({ADMIN, BOT}),
}
"""The roles on the server that have each right. None of them is a right inside groups."""


class Denied(Struct, frozen=True):
    """Why not."""

    code: ErrorCode
    message: str


def rank(conversation: Conversation, user: int) -> int:
    """How high ``user`` stands in a group; 0 outside of it."""
    stay = conversation.members.get(user)
    return 0 if stay is None else RANKS.get(stay.role, 1)


def may(group: Conversation, user: User, right: GroupRight) -> bool:
    """Whether ``user`` has ``right`` in ``group``."""
    return rank(group, user.id) >= IN_GROUP[right]


def may_over(group: Conversation, user: User, right: RightOver, other: int) -> bool:
    """Whether ``user`` has ``right`` over the user ``other``, who may be gone from ``group``."""
    return rank(group, user.id) >= OVER_SOMEBODY[right][rank(group, other)]


def may_on_server(user: User, right: ServerRight) -> bool:
    """Whether ``user`` has ``right`` on the server."""
    return not ON_SERVER[right].isdisjoint(user.roles)


def is_admin(user: User) -> bool:
    """Whether ``user`` administers the server; that gives no right inside groups."""
    return may_on_server(user, "administer")


def may_know(conversation: Conversation, user: User) -> bool:
    """Whether ``user`` may know that a group exists."""
    return conversation.visibility == "public" or user.id in conversation.members or user.id in conversation.invited


def find_group(directory: Directory, user: User, name: str) -> Conversation | Denied:
    """The group ``name``, if ``user`` is a member of it."""
    group = directory.group(name)
    if group is None or not may_know(group, user):
        return Denied(ErrorCode.NOT_FOUND, "there is no such group")
    if not may(group, user, "belong"):
        return Denied(ErrorCode.NOT_MEMBER, f"you are not a member of #{group.key}, join it first")
    return group


def find(directory: Directory, user: User, name: str) -> Conversation | Denied | None:
    """The conversation that ``user`` calls ``name``, if they belong to it.

    None for a private chat in which nothing was said yet.
    """
    match kind_of(name):
        case Kind.GROUP:
            return find_group(directory, user, name)
        case Kind.PRIVATE:
            peer = directory.user(name[1:])
            if peer is None:
                return Denied(ErrorCode.NOT_FOUND, "there is no such user")
            return directory.private(user.id, peer.id)
        case Kind.ANNOUNCEMENTS:
            return directory.announcements
        case Kind.NOTIFICATIONS:
            return user.notifications
        case None:
            return Denied(
                ErrorCode.NOT_FOUND, "a conversation is written #group, @user, !announcements or !notifications"
            )


def first_visible(conversation: Conversation, user: User) -> int:
    """The first seq of ``conversation`` that ``user``, who belongs to it now, may see."""
    if conversation.kind is not Kind.GROUP:
        return 1
    stay = conversation.members.get(user.id)
    if stay is None:
        return MAX_INT
    if conversation.history == "all":
        return 1
    return MAX_INT if stay.since_seq == AT_HEAD else stay.since_seq


def may_read(conversation: Conversation, user: User, seq: int) -> bool:
    """Whether ``user`` may see the event at ``seq`` of ``conversation`` at this moment."""
    match conversation.kind:
        case Kind.ANNOUNCEMENTS:
            return True
        case Kind.NOTIFICATIONS:
            return conversation is user.notifications
        case Kind.GROUP | Kind.PRIVATE:
            return user.id in conversation.members and seq >= first_visible(conversation, user)


def scopes(directory: Directory, user: User) -> list[Scope]:
    """Everything that ``user`` may read."""
    return [scope(conversation, user) for conversation in directory.conversations_of(user)]


def scope(conversation: Conversation, user: User) -> Scope:
    """What ``user`` may read of ``conversation``."""
    return Scope(conversation.id, first_visible(conversation, user), MAX_INT)
