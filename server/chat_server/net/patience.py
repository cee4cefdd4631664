"""How much one connection may cost, and how long it may take: bounds in bytes and seconds."""

from __future__ import annotations

from msgspec import Struct

from chat_protocol import limits


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
