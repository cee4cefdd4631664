"""Keys take effect in the order in which they were pressed, however fast they come.

Textual runs priority bindings at once while letters wait in the queue of the widget that has the focus, and sends every
key to what has the focus when the key comes, not to what will have it when the keys before it have been dealt with. So
a fast typist's Enter would overtake the end of the line, and the letters behind ctrl+k would miss the dialog that it
opens. Here a key that may do more than stand in a text waits until the program has come to rest.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from textual import events
from textual.message_pump import MessagePump
from textual.widgets import Input, TextArea

from chat_client.tui.compat import has_waiting

if TYPE_CHECKING:
    from chat_client.tui.app import ChatApp

__all__ = ["TypeAhead"]

PATIENCE_S: Final = 0.5
"""How long a key waits at most: something that never rests must not stop the keyboard."""


class TypeAhead:
    """What was pressed and has not been handed to the program yet."""

    def __init__(self, app: "ChatApp") -> None:
        self._app = app
        self._waiting: deque[events.Event] = deque()
        self._released: events.Event | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many keys and pastes wait."""
        return len(self._waiting) + (self._task is not None)

    def lets_through(self, event: events.Event) -> bool:
        """Tell whether a key may be dealt with now; if not, it comes back through the program's queue."""
        if event is self._released:
            self._released = None
            return True
        if self._task is None and isinstance(event, events.Key) and self._is_text(event):
            return True
        self._waiting.append(event)
        if self._task is None:
            self._task = asyncio.create_task(self._release())
        return False

    def _is_text(self, event: events.Key) -> bool:
        """Tell whether a key is a letter for a text field: letters stay in order among themselves."""
        return event.is_printable and "+" not in event.key and isinstance(self._app.focused, Input | TextArea)

    async def _release(self) -> None:
        try:
            await self._rest()
            while self._waiting:
                event = self._released = self._waiting.popleft()
                if not self._app.post_message(event):
                    self._waiting.clear()  # the program ends
                    return
                await self._rest()
        finally:
            self._task = None

    async def _rest(self) -> None:
        """Wait until nothing waits in any queue: then the focus is where the keys so far have put it."""
        calm = 0
        try:
            async with asyncio.timeout(PATIENCE_S):
                while calm < 2:  # the second look finds what somebody had just begun to deal with at the first
                    await _round(list(self._pumps()))
                    calm = 0 if any(map(has_waiting, self._pumps())) else calm + 1
        except TimeoutError:
            return

    def _pumps(self) -> Iterator[MessagePump]:
        yield self._app
        for screen in reversed(self._app.screen_stack):
            yield from screen.walk_children(with_self=True)


async def _round(pumps: list[MessagePump]) -> None:
    """Wait until each has dealt with what it had been sent before."""
    done = asyncio.Event()
    left = 1

    def count() -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    await asyncio.sleep(0)  # in any case: a program that ends takes no more calls, and others must have their turn
    for pump in pumps:
        left += pump.call_later(count)
    count()
    await done.wait()
