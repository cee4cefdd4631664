"""What goes to the terminal beside the screen: its title, its bell, a notification of the desktop.

Nothing of what others wrote is ever put into these sequences: a title holds names that the protocol keeps to plain
characters, a notification says how many and where.
"""

import base64
import re
from typing import Any, Final

from textual.app import App

from chat_client.tui.compat import write_to_terminal

__all__ = ["notify_desktop", "restore_title", "save_title", "set_title"]

_UNSAFE: Final = re.compile(r"[^ -:<-~]")
"""Everything but plain characters; the semicolon separates fields."""


def save_title(app: App[Any]) -> None:
    """Have the terminal remember its title."""
    write_to_terminal(app, "\x1b[22;0t")


def restore_title(app: App[Any]) -> None:
    """Have the terminal show the title again that it had before."""
    write_to_terminal(app, "\x1b[23;0t")


def set_title(app: App[Any], title: str) -> None:
    """Show a title."""
    write_to_terminal(app, f"\x1b]2;{_UNSAFE.sub('', title)[:80]}\x1b\\")


def notify_desktop(app: App[Any], text: str) -> None:
    """Ring the bell, and ask the terminal for a notification, in the ways that terminals know."""
    app.bell()
    plain = _UNSAFE.sub("", text)[:80]
    write_to_terminal(app, f"\x1b]9;{plain}\x1b\\\x1b]777;notify;chat;{plain}\x1b\\")
    encoded = base64.b64encode(plain.encode()).decode()
    write_to_terminal(app, f"\x1b]99;i=chat:d=1:e=1;{encoded}\x1b\\")
