"""docs/commands.md is the table of commands that both clients have."""

from __future__ import annotations

from chat_client.core.commands import COMMANDS
from tests.docs import spec


def test_commands_are_described() -> None:
    """Every command stands in the document with its usage, other names, who may use it and what it does."""
    expected = [
        [
            f"`{each.usage}`".replace("|", "\\|"),
            ", ".join(f"`/{alias}`" for alias in each.aliases),
            "admins" if each.admin else "",
            each.summary,
        ]
        for each in COMMANDS.values()
    ]
    described = spec.table(spec.ROOT / "docs" / "commands.md", "command")

    assert sorted(described) == sorted(expected)
