"""How one conversation changes. Pure; :mod:`chat_client.core.reduce` decides which one and when."""

from collections.abc import Iterator

from msgspec.structs import replace

from chat_client.core import events, reading
from chat_client.core.lines import add_events, is_unread
from chat_client.core.state import Conversation, Message, NoticeKind, Typist, kind_of
from chat_client.core.text import Safe, safe_line
from chat_client.core.timeline import Gap, Timeline
from chat_protocol.packets import ConversationChanged, ConversationEntry

__all__ = ["alerts", "arrived", "change", "emptied", "fresh", "from_entry"]


def change(conversation: Conversation, event: events.ConversationEvent, me: str) -> Conversation:
    """Return the conversation after ``event``; the same object where nothing changes."""
    match event:
        case events.Acked():
            return _acked(conversation, event)
        case events.Skipped():
            return _skipped(conversation, event)
        case events.HistoryLoading():
            return replace(conversation, loading_older=event.loading)
        case events.HistoryLoaded():
            return _loaded(conversation, event, me)
        case events.MessageQueued():
            return _queued(conversation, event)
        case events.MessageWaits() | events.MessageFailed() | events.MessageDiscarded():
            return _unsent(conversation, event)
        case events.ReadReceived():
            return _read_moved(conversation, event, me)
        case _:
            return _acted(conversation, event)


def _acted(conversation: Conversation, event: events.ConversationEvent) -> Conversation:
    """What the people in it do besides writing, and the user most of all."""
    match event:
        case events.TypingReceived():
            return _typing(conversation, event)
        case events.MembersListed():
            return replace(conversation, members=event.members)
        case events.Shown():
            return reading.settle(reading.show(conversation, event.first_seq, event.last_seq))
        case events.MarkedRead():
            newest = max(conversation.last_seq, conversation.cursor)
            if event.up_to is None or event.up_to >= newest:
                return reading.mark_all(conversation)
            return reading.mark_to(conversation, event.up_to)
        case events.LetGo():
            return _let_go(conversation, event.keep)
        case events.DraftChanged():
            return replace(conversation, draft=event.text)
        case events.MutedChanged():
            return replace(conversation, muted=event.muted)
        case _:
            raise AssertionError(f"an event that nobody handles: {type(event).__name__}")


def fresh(name: str) -> Conversation:
    """Return a conversation of which nothing is known but its name."""
    return Conversation(name=name, kind=kind_of(name))


def emptied(conversation: Conversation) -> Conversation:
    """Return the conversation without its log, with what was written but not sent."""
    return Conversation(
        name=conversation.name,
        kind=conversation.kind,
        title=conversation.title,
        topic=conversation.topic,
        role=conversation.role,
        visibility=conversation.visibility,
        muted=conversation.muted,
        draft=conversation.draft,
        timeline=Timeline().with_pending(conversation.timeline.pending),
    )


def from_entry(known: Conversation | None, entry: ConversationEntry | ConversationChanged) -> Conversation:
    """Return the conversation as the server's entry tells it, with what this device has of its log."""
    if known is None:
        known = fresh(entry.conversation)
    if known.cursor == 0 and known.last_seq == 0 and known.timeline.first_seq == 0:
        known = replace(known, cursor=entry.cursor, loaded_from=entry.cursor + 1, has_older=entry.cursor > 0)
    changed = replace(
        known,
        title=safe_line(entry.title),
        topic=safe_line(entry.topic),
        role=None if entry.role is None else str(safe_line(entry.role)),
        visibility=str(safe_line(entry.visibility)) if isinstance(entry.visibility, str) else known.visibility,
        muted=entry.muted,
        last_seq=entry.last_seq,
    )
    if entry.read_seq >= known.read_seq:
        seen = tuple((low, high) for low, high in known.seen if high > entry.read_seq)
        return replace(changed, read_seq=entry.read_seq, unread=entry.unread, mentions=entry.mentions, seen=seen)
    # The user read further on this device than the server knows by now; it will be told.
    behind = replace(changed, read_seq=entry.read_seq, unread=entry.unread, mentions=entry.mentions)
    return reading.mark_to(behind, known.read_seq)


def arrived(conversation: Conversation, event: events.Arrived, me: str) -> Conversation:
    """Add new events, all above the cursor."""
    new = [entry for entry in event.events if entry.seq > conversation.cursor]
    if not new:
        return conversation
    timeline = conversation.timeline
    if new[0].seq > conversation.cursor + 1 and not timeline.first_seq:
        # A conversation that was not known begins in the middle of its log.
        conversation = replace(conversation, loaded_from=new[0].seq, has_older=True)
    if timeline.pending:
        for entry in new:
            if entry.sender == me:
                timeline = timeline.without_pending(entry.message_id)
    before = conversation.last_seq
    timeline, loose = add_events(timeline, conversation.loose, new, me)
    senders = {entry.sender for entry in new}
    unread, mentions = conversation.unread, conversation.mentions
    for line in timeline.after(max(before, conversation.read_seq)):
        if is_unread(line) and isinstance(line, Message):
            unread += 1
            mentions += line.mentions_me
    return replace(
        conversation,
        timeline=timeline,
        loose=loose,
        cursor=new[-1].seq,
        last_seq=max(before, new[-1].seq),
        unread=unread,
        mentions=mentions,
        last_timestamp_ms=max(conversation.last_timestamp_ms, new[-1].timestamp),
        typing=tuple(typist for typist in conversation.typing if typist.user not in senders),
    )


def alerts(before: Conversation, after: Conversation) -> Iterator[tuple[NoticeKind, Message]]:
    """Yield what came unread between two values and is worth a bell, oldest first."""
    for line in after.timeline.after(max(before.cursor, after.read_seq)):
        if not isinstance(line, Message) or not is_unread(line) or line.deleted:
            continue
        match after.kind:
            case "private":
                yield "private", line
            case "announcements":
                yield "broadcast", line
            case "notifications":
                yield "notification", line
            case "group":
                if line.mentions_me:
                    yield "mention", line


def _skipped(conversation: Conversation, event: events.Skipped) -> Conversation:
    """Note a hole that was announced; the cursor passes it."""
    first = max(event.first_seq, conversation.cursor + 1)
    if event.last_seq < first:
        return conversation
    gap = Gap(first, event.last_seq, str(safe_line(event.reason)))
    return replace(
        conversation,
        timeline=conversation.timeline.put((gap,)),
        cursor=event.last_seq,
        last_seq=max(conversation.last_seq, event.last_seq),
    )


def _acked(conversation: Conversation, event: events.Acked) -> Conversation:
    """Note how far an own message got; it stands in the timeline already, or waits for an earlier event."""
    line = conversation.timeline.by_id(event.message_id)
    if not isinstance(line, Message):
        return conversation
    told = replace(line, result=event.result, delivered=event.delivered, stored=event.stored)
    if line.status == "sent":
        return replace(conversation, timeline=conversation.timeline.replace(told))
    if event.seq <= conversation.cursor:
        # a repeat of what this device passed long ago: the log has it, only its page is not loaded
        return replace(conversation, timeline=conversation.timeline.without_pending(event.message_id))
    return conversation


def _loaded(conversation: Conversation, event: events.HistoryLoaded, me: str) -> Conversation:
    """Put a page of history into its place."""
    if event.last_seq + 1 < conversation.loaded_from and conversation.timeline.first_seq:
        # An island before what is loaded (a search hit): what lies between is a gap.
        between = Gap(event.last_seq + 1, conversation.loaded_from - 1, "limit")
        conversation = replace(conversation, timeline=conversation.timeline.put((between,)))
    page = sorted((*event.events, *event.reactions), key=lambda entry: entry.seq)
    timeline, loose = add_events(conversation.timeline, conversation.loose, page, me, (event.first_seq, event.last_seq))
    timeline = timeline.put(Gap(*gap) for gap in event.gaps)
    low = min(conversation.loaded_from, event.first_seq)
    has_older = conversation.has_older
    if event.first_seq <= conversation.loaded_from:
        has_older = low > 1 if event.has_older is None else event.has_older
    last = event.events[-1].timestamp if event.events else 0
    changed = replace(
        conversation,
        timeline=timeline,
        loose=loose,
        loaded_from=low,
        has_older=has_older,
        loading_older=False,
        last_timestamp_ms=max(conversation.last_timestamp_ms, last),
    )
    return reading.place_line(changed)


def _queued(conversation: Conversation, event: events.MessageQueued) -> Conversation:
    """Show a message that waits to be sent, as the last one."""
    timeline = conversation.timeline
    changed = replace(
        conversation,
        timeline=timeline.with_pending((*timeline.pending, event.message)),
        last_timestamp_ms=max(conversation.last_timestamp_ms, event.message.timestamp_ms),
        sent_in_visit=conversation.sent_in_visit or conversation.visit_read_seq is not None,
    )
    return reading.settle(changed)


def _unsent(
    conversation: Conversation, event: events.MessageWaits | events.MessageFailed | events.MessageDiscarded
) -> Conversation:
    """Show why a message is not sent, or take it away."""
    timeline = conversation.timeline
    if isinstance(event, events.MessageDiscarded):
        return replace(conversation, timeline=timeline.without_pending(event.message_id))
    status = "failed" if isinstance(event, events.MessageFailed) else "pending"
    changed = tuple(
        replace(message, status=status, reason=event.reason) if message.message_id == event.message_id else message
        for message in timeline.pending
    )
    return replace(conversation, timeline=timeline.with_pending(changed))


def _let_go(conversation: Conversation, keep: int) -> Conversation:
    """Let the oldest lines go, as if they had not been loaded yet."""
    timeline = conversation.timeline.newest(keep)
    if timeline is conversation.timeline:
        return conversation
    return replace(conversation, timeline=timeline, loaded_from=timeline.first_seq, has_older=True)


def _read_moved(conversation: Conversation, event: events.ReadReceived, me: str) -> Conversation:
    """Note that the user read on another device, or that the peer of a private chat did."""
    if event.user == me:
        return reading.settle(reading.mark_to(conversation, event.seq))
    if conversation.name == f"@{event.user}" and event.seq > conversation.peer_read_seq:
        return replace(conversation, peer_read_seq=event.seq)
    return conversation


def _typing(conversation: Conversation, event: events.TypingReceived) -> Conversation:
    """Note that somebody is typing."""
    others = tuple(typist for typist in conversation.typing if typist.user != event.user)
    return replace(conversation, typing=(*others, Typist(str(Safe(safe_line(event.user))), event.until_ms)))
