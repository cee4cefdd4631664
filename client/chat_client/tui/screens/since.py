"""What happened since one left: a page that leads to each place, and on which all of it can be marked as read."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from chat_client.core.client import ChatClient
from chat_client.core.language import mark, tr, tr_n
from chat_client.core.results import Opened
from chat_client.tui.catch_up import catch_up, place_of, waiting
from chat_client.tui.drawing import Row
from chat_client.tui.looks import Looks
from chat_client.tui.screens.base import Dialog
from chat_client.tui.screens.dialogs import Question
from chat_client.tui.widgets.rows import Bar, RowList

__all__ = ["SinceScreen"]


class SinceScreen(Dialog[Opened | None]):
    """The page; returns where the user wants to go."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,alt+u", "close", mark("Close"), id="since-close"),
        Binding("m", "mark_one", mark("Mark this conversation as read"), id="since-mark"),
        Binding("M", "mark_all", mark("Mark everything as read"), id="since-mark-all"),
    ]

    def __init__(self, client: ChatClient, looks: Looks, time_format: str) -> None:
        super().__init__()
        self._client = client
        self._looks = looks
        self._time_format = time_format
        self._listed: dict[str, int] = {}
        """How far each conversation went when the page was filled in: what comes later it did not tell."""

    def compose(self) -> ComposeResult:
        """Build the page."""
        with Vertical(classes="sheet"):
            yield Bar(self._looks, id="since-title")
            yield RowList(self._looks, id="since")
            yield Bar(self._looks, id="since-hint")

    def on_mount(self) -> None:
        """Fill it in."""
        self._fill()
        self.query_one(RowList).focus()
        self.query_one(RowList).to_first()

    def _fill(self) -> None:
        state, dot = self._client.state, self._looks.glyphs.dot
        entries = waiting(state)
        self._listed = {entry.name: max(entry.last_seq, entry.cursor) for entry in entries}
        count = sum(entry.unread for entry in entries)
        where = tr_n("{count} conversation", "{count} conversations", len(entries))
        told = tr_n("{count} message in {where}", "{count} messages in {where}", count, where=where) if count else ""
        title = Row(left=((f" {tr('Since you left')}", "title"), (f"  {told}", "dim")))
        self.query_one("#since-title", Bar).show(title)
        nothing = Row(left=((f" {tr('You are all caught up.')}", "strong"),))
        self.query_one(RowList).set_rows(catch_up(state, self._time_format) if count else [nothing])
        keys = [tr("Enter goes there"), tr("m marks as read"), tr("M all")] if count else []
        hint = f" {dot} ".join([*keys, tr("esc closes")])
        self.query_one("#since-hint", Bar).show(Row(left=((f" {hint}", "dim"),)))

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        self.finish(place_of(event.key))

    def action_mark_one(self) -> None:
        """Mark the conversation under the cursor as read, because the user says so."""
        key = self.query_one(RowList).highlighted
        if key:
            name = place_of(key).conversation
            self._client.mark_read(name, self._listed[name])
            self._fill()

    def action_mark_all(self) -> None:
        """Mark everything as read, if the user means it."""
        self._fill()  # the question is about what the page shows behind it
        entries = waiting(self._client.state)
        if not entries:
            return
        listed = dict(self._listed)

        def answered(yes: bool | None) -> None:
            if yes:
                for name, last_seq in listed.items():
                    self._client.mark_read(name, last_seq)
                self._fill()

        count = sum(entry.unread for entry in entries)
        title = tr_n("Mark {count} message as read?", "Mark {count} messages as read?", count)
        text = tr("Also what you have not seen. It stays where it is; the others are told that you have read it.")
        _ = self.app.push_screen(Question(title, text, tr("Mark as read")), answered)

    def action_close(self) -> None:
        """Stay where we are."""
        self.finish(None)
