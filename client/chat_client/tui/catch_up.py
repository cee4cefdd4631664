"""What happened while one was away, on one page: mentions, private messages, announcements, then groups. Pure."""

import time
from typing import Final

from chat_client.core.language import tr
from chat_client.core.results import Opened
from chat_client.core.state import ClientState, Conversation, Message
from chat_client.core.terms import conversation_title
from chat_client.core.text import Safe, safe_line
from chat_client.tui.drawing import Piece, Row
from chat_client.tui.panes import badge

__all__ = ["catch_up", "place_of", "waiting"]

MAX_MENTIONS: Final = 50
EXCERPTS: Final = {"private": 3, "announcements": 3, "notifications": 2, "group": 2}
"""Messages shown of a conversation, the newest of those that nobody has seen."""
_ORDER: Final = ("private", "announcements", "notifications", "group")


def waiting(state: ClientState) -> list[Conversation]:
    """Return the conversations with something unread: private chats, announcements, then groups, the fullest first."""
    return sorted(
        (entry for entry in state.conversations.values() if entry.unread),
        key=lambda entry: (entry.muted, _ORDER.index(entry.kind), -entry.unread, -entry.last_timestamp_ms),
    )


def catch_up(state: ClientState, time_format: str) -> list[Row]:
    """Return the page: its rows can be chosen where they lead somewhere, see :func:`place_of`."""
    entries = waiting(state)
    named = sorted(
        ((message, entry) for entry in entries if entry.mentions for message in _unseen(entry) if message.mentions_me),
        key=lambda pair: pair[0].timestamp_ms,
    )
    rows: list[Row] = []
    if named:
        rows.append(_title(tr("Mentions")))
        rows += [_excerpt(message, entry, time_format, where=entry.name) for message, entry in named[:MAX_MENTIONS]]
    kind = ""
    for entry in entries:
        if entry.kind != kind and not entry.muted:
            kind = entry.kind
            rows.append(_title(_heading(kind)))
        lead: tuple[Piece, ...] = ((" ", "text"), (safe_line(entry.name), "strong"))
        title = conversation_title(entry, state)
        if title and title != entry.name[1:]:
            lead = (*lead, (f"  {title}", "dim"))
        rows.append(Row(entry.name, lead, (*badge(entry), (" ", "dim"))))
        said = [message for message in _unseen(entry) if not message.mentions_me]
        rows += [_excerpt(message, entry, time_format) for message in said[-EXCERPTS[entry.kind] :]]
    return rows


def place_of(key: str) -> Opened:
    """Return what a row of the page leads to."""
    name, _, seq = key.partition(" ")
    return Opened(name, int(seq or 0))


def _heading(kind: str) -> Safe:
    match kind:
        case "private":
            return tr("Private messages")
        case "announcements":
            return tr("Announcements")
        case "notifications":
            return tr("Notifications")
        case _:
            return tr("Groups")


def _title(text: Safe) -> Row:
    return Row(left=((f" {text}", "title"),))


def _unseen(entry: Conversation) -> list[Message]:
    """Return what is loaded of it, oldest first."""
    lines = entry.timeline.after(entry.read_seq)
    return [line for line in lines if isinstance(line, Message) and not line.deleted and not line.mine]


def _excerpt(message: Message, entry: Conversation, time_format: str, where: str = "") -> Row:
    """Return a message on one line, which leads to it."""
    clock = time.strftime(time_format, time.localtime(message.timestamp_ms / 1000))
    place: tuple[Piece, ...] = ((f"{safe_line(where)}  ", "accent"),) if where else ()
    said = " ".join(message.content.split())
    author = () if entry.kind == "private" and not where else ((f"{message.sender}: ", "dim"),)
    text: Piece = (safe_line(said), "mention" if where else "text")
    return Row(f"{entry.name} {message.seq}", (("   ", "text"), *place, *author, text), ((f"{clock} ", "dim"),))
