"""The messages of one conversation: one widget whatever their number, which draws only the rows on the screen.

What is on the screen is decided by :class:`~chat_client.tui.widgets.viewport.Viewport`; here it is drawn, and keys,
mouse and scrollbar move it.
"""

import time
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Offset, Size
from textual.message import Message as Event
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from chat_client.core.state import ClientState, Conversation, Gap, Message
from chat_client.tui.looks import Looks
from chat_client.tui.widgets.feed import Feed, Notes, key_of
from chat_client.tui.widgets.layout import Columns, Note
from chat_client.tui.widgets.viewport import Place, Viewport

__all__ = ["Place", "Transcript"]

ROW_BITS: Final = 16
"""Selections count rows as entry << ROW_BITS | row: still right when heights of other entries turn out otherwise."""


class Transcript(ScrollView, can_focus=True):
    """Lines of a conversation, oldest first, with day lines, marks and notes."""

    ALLOW_SELECT: ClassVar[bool] = True
    DEFAULT_CSS = """
    Transcript {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
    }
    """

    unread = var(0)
    """Messages that were never on the screen, for the chips."""

    class Showed(Event):
        """Lines of the log were drawn whole; whether anybody was looking is for others to know."""

        def __init__(self, conversation: str, first_seq: int, last_seq: int) -> None:
            super().__init__()
            self.conversation = conversation
            self.first_seq = first_seq
            self.last_seq = last_seq

    class OlderWanted(Event):
        """The reader is near the first line, and there may be older ones."""

    class GapReached(Event):
        """A part of the log that is not loaded is on the screen."""

        def __init__(self, gap: Gap, *, is_asked: bool) -> None:
            super().__init__()
            self.gap = gap
            self.is_asked = is_asked

    class LinkClicked(Event):
        """The user wants to open an address."""

        def __init__(self, url: str) -> None:
            super().__init__()
            self.url = url

    def __init__(self, looks: Looks, *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id)
        self.feed = Feed()
        self.viewport = Viewport(self.feed, looks)
        self._conversation: Conversation | None = None
        self._is_syncing = False
        self._is_placing = False
        """Whether the reader has not moved since the conversation was opened."""
        self._chip_start = -1

    # ---- What is shown ----------------------------------------------------------------------------------------------

    @property
    def conversation(self) -> str:
        """The name of what is shown; empty: nothing."""
        return self._conversation.name if self._conversation is not None else ""

    @property
    def follows(self) -> bool:
        """Whether the newest line is on the screen and stays there."""
        return self.viewport.follows

    @property
    def place(self) -> Place | None:
        """Where the reader stands; None at the end."""
        return self.viewport.place

    @property
    def rows(self) -> list[str]:
        """The text of the rows on the screen."""
        return [drawn.strip.text.rstrip() for drawn in self.viewport.drawn]

    def show(
        self, conversation: Conversation, state: ClientState, place: Place | None = None, notes: Notes | None = None
    ) -> None:
        """Turn to a conversation: at what is new, else where the reader left it, else at the end."""
        self.screen.clear_selection()
        self._conversation = conversation
        self.feed.show(conversation, state, notes)
        self.unread = conversation.unread
        self._is_placing = True
        self.viewport.follows = True
        index = self.feed.index_of(place.key) if place is not None and place.key else None
        if conversation.new_from is not None:
            self._stand_at_new()
        elif index is not None and place is not None:
            self._is_placing = False
            self.viewport.stand(index, place.offset)
        self._settle()

    def update(self, conversation: Conversation) -> None:
        """Take over what changed. Whoever has scrolled up stays exactly where they are."""
        before = self._conversation
        self._conversation = conversation
        for splice in self.feed.update(conversation):
            self.viewport.spliced(splice)
            if len(splice.added) != splice.removed and splice.start + len(splice.added) < len(self.feed):
                self.screen.clear_selection()
        self.unread = conversation.unread
        if self._is_placing and (before is None or before.new_from != conversation.new_from):
            self._stand_at_new()
        self._settle()

    def set_clock(self, time_format: str, *, fold_joins: bool) -> None:
        """Say how times are shown (strftime) and whether joins and leaves in a row are one line."""
        self.feed.time_format = time_format
        self.feed.fold_joins = fold_joins

    def set_looks(self, looks: Looks) -> None:
        """Draw with another theme."""
        self.viewport.looks = looks
        self.feed.restyle(self.feed.columns)
        self._settle()

    def note(self, text: str, *, is_error: bool = False) -> None:
        """Show a line of the program's own below everything there is now, and go there."""
        self.feed.add_note(Note(text, is_error))
        self.to_end()

    def _stand_at_new(self) -> None:
        """Stand at the line "n new" if what is new takes more than the screen, else at the end."""
        new_from = self._conversation.new_from if self._conversation is not None else None
        index = self.feed.index_of_seq(new_from) if new_from is not None else None
        if index is not None:
            self.viewport.stand(index, 1)

    # ---- Moving -----------------------------------------------------------------------------------------------------

    @property
    def columns_wide(self) -> int:
        """Cells of a row, the scrollbar left out."""
        return self.scrollable_content_region.width

    @property
    def page(self) -> int:
        """Rows of one page: the screen but two rows, so that the eye finds its way."""
        return max(self.size.height - 2, 1)

    def move(self, rows: int) -> None:
        """Go down by ``rows``, or up."""
        if self.viewport.move(rows):
            self._is_placing = False
            self._settle()

    def to_end(self) -> None:
        """Go to the newest line and stay with it."""
        self._is_placing = False
        self.viewport.follows = True
        self._settle()

    def to_start(self) -> None:
        """Go to the first line that is loaded."""
        self._stand(0, 0)

    def to_index(self, index: int, *, align: float = 0.3) -> None:
        """Bring an entry on the screen, at ``align`` of its height, if it is not whole there."""
        if self.viewport.is_whole(index):
            self._settle()
        else:
            self._stand(index, int(self.size.height * align))

    def to_seq(self, seq: int) -> bool:
        """Bring a line of the log on the screen and mark it; return whether it is loaded."""
        index = self.feed.index_of_seq(seq)
        if index is None:
            return False
        self.feed.marked = key_of(self.feed.entries[index])
        self.to_index(index)
        return True

    def _stand(self, index: int, offset: int) -> None:
        self._is_placing = False
        self.viewport.stand(index, offset)
        self._settle()

    def scroll_to(self, x: float | None = None, y: float | None = None, **_: object) -> None:
        """Go to a row counted from the top, as a scrollbar does; never animated."""
        if y is not None:
            self._go_to_row(round(y))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow whoever else scrolled: a selection that is drawn over the edge."""
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.position = new_value
        if not self._is_syncing and round(new_value) != self.viewport.top_row:
            self._go_to_row(round(new_value))

    def _go_to_row(self, row: int) -> None:
        distance = row - self.viewport.top_row
        if abs(distance) <= 3 * self.size.height:
            self.move(distance)
        elif row >= self.feed.heights.total - self.size.height:
            self.to_end()
        else:
            index, inside = self.feed.heights.find(row)
            self._stand(index, -inside)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Wheel: three rows, never animated."""
        event.prevent_default()
        event.stop()
        self.move(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Wheel: three rows, never animated."""
        event.prevent_default()
        event.stop()
        self.move(-3)

    # ---- Laying out -------------------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        """Lay out for another size; the entry that is read stays on its row."""
        if not self.columns_wide:
            return
        columns = Columns.of(self.columns_wide, cell_len(time.strftime(self.feed.time_format)))
        if columns != self.feed.columns:
            self.screen.clear_selection()
            self.feed.restyle(columns)
        self.viewport.height = self.size.height
        if self._is_placing:
            self._stand_at_new()
        self._settle()

    def _settle(self) -> None:
        """Have laid out what is on the screen, draw it, and tell what is seen."""
        if not self.viewport.height:
            return
        self.viewport.settle()
        self._is_syncing = True
        try:
            size = Size(self.columns_wide, self.feed.heights.total)
            if size != self.virtual_size:
                self.virtual_size = size
            self.scroll_y = self.scroll_target_y = self.viewport.top_row
        finally:
            self._is_syncing = False
        self.refresh()
        self.tell()

    def tell(self) -> None:
        """Tell others what is on the screen."""
        conversation = self._conversation
        if conversation is None:
            return
        first = last = 0
        for drawn in self.viewport.drawn:
            entry = self.feed.entries[drawn.index]
            if isinstance(entry, Gap):
                if entry.loadable and not entry.loading:
                    self.post_message(self.GapReached(entry, is_asked=False))
            elif drawn.is_last and isinstance(entry, Message) and entry.seq:
                first = first or entry.seq
                last = entry.seq
        if last and conversation.read_seq < last:
            self.post_message(self.Showed(conversation.name, first, last))
        if conversation.has_older and not conversation.loading_older and self.viewport.top_row < 2 * self.size.height:
            self.post_message(self.OlderWanted())

    # ---- Drawing ----------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Return one row of the screen."""
        width = self.columns_wide
        if y >= len(self.viewport.drawn):
            strip = Strip.blank(width)
        else:
            drawn = self.viewport.drawn[y]
            strip = drawn.strip
            column, text, _ = drawn.body
            if column >= 0:
                strip = self._selectable(strip, column, text, drawn.index << ROW_BITS | drawn.row)
        if y == self.size.height - 1:
            strip = self._with_chip(strip, width)
        elif y == 0:
            strip = self._with_upper_chip(strip, width)
        return strip.apply_style(self.rich_style)

    def _selectable(self, strip: Strip, column: int, text: str, ordinal: int) -> Strip:
        """Return a row whose body, and nothing else, can be selected; what is selected stands out."""
        size = cell_len(text)
        gutter, body, rest = strip.crop(0, column), strip.crop(column, column + size), strip.crop(column + size)
        selection = self.text_selection
        span = selection.get_span(ordinal) if selection is not None else None
        body = body.apply_offsets(0, ordinal)
        if span is not None:
            first, last = span
            left, right = cell_len(text[:first]), size if last == -1 else cell_len(text[:last])
            style = self.screen.get_component_rich_style("screen--selection")
            chosen = Strip([Segment(part, (old or Style()) + style) for part, old, _ in body.crop(left, right)])
            body = Strip.join([body.crop(0, left), chosen, body.crop(right)])
        return Strip.join([gutter, body, rest])

    def _with_chip(self, strip: Strip, width: int) -> Strip:
        """Lay the way to the end over the right end of the last row."""
        self._chip_start = -1
        if self.follows:
            return strip
        below = f"{self.unread} new" if self.unread and not self._unread_above() else "more below"
        chip = Segment(f" {self.viewport.looks.glyphs.down} {below} · End ", self.viewport.looks.style("chip"))
        size = cell_len(chip.text)
        if size >= width:
            return strip
        self._chip_start = width - size
        return Strip.join([strip.crop(0, width - size), Strip([chip])])

    def _with_upper_chip(self, strip: Strip, width: int) -> Strip:
        """Say that something above was never read, over the right end of the first row."""
        above = self._unread_above()
        if not above:
            return strip
        chip = Segment(
            f" {self.viewport.looks.glyphs.up} {above} unread above · alt+a ", self.viewport.looks.style("chip")
        )
        size = cell_len(chip.text)
        return strip if size >= width else Strip.join([strip.crop(0, width - size), Strip([chip])])

    def _unread_above(self) -> int:
        """Return how many are unread if the first of them stands above the screen."""
        first = self.first_unread()
        if first is None or not self.viewport.drawn or first >= self.viewport.drawn[0].index:
            return 0
        return self.unread

    def first_unread(self) -> int | None:
        """Return the first entry that was never on the screen, None if there is none or it is not loaded."""
        conversation = self._conversation
        if conversation is None or not conversation.unread:
            return None
        for line in conversation.timeline.after(conversation.read_seq):
            if isinstance(line, Gap) or (isinstance(line, Message) and not line.mine and not self._was_seen(line.seq)):
                return self.feed.index_of_seq(line.seq)
        return None

    def _was_seen(self, seq: int) -> bool:
        seen = self._conversation.seen if self._conversation is not None else ()
        return any(low <= seq <= high for low, high in seen)

    def watch_unread(self) -> None:
        """Draw the chips anew."""
        self.refresh()

    # ---- Selecting with the mouse -----------------------------------------------------------------------------------

    def selection_updated(self, selection: Selection | None) -> None:
        """Show what is selected."""
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the selected text: bodies alone, wrapped rows joined again."""
        if not self.viewport.drawn:
            return None
        start = selection.start or Offset(0, self.viewport.drawn[0].index << ROW_BITS)
        end = selection.end or Offset(1 << 30, self.viewport.drawn[-1].index << ROW_BITS | self.viewport.drawn[-1].row)
        parts: list[str] = []
        for index in range(start.y >> ROW_BITS, min((end.y >> ROW_BITS) + 1, len(self.feed))):
            pieces: list[str] = []
            for row, (column, text, joint) in enumerate(self.feed.lay(index, self.viewport.looks).body):
                span = selection.get_span(index << ROW_BITS | row) if column >= 0 else None
                if span is not None:
                    first, last = span
                    pieces.append(text[first : None if last == -1 else last] + (joint if last == -1 else ""))
            if pieces:
                parts.append("".join(pieces))
        return ("\n".join(parts), "\n") if parts else None

    def on_click(self, event: events.Click) -> None:
        """Open what was clicked: a link, a gap, the rest of a long message, the way down."""
        if event.y == self.size.height - 1 and 0 <= self._chip_start <= event.x:
            self.to_end()
            return
        url = event.style.meta.get("open")
        if isinstance(url, str):
            self.post_message(self.LinkClicked(url))
            return
        if 0 <= event.y < len(self.viewport.drawn):
            self.unfold(self.viewport.drawn[event.y].index, is_last=self.viewport.drawn[event.y].is_last)

    def unfold(self, index: int, *, is_last: bool = True) -> bool:
        """Load a gap, or show all of a long message; return whether there was anything of that."""
        entry = self.feed.entries[index]
        if isinstance(entry, Gap):
            if entry.loadable:
                self.post_message(self.GapReached(entry, is_asked=True))
            return True
        if isinstance(entry, Message) and is_last and self.feed.lay(index, self.viewport.looks).is_clipped:
            self.feed.expanded.add(entry.message_id)
            self._settle()
            return True
        return False

    def is_last_row(self, entry: Gap) -> bool:
        """Tell whether an entry is the lowest on the screen."""
        drawn = self.viewport.drawn
        return bool(drawn) and self.feed.entries[drawn[-1].index] is entry

    def visible_messages(self) -> list[Message]:
        """Return the messages on the screen, oldest first."""
        indices = dict.fromkeys(drawn.index for drawn in self.viewport.drawn)
        entries = (self.feed.entries[index] for index in indices)
        return [entry for entry in entries if isinstance(entry, Message)]

    # ---- Choosing a message -----------------------------------------------------------------------------------------

    @property
    def chosen(self) -> Message | None:
        """The message that is chosen with the keyboard."""
        index = self.feed.index_of(self.feed.selected) if self.feed.selected else None
        entry = self.feed.entries[index] if index is not None else None
        return entry if isinstance(entry, Message) else None

    def unfold_chosen(self) -> bool:
        """Load the gap, or show all of the long message, that is chosen; return whether it is one of these."""
        index = self.feed.index_of(self.feed.selected) if self.feed.selected else None
        return index is not None and self.unfold(index)

    def choose(self, step: int) -> None:
        """Choose the next message in a direction; to begin with, the last one on the screen."""
        current = self.feed.index_of(self.feed.selected) if self.feed.selected else None
        if current is None:
            last = self.viewport.drawn[-1].index if self.viewport.drawn else len(self.feed) - 1
            found = self.feed.neighbour(last + 1, -1)
        else:
            found = self.feed.neighbour(current, step)
        if found is not None:
            self.feed.selected = key_of(self.feed.entries[found])
            self.to_index(found, align=0.0 if step < 0 else 0.7)

    def choose_none(self) -> bool:
        """End choosing; return whether anything was chosen or marked."""
        had = self.feed.selected is not None or self.feed.marked is not None
        self.feed.selected = self.feed.marked = None
        if had:
            self._settle()
        return had
