"""What the server tells admins about itself. The router thread alone."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

import msgspec

from chat_protocol import packets
from chat_server.dispatch.connections import Connections
from chat_server.dispatch.delivery import Delivery
from chat_server.dispatch.statistics import Statistics
from chat_server.dispatch.synchroniser import Synchroniser
from chat_server.dispatch.threads import cpu_seconds
from chat_server.dispatch.traces import Traces, Way
from chat_server.dispatch.writer import Writer
from chat_server.routing.context import Context
from chat_server.routing.directory import Conversation, Directory
from chat_server.routing.effects import Ask, Effect, Reply, TellReceipts, TellTrace
from chat_server.store.base import Reach

_MOST_SHOWN = 20


class Reports:
    """Answers from what the router thread knows; it alone may ask."""

    def __init__(
        self,
        context: Context,
        connections: Connections,
        delivery: Delivery,
        synchroniser: Synchroniser,
        statistics: Statistics,
        traces: Traces,
        writer: Writer,
    ) -> None:
        self._context = context
        self._connections = connections
        self._delivery = delivery
        self._synchroniser = synchroniser
        self._statistics = statistics
        self._traces = traces
        self._writer = writer

    def stats(self, in_commit: int) -> dict[str, Any]:
        """The answer to ``stats``; ``in_commit`` is how many commits are under way."""
        now = monotonic()
        users = self._context.directory.users
        connections, ring = self._connections, self._delivery.ring
        talkers = [
            {"user": users[user].name if user in users else "server", "messages": count}
            for user, count in self._statistics.talkers.most_common(10)
        ]
        return self._statistics.report() | {
            "connections": len(connections.all),
            "users_online": len(connections.online),
            "lagging": sum(1 for peer in connections.all if peer.lagging),
            "queues": self._writer.depths(),
            "in_commit": in_commit,
            "retrying": {
                "pushes": _stalled(self._context.directory, connections, now),
                "commit": _commit_retry(self._writer, now),
            },
            "threads": cpu_seconds(),
            "disk": msgspec.structs.asdict(self._writer.disk_use()),
            "cache": {"bytes": ring.size_bytes, "hits": ring.hits, "misses": ring.misses},
            "top_talkers": talkers,
        }

    def sessions(self) -> list[packets.SessionInfo]:
        """The answer to ``admin_sessions``."""
        users = self._context.directory.users
        return [
            packets.SessionInfo(
                user=users[peer.session.user].name,
                device=peer.session.device,
                address=peer.session.address,
                since=peer.session.since_ms,
                client=peer.session.client,
            )
            for peers in self._connections.online.values()
            for peer in peers
        ]

    def receipts(self, effect: TellReceipts) -> Ask:
        """The look-up that answers ``receipts``."""
        conversation, seq = effect.conversation, effect.seq

        def answer(recipients: list[packets.Recipient]) -> list[Effect]:
            return [Reply(packets.Ok(re=effect.re, recipients=recipients))]

        return self._of_recipients(effect.re, conversation, seq, effect.users, answer)

    def trace(self, effect: TellTrace) -> Ask:
        """The look-up that answers ``trace``."""

        def answer(recipients: list[packets.Recipient]) -> list[Effect]:
            way = self._traces.find(effect.message_id)
            return [Reply(packets.Ok(re=effect.re, trace=_trace(effect, self._context.directory, way, recipients)))]

        return self._of_recipients(effect.re, effect.conversation, effect.target.seq, effect.users, answer)

    def _of_recipients(
        self,
        re: int,
        conversation: Conversation,
        seq: int,
        users: tuple[int, ...],
        answer: Callable[[list[packets.Recipient]], list[Effect]],
    ) -> Ask:
        def found(reached: list[Reach]) -> list[Effect]:
            online = self._connections.online
            return answer(self._synchroniser.recipients(conversation, seq, reached, online, monotonic()))

        return Ask(re, lambda reader: reader.reach(conversation.id, list(users)), found)


def _stalled(directory: Directory, connections: Connections, now: float) -> list[dict[str, Any]]:
    """The connections that take nothing at this moment, those that wait longest first."""
    blocked = sorted((peer for peer in connections.all if peer.is_blocked), key=lambda peer: -peer.retries)
    return [
        {
            "user": directory.users[peer.session.user].name if peer.session.user in directory.users else "",
            "attempts": peer.retries + 1,
            "next_retry_ms": max(0, int((peer.retry_at - now) * 1000)),
            "unsent_bytes": peer.unsent_bytes,
        }
        for peer in blocked[:_MOST_SHOWN]
    ]


def _commit_retry(writer: Writer, now: float) -> dict[str, Any] | None:
    retry = writer.retry
    if retry is None:
        return None
    wait_ms = max(0, int((retry.at - now) * 1000))
    return {"attempts": retry.attempts, "next_retry_ms": wait_ms, "reason": retry.reason}


def _trace(
    effect: TellTrace, directory: Directory, way: Way | None, recipients: list[packets.Recipient]
) -> dict[str, Any]:
    target, users = effect.target, directory.users
    shown: dict[str, Any] = {
        "message_id": effect.message_id,
        "type": target.kind,
        "conversation": directory.name_for(effect.conversation, target.sender),
        "seq": target.seq,
        "sender": users[target.sender].name if target.sender in users else "server",
        "timestamp": target.timestamp_ms,
        "deleted": target.deleted,
        "recipients": [msgspec.to_builtins(each) for each in recipients],
    }
    if way is not None:
        shown |= {
            "lane": way.lane.name.lower(),
            "steps": {
                "queued": _ms(way, way.queued_at),
                "commit_began": _ms(way, way.began_at),
                "commit_ended": _ms(way, way.ended_at),
                "handed_on": _ms(way, way.handed_at),
            },
            "jobs": way.jobs,
            "attempts": way.attempts,
            "duplicate": way.duplicate,
        }
    return shown


def _ms(way: Way, at: float) -> float:
    return round((at - way.heard_at) * 1000, 3)
