"""The lines of one conversation: a persistent sequence in log order. It knows nothing of the network or of reading.

Lines that stand in the log are kept in chunks of tuples; a change copies one chunk and the list of chunks, so that
adding a message to 100,000 others costs a few microseconds, older values stay valid and :meth:`Timeline.splices`
finds what changed by comparing identities. Own messages that are not in the log yet (pending or failed) always stand
last.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Final, Literal

import msgspec

from chat_client.core.text import Safe

__all__ = ["EMPTY_TIMELINE", "Gap", "Line", "Message", "ReactionCount", "Splice", "SystemLine", "Timeline"]

CHUNK: Final = 256
"""Lines in a chunk before it is split."""

MessageStatus = Literal["sent", "pending", "failed"]


class ReactionCount(msgspec.Struct, frozen=True):
    """One emoji under a message and who chose it, in the order in which they did."""

    emoji: Safe
    users: tuple[str, ...]


class Message(msgspec.Struct, frozen=True):
    """A group or private message, a broadcast or a notification (protocol.md 3)."""

    seq: int
    """Its place in the log; 0 while it is pending or failed."""
    message_id: str
    sender: str
    sender_name: Safe
    content: Safe
    """Empty after a deletion."""
    timestamp_ms: int
    """The server's clock; the local clock while pending."""
    kind: Literal["message", "broadcast", "notification"] = "message"
    reply_to: str | None = None
    mentions: tuple[str, ...] = ()
    mentions_me: bool = False
    mine: bool = False
    edited_at_ms: int | None = None
    deleted: bool = False
    reactions: tuple[ReactionCount, ...] = ()
    status: MessageStatus = "sent"
    reason: Safe = Safe("")
    """Why it failed and what to do, or why it waits."""
    result: str = ""
    """Of an own message: ``success``, ``partial``, ``stored`` or ``no_recipients``, as the ack told (protocol.md 5)."""
    delivered: int | None = None
    stored: int | None = None
    topic: Safe = Safe("")
    """Of a notification: its kind (``invited``, ``kicked``, ``role`` or the sender's own)."""
    about: str | None = None
    about_seq: int | None = None

    @property
    def first_seq(self) -> int:
        """Where the line begins in the log."""
        return self.seq


class SystemLine(msgspec.Struct, frozen=True):
    """Something that happened in a group: created, joined, left, invited, kicked, role, topic, title."""

    seq: int
    message_id: str
    action: Safe
    subject: Safe
    content: Safe
    timestamp_ms: int

    @property
    def first_seq(self) -> int:
        """Where the line begins in the log."""
        return self.seq


class Gap(msgspec.Struct, frozen=True):
    """Events ``first_seq`` to ``seq`` (inclusive) that are not loaded."""

    first_seq: int
    seq: int
    reason: str
    """``limit``: :meth:`ChatClient.fill_gap` can load them; ``not_visible``, ``retention``: nobody can."""
    loading: bool = False

    @property
    def count(self) -> int:
        """How many events are missing; not all of them need be messages."""
        return self.seq - self.first_seq + 1

    @property
    def loadable(self) -> bool:
        """Whether asking for them makes sense."""
        return self.reason == "limit"


Line = Message | SystemLine | Gap


class Splice(msgspec.Struct, frozen=True):
    """One difference between two timelines: ``old[start:start + removed]`` became ``added``."""

    start: int
    """Index in the old timeline."""
    removed: int
    new_start: int
    """Index in the new timeline."""
    added: tuple[Line, ...]


class Timeline:
    """Lines in log order, then the own ones that are not in the log yet. Immutable."""

    __slots__ = ("_chunks", "_count", "_seq_by_id", "pending")

    def __init__(
        self,
        chunks: tuple[tuple[Line, ...], ...] = (),
        pending: tuple[Message, ...] = (),
        count: int = 0,
        seq_by_id: dict[str, int] | None = None,
    ) -> None:
        self._chunks = chunks
        self._count = count
        # Shared by all timelines of one conversation. An id never gets another seq, so sharing it is safe: a value that
        # does not hold the line finds a seq that it has no line for.
        self._seq_by_id: dict[str, int] = {} if seq_by_id is None else seq_by_id
        self.pending = pending
        """Own messages not in the log yet, oldest first: pending and failed."""

    def __len__(self) -> int:
        """Return the number of lines, pending ones included."""
        return self._count + len(self.pending)

    def __iter__(self) -> Iterator[Line]:
        """Iterate over all lines, oldest first."""
        for chunk in self._chunks:
            yield from chunk
        yield from self.pending

    def __reversed__(self) -> Iterator[Line]:
        """Iterate over all lines, newest first."""
        yield from reversed(self.pending)
        for chunk in reversed(self._chunks):
            yield from reversed(chunk)

    def __getitem__(self, index: int) -> Line:
        """Return a line by its position; negative counts from the end."""
        if index < 0:
            index += len(self)
        if index < 0 or index >= len(self):
            raise IndexError("no such line")
        if index >= self._count:
            return self.pending[index - self._count]
        for chunk in self._chunks:
            if index < len(chunk):
                return chunk[index]
            index -= len(chunk)
        raise AssertionError("the count of lines is wrong")

    def tail(self, count: int) -> list[Line]:
        """Return the last ``count`` lines, oldest first."""
        lines: list[Line] = []
        for line in reversed(self):
            if len(lines) >= count:
                break
            lines.append(line)
        lines.reverse()
        return lines

    @property
    def first_seq(self) -> int:
        """The place in the log where the first line begins; 0 if nothing of the log is loaded."""
        return self._chunks[0][0].first_seq if self._chunks else 0

    @property
    def last_seq(self) -> int:
        """The place in the log of the last line; 0 if nothing of the log is loaded."""
        return self._chunks[-1][-1].seq if self._chunks else 0

    @property
    def last_timestamp_ms(self) -> int:
        """When the newest line that has a time was written; 0 without one."""
        for line in reversed(self):
            if not isinstance(line, Gap):
                return line.timestamp_ms
        return 0

    def by_seq(self, seq: int) -> Line | None:
        """Return the line that stands at ``seq``, also the gap that covers it."""
        place = self._find(seq)
        return None if place is None else self._chunks[place[0]][place[1]]

    def by_id(self, message_id: str) -> Message | SystemLine | None:
        """Return a message (also a pending one) or a system line by its id."""
        seq = self._seq_by_id.get(message_id)
        if seq is not None:
            line = self.by_seq(seq)
            if line is not None and not isinstance(line, Gap) and line.message_id == message_id:
                return line
        for message in self.pending:
            if message.message_id == message_id:
                return message
        return None

    def index_of(self, seq: int) -> int | None:
        """Return the position of the line at ``seq``."""
        place = self._find(seq)
        if place is None:
            return None
        return sum(len(chunk) for chunk in self._chunks[: place[0]]) + place[1]

    def after(self, seq: int) -> Iterator[Line]:
        """Iterate over the lines of the log that end after ``seq``, oldest first."""
        start = bisect_right(self._chunks, seq, key=_chunk_end)
        for chunk in self._chunks[start:]:
            for line in chunk:
                if line.seq > seq:
                    yield line

    def before(self, seq: int) -> Iterator[Line]:
        """Iterate over the lines of the log that begin before ``seq``, newest first."""
        stop = bisect_left(self._chunks, seq, key=_chunk_start)
        for chunk in reversed(self._chunks[:stop]):
            for line in reversed(chunk):
                if line.first_seq < seq:
                    yield line

    def put(self, lines: Iterable[Line], covered: tuple[int, int] | None = None) -> "Timeline":
        """Return the timeline with ``lines`` (ascending) in their places.

        A line takes the place of one with the same seq. ``covered`` is the inclusive range of the log that ``lines``
        tell all about: gaps lose that part. Appending is O(1) amortised, all else O(lines + chunks).
        """
        new = tuple(lines)
        if not new and covered is None:
            return self
        index = self._seq_by_id if self._chunks else {}
        for line in new:
            if not isinstance(line, Gap):
                index[line.message_id] = line.seq
        span = covered or (new[0].first_seq, new[-1].seq)
        low = min(span[0], new[0].first_seq) if new else span[0]
        high = max(span[1], new[-1].seq) if new else span[1]
        start = bisect_left(self._chunks, low, key=_chunk_end)
        stop = bisect_right(self._chunks, high, key=_chunk_start)
        if start == stop and start == len(self._chunks) and self._chunks and len(self._chunks[-1]) + len(new) <= CHUNK:
            start -= 1  # there is room behind the newest line
        old = [line for chunk in self._chunks[start:stop] for line in chunk]
        if old and covered is None and new[0].first_seq > old[-1].seq:
            merged = [*old, *new]
        else:
            merged = _merge(old, new, covered) if old else list(new)
        chunks = self._chunks[:start] + _split(merged) + self._chunks[stop:]
        return Timeline(chunks, self.pending, self._count + len(merged) - len(old), index)

    def replace(self, line: Line) -> "Timeline":
        """Return the timeline with another line in the place of the one with the same seq; itself if there is none."""
        place = self._find(line.seq)
        if place is None:
            return self
        index, offset = place
        chunk = self._chunks[index]
        changed = (*chunk[:offset], line, *chunk[offset + 1 :])
        chunks = (*self._chunks[:index], changed, *self._chunks[index + 1 :])
        return Timeline(chunks, self.pending, self._count, self._seq_by_id)

    def newest(self, count: int) -> "Timeline":
        """Return the timeline without its oldest lines: of those in the log ``count`` stay, or some more."""
        kept = 0
        start = len(self._chunks)
        while start and kept < count:
            start -= 1
            kept += len(self._chunks[start])
        if not start:
            return self
        chunks = self._chunks[start:]
        index = {line.message_id: line.seq for chunk in chunks for line in chunk if not isinstance(line, Gap)}
        return Timeline(chunks, self.pending, kept, index)

    def with_pending(self, pending: tuple[Message, ...]) -> "Timeline":
        """Return the timeline with other messages that wait to be sent."""
        return Timeline(self._chunks, pending, self._count, self._seq_by_id)

    def without_pending(self, message_id: str) -> "Timeline":
        """Return the timeline without the waiting message ``message_id``; itself if there is none."""
        if self.pending and self.pending[0].message_id == message_id:  # acks come in order
            return self.with_pending(self.pending[1:])
        rest = tuple(message for message in self.pending if message.message_id != message_id)
        return self if len(rest) == len(self.pending) else self.with_pending(rest)

    def splices(self, old: "Timeline") -> list[Splice]:
        """Return how ``old`` became this timeline, in ascending order; empty if nothing changed.

        Costs O(chunks) plus the lines of the chunks that changed, whatever the length.
        """
        if old is self:
            return []
        same = sum(1 for _ in takewhile(_is_same, zip(old._chunks, self._chunks, strict=False)))
        known = {id(chunk): index for index, chunk in enumerate(old._chunks[same:], same)}
        found: list[Splice] = []
        old_index = same
        old_line = new_line = sum(map(len, old._chunks[:same]))
        added: list[Line] = []
        for chunk in self._chunks[same:]:
            match = known.get(id(chunk))
            if match is None or match < old_index:
                added.extend(chunk)
                continue
            gone = [line for part in old._chunks[old_index:match] for line in part]
            if gone or added:
                _compare(gone, added, old_line, new_line, found)
            old_line += len(gone) + len(chunk)
            new_line += len(added) + len(chunk)
            old_index = match + 1
            added = []
        gone = [line for part in old._chunks[old_index:] for line in part]
        _compare([*gone, *old.pending], [*added, *self.pending], old_line, new_line, found)
        return found

    def _find(self, seq: int) -> tuple[int, int] | None:
        index = bisect_left(self._chunks, seq, key=_chunk_end)
        if index == len(self._chunks):
            return None
        chunk = self._chunks[index]
        offset = bisect_left(chunk, seq, key=_line_end)
        return (index, offset) if chunk[offset].first_seq <= seq else None


EMPTY_TIMELINE: Final = Timeline()
"""What a conversation starts with."""


def _is_same(pair: tuple[object, object]) -> bool:
    return pair[0] is pair[1]


def _chunk_start(chunk: tuple[Line, ...]) -> int:
    return chunk[0].first_seq


def _chunk_end(chunk: tuple[Line, ...]) -> int:
    return chunk[-1].seq


def _line_end(line: Line) -> int:
    return line.seq


def _split(lines: list[Line]) -> tuple[tuple[Line, ...], ...]:
    return tuple(tuple(lines[start : start + CHUNK]) for start in range(0, len(lines), CHUNK))


def _merge(old: list[Line], new: tuple[Line, ...], covered: tuple[int, int] | None) -> list[Line]:
    """Merge in log order: new lines win over old ones at the same seq, what is covered is taken out of gaps."""
    by_seq: dict[int, Line] = {}
    for line in old:
        if isinstance(line, Gap) and covered is not None:
            for rest in _cut(line, covered):
                by_seq[rest.seq] = rest
        else:
            by_seq[line.seq] = line
    for line in new:
        by_seq[line.seq] = line
    return [by_seq[seq] for seq in sorted(by_seq)]


def _cut(gap: Gap, covered: tuple[int, int]) -> list[Gap]:
    """Return what is left of ``gap`` outside of ``covered``."""
    low, high = covered
    if high < gap.first_seq or low > gap.seq:
        return [gap]
    parts = []
    if gap.first_seq < low:
        parts.append(Gap(gap.first_seq, low - 1, gap.reason))
    if gap.seq > high:
        parts.append(Gap(high + 1, gap.seq, gap.reason))
    return parts


def _compare(old: list[Line], new: list[Line], old_at: int, new_at: int, found: list[Splice]) -> None:
    """Add the one splice between two runs of lines to ``found``, without the lines that they share at either end."""
    head = 0
    while head < len(old) and head < len(new) and old[head] is new[head]:
        head += 1
    tail = 0
    while tail < len(old) - head and tail < len(new) - head and old[-1 - tail] is new[-1 - tail]:
        tail += 1
    if head + tail < max(len(old), len(new)):
        found.append(Splice(old_at + head, len(old) - head - tail, new_at + head, tuple(new[head : len(new) - tail])))
