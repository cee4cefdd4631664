"""Reading: history, markers, receipts, typing, presence and lists (protocol.md 6)."""

from __future__ import annotations

import json
import struct

import pytest

from tests.support.people import (
    People,
    contents,
    entry,
    history,
    new_id,
    presence,
    refusal,
    say,
    seqs,
    start_say,
    until_true,
)

# ---- History ----


def test_newest_page(people: People) -> None:
    """``history`` alone is the newest 50 events in order, and whether there are older ones (protocol.md 6)."""
    alice = people.user()
    conversation = f"#{people.group(alice)}"
    requests = [start_say(alice, conversation, f"{number}") for number in range(60)]
    last = [alice.answer(request)["seq"] for request in requests][-1]
    page = alice.request("history", conversation=conversation)
    assert seqs(page["events"]) == list(range(last - 49, last + 1))
    assert page["more"] is True


def test_pages_back_and_forth(people: People) -> None:
    """``before`` pages back and ``after`` forth through the whole log, each event once (protocol.md 6)."""
    alice = people.user()
    conversation = f"#{people.group(alice)}"
    requests = [start_say(alice, conversation, f"{number}") for number in range(20)]
    last = [alice.answer(request)["seq"] for request in requests][-1]
    seen: list[int] = []
    more, before = True, last + 1
    while more:
        page = alice.request("history", conversation=conversation, before=before, limit=6)
        assert seqs(page["events"]) == list(range(max(1, before - 6), before))
        seen = seqs(page["events"]) + seen
        more, before = page["more"], seen[0]
    assert seen == list(range(1, last + 1))
    more, after = True, 0
    while more:
        page = alice.request("history", conversation=conversation, after=after, limit=6)
        assert seqs(page["events"]) == list(range(after + 1, min(last, after + 6) + 1))
        more, after = page["more"], page["events"][-1]["seq"]
    assert after == last


def test_ends_of_history(people: People) -> None:
    """Before the first event and after the last one there is nothing, and no more (protocol.md 6)."""
    alice = people.user()
    conversation = f"#{people.group(alice)}"
    last = say(alice, conversation, "last")["seq"]
    for fields in ({"before": 1}, {"after": last}, {"after": 2**53 - 1}):
        page = alice.request("history", conversation=conversation, **fields)
        assert (page["events"], page["more"]) == ([], False)


def test_largest_page(people: People) -> None:
    """200 events are the largest page that one may ask for (protocol.md 6)."""
    alice = people.user()
    conversation = f"#{people.group(alice)}"
    requests = [start_say(alice, conversation, f"{number}") for number in range(210)]
    assert [alice.answer(request) for request in requests]
    assert len(alice.request("history", conversation=conversation, limit=200)["events"]) == 200
    assert refusal(alice, "history", conversation=conversation, limit=201) == "bad_request"
    assert refusal(alice, "history", conversation=conversation, limit=-1) == "bad_request"


def test_history_of_what_one_may_not_read(people: People) -> None:
    """Foreign and missing conversations are refused (protocol.md 1, 6)."""
    alice, bob = people.users("alice", "bob")
    public, private = people.group(alice), people.group(alice, visibility="private")
    assert refusal(bob, "history", conversation=f"#{public}") == "not_member"
    assert refusal(bob, "history", conversation=f"#{private}") == "not_found"
    assert refusal(bob, "history", conversation=f"#{people.name('nowhere')}") == "not_found"
    assert refusal(bob, "history", conversation=f"@{people.name('nobody')}") == "not_found"
    assert refusal(bob, "history", conversation="nonsense") in {"not_found", "bad_request"}
    assert refusal(bob, "history", conversation="!nonsense") in {"not_found", "bad_request"}


# ---- Read markers and receipts ----


def test_read_in_a_group(people: People) -> None:
    """In a group ``read`` is pushed to the user's other devices and to nobody else (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    other = people.device(bob)
    conversation = f"#{people.group(alice, bob)}"
    seq = say(alice, conversation, "hello")["seq"]
    bob.request("read", conversation=conversation, seq=seq)
    told = {"type": "read", "conversation": conversation, "user": bob.user, "seq": seq}
    assert other.expect("read") == told
    assert not [push for client in (alice, bob) for push in client.settle() if push["type"] == "read"]


def test_read_in_a_private_chat(people: People) -> None:
    """In a private chat ``read`` is pushed to the peer as well, in the peer's name for it (protocol.md 2, 6)."""
    alice, bob = people.users("alice", "bob")
    other = people.device(bob)
    say(alice, f"@{bob.user}", "hello")
    bob.request("read", conversation=f"@{alice.user}", seq=1)
    assert other.expect("read") == {"type": "read", "conversation": f"@{alice.user}", "user": bob.user, "seq": 1}
    assert alice.expect("read") == {"type": "read", "conversation": f"@{bob.user}", "user": bob.user, "seq": 1}


def test_read_only_moves_forward(people: People) -> None:
    """To read what was read already changes nothing and is told to nobody (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    other = people.device(bob)
    for text in ("one", "two", "three"):
        say(alice, f"@{bob.user}", text)
    for seq in (2, 1, 2):
        bob.request("read", conversation=f"@{alice.user}", seq=seq)
    for client in (alice, other):
        assert [push["seq"] for push in client.settle() if push["type"] == "read"] == [2]


def test_read_within_the_log(people: People) -> None:
    """``read`` does not go beyond the end of the log, and is refused where one may not read (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    conversation = f"#{people.group(alice, bob)}"
    last = say(alice, conversation, "hello")["seq"]
    bob.ask("read", conversation=conversation, seq=2**53 - 1)
    assert entry(people.again(bob).sync(), conversation)["read_seq"] <= last
    public = people.group(alice)
    assert refusal(bob, "read", conversation=f"#{public}", seq=1) == "not_member"
    assert refusal(bob, "read", conversation=conversation, seq=-1) == "bad_request"


def test_receipts(people: People) -> None:
    """A receipt goes from stored over sent and delivered to read, for each recipient (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    conversation = f"#{people.group(alice, bob)}"
    people.leave_connection(bob, alice)
    ack = say(alice, conversation, "hello")

    def state() -> str:
        answer = alice.request("receipts", conversation=conversation, target=ack["message_id"])
        (recipient,) = answer["recipients"]
        assert recipient["user"] == bob.user
        assert {"state", "at", "attempts"} <= set(recipient)
        return str(recipient["state"])

    assert state() == "stored"
    again = people.again(bob)
    again.sync(cursors={conversation: ack["seq"] - 1})
    again.expect("backlog", conversation=conversation)
    until_true(lambda: state() == "sent", "it is not sent")
    again.send({"type": "received", "conversation": conversation, "seq": ack["seq"]})
    again.settle()
    assert state() == "delivered"
    again.request("read", conversation=conversation, seq=ack["seq"])
    assert state() == "read"


def test_receipts_of_a_private_chat(people: People) -> None:
    """Receipts are for private chats, too, and only for who may read them (protocol.md 6)."""
    alice, bob, carol = people.users("alice", "bob", "carol")
    ack = say(alice, f"@{bob.user}", "hello")
    bob.expect("private_message")
    bob.request("read", conversation=f"@{alice.user}", seq=ack["seq"])
    answer = alice.request("receipts", conversation=f"@{bob.user}", target=ack["message_id"])
    assert [(each["user"], each["state"]) for each in answer["recipients"]] == [(bob.user, "read")]
    for conversation in (f"@{alice.user}", f"@{bob.user}"):
        assert refusal(carol, "receipts", conversation=conversation, target=ack["message_id"]) == "not_found"
    assert refusal(alice, "receipts", conversation=f"@{bob.user}", target=new_id()) == "not_found"


# ---- Typing and presence ----


def test_typing(people: People) -> None:
    """``typing`` is pushed at most once in 3 s, to the live others, and never stored (protocol.md 6)."""
    alice, bob, carol = people.users("alice", "bob", "carol")
    group = people.group(alice, bob)
    for conversation, seen_as in ((f"#{group}", f"#{group}"), (f"@{bob.user}", f"@{alice.user}")):
        payload = json.dumps({"type": "typing", "conversation": conversation}).encode()
        shouted = json.dumps({"type": "typing", "conversation": conversation.upper()}).encode()
        for each in (payload, payload, shouted, payload):
            alice.send_bytes(struct.pack(">I", len(each)) + each)
        told = bob.expect("typing")
        assert told == {"type": "typing", "conversation": seen_as, "user": alice.user}
        alice.settle()
        assert not [push for push in bob.settle() if push["type"] == "typing"]
    assert not [push for client in (alice, carol) for push in client.settle() if push["type"] == "typing"]
    assert contents(history(alice, f"#{group}")) == []


def test_typing_where_one_may_not_post(people: People) -> None:
    """Typing in a foreign conversation reaches nobody (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    group = people.group(alice)
    bob.send({"type": "typing", "conversation": f"#{group}"})
    bob.send({"type": "typing", "conversation": f"#{people.name('nowhere')}"})
    bob.settle()
    assert not [push for push in alice.settle() if push["type"] == "typing"]


def test_presence(people: People) -> None:
    """Presence is pushed to who shares a group or a private chat, also going and coming back (protocol.md 6)."""
    alice, bob, carol = people.users("alice", "bob", "carol")
    people.group(alice, bob)
    say(alice, f"@{carol.user}", "hi")
    bob.request("presence", state="away", text="lunch")
    told = alice.expect("presence", user=bob.user, state="away")
    assert told == {"type": "presence", "user": bob.user, "state": "away", "text": "lunch"}
    alice.request("presence", state="dnd")
    assert carol.expect("presence", user=alice.user, state="dnd")["text"] == ""
    bob.socket.close()
    alice.expect("presence", user=bob.user, state="offline")
    people.again(bob).sync()
    alice.expect("presence", user=bob.user)


def test_presence_is_not_for_strangers(people: People) -> None:
    """Who shares neither a group nor a private chat is told nothing (protocol.md 6)."""
    alice, bob, stranger = people.users("alice", "bob", "stranger")
    people.group(alice, bob)
    bob.request("presence", state="away", text="lunch")
    alice.expect("presence", user=bob.user, state="away")
    assert not [push for push in stranger.settle() if push["type"] == "presence" and push["user"] == bob.user]


def test_presence_of_two_devices(people: People) -> None:
    """A user is offline when the last of their connections has ended (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    other = people.device(bob)
    people.group(alice, bob)
    bob.socket.close()
    other.request("presence", state="away")
    alice.expect("presence", user=bob.user, state="away")
    assert presence(alice, bob.user) == "away"
    people.leave_connection(other, alice)


@pytest.mark.parametrize("state", ["offline", "busy", "", None])
def test_bad_presence(people: People, state: object) -> None:
    """One can be online, away or dnd; offline one only becomes (protocol.md 6)."""
    assert refusal(people.user(), "presence", state=state) == "bad_request"


# ---- Mute and lists ----


def test_mute(people: People) -> None:
    """A muted conversation is shown as such on every device, until it is not (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    conversation = f"#{people.group(alice, bob)}"
    for muted in (True, False):
        bob.request("mute", conversation=conversation, muted=muted)
        assert entry(people.device(bob, sync=False).sync(), conversation)["muted"] is muted
        assert entry(people.again(alice).sync(), conversation)["muted"] is False
    assert refusal(bob, "mute", conversation=conversation, muted=1) == "bad_request"
    assert refusal(bob, "mute", conversation=f"#{people.group(alice)}", muted=True) == "not_member"


def test_members(people: People) -> None:
    """``members`` tells who is in a conversation, with role and presence (protocol.md 6)."""
    alice = people.user("alice", display_name="Alice")
    bob = people.user("bob", display_name="Bob")
    group = people.group(alice, bob)
    bob.request("presence", state="dnd")
    for asker in (alice, bob):
        members = {each["user"]: each for each in asker.request("members", conversation=f"#{group}")["members"]}
        assert set(members) == {alice.user, bob.user}
        shown = [members[user] for user in (alice.user, bob.user)]
        assert [each["display_name"] for each in shown] == ["Alice", "Bob"]
        assert [each["role"] for each in shown] == ["owner", "member"]
        assert [each["presence"] for each in shown] == ["online", "dnd"]


def test_members_of_a_private_chat(people: People) -> None:
    """A private chat has two members (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    say(alice, f"@{bob.user}", "hi")
    members = alice.request("members", conversation=f"@{bob.user}")["members"]
    assert {each["user"] for each in members} == {alice.user, bob.user}


def test_users(people: People) -> None:
    """``users`` lists users with what they call themselves, in pages (protocol.md 6)."""
    asker = people.user("asker")
    names = sorted(people.user("user", sync=False, display_name="Somebody").user for _ in range(5))
    query = names[0][:-3]
    seen: list[str] = []
    while page := asker.request("users", query=query, limit=2, **({"after": seen[-1]} if seen else {}))["users"]:
        assert len(page) <= 2
        assert all({"user", "display_name", "presence"} <= set(each) for each in page)
        assert all(each["display_name"] == "Somebody" for each in page)
        seen += [each["user"] for each in page]
    assert seen == names
    assert refusal(asker, "users", limit=-1) == "bad_request"
