"""How much the routing server takes on at once."""

from __future__ import annotations

from msgspec import Struct


class Bounds(Struct, frozen=True):
    """Bounds of the dispatcher's queues and caches; what happens at each bound is said with it."""

    most_jobs: int = 50_000
    """Jobs that wait for the store; above, sends are refused as ``overloaded``."""
    share: int = 512
    """Commits of one user under way; above, the user's next requests wait, and so do those who send them."""
    most_hashing: int = 256
    """Logins that wait for a hashing thread; above, they are refused as ``overloaded``."""
    ring_bytes: int = 64 * 1024 * 1024
    """Recent events kept in memory; above, the conversations least used are forgotten."""
    ring_bytes_each: int = 1024 * 1024
    """Recent events kept of one conversation."""
    messages_per_s: float = 0.0
    """Sends of one user; above, they are refused as ``rate_limited``. 0: no limit."""
    burst: int = 40
    """Sends of one user at once."""
    requests_per_s: float = 50.0
    """Other requests of one user; above, they are refused as ``rate_limited``. None where messages have no limit."""
    request_burst: int = 500
    """Other requests of one user at once."""
    retry_delays_s: tuple[float, ...] = (2.0, 4.0, 8.0)
    """A store write that fails for a passing reason is tried again after each of these."""
