"""The first minutes of somebody who is new: the forms in every size, the way into a group, where things stand."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events as input_events
from textual.widgets import Input

from chat_client.core import events
from chat_client.core.addresses import parse_link
from chat_client.tui.start import Start
from tests.conftest import Shared, StartServer
from tests.support.people import People
from tests.tui.stage import PASSWORD, Stage, entry, live, newcomer, on_stage, online


def shows_focus(stage: Stage) -> bool:
    """Whether the line that is being filled in is on the screen, whole."""
    field = stage.app.screen.focused
    form = stage.app.screen.query_one("#first-run")
    return isinstance(field, Input) and bool(field.region) and form.region.contains_region(field.region)


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (60, 15), (30, 8)])
async def test_the_forms_can_be_filled_in_on_any_screen(
    size: tuple[int, int], tmp_path: Path, shared_server: Shared, people: People
) -> None:
    """What one types into is on the screen, also after the size changed, and what is wrong is told beside it."""
    host, port = shared_server.address
    async with live(tmp_path, Start(), size=(120, 36)) as stage:
        await stage.sees("Welcome")
        await stage.pilot.resize_terminal(*size)
        await stage.until(lambda: shows_focus(stage), "the address cannot be seen")
        stage.press("enter")
        await stage.sees("type the server's")
        assert shows_focus(stage)
        stage.type(f"{host}:{port}")
        stage.press("enter")
        await stage.until(lambda: stage.app.screen.query("#password"))
        await stage.until(lambda: shows_focus(stage), "the name cannot be seen")
        stage.type(people.name("ada"))
        stage.press("enter")
        stage.type("short")
        stage.press("enter")
        await stage.sees("a password has 8")
        await stage.until(lambda: shows_focus(stage), "the password cannot be seen")
        stage.press("ctrl+u")
        stage.type(PASSWORD)
        stage.press("enter")
        await stage.until(lambda: stage.app.client is not None and stage.state.link.synced)


async def test_a_newcomer_is_told_how_to_begin(tmp_path: Path, start_server: StartServer) -> None:
    """Without a group: how to make one; with groups: which there are, and Enter in their list joins one."""
    server = start_server()
    there = People(server.address)
    async with live(tmp_path, newcomer(server.address, there.name("first"))) as stage:
        await stage.sees("Welcome to", "There is no group yet: /create #general makes one.")
        stage.type("/create #harbour The quay")
        stage.press("enter")
        await stage.sees("This is the beginning of #harbour.")
        assert "Welcome to" not in stage.text
    async with live(tmp_path / "second", newcomer(server.address, there.name("second"))) as stage:
        await stage.sees("Groups with their members: #harbour (1)")
        stage.type("/groups")
        stage.press("escape", "enter")
        await stage.sees("The quay", "Enter opens")
        stage.press("enter")
        await stage.until(lambda: stage.state.current == "#harbour", "the group is not joined")
        await stage.sees("2 members")
    there.close()


async def test_an_invite_link_can_be_taken_elsewhere(tmp_path: Path, start_server: StartServer) -> None:
    """Whoever makes one has it in the clipboard: on the screen it takes several rows."""
    server = start_server()
    there = People(server.address)
    async with live(tmp_path, newcomer(server.address, there.name("boss"))) as stage:
        await stage.sees("Welcome to")
        stage.type("/create #harbour")
        stage.press("enter")
        await stage.sees("This is the beginning of #harbour.")
        stage.type("/invite-link #harbour")
        stage.press("escape", "enter")
        await stage.sees("?invite=")
        await stage.until(lambda: "?invite=" in stage.app.clipboard)
        await stage.until(lambda: any("copied" in toast.message for toast in stage.app._notifications))
    link = parse_link(stage.app.clipboard)
    guest = there.visitor()
    guest.register(there.name("guest"), device="wire", invite=link.invite)
    synced = guest.sync()
    assert [entry["conversation"] for entry in synced["conversations"] if entry["conversation"][0] == "#"] == [
        "#harbour"
    ]
    there.close()


async def test_what_is_told_in_passing_leaves_the_composer_alone(tmp_path: Path) -> None:
    """A toast stands above what is read last and what is written."""
    async with on_stage(tmp_path) as stage:
        stage.type("a word")
        stage.arrive("@bob", "bob", "psst, over here")
        await stage.until(lambda: stage.chat.query("Toast"))
        await stage.settles()
        [toast] = stage.chat.query("Toast")
        assert toast.region
        assert toast.region.bottom < stage.chat.frame.region.y // 2


async def test_offers_stand_in_columns(tmp_path: Path) -> None:
    """What each command does begins in the same column."""
    async with on_stage(tmp_path) as stage:
        stage.type("/")
        await stage.sees("/join", "/create")
        starts = {
            line.index(text) for line in stage.lines for text in ("Join a group", "Leave a group") if text in line
        }
        assert len(starts) == 1


async def test_whoever_types_is_there(tmp_path: Path) -> None:
    """A terminal may tell that it lost the focus and never that it has it again; a key tells it, too."""
    happened = [*online(entry("#general", 0), entry("#ops", 0)), events.ConversationOpened("#general")]
    async with on_stage(tmp_path, happened) as stage:
        stage.app.post_message(input_events.AppBlur())
        await stage.until(lambda: not stage.state.focused)
        stage.arrive("#general", "bob", "are you there?")
        await stage.sees("─ 1 new ─")
        assert stage.conversation("#general").unread == 1
        stage.type("yes")
        await stage.until(lambda: stage.conversation("#general").unread == 0, "it is still unread")
        await stage.until(lambda: stage.composer.text == "yes")
