"""The form of stored values that every engine shares: kinds, keys, checksums and the two ways in which a body changes.

Pure functions on values; no SQL.
"""

from __future__ import annotations

import re
from struct import Struct as Layout
from typing import Any, Final
from zlib import crc32

import msgspec

from chat_server.store.base import Append, Appended, Outcome, Write

KIND_CODES: Final = {
    "group_message": 1,
    "private_message": 2,
    "broadcast": 3,
    "notification": 4,
    "system_message": 5,
    "edited": 6,
    "deleted": 7,
    "reaction": 8,
}
"""The kinds of events as they are stored. Never renumber."""

KINDS: Final = {code: kind for kind, code in KIND_CODES.items()}
"""The names of the stored kinds."""

LAST_COUNTED: Final = 4
"""Kinds up to this one count as unread, are mentioned in and searched for."""

EDITED: Final = KIND_CODES["edited"]
DELETED: Final = KIND_CODES["deleted"]

CHANGES: Final = frozenset(KIND_CODES[kind] for kind in ("edited", "deleted", "reaction"))
"""Kinds that are about another event, and that nothing can be about."""

_UUID: Final = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_fields: Final = Layout("<qqbbqqq").pack
_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode


def key(message_id: str) -> bytearray | str:
    """``message_id`` as it is stored and looked up: 16 bytes for a UUID in canonical form, else the text.

    A bytearray, not bytes: sqlite3 binds exactly that type without asking for an adapter, which saves 0.5 us.
    """
    if len(message_id) == 36 and _UUID(message_id):
        return bytearray.fromhex(message_id.replace("-", ""))
    return message_id


def key_text(stored: bytes | str) -> str:
    """The message id that :func:`key` stored."""
    if isinstance(stored, str):
        return stored
    h = stored.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def checksum(
    conversation: int,
    seq: int,
    kind: int,
    deleted: int,
    sender: int,
    timestamp_ms: int,
    digest: int,
    message_id: bytes | bytearray | str,
    target: bytes | bytearray | str | None,
    body: bytes,
) -> int:
    """CRC-32 over all fields of an event, so that a flipped bit anywhere is found by ``verify``.

    Raises:
        struct.error: a number does not fit into 64 bits.
        UnicodeEncodeError: an id holds a lone surrogate.
    """
    total = crc32(_fields(conversation, seq, kind, deleted, sender, timestamp_ms, digest))
    total = crc32(message_id.encode() if type(message_id) is str else message_id, total)  # type: ignore[arg-type]
    if target is not None:
        total = crc32(target.encode() if type(target) is str else target, total)  # type: ignore[arg-type]
    return crc32(body, total)


def numbered(seq: int, body: bytes) -> bytes:
    """``body`` of an :class:`Append` as it is stored."""
    return b'"seq":%d,%b' % (seq, body)


def members(body: bytes) -> dict[str, Any]:
    """The members of a stored or appended body.

    Raises:
        ValueError: it is no JSON object without its opening brace.
    """
    value = _decode(b"{" + body)
    if not isinstance(value, dict):
        raise ValueError("a body must be a JSON object")
    return value


def revised(stored: bytes, edit: Append) -> bytes:
    """``stored`` with the content and mentions of ``edit``, and its time as ``edited_at``."""
    value, new = members(stored), members(edit.body)
    value["content"] = new["content"]
    value["edited_at"] = edit.timestamp_ms
    value.pop("mentions", None)
    if "mentions" in new:
        value["mentions"] = new["mentions"]
    return _encode(value)[1:]


def erased(stored: bytes) -> bytes:
    """``stored`` without its content, nor the mentions that were found in it, marked as deleted."""
    value = members(stored)
    value.pop("content", None)
    value.pop("mentions", None)
    value["deleted"] = True
    return _encode(value)[1:]


def is_added(outcome: Outcome | None) -> bool:
    """Whether an append added an event."""
    return isinstance(outcome, Appended) and not outcome.duplicate


def fault(write: Write) -> str | None:
    """Why ``write`` can never be stored, or None. The hot path finds out by failing; this names the culprit."""
    try:
        _check(write)
        if isinstance(write, Append):
            if write.kind not in KIND_CODES:
                return f"unknown kind {write.kind!r}"
            if write.kind == "edited":
                members(write.body)["content"].encode()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the reason asked for
        return f"{type(error).__name__}: {error}"
    return None


def _check(value: object) -> None:
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise OverflowError(f"{value} does not fit into 64 bits")
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            _check(getattr(value, field))
    elif isinstance(value, tuple):
        for item in value:
            _check(item)
    elif value is not None and not isinstance(value, bytes):
        raise TypeError(f"{type(value).__name__} cannot be stored")
