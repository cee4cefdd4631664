"""The whole client against a server in this process that can be made to fail."""

import asyncio
from pathlib import Path

import pytest

from chat_client.core.accounts import Account, Credentials
from chat_client.core.addresses import ServerAddress
from chat_client.core.client import ChatClient
from chat_client.core.commands import execute
from chat_client.core.errors import RequestError
from chat_client.core.profile import Profile
from chat_client.core.results import Listing, Opened
from chat_client.core.state import ClientState, Gap, Message
from chat_protocol import packets
from tests.client.conftest import Start
from tests.client.fake_server import FakeServer, until


def texts(client: ChatClient, conversation: str = "#ops") -> list[str]:
    """What the timeline shows, oldest first."""
    entry = client.state.conversations.get(conversation)
    lines = entry.timeline if entry else ()
    return [f"[{line.first_seq}-{line.seq}]" if isinstance(line, Gap) else line.content for line in lines]


def message(client: ChatClient, index: int = -1, conversation: str = "#ops") -> Message:
    """A message of a timeline by its position."""
    line = client.state.conversations[conversation].timeline[index]
    assert isinstance(line, Message)
    return line


async def test_two_users_talk(start: Start) -> None:
    """A message is pending until its ack, and comes to the other user (protocol.md 5)."""
    alice, bob = await start("alice"), await start("bob")
    await alice.submit("#ops", "hello @bob")
    await until(lambda: texts(bob) == ["hello @bob"] and message(alice).status == "sent")

    assert message(alice).delivered == 1
    assert message(bob).mentions_me
    assert bob.state.conversations["#ops"].unread == 1
    assert bob.state.conversations["#ops"].mentions == 1
    assert [notice.kind for notice in bob.state.notices] == ["mention"]


async def test_private_chat_appears_at_the_peer(start: Start) -> None:
    """A first private message makes the conversation on both sides (protocol.md 4)."""
    alice, bob = await start("alice"), await start("bob")
    await alice.submit("@bob", "psst")
    await until(lambda: texts(bob, "@alice") == ["psst"])

    assert texts(alice, "@bob") == ["psst"]
    assert bob.state.conversations["@alice"].unread == 1


async def test_queue_is_sent_once_and_in_order_after_reconnecting(server: FakeServer, start: Start) -> None:
    """What was written offline goes out once each, in order (protocol.md 5)."""
    alice = await start()
    await server.stop()
    await until(lambda: alice.state.link.status != "online")
    for number in range(40):
        await alice.submit("#ops", f"m{number}")
    assert alice.state.queued == 40

    await server.start()
    alice.retry_now()
    await until(lambda: alice.state.queued == 0)

    assert [event.content for event in server.logs["#ops"]] == [f"m{number}" for number in range(40)]  # type: ignore[union-attr]
    assert texts(alice) == [f"m{number}" for number in range(40)]


async def test_lost_acks_make_no_doubles(server: FakeServer, start: Start) -> None:
    """A message whose ack was lost is resent with the same id and shown once (protocol.md 5)."""
    alice = await start()
    server.swallow_acks = 3
    for number in range(10):
        await alice.submit("#ops", f"m{number}")
    async with asyncio.timeout(10):
        while alice.state.queued:
            alice.retry_now()
            await asyncio.sleep(0.01)

    assert texts(alice) == [f"m{number}" for number in range(10)]
    assert len(server.logs["#ops"]) == 10


async def test_transient_refusal_keeps_the_order(server: FakeServer, start: Start) -> None:
    """After ``rate_limited`` the same message goes first, then those that got ``retry_order`` (protocol.md 1)."""
    alice = await start()
    server.refusals = [("rate_limited", 5), ("overloaded", 5)]
    for number in range(10):
        await alice.submit("#ops", f"m{number}")
    await until(lambda: alice.state.queued == 0)

    assert [event.content for event in server.logs["#ops"]] == [f"m{number}" for number in range(10)]  # type: ignore[union-attr]


async def test_permanent_refusal_keeps_the_text(server: FakeServer, start: Start) -> None:
    """A refused message is marked as failed with the reason, and can be sent again or thrown away."""
    alice = await start()
    server.refusals = [("forbidden", 0)]
    await alice.submit("#ops", "may I?")
    await until(lambda: message(alice).status == "failed")
    assert message(alice).content == "may I?"
    assert "never" in message(alice).reason

    await alice.retry(message(alice).message_id)
    await until(lambda: message(alice).status == "sent")
    assert texts(alice) == ["may I?"]


async def test_failed_message_can_be_discarded(server: FakeServer, start: Start) -> None:
    """A failed message that the user throws away is gone, also after a restart."""
    alice = await start()
    server.refusals = [("forbidden", 0)]
    await alice.submit("#ops", "may I?")
    await until(lambda: message(alice).status == "failed")
    await alice.discard(message(alice).message_id)

    assert texts(alice) == []


async def test_missed_events_come_in_order_after_a_cut(server: FakeServer, start: Start) -> None:
    """What was missed comes from the cursor on, once (protocol.md 4)."""
    alice = await start()
    for number in range(5):
        server.post("#ops", "bob", f"a{number}")
    await until(lambda: len(texts(alice)) == 5)
    server.cut()
    await until(lambda: alice.state.link.status != "online")
    for number in range(150):
        server.post("#ops", "bob", f"b{number}")
    alice.retry_now()
    await until(lambda: len(texts(alice)) == 155)

    assert texts(alice) == [f"a{number}" for number in range(5)] + [f"b{number}" for number in range(150)]
    assert alice.state.conversations["#ops"].unread == 155


async def test_long_absence_leaves_a_gap_that_can_be_filled(server: FakeServer, start: Start) -> None:
    """Above the limit of ``sync`` the older events are one gap; asking fills it (protocol.md 4)."""
    alice = await start()
    server.post("#ops", "bob", "first")
    await until(lambda: texts(alice) == ["first"])
    server.cut()
    await until(lambda: alice.state.link.status != "online")
    for number in range(500):
        server.post("#ops", "bob", f"b{number}")
    alice.retry_now()
    await until(lambda: len(texts(alice)) == 202)
    assert texts(alice)[:3] == ["first", "[2-301]", "b300"]
    assert alice.state.conversations["#ops"].unread == 501

    gap = alice.state.conversations["#ops"].timeline[1]
    assert isinstance(gap, Gap)
    await alice.fill_gap("#ops", gap)
    assert texts(alice)[:3] == ["first", "[2-101]", "b100"]
    rest = alice.state.conversations["#ops"].timeline[1]
    assert isinstance(rest, Gap)
    await alice.fill_gap("#ops", rest)
    assert texts(alice) == ["first", *(f"b{number}" for number in range(500))]


async def test_failed_sync_is_tried_again(server: FakeServer, start: Start) -> None:
    """A server that cannot tell what was missed is asked again on another connection (protocol.md 1)."""
    server.fail_syncs = 1
    server.post("#ops", "bob", "hi")
    alice = await start()
    await until(lambda: texts(alice) == ["hi"])

    assert server.count(packets.Sync) == 2


async def test_start_without_a_server_shows_the_cache(server: FakeServer, start: Start) -> None:
    """The client starts offline from its files: conversations, lines, unread, drafts, search."""
    alice = await start("alice")
    for number in range(30):
        server.post("#ops", "bob", f"line {number}")
    target = server.logs["#ops"][29]
    server.react("#ops", "bob", target.message_id, "👍")
    await until(lambda: bool(alice.state.conversations["#ops"].timeline) and bool(message(alice).reactions))
    alice.shown("#ops", 1, 10)
    alice.set_draft("#ops", "half a sen")
    await alice.edit("#ops", target.message_id, "line 29, changed")
    await until(lambda: message(alice).edited_at_ms is not None)
    await alice.__aexit__(None, None, None)
    await server.stop()

    again = await start("alice", wait=False)
    again.open("#ops")
    await until(lambda: len(texts(again)) == 30)
    entry = again.state.conversations["#ops"]
    assert texts(again)[-1] == "line 29, changed"
    assert message(again).reactions[0].users == ("bob",)
    assert (entry.draft, entry.read_seq, entry.unread, entry.new_from) == ("half a sen", 10, 20, 11)
    page = await again.search("LINE 7")
    assert page.local
    assert [hit.message.content for hit in page.hits] == ["line 27", "line 17", "line 7"]


async def test_messages_written_before_a_restart_are_sent_after_it(server: FakeServer, start: Start) -> None:
    """The outbox outlives the client: same ids, same order."""
    alice = await start()
    await server.stop()
    await until(lambda: alice.state.link.status != "online")
    ids = [await alice.submit("#ops", f"m{number}") for number in range(20)]
    await alice.__aexit__(None, None, None)

    again = await start(wait=False)
    assert again.state.queued == 20
    assert texts(again) == [f"m{number}" for number in range(20)]
    await server.start()
    again.retry_now()
    await until(lambda: again.state.queued == 0 and again.state.link.synced)

    assert [event.message_id for event in server.logs["#ops"]] == ids
    assert texts(again) == [f"m{number}" for number in range(20)]


async def test_older_pages_come_from_the_server(server: FakeServer, start: Start) -> None:
    """History is paged backwards until its beginning."""
    for number in range(450):
        server.post("#ops", "bob", f"m{number}")
    alice = await start()
    await until(lambda: len(texts(alice)) == 201)
    assert texts(alice)[0] == "[1-250]"
    await alice.load_around("#ops", 100)
    assert "m99" in texts(alice)
    assert texts(alice)[0] == "[1-74]"
    loaded = [line.seq for line in alice.state.conversations["#ops"].timeline]
    assert loaded == sorted(loaded)


async def test_new_epoch_drops_positions_but_not_the_outbox(server: FakeServer, start: Start) -> None:
    """After a restored backup the log is loaded anew; what was not sent is sent (protocol.md 4)."""
    alice = await start()
    for number in range(10):
        server.post("#ops", "bob", f"old {number}")
    await until(lambda: len(texts(alice)) == 10)
    await server.stop()
    await until(lambda: alice.state.link.status != "online")
    await alice.submit("#ops", "mine")
    server.epoch = "epoch-2"
    server.logs, server.by_id = {}, {}
    for number in range(3):
        server.post("#ops", "bob", f"new {number}")
    await server.start()
    alice.retry_now()
    await until(lambda: alice.state.queued == 0)

    assert texts(alice) == ["new 0", "new 1", "new 2", "mine"]
    assert alice.state.conversations["#ops"].cursor == 4
    await alice.__aexit__(None, None, None)
    again = await start()
    again.open("#ops")
    await until(lambda: len(texts(again)) == 4)
    assert texts(again) == ["new 0", "new 1", "new 2", "mine"]


async def test_a_store_that_was_restored_at_the_same_positions_is_loaded_anew(server: FakeServer, start: Start) -> None:
    """Nothing moved since the backup; the cache is empty all the same, and must not pass for the whole log."""
    alice = await start()
    for number in range(10):
        server.post("#ops", "bob", f"m{number}")
    await until(lambda: len(texts(alice)) == 10)
    await server.stop()
    await until(lambda: alice.state.link.status != "online")
    server.epoch = "epoch-2"
    server.positions["#ops"] = 8
    await server.start()
    alice.retry_now()
    await until(lambda: alice.state.epoch == "epoch-2" and texts(alice) == ["m8", "m9"])
    await alice.load_older("#ops")
    assert texts(alice) == [f"m{number}" for number in range(10)]
    await alice.__aexit__(None, None, None)
    again = await start()
    again.open("#ops")
    await until(lambda: len(texts(again)) == 10)


async def test_received_is_told_after_the_commit_and_coalesced(server: FakeServer, start: Start) -> None:
    """``received`` moves forward and is one for many events (protocol.md 4)."""
    alice = await start()
    for number in range(1_000):
        server.post("#ops", "bob", f"m{number}")

    def told() -> list[int]:
        return [packet.seq for packet in server.received if isinstance(packet, packets.Received)]

    await until(lambda: told()[-1:] == [1_000])
    assert told() == sorted(told())
    assert len(told()) <= 1 + 1_000 // 64
    assert len(texts(alice)) == 1_000


async def test_a_burst_is_few_changes(server: FakeServer, start: Start) -> None:
    """A reader of the state sees a burst of messages as a few states (design.md)."""
    alice = await start()
    seen: list[ClientState] = []
    alice.subscribe(seen.append)
    for number in range(2_000):
        server.post("#ops", "bob", f"m{number}")
    await until(lambda: len(texts(alice)) == 2_000)

    assert len(seen) < 100


async def test_reading_here_clears_there(server: FakeServer, start: Start) -> None:
    """The read marker follows what was shown and is told to the server (protocol.md 6)."""
    alice = await start()
    for number in range(5):
        server.post("#ops", "bob", f"m{number}")
    await until(lambda: len(texts(alice)) == 5)
    alice.open("#ops")
    assert alice.state.conversations["#ops"].new_from == 1
    alice.shown("#ops", 1, 3)
    assert alice.state.conversations["#ops"].unread == 2
    alice.shown("#ops", 4, 5)
    await until(lambda: server.read.get(("alice", "#ops")) == 5)

    entry = alice.state.conversations["#ops"]
    assert (entry.unread, entry.new_from) == (0, 1)
    await alice.submit("#ops", "read it all")
    assert alice.state.conversations["#ops"].new_from is None


async def test_edit_delete_react(server: FakeServer, start: Start) -> None:
    """Edits, deletions and reactions change the message on both sides (protocol.md 3)."""
    alice, bob = await start("alice"), await start("bob")
    first = await alice.submit("#ops", "helo")
    second = await alice.submit("#ops", "oops")
    await until(lambda: texts(bob) == ["helo", "oops"] and alice.state.queued == 0)
    await alice.edit("#ops", first, "hello")
    await alice.delete("#ops", second)
    await bob.react("#ops", first, "👍")
    for client in (alice, bob):
        await until(lambda client=client: texts(client) == ["hello", ""] and bool(message(client, 0).reactions))  # type: ignore[misc]
        assert message(client, 1).deleted
        assert message(client, 0).reactions[0].users == ("bob",)
        assert message(client, 0).edited_at_ms is not None


async def test_commands_do_what_they_say(server: FakeServer, start: Start) -> None:
    """Slash commands reach the server; an unknown one is refused and nothing is sent."""
    alice = await start()
    assert await execute(alice, "/join dev", None) == Opened("#dev")
    await until(lambda: "#dev" in alice.state.conversations)
    assert await execute(alice, ":tada: done", "#dev") is None
    await execute(alice, "//join is a command", "#dev")
    await until(lambda: alice.state.queued == 0)
    assert texts(alice, "#dev") == ["🎉 done", "/join is a command"]
    await execute(alice, "/edit ^1 all done", "#dev")
    await until(lambda: texts(alice, "#dev")[0] == "all done")
    with pytest.raises(RequestError, match=r"/jion is no command.*did you mean /join"):
        await execute(alice, "/jion ops", "#dev")
    assert len(server.logs["#dev"]) == 3
    found = await execute(alice, "/search done", "#dev")
    assert isinstance(found, Listing)
    assert found.rows[0].conversation == "#dev"


async def test_wrong_password_is_refused_until_the_user_acts(server: FakeServer, tmp_path: Path) -> None:
    """A wrong password stops the attempts; signing in again goes on."""
    server.passwords["alice"] = "correct horse"
    account = Account(ServerAddress("127.0.0.1", server.port, tls=False), "alice")
    async with ChatClient(account, Profile(tmp_path), credentials=Credentials("wrong")) as client:
        task = asyncio.create_task(client.run())
        await until(lambda: client.state.link.status == "refused")
        assert client.state.link.code == "bad_credentials"
        with pytest.raises(RequestError, match="check user name and password"):
            await client.sign_in(Credentials("wrong again"))
        await client.sign_in(Credentials("correct horse"))
        await until(lambda: client.state.link.synced)
        client.stop()
        await task
    assert Profile(tmp_path).accounts.token(account) != ""


async def test_second_client_of_an_account_gets_a_slot_of_its_own(server: FakeServer, start: Start) -> None:
    """Two processes never share a database; what one leaves unsent the next one sends."""
    one = await start("alice", "shared")
    two = await start("alice", "shared")
    server.post("#ops", "bob", "hi")
    await until(lambda: texts(one) == texts(two) == ["hi"])
    await server.stop()
    await until(lambda: two.state.link.status != "online")
    await two.submit("#ops", "left behind")
    await two.__aexit__(None, None, None)
    await one.__aexit__(None, None, None)

    again = await start("alice", "shared", wait=False)
    assert again.state.queued == 1
    await server.start()
    again.retry_now()
    await until(lambda: again.state.queued == 0)
    assert [event.content for event in server.logs["#ops"]] == ["hi", "left behind"]  # type: ignore[union-attr]


async def test_request_without_a_connection_says_so(start: Start, server: FakeServer) -> None:
    """Asking while offline fails at once with what to do."""
    alice = await start()
    await server.stop()
    await until(lambda: alice.state.link.status != "online")
    with pytest.raises(RequestError, match="no connection") as caught:
        await alice.groups()
    assert caught.value.code == "offline"


async def test_typing_is_told_at_most_once_in_3_s(server: FakeServer, start: Start) -> None:
    """Every key calls it, few frames leave (protocol.md 6)."""
    alice = await start()
    for _ in range(50):
        alice.typing("#ops")
    await alice.groups()

    assert server.count(packets.Typing) == 1


@pytest.mark.parametrize("text", ["", "  \n", "\x1b\x07", "x" * 8_001, "漢" * 6_000])
async def test_what_cannot_be_sent_is_told_at_once(start: Start, text: str) -> None:
    """Empty or too long texts never reach the outbox (protocol.md 3)."""
    alice = await start()
    with pytest.raises(RequestError):
        await alice.submit("#ops", text)
    assert alice.state.queued == 0
