"""How much one connection may cost, and how long it may take: bounds in bytes and seconds."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from msgspec import Struct

from chat_protocol import limits

if TYPE_CHECKING:
    from chat_server.net.channel import Channel


class Verdict(Enum):
    """What is to be done about a connection."""

    WAIT = "wait"
    PING = "ping"
    RETRY = "retry"
    """It takes no byte: try to send again."""
    REJECT = "reject"
    """Tell it why, and close."""
    LOSE = "lose"
    """Close: there is nobody to tell."""


class Patience(Struct, frozen=True):
    """Bounds of what one connection may cost; what happens at each is said with it."""

    max_frame_before_login: int = limits.MAX_FRAME_BEFORE_LOGIN_BYTES
    high_bytes: int = 256 * 1024
    """Unsent bytes above which a connection is moved from live to backlog."""
    low_bytes: int = 64 * 1024
    """Unsent bytes below which the next page of backlog is asked for, and requests are read again."""
    most_unsent_bytes: int = 8 * 1024 * 1024
    """Unsent bytes (answers, mostly) above which a connection is closed as ``slow_consumer``."""
    login_s: float = limits.LOGIN_DEADLINE_S
    frame_s: float = limits.FRAME_DEADLINE_S
    silence_s: float = limits.SILENCE_S
    retries: int = 3
    """Attempts on a connection that takes no byte, 2, 4, 8… seconds apart; then it is closed as ``slow_consumer``."""
    most_retry_s: float = 30.0

    def judge(self, channel: Channel, now: float) -> tuple[Verdict, str]:
        """Look at a connection's deadlines; the verdict, and the reason where it is one to close."""
        if channel.close_at:
            return (Verdict.LOSE, "closed by the server") if now >= channel.close_at else (Verdict.WAIT, "")
        if channel.is_blocked:
            return (Verdict.RETRY, "") if now >= channel.retry_at else (Verdict.WAIT, "")
        is_logging_in = channel.session.is_opening or channel.inflight
        if not channel.is_open and not is_logging_in and now - channel.opened_at > self.login_s:
            return Verdict.REJECT, f"no login within {self.login_s:.0f} s"
        if channel.frame_since and now - channel.frame_since > self.frame_s:
            return Verdict.REJECT, f"a frame was not completed within {self.frame_s:.0f} s"
        silent_s = now - channel.last_heard
        if silent_s > self.silence_s:
            return Verdict.LOSE, "silent"
        return (Verdict.PING if silent_s > self.silence_s * 2 / 3 else Verdict.WAIT), ""

    def retry_delay_s(self, attempts: int) -> float:
        """How long to wait after so many attempts on a connection that takes no byte."""
        return min(self.most_retry_s, 2.0 ** (attempts + 1))
