"""Decide when something is said and who is away, before a run begins. Pure: the same seed gives the same absences."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Absence", "How", "absences", "times"]

MIN_ABSENCES, MAX_ABSENCES = 2, 4


class How(StrEnum):
    """In which way somebody is away."""

    CLOSED = "closed"
    """The client is closed: it opens its files again when it comes back, and has nothing but these."""
    OFFLINE = "offline"
    """The client runs without a connection: what its user writes meanwhile is queued."""


@dataclass(frozen=True)
class Absence:
    """One member's time away, by messages of the log."""

    member: str
    start: int
    """Away from before this message on."""
    end: int
    """Back before this message; above ``start``."""
    how: How


def absences(members: Sequence[str], count: int, share: float, seed: int) -> list[Absence]:
    """Absences of ``share`` (0 to 1) of the members, 2 to 4 each, during a run of ``count`` messages; none overlap."""
    chance = random.Random(seed)  # noqa: S311 - a schedule is no secret
    chosen = chance.sample(list(members), round(len(members) * share))
    found: list[Absence] = []
    for member in chosen:
        times = chance.randint(MIN_ABSENCES, MAX_ABSENCES)
        edges = sorted(chance.sample(range(count + 1), min(2 * times, (count + 1) // 2 * 2)))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            found.append(Absence(member, start, end, chance.choice(list(How))))
    return found


def times(minutes: Sequence[int], speed: float) -> list[float] | None:
    """When each message is sent, in seconds from the first; what the log has in one minute is spread over it evenly.

    ``speed`` 1 is the log's own; 0 is as fast as possible, without times.
    """
    if not speed:
        return None
    in_minute = Counter(minutes)
    said: Counter[int] = Counter()
    found = []
    for minute in minutes:
        fraction = said[minute] / in_minute[minute]
        said[minute] += 1
        found.append((minute - minutes[0] + fraction) * 60 / speed)
    return found
