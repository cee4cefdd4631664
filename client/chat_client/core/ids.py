"""Message ids: UUIDv7, so that they sort by time and are unique without asking anybody."""

import secrets

__all__ = ["uuid7"]


def uuid7(now_ms: int) -> str:
    """Return a new id in its usual form of 36 characters (RFC 9562, 5.7); 74 bits are random."""
    value = (now_ms & (1 << 48) - 1) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
