"""Live events, and conversations that appear, change and end while one is connected (protocol.md 4)."""

from __future__ import annotations

from tests.conftest import StartServer
from tests.support.people import (
    ENTRY,
    EVENTS,
    People,
    catch_up,
    contents,
    entry,
    events_in,
    filled,
    history,
    new_id,
    read_up_to,
    say,
    seqs,
    start_say,
    until_true,
    walk,
)

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


def test_syncs_amid_live_events(people: People) -> None:
    """Who syncs from the end of the log while events come gets each that follows, once and in order (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    conversation, _ = filled(people, alice, bob, messages=1)
    readers, requests = [], []
    for number in range(25):
        reader = people.again(bob)
        requests += [start_say(alice, conversation, f"{number}-{each}") for each in range(20)]
        sync = reader.start("sync", epoch=reader.epoch, cursors={conversation: 2**53 - 1})
        requests += [start_say(alice, conversation, f"{number}+{each}") for each in range(20)]
        readers.append((reader, sync))
    last = [alice.answer(request)["seq"] for request in requests][-1]
    for reader, sync in readers:
        cursor = entry(reader.answer(sync), conversation)["cursor"]
        walk(cursor, read_up_to(reader, conversation, last) if cursor < last else [])
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
    assert told["role"] is not None
    assert (told["muted"], told["read_seq"]) == (False, 0)
    until_true(lambda: entry(people.again(bob).sync(), f"@{alice.user}")["unread"] == 1, "it is not unread")
