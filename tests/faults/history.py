"""What happened in a run, as it was seen from outside: one list of notes, appended by many threads.

All clients of a run live in one process, so ``at_ns`` (the monotonic clock) orders what different clients did.
An operation begins with ``invoke`` and ends with ``ok``, with ``fail`` (refused: it did not happen), or with nothing:
then it may have happened or not.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from pathlib import Path
from typing import Final, Literal

import msgspec

Kind = Literal["invoke", "ok", "fail", "connect", "recv", "skip", "cursor", "head", "left", "fault", "late"]
"""What a note tells:

``invoke`` a send begins · ``ok`` its ack came · ``fail`` it was refused with ``code`` · ``connect`` a device synced
and named ``seq`` as its cursor of ``conversation`` · ``recv`` an event came · ``skip`` the server announced that
``seq`` to ``to_seq`` are left out · ``cursor`` the device has all up to ``seq`` on its disk · ``head`` the server told
the end of the log · ``left`` a user may see nothing of ``conversation`` behind ``seq``,
up to where it joined again, ``to_seq`` · ``fault`` something was
broken on purpose · ``late`` a device was not done in time when all was well again.
"""

TRANSIENT: Final = frozenset(["rate_limited", "overloaded", "storage", "retry_order", "going_away"])
"""Refusals after which the same message is sent again (docs/protocol.md, section 1)."""


class Note(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One line of a history; fields that a kind does not need keep their default."""

    kind: Kind
    at_ns: int = 0
    device: str = ""
    user: str = ""
    link: int = 0
    """Which connection of the device."""
    conversation: str = ""
    """As everybody calls it: ``#group``, ``alice|bob``, ``!announcements``."""
    seq: int = 0
    to_seq: int = 0
    message_id: str = ""
    digest: str = ""
    """Of the content; empty for events that nobody of the run has written."""
    code: str = ""
    epoch: str = ""


class History:
    """The notes of a run. Any thread may append; a list's append is atomic."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def add(self, kind: Kind, /, **fields: str | int) -> None:
        """Append a note with the time of now."""
        self.notes.append(Note(kind, time.monotonic_ns(), **fields))  # type: ignore[arg-type]

    def write(self, path: Path) -> None:
        """Keep the history as JSON lines."""
        path.write_bytes(msgspec.json.Encoder().encode_lines(self.notes))


def read(path: Path) -> list[Note]:
    """The notes of a history that was kept."""
    return msgspec.json.Decoder(Note).decode_lines(path.read_bytes())


def digest(content: str) -> str:
    """What stands for a content in notes."""
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def signed(secret: bytes, sender: str, number: int, padding: str = "") -> str:
    """A content that nobody but the run can have made."""
    seal = hmac.new(secret, f"{sender} {number}".encode(), "sha256").hexdigest()[:16]
    return f"{sender} {number} {seal} {padding}".rstrip()
