"""What happened while one was away, on one page: who named the user, then what waits in each conversation. Pure."""

from collections.abc import Iterator
from typing import Final

from chat_client.core.language import tr, tr_n
from chat_client.core.results import Listing, Row
from chat_client.core.state import ClientState, Conversation, Message
from chat_client.core.text import Safe, safe_line

__all__ = ["catch_up"]

MAX_MENTIONS: Final = 50


def catch_up(state: ClientState) -> Listing:
    """Return unread mentions, oldest first, then conversations with unread messages, the most urgent first."""
    waiting = sorted(
        (entry for entry in state.conversations.values() if entry.unread), key=lambda entry: entry.sort_key
    )
    named = sorted(
        ((message, entry) for entry in waiting if entry.mentions for message in _mentions(entry)),
        key=lambda pair: pair[0].timestamp_ms,
    )
    rows = [
        Row((tr("@you"), safe_line(entry.name), _said(message)), entry.name, message.seq)
        for message, entry in named[:MAX_MENTIONS]
    ]
    rows += [Row((_count(entry), safe_line(entry.name), _last(entry)), entry.name) for entry in waiting]
    note = tr("Enter goes there") if rows else tr("You have seen everything.")
    return Listing(tr("Since you left"), (Safe(""), tr("where"), tr("what")), tuple(rows), note)


def _mentions(entry: Conversation) -> Iterator[Message]:
    for line in entry.timeline.after(entry.read_seq):
        if isinstance(line, Message) and line.mentions_me and not line.deleted:
            yield line


def _count(entry: Conversation) -> Safe:
    return Safe(f"({entry.unread})" if entry.muted else tr_n("{count} new", "{count} new", entry.unread))


def _last(entry: Conversation) -> Safe:
    """Return the newest message that is loaded."""
    for line in reversed(list(entry.timeline.after(entry.read_seq))):
        if isinstance(line, Message) and not line.deleted:
            return _said(line)
    return Safe("")


def _said(message: Message) -> Safe:
    name = tr("you") if message.mine else message.sender
    return safe_line(f"{name}: {' '.join(message.content.split())}")
