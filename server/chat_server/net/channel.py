"""One connection's socket side: what has come in, what is still to go out, and since when it has made no progress."""

from __future__ import annotations

import socket
from collections import deque
from typing import TYPE_CHECKING, Final

from chat_protocol.connection import ServerConnection
from chat_server.dispatch.peer import Peer
from chat_server.net.strangers import Strangers
from chat_server.net.tls import TlsLayer
from chat_server.routing.session import Session

if TYPE_CHECKING:
    from chat_server.net.loop import IoThread

_NOTHING: Final[frozenset[int]] = frozenset()
FIRST_RETRY_S: Final = 2.0
"""A connection that takes no byte is tried again after so long, then after twice as long, and so on."""


class Channel(Peer):
    """A connection. The fields added here belong to its I/O thread."""

    __slots__ = (
        "_strangers",
        "behind",
        "close_at",
        "connection",
        "frame_since",
        "is_closing",
        "is_open",
        "is_paused",
        "is_special",
        "opened_at",
        "out",
        "sock",
        "taken",
        "tells_drained",
        "tls",
        "unsent",
        "was_pinged",
    )

    def __init__(
        self,
        outlet: IoThread,
        sock: socket.socket,
        address: str,
        strangers: Strangers,
        max_frame: int,
        now: float,
        tls: TlsLayer | None = None,
    ) -> None:
        super().__init__(outlet, Session(address=address))
        self.sock = sock
        self._strangers: Strangers | None = strangers
        """Where it is counted until it logs in."""
        self.tls = tls
        """None for a connection in the clear."""
        self.connection = ServerConnection(max_frame)
        self.out: list[bytes] = []
        """What is to be sent at the end of this turn."""
        self.unsent: deque[memoryview] | None = None
        """What the socket did not take, of ``unsent_bytes`` in all: few ever need one, and each is 760 bytes."""
        self.is_special = False
        """Look closer before pushing: it is blocked, behind, or gets something of its own in this delivery."""
        self.behind = _NOTHING
        """Conversations whose pushes are left out until the router says that the connection has caught up."""
        self.tells_drained = False
        """The router waits to hear that little is left unsent."""
        self.is_closing = False
        """Closes once everything is sent; what still comes in is dropped."""
        self.close_at = 0.0
        """When a connection that was half closed is closed for good; 0 before."""
        self.taken = 0
        """Packets handed to the router; ``routed`` of them it has taken up."""
        self.is_open = False
        """Logged in."""
        self.is_paused = False
        """Not read, because too much of it is unanswered."""
        self.opened_at = now
        self.last_heard = now
        self.was_pinged = False
        self.frame_since = 0.0
        """When the frame began that is not whole yet; 0 if there is none."""

    def settle(self) -> None:
        """Recompute ``is_special``."""
        self.is_special = self.is_blocked or bool(self.behind) or self.is_closing

    def admit(self) -> None:
        """It is logged in."""
        self.is_open = True
        self._leave_strangers()

    def close(self) -> None:
        """Close the socket; the other end may be waiting to come again."""
        self.sock.close()
        self._leave_strangers()

    def _leave_strangers(self) -> None:
        strangers, self._strangers = self._strangers, None
        if strangers is not None:
            strangers.leave(self.session.address)

    # ---- sending

    def transmit(self, data: bytes, now: float) -> None:
        """Give bytes to the socket; what it does not take waits, and ``is_blocked`` tells so.

        Raises:
            OSError: the connection is broken.
        """
        if self.is_blocked:
            self._keep(memoryview(data))
            return
        sent = self._send(data)
        if sent < len(data):
            self._keep(memoryview(data)[sent:])
            self.is_blocked = self.is_special = True
            self._progress(now)

    def transmit_rest(self, now: float) -> None:
        """Give the socket what waits, as much as it takes.

        Raises:
            OSError: the connection is broken.
        """
        unsent = self.unsent
        while unsent:
            sent = self._send(unsent[0])
            if not sent:
                return
            self._progress(now)
            self.unsent_bytes -= sent
            if sent < len(unsent[0]):
                unsent[0] = unsent[0][sent:]
            else:
                unsent.popleft()
        self.unsent = None
        self.is_blocked = False
        self.settle()

    def _keep(self, piece: memoryview) -> None:
        if self.unsent is None:
            self.unsent = deque()
        self.unsent.append(piece)
        self.unsent_bytes += len(piece)

    def _send(self, data: bytes | memoryview) -> int:
        try:
            return self.sock.send(data)
        except (BlockingIOError, InterruptedError):
            return 0

    def _progress(self, now: float) -> None:
        """Patience starts anew: the connection is given up only if it takes no byte at all."""
        self.retries = 0
        self.retry_at = now + FIRST_RETRY_S
