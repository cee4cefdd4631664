"""The router thread: takes what connections send, lets the rules decide, and carries the effects out.

It is the only writer of the directory, the sessions and the positions, so none of them has a lock. One turn takes
all that waits, then hands the
store its jobs and the I/O threads their orders, each in one batch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic, time
from typing import Any, Final

import structlog
from msgspec import UNSET, UnsetType

from chat_protocol import packets
from chat_protocol.errors import COUNTED, ErrorCode
from chat_protocol.frames import encode_frame
from chat_protocol.packets import ClientPacket, Error
from chat_server.dispatch.admission import Admission
from chat_server.dispatch.bounds import Bounds
from chat_server.dispatch.completion import Completion
from chat_server.dispatch.connections import Connections
from chat_server.dispatch.delivery import Delivery
from chat_server.dispatch.inbox import Inbox
from chat_server.dispatch.intake import Intake
from chat_server.dispatch.outbound import Outbound
from chat_server.dispatch.peer import News, Peer
from chat_server.dispatch.pools import Pool, Ticket
from chat_server.dispatch.reports import Reports
from chat_server.dispatch.ring import Ring
from chat_server.dispatch.statistics import Statistics
from chat_server.dispatch.synchroniser import Synchroniser
from chat_server.dispatch.traces import Traces
from chat_server.dispatch.writer import Committed, Job, Writer
from chat_server.routing import accounts, effects
from chat_server.routing.context import Context
from chat_server.routing.directory import Directory
from chat_server.routing.effects import RETRY_AFTER_MS, Effect
from chat_server.routing.lanes import LANE_OF, Lane
from chat_server.routing.router import decide
from chat_server.store.base import Reader, Snapshot, Standing, Store

_log = structlog.get_logger("router")

_OF_A_CONVERSATION: Final = (effects.Log, effects.Begin, effects.End, effects.Changed)
_DRAIN_S: Final = 5.0
"""How long a stopping server waits for commits under way."""


class Dispatcher(threading.Thread):
    """The router thread. Other threads reach it through ``inbox`` only."""

    def __init__(
        self,
        context: Context,
        store: Store,
        bounds: Bounds,
        readers: int,
        hashers: int,
        stop_outlets: Callable[[], None],
    ) -> None:
        super().__init__(name="router", daemon=True)
        self.inbox = Inbox()
        self._context = context
        self._bounds = bounds
        self._stop_outlets = stop_outlets
        self.statistics = Statistics(_wall_clock_ms())
        self._outbound = Outbound()
        ring = Ring(bounds.ring_bytes, bounds.ring_bytes_each)
        self._delivery = Delivery(context.directory, self._outbound, ring, self.statistics, self._read_page)
        self._connections = Connections(context, self._delivery, self._outbound)
        self._synchroniser = Synchroniser(context, self._delivery, self._outbound)
        self._completion = Completion(
            context,
            self._connections,
            self._delivery,
            self._synchroniser,
            self._outbound,
            self.statistics,
            self._read_page,
            self._answer_error,
        )
        self._traces = Traces()
        self.writer = Writer(store, self.inbox, bounds.retry_delays_s, self._count_write_retry)
        self._reports = Reports(
            context, self._connections, self._delivery, self._synchroniser, self.statistics, self._traces, self.writer
        )
        self.readers: Pool[Reader] = Pool("reader", readers, store.reader, self.inbox)
        self.hashers: Pool[None] = Pool("hashing", hashers, lambda: None, self.inbox)
        self._admission = Admission(context, bounds)
        self._intake = Intake(self._route, bounds.share)
        self._jobs: list[tuple[Lane, int, Job]] = []
        self._completed: list[Committed] = []
        self._inflight = 0
        self._drain_until: float | None = None
        self._now = monotonic()

    # ---- the loop

    def run(self) -> None:
        """The thread's work; ends when the server has been drained."""
        while self._drain_until is None or not self._is_drained():
            items = self.inbox.take(self._timeout_s())
            self._context.now_ms = _wall_clock_ms()
            self._now = monotonic()
            for news, subject, detail in items:
                if news is News.PACKETS:
                    self._intake.receive(subject, detail)
                elif news is News.COMMITTED:
                    self._take_committed(subject)
                else:
                    self._take_other(news, subject, detail)
            self._intake.serve()
            if self._connections.timeout_s == 0.0:
                self._tick()
            self._flush()
        self._finish()

    def _timeout_s(self) -> float | None:
        if self._intake.has_more:
            return 0.0
        if self._drain_until is not None:
            return 0.05
        return self._connections.timeout_s

    def _tick(self) -> None:
        self._connections.tick()
        self._store_cursors()
        self._admission.forget_idle()

    def _store_cursors(self) -> None:
        commit = self._connections.take_cursors()
        if commit is not None:
            self._commit(None, commit)

    def _flush(self) -> None:
        if self._jobs:
            jobs, self._jobs = self._jobs, []
            self.writer.push(jobs)
        self._delivery.flush()
        self._outbound.flush()
        if self._completed:
            self._count_completed()

    def _count_completed(self) -> None:
        """All that follows from these commits is with the I/O threads now."""
        handed_at = monotonic()
        for committed in self._completed:
            self.statistics.count_commit(
                (job.queued_at for job in committed.jobs), committed.began_at, committed.ended_at, handed_at
            )
            self._traces.add(committed, handed_at)
        self._completed.clear()

    def _take_other(self, news: News, subject: Any, detail: Any) -> None:
        match news:
            case News.ANSWER:
                subject.then(detail, subject.error)
            case News.DRAINED:
                self._delivery.drained(subject)
            case News.LAGGED:
                self._delivery.lagged(subject, *detail)
            case News.CONNECTED:
                self._connections.all.add(subject)
            case News.GONE:
                self._intake.finish(subject)
                self.statistics.slow_consumers += detail == ErrorCode.SLOW_CONSUMER
                self._connections.forget(subject)
            case News.RETRIED:
                self.statistics.retried += 1
            case News.FAILED:
                self._take_failed(subject, detail)
            case News.SHUTDOWN:
                self._begin_drain()
            case News.PACKETS | News.COMMITTED:
                pass

    # ---- requests

    def _route(self, peer: Peer, packet: ClientPacket | Error) -> None:
        peer.routed += 1
        if packet.__class__ is Error:
            self._answer_error(peer, packet)
            return
        try:
            refusal = self._admission.refusal(peer, packet, self._inflight)  # type: ignore[arg-type]
            found = refusal or decide(self._context, peer.session, packet)  # type: ignore[arg-type]
            for effect in found:
                self._perform(peer, effect)
        except Exception as error:  # noqa: BLE001 - safety net: one request fails
            self._answer_failure(peer, getattr(packet, "id", UNSET), f"{type(packet).__name__} failed", error)

    def _answer_error(self, peer: Peer, error: Error) -> None:
        self.statistics.errors[error.code] += 1
        code = error.code
        if code in COUNTED and peer.session.count_error(self._context.now_ms):
            error = Error(
                code=ErrorCode.TOO_MANY_ERRORS,
                message=f"too many errors in a minute, the last one: {error.message}",
                re=error.re,
            )
            self._connections.hang_up(peer, error)
        elif code in (ErrorCode.BAD_FRAME, ErrorCode.BAD_JSON):
            self._connections.hang_up(peer, error)
        else:
            self._outbound.packet(peer, error)

    # ---- effects

    def _perform(self, peer: Peer, effect: Effect) -> None:  # noqa: PLR0912, C901 - one arm per effect
        match effect:
            case effects.Commit():
                self._commit(peer, effect)
            case effects.Reply(packet):
                if isinstance(packet, Error):
                    self._answer_error(peer, packet)
                else:
                    self._outbound.packet(peer, packet)
            case effects.ReplyRaw(payload):
                self._outbound.frame(peer, encode_frame(payload))
            case effects.Advanced(conversation, seq):
                self._connections.advance(peer, conversation, seq)
            case effects.Ask() | effects.Compute():
                self._hold(peer, effect)
            case effects.Tell(users, packet):
                self._connections.tell(users, packet, peer)
            case effects.TellMembers(conversation, packet):
                self._connections.tell_members(conversation, packet, peer)
            case effects.Opened():
                self._connections.open(peer)
            case effects.Synchronise():
                self._synchronise(peer, effect)
            case effects.Disconnect():
                self._connections.disconnect(peer, effect)
            case effects.PresenceChanged(user):
                self._connections.presence_changed(user)
            case effects.HangUp(packet):
                self._connections.hang_up(peer, packet)
            case effects.Report(re, reset):
                self._outbound.packet(peer, packets.Ok(re=re, stats=self._reports.stats(self._inflight)))
                if reset:
                    self.statistics.reset(self._context.now_ms)
            case effects.TellReceipts():
                self._hold(peer, self._reports.receipts(effect))
            case effects.TellTrace():
                self._hold(peer, self._reports.trace(effect))
            case effects.ListSessions(re):
                self._outbound.packet(peer, packets.Ok(re=re, sessions=self._reports.sessions()))

    def _commit(self, peer: Peer | None, commit: effects.Commit) -> None:
        job = Job(peer, commit, self._now)
        # one flow per conversation: what is done to it is stored in the order in which it was decided
        lane, flow = Lane.SYSTEM, 0
        for step in commit.steps:
            if isinstance(step, _OF_A_CONVERSATION):
                lane, flow = LANE_OF[step.conversation.kind], step.conversation.id
                break
        self._jobs.append((lane, flow, job))
        self._inflight += 1
        if peer is not None:
            peer.inflight += 1
            self._intake.begin(job.user)

    def _hold(self, peer: Peer, effect: effects.Ask | effects.Compute) -> None:
        """Let later requests of ``peer`` wait for a look-up, which itself waits for the commits before it."""
        if isinstance(effect, effects.Compute) and self.hashers.waiting >= self._bounds.most_hashing:
            peer.session.is_opening = False
            busy = "many are logging in at this moment, try again"
            self._answer_error(
                peer, Error(code=ErrorCode.OVERLOADED, message=busy, re=effect.re, retry_after_ms=2 * RETRY_AFTER_MS)
            )
            return
        peer.held = effect
        if peer.inflight == 0:
            self._look_up(peer)

    def _look_up(self, peer: Peer) -> None:
        effect = peer.held
        if effect is None:
            return

        def then(result: Any, error: Exception | None) -> None:
            pool.waiting -= 1
            if peer.is_gone:
                return
            peer.held = None
            try:
                if error is not None:
                    raise error
                for each in self._resume(peer, effect, result):
                    self._perform(peer, each)
            except Exception as failure:  # noqa: BLE001 - safety net: one request fails
                self._answer_failure(peer, effect.re, "look-up failed", failure)
            self._intake.resume(peer)

        pool: Pool[Any]
        if isinstance(effect, effects.Ask):
            pool = self.readers
            pool.put(Ticket(effect.read, then))
        else:
            pool = self.hashers
            work = effect.work
            pool.put(Ticket(lambda _tool: work(), then))

    def _resume(self, peer: Peer, effect: effects.Ask | effects.Compute, result: Any) -> list[Effect]:
        """What follows a look-up, unless the asker was thrown out while it went on."""
        if peer.session.user and not accounts.is_valid(self._context, peer.session):
            return effects.refuse(effect.re, ErrorCode.NOT_AUTHENTICATED, "this device was logged out")
        return effect.then(result)

    def _answer_failure(self, peer: Peer, re: int | UnsetType, event: str, error: Exception) -> None:
        """A fault of the server's own: the asker gets an incident that the log has too, the thread lives on."""
        incident = self._context.new_id()
        _log.error(event, incident=incident, exc_info=error)
        message = "the server failed at this request: tell its admin the incident"
        self._answer_error(peer, Error(code=ErrorCode.INTERNAL, message=message, re=re, incident=incident))

    def _read_page(self, read: Callable[[Reader], Any], then: Callable[[Any], None]) -> None:
        def done(result: Any, error: Exception | None) -> None:
            self.readers.waiting -= 1
            if error is not None:
                _log.error("page not read", error=str(error))
            then(None if error is not None else result)

        self.readers.put(Ticket(read, done))

    def _synchronise(self, peer: Peer, effect: effects.Synchronise) -> None:
        # what devices told as received and is not stored yet comes first: the look-up waits for this commit
        self._commit(peer, self._connections.take_cursors() or effects.Commit(()))
        ids = self._synchroniser.conversations(peer)
        user, device = peer.session.user, peer.session.device

        def answer(standings: list[Standing]) -> list[Effect]:
            if self._synchroniser.is_settled(peer, ids):
                self._synchroniser.answer(peer, effect, standings)
                return []
            return [effect]  # the user joined or left meanwhile, and perhaps that is still being stored: look again

        self._hold(peer, effects.Ask(effect.re, lambda reader: reader.standings(user, device, ids), answer))

    # ---- commits that are done

    def _take_committed(self, committed: Committed) -> None:
        jobs = committed.jobs
        self._completed.append(committed)
        self._inflight -= len(jobs)
        for job in jobs:
            self._completion.complete(job)
            peer = job.peer
            if peer is not None:
                peer.inflight -= 1
                self._intake.end(job.user)
                self._go_on(peer, job)

    def _go_on(self, peer: Peer, job: Job) -> None:
        """What follows a commit for the one who asked; if they went meanwhile, for the others only."""
        waiting = peer.held
        for effect in job.commit.then:
            if not peer.is_gone or isinstance(effect, (effects.Tell, effects.Disconnect)):
                self._perform(peer, effect)
        # a look-up that has only now begun looks after itself
        if waiting is not None and peer.held is waiting and peer.inflight == 0 and not peer.is_gone:
            self._look_up(peer)

    def _take_failed(self, jobs: list[Job], snapshot: Snapshot) -> None:
        """The store took none of ``jobs``: from now on decide on the ground of what is stored.

        What was decided meanwhile has failed with them: stored after all it would overtake what was refused.
        """
        jobs = [*jobs, *self.writer.resume(), *(job for _, _, job in self._jobs)]
        self._jobs.clear()
        _log.error("commit failed, nothing of it is stored", jobs=len(jobs))
        self._inflight -= len(jobs)
        self._synchroniser.reload(self._context, Directory(snapshot), self._connections.online)
        for job in jobs:
            self._completion.fail(job)
            if job.peer is not None:
                job.peer.inflight -= 1
                self._intake.end(job.user)
                if job.peer.held is not None and job.peer.inflight == 0:
                    self._look_up(job.peer)

    def _count_write_retry(self) -> None:
        self.statistics.retried_writes += 1

    # ---- the end

    def _begin_drain(self) -> None:
        if self._drain_until is not None:
            return
        self._drain_until = monotonic() + _DRAIN_S
        self._store_cursors()

    def _is_drained(self) -> bool:
        return self._inflight == 0 or (self._drain_until is not None and monotonic() > self._drain_until)

    def _finish(self) -> None:
        going = Error(code=ErrorCode.GOING_AWAY, message="the server is stopping, connect again", retry_after_ms=2_000)
        for peer in list(self._connections.all):
            self._connections.hang_up(peer, going)
        self._flush()
        self._stop_outlets()
        self.readers.stop()
        self.hashers.stop()
        self.writer.stop()


def _wall_clock_ms() -> int:
    return int(time() * 1000)
