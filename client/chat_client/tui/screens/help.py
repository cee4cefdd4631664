"""What can be typed and pressed, from the tables themselves: the live bindings and the table of commands."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Final

from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Vertical

from chat_client.core.commands import COMMANDS
from chat_client.core.language import mark, tr
from chat_client.tui.drawing import Row
from chat_client.tui.keys import CHAT_BINDINGS, EDITING, MESSAGE_BINDINGS
from chat_client.tui.looks import Looks
from chat_client.tui.screens.base import Dialog
from chat_client.tui.widgets.rows import Bar, RowList

__all__ = ["HelpScreen", "help_rows"]

SELECT: Final = next(
    each.description for each in CHAT_BINDINGS if isinstance(each, Binding) and each.id == "chat-select"
)
"""What the key is called that begins to choose a message."""
NARROW: Final = 64
"""Cells of a terminal below which what a key does begins right behind it."""


def help_rows(
    app: App[object],
    bindings: Sequence[ActiveBinding],
    app_keys: Mapping[str, str],
    width: int,
    *,
    is_admin: bool,
) -> list[Row]:
    """Return keys and what they do, then commands and what they do.

    Args:
        app: Knows how a key is called.
        bindings: What is bound where the user is.
        app_keys: The user's own keys by action.
        width: Cells of a row; where there are few of them, there are no columns.
        is_admin: Whether the user may do what admins may.
    """
    keys: dict[str, list[str]] = {}
    editing: dict[str, list[str]] = {}
    for active in bindings:
        binding = active.binding
        shown = app.get_key_display(binding)
        if binding.description and (binding.id or "").startswith(("chat-", "composer-", "app-", "list-", "pane-")):
            known = keys.setdefault(binding.description, [])
        elif binding.id is None and binding.action in EDITING:
            known = editing.setdefault(EDITING[binding.action], [])
        else:
            continue
        if shown not in known:
            known.append(shown)
    table = [binding.description for binding in CHAT_BINDINGS if isinstance(binding, Binding)]
    order = sorted(keys, key=lambda description: table.index(description) if description in table else len(table))
    pairs = [(tr(" or ").join(keys[description]), tr(description)) for description in order]
    chosen = [
        (_shown_keys(app, binding, app_keys), tr(binding.description))
        for binding in MESSAGE_BINDINGS
        if isinstance(binding, Binding)
    ]
    writing = [(tr(" or ").join(shown), tr(description)) for description, shown in editing.items()]
    select = " ".join(keys.get(SELECT, ()))
    chosen_title = tr("While a message is chosen ({key}, then up and down)").format(key=select)
    is_narrow = width < NARROW
    column = 0 if is_narrow else max((cell_len(shown) for shown, _ in (*pairs, *chosen, *writing)), default=0)
    rows = [Row(left=((f" {tr('Keys')}", "title"),)), *_pair_rows(pairs, column)]
    rows += [Row(), Row(left=((f" {chosen_title}", "title"),))]
    rows += _pair_rows(chosen, column)
    if writing:
        rows += [Row(), Row(left=((f" {tr('While one writes')}", "title"),)), *_pair_rows(writing, column)]
    commands = [entry for entry in COMMANDS.values() if is_admin or not entry.admin]
    column = 0 if is_narrow else min(max(cell_len(entry.usage) for entry in commands), 44)
    rows += [Row(), Row(left=((f" {tr('Commands')}", "title"),))]
    for entry in commands:
        names = ", ".join(f"/{alias}" for alias in entry.aliases)
        also = f" {tr('(also {names})').format(names=names)}" if names else ""
        gap = " " * max(column - cell_len(entry.usage), 0)
        rows.append(
            Row(f"/{entry.name}", ((f" {entry.usage}{gap}  ", "strong"), (entry.summary, "text"), (also, "dim")))
        )
    return rows


def _pair_rows(pairs: Sequence[tuple[str, str]], width: int) -> list[Row]:
    return [
        Row(f"key {shown}", ((f" {shown}{' ' * (width - cell_len(shown))}  ", "strong"), (description, "text")))
        for shown, description in pairs
    ]


def _shown_keys(app: App[object], binding: Binding, keys: Mapping[str, str]) -> str:
    """Return the keys of a binding of a place where the focus is not, the user's own if there are any."""
    named = keys.get(binding.id or "", binding.key)
    return tr(" or ").join(app.get_key_display(replace(binding, key=key.strip())) for key in named.split(","))


class HelpScreen(Dialog[None]):
    """Keys and commands."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q", "close", mark("Close"), id="help-close")]

    def __init__(self, rows_of: Callable[[int], list[Row]], looks: Looks) -> None:
        super().__init__()
        self._rows_of = rows_of
        self._looks = looks

    def compose(self) -> ComposeResult:
        """Build the sheet."""
        with Vertical(classes="sheet"):
            yield Bar(self._looks, id="help-title")
            yield RowList(self._looks, id="help")

    def on_mount(self) -> None:
        """Fill it in."""
        self.query_one(Bar).show(Row(left=((f" {tr('Help')}", "title"),), right=((f"{tr('esc closes')} ", "dim"),)))
        self.query_one(RowList).focus()

    def on_resize(self) -> None:
        """Lay it out for the width that there is."""
        self.query_one(RowList).set_rows(self._rows_of(self.size.width))

    def action_close(self) -> None:
        """Close."""
        self.finish(None)
