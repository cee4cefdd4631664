"""The router thread: takes what connections send, lets the rules decide, and carries the effects out.

It is the only writer of the directory, the sessions and the positions, so none of them has a lock. One turn takes all that waits, then hands the
store its jobs and the I/O threads their orders, each in one batch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic, time
from typing import Any, Final

import structlog
from msgspec import UNSET, Struct

from chat_protocol import packets
from chat_protocol.codec import encode
from chat_protocol.errors import COUNTED, ErrorCode
from chat_protocol.frames import encode_frame
from chat_protocol.names import Kind
from chat_protocol.packets import ClientPacket, Error
from chat_server.dispatch.delivery import Delivery
from chat_server.dispatch.inbox import Inbox
from chat_server.dispatch.outbound import Outbound
from chat_server.dispatch.peer import Item, News, Peer
from chat_server.dispatch.pools import Pool, Ticket
from chat_server.dispatch.ring import Ring
from chat_server.dispatch.statistics import Statistics
from chat_server.dispatch.synchroniser import Synchroniser
from chat_server.dispatch.writer import Job, Writer
from chat_server.routing import effects, posting, presence
from chat_server.routing.context import Context
from chat_server.routing.directory import Conversation, Directory, User
from chat_server.routing.effects import Effect
from chat_server.routing.lanes import LANE_OF, Lane
from chat_server.routing.rates import Rates
from chat_server.routing.router import decide
from chat_server.store.base import Advance, Appended, Conflict, Outcome, Reader, Store

_log = structlog.get_logger("router")

_TICK_S: Final = 1.0
"""How often cursors are stored and presence is told, while there is something of it."""
_TYPING_MS: Final = 3_000
_DRAIN_S: Final = 5.0
"""How long a stopping server waits for commits under way."""


class Bounds(Struct, frozen=True):
    """Bounds of the dispatcher's queues and caches; what happens at each bound is said with it."""

    most_jobs: int = 50_000
    """Jobs that wait for the store; above, sends are refused as ``overloaded``."""
    most_inflight: int = 4_096
    """Commits of one connection under way; above, its sends are refused as ``overloaded``."""
    most_hashing: int = 256
    """Logins that wait for a hashing thread; above, they are refused as ``overloaded``."""
    ring_bytes: int = 64 * 1024 * 1024
    """Recent events kept in memory; above, the conversations least used are forgotten."""
    ring_bytes_each: int = 1024 * 1024
    """Recent events kept of one conversation."""
    messages_per_s: float = 0.0
    """Sends of one user; above, they are refused as ``rate_limited``. 0: no limit."""
    burst: int = 40
    retry_delays_s: tuple[float, ...] = (2.0, 4.0, 8.0)
    """A store write that fails for a passing reason is tried again after each of these."""


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
        self._synchroniser = Synchroniser(context, self._delivery, self._outbound)
        self.writer = Writer(store, self.inbox, bounds.retry_delays_s, self._count_write_retry)
        self.writer.commit_s = self._count_commit
        self.readers: Pool[Reader] = Pool("reader", readers, store.reader, self.inbox)
        self.hashers: Pool[None] = Pool("hashing", hashers, lambda: None, self.inbox)
        self._rates = Rates(bounds.messages_per_s, bounds.burst) if bounds.messages_per_s else None
        self._jobs: list[tuple[Lane, int, Job]] = []
        self._inflight = 0
        self._peers: set[Peer] = set()
        self._online: dict[int, list[Peer]] = {}
        self._cursors: dict[tuple[str, int], Advance] = {}
        self._presence: set[int] = set()
        self._typed: dict[tuple[int, int], int] = {}
        self._tick_at: float | None = None
        self._drain_until: float | None = None

    # ---- the loop

    def run(self) -> None:
        """The thread's work; ends when the server has been drained."""
        while self._drain_until is None or not self._is_drained():
            items = self.inbox.take(self._timeout_s())
            self._context.now_ms = _wall_clock_ms()
            for news, subject, detail in items:
                if news is News.PACKETS:
                    self._take_packets(subject, detail)
                elif news is News.COMMITTED:
                    self._take_committed(subject)
                else:
                    self._take_other(news, subject, detail)
            if self._tick_at is not None and monotonic() >= self._tick_at:
                self._tick()
            self._flush()
        self._finish()

    def _timeout_s(self) -> float | None:
        if self._drain_until is not None:
            return 0.05
        return None if self._tick_at is None else max(0.0, self._tick_at - monotonic())

    def _flush(self) -> None:
        if self._jobs:
            jobs, self._jobs = self._jobs, []
            self.writer.push(jobs)
        self._delivery.flush()
        self._outbound.flush()

    def _take_other(self, news: News, subject: Any, detail: Any) -> None:
        match news:
            case News.ANSWER:
                subject.then(detail, subject.error)
            case News.DRAINED:
                self._delivery.drained(subject)
            case News.LAGGED:
                self._delivery.lagged(subject, *detail)
            case News.CONNECTED:
                self._peers.add(subject)
            case News.GONE:
                self.statistics.slow_consumers += detail == ErrorCode.SLOW_CONSUMER
                self._forget(subject)
            case News.RETRIED:
                self.statistics.retried += 1
            case News.FAILED:
                self._take_failed(subject, detail)
            case News.SHUTDOWN:
                self._begin_drain()
            case News.PACKETS | News.COMMITTED:
                pass

    # ---- requests

    def _take_packets(self, peer: Peer, received: list[ClientPacket | Error]) -> None:
        if peer.is_gone:
            return
        if peer.held is not None or peer.waiting:
            peer.waiting.extend(received)
            return
        for number, packet in enumerate(received):
            self._route(peer, packet)
            if peer.held is not None:
                peer.waiting.extend(received[number + 1 :])
                return

    def _continue(self, peer: Peer) -> None:
        """Go on with what waited behind a look-up."""
        while peer.waiting and peer.held is None and not peer.is_gone:
            self._route(peer, peer.waiting.popleft())

    def _route(self, peer: Peer, packet: ClientPacket | Error) -> None:
        peer.routed += 1
        if packet.__class__ is Error:
            self._answer_error(peer, packet)
            return
        try:
            found = self._refusal(peer, packet) or decide(self._context, peer.session, packet)  # type: ignore[arg-type]
            for effect in found:
                self._perform(peer, effect)
        except Exception:  # safety net: one request fails, with an incident that the log has too
            incident = self._context.new_id()
            _log.exception("request failed", incident=incident, type=type(packet).__name__)
            error = Error(
                code=ErrorCode.INTERNAL,
                message="the server failed at this request, tell its admin the incident",
                re=getattr(packet, "id", UNSET),
                incident=incident,
            )
            self._answer_error(peer, error)

    def _refusal(self, peer: Peer, packet: ClientPacket) -> list[Effect]:
        """What the state of the whole server refuses, before any rule."""
        if not isinstance(
            packet, (packets.PostGroup, packets.PostPrivate, packets.PostBroadcast, packets.PostNotification)
        ):
            return []
        session = peer.session
        if not session.user:
            return []
        if self._inflight >= self._bounds.most_jobs or peer.inflight >= self._bounds.most_inflight:
            return self._refuse_for_now(peer, packet, ErrorCode.OVERLOADED, "the server is busy, send it again", 1_000)
        if self._rates is not None:
            wait_ms = self._rates.take(session.user, self._context.now_ms)
            if wait_ms:
                message = "you are sending too fast: nothing was lost, send it again"
                return self._refuse_for_now(peer, packet, ErrorCode.RATE_LIMITED, message, wait_ms)
        return []

    def _refuse_for_now(
        self, peer: Peer, post: packets.Post, code: ErrorCode, message: str, retry_after_ms: int
    ) -> list[Effect]:
        destination = posting.destination(self._context, peer.session, post)
        if destination is not None:
            waiting = peer.session.refused.setdefault(destination.id, post.message_id)
            if waiting != post.message_id:
                code, message = ErrorCode.RETRY_ORDER, f"send {waiting} first: it was refused and may succeed now"
        return effects.refuse(post.id, code, message, retry_after_ms=retry_after_ms)

    def _answer_error(self, peer: Peer, error: Error) -> None:
        self.statistics.errors[error.code] += 1
        code = error.code
        if code in COUNTED and peer.session.count_error(self._context.now_ms):
            error = Error(
                code=ErrorCode.TOO_MANY_ERRORS,
                message=f"too many errors in a minute, the last one: {error.message}",
                re=error.re,
            )
            self._hang_up(peer, error)
        elif code in (ErrorCode.BAD_FRAME, ErrorCode.BAD_JSON):
            self._hang_up(peer, error)
        else:
            self._outbound.packet(peer, error)

    def _hang_up(self, peer: Peer, packet: packets.Packet | None) -> None:
        self._outbound.close(peer, packet)
        self._forget(peer)

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
                self._advance(peer, conversation, seq)
            case effects.Ask() | effects.Compute():
                self._hold(peer, effect)
            case effects.Tell(users, packet):
                self._tell(users, packet, peer)
            case effects.TellMembers(conversation, packet_for):
                self._tell_members(peer, conversation, packet_for)
            case effects.Opened():
                self._open(peer)
            case effects.Synchronise():
                self._synchronise(peer, effect)
            case effects.Disconnect():
                self._disconnect(peer, effect)
            case effects.PresenceChanged(user):
                self._presence.add(user)
                self._want_tick()
            case effects.HangUp(packet):
                self._hang_up(peer, packet)
            case effects.Report(re, reset):
                self._report(peer, re, reset)
            case effects.TellReceipts():
                self._tell_receipts(peer, effect)
            case effects.ListSessions(re):
                self._list_sessions(peer, re)

    def _commit(self, peer: Peer | None, commit: effects.Commit) -> None:
        job = Job(peer, commit, monotonic())
        first = commit.steps[0] if commit.steps else None
        lane, flow = Lane.SYSTEM, 0
        for step in commit.steps if not isinstance(first, effects.Log) else (first,):
            if isinstance(step, effects.Log):
                lane, flow = LANE_OF[step.conversation.kind], step.conversation.id
                break
        self._jobs.append((lane, flow, job))
        self._inflight += 1
        if peer is not None:
            peer.inflight += 1

    def _hold(self, peer: Peer, effect: effects.Ask | effects.Compute) -> None:
        """Let later requests of ``peer`` wait for a look-up, which itself waits for the commits before it."""
        if isinstance(effect, effects.Compute) and self.hashers.waiting >= self._bounds.most_hashing:
            peer.session.is_opening = False
            self._outbound.packet(
                peer, Error(code=ErrorCode.OVERLOADED, message="many are logging in, try again", retry_after_ms=2_000)
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
            if error is not None:
                self._look_up_failed(peer, error)
            else:
                for each in effect.then(result):
                    self._perform(peer, each)
            self._continue(peer)

        pool: Pool[Any]
        if isinstance(effect, effects.Ask):
            pool = self.readers
            pool.put(Ticket(effect.read, then))
        else:
            pool = self.hashers
            work = effect.work
            pool.put(Ticket(lambda _tool: work(), then))

    def _look_up_failed(self, peer: Peer, error: Exception) -> None:
        incident = self._context.new_id()
        _log.error("look-up failed", incident=incident, error=str(error), exc_info=error)
        message = "the server could not look this up, try again or tell its admin the incident"
        # which request it was is only known to what was to come of it: the connection starts over
        self._hang_up(peer, Error(code=ErrorCode.INTERNAL, message=message, incident=incident))

    def _read_page(self, read: Callable[[Reader], Any], then: Callable[[Any], None]) -> None:
        def done(result: Any, error: Exception | None) -> None:
            self.readers.waiting -= 1
            if error is not None:
                _log.error("page not read", error=str(error))
            then(None if error is not None else result)

        self.readers.put(Ticket(read, done))

    # ---- commits that are done

    def _take_committed(self, jobs: list[Job]) -> None:
        now = monotonic()
        self._inflight -= len(jobs)
        for job in jobs:
            self._complete(job)
        self.statistics.queued.add(now - jobs[0].queued_at, len(jobs))

    def _complete(self, job: Job) -> None:
        peer = job.peer
        at = 0
        for step in job.commit.steps:
            if step.__class__ is effects.Log:
                self._complete_log(peer, step, job.outcomes[at])
                at += 1
            elif isinstance(step, effects.Begin):
                self._begin(step)
            elif isinstance(step, effects.End):
                self._end(step)
            elif isinstance(step, effects.Changed):
                self._synchroniser.tell_changed(step, self._online, self._read_page)
            else:
                at += 1
        if peer is None:
            return
        peer.inflight -= 1
        if peer.is_gone:
            self._undo_open(peer, job)
            return
        for effect in job.commit.then:
            self._perform(peer, effect)
        if peer.held is not None and peer.inflight == 0:
            self._look_up(peer)

    def _undo_open(self, peer: Peer, job: Job) -> None:
        """The connection went while its login was stored; others are still told what the commit changed."""
        for effect in job.commit.then:
            if isinstance(effect, (effects.Tell, effects.Disconnect)):
                self._perform(peer, effect)

    def _complete_log(self, peer: Peer | None, log: effects.Log, outcome: Outcome | None) -> None:
        # the directory may have been made anew since this was decided
        conversation = self._context.directory.conversations.get(log.conversation.id, log.conversation)
        if isinstance(outcome, Appended):
            appended = outcome
            append = log.append
            re = log.re
            if not appended.duplicate:
                origin = peer if re is not None else None
                self._delivery.publish(conversation, appended.seq, appended.body, origin)
                if append.kind in ("edited", "deleted"):
                    self._delivery.revised(conversation)
            if re is not None and peer is not None:
                self._ack(peer, re, log, appended)
            return
        if peer is None or log.re is None:
            return
        if isinstance(outcome, Conflict):
            message = "this message_id was used for something else: take a new one"
            error = Error(code=ErrorCode.CONFLICT, message=message, re=log.re, field="message_id")
        else:
            error = Error(code=ErrorCode.NOT_FOUND, message="there is no such message", re=log.re, field="target")
        self._answer_error(peer, error)

    def _ack(self, peer: Peer, re: int, log: effects.Log, appended: Appended) -> None:
        conversation = log.conversation
        append = log.append
        directory = self._context.directory
        sender = append.sender
        belongs = conversation.kind is Kind.ANNOUNCEMENTS or sender in conversation.members
        if conversation.kind is Kind.NOTIFICATIONS:
            belongs = conversation.key == str(sender)
        others = directory.recipients(conversation) - belongs
        delivered = self._delivery.audience(conversation).live_others(sender)
        stored = others - delivered
        if not others:
            result = "no_recipients"
        elif not stored:
            result = "success"
        else:
            result = "partial" if delivered else "stored"
        statistics = self.statistics
        if not appended.duplicate:
            statistics.by_type[append.kind] += 1
            statistics.by_result[result] += 1
            statistics.talkers[sender] += 1
            statistics.stored_offline += stored
        self._outbound.packet(
            peer,
            packets.Ack(
                re=re,
                message_id=append.message_id,
                conversation=directory.name_for(conversation, sender),
                seq=appended.seq,
                timestamp=appended.timestamp_ms,
                result=result,
                delivered=delivered,
                stored=stored,
                duplicate=appended.duplicate,
            ),
        )

    def _begin(self, step: effects.Begin) -> None:
        conversation = step.conversation
        self._delivery.flush_conversation(conversation)
        stay = conversation.members.get(step.user)
        if stay is not None and stay.since_seq < 0:
            stay.since_seq = conversation.head + 1
        for peer in self._online.get(step.user, ()):
            if peer.session.is_synced:
                self._delivery.tell_begin(peer, conversation)

    def _end(self, step: effects.End) -> None:
        conversation = step.conversation
        self._delivery.flush_conversation(conversation)
        stay = self._context.directory.users[step.user].ended.get(conversation.id)
        if stay is not None:
            stay.until_seq = conversation.head
        for peer in self._online.get(step.user, ()):
            lag = peer.lagging.get(conversation.id)
            if lag is not None and stay is not None:
                lag.until = conversation.head
                self._delivery.pump(peer)
            elif peer.session.is_synced:
                self._delivery.tell_end(peer, conversation)

    def _take_failed(self, jobs: list[Job], snapshot: Any) -> None:
        """The store took none of ``jobs``: refuse them, and decide on the ground of what is stored from now on."""
        _log.error("commit failed, nothing of it is stored", jobs=len(jobs))
        self._inflight -= len(jobs)
        for job in jobs:
            if job.peer is not None:
                job.peer.inflight -= 1
        self._synchroniser.reload(self._context, Directory(snapshot), self._online)
        self.writer.resume()
        for job in jobs:
            peer = job.peer
            if peer is None or peer.is_gone:
                continue
            for step in job.commit.steps:
                if isinstance(step, effects.Log) and step.re is not None:
                    peer.session.refused.setdefault(step.conversation.id, step.append.message_id)
            self._refuse_failed(peer, job)
            if peer.held is not None and peer.inflight == 0:
                self._look_up(peer)

    def _refuse_failed(self, peer: Peer, job: Job) -> None:
        if any(isinstance(effect, effects.Opened) for effect in job.commit.then):
            peer.session.user = 0  # the login was not stored
        re = next((step.re for step in job.commit.steps if isinstance(step, effects.Log) and step.re is not None), None)
        if re is None:
            answers = (effect.packet for effect in job.commit.then if isinstance(effect, effects.Reply))
            re = next((getattr(packet, "re", None) for packet in answers), None)
        message = "the server could not store this: nothing of it happened, send it again"
        error = Error(
            code=ErrorCode.STORAGE,
            message=message,
            re=UNSET if re is None else re,
            retry_after_ms=effects.RETRY_AFTER_MS,
        )
        self._answer_error(peer, error)

    # ---- sessions

    def _open(self, peer: Peer) -> None:
        user = self._context.directory.users[peer.session.user]
        self._online.setdefault(user.id, []).append(peer)
        peer.session.since_ms = self._context.now_ms
        user.connections += 1
        if user.connections == 1:
            user.presence, user.status = "online", ""
            self._presence.add(user.id)
            self._want_tick()
        self._outbound.widen(peer, self._context.rules.max_frame)

    def _forget(self, peer: Peer) -> None:
        if peer.is_gone:
            return
        peer.is_gone = True
        self._peers.discard(peer)
        self._delivery.forget(peer)
        peer.waiting.clear()
        peers = self._online.get(peer.session.user)
        if peers is None or peer not in peers:
            return
        peers.remove(peer)
        if not peers:
            del self._online[peer.session.user]
        user = self._context.directory.users.get(peer.session.user)
        if user is not None:
            user.connections -= 1
            if user.connections == 0:
                self._presence.add(user.id)
                self._want_tick()

    def _disconnect(self, asker: Peer, effect: effects.Disconnect) -> None:
        for peer in list(self._online.get(effect.user, ())):
            if effect.device is None or peer.session.device == effect.device:
                reason = None if peer is asker else Error(code=effect.code, message=effect.message)
                self._hang_up(peer, reason)

    def _synchronise(self, peer: Peer, effect: effects.Synchronise) -> None:
        ids = self._synchroniser.conversations(peer)
        user, device = peer.session.user, peer.session.device

        def answer(standings: Any) -> list[Effect]:
            self._synchroniser.answer(peer, effect, standings)
            return []

        self._hold(peer, effects.Ask(lambda reader: reader.standings(user, device, ids), answer))

    def _advance(self, peer: Peer, conversation: Conversation, seq: int) -> None:
        seq = min(seq, conversation.head)
        if seq <= peer.received.get(conversation.id, -1):
            return
        peer.received[conversation.id] = seq
        session = peer.session
        self._cursors[session.device, conversation.id] = Advance(
            session.device, session.user, conversation.id, seq, self._context.now_ms
        )
        if self._tick_at is None:
            self._want_tick()

    # ---- pushes that are not stored

    def _tell(self, users: tuple[int, ...], packet: packets.Packet, asker: Peer) -> None:
        frame = encode_frame(encode(packet))
        for user in users:
            for peer in self._online.get(user, ()):
                if peer is not asker and peer.session.is_synced:
                    self._outbound.frame(peer, frame)

    def _tell_members(
        self, asker: Peer, conversation: Conversation, packet_for: Callable[[str], packets.Packet]
    ) -> None:
        user = asker.session.user
        now_ms = self._context.now_ms
        if now_ms - self._typed.get((user, conversation.id), 0) < _TYPING_MS:
            return
        self._typed[user, conversation.id] = now_ms
        self._want_tick()
        for other, peers in self._delivery.audience(conversation).by_user.items():
            if other != user:
                name = self._context.directory.name_for(conversation, other)
                frame = encode_frame(encode(packet_for(name)))
                for peer in peers:
                    self._outbound.frame(peer, frame)

    # ---- once in a while

    def _want_tick(self) -> None:
        if self._tick_at is None:
            self._tick_at = monotonic() + _TICK_S

    def _tick(self) -> None:
        self._tick_at = None
        now_ms = self._context.now_ms
        self._store_cursors()
        self._tell_presence()
        self._typed = {key: at for key, at in self._typed.items() if now_ms - at < _TYPING_MS}
        if self._typed:
            self._want_tick()
        if self._rates is not None:
            self._rates.forget_idle(now_ms)

    def _store_cursors(self) -> None:
        if self._cursors:
            steps = tuple(self._cursors.values())
            self._cursors = {}
            self._commit(None, effects.Commit(steps))

    def _tell_presence(self) -> None:
        directory = self._context.directory
        changed, self._presence = self._presence, set()
        for user_id in changed:
            user: User | None = directory.users.get(user_id)
            if user is None:
                continue
            frame = encode_frame(encode(presence.presence_packet(user)))
            for other in presence.audience(directory, user):
                for peer in self._online.get(other, ()):
                    if peer.session.is_synced:
                        self._outbound.frame(peer, frame)

    # ---- what is asked about the server itself

    def _report(self, peer: Peer, re: int, reset: bool) -> None:
        directory = self._context.directory
        talkers = [
            {"user": directory.users[user].name if user in directory.users else "server", "messages": count}
            for user, count in self.statistics.talkers.most_common(10)
        ]
        report = self.statistics.report() | {
            "connections": len(self._peers),
            "users_online": len(self._online),
            "queues": self.writer.depths(),
            "in_commit": self._inflight,
            "ring_bytes": self._delivery.ring.size_bytes,
            "ring_hits": self._delivery.ring.hits,
            "ring_misses": self._delivery.ring.misses,
            "lagging": sum(1 for each in self._peers if each.lagging),
            "top_talkers": talkers,
        }
        self._outbound.packet(peer, packets.Ok(re=re, stats=report))
        if reset:
            self.statistics.reset(self._context.now_ms)

    def _list_sessions(self, peer: Peer, re: int) -> None:
        directory = self._context.directory
        sessions = [
            packets.SessionInfo(
                user=directory.users[each.session.user].name,
                device=each.session.device,
                address=each.session.address,
                since=each.session.since_ms,
                client=each.session.client,
            )
            for peers in self._online.values()
            for each in peers
        ]
        self._outbound.packet(peer, packets.Ok(re=re, sessions=sessions))

    def _tell_receipts(self, peer: Peer, effect: effects.TellReceipts) -> None:
        users = list(effect.users)
        conversation = effect.conversation

        def answer(reached: Any) -> list[Effect]:
            recipients = self._synchroniser.recipients(conversation, effect.seq, reached, self._online)
            return [effects.Reply(packets.Ok(re=effect.re, recipients=recipients))]

        self._hold(peer, effects.Ask(lambda reader: reader.reach(conversation.id, users), answer))

    def _count_commit(self, seconds: float, jobs: int) -> None:
        self.statistics.commit.add(seconds)
        self.statistics.commit_jobs += jobs

    def _count_write_retry(self) -> None:
        self.statistics.retried_writes += 1

    # ---- the end

    def _begin_drain(self) -> None:
        if self._drain_until is not None:
            return
        self._drain_until = monotonic() + _DRAIN_S
        self._store_cursors()
        for device in {peer.session.device for peers in self._online.values() for peer in peers}:
            _log.debug("draining", device=device)

    def _is_drained(self) -> bool:
        return self._inflight == 0 or (self._drain_until is not None and monotonic() > self._drain_until)

    def _finish(self) -> None:
        going = Error(code=ErrorCode.GOING_AWAY, message="the server is stopping, connect again", retry_after_ms=2_000)
        for peer in list(self._peers):
            self._hang_up(peer, going)
        self._flush()
        self._stop_outlets()
        self.readers.stop()
        self.hashers.stop()
        self.writer.stop()


def _wall_clock_ms() -> int:
    return int(time() * 1000)
