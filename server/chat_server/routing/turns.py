"""Whose requests are taken up next: senders take turns, so a flood delays the others by one turn and no more. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

Sender = TypeVar("Sender")

QUANTUM: Final = 32
"""Requests of one sender that are taken up before the next sender has its turn."""


class Turns(Generic[Sender]):
    """The senders that have something to be taken up, in the order of their turns. Not thread-safe."""

    def __init__(self) -> None:
        self._ready: dict[Sender, None] = {}

    def __bool__(self) -> bool:
        return bool(self._ready)

    def add(self, sender: Sender) -> None:
        """``sender`` has something; behind the others, if it was not there yet."""
        self._ready[sender] = None

    def serve(self, take_up: Callable[[Sender, int], int], most: int) -> None:
        """Give turns until nobody has anything, or at least ``most`` requests were taken up.

        ``take_up(sender, count)`` takes up at most ``count`` and tells how many it took. Who did not use all of a turn
        has nothing more, or cannot go on now.
        """
        ready = self._ready
        while ready and most > 0:
            sender = next(iter(ready))
            del ready[sender]
            taken = take_up(sender, QUANTUM)
            most -= taken
            if taken == QUANTUM:
                ready[sender] = None
