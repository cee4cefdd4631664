"""Read an IRC log and decide who is who. Pure: bytes in, utterances out; no server, no clock.

Lines are ``[HH:MM] <nick> text``, ``[HH:MM]  * nick does something``, ``=== nick has joined #channel`` and
``=== old is now known as new``; others are left out. A person keeps one user name however often the nick changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from chat_protocol.limits import MAX_CONTENT_BYTES, MAX_CONTENT_CHARS
from chat_protocol.names import BadName, new_name, skeleton

__all__ = ["Names", "Utterance", "parse", "sendable_text"]

_SAID = re.compile(r"\[(\d\d):(\d\d)\] <\s*([^>]+?)\s*> (.*)", re.DOTALL)
_DID = re.compile(r"\[(\d\d):(\d\d)\]  ?\* (\S+) (.*)", re.DOTALL)
_RENAMED = re.compile(r"=== (\S+) is now known as (\S+)")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_STEM_CHARS = 20
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True)
class Utterance:
    """One message of one person."""

    user: str
    """A valid user name, one for each person of the log."""
    nick: str
    """How the log calls the person at this moment."""
    content: str
    """What to send: 1 to 8,000 characters without controls."""
    minute: int
    """Minutes since midnight of the log's first day."""


class Names:
    """Gives each nick a valid user name of its own; two names never look alike (protocol.md 2)."""

    def __init__(self, tag: str = "") -> None:
        """Make an empty table; ``tag`` ends every name, so that two runs on one server do not meet."""
        self._tag = tag
        self._given: dict[str, str] = {}
        self._looks: set[str] = set()

    def user(self, nick: str) -> str:
        """The user name of a nick; case does not matter, as in IRC."""
        key = nick.lower()
        if key not in self._given:
            self._given[key] = self._new(key)
        return self._given[key]

    def rename(self, old: str, new: str) -> None:
        """From now on ``new`` is who ``old`` was; ``old`` is free for somebody else."""
        user = self.user(old)
        del self._given[old.lower()]
        self._given[new.lower()] = user

    def _new(self, nick: str) -> str:
        stem = re.sub(r"[^a-z0-9_.-]", "-", nick)[:_STEM_CHARS].lstrip("_.-") or "nick"
        number = 1
        while (name := self._free(stem if number == 1 else f"{stem}-{number}")) is None:
            number += 1
        self._looks.add(skeleton(name))
        return name

    def _free(self, wanted: str) -> str | None:
        try:
            name = new_name(wanted + self._tag)
        except BadName:  # it is reserved
            return None
        return None if skeleton(name) in self._looks else name


def sendable_text(text: str) -> str:
    """``text`` with control pictures (ESC: ``␛``) for the controls that a server refuses; U+FEFF and all else stay."""
    return _CONTROLS.sub(_picture, text)


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"


def parse(log: bytes, names: Names) -> list[Utterance]:
    """All utterances in order. Bytes that are no UTF-8 become U+FFFD, a text over the bound several messages."""
    found: list[Utterance] = []
    clock = _Clock()
    for raw in log.split(b"\n"):
        line = raw.rstrip(b"\r").decode("utf-8", errors="replace")
        if renamed := _RENAMED.match(line):
            names.rename(renamed[1], renamed[2])
            continue
        said, did = _SAID.match(line), _DID.match(line)
        match = said or did
        if match is None:
            continue
        minute = clock.minute(int(match[1]), int(match[2]))
        text = sendable_text(match[4])
        if not text.strip():
            continue
        user = names.user(match[3])
        found += [
            Utterance(user, sendable_text(match[3]), part, minute) for part in _parts(text if said else f"*{text}*")
        ]
    return found


class _Clock:
    """Turns times of day into minutes that never go back: midnight begins another day."""

    def __init__(self) -> None:
        self._day = 0
        self._last = 0

    def minute(self, hours: int, minutes: int) -> int:
        now = self._day + hours * 60 + minutes
        if now < self._last - _DAY_MINUTES // 2:
            self._day += _DAY_MINUTES
            now += _DAY_MINUTES
        self._last = max(self._last, now)
        return self._last


def _parts(text: str) -> Iterable[str]:
    """``text`` in pieces that fit into one message each; blank pieces are left out."""
    while text:
        size = MAX_CONTENT_CHARS
        while len(text[:size].encode()) > MAX_CONTENT_BYTES:
            size -= size // 8
        if text[:size].strip():
            yield text[:size]
        text = text[size:]
