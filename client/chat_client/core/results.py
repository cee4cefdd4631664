"""What a slash command hands to the face that asked for it. Values only; a face decides how they look."""

import msgspec

from chat_client.core.text import Safe

__all__ = ["Listing", "Opened", "PasswordWanted", "Quit", "Result", "Row", "Told"]


class Told(msgspec.Struct, frozen=True):
    """One line to show, where the command was typed."""

    text: Safe
    wanted: str = ""
    """What the user will need elsewhere: a face that has a clipboard puts it there."""


class Row(msgspec.Struct, frozen=True):
    """One line of a listing, and where choosing it leads."""

    cells: tuple[Safe, ...]
    conversation: str = ""
    """Opens this, if not empty."""
    seq: int = 0
    """At this place of the log, if not 0."""


class Listing(msgspec.Struct, frozen=True):
    """A table: members, groups, search hits, help."""

    title: Safe
    columns: tuple[Safe, ...]
    rows: tuple[Row, ...]
    note: Safe = Safe("")
    """A last line: that there is more, or what to do when there is nothing."""


class Opened(msgspec.Struct, frozen=True):
    """Show this conversation now."""

    conversation: str
    seq: int = 0
    """With this line on the screen, if not 0; :meth:`ChatClient.load_around` has loaded it."""


class PasswordWanted(msgspec.Struct, frozen=True):
    """Ask for the old and the new password without showing them, then call :meth:`ChatClient.set_password`."""


class Quit(msgspec.Struct, frozen=True):
    """End the program."""


Result = Told | Listing | Opened | PasswordWanted | Quit | None
"""None: nothing to show (the timeline shows it)."""
