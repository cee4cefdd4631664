"""Find messages on the server (or on this device, without a connection) and go to one."""

import logging
import re
import sqlite3
import time
from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from chat_client.core.actions_messages import search_note
from chat_client.core.answers import Hit
from chat_client.core.client import ChatClient
from chat_client.core.dates import short_day
from chat_client.core.errors import RequestError
from chat_client.core.language import mark, tr, tr_n
from chat_client.core.query import Query, parse_query
from chat_client.core.results import Opened
from chat_client.tui.drawing import Piece, Row, clip, pad_left
from chat_client.tui.looks import Looks
from chat_client.tui.screens.base import Dialog
from chat_client.tui.widgets.rows import Bar, RowList

__all__ = ["SearchScreen", "hit_rows"]

_log = logging.getLogger(__name__)

WHERE_CELLS = 16
WHO_CELLS = 12
WIDE = 60
"""Cells from which on time and name have columns of their own."""


def hit_rows(hits: Sequence[Hit], words: Sequence[str], width: int, now_ms: int) -> list[Row]:
    """Return hits as rows, what was looked for standing out; the key of a row is its place."""
    pattern = re.compile("|".join(re.escape(word.rstrip("*")) for word in words if word.strip("*")), re.IGNORECASE)
    where = min(max((cell_len(hit.conversation) for hit in hits), default=0), WHERE_CELLS)
    who = min(max((cell_len(hit.message.sender) for hit in hits), default=0), WHO_CELLS)
    rows = []
    for place, hit in enumerate(hits):
        left: list[Piece] = [(f" {_column(hit.conversation, where)}  ", "dim")]
        if width >= WIDE:
            left.append((f"{_when(hit.message.timestamp_ms, now_ms)}  ", "dim"))
        left.append((f"{_column(hit.message.sender, who)}  ", f"nick:{hit.message.sender}"))
        left += _marked(" ".join(hit.snippet.split()), pattern)
        rows.append(Row(str(place), tuple(left)))
    return rows


def _column(text: str, width: int) -> str:
    shown = clip(text, width)
    return shown + " " * (width - cell_len(shown))


def _when(timestamp_ms: int, now_ms: int) -> str:
    moment, now = time.localtime(timestamp_ms / 1000), time.localtime(now_ms / 1000)
    is_today = moment[:3] == now[:3]
    if moment.tm_year == now.tm_year and not is_today:
        return pad_left(short_day(moment), 6)
    return time.strftime("%H:%M" if is_today else "%Y", moment).rjust(6)


def _marked(text: str, pattern: re.Pattern[str]) -> list[Piece]:
    pieces: list[Piece] = []
    at = 0
    for match in pattern.finditer(text) if pattern.pattern else ():
        if match.start() > at:
            pieces.append((text[at : match.start()], "text"))
        pieces.append((match.group(), "mention"))
        at = match.end()
    return [*pieces, (text[at:], "text")]


class SearchScreen(Dialog[Opened | None]):
    """A line to search for, and what was found; returns the line of the log to go to."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+f", "close", mark("Close"), id="search-close"),
        Binding("down", "app.focus_next", mark("Results"), show=False, id="search-down"),
        Binding("ctrl+n", "older", mark("Older results"), priority=True, id="search-older"),
    ]

    def __init__(self, client: ChatClient, looks: Looks, query: str = "") -> None:
        super().__init__()
        self._client = client
        self._looks = looks
        self._text = query
        self._query = Query()
        self._hits: list[Hit] = []
        self._before: int | None = None

    def compose(self) -> ComposeResult:
        """Build the sheet."""
        hint = tr("words, in:#group from:@user before:2026-11-23 after:7d has:link")
        with Vertical(classes="sheet"):
            yield Input(self._text, placeholder=hint, id="search-query")
            yield RowList(self._looks, id="search-list")
            yield Bar(self._looks, id="search-note")

    def on_mount(self) -> None:
        """Explain."""
        self._note(
            tr("Enter searches, then Enter on a line goes there {dot} esc closes").format(dot=self._looks.glyphs.dot)
        )

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        if not event.value.strip():
            return
        try:
            self._query = parse_query(event.value, time.time_ns() // 1_000_000)
        except RequestError as error:
            self._note(error.message, role="error")
            return
        self._text, self._hits, self._before = event.value, [], None
        self._go()

    def action_older(self) -> None:
        """Find more, before what was found."""
        if self._before is not None:
            self._go()

    def _go(self) -> None:
        self._note(tr("searching"))
        self.run_worker(self._guarded(), exclusive=True, exit_on_error=False)

    async def _guarded(self) -> None:
        try:
            await self._search()
        except (OSError, sqlite3.Error) as error:
            _log.exception("the search failed")
            self._note(tr("this failed: {error}: try again").format(error=error), role="error")
        except Exception:  # noqa: BLE001 - safety net: a search that fails is told, and can be tried again
            _log.exception("the search failed, and should not")
            self._note(tr("this failed, and should not: the log tells more"), role="error")

    async def _search(self) -> None:
        try:
            page = await self._client.find(self._query, before=self._before)
        except RequestError as error:
            self._note(error.message, role="error")
            return
        is_first = not self._hits
        self._hits += page.hits
        self._before = page.before
        results = self.query_one(RowList)
        results.set_rows(hit_rows(self._hits, self._query.words, self.size.width, time.time_ns() // 1_000_000))
        more = tr("ctrl+n finds older ones") if page.before is not None else ""
        found = tr_n("{count} found", "{count} found", len(self._hits)) if self._hits else ""
        notes = (found, search_note(page, self._query) if is_first or page.local else "", more)
        self._note(f" {self._looks.glyphs.dot} ".join(filter(None, notes)))
        if self._hits and is_first:
            results.to_first()
            results.focus()

    def _note(self, text: str, role: str = "dim") -> None:
        self.query_one("#search-note", Bar).show(Row(left=((f" {text}", role),)))

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        hit = self._hits[int(event.key)]
        self.finish(Opened(hit.conversation, hit.message.seq))

    def action_close(self) -> None:
        """Stay where we are."""
        self.finish(None)
