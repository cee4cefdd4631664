"""Sending: acks, results, duplicates, order (protocol.md 5)."""

from __future__ import annotations

import pytest

from tests.conftest import StartServer
from tests.support.people import (
    People,
    contents,
    events_in,
    history,
    new_id,
    read_up_to,
    refusal,
    say,
    seqs,
    start_say,
)
from tests.support.wire import Client, Frame

ACK = {
    "type", "re", "message_id", "conversation", "seq", "timestamp", "result", "delivered", "stored", "duplicate",
}  # fmt: skip


def outcome(ack: Frame) -> tuple[str, int, int]:
    """What an ack says of the recipients."""
    return ack["result"], ack["delivered"], ack["stored"]


# ---- Acks ----


def test_ack(people: People) -> None:
    """An ack has the id of the message and its place in the log (protocol.md 5)."""
    alice, bob = people.users("alice", "bob")
    group = people.group(alice, bob)
    for kind, place, conversation in (
        ("group_message", {"group": group}, f"#{group}"),
        ("private_message", {"to": bob.user}, f"@{bob.user}"),
    ):
        message_id = new_id()
        ack = alice.request(kind, message_id=message_id, content="hello", **place)
        assert set(ack) >= ACK
        assert ack["message_id"] == message_id
        assert ack["conversation"] == conversation
        assert ack["duplicate"] is False
        assert history(alice, conversation)[-1]["seq"] == ack["seq"]


def test_results(people: People) -> None:
    """``result``, ``delivered`` and ``stored`` tell how many others are live and how many not (protocol.md 5)."""
    alice, bob, carol = people.users("alice", "bob", "carol")
    assert outcome(say(alice, f"#{people.group(alice)}", "x")) == ("no_recipients", 0, 0)
    assert outcome(say(alice, f"@{alice.user}", "x")) == ("no_recipients", 0, 0)
    group = people.group(alice, bob, carol)
    assert outcome(say(alice, f"#{group}", "x")) == ("success", 2, 0)
    people.leave_connection(carol, alice)
    assert outcome(say(alice, f"#{group}", "x")) == ("partial", 1, 1)
    assert outcome(say(alice, f"@{carol.user}", "x")) == ("stored", 0, 1)
    assert outcome(say(alice, f"@{bob.user}", "x")) == ("success", 1, 0)
    people.leave_connection(bob, alice)
    assert outcome(say(alice, f"#{group}", "x")) == ("stored", 0, 2)


def test_users_are_counted_and_not_devices(people: People) -> None:
    """A recipient with two live devices counts once, and one's own second device not at all (protocol.md 5)."""
    alice, bob = people.users("alice", "bob")
    group = people.group(alice, bob)
    people.device(bob)
    people.device(alice)
    assert outcome(say(alice, f"#{group}", "x")) == ("success", 1, 0)
    assert outcome(say(alice, f"@{bob.user}", "x")) == ("success", 1, 0)
    assert outcome(say(alice, f"@{alice.user}", "x")) == ("no_recipients", 0, 0)


def test_results_of_a_broadcast(start_server: StartServer) -> None:
    """A broadcast's recipients are all users of the server but the sender (protocol.md 2, 5)."""
    server = start_server()
    people = People(server.address)
    admin = people.user("boss")
    assert outcome(admin.request("broadcast", message_id=new_id(), content="x")) == ("no_recipients", 0, 0)
    bob, carol = people.users("bob", "carol")
    assert outcome(admin.request("broadcast", message_id=new_id(), content="x")) == ("success", 2, 0)
    people.leave_connection(carol, bob)
    assert outcome(admin.request("broadcast", message_id=new_id(), content="x")) == ("partial", 1, 1)
    people.leave_connection(bob, admin)
    assert outcome(admin.request("broadcast", message_id=new_id(), content="x")) == ("stored", 0, 2)
    people.close()


def test_results_of_a_notification(people: People, admin: Client) -> None:
    """A notification has one recipient (protocol.md 5)."""
    bob = people.user("bob")
    fields = {"to": bob.user, "kind": "build", "content": "green"}
    ack = admin.request("notification", message_id=new_id(), **fields)
    assert set(ack) >= ACK
    assert outcome(ack) == ("success", 1, 0)
    people.leave_connection(bob, admin)
    assert outcome(admin.request("notification", message_id=new_id(), **fields)) == ("stored", 0, 1)


# ---- Duplicates ----


@pytest.mark.parametrize("fresh_connection", [False, True], ids=["same connection", "new connection"])
def test_resend(people: People, fresh_connection: bool) -> None:
    """The same id and content again: the first ``seq``, ``duplicate`` true, and nothing changes (protocol.md 5)."""
    alice, bob = people.users("alice", "bob")
    group = people.group(alice, bob)
    for conversation, seen_as in ((f"#{group}", f"#{group}"), (f"@{bob.user}", f"@{alice.user}")):
        message_id = new_id()
        first = say(alice, conversation, "once", message_id=message_id)
        say(alice, conversation, "between")
        sender = people.again(alice) if fresh_connection else alice
        again = say(sender, conversation, "once", message_id=message_id)
        assert again["duplicate"] is True
        for field in ("seq", "timestamp", "conversation", "message_id"):
            assert again[field] == first[field]
        assert contents(history(alice, conversation)) == ["once", "between"]
        assert contents(events_in(bob.settle(), seen_as)) == ["once", "between"]


def test_pipelined_resend(people: People) -> None:
    """Two sends of one message at once are one event (protocol.md 5)."""
    alice, bob = people.users("alice", "bob")
    group = people.group(alice, bob)
    message_id = new_id()
    requests = [start_say(alice, f"#{group}", "once", message_id=message_id) for _ in range(10)]
    acks = [alice.answer(request) for request in requests]
    assert {ack["seq"] for ack in acks} == {acks[0]["seq"]}
    assert sorted(ack["duplicate"] for ack in acks) == [False] + [True] * 9
    assert contents(events_in(bob.settle(), f"#{group}")) == ["once"]


def test_resend_tells_the_result_of_now(people: People) -> None:
    """A duplicate's ``result`` is as of now (protocol.md 5)."""
    alice, bob = people.users("alice", "bob")
    message = {"to": bob.user, "message_id": new_id(), "content": "hi"}
    assert outcome(alice.request("private_message", **message)) == ("success", 1, 0)
    people.leave_connection(bob, alice)
    assert outcome(alice.request("private_message", **message)) == ("stored", 0, 1)


def test_conflicts(people: People) -> None:
    """A known id with other content, or from another sender, is a ``conflict`` (protocol.md 1, 5)."""
    alice, bob = people.users("alice", "bob")
    group = people.group(alice, bob)
    message = {"group": group, "message_id": new_id(), "content": "mine"}
    alice.request("group_message", **message)
    assert refusal(alice, "group_message", **{**message, "content": "other"}) == "conflict"
    assert refusal(bob, "group_message", **message) == "conflict"
    private = {"to": bob.user, "message_id": message["message_id"]}
    assert refusal(alice, "private_message", **private, content="other") == "conflict"
    assert contents(history(bob, f"#{group}")) == ["mine"]


def test_a_refused_first_message_leaves_no_chat(people: People) -> None:
    """A private chat begins with its first event: a send that is a conflict begins none (protocol.md 4, 5)."""
    alice, bob = people.users("alice", "bob")
    message_id = say(alice, f"@{alice.user}", "mine")["message_id"]
    assert refusal(alice, "private_message", to=bob.user, message_id=message_id, content="other") == "conflict"
    assert not [push for push in bob.settle() if push.get("conversation") == f"@{alice.user}"]
    assert f"@{alice.user}" not in str(people.again(bob).sync())
    assert say(alice, f"@{bob.user}", "hi")["seq"] == 1
    assert bob.expect("conversation", conversation=f"@{alice.user}")["role"] is not None
    assert bob.expect("private_message", content="hi")["seq"] == 1


def test_same_id_in_another_conversation(people: People) -> None:
    """A ``message_id`` is unique on the server: it cannot become an event of a second conversation (protocol.md 5)."""
    alice, bob = people.users("alice", "bob")
    group, other = people.group(alice, bob), people.group(alice, bob)
    message = {"message_id": new_id(), "content": "mine"}
    alice.request("group_message", group=group, **message)
    answer = alice.ask("group_message", group=other, **message)
    if answer["type"] == "ack":
        assert (answer["duplicate"], answer["conversation"]) == (True, f"#{group}")
    else:
        assert answer["code"] == "conflict"
    assert contents(history(alice, f"#{other}")) == []


# ---- Who gets it ----


def test_the_senders_connection_has_no_push(people: People) -> None:
    """The sender's connection gets the ack and no push, the sender's other devices get the push (protocol.md 5)."""
    alice, bob = people.users("alice", "bob")
    other = people.device(alice)
    group = people.group(alice, bob)
    for conversation in (f"#{group}", f"@{bob.user}", f"@{alice.user}"):
        ack = say(alice, conversation, "hello")
        pushed = events_in(other.settle(), conversation)
        assert [event["message_id"] for event in pushed if event["sender"] == alice.user] == [ack["message_id"]]
        assert contents(events_in(alice.settle(), conversation)) == []


def test_nobody_else_has_a_push(people: People) -> None:
    """Only who may read a conversation is pushed its events (protocol.md 5, 6)."""
    alice, bob, carol = people.users("alice", "bob", "carol")
    group = people.group(alice, bob)
    say(alice, f"#{group}", "hello")
    say(alice, f"@{bob.user}", "hello")
    say(carol, f"@{carol.user}", "after these")
    assert not [push for push in carol.settle() if "hello" in str(push)]
    assert len([push for push in bob.settle() if push.get("content") == "hello"]) == 2


def test_ack_comes_after_the_hand_over(people: People) -> None:
    """When the sender has the ack, each live recipient's connection was handed the event (protocol.md 5)."""
    alice, bob = people.users("alice", "bob")
    for number in range(50):
        say(alice, f"@{bob.user}", f"{number}")
        assert contents(events_in(bob.settle(), f"@{alice.user}")) == [f"{number}"]


# ---- Order ----


def test_pipelined_order(people: People) -> None:
    """What one connection sends into one conversation takes effect in the order sent (protocol.md 1, 5)."""
    alice, bob = people.users("alice", "bob")
    group = people.group(alice, bob)
    requests = [start_say(alice, f"#{group}", f"{number}") for number in range(300)]
    acks = [alice.answer(request) for request in requests]
    first = acks[0]["seq"]
    assert seqs(acks) == list(range(first, first + 300))
    events = events_in(read_up_to(bob, f"#{group}", first + 299), f"#{group}")
    assert seqs(events) == list(range(first, first + 300))
    assert contents(events) == [f"{number}" for number in range(300)]


def test_order_is_the_same_for_all(people: People) -> None:
    """Several senders at once: everybody sees one order, in which each sender's own holds (protocol.md 3, 5)."""
    senders = people.users("alice", "bob", "carol")
    group = people.group(*senders)
    reader = people.user("reader")
    reader.request("join", group=group)
    requests = [[start_say(sender, f"#{group}", f"{n}") for n in range(50)] for sender in senders]
    last = max(sender.answer(ids[-1])["seq"] for sender, ids in zip(senders, requests, strict=True))
    seen = events_in(read_up_to(reader, f"#{group}", last), f"#{group}")
    seen = [event for event in seen if event["type"] == "group_message"]
    assert seqs(seen) == list(range(last - 149, last + 1))
    assert seen == [event for event in history(senders[0], f"#{group}") if event["type"] == "group_message"]
    for sender in senders:
        assert [event["content"] for event in seen if event["sender"] == sender.user] == [f"{n}" for n in range(50)]


# ---- Content ----


@pytest.mark.parametrize(
    "content",
    [
        "x",
        "x" * 8000,
        "😀" * 4096,
        "  spaces around \n\n and newlines\ttabs \n",
        "# Title\n\n**bold** [x](http://example.org) `code`",
        "[bold]markup[/bold] [@click=app.quit]button[/] [/]",
        "é\u00e9 e\u0301 \ufdfa \u202ertl\u202c \u200d \U0001f469\u200d\U0001f467 \u6f22\u5b57 \ufeff\u2028",
        '{"type":"error"} \\ \\u0000 \\n "',
        "'; DROP TABLE events; --",
    ],
    ids=["short", "longest in characters", "longest in bytes", "space", "Markdown", "markup", "Unicode", "JSON", "SQL"],
)
def test_content_is_unchanged(people: People, content: str) -> None:
    """Content of up to 8,000 characters and 16 KiB is stored unchanged (protocol.md 3)."""
    alice, bob = people.users("alice", "bob")
    say(alice, f"@{bob.user}", content)
    assert bob.expect("private_message")["content"] == content
    assert contents(history(bob, f"@{alice.user}")) == [content]


@pytest.mark.parametrize("content", ["x" * 8001, "漢" * 5462, "😀" * 4097], ids=["characters", "bytes", "emoji"])
def test_too_long(people: People, content: str) -> None:
    """Content over 8,000 characters or over 16 KiB is ``too_long`` and not stored (protocol.md 1, 3)."""
    alice = people.user()
    group = people.group(alice)
    message_id = new_id()
    assert refusal(alice, "group_message", group=group, message_id=message_id, content=content) == "too_long"
    assert refusal(alice, "private_message", to=alice.user, message_id=message_id, content=content) == "too_long"
    target = say(alice, f"#{group}", "short", message_id=message_id)["message_id"]
    assert refusal(alice, "edit", message_id=new_id(), target=target, content=content) == "too_long"
    assert contents(history(alice, f"#{group}")) == ["short"]


@pytest.mark.parametrize("message_id", ["", "x" * 65, "a b", "é", "a.b", "a/b", "a\nb", 5, None])
def test_bad_message_ids(people: People, message_id: object) -> None:
    """A ``message_id`` is 1 to 64 of ``A-Z a-z 0-9 _ -`` (protocol.md 5)."""
    alice = people.user()
    code = refusal(alice, "private_message", to=alice.user, message_id=message_id, content="x")
    assert code in ({"bad_request", "bad_text"} if message_id == "a\nb" else {"bad_request"})


def test_longest_message_id(people: People) -> None:
    """A ``message_id`` of 64 characters is kept as it is, in its case (protocol.md 5)."""
    alice = people.user()
    message_id = ("Aa_-" + people.name("x").replace(".", "-") + "x" * 64)[:64]
    assert say(alice, f"@{alice.user}", "x", message_id=message_id)["message_id"] == message_id
    swapped = say(alice, f"@{alice.user}", "y", message_id=message_id.swapcase())
    assert swapped["duplicate"] is False


def test_empty_content(people: People) -> None:
    """Content has at least one character (protocol.md 3)."""
    alice = people.user()
    assert refusal(alice, "private_message", to=alice.user, message_id=new_id(), content="") == "bad_request"


def test_mentions(people: People) -> None:
    """Mentions are the members named in the content, found by the server and folded (protocol.md 3)."""
    alice, bob, carol = people.users("alice", "bob", "carol")
    group = people.group(alice, bob, carol)
    for content, expected in (
        (f"@{bob.user}", [bob.user]),
        (f"hello @{bob.user.upper()}, and @{carol.user}!", [bob.user, carol.user]),
        (f"@{bob.user} @{bob.user}", [bob.user]),
        (f"@{people.name('nobody')} {bob.user} @", []),
    ):
        say(alice, f"#{group}", content)
        assert sorted(bob.expect("group_message", content=content)["mentions"]) == sorted(expected)


# ---- Refusals ----


def test_places_where_one_may_not_post(people: People) -> None:
    """Not a member of a public group is ``not_member``; private or missing is ``not_found`` (protocol.md 1, 6)."""
    alice, bob = people.users("alice", "bob")
    public, private = people.group(alice), people.group(alice, visibility="private")
    message = {"message_id": new_id(), "content": "x"}
    assert refusal(bob, "group_message", group=public, **message) == "not_member"
    hidden = bob.ask("group_message", group=private, **message)
    missing = bob.ask("group_message", group=people.name("nowhere"), **message)
    assert hidden["code"] == missing["code"] == "not_found"
    assert refusal(bob, "private_message", to=people.name("nobody"), **message) == "not_found"
    assert contents(history(alice, f"#{public}") + history(alice, f"#{private}")) == []


def test_broadcast_and_notification_are_for_admins(people: People, admin: Client) -> None:
    """Broadcasts need an admin, notifications an admin or a bot (protocol.md 5)."""
    alice = people.user()
    message = {"message_id": new_id(), "content": "x"}
    assert refusal(alice, "broadcast", **message) == "forbidden"
    assert refusal(alice, "notification", to=admin.user, kind="build", **message) == "forbidden"
    assert refusal(admin, "notification", to=people.name("nobody"), kind="build", **message) == "not_found"
    assert not [event for event in history(alice, "!announcements") if event["message_id"] == message["message_id"]]


def test_sender_is_who_logged_in(people: People) -> None:
    """Who sends is decided by the session, not by fields that a client adds (protocol.md 1, 3)."""
    alice, bob = people.users("alice", "bob")
    forged = {"sender": bob.user, "sender_name": "Bob", "seq": 77, "timestamp": 1, "mentions": [bob.user]}
    ack = say(alice, f"@{bob.user}", "hi", **forged)
    event = bob.expect("private_message")
    assert event["sender"] == alice.user
    assert (event["seq"], event["mentions"]) == (ack["seq"], [])
    assert (event["seq"], event["timestamp"]) != (77, 1)
