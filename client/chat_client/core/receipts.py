"""When to tell the server what this device has, and that the user is typing. Pure: no I/O, no clock."""

from collections.abc import Mapping
from typing import Final

from chat_client.core import events
from chat_client.core.events import Event
from chat_client.core.state import Conversation
from chat_protocol.packets import Received, Typing

__all__ = ["Coalesced", "ReadMarkers", "TypingLimit"]

MAX_EVENTS: Final = 64
MAX_DELAY_MS: Final = 100
TYPING_MS: Final = 3_000


class Coalesced:
    """``received``, at most one per conversation for every 64 events or 100 ms."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}
        self._stored: dict[str, tuple[int, int]] = {}

    def stored(self, conversation: str, seq: int, now_ms: int) -> None:
        """Note that everything up to ``seq`` is committed on this device."""
        if seq <= self._told.get(conversation, 0):
            return
        known = self._stored.get(conversation)
        self._stored[conversation] = (max(seq, known[0]), known[1]) if known else (seq, now_ms)

    def due(self, now_ms: int) -> list[Received]:
        """Return what is to be told now."""
        packets = []
        for conversation, (seq, since_ms) in list(self._stored.items()):
            if seq - self._told.get(conversation, 0) >= MAX_EVENTS or now_ms - since_ms >= MAX_DELAY_MS:
                packets.append(Received(conversation, seq))
                self._told[conversation] = seq
                del self._stored[conversation]
        return packets

    def next_due_ms(self) -> int | None:
        """Return when the next one is to be told; None if there is nothing to tell."""
        return min((since_ms + MAX_DELAY_MS for _, since_ms in self._stored.values()), default=None)


class ReadMarkers:
    """How far the server knows what the user has read, on one connection."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}

    def note(self, event: Event, me: str) -> None:
        """Learn from what the server says."""
        match event:
            case events.Synced(_, entries):
                self._told = {entry.conversation: entry.read_seq for entry in entries}
            case events.EntryChanged(entry):
                self._raise(entry.conversation, entry.read_seq)
            case events.ReadReceived(conversation, user, seq) if user == me:
                self._raise(conversation, seq)
            case _:
                pass

    def _raise(self, conversation: str, seq: int) -> None:
        self._told[conversation] = max(seq, self._told.get(conversation, 0))

    def untold(self, conversations: Mapping[str, Conversation]) -> bool:
        """Tell whether something was read here that the server does not know."""
        return any(entry.read_seq > self._told.get(name, 0) for name, entry in conversations.items())

    def take(self, conversations: Mapping[str, Conversation]) -> list[tuple[str, int]]:
        """Return what the server is to be told now, and count it as told."""
        moved = [
            (name, entry.read_seq) for name, entry in conversations.items() if entry.read_seq > self._told.get(name, 0)
        ]
        self._told.update(moved)
        return moved


class TypingLimit:
    """``typing``, at most once in 3 s per conversation."""

    def __init__(self) -> None:
        self._last_ms: dict[str, int] = {}

    def typing(self, conversation: str, now_ms: int) -> Typing | None:
        """Return what to send when a key was pressed, if anything."""
        last = self._last_ms.get(conversation)
        if last is not None and 0 <= now_ms - last < TYPING_MS:
            return None
        self._last_ms[conversation] = now_ms
        return Typing(conversation)

    def sent(self, conversation: str) -> None:
        """Forget the last time, because the message was sent: the next key starts anew."""
        self._last_ms.pop(conversation, None)
