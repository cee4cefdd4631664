"""A pane beside the transcript: a list whose border can be moved, with the arrows or with the mouse."""

from typing import ClassVar, Final

from textual import events
from textual.binding import BindingType

from chat_client.tui.keys import PANE_BINDINGS
from chat_client.tui.looks import Looks
from chat_client.tui.widgets.rows import RowList

__all__ = ["MIN_WIDTH", "Pane"]

MIN_WIDTH: Final = 12
"""Cells, the border included."""
MAX_WIDTH: Final = 200
MAX_SHARE: Final = 40
"""Percent of the screen that it takes at the most, as the style sheet says, too."""


class Pane(RowList):
    """A list at an edge of the screen."""

    BINDINGS: ClassVar[list[BindingType]] = PANE_BINDINGS

    def __init__(self, looks: Looks, *, id: str, is_left: bool) -> None:  # noqa: A002 - Textual calls it so
        """Make an empty one; ``is_left``: it stands at the left edge, so that its border is the right one."""
        super().__init__(looks, id=id)
        self._is_left = is_left
        self._is_dragged = self._was_dragged = False
        self.wanted = 0
        """The width that the user gave it, in cells; 0: the usual one."""

    def set_width(self, width: int) -> None:
        """Have a width, as far as the screen allows it; 0: the usual one."""
        self.wanted = min(max(width, MIN_WIDTH), MAX_WIDTH) if width else 0
        self.styles.width = self.wanted or None

    def action_border(self, step: int) -> None:
        """Move the border by some cells, below 0: to the left."""
        width = min(self.wanted or self.outer_size.width, self.screen.size.width * MAX_SHARE // 100)
        self.set_width(width + (step if self._is_left else -step))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of the border."""
        self._was_dragged = False
        if event.get_content_offset(self) is None:
            self._is_dragged = True
            self.capture_mouse()
            event.stop()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Have the border where the pointer is."""
        if self._is_dragged:
            x = int(event.screen_x)
            self.set_width(x + 1 if self._is_left else self.screen.size.width - x)

    def on_mouse_up(self) -> None:
        """Let go of the border."""
        if self._is_dragged:
            self._is_dragged, self._was_dragged = False, True
            self.release_mouse()

    def on_click(self, event: events.Click) -> None:
        """Choose nothing with the click that ends moving the border."""
        if self._was_dragged:
            event.prevent_default()
