"""Clients that do not read: they are moved to backlog, and nobody waits for them (protocol.md 4, 5)."""

from __future__ import annotations

import pytest

from tests.conftest import StartServer
from tests.support.people import (
    People,
    catch_up,
    contents,
    entry,
    events_in,
    read_up_to,
    say,
    seqs,
    start_say,
    until_closed,
    walk,
)
from tests.support.wire import Client

MESSAGE = "x" * 7900
MESSAGES = 2500
"""Together more than any socket buffers, so that the server has to hold back."""


def slow_user(people: People) -> Client:
    """A new user whose connection has a small receive buffer, synced."""
    client = people.connect(receive_buffer_bytes=4096)
    client.hello()
    client.register(people.name("slow"))
    client.sync()
    return client


def pour(sender: Client, reader: Client, conversation: str, count: int) -> int:
    """Send many large messages, ten at a time, while ``reader`` keeps up with each ten; the last seq."""
    last = 0
    for _ in range(count // 10):
        requests = [start_say(sender, conversation, MESSAGE) for _ in range(10)]
        acks = [sender.answer(request) for request in requests]
        assert all(ack["type"] == "ack" for ack in acks), acks
        last = acks[-1]["seq"]
        events = events_in(read_up_to(reader, conversation, last), conversation)
        assert seqs(events) == list(range(last - 9, last + 1))
    return last


@pytest.mark.parametrize("io_threads", ["1", "3"])
def test_slow_reader_gets_everything(start_server: StartServer, io_threads: str) -> None:
    """Who stops reading holds nobody up, and gets everything in order, once, when they read again (protocol.md 4)."""
    people = People(start_server("--io-threads", io_threads).address)
    alice, bob, slow = people.user("alice"), people.user("bob"), slow_user(people)
    conversation = f"#{people.group(alice, bob, slow)}"
    before = read_up_to(alice, conversation, 0)
    assert before == []
    first = say(alice, conversation, "first")["seq"]
    read_up_to(bob, conversation, first)
    last = pour(alice, bob, conversation, MESSAGES)
    slow.deadline_s = 30
    events = walk(first - 1, read_up_to(slow, conversation, last))
    assert seqs(events) == list(range(first, last + 1))
    assert contents(events) == ["first"] + [MESSAGE] * MESSAGES
    new = say(alice, conversation, "live again")["seq"]
    assert contents(walk(last, read_up_to(slow, conversation, new))) == ["live again"]
    people.close()


@pytest.mark.long
def test_reader_that_never_reads(start_server: StartServer) -> None:
    """Who reads nothing is disconnected after all retries; nothing is lost, they resume (protocol.md 1, 5)."""
    people = People(start_server().address)
    alice, bob, slow = people.user("alice"), people.user("bob"), slow_user(people)
    conversation = f"#{people.group(alice, bob, slow)}"
    first = say(alice, conversation, "first")["seq"]
    read_up_to(bob, conversation, first)
    last = pour(alice, bob, conversation, MESSAGES)
    alice.deadline_s = 40
    alice.expect("presence", user=slow.user, state="offline")  # the server has given the connection up
    slow.deadline_s = 30
    frames = until_closed(slow)
    got = walk(first - 1, [frame for frame in frames if frame.get("conversation") == conversation])
    assert len(got) < MESSAGES
    statistics = alice.request("stats")
    assert statistics.get("stats", statistics)["retried"] >= 3
    again = people.again(slow)
    told, pushes = catch_up(
        again, conversation, cursors={conversation: got[-1]["seq"] if got else first - 1}, limit=None
    )
    rest = walk(told["cursor"], pushes)
    assert seqs(got + rest) == list(range(first, last + 1))
    people.close()


def test_slow_sender_of_requests(people: People) -> None:
    """Who asks for much and reads nothing yet gets all answers later; others are served meanwhile (protocol.md 1)."""
    alice = people.user("alice")
    conversation = f"#{people.group(alice)}"
    for number in range(20):
        say(alice, conversation, f"{number}" + MESSAGE)
    slow = people.again(alice)
    slow.sync()
    requests = [slow.start("history", conversation=conversation, limit=20) for _ in range(60)]
    for _ in range(20):
        say(alice, f"@{alice.user}", "not held up")
    answers = [slow.answer(request) for request in requests]
    assert all(answer["type"] == "ok" and len(answer["events"]) == 20 for answer in answers)
    assert entry(people.again(alice).sync(), conversation)["last_seq"] == 21
