"""How far a message got, in words: of one recipient, of all of them. Pure."""

import time
from collections.abc import Sequence
from typing import Final

from chat_client.core.answers import Recipient
from chat_client.core.state import Message
from chat_client.core.text import Safe, safe_line

__all__ = ["in_order", "recipient_detail", "state_word", "summary", "told_at_ack"]

_ORDER: Final = {"stored": 0, "sent": 1, "delivered": 2, "read": 3}
_WORDS: Final = {"stored": "waiting", "sent": "on its way", "delivered": "delivered", "read": "read"}


def in_order(recipients: Sequence[Recipient]) -> list[Recipient]:
    """Return recipients, those whom the message has not reached first."""
    return sorted(recipients, key=lambda each: (_ORDER.get(each.state, -1), each.user))


def state_word(recipient: Recipient) -> Safe:
    """Return how far a message got at one recipient, and when."""
    word = _WORDS.get(recipient.state, recipient.state)
    if recipient.at_ms is None:
        return safe_line(word)
    at = time.localtime(recipient.at_ms / 1000)
    is_today = at[:3] == time.localtime()[:3]
    return safe_line(f"{word} {time.strftime('%H:%M:%S' if is_today else '%d %b %H:%M', at)}")


def recipient_detail(recipient: Recipient) -> Safe:
    """Return why a message is not there yet, how often it was tried and when it is tried next; empty: no reason."""
    tried = f"{recipient.attempts} attempts" if recipient.attempts > 1 else ""
    retry = f"next in {recipient.next_retry_ms / 1000:g} s" if recipient.next_retry_ms is not None else ""
    return safe_line(", ".join(part for part in (recipient.reason, tried, retry) if part))


def summary(recipients: Sequence[Recipient]) -> Safe:
    """Return how many have read a message, have it, and have it not."""
    if not recipients:
        return Safe("there was nobody else to get it")
    counts = {state: sum(each.state == state for each in recipients) for state in _ORDER}
    parts = [
        f"{phrase} {count}"
        for phrase, count in (
            ("read by", counts["read"]),
            ("delivered to", counts["delivered"]),
            ("on its way to", counts["sent"]),
            ("waiting for", counts["stored"]),
        )
        if count
    ]
    return safe_line(f"{', '.join(parts)} of {len(recipients)}")


def told_at_ack(message: Message) -> Safe:
    """Return what is known of an own message without asking: that it waits, that it failed and why, what came back."""
    match message.status:
        case "failed":
            return safe_line(f"not sent: {message.reason or 'the server refused it'}; /retry or /discard")
        case "pending":
            return safe_line(f"waits to be sent: {message.reason}" if message.reason else "waits to be sent")
        case _ if message.delivered is None and message.stored is None:
            return Safe("stored by the server")
        case _:
            now = f"{message.delivered or 0} had it at once, {message.stored or 0} were away"
            return safe_line(f"stored by the server: {now}")
