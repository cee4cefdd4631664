"""The messages of one conversation: one widget whatever their number, which draws only the rows on the screen.

Where the reader stands is kept by :class:`~chat_client.tui.widgets.reader.Reader`; here rows are drawn, selected,
clicked and chosen.
"""

from typing import Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Offset, Region
from textual.selection import Selection
from textual.strip import Strip

from chat_client.core.language import tr, tr_n
from chat_client.core.state import Gap, Message
from chat_client.tui.looks import Looks
from chat_client.tui.widgets.feed import key_of
from chat_client.tui.widgets.reader import Reader
from chat_client.tui.widgets.viewport import Drawn, Place

__all__ = ["Place", "Transcript"]

ROW_BITS: Final = 16
"""Selections count rows as entry << ROW_BITS | row: still right when heights of other entries turn out otherwise."""
MAX_FINISHED: Final = 200


class Transcript(Reader):
    """Lines of a conversation, oldest first, with day lines, marks and notes."""

    def __init__(self, looks: Looks, *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(looks, id=id)
        self._ground = Style()
        self._finished: dict[int, tuple[Strip, Strip]] = {}
        """Rows as they were laid out and as they are on the screen, by where they stand."""
        self._end_key = self._unread_key = ""

    def set_keys(self, end: str, unread: str) -> None:
        """Name the keys that go to the end and to what is unread, as they are bound now."""
        if (end, unread) != (self._end_key, self._unread_key):
            self._end_key, self._unread_key = end, unread
            self.refresh()

    # ---- Drawing ----------------------------------------------------------------------------------------------------

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return rows of the screen.

        Textual keeps rows by where they stand on the screen; here nearly all of them only move up when something
        comes. So each row is kept with what it is made into: each step of that is remembered by the strip before it.
        The widget has no border, padding or tint that would have to be laid around it.
        """
        ground = self.rich_style
        if ground != self._ground or len(self._finished) > MAX_FINISHED:
            self._ground = ground
            self._finished.clear()
        background = self.background_colors[1]
        width, filters = self.outer_size.width, self.get_line_filters()
        strips = []
        for y in crop.line_range:
            strip = self.render_line(y).adjust_cell_length(width, self._ground)
            for each in filters:
                strip = strip.apply_filter(each, background)
            strips.append(strip)
        if crop.column_span != (0, width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def render_line(self, y: int) -> Strip:
        """Return one row of the screen."""
        strip = self._finish(self.viewport.drawn[y]) if y < len(self.viewport.drawn) else None
        if strip is None:
            strip = Strip.blank(self.columns_wide, self._ground)
        if y == self.size.height - 1:
            return self._with_chip(strip, self.columns_wide).apply_style(self._ground)
        if y == 0:
            return self._with_upper_chip(strip, self.columns_wide).apply_style(self._ground)
        return strip

    def _finish(self, drawn: Drawn) -> Strip:
        """Return a row with its ground, ready to be selected; kept, for while others arrive most rows only move up."""
        column, text, _ = drawn.body
        if column < 0:
            return drawn.strip.apply_style(self._ground)
        ordinal = drawn.index << ROW_BITS | drawn.row
        selection = self.text_selection
        known = self._finished.get(ordinal)
        if known is not None and known[0] is drawn.strip and selection is None:
            return known[1]
        strip = self._selectable(drawn.strip, column, cell_len(text), ordinal)
        if selection is None:
            self._finished[ordinal] = (drawn.strip, strip)
        elif (span := selection.get_span(ordinal)) is not None:
            strip = self._chosen(strip, column, text, span)
        return strip

    def _selectable(self, strip: Strip, column: int, size: int, ordinal: int) -> Strip:
        """Return a row on its ground whose body, ``size`` cells from ``column`` on and nothing else, can be selected.

        In one go, for each strip in between costs as much as all of this.
        """
        ground, segments = self._ground, []
        at = character = 0
        for text, style, _ in strip:
            styled = ground + style if style is not None else ground
            if column <= at < column + size:
                styled += Style.from_meta({"offset": (character, ordinal)})
                character += len(text)
            segments.append(Segment(text, styled))
            at += cell_len(text)
        return Strip(segments, at)

    def _chosen(self, strip: Strip, column: int, text: str, span: tuple[int, int]) -> Strip:
        """Return a row in which the selected part of its body stands out."""
        first, last = span
        left, right = column + cell_len(text[:first]), column + cell_len(text if last == -1 else text[:last])
        style = self.screen.get_component_rich_style("screen--selection")
        chosen = Strip([Segment(part, (old or Style()) + style) for part, old, _ in strip.crop(left, right)])
        return Strip.join([strip.crop(0, left), chosen, strip.crop(right)])

    def _with_chip(self, strip: Strip, width: int) -> Strip:
        """Lay the way to the end over the right end of the last row."""
        self._chip_start = -1
        if self.follows:
            return strip
        new = tr_n("{count} new", "{count} new", self.unread)
        below = new if self.unread and not self._unread_above() else tr("more below")
        glyphs = self.viewport.looks.glyphs
        chip = Segment(f" {glyphs.down} {below} {glyphs.dot} {self._end_key} ", self.viewport.looks.style("chip"))
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
        glyphs = self.viewport.looks.glyphs
        told = tr_n("{count} unread above", "{count} unread above", above)
        text = f" {glyphs.up} {told} {glyphs.dot} {self._unread_key} "
        chip = Segment(text, self.viewport.looks.style("chip"))
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
        if self.feed.unfold(index):
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

    def find_mention(self, step: int) -> int | None:
        """Return the next message in a direction that names the user, by its place in the log."""
        marked = self.feed.index_of(self.feed.marked) if self.feed.marked else None
        if marked is None:
            drawn = self.viewport.drawn
            marked = (drawn[-1].index + 1 if step < 0 else drawn[0].index - 1) if drawn else 0
        index = marked + step
        while 0 < index < len(self.feed):
            entry = self.feed.entries[index]
            if isinstance(entry, Message) and entry.mentions_me and entry.seq:
                return entry.seq
            index += step
        return None

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
