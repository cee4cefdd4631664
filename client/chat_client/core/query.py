"""What a search line asks for: words, quoted phrases, and the operators in: from: before: after: has:link. Pure."""

import re
import time
from typing import Final

from msgspec import Struct

from chat_client.core.errors import RequestError
from chat_client.core.language import tr
from chat_client.core.wording import split_words

__all__ = ["OPERATORS", "Query", "parse_query"]

OPERATORS: Final = ("in:", "from:", "before:", "after:", "has:link")
_LINK: Final = re.compile(r"https?://\S")
_AGO: Final = re.compile(r"(\d{1,4})([hdw])")
_HOURS: Final = {"h": 1, "d": 24, "w": 7 * 24}
_HOUR_MS: Final = 3_600_000
_DATES: Final = ("%Y-%m-%d", "%Y-%m", "%Y", "%d.%m.%Y")


class Query(Struct, frozen=True):
    """A search in parts. What is None or empty asks for nothing."""

    words: tuple[str, ...] = ()
    """All of them have to occur; one with blanks is a phrase."""
    conversation: str | None = None
    sender: str | None = None
    until_ms: int | None = None
    """Only what was written before this time."""
    since_ms: int | None = None
    """Only what was written at this time or later."""
    has_link: bool = False

    @property
    def text(self) -> str:
        """The words as the server reads them (protocol.md 6, ``search``)."""
        words = [f'"{word}"' if " " in word else word for word in self.words]
        return " ".join(words) or ("http*" if self.has_link else "")

    @property
    def is_narrow(self) -> bool:
        """Whether hits have to be looked at, for the server knows words, conversations and senders alone."""
        return self.has_link or self.until_ms is not None or self.since_ms is not None

    def fits(self, timestamp_ms: int, content: str) -> bool:
        """Tell whether a hit of the words fits the rest, too."""
        if self.until_ms is not None and timestamp_ms >= self.until_ms:
            return False
        if self.since_ms is not None and timestamp_ms < self.since_ms:
            return False
        return not self.has_link or _LINK.search(content) is not None


def parse_query(text: str, now_ms: int) -> Query:
    """Read a search line.

    Dates are ``2026-11-23``, ``2026-11``, ``2026``, ``today``, ``yesterday``, or how long ago: ``36h``, ``7d``, ``2w``.
    ``before:`` leaves the day out, ``after:`` begins with it; both in the zone of this machine.

    Raises:
        RequestError: A date cannot be understood, or nothing is asked for (``bad_query``).
    """
    words: list[str] = []
    parts: dict[str, str] = {}
    has_link = False
    for word in split_words(text):
        operator, colon, value = word.partition(":")
        operator = operator.lower()
        if word.lower() == "has:link":
            has_link = True
        elif colon and value and f"{operator}:" in OPERATORS:
            parts[operator] = value
        else:
            words.append(word)
    where = parts.get("in")
    if where is not None and where[0] not in "#@!":
        where = f"#{where}"
    query = Query(
        tuple(word.replace('"', " ").strip() for word in words if word.strip('" ')),
        where.lower() if where is not None else None,
        parts["from"].removeprefix("@").lower() if "from" in parts else None,
        _moment(parts["before"], now_ms) if "before" in parts else None,
        _moment(parts["after"], now_ms) if "after" in parts else None,
        has_link,
    )
    if query == Query():
        raise RequestError("bad_query", tr("there is nothing to search for: give one word or more"))
    return query


def _moment(text: str, now_ms: int) -> int:
    ago = _AGO.fullmatch(text.lower())
    if ago is not None:
        return now_ms - int(ago.group(1)) * _HOURS[ago.group(2)] * _HOUR_MS
    day = time.localtime(now_ms / 1000)
    if text.lower() in ("today", "yesterday"):
        offset = 0 if text.lower() == "today" else 1
        return _start(time.struct_time((day.tm_year, day.tm_mon, day.tm_mday - offset, 0, 0, 0, 0, 0, -1)))
    for pattern in _DATES:
        try:
            return _start(time.strptime(text, pattern))
        except (ValueError, OverflowError):
            continue
    raise RequestError(
        "bad_query", tr("{text} is no date: write 2026-11-23, 2026-11, today, yesterday or 7d").format(text=text)
    )


def _start(day: time.struct_time) -> int:
    return int(time.mktime((*day[:8], -1))) * 1000
