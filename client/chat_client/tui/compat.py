"""The few names of Textual and Rich that are not public, in one place; tests tell when an upgrade moves them."""

from typing import Any

from rich._wrap import divide_line
from textual.app import App
from textual.geometry import Size
from textual.message_pump import MessagePump
from textual.scroll_view import ScrollView
from textual.widget import Widget

__all__ = ["divide_line", "has_waiting", "set_extent", "write_to_terminal"]


def write_to_terminal(app: App[object], data: str) -> None:
    """Send bytes past the screen: titles and notifications. ``data`` must hold no text from others."""
    driver = app._driver
    if driver is not None and not app.is_headless:
        driver.write(data)


def has_waiting(pump: MessagePump) -> bool:
    """Tell whether a widget has something to deal with that it has not begun yet; one that is ending never has."""
    queue: Any = pump._message_queue
    if pump._closing or pump._closed:
        return False
    return not queue.empty() or bool(pump._next_callbacks)


def set_extent(view: ScrollView, extent: Size) -> None:
    """Say how much there is to scroll through, without the layout of the whole screen that Textual does for that.

    For a view whose scrollbar is always there and whose own size does not depend on what it holds.
    """
    view.set_reactive(Widget.virtual_size, extent)
    view._scroll_update(extent)
