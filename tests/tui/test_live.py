"""The program and a real server: sending, receiving, being away, losing the connection, the first start."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from chat_client.core.addresses import ServerAddress, ServerLink
from chat_client.core.config import ClientConfig
from chat_client.core.errors import ConnectError
from chat_client.core.events import Arrived, ConversationOpened, HistoryLoaded
from chat_client.core.handshake import probe
from chat_client.core.profile import Profile
from chat_client.tui.screens.chat import ChatScreen
from chat_client.tui.start import Start, decide
from tests.conftest import Shared, StartServer
from tests.support.people import People, contents, history, say
from tests.support.server import Server
from tests.tui.stage import PASSWORD, Stage, entry, known, live, message, newcomer, on_stage, online


async def ready(stage: Stage) -> None:
    """Wait until the client is online and the screen shows it."""
    await stage.until(lambda: stage.app.client is not None and stage.state.link.synced, "not online")
    await stage.sees("connected")


async def probe_link(server: Server) -> ServerLink:
    """A link with the key that a server shows, as its admin would send it."""
    address = ServerAddress(*server.address)
    with pytest.raises(ConnectError) as caught:
        await probe(address, "")
    return ServerLink(address, caught.value.fingerprint)


async def enter(stage: Stage, line: str) -> None:
    """Type a line and Enter, in one go."""
    stage.type(line)
    stage.press("enter")


async def test_sending_and_receiving(tmp_path: Path, shared_server: Shared, people: People) -> None:
    """Both sides see what the other says; unread counts come and go; what was missed is there at the next start."""
    guest = people.user("guest")
    group = f"#{people.group(guest)}"
    name = people.name("you")
    async with live(tmp_path, newcomer(shared_server.address, name)) as stage:
        await ready(stage)
        await enter(stage, f"/join {group}")
        await stage.until(lambda: stage.state.current == group)
        await enter(stage, "hello from the screen")
        await stage.until(lambda: "hello from the screen" in contents(history(guest, group)))
        await stage.until(lambda: "…│" not in stage.text, "it is still pending")
        say(guest, group, "hello to the screen")
        await stage.sees("hello to the screen")
        say(guest, f"@{name}", "and in private")
        await stage.until(lambda: stage.state.unread == 1)
        stage.press("alt+a")
        await stage.sees("and in private")
        await stage.until(lambda: stage.state.unread == 0)
        await enter(stage, f"/open {group}")
        await stage.until(lambda: stage.state.current == group)
    for number in range(3):
        say(guest, group, f"missed {number}", mentions=[name])
    async with live(tmp_path, known(shared_server.address, name)) as stage:
        await stage.sees("─ 3 new ─", "missed 2", "hello to the screen")
        assert stage.state.current == group, "another conversation than the one that was open last"
        stage.press("up", "up", "up")
        await stage.settles()
        assert stage.composer.text == "hello from the screen", "what was written is forgotten"
        await stage.until(lambda: stage.state.unread == 0)


async def test_history_comes_in_pages(tmp_path: Path, shared_server: Shared, people: People) -> None:
    """Whoever joins a group with much history finds its end first and the rest page by page, up to its beginning."""
    guest = people.user("guest")
    group = f"#{people.group(guest)}"
    for number in range(1, 251):
        say(guest, group, f"line {number}")
    async with live(tmp_path, newcomer(shared_server.address, people.name("you"))) as stage:
        await ready(stage)
        await enter(stage, f"/join {group}")
        await stage.sees("line 250")
        for _ in range(60):
            if "This is the beginning of" in stage.text:
                break
            stage.press("pageup", "pageup")
            await stage.settles()
            await stage.until(lambda: not stage.conversation(group).loading_older)
        await stage.sees("This is the beginning of", "line 1")
        stage.press("end")
        await stage.sees("line 250")


async def test_offline_and_back(tmp_path: Path, start_server: StartServer) -> None:
    """The banner says so and counts what waits; writing goes on; it is sent once, in order, when the server is back."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = start_server("--port", str(port))
    people = People(server.address)
    async with live(tmp_path, newcomer(server.address, people.name("you"))) as stage:
        await ready(stage)
        await enter(stage, "/create #ops Operations")
        await stage.until(lambda: stage.state.current == "#ops")
        server.kill9()
        await stage.sees("offline:", "retry in")
        await enter(stage, "one")
        await enter(stage, "two")
        await stage.sees("queued: 2", "…│ one")
        server.start()
        stage.press("ctrl+r")
        await stage.until(lambda: "offline" not in stage.text and stage.state.queued == 0, "still offline")
        witness = people.user("witness")
        witness.request("join", group="ops")
        assert contents(history(witness, "#ops")) == ["one", "two"]
        await stage.until(lambda: "…│" not in stage.text)
    people.close()


async def test_starting_without_the_server(tmp_path: Path, start_server: StartServer) -> None:
    """What was there at the last time can be read, and the banner says that there is no connection."""
    server = start_server()
    people = People(server.address)
    user = people.name("you")
    async with live(tmp_path, newcomer(server.address, user)) as stage:
        await ready(stage)
        await enter(stage, "/create #ops")
        await stage.until(lambda: stage.state.current == "#ops")
        await enter(stage, "remember this")
        await stage.until(lambda: stage.contents("#ops") == ["remember this"] and not stage.state.queued)
    address = server.address
    server.terminate()
    async with live(tmp_path, known(address, user)) as stage:
        await stage.sees("offline:", "remember this", "○ offline")
    people.close()


async def test_the_first_start(tmp_path: Path, shared_server: Shared, people: People) -> None:
    """Server, trust, account: Enter goes on, escape goes back, mistakes are told where they are."""
    host, port = shared_server.address
    name = people.name("ada")
    async with live(tmp_path, Start()) as stage:
        await stage.sees("Welcome", "invite link")
        stage.press("enter")
        await stage.sees("type the server's address")
        stage.type(f"{host}:{port}")
        stage.press("enter")
        await stage.sees("Account on", "User name", "Password")
        stage.press("escape")
        await stage.sees("Welcome")
        stage.press("enter")
        await stage.sees("Account on")
        stage.type(name)
        stage.press("enter")
        stage.type("short")
        await stage.sees("too short")
        stage.press("enter")
        await stage.sees("a password has 8 characters or more")
        stage.press("ctrl+u")
        stage.type(PASSWORD)
        stage.press("enter")
        await ready(stage)
        await stage.sees("/create #group or /msg @user to begin")
    async with live(tmp_path, known(shared_server.address, name)) as stage:
        await ready(stage)


async def test_a_wrong_password_is_asked_again(tmp_path: Path, shared_server: Shared, people: People) -> None:
    """The form stays, says so, and stands on the empty password."""
    user = people.user("ada")
    host, port = shared_server.address
    async with live(tmp_path, Start(None, None, None, user.user or "")) as stage:
        await stage.sees("Welcome")
        stage.type(f"{host}:{port}")
        stage.press("enter")
        await stage.sees("Account on", "Log in")
        stage.type("wrong password")
        stage.press("enter")
        await stage.sees("check user name and password")
        await stage.until(lambda: stage.app.screen.query_one("#password").has_focus)
        stage.type(PASSWORD)
        stage.press("enter")
        await ready(stage)


async def test_a_server_with_a_key_of_its_own_is_asked_about(tmp_path: Path, start_server: StartServer) -> None:
    """The fingerprint is shown before anything is sent; no is no, yes goes on and is remembered."""
    server = start_server(insecure=False)
    host, port = server.address
    async with live(tmp_path, Start(), insecure=False) as stage:
        await stage.sees("Welcome")
        stage.type(f"{host}:{port}")
        stage.press("enter")
        await stage.sees("Trust this server?", "sha256:")
        stage.press("escape")
        await stage.sees("the server is not trusted")
        stage.press("enter")
        await stage.sees("Trust this server?")
        stage.press("enter")
        await stage.sees("Account on", "Register a new account")
        stage.type("ada")
        stage.press("enter")
        stage.type(PASSWORD)
        stage.press("enter")
        await ready(stage)


async def test_a_link_skips_what_it_tells(tmp_path: Path, start_server: StartServer) -> None:
    """With an invite link the key is trusted and the invite known: the first screen to see is the account."""
    server = start_server(insecure=False, registration="invite")
    boss = People(server.address)
    found = await probe_link(server)
    async with live(tmp_path, Start(None, None, found, ""), insecure=False) as stage:
        await stage.sees("Account on", "invite code")
        stage.type("ada")
        stage.press("enter")
        stage.type(PASSWORD)
        stage.press("enter")
        await stage.sees("asks for an invite code")
    boss.close()


async def test_two_servers_in_one_list(tmp_path: Path, start_server: StartServer) -> None:
    """Each has its mark and its counts; F6 and a click go there; what comes on the other is told and counted."""
    first, second = start_server(), start_server("--name", "Other place")
    here, there = People(first.address), People(second.address)
    me, you = here.name("me"), there.name("you")
    async with live(tmp_path, newcomer(second.address, you)) as stage:
        await ready(stage)
    async with live(tmp_path, newcomer(first.address, me)) as stage:
        await ready(stage)
    profile = Profile(tmp_path)
    start = decide(profile, ClientConfig())
    assert start.account is not None
    assert [account.user for account in start.others] == [you]
    async with live(tmp_path, start) as stage:
        await ready(stage)
        await stage.sees("Servers", "● Other place", "▌● Team chat")
        guest = there.user("guest")
        say(guest, f"@{you}", "over here")
        await stage.until(lambda: any("Other place" in line[:24] and "1" in line[:24] for line in stage.lines))
        stage.press("alt+a")
        await stage.until(lambda: stage.state.me == you)
        await stage.sees("over here", "▌● Other place")
        stage.press("f6")
        await stage.until(lambda: stage.state.me == me)
        second.kill9()
        await stage.sees("○ Other place")
        assert stage.state.link.status == "online"
    here.close()
    there.close()


@pytest.mark.parametrize("keys", [["f1"], ["/help"]])
async def test_help(keys: list[str], tmp_path: Path, shared_server: Shared, people: People) -> None:
    """F1 lists keys and commands from the live tables; /help lists the commands."""
    async with live(tmp_path, newcomer(shared_server.address, people.name("you"))) as stage:
        await ready(stage)
        if keys == ["f1"]:
            stage.press("f1")
            await stage.sees("Keys", "alt+a", "Next unread", "Go to a conversation")
        else:
            await enter(stage, "/help")
            await stage.sees("/join", "esc closes")
        stage.press("escape")
        await stage.until(lambda: "esc closes" not in stage.text)


async def test_search_goes_to_the_line(tmp_path: Path, shared_server: Shared, people: People) -> None:
    """ctrl+f finds a message that is not loaded, and Enter shows it among its neighbours, marked."""
    guest = people.user("guest")
    group = f"#{people.group(guest)}"
    for number in range(1, 181):
        say(guest, group, f"the needle {number}" if number == 20 else f"hay {number}")
    async with live(tmp_path, newcomer(shared_server.address, people.name("you"))) as stage:
        await ready(stage)
        await enter(stage, f"/join {group}")
        await stage.sees("hay 180")
        stage.press("ctrl+f")
        stage.type(f"needle in:{group}")
        stage.press("enter")
        await stage.until(lambda: "the needle 20" in stage.text, "nothing found")
        stage.press("enter")
        await stage.until(lambda: stage.app.screen is stage.chat)
        await stage.sees("the needle 20", "hay 19", "hay 21")
        assert any("→" in row and "the needle 20" in row for row in stage.chat.transcript.rows)
        stage.press("end")
        await stage.sees("hay 180")


async def test_what_arrives_at_the_end_is_not_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that comes while the screens are taken away does not end the program as a fault of its own."""
    early, late = ([message("#general", seq, "bob", f"line {seq}") for seq in seqs] for seqs in ((1, 2), (3, 4)))
    happened = [*online(entry("#general", 4)), Arrived("#general", tuple(late)), ConversationOpened("#general")]
    async with on_stage(tmp_path, happened) as stage:
        await stage.sees("line 4")
        windows = stage.app.windows
        front = windows.front
        assert front is not None

        async def receive(_: ChatScreen) -> None:
            stage.happen(HistoryLoaded("#general", tuple(early), 1, 2, has_older=False))
            windows._plan_showing(front)
            async with asyncio.timeout(20):
                while front.is_showing_planned:  # noqa: ASYNC110 - there is no event for it
                    await asyncio.sleep(0)

        monkeypatch.setattr(ChatScreen, "on_unmount", receive, raising=False)
