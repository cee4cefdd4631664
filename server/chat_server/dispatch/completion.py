"""What happens once a commit is done: pushes, acks, and who belongs where from now on. The router thread alone."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import UNSET

from chat_protocol import packets
from chat_protocol.errors import ErrorCode
from chat_protocol.packets import Error
from chat_server.dispatch.connections import Connections
from chat_server.dispatch.delivery import Delivery, ReadPage
from chat_server.dispatch.outbound import Outbound
from chat_server.dispatch.peer import Peer
from chat_server.dispatch.statistics import Statistics
from chat_server.dispatch.synchroniser import Synchroniser
from chat_server.dispatch.writer import Job
from chat_server.routing import effects
from chat_server.routing.context import Context
from chat_server.routing.directory import Conversation
from chat_server.store.base import AT_HEAD, Append, Appended, Conflict, Outcome

Complain = Callable[[Peer, Error], None]
"""Answers a request with an error."""


class Completion:
    """Lets the steps of a commit be seen, in order."""

    def __init__(
        self,
        context: Context,
        connections: Connections,
        delivery: Delivery,
        synchroniser: Synchroniser,
        outbound: Outbound,
        statistics: Statistics,
        read: ReadPage,
        complain: Complain,
    ) -> None:
        self._context = context
        self._connections = connections
        self._delivery = delivery
        self._synchroniser = synchroniser
        self._outbound = outbound
        self._statistics = statistics
        self._read = read
        self._complain = complain

    def complete(self, job: Job) -> None:
        """Everything of ``job`` is on stable storage."""
        steps = job.commit.steps
        if len(steps) == 1 and steps[0].__class__ is effects.Log:
            self._complete_log(job.peer, steps[0], job.outcomes[0])
            return
        outcomes = iter(job.outcomes)
        for step in steps:
            if step.__class__ is effects.Log:
                self._complete_log(job.peer, step, next(outcomes))
            elif isinstance(step, effects.Begin):
                self._begin(step)
            elif isinstance(step, effects.End):
                self._end(step)
            elif isinstance(step, effects.Changed):
                self._synchroniser.tell_changed(step, self._connections.online, self._read)
            else:
                next(outcomes)

    def fail(self, job: Job) -> None:
        """Nothing of ``job`` is stored: say so, and let a send that comes later wait for this one."""
        peer = job.peer
        if peer is None or peer.is_gone:
            return
        re: int | None = None
        for step in job.commit.steps:
            if isinstance(step, effects.Log) and step.re is not None:
                re = step.re
                peer.session.refused.setdefault(step.conversation.id, step.append.message_id)
        for effect in job.commit.then:
            if isinstance(effect, effects.Opened):
                peer.session.user = 0
            elif isinstance(effect, effects.Reply) and re is None:
                re = getattr(effect.packet, "re", None)
            elif isinstance(effect, (effects.Report, effects.TellTrace, effects.ListSessions)):
                re = effect.re
        message = "the server could not store this: nothing of it happened, send it again"
        answers = UNSET if re is None else re
        retry_after_ms = effects.RETRY_AFTER_MS
        self._complain(peer, Error(code=ErrorCode.STORAGE, message=message, re=answers, retry_after_ms=retry_after_ms))

    # ---- events

    def _complete_log(self, peer: Peer | None, log: effects.Log, outcome: Outcome | None) -> None:
        # the directory may have been made anew since this was decided
        conversation = self._context.directory.conversations.get(log.conversation.id, log.conversation)
        if isinstance(outcome, Appended):
            if not outcome.duplicate:
                origin = peer if log.re is not None else None
                self._delivery.publish(conversation, outcome.seq, outcome.body, origin)
                if log.append.kind in ("edited", "deleted"):
                    self._delivery.revised(conversation)
            if log.re is not None and peer is not None and not peer.is_gone:
                self._ack(peer, log.re, conversation, log.append, outcome)
            return
        if peer is None or log.re is None or peer.is_gone:
            return
        if isinstance(outcome, Conflict):
            message = "this message_id was used for something else: take a new one"
            error = Error(code=ErrorCode.CONFLICT, message=message, re=log.re, field="message_id")
        else:
            error = Error(code=ErrorCode.NOT_FOUND, message="there is no such message", re=log.re, field="target")
        self._complain(peer, error)

    def _ack(self, peer: Peer, re: int, conversation: Conversation, append: Append, appended: Appended) -> None:
        sender = append.sender
        directory = self._context.directory
        delivered = self._delivery.audience(conversation).live_others(sender)
        # whoever is leaving is out of the directory already, and gets this event still
        others = max(directory.others(conversation, sender), delivered)
        stored = others - delivered
        if not others:
            result = "no_recipients"
        elif not stored:
            result = "success"
        else:
            result = "partial" if delivered else "stored"
        if not appended.duplicate:
            self._statistics.count_message(append.kind, result, sender, stored)
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

    # ---- membership

    def _begin(self, step: effects.Begin) -> None:
        conversation, stay = step.conversation, step.stay
        self._delivery.flush_conversation(conversation)
        if stay is not None and stay.since_seq == AT_HEAD:
            stay.since_seq = conversation.head + 1
        for peer in self._connections.online.get(step.user, ()):
            if peer.session.is_synced:
                self._delivery.begin(peer, conversation)

    def _end(self, step: effects.End) -> None:
        conversation = step.conversation
        self._delivery.flush_conversation(conversation)
        step.stay.until_seq = conversation.head
        for peer in self._connections.online.get(step.user, ()):
            if peer.session.is_synced:
                self._delivery.end(peer, conversation)
