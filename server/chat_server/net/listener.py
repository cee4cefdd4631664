"""Accepts connections and gives each to the I/O thread that has the fewest."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from typing import Final

import structlog

from chat_server.net.loop import IoThread
from chat_server.net.strangers import Strangers

_log = structlog.get_logger("net")

_BACKLOG: Final = 1024
_MOST_AT_ONCE: Final = 64
"""Connections accepted before the others have their turn."""
_OUT_OF_RESOURCES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Listener:
    """A listening socket, watched by the first I/O thread."""

    def __init__(
        self, host: str, port: int, threads: Sequence[IoThread], most_connections: int, strangers: Strangers
    ) -> None:
        self._threads = threads
        self._strangers = strangers
        self._most_connections = most_connections
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # "::" is all interfaces, and so also those that have IPv4 alone
        takes_both = host == "::" and socket.has_dualstack_ipv6()
        self._sock = socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=takes_both)
        self._sock.setblocking(False)
        # kept for when all descriptors are used up: without one, a waiting connection could not even be turned away
        self._spare: socket.socket | None = socket.socket()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, as bound."""
        name = self._sock.getsockname()
        return str(name[0]), int(name[1])

    def start(self) -> None:
        """Accept from now on."""
        self._threads[0].watch(self._sock, self._accept)

    def stop(self) -> None:
        """Accept nothing more."""
        self._threads[0].unwatch(self._sock)

    def _accept(self) -> None:
        for _ in range(_MOST_AT_ONCE):
            try:
                sock, address = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in _OUT_OF_RESOURCES:
                    self._turn_away()
                    return
                raise
            if sum(thread.load for thread in self._threads) >= self._most_connections:
                sock.close()
                _log.warning("connection refused: there are too many", most=self._most_connections)
                continue
            peer = f"{address[0].removeprefix('::ffff:')}:{address[1]}"
            if not self._strangers.enter(peer):
                sock.close()
                _log.debug("connection refused: too many of one address are not logged in", address=peer)
                continue
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = min(self._threads, key=lambda each: each.load)
            thread.adopt(sock, peer, self._strangers)

    def _turn_away(self) -> None:
        """Use the spare descriptor to accept one connection and close it, else the loop would spin on it."""
        _log.warning("connection refused: out of file descriptors")
        if self._spare is not None:
            self._spare.close()
            self._spare = None
        try:
            self._sock.accept()[0].close()
            self._spare = socket.socket()
        except OSError:
            pass  # the next turn tries again
