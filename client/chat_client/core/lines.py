"""Turn events of a log into lines that are safe to show, and apply edits, deletions and reactions to them. Pure."""

import sys
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from chat_client.core.state import LooseReaction, Message, ReactionCount, SystemLine
from chat_client.core.text import Safe, printable, safe_line
from chat_client.core.timeline import Gap, Timeline
from chat_protocol.packets import (
    Broadcast,
    Deleted,
    Edited,
    GroupMessage,
    LogEvent,
    Notification,
    PrivateMessage,
    Reaction,
    SystemMessage,
)

__all__ = ["Loose", "add_events", "is_unread", "line_of", "with_reaction"]

Loose = Mapping[str, tuple[LooseReaction, ...]]


def line_of(event: LogEvent, me: str) -> Message | SystemLine | None:
    """Return the line that an event is shown as; None for one that only changes another line."""
    match event:
        case GroupMessage() | PrivateMessage():
            mentions = event.mentions if isinstance(event.mentions, tuple) else ()
            return replace(
                _message(event, me),
                reply_to=event.reply_to if isinstance(event.reply_to, str) else None,
                mentions=tuple(str(safe_line(user)) for user in mentions),
                mentions_me=me in mentions and event.sender != me,
            )
        case Broadcast():
            return replace(_message(event, me), kind="broadcast")
        case Notification():
            return replace(
                _message(event, me),
                kind="notification",
                topic=safe_line(event.kind),
                about=str(safe_line(event.about)) if isinstance(event.about, str) else None,
                about_seq=event.about_seq if isinstance(event.about_seq, int) else None,
            )
        case SystemMessage():
            return SystemLine(
                event.seq,
                event.message_id,
                safe_line(event.action),
                safe_line(event.subject),
                safe_line(event.content),
                event.timestamp,
            )
        case Edited() | Deleted() | Reaction():
            return None


def _message(event: GroupMessage | PrivateMessage | Broadcast | Notification, me: str) -> Message:
    deleted = event.deleted is True
    return Message(
        seq=event.seq,
        message_id=event.message_id,
        sender=sys.intern(str(safe_line(event.sender))),  # few people write many messages
        sender_name=Safe(sys.intern(safe_line(event.sender_name))),
        content=printable(event.content) if isinstance(event.content, str) and not deleted else Safe(""),
        timestamp_ms=event.timestamp,
        mine=event.sender == me,
        edited_at_ms=event.edited_at if isinstance(event.edited_at, int) else None,
        deleted=deleted,
    )


def add_events(
    timeline: Timeline,
    loose: Loose,
    events: Iterable[LogEvent],
    me: str,
    covered: tuple[int, int] | None = None,
) -> tuple[Timeline, Loose]:
    """Put events (ascending) into a timeline: new lines, and what edits, deletions and reactions change.

    A reaction to a message that is not loaded goes into ``loose`` and is applied when the message comes. An edit or a
    deletion of such a message needs no memory: history shows messages as they stand.
    """
    changes: list[Edited | Deleted | Reaction] = []
    messages: list[LogEvent] = []
    for event in events:
        if isinstance(event, Reaction) and timeline.by_id(event.target) is None:
            loose = _remember(loose, event)
        elif isinstance(event, Edited | Deleted | Reaction):
            changes.append(event)
        else:
            messages.append(event)
    lines = [line for event in messages if (line := _line_with_known(event, me, timeline, loose)) is not None]
    if loose and lines:
        came = {line.message_id for line in lines}
        if not came.isdisjoint(loose):
            loose = {target: kept for target, kept in loose.items() if target not in came}
    timeline = timeline.put(lines, covered)
    for change in changes:
        timeline = _apply(timeline, change)
    return timeline, loose


def _line_with_known(event: LogEvent, me: str, timeline: Timeline, loose: Loose) -> Message | SystemLine | None:
    """Return an event's line with the reactions that came before it, and what is known of it from another telling."""
    line = line_of(event, me)
    if not isinstance(line, Message):
        return line
    known = timeline.by_seq(line.seq)
    if isinstance(known, Message):
        line = replace(
            line, reactions=known.reactions, result=known.result, delivered=known.delivered, stored=known.stored
        )
    for reaction in sorted(loose.get(line.message_id, ()), key=lambda entry: entry.seq):
        line = with_reaction(line, reaction.user, reaction.emoji, reaction.removed)
    return line


def _remember(loose: Loose, event: Reaction) -> Loose:
    known = loose.get(event.target, ())
    if any(entry.seq == event.seq for entry in known):
        return loose
    return {**loose, event.target: (*known, LooseReaction(event.seq, event.sender, event.emoji, event.removed))}


def _apply(timeline: Timeline, change: Edited | Deleted | Reaction) -> Timeline:
    target = timeline.by_id(change.target)
    if not isinstance(target, Message) or target.status != "sent":
        return timeline
    changed = target
    match change:
        case Edited():
            is_older = target.edited_at_ms is not None and change.timestamp < target.edited_at_ms
            if change.deleted is True or target.deleted or is_older or not isinstance(change.content, str):
                return timeline
            changed = replace(target, content=printable(change.content), edited_at_ms=change.timestamp)
        case Deleted():
            changed = replace(target, content=Safe(""), deleted=True, reactions=())
        case Reaction():
            changed = with_reaction(target, change.sender, change.emoji, change.removed)
    return timeline.replace(changed)


def with_reaction(message: Message, user: str, emoji: str, removed: bool) -> Message:
    """Return the message with one user's reaction added or taken back; itself where nothing changes."""
    user, shown = str(safe_line(user)), safe_line(emoji)
    counts = {count.emoji: count.users for count in message.reactions}
    users = counts.get(shown, ())
    if removed == (user not in users) or message.deleted:
        return message
    if removed:
        counts[shown] = tuple(other for other in users if other != user)
    else:
        counts[shown] = (*users, user)
    return replace(message, reactions=tuple(ReactionCount(key, value) for key, value in counts.items() if value))


def is_unread(line: Message | SystemLine | Gap) -> bool:
    """Tell whether a line counts as unread until it was shown: a message of somebody else."""
    return isinstance(line, Message) and not line.mine and line.status == "sent"
