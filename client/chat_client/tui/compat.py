"""The few names of Textual and Rich that are not public, in one place; tests tell when an upgrade moves them."""

from collections.abc import Iterable
from typing import Any, Final

from rich._wrap import divide_line
from rich.segment import Segment
from textual import events
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.geometry import Size
from textual.keys import _character_to_key
from textual.message_pump import MessagePump
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.widget import Widget

__all__ = ["divide_line", "has_waiting", "read_alt_keys", "set_extent", "write_to_terminal"]

_INTRODUCERS: Final = frozenset("[]OPNX^_\\")
"""What begins a longer sequence behind an escape (ECMA-48), so that it is no key with alt yet."""
_GIVEN: Final = frozenset("bf")
"""Letters behind an escape that Textual takes for a word to the left or right, as readline does."""
_textuals = XTermParser._sequence_to_key_events


def write_to_terminal(app: App[object], data: str) -> None:
    """Send bytes past the screen: titles and notifications. ``data`` must hold no text from others."""
    driver = app._driver
    if driver is not None and not app.is_headless:
        driver.write(data)


def read_alt_keys() -> None:
    """Have alt and a key understood as such as soon as both bytes are there, in all terminals, from now on.

    Textual waits for more, and takes two such keys that come soon after each other for ``^`` and a letter, alt and a
    digit for a letter of a Mac's keyboard, and alt+enter for Enter: they would be typed, or send what is not finished.
    """
    XTermParser._sequence_to_key_events = _read_keys  # type: ignore[method-assign,assignment]


def _read_keys(parser: XTermParser, sequence: str, alt: bool = False) -> Iterable[events.Key]:
    return _with_alt(sequence) or _textuals(parser, sequence, alt)


def _with_alt(sequence: str) -> list[events.Key]:
    """Return the key that an escape and one more character stand for, if they are alt and a key."""
    if len(sequence) != 2 or sequence[0] != "\x1b":
        return []
    sign = sequence[1]
    if sign == "\r":
        return [events.Key("alt+enter", None)]
    if not sign.isprintable() or sign in _INTRODUCERS or sign in _GIVEN:
        return []
    name = sign if sign.isalnum() else _character_to_key(sign)
    shift = "shift+" if sign.isupper() else ""
    return [events.Key(f"alt+{shift}{name.lower() if shift else name}", None)]


def has_waiting(pump: MessagePump) -> bool:
    """Tell whether a widget has something to deal with that it has not begun yet; one that is ending never has."""
    queue: Any = pump._message_queue
    if pump._closing or pump._closed:
        return False
    return not queue.empty() or bool(pump._next_callbacks)


def set_extent(view: ScrollView, extent: Size, row: int) -> None:
    """Say how much there is to scroll through and which row is the first, without a layout of the whole screen.

    For a view whose scrollbar is always there and whose own size does not depend on what it holds. The scrollbar is
    drawn anew only where its thumb looks another way, which in a long text it seldom does.
    """
    view.set_reactive(Widget.virtual_size, extent)
    if not view.show_vertical_scrollbar or not view.scrollbar_size_vertical:
        return
    bar = view.vertical_scrollbar
    before = _thumb(bar)
    bar.set_reactive(ScrollBar.window_virtual_size, extent.height)
    bar.set_reactive(ScrollBar.window_size, view.container_size.height)
    bar.set_reactive(ScrollBar.position, row)
    if _thumb(bar) != before:
        bar.refresh()


def _thumb(bar: ScrollBar) -> list[Segment]:
    window = bar.window_size if bar.window_size < bar.window_virtual_size else 0
    return ScrollBarRender.render_bar(bar.size.height, bar.window_virtual_size, window, bar.position).segments
