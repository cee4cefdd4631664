"""What is read, what is unread, and where the "n new" line stands. Pure.

The rule above all: the read marker passes a message of somebody else only if that message was on the screen, if the
user read it on another device, or if the user said so (/read).
"""

from itertools import takewhile

from msgspec.structs import replace

from chat_client.core.lines import is_unread
from chat_client.core.state import Conversation, Message
from chat_client.core.timeline import Gap, Line

__all__ = ["arrived_unseen", "enter", "leave", "mark_all", "mark_to", "place_line", "settle", "show"]


def show(conversation: Conversation, first_seq: int, last_seq: int) -> Conversation:
    """Note that a range was on the screen, and move the read marker as far as everything before it was seen."""
    last_seq = min(last_seq, conversation.cursor)
    first_seq = max(first_seq, conversation.read_seq + 1)
    if last_seq < first_seq or _covered(conversation.seen, first_seq, last_seq):
        return conversation
    seen = _union(conversation.seen, first_seq, last_seq)
    marker = _reach(conversation, seen)
    rest = tuple((low, high) for low, high in seen if high > marker)
    return mark_to(replace(conversation, seen=rest), marker)


def _covered(seen: tuple[tuple[int, int], ...], first_seq: int, last_seq: int) -> bool:
    return any(low <= first_seq and last_seq <= high for low, high in seen)


def _union(seen: tuple[tuple[int, int], ...], first_seq: int, last_seq: int) -> tuple[tuple[int, int], ...]:
    apart = []
    for low, high in seen:
        if high < first_seq - 1 or low > last_seq + 1:
            apart.append((low, high))
        else:
            first_seq, last_seq = min(low, first_seq), max(high, last_seq)
    return tuple(sorted([*apart, (first_seq, last_seq)]))


def _reach(conversation: Conversation, seen: tuple[tuple[int, int], ...]) -> int:
    """Return how far everything that can be seen was seen."""
    marker = conversation.read_seq
    if conversation.loaded_from > marker + 1 and conversation.has_older:
        return marker  # what lies between the marker and the first line is not loaded, so nobody has seen it
    reached = marker
    for line in conversation.timeline.after(marker):
        unseen = is_unread(line) or (isinstance(line, Gap) and line.loadable)
        if unseen and not _covered(seen, line.first_seq, line.seq):
            return reached
        if isinstance(line, Gap) and line.loadable:
            return reached  # a gap on the screen shows none of its messages
        reached = line.seq
    # The newest events may be edits and reactions, which have no line.
    return max(reached, conversation.cursor)


def mark_to(conversation: Conversation, seq: int) -> Conversation:
    """Move the read marker to ``seq`` (never back) and count again what is unread."""
    if seq <= conversation.read_seq:
        return conversation
    if seq >= conversation.last_seq:
        return replace(conversation, read_seq=seq, unread=0, mentions=0, seen=_above(conversation, seq))
    read = list(takewhile(lambda line: line.seq <= seq, conversation.timeline.after(conversation.read_seq)))
    if conversation.loaded_from > conversation.read_seq + 1 or any(map(_is_unloaded, read)):
        # Not all that was read is loaded (it was read elsewhere): count what is left.
        left = [line for line in conversation.timeline.after(seq) if isinstance(line, Message) and is_unread(line)]
        # What has not arrived yet counts, too: nobody has seen it.
        missing = conversation.last_seq - max(conversation.cursor, seq)
        unread = min(len(left) + missing, conversation.unread)
        mentions = sum(line.mentions_me for line in left) + min(missing, conversation.mentions)
    else:
        own = [line for line in read if isinstance(line, Message) and is_unread(line)]
        unread = max(0, conversation.unread - len(own))
        mentions = max(0, conversation.mentions - sum(line.mentions_me for line in own))
    return replace(
        conversation, read_seq=seq, unread=unread, mentions=min(mentions, unread), seen=_above(conversation, seq)
    )


def _is_unloaded(line: Line) -> bool:
    return isinstance(line, Gap) and line.loadable


def _above(conversation: Conversation, seq: int) -> tuple[tuple[int, int], ...]:
    return tuple((low, high) for low, high in conversation.seen if high > seq)


def mark_all(conversation: Conversation) -> Conversation:
    """Mark everything that exists as read, because the user said so."""
    return replace(
        mark_to(conversation, max(conversation.last_seq, conversation.cursor)),
        visit_read_seq=None,
        new_from=None,
        new_count=0,
    )


def enter(conversation: Conversation) -> Conversation:
    """Begin a visit: the "n new" line stands above the first unread message until the visit ends or all is read."""
    start = conversation.read_seq if conversation.unread else None
    return place_line(replace(conversation, visit_read_seq=start, new_from=None, new_count=0, sent_in_visit=False))


def leave(conversation: Conversation) -> Conversation:
    """End a visit."""
    return replace(conversation, visit_read_seq=None, new_from=None, new_count=0, sent_in_visit=False)


def place_line(conversation: Conversation) -> Conversation:
    """Put the "n new" line above the first message that was unread when the visit began, if there was one."""
    start = conversation.visit_read_seq
    if start is None:
        return conversation
    first = next((line.seq for line in conversation.timeline.after(start) if is_unread(line)), None)
    if first is None or first == conversation.new_from:
        return conversation
    return replace(conversation, new_from=first, new_count=max(conversation.unread, conversation.new_count, 1))


def arrived_unseen(conversation: Conversation, unread_before: int) -> Conversation:
    """Draw the line in the open conversation when something comes while nobody is looking.

    Args:
        conversation: With what came.
        unread_before: How much was unread until then; 0: a line that is there stands above what is read, and moves.
    """
    came = max(conversation.unread - unread_before, 0)
    if (came and not unread_before) or (conversation.visit_read_seq is None and conversation.unread):
        start = conversation.read_seq
        conversation = replace(conversation, visit_read_seq=start, new_from=None, new_count=0, sent_in_visit=False)
    if conversation.new_from is None:
        return place_line(conversation)
    return replace(conversation, new_count=conversation.new_count + came)


def settle(conversation: Conversation) -> Conversation:
    """Take the line away once the user has read everything and written something."""
    if conversation.visit_read_seq is not None and conversation.sent_in_visit and not conversation.unread:
        return replace(conversation, visit_read_seq=None, new_from=None, new_count=0)
    return conversation
