"""How far a message got, in words: of one recipient, of all of them. Pure."""

import time
from collections.abc import Sequence
from typing import Final

from chat_client.core.answers import Recipient
from chat_client.core.dates import short_day
from chat_client.core.language import mark, tr, tr_n
from chat_client.core.state import Message
from chat_client.core.text import Safe, safe_line

__all__ = ["in_order", "recipient_detail", "state_word", "summary", "told_at_ack"]

_ORDER: Final = {"stored": 0, "sent": 1, "delivered": 2, "read": 3}
_WORDS: Final = {
    "stored": mark("waiting"),
    "sent": mark("on its way"),
    "delivered": mark("delivered"),
    "read": mark("read"),
}


def in_order(recipients: Sequence[Recipient]) -> list[Recipient]:
    """Return recipients, those whom the message has not reached first."""
    return sorted(recipients, key=lambda each: (_ORDER.get(each.state, -1), each.user))


def state_word(recipient: Recipient) -> Safe:
    """Return how far a message got at one recipient, and when."""
    known = _WORDS.get(recipient.state)
    word = tr(known) if known is not None else recipient.state
    if recipient.at_ms is None:
        return safe_line(word)
    at = time.localtime(recipient.at_ms / 1000)
    is_today = at[:3] == time.localtime()[:3]
    moment = time.strftime("%H:%M:%S", at) if is_today else f"{short_day(at)} {time.strftime('%H:%M', at)}"
    return safe_line(f"{word} {moment}")


def recipient_detail(recipient: Recipient) -> Safe:
    """Return why a message is not there yet, how often it was tried and when it is tried next; empty: no reason."""
    tried = tr_n("{count} attempt", "{count} attempts", recipient.attempts) if recipient.attempts > 1 else ""
    retry = ""
    if recipient.next_retry_ms is not None:
        retry = tr("next in {seconds:g} s").format(seconds=recipient.next_retry_ms / 1000)
    return safe_line(tr(", ").join(part for part in (recipient.reason, tried, retry) if part))


def summary(recipients: Sequence[Recipient]) -> Safe:
    """Return how many have read a message, have it, and have it not."""
    if not recipients:
        return tr("there was nobody else to get it")
    counts = {state: sum(each.state == state for each in recipients) for state in _ORDER}
    parts = [
        tr(phrase).format(count=counts[state])
        for state, phrase in (
            ("read", mark("read by {count}")),
            ("delivered", mark("delivered to {count}")),
            ("sent", mark("on its way to {count}")),
            ("stored", mark("waiting for {count}")),
        )
        if counts[state]
    ]
    return safe_line(tr("{states} of {count}").format(states=tr(", ").join(parts), count=len(recipients)))


def told_at_ack(message: Message) -> Safe:
    """Return what is known of an own message without asking: that it waits, that it failed and why, what came back."""
    match message.status:
        case "failed":
            reason = message.reason or tr("the server refused it")
            return safe_line(tr("not sent: {reason}; /retry or /discard").format(reason=reason))
        case "pending":
            waits = tr("waits to be sent: {reason}") if message.reason else tr("waits to be sent")
            return safe_line(waits.format(reason=message.reason))
        case _ if message.delivered is None and message.stored is None:
            return tr("stored by the server")
        case _:
            told = tr("stored by the server: {delivered} had it at once, {stored} were away")
            return safe_line(told.format(delivered=message.delivered or 0, stored=message.stored or 0))
