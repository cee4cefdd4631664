"""Which rows of a transcript are on the screen. Pure: no widget, no terminal.

Where the reader stands is kept as an entry and the row of the screen on which it begins, never as a distance from the
top. Heights far away are guesses; every row that is drawn, or that a step goes over, has been laid out before. So
nothing that arrives, grows or turns out higher than guessed moves what is being read.
"""

import msgspec
from textual.strip import Strip

from chat_client.core.state import Message, Splice
from chat_client.tui.looks import Looks
from chat_client.tui.widgets.feed import Feed, key_of
from chat_client.tui.widgets.layout import Columns

__all__ = ["Drawn", "Place", "Viewport"]


class Place(msgspec.Struct, frozen=True):
    """Where a reader stood: an entry by its key and the row of the screen where its own words begin."""

    key: str
    offset: int


class Drawn(msgspec.Struct, frozen=True):
    """One row of the screen."""

    index: int
    row: int
    strip: Strip
    body: tuple[int, str, str]
    is_last: bool
    """Whether it is the last row of its entry."""


class Viewport:
    """A window of ``height`` rows over a feed."""

    def __init__(self, feed: Feed, looks: Looks) -> None:
        self.feed = feed
        self.looks = looks
        self.height = 0
        self.follows = True
        """Whether the newest line is on the screen and stays there."""
        self.drawn: list[Drawn] = []
        self._reference = 0
        self._offset = 0

    @property
    def top_row(self) -> int:
        """How many rows are above, as far as known."""
        if not self.drawn:
            return 0
        return self.feed.heights.before(self.drawn[0].index) + self.drawn[0].row

    @property
    def place(self) -> Place | None:
        """Where the reader stands; None at the end."""
        if self.follows or not self.drawn:
            return None
        return Place(key_of(self.feed.entries[self._reference]), self._offset)

    def spliced(self, splice: Splice) -> None:
        """Stay with the entry that stands still while others come and go."""
        end = splice.start + splice.removed
        if self._reference >= end:
            self._reference += len(splice.added) - splice.removed
        elif self._reference >= splice.start:
            self._reference = min(self._reference, splice.start + max(len(splice.added) - 1, 0))
        self._reference = min(self._reference, len(self.feed) - 1)

    def stand(self, index: int, offset: int) -> None:
        """Have an entry begin on a row of the screen, as far as there are rows above and below."""
        self.follows, self._reference = False, index
        self._offset = offset + self.feed.lay(index, self.looks).lead

    def return_to(self, index: int, place: Place) -> None:
        """Have an entry stand where it stood when the reader left."""
        self.follows, self._reference, self._offset = False, index, place.offset

    def move(self, rows: int) -> bool:
        """Go down by ``rows``, or up; return whether that is possible."""
        if not rows or not self.drawn or (rows > 0 and self.follows):
            return False
        self.follows = False
        self._offset -= rows
        return True

    def resize(self, height: int) -> None:
        """Have another height; what is read stays on the screen, also on a lower one."""
        self.height = height
        self._offset = min(self._offset, max(height - 1, 0))

    def restyle(self, columns: Columns) -> None:
        """Lay everything out anew, for another width or theme; what stood on the first row stays about there."""
        above = max(-self._offset, 0)
        before = self._own_rows() if above else 0
        self.feed.restyle(columns)
        if before:
            self._offset = -(above * self._own_rows() // before)

    def _own_rows(self) -> int:
        laid = self.feed.lay(self._reference, self.looks)
        return len(laid.rows) - laid.lead

    def is_whole(self, index: int) -> bool:
        """Tell whether all rows of an entry are on the screen."""
        rows = sum(drawn.index == index for drawn in self.drawn)
        return bool(rows) and rows == self.feed.heights[index]

    def settle(self) -> None:
        """Lay out what is on the screen, and choose what stands still from now on."""
        if self.height <= 0:
            return
        if self.follows or not self._fill():
            self.follows = True
            self._fill_from_end()
        # The first message, not a gap or the head: pages come above it.
        for y, drawn in enumerate(self.drawn):
            if isinstance(self.feed.entries[drawn.index], Message):
                self._take_hold(drawn, y)
                return
        if self.drawn:
            self._take_hold(self.drawn[0], 0)

    def _take_hold(self, drawn: Drawn, y: int) -> None:
        """Have the entry of a row stand still from now on, with its own words: the day above them may go."""
        self._reference = drawn.index
        self._offset = y - drawn.row + self.feed.lay(drawn.index, self.looks).lead

    def _fill(self) -> bool:
        """Draw around the reference; return false where everything ends before the screen does."""
        feed, looks = self.feed, self.looks
        index = self._reference
        y = self._offset - feed.lay(index, looks).lead
        while y > 0 and index > 0:
            index -= 1
            y -= len(feed.lay(index, looks).rows)
        if index == 0:
            y = min(y, 0)
        self.drawn = []
        while index < len(feed) and y < self.height:
            y = self._draw(index, y)
            index += 1
        return index < len(feed) or y > self.height

    def _fill_from_end(self) -> None:
        index = len(self.feed)
        rows = 0
        while index > 0 and rows < self.height:
            index -= 1
            rows += len(self.feed.lay(index, self.looks).rows)
        y = min(self.height - rows, 0)
        self.drawn = []
        for place in range(index, len(self.feed)):
            y = self._draw(place, y)

    def _draw(self, index: int, y: int) -> int:
        """Draw an entry that begins at row ``y`` and return where the next one does."""
        laid = self.feed.lay(index, self.looks)
        last = len(laid.rows) - 1
        for row in range(max(-y, 0), min(len(laid.rows), self.height - y)):
            self.drawn.append(Drawn(index, row, laid.rows[row], laid.body[row], row == last))
        return y + len(laid.rows)
