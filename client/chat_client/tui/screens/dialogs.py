"""Small dialogs: a question, a table, two passwords. Each is closed with escape."""

from typing import ClassVar, Final

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Static

from chat_client.core.language import mark, tr
from chat_client.core.results import Listing, Opened
from chat_client.core.text import printable
from chat_client.tui.drawing import Piece, Row, clip
from chat_client.tui.looks import Looks
from chat_client.tui.screens.base import LOW_ROWS, Dialog
from chat_client.tui.widgets.rows import Bar, RowList
from chat_protocol.limits import MIN_PASSWORD_CHARS

__all__ = ["ListingScreen", "Notice", "PasswordScreen", "Question", "listing_rows"]

AROUND_ROWS: Final = 4
"""Border, title and note."""
MAX_COLUMN: Final = 32
"""Cells of a column that is not the last."""


class Question(Dialog[bool]):
    """A text and two answers; escape is no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "answer(False)", mark("Cancel"), id="question-no"),
        Binding("left,right", "app.focus_next", mark("Other answer"), show=False, id="question-other"),
    ]

    def __init__(self, title: str, text: str, yes: str, no: str = "", *, careful: bool = False) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._yes = yes
        self._no = no or tr("Cancel")
        self._careful = careful

    def compose(self) -> ComposeResult:
        """Build the box."""
        with Vertical(classes="dialog"):
            yield Static(Content(printable(self._title)), classes="dialog-title", markup=False)
            yield Static(Content(printable(self._text)), classes="dialog-text", markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Button(Content(self._yes), id="yes", variant="default" if self._careful else "primary")
                yield Button(Content(self._no), id="no")

    def on_mount(self) -> None:
        """Stand on the answer that does no harm."""
        self.query_one("#no" if self._careful else "#yes", Button).focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.finish(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        """Answer with a key."""
        self.finish(yes)


class Notice(Dialog[bool]):
    """A text that is to be read; there is nothing to choose."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", mark("Close"), id="notice-close")]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title = title
        self._text = text

    def compose(self) -> ComposeResult:
        """Build the box."""
        with Vertical(classes="dialog"):
            yield Static(Content(printable(self._title)), classes="dialog-title", markup=False)
            yield Static(Content(printable(self._text)), classes="dialog-text", markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Button(Content(tr("Close")), id="close")

    @on(Button.Pressed)
    def _pressed(self) -> None:
        self.finish(True)

    def action_close(self) -> None:
        """Close it with a key."""
        self.finish(True)


def listing_rows(listing: Listing) -> list[Row]:
    """Return a table as rows with aligned columns; the last column takes what is left."""
    count = len(listing.columns)
    table = [listing.columns, *(row.cells for row in listing.rows)]
    widths = [min(max((cell_len(cells[place]) for cells in table if place < len(cells)), default=0), MAX_COLUMN)
              for place in range(count)]  # fmt: skip
    rows = [Row(left=_cells(listing.columns, widths, ["dim"] * count))] if any(listing.columns) else []
    roles = ["text", *["dim"] * (count - 2), "text"] if count > 1 else ["text"]
    for place, row in enumerate(listing.rows):
        rows.append(Row(f"{place}", _cells(row.cells, widths, roles)))
    return rows


def _cells(cells: tuple[str, ...], widths: list[int], roles: list[str]) -> tuple[Piece, ...]:
    pieces: list[Piece] = [(" ", "text")]
    for place, (cell, width, role) in enumerate(zip(cells, widths, roles, strict=False)):
        text = cell if place == len(widths) - 1 else clip(cell, width)
        pieces.append((text + " " * max(width - cell_len(text), 0) + "  ", role))
    return tuple(pieces)


class ListingScreen(Dialog[Opened | None]):
    """A table to look at; choosing a row opens what it is about."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "close", mark("Close"), id="listing-close")]

    def __init__(self, listing: Listing, looks: Looks) -> None:
        super().__init__()
        self._listing = listing
        self._looks = looks

    def compose(self) -> ComposeResult:
        """Build the table."""
        with Vertical(classes="sheet"):
            yield Bar(self._looks, id="listing-title")
            yield RowList(self._looks, id="listing")
            yield Bar(self._looks, id="listing-note", hides=True)

    def on_mount(self) -> None:
        """Fill it in."""
        listing = self._listing
        opens = any(row.conversation for row in listing.rows)
        hint = tr("Enter opens {dot} esc closes").format(dot=self._looks.glyphs.dot) if opens else tr("esc closes")
        self.query_one("#listing-title", Bar).show(
            Row(left=((f" {listing.title}", "title"),), right=((f"{hint} ", "dim"),))
        )
        self.query_one("#listing-note", Bar).show(Row(left=((f" {listing.note}", "dim"),) if listing.note else ()))
        self.query_one(RowList).set_rows(listing_rows(listing))
        self.query_one(RowList).focus()

    def on_resize(self) -> None:
        """Have a short table hide no more of the chat than it needs."""
        rows = len(self.query_one(RowList).rows) + AROUND_ROWS
        self.query_one(".sheet").styles.max_height = rows if self.size.height >= LOW_ROWS else None

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        row = self._listing.rows[int(event.key)]
        if row.conversation:
            self.finish(Opened(row.conversation, row.seq))

    def action_close(self) -> None:
        """Close without choosing."""
        self.finish(None)


class PasswordScreen(Dialog[tuple[str, str] | None]):
    """Ask for the old and the new password, without showing them."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", mark("Cancel"), id="password-close")]

    def compose(self) -> ComposeResult:
        """Build the form."""
        with Vertical(classes="dialog"):
            yield Static(Content(tr("Change your password")), classes="dialog-title", markup=False)
            yield Input(placeholder=tr("old password"), password=True, id="old")
            yield Input(
                placeholder=tr("new password, {least} characters or more").format(least=MIN_PASSWORD_CHARS),
                password=True,
                id="new",
            )
            yield Input(placeholder=tr("the new password again"), password=True, id="again")
            yield Static(Content(""), classes="dialog-error", markup=False)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        old, new, again = (self.query_one(f"#{name}", Input) for name in ("old", "new", "again"))
        if event.input is not again:
            self.focus_next()
        elif new.value != again.value:
            self.query_one(".dialog-error", Static).update(Content(tr("the new passwords differ: type them again")))
            new.value = again.value = ""
            new.focus()
        else:
            self.finish((old.value, new.value))

    def action_close(self) -> None:
        """Leave the password as it is."""
        self.finish(None)
