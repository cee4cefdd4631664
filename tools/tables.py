"""Write those tables of the documents that follow from the code: settings and commands. ``make docs`` runs it.

A test fails where a document differs from what this would write, so nobody has to remember it.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from chat_client.core.commands import COMMANDS, Command
from chat_client.core.config import ClientConfig
from chat_server.cli import HELP
from chat_server.config import ENVIRONMENT_PREFIX, Config
from tests.docs.spec import ROOT, describe

CONFIGURATION = ROOT / "docs" / "configuration.md"
COMMANDS_DOCUMENT = ROOT / "docs" / "commands.md"
TOPICS = {
    "conversations": "Conversations",
    "messages": "Messages",
    "people": "People",
    "yourself": "Yourself",
    "program": "The program",
    "administration": "Administration",
}


def render(document: Path) -> str:
    """The text of ``document`` with its tables as they have to be."""
    text = document.read_text(encoding="utf-8")
    if document == CONFIGURATION:
        text = _with_table(text, "| key |", _server_settings())
        return _with_table(text, "| setting |", _client_settings())
    assert document == COMMANDS_DOCUMENT, document
    introduction = text.split("\n## ", 1)[0]
    chapters = []
    for topic, title in TOPICS.items():
        rows = _commands(each for each in COMMANDS.values() if each.topic == topic)
        head = "| command | also | for | what it does |\n| --- | --- | --- | --- |"
        chapters.append(f"\n## {title}\n\n{head}\n" + "\n".join(rows) + "\n")
    return introduction + "".join(chapters)


def _with_table(text: str, header: str, rows: Iterable[str]) -> str:
    """``text`` with other rows in the table that begins with ``header``."""
    lines = text.split("\n")
    start = next(number for number, line in enumerate(lines) if line.startswith(header)) + 2
    end = next(number for number in range(start, len(lines)) if not lines[number].startswith("|"))
    return "\n".join([*lines[:start], *rows, *lines[end:]])


def _row(*cells: str) -> str:
    return "|" + "|".join(f" {cell.replace('|', chr(92) + '|')} " if cell else " " for cell in cells) + "|"


def _server_settings() -> list[str]:
    return [
        _row(
            f"`{row.name}`",
            f"`--{row.name.replace('_', '-')}`",
            f"`{ENVIRONMENT_PREFIX}{row.name.upper()}`",
            row.type,
            row.presence.removeprefix("default "),
            row.bounds,
            HELP[row.name],
        )
        for row in describe(Config)
    ]


def _client_settings() -> list[str]:
    meanings = _field_docstrings(ClientConfig)
    return [
        _row(
            f"`{row.name}`",
            "" if row.name == "keys" else f"`CHAT_CLIENT_{row.name.upper()}`",
            row.type,
            row.presence.removeprefix("default "),
            row.bounds,
            meanings[row.name],
        )
        for row in describe(ClientConfig)
    ]


def _commands(commands: Iterable[Command]) -> list[str]:
    return [
        _row(
            f"`{each.usage}`",
            ", ".join(f"`/{alias}`" for alias in each.aliases),
            "admins" if each.admin else "",
            each.summary,
        )
        for each in commands
    ]


def _field_docstrings(struct: type[Struct]) -> dict[str, str]:
    """The docstrings below the fields of ``struct``, each on one line."""
    (definition,) = ast.parse(inspect.getsource(struct)).body
    assert isinstance(definition, ast.ClassDef)
    found: dict[str, str] = {}
    for field, text in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            words = inspect.cleandoc(str(text.value.value)).split()
            found[ast.unparse(field.target)] = " ".join(words).replace("``", "`")
    return found


def main() -> int:
    """Write the documents."""
    for document in (CONFIGURATION, COMMANDS_DOCUMENT):
        document.write_text(render(document), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
