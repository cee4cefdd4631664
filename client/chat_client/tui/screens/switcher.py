"""Go to a conversation by typing a part of its name: mentions first, then unread, then the newest."""

from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from chat_client.core.language import mark, tr
from chat_client.core.state import ClientState, Conversation
from chat_client.core.terms import conversation_title
from chat_client.tui.drawing import Piece, Row
from chat_client.tui.looks import Looks
from chat_client.tui.panes import badge, presence_mark
from chat_client.tui.screens.base import Dialog
from chat_client.tui.widgets.rows import Bar, RowList

__all__ = ["Switcher", "matches"]

MAX_ROWS: Final = 50


def matches(state: ClientState, typed: str, looks: Looks) -> list[Row]:
    """Return the conversations that fit, the most urgent first, then users with whom there is no chat yet."""
    wanted = typed.strip().casefold()
    bare = wanted.lstrip("#@!")
    entries = sorted(state.conversations.values(), key=lambda entry: entry.sort_key)
    ranked: list[tuple[int, int, Row]] = []
    for place, entry in enumerate(entries):
        if entry.kind == "group" and entry.role is None:
            continue
        rank = _rank(entry, state, wanted, bare)
        if rank is not None:
            ranked.append((rank, place, _row(entry, state, looks)))
    ranked.sort(key=lambda item: item[:2])
    rows = [row for _, _, row in ranked[:MAX_ROWS]]
    if bare and not wanted.startswith("#") and len(rows) < MAX_ROWS:
        found = (user for user in state.people if bare in user and f"@{user}" not in state.conversations)
        for user in sorted(found)[: MAX_ROWS - len(rows)]:
            mark = presence_mark(state.people[user], looks.glyphs)
            rows.append(Row(f"@{user}", ((f" {mark[0]} ", mark[1]), (user, "text")), ((f"{tr('new chat')} ", "dim"),)))
    return rows


def _rank(entry: Conversation, state: ClientState, wanted: str, bare: str) -> int | None:
    if not bare:
        return 0 if not wanted or entry.name.startswith(wanted) else None
    if wanted != bare and not entry.name.startswith(wanted[0]):
        return None
    name = entry.name[1:]
    if name.startswith(bare):
        return 0
    if bare in name:
        return 1
    return 2 if bare in conversation_title(entry, state).casefold() else None


def _row(entry: Conversation, state: ClientState, looks: Looks) -> Row:
    if entry.kind == "private":
        mark = presence_mark(state.people.get(entry.name[1:]), looks.glyphs)
        lead: Piece = (f" {mark[0]} ", mark[1])
    else:
        lead = (f" {entry.name[0]} ", "dim")
    detail = conversation_title(entry, state)
    left: list[Piece] = [lead, (entry.name[1:], "strong" if entry.unread else "text")]
    if detail and detail != entry.name[1:]:
        left.append((f"  {detail}", "dim"))
    return Row(entry.name, tuple(left), (*badge(entry), (" ", "dim")))


class Switcher(Dialog[str | None]):
    """The quick switcher; returns what to open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+k,ctrl+g", "close", mark("Close"), id="switcher-close"),
        Binding("up", "step(-1)", mark("Up"), show=False, priority=True, id="switcher-up"),
        Binding("down", "step(1)", mark("Down"), show=False, priority=True, id="switcher-down"),
    ]

    def __init__(self, state: ClientState, looks: Looks) -> None:
        super().__init__()
        self._state = state
        self._looks = looks

    def compose(self) -> ComposeResult:
        """Build the box."""
        with Vertical(classes="dialog wide"):
            yield Input(placeholder=tr("Go to: part of a name"), id="switcher-query")
            yield RowList(self._looks, id="switcher-list", can_focus=False)
            yield Bar(self._looks, id="switcher-hint")

    def on_mount(self) -> None:
        """Show everything."""
        self.query_one("#switcher-hint", Bar).show(
            Row(left=((f" {tr('Enter opens {dot} esc closes').format(dot=self._looks.glyphs.dot)}", "dim"),))
        )
        self._filter("")

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        self._filter(event.value)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.query_one(RowList).action_choose()

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        self.finish(event.key)

    def _filter(self, typed: str) -> None:
        rows = matches(self._state, typed, self._looks)
        rooms = self.query_one(RowList)
        rooms.set_rows(rows or [Row(left=((f" {tr('nothing fits')}", "dim"),))])
        rooms.to_first()

    def action_step(self, step: int) -> None:
        """Move through the list while the focus stays with what is typed."""
        self.query_one(RowList).action_step(step)

    def action_close(self) -> None:
        """Stay where we are."""
        self.finish(None)
