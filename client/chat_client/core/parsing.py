"""What a typed line means: something to say, a command, or a mistake that is told and never sent. Pure."""

import difflib
import re
from collections.abc import Mapping

import msgspec

from chat_client.core import actions_admin, actions_groups, actions_messages, actions_self  # noqa: F401 - they fill the table
from chat_client.core.language import tr
from chat_client.core.table import ALIASES, COMMANDS, Argument, Command
from chat_client.core.text import Safe, safe_line

__all__ = ["Invocation", "Parsed", "Say", "UsageError", "parse_line"]

_NAME = re.compile(r"/([A-Za-z][A-Za-z0-9-]*)(?:\s+|$)")
_REFERENCE = re.compile(r"\^\d*$")


class Say(msgspec.Struct, frozen=True):
    """A text to send."""

    text: str


class Invocation(msgspec.Struct, frozen=True):
    """A command with its arguments; those that were left out are empty."""

    command: Command
    arguments: Mapping[str, str]


class UsageError(msgspec.Struct, frozen=True):
    """A line that cannot be done."""

    message: Safe


Parsed = Say | Invocation | UsageError


def parse_line(line: str) -> Parsed:
    """Read a line: ``/name …`` is a command, ``//x`` says ``/x``, everything else is said as it is."""
    if line.startswith("//"):
        return Say(line[1:])
    if not line.startswith("/"):
        return Say(line) if line.strip() else UsageError(tr("there is nothing to send"))
    match = _NAME.match(line)
    name = match.group(1).lower() if match else ""
    command = COMMANDS.get(ALIASES.get(name, name))
    if match is None or command is None:
        return _unknown(line, name)
    return _arguments(command, line[match.end() :].strip())


def _unknown(line: str, name: str) -> UsageError:
    word = safe_line(line.split(maxsplit=1)[0])
    near = difflib.get_close_matches(name, [*COMMANDS, *ALIASES], n=1) if name else []
    hint = tr("did you mean /{near}? ").format(near=near[0]) if near else ""
    return UsageError(
        safe_line(
            tr("{word} is no command, nothing was sent: {hint}/help lists all, //{rest} says {word}").format(
                word=word, hint=hint, rest=word[1:]
            )
        )
    )


def _arguments(command: Command, rest: str) -> Parsed:
    found: dict[str, str] = {}
    for argument in command.arguments:
        value, following = _next(argument, rest)
        if not value and argument.required:
            return UsageError(
                safe_line(tr("{name} is missing: {usage}").format(name=argument.name, usage=command.usage))
            )
        if value and argument.choices and value not in argument.choices:
            choices = ", ".join(argument.choices)
            return UsageError(
                safe_line(
                    tr("{value} is no {name}, expected {choices}: {usage}").format(
                        value=value, name=argument.name, choices=choices, usage=command.usage
                    )
                )
            )
        found[argument.name] = value
        rest = following
    if rest:
        return UsageError(safe_line(tr("{rest} is too much: {usage}").format(rest=rest, usage=command.usage)))
    return Invocation(command, found)


def _next(argument: Argument, rest: str) -> tuple[str, str]:
    """Cut one argument off; an optional one that does not look like itself is left out."""
    if argument.rest:
        return rest, ""
    parts = rest.split(maxsplit=1)
    word = parts[0] if parts else ""
    following = parts[1] if len(parts) > 1 else ""
    if argument.kind == "message":
        return (word, following) if _REFERENCE.match(word) else ("", rest)
    if argument.kind == "group" and not argument.required and not word.startswith("#"):
        return "", rest
    if argument.kind == "flag":
        return (word, following) if word == f"--{argument.name}" else ("", rest)
    return word, following
