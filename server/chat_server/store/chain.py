"""The chain of the audit log: each line's hash covers the line and the hash before it. Pure; no SQL.

So a line that was changed, put in or taken out is found, and with the newest hash, the head, also a cut-off end.
Whoever can write the database can make a new chain from end to end; against that helps a head that was noted elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from struct import Struct as Layout
from typing import Any, Final

from msgspec import Struct

from chat_server.store.base import Audit, AuditLine

_numbers: Final = Layout("<qqqII").pack
_HASH_BYTES: Final = 32


class Head(Struct, frozen=True):
    """The newest line of a chain: its id, 0 if there is none yet, and its hash."""

    id: int
    hash: bytes

    def __str__(self) -> str:
        """As it is shown, stored and noted: ``42:9f86…``."""
        return f"{self.id}:{self.hash.hex()}"


EMPTY: Final = Head(0, bytes(_HASH_BYTES))
"""The head of a chain without a line."""


def parse(text: object) -> Head | None:
    """The head that ``text`` shows, or None if it shows none."""
    try:
        number, _, digest = str(text).strip().partition(":")
        head = Head(int(number), bytes.fromhex(digest))
    except ValueError:
        return None
    return head if head.id >= 0 and len(head.hash) == _HASH_BYTES else None


def link(previous: bytes, id_: int, at_ms: int, actor: int, action: str, detail: str) -> bytes:
    """The hash of a line that follows the one whose hash is ``previous``.

    Raises:
        struct.error, AttributeError, UnicodeEncodeError: a value is not of its type or range.
    """
    what, whom = action.encode(), detail.encode()
    return sha256(previous + _numbers(id_, at_ms, actor, len(what), len(whom)) + what + whom).digest()


def following(head: Head, line: Audit) -> AuditLine:
    """``line`` as the next one after ``head``."""
    id_ = head.id + 1
    digest = link(head.hash, id_, line.at_ms, line.actor, line.action, line.detail)
    return AuditLine(id_, line.at_ms, line.actor, line.action, line.detail, digest)


def flaws(lines: Iterable[AuditLine], head: Head | None, noted: Head | None = None) -> Iterator[str]:
    """What is wrong with ``lines``, all of them in order, of which ``head`` was stored as the newest.

    ``noted`` is a head of earlier, which must still be in the chain. One flaw is told once: what follows it is checked
    against what is there.
    """
    last = EMPTY
    is_noted = noted is None or noted == EMPTY
    for line in lines:
        if line.id != last.id + 1:
            yield f"{_span(last.id + 1, line.id - 1)} of the audit log: missing"
        elif not _is_link(last.hash, line):
            yield f"line {line.id} of the audit log is not as it was written, or the one before it is not"
        last = Head(line.id, line.hash)
        is_noted = is_noted or last == noted
    if head is None:
        yield "the head of the audit log is missing"
    elif last.id < head.id:
        yield f"{_span(last.id + 1, head.id)} of the audit log: missing"
    elif last != head:
        yield "the newest line of the audit log is not the one that was written last"
    if not is_noted:
        yield f"the head that was noted, {noted}, is not in the audit log"


def _span(first: Any, last: Any) -> str:
    return f"line {first}" if first == last else f"lines {first} to {last}"


def _is_link(previous: bytes, line: AuditLine) -> bool:
    try:
        return link(previous, line.id, line.at_ms, line.actor, line.action, line.detail) == line.hash
    except Exception:  # noqa: BLE001 - whoever changed a line may have made anything of its values
        return False
