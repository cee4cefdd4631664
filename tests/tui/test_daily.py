"""What one does all day, key by key, in a terminal that really exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Shared
from tests.support.people import People, contents, history, say
from tests.tui.tmux import Tmux

RESTING = {7, 25}
"""Of the modes that a program sets, those that a shell wants: wrapping and the cursor."""


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Tmux]:
    """A terminal of 120 columns and 36 rows with a shell."""
    window = Tmux(tmp_path)
    yield window
    window.close()


def composer(terminal: Tmux) -> str:
    """What stands in the composer's first row."""
    rows = terminal.screen.splitlines()
    return next(row for row in reversed(rows) if row.startswith("│ ")).strip("│ ")


def left_on(written: bytes) -> set[int | str]:
    """The modes that are on at the end of what was written: the screen, the mouse, reports of focus and pastes."""
    on: set[int | str] = set()
    for match in re.finditer(rb"\x1b\[\?([0-9;]+)([hl])", written):
        numbers = {int(number) for number in match[1].split(b";")}
        on = on | numbers if match[2] == b"h" else on - numbers
    pushed, popped = (len(re.findall(rb"\x1b\[" + sign + rb"[0-9;]*u", written)) for sign in (b">", b"<"))
    return on | {"keyboard"} if pushed > popped else on


def test_a_day_at_the_keyboard(terminal: Tmux, shared_server: Shared, people: People) -> None:
    """Two unread groups and a mention by alt+a, lines broken, names completed, a switch: with the keys as they come."""
    guest = people.user("guest")
    quiet, loud = people.group(guest, stem="quiet"), people.group(guest, stem="loud")
    name = people.name("you")
    raw = terminal.record()
    terminal.start_as(name, shared_server.address)
    terminal.sees("connected")
    for group in (quiet, loud):
        terminal.type(f"/join #{group}", "Enter")
        terminal.sees(f"Message #{group}")
    terminal.type(f"/create #{name}", "Enter")
    terminal.sees(f"This is the beginning of #{name}")

    say(guest, f"#{quiet}", "nothing much")
    say(guest, f"#{loud}", f"@{name} where are you?", mentions=[name])
    terminal.sees("@1", f"1 mention in #{loud}")
    terminal.type("M-a")
    terminal.sees(f" #{loud}", "where are you?", "─ 1 new ─")
    terminal.type("M-a", "M-a", "M-a", "M-x", "M-1", "M-9")
    terminal.sees(f" #{quiet}", "nothing much", "nothing is unread")
    assert composer(terminal) == f"Message #{quiet}"

    terminal.type("one", "C-j", "two", "M-Enter", "three")
    terminal.sees("│ three")
    terminal.type("Enter")
    terminal.until(lambda: contents(history(guest, f"#{quiet}"))[-1] == "one\ntwo\nthree", "not sent as it was written")
    terminal.type(f"@{guest.user[:-1]}")
    terminal.sees(f"  @{guest.user}")
    terminal.type("Tab", ":tad", "Tab", "done", "Enter")
    terminal.until(lambda: contents(history(guest, f"#{quiet}"))[-1] == f"@{guest.user} 🎉 done", "not completed")

    terminal.type("C-k")
    terminal.sees("Enter opens")
    terminal.type(loud[:6], "Enter")
    terminal.sees(f"Message #{loud}")
    terminal.type("C-q")
    terminal.sees("ended=0")
    terminal.until(lambda: left_on(raw.read_bytes()) == RESTING, "the terminal is not as it was")


def test_a_long_paste_waits_for_an_answer(terminal: Tmux, shared_server: Shared, people: People) -> None:
    """500 lines from the terminal's clipboard send nothing by themselves; yes puts them where one writes."""
    name = people.name("you")
    terminal.start_as(name, shared_server.address)
    terminal.sees("connected")
    terminal.type(f"/create #{name}", "Enter")
    terminal.sees("This is the beginning of")
    lines = terminal.folder / "lines"
    lines.write_text("".join(f"{number}\n" for number in range(500)))
    terminal.tmux("load-buffer", str(lines))
    terminal.tmux("paste-buffer", "-p")
    terminal.sees("Paste all of this?", "500 lines")
    terminal.type("Enter")
    terminal.sees("│ 499")
    assert "you │" not in terminal.screen
