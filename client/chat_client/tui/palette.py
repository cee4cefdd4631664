"""The commands of the chat in Textual's command palette: from the one table that /help is made from, too."""

from functools import partial
from typing import TYPE_CHECKING, Final

from textual.command import DiscoveryHit, Hit, Hits, Provider

from chat_client.core.commands import COMMANDS, Command
from chat_client.core.language import mark, tr

if TYPE_CHECKING:
    from chat_client.tui.app import ChatApp

__all__ = ["ChatCommands"]

ADD_SERVER: Final = mark("Add a server")
ADD_SERVER_HELP: Final = mark("One more account, here or on another server; F6 goes from one to the next")
TEXTUALS: Final = (
    mark("Theme"), mark("Change the current theme"),
    mark("Quit"), mark("Quit the application as soon as possible"),
    mark("Keys"), mark("Show help for the focused widget and a summary of available keys"),
    mark("Hide the keys and widget help panel"),
    mark("Maximize"), mark("Maximize the focused widget"), mark("Minimize"),
    mark("Minimize the widget and restore to normal size"),
    mark("Screenshot"), mark("Save an SVG 'screenshot' of the current screen"),
    mark("Search for commands…"), mark("Search for themes…"),
)  # fmt: skip
"""Texts of Textual's own in the command palette, for the catalogue."""


class ChatCommands(Provider):
    """Slash commands; one that needs no argument is done at once, others go into the composer."""

    def _commands(self) -> list[Command]:
        app: ChatApp = self.app  # type: ignore[assignment]
        is_admin = app.client is not None and app.client.state.is_admin
        return [entry for entry in COMMANDS.values() if is_admin or not entry.admin]

    async def discover(self) -> Hits:
        """Offer all commands."""
        yield DiscoveryHit(tr(ADD_SERVER), self._add_server, help=tr(ADD_SERVER_HELP))
        for entry in self._commands():
            yield DiscoveryHit(entry.usage, partial(self._choose, entry), text=entry.usage, help=entry.summary)

    async def search(self, query: str) -> Hits:
        """Offer what fits."""
        matcher = self.matcher(query)
        score = matcher.match(tr(ADD_SERVER))
        if score > 0:
            yield Hit(score, matcher.highlight(tr(ADD_SERVER)), self._add_server, help=tr(ADD_SERVER_HELP))
        for entry in self._commands():
            text = f"{entry.usage} {entry.summary}"
            score = matcher.match(text)
            if score > 0:
                yield Hit(score, matcher.highlight(entry.usage), partial(self._choose, entry), help=entry.summary)

    def _add_server(self) -> None:
        app: ChatApp = self.app  # type: ignore[assignment]
        app.action_add_server()

    def _choose(self, entry: Command) -> None:
        app: ChatApp = self.app  # type: ignore[assignment]
        app.begin_command(entry)
