"""What parts of a message look different: links, mentions, code, emphasis. Pure.

The text stays as it was written, sign by sign, markers included: only the style changes. So nothing can be hidden in
a message, what is copied is what was sent, and every offset of the text is an offset of what is shown.
"""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

__all__ = ["Span", "find_links", "find_spans", "host_of"]

MAX_SPANS: Final = 400
"""Spans of one message; what comes after is shown plain."""

_INLINE: Final = re.compile(
    r"(?P<code>`[^`\n]+`)"
    r"|(?P<link>(?:https?://|mailto:)[^\s<>\"`{}|\\^\[\]]+)"
    r"|(?P<mention>(?<![\w@.])@[a-z0-9][a-z0-9_.-]{0,31})"
    r"|(?P<strong>\*\*[^*\s][^*\n]*\*\*)"
    r"|(?P<italic>(?<![\w*])\*[^*\s][^*\n]*\*(?![\w*]))",
    re.IGNORECASE,
)
_FENCE: Final = re.compile(r"^```[^\n`]*\n.*?(?:^```[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_URL_SAFE: Final = "%/:?#@!$&'()*+,;=~-._"
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9.])?")


class Span(msgspec.Struct, frozen=True):
    """A role for ``text[start:end]``."""

    start: int
    end: int
    role: str
    link: str = ""
    """Where a click leads: http, https or mailto, in ASCII, the host as the network knows it; empty: nowhere."""
    is_block: bool = False
    """Whether it takes whole rows."""


def find_spans(text: str, me: str, mentions: tuple[str, ...] = ()) -> list[Span]:
    """Return what stands out in ``text``, ascending and disjoint."""
    spans: list[Span] = []
    at = 0
    if "```" in text:
        for fence in _FENCE.finditer(text):
            spans.extend(_inline(text, at, fence.start(), me, mentions))
            spans.append(Span(fence.start(), fence.end(), "code", is_block=True))
            at = fence.end()
    spans.extend(_inline(text, at, len(text), me, mentions))
    return spans[:MAX_SPANS]


def find_links(text: str) -> list[str]:
    """Return the addresses in a text that may be opened, in their order, each once."""
    return list(dict.fromkeys(span.link for span in find_spans(text, "") if span.link))


def host_of(link: str) -> str:
    """Return where an address of :func:`find_links` really leads: its host, or the domain of a mail address."""
    parts = urlsplit(link)
    return parts.hostname or parts.path.rpartition("@")[2]


def _inline(text: str, start: int, end: int, me: str, mentions: tuple[str, ...]) -> Iterator[Span]:
    for match in _INLINE.finditer(text, start, end):
        first, last = match.span()
        match match.lastgroup:
            case "link":
                last = first + len(_trimmed(match.group()))
                yield Span(first, last, "link", _target(text[first:last]))
            case "mention":
                user = match.group()[1:].rstrip(".-").lower()
                if user == me:
                    yield Span(first, first + 1 + len(user), "mention")
                elif user in mentions:
                    yield Span(first, first + 1 + len(user), f"nick:{user}")
            case "code" | "strong" | "italic" as role:
                yield Span(first, last, role if role != "italic" else "emphasis")
            case _:
                pass


def _target(written: str) -> str:
    """Return an address in ASCII with the host in punycode; nothing where it has no host that a network knows.

    A host of look-alike letters, or one behind a name that is only a user's, is so seen for what it is.
    """
    try:
        parts = urlsplit(written)
        if parts.scheme == "mailto":
            return quote(written, safe=_URL_SAFE)
        host = (parts.hostname or "").encode("idna").decode().lower()
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:  # a port that is none, a host that turns into other signs, a label that is too long
        return ""
    if _HOST.fullmatch(host) is None:
        return ""
    user, at, _ = parts.netloc.rpartition("@")
    rest = written[written.index("//") + 2 + len(parts.netloc) :]
    return f"{parts.scheme}://{quote(user, safe=_URL_SAFE)}{at}{host}{port}{quote(rest, safe=_URL_SAFE)}"


def _trimmed(url: str) -> str:
    """Return an address without the punctuation of the sentence around it."""
    while url and (url[-1] in ".,;:!?'" or (url[-1] == ")" and url.count(")") > url.count("("))):
        url = url[:-1]
    return url
