"""Find messages on the server (or on this device, without a connection) and go to one."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from chat_client.core.client import ChatClient
from chat_client.core.commands import execute
from chat_client.core.errors import RequestError
from chat_client.core.results import Listing, Opened
from chat_client.tui.drawing import Row
from chat_client.tui.looks import Looks
from chat_client.tui.screens.base import Dialog
from chat_client.tui.screens.dialogs import listing_rows
from chat_client.tui.widgets.rows import Bar, RowList

__all__ = ["SearchScreen"]


class SearchScreen(Dialog[Opened | None]):
    """A line to search for, and what was found; returns the line of the log to go to."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+f", "close", "Close", id="search-close"),
        Binding("down", "app.focus_next", "Results", show=False, id="search-down"),
    ]

    def __init__(self, client: ChatClient, looks: Looks, query: str = "") -> None:
        super().__init__()
        self._client = client
        self._looks = looks
        self._query = query
        self._listing: Listing | None = None

    def compose(self) -> ComposeResult:
        """Build the sheet."""
        with Vertical(classes="sheet"):
            yield Input(self._query, placeholder='Find: words, "a phrase", in:#group, from:@user', id="search-query")
            yield RowList(self._looks, id="search-list")
            yield Bar(self._looks, id="search-note")

    def on_mount(self) -> None:
        """Explain."""
        self._note(f"Enter searches, then Enter on a line goes there {self._looks.glyphs.dot} esc closes")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self._note("searching")
            self.run_worker(self._search(event.value), exclusive=True, exit_on_error=True)

    async def _search(self, query: str) -> None:
        try:
            found = await execute(self._client, f"/search {query}", self._client.state.current)
        except RequestError as error:
            self._note(error.message, role="error")
            return
        if not isinstance(found, Listing):
            return
        self._listing = found
        results = self.query_one(RowList)
        results.set_rows(listing_rows(found))
        self._note(f" {self._looks.glyphs.dot} ".join(filter(None, (found.title, found.note))))
        if found.rows:
            results.to_first()
            results.focus()

    def _note(self, text: str, role: str = "dim") -> None:
        self.query_one("#search-note", Bar).show(Row(left=((f" {text}", role),)))

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        if self._listing is not None:
            row = self._listing.rows[int(event.key)]
            self.finish(Opened(row.conversation, row.seq))

    def action_close(self) -> None:
        """Stay where we are."""
        self.finish(None)
