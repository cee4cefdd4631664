"""Tables that follow from the code stand in docs/configuration.md and docs/commands.md as the code has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat_client.core.commands import COMMANDS
from tools import tables


@pytest.mark.parametrize("document", [tables.CONFIGURATION, tables.COMMANDS_DOCUMENT], ids=lambda path: path.name)
def test_tables_are_up_to_date(document: Path) -> None:
    """Every setting and every command is described; where this fails, ``make docs`` mends it."""
    assert document.read_text(encoding="utf-8") == tables.render(document)


def test_every_command_has_a_chapter() -> None:
    """No topic is forgotten in the document."""
    assert {each.topic for each in COMMANDS.values()} == set(tables.TOPICS)
