"""Names of users, groups and conversations (protocol.md 2). A name that went through here is canonical."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NewType

from chat_protocol.limits import MAX_NAME_CHARS

UserName = NewType("UserName", str)
GroupName = NewType("GroupName", str)
ConversationName = NewType("ConversationName", str)
"""``#group``, ``@user``, ``!announcements`` or ``!notifications``, as one user sees it."""

ANNOUNCEMENTS: Final = ConversationName("!announcements")
NOTIFICATIONS: Final = ConversationName("!notifications")
RESERVED: Final = frozenset({"server", "system", "admin", "me", "all", "here"})

_NAME = re.compile(rf"[a-z0-9][a-z0-9_.-]{{0,{MAX_NAME_CHARS - 1}}}")
_MENTION = re.compile(rf"(?<![\w.@-])@([A-Za-z0-9][A-Za-z0-9_.-]{{0,{MAX_NAME_CHARS - 1}}})", re.ASCII)
_LOOKALIKES = str.maketrans({"0": "o", "1": "l"})


class BadName(ValueError):
    """The text is no valid name; the message tells the rule."""


class Kind(StrEnum):
    """The four kinds of conversation."""

    GROUP = "group"
    PRIVATE = "private"
    ANNOUNCEMENTS = "announcements"
    NOTIFICATIONS = "notifications"


def _fold(text: str) -> str:
    # lower() would turn some characters outside ASCII (KELVIN SIGN) into letters of it
    folded = text.lower() if text.isascii() else ""
    if not _NAME.fullmatch(folded):
        raise BadName(
            f"a name is 1 to {MAX_NAME_CHARS} of the letters a-z, digits, '_', '.' and '-', first a letter or a digit"
        )
    return folded


def user_name(text: str) -> UserName:
    """Fold ``text`` to the canonical user name.

    Raises:
        BadName: it breaks the rule for names. A reserved name passes: see :func:`new_name`.
    """
    return UserName(_fold(text))


def group_name(text: str) -> GroupName:
    """Fold ``text`` to the canonical group name; a leading ``#`` is allowed.

    Raises:
        BadName: it breaks the rule for names.
    """
    return GroupName(_fold(text.removeprefix("#")))


def new_name(text: str) -> str:
    """Fold a name that somebody wants to take.

    Raises:
        BadName: it breaks the rule for names, is reserved, or can be confused with a reserved one.
    """
    folded = _fold(text)
    # a digit 1 may be read as either letter
    if skeleton(folded) in _RESERVED_LOOKS or folded.replace("1", "i") in RESERVED:
        raise BadName(f"the name {folded} is reserved, or looks like one that is: choose another")
    return folded


def skeleton(name: str) -> str:
    """What a name looks like: two names with one skeleton are confusable and may not both be taken."""
    return name.translate(_LOOKALIKES).replace("rn", "m").replace("vv", "w")


_RESERVED_LOOKS: Final = frozenset(map(skeleton, RESERVED))


def group_conversation(group: str) -> ConversationName:
    """The conversation of ``group``."""
    return ConversationName("#" + group)


def private_conversation(peer: str) -> ConversationName:
    """The private chat with ``peer``, as the other side of it names it."""
    return ConversationName("@" + peer)


def kind_of(conversation: str) -> Kind | None:
    """The kind of a conversation by its name's form, or None for a text that names none."""
    match conversation[:1]:
        case "#":
            return Kind.GROUP
        case "@":
            return Kind.PRIVATE
        case _:
            pass
    if conversation == ANNOUNCEMENTS:
        return Kind.ANNOUNCEMENTS
    if conversation == NOTIFICATIONS:
        return Kind.NOTIFICATIONS
    return None


def mentioned(content: str) -> list[str]:
    """The names written as ``@name`` in ``content``, folded, each once, in order.

    Whether they exist is not known here.
    """
    if "@" not in content:
        return []
    found = (match.group(1).rstrip(".-").lower() for match in _MENTION.finditer(content))
    return list(dict.fromkeys(found))
