"""What is refused before any rule: the server is busy, or somebody asks too fast. The router thread alone."""

from __future__ import annotations

from typing import Final, cast, get_args

from chat_protocol import packets
from chat_protocol.errors import ErrorCode
from chat_protocol.packets import ClientPacket
from chat_server.dispatch.bounds import Bounds
from chat_server.dispatch.peer import Peer
from chat_server.routing import effects, posting
from chat_server.routing.context import Context
from chat_server.routing.effects import RETRY_AFTER_MS, Effect
from chat_server.routing.rates import Rates

_POSTS: Final = frozenset(get_args(packets.Post))
_LOGGED: Final = frozenset(
    {
        packets.Edit,
        packets.Delete,
        packets.React,
        packets.CreateGroup,
        packets.Join,
        packets.Leave,
        packets.Invite,
        packets.Kick,
        packets.SetRole,
        packets.SetTopic,
        packets.SetTitle,
    }
)
"""Requests that add an event to a log, as messages do, and so are counted with them."""
_FREE: Final = frozenset({packets.Received, packets.Typing, packets.Ping, packets.Pong, packets.Hello, packets.Sync})
"""What costs next to nothing, or is said once on a connection."""


class Admission:
    """Counts what users ask for."""

    def __init__(self, context: Context, bounds: Bounds) -> None:
        self._context = context
        self._bounds = bounds
        limited = bool(bounds.messages_per_s)
        self._messages = Rates(bounds.messages_per_s, bounds.burst) if limited else None
        self._requests = Rates(bounds.requests_per_s, bounds.request_burst) if limited else None

    def refusal(self, peer: Peer, packet: ClientPacket, in_commit: int) -> list[Effect]:
        """The refusal of ``packet``, if it has to be; ``in_commit`` is how many commits are under way."""
        kind = packet.__class__
        user = peer.session.user
        if not user:
            return []
        if kind in _POSTS:
            return self._refuse_post(peer, cast(packets.Post, packet), in_commit)
        if kind in _FREE or self._requests is None or self._messages is None:
            return []
        wait_ms = (self._messages if kind in _LOGGED else self._requests).take(user, self._context.now_ms)
        if not wait_ms:
            return []
        message = "you are asking too fast: nothing was done, ask again"
        return effects.refuse(packet.id, ErrorCode.RATE_LIMITED, message, retry_after_ms=wait_ms)  # type: ignore[union-attr]

    def _refuse_post(self, peer: Peer, post: packets.Post, in_commit: int) -> list[Effect]:
        if in_commit >= self._bounds.most_jobs:
            message = "the server is busy: nothing was lost, send it again"
            return self._refuse_for_now(peer, post, ErrorCode.OVERLOADED, message, RETRY_AFTER_MS)
        if self._messages is not None:
            wait_ms = self._messages.take(peer.session.user, self._context.now_ms)
            if wait_ms:
                message = "you are sending too fast: nothing was lost, send it again"
                return self._refuse_for_now(peer, post, ErrorCode.RATE_LIMITED, message, wait_ms)
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

    def forget_idle(self) -> None:
        """Drop what has not been asked for a while."""
        for rates in (self._messages, self._requests):
            if rates is not None:
                rates.forget_idle(self._context.now_ms)
