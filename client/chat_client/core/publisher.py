"""Tell whoever draws that the state is another one: at once, but not more often than a screen can show it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Final

from chat_client.core.state import ClientState

__all__ = ["Publisher"]

INTERVAL_S: Final = 1 / 30

_log = logging.getLogger(__name__)


class Publisher:
    """Holds the newest state."""

    def __init__(self, state: ClientState) -> None:
        self.state = state
        self._callbacks: dict[object, Callable[[ClientState], None]] = {}
        self._waiters: set[asyncio.Future[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._told_at = float("-inf")
        self._is_closed = False

    def put(self, state: ClientState) -> None:
        """Hold another state and tell soon."""
        if state is self.state:
            return
        self.state = state
        if self._timer is None and not self._is_closed:
            loop = asyncio.get_running_loop()
            due = max(loop.time(), self._told_at + INTERVAL_S)
            self._timer = loop.call_at(due, self._tell)

    async def changes(self) -> AsyncIterator[ClientState]:
        """Yield the state now and whenever it is another one, until closed."""
        last: ClientState | None = None
        while not self._is_closed:
            if self.state is not last:
                last = self.state
                yield last
                continue
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)

    def subscribe(self, callback: Callable[[ClientState], None]) -> Callable[[], None]:
        """Call ``callback`` for new states; what is returned ends that."""
        key = object()
        self._callbacks[key] = callback

        def end() -> None:
            self._callbacks.pop(key, None)

        return end

    def close(self) -> None:
        """Tell the last state and end all readers."""
        if self._timer is not None:
            self._timer.cancel()
            self._tell()
        self._is_closed = True
        self._wake()

    def _tell(self) -> None:
        self._timer = None
        self._told_at = asyncio.get_running_loop().time()
        self._wake()
        for callback in list(self._callbacks.values()):
            try:
                callback(self.state)
            except Exception:  # noqa: BLE001 - safety net: one face's fault must not stop the client
                _log.exception("a reader of the state failed")

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
