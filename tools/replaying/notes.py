"""What a client saw and was told in the course of a run. Pure: packets' events in, figures and views out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from chat_client.core import events
from chat_client.core.events import Event as Happening
from chat_protocol.packets import GroupMessage
from tools.replaying.checker import Event

__all__ = ["Notes", "seen"]


def seen(message: GroupMessage) -> Event:
    """A message of the log as the checker looks at it."""
    content = message.content if isinstance(message.content, str) else ""
    return Event(message.seq, message.message_id, message.sender, content)


class Notes:
    """Of one member in one conversation, over all its connections and restarts. One event loop.

    Attributes:
        pushed: The messages in the order in which the client let them through to its face.
        skipped: Ranges that the server announced as not sent.
        acked: message_id → seq of own messages that are in the log.
        failed: Why own messages were refused for good.
        syncs: How often a connection came as far as ``synced``.
    """

    def __init__(self, user: str, conversation: str) -> None:
        self.pushed: list[Event] = []
        self.skipped: list[tuple[int, int]] = []
        self.acked: dict[str, int] = {}
        self.failed: list[str] = []
        self.syncs = 0
        self._user = user
        self._conversation = conversation
        self._waiting: dict[str, asyncio.Future[None]] = {}

    def take(self, happened: Iterable[Happening]) -> None:
        """Note what one batch of packets caused."""
        for event in happened:
            match event:
                case events.Arrived(self._conversation, arrived):
                    for message in arrived:
                        if isinstance(message, GroupMessage):
                            self._arrived(seen(message))
                case events.Skipped(self._conversation, first, last, _):
                    self.skipped.append((first, last))
                case events.Acked(self._conversation, message_id, seq):
                    self.note_ack(message_id, seq)
                case events.MessageFailed(_, message_id, reason):
                    self.failed.append(f"{message_id}: {reason}")
                case events.Synced():
                    self.syncs += 1
                case _:
                    pass

    def _arrived(self, event: Event) -> None:
        self.pushed.append(event)
        if event.sender == self._user and event.message_id not in self.acked:
            self.note_ack(event.message_id, event.seq)

    def note_ack(self, message_id: str, seq: int) -> None:
        """A message of one's own is in the log."""
        self.acked[message_id] = seq
        waiting = self._waiting.pop(message_id, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    async def until_acked(self, message_id: str) -> None:
        """Wait until a message of one's own is in the log."""
        if message_id not in self.acked:
            self._waiting[message_id] = asyncio.get_running_loop().create_future()
            await self._waiting[message_id]
