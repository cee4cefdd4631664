"""Which conversation a transcript shows and where its reader stands: keys, wheel, scrollbar and what arrives move it.

What is on the screen is decided by :class:`~chat_client.tui.widgets.viewport.Viewport`.
"""

import time
from typing import ClassVar, Final

from rich.cells import cell_len
from textual import events
from textual.geometry import Size
from textual.message import Message as Event
from textual.reactive import var
from textual.scroll_view import ScrollView

from chat_client.core.state import ClientState, Conversation, Gap, Message
from chat_client.tui.compat import set_extent
from chat_client.tui.looks import Looks
from chat_client.tui.widgets.feed import Feed, Notes, key_of
from chat_client.tui.widgets.layout import Columns, Note
from chat_client.tui.widgets.viewport import Place, Viewport

__all__ = ["Reader"]

_DRAWN: Final = (
    "name", "timeline", "read_seq", "unread", "seen", "new_from", "new_count", "peer_read_seq", "has_older",
    "loading_older",
)  # fmt: skip
"""What of a conversation a transcript shows or acts upon."""


class Reader(ScrollView, can_focus=True):
    """A window over the lines of one conversation; :class:`~chat_client.tui.widgets.transcript.Transcript` draws it."""

    ALLOW_SELECT: ClassVar[bool] = True
    DEFAULT_CSS = """
    Reader {
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
        self._wanted: Place | None = None
        """Where to stand once it is loaded."""

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
        self._wanted = place if place is not None and place.key else None
        if conversation.new_from is not None:
            self._stand_at_new()
        else:
            self._return()
        self._settle()

    def _return(self) -> None:
        """Stand where the reader left, as soon as that is loaded and unless they have moved since."""
        index = self.feed.index_of(self._wanted.key) if self._wanted is not None else None
        if index is not None and self._wanted is not None:
            self.viewport.return_to(index, self._wanted)
            self._is_placing = False

    def update(self, conversation: Conversation) -> None:
        """Take over what changed. Whoever has scrolled up stays exactly where they are, until they write something."""
        before = self._conversation
        if before is not None and _looks_the_same(before, conversation):
            self._conversation = conversation
            return
        if before is not None and len(conversation.timeline.pending) > len(before.timeline.pending):
            self._is_placing = False
            self.viewport.follows = True
        self._conversation = conversation
        for splice in self.feed.update(conversation):
            self.viewport.spliced(splice)
            if len(splice.added) != splice.removed and splice.start + len(splice.added) < len(self.feed):
                self.screen.clear_selection()
        self.unread = conversation.unread
        if self._is_placing and (before is None or before.new_from != conversation.new_from):
            self._stand_at_new()
        elif self._is_placing and conversation.new_from is None:
            self._return()
        self._settle()

    def set_clock(self, time_format: str, *, fold_joins: bool, hide_joins: bool = False) -> None:
        """Say how times are shown (strftime), and whether joins and leaves in a row are one line, or none."""
        self.feed.time_format = time_format
        self.feed.fold_joins = fold_joins
        self.feed.hide_joins = hide_joins

    def set_looks(self, looks: Looks) -> None:
        """Draw with another theme."""
        self.viewport.looks = looks
        self.viewport.restyle(self.feed.columns)
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
        if self.size.height != self.viewport.height:
            return  # Textual cut it to what another size allows; nobody scrolled, and on_resize says where one stands
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
            self.viewport.restyle(columns)
        self.viewport.resize(self.size.height)
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
            set_extent(self, Size(self.columns_wide, self.feed.heights.total), self.viewport.top_row)
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


def _looks_the_same(before: Conversation, now: Conversation) -> bool:
    """Tell whether nothing changed of what is drawn here: a draft, say, of which each letter makes a new state."""
    return all(getattr(before, name) == getattr(now, name) for name in _DRAWN)
