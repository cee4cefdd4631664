"""All that is known of one message, as a table. Pure."""

import time
from collections.abc import Sequence

from chat_client.core.answers import Recipient
from chat_client.core.dates import long_day
from chat_client.core.language import tr
from chat_client.core.results import Listing, Row
from chat_client.core.standing import in_order, recipient_detail, state_word, summary, told_at_ack
from chat_client.core.state import Conversation, Message
from chat_client.core.text import Safe, safe_line

__all__ = ["about_message"]


def about_message(
    entry: Conversation, message: Message, recipients: Sequence[Recipient] | None = None, note: str = ""
) -> Listing:
    """Return who wrote it and when, what became of it since, and of an own one how far it got.

    Args:
        entry: Its conversation.
        message: The message.
        recipients: How far it got at each, as the server told; None: it was not asked.
        note: Why not.
    """
    number = tr("^{number} in {name}") if message.seq else tr("none yet in {name}")
    rows: list[tuple[str, str]] = [
        (tr("from"), f"{message.sender_name} (@{message.sender})"),
        (tr("written"), _moment(message.timestamp_ms)),
        (tr("number"), number.format(number=message.seq, name=entry.name)),
    ]
    if message.edited_at_ms is not None:
        rows.append((tr("edited"), _moment(message.edited_at_ms)))
    target = entry.timeline.by_id(message.reply_to) if message.reply_to else None
    if isinstance(target, Message):
        rows.append((tr("answers"), f"{target.sender}: {target.content}"))
    rows += [(tr("reaction"), f"{each.emoji} {', '.join(each.users)}") for each in message.reactions]
    if message.mine:
        rows.append((tr("state"), told_at_ack(message) if recipients is None else summary(recipients)))
    table = [Row((safe_line(name), safe_line(text))) for name, text in rows]
    for each in in_order(recipients or ()):
        detail = recipient_detail(each)
        table.append(
            Row((safe_line(f"@{each.user}"), safe_line(f"{state_word(each)}{': ' if detail else ''}{detail}")))
        )
    title = tr("message deleted") if message.deleted else " ".join(message.content.split())[:60]
    return Listing(safe_line(title), (Safe(""), Safe("")), tuple(table), safe_line(note))


def _moment(timestamp_ms: int) -> str:
    there = time.localtime(timestamp_ms / 1000)
    return f"{long_day(there)} {time.strftime('%H:%M:%S', there)}"
