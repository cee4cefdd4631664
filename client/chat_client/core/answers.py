"""What the server answers to questions, made safe to show. Values only."""

from collections.abc import Mapping
from typing import Any

import msgspec

from chat_client.core.state import Member, Message, Person, PresenceState
from chat_client.core.text import Safe, printable, safe_line
from chat_protocol.packets import DeviceInfo as WireDevice
from chat_protocol.packets import GroupInfo as WireGroup
from chat_protocol.packets import MemberInfo as WireMember
from chat_protocol.packets import Recipient as WireRecipient
from chat_protocol.packets import UserInfo as WireUser

__all__ = [
    "Device",
    "Group",
    "Hit",
    "Recipient",
    "SearchPage",
    "device",
    "group",
    "member",
    "person",
    "presence_of",
    "recipient",
    "safe_tree",
]


class Group(msgspec.Struct, frozen=True):
    """A group that one may see."""

    group: str
    """Without ``#``."""
    title: Safe
    topic: Safe
    members: int
    joined: bool
    visibility: str


class Device(msgspec.Struct, frozen=True):
    """One of the user's own devices."""

    device_id: str
    device: Safe
    last_seen_ms: int
    current: bool


class Recipient(msgspec.Struct, frozen=True):
    """How far a message got at one user."""

    user: str
    state: str
    """``stored``, ``sent``, ``delivered`` or ``read``."""
    at_ms: int | None
    attempts: int
    reason: Safe
    next_retry_ms: int | None


class Hit(msgspec.Struct, frozen=True):
    """A message that a search found, as it stands now."""

    conversation: str
    message: Message
    snippet: Safe


class SearchPage(msgspec.Struct, frozen=True):
    """Hits, newest first."""

    hits: tuple[Hit, ...]
    before: int | None
    """Give this to the next search for older hits; None: there are no more."""
    local: bool = False
    """Whether only what this device holds was searched, because there is no connection."""


def presence_of(text: str) -> PresenceState:
    """Return the presence that a server's word stands for; ``unknown`` for one that this client does not know."""
    match text:
        case "online" | "away" | "dnd" | "offline":
            return text
        case _:
            return "unknown"


def group(info: WireGroup) -> Group:
    """Make a listed group safe to show."""
    return Group(
        str(safe_line(info.group)),
        safe_line(info.title),
        safe_line(info.topic),
        info.members,
        info.joined,
        str(safe_line(info.visibility)),
    )


def person(info: WireUser | WireMember) -> Person:
    """Make a listed user safe to show."""
    return Person(
        str(safe_line(info.user)), safe_line(info.display_name), presence_of(info.presence), safe_line(info.text)
    )


def member(info: WireMember) -> Member:
    """Make a listed member safe to show."""
    return Member(str(safe_line(info.user)), safe_line(info.display_name), str(safe_line(info.role)))


def device(info: WireDevice) -> Device:
    """Make a listed device safe to show."""
    return Device(str(safe_line(info.device_id)), safe_line(info.device), info.last_seen, info.current)


def recipient(info: WireRecipient) -> Recipient:
    """Make a recipient of ``receipts`` safe to show."""
    return Recipient(
        str(safe_line(info.user)),
        str(safe_line(info.state)),
        info.at,
        info.attempts,
        safe_line(info.reason) if isinstance(info.reason, str) else Safe(""),
        info.next_retry_ms if isinstance(info.next_retry_ms, int) else None,
    )


def safe_tree(value: Any, depth: int = 8) -> Any:
    """Make every text in a JSON value safe to show, keys too; what is nested deeper than ``depth`` is left out."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {safe_line(str(key)): safe_tree(item, depth - 1) for key, item in value.items()} if depth else {}
    if isinstance(value, list | tuple):
        return [safe_tree(item, depth - 1) for item in value] if depth else []
    return value
