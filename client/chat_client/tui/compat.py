"""The few names of Textual and Rich that are not public, in one place; tests tell when an upgrade moves them."""

from rich._wrap import divide_line
from textual.app import App

__all__ = ["divide_line", "write_to_terminal"]


def write_to_terminal(app: App[object], data: str) -> None:
    """Send bytes past the screen: titles and notifications. ``data`` must hold no text from others."""
    driver = app._driver
    if driver is not None and not app.is_headless:
        driver.write(data)
