"""A connection as the dispatcher knows it, and the words that router thread and I/O threads exchange.

Both sides talk in batches: one put per turn, never one per message.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from chat_protocol.packets import ClientPacket, Error
from chat_server.routing.session import Session

if TYPE_CHECKING:
    from chat_server.routing.effects import Ask, Compute


class Lag(Struct):
    """A conversation of which a connection is behind: it has everything up to ``position``.

    ``until`` ends the catch-up where the user's membership ended, else it goes on until the connection is live.
    """

    position: int
    until: int | None = None


class Peer:
    """One connection. These fields belong to the router thread; ``net`` adds its own in a subclass.

    Some belong to the I/O thread, and the router reads them for reports only: there a value of a moment ago will do.
    """

    __slots__ = (
        "fetching",
        "held",
        "inflight",
        "is_blocked",
        "is_gone",
        "lagging",
        "last_heard",
        "live",
        "outlet",
        "received",
        "retries",
        "retry_at",
        "routed",
        "session",
        "unsent_bytes",
        "waiting",
    )

    def __init__(self, outlet: Outlet, session: Session) -> None:
        self.outlet = outlet
        self.session = session
        self.waiting: list[ClientPacket | Error] = []
        """Requests that the router has not taken up yet."""
        self.held: Ask | Compute | None = None
        """The look-up that later requests wait for."""
        self.inflight = 0
        """Commits of this connection that are not done yet."""
        self.live: set[int] = set()
        """Conversations whose events are pushed as they come."""
        self.lagging: dict[int, Lag] = {}
        """Conversations that are being caught up on; a conversation is either here or in ``live``."""
        self.fetching = False
        """A page is being read or has not been taken up yet."""
        self.received: dict[int, int] = {}
        """What the device told as received, by conversation."""
        self.routed = 0
        """Packets taken up so far; read by the I/O thread, which stops reading a connection that is far ahead."""
        self.is_gone = False
        self.last_heard = 0.0
        """When bytes came last, by the monotonic clock. The I/O thread's, like all that follows."""
        self.unsent_bytes = 0
        """What the socket did not take; then ``is_blocked``."""
        self.is_blocked = False
        self.retries = 0
        """How often sending was tried again since the socket took a byte."""
        self.retry_at = 0.0
        """When it is tried next, while ``is_blocked``."""


# ---- router → I/O thread -------------------------------------------------------------------------------------------


class Deliver(Struct, frozen=True, gc=False):
    """Push ``blob`` (whole frames, the first of them with seq ``first``) of a conversation to all ``peers``.

    ``own`` names peers that get something else: what they did not send themselves. A peer that is too far behind
    does not get it and is reported
    as lagging from ``first``.
    """

    conversation: int
    first: int
    blob: bytes
    peers: tuple[Peer, ...]
    own: dict[Peer, bytes] | None = None


class Send(Struct, frozen=True, gc=False):
    """Send ``blob`` to one peer whatever its state. With ``tell``, report when little of it is left unsent."""

    peer: Peer
    blob: bytes
    tell: bool = False


class Resume(Struct, frozen=True, gc=False):
    """``peer`` has caught up with ``conversation``: it takes pushes of it again."""

    peer: Peer
    conversation: int


class Widen(Struct, frozen=True, gc=False):
    """``peer`` is logged in: it may send frames of up to ``max_frame`` bytes."""

    peer: Peer
    max_frame: int


class Close(Struct, frozen=True, gc=False):
    """Send ``blob``, then close the connection."""

    peer: Peer
    blob: bytes


Order = Deliver | Send | Resume | Widen | Close


class Outlet(Protocol):
    """An I/O thread, as the router thread sees it."""

    def post(self, orders: list[Order]) -> None:
        """Hand over orders, to be carried out in this order. Never blocks; any thread."""
        ...


# ---- to the router thread ------------------------------------------------------------------------------------------


class News(IntEnum):
    """What a tuple in the router's inbox tells."""

    PACKETS = 0
    """(PACKETS, peer, [packet or error, …])"""
    COMMITTED = 1
    """(COMMITTED, committed, None)"""
    FAILED = 2
    """(FAILED, jobs, snapshot)"""
    ANSWER = 3
    """(ANSWER, ticket, result)"""
    DRAINED = 4
    """(DRAINED, peer, None)"""
    LAGGED = 5
    """(LAGGED, peer, (conversation, seq))"""
    CONNECTED = 6
    """(CONNECTED, peer, None)"""
    GONE = 7
    """(GONE, peer, reason)"""
    RETRIED = 8
    """(RETRIED, peer, attempts)"""
    SHUTDOWN = 9
    """(SHUTDOWN, None, None)"""


Item = tuple[News, Any, Any]
