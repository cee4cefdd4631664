"""Put the events of each conversation into the order of its log, once each. Pure: no I/O, no clock.

An event is let through when all before it were, or were announced as skipped. What comes early is held. A hole that
nothing on its way can fill is asked for by ``history``: the caller sends what :meth:`Sequence.hole` tells.
"""

from collections.abc import Iterable

from chat_client.core.events import Arrived, Skipped
from chat_protocol.packets import LogEvent

__all__ = ["Sequence"]


class Sequence:
    """The order of one conversation on one connection."""

    __slots__ = ("_held", "_skips", "conversation", "cursor", "is_asking")

    def __init__(self, conversation: str, cursor: int) -> None:
        self.conversation = conversation
        self.cursor = cursor
        """Everything up to here was let through."""
        self.is_asking = False
        """Whether a page of history is on its way."""
        self._held: dict[int, LogEvent] = {}
        self._skips: dict[int, tuple[int, str]] = {}

    def take(self, events: Iterable[LogEvent]) -> list[Arrived | Skipped]:
        """Take events as they come, in any order and any number of times, and return what can be shown now."""
        ready: list[LogEvent] = []
        for event in events:
            if event.seq == self.cursor + 1 and not self._held and not self._skips:
                self.cursor = event.seq
                ready.append(event)
            elif event.seq > self.cursor:
                self._held[event.seq] = event
        out: list[Arrived | Skipped] = [Arrived(self.conversation, tuple(ready))] if ready else []
        return out + self._drain()

    def skip(self, first_seq: int, last_seq: int, reason: str) -> list[Arrived | Skipped]:
        """Take the announcement of a hole and return what can be shown now."""
        if last_seq > self.cursor and first_seq <= last_seq:
            first_seq = max(first_seq, self.cursor + 1)
            known = self._skips.get(first_seq, (0, ""))
            if last_seq > known[0]:
                self._skips[first_seq] = (last_seq, reason)
        return self._drain()

    def answer(self, events: Iterable[LogEvent], more: bool) -> list[Arrived | Skipped]:
        """Take the page of history that was asked for; what it leaves out cannot be seen by the user."""
        self.is_asking = False
        page = [event for event in events if event.seq > self.cursor]
        self._held.update((event.seq, event) for event in page)
        known_to = page[-1].seq if page and more else max(max(self._held, default=0), self.cursor)
        out: list[Arrived | Skipped] = []
        while self.cursor < known_to:
            out += self._drain()
            following = [seq for seq in (*self._held, *self._skips) if seq > self.cursor]
            if self.cursor >= known_to or not following:
                break
            end = min(following) - 1
            out += self.skip(self.cursor + 1, end, "not_visible")
        return out + self._drain()

    def hole(self) -> int | None:
        """Return after which seq to ask for history, because something later is held; None if nothing is missing."""
        if self.is_asking or not (self._held or self._skips):
            return None
        return self.cursor

    def _drain(self) -> list[Arrived | Skipped]:
        out: list[Arrived | Skipped] = []
        ready: list[LogEvent] = []
        while self._held or self._skips:
            following = self.cursor + 1
            event = self._held.pop(following, None)
            if event is not None:
                ready.append(event)
                self.cursor = following
                continue
            skip = self._skips.pop(following, None)
            if skip is None:
                if not self._forget_old():
                    break
                continue
            if ready:
                out.append(Arrived(self.conversation, tuple(ready)))
                ready = []
            out.append(Skipped(self.conversation, following, skip[0], skip[1]))
            self.cursor = skip[0]
        if ready:
            out.append(Arrived(self.conversation, tuple(ready)))
        return out

    def _forget_old(self) -> bool:
        """Drop what lies at or below the cursor; tell whether a skip that reaches beyond it was moved up."""
        for seq in [seq for seq in self._held if seq <= self.cursor]:
            del self._held[seq]
        moved = False
        for first in [first for first in self._skips if first <= self.cursor]:
            last, reason = self._skips.pop(first)
            if last > max(self.cursor, self._skips.get(self.cursor + 1, (0, ""))[0]):
                self._skips[self.cursor + 1] = (last, reason)
            moved = moved or last > self.cursor
        return moved
