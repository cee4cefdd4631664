"""Catching up: cursors, pages, skips, and what appears while one is connected (protocol.md 4)."""

from __future__ import annotations

import pytest

from tests.conftest import StartServer
from tests.support.people import (
    EVENTS,
    People,
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
    until_true,
    walk,
)
from tests.support.wire import Client, Frame

ENTRY = {"conversation", "title", "last_seq", "cursor", "read_seq", "unread", "mentions", "role", "muted"}


def filled(people: People, owner: Client, *others: Client, messages: int) -> tuple[str, int]:
    """A group with so many messages of its owner; its conversation and last seq."""
    conversation = f"#{people.group(owner, *others)}"
    requests = [start_say(owner, conversation, f"{number}") for number in range(messages)]
    last = [owner.answer(request)["seq"] for request in requests][-1]
    for client in (owner, *others):
        client.settle()
    return conversation, last


def catch_up(client: Client, conversation: str, **fields: object) -> tuple[Frame, list[Frame]]:
    """Sync; the conversation's entry and its pushes up to the end of the log."""
    told = entry(client.sync(**fields), conversation)
    return told, read_up_to(client, conversation, told["last_seq"]) if told["cursor"] < told["last_seq"] else []


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
    """A cursor or a limit that is no integer from 0 is a ``bad_request``; one may sync after that (protocol.md 1, 4)."""
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
    """With ``limit`` null everything comes, in pages of at most 100 events, ``more`` but on the last (protocol.md 4)."""
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


# ---- Live ----


def test_nothing_is_pushed_before_sync(people: People) -> None:
    """Events flow after ``synced``; what came between login and sync comes once (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    conversation, last = filled(people, alice, bob, messages=2)
    again = people.again(bob)
    new = say(alice, conversation, "new")["seq"]
    assert not [push for push in again.settle() if push["type"] in EVENTS | {"backlog", "skip", "conversation"}]
    _, pushes = catch_up(again, conversation, cursors={conversation: last})
    assert seqs(walk(last, pushes)) == [new]
    assert events_in(again.settle(), conversation) == []


def test_requests_before_sync(people: People) -> None:
    """Requests are answered between login and sync (protocol.md 4)."""
    alice = people.user("alice")
    conversation = f"#{people.group(alice)}"
    bob = people.user("bob", sync=False)
    bob.request("join", group=conversation[1:])
    ack = say(bob, conversation, "hello")
    told, pushes = catch_up(bob, conversation, cursors={conversation: ack["seq"] - 1})
    assert told["role"] == "member"
    assert seqs(walk(ack["seq"] - 1, pushes)) == [ack["seq"]]


def test_backlog_then_live(people: People) -> None:
    """On one connection each event comes once and in order, backlog then live, while others write (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    conversation, first = filled(people, alice, bob, messages=150)
    readers, requests = [], []
    for number in range(6):
        requests += [start_say(alice, conversation, f"{number}-{each}") for each in range(60)]
        reader = people.again(bob)
        told = entry(reader.sync(cursors={conversation: first - 120}, limit=None), conversation)
        assert told["cursor"] == first - 120
        readers.append(reader)
    last = [alice.answer(request)["seq"] for request in requests][-1]
    assert last == first + 360
    for reader in readers:
        pushes = read_up_to(reader, conversation, last)
        assert seqs(walk(first - 120, pushes)) == list(range(first - 119, last + 1))
        kinds = ["backlog" if push["type"] == "backlog" else "live" for push in pushes]
        assert kinds == sorted(kinds)
        assert events_in(reader.settle(), conversation) == []


def test_not_received_comes_again(people: People) -> None:
    """On a later connection what was not yet ``received`` comes again (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    conversation, last = filled(people, alice, bob, messages=1)
    bob.send({"type": "received", "conversation": conversation, "seq": last})
    new = say(alice, conversation, "new")["seq"]
    assert bob.expect("group_message")["seq"] == new
    told, pushes = catch_up(people.again(bob), conversation)
    assert told["cursor"] == last
    assert seqs(walk(last, pushes)) == [new]


def test_offline_messages_wait(people: People) -> None:
    """What was sent while a user was away is there when they come back, in every conversation (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    conversation, last = filled(people, alice, bob, messages=1)
    bob.send({"type": "received", "conversation": conversation, "seq": last})
    bob.settle()
    people.leave_connection(bob, alice)
    for number in range(3):
        say(alice, conversation, f"{number}")
        say(alice, f"@{bob.user}", f"{number}")
    again = people.again(bob)
    synced = again.sync()
    assert contents(walk(last, read_up_to(again, conversation, last + 3))) == ["0", "1", "2"]
    assert entry(synced, f"@{alice.user}")["last_seq"] == 3
    assert contents(walk(0, read_up_to(again, f"@{alice.user}", 3))) == ["0", "1", "2"]


# ---- What appears, changes and ends ----


def test_join_is_told_before_the_first_event(people: People) -> None:
    """A group that one has joined is told to all one's connections before its first event (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    other = people.device(bob)
    conversation, last = filled(people, alice, messages=5)
    bob.request("join", group=conversation[1:])
    for client in (bob, other):
        pushes = read_up_to(client, conversation, last + 1)
        told = pushes[0]
        assert told["type"] == "conversation"
        assert set(told) >= ENTRY
        assert told["role"] == "member"
        events = walk(told["cursor"], pushes)
        assert [(event["seq"], event["action"]) for event in events] == [(last + 1, "joined")]


def test_no_backlog_before_the_join(people: People) -> None:
    """What was said before one joined is not pushed: it is for ``history`` to show (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    conversation, last = filled(people, alice, messages=5)
    bob.request("join", group=conversation[1:])
    new = say(alice, conversation, "new")["seq"]
    assert contents(events_in(read_up_to(bob, conversation, new), conversation)) == ["new"]
    told, pushes = catch_up(people.device(bob, sync=False), conversation)
    assert contents(walk(told["cursor"], pushes)) == ["new"]
    assert told["unread"] <= 2
    assert contents(history(bob, conversation)) == ["0", "1", "2", "3", "4", "new"]
    assert new == last + 2


def test_history_since_join_is_skipped(people: People) -> None:
    """Where history begins with the join, what was before is announced as ``not_visible`` (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    conversation = f"#{people.group(alice, history='since_join')}"
    last = say(alice, conversation, "secret")["seq"]
    bob.request("join", group=conversation[1:])
    new = say(alice, conversation, "new")["seq"]
    _, pushes = catch_up(people.again(bob), conversation, cursors={conversation: 0}, limit=None)
    assert pushes[0] == {
        "type": "skip", "conversation": conversation, "from": 1, "to": last, "reason": "not_visible",
    }  # fmt: skip
    assert seqs(walk(0, pushes)) == [last + 1, new]
    assert "secret" not in str(pushes)


def test_first_private_message(people: People) -> None:
    """A private chat is told before its first event, to both sides' other connections (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    other = people.device(alice)
    say(alice, f"@{bob.user}", "hi")
    for client, conversation in ((bob, f"@{alice.user}"), (other, f"@{bob.user}")):
        told, event = read_up_to(client, conversation, 1)
        assert told["type"] == "conversation"
        assert set(told) >= ENTRY
        assert told["cursor"] == 0
        assert event["content"] == "hi"
    say(bob, f"@{alice.user}", "hi yourself")
    assert [push["type"] for push in read_up_to(other, f"@{bob.user}", 2)] == ["private_message"]


def test_every_event_is_of_a_conversation_that_was_told(start_server: StartServer) -> None:
    """No event comes of a conversation that neither ``synced`` nor a push has told (protocol.md 4)."""
    server = start_server()
    people = People(server.address)
    admin = people.user("boss")
    bob = people.visitor()
    bob.register(people.name("bob"))
    told = {each["conversation"] for each in bob.sync()["conversations"]}
    group = people.group(admin)
    admin.request("broadcast", message_id=new_id(), content="x")
    admin.request("notification", to=bob.user, message_id=new_id(), kind="build", content="x")
    admin.request("invite", group=group, user=bob.user)
    bob.request("join", group=group)
    say(admin, f"@{bob.user}", "x")
    say(admin, f"#{group}", "x")
    seen = set()
    for push in bob.settle():
        if push["type"] == "conversation":
            told.add(push["conversation"])
        elif push["type"] in EVENTS:
            assert push["conversation"] in told, push
            seen.add(push["conversation"])
    assert seen == {"!announcements", "!notifications", f"#{group}", f"@{admin.user}"}
    people.close()


def test_kick_is_told_after_the_last_event(people: People) -> None:
    """Who is kicked gets the kick as the last event, then the conversation with ``role`` null (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    other = people.device(bob)
    conversation, last = filled(people, alice, bob, messages=1)
    other.settle()
    alice.request("kick", group=conversation[1:], user=bob.user)
    say(alice, conversation, "secret")
    for client in (bob, other):
        kick, end = [push for push in client.settle() if push.get("conversation") == conversation]
        assert (kick["type"], kick["action"], kick["seq"]) == ("system_message", "kicked", last + 1)
        assert (end["type"], end["role"]) == ("conversation", None)


def test_leaving_is_told_after_the_last_event(people: People) -> None:
    """Who leaves gets that as the last event, then the conversation with ``role`` null (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    other = people.device(bob)
    conversation, last = filled(people, alice, bob, messages=1)
    other.settle()
    bob.request("leave", group=conversation[1:])
    say(alice, conversation, "secret")
    for client in (bob, other):
        left, end = [push for push in client.settle() if push.get("conversation") == conversation]
        assert (left["type"], left["action"], left["seq"]) == ("system_message", "left", last + 1)
        assert (end["type"], end["role"]) == ("conversation", None)


def test_kicked_while_away(people: People) -> None:
    """Who was kicked while away learns of it, and gets nothing of what came after (protocol.md 3, 4)."""
    alice, bob = people.users("alice", "bob")
    conversation, last = filled(people, alice, bob, messages=1)
    people.leave_connection(bob, alice)
    alice.request("kick", group=conversation[1:], user=bob.user)
    say(alice, conversation, "secret")
    again = people.again(bob)
    synced = again.sync(cursors={conversation: last}, limit=None)
    told = [each for each in synced["conversations"] if each["conversation"] == conversation]
    assert all(each["role"] is None and each["last_seq"] <= last + 1 for each in told)
    assert [event["kind"] for event in events_in(read_up_to(again, "!notifications", 1), "!notifications")] == [
        "kicked"
    ]
    say(alice, f"@{bob.user}", "the end")
    read_up_to(again, f"@{alice.user}", 1)
    assert "secret" not in str(again.pushes)


def test_rejoined(people: People) -> None:
    """Who comes back to a group goes on there, and what happened meanwhile is not pushed (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    conversation, _ = filled(people, alice, bob, messages=1)
    bob.request("leave", group=conversation[1:])
    say(alice, conversation, "meanwhile")
    bob.settle()
    bob.request("join", group=conversation[1:])
    new = say(alice, conversation, "welcome back")["seq"]
    pushes = read_up_to(bob, conversation, new)
    assert pushes[0]["type"] == "conversation"
    assert pushes[0]["role"] == "member"
    assert contents(walk(pushes[0]["cursor"], pushes)) == ["welcome back"]


def test_title_is_told(people: People) -> None:
    """A conversation that changes is told anew (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    group = people.group(alice, bob)
    alice.request("set_title", group=group, text="New Title")
    assert bob.expect("conversation", conversation=f"#{group}")["title"] == "New Title"
    assert entry(people.again(bob).sync(), f"#{group}")["title"] == "New Title"


# ---- Counts ----


def test_counts(people: People) -> None:
    """``unread`` and ``mentions`` count what others said after ``read_seq`` (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    conversation, last = filled(people, alice, bob, messages=1)
    bob.request("read", conversation=conversation, seq=last)

    def counts() -> tuple[int, int, int]:
        told = entry(people.again(bob).sync(limit=0), conversation)
        return told["read_seq"], told["unread"], told["mentions"]

    assert counts() == (last, 0, 0)
    for text in ("one", f"two @{bob.user}", "three", f"four @{bob.user}", f"five @{alice.user}"):
        say(alice, conversation, text)
    assert counts() == (last, 5, 2)
    bob.request("read", conversation=conversation, seq=last + 3)
    assert counts() == (last + 3, 2, 1)
    bob.request("read", conversation=conversation, seq=last + 1)
    assert counts() == (last + 3, 2, 1)
    bob.request("read", conversation=conversation, seq=last + 5)
    assert counts() == (last + 5, 0, 0)


def test_counts_of_private_chats(people: People) -> None:
    """Private chats have counts like groups (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    for text in ("one", "two", "three"):
        say(alice, f"@{bob.user}", text)
    told = entry(people.again(bob).sync(limit=0), f"@{alice.user}")
    assert (told["read_seq"], told["unread"]) == (0, 3)
    bob.request("read", conversation=f"@{alice.user}", seq=2)
    told = entry(people.again(bob).sync(limit=0), f"@{alice.user}")
    assert (told["read_seq"], told["unread"]) == (2, 1)


def test_push_of_an_entry_has_the_counts(people: People) -> None:
    """The ``conversation`` push has the fields of an entry of ``synced`` (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    say(alice, f"@{bob.user}", "one")
    told = bob.expect("conversation", conversation=f"@{alice.user}")
    assert (told["role"], told["muted"], told["read_seq"]) == ("member", False, 0)
    until_true(lambda: entry(people.again(bob).sync(), f"@{alice.user}")["unread"] == 1, "it is not unread")
