"""The running part of a client: connect, log in, catch up, serve, and again. Everything happens in one event loop.

State changes only in :meth:`Engine.apply`, which also has them written down and published.
"""

import asyncio
import logging
import random
import sqlite3
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Final

from chat_client.core import events
from chat_client.core.accounts import Account, Credentials
from chat_client.core.errors import ClientError, ConfigError, ConnectError, RequestError
from chat_client.core.events import Event
from chat_client.core.handshake import greet, log_in, refusal, refused
from chat_client.core.ids import uuid7
from chat_client.core.keeper import Change, Keeper
from chat_client.core.language import tr
from chat_client.core.profile import Profile
from chat_client.core.publisher import Publisher
from chat_client.core.receipts import Coalesced, ReadMarkers
from chat_client.core.reduce import reduce_all
from chat_client.core.requests import Requests
from chat_client.core.sending import Outgoing, SendQueue, backoff_ms
from chat_client.core.session import Session, Step
from chat_client.core.state import ClientState, Link, PresenceState
from chat_client.core.text import Safe, safe_line
from chat_client.core.transport import Transport
from chat_protocol import packets
from chat_protocol.errors import TRANSIENT, LocalProtocolError

__all__ = ["Engine"]

ANSWER_TIMEOUT_S: Final = 30.0
STABLE_S: Final = 60.0
READ_DELAY_S: Final = 0.2
SYNC_LIMIT: Final = 200

_log = logging.getLogger(__name__)


def wall_clock_ms() -> int:
    """Return the time of this machine, for showing and for waiting."""
    return time.time_ns() // 1_000_000


class Engine(Requests):
    """What :class:`~chat_client.core.client.ChatClient` is built on; faces use that."""

    def __init__(
        self,
        account: Account,
        profile: Profile,
        *,
        credentials: Credentials | None,
        client_name: str,
        device: str,
        clock_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self.account = account
        self.profile = profile
        self._credentials = credentials
        self._client_name = client_name
        self._device = device
        self._clock_ms = clock_ms
        self._publisher = Publisher(ClientState(me=account.user, display_name=safe_line(account.user)))
        self._keeper: Keeper | None = None
        self._queue = SendQueue()
        self._failed: dict[str, Outgoing] = {}
        self._opening: Transport | None = None
        self._transport: Transport | None = None
        self._session: Session | None = None
        self._receipts = Coalesced()
        self._waiters: dict[int, asyncio.Future[packets.Packet]] = {}
        self._reads = ReadMarkers()
        self._wanted: dict[str, tuple[int, int]] = {}
        """When older lines of a conversation were loaded last, and how many: somebody is on the way there."""
        self._is_read_planned = False
        self._wake = asyncio.Event()
        self._signing_in: asyncio.Future[None] | None = None
        self._is_stopped = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closing: packets.Error | None = None

    @property
    def state(self) -> ClientState:
        """The newest state."""
        return self._publisher.state

    @property
    def fingerprint(self) -> str:
        """The server's certificate, ``sha256:`` and 64 hex digits; empty without a connection, or in the clear."""
        return self._transport.fingerprint if self._transport is not None else ""

    # ---- State ------------------------------------------------------------------------------------------------------

    def apply(
        self, happened: Sequence[Event], confirmed: Sequence[str] = (), failed: Sequence[tuple[Outgoing, str]] = ()
    ) -> None:
        """Change the state, have it written down and published. ``received`` is told once it is on disk."""
        before = self.state
        after = reduce_all(before, happened)
        self._publisher.put(
            after,
            is_own=not all(isinstance(event, events.BY_OTHERS) for event in happened),
            is_typed=any(isinstance(event, events.DraftChanged) for event in happened),
        )
        if self._keeper is None:
            return
        change = Change(before, after, happened, confirmed, failed)
        future = self._keeper.keep(change)
        if future is not None:
            arrived = change.arrived
            asyncio.wrap_future(future).add_done_callback(lambda done: self._kept(done, arrived))
        if any(isinstance(event, events.Shown | events.MarkedRead) for event in happened):
            self._note_reads(after)

    def _kept(self, done: "asyncio.Future[None]", arrived: dict[str, int]) -> None:
        if done.cancelled():
            return
        error = done.exception()
        if error is not None:
            _log.error("the cache could not be written", exc_info=error)
            told = tr("{path} cannot be written ({error}): free some space")
            self.tell("error", told.format(path=self.profile.directory, error=error))
            return
        now_ms = self._clock_ms()
        for conversation, seq in arrived.items():
            self._receipts.stored(conversation, seq, now_ms)
        self._pump()

    def tell(self, kind: str, text: str, conversation: str = "") -> None:
        """Tell the user something once; ``kind`` is ``info`` or ``error``."""
        self.apply([events.NoticeAdded("error" if kind == "error" else "info", safe_line(text), conversation)])

    def _note_reads(self, after: ClientState) -> None:
        """Plan to tell the server what was read here."""
        is_synced = self._session is not None and self._session.is_synced
        if is_synced and not self._is_read_planned and self._reads.untold(after.conversations):
            self._is_read_planned = True
            asyncio.get_running_loop().call_later(READ_DELAY_S, self._tell_reads)

    def _tell_reads(self) -> None:
        self._is_read_planned = False
        session, transport = self._session, self._transport
        if session is None or transport is None or not session.is_synced:
            return
        moved = self._reads.take(self.state.conversations)
        transport.send([session.request(packets.Read, conversation=name, seq=seq) for name, seq in moved])

    # ---- Running ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Stay connected until :meth:`stop` or cancellation: connect, log in, catch up, and again after each loss.

        Waits between attempts grow from 0.5 s to 30 s, at random up to these; what the server asks for in
        ``retry_after_ms`` is waited at least. While :attr:`Link.status` is ``refused`` it waits for :meth:`sign_in`,
        :meth:`trust` or :meth:`retry_now`.
        """
        attempts = 0
        while not self._is_stopped:
            self._wake.clear()
            started = time.monotonic()
            try:
                await self._connection()
                break
            except (ConnectError, RequestError, ConfigError) as error:
                if time.monotonic() - started > STABLE_S or self.state.link.synced:
                    attempts = 0
                attempts += 1
                await self._pause(error, attempts)
        self.apply([events.LinkChanged(Link())])

    def stop(self) -> None:
        """Make :meth:`run` end soon. Nothing is lost: what is queued is on disk."""
        self._is_stopped = True
        self._wake.set()
        for transport in (self._opening, self._transport):
            if transport is not None:
                transport.abort()

    def retry_now(self) -> None:
        """Try to connect at once instead of waiting for the next attempt."""
        self._wake.set()

    async def sign_in(self, credentials: Credentials) -> None:
        """Log in or register with these, now; returns when the session is open and its token is kept.

        :meth:`run` must be running.

        Raises:
            RequestError: The server said no (``bad_credentials``, ``name_taken``, ``registration_closed``,
                ``bad_invite``, …), or there is no connection.
        """
        if self.state.link.status == "online":
            raise RequestError("wrong_state", tr("{me} is logged in already: /logout first").format(me=self.state.me))
        self._credentials = credentials
        self._signing_in = asyncio.get_running_loop().create_future()
        self._wake.set()
        await self._signing_in

    async def trust(self, fingerprint: str) -> None:
        """Pin the server's certificate and connect. ``fingerprint``: what the user was shown and agreed to."""
        await asyncio.to_thread(self.profile.trust.trust, self.account.address, fingerprint)
        self._wake.set()

    async def _pause(self, error: ClientError, attempts: int) -> None:
        """Say why there is no connection, and wait until it makes sense to try again."""
        if self._is_stopped:
            return
        code = getattr(error, "code", "config")
        signing_in, self._signing_in = self._signing_in, None
        if signing_in is not None and not signing_in.done():
            self._credentials = None
            signing_in.set_exception(RequestError(code, str(error)))
        transient = code in TRANSIENT or code == "internal"
        is_final = error.is_final if isinstance(error, ConnectError) else not transient
        detail = safe_line(str(error))
        fingerprint = getattr(error, "fingerprint", "")
        if is_final:
            self.apply([events.LinkChanged(Link("refused", detail, code, None, fingerprint))])
            await self._wake.wait()
            return
        asked_ms = getattr(error, "retry_after_ms", None)
        wait_ms = random.uniform(0, backoff_ms(attempts)) + (asked_ms or 0)  # noqa: S311 - jitter is no secret
        retry_at_ms = self._clock_ms() + int(wait_ms)
        self.apply([events.LinkChanged(Link("offline", detail, code, retry_at_ms))])
        try:
            async with asyncio.timeout(wait_ms / 1000):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _connection(self) -> None:
        """Serve one connection; returns only when stopped.

        Raises:
            ConnectError: It could not be made, or was lost.
            RequestError: The server refused the login, or told why it closed the connection.
        """
        self.apply([events.LinkChanged(Link("connecting"))])
        pin = await asyncio.to_thread(self.profile.trust.pin, self.account.address)
        transport = await Transport.connect(self.account.address, pin)
        self._closing = None
        try:
            self._opening = transport
            opened = await self._open_session(transport)
            self._transport = transport
            if not self._is_stopped:
                await self._serve(transport, opened)
        except ConnectError as error:
            if self._is_stopped:
                return
            if self._closing is not None:
                raise refusal(self._closing) from error
            raise
        finally:
            self._session = self._transport = self._opening = None
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._queue.reset()
            self._fail_waiters()
            await transport.close()

    async def _open_session(self, transport: Transport) -> packets.SessionOpened:
        welcome = await greet(transport, self._client_name)
        self.apply([events.Welcomed(safe_line(welcome.name), str(safe_line(welcome.registration)))])
        accounts, account = self.profile.accounts, self.account
        token = "" if self._signing_in is not None else await asyncio.to_thread(accounts.token, account)
        if not token and self._credentials is None:
            raise RequestError("no_credentials", tr("log in as {user}, or register").format(user=account.user))
        opened = await self._log_in(transport, token)
        self._credentials = None
        if isinstance(opened.token, str):
            await asyncio.to_thread(accounts.keep, account, opened.token)
        self.apply([events.SessionStarted(opened.user, safe_line(opened.display_name), tuple(opened.roles))])
        return opened

    async def _log_in(self, transport: Transport, token: str) -> packets.SessionOpened:
        user, credentials = self.account.user, self._credentials
        try:
            return await log_in(transport, user, self._device, token, None if token else credentials)
        except RequestError as error:
            if error.code != "bad_credentials" or not token:
                raise
            await asyncio.to_thread(self.profile.accounts.keep, self.account, "")
            if credentials is None:
                text = tr("the server does not know this device any more: log in with your password")
                raise RequestError(error.code, text) from None
            return await log_in(transport, user, self._device, "", credentials, 3)

    async def _serve(self, transport: Transport, opened: packets.SessionOpened) -> None:
        known = self.state.conversations.values()
        cursors = {entry.name: entry.cursor for entry in known if entry.cursor or entry.last_seq}
        session = Session(opened.user, opened.display_name, self.state.epoch, cursors, self._queue)
        self._session = session
        self._receipts = Coalesced()
        self._reads = ReadMarkers()
        self.apply([events.LinkChanged(Link("online"))])
        transport.send([session.sync(SYNC_LIMIT)])
        if self._signing_in is not None and not self._signing_in.done():
            self._signing_in.set_result(None)
        self._signing_in = None
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                while not session.is_synced:
                    self._carry_out(session.receive(await transport.receive(), self._clock_ms()))
        except TimeoutError:
            raise ConnectError("timeout", tr("the server did not tell in time what was missed")) from None
        while True:
            self._carry_out(session.receive(await transport.receive(), self._clock_ms()))

    # ---- Serving ----------------------------------------------------------------------------------------------------

    def _carry_out(self, step: Step) -> None:
        failed: list[tuple[Outgoing, str]] = []
        happened = step.events
        for item, error in step.failed:
            reason = safe_line(str(refusal(error)))
            failed.append((item, reason))
            happened.append(self._failure(item, reason))
        if happened or step.confirmed or failed:
            for event in happened:
                self._reads.note(event, self.state.me)
            self.apply(happened, step.confirmed, failed)
        if step.closing is not None:
            self._closing = step.closing
        if self._transport is not None:
            self._transport.send(step.sends)
        for request, answer in step.answers:
            if isinstance(answer, packets.Synced):
                self.synced()
            elif isinstance(request, packets.Sync) and isinstance(answer, packets.Error):
                raise refusal(answer)  # without it nothing else works: try again on another connection
            waiter = self._waiters.pop(request.id, None)
            if waiter is not None and not waiter.done():
                waiter.set_result(answer)
        self._pump()
        self.happened(happened)

    def _failure(self, item: Outgoing, reason: Safe) -> Event:
        if item.kind == "message":
            self._failed[item.message_id] = item
            return events.MessageFailed(item.conversation, item.message_id, reason)
        return events.NoticeAdded("error", refused(item.kind, reason), item.conversation)

    def synced(self) -> None:
        """Do what follows from being up to date; extended by the client."""
        self._tell_reads()
        if self.state.presence != "online":
            self.start(self.set_presence(self.state.presence, self.state.status_text))

    def happened(self, step: Iterable[Event]) -> None:
        """Look after what follows from events; extended by the client."""
        if any(isinstance(event, events.TypingReceived) for event in step):
            asyncio.get_running_loop().call_later(5.1, self._expire_typing)

    def _expire_typing(self) -> None:
        self.apply([events.TypingExpired(self._clock_ms())])

    def _pump(self) -> None:
        """Send what is due, and plan for when the next thing is."""
        session, transport = self._session, self._transport
        if session is None or transport is None:
            return
        now_ms = self._clock_ms()
        transport.send([*session.pump(now_ms), *self._receipts.due(now_ms)])
        dues = [due for due in (session.next_due_ms(now_ms), self._receipts.next_due_ms()) if due is not None]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if dues:
            delay_s = max(min(dues) - now_ms, 1) / 1000
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._pump)

    async def ask(self, request: type[packets.Request], /, **fields: Any) -> packets.Packet:
        """Send a request and return the answer.

        Raises:
            RequestError: The server refused, the answer did not come in time, or there is no connection.
        """
        session, transport = self._session, self._transport
        if session is None or transport is None or not session.is_synced:
            raise RequestError("offline", tr("there is no connection to the server now: try again when there is"))
        packet = session.request(request, **fields)
        waiter: asyncio.Future[packets.Packet] = asyncio.get_running_loop().create_future()
        self._waiters[packet.id] = waiter
        try:
            transport.send([packet])
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                answer = await waiter
        except TimeoutError:
            told = tr("the server did not answer within {seconds:g} s").format(seconds=ANSWER_TIMEOUT_S)
            raise RequestError("timeout", told) from None
        except LocalProtocolError as error:
            raise RequestError("too_long", tr("this cannot be sent: {error}").format(error=error)) from None
        finally:
            self._waiters.pop(packet.id, None)
            session.forget(packet)
        if isinstance(answer, packets.Error):
            raise refusal(answer)
        return answer

    def _fail_waiters(self) -> None:
        waiters, self._waiters = self._waiters, {}
        for waiter in waiters.values():
            if not waiter.done():
                waiter.set_exception(
                    RequestError("connection_lost", tr("the connection was lost before the server answered: try again"))
                )

    # ---- Beside -----------------------------------------------------------------------------------------------------

    def start(self, work: Coroutine[Any, Any, object]) -> None:
        """Do something in the background; that it failed is told only where it is no matter of the connection."""
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except RequestError as error:
            if error.code not in ("offline", "connection_lost", "timeout", "not_found", "not_member"):
                self.tell("error", error.message)
        except sqlite3.Error as error:
            self.tell("error", tr("{path} cannot be read: {error}").format(path=self.profile.directory, error=error))

    def new_id(self) -> str:
        """Return a new message id (UUIDv7)."""
        return uuid7(self._clock_ms())

    def _muted(self, conversation: str, muted: bool) -> None:
        self.apply([events.MutedChanged(conversation, muted)])

    def _presence_chosen(self, state: PresenceState, text: str) -> None:
        self.apply([events.PresenceChosen(state, text)])

    def _renamed(self, name: Safe) -> None:
        self.apply([events.DisplayNameChanged(name)])

    async def _logged_out(self) -> None:
        await asyncio.to_thread(self.profile.accounts.keep, self.account, "")
        if self._transport is not None:
            self._transport.abort()
