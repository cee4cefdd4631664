"""Route statistics: what was routed, how it ended, how long it took. Counting costs next to nothing.

Reading adds up.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

_BOUNDS_MS: Final = tuple(0.05 * 1.25**power for power in range(60))
"""Upper bounds of the histogram's buckets, 25 % apart: from 50 µs to half a minute."""


class Histogram:
    """Durations in buckets 25 % apart. One writing thread; reading from another may miss the newest."""

    __slots__ = ("_buckets", "count", "total_ms")

    def __init__(self) -> None:
        self._buckets = [0] * (len(_BOUNDS_MS) + 1)
        self.count = 0
        self.total_ms = 0.0

    def add(self, seconds: float, times: int = 1) -> None:
        """Count one duration, ``times`` times."""
        ms = seconds * 1000
        self._buckets[bisect_left(_BOUNDS_MS, ms)] += times
        self.count += times
        self.total_ms += ms * times

    def quantile(self, share: float) -> float:
        """The duration in ms that ``share`` (0 to 1) of all lie below, rounded up to a bucket's bound.

        0 if there are none.
        """
        wanted = share * self.count
        seen = 0
        for number, bucket in enumerate(self._buckets):
            seen += bucket
            if bucket and seen >= wanted:
                return round(_BOUNDS_MS[min(number, len(_BOUNDS_MS) - 1)], 3)
        return 0.0

    def summary(self) -> dict[str, Any]:
        """count, mean, p50 and p99, in ms."""
        mean = self.total_ms / self.count if self.count else 0.0
        return {
            "count": self.count,
            "mean_ms": round(mean, 3),
            "p50_ms": self.quantile(0.5),
            "p99_ms": self.quantile(0.99),
        }


class Statistics:
    """Everything that is counted. The router thread, but for ``retried_writes`` (the writer's)."""

    def __init__(self, now_ms: int) -> None:
        self.reset(now_ms)

    def reset(self, now_ms: int) -> None:
        """Begin anew."""
        self.since_ms = now_ms
        self.by_type: Counter[str] = Counter()
        self.by_result: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.talkers: Counter[int] = Counter()
        self.deliveries = 0
        self.stored_offline = 0
        self.retried = 0
        self.retried_writes = 0
        self.slow_consumers = 0
        self.lagged = 0
        self.queued = Histogram()
        self.commit = Histogram()
        self.commit_jobs = 0
        self.fan_out = Histogram()
        self.route = Histogram()

    def count_message(self, kind: str, result: str, sender: int, stored: int) -> None:
        """A message was routed."""
        self.by_type[kind] += 1
        self.by_result[result] += 1
        self.talkers[sender] += 1
        self.stored_offline += stored

    def count_commit(self, queued_at: Iterable[float], began_at: float, ended_at: float, handed_at: float) -> None:
        """A commit is done and all that follows from it is with the I/O threads.

        ``queued_at`` tells when each of its jobs was taken up; all times are of one clock, in seconds.
        """
        jobs = 0
        for at, times in Counter(queued_at).items():  # all that one turn of the router took up has the same time
            self.queued.add(began_at - at, times)
            self.route.add(handed_at - at, times)
            jobs += times
        self.commit.add(ended_at - began_at)
        self.commit_jobs += jobs
        self.fan_out.add(handed_at - ended_at)

    def report(self) -> dict[str, Any]:
        """The counts as ``stats`` tells them; queue depths and connections are added by who knows them."""
        return {
            "since": self.since_ms,
            "total_messages": sum(self.by_result.values()),
            "by_type": dict(self.by_type),
            "by_result": dict(self.by_result),
            "errors": dict(self.errors),
            "deliveries": self.deliveries,
            "retried": self.retried + self.retried_writes,
            "stored_offline": self.stored_offline,
            "slow_consumers": self.slow_consumers,
            "lagged": self.lagged,
            "jobs_per_commit": round(self.commit_jobs / self.commit.count, 1) if self.commit.count else 0.0,
            "latency": {
                "queued": self.queued.summary(),
                "commit": self.commit.summary(),
                "fan_out": self.fan_out.summary(),
                "route": self.route.summary(),
            },
        }
