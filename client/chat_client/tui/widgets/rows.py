"""Lists and bars of one-line rows, drawn by themselves. Only rows that changed are drawn again.

Rooms, members, search hits, completion and help are all such lists: 5,000 rows cost no more than those on the screen.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from chat_client.core.language import mark
from chat_client.tui.drawing import Row, draw
from chat_client.tui.looks import Looks

__all__ = ["Bar", "RowList"]


class Bar(Widget):
    """One row: header, status, banner, hints. It is not there while it is empty, if told so."""

    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = """
    Bar { height: 1; }
    """

    class Clicked(Message):
        """The user clicked on the bar."""

        def __init__(self, bar: "Bar") -> None:
            super().__init__()
            self.bar = bar

        @property
        def control(self) -> "Bar":
            """The bar, for selectors."""
            return self.bar

    def __init__(self, looks: Looks, *, id: str | None = None, hides: bool = False, role: str = "") -> None:  # noqa: A002
        super().__init__(id=id)
        self._looks = looks
        self._row = Row()
        self._role = role
        self._hides = hides
        if hides:
            self.display = False

    @property
    def row(self) -> Row:
        """What is shown."""
        return self._row

    def show(self, row: Row) -> None:
        """Show a row; nothing is drawn if it is the one that is there."""
        if row != self._row:
            self._row = row
            self.refresh()
        if self._hides:
            self.display = bool(row.left or row.right)

    def set_looks(self, looks: Looks) -> None:
        """Draw with another theme."""
        self._looks = looks
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return the row."""
        ground = self._looks.style(self._role) if self._role else None
        return draw(self._row, self.size.width, self._looks, ground).apply_style(self.rich_style)

    def on_click(self) -> None:
        """Tell about it."""
        self.post_message(self.Clicked(self))


class RowList(ScrollView, can_focus=True):
    """A list of rows with a cursor on one that can be chosen."""

    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = """
    RowList { overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "step(-1)", mark("Up"), show=False, id="list-up"),
        Binding("down", "step(1)", mark("Down"), show=False, id="list-down"),
        Binding("pageup", "page(-1)", mark("Page up"), show=False, id="list-page-up"),
        Binding("pagedown", "page(1)", mark("Page down"), show=False, id="list-page-down"),
        Binding("home", "edge(-1)", mark("First"), show=False, id="list-first"),
        Binding("end", "edge(1)", mark("Last"), show=False, id="list-last"),
        Binding("enter", "choose", mark("Choose"), show=False, id="list-choose"),
    ]

    class Chosen(Message):
        """The user chose a row."""

        def __init__(self, list_: "RowList", key: str) -> None:
            super().__init__()
            self.list = list_
            self.key = key

        @property
        def control(self) -> "RowList":
            """The list, for selectors."""
            return self.list

    def __init__(
        self,
        looks: Looks,
        *,
        id: str | None = None,  # noqa: A002 - Textual calls it so
        can_focus: bool = True,
        **more: Any,
    ) -> None:
        super().__init__(id=id, can_focus=can_focus, **more)
        self._looks = looks
        self._rows: list[Row] = []
        self._cursor = -1
        self._shows_cursor = not can_focus
        self.current = ""
        """The key of a row that is marked, wherever the cursor is."""

    @property
    def rows(self) -> Sequence[Row]:
        """What is shown."""
        return self._rows

    @property
    def highlighted(self) -> str:
        """The key of the row under the cursor; empty: there is none."""
        return self._rows[self._cursor].key if 0 <= self._cursor < len(self._rows) else ""

    def set_rows(self, rows: list[Row], current: str = "") -> None:
        """Show other rows; the cursor stays with the row that it is on."""
        key = self.highlighted
        old, self._rows = self._rows, rows
        old_current, self.current = self.current, current
        if len(rows) != len(old):
            self.virtual_size = Size(self.size.width, len(rows))
            self.refresh()
        top = self.scroll_offset.y
        for y in range(min(self.size.height, len(rows) - top, len(old) - top)):
            row = rows[top + y]
            if row != old[top + y] or (row.key in (current, old_current) and current != old_current):
                self.refresh(Region(0, y, self.size.width, 1))
        if key != self.highlighted or self._cursor < 0:
            found = next((place for place, row in enumerate(rows) if row.key and row.key == key), -1)
            self._cursor = found if found >= 0 else self._next(-1, 1)
            self.refresh()
        if current != old_current:
            self._reveal_current()

    def move_to(self, key: str) -> None:
        """Put the cursor on a row."""
        found = next((place for place, row in enumerate(self._rows) if row.key == key), None)
        if found is not None:
            self._go(found)

    def to_first(self) -> None:
        """Put the cursor on the first row that can be chosen."""
        self._go(self._next(-1, 1))

    def set_looks(self, looks: Looks) -> None:
        """Draw with another theme."""
        self._looks = looks
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return one row of the screen."""
        place = y + self.scroll_offset.y
        width = self.scrollable_content_region.width
        if place >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        row = self._rows[place]
        ground = None
        if row.key and row.key == self.current:
            ground = self._looks.style("selected")
        if place == self._cursor and (self._shows_cursor or self.has_focus):
            ground = self._looks.style("cursor")
        return draw(row, width, self._looks, ground).apply_style(self.rich_style)

    def on_resize(self) -> None:
        """Keep the scrollbar right, and what is marked on the screen."""
        self.virtual_size = Size(self.size.width, len(self._rows))
        self._reveal_current()

    def action_step(self, step: int) -> None:
        """Move the cursor by one row that can be chosen."""
        self._go(self._next(self._cursor, step))

    def action_page(self, step: int) -> None:
        """Move the cursor by a page."""
        target = min(max(self._cursor + step * max(self.size.height - 1, 1), 0), len(self._rows) - 1)
        self._go(self._next(target - step, step))

    def action_edge(self, step: int) -> None:
        """Move the cursor to the first or the last row."""
        self._go(self._next(-1, 1) if step < 0 else self._next(len(self._rows), -1))

    def action_choose(self) -> None:
        """Choose the row under the cursor."""
        if self.highlighted:
            self.post_message(self.Chosen(self, self.highlighted))

    def on_click(self, event: events.Click) -> None:
        """Choose what was clicked."""
        place = event.y + self.scroll_offset.y
        if place < len(self._rows) and self._rows[place].key:
            self._go(place)
            self.action_choose()

    def on_focus(self) -> None:
        """Show the cursor, on the row that is marked."""
        if self.current:
            self.move_to(self.current)
        self.refresh()

    def on_blur(self) -> None:
        """Hide the cursor."""
        self.refresh()

    def _next(self, place: int, step: int) -> int:
        """Return the next row in a direction that can be chosen, else where we are."""
        found = place + step
        while 0 <= found < len(self._rows):
            if self._rows[found].key:
                return found
            found += step
        return place if 0 <= place < len(self._rows) else -1

    def _go(self, place: int) -> None:
        if not 0 <= place < len(self._rows):
            return
        self._cursor = place
        self._reveal(place)
        self.refresh()

    def _reveal_current(self) -> None:
        place = next((place for place, row in enumerate(self._rows) if row.key and row.key == self.current), None)
        if place is not None:
            self._reveal(place)

    def _reveal(self, place: int) -> None:
        """Scroll as little as is needed to have a row on the screen."""
        top, height = self.scroll_offset.y, self.size.height
        if place < top:
            above = place - 1 if place and not self._rows[place - 1].key else place
            self.scroll_to(y=above, animate=False)
        elif height and place >= top + height:
            self.scroll_to(y=place - height + 1, animate=False)
