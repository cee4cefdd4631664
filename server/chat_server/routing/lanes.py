"""Priority lanes: in which order waiting work is taken up. Pure; one conversation's order never changes.

Work waits in flows (one per conversation), flows in lanes. Lanes have priority over each other, but every lane with
work gets a share of each
turn, so none starves; the flows of a lane take turns, so a busy conversation does not delay the others beyond its
share.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum
from typing import Final, Generic, TypeVar

from chat_protocol.names import Kind

T = TypeVar("T")


class Lane(IntEnum):
    """The lanes, the most urgent first (protocol.md 5)."""

    SYSTEM = 0
    PRIVATE = 1
    GROUP = 2
    BROADCAST = 3


LANE_OF: Final = {
    Kind.NOTIFICATIONS: Lane.SYSTEM,
    Kind.PRIVATE: Lane.PRIVATE,
    Kind.GROUP: Lane.GROUP,
    Kind.ANNOUNCEMENTS: Lane.BROADCAST,
}
"""The lane of a conversation's work."""

_GUARANTEE: Final = 8
"""A lane that waits behind others still gets one part in so many of each turn."""
_QUANTUM: Final = 16
"""So many pieces of one flow are taken before the next flow of the lane has its turn."""


class Lanes(Generic[T]):
    """Waiting work by lane and flow. Not thread-safe."""

    def __init__(self) -> None:
        self._lanes: tuple[dict[int, deque[T]], ...] = tuple({} for _ in Lane)
        self._depths = [0] * len(Lane)

    def __len__(self) -> int:
        return sum(self._depths)

    def depth(self, lane: Lane) -> int:
        """How much waits in ``lane``."""
        return self._depths[lane]

    def push(self, lane: Lane, flow: int, work: T) -> None:
        """Let ``work`` wait behind what its flow has already."""
        flows = self._lanes[lane]
        queue = flows.get(flow)
        if queue is None:
            queue = flows[flow] = deque()
        queue.append(work)
        self._depths[lane] += 1

    def take(self, most: int) -> list[T]:
        """The next pieces of work, at most ``most``, in the order in which they are to be done."""
        if len(self) <= most:
            return self._take_all()
        taken: list[T] = []
        for lane in Lane:
            waiting_below = sum(1 for below in Lane if below > lane and self._depths[below])
            reserved = waiting_below * max(1, most // _GUARANTEE)
            self._take_from(lane, max(0, most - len(taken) - reserved), taken)
        return taken

    def _take_all(self) -> list[T]:
        taken: list[T] = []
        for lane in Lane:
            if self._depths[lane]:
                self._take_from(lane, self._depths[lane], taken)
        return taken

    def _take_from(self, lane: Lane, most: int, taken: list[T]) -> None:
        flows = self._lanes[lane]
        left = min(most, self._depths[lane])
        self._depths[lane] -= left
        while left:
            flow = next(iter(flows))
            queue = flows.pop(flow)
            quantum = min(left, _QUANTUM, len(queue))
            taken.extend(queue.popleft() for _ in range(quantum))
            left -= quantum
            if queue:
                flows[flow] = queue  # to the end: the other flows have their turn first
