"""Make text from others safe to show. The only door; it knows no terminal and no markup.

Whatever a server or another user wrote may hold escape sequences, controls that reorder a line, or marks piled up
over the lines above. :func:`printable` turns it into :data:`Safe` text, and the client's state holds nothing else
from others, so a face that asks for ``Safe`` cannot be handed anything raw.

What happens to a character:

- C0 controls become their control pictures (``ESC`` is shown as ``␛``); C1 controls, bidirectional controls, line and
  paragraph separators, surrogates, private-use characters and non-characters become U+FFFD.
- Zero-width and otherwise invisible characters are dropped; a joiner or an emoji selector stays inside an emoji
  sequence.
- A base carries at most :data:`MAX_MARKS` combining marks; a mark without a base gets a dotted circle to stand on.
"""

import re
import unicodedata
from typing import Final, NewType

__all__ = ["MAX_MARKS", "Safe", "printable", "safe_line", "sendable"]

Safe = NewType("Safe", str)
"""Text that has gone through :func:`printable`."""

MAX_MARKS: Final = 8
"""Combining marks that one base may carry; real orthographies need four."""

_REPLACEMENT: Final = "\ufffd"
_DOTTED_CIRCLE: Final = "\u25cc"
_ZWJ: Final = "\u200d"
_VS16: Final = "\ufe0f"

_ODD = re.compile(r"[^\n\t -~]")
_UNSENDABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_KEYCAPS: Final = frozenset("0123456789#*\u203c\u2049")
_INVISIBLE: Final = frozenset(
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u200b\u200c\u2060\u2061\u2062\u2063\u2064\u3164\ufeff\uffa0"
    + "".join(map(chr, range(0x180B, 0x1810)))
    + "".join(map(chr, range(0xFE00, 0xFE0F)))
)
_MAX_KNOWN: Final = 20_000
# Characters met before that need no care. Bounded, so that a flood of rare ones cannot grow it without end.
_known_plain: set[str] = set(map(chr, range(0x20, 0x7F))) | {"\n", "\t"}


def printable(text: str, *, multiline: bool = True) -> Safe:
    r"""Return ``text`` with nothing left in it that could act on a terminal.

    Idempotent, never raises. A text of ordinary characters comes back as it is, after one scan. Line ends become
    ``\n``; where ``multiline`` is false (names, titles, one-line previews), newlines and tabs become spaces.
    """
    if not multiline:
        text = text.replace("\r\n", " ").replace("\n", " ").replace("\t", " ")
    if _ODD.search(text) is None:
        return Safe(text)
    characters = set(text)
    unmet = characters - _known_plain
    if unmet and any(not _is_plain(character) for character in unmet):
        return Safe(_clean(text))
    if len(_known_plain) < _MAX_KNOWN:
        _known_plain.update(unmet)
    return Safe(text)


def safe_line(text: str) -> Safe:
    """Return ``text`` as :func:`printable` text of a single line."""
    return printable(text, multiline=False)


def sendable(text: str) -> str:
    """Return what the user wrote as it may be sent: without controls, which the server refuses, and lone surrogates."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNSENDABLE.sub("", text)


def _clean(text: str) -> str:
    """Replace and drop character by character; the slow path of :func:`printable`."""
    first = "".join(map(_replacement, text.replace("\r\n", "\n")))
    kept: list[str] = []
    marks = 0
    for index, character in enumerate(first):
        previous = kept[-1] if kept else "\n"
        if character == _ZWJ:
            following = first[index + 1 : index + 2]
            if not ((_is_emoji(previous) or previous == _VS16) and following and _is_emoji(following)):
                continue
        elif character == _VS16:
            if not (_is_emoji(previous) or previous in _KEYCAPS):
                continue
        elif _is_mark(character):
            marks += 1
            if previous in "\n\t":
                kept.append(_DOTTED_CIRCLE)
            if marks > MAX_MARKS:
                continue
        else:
            marks = 0
        kept.append(character)
    return "".join(kept)


def _replacement(character: str) -> str:
    """Return what stands in for one character, itself where it may stay."""
    if character in _known_plain or character in (_ZWJ, _VS16):
        return character
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if character in _INVISIBLE or 0xE0000 <= code <= 0xE0FFF:
        return ""
    return character if _may_show(character) else _REPLACEMENT


def _may_show(character: str) -> bool:
    """Tell whether a character has a glyph or is a space, as far as this Python's Unicode tables know."""
    if character.isprintable():
        return True
    category = unicodedata.category(character)
    # Emoji are added every year: one that is newer than these tables is still an emoji.
    return category == "Zs" or (category == "Cn" and 0x1F000 <= ord(character) <= 0x1FAFF)


def _is_plain(character: str) -> bool:
    return _replacement(character) == character and character not in (_ZWJ, _VS16) and not _is_mark(character)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def _is_emoji(character: str) -> bool:
    code = ord(character)
    return 0x1F000 <= code <= 0x1FAFF or unicodedata.category(character) in ("So", "Sm")
