"""The one table of commands: parser, completion, palette, /help and the manual are made from it.

The table is filled by :mod:`chat_client.core.commands`. A command is declared once, with :func:`command` around the
coroutine that does it. The coroutine gets the client, the conversation that is open (if any) and the arguments by
name, and returns what the face shows.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal

import msgspec

from chat_client.core.client import ChatClient
from chat_client.core.language import tr
from chat_client.core.results import Result
from chat_client.core.text import Safe

__all__ = ["ALIASES", "COMMANDS", "Argument", "Arguments", "Command", "Handler", "command"]

Arguments = Mapping[str, str]
Handler = Callable[[ChatClient, str | None, Arguments], Awaitable[Result]]
ArgumentKind = Literal["user", "group", "conversation", "text", "word", "emoji", "message", "command", "flag", "number"]
Topic = Literal["conversations", "messages", "people", "yourself", "program", "administration"]


class Argument(msgspec.Struct, frozen=True):
    """One argument of a command."""

    name: str
    kind: ArgumentKind
    """What completes it. A ``message`` is ``^`` (the newest that fits) or ``^42`` (the one with number 42)."""
    required: bool = True
    rest: bool = False
    """Takes the rest of the line, blanks and all."""
    choices: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The argument as the usage line shows it."""
        marks = {"user": "@", "group": "#", "message": "^", "flag": "--"}
        text = marks.get(self.kind, "") + ("|".join(self.choices) or self.name)
        return text if self.required else f"[{text}]"


class Command(msgspec.Struct, frozen=True):
    """A slash command."""

    name: str
    arguments: tuple[Argument, ...]
    text: str
    """What it does, in English; :attr:`summary` is what is shown."""
    topic: Topic
    handler: Handler
    aliases: tuple[str, ...] = ()
    admin: bool = False

    @property
    def summary(self) -> Safe:
        """What it does, in the user's language."""
        return tr(self.text)

    @property
    def usage(self) -> str:
        """How it is typed."""
        return " ".join([f"/{self.name}", *(argument.shown for argument in self.arguments)])


COMMANDS: Final[dict[str, Command]] = {}
"""All commands by name, in the order of the help."""
ALIASES: Final[dict[str, str]] = {}
"""Other names."""


def command(
    name: str, *arguments: Argument, summary: str, topic: Topic, aliases: tuple[str, ...] = (), admin: bool = False
) -> Callable[[Handler], Handler]:
    """Put a coroutine into the table; ``summary`` is marked for the catalogue where it is given."""

    def register(handler: Handler) -> Handler:
        COMMANDS[name] = Command(name, arguments, summary, topic, handler, aliases, admin)
        ALIASES.update(dict.fromkeys(aliases, name))
        return handler

    return register
