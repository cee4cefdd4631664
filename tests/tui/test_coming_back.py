"""What is there at the next start: without a server, in a real terminal, and for another account."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chat_client.core.config import ClientConfig
from chat_client.core.profile import Profile
from chat_client.tui.start import decide
from tests.conftest import Shared, StartServer
from tests.support.people import People, say
from tests.tui.stage import known, live, newcomer
from tests.tui.test_live import enter, ready
from tests.tui.tmux import Tmux

LINES = 220


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Tmux]:
    """A terminal of 120 columns and 36 rows with a shell."""
    window = Tmux(tmp_path)
    yield window
    window.close()


async def test_without_a_server_everything_can_be_read_and_searched(tmp_path: Path, start_server: StartServer) -> None:
    """All conversations and more than 200 messages are there, back to the first; a search says what it saw."""
    server = start_server("--rate-limit", "off")
    people = People(server.address)
    guest = people.user("guest")
    group, other = f"#{people.group(guest)}", f"#{people.group(guest)}"
    name = people.name("you")
    async with live(tmp_path, newcomer(server.address, name)) as stage:
        await ready(stage)
        for each in (other, group):
            await enter(stage, f"/join {each}")
            await stage.until(lambda each=each: stage.state.current == each)  # type: ignore[misc]
        for number in range(1, LINES + 1):
            say(guest, group, f"the needle {number}" if number == 3 else f"line {number}")
        await stage.until(lambda: f"line {LINES}" in stage.contents(group))
        say(guest, other, "over there")
        await stage.until(lambda: stage.conversation(other).unread == 1)
    people.close()
    server.terminate()
    async with live(tmp_path, known(server.address, name)) as stage:
        await stage.sees("offline:", "○ offline")
        stage.press("end")
        await stage.sees(f"line {LINES}")
        assert {group, other} <= {row.key for row in stage.chat.rooms.rows}
        stage.press("ctrl+f")
        stage.type(f"needle in:{group} from:{guest.user}")
        stage.press("enter")
        await stage.sees("1 found", "only what this device holds")
        stage.press("enter")
        await stage.until(lambda: any("→" in row and "needle 3" in row for row in stage.chat.transcript.rows))
        stage.press("escape", "end")
        await stage.sees(f"line {LINES}")
        for _ in range(40):
            stage.press("pageup")
            await stage.settles()
            if "needle 3" in stage.text:
                break
        await stage.sees("line 1", "line 2", "needle 3", "line 4")
        await enter(stage, f"/open {other}")
        await stage.sees("over there")


def test_another_start_goes_on_where_the_last_one_was(terminal: Tmux, shared_server: Shared, people: People) -> None:
    """After ctrl+q and a new start: the conversation, the row that was read, panes, folded parts, what was written."""
    guest = people.user("guest")
    group = people.group(guest)
    for number in range(1, 101):
        say(guest, f"#{group}", f"line {number}")
    terminal.start_as(people.name("you"), shared_server.address)
    terminal.sees("connected")
    terminal.type(f"/join #{group}", "Enter")
    terminal.sees("Members 2 of 2", "line 100")
    terminal.type("my own words", "Enter")
    terminal.sees("you │ my own words")
    terminal.type("PageUp", "PageUp")
    terminal.sees("more below · End")
    terminal.type("F8")
    terminal.sees_not("Members 2 of 2")
    terminal.type("BTab", "BTab", "Home", "Right", "Right", "Right")
    terminal.until(lambda: "│" in terminal.screen.splitlines()[1][24:25], "the border did not move")
    terminal.type("Enter")
    terminal.sees("▸Groups")
    before = [line.partition("│")[2] for line in terminal.screen.splitlines()[1:30]]
    terminal.type("C-q")
    terminal.sees("ended=0")
    terminal.type("clear", "Enter")
    terminal.sees_not("ended=0")
    terminal.start_tui()
    terminal.sees("connected", "▸Groups", "more below · End")
    terminal.until(
        lambda: [line.partition("│")[2] for line in terminal.screen.splitlines()[1:30]] == before,
        "the reader stands elsewhere, or the panes are not as they were",
    )
    terminal.type("Up", "Up")
    terminal.sees("│ my own words ")


def test_each_profile_has_its_own_accounts(tmp_path: Path, shared_server: Shared, people: People) -> None:
    """What one profile knows another one does not: a start there asks."""
    profile = Profile(tmp_path / "mine")
    profile.prepare()
    account = known(shared_server.address, people.name("ada")).account
    assert account is not None
    profile.accounts.keep(account, "token")
    assert decide(Profile(tmp_path / "mine"), ClientConfig()).account == account
    assert decide(Profile(tmp_path / "other"), ClientConfig()).account is None
