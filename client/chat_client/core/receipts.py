"""When to tell the server what this device has, and that the user is typing. Pure: no I/O, no clock."""

from typing import Final

from chat_protocol.packets import Received, Typing

__all__ = ["Coalesced", "TypingLimit"]

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
