"""The few names of Textual and Rich that are not public, in one place; tests tell when an upgrade moves them."""

from typing import Any

from rich._wrap import divide_line
from textual.app import App
from textual.message_pump import MessagePump

__all__ = ["divide_line", "has_waiting", "write_to_terminal"]


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
