"""Read logs from a position on, live: every event once and in order, whatever happens to the connection meanwhile.

A position is the pair of the server's epoch and a seq per conversation. What the server pushes is used where it follows
the position directly; everything else is asked for with ``history`` (protocol.md 6).
"""

import asyncio
import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Final, cast

import msgspec
from msgspec import UNSET

from chat_client.core.errors import RequestError
from chat_client.core.language import tr
from chat_client.core.state import ClientState, Conversation
from chat_client.line.codes import USAGE, CommandError
from chat_client.line.script import ScriptClient
from chat_protocol import packets
from chat_protocol.packets import LogEvent

__all__ = ["Cursor", "LogReader", "newest"]

PAGE: Final = 200
FOUND_LATER: Final = 200
"""How much of a group that the cursor does not know is read; before that, one skip is told."""

LOST_PAUSE_S: Final = 0.2

_LOST: Final = frozenset(["offline", "connection_lost", "timeout", "rate_limited", "overloaded", "storage"])
_GONE: Final = frozenset(["not_member", "not_found", "forbidden"])
_CHANGES: Final = (packets.Edited, packets.Deleted, packets.Reaction)

Emit = Callable[[LogEvent | packets.Skip], None]


class Cursor(msgspec.Struct, frozen=True):
    """How far logs were read."""

    epoch: str
    seqs: dict[str, int]

    def __str__(self) -> str:
        """Return it as one word that needs no quoting in a shell."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read what :meth:`__str__` returned.

        Raises:
            CommandError: It is something else.
        """
        text = text.strip()
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            return msgspec.json.decode(data, type=cls)
        except (binascii.Error, ValueError, msgspec.DecodeError):
            raise CommandError(
                USAGE, tr("the cursor is none that chat-cli tail wrote: give one of its lines")
            ) from None


async def newest(client: ScriptClient, conversation: str, count: int, *, lines_only: bool = False) -> list[LogEvent]:
    """Return the newest ``count`` events, ascending; with ``lines_only`` without edits, deletions and reactions."""
    found: list[LogEvent] = []
    before: int | None = None
    more = count > 0
    while more and len(found) < count:
        limit = min(max(count - len(found), 50), PAGE)
        page, more = await _history(client, conversation, before=UNSET if before is None else before, limit=limit)
        kept = [event for event in page if not lines_only or not isinstance(event, _CHANGES)]
        found[:0] = kept
        if not page:
            break
        before = page[0].seq
    return found[-count:] if count else []


async def _history(client: ScriptClient, conversation: str, **fields: object) -> tuple[list[LogEvent], bool]:
    answer = cast(packets.Ok, await client.ask(packets.History, conversation=conversation, **fields))
    events = answer.events if isinstance(answer.events, list | tuple) else []
    return list(events), answer.more is True


class LogReader:
    """Hands each new event of some conversations to ``emit``, once and in order. One event loop.

    Args:
        client: Where from; its arrivals are taken.
        wanted: The conversations; empty: all, also those that come into being.
        emit: Gets the events.
    """

    def __init__(self, client: ScriptClient, wanted: Iterable[str], emit: Emit) -> None:
        self._client = client
        self._wanted = frozenset(wanted)
        self._emit = emit
        self._seqs: dict[str, int] = {}
        self.epoch = ""
        client.arrivals = []

    @property
    def cursor(self) -> Cursor:
        """How far everything was emitted."""
        return Cursor(self.epoch, dict(self._seqs))

    def start_at(self, cursor: Cursor) -> None:
        """Continue behind a position."""
        self.epoch = cursor.epoch
        self._seqs = dict(cursor.seqs)

    def _conversations(self, state: ClientState) -> list[Conversation]:
        return [
            entry
            for name, entry in state.conversations.items()
            if (not self._wanted or name in self._wanted) and (entry.kind != "group" or entry.role is not None)
        ]

    async def start_with_newest(self, count: int) -> None:
        """Emit the newest ``count`` events of each conversation, oldest first, and continue behind them."""
        state = self._client.state
        self.epoch = state.epoch
        first: list[LogEvent] = []
        for entry in self._conversations(state):
            found = await newest(self._client, entry.name, count) if entry.last_seq else []
            first += found
            self._seqs[entry.name] = max(entry.last_seq, found[-1].seq if found else 0)
        first.sort(key=lambda event: (event.timestamp, event.conversation, event.seq))
        for event in first:
            self._emit(event)

    def is_behind(self, state: ClientState) -> bool:
        """Tell whether there is something to read."""
        if not state.link.synced:
            return False
        return state.epoch != self.epoch or any(
            entry.last_seq > self._seqs.get(entry.name, -1) for entry in self._conversations(state)
        )

    async def catch_up(self) -> bool:
        """Emit everything that there is by now.

        Returns:
            False where the store of the server is another one than the positions are for; nothing was emitted then.

        Raises:
            RequestError: The server refused to tell.
        """
        state = self._client.state
        if state.epoch != self.epoch:
            return False
        arrivals, self._client.arrivals = self._client.arrivals or [], []
        for arrived in arrivals:
            if not self._wanted or arrived.conversation in self._wanted:
                self._take(arrived.conversation, arrived.events)
        for entry in self._conversations(self._client.state):
            try:
                await self._pull(entry)
            except RequestError as error:
                if error.code in _LOST:
                    await asyncio.sleep(LOST_PAUSE_S)  # the state will say so in a moment
                    break
                if error.code not in _GONE:
                    raise
                self._seqs[entry.name] = entry.last_seq  # kicked in this moment, say: there is no more to read
        return True

    def _take(self, conversation: str, events: Iterable[LogEvent]) -> None:
        """Emit what follows the position directly."""
        for event in events:
            if event.seq == self._seqs.get(conversation, 0) + 1 and conversation in self._seqs:
                self._put(conversation, event)

    def _put(self, conversation: str, event: LogEvent) -> None:
        self._seqs[conversation] = event.seq
        self._emit(event)

    async def _pull(self, entry: Conversation) -> None:
        if entry.name not in self._seqs:
            self._begin(entry)
        while self._seqs[entry.name] < entry.last_seq:
            after = self._seqs[entry.name]
            events, more = await _history(self._client, entry.name, after=after, limit=PAGE)
            for event in events:
                if event.seq > self._seqs[entry.name]:
                    self._put(entry.name, event)
            if not more:
                self._seqs[entry.name] = max(self._seqs[entry.name], entry.last_seq)

    def _begin(self, entry: Conversation) -> None:
        """Choose where to begin in a conversation that came into being, or was joined, after the cursor was written."""
        start = max(entry.last_seq - FOUND_LATER, 0) if entry.kind == "group" else 0
        self._seqs[entry.name] = start
        if start:
            self._emit(packets.Skip(conversation=entry.name, from_=1, to=start, reason="limit"))
