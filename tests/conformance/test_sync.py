"""Catching up: cursors, pages, skips, and what appears while one is connected (protocol.md 4)."""

from __future__ import annotations

import pytest

from tests.support.people import (
    ENTRY,
    People,
    catch_up,
    contents,
    entry,
    filled,
    history,
    read_up_to,
    refusal,
    say,
    seqs,
    start_say,
    walk,
)

# ---- Cursors ----


def test_entry(people: People) -> None:
    """``synced`` tells for each conversation where it ends and where the user stands (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    group = people.group(alice, bob, title="The Group")
    last = say(bob, f"#{group}", "hello")["seq"]
    synced = people.again(alice).sync(cursors={f"#{group}": last - 1})
    assert synced["type"] == "synced"
    assert synced["epoch"] == alice.epoch
    assert not synced.get("epoch_changed", False)
    told = entry(synced, f"#{group}")
    assert set(told) >= ENTRY
    assert told["title"] == "The Group"
    assert (told["last_seq"], told["cursor"]) == (last, last - 1)
    assert (told["role"], told["muted"]) == ("owner", False)
    assert entry(people.again(bob).sync(), f"#{group}")["role"] == "member"


def test_every_conversation_is_told(people: People) -> None:
    """``synced`` names the user's groups and private chats, and no others (protocol.md 4)."""
    alice, bob, carol = people.users("alice", "bob", "carol")
    mine, theirs = people.group(alice), people.group(bob)
    say(alice, f"@{bob.user}", "hi")
    say(carol, f"@{alice.user}", "hi")
    say(bob, f"@{carol.user}", "hi")
    told = [each["conversation"] for each in people.again(alice).sync()["conversations"]]
    assert {f"#{mine}", f"@{bob.user}", f"@{carol.user}"} <= set(told)
    assert f"#{theirs}" not in told
    assert len(told) == len(set(told))


@pytest.mark.parametrize("missing", [0, 1, 7])
def test_backlog_begins_after_the_cursor(people: People, missing: int) -> None:
    """The backlog has everything after the cursor, as it stands in history (protocol.md 4)."""
    alice = people.user()
    conversation, last = filled(people, alice, messages=10)
    told, pushes = catch_up(people.again(alice), conversation, cursors={conversation: last - missing})
    assert told["cursor"] == last - missing
    events = walk(last - missing, pushes)
    assert events == [event for event in history(alice, conversation) if event["seq"] > last - missing]


def test_new_device_starts_from_what_was_read(people: People) -> None:
    """Where ``sync`` names no cursor, a new device starts from the user's ``read_seq`` (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    conversation, last = filled(people, alice, bob, messages=10)
    bob.request("read", conversation=conversation, seq=last - 3)
    told, pushes = catch_up(people.device(bob, sync=False), conversation)
    assert (told["read_seq"], told["cursor"]) == (last - 3, last - 3)
    assert seqs(walk(last - 3, pushes)) == [last - 2, last - 1, last]


def test_received(people: People) -> None:
    """Where ``sync`` names no cursor, a known device goes on from what it last told by ``received`` (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    conversation, last = filled(people, alice, bob, messages=10)
    bob.send({"type": "received", "conversation": conversation, "seq": last - 4})
    assert not [push for push in bob.settle() if push["type"] == "error"]
    told, pushes = catch_up(people.again(bob), conversation)
    assert told["cursor"] == last - 4
    assert seqs(walk(last - 4, pushes)) == list(range(last - 3, last + 1))


def test_received_is_the_devices_own(people: People) -> None:
    """What one device has received is nothing to another one (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    conversation, last = filled(people, alice, bob, messages=10)
    other = people.device(bob)
    bob.send({"type": "received", "conversation": conversation, "seq": last})
    other.send({"type": "received", "conversation": conversation, "seq": last - 5})
    for client, seq in ((bob, last), (other, last - 5)):
        client.settle()
        assert catch_up(people.again(client), conversation)[0]["cursor"] == seq


def test_received_only_moves_forward(people: People) -> None:
    """``received`` never goes back, and not beyond the end of the log (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    conversation, last = filled(people, alice, bob, messages=10)
    for seq in (last - 2, last - 6, 0):
        bob.send({"type": "received", "conversation": conversation, "seq": seq})
    bob.settle()
    assert catch_up(people.again(bob), conversation)[0]["cursor"] == last - 2
    bob.send({"type": "received", "conversation": conversation, "seq": 2**53 - 1})
    bob.settle()
    new = say(alice, conversation, "new")["seq"]
    told, pushes = catch_up(people.again(bob), conversation)
    assert told["cursor"] <= last
    assert seqs(walk(told["cursor"], pushes))[-1] == new


def test_received_of_foreign_conversations(people: People) -> None:
    """``received`` is not answered, and does nothing where one is no member (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    conversation, _ = filled(people, alice, messages=3)
    for name in (conversation, f"#{people.name('nowhere')}", f"@{people.name('nobody')}"):
        bob.send({"type": "received", "conversation": name, "seq": 2})
    bob.settle()
    assert conversation not in str(people.again(bob).sync())


def test_cursor_above_the_end_is_cut(people: People) -> None:
    """A cursor above ``last_seq`` is cut to it, and what comes later is sent (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    conversation, last = filled(people, alice, bob, messages=3)
    again = people.again(bob)
    told, pushes = catch_up(again, conversation, cursors={conversation: 2**53 - 1})
    assert told["cursor"] == told["last_seq"] == last
    assert pushes == []
    new = say(alice, conversation, "new")["seq"]
    assert seqs(walk(last, read_up_to(again, conversation, new))) == [new]


def test_unknown_conversations_are_ignored(people: People) -> None:
    """Conversations in ``cursors`` that are not the user's are ignored (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    foreign, own = people.group(alice, visibility="private"), people.group(bob)
    cursors = {
        f"#{foreign}": 1,
        f"#{people.name('nowhere')}": 3,
        f"@{people.name('nobody')}": 3,
        f"@{alice.user}": 3,
        "nonsense": 1,
    }
    synced = people.again(bob).sync(cursors=cursors)
    told = {each["conversation"] for each in synced["conversations"]}
    assert f"#{own}" in told
    assert not told & set(cursors)


@pytest.mark.parametrize("fields", [{"cursors": {"#x": -1}}, {"cursors": {"#x": True}}, {"cursors": []}, {"limit": -1}])
def test_bad_sync(people: People, fields: dict[str, object]) -> None:
    """A cursor or a limit that is no integer from 0 is a ``bad_request`` and no sync yet (protocol.md 1, 4)."""
    alice = people.user(sync=False)
    assert refusal(alice, "sync", epoch=alice.epoch, **fields) == "bad_request"
    alice.sync()


def test_other_epoch(people: People) -> None:
    """If ``sync`` names another epoch, ``synced`` says so and cursors are ignored (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    conversation, last = filled(people, alice, bob, messages=5)
    bob.request("read", conversation=conversation, seq=last - 2)
    other = people.device(bob, sync=False)
    synced = other.sync(epoch="another", cursors={conversation: last})
    assert synced["epoch_changed"] is True
    assert synced["epoch"] == alice.epoch
    told = entry(synced, conversation)
    assert told["cursor"] < last
    events = walk(told["cursor"], read_up_to(other, conversation, last))
    assert contents(events)[-2:] == ["3", "4"]


# ---- Limits and pages ----


def test_limit(people: People) -> None:
    """Of more events than ``limit`` the older ones are announced as one skip, before the newest (protocol.md 4)."""
    alice = people.user()
    conversation, last = filled(people, alice, messages=30)
    _, pushes = catch_up(people.again(alice), conversation, cursors={conversation: 5}, limit=10)
    skip = pushes[0]
    assert skip == {"type": "skip", "conversation": conversation, "from": 6, "to": last - 10, "reason": "limit"}
    assert seqs(walk(5, pushes)) == list(range(last - 9, last + 1))


def test_no_skip_within_the_limit(people: People) -> None:
    """As many events as ``limit`` are all sent (protocol.md 4)."""
    alice = people.user()
    conversation, last = filled(people, alice, messages=12)
    _, pushes = catch_up(people.again(alice), conversation, cursors={conversation: last - 10}, limit=10)
    assert seqs(walk(last - 10, pushes)) == list(range(last - 9, last + 1))
    assert not [push for push in pushes if push["type"] == "skip"]


def test_limit_0(people: People) -> None:
    """With ``limit`` 0 nothing is sent but the skips, and live events follow (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    conversation, last = filled(people, alice, bob, messages=5)
    again = people.again(bob)
    _, pushes = catch_up(again, conversation, cursors={conversation: 3}, limit=0)
    assert pushes == [{"type": "skip", "conversation": conversation, "from": 4, "to": last, "reason": "limit"}]
    new = say(alice, conversation, "new")["seq"]
    assert seqs(walk(last, read_up_to(again, conversation, new))) == [new]


def test_everything(people: People) -> None:
    """With ``limit`` null everything comes, in pages of at most 100; ``more`` is false on the last (protocol.md 4)."""
    alice = people.user()
    conversation, last = filled(people, alice, messages=449)
    _, pushes = catch_up(people.again(alice), conversation, cursors={conversation: 0}, limit=None)
    assert seqs(walk(0, pushes)) == list(range(1, last + 1))
    assert {push["type"] for push in pushes} == {"backlog"}
    assert [push["more"] for push in pushes] == [True] * (len(pushes) - 1) + [False]


def test_default_limit(people: People) -> None:
    """Without ``limit`` the newest 200 events come (protocol.md 4)."""
    alice = people.user()
    conversation, last = filled(people, alice, messages=250)
    _, pushes = catch_up(people.again(alice), conversation, cursors={conversation: 0})
    assert pushes[0] == {"type": "skip", "conversation": conversation, "from": 1, "to": last - 200, "reason": "limit"}
    assert seqs(walk(0, pushes)) == list(range(last - 199, last + 1))


def test_large_events_in_pages(people: People) -> None:
    """A page never exceeds what the server may send, however large its events are (protocol.md 1, 4)."""
    alice = people.user()
    conversation = f"#{people.group(alice)}"
    requests = [start_say(alice, conversation, "漢" * 5400) for _ in range(120)]
    last = [alice.answer(request)["seq"] for request in requests][-1]
    _, pushes = catch_up(people.again(alice), conversation, cursors={conversation: 0}, limit=None)
    assert len(contents(walk(0, pushes))) == 120
    assert pushes[-1]["events"][-1]["seq"] == last
