"""One entry of the transcript as rows of cells. Pure: it knows no scrolling and no widget.

A message is a gutter (time, name, one sign, a bar) and its body beside it; where there is no room for that, the name
stands above the body. Every row is exactly as wide as asked.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from chat_client.core.language import tr, tr_n
from chat_client.core.state import Gap, Message, SystemLine
from chat_client.core.terms import action_sentence, notification_word
from chat_client.core.text import printable
from chat_client.tui.compat import divide_line
from chat_client.tui.drawing import Piece, Row, clip, draw, on_ground, pad_left, steady
from chat_client.tui.inline import Span, find_spans
from chat_client.tui.looks import Looks

__all__ = ["Columns", "Head", "Laid", "Note", "Surroundings", "estimate", "lay_out"]

MAX_ROWS: Final = 40
"""Rows of one message before the rest is left out until the user asks for it."""
MAX_CHARS: Final = 20_000
"""Characters of one message that are looked at."""


class Head(msgspec.Struct, frozen=True):
    """What stands above the first line of a conversation."""

    text: str
    is_start: bool = False


class Note(msgspec.Struct, frozen=True):
    """A line of the program's own, seen by this user only."""

    text: str
    is_error: bool = False


class Surroundings(msgspec.Struct, frozen=True):
    """What an entry's look depends on besides itself. Two equal ones draw alike."""

    day: str = ""
    """The day line above it."""
    new: int = 0
    """The "n new" line above it; 0: none."""
    clock: str = ""
    """What stands in the time column."""
    is_continued: bool = False
    """Same author as above, within minutes: no name."""
    is_folded: bool = False
    """Told by another line: takes no rows."""
    fold: tuple[tuple[str, int], ...] = ()
    """Actions and how many, of the lines that this one stands for."""
    quote: tuple[str, str] | None = None
    """Name and text of what it answers."""
    is_read: bool = False
    is_private: bool = False
    is_selected: bool = False
    is_marked: bool = False
    is_expanded: bool = False
    notes: tuple[Note, ...] = ()
    """Lines of the program's own below it."""
    me: str = ""


class Columns(msgspec.Struct, frozen=True):
    """Where things stand in a row, in cells."""

    width: int
    clock: int
    name: int
    """0: names stand above the body instead."""

    @classmethod
    def of(cls, width: int, clock: int) -> "Columns":
        """Divide a width; ``clock`` is how wide the time is."""
        for least, name in ((90, 12), (60, 10), (46, 8)):
            if width >= least:
                return cls(width, clock, name)
        return cls(width, clock if width >= 24 else 0, 0)

    @property
    def gutter(self) -> int:
        """Cells left of the body."""
        return 1 + self.clock + 1 + self.name + 1 + 2 if self.name else 2

    @property
    def body(self) -> int:
        """Cells of the body."""
        return max(self.width - self.gutter - 1, 4)


class Laid(msgspec.Struct, frozen=True):
    """An entry as it is drawn."""

    rows: tuple[Strip, ...]
    body: tuple[tuple[int, str, str], ...]
    """For each row the column where its text begins (-1: it has none that can be copied), the text, and what stands
    between it and the text of the next row."""
    is_clipped: bool = False
    lead: int = 0
    """Rows above the entry's own words: day, "n new", name. What is loaded above can take them away."""


def estimate(entry: Message | SystemLine | Gap | Head, columns: Columns) -> int:
    """Guess how many rows an entry takes, cheaply; what is on the screen is always laid out."""
    if not isinstance(entry, Message):
        return 1
    text, width = entry.content, columns.body
    rows = 0 if columns.name else 1
    rows += (entry.reply_to is not None) + bool(entry.reactions)
    if len(text) <= width and "\n" not in text:
        return rows + (1 if text.isascii() or cell_len(text) <= width else 2)
    size = len(text) if text.isascii() else len(text) * 3 // 2
    return rows + min(size // width + 1 + text.count("\n"), MAX_ROWS + 1)


def lay_out(entry: Message | SystemLine | Gap | Head, around: Surroundings, columns: Columns, looks: Looks) -> Laid:
    """Return the rows of an entry; none if another one stands for it."""
    if around.is_folded:
        return Laid((), ())
    rows = _Rows(columns, looks)
    if around.day:
        rows.line(Row(centre=((around.day, "dim"),)))
    if around.new:
        rows.line(Row(centre=((tr_n("{count} new", "{count} new", around.new), "new"),)))
    rows.begin()
    match entry:
        case Head():
            is_plain = entry.is_start or not entry.text
            rows.line(Row(left=((f" {entry.text}", "dim"),)) if is_plain else _dotted(entry.text, looks))
        case Gap():
            rows.line(_dotted(_gap_text(entry), looks))
        case SystemLine():
            _system(rows, entry, around)
        case Message():
            _message(rows, entry, around)
    for note in around.notes:
        rows.note(note)
    return rows.done()


def _dotted(text: str, looks: Looks) -> Row:
    dots = looks.glyphs.dots * 3
    return Row(left=((f" {dots} {text} {dots}", "dim"),))


def _gap_text(gap: Gap) -> str:
    if gap.loading:
        return tr("loading")
    count = tr("up to {count}").format(count=gap.count) if gap.count > 1 else "1"
    match gap.reason:
        case "limit":
            return tr("{count} more here, not loaded yet: Enter or a click loads them").format(count=count)
        case "not_visible":
            return tr("{count} from before you joined or after you left").format(count=count)
        case "retention":
            return tr("{count} that the server does not keep any more").format(count=count)
        case _:
            return tr("{count} not available").format(count=count)


_SIGNS: Final = {"joined": "came", "left": "went", "kicked": "went"}


def _system(rows: "_Rows", line: SystemLine, around: Surroundings) -> None:
    glyphs = rows.looks.glyphs
    if around.fold:
        text = tr(", ").join(_folded(action, count) for action, count in around.fold)
        rows.event(glyphs.both, text, around)
        return
    sign = getattr(glyphs, _SIGNS.get(line.action, "dot"))
    rows.event(sign, action_sentence(line.action, line.subject, line.content), around)


def _folded(action: str, count: int) -> str:
    came, went = tr_n("{count} joined", "{count} joined", count), tr_n("{count} left", "{count} left", count)
    return (came if action == "joined" else went).format(count=count)


def _message(rows: "_Rows", message: Message, around: Surroundings) -> None:
    glyphs = rows.looks.glyphs
    name, role = (
        (tr("you") if message.mine and message.sender == around.me else message.sender),
        f"nick:{message.sender}",
    )
    if message.mine:
        role = "me"
    elif message.kind == "notification" and message.topic:
        name, role = notification_word(message.topic), "accent"
    rows.name(name, role, _mark(message, around, rows.looks), around)
    rows.begin()
    if around.quote is not None:
        who, text = around.quote
        said = f"{who}: {text}" if who else text
        rows.beside(((f"{glyphs.quote} {said}", "dim"),))
    if message.deleted:
        rows.text(tr("message deleted"), (), "italic", around, is_body=False)
    else:
        spans = tuple(find_spans(message.content[:MAX_CHARS], around.me, message.mentions))
        rows.text(
            message.content, spans, "text", around, f" {tr('(edited)')}" if message.edited_at_ms is not None else ""
        )
    if message.about:
        rows.beside(((f"{glyphs.came} {message.about}", "dim"),))
    if message.reactions:
        pieces: list[Piece] = []
        for reaction in message.reactions:
            own = around.me in reaction.users
            text = f"{reaction.emoji} {len(reaction.users)}"
            pieces += [(f"[{text}]" if own else text, "accent" if own else "dim"), ("  ", "dim")]
        rows.beside(tuple(pieces))
    if message.status == "failed":
        reason = message.reason or tr("the server refused it")
        not_sent = tr("not sent: {reason}").format(reason=reason)
        rows.beside(((f"{glyphs.failed} {not_sent} {glyphs.dot} {tr('/retry or /discard')}", "error"),))
    elif message.status == "pending" and message.reason:
        rows.beside(((f"{glyphs.pending} {tr('waits: {reason}').format(reason=message.reason)}", "dim"),))


def _mark(message: Message, around: Surroundings, looks: Looks) -> Piece:
    """Return the one sign between name and bar."""
    glyphs = looks.glyphs
    if message.status == "failed":
        return glyphs.failed, "error"
    if message.status == "pending":
        return glyphs.pending, "dim"
    if around.is_marked:
        return glyphs.came, "mention"
    if message.mentions_me:
        return " ", "mention"  # the bar tells it; beside a name a sign would read as a part of it
    if message.mine and around.is_private and around.is_read:
        return glyphs.read, "dim"
    return " ", "dim"


class _Rows:
    """Gathers the rows of one entry."""

    def __init__(self, columns: Columns, looks: Looks) -> None:
        self.columns = columns
        self.looks = looks
        self._rows: list[Strip] = []
        self._body: list[tuple[int, str, str]] = []
        self._gutter: list[Segment] = []
        self._ground: Style | None = None
        self._is_clipped = False
        self.lead = 0

    def begin(self) -> None:
        """Note that what was added so far stands above the entry's own words."""
        self.lead = len(self._rows)

    def line(self, row: Row) -> None:
        """Add a row over the whole width."""
        self._put(draw(row, self.columns.width, self.looks))

    def note(self, note: Note) -> None:
        """Add a line of the program's own, wrapped."""
        columns, looks = self.columns, self.looks
        role = "error" if note.is_error else "accent"
        sign = looks.glyphs.failed if note.is_error else looks.glyphs.dot
        indent = columns.gutter - 2
        if self._body:
            column, text, joint = self._body[-1]
            self._body[-1] = column, text, f"{joint}\n"  # whoever selects both has them on lines of their own
        safe = _shown(note.text)
        rows, starts, end = _wrap(safe, columns.body, None)
        for number, (text, start) in enumerate(zip(rows, starts, strict=True)):
            lead = f"{sign} " if number == 0 else "  "
            segments = [Segment(" " * indent), Segment(lead, looks.style(role)), Segment(text, looks.style(role))]
            following = starts[number + 1] if number + 1 < len(starts) else end
            self._put(Strip(segments), (columns.gutter, text, safe[start + len(text) : following]))

    def event(self, sign: str, text: str, around: Surroundings) -> None:
        """Add dim rows with a sign where others have a name."""
        self.name(sign, "dim", (" ", "dim"), around, is_person=False)
        self.text(text, (), "dim", around, is_body=False)

    def name(self, name: str, role: str, mark: Piece, around: Surroundings, *, is_person: bool = True) -> None:
        """Begin an entry: what stands in the gutter of its first row, or in a row above."""
        columns, looks = self.columns, self.looks
        self._ground = looks.style("selected") if around.is_selected or around.is_marked else None
        lead = looks.glyphs.cursor if around.is_selected else " "
        bar_role = "mention" if mark[1] == "mention" else "error" if mark[1] == "error" else "rule"
        bar = looks.glyphs.strong_bar if bar_role != "rule" else looks.glyphs.bar
        self._rest = [Segment(lead, looks.style("accent"))]
        if columns.name:
            shown = "" if around.is_continued else name
            self._gutter = [
                Segment(lead, looks.style("accent")),
                Segment(pad_left(around.clock, columns.clock), looks.style("dim")),
                Segment(" " + pad_left(shown, columns.name, looks.glyphs.ellipsis), looks.style(role)),
                Segment(mark[0], looks.style(mark[1])),
                Segment(f"{bar} ", looks.style(bar_role)),
            ]
            self._rest += [Segment(" " * (columns.gutter - 3)), Segment(f"{bar} ", looks.style(bar_role))]
            return
        chosen = Segment(lead, looks.style("accent"))
        strong = Segment(bar if bar_role != "rule" else " ", looks.style(bar_role))
        sign = strong if bar_role == "mention" else Segment(mark[0], looks.style(mark[1]))
        # A sign right before the text would read as a part of it, so it stands there only beside the cursor.
        self._rest = [chosen, strong] if around.is_selected else [strong, Segment(" ")]
        self._gutter = [chosen, sign] if around.is_selected else [sign, Segment(" ")]
        if is_person and not around.is_continued:
            head = Row(left=((f" {name}", role),), right=((around.clock + " ", "dim"),) if columns.clock else ())
            self._put(draw(head, columns.width, looks, self._ground))
        elif not is_person:
            self._gutter[1 if around.is_selected else 0] = Segment(name[:1], looks.style(role))

    def beside(self, pieces: tuple[Piece, ...]) -> None:
        """Add one row right of the bar."""
        width = self.columns.width - self.columns.gutter
        self._put(Strip([*self._take_gutter(), *draw(Row(left=pieces), width, self.looks)]))

    def text(
        self,
        text: str,
        spans: tuple[Span, ...],
        role: str,
        around: Surroundings,
        tail: str = "",
        *,
        is_body: bool = True,
    ) -> None:
        """Add wrapped text right of the bar; ``tail`` is the program's own word behind it."""
        columns = self.columns
        safe = _shown(text[:MAX_CHARS])
        if safe != text:
            spans = tuple(find_spans(safe, around.me)) if is_body else ()
        limit = None if around.is_expanded else MAX_ROWS
        rows, starts, end = _wrap(safe + tail, columns.body, limit)
        if tail:
            spans = (*spans, Span(len(safe), len(safe) + len(tail), "italic"))
        base = self.looks.style(role)
        styles = [_span_style(span, self.looks) for span in spans]
        for number, (row, start) in enumerate(zip(rows, starts, strict=True)):
            segments = _styled(row, start, spans, styles, base)
            if any(span.is_block and span.start <= start < span.end for span in spans):
                rest = max(columns.body - cell_len(row), 0)
                segments.append(Segment(" " * rest, self.looks.style("code")))
            following = starts[number + 1] if number + 1 < len(starts) else len(safe)
            shown = row[: max(len(safe) - start, 0)]
            body = (columns.gutter if is_body else -1, shown, safe[start + len(row) : following])
            self._put(Strip([*self._take_gutter(), *segments]), body)
        if end < len(safe):
            self._is_clipped = True
            left = len(safe) - end
            told = tr_n(
                "{count:,} more character: Enter or a click shows it",
                "{count:,} more characters: Enter or a click shows them",
                left,
            )
            more = f"{self.looks.glyphs.more} {told}"
            self.beside(((more, "accent"),))

    def done(self) -> Laid:
        """Return what was gathered."""
        return Laid(tuple(self._rows), tuple(self._body), self._is_clipped, self.lead)

    def _take_gutter(self) -> list[Segment]:
        gutter, self._gutter = self._gutter, self._rest
        return gutter

    def _put(self, strip: Strip, body: tuple[int, str, str] = (-1, "", "")) -> None:
        strip = strip.adjust_cell_length(self.columns.width)
        self._rows.append(on_ground(strip, self._ground) if self._ground is not None else strip)
        self._body.append(body)


def _shown(text: str) -> str:
    """Return a text as it is drawn: what a tab does on a terminal depends on the terminal."""
    return printable(text).replace("\t", "    ")


def _wrap(text: str, width: int, limit: int | None) -> tuple[list[str], list[int], int]:
    """Break a text into rows of at most ``width`` cells: the rows, where each begins, and where they end."""
    rows: list[str] = []
    starts: list[int] = []
    at = 0
    for line in text.split("\n"):
        if line.isascii() and len(line) <= width:
            cuts = [0]
        else:
            cuts = [0, *(cut for cut in divide_line(line, width) if 0 < cut < len(line))]
        for number, cut in enumerate(cuts):
            if limit is not None and len(rows) >= limit:
                return rows, starts, at + cut
            end = cuts[number + 1] if number + 1 < len(cuts) else len(line)
            row = line[cut:end].rstrip(" ") if end < len(line) else line[cut:end]
            rows.append(row)
            starts.append(at + cut)
        at += len(line) + 1
    return rows, starts, len(text)


def _span_style(span: Span, looks: Looks) -> Style:
    """Return the style of a span; made once, so that a link over several rows is one to the terminal, too."""
    style = looks.style(span.role)
    return style + Style(link=span.link, meta={"open": span.link}) if span.link else style


def _styled(row: str, start: int, spans: tuple[Span, ...], styles: Sequence[Style], base: Style) -> list[Segment]:
    """Return a row's text in its styles: one for each span, ``base`` between them."""
    row = steady(row)
    segments: list[Segment] = []
    at = 0
    for span, style in zip(spans, styles, strict=True):
        first, last = max(span.start - start, at), min(span.end - start, len(row))
        if last <= first:
            if span.start - start >= len(row):
                break
            continue
        if first > at:
            segments.append(Segment(row[at:first], base))
        segments.append(Segment(row[first:last], style))
        at = last
    if at < len(row):
        segments.append(Segment(row[at:], base))
    return segments


def one_line(text: str, width: int) -> str:
    """Return the first words of a text, for a quote."""
    return clip(" ".join(text.split()), width)
