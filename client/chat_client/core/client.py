"""The client that a face renders: one account at one server, online or not.

A face makes one :class:`ChatClient`, enters it, runs :meth:`ChatClient.run` as a task and draws what
:meth:`ChatClient.changes` yields. All methods are for the event loop's thread and none blocks it.

Methods come in three kinds. Plain methods act at once on the local state (open, shown, set_draft). ``async`` methods
that write (submit, edit, react, delete) return when the outbox has it on disk; the rest happens when there is a
connection. All other ``async`` methods ask the server and raise :class:`~chat_client.core.errors.RequestError`, at
once with code ``offline`` if there is no connection.
"""

import asyncio
import platform
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from chat_client.core import cache, events, outbox
from chat_client.core.accounts import Account, Credentials
from chat_client.core.database import Database
from chat_client.core.errors import RequestError
from chat_client.core.events import Event
from chat_client.core.history import Histories
from chat_client.core.keeper import Keeper
from chat_client.core.language import tr
from chat_client.core.profile import Profile, Slot
from chat_client.core.receipts import TypingLimit
from chat_client.core.sending import Outgoing, SendQueue
from chat_client.core.state import ClientState, Message, kind_of
from chat_client.core.text import Safe, printable, safe_line, sendable
from chat_protocol.limits import MAX_CONTENT_BYTES, MAX_CONTENT_CHARS, MAX_DEVICE_CHARS
from chat_protocol.packets import SystemMessage

__all__ = ["ChatClient"]

DRAFT_DELAY_S: Final = 1.0
MAX_LINES: Final = 20_000
"""Lines of a conversation in memory from which on :meth:`ChatClient.let_go` acts; about 0.8 KiB each."""
KEPT_LINES: Final = 10_000


class ChatClient(Histories):
    """One account at one server. Enter it (``async with``) before anything else."""

    def __init__(
        self,
        account: Account,
        profile: Profile,
        *,
        credentials: Credentials | None = None,
        client_name: str = "chat-client/1.0",
        device: str = "",
    ) -> None:
        """Make a client; nothing is opened yet.

        Args:
            account: Whose client, where.
            profile: The directory that holds everything on disk.
            credentials: For the first login on this device, used if the profile has no token of the account.
            client_name: What ``hello`` tells the server, at most 64 characters.
            device: How this device is called in the list of devices; empty: the name of the machine.
        """
        name = (device or platform.node() or "device")[:MAX_DEVICE_CHARS]
        super().__init__(account, profile, credentials=credentials, client_name=client_name, device=name)
        self._slot: Slot | None = None
        self._typing = TypingLimit()
        self._draft_timer: asyncio.TimerHandle | None = None
        self._drafts: set[str] = set()

    async def __aenter__(self) -> Self:
        """Open the files and load the last known state: from here on :attr:`state` can be shown.

        Raises:
            ConfigError: A file cannot be opened; the message says which one and what to do.
            ProfileInUse: Too many other processes work with this account.
        """
        self._slot = await asyncio.to_thread(self._open_slot)
        self._database = Database(self._slot.database)
        try:
            await asyncio.to_thread(self._database.open)
            self._keeper = Keeper(self._database)
            await self._adopt()
            saved = await self._read(cache.load)
            waiting = await self._read(outbox.everything)
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        facts = saved.facts
        restored = events.Restored(
            facts.get("me", self.account.user),
            safe_line(facts.get("display_name", self.account.user)),
            safe_line(facts.get("server_name", "")),
            facts.get("epoch", ""),
            saved.conversations,
            saved.people,
        )
        self._queue = SendQueue(item for item, reason in waiting if reason is None)
        self._failed = {item.message_id: item for item, reason in waiting if reason is not None}
        messages = [(item, reason) for item, reason in waiting if item.kind == "message"]
        self._publisher.put(self.state)
        self.apply([restored, *(self._queued(item, reason) for item, reason in messages)])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Write what is not written yet and close everything."""
        self.stop()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._draft_timer is not None:
            self._draft_timer.cancel()
            self._keep_drafts()
        self._publisher.close()
        self._keeper = None
        if self._slot is not None:
            if self._database.is_open:
                await asyncio.to_thread(self._database.close)
            self._slot.close()
            self._slot = None

    def _open_slot(self) -> Slot:
        self.profile.prepare()
        return self.profile.open_slot(self.account)

    async def _adopt(self) -> None:
        """Take over what clients that do not run any more have left unsent."""
        if self._slot is None:
            return
        for orphan in await asyncio.to_thread(self.profile.orphans, self.account, self._slot):
            try:
                left = await asyncio.to_thread(_take_from, orphan.database)
                if left:
                    await self._read(lambda connection, left=left: outbox.adopt(connection, left))  # type: ignore[misc]
                    await asyncio.to_thread(_empty, orphan.database, [item.message_id for item, _ in left])
            finally:
                orphan.close()

    def _queued(self, item: Outgoing, reason: str | None = None) -> Event:
        message = Message(
            seq=0,
            message_id=item.message_id,
            sender=self.account.user,
            sender_name=self.state.display_name,
            content=printable(item.content),
            timestamp_ms=item.created_ms,
            reply_to=item.reply_to,
            mine=True,
            status="pending" if reason is None else "failed",
            reason=Safe("") if reason is None else safe_line(reason),
        )
        return events.MessageQueued(item.conversation, message)

    # ---- State ------------------------------------------------------------------------------------------------------

    def changes(self) -> AsyncIterator[ClientState]:
        """Iterate over the state now, and then again whenever it is another one, until the client is closed.

        Changes are gathered: a burst of messages is one new state, and a slow reader gets the newest one only. Any
        number of readers.
        """
        return self._publisher.changes()

    def subscribe(self, callback: Callable[[ClientState], None]) -> Callable[[], None]:
        """Call ``callback`` with the new state when it changed, at most 30 times a second.

        Returns:
            What to call to end it.
        """
        return self._publisher.subscribe(callback)

    # ---- Acting on the local state ----------------------------------------------------------------------------------

    def open(self, conversation: str | None) -> None:
        """Show this conversation: leaves the one that is open, sets the "n new" line, loads members and a first page.

        ``@user`` opens a private chat that does not exist yet; None leaves the one that is open.

        Raises:
            ValueError: It is no conversation, or a group that is not one of the user's.
        """
        is_group = conversation is not None and kind_of(conversation) == "group"
        if is_group and conversation not in self.state.conversations:
            raise ValueError(
                tr("{conversation} is not one of your groups: /join it first").format(conversation=conversation)
            )
        self.apply([events.ConversationOpened(conversation)])
        if conversation is not None:
            self.start(self._load_opened(conversation))

    def synced(self) -> None:
        """Load what the open conversation lacks: it may have been opened without a connection."""
        super().synced()
        current = self.state.current
        if current is not None and current in self.state.conversations:
            self.start(self._load_opened(current))

    async def _load_opened(self, conversation: str) -> None:
        entry = self.state.conversations[conversation]
        if entry.has_older and len(entry.timeline) < 100:
            await self.load_older(conversation)
        if entry.kind == "group" and entry.members is None and entry.role is not None:
            await self.load_members(conversation)

    def set_focus(self, focused: bool) -> None:
        """Tell whether the user is looking at the face at all; while not, what arrives goes below a "n new" line."""
        self.apply([events.FocusChanged(focused)])

    def shown(self, conversation: str, first_seq: int, last_seq: int) -> None:
        """Tell that the lines from ``first_seq`` to ``last_seq`` are, or were, on the screen and in focus.

        The read marker follows what was shown without a hole: nothing that was not shown is ever marked as read.
        """
        self.apply([events.Shown(conversation, first_seq, last_seq)])

    def let_go(self, conversation: str) -> None:
        """Keep the newest lines alone in memory if there are very many; the others can be loaded again.

        Call it only while nobody reads the older ones. Those that were loaded within the last minute do not count: who
        asked for them is on the way there.
        """
        entry = self.state.conversations.get(conversation)
        if entry is not None and len(entry.timeline) > MAX_LINES + self._wanted_lines(conversation):
            self.apply([events.LetGo(conversation, KEPT_LINES)])

    def mark_read(self, conversation: str, up_to: int | None = None) -> None:
        """Mark everything as read because the user said so (/read), or only what is not newer than ``up_to``."""
        self.apply([events.MarkedRead(conversation, up_to)])

    def set_draft(self, conversation: str, text: str) -> None:
        """Keep a half-written text; it is on disk within 2 s."""
        entry = self.state.conversations.get(conversation)
        if (entry.draft if entry else "") == text:
            return
        self.apply([events.DraftChanged(conversation, text)])
        self._drafts.add(conversation)
        if self._draft_timer is None:
            self._draft_timer = asyncio.get_running_loop().call_later(DRAFT_DELAY_S, self._keep_drafts)

    def _keep_drafts(self) -> None:
        self._draft_timer = None
        entries = [self.state.conversations[name] for name in self._drafts if name in self.state.conversations]
        self._drafts.clear()
        if self._keeper is not None:
            self._keeper.keep_drafts(entries)

    def typing(self, conversation: str) -> None:
        """Tell the others that the user is typing; call it on every key, it is sent at most once in 3 s."""
        if self._transport is not None and self._session is not None and self._session.is_synced:
            packet = self._typing.typing(conversation, self._clock_ms())
            if packet is not None:
                self._transport.send([packet])

    def happened(self, step: Iterable[Event]) -> None:
        """Load the members of a group again when somebody came or went, and who a new peer is: whether he is there."""
        step = list(step)
        super().happened(step)
        for event in step:
            if isinstance(event, events.EntryChanged) and event.entry.conversation.startswith("@"):
                self.start(self.load_person(event.entry.conversation[1:]))
            if isinstance(event, events.Arrived) and any(isinstance(entry, SystemMessage) for entry in event.events):
                entry = self.state.conversations.get(event.conversation)
                if entry is not None and entry.members is not None and entry.role is not None:
                    self.start(self.load_members(event.conversation))

    # ---- Writing ----------------------------------------------------------------------------------------------------

    async def submit(self, conversation: str, text: str, *, reply_to: str | None = None) -> str:
        """Send a message, now or when there is a connection; it is shown as pending at once.

        Returns:
            Its ``message_id``, when the outbox has it on disk: from then on it is sent exactly once, in order, whatever
            happens to this process.

        Raises:
            RequestError: It cannot be sent at all: empty, too long, or no conversation to write to.
        """
        entry = self.state.conversations.get(conversation)
        if conversation[:1] not in ("#", "@") or (entry is None and conversation.startswith("#")):
            raise RequestError(
                "not_found", tr("{conversation} is no conversation to write to").format(conversation=conversation)
            )
        if entry is not None and not entry.joined:
            raise RequestError(
                "not_member",
                tr("you are not a member of {conversation}: /join it first").format(conversation=conversation),
            )
        item = Outgoing(self.new_id(), conversation, "message", self._clock_ms(), _checked(text), reply_to=reply_to)
        await self._send(item)
        return item.message_id

    async def _send(self, item: Outgoing) -> None:
        """Put an item into the outbox on disk, then on its way."""
        if self._keeper is None:
            raise RequestError("closed", tr("the client is closed"))
        try:
            await self._keeper.add(item)
        except sqlite3.Error as error:
            raise RequestError(
                "disk",
                tr("nothing was sent, {path} cannot be written ({error}): free some space").format(
                    path=self.profile.directory, error=error
                ),
            ) from None
        self._queue.add(item)
        happened = (
            [events.MessageDiscarded(item.conversation, item.message_id)]
            if self._failed.pop(item.message_id, None)
            else []
        )
        if item.kind == "message":
            self._typing.sent(item.conversation)
            self.apply([*happened, self._queued(item)])
        self._pump()

    async def retry(self, message_id: str) -> None:
        """Send a failed message again, as the newest one of its conversation."""
        item = self._failed.get(message_id)
        if item is None:
            raise RequestError("not_found", tr("this message did not fail"))
        await self._send(item)

    async def discard(self, message_id: str) -> None:
        """Throw away a message that failed or was never sent.

        Raises:
            RequestError: It is on its way or in the log already (``conflict``): delete it there.
        """
        item = self._failed.get(message_id) or self._queue.get(message_id)
        if item is None or self._queue.is_flying(message_id) or self._keeper is None:
            raise RequestError("conflict", tr("the message is on its way or was sent: delete it when it is there"))
        self._failed.pop(message_id, None)
        self._queue.done(message_id)
        self.apply([events.MessageDiscarded(item.conversation, message_id)])
        await self._keeper.forget(message_id)

    async def edit(self, conversation: str, message_id: str, text: str) -> None:
        """Give one's own message another content."""
        if message_id in self._queue or message_id in self._failed:
            raise RequestError("conflict", tr("the message was not sent yet: delete it and write it again"))
        now_ms = self._clock_ms()
        await self._send(
            Outgoing(self.new_id(), conversation, "edit", now_ms, content=_checked(text), target=message_id)
        )

    async def delete(self, conversation: str, message_id: str) -> None:
        """Erase a message; one that was not sent yet is discarded."""
        if message_id in self._queue or message_id in self._failed:
            await self.discard(message_id)
            return
        await self._send(Outgoing(self.new_id(), conversation, "delete", self._clock_ms(), target=message_id))

    async def react(self, conversation: str, message_id: str, emoji: str, *, removed: bool = False) -> None:
        """Add a reaction, or take one's own back."""
        item = Outgoing(
            self.new_id(), conversation, "react", self._clock_ms(), target=message_id, emoji=emoji, removed=removed
        )
        await self._send(item)


def _checked(text: str) -> str:
    """Return what is sent for a text, or say why it cannot be."""
    content = sendable(text)
    if not content.strip():
        raise RequestError("bad_request", tr("there is nothing to send"))
    if len(content) > MAX_CONTENT_CHARS or len(content.encode()) > MAX_CONTENT_BYTES:
        raise RequestError(
            "too_long",
            tr(
                "{count} characters are too many, at most {most} ({bytes} bytes) can be sent at once: send it in parts"
            ).format(count=len(content), most=MAX_CONTENT_CHARS, bytes=MAX_CONTENT_BYTES),
        )
    return content


def _take_from(path: Path) -> list[tuple[Outgoing, str | None]]:
    """Return the outbox of another slot's database, which nobody else has open."""
    database = Database(path)
    database.open()
    try:
        return database.do(outbox.everything).result()
    finally:
        database.close()


def _empty(path: Path, message_ids: list[str]) -> None:
    """Forget items in another slot's database, because they are in ours."""
    database = Database(path)
    database.open()
    try:
        database.do(lambda connection: outbox.forget(connection, message_ids)).result()
    finally:
        database.close()
