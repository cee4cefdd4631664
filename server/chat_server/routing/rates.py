"""Token buckets: how fast one user or address may go. Pure: the time is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_SMALL: Final = 1_024
"""Buckets that are not worth looking through."""


@dataclass(slots=True)
class Bucket:
    """Holds up to ``burst`` tokens and gains ``per_second``.

    May be asked at any time, also with a clock that steps back.
    """

    per_second: float
    burst: float
    level: float
    at_ms: int

    def take(self, now_ms: int) -> int:
        """Take one token; 0 if it was there, else the milliseconds after which one will be."""
        gained = max(0, now_ms - self.at_ms) * self.per_second / 1000
        self.level = min(self.burst, self.level + gained)
        self.at_ms = now_ms
        if self.level >= 1:
            self.level -= 1
            return 0
        return int((1 - self.level) * 1000 / self.per_second) + 1


class Rates:
    """A bucket per key; buckets that are full again are forgotten, so memory follows the active keys."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._buckets: dict[int | str, Bucket] = {}
        self._tidy_at = _SMALL

    def take(self, key: int | str, now_ms: int) -> int:
        """Take one token of ``key``; 0, or the milliseconds to wait."""
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._tidy_at:
                self.forget_idle(now_ms)
                self._tidy_at = max(_SMALL, 2 * len(self._buckets))
            bucket = self._buckets[key] = Bucket(self._per_second, self._burst, self._burst, now_ms)
        return bucket.take(now_ms)

    def forget_idle(self, now_ms: int) -> None:
        """Drop the buckets that have filled up again."""
        fill_ms = self._burst / self._per_second * 1000
        idle = [key for key, bucket in self._buckets.items() if now_ms - bucket.at_ms > fill_ms]
        for key in idle:
            del self._buckets[key]
