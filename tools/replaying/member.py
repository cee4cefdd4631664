"""One member of the group: a real client of the project with files of its own, and what it saw."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

from chat_client.core import cache, outbox
from chat_client.core.accounts import Account, Credentials
from chat_client.core.addresses import ServerAddress
from chat_client.core.client import ChatClient
from chat_client.core.errors import RequestError
from chat_client.core.events import Event as Happening
from chat_client.core.profile import Profile
from chat_client.core.state import ClientState, Conversation, Gap, Message
from chat_protocol.packets import GroupMessage
from tools.replaying.checker import Event, View
from tools.replaying.notes import Notes, seen
from tools.replaying.schedule import How

__all__ = ["Member", "Stuck"]

DEADLINE_S = 120.0
PAGE = 200
_PASSWORD = "a replayed voice"  # noqa: S105 - of accounts that a test makes


class Stuck(Exception):
    """A client did not get where it must get by itself; the text says who and how it stands."""


class _Watched(ChatClient):
    """A client that has what it lets through noted."""

    def __init__(self, account: Account, profile: Profile, notes: Notes, credentials: Credentials | None) -> None:
        super().__init__(account, profile, credentials=credentials, client_name="replay/1.0", device="replay")
        self._notes = notes

    def happened(self, step: Iterable[Happening]) -> None:
        """Note it."""
        step = list(step)
        super().happened(step)
        self._notes.take(step)


class Member:
    """A user of the server, who is in the group, is sometimes away and sometimes speaks.

    Attributes:
        user: The user name.
        notes: What the client saw.
        faults: What went wrong here, in words.
    """

    def __init__(self, user: str, nick: str, home: Path, address: tuple[str, int], group: str) -> None:
        self.user = user
        self.conversation = f"#{group}"
        self.notes = Notes(user, self.conversation)
        self.faults: list[str] = []
        self._nick = nick[:64]
        self._home = home
        self._account = Account(ServerAddress(*address, tls=False), user)
        self._client: _Watched | None = None
        self._running: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    # ---- Coming and going ------------------------------------------------------------------------------------------

    async def enlist(self, *, founds: bool = False) -> None:
        """Make the account and join the group; ``founds`` makes the group first. Stays online.

        Raises:
            Stuck: the server did not let us.
        """
        await self._open(Credentials(_PASSWORD, register=True, display_name=self._nick))
        await self._until(lambda state: state.link.synced or state.link.status == "refused", "logged in")
        client = self._entered()
        if client.state.link.status == "refused":
            raise Stuck(f"{self.user} was refused: {client.state.link.detail}")
        try:
            await (client.create_group(self.conversation) if founds else client.join(self.conversation))
        except RequestError as error:
            raise Stuck(f"{self.user} cannot join {self.conversation}: {error}") from error
        await self._until(lambda state: self._entry(state).joined, "in the group")

    async def back(self) -> None:
        """Open the client if it is closed, and connect if it is offline. Does not wait for the connection."""
        async with self._lock:
            await self._come_back()

    async def _come_back(self) -> None:
        if self._client is None:
            await self._open(None)
        elif self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._client.run())

    async def away(self, how: How) -> None:
        """Go offline, or close the client altogether."""
        async with self._lock:
            if self._client is None:
                return
            if how is How.CLOSED:
                await self._close()
            else:
                await self._disconnect()

    async def close(self) -> None:
        """Close the client for good."""
        await self.away(How.CLOSED)

    async def _open(self, credentials: Credentials | None) -> None:
        client = _Watched(self._account, Profile(self._home), self.notes, credentials)
        await client.__aenter__()
        self._client = client
        self._running = asyncio.get_running_loop().create_task(client.run())

    async def _close(self) -> None:
        client = self._entered()
        await self._disconnect()
        self._client = None
        await client.__aexit__(None, None, None)

    async def _disconnect(self) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        running.cancel()
        try:
            await running
        except asyncio.CancelledError:
            if not running.cancelled():
                raise

    def _entered(self) -> _Watched:
        assert self._client is not None, f"{self.user}'s client is closed"
        return self._client

    # ---- Speaking --------------------------------------------------------------------------------------------------

    async def say(self, content: str) -> str:
        """Write a message; returns its id when the outbox has it on disk. Opens the client if it is closed."""
        async with self._lock:
            if self._client is None:
                await self._come_back()
            return await self._entered().submit(self.conversation, content)

    async def until_acked(self, message_id: str) -> None:
        """Wait until a message of this member is acknowledged.

        Raises:
            Stuck: it takes too long.
        """
        try:
            async with asyncio.timeout(DEADLINE_S):
                await self.notes.until_acked(message_id)
        except TimeoutError:
            raise self._stuck(f"acknowledged for {message_id}") from None

    # ---- What it has -----------------------------------------------------------------------------------------------

    async def until_sent(self) -> None:
        """Wait until everything written is acknowledged.

        Raises:
            Stuck: it takes too long.
        """
        await self._until(lambda state: state.queued == 0, "rid of its queue")

    async def views(self, head: int) -> list[View]:
        """Catch up to ``head``, load what was skipped, as one does by scrolling, close, and return what is there.

        Raises:
            Stuck: it takes too long.
        """
        await self._until(lambda state: self._entry(state).cursor >= head, f"at {head}")
        await self._load_all()
        self._count()
        screen = View(self.user, "screen", [*self._on_screen()], is_shown=True)
        await self.close()
        disk = View(self.user, "disk", self._on_disk(head))
        self.faults += [f"{self.user}: refused for good: {why}" for why in self.notes.failed]
        return [View(self.user, "pushes", self.notes.pushed, skipped=self.notes.skipped), screen, disk]

    async def _load_all(self) -> None:
        client = self._entered()
        try:
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    entry = self._entry(client.state)
                    gaps = (line for line in entry.timeline if isinstance(line, Gap) and line.loadable)
                    gap = next(gaps, None)
                    if gap is not None:
                        await client.fill_gap(self.conversation, gap)
                    elif entry.has_older:
                        await client.load_older(self.conversation, PAGE)
                    else:
                        return
        except TimeoutError:
            raise self._stuck("at the end of loading what was skipped") from None

    def _count(self) -> None:
        """Nobody has read anything, so what is told as unread has to be what the others have said since."""
        entry = self._entry(self._entered().state)
        unread = [
            line
            for line in entry.timeline.after(entry.read_seq)
            if isinstance(line, Message) and line.sender != self.user
        ]
        for what, told, there in (
            ("unread", entry.unread, len(unread)),
            ("mentions", entry.mentions, sum(line.mentions_me for line in unread)),
        ):
            if told != there:
                self.faults.append(f"{self.user} is told {told} {what} after {entry.read_seq} and has {there}")

    def _on_screen(self) -> Iterator[Event]:
        entry = self._entry(self._entered().state)
        if entry.timeline.pending:
            self.faults.append(f"{self.user} shows {len(entry.timeline.pending)} messages as not sent")
        for line in entry.timeline:
            if isinstance(line, Message):
                yield Event(line.seq, line.message_id, line.sender, line.content)
            elif isinstance(line, Gap):
                self.faults.append(f"{self.user} shows a gap from {line.first_seq} to {line.seq}: {line.reason}")

    def _on_disk(self, head: int) -> list[Event]:
        paths = list(self._home.glob("*/slot-*/chat.sqlite3"))
        if len(paths) != 1:
            self.faults.append(f"{self.user} has {len(paths)} databases")
            return []
        found: list[Event] = []
        with closing(sqlite3.connect(paths[0])) as database:
            if waiting := outbox.everything(database):
                self.faults.append(f"{self.user}'s outbox still holds {len(waiting)} messages")
            before = head + 1
            while (page := cache.page_before(database, self.conversation, before, PAGE)) is not None:
                found[:0] = [seen(event) for event in page.events if isinstance(event, GroupMessage)]
                self.faults += [f"{self.user}'s disk has a gap {gap}" for gap in page.gaps]
                before = page.first_seq
        return found

    # ---- Waiting ---------------------------------------------------------------------------------------------------

    def _entry(self, state: ClientState) -> Conversation:
        return state.conversations.get(self.conversation) or Conversation(self.conversation, "group")

    async def _until(self, condition: Callable[[ClientState], bool], what: str) -> None:
        try:
            async with asyncio.timeout(DEADLINE_S):
                async for state in self._entered().changes():
                    if condition(state):
                        return
        except TimeoutError:
            raise self._stuck(what) from None

    def _stuck(self, what: str) -> Stuck:
        state = self._entered().state
        entry = self._entry(state)
        return Stuck(
            f"{self.user} is not {what} after {DEADLINE_S:g} s: link {state.link.status} ({state.link.code}"
            f" {state.link.detail}), queued {state.queued}, at {entry.cursor} of {entry.last_seq}"
        )
