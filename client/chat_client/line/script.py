"""A client for commands that end: it waits for states, and turns what can go wrong into exit codes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from chat_client.core import events
from chat_client.core.accounts import Account, Credentials
from chat_client.core.client import ChatClient
from chat_client.core.errors import ProfileInUse
from chat_client.core.events import Acked, Arrived, Event
from chat_client.core.language import tr
from chat_client.core.profile import Profile
from chat_client.core.sending import Outgoing
from chat_client.core.state import ClientState, Link, Message
from chat_client.core.text import sendable
from chat_client.line.codes import FAILED, NOT_LOGGED_IN, UNREACHABLE, CommandError
from chat_protocol.errors import TRANSIENT

__all__ = ["ScriptClient", "connected", "link_error"]

PATIENCE_S: Final = 30.0
"""How long a connection that was there once may take to come back, and an answer to come."""
DRAIN_S: Final = 5.0
"""How long the end of a command waits for what older ones left in the outbox."""
SLOT_S: Final = 60.0
SLOT_PAUSE_S: Final = 0.05

_NO_LOGIN: Final = frozenset(["no_credentials", "bad_credentials", "not_authenticated"])
_AWAY: Final = frozenset(["unreachable", "timeout", "connection_lost", "going_away", "slow_consumer", "internal"])


class ScriptClient(ChatClient):
    """A client without a face. One event loop."""

    def __init__(self, account: Account, profile: Profile, *, credentials: Credentials | None = None) -> None:
        super().__init__(account, profile, credentials=credentials, client_name="chat-cli/1.0")
        self.was_synced = False
        self.arrivals: list[Arrived] | None = None
        """Set to a list to have what arrives put there, as the server sent it."""
        self.acks: dict[str, Acked] = {}
        """What was acknowledged since the start, by message id."""
        self._waiting: list[tuple[Callable[[ClientState], bool], asyncio.Future[None]]] = []

    def apply(
        self, happened: Sequence[Event], confirmed: Sequence[str] = (), failed: Sequence[tuple[Outgoing, str]] = ()
    ) -> None:
        """Change the state and wake who waits for it, without the pause that faces need for drawing."""
        super().apply(happened, confirmed, failed)
        if self.arrivals is not None:
            self.arrivals.extend(event for event in happened if isinstance(event, events.Arrived))
        for event in happened:
            if isinstance(event, Acked):
                self._note_ack(event)
        self.was_synced = self.was_synced or self.state.link.synced
        for condition, future in self._waiting:
            if not future.done() and condition(self.state):
                future.set_result(None)

    def _note_ack(self, ack: Acked) -> None:
        """Keep an ack; one for a message that was in the log before, by another process, leaves nothing waiting."""
        self.acks[ack.message_id] = ack
        entry = self.state.conversations.get(ack.conversation)
        line = entry.timeline.by_id(ack.message_id) if entry is not None else None
        if isinstance(line, Message) and line.status == "pending":
            super().apply([events.MessageDiscarded(ack.conversation, ack.message_id)])

    async def sent(self, timeout_s: float) -> bool:
        """Wait until everything is acknowledged, edits and reactions too; returns whether it is."""
        return await self.wait_for(lambda state: not self._queue, timeout_s)

    async def settle(self) -> None:
        """Before the end: send what is queued, for a few seconds, and tell what was read."""
        if self.state.link.synced:
            await self.wait_for(lambda state: not self._queue or not state.link.synced, DRAIN_S)
            self._tell_reads()

    async def wait_for(self, condition: Callable[[ClientState], bool], timeout_s: float | None) -> bool:
        """Wait until the state is so; returns whether it came to be in time. None: for ever."""
        if condition(self.state):
            return True
        waiter = (condition, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                await waiter[1]
        except TimeoutError:
            return False
        finally:
            self._waiting.remove(waiter)
        return True

    async def ready(self, timeout_s: float | None = None) -> None:
        """Wait until the server has told where everything stands.

        Args:
            timeout_s: How long to keep trying; None: a server that cannot be reached at all is told at once, one that
                could is waited for.

        Raises:
            CommandError: There is no connection, with the exit code that tells why.
        """

        def is_settled(state: ClientState) -> bool:
            link = state.link
            gave_up = link.status == "offline" and link.code in _AWAY and timeout_s is None and not self.was_synced
            return link.synced or link.status == "refused" or gave_up

        await self.wait_for(is_settled, PATIENCE_S if timeout_s is None else timeout_s)
        if not self.state.link.synced:
            raise link_error(self.account, self.state.link)

    async def post(self, conversation: str, text: str, message_id: str = "") -> str:
        """Send a message like :meth:`submit`, also to a conversation that this device has not heard of yet.

        An id of one's own choice that was used before with this text sends nothing: the ack tells where it stands.
        """
        entry = self.state.conversations.get(conversation)
        if not message_id and entry is not None:
            return await self.submit(conversation, text)
        item = Outgoing(message_id or self.new_id(), conversation, "message", self._clock_ms(), _bounded(text))
        await self._send(item)
        return item.message_id


def _bounded(text: str) -> str:
    from chat_protocol.limits import MAX_CONTENT_BYTES, MAX_CONTENT_CHARS

    content = sendable(text)
    if not content.strip():
        raise CommandError(FAILED, tr("there is nothing to send: give a text, or write it to standard input"))
    if len(content) > MAX_CONTENT_CHARS or len(content.encode()) > MAX_CONTENT_BYTES:
        raise CommandError(
            FAILED,
            tr(
                "nothing was sent: {count} characters are too many, at most {most} ({bytes} bytes) go into one message"
            ).format(count=len(content), most=MAX_CONTENT_CHARS, bytes=MAX_CONTENT_BYTES),
        )
    return content


def link_error(account: Account, link: Link) -> CommandError:
    """Return how a command ends that needs a connection and has none."""
    address = account.address.key
    if link.code in _NO_LOGIN:
        how = f"chat-cli login --server {address} --user {account.user}"
        return CommandError(
            NOT_LOGGED_IN, tr("not logged in as {account}: run {how}").format(account=account.key, how=how)
        )
    if link.status == "refused":
        hint = f": chat-cli login --server {address} --user {account.user}" if link.code == "untrusted" else ""
        return CommandError(FAILED, f"{link.detail}{hint}")
    detail = link.detail or tr("{address} did not answer in time").format(address=address)
    if link.code in TRANSIENT:
        detail = tr("{address} is busy: {detail}").format(address=address, detail=detail)
    return CommandError(UNREACHABLE, detail)


@asynccontextmanager
async def connected(
    account: Account, profile: Profile, *, credentials: Credentials | None = None
) -> AsyncIterator[ScriptClient]:
    """Open a client that connects; at the end, send what earlier commands have left, for a few seconds."""
    client = await _enter(account, profile, credentials)
    task = asyncio.create_task(client.run())
    try:
        yield client
        await client.settle()
    finally:
        client.stop()
        task.cancel()  # stop() alone does not end an attempt that is about to succeed
        await asyncio.gather(task, return_exceptions=True)
        await client.__aexit__(None, None, None)


async def _enter(account: Account, profile: Profile, credentials: Credentials | None) -> ScriptClient:
    """Open the files; while too many others run with this account, wait for one of them to end."""
    deadline = asyncio.get_running_loop().time() + SLOT_S
    while True:
        client = ScriptClient(account, profile, credentials=credentials)
        try:
            return await client.__aenter__()
        except ProfileInUse:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(SLOT_PAUSE_S)
