"""What was acked survives: kill -9, SIGTERM and starting again (protocol.md 5, 6, 7).

A kill proves nothing of a loss of power, which tests/faults simulates; it proves that no ack runs ahead of the store.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.conftest import StartServer
from tests.support.people import (
    People,
    catch_up,
    contents,
    entry,
    events_in,
    history,
    new_id,
    read_up_to,
    refusal,
    say,
    seqs,
    start_say,
    until_closed,
    until_true,
    walk,
)
from tests.support.server import Server
from tests.support.wire import Client, Frame


def back(people: People, server: Server, client: Client) -> Client:
    """The same device on the server's newest process, not synced."""
    people.address = server.address
    return people.again(client)


def acks_until_closed(client: Client) -> dict[str, int]:
    """Read to the end of the connection; the seq of each message that was acked on it."""
    until_closed(client)
    return {ack["message_id"]: ack["seq"] for ack in client.answers.values() if ack["type"] == "ack"}


# ---- kill -9 ----


def test_acked_messages_survive_kill(start_server: StartServer) -> None:
    """After kill -9 everything acked is there with its ``seq``, and a resend is a duplicate of it (protocol.md 5)."""
    server = start_server()
    people = People(server.address)
    alice = people.user("alice")
    conversation = f"#{people.group(alice)}"
    ids = [new_id() for _ in range(400)]
    for number, message_id in enumerate(ids):
        start_say(alice, conversation, f"{number}", message_id=message_id)
    while len(alice.answers) < 100:
        alice.receive()
    server.kill9()
    acked = acks_until_closed(alice)
    assert len(acked) >= 100
    server.start()
    alice = back(people, server, alice)
    stored = {event["message_id"]: event["seq"] for event in history(alice, conversation)}
    assert acked.items() <= stored.items()
    for number, message_id in enumerate(ids):
        ack = say(alice, conversation, f"{number}", message_id=message_id)
        assert ack["duplicate"] is (message_id in stored)
        assert ack["seq"] == stored.get(message_id, ack["seq"])
    events = history(alice, conversation)
    assert seqs(events) == list(range(1, len(events) + 1))
    assert sorted(contents(events), key=int) == [f"{number}" for number in range(400)]
    people.close()


def test_a_reader_through_kills(start_server: StartServer) -> None:
    """Through kills a reader that goes on from its cursors gets each message once and in order (protocol.md 4, 5)."""
    server = start_server()
    people = People(server.address)
    alice, bob = people.user("alice"), people.user("bob", sync=False)
    conversation = f"#{people.group(alice, bob)}"
    cursor = history(bob, conversation)[-1]["seq"]
    outbox: dict[str, str] = {}
    seen: list[Frame] = []
    for start in (0, 300, 600, 900):
        outbox |= {new_id(): f"{number}" for number in range(start, start + 300)}
        assert entry(bob.sync(cursors={conversation: cursor}, limit=None), conversation)["cursor"] == cursor
        requests = [start_say(alice, conversation, text, message_id=key) for key, text in outbox.items()]
        while requests[40] not in alice.answers:
            alice.receive()
        server.kill9()
        for acked in acks_until_closed(alice):
            del outbox[acked]
        until_closed(bob)
        seen += walk(cursor, [push for push in bob.pushes if push.get("conversation") == conversation])
        cursor = seen[-1]["seq"] if seen else cursor
        server.start()
        alice, bob = back(people, server, alice), back(people, server, bob)
    last = [say(alice, conversation, text, message_id=key)["seq"] for key, text in outbox.items()]
    end = max([*last, history(alice, conversation)[-1]["seq"]])
    bob.sync(cursors={conversation: cursor}, limit=None)
    seen += walk(cursor, read_up_to(bob, conversation, end) if end > cursor else [])
    assert sorted(contents(seen), key=int) == [f"{number}" for number in range(1200)]
    people.close()


def test_answered_changes_survive_kill(start_server: StartServer) -> None:
    """An ``ok`` to a request that changes something is as durable as an ack (protocol.md 6)."""
    server = start_server()
    people = People(server.address)
    alice, bob, carol = people.users("alice", "bob", "carol")
    group = people.group(alice, bob, carol, visibility="private")
    first, second = say(alice, f"#{group}", "one"), say(alice, f"#{group}", "two")
    alice.request("set_role", group=group, user=bob.user, role="moderator")
    alice.request("set_title", group=group, text="The Title")
    alice.request("set_topic", group=group, text="the topic")
    alice.request("kick", group=group, user=carol.user)
    alice.request("edit", message_id=new_id(), target=first["message_id"], content="uno")
    alice.request("delete", message_id=new_id(), target=second["message_id"])
    bob.request("mute", conversation=f"#{group}", muted=True)
    bob.request("set_profile", display_name="Robert")
    bob.request("set_password", old=bob.password, new="battery staple")
    bob.request("read", conversation=f"#{group}", seq=first["seq"])
    carol.request("logout")
    before = history(alice, f"#{group}")
    server.kill9()
    server.start()
    alice = back(people, server, alice)
    assert history(alice, f"#{group}") == before
    again = people.visitor()
    again.login(user=bob.user, password="battery staple")
    told = entry(again.sync(), f"#{group}")
    assert (told["title"], told["role"], told["muted"]) == ("The Title", "moderator", True)
    assert told["read_seq"] == first["seq"]
    members = alice.request("members", conversation=f"#{group}")["members"]
    assert {each["user"]: each["display_name"] for each in members}[bob.user] == "Robert"
    assert carol.user not in str(members)
    assert refusal(people.visitor(), "login", token=carol.token) == "bad_credentials"
    (listed,) = alice.request("groups", query=group)["groups"]
    assert (listed["title"], listed["topic"]) == ("The Title", "the topic")
    people.close()


def test_cursors_survive_kill(start_server: StartServer) -> None:
    """What a device told by ``received`` is kept through kill -9 once it is a second old (protocol.md 4)."""
    server = start_server()
    people = People(server.address)
    alice, bob = people.users("alice", "bob")
    conversation = f"#{people.group(alice, bob)}"
    seq = [say(alice, conversation, f"{number}")["seq"] for number in range(5)][-1]
    bob.send({"type": "received", "conversation": conversation, "seq": seq})
    bob.settle()
    told_at = time.monotonic()
    until_true(lambda: say(alice, conversation, "tick")["seq"] > seq and time.monotonic() > told_at + 1.5, "no end")
    server.kill9()
    server.start()
    bob = back(people, server, bob)
    told, pushes = catch_up(bob, conversation, limit=None)
    assert told["cursor"] == seq
    assert set(contents(walk(seq, pushes))) == {"tick"}
    people.close()


def test_epoch_and_tokens_survive_kill(start_server: StartServer) -> None:
    """A start on the same data is no new epoch, and no device is forgotten (protocol.md 4)."""
    server = start_server()
    people = People(server.address)
    alice = people.user("alice")
    server.kill9()
    server.start()
    again = back(people, server, alice)
    assert (again.user, again.device_id, again.epoch) == (alice.user, alice.device_id, alice.epoch)
    assert not again.sync(epoch=alice.epoch).get("epoch_changed", False)
    people.close()


# ---- SIGTERM ----


def test_sigterm(start_server: StartServer) -> None:
    """SIGTERM: ``going_away`` to all, then they are closed, and the server exits with 0 within 10 s (protocol.md 7)."""
    server = start_server()
    people = People(server.address)
    alice, bob = people.users("alice", "bob")
    clients = [alice, bob, people.device(alice), people.visitor()]
    say(alice, f"@{bob.user}", "good night")
    server.signal_stop()
    for client in clients:
        frames = until_closed(client)
        assert frames, "closed without a word"
        assert frames[-1]["type"] == "error"
        assert frames[-1]["code"] == "going_away"
        assert frames[-1]["retry_after_ms"] >= 0
        assert "re" not in frames[-1]
    assert server.wait(10) == 0
    server.start()
    bob = back(people, server, bob)
    told, pushes = catch_up(bob, f"@{alice.user}")
    assert contents(walk(told["cursor"], pushes)) == ["good night"]
    people.close()


def test_sigterm_without_clients(start_server: StartServer) -> None:
    """A server that nobody talks to stops as well (protocol.md 7)."""
    server = start_server()
    server.signal_stop()
    assert server.wait(10) == 0


def test_sigterm_finds_its_thread(start_server: StartServer) -> None:
    """No thread takes a signal from the one that waits for it: all have blocked it, and the end is never overheard."""
    server = start_server()
    bit = 1 << (signal.SIGTERM - 1)
    waiting = []
    threads = list(Path(f"/proc/{server.pid}/task").glob("*/status"))
    assert len(threads) > 3
    for status in threads:
        fields = dict(line.split(":\t") for line in status.read_text().splitlines() if ":\t" in line)
        assert int(fields["SigCgt"], 16) & bit == 0, "a handler"
        if int(fields["SigBlk"], 16) & bit == 0:
            waiting.append(int(fields["Pid"]))
    assert waiting in ([], [server.pid])


def test_sigterm_under_load(start_server: StartServer) -> None:
    """Whatever was acked before the end is on disk, and what was not can be sent again (protocol.md 5, 7)."""
    server = start_server()
    people = People(server.address)
    alice, bob = people.users("alice", "bob")
    conversation = f"#{people.group(alice, bob)}"
    ids = [new_id() for _ in range(500)]
    for number, message_id in enumerate(ids):
        start_say(alice, conversation, f"{number}", message_id=message_id)
    alice.receive()
    server.signal_stop()
    acked = acks_until_closed(alice)
    until_closed(bob)
    assert server.wait(10) == 0
    pushed = {event["message_id"]: event["seq"] for event in events_in(bob.pushes, conversation)}
    server.start()
    alice = back(people, server, alice)
    stored = {event["message_id"]: event["seq"] for event in history(alice, conversation)}
    assert acked.items() <= stored.items()
    assert pushed.items() <= stored.items()
    for number, message_id in enumerate(ids):
        assert say(alice, conversation, f"{number}", message_id=message_id)["duplicate"] is (message_id in stored)
    assert sorted(contents(history(alice, conversation)), key=int) == [f"{number}" for number in range(500)]
    people.close()


def test_sigterm_with_a_client_that_does_not_read(start_server: StartServer) -> None:
    """A client that takes nothing does not keep the server from stopping within 10 s (protocol.md 7)."""
    server = start_server()
    people = People(server.address)
    alice = people.user("alice")
    stuck = people.connect(receive_buffer_bytes=4096)
    stuck.hello()
    stuck.register(people.name("stuck"))
    stuck.sync()
    for _ in range(100):
        requests = [start_say(alice, f"@{stuck.user}", "x" * 8000) for _ in range(10)]
        assert [alice.answer(request) for request in requests]
    server.signal_stop()
    assert server.wait(10) == 0
    people.close()
