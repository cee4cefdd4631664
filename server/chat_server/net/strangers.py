"""Connections that are not logged in yet, by address: so many at most, so that one address cannot take all places."""

from __future__ import annotations

import threading

from chat_server.routing.guessing import network_of


class Strangers:
    """The counts. Any thread."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        """Of one address; above, a new connection is closed. None: no limit."""
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}

    def enter(self, address: str) -> bool:
        """Count a connection from ``host:port``; False if there are too many and it is not counted."""
        network = network_of(address)
        with self._lock:
            count = self._counts.get(network, 0)
            if self._most is not None and count >= self._most:
                return False
            self._counts[network] = count + 1
        return True

    def leave(self, address: str) -> None:
        """One of those counted has logged in or is gone."""
        network = network_of(address)
        with self._lock:
            count = self._counts.get(network, 0)
            if count > 1:
                self._counts[network] = count - 1
            else:
                self._counts.pop(network, None)
