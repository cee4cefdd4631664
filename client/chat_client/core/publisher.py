"""Tell whoever draws that the state is another one: at once, but not more often than a screen can show it.

What the user did is told at once, and so is the first answer to it. What others do comes in any number: it is told at
the pace of a screen, and at the pace of a glance while the user types, so that a letter seldom waits for a picture of
forty lines.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Final

from chat_client.core.state import ClientState

__all__ = ["Publisher"]

INTERVAL_S: Final = 1 / 30
TYPING_INTERVAL_S: Final = 1 / 4
TYPING_S: Final = 0.5
"""How long after a letter the user counts as typing."""
NEVER: Final = float("-inf")

_log = logging.getLogger(__name__)


class Publisher:
    """Holds the newest state."""

    def __init__(self, state: ClientState) -> None:
        self.state = state
        self._callbacks: dict[object, Callable[[ClientState], None]] = {}
        self._waiters: set[asyncio.Future[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._told_at = NEVER
        self._typed_at = NEVER
        self._is_closed = False

    def put(self, state: ClientState, *, is_own: bool = True, is_typed: bool = False) -> None:
        """Hold another state and tell soon.

        Args:
            state: The state.
            is_own: Whether the user waits for it; False for what others do, and for what comes of being shown.
            is_typed: Whether a letter in the composer made it.
        """
        if state is self.state:
            return
        self.state = state
        if self._is_closed:
            return
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        if is_typed:
            self._typed_at = now_s
        elif is_own:
            self._typed_at = self._told_at = NEVER
        interval_s = TYPING_INTERVAL_S if now_s - self._typed_at < TYPING_S else INTERVAL_S
        due = max(now_s, self._told_at + interval_s)
        if self._timer is None:
            self._timer = loop.call_at(due, self._tell, is_own and not is_typed)
        elif due < self._timer.when():
            self._timer.cancel()
            self._timer = loop.call_at(due, self._tell, is_own and not is_typed)

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
            self._tell(True)
        self._is_closed = True
        self._wake()

    def _tell(self, is_own: bool) -> None:
        self._timer = None
        if not is_own:
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
