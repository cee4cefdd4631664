"""Turn pieces of text with roles into rows of cells. Pure; the second door that text from others goes through.

Text is never markup here: a piece is a string and the role that tells how it looks. Width is counted in cells by the
one function that Textual uses, so that a wide character never shifts what stands right of it.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from chat_client.core.text import safe_line
from chat_client.tui.looks import Looks

__all__ = ["Piece", "Row", "clip", "draw", "fill", "on_ground", "pad_left", "steady"]

_SELECTOR: Final = "\ufe0f"
_SELECTED: Final = re.compile("([^0-9#*])\ufe0f(?![\u200d\u20e3])")
"""Not the keycaps, nor what is joined with something else: there the selector is not all that counts."""

Piece = tuple[str, str]
"""Text and its role."""


class Row(msgspec.Struct, frozen=True):
    """One line of a list or a bar: what stands left is cut where it does not fit, what stands right is kept."""

    key: str = ""
    """What choosing the row means; empty: it cannot be chosen."""
    left: tuple[Piece, ...] = ()
    right: tuple[Piece, ...] = ()
    centre: tuple[Piece, ...] = ()
    """Where given, it stands between two rules and takes the whole row."""


def steady(text: str) -> str:
    """Return a text of as many characters that every terminal draws as wide as it is counted.

    A sign that is an emoji only by the selector behind it takes one cell in some terminals and two in others, and in
    the wrong ones shifts all that stands right of it. So it is drawn as the sign that it is, with a space behind it.
    """
    return _SELECTED.sub(_unselected, text) if _SELECTOR in text else text


def _unselected(match: re.Match[str]) -> str:
    return f"{match[1]} " if cell_len(match[1]) == 1 else match[0]


def clip(text: str, width: int, ellipsis: str = "…") -> str:
    """Return ``text`` cut to at most ``width`` cells, with an ellipsis where something is missing."""
    if cell_len(text) <= width:
        return text
    if width <= 0:
        return ""
    return set_cell_size(text, width - 1).rstrip() + ellipsis


def pad_left(text: str, width: int, ellipsis: str = "…") -> str:
    """Return ``text`` cut or filled from the left to exactly ``width`` cells."""
    text = clip(text, width, ellipsis)
    return " " * (width - cell_len(text)) + text


def fill(strip: Strip, width: int, style: Style | None = None) -> Strip:
    """Return a strip of exactly ``width`` cells."""
    return strip.adjust_cell_length(width, style)


def draw(row: Row, width: int, looks: Looks, ground: Style | None = None) -> Strip:
    """Return the cells of a row; ``ground`` lies under all of it."""
    if row.centre:
        strip = _centred(row.centre, width, looks)
    else:
        left, right = _segments(row.left, looks), _segments(row.right, looks)
        most = max(width // 2, width - _cells(left) - 1)  # where both do not fit, the left tells what the row is about
        while len(right) > 1 and _cells(right) > most:
            right.pop(0)
        right = _cut(right, most, looks)
        room = max(width - _cells(right) - (1 if right else 0), 0)
        left = _cut(left, room, looks)
        gap = width - _cells(right) - _cells(left)
        strip = Strip([*left, Segment(" " * max(gap, 0)), *right])
    strip = strip.adjust_cell_length(width)
    return on_ground(strip, ground) if ground is not None else strip


def on_ground(strip: Strip, ground: Style) -> Strip:
    """Return a strip with a ground under it; on a reversed one the pieces leave their colours, else each is a block."""
    if not ground.reverse:
        return strip.apply_style(ground)
    return Strip([Segment(text, _uncoloured(style) + ground) for text, style, _ in strip], strip.cell_length)


def _uncoloured(style: Style | None) -> Style:
    if style is None:
        return Style()
    return style.without_color + Style(meta=style.meta) if style.meta else style.without_color


def _cells(segments: Iterable[Segment]) -> int:
    return sum(cell_len(segment.text) for segment in segments)


def _segments(pieces: Iterable[Piece], looks: Looks) -> list[Segment]:
    return [Segment(steady(safe_line(text)), looks.style(role)) for text, role in pieces if text]


def _cut(segments: list[Segment], width: int, looks: Looks) -> list[Segment]:
    """Return the segments that fit, the last one with an ellipsis where something is missing."""
    if _cells(segments) <= width:
        return segments
    kept: list[Segment] = []
    for segment in segments:
        size = cell_len(segment.text)
        if size < width:
            kept.append(segment)
            width -= size
            continue
        rest = set_cell_size(segment.text, width - 1).rstrip() + looks.glyphs.ellipsis if width > 0 else ""
        kept.append(Segment(rest, segment.style))
        break
    return kept


def _centred(pieces: tuple[Piece, ...], width: int, looks: Looks) -> Strip:
    inner = _cut(_segments(pieces, looks), max(width - 4, 0), looks)
    size = sum(cell_len(segment.text) for segment in inner) + 2
    before = max((width - size) // 2, 0)
    after = max(width - size - before, 0)
    role = "new" if pieces[0][1] == "new" else "rule"
    rule, style = looks.glyphs.rule, looks.style(role)
    return Strip([Segment(rule * before + " ", style), *inner, Segment(" " + rule * after, style)])
