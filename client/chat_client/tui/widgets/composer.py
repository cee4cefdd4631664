"""Where the user writes. It knows lines, history and pasting; what is done with a text is for others."""

import re
from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from chat_client.core.language import mark
from chat_client.core.text import sendable

__all__ = ["Composer"]

MAX_HISTORY: Final = 200
PASTE_LINES: Final = 20
PASTE_CHARS: Final = 4_000
_REORDERING: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""What makes a terminal show a text in another order than it is in: readers are not shown it either."""


class Composer(TextArea):
    """A text of one to eight rows: Enter sends it, ctrl+j breaks the line."""

    DEFAULT_CSS = """
    Composer {
        height: auto;
        min-height: 1;
        max-height: 8;
        border: none;
        padding: 0 1;
        scrollbar-size-vertical: 1;
        &:focus { border: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+j,shift+enter,alt+enter", "newline", mark("New line"), show=False, id="composer-newline"),
        Binding("enter", "send", mark("Send"), show=False, priority=True, id="composer-send"),
        Binding("tab", "complete", mark("Complete"), show=False, priority=True, id="composer-complete"),
        Binding("up", "up", mark("History"), show=False, id="composer-up"),
        Binding("down", "down", mark("History"), show=False, id="composer-down"),
        Binding("ctrl+underscore", "undo", mark("Undo"), show=False, id="composer-undo"),
    ]

    class Sent(Message):
        """The user pressed Enter; what is there then is taken with :meth:`take`."""

    class CompletionWanted(Message):
        """The user pressed Tab."""

    class Moved(Message):
        """The user pressed an arrow while offers are shown."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    class BackWanted(Message):
        """The user pressed up in an empty line, or in one that was filled in for them and is untouched."""

    class LongPaste(Message):
        """So much was pasted that it may be a mistake."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id, soft_wrap=True, show_line_numbers=False, tab_behavior="focus", compact=True)
        self.highlight_cursor_line = False
        self.has_offers = False
        """Whether arrows move through offers instead of the text."""
        self.offered = ""
        """What was filled in for the user to change; up passes by it as long as it is untouched."""
        self._history: list[str] = []
        self._place = 0
        self._kept = ""

    @property
    def caret(self) -> int:
        """The caret as an index into the text."""
        row, column = self.cursor_location
        return sum(len(self.document.get_line(line)) + 1 for line in range(row)) + column

    def set_text(self, text: str) -> None:
        """Show another text, with the caret behind it."""
        self.text = _clean(text)
        self.move_cursor(self.document.end)
        self._place = len(self._history)

    def take(self) -> str:
        """Return the text and be empty, in one step: what is typed meanwhile is neither sent nor lost."""
        text = self.text
        self.set_text("")
        self.remember(text)
        return text

    def replace_range(self, start: int, end: int, text: str) -> None:
        """Put ``text`` in the place of ``start:end``."""
        result = self.replace(text, self._location(start), self._location(end))
        self.move_cursor(result.end_location)

    def _location(self, index: int) -> tuple[int, int]:
        before = self.text[:index]
        return before.count("\n"), len(before) - before.rfind("\n") - 1

    def remember(self, text: str) -> None:
        """Put a text into the history."""
        if text.strip() and (not self._history or self._history[-1] != text):
            self._history = [*self._history[1 - MAX_HISTORY :], text]
        self._place = len(self._history)

    # ---- Keys -------------------------------------------------------------------------------------------------------

    def action_send(self) -> None:
        """Have the text taken."""
        self.post_message(self.Sent())

    def action_newline(self) -> None:
        """Break the line."""
        self.insert("\n")

    def action_complete(self) -> None:
        """Ask for the offer under the cursor."""
        self.post_message(self.CompletionWanted())

    def action_up(self) -> None:
        """Go up: in the offers, in the text, or into the history."""
        if self.has_offers:
            self.post_message(self.Moved(-1))
        elif self.cursor_at_first_line and self.is_recalled:
            self.recall()
        elif self.cursor_at_first_line and self.text == self.offered:
            self.post_message(self.BackWanted())
        else:
            self.action_cursor_up()

    def recall(self) -> None:
        """Go one step back in the history."""
        if self._place > 0:
            if self._place == len(self._history):
                self._kept = self.text
            self._recall(self._place - 1)

    def action_down(self) -> None:
        """Go down: in the offers, in the text, or back out of the history."""
        if self.has_offers:
            self.post_message(self.Moved(1))
        elif self.cursor_at_last_line and self.is_recalled:
            self._recall(self._place + 1)
        else:
            self.action_cursor_down()

    @property
    def is_recalled(self) -> bool:
        """Whether the text is one of the history, as it was sent: arrows go on through the history then."""
        return self._place < len(self._history) and self.text == self._history[self._place]

    def _recall(self, place: int) -> None:
        text = self._history[place] if place < len(self._history) else self._kept
        self.text = text
        self.move_cursor(self.document.end)
        self._place = place

    async def _on_key(self, event: events.Key) -> None:
        """Type nothing for alt and a letter: terminals send the letter along, and Textual would insert it."""
        if event.key.startswith(("alt+", "ctrl+", "super+")):
            event.prevent_default()
            return
        await super()._on_key(event)
        event.prevent_default()

    async def _on_paste(self, event: events.Paste) -> None:
        """Insert what was pasted without what could act on a terminal; ask first if it is very long."""
        event.prevent_default()
        event.stop()
        text = _clean(event.text)
        if text.count("\n") >= PASTE_LINES or len(text) > PASTE_CHARS:
            self.post_message(self.LongPaste(text))
        else:
            self.insert(text)


def _clean(text: str) -> str:
    return _REORDERING.sub("", sendable(text))
