"""In which order queued messages go out, and what a refusal means for those behind it. Pure: no I/O, no clock.

Each conversation is a lane. A lane sends ahead (up to :data:`WINDOW` requests at once) and never overtakes itself:
after a transient refusal it waits until everything that is on its way was answered, and starts again from the first
one.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final, Literal

from msgspec import UNSET, Struct

from chat_protocol import packets
from chat_protocol.errors import TRANSIENT

__all__ = ["WINDOW", "Outgoing", "SendQueue", "backoff_ms"]

WINDOW: Final = 32
"""Requests of one conversation that may be unanswered at once."""

_FIRST_PAUSE_MS: Final = 500
_LONGEST_PAUSE_MS: Final = 30_000

OutgoingKind = Literal["message", "edit", "delete", "react"]


class Outgoing(Struct, frozen=True):
    """Something the user wrote that has to reach the log of a conversation exactly once."""

    message_id: str
    conversation: str
    kind: OutgoingKind
    created_ms: int
    content: str = ""
    reply_to: str | None = None
    target: str = ""
    emoji: str = ""
    removed: bool = False

    def packet(
        self, request_id: int
    ) -> packets.PostGroup | packets.PostPrivate | packets.Edit | packets.Delete | packets.React:
        """Return the request that sends it."""
        name = self.conversation[1:]
        reply_to = UNSET if self.reply_to is None else self.reply_to
        match self.kind:
            case "edit":
                return packets.Edit(request_id, self.message_id, self.target, self.content)
            case "delete":
                return packets.Delete(request_id, self.message_id, self.target)
            case "react":
                return packets.React(request_id, self.message_id, self.target, self.emoji, self.removed)
            case "message":
                if self.conversation.startswith("#"):
                    return packets.PostGroup(request_id, name, self.message_id, self.content, reply_to)
                return packets.PostPrivate(request_id, name, self.message_id, self.content, reply_to)


def backoff_ms(attempts: int, asked_ms: int | None = None) -> int:
    """Return how long to wait after ``attempts`` refusals in a row: doubling, at least what the server asked."""
    pause = min(_FIRST_PAUSE_MS << min(max(attempts - 1, 0), 10), _LONGEST_PAUSE_MS)
    return max(pause, asked_ms or 0)


class _Lane:
    __slots__ = ("attempts", "flying", "is_refused", "items", "paused_until_ms")

    def __init__(self) -> None:
        self.items: deque[Outgoing] = deque()
        self.flying: set[str] = set()
        self.is_refused = False
        self.paused_until_ms = 0
        self.attempts = 0

    def next_items(self, now_ms: int) -> list[Outgoing]:
        """Return what goes out now, and count it as on its way."""
        if now_ms < self.paused_until_ms or (self.is_refused and self.flying):
            return []
        self.is_refused = False
        room = WINDOW - len(self.flying)
        chosen: list[Outgoing] = []
        for item in self.items:
            if len(chosen) >= room:
                break
            if item.message_id not in self.flying:
                chosen.append(item)
        self.flying.update(item.message_id for item in chosen)
        return chosen

    def remove(self, message_id: str) -> Outgoing | None:
        self.flying.discard(message_id)
        if self.items and self.items[0].message_id == message_id:
            return self.items.popleft()
        for item in self.items:
            if item.message_id == message_id:
                self.items.remove(item)
                return item
        return None


class SendQueue:
    """All lanes. It outlives connections; :meth:`reset` says that one was lost."""

    def __init__(self, items: Iterable[Outgoing] = ()) -> None:
        self._lanes: dict[str, _Lane] = {}
        self._lane_of: dict[str, str] = {}
        for item in items:
            self.add(item)

    def __len__(self) -> int:
        """Return how many wait or are on their way."""
        return len(self._lane_of)

    def __contains__(self, message_id: object) -> bool:
        """Tell whether this id waits or is on its way."""
        return message_id in self._lane_of

    def add(self, item: Outgoing) -> None:
        """Queue as the last of its conversation. An id that is queued already is not queued again."""
        if item.message_id in self._lane_of:
            return
        self._lanes.setdefault(item.conversation, _Lane()).items.append(item)
        self._lane_of[item.message_id] = item.conversation

    def next_items(self, now_ms: int) -> list[Outgoing]:
        """Return what goes out now, in order, and count it as on its way."""
        return [item for lane in self._lanes.values() if lane.items for item in lane.next_items(now_ms)]

    def get(self, message_id: str) -> Outgoing | None:
        """Return a queued item."""
        lane = self._lanes.get(self._lane_of.get(message_id, ""))
        if lane is None:
            return None
        return next((item for item in lane.items if item.message_id == message_id), None)

    def is_flying(self, message_id: str) -> bool:
        """Tell whether it was sent on this connection and is not answered yet."""
        lane = self._lanes.get(self._lane_of.get(message_id, ""))
        return lane is not None and message_id in lane.flying

    def flying_in(self, conversation: str) -> bool:
        """Tell whether an own event of this conversation may still come as an ack."""
        lane = self._lanes.get(conversation)
        return lane is not None and bool(lane.flying)

    def done(self, message_id: str) -> Outgoing | None:
        """Take it out: it is in the log, or it was refused for good. None if it is not queued."""
        conversation = self._lane_of.pop(message_id, None)
        if conversation is None:
            return None
        lane = self._lanes[conversation]
        item = lane.remove(message_id)
        lane.attempts = 0
        if not lane.items:
            del self._lanes[conversation]
        return item

    def refused(self, message_id: str, code: str, retry_after_ms: int | None, now_ms: int) -> bool:
        """Note a refusal.

        Returns:
            Whether it was transient: then it goes out again by itself, before all that stand behind it. Otherwise the
            caller takes it out with :meth:`done`.
        """
        if code not in TRANSIENT:
            return False
        lane = self._lanes.get(self._lane_of.get(message_id, ""))
        if lane is None:
            return True
        lane.flying.discard(message_id)
        lane.is_refused = True
        if code != "retry_order":
            lane.attempts += 1
            pause = backoff_ms(lane.attempts, retry_after_ms)
            lane.paused_until_ms = max(lane.paused_until_ms, now_ms + pause)
        return True

    def next_due_ms(self, now_ms: int) -> int | None:
        """Return when the earliest pause ends that lies ahead; None if no lane is paused."""
        ahead = [lane.paused_until_ms for lane in self._lanes.values() if lane.items and lane.paused_until_ms > now_ms]
        return min(ahead, default=None)

    def reset(self) -> None:
        """The connection was lost: what was on its way goes out again on the next one."""
        for lane in self._lanes.values():
            lane.flying.clear()
            lane.is_refused = False
            lane.paused_until_ms = 0
