"""What the rules must know of one connection: who it is and how far it has come. No socket."""

from __future__ import annotations

from dataclasses import dataclass, field

from chat_protocol.limits import MAX_ERRORS_PER_MINUTE

_MINUTE_MS = 60_000


@dataclass(slots=True, eq=False)
class Session:
    """One connection's progress through protocol.md 4. Owned by the router thread."""

    address: str = ""
    client: str = ""
    since_ms: int = 0
    is_greeted: bool = False
    is_opening: bool = False
    """A login is being checked; what comes meanwhile waits."""
    user: int = 0
    """The user's id; 0 before login."""
    device: str = ""
    is_synced: bool = False
    is_operator: bool = False
    """Came in by the control socket: nobody's session, and may ask about the server itself."""
    refused: dict[int, str] = field(default_factory=dict)
    """Conversations in which a send was refused as transient, with its message id: it must come again first."""
    error_times_ms: list[int] = field(default_factory=list)

    def count_error(self, now_ms: int) -> bool:
        """Count one error of the client's; whether there were too many within a minute."""
        times = [time_ms for time_ms in self.error_times_ms if time_ms > now_ms - _MINUTE_MS]
        times.append(now_ms)
        self.error_times_ms = times
        return len(times) > MAX_ERRORS_PER_MINUTE
