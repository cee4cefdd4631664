"""The client and the real server of this tree, in processes of their own where one of them is killed."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from chat_client.core.accounts import Account, Credentials
from chat_client.core.addresses import ServerAddress, parse_link
from chat_client.core.client import ChatClient
from chat_client.core.commands import execute
from chat_client.core.errors import RequestError
from chat_client.core.handshake import probe
from chat_client.core.profile import Profile
from chat_client.core.results import Listing, Opened, Told
from chat_client.core.state import Gap, SystemLine
from tests.client.fake_server import until
from tests.client.test_client import message, texts
from tests.conftest import StartServer
from tests.support.server import ROOT, Server

PASSWORD = "correct horse"


class Clients:
    """Starts clients on one server, which may come back on the same port."""

    def __init__(self, stack: AsyncExitStack, address: ServerAddress, directory: Path) -> None:
        self.stack = stack
        self.address = address
        self.directory = directory

    async def start(self, user: str, *, register: bool = True, invite: str = "", pin: str = "") -> ChatClient:
        profile = Profile(self.directory / user)
        profile.prepare()
        if pin:
            profile.trust.trust(self.address, pin)
        credentials = Credentials(PASSWORD, register=register, invite=invite, display_name=user.title())
        client = ChatClient(Account(self.address, user), profile, credentials=credentials)
        await self.stack.enter_async_context(client)
        task = asyncio.create_task(client.run())

        async def end() -> None:
            client.stop()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self.stack.push_async_callback(end)
        await until(lambda: client.state.link.synced)
        return client


def free_port() -> int:
    """A port that a server can come back to."""
    with socket.socket() as probe_socket:
        probe_socket.bind(("127.0.0.1", 0))
        return int(probe_socket.getsockname()[1])


@pytest.fixture
def real(start_server: StartServer) -> Server:
    """A server whose port stays the same over restarts."""
    return start_server("--port", str(free_port()))


@pytest.fixture
async def clients(real: Server, tmp_path: Path) -> AsyncIterator[Clients]:
    """Clients of the server."""
    async with AsyncExitStack() as stack:
        host, port = real.address
        yield Clients(stack, ServerAddress(host, port, tls=False), tmp_path)


async def test_groups_members_and_messages(clients: Clients) -> None:
    """Create, join, talk, edit, react, read, search, receipts: one evening of a team (protocol.md 3 to 6)."""
    alice, bob = await clients.start("alice"), await clients.start("bob")
    assert alice.state.is_admin
    await alice.create_group("ops", "Operations")
    await until(lambda: "#ops" in alice.state.conversations)
    await bob.join("ops")
    await until(lambda: "#ops" in bob.state.conversations)
    bob.open("#ops")
    await until(lambda: len(bob.state.conversations["#ops"].members or ()) == 2)
    sent = await alice.submit("#ops", "deploying now, @bob")
    await until(lambda: texts(bob)[-1:] == ["deploying now, @bob"])
    assert message(bob).mentions_me
    await until(lambda: message(alice).status == "sent")
    assert message(alice).result == "success"

    await bob.react("#ops", sent, "👍")
    await alice.edit("#ops", sent, "deployed, @bob")
    for client in (alice, bob):
        await until(lambda client=client: message(client).content == "deployed, @bob" and message(client).reactions)  # type: ignore[misc]
    bob.shown("#ops", 1, bob.state.conversations["#ops"].cursor)
    assert bob.state.conversations["#ops"].unread == 0
    page = await bob.search("deployed")
    assert [hit.message.message_id for hit in page.hits] == [sent]

    async def is_read() -> bool:
        return [entry.state for entry in await alice.receipts("#ops", sent)] == ["read"]

    async with asyncio.timeout(10):
        while not await is_read():
            pass
    await alice.set_topic("ops", "what burns")
    await until(lambda: bob.state.conversations["#ops"].topic == "what burns")
    assert isinstance(bob.state.conversations["#ops"].timeline[-1], SystemLine)
    await alice.kick("ops", "bob")
    await until(lambda: not bob.state.conversations["#ops"].joined)
    with pytest.raises(RequestError, match="not a member"):
        await bob.submit("#ops", "hello?")
    assert sorted(person.user for person in await alice.users()) == ["alice", "bob"]


async def test_a_chat_begins_with_somebody_who_is_there(clients: Clients) -> None:
    """Whether a new peer is there is known at once; a name without a mark is what one has; nobody is nobody."""
    bob = await clients.start("bob")
    alice = await clients.start("alice")  # bob shares nothing with her, so nobody has told him that she came
    await execute(alice, "/msg bob hi :wave:", None)
    await until(lambda: texts(bob, "@alice") == ["hi 👋"])
    await until(lambda: bob.state.people["alice"].presence == "online")
    await alice.create_group("ops", "")
    await until(lambda: "#ops" in alice.state.conversations)
    assert await execute(alice, "/open OPS", None) == Opened("#ops")
    assert await execute(alice, "/open bob", None) == Opened("@bob")
    for line in ("/open nobody", "/msg nobody hello?"):
        with pytest.raises(RequestError, match="there is no user nobody"):
            await execute(alice, line, None)
    assert "@nobody" not in alice.state.conversations
    assert await alice.load_person("bob")
    assert not await alice.load_person("bo")  # part of a name is no name


async def test_what_was_opened_without_a_connection_is_filled_in(clients: Clients, tmp_path: Path) -> None:
    """A client that starts opens what was open last, before it is online; its members come when it is."""
    profile, account = Profile(tmp_path / "alice"), Account(clients.address, "alice")
    profile.prepare()
    async with ChatClient(account, profile, credentials=Credentials(PASSWORD, register=True)) as first:
        task = asyncio.create_task(first.run())
        await until(lambda: first.state.link.synced)
        await first.create_group("ops", "")
        await until(lambda: "#ops" in first.state.conversations)
        first.stop()
        await asyncio.gather(task, return_exceptions=True)
    async with ChatClient(account, profile) as again:
        again.open("#ops")
        assert again.state.conversations["#ops"].members is None
        task = asyncio.create_task(again.run())
        await until(lambda: [member.user for member in again.state.conversations["#ops"].members or ()] == ["alice"])
        again.stop()
        await asyncio.gather(task, return_exceptions=True)


async def test_private_messages_presence_and_notes(clients: Clients) -> None:
    """Private chats, notes to oneself, typing, read markers of the peer, broadcasts (protocol.md 2, 5, 6)."""
    alice, bob = await clients.start("alice"), await clients.start("bob")
    await alice.submit("@bob", "psst")
    await until(lambda: texts(bob, "@alice") == ["psst"])
    bob.typing("@alice")
    await until(lambda: "@bob" in alice.state.conversations and alice.state.conversations["@bob"].typing)
    await bob.submit("@alice", "what?")
    await until(lambda: texts(alice, "@bob") == ["psst", "what?"])
    assert alice.state.conversations["@bob"].typing == ()
    alice.open("@bob")
    alice.shown("@bob", 1, 2)
    await until(lambda: bob.state.conversations["@alice"].peer_read_seq == 2)
    await alice.set_presence("away", "lunch")
    await until(lambda: bob.state.people["alice"].presence == "away")
    with pytest.raises(RequestError):
        await alice.set_presence("dnd", "x" * 1_000)
    assert (alice.state.presence, alice.state.status_text) == ("away", "lunch")
    await alice.submit("@alice", "buy milk")
    await until(lambda: alice.state.queued == 0)
    assert texts(alice, "@alice") == ["buy milk"]
    assert alice.state.conversations["@alice"].unread == 0
    await alice.broadcast("maintenance at 18:00")
    await until(lambda: texts(bob, "!announcements") == ["maintenance at 18:00"])
    await until(lambda: texts(alice, "!announcements") == ["maintenance at 18:00"])
    await alice.notify("bob", "build failed", "build")
    await until(lambda: texts(bob, "!notifications") == ["build failed"])
    assert {notice.kind for notice in bob.state.notices} == {"private", "broadcast", "notification"}


async def test_a_tired_admin(clients: Clients) -> None:
    """Accounts are locked out, let in, given a password and roles, and groups deleted, by commands (protocol.md 6)."""
    alice, bob = await clients.start("alice"), await clients.start("bob")
    await execute(alice, "/create ops", None)

    assert "bob is locked out" in str(await execute(alice, "/lock bob", None))
    await until(lambda: bob.state.link.status == "refused")
    assert "bob may log in again" in str(await execute(alice, "/unlock @bob", None))
    told = await execute(alice, "/reset-password bob", None)
    assert isinstance(told, Told)
    assert len(told.wanted) >= 12
    assert told.text.endswith(told.wanted)
    await execute(alice, "/roles bob admin,bot", None)
    for line in ("/delete-group #ops", "/delete-group #ops please", "/roles bob king"):
        with pytest.raises(RequestError):
            await execute(alice, line, None)
    await until(lambda: "#ops" in alice.state.conversations)
    await execute(alice, "/delete-group #ops forever", None)
    await until(lambda: not alice.state.conversations["#ops"].joined)

    sessions = await execute(alice, "/sessions", None)
    assert isinstance(sessions, Listing)
    assert [row.cells[0] for row in sessions.rows] == ["alice"]
    audit = await execute(alice, "/audit", None)
    assert isinstance(audit, Listing)
    done = [row.cells[2] for row in reversed(audit.rows) if row.cells[2].startswith("admin_")]
    assert done == [
        *("admin_disable_user", "admin_disable_user", "admin_reset_password", "admin_set_roles"),
        *("admin_delete_group", "admin_sessions"),
    ]
    assert [row.cells[3] for row in audit.rows if "bot" in row.cells[3]] == ["user=bob roles=admin,bot"]


async def test_every_listing_command_answers(clients: Clients) -> None:
    """Each command that lists something is understood by the server and shown (features.md)."""
    alice = await clients.start("alice")
    await execute(alice, "/create #dev Development", None)
    await until(lambda: "#dev" in alice.state.conversations)
    await execute(alice, "hello", "#dev")
    await until(lambda: alice.state.queued == 0)
    for line in (
        "/groups",
        "/users",
        "/who",
        "/devices",
        "/stats",
        "/search hello",
        "/receipts",
        "/help",
        "/help join",
    ):
        found = await execute(alice, line, "#dev")
        assert isinstance(found, Listing), line
    for line in (
        "/topic",
        "/mute",
        "/unmute",
        "/away lunch",
        "/dnd",
        "/back",
        "/nick Alice A.",
        "/read all",
        "/receipts",
    ):
        assert await execute(alice, line, "#dev"), line
    link = await execute(alice, "/invite-link", None)
    assert isinstance(link, Told)
    assert parse_link(link.text).invite
    assert alice.state.display_name == "Alice A."


async def test_invite_only_group_and_since_join(clients: Clients) -> None:
    """Who joins a group with ``since_join`` sees nothing older, and reading works all the same (protocol.md 6)."""
    alice, bob = await clients.start("alice"), await clients.start("bob")
    await execute(alice, "/create --private --since-join #board", None)
    await until(lambda: "#board" in alice.state.conversations)
    for number in range(5):
        await alice.submit("#board", f"secret {number}")
    await until(lambda: alice.state.queued == 0)
    with pytest.raises(RequestError):
        await bob.join("board")
    await alice.invite("board", "bob")
    await bob.join("board")
    await until(lambda: "#board" in bob.state.conversations)
    await alice.submit("#board", "welcome @bob")
    await until(lambda: "welcome @bob" in texts(bob, "#board"))
    bob.open("#board")
    await until(lambda: not bob.state.conversations["#board"].loading_older)
    while bob.state.conversations["#board"].has_older:
        await bob.load_older("#board")
    assert not [text for text in texts(bob, "#board") if "secret" in text]
    entry = bob.state.conversations["#board"]
    bob.shown("#board", 1, entry.cursor)
    assert bob.state.conversations["#board"].unread == 0


async def test_killed_server_loses_and_doubles_nothing(clients: Clients, real: Server) -> None:
    """Kill -9 of the server while two users write: every message once, in order, the same for both."""
    alice, bob = await clients.start("alice"), await clients.start("bob")
    await alice.create_group("ops")
    await until(lambda: "#ops" in alice.state.conversations)
    await bob.join("ops")
    await until(lambda: "#ops" in bob.state.conversations)

    async def write(client: ChatClient) -> None:
        for number in range(150):
            await client.submit("#ops", f"{client.account.user} {number}")

    writing = asyncio.gather(write(alice), write(bob))
    for _ in range(3):
        await asyncio.sleep(0.15)
        await asyncio.to_thread(real.kill9)
        await asyncio.to_thread(real.start)
        alice.retry_now()
        bob.retry_now()
    await writing

    def is_quiet() -> bool:
        for client in (alice, bob):
            client.retry_now() if client.state.link.status == "offline" else None
        entries = [client.state.conversations["#ops"] for client in (alice, bob)]
        return (
            all(client.state.queued == 0 for client in (alice, bob)) and len({entry.cursor for entry in entries}) == 1
        )

    await until(is_quiet)
    shown = [text for text in texts(alice) if text.split()[1].isdecimal()]
    assert shown == [text for text in texts(bob) if text.split()[1].isdecimal()]
    for user in ("alice", "bob"):
        own = [text for text in shown if text.startswith(user)]
        assert own == [f"{user} {number}" for number in range(150)]


WRITER = """
import asyncio, sys
from pathlib import Path
from chat_client.core.accounts import Account, Credentials
from chat_client.core.addresses import ServerAddress
from chat_client.core.client import ChatClient
from chat_client.core.profile import Profile

async def main(port, directory, run, count):
    account = Account(ServerAddress("127.0.0.1", port, tls=False), "writer")
    credentials = Credentials("correct horse")
    async with ChatClient(account, Profile(Path(directory)), credentials=credentials) as client:
        task = asyncio.create_task(client.run())
        async for state in client.changes():
            if state.link.synced:
                break
        for number in range(count):
            await client.submit("#ops", f"run {run} {number}")
            print(number, flush=True)
        async for state in client.changes():
            if not state.queued:
                break
        client.stop()
        await task

asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
"""


async def test_killed_client_sends_what_it_promised(clients: Clients, tmp_path: Path) -> None:
    """Kill -9 of the client at any point: what ``submit`` returned for is in the log once, in order (design.md)."""
    reader = await clients.start("reader")
    await reader.create_group("ops")
    writer = await clients.start("writer")
    await writer.join("ops")
    await writer.__aexit__(None, None, None)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("protocol", "client"))}

    async def run(run: int, count: int, kill_after: int | None) -> list[tuple[int, int]]:
        """Start a writer, kill it after so many promises, and return what it promised."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, str(clients.address.port), str(tmp_path / "writer"), str(run), str(count),
            env=environment, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        kept = []
        while line := await process.stdout.readline():
            kept.append((run, int(line)))
            if len(kept) - 1 == kill_after:
                process.send_signal(signal.SIGKILL)
        await process.wait()
        return kept

    promised = []
    for number, kill_after in enumerate((0, 3, 17, 40)):
        promised += await run(number, 100, kill_after)
    promised += await run(4, 5, None)
    await until(lambda: texts(reader)[-1:] == ["run 4 4"])
    shown = [tuple(map(int, text.split()[1:])) for text in texts(reader) if text.startswith("run")]
    assert shown == sorted(set(shown))
    assert set(promised) <= set(shown)


async def test_certificate_is_pinned(start_server: StartServer, tmp_path: Path) -> None:
    """TLS 1.3, unknown certificates are shown and refused, known ones are pinned (reliability 5)."""
    server = start_server(insecure=False)
    host, port = server.address
    address = ServerAddress(host, port)
    fingerprint = server.ready[-1]
    account = Account(address, "alice")
    profile = Profile(tmp_path / "alice")
    async with ChatClient(account, profile, credentials=Credentials(PASSWORD, register=True)) as client:
        task = asyncio.create_task(client.run())
        await until(lambda: client.state.link.status == "refused")
        assert client.state.link.code == "untrusted"
        assert client.state.link.fingerprint == fingerprint
        await client.trust(fingerprint)
        await until(lambda: client.state.link.synced)
        assert (await probe(address, fingerprint)).registration == "open"
        profile.trust.replace(address, "sha256:" + "0" * 64)
        client._transport.abort() if client._transport else None
        await until(lambda: client.state.link.status == "refused")
        assert client.state.link.code == "wrong_fingerprint"
        client.stop()
        await task


async def test_long_absence_against_the_real_log(clients: Clients) -> None:
    """After many missed events: one gap, the newest shown, all of it loadable, counts exact (features.md 3)."""
    alice, bob = await clients.start("alice"), await clients.start("bob")
    await alice.create_group("ops")
    await until(lambda: "#ops" in alice.state.conversations)
    await bob.join("ops")
    await until(lambda: "#ops" in bob.state.conversations)
    await bob.__aexit__(None, None, None)
    for number in range(450):
        await alice.submit("#ops", f"m{number}")
    await until(lambda: alice.state.queued == 0)

    again = await clients.start("bob", register=False)
    await until(lambda: texts(again)[-1:] == ["m449"])
    assert again.state.conversations["#ops"].unread == 450
    again.open("#ops")
    gaps = [line for line in again.state.conversations["#ops"].timeline if isinstance(line, Gap)]
    assert len(gaps) == 1
    while gap := next((line for line in again.state.conversations["#ops"].timeline if isinstance(line, Gap)), None):
        await again.fill_gap("#ops", gap)
    assert [text for text in texts(again) if text[0] == "m"] == [f"m{number}" for number in range(450)]
    again.shown("#ops", 1, again.state.conversations["#ops"].cursor)
    assert again.state.conversations["#ops"].unread == 0
