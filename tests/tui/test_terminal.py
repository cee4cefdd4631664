"""chat-tui in a terminal that really exists: what only shows there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Shared
from tests.support.people import People, contents, history
from tests.tui.tmux import Tmux


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Tmux]:
    """A terminal of 120 columns and 36 rows with a shell."""
    window = Tmux(tmp_path)
    yield window
    window.close()


def test_whole_lines_sent_by_a_machine_arrive_whole(terminal: Tmux, shared_server: Shared, people: People) -> None:
    """Ten lines with completions, emoji and Enter, written to the terminal at once, are ten whole messages."""
    guest = people.user("guest")
    group = people.group(guest)
    name = people.name("you")
    terminal.start_as(name, shared_server.address)
    terminal.sees("connected")
    terminal.type(f"/join #{group}", "Enter")
    terminal.sees("Members 2 of 2")
    lines = [f"{number}: hello @guest from the terminal :tada: #{group} 你好 done" for number in range(10)]
    terminal.type(*(word for line in lines for word in (line, "Enter")))
    terminal.until(lambda: len(contents(history(guest, f"#{group}"))) == 10, "not all messages came")
    assert contents(history(guest, f"#{group}")) == [line.replace(":tada:", "🎉") for line in lines]
